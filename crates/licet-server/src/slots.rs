//! Leave to do what keeps a processor busy, for a few at a time.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many may work at the same time, so many more may wait.
#[derive(Debug)]
pub(crate) struct Slots {
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
}

/// Leave to work, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Slots {
    pub(crate) fn new(slots: usize, waiting_max: usize) -> Self {
        Self { slots: Arc::new(Semaphore::new(slots)), waiting: AtomicUsize::new(0), waiting_max }
    }

    /// Waits for leave to work; `None` if too many wait already.
    pub(crate) async fn take(&self) -> Option<Slot> {
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
}
