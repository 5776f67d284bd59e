//! How one wanted feature is met: from where, and if it is not, why.

use std::sync::Arc;

use super::{
    Serving,
    stock::{Stock, Term},
    trial::{Source, Trial},
};
use crate::{
    feature::{FeatureId, LicenseModel, Selectors},
    feature_answer::StatusCode,
    feature_request::{Asker, WantedFeature},
    lease::{Place, ReservationId},
    model::{PoolRef, Version},
};

/// Whence a client may take, in this order within each step of the way.
pub(super) struct Sources<'a> {
    pub(super) selectors: &'a Selectors,
    /// What is reserved for its hostids, those of the first before those of the next.
    pub(super) reservations: Vec<ReservationId>,
    /// Pools that the rules let it use, in their order.
    pub(super) pools: &'a [Option<Arc<str>>],
    pub(super) now_ms: i64,
}

/// Counts of a feature that a client takes out of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taking {
    pub(super) feature: FeatureId,
    pub(super) place: Place,
    pub(super) count: u64,
}

impl Serving {
    /// Takes as much of a wanted feature as there is, up to what is wanted, and says why it is not
    /// more. `held` is what the client, or its user, already has of a feature from a pool.
    pub(super) fn meet(
        &self,
        trial: &mut Trial<'_>,
        sources: &Sources<'_>,
        wish: &Wish,
        held: impl Fn(&Stock, &Option<Arc<str>>) -> u64,
    ) -> (Vec<Taking>, Option<StatusCode>) {
        let wanted = &wish.feature;
        let mut takings: Vec<Taking> = Vec::new();
        let mut left = wanted.count;
        for (place, source) in self.places(sources, &wish.only) {
            if left == 0 {
                break;
            }
            for stock in self.candidates(trial, sources, wanted) {
                let free = trial.free(stock, &place, source).min(left);
                let taken = || {
                    let of_pool = takings.iter().filter(|taking| taking.place.pool == place.pool);
                    of_pool.map(|taking| taking.count).sum()
                };
                let free = free.min(self.room_in(&place, stock, taken, &held));
                if free > 0 {
                    trial.take(stock, &place, free);
                    left -= free;
                    add(&mut takings, stock.id, &place, free);
                }
                if left == 0 {
                    break;
                }
            }
        }
        let status = match takings.is_empty() {
            // What is given back need not be there any more.
            true if wanted.count == 0 => None,
            true => self
                .unfitness(sources, wanted)
                .or_else(|| (left > 0).then_some(StatusCode::CountInsufficient)),
            false => (left > 0).then_some(StatusCode::PartialGrant),
        };
        (takings, status)
    }

    /// The places of the way: what is reserved, then what is shared, then overdraft.
    fn places(&self, sources: &Sources<'_>, only: &Only) -> Vec<(Place, Source)> {
        let owned = |place| (place, Source::Owned);
        let mut places: Vec<(Place, Source)> = Vec::with_capacity(2);
        if let Only::Pool(pool) = only {
            return vec![owned(Place::shared(pool.clone()))];
        }
        for id in &sources.reservations {
            // What is reserved for a host is for it, whichever pools it may use.
            let reserved = |pool| Place { pool, reservation: Some(*id) };
            places.extend(self.pools().into_iter().map(reserved).map(owned));
        }
        if *only == Only::Reserved {
            return places;
        }
        places.extend(sources.pools.iter().cloned().map(Place::shared).map(owned));
        if sources.pools.contains(&None) {
            places.push((Place::default(), Source::Overdraft));
        }
        places
    }

    /// How much there is of a feature that a client may take, without taking it.
    pub(super) fn free_for(
        &self,
        trial: &Trial<'_>,
        sources: &Sources<'_>,
        wanted: &WantedFeature,
        held: impl Fn(&Stock, &Option<Arc<str>>) -> u64,
    ) -> u64 {
        let mut sums: Vec<(Place, u64)> = Vec::new();
        for (place, source) in self.places(sources, &Only::Anywhere) {
            let mut sum: u64 = 0;
            for stock in self.candidates(trial, sources, wanted) {
                let taken = || {
                    let of_pool = sums.iter().filter(|(other, _)| other.pool == place.pool);
                    of_pool.fold(sum, |taken, (_, sum)| taken.saturating_add(*sum))
                };
                let room = self.room_in(&place, stock, taken, &held);
                sum = sum.saturating_add(trial.free(stock, &place, source).min(room));
            }
            sums.push((place, sum));
        }
        sums.iter().fold(0, |all, (_, sum)| all.saturating_add(*sum))
    }

    /// How much more the model lets one host or user have of a feature out of a pool, of which it
    /// has taken some already.
    fn room_in(
        &self,
        place: &Place,
        stock: &Stock,
        taken: impl Fn() -> u64,
        held: &impl Fn(&Stock, &Option<Arc<str>>) -> u64,
    ) -> u64 {
        let Some(max) = self.max_in(place, stock) else { return u64::MAX };
        max.saturating_sub(held(stock, &place.pool)).saturating_sub(taken())
    }

    fn max_in(&self, place: &Place, stock: &Stock) -> Option<u64> {
        let (model, name) = (&self.model.as_ref()?.model, place.pool.as_deref()?);
        let pool = model.pools().iter().find(|pool| *pool.name == *name)?;
        pool.max_of(&stock.as_slice())
    }

