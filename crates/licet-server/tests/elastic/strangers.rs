//! What belongs to another customer is as if it were not there.

use serde_json::{Value, json};

use crate::{
    VERSIONS,
    support::{Agent, TestServer, access, session_access},
};

/// Operations on an instance that a client may do, with bodies that are good.
fn operations(version: &str, instance: &str, session: &str, condition: &str) -> Vec<Operation> {
    let provisioning = format!("/provisioning/api/{version}/instances/{instance}");
    let api = format!("/api/{version}/instances/{instance}");
    let elastic = format!("/elastic/api/{version}/instances/{instance}");
    let sessions = format!("/api/{version}/sessions");
    let conditions = json!({"conditions": [
        {"name": "a", "key": "k", "operator": "IN", "values": ["v"]},
    ]});
    let actions = json!([{"name": "a", "action": "DENY"}]);
    let put = session_access(&[("A", 1.0)], true);
    let none = Value::Null;
    vec![
        ("GET", format!("{provisioning}/line-items"), none.clone()),
        ("GET", format!("{provisioning}/line-items/L1"), none.clone()),
        ("GET", format!("{api}/conditions"), none.clone()),
        ("POST", format!("{api}/conditions"), conditions.clone()),
        ("PATCH", format!("{api}/conditions"), conditions),
        ("DELETE", format!("{api}/conditions/{condition}"), none.clone()),
        ("DELETE", format!("{api}/conditions"), none.clone()),
        ("GET", format!("{api}/line-items/actions"), none.clone()),
        ("GET", format!("{api}/line-items/L1/actions"), none.clone()),
        ("POST", format!("{api}/line-items/L1/actions"), actions.clone()),
        ("PUT", format!("{api}/line-items/L1/actions"), actions),
        ("DELETE", format!("{api}/line-items/L1/actions"), none.clone()),
        ("POST", format!("{elastic}/access-request"), access(&[("A", 1.0)])),
        ("POST", format!("{elastic}/access-request?preview=true"), access(&[("A", 1.0)])),
        ("POST", format!("{elastic}/access-requests"), json!([access(&[("A", 1.0)])])),
        ("POST", sessions.clone(), json!({"instanceId": instance})),
        ("GET", format!("{sessions}?instanceId={instance}"), none.clone()),
        ("GET", format!("{sessions}/{instance}"), none.clone()),
        ("GET", format!("{sessions}/{session}"), none.clone()),
        ("GET", format!("{sessions}/{session}/heartbeat"), none.clone()),
        ("GET", format!("{sessions}/{session}/events"), none.clone()),
        ("PUT", format!("{sessions}/{session}"), put),
        ("DELETE", format!("{sessions}/{session}"), none),
    ]
}

type Operation = (&'static str, String, Value);

/// Status and body of every operation, with the ids that were asked for blotted out.
async fn walk(caller: &Agent, operations: Vec<Operation>, ids: &[&str]) -> Vec<(u16, String)> {
    let mut answers = Vec::new();
    for (method, path, body) in operations {
        let call = caller.call(method, &path);
        let answer = if body.is_null() { call.await } else { call.json(&body).await };
        let mut text = String::from_utf8(answer.body.to_vec()).unwrap();
        for id in ids {
            text = text.replace(id, "…");
        }
        answers.push((answer.status, format!("{method} {text}")));
    }
    answers
}

#[tokio::test]
async fn ids_of_another_customer_look_like_ids_of_nobody() {
    for version in VERSIONS {
        let server = TestServer::start().await;
        let theirs = server.stocked("NORTHWIND", 10).await;
        let mine = server.stocked("SOUTHWIND", 10).await;
        let owner = server.client(&[&theirs]);
        let opened = owner.post("/api/v1.1/sessions", &json!({"instanceId": theirs})).await;
        let session = opened.value(200)["sessionId"].as_str().unwrap().to_owned();
        let conditions = format!("/api/v1.1/instances/{theirs}/conditions");
        let body = json!([{"name": "a", "key": "k", "operator": "IN", "values": ["v"]}]);
        let made = owner.post(&conditions, &body).await.value(200);
        let condition = made[0]["id"].as_str().unwrap().to_owned();

        let nobody = "019b4a70-6d3e-7c11-8b8a-2f1f6f6b1c55";
        let stranger = server.nameless_client(&[&mine]);
        let known = operations(version, &theirs, &session, &condition);
        let ids = [theirs.as_str(), &session, &condition];
        let known = walk(&stranger.clone().naming(&theirs), known, &ids).await;
        let unknown = operations(version, nobody, nobody, nobody);
        let unknown = walk(&stranger.clone().naming(nobody), unknown, &[nobody]).await;
        for (status, text) in &known {
            assert_eq!(*status, 404, "{text}");
        }
        assert_eq!(known, unknown);
        // Naming the own instance does not help to a session of another one.
        let own = operations(version, &mine, &session, &condition);
        let own: Vec<_> = own.into_iter().filter(|(_, path, _)| path.contains(&session)).collect();
        for (status, text) in walk(&stranger.naming(&mine), own, &[]).await {
            assert_eq!(status, 404, "{text}");
        }

        assert_eq!(server.used(&theirs, "L1").await, 0.0);
        assert_eq!(owner.get(&conditions).await.value(200), made);
        let sessions = owner.get(&format!("/api/v1.1/sessions/{theirs}")).await.value(200);
        assert_eq!(sessions.as_array().unwrap().len(), 1);
        // The owner can do all of it.
        let all = operations(version, &theirs, &session, &condition);
        let all = all.into_iter().filter(|(_, path, _)| !path.ends_with("/events")).collect();
        for (status, text) in walk(&owner, all, &[]).await {
            assert!(status < 300, "{status} {text}");
        }
    }
}

#[tokio::test]
async fn ids_that_are_none_are_absent() {
    let server = TestServer::start().await;
    let instance = server.stocked("NORTHWIND", 10).await;
    let client = server.client(&[&instance]);
    for id in ["x", "0", "%00", "..%2f", "0d6f0a3e-6b0f-4f0e-9a43", "%ff"] {
        for path in [
            format!("/provisioning/api/v1.1/instances/{id}/line-items"),
            format!("/provisioning/api/v1.1/instances/{instance}/line-items/{id}"),
            format!("/api/v1.1/sessions/{id}"),
            format!("/api/v1.1/sessions/{id}/heartbeat"),
            format!("/api/v1.1/instances/{instance}/line-items/{id}/actions"),
        ] {
            client.get(&path).await.problem(404, "not_found");
        }
    }
}
