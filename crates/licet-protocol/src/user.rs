//! Users of the console and the command line.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type},
};
use uuid::Uuid;

use crate::{Millis, Name, limits::PASSWORD_CHARS, object::object, text};

/// A password. It is never shown, not even for debugging.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Password(String);

impl Password {
    /// The password in clear.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(password: String) -> Self {
        Self(password)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let password = String::deserialize(deserializer)?;
        text::check_length(&password, 1, PASSWORD_CHARS).map_err(D::Error::custom)?;
        Ok(Self(password))
    }
}

impl PartialSchema for Password {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
            .min_length(Some(1))
            .max_length(Some(PASSWORD_CHARS))
            .into()
    }
}

impl ToSchema for Password {}

/// Asks for a bearer token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(remote = "Self")]
#[schema(example = json!({"user": "admin", "password": "correct horse battery staple"}))]
pub struct AuthorizeRequest {
    /// Log-in name.
    pub user: Name,
    /// Password.
    pub password: Password,
}
object!(AuthorizeRequest: Serialize);

/// A bearer token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuthorizeAnswer {
    /// For the header `Authorization: Bearer …`.
    pub token: String,
    /// It is refused from then on.
    pub expires: Millis,
}

impl fmt::Debug for AuthorizeAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizeAnswer").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// A user to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
#[schema(example = json!({
    "user": "grace", "password": "correct horse battery staple",
    "role": "CUSTOMER_ADMINISTRATOR", "accountId": "NORTHWIND",
}))]
pub struct UserIn {
    /// Log-in name.
    pub user: Name,
    /// Password.
    pub password: Password,
    /// What the user may do: `ADMINISTRATOR`, `PRODUCER`, `VIEWER`, `CUSTOMER_ADMINISTRATOR` or
    /// `CUSTOMER_VIEWER`.
    pub role: Name,
    /// The customer that a user of a customer belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<Name>,
}
object!(UserIn: Serialize);

/// What shall be different about a user; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
#[schema(example = json!({"disabled": true}))]
pub struct UserPatch {
    /// A new password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Password>,
    /// What the user may do; needs `accountId` if it is a role of a customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Name>,
    /// The customer that a user of a customer belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<Name>,
    /// Whether log-ins are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}
object!(UserPatch: Serialize);

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserOut {
    /// Log-in name.
    pub user: String,
    /// What the user may do.
    pub role: String,
    /// The customer that a user of a customer belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Whether log-ins are refused.
    pub disabled: bool,
    /// When the user was made.
    pub created: Millis,
    /// When the user was last changed.
    pub modified: Millis,
}

/// A page of users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserPage {
    /// The users.
    pub users: Vec<UserOut>,
    /// Ask for the next page with it; 0 if this is the last.
    #[schema(example = 0)]
    pub next: u64,
}

/// A new password for oneself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
#[schema(example = json!({
    "oldPassword": "correct horse battery staple", "newPassword": "staple battery horse correct",
}))]
pub struct PasswordChange {
    /// The password as it is.
    pub old_password: Password,
    /// The password as it shall be.
    pub new_password: Password,
}
object!(PasswordChange: Serialize);

/// The caller as the server knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "name": "grace", "kind": "USER", "role": "CUSTOMER_ADMINISTRATOR",
    "accountIds": ["NORTHWIND"], "permissions": ["instances_read", "usage_read"],
}))]
pub struct Me {
    /// A user's name or a key's id.
    pub name: String,
    /// `USER`, `INSTANCE_USER`, `ADMINISTRATION_KEY` or `CLIENT_KEY`.
    pub kind: String,
    /// What a user may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The accounts that the caller is confined to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_ids: Option<Vec<String>>,
    /// The instances that the caller is confined to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_ids: Option<Vec<Uuid>>,
    /// What the caller may do there.
    pub permissions: Vec<String>,
}
