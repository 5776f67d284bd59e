//! Periods of the calendar of a time zone.

use jiff::{
    Span, ToSpan,
    civil::{Date, Weekday},
    tz::TimeZone,
};
use licet_protocol::CalendarUnit;

use super::{parameter::Complaints, period};

/// The calendar of a place.
#[derive(Debug, Clone)]
pub(super) struct Calendar {
    zone: TimeZone,
}

/// A period of a calendar, or another time that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedPeriod {
    pub(super) name: String,
    pub(super) from_ms: i64,
    /// Exclusive.
    pub(super) until_ms: i64,
}

impl Calendar {
    /// Reads the name of a time zone; none stands for UTC.
    pub(super) fn read(complaints: &mut Complaints, name: &str) -> Self {
        let zone = if name.is_empty() { Ok(TimeZone::UTC) } else { TimeZone::get(name) };
        let zone = zone.unwrap_or_else(|_| {
            let what = "must be the name of a time zone in the IANA database, such as \
                        Europe/Berlin, America/New_York or UTC";
            complaints.add("timeZone", what);
            TimeZone::UTC
        });
        Self { zone }
    }

    /// The zone's name.
    pub(super) fn name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    pub(super) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Reads a moment; a date alone is where it begins here.
    pub(super) fn moment(
        &self,
        complaints: &mut Complaints,
        name: &str,
        text: &str,
    ) -> Option<i64> {
        if text.is_empty() {
            return None;
        }
        let date = text.parse().ok().filter(|_| text.len() == "2026-01-31".len());
        match date.and_then(|date| self.start_ms(date)).filter(|ms| *ms >= 0) {
            Some(start_ms) => Some(start_ms),
            None => period::moment(name, Some(text), complaints),
        }
    }

    /// The periods that some of the time from `from_ms` until before `until_ms` lies in, whole;
    /// `None` if they are more than `max`.
    pub(super) fn periods(
        &self,
        unit: CalendarUnit,
        from_ms: i64,
        until_ms: i64,
        max: usize,
    ) -> Option<Vec<NamedPeriod>> {
        let mut periods: Vec<NamedPeriod> = Vec::new();
        let mut date = self.date_of(from_ms).and_then(|date| first_date(unit, date));
        while let Some(first) = date
            && let Some(period) = self.period(unit, first)
            && period.from_ms < until_ms
        {
            if periods.len() == max {
                return None;
            }
            date = first.checked_add(length(unit)).ok();
            periods.push(period);
        }
        Some(periods)
    }

    /// The period of this unit before the one that `at_ms` lies in.
    pub(super) fn last(&self, unit: CalendarUnit, at_ms: i64) -> Option<NamedPeriod> {
        let first = first_date(unit, self.date_of(at_ms)?)?;
        self.period(unit, first.checked_sub(length(unit)).ok()?)
    }

    /// The period of this unit that `at_ms` lies in.
    pub(super) fn current(&self, unit: CalendarUnit, at_ms: i64) -> Option<NamedPeriod> {
        self.period(unit, first_date(unit, self.date_of(at_ms)?)?)
    }

    fn date_of(&self, at_ms: i64) -> Option<Date> {
        let at = jiff::Timestamp::from_millisecond(at_ms).ok()?;
        Some(at.to_zoned(self.zone.clone()).date())
    }

    /// Where a date begins: midnight, or where the clock goes on if it jumps over midnight.
    fn start_ms(&self, date: Date) -> Option<i64> {
        Some(date.to_zoned(self.zone.clone()).ok()?.timestamp().as_millisecond())
    }

    fn period(&self, unit: CalendarUnit, first: Date) -> Option<NamedPeriod> {
        Some(NamedPeriod {
            name: name(unit, first),
            from_ms: self.start_ms(first)?,
            until_ms: self.start_ms(first.checked_add(length(unit)).ok()?)?,
        })
    }
}

fn length(unit: CalendarUnit) -> Span {
    match unit {
        CalendarUnit::Day => 1.day(),
        CalendarUnit::Week => 1.week(),
        CalendarUnit::Month => 1.month(),
        CalendarUnit::Quarter => 3.months(),
        CalendarUnit::Year => 1.year(),
    }
}

/// First date of the period that a date lies in.
fn first_date(unit: CalendarUnit, date: Date) -> Option<Date> {
    match unit {
        CalendarUnit::Day => Some(date),
        CalendarUnit::Week => {
            let days = date.weekday().since(Weekday::Monday);
            date.checked_sub(i32::from(days).days()).ok()
        }
        CalendarUnit::Month => Some(date.first_of_month()),
        CalendarUnit::Quarter => Date::new(date.year(), (date.month() - 1) / 3 * 3 + 1, 1).ok(),
        CalendarUnit::Year => Some(date.first_of_year()),
    }
}

