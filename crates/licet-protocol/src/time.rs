//! Moments.

use serde::{Deserialize, Deserializer, Serialize, de::Error};
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
