//! Making key pairs, and tokens signed with them.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    error::Unspecified,
    rand::SystemRandom,
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::ValueEnum;
use serde::Serialize;

use crate::pem;

/// Kinds of key pairs that can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Algorithm {
    /// Ed25519: small and fast
    Ed25519,
    /// ECDSA on P-256
    Es256,
    /// RSA of 3072 bits
    Rs256,
}

/// A key pair as PEM texts.
pub(crate) struct Pair {
    pub(crate) private_pem: String,
    pub(crate) public_pem: String,
}

impl Pair {
    pub(crate) fn generate(algorithm: Algorithm) -> Result<Self, Unspecified> {
        match algorithm {
            Algorithm::Ed25519 => {
                let pair = Ed25519KeyPair::generate()?;
                let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair)?;
                Self::new(private.as_ref(), pair.public_key())
            }
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
                Self::new(pair.to_pkcs8v1()?.as_ref(), pair.public_key())
            }
            Algorithm::Rs256 => {
                let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa3072)?;
                let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair)?;
                Self::new(private.as_ref(), pair.public_key())
            }
        }
    }

    fn new(
        private: &[u8],
        public: &impl AsDer<PublicKeyX509Der<'static>>,
    ) -> Result<Self, Unspecified> {
        Ok(Self {
            private_pem: pem::write("PRIVATE KEY", private),
            public_pem: pem::write("PUBLIC KEY", public.as_der()?.as_ref()),
        })
    }
}

/// Claims of a token, times in seconds.
#[derive(Debug, Serialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) iat: i64,
    pub(crate) nbf: i64,
    pub(crate) exp: i64,
    /// The instances that the token may act on; a producer's token has none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) aud: Vec<String>,
    pub(crate) cnf: Confirmation,
}

/// The key that a token is signed with.
#[derive(Debug, Serialize)]
pub(crate) struct Confirmation {
    pub(crate) jwk: Jwk,
}

/// Id and role of a key.
#[derive(Debug, Serialize)]
pub(crate) struct Jwk {
    pub(crate) kid: String,
    /// `ADMIN` or `CLIENT`.
    pub(crate) kty: &'static str,
}

/// A private key of any kind that servers accept.
#[derive(Debug)]
pub(crate) enum Signer {
    Ed25519(Ed25519KeyPair),
    Es256(EcdsaKeyPair),
    Es384(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

impl Signer {
    /// Reads a private key in PEM (`BEGIN PRIVATE KEY`).
    pub(crate) fn from_pem(text: &str) -> Result<Self, String> {
        let der = pem::read(text, "PRIVATE KEY").ok_or_else(|| {
            let hint = match text.contains("PUBLIC KEY-----") {
                true => "it is a public key; give the private half",
                false => "convert it with: openssl pkcs8 -topk8 -nocrypt -in KEY -out PRIVATE.pem",
            };
            format!("holds no private key in PKCS#8 (BEGIN PRIVATE KEY); {hint}")
        })?;
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der) {
            return Ok(Self::Ed25519(pair));
        }
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der) {
            return Ok(Self::Es256(pair));
        }
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &der) {
            return Ok(Self::Es384(pair));
        }
        RsaKeyPair::from_pkcs8(&der).map(Self::Rs256).map_err(|_| {
            "holds a key of a kind that is not used: take Ed25519, P-256, P-384 or RSA of at \
             least 2048 bits"
                .to_owned()
        })
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "EdDSA",
            Self::Es256(_) => "ES256",
            Self::Es384(_) => "ES384",
            Self::Rs256(_) => "RS256",
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let random = SystemRandom::new();
        match self {
            Self::Ed25519(pair) => Ok(pair.try_sign(message)?.as_ref().to_vec()),
            Self::Es256(pair) | Self::Es384(pair) => {
                Ok(pair.sign(&random, message)?.as_ref().to_vec())
            }
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
        }
    }

    /// A token in compact form.
    pub(crate) fn mint(&self, claims: &Claims) -> Result<String, String> {
        let header = serde_json::json!({
            "alg": self.algorithm(), "typ": "JWT", "kid": claims.cnf.jwk.kid,
        });
        let claims = serde_json::to_vec(claims).map_err(|error| error.to_string())?;
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let signature = self.sign(signed.as_bytes()).map_err(|_| "signing failed".to_owned())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode};

    use super::*;

    fn claims() -> Claims {
        Claims {
            iss: "licet".to_owned(),
            iat: 1,
            nbf: 1,
            exp: 4_000_000_000,
            aud: vec!["i".to_owned()],
            cnf: Confirmation { jwk: Jwk { kid: "k".to_owned(), kty: "CLIENT" } },
        }
    }

    #[test]
    fn others_can_verify_what_is_signed_with_each_kind_of_key() {
        for algorithm in Algorithm::value_variants() {
            let pair = Pair::generate(*algorithm).expect("it is made");
            let signer = Signer::from_pem(&pair.private_pem).expect("it is read");
            let token = signer.mint(&claims()).expect("it is signed");
            let public = pair.public_pem.as_bytes();
            let (key, other) = match algorithm {
                Algorithm::Ed25519 => {
                    (DecodingKey::from_ed_pem(public), jsonwebtoken::Algorithm::EdDSA)
                }
                Algorithm::Es256 => {
                    (DecodingKey::from_ec_pem(public), jsonwebtoken::Algorithm::ES256)
                }
                Algorithm::Rs256 => {
                    (DecodingKey::from_rsa_pem(public), jsonwebtoken::Algorithm::RS256)
                }
            };
            let mut validation = Validation::new(other);
            validation.set_audience(&["i"]);
            let key = key.expect("the public half is read");
            let token = decode::<serde_json::Value>(&token, &key, &validation);
            let claims = token.expect("it is verified").claims;
            assert_eq!(claims["cnf"]["jwk"]["kty"], "CLIENT");
        }
    }

    #[test]
    fn a_wrong_file_is_explained() {
        let pair = Pair::generate(Algorithm::Ed25519).expect("it is made");
        let complaint = |text| Signer::from_pem(text).expect_err("it is refused");
        assert!(complaint(&pair.public_pem).contains("give the private half"));
        assert!(complaint("-----BEGIN RSA PRIVATE KEY-----").contains("openssl pkcs8"));
    }
}
