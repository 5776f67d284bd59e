//! The id of a public key that is made of the key itself (RFC 7638).

use aws_lc_rs::signature::RsaSubjectPublicKey;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use licet_protocol::PublicJwk;

use super::{digest::sha256, keys::KeyError};
use crate::der;

/// An Ed25519 key in SubjectPublicKeyInfo; its last 32 bytes are the key.
const ED25519_DER_LEN: usize = 44;
/// First byte of a point whose coordinates both follow.
const UNCOMPRESSED: u8 = 4;

/// The thumbprint of a key in DER: SHA-256 of the members that its JWK must have, in Base64url.
///
/// # Errors
/// [`KeyError::Unsupported`] for a key that no token can be verified with.
pub(super) fn thumbprint(der: &[u8]) -> Result<String, KeyError> {
    Ok(thumbprint_of(&members(der).ok_or(KeyError::Unsupported)?))
}

/// The thumbprint of a key with these members.
pub(crate) fn thumbprint_of(members: &str) -> String {
    encode(&sha256(members.as_bytes()))
}

/// An Ed25519 key as JSON has it.
pub(crate) fn ed25519_jwk(key: &[u8]) -> PublicJwk {
    PublicJwk::Okp { crv: "Ed25519".to_owned(), x: encode(key) }
}

/// An RSA key in a DER `RSAPublicKey` as JSON has it.
pub(crate) fn rsa_jwk(pkcs1: &[u8]) -> Option<PublicJwk> {
    let (modulus, exponent) = der::rsa_numbers(pkcs1)?;
    Some(PublicJwk::Rsa { e: encode(exponent), n: encode(modulus) })
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The members in the order of their names, without spaces: what is hashed.
fn members(der: &[u8]) -> Option<String> {
    if let Ok(rsa) = RsaSubjectPublicKey::from_der(der) {
        return Some(rsa_jwk(rsa.as_ref())?.thumbprint_input());
    }
    if der.len() == ED25519_DER_LEN {
        return Some(ed25519_jwk(&der[ED25519_DER_LEN - 32..]).thumbprint_input());
    }
    let point = ec_point(der)?;
    let (curve, coordinate_len) = match point.len() {
        64 => ("P-256", 32),
        96 => ("P-384", 48),
        _ => return None,
    };
    let (x, y) = point.split_at(coordinate_len);
    let (x, y) = (encode(x), encode(y));
    Some(format!(r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#))
}

/// Both coordinates in SEQUENCE { SEQUENCE algorithm, BIT STRING point }.
fn ec_point(der: &[u8]) -> Option<&[u8]> {
    let (info, _) = der::value(der, der::SEQUENCE)?;
    let (_, after_algorithm) = der::value(info, der::SEQUENCE)?;
    let (bits, _) = der::value(after_algorithm, der::BIT_STRING)?;
    let (&unused_bits, point) = bits.split_first()?;
    let (&form, coordinates) = point.split_first()?;
    (unused_bits == 0 && form == UNCOMPRESSED).then_some(coordinates)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::security::testing::SigningKey;

    /// RFC 7638, section 3.1.
    const MODULUS: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

    #[test]
    fn the_example_of_the_rfc() {
        let modulus = URL_SAFE_NO_PAD.decode(MODULUS).unwrap();
        let mut der = vec![0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00];
        der.extend(&modulus);
        der.extend([0x02, 0x03, 0x01, 0x00, 0x01]);
        let expected = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        assert_eq!(thumbprint(&der).as_deref(), Ok(expected));
    }

    #[test]
    fn the_example_of_rfc_8037() {
        let spki = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        let expected = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
        assert_eq!(thumbprint(&STANDARD.decode(spki).unwrap()).as_deref(), Ok(expected));
    }

    #[test]
    fn every_kind_has_one_and_rsa_in_both_forms_the_same() {
        for key in [SigningKey::p256(), SigningKey::p384(), SigningKey::ed25519()] {
            assert_eq!(thumbprint(&key.public_der()).unwrap().len(), 43);
        }
        assert_eq!(thumbprint(b"0*").unwrap_err(), KeyError::Unsupported);
    }
}
