use serde_json::{Value, json};

use super::*;
use crate::security::testing::{SigningKey, T0, unsigned};

const INSTANCE: Uuid = Uuid::from_u128(7);

fn key(kid: &str, key: &SigningKey) -> Arc<LicensingKey> {
    Arc::new(LicensingKey::parse(kid.to_owned(), key.public_der(), T0).unwrap())
}

fn claims() -> Value {
    json!({ "sub": "c", "roles": "ROLE_CAPABILITY", "exp": T0 / 1000 + 60 })
}

fn check(token: &str, keys: &[Arc<LicensingKey>]) -> Result<VerifiedJwt, Problem> {
    verify(token, INSTANCE, keys, true, T0)
}

#[test]
fn every_kind_of_key_verifies_what_it_signed() {
    let keys = [
        (SigningKey::rsa(), ["RS256", "RS384", "RS512", "PS256"].as_slice()),
        (SigningKey::p256(), &["ES256"]),
        (SigningKey::p384(), &["ES384"]),
        (SigningKey::ed25519(), &["EdDSA"]),
    ];
    for (signing, algorithms) in &keys {
        for algorithm in *algorithms {
            let token = signing.token(&json!({ "alg": algorithm }), &claims());
            let verified = check(&token, &[key("k", signing)]).unwrap();
            assert_eq!(verified.principal.scope, Scope::Instances(vec![INSTANCE]));
            assert!(verified.principal.may(Permission::Serve));
            assert_eq!(verified.expires_ms, T0 + 120_000, "60 s and the leeway");
        }
    }
}

#[test]
fn a_kid_picks_the_key_and_without_one_all_are_tried() {
    let (one, two) = (SigningKey::p256(), SigningKey::p256());
    let keys = [key("one", &one), key("two", &two)];
    assert!(check(&two.mint(&claims()), &keys).unwrap().principal.name.starts_with("two@"));
    let named = |kid: &str| two.token(&json!({ "alg": "ES256", "kid": kid }), &claims());
    assert!(check(&named("two"), &keys).is_ok());
    assert_eq!(check(&named("one"), &keys).unwrap_err().code(), Code::InvalidToken);
    assert_eq!(check(&named("three"), &keys).unwrap_err().code(), Code::UnknownKey);
    let stranger = SigningKey::p256().mint(&claims());
    assert!(check(&stranger, &keys).unwrap_err().detail().contains("fits none"));
    let missing = check(&stranger, &[]).unwrap_err();
    assert_eq!(missing.code(), Code::UnknownKey);
    assert!(missing.detail().contains("upload"));
}

#[test]
fn the_algorithm_is_the_keys() {
    let rsa = SigningKey::rsa();
    let keys = [key("k", &rsa)];
    for alg in ["none", "HS256", "ES256", ""] {
        let signed = unsigned(&json!({ "alg": alg }), &claims());
        let refused = check(&format!("{signed}."), &keys).unwrap_err();
        assert!(refused.detail().contains("RS256"), "{alg}: {}", refused.detail());
    }
}

#[test]
fn a_client_must_have_the_role() {
    let signing = SigningKey::ed25519();
    let keys = [key("k", &signing)];
    let with = |roles: Value| {
        let mut claims = claims();
        claims["roles"] = roles;
        check(&signing.mint(&claims), &keys)
    };
    assert!(with(json!("ROLE_READ, ROLE_CAPABILITY")).is_ok());
    assert!(with(json!(["ROLE_CAPABILITY", "ROLE_ADMIN"])).is_ok());
    for roles in [json!("ROLE_ADMIN"), json!([]), json!("ROLE_CAPABILITY_NOT"), json!(7)] {
        assert_eq!(with(roles.clone()).unwrap_err().code(), Code::InvalidToken, "{roles}");
    }
    let admin = with(json!("ROLE_CAPABILITY,ROLE_ADMIN")).unwrap().principal;
    assert!(!admin.may(Permission::InstanceUsersWrite), "a licensing key makes nobody an admin");
    let none = signing.mint(&json!({ "sub": "c", "exp": T0 / 1000 + 60 }));
    assert!(check(&none, &keys).unwrap_err().detail().contains("ROLE_CAPABILITY"));
}

#[test]
fn tokens_expire_unless_that_is_not_asked() {
    let signing = SigningKey::rsa();
    let keys = [key("k", &signing)];
    let bare = signing.mint(&json!({ "sub": "any-id", "roles": "ROLE_CAPABILITY" }));
    let refused = check(&bare, &keys).unwrap_err();
    assert!(refused.detail().contains("exp"), "{}", refused.detail());
    let taken = verify(&bare, INSTANCE, &keys, false, T0).unwrap();
    assert_eq!(taken.expires_ms, i64::MAX);
    let token = signing.mint(&claims());
    for requires_exp in [true, false] {
        let at = |now_ms| verify(&token, INSTANCE, &keys, requires_exp, now_ms);
        assert!(at(T0 + 119_999).is_ok(), "60 s of leeway");
        assert_eq!(at(T0 + 120_000).unwrap_err().code(), Code::TokenExpired);
    }
    let later =
        json!({ "roles": "ROLE_CAPABILITY", "exp": T0 / 1000 + 600, "nbf": T0 / 1000 + 61 });
    assert_eq!(check(&signing.mint(&later), &keys).unwrap_err().code(), Code::TokenNotYetValid);
}
