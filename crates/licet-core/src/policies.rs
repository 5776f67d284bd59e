//! The settings of an instance that decisions read.

/// The unit to whose last second the end of a lease is rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Granularity {
    /// Not rounded.
    #[default]
    Second,
    Minute,
    Hour,
    /// Of UTC.
    Day,
}

/// What a licence server's settings say. Intervals are milliseconds; zero sets none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policies {
    /// Nothing is served until the instance is resumed; what was served stays served.
    pub is_suspended: bool,
    /// How long a feature is lent whose line item does not say.
    pub borrow_interval_ms: i64,
    /// No lease is longer, whatever line items and requests say.
    pub borrow_interval_max_ms: Option<i64>,
    /// After how many percent of a lease a client is told to renew, unless its line item says.
    pub renew_percent: u8,
    /// Unless a request names another.
    pub granularity: Granularity,
    /// Whether clients on virtual machines are served.
    pub allows_virtual_clients: bool,
    /// Whether denied requests are recorded with their reason.
    pub tracks_denied_requests: bool,
}

const WEEK_MS: i64 = 7 * 86_400_000;

impl Default for Policies {
    fn default() -> Self {
        Self {
            is_suspended: false,
            borrow_interval_ms: WEEK_MS,
            borrow_interval_max_ms: None,
            renew_percent: 15,
            granularity: Granularity::Second,
            allows_virtual_clients: true,
            tracks_denied_requests: true,
        }
    }
}

impl Granularity {
    /// Rounds a moment up to the last second of its unit.
    #[must_use]
    pub fn round_up_ms(self, at_ms: i64) -> i64 {
        let unit_ms = match self {
            Self::Second => return at_ms,
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        };
        at_ms - at_ms.rem_euclid(unit_ms) + unit_ms - 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_rounded_to_the_last_second_of_the_unit() {
        // 2026-03-02T17:06:01Z, a minute after 17:05:01.
        let end_ms = 1_772_471_161_000;
        let at = |granularity: Granularity| granularity.round_up_ms(end_ms) - end_ms;
        assert_eq!(at(Granularity::Second), 0);
        assert_eq!(at(Granularity::Minute), 58_000); // 17:06:59
        assert_eq!(at(Granularity::Hour), (53 * 60 + 58) * 1_000); // 17:59:59
        assert_eq!(at(Granularity::Day), (6 * 3_600 + 53 * 60 + 58) * 1_000); // 23:59:59
    }
}
