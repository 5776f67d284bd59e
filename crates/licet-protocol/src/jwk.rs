//! Public keys as JSON (RFC 7517).

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{SigningAlgorithm, object::string_enum};

/// A public key. Binary values are Base64url without padding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kty")]
pub enum PublicJwk {
    /// On an Edwards curve (RFC 8037).
    #[serde(rename = "OKP")]
    Okp {
        /// `Ed25519`.
        #[schema(example = "Ed25519")]
        crv: String,
        /// The key.
        #[schema(example = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
        x: String,
    },
    /// RSA.
    #[serde(rename = "RSA")]
    Rsa {
        /// Exponent.
        #[schema(example = "AQAB")]
        e: String,
        /// Modulus.
        n: String,
    },
}

impl PublicJwk {
    /// What its thumbprint is the hash of: its required members in order (RFC 7638, 3).
    #[must_use]
    pub fn thumbprint_input(&self) -> String {
        match self {
            Self::Okp { crv, x } => {
                format!(r#"{{"crv":{},"kty":"OKP","x":{}}}"#, json!(crv), json!(x))
            }
            Self::Rsa { e, n } => format!(r#"{{"e":{},"kty":"RSA","n":{}}}"#, json!(e), json!(n)),
        }
    }
}

string_enum! {
    /// What a published key is for.
    pub enum KeyUse {
        /// It verifies signatures.
        Signature = "sig",
    }
}

/// A public key that verifies what this server signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublishedJwk {
    /// Thumbprint of the key (RFC 7638); signed documents name it.
    #[schema(example = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")]
    pub kid: String,
    /// The one algorithm that it is used with.
    pub alg: SigningAlgorithm,
    /// What it is for.
    #[serde(rename = "use")]
    pub usage: KeyUse,
    /// The key itself.
    #[serde(flatten)]
    pub key: PublicJwk,
}

/// All public keys that verify what this server signs, or signed lately (RFC 7517, 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JwkSet {
    /// The keys.
    pub keys: Vec<PublishedJwk>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_look_as_in_the_standard() {
        let key = PublicJwk::Okp { crv: "Ed25519".into(), x: "11qY".into() };
        assert_eq!(key.thumbprint_input(), r#"{"crv":"Ed25519","kty":"OKP","x":"11qY"}"#);
        let (alg, usage) = (SigningAlgorithm::EdDsa, KeyUse::Signature);
        let published = PublishedJwk { kid: "k".into(), alg, usage, key };
        let expected = json!({
            "kid": "k", "alg": "EdDSA", "use": "sig", "kty": "OKP", "crv": "Ed25519", "x": "11qY",
        });
        assert_eq!(serde_json::to_value(&published).expect("it is JSON"), expected);
        assert_eq!(serde_json::from_value::<PublishedJwk>(expected).expect("its own"), published);
        let rsa = r#"{"e":"AQAB","kty":"RSA","n":"0vx7"}"#;
        let key: PublicJwk = serde_json::from_str(rsa).expect("it is a key");
        assert_eq!(key.thumbprint_input(), rsa);
    }
}
