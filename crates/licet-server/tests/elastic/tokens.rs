//! Tokens that a client may not use.

use aws_lc_rs::hmac;
use serde_json::json;

use crate::support::{START_MS, SigningKey, TestServer, access, token};

#[tokio::test]
async fn tokens_that_are_not_good_charge_nothing() {
    let server = TestServer::start().await;
    let instance = server.stocked("NORTHWIND", 10).await;
    let other = server.stocked("SOUTHWIND", 10).await;
    let path = format!("/elastic/api/v1.1/instances/{instance}/access-request");
    let request = access(&[("A", 1.0)]);
    let ask =
        async |token: &str| server.bearer(token).naming(&instance).post(&path, &request).await;

    let claims = server.client_claims(&[&instance]);
    let with = |name: &str, value: i64| {
        let mut claims = claims.clone();
        claims[name] = json!(value);
        claims
    };
    let (now_s, key) = (START_MS / 1_000, &server.client_key);
    let expired = ask(&key.mint(&with("exp", now_s - 61))).await;
    expired.problem(401, "token_expired");
    for name in ["nbf", "iat"] {
        let early = ask(&key.mint(&with(name, now_s + 61))).await;
        early.problem(401, "token_not_yet_valid");
    }
    ask(&SigningKey::new().mint(&claims)).await.problem(401, "invalid_token");
    for alg in ["none", "None", "NONE", ""] {
        let unsigned = token(&json!({"alg": alg}), &claims, |_| Vec::new());
        ask(&unsigned).await.problem(401, "invalid_token");
    }
    let (pem, der) = (key.public_pem(), key.public_der());
    // The last 32 bytes of the DER are the key itself.
    let secrets = [pem.as_bytes(), pem.trim_end().as_bytes(), &der, &der[der.len() - 32..]];
    for secret in secrets {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let forged = token(&json!({"alg": "HS256"}), &claims, |signed| {
            hmac::sign(&secret, signed).as_ref().to_vec()
        });
        ask(&forged).await.problem(401, "invalid_token");
    }
    let of_another = key.mint(&server.client_claims(&[&other]));
    ask(&of_another).await.problem(404, "not_found");

    assert_eq!(server.used(&instance, "L1").await, 0.0);
    assert_eq!(server.used(&other, "L1").await, 0.0);
    // The very same claims in a good token are good.
    ask(&key.mint(&claims)).await.is(200);
    assert_eq!(server.used(&instance, "L1").await, 1.0);
}
