//! The two versions of the elastic API.

use std::{fmt, str::FromStr};

/// A version of the elastic API, as the path names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ApiVersion {
    /// Item codes of three digits; no formulas, no `resetFrequency`.
    V1_0,
    /// Item codes of four digits.
    #[default]
    V1_1,
}

impl ApiVersion {
    /// The segment of the path, `v1.0` or `v1.1`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1_0 => "v1.0",
            Self::V1_1 => "v1.1",
        }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ApiVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "v1.0" => Ok(Self::V1_0),
            "v1.1" => Ok(Self::V1_1),
            _ => Err("is neither v1.0 nor v1.1".to_owned()),
        }
    }
}
