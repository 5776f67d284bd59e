//! How the counts of features are divided among pools when a model takes effect.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{
    Model,
    pool::{Amount, PoolFeature, PoolRef},
    slice::Slice,
};

/// A part of a slice that is in a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    pub pool: PoolRef,
    /// An index into the slices that were allocated.
    pub slice: usize,
    /// Above zero.
    pub count: u64,
}

/// What each pool is to hold. The shares of a slice add up to its count.
///
/// It says where counts belong, whoever uses them. What is in use is charged to the pool that it
/// came from, and comes home one by one: so a share says how far a pool may be filled again, and
/// what is in use may exceed it for a while.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allocation {
    /// In the order of pools, the default pool last. Within a pool in the order of its features,
    /// and of each as it was filled; a slice is at most once in a pool.
    pub shares: Vec<Share>,
}

impl Model {
    /// Divides slices among pools.
    ///
    /// Pools are filled in their order, and their features in theirs. A feature is filled from
    /// its exact version, then from the next higher ones, never from a lower one; of one version
    /// from the slice that lasts longest, and of these from the first. Slices that have not
    /// started yet, or have ended, stay in the default pool with all that is left over.
    #[must_use]
    pub fn allocate(&self, slices: &[Slice<'_>], now_ms: i64) -> Allocation {
        let by_feature = in_taking_order(slices, now_ms);
        let mut left: Vec<u64> = slices.iter().map(|slice| slice.count).collect();
        let mut shares = Vec::new();
        for (index, pool) in self.pools.iter().enumerate() {
            let first = shares.len();
            for feature in &pool.features {
                let candidates = by_feature.get(&*feature.name).map_or(&[][..], Vec::as_slice);
                let taken = take(feature, candidates, slices, &mut left);
                taken.into_iter().for_each(|(slice, count)| {
                    add(&mut shares, first, Share { pool: PoolRef::Named(index), slice, count });
                });
            }
        }
        let over = left.iter().enumerate().filter(|(_, count)| **count > 0);
        shares.extend(over.map(|(slice, count)| Share {
            pool: PoolRef::Default,
            slice,
            count: *count,
        }));
        Allocation { shares }
    }
}

impl Allocation {
    /// How much of a slice is in a pool.
    #[must_use]
    pub fn count(&self, pool: PoolRef, slice: usize) -> u64 {
        let is_wanted = |share: &&Share| share.pool == pool && share.slice == slice;
        self.shares.iter().find(is_wanted).map_or(0, |share| share.count)
    }
}

/// The indices of current slices for each feature, lowest version first and of one version the
/// longest first.
fn in_taking_order<'a>(slices: &[Slice<'a>], now_ms: i64) -> BTreeMap<&'a str, Vec<usize>> {
    let mut by_feature: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, slice) in slices.iter().enumerate().filter(|(_, slice)| slice.is_current(now_ms)) {
        by_feature.entry(slice.feature).or_default().push(index);
    }
    for indices in by_feature.values_mut() {
        let end = |slice: &Slice<'_>| slice.ends_at_ms.unwrap_or(i64::MAX);
        indices.sort_by_key(|index| (slices[*index].version, Reverse(end(&slices[*index]))));
    }
    by_feature
}

/// What a feature of a pool takes out of what is left: each slice with a count above zero.
fn take(
    feature: &PoolFeature,
    candidates: &[usize],
    slices: &[Slice<'_>],
    left: &mut [u64],
) -> Vec<(usize, u64)> {
    let eligible: Vec<usize> =
        candidates.iter().copied().filter(|index| feature.takes(&slices[*index])).collect();
    let total = eligible.iter().map(|index| u128::from(slices[*index].count)).sum();
    let mut wanted = feature.amount.of(total);
    let mut taken = Vec::new();
    for index in eligible {
        let count = u64::try_from(wanted).unwrap_or(u64::MAX).min(left[index]);
        wanted -= u128::from(count);
        left[index] -= count;
        taken.extend((count > 0).then_some((index, count)));
    }
    taken
}

impl Amount {
    /// How many counts it is of a total.
    fn of(self, total: u128) -> u128 {
        match self {
            Self::Count(count) => count.into(),
            Self::Percent(percent) => total * u128::from(percent) / 100,
            Self::Remainder => total,
        }
    }
}

/// Adds to the share of the same slice, if the pool, whose shares begin at `first`, has one.
fn add(shares: &mut Vec<Share>, first: usize, share: Share) {
    match shares[first..].iter_mut().find(|other| other.slice == share.slice) {
        Some(other) => other.count += share.count,
        None => shares.push(share),
    }
}
