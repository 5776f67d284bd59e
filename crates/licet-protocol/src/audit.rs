//! The audit log: who changed what.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::Millis;

/// A change that somebody made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// When.
    pub at: Millis,
    /// Who: a user's name or a key's id.
    #[schema(example = "admin")]
    pub actor: String,
    /// What was done.
    #[schema(example = "line-item.put")]
    pub action: String,
    /// To what, such as an activation ID.
    #[schema(example = "NW-2026-01")]
    pub object: String,
    /// Id of the request, as in the server's log.
    pub request_id: String,
    /// As it was, without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub before: Option<Box<RawValue>>,
    /// As it is now, without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub after: Option<Box<RawValue>>,
}

/// A page of the audit log, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The changes.
    pub entries: Vec<AuditEntry>,
    /// Ask for the next page with it, as `before`; "0" if this is the last. It is a string,
    /// because it has more digits than many programs keep of a number.
    #[serde(with = "digits")]
    #[schema(value_type = String, pattern = "^[0-9]+$", example = "0")]
    pub next: u64,
}

/// A number as a string of its digits.
mod digits {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
