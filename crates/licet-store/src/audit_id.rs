//! One order for the audit rows of the site and of instances.
//!
//! Changes of the site are written as they happen; changes of instances reach the projection a
//! little later, out of the journal. To page through both with one cursor, the id of a row is its
//! place in the common order:
//!
//! | bits, high to low | what |
//! |---|---|
//! | 43 | the row's time, ms |
//! | 19 | how many rows of its kind came before it in that millisecond |
//! | 1 | its kind: 0 for the site's, 1 for the instances' |
//!
//! So ids are unique across both kinds, and a page is the largest ids below the cursor.
//! The order is stable: a row's id never changes, and an instance's row has the same id again
//! after the projection was rebuilt. A row that arrives late is seen by who pages from the newest
//! again. Ids are larger than 2^53, so they must not pass through JSON numbers.

use std::ops::Range;

const BITS_BELOW_TIME: u32 = 20;
const TIME_MAX_MS: i64 = (1 << 43) - 1;

/// Whose changes a row tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changes {
    OfSite = 0,
    OfInstances = 1,
}

/// A millisecond that audit rows are numbered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Millisecond(i64);

impl Millisecond {
    /// The one that a row of that time is numbered in.
    pub(crate) fn of(at_ms: i64) -> Self {
        Self(at_ms.clamp(0, TIME_MAX_MS - 1))
    }

    /// All ids of it.
    pub(crate) fn ids(self) -> Range<i64> {
        self.0 << BITS_BELOW_TIME..(self.0 + 1) << BITS_BELOW_TIME
    }

    /// The one to number in when this has no id left.
    pub(crate) fn next(self) -> Self {
        Self::of(self.0 + 1)
    }

    /// The id after `last`, the largest that rows of this kind have in this millisecond; `None`
    /// if it was the last one.
    pub(crate) fn id_after(self, changes: Changes, last: Option<i64>) -> Option<i64> {
        let id = last.map_or_else(|| self.ids().start + changes as i64, |last| last + 2);
        (self.ids().contains(&id) || self.next() == self).then_some(id)
    }
}
