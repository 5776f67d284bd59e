//! When something ends, if it ever does.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, schema::Type},
};

use crate::Moment;

/// What JSON writes where there is no end.
const PERMANENT: &str = "permanent";

/// A moment, or `permanent`. Moments come before it in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expiry {
    /// The last millisecond.
    At(Moment),
    /// It does not end.
    Permanent,
}

impl From<Option<i64>> for Expiry {
    /// POSIX milliseconds; `None` for no end.
    fn from(ends_at_ms: Option<i64>) -> Self {
        ends_at_ms.map_or(Self::Permanent, |at_ms| Self::At(Moment(at_ms)))
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(moment) => moment.fmt(f),
            Self::Permanent => f.write_str(PERMANENT),
        }
    }
}

impl Serialize for Expiry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Expiry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == PERMANENT {
            return Ok(Self::Permanent);
        }
        let moment = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(&text);
        Moment::deserialize(moment)
            .map(Self::At)
            .map_err(|error| D::Error::custom(format_args!("{error}, or {PERMANENT:?}")))
    }
}

impl PartialSchema for Expiry {
    fn schema() -> RefOr<Schema> {
        let permanent =
            ObjectBuilder::new().schema_type(Type::String).enum_values(Some([PERMANENT]));
        OneOfBuilder::new().item(Moment::schema()).item(permanent).into()
    }
}

impl ToSchema for Expiry {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_moment_or_none() {
        for (expiry, json) in [
            (Expiry::from(Some(1_767_225_600_000)), "\"2026-01-01T00:00:00.000Z\""),
            (Expiry::from(None), "\"permanent\""),
        ] {
            assert_eq!(serde_json::to_string(&expiry).expect("it is written"), json);
            assert_eq!(crate::parse(json.as_bytes()), Ok(expiry));
        }
        let refused = crate::parse::<Expiry>(b"\"never\"").expect_err("it is neither");
        assert!(refused.what.ends_with(", or \"permanent\""), "{refused}");
        assert!(Expiry::from(Some(i64::MAX)) < Expiry::Permanent);
    }
}
