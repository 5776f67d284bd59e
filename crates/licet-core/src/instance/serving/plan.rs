//! Where counts belong: what the model gives to each pool, and what reservations keep in them.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use super::{
    Serving,
    stock::{Stock, Term, divided},
};
use crate::{
    feature::{FeatureId, LicenseModel},
    lease::{Place, ReservationId},
    model::{Allocation, PoolRef, Slice},
    reservation::{Reservation, ReservationEntry, Shortage},
    serving::Division,
};

/// What belongs where, of all features.
pub(super) struct Plan {
    /// For each stock what its places are to hold, the default pool last.
    targets: Vec<(FeatureId, Vec<(Place, u64)>)>,
    /// Reservations with an entry for which there are too few counts; they keep nothing.
    disabled: HashMap<ReservationId, Shortage>,
}

/// The counts of all stocks while they are shared out.
struct Sharings<'a> {
    all: Vec<Sharing<'a>>,
    /// Those of a name in the order in which they are reserved: of the lowest version first, of one
    /// version those that last longest.
    by_name: HashMap<&'a str, Vec<usize>>,
    pools: Vec<Option<Arc<str>>>,
    now_ms: i64,
}

/// The counts of one stock while they are shared out.
struct Sharing<'a> {
    stock: &'a Stock,
    /// In the order of pools.
    pools: Vec<PoolShare>,
}

/// What a pool has of a stock.
#[derive(Default)]
struct PoolShare {
    free: u64,
    /// What is reserved, each reservation once.
    reserved: Vec<(ReservationId, u64)>,
}

/// What was kept for a reservation.
struct Kept {
    sharing: usize,
    pool: usize,
    count: u64,
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
        let plan = self.plan(self.groups.reservations(), now_ms);
        let changed = plan.targets.into_iter().filter_map(|(feature, targets)| {
            let stock = self.stock(feature)?;
            let shares = divided(stock, &targets);
            let stand =
                stock.parts.list().iter().map(|part| (&part.place, part.target, part.level.count));
            let come = shares.iter().map(|share| (&share.place, share.target, share.count));
            (!stand.eq(come)).then_some(Division { feature, shares })
        });
        changed.collect()
    }

    /// Those of these reservations that cannot have all that they are to keep.
    pub(super) fn disabled<'r>(
        &self,
        reservations: impl Iterator<Item = &'r Reservation>,
        now_ms: i64,
    ) -> HashMap<ReservationId, Shortage> {
        self.plan(reservations, now_ms).disabled
    }

    fn plan<'r>(&self, reservations: impl Iterator<Item = &'r Reservation>, now_ms: i64) -> Plan {
        let mut sharings = self.sharings(now_ms);
        let short = reservations.filter_map(|reservation| {
            let shortage = sharings.reserve(reservation)?;
            Some((reservation.id, shortage))
        });
        let disabled = short.collect();
        let pools = &sharings.pools;
        let targets = sharings.all.iter().map(|sharing| (sharing.stock.id, sharing.targets(pools)));
        Plan { targets: targets.collect(), disabled }
    }

    /// All stocks with what the model gives of them to each pool.
    fn sharings(&self, now_ms: i64) -> Sharings<'_> {
        let pools = self.pools();
        let stocks: Vec<&Stock> = self.stocks().collect();
        let slices: Vec<Slice<'_>> = stocks.iter().map(|stock| stock.as_slice()).collect();
        let allocation = self.model.as_ref().map(|active| active.model.allocate(&slices, now_ms));
        let free = |index: usize| match &allocation {
            None => vec![slices[index].count],
            Some(allocation) => by_pool(allocation, index, pools.len()),
        };
        let share = |free| PoolShare { free, reserved: Vec::new() };
        let sharing =
            |(index, stock)| Sharing { stock, pools: free(index).into_iter().map(share).collect() };
        let all: Vec<Sharing<'_>> = stocks.into_iter().enumerate().map(sharing).collect();
        Sharings { by_name: by_name(&all), all, pools, now_ms }
    }
}

