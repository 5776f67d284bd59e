//! What an instance tells of its features, clients, pools and reservations.

use std::{collections::HashSet, sync::Arc};

use super::{Client, Serving, stock::Stock};
use crate::{
    feature::{FeatureId, FeatureLineItem, FeatureLineItemTerms, FeatureTerms},
    lease::{ClientId, Place, ReservationId},
    model::HostId,
    reservation::ReservationGroup,
};

/// Which clients are wanted; `None` means any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientFilter {
    /// Those that came after this one.
    pub after: Option<ClientId>,
    pub id: Option<ClientId>,
    /// One of its hostids.
    pub host: Option<HostId>,
    /// A name of a feature that it holds.
    pub feature: Option<Arc<str>>,
    pub limit: usize,
}

/// A feature of a line item as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureView {
    pub id: FeatureId,
    pub line: Arc<FeatureLineItemTerms>,
    /// Index of the feature in its line item.
    pub index: usize,
    /// Without overdraft; zero for uncounted features and those that are not deployed.
    pub owned: u64,
    pub in_use: u64,
    /// Whether it was taken away, and some of it is still in use.
    pub is_gone: bool,
    pub parts: Vec<FeaturePart>,
}

/// The counts of a feature in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeaturePart {
    pub place: Place,
    /// What belongs there.
    pub target: u64,
    /// What is there, in use or free.
    pub count: u64,
    pub in_use: u64,
}

/// A client with the names of what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientView {
    pub id: ClientId,
    pub client: Client,
    /// For each of its holds the line item, and the index of the feature in it.
    pub features: Vec<(Arc<FeatureLineItemTerms>, usize)>,
}

/// The model in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelView {
    pub name: Box<str>,
    pub text: Arc<str>,
    /// POSIX milliseconds at which it was put.
    pub since_ms: i64,
}

/// Reservation groups, and what of them keeps nothing because there are too few counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReservationsView {
    pub groups: Vec<ReservationGroup>,
    pub disabled: HashSet<ReservationId>,
}

impl FeatureView {
    #[must_use]
    pub fn terms(&self) -> &FeatureTerms {
        &self.line.features[self.index]
    }

    fn of(stock: &Stock) -> Self {
        let part = |part: &super::stock::Part| FeaturePart {
            place: part.place.clone(),
            target: part.target,
            count: part.count,
            in_use: part.in_use,
        };
        Self {
            id: stock.id,
            line: stock.line().clone(),
            index: stock.index(),
            owned: stock.owned(),
            in_use: stock.in_use(),
            is_gone: stock.is_gone(),
            parts: stock.parts.iter().map(part).collect(),
        }
    }
}

impl Serving {
    /// All line items, by activation ID.
    pub(in crate::instance) fn line_items(&self) -> Vec<FeatureLineItem> {
        let mut lines: Vec<_> = self.lines.values().cloned().collect();
        lines.sort_by(|a, b| a.terms.activation_id.cmp(&b.terms.activation_id));
        lines
    }

    /// All features, by name and then in the order in which they are served.
    pub(in crate::instance) fn features(&self) -> Vec<FeatureView> {
        let mut stocks: Vec<&Stock> = self.stocks().collect();
        stocks.sort_by(|a, b| {
            let by_name = a.terms().name.cmp(&b.terms().name);
            by_name.then_with(|| a.serving_key().cmp(&b.serving_key()))
        });
        stocks.into_iter().map(FeatureView::of).collect()
    }

    /// Clients in the order in which they came.
    pub(in crate::instance) fn client_views(&self, filter: &ClientFilter) -> Vec<ClientView> {
        let found = self.clients.after(filter.after);
        let wanted = found.filter(|(id, client)| self.is_wanted(*id, client, filter));
        wanted.take(filter.limit).map(|(id, client)| self.client_view(id, client)).collect()
    }

    fn is_wanted(&self, id: ClientId, client: &Client, filter: &ClientFilter) -> bool {
        let holds = |name: &Arc<str>| {
            client.holds.iter().any(|hold| self.name_of(hold.feature) == Some(name))
        };
        filter.id.is_none_or(|wanted| wanted == id)
            && filter.host.as_ref().is_none_or(|host| client.asker.host_ids.contains(host))
            && filter.feature.as_ref().is_none_or(holds)
    }

    fn client_view(&self, id: ClientId, client: &Client) -> ClientView {
        let held = client.holds.iter().filter_map(|hold| self.stock(hold.feature));
        let features = held.map(|stock| (stock.line().clone(), stock.index())).collect();
        ClientView { id, client: client.clone(), features }
    }

    pub(in crate::instance) fn model_view(&self) -> Option<ModelView> {
        let active = self.model.as_ref()?;
        let (name, text) = (active.model.name().into(), active.text.clone());
        Some(ModelView { name, text, since_ms: active.since_ms })
    }

    pub(in crate::instance) fn reservations(&self, now_ms: i64) -> ReservationsView {
        let disabled = self.disabled(&self.groups, now_ms);
        ReservationsView { groups: self.groups.clone(), disabled }
    }
}
