//! The clock: the one way by which time enters licet.

use std::{future::Future, pin::Pin, time::Duration};

use tokio::sync::watch;

/// A wait that ends by itself.
pub type Wait<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// POSIX milliseconds, UTC.
    fn now_ms(&self) -> i64;
    /// Ends when the clock shows `at_ms` or later.
    fn sleep_until(&self, at_ms: i64) -> Wait<'_>;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the machine's time comes in")]
    fn now_ms(&self) -> i64 {
        let since_epoch =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }

    fn sleep_until(&self, at_ms: i64) -> Wait<'_> {
        Box::pin(async move {
            // The wall clock can be set while we sleep, so the wait is cut in pieces.
            loop {
                let left_ms = at_ms.saturating_sub(self.now_ms());
                let Ok(left_ms @ 1..) = u64::try_from(left_ms) else { return };
                tokio::time::sleep(Duration::from_millis(left_ms.min(60_000))).await;
            }
        })
    }
}

/// A clock that stands still until it is set, for tests.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now_ms: watch::Sender<i64>,
}

impl ManualClock {
    #[must_use]
    pub fn at(now_ms: i64) -> Self {
        Self { now_ms: watch::Sender::new(now_ms) }
    }

    pub fn set(&self, now_ms: i64) {
        self.now_ms.send_replace(now_ms);
    }

    pub fn advance(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.now_ms.send_modify(|now_ms| *now_ms += by_ms);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        *self.now_ms.borrow()
    }

    fn sleep_until(&self, at_ms: i64) -> Wait<'_> {
        let mut now_ms = self.now_ms.subscribe();
        Box::pin(async move {
            // The sender lives as long as the clock that is borrowed here.
            let _ = now_ms.wait_for(|now_ms| *now_ms >= at_ms).await;
        })
    }
}
