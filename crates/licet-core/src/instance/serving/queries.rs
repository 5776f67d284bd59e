//! What an instance tells of its features, clients, pools and reservations.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{Client, Serving, stock::Stock};
use crate::{
    feature::{FeatureId, FeatureLineItem, FeatureLineItemTerms, FeatureTerms, LicenseModel},
    lease::{ClientId, Place, ReservationId},
    line_item::LineItemState,
    model::HostId,
    reservation::{ReservationGroup, Shortage},
};

/// Which clients are wanted; `None` means any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientFilter {
    /// Those that came after this one.
    pub after: Option<ClientId>,
    pub id: Option<ClientId>,
    /// Value and type of one of its hostids, its own or another; the type in upper case.
    pub host_value: Option<Arc<str>>,
    pub host_kind: Option<Arc<str>>,
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
    /// How much may be used beyond what is owned; zero for uncounted features and those that are
    /// not deployed.
    pub overdraft: u64,
    /// What is in use beyond all that may be.
    pub overage: u64,
    /// Whether it was taken away, and some of it is still in use.
    pub is_gone: bool,
    /// In the order in which places are served, the default pool last.
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
    /// For each of its holds what is held.
    pub features: Vec<HeldFeature>,
}

/// A feature that a client holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldFeature {
    pub line: Arc<FeatureLineItemTerms>,
    /// Index of the feature in its line item.
    pub index: usize,
    /// Whether all clients together use more of it than they may.
    pub is_in_overage: bool,
}

/// A pool with what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolView {
    /// `None` for the default pool.
    pub name: Option<Arc<str>>,
    /// Whether the model defines it no more, and it stays until what is in use has come home.
    pub is_draining: bool,
    /// By name and then in the order in which they are served, each with its parts in this pool
    /// alone.
    pub features: Vec<FeatureView>,
}

/// The model in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelView {
    pub name: Box<str>,
    pub text: Arc<str>,
    /// POSIX milliseconds at which it was put.
    pub since_ms: i64,
    /// How many reservations keep nothing, because it leaves too few counts where they are to be
    /// kept, or for another reason.
    pub disabled_reservations: usize,
}

/// Reservation groups, and what of them keeps nothing because there are too few counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReservationsView {
    pub groups: Vec<ReservationGroup>,
    pub disabled: HashMap<ReservationId, Shortage>,
}

impl FeatureView {
    #[must_use]
    pub fn terms(&self) -> &FeatureTerms {
        &self.line.features[self.index]
    }

    #[must_use]
    pub fn is_uncounted(&self) -> bool {
        self.terms().model == LicenseModel::Uncounted
    }

    #[must_use]
    pub fn is_deployed(&self) -> bool {
        !self.is_gone && self.line.state == LineItemState::Deployed
    }

    /// Whether it has started and not ended; in grace it has.
    #[must_use]
    pub fn is_active(&self, now_ms: i64) -> bool {
        self.is_within(now_ms, self.line.ends_at_ms)
    }

    /// Whether it can be served, in grace too.
    #[must_use]
    pub fn is_served(&self, now_ms: i64) -> bool {
        self.is_within(now_ms, self.line.served_until_ms(self.terms()))
    }

    fn is_within(&self, now_ms: i64, until_ms: Option<i64>) -> bool {
        let has_ended = until_ms.is_some_and(|until_ms| now_ms > until_ms);
        self.is_deployed() && self.line.starts_at_ms <= now_ms && !has_ended
    }

    fn of(stock: &Stock) -> Self {
        let part = |part: &super::parts::Part| FeaturePart {
            place: part.place.clone(),
            target: part.target,
            count: part.level.count,
            in_use: part.level.in_use,
        };
        Self {
            id: stock.id,
            line: stock.line().clone(),
            index: stock.index(),
            owned: stock.owned(),
            in_use: stock.in_use(),
            overdraft: if stock.is_uncounted() { 0 } else { stock.overdraft() },
            overage: stock.overage(),
            is_gone: stock.is_gone(),
            parts: stock.parts.list().iter().map(part).collect(),
        }
    }
}

