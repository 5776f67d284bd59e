//! A session's stream of events.

use serde_json::{Value, json};

use crate::support::{Agent, CLIENT_KEY, HOUR_MS, MINUTE_MS, START_MS, TestServer, session_access};

struct Story {
    server: TestServer,
    client: Agent,
    instance: String,
    id: String,
}

impl Story {
    async fn begin() -> Self {
        let server = TestServer::start().await;
        let instance = server.stocked("NORTHWIND", 100).await;
        let client = server.client(&[&instance]);
        let opened = client.post("/api/v1.1/sessions", &json!({"instanceId": instance})).await;
        let id = opened.value(200)["sessionId"].as_str().unwrap().to_owned();
        Self { server, client, instance, id }
    }

    fn path(&self) -> String {
        format!("/api/v1.1/sessions/{}", self.id)
    }

    async fn put(&self, items: &[(&str, f64)], rollback_on_deny: bool) -> u16 {
        self.client.put(&self.path(), &session_access(items, rollback_on_deny)).await.status
    }

    async fn heartbeat(&self) {
        self.client.get(&format!("{}/heartbeat", self.path())).await.is(204);
    }
}

fn charged(at: i64, tokens: f64, until: i64, heartbeat_due: Option<i64>) -> Value {
    let mut event =
        json!({"type": "charged", "at": at, "tokensCharged": tokens, "chargedUntil": until});
    if tokens.fract() == 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
        let whole = tokens as i64;
        event["tokensCharged"] = json!(whole);
    }
    if let Some(due) = heartbeat_due {
        event["heartbeatDue"] = json!(due);
    }
    event
}

#[tokio::test]
async fn charges_a_warning_and_the_end_are_told_in_order() {
    let story = Story::begin().await;
    let mut events = story.client.get(&format!("{}/events", story.path())).events().await;
    assert_eq!(story.put(&[("B", 1.0)], true).await, 200);
    let first = charged(START_MS, 7.0, START_MS + HOUR_MS, None);
    assert_eq!(events.next().await, Some(first));

    story.server.pass(HOUR_MS);
    let hour = START_MS + HOUR_MS;
    let second = charged(hour, 7.0, hour + HOUR_MS, Some(hour + HOUR_MS / 2));
    assert_eq!(events.next().await, Some(second));
    // A heartbeat comes, so that no warning is due.
    story.heartbeat().await;
    story.server.pass(HOUR_MS);
    let hour = hour + HOUR_MS;
    let third = charged(hour, 7.0, hour + HOUR_MS, Some(hour + HOUR_MS / 2));
    assert_eq!(events.next().await, Some(third));
    // Nobody says anything: a quarter of 30 minutes before the end there is a warning.
    story.server.pass(22 * MINUTE_MS + MINUTE_MS / 2);
    let ending = events.next().await.unwrap();
    assert_eq!(ending["type"], "ending");
    assert_eq!(ending["at"], hour + HOUR_MS / 2);
    story.server.pass(8 * MINUTE_MS);
    let terminated = events.next().await.unwrap();
    assert_eq!(terminated["type"], "terminated");
    assert_eq!(terminated["at"], hour + HOUR_MS / 2 + 1);
    assert!(terminated["reason"].as_str().unwrap().contains("heartbeat"), "{terminated}");
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_heartbeat_after_the_warning_saves_the_session() {
    let story = Story::begin().await;
    story.put(&[("B", 1.0)], true).await;
    let mut events = story.client.get(&format!("{}/events", story.path())).events().await;
    assert_eq!(events.next().await.unwrap()["type"], "charged");
    story.server.pass(HOUR_MS);
    assert_eq!(events.next().await.unwrap()["type"], "charged");
    story.server.pass(25 * MINUTE_MS);
    assert_eq!(events.next().await.unwrap()["type"], "ending");
    story.heartbeat().await;
    story.server.pass(10 * MINUTE_MS);
    assert_eq!(story.client.get(&story.path()).await.value(200)["state"], "ACTIVE");
    story.client.delete(&story.path()).await.is(204);
    let terminated = events.next().await.unwrap();
    assert_eq!(terminated["reason"], "it was closed by the client");
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_denial_that_ends_the_session_is_told() {
    let story = Story::begin().await;
    let mut events = story.client.get(&format!("{}/events", story.path())).events().await;
    assert_eq!(story.put(&[("missing", 1.0)], true).await, 409);
    assert_eq!(story.put(&[("A", 1.0)], true).await, 200);
    assert_eq!(events.next().await.unwrap()["type"], "charged");
    assert_eq!(story.put(&[], true).await, 200);
    assert_eq!(story.put(&[("missing", 1.0)], false).await, 409);
    let terminated = events.next().await.unwrap();
    assert!(terminated["reason"].as_str().unwrap().contains("rollbackOnDeny"), "{terminated}");
    assert_eq!(events.next().await, None);
    // Who asks later is told the end alone.
    let mut late = story.client.get(&format!("{}/events", story.path())).events().await;
    assert_eq!(late.next().await, Some(terminated));
    assert_eq!(late.next().await, None);
}

#[tokio::test]
async fn a_stream_is_for_those_who_see_the_session() {
    let story = Story::begin().await;
    let path = format!("{}/events", story.path());
    let other = story.server.stocked("SOUTHWIND", 1).await;
    story.server.client(&[&other]).get(&path).await.problem(404, "not_found");
    story.server.admin().get(&path).await.problem(400, "validation_failed");
    story.server.stranger().get(&path).await.problem(401, "authentication_required");
    // Browsers cannot send a header with an event source.
    let path = format!("{path}?instanceId={}", story.instance);
    let mut events = story.server.admin().get(&path).events().await;
    story.client.delete(&story.path()).await.is(204);
    assert_eq!(events.next().await.unwrap()["type"], "terminated");
}

/// The session goes on and is charged; only who listened may not hear of it any more.
#[tokio::test]
async fn a_stream_ends_with_its_key() {
    let story = Story::begin().await;
    let path = format!("{}/events", story.path());
    let mut events = story.client.get(&path).events().await;
    let admin = story.server.admin();
    let mut admins = admin.get(&format!("{path}?instanceId={}", story.instance)).events().await;
    assert_eq!(story.put(&[("B", 1.0)], true).await, 200);
    assert_eq!(events.next().await.unwrap()["type"], "charged");
    assert_eq!(admins.next().await.unwrap()["type"], "charged");

    admin.delete(&format!("/api/v1.1/client-keys/{CLIENT_KEY}")).await.is(200);
    story.server.pass(HOUR_MS);
    assert_eq!(events.next().await, None);
    assert_eq!(admins.next().await.unwrap()["type"], "charged");
    story.client.get(&path).await.problem(401, "unknown_key");
}