fn name(unit: CalendarUnit, first: Date) -> String {
    let (year, month) = (first.year(), first.month());
    match unit {
        CalendarUnit::Day => first.to_string(),
        CalendarUnit::Week => {
            let week = first.iso_week_date();
            format!("{:04}-W{:02}", week.year(), week.week())
        }
        CalendarUnit::Month => format!("{year:04}-{month:02}"),
        CalendarUnit::Quarter => format!("{year:04}-Q{}", (month - 1) / 3 + 1),
        CalendarUnit::Year => format!("{year:04}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;
    const DAY_MS: i64 = 24 * HOUR_MS;
    /// 2024-01-01T00:00:00Z
    const T0: i64 = 1_704_067_200_000;

    fn calendar(zone: &str) -> Calendar {
        let mut complaints = Complaints::default();
        let calendar = Calendar::read(&mut complaints, zone);
        complaints.check().unwrap();
        calendar
    }

    #[test]
    fn zones_have_names() {
        for name in ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"] {
            assert_eq!(calendar(name).name(), name);
        }
        assert_eq!(calendar("").name(), "UTC");
        for name in ["Mars/Olympus", "../../etc/passwd", "+01:00", "UTC0", "Europe"] {
            let mut complaints = Complaints::default();
            Calendar::read(&mut complaints, name);
            let problem = complaints.check().unwrap_err();
            assert!(problem.errors()[0].contains("Europe/Berlin"), "{name}");
        }
    }

    #[test]
    fn days_are_as_long_as_the_clock_makes_them() {
        let days = |zone, from_ms: i64| {
            let days = calendar(zone).periods(CalendarUnit::Day, from_ms, from_ms + 1, 9).unwrap();
            assert_eq!(days.len(), 1);
            (days[0].name.clone(), (days[0].until_ms - days[0].from_ms) / HOUR_MS)
        };
        // 2024-03-31 and 2024-10-27 in Berlin, 2024-03-10 in New York, at noon UTC.
        assert_eq!(
            days("Europe/Berlin", T0 + 90 * DAY_MS + 12 * HOUR_MS),
            ("2024-03-31".into(), 23)
        );
        assert_eq!(
            days("Europe/Berlin", T0 + 300 * DAY_MS + 12 * HOUR_MS),
            ("2024-10-27".into(), 25)
        );
        assert_eq!(
            days("America/New_York", T0 + 69 * DAY_MS + 12 * HOUR_MS),
            ("2024-03-10".into(), 23)
        );
        assert_eq!(days("UTC", T0 + 59 * DAY_MS), ("2024-02-29".into(), 24));
    }

    #[test]
    fn periods_follow_one_another_without_a_gap() {
        for (unit, names) in [
            (CalendarUnit::Day, ["2023-12-31", "2024-01-01"]),
            (CalendarUnit::Week, ["2023-W52", "2024-W01"]),
            (CalendarUnit::Month, ["2023-12", "2024-01"]),
            (CalendarUnit::Quarter, ["2023-Q4", "2024-Q1"]),
            (CalendarUnit::Year, ["2023", "2024"]),
        ] {
            for zone in ["America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati", "UTC"] {
                let calendar = calendar(zone);
                let new_year = calendar.start_ms(Date::constant(2024, 1, 1)).unwrap();
                let periods = calendar.periods(unit, new_year - 1, new_year + 1, 9).unwrap();
                let found: Vec<_> = periods.iter().map(|period| &*period.name).collect();
                assert_eq!(found, names, "{zone}");
                assert_eq!((periods[0].until_ms, periods[1].from_ms), (new_year, new_year));
                assert_eq!(calendar.last(unit, new_year).as_ref(), Some(&periods[0]));
                assert_eq!(calendar.current(unit, new_year).as_ref(), Some(&periods[1]));
                let long = calendar.periods(unit, 0, new_year + 800 * DAY_MS, 2_000);
                let long = long.filter(|_| unit != CalendarUnit::Day).unwrap_or_default();
                assert!(long.windows(2).all(|two| two[0].until_ms == two[1].from_ms));
            }
        }
        assert_eq!(calendar("UTC").periods(CalendarUnit::Day, T0, T0 + 9 * DAY_MS, 8), None);
        assert_eq!(calendar("UTC").periods(CalendarUnit::Day, T0, T0, 8), Some(Vec::new()));
    }

    #[test]
    fn a_date_begins_where_the_calendar_is() {
        let berlin = calendar("Europe/Berlin");
        let mut complaints = Complaints::default();
        assert_eq!(berlin.moment(&mut complaints, "from", "2024-01-01"), Some(T0 - HOUR_MS));
        assert_eq!(berlin.moment(&mut complaints, "from", "2024-01-01T00:00:00Z"), Some(T0));
        assert_eq!(berlin.moment(&mut complaints, "from", ""), None);
        complaints.check().unwrap();
        let mut complaints = Complaints::default();
        assert_eq!(berlin.moment(&mut complaints, "from", "2024-02-30"), None);
        complaints.check().unwrap_err();
    }
}
