use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::security::testing::{INSTANCE, SigningKey, T0, admin_claims, client_claims, unsigned};
use licet_store::KeyRow;

fn row(id: &str, kind: KeyKind, key: &SigningKey) -> KeyRow {
    KeyRow { id: id.into(), kind, pem: key.public_pem(), created_ms: T0, modified_ms: T0 }
}

fn keys(rows: &[KeyRow]) -> PublicKeys {
    PublicKeys::from_rows(rows)
}

/// An administration key `admin` and a client key `client`, and their ring.
struct Ring {
    admin: SigningKey,
    client: SigningKey,
    keys: PublicKeys,
}

impl Ring {
    fn new() -> Self {
        let (admin, client) = (SigningKey::ed25519(), SigningKey::p256());
        let keys = keys(&[
            row("admin", KeyKind::Administration, &admin),
            row("client", KeyKind::Client, &client),
        ]);
        Self { admin, client, keys }
    }

    /// Verifies an administration token with changed claims.
    fn with(&self, change: impl FnOnce(&mut Value)) -> Result<VerifiedJwt, Problem> {
        let mut claims = admin_claims("admin");
        change(&mut claims);
        verify(&self.admin.mint(&claims), &self.keys, T0)
    }

    /// Verifies a client token with changed claims.
    fn client_with(&self, change: impl FnOnce(&mut Value)) -> Result<VerifiedJwt, Problem> {
        let mut claims = client_claims("client");
        change(&mut claims);
        verify(&self.client.mint(&claims), &self.keys, T0)
    }
}

#[track_caller]
fn refused<T: fmt::Debug>(result: Result<T, Problem>, code: Code, words: &str) {
    let problem = result.unwrap_err();
    assert_eq!(problem.code(), code, "{problem}");
    assert!(problem.detail().contains(words), "{problem} lacks: {words}");
}

fn without(claims: &mut Value, name: &str) {
    claims.as_object_mut().unwrap().remove(name);
}

#[test]
fn every_kind_of_key_signs() {
    for key in [SigningKey::ed25519(), SigningKey::p256(), SigningKey::p384(), SigningKey::rsa()] {
        let keys = keys(&[row("k", KeyKind::Administration, &key)]);
        let verified = verify(&key.mint(&admin_claims("k")), &keys, T0).unwrap();
        assert_eq!(verified.principal.name, "k");
        assert_eq!(verified.expires_ms, T0 + 3_600_000 + LEEWAY_MS);
    }
}

#[test]
fn rsa_keys_take_each_of_their_algorithms() {
    let key = SigningKey::rsa();
    let keys = keys(&[row("k", KeyKind::Administration, &key)]);
    for alg in ["RS256", "RS384", "RS512", "PS256"] {
        let token = key.token(&json!({ "alg": alg }), &admin_claims("k"));
        assert!(verify(&token, &keys, T0).is_ok(), "{alg}");
    }
    for alg in ["PS384", "PS512", "ES256", "EdDSA", "RS1", "HS256", "none", "rs256", ""] {
        let token = key.token(&json!({ "alg": alg }), &admin_claims("k"));
        refused(verify(&token, &keys, T0), Code::InvalidToken, "its key is for RS256");
    }
}

/// Tokens of a library that is not ours.
#[test]
fn tokens_of_another_library_are_read() {
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    let cases = [
        (SigningKey::ed25519(), Algorithm::EdDSA),
        (SigningKey::p256(), Algorithm::ES256),
        (SigningKey::p384(), Algorithm::ES384),
        (SigningKey::rsa(), Algorithm::RS512),
        (SigningKey::rsa(), Algorithm::PS256),
    ];
    for (key, algorithm) in cases {
        let pem = key.private_pem();
        let signer = match algorithm {
            Algorithm::EdDSA => EncodingKey::from_ed_pem(pem.as_bytes()),
            Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_pem(pem.as_bytes()),
            _ => EncodingKey::from_rsa_pem(pem.as_bytes()),
        };
        let header = Header { kid: Some("k".into()), ..Header::new(algorithm) };
        let token = encode(&header, &client_claims("k"), &signer.unwrap()).unwrap();
        let verified = verify(&token, &keys(&[row("k", KeyKind::Client, &key)]), T0);
        assert!(verified.is_ok(), "{algorithm:?}: {verified:?}");
    }
}

#[test]
fn administration_tokens_see_the_site() {
    let principal = Ring::new().with(|_| ()).unwrap().principal;
    assert_eq!(principal.caller, Caller::AdministrationKey);
    assert_eq!(principal.scope, Scope::Site);
    assert_eq!(principal.permissions, ADMINISTRATION_ACCESS);
}

#[test]
fn client_tokens_see_the_instances_of_their_audience() {
    let ring = Ring::new();
    let id = Uuid::try_parse(INSTANCE).unwrap();
    let audiences = [
        json!(INSTANCE),
        json!([INSTANCE]),
        json!(["https://licet.example", INSTANCE.to_uppercase()]),
    ];
    for audience in audiences {
        let principal = ring.client_with(|claims| claims["aud"] = audience).unwrap().principal;
        assert_eq!(principal.caller, Caller::ClientKey);
        assert_eq!(principal.scope, Scope::Instances(vec![id]));
        assert_eq!(principal.permissions, CLIENT_ACCESS);
    }
}

