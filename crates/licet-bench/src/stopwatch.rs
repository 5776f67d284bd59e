//! Time that passes, for measuring.

use std::time::Instant;

/// The moment it is, on a clock that never goes back.
#[expect(clippy::disallowed_methods, reason = "this is where measuring takes its time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Nanoseconds from one moment to a later one; 0 if it is not later.
pub(crate) fn ns_between(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_nanos()).unwrap_or(u64::MAX)
}
