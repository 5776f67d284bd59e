//! Values that rules of access compare.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::value::RawValue;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr, Schema,
        schema::{SchemaType, Type},
    },
};

use crate::{limits::TEXT_CHARS, number::type_of, text};

/// A string, number or boolean as the string that it is compared by: a number by its own digits
/// (`1.0` is not `1`), a boolean as `true` or `false`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Scalar(pub Box<str>);

impl Scalar {
    pub(crate) fn from_raw(raw: &RawValue) -> Result<Self, String> {
        let canonical = match type_of(raw) {
            "string" => serde_json::from_str(raw.get()).map_err(|error| error.to_string())?,
            "number" | "boolean" => Box::from(raw.get()),
            other => return Err(format!("{other} found, string, number or boolean expected")),
        };
        text::check(&canonical, 0, TEXT_CHARS)?;
        Ok(Self(canonical))
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Self::from_raw(raw).map_err(D::Error::custom)
    }
}

impl PartialSchema for Scalar {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Number, Type::Boolean]))
            .max_length(Some(TEXT_CHARS))
            .description(Some("Compared as text: a number by its own digits."))
            .into()
    }
}

impl ToSchema for Scalar {}