#[test]
fn client_tokens_need_an_audience() {
    let ring = Ring::new();
    refused(ring.client_with(|claims| without(claims, "aud")), Code::InvalidToken, "no claim aud");
    for audience in [json!([]), json!(["x"]), json!("https://licet.example")] {
        refused(
            ring.client_with(|claims| claims["aud"] = audience),
            Code::InvalidToken,
            "no instance id",
        );
    }
    refused(ring.client_with(|claims| claims["aud"] = json!([1])), Code::InvalidToken, "payload");
}

#[test]
fn expired_tokens_are_refused_a_minute_late() {
    let ring = Ring::new();
    let token = ring.admin.mint(&admin_claims("admin"));
    let exp_ms = T0 + 3_600_000;
    assert!(verify(&token, &ring.keys, exp_ms + LEEWAY_MS - 1).is_ok());
    refused(
        verify(&token, &ring.keys, exp_ms + LEEWAY_MS),
        Code::TokenExpired,
        "expired at 2026-01-01T01:00:00Z",
    );
}

#[test]
fn tokens_from_the_future_are_refused_but_for_a_minute() {
    let ring = Ring::new();
    for claim in ["nbf", "iat"] {
        assert!(ring.with(|claims| claims[claim] = json!(T0 / 1000 + 60)).is_ok());
        refused(
            ring.with(|claims| claims[claim] = json!(T0 / 1000 + 61)),
            Code::TokenNotYetValid,
            "not valid before 2026-01-01T00:01:01Z",
        );
        assert!(ring.with(|claims| without(claims, claim)).is_ok(), "{claim} may be left out");
    }
}

#[test]
fn expiry_is_required_and_in_seconds() {
    let ring = Ring::new();
    refused(ring.with(|claims| without(claims, "exp")), Code::InvalidToken, "no claim exp");
    refused(ring.with(|claims| claims["exp"] = Value::Null), Code::InvalidToken, "no claim exp");
    for exp in [json!(T0 + 3_600_000), json!(-1), json!(1e300), json!(u64::MAX)] {
        refused(
            ring.with(|claims| claims["exp"] = exp),
            Code::InvalidToken,
            "seconds since 1970, not milliseconds",
        );
    }
    refused(ring.with(|claims| claims["exp"] = json!("soon")), Code::InvalidToken, "payload");
    assert!(ring.with(|claims| claims["exp"] = json!(T0 as f64 / 1000.0 + 0.5)).is_ok());
}

#[test]
fn another_private_key_does_not_fit() {
    let ring = Ring::new();
    let token = SigningKey::ed25519().mint(&admin_claims("admin"));
    refused(verify(&token, &ring.keys, T0), Code::InvalidToken, "signature does not fit");
}

#[test]
fn tampering_shows() {
    let ring = Ring::new();
    let token = ring.admin.mint(&admin_claims("admin"));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let longer = URL_SAFE_NO_PAD.encode(
        json!({ "exp": T0, "cnf": { "jwk": { "kid": "admin", "kty": "ADMIN" } } }).to_string(),
    );
    refused(
        verify(&format!("{header}.{longer}.{signature}"), &ring.keys, T0),
        Code::InvalidToken,
        "signature does not fit",
    );
    for signature in ["", "AAAA", &signature[1..]] {
        let result = verify(&format!("{signed}.{signature}"), &ring.keys, T0);
        assert_eq!(result.unwrap_err().code(), Code::InvalidToken, "{signature}");
    }
}

#[test]
fn unsigned_tokens_are_refused() {
    let ring = Ring::new();
    for alg in ["none", "None", "NONE", "nOnE"] {
        let signed = unsigned(&json!({ "alg": alg }), &admin_claims("admin"));
        refused(
            verify(&format!("{signed}."), &ring.keys, T0),
            Code::InvalidToken,
            "its key is for EdDSA",
        );
    }
}

#[test]
fn a_public_key_is_no_secret_for_hs256() {
    use aws_lc_rs::hmac;
    let ring = Ring::new();
    let public = ring.admin.public_pem();
    let der = STANDARD.decode(public.lines().nth(1).unwrap()).unwrap();
    for secret in [public.as_bytes(), der.as_slice()] {
        let signed = unsigned(&json!({ "alg": "HS256" }), &admin_claims("admin"));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = hmac::sign(&key, signed.as_bytes());
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
        refused(verify(&token, &ring.keys, T0), Code::InvalidToken, "signed with \"HS256\"");
    }
}

