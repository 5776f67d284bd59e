//! Numbers of licences, where there may be no number.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, ObjectBuilder, OneOfBuilder, RefOr, Schema, SchemaFormat, schema::Type,
    },
};

/// A count that JSON writes as a number, or as one word in place of it.
trait CountOrWord: Sized {
    const WORD: &'static str;

    fn count(count: u64) -> Self;
    fn word() -> Self;
}

struct CountOrWordVisitor<T>(PhantomData<T>);

impl<T: CountOrWord> Visitor<'_> for CountOrWordVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a count")
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<T, E> {
        Ok(T::count(count))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        if text == T::WORD {
            return Ok(T::word());
        }
        Err(E::custom(format_args!("must be a whole number or {:?}", T::WORD)))
    }
}

fn schema<T: CountOrWord>() -> RefOr<Schema> {
    let number = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(0));
    let word = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([T::WORD]));
    OneOfBuilder::new().item(number).item(word).into()
}

macro_rules! count_or_word {
    ($(#[$doc:meta])* $name:ident, $(#[$word_doc:meta])* $variant:ident = $word:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            /// So many.
            Count(u64),
            $(#[$word_doc])*
            $variant,
        }

        impl CountOrWord for $name {
            const WORD: &'static str = $word;

            fn count(count: u64) -> Self {
                Self::Count(count)
            }

            fn word() -> Self {
                Self::$variant
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    Self::Count(count) => serializer.serialize_u64(*count),
                    Self::$variant => serializer.serialize_str($word),
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(CountOrWordVisitor(PhantomData))
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                schema::<Self>()
            }
        }

        impl ToSchema for $name {}
    };
}

count_or_word! {
    /// How many licences of a feature there are.
    FeatureCount,
    /// As many as anybody wants.
    Uncounted = "uncounted"
}
count_or_word! {
    /// How many licences of a feature may be used beyond what is owned.
    FeatureOverdraft,
    /// As many as anybody wants.
    Unlimited = "unlimited"
}

impl FeatureCount {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Count(one), Self::Count(other)) => Self::Count(one.saturating_add(other)),
            _ => Self::Uncounted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_numbers_or_one_word() {
        for (count, json) in [
            (FeatureCount::Count(0), "0"),
            (FeatureCount::Count(1 << 53), "9007199254740992"),
            (FeatureCount::Uncounted, "\"uncounted\""),
        ] {
            assert_eq!(serde_json::to_string(&count).expect("it is written"), json);
            assert_eq!(crate::parse(json.as_bytes()), Ok(count));
        }
        let word = crate::parse::<FeatureOverdraft>(b"\"unlimited\"");
        assert_eq!(word, Ok(FeatureOverdraft::Unlimited));
        for json in ["\"uncounted\"", "-1", "1.5", "null"] {
            assert!(crate::parse::<FeatureOverdraft>(json.as_bytes()).is_err(), "{json}");
        }
    }

    #[test]
    fn with_what_nobody_counts_a_sum_is_not_counted() {
        let (one, many) = (FeatureCount::Count(1), FeatureCount::Count(u64::MAX));
        assert_eq!(one.plus(one), FeatureCount::Count(2));
        assert_eq!(one.plus(many), many);
        assert_eq!(one.plus(FeatureCount::Uncounted), FeatureCount::Uncounted);
    }
}
