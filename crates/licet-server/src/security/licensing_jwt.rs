//! JWTs of an instance's clients, signed with a licensing key that was uploaded to the instance.

use std::sync::Arc;

use licet_protocol::{InstanceRole, ServerId};
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use super::{
    jwt::{Header, Parts, Quoted, Times, VerifiedJwt, check_crit, check_length, decode, invalid},
    keys::PublicKey,
    licensing_keys::LicensingKey,
    permission::{Permission, PermissionSet},
    principal::{Caller, Principal, Scope},
};
use crate::problem::{Code, Problem};

/// What a token of a client may do, whatever other roles it claims.
const PERMISSIONS: PermissionSet = PermissionSet::of(&[Permission::Serve]);

#[derive(Debug, Deserialize)]
struct Claims {
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
    #[serde(default)]
    roles: Roles,
}

/// A string of roles with commas between them, or an array.
#[derive(Debug, Default)]
struct Roles(Vec<String>);

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            List(Vec<String>),
        }
        Ok(match Either::deserialize(deserializer)? {
            Either::Text(text) => {
                Self(text.split(',').map(|role| role.trim().to_owned()).collect())
            }
            Either::List(roles) => Self(roles),
        })
    }
}

/// Verifies a token for an instance against the keys of that instance.
///
/// # Errors
/// 401 `invalid_token`, `unknown_key`, `token_expired` or `token_not_yet_valid`; the detail says
/// which check failed.
pub(super) fn verify(
    token: &str,
    instance_id: Uuid,
    keys: &[Arc<LicensingKey>],
    requires_exp: bool,
    now_ms: i64,
) -> Result<VerifiedJwt, Problem> {
    check_length(token)?;
    let parts = Parts::split(token)?;
    let header: Header = decode(parts.header, "header")?;
    let claims: Claims = decode(parts.payload, "payload")?;
    check_crit(&header)?;
    let key = signer(&header, &parts, keys)?;
    let times = Times { exp: claims.exp, nbf: claims.nbf, iat: claims.iat };
    let expires_ms = times.check(requires_exp, now_ms)?;
    check_roles(&claims.roles)?;
    let principal = Principal {
        name: format!("{}@{}", key.kid, ServerId(instance_id)),
        caller: Caller::LicensingKey,
        permissions: PERMISSIONS,
        scope: Scope::Instances(vec![instance_id]),
    };
    Ok(VerifiedJwt { principal, expires_ms })
}

/// The key that signed the token: the one that it names, or whichever of them fits.
fn signer<'a>(
    header: &Header,
    parts: &Parts<'_>,
    keys: &'a [Arc<LicensingKey>],
) -> Result<&'a LicensingKey, Problem> {
    if keys.is_empty() {
        return Err(Problem::new(Code::UnknownKey, NO_KEY));
    }
    if let Some(kid) = &header.kid {
        let key = keys.iter().find(|key| key.kid == *kid).ok_or_else(|| unknown_key(kid))?;
        parts.check_signature(&header.alg, &key.key)?;
        return Ok(key);
    }
    let takes = |key: &PublicKey| key.verifier(&header.alg).is_some();
    let mut candidates = keys.iter().filter(|key| takes(&key.key)).peekable();
    if candidates.peek().is_none() {
        return Err(wrong_algorithm(&header.alg, keys));
    }
    let fits = |key: &&Arc<LicensingKey>| parts.check_signature(&header.alg, &key.key).is_ok();
    candidates.find(fits).map(|key| &**key).ok_or_else(|| {
        invalid(
            "The signature fits none of the instance's licensing keys: signed with another key, \
             or changed on the way",
        )
    })
}

pub(super) const NO_KEY: &str = "This instance has no licensing key yet, so no client's token can \
    be verified; upload the public key with POST rest_licensing_keys";

fn check_roles(roles: &Roles) -> Result<(), Problem> {
    let capability = InstanceRole::Capability.as_str();
    if roles.0.iter().any(|role| role == capability) {
        return Ok(());
    }
    Err(invalid(format!("The claim roles of the token does not contain {capability}")))
}

fn unknown_key(kid: &str) -> Problem {
    let detail = format!(
        "The token names the key {}, which is not among the licensing keys of this instance",
        Quoted(kid)
    );
    Problem::new(Code::UnknownKey, detail)
}

fn wrong_algorithm(alg: &str, keys: &[Arc<LicensingKey>]) -> Problem {
    let mut allowed: Vec<&str> = keys.iter().flat_map(|key| key.key.algorithms()).collect();
    allowed.sort_unstable();
    allowed.dedup();
    invalid(format!(
        "The token is signed with {}, but the instance's licensing keys are for {}",
        Quoted(alg),
        allowed.join(", ")
    ))
}

#[cfg(test)]
#[path = "licensing_jwt_tests.rs"]
mod tests;
