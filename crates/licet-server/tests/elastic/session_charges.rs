//! What a session costs as time goes by.

use serde_json::json;

use crate::{
    VERSIONS,
    support::{HOUR_MS, MINUTE_MS, TestServer, session_access},
};

/// A session in each version that holds one B for 7 tokens.
struct Story {
    server: TestServer,
    instance: String,
    path: String,
}

impl Story {
    async fn begin(version: &str, quantity: i64) -> Self {
        let server = TestServer::start().await;
        let instance = server.stocked("NORTHWIND", quantity).await;
        let client = server.client(&[&instance]);
        let body = json!({"instanceId": instance});
        let opened = client.post(&format!("/api/{version}/sessions"), &body).await.value(200);
        let path = format!("/api/{version}/sessions/{}", opened["sessionId"].as_str().unwrap());
        client.put(&path, &session_access(&[("B", 1.0)], true)).await.is(200);
        Self { server, instance, path }
    }

    async fn heartbeat(&self) -> u16 {
        let client = self.server.client(&[&self.instance]);
        client.get(&format!("{}/heartbeat", self.path)).await.status
    }

    async fn close(&self) {
        self.server.client(&[&self.instance]).delete(&self.path).await.is(204);
    }

    async fn state(&self) -> String {
        let session = self.server.client(&[&self.instance]).get(&self.path).await.value(200);
        session["state"].as_str().unwrap().to_owned()
    }

    async fn used(&self) -> f64 {
        self.server.used(&self.instance, "L1").await
    }
}

#[tokio::test]
async fn closing_at_140_minutes_gives_back_two_thirds_of_the_third_charge() {
    for version in VERSIONS {
        let story = Story::begin(version, 100).await;
        for _ in 0..2 {
            story.server.pass(HOUR_MS);
            assert_eq!(story.heartbeat().await, 204);
        }
        assert_eq!(story.used().await, 21.0);
        story.server.pass(20 * MINUTE_MS);
        story.close().await;
        assert_eq!(story.used().await, 16.333_333);
    }
}

#[tokio::test]
async fn a_missed_heartbeat_gives_back_the_whole_last_charge() {
    for version in VERSIONS {
        let story = Story::begin(version, 100).await;
        story.server.pass(HOUR_MS + HOUR_MS / 2);
        assert_eq!(story.used().await, 14.0);
        story.server.pass(1);
        assert_eq!(story.used().await, 7.0);
        assert_eq!(story.state().await, "TERMINATED");
    }
}

#[tokio::test]
async fn an_automatic_charge_that_cannot_be_paid_ends_the_session() {
    for version in VERSIONS {
        let story = Story::begin(version, 10).await;
        story.server.pass(HOUR_MS);
        assert_eq!(story.state().await, "TERMINATED");
        assert_eq!(story.used().await, 7.0);
        let expected = if version == "v1.0" { 403 } else { 409 };
        assert_eq!(story.heartbeat().await, expected);
    }
}

#[tokio::test]
async fn no_items_give_back_and_rest() {
    for version in VERSIONS {
        let story = Story::begin(version, 100).await;
        story.server.pass(HOUR_MS / 2);
        let client = story.server.client(&[&story.instance]);
        let answer = client.put(&story.path, &session_access(&[], false)).await.value(200);
        assert_eq!(answer["requestedItems"], json!([]));
        assert_eq!(story.state().await, "IDLE");
        assert_eq!(story.used().await, 3.5);
        story.server.pass(24 * HOUR_MS);
        assert_eq!(story.state().await, "TERMINATED");
    }
}

#[tokio::test]
async fn a_new_set_of_items_starts_a_new_period() {
    for version in VERSIONS {
        let story = Story::begin(version, 100).await;
        story.server.pass(HOUR_MS / 2);
        let client = story.server.client(&[&story.instance]);
        client.put(&story.path, &session_access(&[("A", 4.0)], true)).await.is(200);
        assert_eq!(story.used().await, 7.5);
        story.server.pass(HOUR_MS - 1);
        assert_eq!(story.used().await, 7.5);
        story.server.pass(1);
        assert_eq!(story.used().await, 11.5);
    }
}
