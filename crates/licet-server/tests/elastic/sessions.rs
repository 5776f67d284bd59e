//! Sessions over the wire: who names which instance, what is shown, what a dead one answers.

use serde_json::{Value, json};

use crate::{
    VERSIONS,
    support::{Agent, DAY_MS, HOUR_MS, MINUTE_MS, START_MS, TestServer, session_access},
};

async fn open(caller: &Agent, version: &str, instance: &str) -> String {
    let body = json!({"instanceId": instance});
    let opened = caller.post(&format!("/api/{version}/sessions"), &body).await.value(200);
    opened["sessionId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_session_is_opened_used_shown_and_closed() {
    for version in VERSIONS {
        let server = TestServer::start().await;
        let instance = server.stocked("NORTHWIND", 100).await;
        let client = server.client(&[&instance]);
        let id = open(&client, version, &instance).await;
        let path = format!("/api/{version}/sessions/{id}");
        assert_eq!(
            client.get(&path).await.value(200),
            json!({"sessionId": id, "instanceId": instance, "state": "IDLE", "items": []})
        );
        let granted = client.put(&path, &session_access(&[("B", 2.0)], true)).await.value(200);
        assert_eq!(granted["requestedItems"][0]["totalTokensCharged"], 14);
        server.pass(MINUTE_MS);
        assert!(client.get(&format!("{path}/heartbeat")).await.is(204).body.is_empty());
        assert_eq!(
            client.get(&path).await.value(200),
            json!({
                "sessionId": id, "instanceId": instance, "state": "ACTIVE",
                "chargedUntil": START_MS + HOUR_MS,
                "items": [{"item": "B", "version": "", "count": 2}],
            })
        );
        let listed = json!([{
            "sessionId": id, "instanceId": instance, "state": "ACTIVE",
            "chargedUntil": START_MS + HOUR_MS, "lastHeartBeat": START_MS + MINUTE_MS,
            "lastAccessRequest": START_MS,
        }]);
        let list = format!("/api/{version}/sessions?instanceId={instance}");
        assert_eq!(client.get(&list).await.value(200), listed);
        let list = format!("/api/{version}/sessions/{instance}");
        assert_eq!(client.get(&list).await.value(200), listed);
        assert_eq!(server.admin().get(&list).await.value(200), listed);

        client.delete(&path).await.is(204);
        // What a client does that lost the first answer.
        client.delete(&path).await.is(204);
        assert_eq!(client.get(&list).await.value(200), json!([]));
        assert_eq!(client.get(&path).await.value(200)["state"], "TERMINATED");
        let put = client.put(&path, &session_access(&[], true)).await;
        put.problem(409, "session_not_operable");
        server.pass(DAY_MS + HOUR_MS);
        client.get(&path).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_denial_is_a_conflict_with_the_body_of_a_grant() {
    for version in VERSIONS {
        let server = TestServer::start().await;
        let instance = server.stocked("NORTHWIND", 20).await;
        let client = server.client(&[&instance]);
        let id = open(&client, version, &instance).await;
        let path = format!("/api/{version}/sessions/{id}");
        client.put(&path, &session_access(&[("B", 2.0)], true)).await.is(200);
        server.pass(HOUR_MS / 2);
        let too_much = [("A", 1.0), ("missing", 1.0)];
        let kept = client.put(&path, &session_access(&too_much, true)).await.value(409);
        let codes = kept["requestedItems"].as_array().unwrap().iter();
        let codes: Vec<_> = codes.map(|item| item["status"]["code"].as_str().unwrap()).collect();
        assert_eq!(codes, [crate::code(version, "102"), crate::code(version, "201")]);
        assert!(kept["correlationId"].is_string());
        assert_eq!(client.get(&path).await.value(200)["state"], "ACTIVE");
        assert_eq!(server.used(&instance, "L1").await, 14.0);
        client.put(&path, &session_access(&too_much, false)).await.is(409);
        assert_eq!(client.get(&path).await.value(200)["state"], "TERMINATED");
        assert_eq!(server.used(&instance, "L1").await, 7.0);
    }
}

#[tokio::test]
async fn a_heartbeat_of_a_dead_session_says_so_in_the_way_of_the_version() {
    let server = TestServer::start().await;
    let instance = server.stocked("NORTHWIND", 100).await;
    let client = server.client(&[&instance]);
    let id = open(&client, "v1.0", &instance).await;
    let path = |version: &str| format!("/api/{version}/sessions/{id}");
    client.put(&path("v1.0"), &session_access(&[("A", 1.0)], true)).await.is(200);
    server.pass(HOUR_MS);
    client.get(&format!("{}/heartbeat", path("v1.1"))).await.is(204);
    server.pass(HOUR_MS + HOUR_MS / 2 + 1);
    for (version, status) in [("v1.0", 403), ("v1.1", 409)] {
        let refused = client.get(&format!("{}/heartbeat", path(version))).await.value(status);
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains("is terminated: no heartbeat came in time"), "{message}");
        assert_eq!(refused["status"], status);
        assert_eq!(refused["code"], "session_not_operable");
    }
    // Who was told that it is over closes it.
    client.delete(&path("v1.1")).await.is(204);
    // A heartbeat without the header: the token tells the only instance.
    let nameless = server.nameless_client(&[&instance]);
    nameless.get(&format!("{}/heartbeat", path("v1.1"))).await.is(409);
}

#[tokio::test]
async fn the_instance_must_be_named_and_match() {
    for version in VERSIONS {
        let server = TestServer::start().await;
        let instance = server.stocked("NORTHWIND", 100).await;
        let other = server.stocked("SOUTHWIND", 100).await;
        let both = [instance.as_str(), &other];
        let client = server.nameless_client(&both);
        let sessions = format!("/api/{version}/sessions");
        let body = json!({"instanceId": instance});
        let missing = client.post(&sessions, &body).await.problem(400, "validation_failed");
        assert!(missing.contains("x-instance-id"), "{missing}");
        client.clone().naming(&other).post(&sessions, &body).await.is(400);
        client.clone().naming("?").post(&sessions, &body).await.is(400);
        let named = client.clone().naming(&instance);
        let id = open(&named, version, &instance).await;
        // An administrator names it in the body.
        open(&server.admin(), version, &instance).await;

        let path = format!("{sessions}/{id}");
        let request = session_access(&[("A", 1.0)], true);
        let wrong = client.clone().naming(&other);
        client.get(&path).await.is(400);
        client.get(&format!("{path}?instanceId={instance}")).await.is(400);
        client.put(&path, &request).await.is(400);
        client.delete(&path).await.is(400);
        client.get(&format!("{path}/heartbeat")).await.is(400);
        wrong.get(&path).await.problem(404, "not_found");
        wrong.put(&path, &request).await.problem(404, "not_found");
        wrong.get(&format!("{path}/heartbeat")).await.problem(404, "not_found");
        wrong.delete(&path).await.problem(404, "not_found");
        wrong.get(&format!("{path}?instanceId={instance}")).await.is(400);

        let admin = server.admin();
        admin.get(&path).await.is(400);
        admin.get(&format!("{path}/heartbeat")).await.is(400);
        admin.get(&format!("{path}?instanceId={instance}")).await.is(200);
        admin.get(&format!("{path}/heartbeat?instanceId={instance}")).await.is(204);
        admin.put(&format!("{path}?instanceId={instance}"), &request).await.is(200);
        admin.get(&sessions).await.is(400);
        client.get(&format!("{sessions}?instanceId={instance}")).await.is(200);
        assert_eq!(server.used(&instance, "L1").await, 1.0);
        named.delete(&path).await.is(204);
    }
}

#[tokio::test]
async fn a_list_has_the_newest_hundred() {
    let server = TestServer::start().await;
    let instance = server.stocked("NORTHWIND", 100).await;
    let client = server.client(&[&instance]);
    let mut opened = Vec::new();
    for _ in 0..103 {
        opened.push(open(&client, "v1.1", &instance).await);
    }
    opened.reverse();
    let listed = client.get(&format!("/api/v1.1/sessions/{instance}")).await.value(200);
    let listed: Vec<&Value> =
        listed.as_array().unwrap().iter().map(|session| &session["sessionId"]).collect();
    assert_eq!(listed, opened[..100].iter().collect::<Vec<_>>());
}
