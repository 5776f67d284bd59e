//! Arrays of requests, and keys under which something is done once.

use serde_json::{Value, json};

use crate::{
    VERSIONS,
    support::{TestServer, access, session_access},
};

#[tokio::test]
async fn an_array_is_answered_in_its_order() {
    for version in VERSIONS {
        let server = TestServer::start().await;
        let instance = server.stocked("NORTHWIND", 10).await;
        let client = server.client(&[&instance]);
        let path = format!("/elastic/api/{version}/instances/{instance}/access-requests");
        let requests = json!([
            access(&[("A", 6.0)]),
            access(&[("A", 6.0)]),
            access(&[("A", 4.0), ("A", 1.0)]),
        ]);
        let answers = client.post(&path, &requests).await.value(200);
        let tokens = |answer: &Value| answer["requestedItems"][0]["totalTokensCharged"].clone();
        let tokens: Vec<_> = answers.as_array().unwrap().iter().map(tokens).collect();
        assert_eq!(tokens, [json!(6), json!(0), json!(4)]);
        assert_eq!(answers[2]["requestedItems"][1]["count"], 0);
        assert_eq!(server.used(&instance, "L1").await, 10.0);
        assert_eq!(client.post(&path, &json!([])).await.value(200), json!([]));
        let many = json!(vec![access(&[("A", 1.0)]); 1_001]);
        client.post(&path, &many).await.problem(400, "malformed");
        let one_bad = json!([access(&[("A", 1.0)]), access(&[("A", -1.0)])]);
        let detail = client.post(&path, &one_bad).await.problem(400, "value_out_of_range");
        assert!(detail.starts_with("$[1].requestedItems[0].count: "), "{detail}");
    }
}

#[tokio::test]
async fn the_same_key_is_charged_once() {
    let server = TestServer::start().await;
    let instance = server.stocked("NORTHWIND", 100).await;
    let client = server.client(&[&instance]);
    let base = format!("/elastic/api/v1.1/instances/{instance}");
    for (path, body) in [
        (format!("{base}/access-request"), access(&[("A", 3.0)])),
        (format!("{base}/access-requests"), json!([access(&[("A", 1.0)]), access(&[("A", 2.0)])])),
    ] {
        let before = server.used(&instance, "L1").await;
        let key = path.clone();
        let key = key.rsplit('/').next().unwrap();
        let first = client.post(&path, &body).key(key).await.is(200);
        let again = client.post(&path, &body).key(key).await.is(200);
        assert_eq!(again.body, first.body);
        // Another version or address means the same; its codes are its own.
        let old = format!("/dynamicmonetization{}", path.replace("v1.1", "v1.0"));
        let old = client.post(&old, &body).key(key).await.is(200);
        assert_ne!(old.body, first.body);
        let other = client.post(&path, &body).text(&format!("{body} ")).key(key).await;
        other.problem(422, "idempotency_key_reused");
        assert_eq!(server.used(&instance, "L1").await, before + 3.0);
    }
    // The key of one operation is not the key of another.
    let body = json!([access(&[("A", 1.0)])]);
    let other = client.post(&format!("{base}/access-requests"), &body).key("access-request").await;
    other.problem(422, "idempotency_key_reused");
    assert_eq!(server.used(&instance, "L1").await, 6.0);
}

#[tokio::test]
async fn sessions_are_opened_and_charged_once() {
    for version in VERSIONS {
        let server = TestServer::start().await;
        let instance = server.stocked("NORTHWIND", 100).await;
        let client = server.client(&[&instance]);
        let sessions = format!("/api/{version}/sessions");
        let body = json!({"instanceId": instance});
        let open = async |key: &str| client.post(&sessions, &body).key(key).await.value(200);
        let opened = open("k1").await;
        assert_eq!(open("k1").await, opened);
        let second = open("k2").await;
        assert_ne!(second, opened);
        let path = format!("{sessions}/{}", opened["sessionId"].as_str().unwrap());
        let other = format!("{sessions}/{}", second["sessionId"].as_str().unwrap());
        let request = session_access(&[("B", 1.0)], true);
        let first = client.put(&path, &request).key("p").await.is(200);
        assert_eq!(client.put(&path, &request).key("p").await.is(200).body, first.body);
        client.put(&other, &request).key("p").await.problem(422, "idempotency_key_reused");
        assert_eq!(server.used(&instance, "L1").await, 7.0);
        // A denial is kept as well.
        let denied = session_access(&[("missing", 1.0)], true);
        let first = client.put(&path, &denied).key("d").await.is(409);
        assert_eq!(client.put(&path, &denied).key("d").await.is(409).body, first.body);
    }
}

#[tokio::test]
async fn bad_keys_are_refused() {
    let server = TestServer::start().await;
    let instance = server.stocked("NORTHWIND", 100).await;
    let client = server.client(&[&instance]);
    let path = format!("/elastic/api/v1.1/instances/{instance}/access-request");
    for key in ["", "a b", &"k".repeat(256)] {
        let answer = client.post(&path, &access(&[("A", 1.0)])).key(key).await;
        let detail = answer.problem(400, "validation_failed");
        assert!(detail.starts_with("Idempotency-Key: "), "{detail}");
    }
    assert_eq!(server.used(&instance, "L1").await, 0.0);
}
