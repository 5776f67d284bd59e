use std::collections::HashMap;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RsaSubjectPublicKey, VerificationAlgorithm,
};
use licet_store::{KeyKind, KeyRow};

use super::pem::{PemError, read_public_key};
use crate::{der, problem::Code};

/// Fewest bits of an RSA modulus.
const RSA_BITS_MIN: usize = 2048;
/// Most bits of an RSA modulus; beyond it, verifying costs too much.
const RSA_BITS_MAX: usize = 8192;
/// Shorter DER is a bare Ed25519 or EC point without the name of its algorithm.
const DER_BYTES_MIN: usize = 44;

/// Why a key is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// It is no public key in PEM.
    Pem(PemError),
    /// An RSA key of so many bits.
    RsaTooWeak(usize),
    /// An RSA key of so many bits.
    RsaTooLarge(usize),
    /// DER that says to be longer or shorter than what came.
    WrongLength { expected: usize, found: usize },
    /// Well-formed, but none of the kinds that are offered, or damaged inside.
    Unsupported,
}

impl KeyError {
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::Pem(PemError::PrivateKey) => Code::PrivateKeyUploaded,
            Self::RsaTooWeak(_) => Code::WeakPublicKey,
            _ => Code::InvalidPublicKey,
        }
    }

    /// What is wrong with the key, and how to mend it.
    #[must_use]
    pub fn advice(self) -> String {
        match self {
            Self::Pem(error) => error.advice().to_owned(),
            Self::RsaTooWeak(bits) => format!(
                "is an RSA key of {bits} bits; it takes at least {RSA_BITS_MIN}, or an Ed25519 \
                 key (openssl genpkey -algorithm ed25519)"
            ),
            Self::RsaTooLarge(bits) => {
                format!("is an RSA key of {bits} bits; at most {RSA_BITS_MAX} are accepted")
            }
            Self::WrongLength { expected, found } => format!(
                "says to have {expected} bytes, but {found} came; send the file as it is (curl: \
                 --data-binary)"
            ),
            Self::Unsupported => "holds no key that can be used; accepted are RSA of 2048 to \
                                  8192 bits, EC on P-256 or P-384, and Ed25519"
                .to_owned(),
        }
    }
}

/// A public key and the algorithms that it fixes.
#[derive(Debug)]
pub struct PublicKey {
    kind: KeyKind,
    /// Name as in the JOSE header, and the key made ready for it.
    algorithms: Vec<(&'static str, ParsedPublicKey)>,
}

impl PublicKey {
    /// Reads a PEM text (SPKI, or PKCS#1 for RSA).
    ///
    /// # Errors
    /// [`KeyError`] says what is wrong with it.
    pub fn parse(kind: KeyKind, pem: &str) -> Result<Self, KeyError> {
        let der = read_public_key(pem).map_err(KeyError::Pem)?;
        Ok(Self { kind, algorithms: read_algorithms(&der)? })
    }

    /// Reads DER (SubjectPublicKeyInfo, or PKCS#1 for RSA).
    ///
    /// # Errors
    /// [`KeyError`] says what is wrong with it, also if it is something else in DER.
    pub fn from_der(kind: KeyKind, der: &[u8]) -> Result<Self, KeyError> {
        check_form(der)?;
        Ok(Self { kind, algorithms: read_algorithms(der)? })
    }

    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Names of the algorithms that tokens of this key may use.
    pub fn algorithms(&self) -> impl Iterator<Item = &'static str> {
        self.algorithms.iter().map(|(name, _)| *name)
    }

    /// The key made ready for `algorithm`, or `None` if it is not one of this key's.
    pub(super) fn verifier(&self, algorithm: &str) -> Option<&ParsedPublicKey> {
        self.algorithms.iter().find(|(name, _)| *name == algorithm).map(|(_, key)| key)
    }
}

