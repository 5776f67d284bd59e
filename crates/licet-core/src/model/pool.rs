//! Pools, and the features that are to be in them.

use super::{matching::Matcher, slice::Slice, version::Version};

/// A named pool; the language calls it a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    pub name: Box<str>,
    pub features: Vec<PoolFeature>,
}

/// How much of a feature a pool is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolFeature {
    pub name: Box<str>,
    /// Lower versions are not taken.
    pub version: Version,
    pub amount: Amount,
    /// The most that one user or device may hold of it out of this pool; `None` for no such limit.
    pub max: Option<u64>,
    pub vendor_string: Option<Matcher<Box<str>>>,
    pub product_name: Option<Matcher<Box<str>>>,
    pub activation_id: Option<Matcher<Box<str>>>,
}

/// How much a pool gets of what it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    Count(u64),
    /// Of all that it could take if it were the only pool, rounded down. From 0 to 100.
    Percent(u8),
    /// All that earlier pools left.
    Remainder,
}

/// A pool of a model: an index into its named pools, or the default pool. In the order in which
/// pools are served, the default pool last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PoolRef {
    Named(usize),
    Default,
}

impl Pool {
    /// The most that one user or device may hold of this slice's feature out of this pool.
    ///
    /// Where several features of the pool could have taken the slice, the one with the nearest
    /// version counts.
    #[must_use]
    pub fn max_of(&self, slice: &Slice<'_>) -> Option<u64> {
        let mut nearest: Option<&PoolFeature> = None;
        for feature in self.features.iter().filter(|feature| feature.takes(slice)) {
            if nearest.is_none_or(|nearest| nearest.version < feature.version) {
                nearest = Some(feature);
            }
        }
        nearest?.max
    }
}

impl PoolFeature {
    /// Whether counts of this slice may go here, at any time.
    #[must_use]
    pub fn takes(&self, slice: &Slice<'_>) -> bool {
        *self.name == *slice.feature
            && self.version <= slice.version
            && self.matches_strings_of(slice)
    }

    pub(super) fn matches_strings_of(&self, slice: &Slice<'_>) -> bool {
        let is_met = |matcher: &Option<Matcher<Box<str>>>, value: &str| {
            matcher.as_ref().is_none_or(|matcher| matcher.is_met_by(value))
        };
        is_met(&self.vendor_string, slice.vendor_string)
            && is_met(&self.product_name, slice.product_name)
            && is_met(&self.activation_id, slice.activation_id)
    }

    pub(super) fn matchers(&self) -> [&Option<Matcher<Box<str>>>; 3] {
        [&self.vendor_string, &self.product_name, &self.activation_id]
    }

    /// Whether both of one pool would take the same, so that it is not clear what is meant.
    pub(super) fn repeats(&self, other: &Self) -> bool {
        let is_unrestricted = |it: &Self| it.matchers().iter().all(|matcher| matcher.is_none());
        self.name == other.name
            && self.version == other.version
            && (self.matchers() == other.matchers()
                || is_unrestricted(self)
                || is_unrestricted(other))
    }

    /// Whether `self` may take all that `other` may.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let mut matchers = self.matchers().into_iter().zip(other.matchers());
        self.name == other.name
            && self.version <= other.version
            && matchers.all(|(own, others)| own.is_none() || own == others)
    }
}
