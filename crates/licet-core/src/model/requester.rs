//! Who asks for features, as far as rules look at it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::rule::Dictionary;

/// The type of a hostid that names none.
const STRING: &str = "STRING";

/// What identifies a device or a user: a value and its type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostId {
    value: Box<str>,
    /// In upper case.
    kind: Box<str>,
}

impl HostId {
    /// Upper and lower case are the same in the type, such as `ETHERNET`; the empty one is
    /// `STRING`.
    #[must_use]
    pub fn new(value: &str, kind: &str) -> Self {
        let kind = if kind.is_empty() { STRING.into() } else { kind.to_uppercase().into() };
        Self { value: value.into(), kind }
    }

    /// A hostid as models write it: `value/TYPE`, or the value alone of type `STRING`. What is
    /// behind the last slash is the type.
    #[must_use]
    pub fn from_written(text: &str) -> Self {
        let (value, kind) = text.rsplit_once('/').unwrap_or((text, STRING));
        Self::new(value, kind)
    }

    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Its type, in upper case.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    pub(super) fn is_string(&self) -> bool {
        &*self.kind == STRING
    }
}

/// As models write it, with the type only where it must be.
impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_string() && !self.value.contains('/') {
            true => f.write_str(&self.value),
            false => write!(f, "{}/{}", self.value, self.kind),
        }
    }
}

/// Who asks. A requester may have several hostids: of a device, and of its user.
#[derive(Debug, Clone, Copy)]
pub struct Requester<'a> {
    pub host_ids: &'a [HostId],
    /// Also called device name.
    pub host_name: Option<&'a str>,
    /// Also called device type.
    pub host_type: Option<&'a str>,
    /// The vendor dictionary; integers are in it as decimal text.
    pub dictionary: &'a Dictionary,
}
