//! Stock: the counts of one feature of one line item, and where they are.

use std::{collections::HashSet, sync::Arc};

use super::parts::{Level, Part, Parts};
use crate::{
    feature::{FeatureId, FeatureLineItemTerms, FeatureTerms},
    lease::Place,
    line_item::LineItemState,
    model,
    serving::Share,
};

/// A feature of a line item with its counts.
#[derive(Debug, Clone)]
pub(super) struct Stock {
    pub(super) id: FeatureId,
    line: Arc<FeatureLineItemTerms>,
    /// Index of the feature in its line item.
    index: usize,
    /// Its line item, or it alone, was taken away, and what is in use comes home to nothing.
    is_gone: bool,
    pub(super) parts: Parts,
    /// Whether it stands among those of its name that are open.
    pub(super) is_listed_open: bool,
}

/// Order in which features of one name are served: lower versions first, of one version those that
/// end first. The end is the last millisecond at which it is served, the largest if there is none.
pub(super) type ServingKey = (model::Version, i64, FeatureId);

/// Whether a feature can be served now, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Term {
    Current,
    NotStarted,
    Expired,
    /// Not deployed, or taken away.
    Absent,
}

impl Stock {
    pub(super) fn new(id: FeatureId, line: Arc<FeatureLineItemTerms>, index: usize) -> Self {
        let parts = Parts::default();
        Self { id, line, index, is_gone: false, parts, is_listed_open: false }
    }

    /// What its line item says from now on.
    pub(super) fn put(&mut self, line: Arc<FeatureLineItemTerms>, index: usize) {
        (self.line, self.index, self.is_gone) = (line, index, false);
    }

    pub(super) fn take_away(&mut self) {
        self.is_gone = true;
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_gone
    }

    pub(super) fn line(&self) -> &Arc<FeatureLineItemTerms> {
        &self.line
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    pub(super) fn terms(&self) -> &FeatureTerms {
        &self.line.features[self.index]
    }

    /// The last millisecond at which it is served.
    pub(super) fn served_until_ms(&self) -> Option<i64> {
        self.line.served_until_ms(self.terms())
    }

    pub(super) fn term(&self, now_ms: i64) -> Term {
        if !self.is_deployed() {
            Term::Absent
        } else if now_ms < self.line.starts_at_ms {
            Term::NotStarted
        } else if self.served_until_ms().is_some_and(|until_ms| now_ms > until_ms) {
            Term::Expired
        } else {
            Term::Current
        }
    }

    pub(super) fn is_uncounted(&self) -> bool {
        self.terms().owned(1).is_none()
    }

    /// Without overdraft; zero for uncounted features, and for what is not deployed or was taken
    /// away.
    pub(super) fn owned(&self) -> u64 {
        match self.is_deployed() {
            true => self.terms().owned(self.line.copies).unwrap_or(0),
            false => 0,
        }
    }

    pub(super) fn overdraft(&self) -> u64 {
        match self.is_deployed() {
            _ if self.is_uncounted() => u64::MAX,
            true => self.terms().overdraft.of(self.owned()),
            false => 0,
        }
    }

    /// What is in use beyond all that may be.
    pub(super) fn overage(&self) -> u64 {
        self.in_use().saturating_sub(self.owned().saturating_add(self.overdraft()))
    }

    fn is_deployed(&self) -> bool {
        !self.is_gone && self.line.state == LineItemState::Deployed
    }

    pub(super) fn in_use(&self) -> u64 {
        self.parts.in_use()
    }

    /// What pools and reservations look at.
    pub(super) fn as_slice(&self) -> model::Slice<'_> {
        model::Slice {
            feature: &self.terms().name,
            version: self.terms().version,
            count: self.owned(),
            starts_at_ms: self.line.starts_at_ms,
            ends_at_ms: self.served_until_ms(),
            vendor_string: &self.terms().vendor_string,
            product_name: &self.line.product_name,
            activation_id: &self.line.activation_id,
        }
    }

    pub(super) fn serving_key(&self) -> ServingKey {
        (self.terms().version, self.served_until_ms().unwrap_or(i64::MAX), self.id)
    }

    /// How much may be taken beyond what is there, if all stands as it is.
    pub(super) fn overdraft_left(&self, count: u64, default: Level) -> u64 {
        // What is owned no more, and still in use, uses up the overdraft as well.
        let surplus = count.saturating_sub(self.owned());
        self.overdraft().saturating_sub(default.overdrawn()).saturating_sub(surplus)
    }

    /// Whether anybody could take something of it, were it current.
    pub(super) fn is_open(&self) -> bool {
        let has_overdraft = || {
            let default = self.parts.default_level();
            self.overdraft_left(self.parts.count(), default) > 0
        };
        self.is_uncounted() || self.parts.has_free() || has_overdraft()
    }
}

/// How counts are divided if `targets` say what belongs where, in the order of places: what is in
/// use stays where it is, and what is free fills one place after the other.
pub(super) fn divided(stock: &Stock, targets: &[(Place, u64)]) -> Vec<Share> {
    let overdraft = stock.overdraft();
    let floor = |part: &Part| part.floor(part.level, overdraft);
    let standing = |place: &Place| stock.parts.at(place).map(|at| stock.parts.get(at));
    let floor_at = |place: &Place| standing(place).map_or(0, floor);
    let staying: HashSet<&Place> = targets.iter().map(|(place, _)| place).collect();
    let is_leaving = |part: &&Part| part.level.in_use > 0 && !staying.contains(&part.place);
    let leaving = stock.parts.list().iter().filter(is_leaving);
    let mut shares: Vec<Share> = leaving
        .map(|part| Share { place: part.place.clone(), target: 0, count: floor(part) })
        .collect();
    let of_target = |(place, target): &(Place, u64)| Share {
        place: place.clone(),
        target: *target,
        count: floor_at(place),
    };
    shares.extend(targets.iter().map(of_target));
    let placed: u64 = shares.iter().map(|share| share.count).sum();
    let mut free = stock.owned().saturating_sub(placed);
    for share in &mut shares {
        let added = share.target.saturating_sub(share.count).min(free);
        share.count += added;
        free -= added;
    }
    // What belongs nowhere else is free for all.
    if let Some(last) = shares.iter_mut().find(|share| share.place.is_default()) {
        last.count += free;
    }
    shares
}