    /// The features that may meet a wish, in the order in which they are served: those that are
    /// open, and those that would be once the client gave back what it holds.
    fn candidates<'s>(
        &'s self,
        trial: &Trial<'s>,
        sources: &Sources<'s>,
        wanted: &WantedFeature,
    ) -> impl Iterator<Item = &'s Stock> + use<'s> {
        let open = self.open(&wanted.name, wanted.version, sources.now_ms);
        let reopened = trial.reopened(&wanted.name).into_iter();
        let (selectors, now_ms, version) = (sources.selectors, sources.now_ms, wanted.version);
        merged(open, reopened)
            .filter(move |stock| unfitness(stock, selectors, now_ms, version).is_none())
    }

    /// Why no feature at all may meet a wish, whatever is free.
    fn unfitness(&self, sources: &Sources<'_>, wanted: &WantedFeature) -> Option<StatusCode> {
        let mut why = StatusCode::FeatureNotFound;
        for stock in self.named(&wanted.name) {
            let unfit = unfitness(stock, sources.selectors, sources.now_ms, wanted.version);
            why = nearer(why, unfit?);
        }
        Some(why)
    }

    /// The names and versions of all that could be served.
    pub(super) fn served_names(&self, now_ms: i64) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = self
            .stocks()
            .filter(|stock| stock.term(now_ms) == Term::Current)
            .map(|stock| stock.terms().name.clone())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What is reserved for a client's hostids, with the features.
    pub(super) fn reservations_of(&self, asker: &Asker) -> Vec<ReservationId> {
        asker.host_ids.iter().filter_map(|host| self.groups.of_host(host)).collect()
    }

    /// What a client gets that asks for nothing in particular: what is reserved for it, and what
    /// the model's rules give.
    pub(super) fn unasked(&self, sources: &Sources<'_>, gifts: &[Gift]) -> Vec<Wish> {
        let mut wishes = Vec::new();
        let is_ours =
            |place: &Place| place.reservation.is_some_and(|id| sources.reservations.contains(&id));
        self.wish_all(&is_ours, &Only::Reserved, sources.now_ms, &mut wishes);
        for gift in gifts {
            match gift {
                Gift::Feature(feature) => wishes.push(Wish::anywhere(feature.clone())),
                Gift::AllFrom(pool) => {
                    let place = Place::shared(pool.clone());
                    let only = Only::Pool(pool.clone());
                    self.wish_all(&|other| *other == place, &only, sources.now_ms, &mut wishes);
                }
            }
        }
        wishes
    }

    /// Wishes for all that is in some places of concurrent features.
    fn wish_all(
        &self,
        is_there: &dyn Fn(&Place) -> bool,
        only: &Only,
        now_ms: i64,
        wishes: &mut Vec<Wish>,
    ) {
        let is_served = |stock: &&Stock| {
            stock.terms().model == LicenseModel::Concurrent && stock.term(now_ms) == Term::Current
        };
        for stock in self.stocks().filter(is_served) {
            let parts = stock.parts.list().iter().filter(|part| is_there(&part.place));
            let count = parts.map(|part| part.level.count).sum();
            if count > 0 {
                let (name, version) = (stock.terms().name.clone(), stock.terms().version);
                let feature = WantedFeature { name, version, count };
                wishes.push(Wish { feature, only: only.clone() });
            }
        }
    }
}

/// Where a wish may be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Only {
    Anywhere,
    Reserved,
    /// Out of what is shared in this pool.
    Pool(Option<Arc<str>>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) feature: WantedFeature,
    pub(super) only: Only,
}

impl Wish {
    pub(super) fn anywhere(feature: WantedFeature) -> Self {
        Self { feature, only: Only::Anywhere }
    }
}

/// What the model gives to a client that asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gift {
    AllFrom(Option<Arc<str>>),
    Feature(WantedFeature),
}

fn unfitness(
    stock: &Stock,
    selected: &Selectors,
    now_ms: i64,
    version: Version,
) -> Option<StatusCode> {
    let terms = stock.terms();
    let mut selectors = terms.selectors.iter();
    let is_met = selectors.all(|(key, value)| selected.get(key) == Some(value));
    match stock.term(now_ms) {
        Term::Absent => Some(StatusCode::FeatureNotFound),
        _ if terms.version < version => Some(StatusCode::VersionNotAvailable),
        _ if !is_met => Some(StatusCode::SelectorMismatch),
        Term::Expired => Some(StatusCode::FeatureExpired),
        Term::NotStarted => Some(StatusCode::NotStarted),
        Term::Current => None,
    }
}

/// Features of two lists in the order in which they are served.
fn merged<'s>(
    one: impl Iterator<Item = &'s Stock>,
    other: impl Iterator<Item = &'s Stock>,
) -> impl Iterator<Item = &'s Stock> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(first), Some(second)) if second.serving_key() < first.serving_key() => other.next(),
        (None, _) => other.next(),
        (Some(_), _) => one.next(),
    })
}

/// Of two reasons the one that is nearer to a grant.
fn nearer(one: StatusCode, other: StatusCode) -> StatusCode {
    let distance = |status| match status {
        StatusCode::NotStarted => 0,
        StatusCode::FeatureExpired => 1,
        StatusCode::SelectorMismatch => 2,
        StatusCode::VersionNotAvailable => 3,
        _ => 4,
    };
    if distance(other) < distance(one) { other } else { one }
}

fn add(takings: &mut Vec<Taking>, feature: FeatureId, place: &Place, count: u64) {
    match takings.iter_mut().find(|taking| taking.feature == feature && taking.place == *place) {
        Some(taking) => taking.count += count,
        None => takings.push(Taking { feature, place: place.clone(), count }),
    }
}

impl super::ActiveModel {
    /// The name of a pool as places have it.
    pub(super) fn pool(&self, pool: PoolRef) -> Option<Arc<str>> {
        match pool {
            PoolRef::Default => None,
            PoolRef::Named(_) => Some(Arc::from(self.model.pool_name(pool))),
        }
    }
}
