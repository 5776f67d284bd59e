//! Turns: an instance that floods must not slow the others.
//!
//! While one instance alone is asked, as many of its commands are on their way as come. As soon as
//! another is asked as well, each has a few places, and who finds none waits for its turn. So a
//! command of a quiet instance never stands behind hundreds of a busy one, in the processors or in
//! the journal.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use licet_core::InstanceId;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::AskError;

/// How long after an instance was asked it counts as one that others must leave room to.
const ACTIVE_MS: i64 = 250;
/// Places of an instance for each processor.
const PLACES_PER_PROCESSOR: usize = 4;

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

/// The places of one instance.
#[derive(Debug)]
pub(crate) struct Turns {
    places: Semaphore,
    waiting: AtomicU64,
    waiting_max: u64,
}

impl Turns {
    /// At most so many commands wait.
    pub(crate) fn new(waiting_max: usize) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            places: Semaphore::new(PLACES_PER_PROCESSOR * processors),
            waiting: AtomicU64::new(0),
            waiting_max: waiting_max as u64,
        }
    }

    /// Waits for a place, in the order of arrival.
    ///
    /// # Errors
    /// [`AskError::Busy`] if too many wait.
    pub(crate) async fn take(&self) -> Result<SemaphorePermit<'_>, AskError> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let _waiting = Waiting::enter(self)?;
        // The places are never closed.
        self.places.acquire().await.map_err(|_| AskError::Busy)
    }
}

/// Somebody who waits, and is counted until it has its turn or gives up.
struct Waiting<'a>(&'a Turns);

impl<'a> Waiting<'a> {
    fn enter(turns: &'a Turns) -> Result<Self, AskError> {
        let waiting = Self(turns);
        let before = turns.waiting.fetch_add(1, Ordering::AcqRel);
        if before < turns.waiting_max { Ok(waiting) } else { Err(AskError::Busy) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
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

    #[tokio::test]
    async fn who_finds_no_place_waits_and_too_many_are_sent_away() {
        let turns = Turns::new(1);
        let mut places = Vec::new();
        while let Ok(place) = turns.places.try_acquire() {
            places.push(place);
        }
        let waits = turns.take();
        tokio::pin!(waits);
        assert!(looked_at_once(&mut waits).await.is_none(), "it waits");
        assert_eq!(turns.take().await.err(), Some(AskError::Busy));
        places.pop();
        assert!(waits.await.is_ok());
        drop(places);
        assert!(turns.take().await.is_ok());
        assert_eq!(turns.waiting.load(Ordering::Acquire), 0);
    }

    /// Looks once whether it is ready.
    async fn looked_at_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            let polled = std::pin::Pin::new(&mut *future).poll(context);
            std::task::Poll::Ready(match polled {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
