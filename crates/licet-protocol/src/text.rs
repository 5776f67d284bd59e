//! Strings of bounded length.

use std::{fmt, marker::PhantomData, ops::Deref, sync::Arc};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

use crate::limits;

/// A [`Text`] that is cheap to clone.
pub type SharedText = Text<Arc<str>>;
/// A [`Name`] that is cheap to clone.
pub type SharedName = Name<Arc<str>>;

struct TextVisitor<S> {
    min: usize,
    max: usize,
    result: PhantomData<S>,
}

impl<S: for<'a> From<&'a str>> Visitor<'_> for TextVisitor<S> {
    type Value = S;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<S, E> {
        check(text, self.min, self.max).map_err(E::custom)?;
        Ok(S::from(text))
    }
}

/// Says what is wrong with the length or the characters of a text.
pub(crate) fn check(text: &str, min: usize, max: usize) -> Result<(), String> {
    check_length(text, min, max)?;
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return Err("must not contain control characters".to_owned());
    }
    Ok(())
}

pub(crate) fn check_length(text: &str, min: usize, max: usize) -> Result<(), String> {
    // Bytes are at least as many as characters, so most texts need no counting.
    if text.len() > max && text.chars().count() > max {
        return Err(format!("must be at most {max} characters long"));
    }
    if text.len() < min && text.chars().count() < min {
        return Err(format!("must be at least {min} characters long"));
    }
    Ok(())
}

/// Reads a string of up to `MAX` characters, line breaks among them.
pub(crate) fn bounded<'de, D: Deserializer<'de>, const MAX: usize>(
    deserializer: D,
) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    check_length(&text, 1, MAX).map_err(D::Error::custom)?;
    Ok(text)
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $min:literal, $schema_doc:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name<S = String>(pub S);

        impl<S> $name<S> {
            /// The string inside.
            pub fn into_inner(self) -> S {
                self.0
            }
        }

        impl<S: Deref<Target = str>> $name<S> {
            /// The string inside.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<S: Deref<Target = str>> Deref for $name<S> {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        /// Takes the string as it is: limits hold for what is read, not for what is made here.
        impl<S: for<'a> From<&'a str>> From<&str> for $name<S> {
            fn from(text: &str) -> Self {
                Self(S::from(text))
            }
        }

        impl<S: From<String>> From<String> for $name<S> {
            fn from(text: String) -> Self {
                Self(S::from(text))
            }
        }

        impl<S: Deref<Target = str>> fmt::Display for $name<S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<S: Deref<Target = str>> PartialEq<str> for $name<S> {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl<S: Deref<Target = str>> PartialEq<&str> for $name<S> {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }

        impl<S: Deref<Target = str>> Serialize for $name<S> {
            fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de, S: for<'a> From<&'a str>> Deserialize<'de> for $name<S> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let max = limits::TEXT_CHARS;
                let visitor = TextVisitor { min: $min, max, result: PhantomData };
                deserializer.deserialize_str(visitor).map(Self)
            }
        }

        impl<S> PartialSchema for $name<S> {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some($schema_doc))
                    .min_length(($min > 0).then_some($min))
                    .max_length(Some(limits::TEXT_CHARS))
                    .pattern(Some(r"^[^\x00-\x1f\x7f]*$"))
                    .into()
            }
        }

        impl<S> ToSchema for $name<S> {}
    };
}

text_type! {
    /// A string of 0 to 256 characters, none of them a control character.
    Text, 0, "Up to 256 characters, none of them a control character."
}
text_type! {
    /// A string of 1 to 256 characters, none of them a control character.
    Name, 1, "1 to 256 characters, none of them a control character."
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Name, String> {
        let json = serde_json::to_vec(text).map_err(|error| error.to_string())?;
        crate::parse(&json).map_err(|error| error.what)
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        assert!(read(&"ü".repeat(256)).is_ok());
        assert_eq!(read(&"ü".repeat(257)), Err("must be at most 256 characters long".to_owned()));
        assert_eq!(read(""), Err("must be at least 1 characters long".to_owned()));
        assert_eq!(read("a\u{0}"), Err("must not contain control characters".to_owned()));
        assert!(crate::parse::<Text>(b"\"\"").is_ok());
    }
}
