//! How often a call is tried, and how long to wait in between.

use std::time::Duration;

use uuid::Uuid;

/// Longest wait between two attempts.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Bounded attempts with growing waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retry {
    /// How often a call is tried, at least once.
    pub(crate) attempts: u32,
    /// Wait after the first attempt; each further one is four times as long.
    pub(crate) first_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 4, first_wait: Duration::from_millis(100) }
    }
}

impl Retry {
    /// Wait after attempt number `attempt` (from 1), or what the server asked for.
    /// `None` after the last one.
    pub(crate) fn wait(&self, attempt: u32, asked: Option<Duration>) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let grown = self.first_wait.saturating_mul(4_u32.saturating_pow(attempt - 1));
        let wait = asked.unwrap_or_else(|| grown.mul_f64(0.5 + random_fraction() / 2.0));
        Some(wait.min(WAIT_MAX))
    }
}

/// From 0 to 1, so that many clients do not all come at the same moment.
pub(crate) fn random_fraction() -> f64 {
    let (_, low) = Uuid::new_v4().as_u64_pair();
    (low & 0xffff_ffff) as f64 / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let retry = Retry { attempts: 3, first_wait: Duration::from_millis(100) };
        let first = retry.wait(1, None).expect("there is a second attempt");
        assert!((50..=100).contains(&first.as_millis()), "{first:?}");
        let second = retry.wait(2, None).expect("there is a third attempt");
        assert!((200..=400).contains(&second.as_millis()), "{second:?}");
        assert_eq!(retry.wait(3, None), None);
        assert_eq!(retry.wait(1, Some(Duration::from_secs(60))), Some(WAIT_MAX));
    }
}
