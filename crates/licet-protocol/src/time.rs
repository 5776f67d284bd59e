//! Moments.

use std::fmt;

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type},
};

use crate::limits::LAST_MILLISECOND;

/// POSIX milliseconds, UTC, from 1970 to the end of 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Millis(pub i64);

impl From<i64> for Millis {
    fn from(millis: i64) -> Self {
        Self(millis)
    }
}

impl Millis {
    /// RFC 3339 with the offset of a place, such as `2026-01-01T00:00:00+01:00`: its date is the
    /// one there.
    #[must_use]
    pub fn in_zone(self, zone: &TimeZone) -> String {
        match Timestamp::from_millisecond(self.0) {
            Ok(at) => at.display_with_offset(zone.to_offset(at)).to_string(),
            Err(_) => Moment(self.0).to_string(),
        }
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millis = i64::deserialize(deserializer)?;
        if (0..=LAST_MILLISECOND).contains(&millis) {
            return Ok(Self(millis));
        }
        Err(D::Error::custom(out_of_range()))
    }
}

fn out_of_range() -> String {
    format!("must be POSIX milliseconds from 0 to {LAST_MILLISECOND}")
}

/// Whether this is said of a moment that is none.
pub(crate) fn is_about_range(what: &str) -> bool {
    what == out_of_range()
}

impl PartialSchema for Millis {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .description(Some("POSIX milliseconds, UTC."))
            .minimum(Some(0))
            .maximum(Some(LAST_MILLISECOND))
            .into()
    }
}

impl ToSchema for Millis {}

/// Where POSIX time begins, in UTC.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// A moment that JSON writes as RFC 3339 in UTC, to the millisecond: licence servers do so. Inside
/// are POSIX milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub i64);

impl From<i64> for Moment {
    fn from(millis: i64) -> Self {
        Self(millis)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let within = SignedDuration::from_millis(self.0.clamp(0, LAST_MILLISECOND));
        write!(f, "{:.3}Z", EPOCH.saturating_add(within))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        rfc3339_ms(&text).map(Self).ok_or_else(|| {
            D::Error::custom("must be a moment as in RFC 3339, such as 2027-03-01T17:00:00.000Z")
        })
    }
}

/// The POSIX milliseconds of a moment as in RFC 3339.
pub(crate) fn rfc3339_ms(text: &str) -> Option<i64> {
    match text.parse::<Timestamp>() {
        Ok(moment) => Some(moment.as_millisecond()),
        Err(_) => last_day(text),
    }
}

/// A `Timestamp` ends some hours before the year 9999 does, since it may be shown with any offset.
fn last_day(text: &str) -> Option<i64> {
    let civil = text.strip_suffix('Z').filter(|text| text.contains('T'))?;
    let since_epoch = civil.parse::<DateTime>().ok()?.duration_since(EPOCH);
    i64::try_from(since_epoch.as_millis()).ok()
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339, UTC, to the millisecond."))
            .examples([serde_json::json!("2027-03-01T17:00:00.000Z")])
            .into()
    }
}

impl ToSchema for Moment {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_milliseconds_even_where_they_are_zero() {
        for (millis, text) in [
            (1_767_225_600_000, "2026-01-01T00:00:00.000Z"),
            (1_767_225_600_007, "2026-01-01T00:00:00.007Z"),
            (LAST_MILLISECOND, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Moment(millis).to_string(), text);
            let json = serde_json::to_vec(&Moment(millis)).unwrap();
            assert_eq!(crate::parse(&json), Ok(Moment(millis)));
        }
        assert!(crate::parse::<Moment>(b"\"2026-01-01\"").is_err());
        assert!(crate::parse::<Moment>(b"1767225600000").is_err());
    }
}
