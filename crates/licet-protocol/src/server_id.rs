//! The short form of an instance id.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error};
use uuid::Uuid;

/// Upper-case letters and digits without those that people take for one another (Crockford's
/// Base32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Five bits each; two more than an id has.
const CHARS: usize = 26;

/// An instance id in its short upper-case form, 26 characters, as licence servers show it. It is
/// the same id in other letters: nothing has to be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ServerId(pub Uuid);

impl ServerId {
    /// What is read as one: the UUID, or the short form.
    pub const PATTERN: &str = "^([0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\
        |[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25})$";
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0.as_u128();
        for place in (0..CHARS).rev() {
            let digit = (bits >> (5 * place)) & 31;
            // Five bits are always within the alphabet.
            write!(f, "{}", char::from(ALPHABET[digit as usize]))?;
        }
        Ok(())
    }
}

/// A text that is no instance id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoInstanceId;

impl fmt::Display for NoInstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be the id of an instance: a UUID, or its short form of 26 characters")
    }
}

impl std::error::Error for NoInstanceId {}

impl<'de> Deserialize<'de> for ServerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not a borrowed text, because of escapes.
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Reads an instance id in either form: the UUID, or the short one in letters of any case.
impl FromStr for ServerId {
    type Err = NoInstanceId;

    fn from_str(text: &str) -> Result<Self, NoInstanceId> {
        if text.len() == CHARS {
            return short(text).ok_or(NoInstanceId);
        }
        // Only the form with hyphens: one id shall not have many spellings.
        let is_hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
        let id = is_hyphenated.then(|| Uuid::try_parse(text).ok()).flatten();
        id.map(Self).ok_or(NoInstanceId)
    }
}

fn short(text: &str) -> Option<ServerId> {
    let mut bits: u128 = 0;
    for (index, byte) in text.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|known| *known == byte.to_ascii_uppercase())?;
        // The first character has room for three bits only.
        if index == 0 && digit > 7 {
            return None;
        }
        bits = (bits << 5) | digit as u128;
    }
    Some(ServerId(Uuid::from_u128(bits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_the_same_id() {
        for bits in [0, 1, 31, 32, u128::MAX, 0x0d6f_0a3e_6b0f_4f0e_9a43_5f3f_0d0b_8c11] {
            let id = ServerId(Uuid::from_u128(bits));
            let text = id.to_string();
            assert_eq!(text.len(), CHARS);
            assert_eq!(text, text.to_uppercase());
            assert_eq!(text.parse(), Ok(id));
            assert_eq!(text.to_lowercase().parse(), Ok(id));
            assert_eq!(id.0.to_string().parse(), Ok(id));
        }
        assert_eq!(
            ServerId(Uuid::from_u128(u128::MAX)).to_string(),
            format!("7{}", "Z".repeat(25))
        );
    }

    #[test]
    fn anything_else_is_none() {
        let too_large = format!("8{}", "0".repeat(25));
        let letter = format!("U{}", "0".repeat(25));
        for text in ["", "~", "0", &too_large, &letter, &"é".repeat(13), &"0".repeat(32)] {
            assert_eq!(text.parse::<ServerId>(), Err(NoInstanceId), "{text}");
        }
    }
}
