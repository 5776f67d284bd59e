//! The time that a report is about.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use licet_protocol::limits::LAST_MILLISECOND;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

use super::parameter::Complaints;

const DAY_MS: i64 = 86_400_000;
/// Days before its end at which a period begins unless somebody says otherwise.
const PAST_DAYS: i64 = 30;
const PAST_DAYS_MAX: i64 = 36_500;

/// What `from` and `to` look like in the contract; other zones and a bare date are read as well.
pub(super) struct Moment;

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let year = "(19[7-9][0-9]|[2-9][0-9]{3})";
        // Days that every month has: a pattern cannot count.
        let day = "(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])";
        let time = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?Z";
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(format!("^((0|[1-9][0-9]{{0,13}})|{year}-{day}T{time})$")))
            .into()
    }
}

impl ToSchema for Moment {}

/// A span of time as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Period {
    pub(super) start: Start,
    /// Exclusive; `None` for all that there is.
    pub(super) until_ms: Option<i64>,
}

/// Where a period begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Start {
    At(i64),
    /// This long before the end, or before now.
    Before(i64),
}

impl Period {
    /// Reads `from`, `to` and `pastDays`.
    pub(super) fn read(
        complaints: &mut Complaints,
        from: Option<&str>,
        to: Option<&str>,
        past_days: Option<&str>,
    ) -> Self {
        let from_ms = moment("from", from, complaints);
        let until_ms = moment("to", to, complaints);
        let days = complaints.number("pastDays", past_days, 1..=PAST_DAYS_MAX);
        if from.is_some() && past_days.is_some() {
            complaints.add("pastDays", "must be left out where from is given");
        }
        check_order(complaints, from_ms, until_ms);
        let start = match from_ms {
            Some(from_ms) => Start::At(from_ms),
            None => Start::Before(days.unwrap_or(PAST_DAYS) * DAY_MS),
        };
        Self { start, until_ms }
    }

    /// Whether its start moves on with the clock.
    pub(super) fn is_sliding(&self) -> bool {
        matches!(self.start, Start::Before(_)) && self.until_ms.is_none()
    }

    /// Its first millisecond, if it is asked for now.
    pub(super) fn start_ms(&self, now_ms: i64) -> i64 {
        match self.start {
            Start::At(from_ms) => from_ms,
            Start::Before(length_ms) => self.until_ms.unwrap_or(now_ms).saturating_sub(length_ms),
        }
    }
}

/// Complains of a start after the end.
pub(super) fn check_order(
    complaints: &mut Complaints,
    from_ms: Option<i64>,
    until_ms: Option<i64>,
) {
    if let (Some(from_ms), Some(until_ms)) = (from_ms, until_ms)
        && from_ms > until_ms
    {
        complaints.add("from", "must not be after to");
    }
}

/// Reads a moment, if there is one.
pub(super) fn moment(name: &str, text: Option<&str>, complaints: &mut Complaints) -> Option<i64> {
    let text = text?;
    let moment = read_moment(text).filter(|ms| (0..=LAST_MILLISECOND).contains(ms));
    if moment.is_none() {
        complaints.add(name, "must be POSIX milliseconds, or as 2026-01-31T00:00:00Z (RFC 3339)");
    }
    moment
}

/// POSIX milliseconds, RFC 3339, or a date for the start of its day in UTC.
fn read_moment(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    if text.len() == "2026-01-31".len() {
        let day: Date = text.parse().ok()?;
        return Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond());
    }
    // In a query, the plus of a zone is a space unless the caller took care.
    let moment: Timestamp = text.replacen(' ', "+", 1).parse().ok()?;
    Some(moment.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01T00:00:00Z
    const T0: i64 = 1_767_225_600_000;

    fn read(from: &str, to: &str, past_days: &str) -> Result<Period, Vec<String>> {
        let given = |text: &'static str| (!text.is_empty()).then_some(text);
        let leak = |text: &str| given(Box::leak(text.to_owned().into_boxed_str()));
        let mut complaints = Complaints::default();
        let period = Period::read(&mut complaints, leak(from), leak(to), leak(past_days));
        complaints.check().map(|()| period).map_err(|problem| problem.errors().to_vec())
    }

    #[test]
    fn moments_come_in_three_forms() {
        for (text, ms) in [
            ("1767225600000", T0),
            ("2026-01-01T00:00:00Z", T0),
            ("2026-01-01T01:30:00+01:30", T0),
            ("2026-01-01T01:30:00 01:30", T0),
            ("2026-01-01T00:00:00.250Z", T0 + 250),
            ("2026-01-01", T0),
            ("0", 0),
        ] {
            assert_eq!(read_moment(text), Some(ms), "{text}");
        }
        for text in ["now", "2026-01-01T00:00:00", "2026-13-01", "-1", "1e3", "1.5"] {
            assert!(read(text, "", "").is_err(), "{text}");
        }
        assert!(read("253402300800000", "", "").is_err());
        assert!(read("1969-12-31T23:59:59Z", "", "").is_err());
    }

    #[test]
    fn a_period_has_a_start_even_if_nobody_names_one() {
        let sliding = read("", "", "").unwrap();
        assert!(sliding.is_sliding());
        assert_eq!(sliding.start_ms(T0), T0 - 30 * DAY_MS);
        assert_eq!(read("", "", "7").unwrap().start_ms(T0), T0 - 7 * DAY_MS);
        let ended = read("", "1767225600000", "1").unwrap();
        assert!(!ended.is_sliding());
        assert_eq!(ended.start_ms(T0 + 5 * DAY_MS), T0 - DAY_MS);
        assert_eq!(read("5", "5", "").unwrap().start_ms(T0), 5);
    }

    #[test]
    fn contradictions_are_refused() {
        assert_eq!(read("6", "5", "").unwrap_err(), ["from: must not be after to"]);
        assert!(read("5", "", "7").is_err());
        for days in ["0", "-1", "36501", "x"] {
            assert!(read("", "", days).is_err(), "{days}");
        }
    }
}
