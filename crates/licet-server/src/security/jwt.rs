//! Bearer JWTs that a producer signs with its own keys (fact sheet, section 6).
//!
//! The payload is read before it is verified, but only to find the key that it names; nothing
//! of it counts before the signature fits. The key fixes the algorithm, the header only names
//! one of those.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use licet_store::KeyKind;
use serde::{Deserialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    keys::{PublicKey, PublicKeys},
    permission::{ADMINISTRATION_ACCESS, CLIENT_ACCESS},
    principal::{Caller, Principal, Scope},
};
use crate::problem::{Code, Problem};

/// Longest token that is looked at, in bytes.
pub const JWT_BYTES_MAX: usize = 8 * 1024;
/// By how much clocks may differ, in milliseconds.
pub const LEEWAY_MS: i64 = 60_000;
/// End of the year 9999 in seconds: a later claim is a time in milliseconds.
const SECONDS_MAX: f64 = 253_402_300_799.0;
/// Longest text out of a token that is repeated in a message, in characters.
const QUOTE_CHARS_MAX: usize = 64;

#[derive(Debug, Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    crit: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct Claims {
    cnf: Confirmation,
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
    aud: Option<Audience>,
}

#[derive(Debug, Deserialize)]
struct Confirmation {
    jwk: Jwk,
}

#[derive(Debug, Deserialize)]
struct Jwk {
    kid: String,
    kty: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// A token that stood every check.
#[derive(Debug)]
pub(super) struct VerifiedJwt {
    pub(super) principal: Principal,
    /// From this moment on the token counts as expired; `exp` and the leeway.
    pub(super) expires_ms: i64,
}

/// Verifies a token against the uploaded keys.
///
/// # Errors
/// 401 `invalid_token`, `unknown_key`, `token_expired` or `token_not_yet_valid`; the detail says
/// which check failed.
pub(super) fn verify(token: &str, keys: &PublicKeys, now_ms: i64) -> Result<VerifiedJwt, Problem> {
    check_length(token)?;
    let parts = Parts::split(token)?;
    let header: Header = decode(parts.header, "header")?;
    let claims: Claims = decode(parts.payload, "payload")?;
    let kid = &claims.cnf.jwk.kid;
    check_header(&header, kid)?;
    let key = keys.get(kid).ok_or_else(|| unknown_key(kid))?;
    parts.check_signature(&header.alg, key)?;
    check_kind(&claims.cnf.jwk.kty, key.kind())?;
    let times = Times { exp: claims.exp, nbf: claims.nbf, iat: claims.iat };
    let expires_ms = times.check(true, now_ms)?;
    Ok(VerifiedJwt { principal: principal(claims, key.kind())?, expires_ms })
}

/// Whether a token names a key of the site, in the claim that all tokens for these keys have. Of
/// a token that cannot be read nothing is said here.
pub(super) fn names_site_key(token: &str) -> bool {
    #[derive(Deserialize)]
    struct Named {
        cnf: Option<serde::de::IgnoredAny>,
    }
    if check_length(token).is_err() {
        return true;
    }
    let named = Parts::split(token).and_then(|parts| decode::<Named>(parts.payload, "payload"));
    named.map_or(true, |named| named.cnf.is_some())
}

pub(super) fn check_length(token: &str) -> Result<(), Problem> {
    if token.len() > JWT_BYTES_MAX {
        return Err(invalid(format!("The token is longer than {JWT_BYTES_MAX} bytes")));
    }
    Ok(())
}

/// The three parts of a compact JWS, still encoded.
pub(super) struct Parts<'a> {
    signed: &'a str,
    pub(super) header: &'a str,
    pub(super) payload: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    pub(super) fn split(token: &'a str) -> Result<Self, Problem> {
        let malformed =
            || invalid("The bearer token is no JWT: three Base64url parts with dots between them");
        let (signed, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (header, payload) = signed.split_once('.').ok_or_else(malformed)?;
        if payload.contains('.') {
            return Err(malformed());
        }
        Ok(Self { signed, header, payload, signature })
    }

    pub(super) fn check_signature(&self, alg: &str, key: &PublicKey) -> Result<(), Problem> {
        let verifier = key.verifier(alg).ok_or_else(|| wrong_algorithm(alg, key))?;
        let signature = URL_SAFE_NO_PAD
            .decode(self.signature)
            .map_err(|_| invalid("The signature of the token is not Base64url"))?;
        verifier.verify_sig(self.signed.as_bytes(), &signature).map_err(|_| {
            invalid("The signature does not fit: signed with another key, or changed on the way")
        })
    }
}

pub(super) fn decode<T: DeserializeOwned>(part: &str, name: &str) -> Result<T, Problem> {
    let bytes = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| invalid(format!("The {name} of the token is not Base64url")))?;
    licet_protocol::parse(&bytes)
        .map_err(|error| invalid(format!("The {name} of the token cannot be read: {error}")))
}

/// RFC 7515, 4.1.11: extensions that are not understood must be refused, and none is.
pub(super) fn check_crit(header: &Header) -> Result<(), Problem> {
    if header.crit.is_some() {
        return Err(invalid("The header of the token has \"crit\", which is not supported"));
    }
    Ok(())
}

