//! Moments and durations on the command line.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use licet_protocol::limits::LAST_MILLISECOND;

use crate::failure::Failure;

const DAY_MS: i64 = 86_400_000;

/// Now, in POSIX milliseconds.
pub(crate) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Reads a moment as POSIX milliseconds; a date is its first millisecond.
pub(crate) fn parse_start(text: &str) -> Result<i64, String> {
    parse(text, 0)
}

/// Reads a moment as POSIX milliseconds; a date is its last millisecond.
pub(crate) fn parse_end(text: &str) -> Result<i64, String> {
    if text == "permanent" { Ok(LAST_MILLISECOND) } else { parse(text, DAY_MS - 1) }
}

fn parse(text: &str, into_day_ms: i64) -> Result<i64, String> {
    if text == "now" {
        return Ok(now_ms());
    }
    if let Ok(millis) = text.parse::<i64>() {
        return Ok(millis);
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp.as_millisecond());
    }
    if !text.contains(['T', 't', ' '])
        && let Ok(date) = text.parse::<Date>()
    {
        return in_utc(date.to_datetime(jiff::civil::Time::midnight())).map(|ms| ms + into_day_ms);
    }
    match text.parse::<DateTime>() {
        Ok(moment) => in_utc(moment),
        Err(_) => Err("give a date (2026-01-31), a moment (2026-01-31T12:00:00Z), POSIX \
                       milliseconds, or now; all in UTC"
            .to_owned()),
    }
}

/// Of a period that ends before it begins.
pub(crate) fn reversed() -> Failure {
    Failure::usage("--from is after --to; give the earlier one as --from")
}

fn in_utc(moment: DateTime) -> Result<i64, String> {
    let zoned = TimeZone::UTC.to_timestamp(moment).map_err(|error| error.to_string())?;
    Ok(zoned.as_millisecond())
}

/// Reads a duration such as `90d`, `12h`, `30m` or `1w` as milliseconds.
pub(crate) fn parse_duration(text: &str) -> Result<i64, String> {
    const HINT: &str = "give a number and s, m, h, d or w, such as 90d";
    let unit_ms = match text.chars().last() {
        Some('s') => 1_000,
        Some('m') => 60_000,
        Some('h') => 3_600_000,
        Some('d') => DAY_MS,
        Some('w') => 7 * DAY_MS,
        _ => return Err(HINT.to_owned()),
    };
    let number: i64 = text[..text.len() - 1].parse().map_err(|_| HINT.to_owned())?;
    if number < 1 {
        return Err("must be at least 1".to_owned());
    }
    let millis = number.checked_mul(unit_ms).filter(|millis| *millis <= 36_500 * DAY_MS);
    millis.ok_or_else(|| "must be at most 100 years".to_owned())
}

/// POSIX milliseconds for people, UTC.
pub(crate) fn show(millis: i64) -> String {
    if millis == LAST_MILLISECOND {
        return "permanent".to_owned();
    }
    match Timestamp::from_millisecond(millis) {
        Ok(timestamp) if millis % 1_000 == 0 => timestamp.to_string(),
        Ok(timestamp) => format!("{timestamp:.3}"),
        Err(_) => millis.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_every_form() {
        let midnight_ms = 1_767_225_600_000;
        for text in
            ["2026-01-01", "2026-01-01T00:00:00Z", "1767225600000", "2026-01-01T01:00+01:00"]
        {
            assert_eq!(parse_start(text), Ok(midnight_ms), "{text}");
        }
        assert_eq!(parse_start("2026-01-01T00:00"), Ok(midnight_ms));
        assert_eq!(parse_end("2026-01-01"), Ok(midnight_ms + DAY_MS - 1));
        assert_eq!(parse_end("2026-01-01T00:00"), Ok(midnight_ms));
        assert_eq!(parse_end("permanent"), Ok(LAST_MILLISECOND));
        for bad in ["", "tomorrow", "2026-13-01", "2026-01-01T25:00Z"] {
            assert!(parse_start(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_need_their_unit() {
        assert_eq!(parse_duration("90d"), Ok(90 * DAY_MS));
        assert_eq!(parse_duration("2w"), Ok(14 * DAY_MS));
        for bad in ["90", "d", "0d", "-1d", "1y", "9999999999999999w", "é"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn moments_are_shown_in_utc() {
        assert_eq!(show(1_767_225_600_000), "2026-01-01T00:00:00Z");
        assert_eq!(show(1_767_225_600_001), "2026-01-01T00:00:00.001Z");
        assert_eq!(show(LAST_MILLISECOND), "permanent");
    }
}
