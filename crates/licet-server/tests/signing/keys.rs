//! Keys come, take over, retire and go.

use licet_protocol::SigningAlgorithm::{EdDsa, Rs256};
use serde_json::{Value, json};

use crate::{
    ALGORITHMS, published, signer,
    support::{DAY_MS, MINUTE_MS, START_MS, TestServer},
};

const PATH: &str = "/operations/api/v1/signing-keys";

async fn create(server: &TestServer, body: Value) -> Value {
    server.admin().post(PATH, &body).await.value(201)
}

/// Id and state of each key.
async fn states(server: &TestServer) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = server.admin().get(PATH).await.value(200);
    let keys = list["keys"].as_array().unwrap();
    keys.iter().map(|key| (text(&key["kid"]), text(&key["state"]))).collect()
}

fn kid(key: &Value) -> String {
    key["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn everybody_can_fetch_the_public_keys() {
    let server = TestServer::start().await;
    let answer = server.stranger().get("/.well-known/jwks.json").await.is(200);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["cache-control"], "public, max-age=300");
    let set = answer.json();
    let key = &set["keys"][0];
    assert_eq!((&key["kty"], &key["crv"]), (&json!("OKP"), &json!("Ed25519")));
    assert_eq!((&key["alg"], &key["use"]), (&json!("EdDSA"), &json!("sig")));
    assert_eq!(key["kid"], json!(signer(&server, EdDsa).await));
    assert_eq!(key.as_object().unwrap().len(), 6, "nothing else is told: {key}");

    let tag = answer.headers["etag"].to_str().unwrap();
    let again = server.stranger().get("/.well-known/jwks.json").header("if-none-match", tag);
    let again = again.await.is(304);
    assert!(again.body.is_empty());
    assert_eq!(again.headers["etag"], tag);
    create(&server, json!({})).await;
    let changed = server.stranger().get("/.well-known/jwks.json").header("if-none-match", tag);
    assert_ne!(changed.await.is(200).headers["etag"], tag);
}

#[tokio::test]
async fn a_new_key_takes_over_and_the_old_one_can_still_be_verified() {
    for algorithm in ALGORITHMS {
        let server = TestServer::start().await;
        let old = signer(&server, algorithm).await;
        let before = published(&server).await;
        let made = create(&server, json!({ "algorithm": algorithm })).await;
        let new = kid(&made);
        assert_eq!(made["state"], "PENDING");
        assert_eq!(made["activates"], START_MS + 10 * MINUTE_MS);
        assert_eq!(published(&server).await.len(), before.len() + 1, "published at once");
        server.pass(10 * MINUTE_MS - 1);
        assert_eq!(signer(&server, algorithm).await, old);
        server.pass(1);
        assert_eq!(signer(&server, algorithm).await, new);
        let now = states(&server).await;
        assert!(now.contains(&(old.clone(), "RETIRED".to_owned())), "{now:?}");
        assert!(now.contains(&(new.clone(), "SIGNING".to_owned())), "{now:?}");

        server.pass(30 * DAY_MS - 1);
        assert!(published(&server).await.contains(&old));
        server.pass(1);
        assert!(!published(&server).await.contains(&old), "the overlap is over");
        assert!(!states(&server).await.iter().any(|(kid, _)| *kid == old));
        assert_eq!(signer(&server, algorithm).await, new);
    }
}

#[tokio::test]
async fn times_can_be_chosen() {
    let server = TestServer::start().await;
    let old = signer(&server, EdDsa).await;
    let body = json!({ "activateAfterSeconds": 0, "overlapSeconds": 60 });
    let new = kid(&create(&server, body).await);
    assert_eq!(signer(&server, EdDsa).await, new);
    assert_eq!(published(&server).await.len(), 2);
    server.pass(MINUTE_MS);
    assert_eq!(published(&server).await, [new]);
    assert_ne!(published(&server).await, [old]);
}

#[tokio::test]
async fn a_key_that_somebody_else_has_is_ended_at_once() {
    let server = TestServer::start().await;
    let old = signer(&server, EdDsa).await;
    server.admin().delete(&format!("{PATH}/{old}")).await.is(204);
    let new = signer(&server, EdDsa).await;
    assert_ne!(new, old, "a new one was made in the same step");
    assert_eq!(published(&server).await, std::slice::from_ref(&new));
    server.admin().delete(&format!("{PATH}/{old}")).await.problem(404, "not_found");

    // The one that waits takes over at once.
    let waiting = kid(&create(&server, json!({ "activateAfterSeconds": 3_600 })).await);
    server.admin().delete(&format!("{PATH}/{new}")).await.is(204);
    assert_eq!(signer(&server, EdDsa).await, waiting);
    // Without the one that waits, the one that was to retire goes on.
    let next = kid(&create(&server, json!({ "activateAfterSeconds": 3_600 })).await);
    server.admin().delete(&format!("{PATH}/{next}")).await.is(204);
    server.pass(2 * 60 * MINUTE_MS);
    assert_eq!(signer(&server, EdDsa).await, waiting);
    assert_eq!(states(&server).await, [(waiting, "SIGNING".to_owned())]);
}

