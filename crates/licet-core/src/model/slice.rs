//! Slices of features, as far as pools look at them.

use super::version::Version;

/// The count of a feature that comes from one line item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice<'a> {
    /// The name of the feature.
    pub feature: &'a str,
    pub version: Version,
    /// What is owned, without overdraft.
    pub count: u64,
    /// POSIX milliseconds.
    pub starts_at_ms: i64,
    /// POSIX milliseconds, the last one at which it can be served, grace included; `None` for
    /// permanent.
    pub ends_at_ms: Option<i64>,
    /// Empty if it has none, as the next two.
    pub vendor_string: &'a str,
    pub product_name: &'a str,
    pub activation_id: &'a str,
}

impl Slice<'_> {
    /// Whether it has started and not ended.
    #[must_use]
    pub fn is_current(&self, now_ms: i64) -> bool {
        self.starts_at_ms <= now_ms && self.ends_at_ms.is_none_or(|end| now_ms <= end)
    }
}
