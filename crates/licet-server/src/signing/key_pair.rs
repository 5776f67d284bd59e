//! The pairs of keys that sign.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use licet_protocol::{PublicJwk, SigningAlgorithm};
use thiserror::Error;

use crate::security::{ed25519_jwk, rsa_jwk, thumbprint_of};

/// A private key and its public half.
#[derive(Debug)]
pub(super) enum KeyPair {
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

/// What the cryptography library refused; it does not say why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum KeyPairError {
    #[error("a key pair cannot be made")]
    Generate,
    #[error("a private key cannot be read")]
    Read,
    #[error("a private key cannot be written")]
    Write,
    #[error("a signature cannot be made")]
    Sign,
}

impl KeyPair {
    /// Makes one. For RS256 that takes a good part of a second.
    pub(super) fn generate(algorithm: SigningAlgorithm) -> Result<Self, KeyPairError> {
        match algorithm {
            SigningAlgorithm::EdDsa => Ed25519KeyPair::generate().map(Self::EdDsa),
            SigningAlgorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048).map(Self::Rs256),
        }
        .map_err(|_| KeyPairError::Generate)
    }

    /// Reads what [`to_pkcs8`](Self::to_pkcs8) wrote.
    pub(super) fn from_pkcs8(
        algorithm: SigningAlgorithm,
        der: &[u8],
    ) -> Result<Self, KeyPairError> {
        match algorithm {
            SigningAlgorithm::EdDsa => {
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Self::EdDsa)
            }
            SigningAlgorithm::Rs256 => RsaKeyPair::from_pkcs8(der).map(Self::Rs256),
        }
        .map_err(|_| KeyPairError::Read)
    }

    /// The private key as PKCS #8.
    pub(super) fn to_pkcs8(&self) -> Result<Vec<u8>, KeyPairError> {
        let der = match self {
            Self::EdDsa(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair),
            Self::Rs256(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair),
        };
        Ok(der.map_err(|_| KeyPairError::Write)?.as_ref().to_vec())
    }

    pub(super) fn public_jwk(&self) -> Result<PublicJwk, KeyPairError> {
        match self {
            Self::EdDsa(pair) => Ok(ed25519_jwk(pair.public_key().as_ref())),
            Self::Rs256(pair) => rsa_jwk(pair.public_key().as_ref()).ok_or(KeyPairError::Read),
        }
    }

    /// Signs. RS256 takes some 30 times as long as EdDSA.
    pub(super) fn sign(&self, input: &[u8]) -> Result<Vec<u8>, KeyPairError> {
        match self {
            Self::EdDsa(pair) => {
                let signature = pair.try_sign(input).map_err(|_| KeyPairError::Sign)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input, &mut signature)
                    .map_err(|_| KeyPairError::Sign)?;
                Ok(signature)
            }
        }
    }
}

/// The id of a key: its thumbprint (RFC 7638) with SHA-256.
pub(super) fn thumbprint(key: &PublicJwk) -> String {
    thumbprint_of(&key.thumbprint_input())
}

#[cfg(test)]
#[path = "key_pair_tests.rs"]
mod tests;