#[tokio::test]
async fn a_key_for_rs256_is_made_when_it_is_needed() {
    let server = TestServer::start().await;
    assert_eq!(published(&server).await.len(), 1);
    let (one, other) = tokio::join!(signer(&server, Rs256), signer(&server, Rs256));
    assert_eq!(one, other);
    assert_eq!(published(&server).await.len(), 2);
    let set = server.stranger().get("/.well-known/jwks.json").await.value(200);
    let rsa = set["keys"].as_array().unwrap().iter().find(|key| key["kty"] == "RSA").unwrap();
    assert_eq!((&rsa["alg"], &rsa["e"]), (&json!("RS256"), &json!("AQAB")));
    assert_eq!(rsa["n"].as_str().unwrap().len(), 342, "2048 bits");
}

#[tokio::test]
async fn the_first_key_of_an_algorithm_signs_at_once() {
    let server = TestServer::start().await;
    let made = create(&server, json!({ "algorithm": "RS256" })).await;
    assert_eq!((&made["state"], &made["activates"]), (&json!("SIGNING"), &json!(START_MS)));
    assert_eq!(signer(&server, Rs256).await, kid(&made));
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let server = TestServer::start().await;
    for (body, code, place) in [
        (json!({ "algorithm": "HS256" }), "malformed", "$.algorithm"),
        (json!({ "algorithm": "eddsa" }), "malformed", "$.algorithm"),
        (json!({ "activateAfterSeconds": -1 }), "validation_failed", "$.activateAfterSeconds"),
        (json!({ "activateAfterSeconds": 2_592_001 }), "validation_failed", "2592000"),
        (json!({ "overlapSeconds": 316_224_001 }), "validation_failed", "$.overlapSeconds"),
        (json!({ "overlap": 1 }), "malformed", "overlap"),
        (json!([]), "malformed", "object expected"),
    ] {
        let detail = server.admin().post(PATH, &body).await.problem(400, code);
        assert!(detail.contains(place), "{detail}");
    }
    assert_eq!(published(&server).await.len(), 1);
    for _ in 1..32 {
        create(&server, json!({ "activateAfterSeconds": 0 })).await;
        server.pass(1);
    }
    let detail = server.admin().post(PATH, &json!({})).await.problem(409, "conflict");
    assert!(detail.contains("at most 32"), "{detail}");
    server.pass(31 * DAY_MS);
    create(&server, json!({})).await;
    assert_eq!(published(&server).await.len(), 2, "those that expired made room");
}

#[tokio::test]
async fn the_audit_log_tells_of_every_change_and_of_no_secret() {
    let server = TestServer::start().await;
    let old = signer(&server, EdDsa).await;
    server.pass(1);
    let new = kid(&create(&server, json!({})).await);
    server.pass(1);
    server.admin().delete(&format!("{PATH}/{old}")).await.is(204);
    let log = server.admin().get("/operations/api/v1/audit").await.value(200);
    let entries = log["entries"].as_array().unwrap();
    let of = |action: &str, object: &str| {
        let found = |entry: &&Value| entry["action"] == action && entry["object"] == object;
        entries.iter().find(found).unwrap_or_else(|| panic!("{action} {object}: {entries:#?}"))
    };
    assert_eq!(of("signing-key.create", &old)["actor"], "licet");
    let created = of("signing-key.create", &new);
    assert_eq!(created["actor"], "test-admin");
    assert_eq!(created["before"]["keys"][0]["retires"], Value::Null);
    assert_eq!(created["after"]["keys"][0]["retires"], START_MS + 1 + 10 * MINUTE_MS);
    let deleted = of("signing-key.delete", &old);
    assert_eq!(deleted["after"]["keys"].as_array().unwrap().len(), 1);
    for row in server.store.signing_keys().await.unwrap() {
        let sealed = format!("{:?}", row.sealed_private_key.unwrap());
        assert!(!log.to_string().contains(&sealed.replace(' ', "")));
    }
}
