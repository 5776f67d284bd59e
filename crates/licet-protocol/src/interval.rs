//! Lengths of time as licence servers write them: `8h`, `7d`.

use std::{fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr, Schema,
        schema::{SchemaType, Type},
    },
};

const SECOND_MS: i64 = 1_000;
const UNITS: [(char, i64); 5] = [
    ('w', 7 * 86_400 * SECOND_MS),
    ('d', 86_400 * SECOND_MS),
    ('h', 3_600 * SECOND_MS),
    ('m', 60 * SECOND_MS),
    ('s', SECOND_MS),
];
/// A hundred years.
const LONGEST_MS: i64 = 36_525 * 86_400 * SECOND_MS;
const EXPECTED: &str = "must be a whole number with s, m, h, d or w behind it (seconds without), \
                        such as 8h, and at most 36525d";

/// A length of time: a whole number and its unit `s`, `m`, `h`, `d` or `w`; a number alone is
/// seconds. Inside are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Interval(pub i64);

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unit = UNITS.iter().find(|(unit, _)| text.ends_with(*unit));
        let (number, unit_ms) = match unit {
            Some((_, unit_ms)) => (&text[..text.len() - 1], *unit_ms),
            None => (text, SECOND_MS),
        };
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let length_ms = is_number.then(|| number.parse::<i64>().ok()?.checked_mul(unit_ms));
        match length_ms.flatten().filter(|length_ms| *length_ms <= LONGEST_MS) {
            Some(length_ms) => Ok(Self(length_ms)),
            None => Err(EXPECTED.to_owned()),
        }
    }
}

/// In the largest unit that does.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, unit_ms): &&(char, i64)| self.0 > 0 && self.0 % unit_ms == 0;
        match UNITS.iter().find(fits) {
            Some((unit, unit_ms)) => write!(f, "{}{unit}", self.0 / unit_ms),
            None => write!(f, "{}s", self.0 / SECOND_MS),
        }
    }
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

struct IntervalVisitor;

impl Visitor<'_> for IntervalVisitor {
    type Value = Interval;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Interval, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Interval, E> {
        seconds.to_string().parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntervalVisitor)
    }
}

impl PartialSchema for Interval {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Integer]))
            .pattern(Some("^[0-9]{1,5}[smhdw]?$"))
            .minimum(Some(0))
            .maximum(Some(LONGEST_MS / SECOND_MS))
            .description(Some("A whole number with s, m, h, d or w behind it; seconds without."))
            .examples([serde_json::json!("8h")])
            .into()
    }
}

impl ToSchema for Interval {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_a_unit_or_is_seconds() {
        for (text, seconds) in
            [("90", 90), ("90s", 90), ("5m", 300), ("8h", 28_800), ("0d", 0), ("2w", 1_209_600)]
        {
            assert_eq!(text.parse(), Ok(Interval(seconds * SECOND_MS)), "{text}");
        }
        for text in ["", "h", "8 h", "-8h", "8H", "1.5h", "8hh", "36526d", "99999999999999999999s"]
        {
            assert!(text.parse::<Interval>().is_err(), "{text}");
        }
        assert_eq!(crate::parse::<Interval>(b"60"), Ok(Interval(60_000)));
        assert!(crate::parse::<Interval>(b"-1").is_err());
        assert!(crate::parse::<Interval>(b"1.5").is_err());
    }

    #[test]
    fn the_largest_unit_writes_it() {
        for text in ["0s", "90s", "5m", "8h", "3d", "2w"] {
            assert_eq!(text.parse::<Interval>().map(|it| it.to_string()), Ok(text.to_owned()));
        }
    }
}
