//! A preview decides and changes nothing.

use serde_json::json;

use crate::{
    VERSIONS, code,
    support::{TestServer, access, session_access},
};

#[tokio::test]
async fn a_preview_answers_as_in_earnest_and_changes_nothing() {
    for version in VERSIONS {
        let server = TestServer::start().await;
        let instance = server.stocked("NORTHWIND", 10).await;
        let client = server.client(&[&instance]);
        let base = format!("/elastic/api/{version}/instances/{instance}");
        let path = format!("{base}/access-request?preview=true");
        let request = access(&[("B", 1.0), ("B", 1.0)]);
        let preview = client.post(&path, &request).key("k").await.value(200);
        assert_eq!(preview.get("correlationId"), None);
        assert_eq!(preview["requestedItems"][1]["status"]["code"], code(version, "306"));
        let many = json!([access(&[("B", 1.0)]), access(&[("B", 1.0)])]);
        let previews = client.post(&format!("{base}/access-requests?preview=true"), &many).await;
        // Each is decided for itself.
        for preview in previews.value(200).as_array().unwrap() {
            assert_eq!(preview["requestedItems"][0]["totalTokensCharged"], 7);
            assert_eq!(preview.get("correlationId"), None);
        }
        assert_eq!(server.used(&instance, "L1").await, 0.0);

        let earnest = client.post(&format!("{base}/access-request?preview=false"), &request);
        let mut earnest = earnest.key("k").await.value(200);
        assert!(earnest.as_object_mut().unwrap().remove("correlationId").is_some());
        assert_eq!(earnest, preview);
        assert_eq!(server.used(&instance, "L1").await, 7.0);
        client.post(&format!("{base}/access-request?preview=1"), &request).await.is(400);
    }
}

#[tokio::test]
async fn a_session_can_be_previewed_too() {
    for version in VERSIONS {
        let server = TestServer::start().await;
        let instance = server.stocked("NORTHWIND", 10).await;
        let client = server.client(&[&instance]);
        let sessions = format!("/api/{version}/sessions");
        let opened = client.post(&sessions, &json!({"instanceId": instance})).await.value(200);
        let path = format!("{sessions}/{}", opened["sessionId"].as_str().unwrap());
        let preview = format!("{path}?preview=true");
        let granted = client.put(&preview, &session_access(&[("B", 1.0)], true)).await.value(200);
        assert_eq!(granted["requestedItems"][0]["totalTokensCharged"], 7);
        assert_eq!(granted.get("correlationId"), None);
        client.put(&preview, &session_access(&[("B", 2.0)], false)).await.is(409);
        assert_eq!(client.get(&path).await.value(200)["state"], "IDLE");
        assert_eq!(server.used(&instance, "L1").await, 0.0);
    }
}
