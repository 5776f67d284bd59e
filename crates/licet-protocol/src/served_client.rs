//! Served clients and their hosts.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{End, FeatureVersion, Moment, object::string_enum};

string_enum! {
    /// How a client is served.
    pub enum ServedStatus {
        /// All that it holds is owned, or may be overdrawn.
        Normal = "NORMAL",
        /// A feature that it holds is in use beyond what is owned and may be overdrawn.
        Overage = "OVERAGE",
    }
}

string_enum! {
    /// What a hostid is of.
    pub enum HostKind {
        /// A hostid of any other type than `USER`.
        Device = "DEVICE",
        /// A hostid of type `USER`.
        User = "USER",
    }
}

/// What a device or a user is known by, as lists of clients write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"hostidValue": "02AB34CD56EF", "hostidType": "ETHERNET"}))]
pub struct ClientHostId {
    /// The id.
    pub hostid_value: String,
    /// In upper case, such as `STRING`, `ETHERNET` or `USER`.
    pub hostid_type: String,
}

/// A client with what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": 7749, "servedStatus": "NORMAL",
    "requestHostid": {"hostidValue": "02AB34CD56EF", "hostidType": "ETHERNET"},
    "hostids": [{"hostidValue": "alice", "hostidType": "USER"}], "hostName": "ws-17",
    "firstSeen": "2026-03-01T17:00:00.000Z", "lastSeen": "2026-03-02T09:12:00.000Z",
    "features": [{
        "featureId": 7, "featureName": "render", "featureVersion": "2.0", "count": 1,
        "expires": "2026-03-02T17:12:00.000Z", "activationId": "act-0001", "pool": "default",
    }],
}))]
pub struct ClientOut {
    /// Number of the client within its instance.
    pub id: u64,
    /// How it is served.
    pub served_status: ServedStatus,
    /// The host that holds what is served.
    pub request_hostid: ClientHostId,
    /// Others by which it is known, such as its user.
    pub hostids: Vec<ClientHostId>,
    /// Name of the device, if the client told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_name: Option<String>,
    /// Type of the device, if the client told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_type: Option<String>,
    /// When it came.
    pub first_seen: Moment,
    /// When it was last served.
    pub last_seen: Moment,
    /// What it holds; a client without any is one that may still undo what it reported.
    pub features: Vec<ClientFeature>,
}

/// What a client holds of a feature of a line item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "featureId": 7, "featureName": "render", "featureVersion": "2.0", "count": 1,
    "expires": "2026-03-02T17:12:00.000Z", "activationId": "act-0001", "pool": "default",
}))]
pub struct ClientFeature {
    /// Number of the feature within its instance.
    pub feature_id: u64,
    /// Name of the feature.
    pub feature_name: String,
    /// Version of the feature.
    pub feature_version: FeatureVersion,
    /// So many are held.
    pub count: u64,
    /// When they are free again by themselves.
    pub expires: End,
    /// Key of the line item within the instance.
    pub activation_id: String,
    /// The pool that they belong to while they are held.
    pub pool: String,
    /// The reservation that they come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation_id: Option<u64>,
}

/// A device or a user with what is held under its hostid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "hostid": {"hostidValue": "alice", "hostidType": "USER"}, "kind": "USER",
    "clients": [7749, 7801],
    "features": [{
        "name": "render", "version": "2.0", "count": 2,
        "nextExpiration": "2026-03-02T17:12:00.000Z",
    }],
}))]
pub struct HostOut {
    /// What it is known by.
    pub hostid: ClientHostId,
    /// What it is.
    pub kind: HostKind,
    /// Numbers of the clients that gave this hostid, in the order in which they came.
    pub clients: Vec<u64>,
    /// What they hold, by name and version.
    pub features: Vec<HostFeature>,
}

/// What is held of a feature under a hostid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "name": "render", "version": "2.0", "count": 2, "nextExpiration": "2026-03-02T17:12:00.000Z",
}))]
pub struct HostFeature {
    /// Name of the feature.
    pub name: String,
    /// Version of the feature.
    pub version: FeatureVersion,
    /// So many are held by all clients of the host together.
    pub count: u64,
    /// When the first of them are free again by themselves.
    pub next_expiration: End,
}
