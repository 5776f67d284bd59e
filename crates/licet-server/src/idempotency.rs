//! `Idempotency-Key`: the same key with the same request is answered once more, not done again.

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};
use licet_core::IdempotencyKey;
use licet_protocol::limits::IDEMPOTENCY_KEY_CHARS;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::Problem;

const HEADER: &str = "idempotency-key";

/// The key that the caller made up, if it sent one.
#[derive(Debug)]
pub(crate) struct IdempotencyHeader(Option<Arc<str>>);

/// What a key stands for; never a preview, which keeps no answer. Versions and aliases of the API are left out: a client that asks
/// again under another address means the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Method and template of the path.
    pub(crate) operation: &'static str,
    /// The instance or session in the path.
    pub(crate) id: Uuid,
    pub(crate) body: &'a [u8],
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyHeader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        if values.next().is_some() {
            return Err(Problem::invalid("Idempotency-Key", "is there more than once"));
        }
        let is_good = (1..=IDEMPOTENCY_KEY_CHARS).contains(&value.len())
            && value.as_bytes().iter().all(u8::is_ascii_graphic);
        match value.to_str() {
            Ok(key) if is_good => Ok(Self(Some(key.into()))),
            _ => Err(Problem::invalid(
                "Idempotency-Key",
                "must be 1 to 255 visible ASCII characters, such as a UUID",
            )),
        }
    }
}

impl IdempotencyHeader {
    /// The key with the digest of what it was sent with.
    pub(crate) fn of(self, asked: Asked<'_>) -> Option<IdempotencyKey> {
        self.0.map(|key| IdempotencyKey { key, digest: asked.digest() })
    }
}

impl Asked<'_> {
    fn digest(self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.operation);
        hash.update([0]);
        hash.update(self.id.as_bytes());
        hash.update(self.body);
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn read(values: &[&str]) -> Result<Option<Arc<str>>, String> {
        let mut request = Request::builder().uri("/");
        for value in values {
            request = request.header(HEADER, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let header = IdempotencyHeader::from_request_parts(&mut parts, &()).await;
        header.map(|header| header.0).map_err(|problem| problem.detail().to_owned())
    }

    #[tokio::test]
    async fn a_key_is_one_word_of_visible_characters() {
        assert_eq!(read(&[]).await, Ok(None));
        assert_eq!(read(&["a-1"]).await, Ok(Some("a-1".into())));
        assert!(read(&[&"k".repeat(255)]).await.is_ok());
        for bad in [vec![""], vec!["a b"], vec!["a", "b"], vec!["ü"], vec![&*"k".repeat(256)]] {
            assert!(read(&bad).await.unwrap_err().starts_with("Idempotency-Key: "), "{bad:?}");
        }
    }

    #[test]
    fn the_digest_covers_operation_id_and_body() {
        let asked = Asked { operation: "POST a", id: Uuid::from_u128(1), body: b"x" };
        let others = [
            Asked { operation: "PUT a", ..asked },
            Asked { id: Uuid::from_u128(2), ..asked },
            Asked { body: b"y", ..asked },
        ];
        for other in others {
            assert_ne!(other.digest(), asked.digest(), "{other:?}");
        }
        assert_eq!(asked.digest(), asked.digest());
    }
}
