//! Verifying documents of other sites.

use aws_lc_rs::signature::{
    ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use licet_protocol::{
    JwkSet, NotSigned, PublicJwk, PublishedJwk, SignedDocument, SigningAlgorithm,
};
use thiserror::Error;

/// Why a document is not taken for what it says to be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum VerifyError {
    #[error("it {0}")]
    Malformed(NotSigned),
    #[error("it is of the kind {0:?}")]
    Kind(String),
    /// None of the keys has the id that the document names.
    #[error("it is signed with the key {0}, which is not among the trusted ones")]
    UnknownKey(String),
    #[error("its signature does not fit: it was changed after it was signed")]
    Signature,
}

impl From<NotSigned> for VerifyError {
    fn from(error: NotSigned) -> Self {
        Self::Malformed(error)
    }
}

/// The payload of a document of the kind `typ`, if one of the keys signed it.
///
/// # Errors
/// [`VerifyError`]
pub(crate) fn verified(
    document: &SignedDocument,
    typ: &str,
    keys: &JwkSet,
) -> Result<Vec<u8>, VerifyError> {
    let header = document.header()?;
    if header.typ != typ {
        return Err(VerifyError::Kind(header.typ));
    }
    let Some(key) = keys.keys.iter().find(|key| key.kid == header.kid) else {
        return Err(VerifyError::UnknownKey(header.kid));
    };
    // The key says what it is used with, not the document.
    if key.alg != header.alg || !fits(key, document.signing_input(), &document.signature_bytes()?) {
        return Err(VerifyError::Signature);
    }
    Ok(document.payload_bytes()?)
}

fn fits(key: &PublishedJwk, signed: &[u8], signature: &[u8]) -> bool {
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    match (&key.key, key.alg) {
        (PublicJwk::Okp { x, .. }, SigningAlgorithm::EdDsa) => {
            UnparsedPublicKey::new(&ED25519, decode(x)).verify(signed, signature).is_ok()
        }
        (PublicJwk::Rsa { e, n }, SigningAlgorithm::Rs256) => {
            let key = RsaPublicKeyComponents { n: decode(n), e: decode(e) };
            key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature).is_ok()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use licet_protocol::{KeyUse, ProtectedHeader, UnsignedDocument};

    use super::{super::key_pair::KeyPair, *};

    fn signed(pair: &KeyPair, algorithm: SigningAlgorithm) -> SignedDocument {
        let header = ProtectedHeader { alg: algorithm, kid: "k", typ: "t" };
        let unsigned = UnsignedDocument::new(&serde_json::to_vec(&header).unwrap(), b"{}");
        let signature = pair.sign(unsigned.signing_input()).unwrap();
        unsigned.with_signature(&signature)
    }

    fn keys(pair: &KeyPair, alg: SigningAlgorithm) -> JwkSet {
        let key = pair.public_jwk().unwrap();
        JwkSet { keys: vec![PublishedJwk { kid: "k".into(), alg, usage: KeyUse::Signature, key }] }
    }

    #[test]
    fn what_a_trusted_key_signed_is_taken_and_nothing_else() {
        for algorithm in [SigningAlgorithm::EdDsa, SigningAlgorithm::Rs256] {
            let pair = KeyPair::generate(algorithm).unwrap();
            let (document, trusted) = (signed(&pair, algorithm), keys(&pair, algorithm));
            assert_eq!(verified(&document, "t", &trusted).unwrap(), b"{}");
            let kind = verified(&document, "u", &trusted);
            assert_eq!(kind, Err(VerifyError::Kind("t".into())));
            let nobody = JwkSet { keys: Vec::new() };
            let unknown = verified(&document, "t", &nobody);
            assert_eq!(unknown, Err(VerifyError::UnknownKey("k".into())));
            let other = keys(&KeyPair::generate(algorithm).unwrap(), algorithm);
            assert_eq!(verified(&document, "t", &other), Err(VerifyError::Signature));
            let payload = document.as_compact().replacen(".e30.", ".e31.", 1);
            let changed = verified(&payload.parse().unwrap(), "t", &trusted);
            assert_eq!(changed, Err(VerifyError::Signature));
        }
    }

    #[test]
    fn a_key_is_used_with_its_own_algorithm_alone() {
        let pair = KeyPair::generate(SigningAlgorithm::EdDsa).unwrap();
        let document = signed(&pair, SigningAlgorithm::EdDsa);
        let wrong = keys(&pair, SigningAlgorithm::Rs256);
        assert_eq!(verified(&document, "t", &wrong), Err(VerifyError::Signature));
    }
}
