//! Leave to do something that only a few may do at a time.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many may work at the same time, so many more may wait.
#[derive(Debug)]
pub struct Slots {
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
}

/// Leave to work, until it is dropped.
#[derive(Debug)]
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Slots {
    #[must_use]
    pub fn new(slots: usize, waiting_max: usize) -> Self {
        Self { slots: Arc::new(Semaphore::new(slots)), waiting: AtomicUsize::new(0), waiting_max }
    }

    /// Waits for leave to work, in the order of arrival; `None` if too many wait already.
    pub async fn take(&self) -> Option<Slot> {
        if let Ok(permit) = Arc::clone(&self.slots).try_acquire_owned() {
            return Some(Slot { _permit: permit });
        }
        let _waiting = Waiting::enter(self)?;
        // The semaphore is never closed.
        let permit = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        Some(Slot { _permit: permit })
    }
}

/// Counts itself as waiting until dropped, also when the request is given up.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(slots: &'a Slots) -> Option<Self> {
        let entered = Self(&slots.waiting);
        (slots.waiting.fetch_add(1, Ordering::Relaxed) < slots.waiting_max).then_some(entered)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn the_queue_is_bounded() {
        let slots = Slots::new(2, 3);
        let held = [slots.take().await.unwrap(), slots.take().await.unwrap()];
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(slots.take())).collect();
        for future in &mut waiting {
            assert!(future.as_mut().now_or_never().is_none());
        }
        assert!(slots.take().await.is_none());
        drop(held);
        drop(waiting);
        assert!(slots.take().await.is_some(), "who gave up waiting counts no more");
    }

    #[tokio::test]
    async fn who_finds_no_slot_waits_for_the_next_and_too_many_are_sent_away() {
        let slots = Slots::new(2, 1);
        let mut held = vec![slots.take().await.unwrap(), slots.take().await.unwrap()];
        let mut waits = Box::pin(slots.take());
        assert!(waits.as_mut().now_or_never().is_none(), "it waits");
        assert!(slots.take().await.is_none());
        held.pop();
        assert!(waits.await.is_some());
        drop(held);
        assert!(slots.take().await.is_some());
        assert_eq!(slots.waiting.load(Ordering::Acquire), 0);
    }
}
