//! The user `producer` of the licence servers of all instances.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Millis, Password, object::object};

/// How the user shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self")]
#[schema(example = json!({"enabled": true, "password": "Orange-Tree-7"}))]
pub struct ProducerUserIn {
    /// Whether it can log in, on every instance.
    pub enabled: bool,
    /// A new password; without it the user keeps the one that it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Password>,
}
object!(ProducerUserIn: Serialize);

/// How the user is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "user": "producer", "enabled": true, "hasPassword": true,
    "modified": 1_763_769_600_000_i64, "updatedBy": "admin",
}))]
pub struct ProducerUserOut {
    /// Log-in name: `producer`.
    pub user: String,
    /// Whether it can log in, on every instance.
    pub enabled: bool,
    /// Whether it was ever given a password.
    pub has_password: bool,
    /// When it was last set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Millis>,
    /// Who last set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<String>,
}
