//! Serving features: what an instance owns of each, where it is, and who holds it.

mod answer;
mod clients;
mod decide;
mod fold;
mod groups;
mod hosts;
mod line_items;
mod parts;
mod plan;
mod pools;
mod queries;
mod requirement;
mod reservations;
mod serve;
mod stock;
mod stored;
mod trial;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use clients::Clients;
pub use clients::{Client, Report};
use groups::Groups;
pub use hosts::{HostFilter, HostPlace, HostView, HostedFeature};
pub use queries::{
    ClientFilter, ClientView, FeaturePart, FeatureView, HeldFeature, ModelView, PoolView,
    ReservationsView,
};
use stock::{ServingKey, Stock};
pub(super) use stored::StoredServing;

use crate::{
    feature::{FeatureId, FeatureLineItem},
    model::{Model, Version},
    serving::{FeatureLevel, LeasesEnded, Served},
};

/// The features of an instance.
#[derive(Debug, Clone, Default)]
pub(super) struct Serving {
    lines: HashMap<Arc<str>, FeatureLineItem>,
    /// In no order; one that is gone for good leaves its place empty.
    stocks: Vec<Option<Stock>>,
    by_id: HashMap<FeatureId, usize>,
    by_name: HashMap<Arc<str>, Named>,
    groups: Groups,
    model: Option<ActiveModel>,
    pub(super) clients: Clients,
    counters: Counters,
}

/// The features of one name.
#[derive(Debug, Clone, Default)]
struct Named {
    /// Places of stocks in the order in which they are served.
    stocks: Vec<usize>,
    /// Those of which somebody could take something, were they current.
    open: BTreeSet<ServingKey>,
    in_use: u64,
}

/// The model that divides counts among pools.
#[derive(Debug, Clone)]
struct ActiveModel {
    model: Arc<Model>,
    text: Arc<str>,
    since_ms: i64,
}

/// The numbers given last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
struct Counters {
    feature: u64,
    group: u64,
    reservation: u64,
}

impl Serving {
    fn stock(&self, id: FeatureId) -> Option<&Stock> {
        self.by_id.get(&id).and_then(|place| self.stocks[*place].as_ref())
    }

    fn stock_mut(&mut self, id: FeatureId) -> Option<&mut Stock> {
        self.by_id.get(&id).and_then(|place| self.stocks[*place].as_mut())
    }

    fn stocks(&self) -> impl Iterator<Item = &Stock> {
        self.stocks.iter().flatten()
    }

    /// The features of a name in the order in which they are served.
    fn named(&self, name: &str) -> impl Iterator<Item = &Stock> {
        let places = self.by_name.get(name).map_or(&[][..], |named| &named.stocks);
        places.iter().filter_map(|place| self.stocks[*place].as_ref())
    }

    /// The features of a name that are open and have not ended, in the order in which they are
    /// served.
    fn open<'s>(
        &'s self,
        name: &str,
        from: Version,
        now_ms: i64,
    ) -> impl Iterator<Item = &'s Stock> + use<'s> {
        let open = self.by_name.get(name).map(|named| &named.open);
        let from_key = move |key: ServingKey| open.map(|open| open.range(key..));
        let mut keys = from_key((from, now_ms, FeatureId(0)));
        std::iter::from_fn(move || {
            let mut key = *keys.as_mut()?.next()?;
            while key.1 < now_ms {
                keys = from_key((key.0, now_ms, FeatureId(0)));
                key = *keys.as_mut()?.next()?;
            }
            self.stock(key.2)
        })
    }

    fn open_count(&self, name: &str) -> usize {
        self.by_name.get(name).map_or(0, |named| named.open.len())
    }

    /// The pools that exist, in the order in which they are served.
    fn pools(&self) -> Vec<Option<Arc<str>>> {
        let named = self.model.iter().flat_map(|active| active.model.pools());
        named.map(|pool| Some(Arc::from(&*pool.name))).chain([None]).collect()
    }

    /// How the features of a record will stand after it, each once.
    fn levels_after(&self, served: &Served) -> Vec<FeatureLevel> {
        let mut levels = Levels::default();
        for hold in &served.given_back {
            levels.change(self, hold.feature, -i128::from(hold.count));
        }
        for (_, used) in &served.undone {
            levels.change(self, used.feature, -i128::from(used.count));
        }
        for hold in &served.taken {
            levels.change(self, hold.feature, i128::from(hold.count));
        }
        for used in &served.used {
            levels.change(self, used.feature, i128::from(used.count));
        }
        levels.finish(self)
    }

    fn levels_after_end(&self, ended: &LeasesEnded) -> Vec<FeatureLevel> {
        let mut levels = Levels::default();
        for hold in &ended.holds {
            levels.change(self, hold.feature, -i128::from(hold.count));
        }
        levels.finish(self)
    }
}

/// By how much more or less of features is in use.
#[derive(Default)]
struct Levels(Vec<(FeatureId, i128)>);

impl Levels {
    fn change(&mut self, serving: &Serving, feature: FeatureId, change: i128) {
        match self.0.iter_mut().find(|(id, _)| *id == feature) {
            Some((_, sum)) => *sum += change,
            None if serving.stock(feature).is_some() => self.0.push((feature, change)),
            None => {}
        }
    }

    fn finish(self, serving: &Serving) -> Vec<FeatureLevel> {
        let stocks = self.0.iter().filter_map(|(id, change)| Some((serving.stock(*id)?, *change)));
        let stocks: Vec<_> = stocks.collect();
        let of_name = |name: &str| -> i128 {
            let before = serving.by_name.get(name).map_or(0, |named| named.in_use);
            let changes = stocks.iter().filter(|(stock, _)| *stock.terms().name == *name);
            i128::from(before) + changes.map(|(_, change)| change).sum::<i128>()
        };
        let level = |(stock, change): &(&Stock, i128)| FeatureLevel {
            feature: stock.id,
            name: stock.terms().name.clone(),
            version: stock.terms().version,
            activation_id: stock.line().activation_id.clone(),
            is_consumed: !stock.terms().is_held(),
            owned: stock.owned(),
            in_use: whole(i128::from(stock.in_use()) + change),
            in_use_of_name: whole(of_name(&stock.terms().name)),
        };
        stocks.iter().map(level).collect()
    }
}

fn whole(count: i128) -> u64 {
    u64::try_from(count.max(0)).unwrap_or(u64::MAX)
}
