//! What a licence server tells of itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Moment;

/// How a licence server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"LLS": {
    "version": "0.1.0", "serverInstanceID": "01TS7Z4BQMBX4Y6T5AQW8T41G9",
    "database": {"connectionCheck": "success"}, "security": "enabled", "httpAuth": "enabled",
    "licensingSecurityJSON": "enabled", "diskspace": "ok", "state": "RUNNING",
}}))]
pub struct LicenseServerHealth {
    /// The server of the instance.
    #[serde(rename = "LLS")]
    pub server: ServerHealth,
}

/// How the server of an instance is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerHealth {
    /// Release of the server.
    pub version: String,
    /// The instance's id in its short form.
    #[serde(rename = "serverInstanceID")]
    pub server_instance_id: String,
    /// The store.
    pub database: DatabaseHealth,
    /// `enabled`: administration needs credentials.
    pub security: String,
    /// `enabled` if credentials are taken over plain HTTP, else `disabled`.
    pub http_auth: String,
    /// `enabled` if access requests need a signed token, else `disabled`.
    #[serde(rename = "licensingSecurityJSON")]
    pub licensing_security_json: String,
    /// `ok`; `low` if the store's disk is nearly full; `unknown` if the store is elsewhere.
    pub diskspace: String,
    /// `RUNNING` or `SUSPENDED`.
    pub state: String,
}

/// How the store of a server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseHealth {
    /// `success` if it takes writes, else `failure`.
    pub connection_check: String,
}

/// The release of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"name": "licet", "version": "0.1.0"}))]
pub struct LicenseServerVersion {
    /// `licet`.
    pub name: String,
    /// Release of the server.
    pub version: String,
}

/// What a server or a client is known by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"type": "STRING", "value": "01TS7Z4BQMBX4Y6T5AQW8T41G9"}))]
pub struct HostIdOut {
    /// In upper case, such as `STRING`, `ETHERNET` or `USER`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The Ethernet address of a server has twelve upper-case digits without colons.
    pub value: String,
}

/// Host ids of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostIds {
    /// When they were read.
    pub as_of: Moment,
    /// The selected one first.
    pub hostids: Vec<HostIdOut>,
}

/// What a server is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "asOf": "2026-03-01T17:00:00.000Z", "id": "0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11",
    "serverId": "0DDW53WTRF9W79MGTZ7W6GQ311", "shortName": "NORTHWIND-def-inst",
    "accountId": "NORTHWIND", "version": "0.1.0", "state": "RUNNING",
}))]
pub struct LicenseServerStatus {
    /// When it was read.
    pub as_of: Moment,
    /// The instance.
    pub id: Uuid,
    /// The instance's id in its short form.
    pub server_id: String,
    /// A name of the instance for people.
    pub short_name: String,
    /// The customer whose rights it serves.
    pub account_id: String,
    /// Release of the server.
    pub version: String,
    /// `RUNNING`, or `SUSPENDED`: nothing new is served, and what was served stays so.
    pub state: String,
}