fn read_algorithms(der: &[u8]) -> Result<Vec<(&'static str, ParsedPublicKey)>, KeyError> {
    if der.len() < DER_BYTES_MIN {
        return Err(KeyError::Unsupported);
    }
    if let Ok(rsa) = RsaSubjectPublicKey::from_der(der) {
        check_rsa_size(rsa.as_ref())?;
        return parse_all(
            der,
            &[
                ("RS256", &RSA_PKCS1_2048_8192_SHA256),
                ("RS384", &RSA_PKCS1_2048_8192_SHA384),
                ("RS512", &RSA_PKCS1_2048_8192_SHA512),
                ("PS256", &RSA_PSS_2048_8192_SHA256),
            ],
        );
    }
    let others: [(&'static str, &'static dyn VerificationAlgorithm); 3] = [
        ("EdDSA", &ED25519),
        ("ES256", &ECDSA_P256_SHA256_FIXED),
        ("ES384", &ECDSA_P384_SHA384_FIXED),
    ];
    others
        .into_iter()
        .find_map(|choice| parse_all(der, &[choice]).ok())
        .ok_or(KeyError::Unsupported)
}

fn parse_all(
    der: &[u8],
    choices: &[(&'static str, &'static dyn VerificationAlgorithm)],
) -> Result<Vec<(&'static str, ParsedPublicKey)>, KeyError> {
    choices
        .iter()
        .map(|(name, algorithm)| {
            let key = ParsedPublicKey::new(*algorithm, der).map_err(|_| KeyError::Unsupported)?;
            Ok((*name, key))
        })
        .collect()
}

fn check_rsa_size(pkcs1: &[u8]) -> Result<(), KeyError> {
    match rsa_bits(pkcs1).ok_or(KeyError::Unsupported)? {
        bits if bits < RSA_BITS_MIN => Err(KeyError::RsaTooWeak(bits)),
        bits if bits > RSA_BITS_MAX => Err(KeyError::RsaTooLarge(bits)),
        _ => Ok(()),
    }
}

/// Says what DER is that is no public key, if that can be seen from its first bytes: a secret
/// first of all, also when it is cut off.
fn check_form(der: &[u8]) -> Result<(), KeyError> {
    let (length, rest) = der::header(der, der::SEQUENCE).ok_or(KeyError::Unsupported)?;
    // Private keys of every format begin with a version, which public keys do not have.
    if matches!(rest, [0x02, 0x01, 0 | 1, ..]) {
        return Err(KeyError::Pem(PemError::PrivateKey));
    }
    if rest.len() != length {
        let expected = der.len() - rest.len() + length;
        return Err(KeyError::WrongLength { expected, found: der.len() });
    }
    match der::header(rest, der::SEQUENCE) {
        // A certificate has a version or a serial number here, a key the name of its algorithm.
        Some((_, [0xa0 | 0x02, ..])) => Err(KeyError::Pem(PemError::Certificate)),
        _ => Ok(()),
    }
}

/// Bits of the modulus in a DER `RSAPublicKey`.
fn rsa_bits(pkcs1: &[u8]) -> Option<usize> {
    let (modulus, _) = der::rsa_numbers(pkcs1)?;
    Some(modulus.len() * 8 - modulus.first()?.leading_zeros() as usize)
}

/// All uploaded keys by id; never changes, a change makes a new one.
#[derive(Debug, Default)]
pub struct PublicKeys {
    by_id: HashMap<String, PublicKey>,
}

impl PublicKeys {
    /// Reads stored keys. One that cannot be read (it was checked when it came, so its row is
    /// damaged) is left out and logged, so that the others go on working.
    #[must_use]
    pub fn from_rows(rows: &[KeyRow]) -> Self {
        let mut by_id = HashMap::with_capacity(rows.len());
        for row in rows {
            match PublicKey::parse(row.kind, &row.pem) {
                Ok(key) => {
                    by_id.insert(row.id.clone(), key);
                }
                Err(error) => tracing::error!(key = %row.id, ?error, "stored key left out"),
            }
        }
        Self { by_id }
    }

    #[must_use]
    pub fn get(&self, id: &str) -> Option<&PublicKey> {
        self.by_id.get(id)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::testing::{SigningKey, pem};

    fn algorithms(pem: &str) -> Result<Vec<&'static str>, KeyError> {
        PublicKey::parse(KeyKind::Client, pem).map(|key| key.algorithms().collect())
    }

