//! Versions of features.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How many numbers a version has at most.
const MAX_PARTS: usize = 4;

/// A version of a feature, compared number by number: 2.0 is below 2.10, and 2 equals 2.0.
///
/// Version 0 is below all others. A request for it, or without a version, takes any.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Version([u32; MAX_PARTS]);

/// Why a text is not a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VersionError {
    #[error("a version is one to four whole numbers with dots between them, such as 2.0")]
    NotNumbers,
    #[error("a number of a version is at most {}", u32::MAX)]
    OutOfRange,
}

impl Version {
    /// Version 0.
    pub const ANY: Self = Self([0; MAX_PARTS]);

    #[must_use]
    pub fn is_any(self) -> bool {
        self == Self::ANY
    }
}

impl FromStr for Version {
    type Err = VersionError;

    /// The empty text is version 0.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        let mut parts = [0; MAX_PARTS];
        if text.is_empty() {
            return Ok(Self(parts));
        }
        for (index, number) in text.split('.').enumerate() {
            let part = parts.get_mut(index).ok_or(VersionError::NotNumbers)?;
            if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(VersionError::NotNumbers);
            }
            *part = number.parse().map_err(|_| VersionError::OutOfRange)?;
        }
        Ok(Self(parts))
    }
}

/// With at least two numbers, and no more than it needs.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, rest @ ..] = self.0;
        write!(f, "{major}.{minor}")?;
        let needed = rest.iter().rposition(|part| *part != 0).map_or(0, |last| last + 1);
        rest[..needed].iter().try_for_each(|part| write!(f, ".{part}"))
    }
}
