use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    digest::{Digest, sha256},
    random,
};
use crate::problem::Problem;

/// How long a token of a user is good unless configured otherwise, in milliseconds.
pub const TOKEN_TTL_MS: i64 = 8 * 60 * 60 * 1000;
/// By this everybody (and every scanner for leaked secrets) knows one of our tokens.
const PREFIX: &str = "lic_";
/// Length of 32 bytes in Base64url without padding.
const BODY_LEN: usize = 43;

/// A new opaque token. Only its hash is kept.
pub(super) struct OpaqueToken {
    pub(super) text: String,
    pub(super) hash: Digest,
}

impl OpaqueToken {
    /// # Errors
    /// 500 if the system gives no random bytes.
    pub(super) fn new() -> Result<Self, Problem> {
        let mut text = String::with_capacity(PREFIX.len() + BODY_LEN);
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(random::bytes::<32>()?, &mut text);
        let hash = sha256(text.as_bytes());
        Ok(Self { text, hash })
    }
}

/// Whether a bearer token is one of ours rather than a JWT.
pub(super) fn is_opaque(token: &str) -> bool {
    token.starts_with(PREFIX)
}

/// Whether it has the shape of one of ours; anything else need not be looked up.
pub(super) fn is_well_formed(token: &str) -> bool {
    token.len() == PREFIX.len() + BODY_LEN && is_opaque(token)
}

/// What a log-in gives. The token is shown once and cannot be read again.
#[derive(Clone)]
pub struct IssuedToken {
    /// Bearer token, a secret.
    pub token: String,
    /// When it runs out, POSIX milliseconds.
    pub expires_ms: i64,
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken").field("expires_ms", &self.expires_ms).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_distinct_and_well_formed() {
        let (one, two) = (OpaqueToken::new().unwrap(), OpaqueToken::new().unwrap());
        assert_ne!(one.text, two.text);
        assert!(is_opaque(&one.text) && is_well_formed(&one.text));
        assert_eq!(one.hash, sha256(one.text.as_bytes()));
        assert!(!is_well_formed("lic_short"));
        assert!(!is_opaque("eyJhbGciOiJFZERTQSJ9.e30.c2ln"));
    }

    #[test]
    fn the_secret_is_not_printed() {
        let issued = IssuedToken { token: "lic_secret".into(), expires_ms: 5 };
        assert!(!format!("{issued:?}").contains("secret"));
    }
}
