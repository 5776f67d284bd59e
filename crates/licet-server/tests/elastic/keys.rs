//! Public keys over the wire.

use serde_json::{Value, json};

use crate::{VERSIONS, support::TestServer};

const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

fn ids(page: &Value) -> Vec<&str> {
    page["keys"].as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn keys_are_uploaded_listed_and_deleted() {
    for version in VERSIONS {
        for base in ["/api", "/floating/api", "/dynamicmonetization/floating/api"] {
            let server = TestServer::start().await;
            let admin = server.admin();
            let base = format!("{base}/{version}");
            let key = json!([{"id": "nw/client 1", "publicKey": PEM}]);
            let put = admin.put(&format!("{base}/client-keys"), &key).await.value(200);
            assert_eq!(ids(&put), ["nw/client 1"]);
            assert_eq!(put["keys"][0]["type"], "CLIENT");
            let taken = admin.put(&format!("{base}/administration-keys"), &key).await;
            taken.problem(409, "already_exists");
            let page = admin.get(&format!("{base}/public-keys")).await.value(200);
            assert_eq!(page["next"], 0);
            assert_eq!(page["keys"].as_array().unwrap().len(), 3);

            let one = format!("{base}/client-keys/nw%2Fclient%201");
            assert_eq!(admin.delete(&one).await.value(200), json!({}));
            admin.delete(&one).await.problem(404, "not_found");
            let last = admin.delete(&format!("{base}/administration-keys/test-admin")).await;
            last.problem(403, "last_administration_key");
            let client = server.client(&["0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11"]);
            admin.delete(&format!("{base}/client-keys/test-client")).await.is(200);
            client.get(&format!("{base}/sessions")).await.problem(401, "unknown_key");
        }
    }
}

#[tokio::test]
async fn keys_come_in_pages() {
    let server = TestServer::start().await;
    let admin = server.admin();
    for half in ["a", "b"] {
        let keys: Vec<_> =
            (0..60).map(|n| json!({"id": format!("{half}{n:02}"), "publicKey": PEM})).collect();
        admin.put("/api/v1.1/client-keys", &json!(keys)).await.is(200);
    }
    let first = admin.get("/api/v1.1/public-keys").await.value(200);
    assert_eq!(ids(&first).len(), 100);
    let path = format!("/api/v1.1/public-keys?next={}", first["next"]);
    let second = admin.get(&path).await.value(200);
    assert_eq!(ids(&second).len(), 22);
    assert_eq!(second["next"], 0);
    assert!(ids(&first).iter().all(|id| !ids(&second).contains(id)));
    let beyond = admin.get("/api/v1.1/public-keys?next=99999999999").await.value(200);
    assert_eq!(beyond, json!({"keys": [], "next": 0}));
}

#[tokio::test]
async fn bad_keys_are_refused_all_together() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let good = json!({"id": "good", "publicKey": PEM});
    let bad = json!([good, {"id": "bad", "publicKey": "-----BEGIN PUBLIC KEY-----"}]);
    let answer = admin.put("/api/v1.1/client-keys", &bad).await.value(400);
    assert!(answer["errors"][0].as_str().unwrap().starts_with("$[1].publicKey: "), "{answer}");
    admin.put("/api/v1.1/client-keys", &json!([good, good])).await.is(400);
    admin.put("/api/v1.1/client-keys", &json!({"keys": [good]})).await.problem(400, "malformed");
    let page = admin.get("/api/v1.1/public-keys").await.value(200);
    assert_eq!(ids(&page), ["test-admin", "test-client"]);
}
