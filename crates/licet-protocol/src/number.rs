//! Exact decimal numbers.
//!
//! JSON numbers are read from and written as their text, so that no digit is lost or made up.

use std::fmt;

use licet_core::{AmountError, Count, MICROS, Tokens};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error, ser};
use serde_json::value::RawValue;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

const NOT_POSITIVE: &str = "must be greater than 0";
const NEGATIVE: &str = "must have a minimum value of 0";

/// Whether this is said of a number that is too small, too large or too fine.
pub(crate) fn is_about_range(what: &str) -> bool {
    let amounts = [AmountError::TooPrecise, AmountError::OutOfRange];
    [NOT_POSITIVE, NEGATIVE].contains(&what)
        || amounts.iter().any(|error| error.to_string() == what)
}

/// The JSON type of a value, in the words of JSON Schema.
pub(crate) fn type_of(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'"') => "string",
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    }
}

/// The text of a JSON number.
pub(crate) fn number_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<&'de str, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    match type_of(raw) {
        "number" => Ok(raw.get()),
        other => Err(D::Error::custom(format_args!("{other} found, number expected"))),
    }
}

fn write<S: Serializer>(micros: i64, text: impl fmt::Display, to: S) -> Result<S::Ok, S::Error> {
    if micros % MICROS == 0 {
        return to.serialize_i64(micros / MICROS);
    }
    RawValue::from_string(text.to_string()).map_err(ser::Error::custom)?.serialize(to)
}

macro_rules! number_type {
    ($(#[$doc:meta])* $name:ident, $inner:ident, $schema_doc:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl From<$inner> for $name {
            fn from(amount: $inner) -> Self {
                Self(amount)
            }
        }

        impl From<$name> for $inner {
            fn from(number: $name) -> Self {
                number.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = licet_core::AmountError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $inner::parse(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                write(self.0.micros(), self.0, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                number_text(deserializer)?.parse().map_err(D::Error::custom)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::Number)
                    .description(Some($schema_doc))
                    .into()
            }
        }

        impl ToSchema for $name {}
    };
}

number_type! {
    /// Metered tokens: up to six decimals, from -9223372036854.775807 to 9223372036854.775807.
    TokenNumber, Tokens,
    "Metered tokens: an exact number of up to six decimals, at most 9223372036854.775807."
}
number_type! {
    /// Units of an item: up to six decimals, at most 9223372036854.775807.
    CountNumber, Count,
    "Units of an item: an exact number of up to six decimals, at most 9223372036854.775807."
}

/// Reads a count above zero.
pub(crate) fn positive<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<CountNumber, D::Error> {
    let count = CountNumber::deserialize(deserializer)?;
    if count.0.is_positive() {
        return Ok(count);
    }
    Err(D::Error::custom(NOT_POSITIVE))
}

/// Reads an amount of tokens that is not negative; `null` is none.
pub(crate) fn not_negative<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<TokenNumber>, D::Error> {
    let tokens = Option::<TokenNumber>::deserialize(deserializer)?;
    if tokens.is_some_and(|tokens| tokens.0 < Tokens::ZERO) {
        return Err(D::Error::custom(NEGATIVE));
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<i64, String> {
        crate::parse::<TokenNumber>(json.as_bytes())
            .map(|number| number.0.micros())
            .map_err(|error| error.what)
    }

    #[test]
    fn numbers_are_read_from_their_text() {
        assert_eq!(read("7"), Ok(7_000_000));
        assert_eq!(read("9007199254.740993"), Ok(9_007_199_254_740_993));
        assert_eq!(read("9223372036854.775807"), Ok(i64::MAX));
        assert_eq!(read("1.5e2"), Ok(150_000_000));
        assert_eq!(read("\"7\""), Err("string found, number expected".to_owned()));
        assert_eq!(read("null"), Err("null found, number expected".to_owned()));
        assert_eq!(read("[1]"), Err("array found, number expected".to_owned()));
        assert_eq!(read("0.0000001"), Err("has more than six decimals".to_owned()));
        assert!(read("1e300").is_err_and(|what| what.starts_with("is out of range")));
        assert!(read("NaN").is_err_and(|what| what.starts_with("is not JSON")));
    }

    #[test]
    fn numbers_are_written_exactly() {
        for micros in [0, 1, -1, 250_000, 7_000_000, i64::MAX, 9_007_199_254_740_993] {
            let number = TokenNumber(Tokens::from_micros(micros));
            let json = serde_json::to_string(&number).expect("it is written");
            assert_eq!(json, number.0.to_string());
            assert_eq!(read(&json), Ok(micros));
        }
    }
}
