//! An instance: one customer's pool of rights, as the fold of its records.

mod access;
mod fold;
mod line_items;
mod ordered;
mod packed;
mod queue;
mod roster;
mod rules;
mod serving;
mod sessions;
mod snapshot;
mod turn;
mod who;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

pub(crate) use queue::{ConsumptionKey, Merged, Queue, Wanted};
use roster::Roster;
use serving::Serving;
pub use serving::{
    Client, ClientFilter, ClientView, FeaturePart, FeatureView, HeldFeature, HostFilter, HostPlace,
    HostView, HostedFeature, ModelView, PoolView, Report, ReservationsView,
};
pub use snapshot::Still;

use crate::{
    answer::KeptAnswers, feature::FeatureLineItem, ids::SessionId, lease::ClientId,
    line_item::LineItem, rule::Conditions, session::Session,
};

/// The state of one instance.
///
/// It changes only by [`Instance::execute`], whose records fold to the same state with
/// [`Instance::fold`].
#[derive(Debug, Clone, Default)]
pub struct Instance {
    /// Time of the newest record: the instance's clock never goes back behind it.
    last_ms: i64,
    /// A place stays empty when its line item is deleted, so that places never move.
    lines: Vec<Option<LineItem>>,
    by_activation: HashMap<Arc<str>, usize>,
    /// All line items that are deployed.
    queue: Queue,
    /// The same by the series of the rate tables that price them; no queue is empty.
    queues: HashMap<Arc<str>, Queue>,
    resets: BTreeSet<(i64, usize)>,
    /// Counts puts of new line items and resets.
    epochs: u64,
    conditions: Conditions,
    roster: Roster,
    serving: Serving,
    answers: KeptAnswers,
}

impl Instance {
    /// The next moment at which the instance must act by itself.
    #[must_use]
    pub fn wakes_at_ms(&self) -> Option<i64> {
        let session = self.roster.first_due().map(|(at_ms, _)| at_ms);
        let reset = self.resets.first().map(|(at_ms, _)| *at_ms);
        let lease = self.serving.clients.first_end().map(|(at_ms, _)| at_ms);
        [session, reset, lease].into_iter().flatten().min()
    }

    /// Notes a heartbeat that changes nothing that is decided. False, and nothing is noted, if it
    /// has to be a command in its turn: something is due, the heartbeat is awaited, or the session
    /// is not alive.
    pub fn hear(&mut self, id: SessionId, now_ms: i64) -> bool {
        let now_ms = now_ms.max(self.last_ms);
        let is_anything_due = self.wakes_at_ms().is_some_and(|at_ms| at_ms <= now_ms);
        !is_anything_due && self.roster.hear(id, now_ms)
    }

    /// How many sessions are not over.
    #[must_use]
    pub fn live_sessions(&self) -> usize {
        self.roster.live_len()
    }

    /// Line items, by activation ID.
    #[must_use]
    pub fn line_items(&self) -> Vec<&LineItem> {
        let mut items: Vec<_> = self.lines.iter().flatten().collect();
        items.sort_by(|a, b| a.terms.activation_id.cmp(&b.terms.activation_id));
        items
    }

    /// Sessions, oldest first; those that are over for a day at most.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, Session)> {
        self.roster.sessions().iter().map(|(id, session)| (id, session.unpack()))
    }

    /// Line items of features, by activation ID.
    #[must_use]
    pub fn feature_line_items(&self) -> Vec<FeatureLineItem> {
        self.serving.line_items()
    }

    /// Features as they stand.
    #[must_use]
    pub fn features(&self) -> Vec<FeatureView> {
        self.serving.features()
    }

    /// Clients that hold something, or may still undo what they reported.
    pub fn clients(&self) -> impl Iterator<Item = (ClientId, &Client)> {
        self.serving.clients.iter()
    }

    /// The line item at a place that holds one.
    pub(crate) fn line(&self, slot: usize) -> &LineItem {
        self.lines[slot].as_ref().expect("places come from the indexes, which hold no empty ones")
    }

    pub(crate) fn slot_of(&self, activation_id: &str) -> Option<usize> {
        self.by_activation.get(activation_id).copied()
    }

    pub(crate) fn consumption_key(&self, slot: usize) -> ConsumptionKey {
        queue::key_of(self.line(slot))
    }

    /// All line items that are deployed.
    pub(crate) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Those of them that a series of rate tables prices.
    pub(crate) fn queue_of(&self, series: &str) -> Option<&Queue> {
        self.queues.get(series)
    }

    /// The deployed line items of each series of rate tables.
    pub(crate) fn queues(&self) -> impl ExactSizeIterator<Item = (&str, &Queue)> {
        self.queues.iter().map(|(series, queue)| (&**series, queue))
    }

    pub(crate) fn conditions(&self) -> &Conditions {
        &self.conditions
    }
}