impl PoolView {
    fn of(name: &Option<Arc<str>>, is_draining: bool, features: &[FeatureView]) -> Self {
        let within = |feature: &FeatureView| {
            let parts = feature.parts.iter().filter(|part| part.place.pool == *name);
            let parts: Vec<FeaturePart> = parts.cloned().collect();
            (!parts.is_empty()).then(|| FeatureView { parts, ..feature.clone() })
        };
        let features = features.iter().filter_map(within).collect();
        Self { name: name.clone(), is_draining, features }
    }
}

impl HeldFeature {
    #[must_use]
    pub fn terms(&self) -> &FeatureTerms {
        &self.line.features[self.index]
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
        let found = self.clients_near(filter);
        let wanted = found.filter(|(id, client)| self.is_wanted(*id, client, filter));
        wanted.take(filter.limit).map(|(id, client)| self.client_view(id, client)).collect()
    }

    /// Clients among which are all that are wanted: those of a list by the hostid if it is known.
    fn clients_near<'a>(
        &'a self,
        filter: &ClientFilter,
    ) -> Box<dyn Iterator<Item = (ClientId, &'a Client)> + 'a> {
        let known = match (filter.id, &filter.host_value, &filter.host_kind) {
            (Some(id), ..) => BTreeSet::from([id]),
            (None, Some(value), Some(kind)) => self.clients.with(&HostId::new(value, kind)),
            _ => return Box::new(self.clients.after(filter.after)),
        };
        let known = known.into_iter().filter_map(|id| Some((id, self.clients.get(id)?)));
        Box::new(known)
    }

    fn is_wanted(&self, id: ClientId, client: &Client, filter: &ClientFilter) -> bool {
        let is_host = |host: &HostId| {
            filter.host_value.as_ref().is_none_or(|value| *host.value() == **value)
                && filter.host_kind.as_ref().is_none_or(|kind| *host.kind() == **kind)
        };
        let holds = |name: &Arc<str>| {
            client.holds.iter().any(|hold| self.name_of(hold.feature) == Some(name))
        };
        filter.id.is_none_or(|wanted| wanted == id)
            && filter.after.is_none_or(|after| id > after)
            && client.asker.host_ids.iter().any(is_host)
            && filter.feature.as_ref().is_none_or(holds)
    }

    fn client_view(&self, id: ClientId, client: &Client) -> ClientView {
        let held = client.holds.iter().filter_map(|hold| self.stock(hold.feature));
        let held = held.map(|stock| HeldFeature {
            line: stock.line().clone(),
            index: stock.index(),
            is_in_overage: stock.overage() > 0,
        });
        ClientView { id, client: client.clone(), features: held.collect() }
    }

    /// The pools of the model in their order, then those that drain, the default pool last.
    pub(in crate::instance) fn pool_views(&self) -> Vec<PoolView> {
        let features = self.features();
        let defined = self.pools();
        let parts = features.iter().flat_map(|feature| &feature.parts);
        let draining: BTreeSet<&Option<Arc<str>>> =
            parts.map(|part| &part.place.pool).filter(|pool| !defined.contains(pool)).collect();
        let (default, named) =
            defined.split_last().map_or((None, &[][..]), |(last, named)| (Some(last), named));
        let pools = named.iter().map(|pool| (pool, false));
        let pools = pools.chain(draining.into_iter().map(|pool| (pool, true)));
        let pools = pools.chain(default.map(|pool| (pool, false)));
        pools.map(|(pool, is_draining)| PoolView::of(pool, is_draining, &features)).collect()
    }

    pub(in crate::instance) fn model_view(&self, now_ms: i64) -> Option<ModelView> {
        let active = self.model.as_ref()?;
        Some(ModelView {
            name: active.model.name().into(),
            text: active.text.clone(),
            since_ms: active.since_ms,
            disabled_reservations: self.disabled(self.groups.reservations(), now_ms).len(),
        })
    }

    pub(in crate::instance) fn reservations(&self, now_ms: i64) -> ReservationsView {
        let disabled = self.disabled(self.groups.reservations(), now_ms);
        ReservationsView { groups: self.groups.all().to_vec(), disabled }
    }
}