fn by_name<'a>(all: &[Sharing<'a>]) -> HashMap<&'a str, Vec<usize>> {
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, sharing) in all.iter().enumerate() {
        by_name.entry(&sharing.stock.terms().name).or_default().push(index);
    }
    for indexes in by_name.values_mut() {
        indexes.sort_by_key(|index| {
            let (version, until_ms, feature) = all[*index].stock.serving_key();
            (version, Reverse(until_ms), feature)
        });
    }
    by_name
}

fn by_pool(allocation: &Allocation, slice: usize, pools: usize) -> Vec<u64> {
    let pool = |index| if index + 1 == pools { PoolRef::Default } else { PoolRef::Named(index) };
    (0..pools).map(|index| allocation.count(pool(index), slice)).collect()
}

impl Sharings<'_> {
    /// Keeps counts for a reservation: all that it is to have, or nothing, and why.
    fn reserve(&mut self, reservation: &Reservation) -> Option<Shortage> {
        let mut kept = Vec::new();
        let mut entries = reservation.entries.iter().enumerate();
        let shortage = entries.find_map(|(index, entry)| {
            let left = self.keep(reservation.id, entry, &mut kept);
            (left > 0).then(|| Shortage {
                entry: index,
                feature: entry.feature.clone(),
                pool: entry.pool.clone(),
                wanted: entry.count,
                free: entry.count - left,
            })
        });
        if shortage.is_some() {
            kept.iter().rev().for_each(|kept| self.give_back(kept));
        }
        shortage
    }

    /// Keeps counts for an entry, and tells how many are missing.
    fn keep(&mut self, id: ReservationId, entry: &ReservationEntry, kept: &mut Vec<Kept>) -> u64 {
        let mut left = entry.count;
        let pool = self.pools.iter().position(|pool| *pool == entry.pool);
        let (Some(pool), Some(named)) = (pool, self.by_name.get(&*entry.feature)) else {
            return left;
        };
        for index in named {
            let sharing = &mut self.all[*index];
            if left > 0 && fits(sharing.stock, entry, self.now_ms) {
                let count = sharing.pools[pool].keep(id, left);
                left -= count;
                kept.push(Kept { sharing: *index, pool, count });
            }
        }
        left
    }

    fn give_back(&mut self, kept: &Kept) {
        self.all[kept.sharing].pools[kept.pool].give_back(kept.count);
    }
}

fn fits(stock: &Stock, entry: &ReservationEntry, now_ms: i64) -> bool {
    let terms = stock.terms();
    terms.version >= entry.version
        && terms.model == LicenseModel::Concurrent
        && stock.term(now_ms) == Term::Current
}

impl PoolShare {
    fn keep(&mut self, id: ReservationId, wanted: u64) -> u64 {
        let count = self.free.min(wanted);
        self.free -= count;
        match self.reserved.last_mut() {
            _ if count == 0 => {}
            Some((last, sum)) if *last == id => *sum += count,
            _ => self.reserved.push((id, count)),
        }
        count
    }

    /// Takes back what was kept last.
    fn give_back(&mut self, count: u64) {
        self.free += count;
        if let Some((_, sum)) = self.reserved.last_mut().filter(|_| count > 0) {
            *sum -= count;
            if *sum == 0 {
                self.reserved.pop();
            }
        }
    }
}

impl Sharing<'_> {
    /// What each place is to hold: of each pool what is reserved in it, then what is free.
    fn targets(&self, pools: &[Option<Arc<str>>]) -> Vec<(Place, u64)> {
        let mut targets: Vec<(Place, u64)> = Vec::new();
        for (pool, share) in pools.iter().zip(&self.pools) {
            let reserved = |(id, count): &(ReservationId, u64)| {
                (Place { pool: pool.clone(), reservation: Some(*id) }, *count)
            };
            targets.extend(share.reserved.iter().map(reserved));
            if share.free > 0 || pool.is_none() {
                targets.push((Place::shared(pool.clone()), share.free));
            }
        }
        debug_assert_eq!(
            targets.iter().map(|(_, count)| count).sum::<u64>(),
            self.stock.owned(),
            "all that is owned belongs somewhere"
        );
        targets
    }
}
