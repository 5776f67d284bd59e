//! Line items: buckets of tokens on an instance.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Action, fixed::Tokens};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LineItemState {
    /// Can be consumed from, between its start and end.
    Deployed,
    /// Set aside; may be deployed again.
    Inactive,
    /// Final; it can only be deleted.
    Obsolete,
}

/// Tokens that may be taken beyond a line item's quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Overdraft {
    None,
    Limit(Tokens),
    Unlimited,
}

/// When `used` starts again at zero, at that boundary in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResetFrequency {
    Daily,
    /// Monday, as in ISO 8601.
    Weekly,
    Monthly,
    Quarterly,
    Yearly,
}

/// What the producer states of a line item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineItemTerms {
    /// Key of the line item within its instance.
    pub activation_id: Arc<str>,
    pub state: LineItemState,
    pub quantity: Tokens,
    /// POSIX milliseconds; tokens are usable from here, inclusive.
    pub starts_at_ms: i64,
    /// POSIX milliseconds; tokens are usable until here, inclusive.
    pub ends_at_ms: i64,
    pub elastic: bool,
    /// Series of the rate tables that price it; empty for tables without a series.
    pub rate_table_series: Arc<str>,
    pub overdraft: Overdraft,
    pub reset_frequency: Option<ResetFrequency>,
}

/// A line item with what was taken from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineItem {
    pub terms: LineItemTerms,
    /// Tokens taken since it was put, or since the last reset.
    pub used: Tokens,
    /// Changes when the line item is put anew after a delete, and at each reset, so that a refund
    /// never credits a period that it was not charged in.
    pub epoch: u64,
    /// Next boundary at which `used` starts again at zero.
    pub resets_at_ms: Option<i64>,
    /// Rules of access, in order.
    pub actions: Vec<Action>,
    pub created_ms: i64,
    pub modified_ms: i64,
}

/// Which tokens of a line item are meant: those it is entitled to, or its overdraft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Entitled,
    Overdraft,
}

impl LineItemTerms {
    /// Whether tokens may be taken at `now_ms`, with the window widened by `tolerance_ms` at
    /// either end.
    #[must_use]
    pub fn is_usable(&self, now_ms: i64, tolerance_ms: i64) -> bool {
        self.is_consumable()
            && now_ms >= self.starts_at_ms.saturating_sub(tolerance_ms)
            && now_ms <= self.ends_at_ms.saturating_add(tolerance_ms)
    }

    /// Whether tokens may be taken at the right time.
    #[must_use]
    pub fn is_consumable(&self) -> bool {
        self.elastic && self.state == LineItemState::Deployed
    }

    /// Whether anything is left once `used` are taken, overdraft included.
    pub(crate) fn has_room(&self, used: Tokens) -> bool {
        self.left(Source::Entitled, used).is_positive()
            || self.left(Source::Overdraft, used).is_positive()
    }

    /// Tokens of one source that are left once `used` are taken.
    pub(crate) fn left(&self, source: Source, used: Tokens) -> Tokens {
        match (source, self.overdraft) {
            (Source::Entitled, _) => self.quantity.minus_or_zero(used),
            (Source::Overdraft, Overdraft::None) => Tokens::ZERO,
            (Source::Overdraft, Overdraft::Limit(limit)) => {
                let ceiling = self.quantity.checked_add(limit).unwrap_or(Tokens::MAX);
                ceiling.minus_or_zero(if used > self.quantity { used } else { self.quantity })
            }
            (Source::Overdraft, Overdraft::Unlimited) => {
                Tokens::MAX.minus_or_zero(if used > self.quantity { used } else { self.quantity })
            }
        }
    }
}

impl LineItem {
    /// Whether anything is left to take, overdraft included.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.terms.has_room(self.used)
    }
}

const DAY_MS: i64 = 86_400_000;

impl ResetFrequency {
    /// The first boundary after `now_ms`, UTC.
    #[must_use]
    pub fn next_boundary_ms(self, now_ms: i64) -> i64 {
        let day = now_ms.div_euclid(DAY_MS);
        let (year, month) = year_and_month(day);
        let next_day = match self {
            Self::Daily => day + 1,
            // Day 0 of the epoch was a Thursday, so day 4 was a Monday.
            Self::Weekly => day + 7 - (day - 4).rem_euclid(7),
            Self::Monthly => first_day_of(year, month + 1),
            Self::Quarterly => first_day_of(year, (month - 1) / 3 * 3 + 4),
            Self::Yearly => first_day_of(year + 1, 1),
        };
        next_day * DAY_MS
    }
}

/// Year and month (1 to 12) of a day counted from 1970-01-01, in the Gregorian calendar.
fn year_and_month(day: i64) -> (i64, i64) {
    // Counting from 1 March puts the leap day at the end of the year.
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month)
}

/// Day, counted from 1970-01-01, of the first of a month; `month` may run past 12.
fn first_day_of(year: i64, month: i64) -> i64 {
    let year = year + (month - 1).div_euclid(12);
    let month = (month - 1).rem_euclid(12) + 1;
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * march_month + 2) / 5;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boundary(frequency: ResetFrequency, now_ms: i64) -> i64 {
        frequency.next_boundary_ms(now_ms)
    }

    #[test]
    fn resets_fall_on_calendar_boundaries_in_utc() {
        // 2024-02-29T12:00:00Z, a Thursday.
        let now_ms = 1_709_208_000_000;
        assert_eq!(boundary(ResetFrequency::Daily, now_ms), 1_709_251_200_000); // 1 March
        assert_eq!(boundary(ResetFrequency::Weekly, now_ms), 1_709_510_400_000); // Monday 4 March
        assert_eq!(boundary(ResetFrequency::Monthly, now_ms), 1_709_251_200_000);
        assert_eq!(boundary(ResetFrequency::Quarterly, now_ms), 1_711_929_600_000); // 1 April
        assert_eq!(boundary(ResetFrequency::Yearly, now_ms), 1_735_689_600_000); // 2025
    }

    #[test]
    fn a_boundary_itself_belongs_to_the_new_period() {
        let new_year_ms = 1_735_689_600_000;
        assert_eq!(boundary(ResetFrequency::Daily, new_year_ms), new_year_ms + DAY_MS);
        assert_eq!(boundary(ResetFrequency::Daily, new_year_ms - 1), new_year_ms);
        // A Monday.
        assert_eq!(boundary(ResetFrequency::Weekly, 1_709_510_400_000), 1_710_115_200_000);
    }

    #[test]
    fn overdraft_comes_after_what_is_entitled() {
        let terms = LineItemTerms {
            activation_id: "L1".into(),
            state: LineItemState::Deployed,
            quantity: Tokens::from_micros(10),
            starts_at_ms: 0,
            ends_at_ms: 1,
            elastic: true,
            rate_table_series: "".into(),
            overdraft: Overdraft::Limit(Tokens::from_micros(5)),
            reset_frequency: None,
        };
        let left = |source, used| terms.left(source, Tokens::from_micros(used)).micros();
        assert_eq!((left(Source::Entitled, 4), left(Source::Overdraft, 4)), (6, 5));
        assert_eq!((left(Source::Entitled, 12), left(Source::Overdraft, 12)), (0, 3));
        assert_eq!((left(Source::Entitled, 20), left(Source::Overdraft, 20)), (0, 0));
    }
}
