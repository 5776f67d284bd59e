//! The calendars of two places, reckoned without the code that is tested.

pub const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

/// A place with summer time by today's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Berlin,
    NewYork,
}

impl Place {
    pub fn zone(self) -> &'static str {
        match self {
            Self::Berlin => "Europe/Berlin",
            Self::NewYork => "America/New_York",
        }
    }

    /// What local clocks show more than UTC.
    pub fn offset_ms(self, at_ms: i64) -> i64 {
        let (year, ..) = civil(at_ms.div_euclid(DAY_MS));
        let (from_ms, until_ms, winter_ms) = match self {
            // From the last Sunday of March to that of October, both at 1:00 UTC.
            Self::Berlin => {
                let at = |month| last_sunday(year, month) * DAY_MS + HOUR_MS;
                (at(3), at(10), HOUR_MS)
            }
            // From the second Sunday of March, 2:00 EST, to the first of November, 2:00 EDT.
            Self::NewYork => {
                let march = first_sunday(year, 3) + 7;
                let november = first_sunday(year, 11);
                (march * DAY_MS + 7 * HOUR_MS, november * DAY_MS + 6 * HOUR_MS, -5 * HOUR_MS)
            }
        };
        let is_summer = (from_ms..until_ms).contains(&at_ms);
        winter_ms + if is_summer { HOUR_MS } else { 0 }
    }

    /// Number of the local day since 1970-01-01.
    pub fn day(self, at_ms: i64) -> i64 {
        (at_ms + self.offset_ms(at_ms)).div_euclid(DAY_MS)
    }

    /// When a local day begins. No clock is changed at midnight here.
    pub fn start_ms(self, day: i64) -> i64 {
        let local_ms = day * DAY_MS;
        let guess_ms = local_ms - self.offset_ms(local_ms);
        local_ms - self.offset_ms(guess_ms)
    }
}

/// Year, month and day of the month of a day since 1970-01-01.
pub fn civil(day: i64) -> (i64, i64, i64) {
    let mut year = 1970;
    let mut left = day;
    while left >= days_of_year(year) {
        left -= days_of_year(year);
        year += 1;
    }
    let mut month = 1;
    while left >= days_of_month(year, month) {
        left -= days_of_month(year, month);
        month += 1;
    }
    (year, month, left + 1)
}

/// The day since 1970-01-01.
pub fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let years: i64 = (1970..year).map(days_of_year).sum();
    let months: i64 = (1..month).map(|month| days_of_month(year, month)).sum();
    years + months + day - 1
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_year(year: i64) -> i64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// 1970-01-01 was a Thursday.
fn first_sunday(year: i64, month: i64) -> i64 {
    let first = day_of(year, month, 1);
    first + (3 - first).rem_euclid(7)
}

/// Of a month with 31 days.
fn last_sunday(year: i64, month: i64) -> i64 {
    let last = day_of(year, month, 31);
    last - (last - 3).rem_euclid(7)
}

#[test]
fn days_are_reckoned_right() {
    assert_eq!(day_of(1970, 1, 4), first_sunday(1970, 1));
    assert_eq!(civil(day_of(2024, 2, 29)), (2024, 2, 29));
    assert_eq!(last_sunday(2024, 3), day_of(2024, 3, 31));
    assert_eq!(last_sunday(2024, 10), day_of(2024, 10, 27));
    assert_eq!(first_sunday(2024, 3) + 7, day_of(2024, 3, 10));
    assert_eq!(first_sunday(2024, 11), day_of(2024, 11, 3));
    // 2024-01-01T00:00:00+01:00 and 2024-07-01T00:00:00-04:00
    assert_eq!(Place::Berlin.start_ms(day_of(2024, 1, 1)), 1_704_063_600_000);
    assert_eq!(Place::NewYork.start_ms(day_of(2024, 7, 1)), 1_719_806_400_000);
}
