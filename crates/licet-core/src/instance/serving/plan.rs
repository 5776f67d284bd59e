//! Where counts belong: what the model gives to each pool, and what reservations keep in them.

use std::{collections::HashSet, sync::Arc};

use super::{
    Serving,
    stock::{Stock, Term, divided},
};
use crate::{
    feature::{FeatureId, LicenseModel},
    lease::{Place, ReservationId},
    model::{Allocation, PoolRef, Slice},
    reservation::{ReservationEntry, ReservationGroup},
    serving::Division,
};

/// What belongs where, of all features.
pub(super) struct Plan {
    /// For each stock what its places are to hold, the default pool last.
    targets: Vec<(FeatureId, Vec<(Place, u64)>)>,
    /// Reservations with an entry for which there are too few counts; they keep nothing.
    disabled: HashSet<ReservationId>,
}

/// The counts of one stock while they are shared out.
struct Sharing<'a> {
    stock: &'a Stock,
    slice: Slice<'a>,
    /// For each pool, in the order of pools, what is not reserved.
    free: Vec<u64>,
    /// For each pool what is reserved in it.
    reserved: Vec<(usize, ReservationId, u64)>,
}

impl Serving {
    /// How the counts of these features are to be divided where all are in one place.
    pub(super) fn undivided(&self, changed: &[FeatureId]) -> Vec<Division> {
        let whole = |stock: &Stock| {
            let shares = divided(stock, &[(Place::default(), stock.owned())]);
            Division { feature: stock.id, shares }
        };
        changed.iter().filter_map(|id| self.stock(*id)).map(whole).collect()
    }

    /// How counts are to be divided, where that differs from how they are.
    pub(super) fn redivided(&self, now_ms: i64) -> Vec<Division> {
        let plan = self.plan(&self.groups, now_ms);
        let changed = plan.targets.into_iter().filter_map(|(feature, targets)| {
            let stock = self.stock(feature)?;
            let shares = divided(stock, &targets);
            let stand = stock.parts.iter().map(|part| (&part.place, part.target, part.count));
            let come = shares.iter().map(|share| (&share.place, share.target, share.count));
            (!stand.eq(come)).then_some(Division { feature, shares })
        });
        changed.collect()
    }

    /// Reservations of these groups that cannot have all that they are to keep.
    pub(super) fn disabled(
        &self,
        groups: &[ReservationGroup],
        now_ms: i64,
    ) -> HashSet<ReservationId> {
        self.plan(groups, now_ms).disabled
    }

    fn plan(&self, groups: &[ReservationGroup], now_ms: i64) -> Plan {
        let pools = self.pools();
        let mut sharings = self.sharings(&pools, now_ms);
        let mut disabled = HashSet::new();
        for reservation in groups.iter().flat_map(|group| &group.reservations) {
            let marks: Vec<_> = sharings.iter().map(|sharing| sharing.reserved.len()).collect();
            let reserve = |entry| reserve(&mut sharings, &pools, reservation.id, entry, now_ms);
            if !reservation.entries.iter().all(reserve) {
                disabled.insert(reservation.id);
                sharings.iter_mut().zip(marks).for_each(|(sharing, mark)| sharing.back_to(mark));
            }
        }
        let targets = sharings.iter().map(|sharing| (sharing.stock.id, sharing.targets(&pools)));
        Plan { targets: targets.collect(), disabled }
    }

    /// All stocks with what the model gives of them to each pool.
    fn sharings(&self, pools: &[Option<Arc<str>>], now_ms: i64) -> Vec<Sharing<'_>> {
        let stocks: Vec<&Stock> = self.stocks().collect();
        let slices: Vec<Slice<'_>> = stocks.iter().map(|stock| stock.as_slice()).collect();
        let allocation = self.model.as_ref().map(|active| active.model.allocate(&slices, now_ms));
        let free = |index: usize| match &allocation {
            None => vec![slices[index].count],
            Some(allocation) => by_pool(allocation, index, pools.len()),
        };
        let sharing = |(index, stock)| Sharing {
            stock,
            slice: slices[index],
            free: free(index),
            reserved: Vec::new(),
        };
        stocks.into_iter().enumerate().map(sharing).collect()
    }
}

fn by_pool(allocation: &Allocation, slice: usize, pools: usize) -> Vec<u64> {
    let pool = |index| if index + 1 == pools { PoolRef::Default } else { PoolRef::Named(index) };
    (0..pools).map(|index| allocation.count(pool(index), slice)).collect()
}

/// Keeps counts of a pool for a reservation: of the exact version before higher ones, of one
/// version those that last longest. False if there are too few.
fn reserve(
    sharings: &mut [Sharing<'_>],
    pools: &[Option<Arc<str>>],
    id: ReservationId,
    entry: &ReservationEntry,
    now_ms: i64,
) -> bool {
    let Some(pool) = pools.iter().position(|pool| *pool == entry.pool) else { return false };
    let mut eligible: Vec<usize> =
        (0..sharings.len()).filter(|index| sharings[*index].fits(entry, now_ms)).collect();
    eligible.sort_by_key(|index| {
        let (version, until_ms, feature) = sharings[*index].stock.serving_key();
        (version, std::cmp::Reverse(until_ms), feature)
    });
    let mut left = entry.count;
    for index in eligible {
        left -= sharings[index].keep(pool, id, left);
    }
    left == 0
}

impl Sharing<'_> {
    fn fits(&self, entry: &ReservationEntry, now_ms: i64) -> bool {
        let terms = self.stock.terms();
        terms.name == entry.feature
            && terms.version >= entry.version
            && terms.model == LicenseModel::Concurrent
            && self.stock.term(now_ms) == Term::Current
    }

    fn keep(&mut self, pool: usize, id: ReservationId, wanted: u64) -> u64 {
        let kept = self.free[pool].min(wanted);
        if kept > 0 {
            self.free[pool] -= kept;
            self.reserved.push((pool, id, kept));
        }
        kept
    }

    fn back_to(&mut self, mark: usize) {
        for (pool, _, count) in self.reserved.split_off(mark) {
            self.free[pool] += count;
        }
    }

    /// What each place is to hold: of each pool what is reserved in it, then what is free.
    fn targets(&self, pools: &[Option<Arc<str>>]) -> Vec<(Place, u64)> {
        let mut targets: Vec<(Place, u64)> = Vec::new();
        for (index, pool) in pools.iter().enumerate() {
            for (_, id, count) in self.reserved.iter().filter(|kept| kept.0 == index) {
                let place = Place { pool: pool.clone(), reservation: Some(*id) };
                match targets.iter_mut().find(|(other, _)| *other == place) {
                    Some((_, sum)) => *sum += count,
                    None => targets.push((place, *count)),
                }
            }
            let is_last = pool.is_none();
            if self.free[index] > 0 || is_last {
                targets.push((Place::shared(pool.clone()), self.free[index]));
            }
        }
        debug_assert_eq!(
            targets.iter().map(|(_, count)| count).sum::<u64>(),
            self.slice.count,
            "all that is owned belongs somewhere"
        );
        targets
    }
}
