//! What the tests of this folder share: keys that sign tokens, and a store to keep things in.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
        RSA_PSS_SHA256, RsaKeyPair, RsaSignatureEncoding,
    },
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use licet_protocol::KeyIn;
use licet_store::{AuditRow, KeyKind, Site, sqlite::SqliteStore};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    audit::Author,
    authenticator::{Authenticator, SecurityOptions},
    passwords::HashCost,
};

/// 2026-01-01T00:00:00Z
pub(crate) const T0: i64 = 1_767_225_600_000;
/// Hashes that cost nothing.
pub(crate) const CHEAP: HashCost = HashCost { memory_kib: 64, passes: 1 };
pub(super) const INSTANCE: &str = "0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11";

pub(super) fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// A private key of any kind that is accepted.
pub(crate) enum SigningKey {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Rsa(&'static RsaKeyPair),
}

impl SigningKey {
    pub(crate) fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().unwrap())
    }

    pub(crate) fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(super) fn p384() -> Self {
        Self::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap())
    }

    /// The same for all tests: making one takes a while.
    pub(crate) fn rsa() -> Self {
        static RSA: OnceLock<RsaKeyPair> = OnceLock::new();
        Self::Rsa(RSA.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))
    }

    pub(crate) fn public_der(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match self {
            Self::Ed25519(pair) => pair.public_key().as_der(),
            Self::P256(pair) | Self::P384(pair) => pair.public_key().as_der(),
            Self::Rsa(pair) => pair.public_key().as_der(),
        }
        .unwrap();
        der.as_ref().to_vec()
    }

    pub(super) fn private_der(&self) -> Vec<u8> {
        let der: Pkcs8V1Der<'_> = match self {
            Self::Ed25519(pair) => pair.as_der(),
            Self::P256(pair) | Self::P384(pair) => {
                return pair.to_pkcs8v1().unwrap().as_ref().to_vec();
            }
            Self::Rsa(pair) => pair.as_der(),
        }
        .unwrap();
        der.as_ref().to_vec()
    }

    pub(crate) fn public_pem(&self) -> String {
        pem("PUBLIC KEY", &self.public_der())
    }

    pub(super) fn public_pem_pkcs1(&self) -> String {
        let Self::Rsa(pair) = self else { panic!("PKCS#1 is for RSA") };
        pem("RSA PUBLIC KEY", pair.public_key().as_ref())
    }

    pub(super) fn private_pem(&self) -> String {
        pem("PRIVATE KEY", &self.private_der())
    }

    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "EdDSA",
            Self::P256(_) => "ES256",
            Self::P384(_) => "ES384",
            Self::Rsa(_) => "RS256",
        }
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Self::P256(pair) | Self::P384(pair) => {
                pair.sign(&random, message).unwrap().as_ref().to_vec()
            }
            Self::Rsa(pair) => {
                let encoding: &'static RsaSignatureEncoding = match algorithm {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// Signs any header and claims, however wrong.
    pub(crate) fn token(&self, header: &Value, claims: &Value) -> String {
        let signed = unsigned(header, claims);
        let algorithm = header["alg"].as_str().unwrap_or_default();
        let signature = self.sign(algorithm, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Signs these claims as they should be.
    pub(crate) fn mint(&self, claims: &Value) -> String {
        self.token(&json!({ "alg": self.algorithm(), "typ": "JWT" }), claims)
    }
}

/// Header and payload, encoded.
pub(super) fn unsigned(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

/// Claims of an administration token, good for an hour from [`T0`].
pub(crate) fn admin_claims(kid: &str) -> Value {
    json!({
        "iss": "https://issuer.example",
        "iat": T0 / 1000,
        "nbf": T0 / 1000,
        "exp": T0 / 1000 + 3600,
        "cnf": { "jwk": { "kid": kid, "kty": "ADMIN" } },
    })
}

/// Claims of a client token for [`INSTANCE`], good for an hour from [`T0`].
pub(crate) fn client_claims(kid: &str) -> Value {
    let mut claims = admin_claims(kid);
    claims["aud"] = json!([INSTANCE]);
    claims["cnf"]["jwk"]["kty"] = json!("CLIENT");
    claims
}

/// An authenticator over an empty store.
pub(super) struct World {
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) store: Arc<SqliteStore>,
    _directory: TempDir,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(SecurityOptions::default())
    }

    pub(super) fn with(options: SecurityOptions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        let options = SecurityOptions { hash_cost: CHEAP, ..options };
        let authenticator = Authenticator::with_options(store.clone(), options).unwrap();
        Self { authenticator: Arc::new(authenticator), store, _directory: directory }
    }

    /// The audit log, newest first.
    pub(super) async fn audit(&self) -> Vec<AuditRow> {
        let rows = self.store.audit_rows(0, 100).await.unwrap();
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// Actions in the audit log, oldest first.
    pub(super) async fn actions(&self) -> Vec<String> {
        self.audit().await.into_iter().rev().map(|row| row.action).collect()
    }

    /// Uploads the public half of a key under `id`.
    pub(super) async fn upload(&self, kind: KeyKind, id: &str, key: &SigningKey) {
        let key = KeyIn { id: id.into(), public_key: key.public_pem() };
        self.authenticator.upload_keys(kind, vec![key], AUTHOR).await.unwrap();
    }
}

pub(super) const AUTHOR: Author<'static> = Author { name: "tester", request_id: "r-1", now_ms: T0 };
