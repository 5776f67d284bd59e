//! Keys that sign the site's answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Millis, PublicJwk,
    object::{object, string_enum},
};

string_enum! {
    /// How answers are signed.
    #[derive(Default)]
    pub enum SigningAlgorithm {
        /// Ed25519: small and fast.
        #[default]
        EdDsa = "EdDSA",
        /// RSA with SHA-256, for verifiers that know nothing newer.
        Rs256 = "RS256",
    }
}

string_enum! {
    /// What a signing key does now.
    pub enum SigningKeyState {
        /// It is published and will sign.
        Pending = "PENDING",
        /// It is published and signs.
        Signing = "SIGNING",
        /// It is published, so that what it signed can be verified.
        Retired = "RETIRED",
    }
}

/// A new key that takes over signing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
#[schema(example = json!({"algorithm": "EdDSA", "activateAfterSeconds": 600}))]
pub struct SigningKeyIn {
    /// How it signs.
    #[serde(default)]
    #[schema(inline)]
    pub algorithm: SigningAlgorithm,
    /// Seconds until it signs, 0 to 2592000 (30 days). In between whoever keeps a copy of the
    /// JWKS gets to know it. The first key of its algorithm signs at once. Default 600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 2_592_000)]
    pub activate_after_seconds: Option<i64>,
    /// Seconds for which the keys before stay published after they signed last, 0 to 316224000
    /// (ten years). As long as anything that they signed is to be verified. Default 2592000
    /// (30 days).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 316_224_000)]
    pub overlap_seconds: Option<i64>,
}
object!(SigningKeyIn: Serialize);

/// A key that signs the site's answers, or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SigningKeyOut {
    /// Thumbprint of the public key (RFC 7638); signed documents name it.
    #[schema(example = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")]
    pub kid: String,
    /// How it signs.
    pub algorithm: SigningAlgorithm,
    /// What it does now.
    pub state: SigningKeyState,
    /// When it was made.
    pub created: Millis,
    /// From then on it signs.
    pub activates: Millis,
    /// From then on it signs no more; left out while nothing takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retires: Option<Millis>,
    /// From then on it is not published any more, and what it signed cannot be verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
    /// The public half.
    pub public_key: PublicJwk,
}

/// All signing keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SigningKeys {
    /// The keys, oldest first.
    pub keys: Vec<SigningKeyOut>,
}