fn check_header(header: &Header, kid: &str) -> Result<(), Problem> {
    check_crit(header)?;
    match &header.kid {
        Some(other) if other != kid => Err(invalid(format!(
            "The header of the token names the key {}, its claim cnf.jwk.kid the key {}",
            Quoted(other),
            Quoted(kid)
        ))),
        _ => Ok(()),
    }
}

fn check_kind(kty: &str, kind: KeyKind) -> Result<(), Problem> {
    let expected = match kind {
        KeyKind::Administration => "ADMIN",
        KeyKind::Client => "CLIENT",
    };
    if kty == expected {
        return Ok(());
    }
    Err(invalid(format!(
        "The claim cnf.jwk.kty is {}, but the key was uploaded for {expected} tokens",
        Quoted(kty)
    )))
}

/// The claims that say when a token is good, in seconds since 1970.
#[derive(Debug)]
pub(super) struct Times {
    pub(super) exp: Option<f64>,
    pub(super) nbf: Option<f64>,
    pub(super) iat: Option<f64>,
}

impl Times {
    /// Returns the moment at which the token expires; the end of time if it need not.
    pub(super) fn check(&self, requires_exp: bool, now_ms: i64) -> Result<i64, Problem> {
        let expires_ms = match milliseconds(self.exp, "exp")? {
            Some(exp_ms) => check_exp(exp_ms, now_ms)?,
            None if requires_exp => {
                return Err(invalid("The token has no claim exp; tokens must expire"));
            }
            None => i64::MAX,
        };
        for (name, claim) in [("nbf", self.nbf), ("iat", self.iat)] {
            let Some(from_ms) = milliseconds(claim, name)? else { continue };
            if now_ms < from_ms.saturating_sub(LEEWAY_MS) {
                let detail = format!(
                    "The token is not valid before {} (claim {name}); here it is {}",
                    Moment(from_ms),
                    Moment(now_ms)
                );
                return Err(Problem::new(Code::TokenNotYetValid, detail));
            }
        }
        Ok(expires_ms)
    }
}

fn check_exp(exp_ms: i64, now_ms: i64) -> Result<i64, Problem> {
    let expires_ms = exp_ms.saturating_add(LEEWAY_MS);
    if now_ms >= expires_ms {
        let detail = format!("The token expired at {}", Moment(exp_ms));
        return Err(Problem::new(Code::TokenExpired, detail));
    }
    Ok(expires_ms)
}

/// A claim in seconds as milliseconds.
fn milliseconds(claim: Option<f64>, name: &str) -> Result<Option<i64>, Problem> {
    let Some(seconds) = claim else { return Ok(None) };
    if !(0.0..=SECONDS_MAX).contains(&seconds) {
        return Err(invalid(format!(
            "The claim {name} is out of range; it counts seconds since 1970, not milliseconds"
        )));
    }
    // Below 2^48, so the cast is exact but for the fraction of a millisecond.
    Ok(Some((seconds * 1000.0) as i64))
}

fn principal(claims: Claims, kind: KeyKind) -> Result<Principal, Problem> {
    let (caller, permissions, scope) = match kind {
        KeyKind::Administration => (Caller::AdministrationKey, ADMINISTRATION_ACCESS, Scope::Site),
        KeyKind::Client => {
            (Caller::ClientKey, CLIENT_ACCESS, Scope::Instances(instances(claims.aud)?))
        }
    };
    Ok(Principal { name: claims.cnf.jwk.kid, caller, permissions, scope })
}

/// Instance ids of the audience. Other audiences may stand beside them, as in any JWT.
fn instances(audience: Option<Audience>) -> Result<Vec<Uuid>, Problem> {
    let names = match audience {
        None => return Err(invalid("The token has no claim aud; it must list instance ids")),
        Some(Audience::One(name)) => vec![name],
        Some(Audience::Many(names)) => names,
    };
    let ids: Vec<Uuid> = names.iter().filter_map(|name| Uuid::try_parse(name).ok()).collect();
    if ids.is_empty() {
        return Err(invalid("The claim aud of the token names no instance id (a UUID)"));
    }
    Ok(ids)
}

pub(super) fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(Code::InvalidToken, detail)
}

fn unknown_key(kid: &str) -> Problem {
    let detail =
        format!("The token names the key {}, which is not among the uploaded", Quoted(kid));
    Problem::new(Code::UnknownKey, detail)
}

fn wrong_algorithm(alg: &str, key: &PublicKey) -> Problem {
    let allowed: Vec<&str> = key.algorithms().collect();
    invalid(format!(
        "The token is signed with {}, but its key is for {}",
        Quoted(alg),
        allowed.join(", ")
    ))
}

/// A text out of a token, cut and escaped, so that a message stays a message.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(QUOTE_CHARS_MAX) {
            Some((end, _)) => write!(f, "{:?}…", &self.0[..end]),
            None => write!(f, "{:?}", self.0),
        }
    }
}

/// POSIX milliseconds as RFC 3339.
struct Moment(i64);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_millisecond(self.0) {
            Ok(moment) => write!(f, "{moment}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
#[path = "jwt_tests.rs"]
mod tests;