    #[test]
    fn the_key_fixes_the_algorithm() {
        assert_eq!(algorithms(&SigningKey::ed25519().public_pem()), Ok(vec!["EdDSA"]));
        assert_eq!(algorithms(&SigningKey::p256().public_pem()), Ok(vec!["ES256"]));
        assert_eq!(algorithms(&SigningKey::p384().public_pem()), Ok(vec!["ES384"]));
        let rsa = vec!["RS256", "RS384", "RS512", "PS256"];
        assert_eq!(algorithms(&SigningKey::rsa().public_pem()), Ok(rsa.clone()));
        assert_eq!(algorithms(&SigningKey::rsa().public_pem_pkcs1()), Ok(rsa));
    }

    #[test]
    fn weak_rsa_is_refused() {
        let error = algorithms(include_str!("testdata/rsa1024.pem")).unwrap_err();
        assert_eq!(error, KeyError::RsaTooWeak(1024));
        assert_eq!(error.code(), Code::WeakPublicKey);
        let error = algorithms(include_str!("testdata/rsa2047.pem")).unwrap_err();
        assert_eq!(error, KeyError::RsaTooWeak(2047));
    }

    #[test]
    fn other_curves_are_refused() {
        for pem in [include_str!("testdata/p521.pem"), include_str!("testdata/secp256k1.pem")] {
            assert_eq!(algorithms(pem), Err(KeyError::Unsupported));
        }
    }

    #[test]
    fn private_keys_are_called_leaked() {
        let error = algorithms(&SigningKey::ed25519().private_pem()).unwrap_err();
        assert_eq!(error.code(), Code::PrivateKeyUploaded);
        assert!(error.advice().contains("leaked"));
    }

    #[test]
    fn damaged_keys_are_refused() {
        let der = SigningKey::p256().public_der();
        let cut = pem("PUBLIC KEY", &der[..der.len() - 1]);
        assert_eq!(algorithms(&cut), Err(KeyError::Unsupported));
        let bare = pem("PUBLIC KEY", &[7; 32]);
        assert_eq!(algorithms(&bare), Err(KeyError::Unsupported));
        let private_inside = pem("PUBLIC KEY", &SigningKey::p256().private_der());
        assert_eq!(algorithms(&private_inside), Err(KeyError::Unsupported));
    }

    #[test]
    fn der_says_what_it_is_instead() {
        let read = |der: &[u8]| PublicKey::from_der(KeyKind::Client, der).map(drop);
        for key in
            [SigningKey::rsa(), SigningKey::p256(), SigningKey::p384(), SigningKey::ed25519()]
        {
            let (public, private) = (key.public_der(), key.private_der());
            assert_eq!(read(&public), Ok(()));
            let leaked = Err(KeyError::Pem(PemError::PrivateKey));
            assert_eq!(read(&private), leaked);
            assert_eq!(read(&private[..20]), leaked, "also in part");
            let (expected, found) = (public.len(), public.len() - 9);
            assert_eq!(read(&public[..found]), Err(KeyError::WrongLength { expected, found }));
            let mut longer = public.clone();
            longer.push(0);
            let found = longer.len();
            assert_eq!(read(&longer), Err(KeyError::WrongLength { expected, found }));
        }
        let certificate = [0x30, 0x06, 0x30, 0x04, 0xa0, 0x02, 0x02, 0x00];
        assert_eq!(read(&certificate), Err(KeyError::Pem(PemError::Certificate)));
        assert_eq!(read(b"ssh-ed25519"), Err(KeyError::Unsupported));
        assert_eq!(read(&[]), Err(KeyError::Unsupported));
    }

    #[test]
    fn stored_rows_that_are_damaged_are_left_out() {
        let row = |id: &str, pem: String| KeyRow {
            id: id.into(),
            kind: KeyKind::Client,
            pem,
            created_ms: 0,
            modified_ms: 0,
        };
        let rows = [row("good", SigningKey::p256().public_pem()), row("bad", "?".into())];
        let keys = PublicKeys::from_rows(&rows);
        assert_eq!(keys.len(), 1);
        assert!(keys.get("good").is_some());
    }
}
