//! Public keys that verify the tokens of an instance's clients.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Moment;

/// A licensing key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "publicKey": "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    "created": "2026-03-01T17:00:00.000Z",
}))]
pub struct LicensingKeyOut {
    /// DER in Base64.
    pub public_key: String,
    /// Id of the key: as given with the upload, or the thumbprint of RFC 7638.
    pub kid: String,
    /// When it was uploaded.
    pub created: Moment,
}

/// All licensing keys of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LicensingKeys {
    /// When the list was read.
    pub as_of: Moment,
    /// The oldest key, for who knows of one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// All keys, the oldest first.
    pub keys: Vec<LicensingKeyOut>,
}
