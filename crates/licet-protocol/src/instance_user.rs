//! Users of an instance's licence server.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::{
    Moment, Name, Password,
    limits::INSTANCE_ROLES,
    list,
    object::{object, string_enum},
};

string_enum! {
    /// What a user of an instance may do.
    pub enum InstanceRole {
        /// Queries; the only role if none is given.
        Read = "ROLE_READ",
        /// Add and delete reservations.
        Reservations = "ROLE_RESERVATIONS",
        /// Drop served clients.
        DropClient = "ROLE_DROPCLIENT",
        /// Users, settings, licensing keys, model definitions, suspending and resuming.
        Admin = "ROLE_ADMIN",
        /// Exchange files with the back office.
        Offline = "ROLE_OFFLINE",
        /// Ask for features.
        Capability = "ROLE_CAPABILITY",
        /// Settings that are the producer's; the built-in user `producer` alone has it.
        Producer = "ROLE_PRODUCER",
    }
}

/// A bearer token of a user of an instance.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceToken {
    /// It is refused from then on.
    pub expires: Moment,
    /// For the header `Authorization: Bearer …`.
    pub token: String,
}

impl fmt::Debug for InstanceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstanceToken").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// A password for the built-in user `admin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self")]
#[schema(example = json!({"password": "Orange-Tree-7"}))]
pub struct AdminPassword {
    /// 8 to 30 characters with upper case, lower case, a digit and one of
    /// `( ^ * $ - + ? _ & = ! % { } / #`, no spaces.
    pub password: Password,
}
object!(AdminPassword: Serialize);

/// A user to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self")]
#[schema(example = json!({
    "user": "grace", "password": "Orange-Tree-7", "roles": ["ROLE_READ", "ROLE_RESERVATIONS"],
}))]
pub struct InstanceUserIn {
    /// Log-in name.
    pub user: Name,
    /// 8 to 30 characters with upper case, lower case, a digit and one of
    /// `( ^ * $ - + ? _ & = ! % { } / #`, no spaces.
    pub password: Password,
    /// What the user may do; `ROLE_READ` if there is none.
    #[serde(default, deserialize_with = "roles")]
    #[schema(max_items = 16)]
    pub roles: Vec<InstanceRole>,
}
object!(InstanceUserIn: Serialize);

/// What shall be different about a user; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self")]
#[schema(example = json!({"roles": ["ROLE_READ"], "disabled": false}))]
pub struct InstanceUserPatch {
    /// A new password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Password>,
    /// What the user may do, in place of what it may now.
    #[serde(
        default,
        deserialize_with = "list::bounded_opt::<_, _, INSTANCE_ROLES>",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(max_items = 16)]
    pub roles: Option<Vec<InstanceRole>>,
    /// Whether log-ins are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}
object!(InstanceUserPatch: Serialize);

fn roles<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<InstanceRole>, D::Error> {
    list::bounded::<_, _, INSTANCE_ROLES>(deserializer)
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "user": "admin", "builtIn": true, "hasPassword": true, "disabled": false,
    "roles": ["ROLE_READ", "ROLE_RESERVATIONS", "ROLE_DROPCLIENT", "ROLE_ADMIN", "ROLE_OFFLINE"],
    "modified": "2026-03-01T17:00:00.000Z",
}))]
pub struct InstanceUserOut {
    /// Log-in name.
    pub user: String,
    /// What the user may do.
    pub roles: Vec<InstanceRole>,
    /// Whether every instance has this user; it cannot be deleted.
    pub built_in: bool,
    /// Whether the user was ever given a password; until then it cannot log in.
    pub has_password: bool,
    /// Whether log-ins are refused.
    pub disabled: bool,
    /// When the user was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Moment>,
}

/// All users of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceUsers {
    /// When the list was read.
    pub as_of: Moment,
    /// The built-in users, then the others by name.
    pub users: Vec<InstanceUserOut>,
}
