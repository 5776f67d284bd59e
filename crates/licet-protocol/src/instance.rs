//! Instances: one customer's pools of rights.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Millis, Name, object::object};

/// An instance to be made. The first one of an account becomes its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
#[schema(example = json!({"shortName": "NORTHWIND-def-inst", "accountId": "NORTHWIND"}))]
pub struct InstanceIn {
    /// A name for people.
    pub short_name: Name,
    /// The customer whose line items it holds.
    pub account_id: Name,
}
object!(InstanceIn: Serialize);

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11", "shortName": "NORTHWIND-def-inst",
    "accountId": "NORTHWIND", "defaultInstance": true,
    "created": 1_763_769_600_000_i64, "modified": 1_763_769_600_000_i64,
}))]
pub struct InstanceOut {
    /// Made by the server.
    pub id: Uuid,
    /// A name for people.
    pub short_name: String,
    /// The customer whose line items it holds.
    pub account_id: String,
    /// Whether it is the account's default.
    pub default_instance: bool,
    /// When it was made.
    pub created: Millis,
    /// When it was last changed.
    pub modified: Millis,
}

/// A page of instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstancePage {
    /// The instances.
    pub content: Vec<InstanceOut>,
    /// Ask for the next page with it; 0 if this is the last.
    #[schema(example = 0)]
    pub next: u64,
}

/// An instance as the operations show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11", "serverId": "0DDW53WTRF9W79MGTZ7W6GQ30H",
    "shortName": "NORTHWIND-def-inst", "accountId": "NORTHWIND", "default": true,
    "created": 1_763_769_600_000_i64, "modified": 1_763_769_600_000_i64,
}))]
pub struct InstanceDetail {
    /// Made by the server.
    pub id: Uuid,
    /// The id in its short upper-case form; every path takes either.
    pub server_id: String,
    /// A name for people.
    pub short_name: String,
    /// The customer whose line items it holds.
    pub account_id: String,
    /// Whether it is the account's default.
    pub default: bool,
    /// When it was made.
    pub created: Millis,
    /// When it was last changed.
    pub modified: Millis,
}
