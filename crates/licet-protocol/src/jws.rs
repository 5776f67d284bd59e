//! Signed documents: JSON Web Signatures (RFC 7515). No key is known here.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error, ser::SerializeStruct};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

use crate::{SigningAlgorithm, limits::SIGNED_DOCUMENT_CHARS};

/// Characters of the longest signature that is common, of RSA with 2048 bits.
const SIGNATURE_CHARS: usize = 342;

/// What is signed beside the payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtectedHeader<S = String> {
    pub alg: SigningAlgorithm,
    /// Id of the key, as the JWKS has it.
    pub kid: S,
    /// What kind of document it is.
    pub typ: S,
}

/// A document that lacks its signature.
#[derive(Debug)]
pub struct UnsignedDocument {
    /// Header and payload in Base64url, with a dot between.
    text: String,
    payload_at: usize,
}

impl UnsignedDocument {
    /// `header` is the protected header in JSON.
    #[must_use]
    pub fn new(header: &[u8], payload: &[u8]) -> Self {
        let chars = (header.len() + payload.len()) * 4 / 3 + 6;
        let mut text = String::with_capacity(chars + SIGNATURE_CHARS);
        URL_SAFE_NO_PAD.encode_string(header, &mut text);
        text.push('.');
        let payload_at = text.len();
        URL_SAFE_NO_PAD.encode_string(payload, &mut text);
        Self { text, payload_at }
    }

    /// The bytes to be signed (RFC 7515, 5.1).
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The document with the signature of [`signing_input`](Self::signing_input).
    #[must_use]
    pub fn with_signature(mut self, signature: &[u8]) -> SignedDocument {
        self.text.push('.');
        let signature_at = self.text.len();
        URL_SAFE_NO_PAD.encode_string(signature, &mut self.text);
        SignedDocument { text: self.text, payload_at: self.payload_at, signature_at }
    }
}

/// A payload with its signature. In JSON it is the flattened serialization (RFC 7515, 7.2.2), as
/// text the compact one (7.1).
///
/// That it is well-formed does not mean that the signature fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedDocument {
    /// The compact serialization.
    text: String,
    payload_at: usize,
    signature_at: usize,
}

impl SignedDocument {
    /// The compact serialization.
    #[must_use]
    pub fn as_compact(&self) -> &str {
        &self.text
    }

    /// The compact serialization.
    #[must_use]
    pub fn into_compact(self) -> String {
        self.text
    }

    /// The flattened serialization, written at once.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Base64url needs no escapes.
        let pieces = [
            r#"{"protected":""#,
            self.protected(),
            r#"","payload":""#,
            self.payload(),
            r#"","signature":""#,
            self.signature(),
            r#""}"#,
        ];
        pieces.concat().into_bytes()
    }

    /// The protected header in Base64url.
    #[must_use]
    pub fn protected(&self) -> &str {
        &self.text[..self.payload_at - 1]
    }

    /// The payload in Base64url.
    #[must_use]
    pub fn payload(&self) -> &str {
        &self.text[self.payload_at..self.signature_at - 1]
    }

    /// The signature in Base64url.
    #[must_use]
    pub fn signature(&self) -> &str {
        &self.text[self.signature_at..]
    }

    /// What was signed.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        &self.text.as_bytes()[..self.signature_at - 1]
    }

    /// The protected header; of it, which key to verify with.
    ///
    /// # Errors
    /// It is not one of ours.
    pub fn header(&self) -> Result<ProtectedHeader, NotSigned> {
        serde_json::from_slice(&decode(self.protected())?).map_err(|_| NotSigned::Header)
    }

    /// The bytes of the payload. Verify the signature first.
    ///
    /// # Errors
    /// It is not Base64url.
    pub fn payload_bytes(&self) -> Result<Vec<u8>, NotSigned> {
        decode(self.payload())
    }

    /// The bytes of the signature.
    ///
    /// # Errors
    /// It is not Base64url.
    pub fn signature_bytes(&self) -> Result<Vec<u8>, NotSigned> {
        decode(self.signature())
    }
}

fn decode(text: &str) -> Result<Vec<u8>, NotSigned> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| NotSigned::Encoding)
}

/// Why something is no signed document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSigned {
    TooLong,
    /// Not three parts with dots between them.
    Parts,
    Encoding,
    Header,
}

impl fmt::Display for NotSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "is longer than {SIGNED_DOCUMENT_CHARS} characters"),
            Self::Parts => f.write_str("must be three Base64url parts with dots between them"),
            Self::Encoding => f.write_str("must be Base64url without padding"),
            Self::Header => f.write_str(
                "has a protected header without alg (EdDSA or RS256), kid and typ that are known \
                 here",
            ),
        }
    }
}

impl std::error::Error for NotSigned {}

/// Reads the compact serialization.
impl FromStr for SignedDocument {
    type Err = NotSigned;

