//! Turns: an instance that floods must not slow the others.
//!
//! While one instance alone is asked, as many of its commands are on their way as come. As soon as
//! another is asked as well, each has a few places, and who finds none waits for its turn. So a
//! command of a quiet instance never stands behind hundreds of a busy one, in the processors or in
//! the journal.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use licet_core::InstanceId;

use crate::slots::Slots;

/// How long after an instance was asked it counts as one that others must leave room to.
const ACTIVE_MS: i64 = 250;
/// Places of an instance for each processor.
const PLACES_PER_PROCESSOR: usize = 2;

/// Whether several instances are asked.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    /// The instance that was asked last.
    last: AtomicU64,
    /// Until when the instances must leave room to each other, POSIX milliseconds.
    mixed_until_ms: AtomicI64,
}

impl Crowd {
    /// Notes that an instance is asked, and tells whether it must leave room to others.
    pub(crate) fn is_mixed(&self, id: InstanceId, now_ms: i64) -> bool {
        let (_, name) = id.0.as_u64_pair();
        // Written only when it changes, so that the processors need not hand it around.
        if self.last.load(Ordering::Relaxed) != name {
            let before = self.last.swap(name, Ordering::Relaxed);
            if before != 0 {
                self.mixed_until_ms.store(now_ms + ACTIVE_MS, Ordering::Relaxed);
            }
        }
        now_ms < self.mixed_until_ms.load(Ordering::Relaxed)
    }
}

/// The places of one instance, for which at most so many commands wait.
pub(crate) fn places(waiting_max: usize) -> Slots {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Slots::new(PLACES_PER_PROCESSOR * processors, waiting_max)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ONE: InstanceId = InstanceId(Uuid::from_u128(1));
    const TWO: InstanceId = InstanceId(Uuid::from_u128(2));

    #[test]
    fn only_instances_that_are_asked_together_leave_room() {
        let crowd = Crowd::default();
        assert!(!crowd.is_mixed(ONE, 1_000));
        assert!(!crowd.is_mixed(ONE, 1_001));
        assert!(crowd.is_mixed(TWO, 1_002));
        assert!(crowd.is_mixed(ONE, 1_003));
        assert!(crowd.is_mixed(ONE, 1_003 + ACTIVE_MS - 1));
        assert!(!crowd.is_mixed(ONE, 1_003 + ACTIVE_MS));
    }
}