#[test]
fn the_algorithm_is_the_keys_not_the_headers() {
    let rsa = SigningKey::rsa();
    let ec = SigningKey::p256();
    let keys =
        keys(&[row("rsa", KeyKind::Administration, &rsa), row("ec", KeyKind::Administration, &ec)]);
    let as_ec = rsa.token(&json!({ "alg": "RS256" }), &admin_claims("ec"));
    refused(verify(&as_ec, &keys, T0), Code::InvalidToken, "its key is for ES256");
    let as_rsa = ec.token(&json!({ "alg": "ES256" }), &admin_claims("rsa"));
    refused(verify(&as_rsa, &keys, T0), Code::InvalidToken, "its key is for RS256");
    let lying = rsa.token(&json!({ "alg": "ES256" }), &admin_claims("ec"));
    refused(verify(&lying, &keys, T0), Code::InvalidToken, "signature does not fit");
}

#[test]
fn a_key_in_the_header_is_not_trusted() {
    let ring = Ring::new();
    let thief = SigningKey::p256();
    let header = json!({
        "alg": "ES256",
        "jwk": { "kty": "EC", "crv": "P-256" },
        "jku": "https://thief.example/keys",
    });
    let token = thief.token(&header, &client_claims("client"));
    refused(verify(&token, &ring.keys, T0), Code::InvalidToken, "signature does not fit");
}

#[test]
fn the_kind_of_token_must_be_the_kind_of_key() {
    let ring = Ring::new();
    for kty in ["CLIENT", "admin", "OKP", ""] {
        refused(
            ring.with(|claims| claims["cnf"]["jwk"]["kty"] = json!(kty)),
            Code::InvalidToken,
            "uploaded for ADMIN tokens",
        );
    }
    refused(
        ring.client_with(|claims| claims["cnf"]["jwk"]["kty"] = json!("ADMIN")),
        Code::InvalidToken,
        "uploaded for CLIENT tokens",
    );
}

#[test]
fn the_key_id_of_the_header_must_agree() {
    let ring = Ring::new();
    let header = |kid: &str| json!({ "alg": "EdDSA", "kid": kid });
    let token = ring.admin.token(&header("admin"), &admin_claims("admin"));
    assert!(verify(&token, &ring.keys, T0).is_ok());
    let token = ring.admin.token(&header("client"), &admin_claims("admin"));
    refused(verify(&token, &ring.keys, T0), Code::InvalidToken, "names the key \"client\"");
}

#[test]
fn the_key_id_is_in_the_payload() {
    let ring = Ring::new();
    refused(
        ring.with(|claims| claims["cnf"]["jwk"]["kid"] = json!("lost")),
        Code::UnknownKey,
        "the key \"lost\"",
    );
    refused(ring.with(|claims| without(claims, "cnf")), Code::InvalidToken, "$.cnf");
    let long = "k".repeat(2000);
    let problem = ring.with(|claims| claims["cnf"]["jwk"]["kid"] = json!(long)).unwrap_err();
    assert!(problem.detail().len() < 200, "{}", problem.detail().len());
}

#[test]
fn critical_extensions_are_refused() {
    let ring = Ring::new();
    let header = json!({ "alg": "EdDSA", "crit": ["b64"], "b64": false });
    let token = ring.admin.token(&header, &admin_claims("admin"));
    refused(verify(&token, &ring.keys, T0), Code::InvalidToken, "crit");
}

#[test]
fn malformed_tokens_are_refused() {
    let ring = Ring::new();
    let good = ring.admin.mint(&admin_claims("admin"));
    let parts: Vec<&str> = good.split('.').collect();
    let table = [
        (String::new(), "no JWT"),
        ("abc".into(), "no JWT"),
        ("a.b".into(), "no JWT"),
        (format!("{good}.x"), "no JWT"),
        (format!("{}=.{}.{}", parts[0], parts[1], parts[2]), "header of the token is not"),
        (format!("{}.*.{}", parts[0], parts[2]), "payload of the token is not"),
        (format!("{}.{}.{}=", parts[0], parts[1], parts[2]), "signature of the token is not"),
        (format!("W10.{}.{}", parts[1], parts[2]), "header of the token cannot be read"),
        (format!("{}.W10.{}", parts[0], parts[2]), "payload of the token cannot be read"),
    ];
    for (token, words) in table {
        refused(verify(&token, &ring.keys, T0), Code::InvalidToken, words);
    }
}

#[test]
fn a_claim_may_not_stand_twice() {
    let ring = Ring::new();
    let payload = admin_claims("admin").to_string();
    let twice = payload.replacen('{', "{\"exp\":99999999999,", 1);
    let header = URL_SAFE_NO_PAD.encode("{\"alg\":\"EdDSA\"}");
    let token = format!("{header}.{}.AAAA", URL_SAFE_NO_PAD.encode(twice));
    refused(verify(&token, &ring.keys, T0), Code::InvalidToken, "given twice");
}

#[test]
fn oversized_tokens_are_not_read() {
    let ring = Ring::new();
    let result = ring.with(|claims| claims["more"] = json!("x".repeat(JWT_BYTES_MAX)));
    refused(result, Code::InvalidToken, "longer than 8192 bytes");
    assert!(ring.with(|claims| claims["more"] = json!("x".repeat(5000))).is_ok());
}