    fn from_str(text: &str) -> Result<Self, NotSigned> {
        let parts: Vec<&str> = text.splitn(4, '.').collect();
        match parts[..] {
            [protected, payload, signature] => Self::of(protected, payload, signature),
            _ => Err(NotSigned::Parts),
        }
    }
}

impl SignedDocument {
    fn of(protected: &str, payload: &str, signature: &str) -> Result<Self, NotSigned> {
        let parts = [protected, payload, signature];
        if parts.iter().map(|part| part.len() + 1).sum::<usize>() > SIGNED_DOCUMENT_CHARS {
            return Err(NotSigned::TooLong);
        }
        let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !parts.iter().all(|part| part.bytes().all(is_base64url)) {
            return Err(NotSigned::Encoding);
        }
        let payload_at = protected.len() + 1;
        let signature_at = payload_at + payload.len() + 1;
        Ok(Self { text: parts.join("."), payload_at, signature_at })
    }
}

impl Serialize for SignedDocument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("SignedDocument", 3)?;
        object.serialize_field("protected", self.protected())?;
        object.serialize_field("payload", self.payload())?;
        object.serialize_field("signature", self.signature())?;
        object.end()
    }
}

impl<'de> Deserialize<'de> for SignedDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Flattened {
            protected: String,
            payload: String,
            signature: String,
        }
        let parts = Flattened::deserialize(crate::object::ObjectOnly(deserializer))?;
        Self::of(&parts.protected, &parts.payload, &parts.signature).map_err(D::Error::custom)
    }
}

impl PartialSchema for SignedDocument {
    fn schema() -> RefOr<Schema> {
        let part = |what: &str| {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .description(Some(format!("{what}, in Base64url without padding.")))
                .pattern(Some("^[A-Za-z0-9_-]*$"))
        };
        ObjectBuilder::new()
            .description(Some(
                "A signed answer: flattened JWS JSON (RFC 7515, 7.2.2). The key that verifies it \
                 has the header's `kid` at `/.well-known/jwks.json`.",
            ))
            .property("protected", part("The header: JSON with `alg`, `kid` and `typ`"))
            .property("payload", part("What is signed"))
            .property("signature", part("The signature of `protected`, a dot, and `payload`"))
            .required("protected")
            .required("payload")
            .required("signature")
            .into()
    }
}

impl ToSchema for SignedDocument {}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037, A.4.
    const COMPACT: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0\
        JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

    fn example() -> SignedDocument {
        COMPACT.parse().expect("the standard's example is good")
    }

    #[test]
    fn parts_are_put_together_as_the_standard_does() {
        let signature = example().signature_bytes().expect("it is Base64url");
        let unsigned = UnsignedDocument::new(br#"{"alg":"EdDSA"}"#, b"Example of Ed25519 signing");
        let (input, _) = COMPACT.rsplit_once('.').expect("three parts");
        assert_eq!(unsigned.signing_input(), input.as_bytes());
        let document = unsigned.with_signature(&signature);
        assert_eq!(document.as_compact(), COMPACT);
        assert_eq!(document.signing_input(), input.as_bytes());
        assert_eq!(document, example());
        assert_eq!(document.payload_bytes().as_deref(), Ok(&b"Example of Ed25519 signing"[..]));
    }

    #[test]
    fn both_serializations_say_the_same() {
        let json = example().to_json();
        assert_eq!(json, serde_json::to_vec(&example()).expect("it is JSON"));
        assert_eq!(serde_json::from_slice::<SignedDocument>(&json).expect("its own"), example());
        let text = String::from_utf8(json).expect("it is text");
        let start = r#"{"protected":"eyJhbGciOiJFZERTQSJ9","payload":"RXhhbXBsZSBvZiBFZDI1NTE5"#;
        assert!(text.starts_with(start), "{text}");
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for (text, error) in [
            ("", NotSigned::Parts),
            ("a.b", NotSigned::Parts),
            ("a.b.c.d", NotSigned::Parts),
            ("a.b.c=", NotSigned::Encoding),
            ("a.b+.c", NotSigned::Encoding),
        ] {
            assert_eq!(text.parse::<SignedDocument>(), Err(error), "{text}");
        }
        let long = format!("a.{}.c", "b".repeat(SIGNED_DOCUMENT_CHARS));
        assert_eq!(long.parse::<SignedDocument>(), Err(NotSigned::TooLong));
        assert!(serde_json::from_str::<SignedDocument>(r#"["a","b","c"]"#).is_err());
    }

    #[test]
    fn a_header_names_key_and_kind() {
        let header = ProtectedHeader { alg: SigningAlgorithm::Rs256, kid: "k", typ: "t" };
        let json = serde_json::to_vec(&header).expect("it is JSON");
        assert_eq!(json, br#"{"alg":"RS256","kid":"k","typ":"t"}"#);
        let read = UnsignedDocument::new(&json, b"{}").with_signature(b"s").header();
        assert_eq!(read.map(|header| header.kid), Ok("k".to_owned()));
        assert_eq!(example().header(), Err(NotSigned::Header), "it names no key");
    }
}
