//! Settings of the site in both versions.

use serde_json::json;

use crate::support::{DAY_MS, HOUR_MS, START_MS, TestServer, access, line_item, session_access};

const OLD: &str = "/provisioning/api/v1.0/configuration";
const NEW: &str = "/provisioning/api/v1.1/configuration";

#[tokio::test]
async fn each_version_shows_and_takes_its_settings() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let tolerant = json!({"name": "timezone.tolerant", "value": "false"});
    let period = json!({"name": "session.charge.period", "value": "PT1H"});
    assert_eq!(admin.get(OLD).await.value(200), json!([tolerant]));
    assert_eq!(admin.get(NEW).await.value(200), json!([tolerant, period]));

    let change = json!({"name": "session.charge.period", "value": "PT1H30M"});
    admin.patch(OLD, &change).await.problem(400, "validation_failed");
    let changed = admin.patch(NEW, &change).await.value(200);
    let mut period = change.clone();
    period["modified"] = json!(START_MS);
    period["updatedBy"] = json!("test-admin");
    assert_eq!(changed, json!([tolerant, period]));

    for value in ["PT9M", "PT25H", "PT1H30S", "P1D", "1h", ""] {
        let change = json!([{"name": "timezone.tolerant", "value": true},
                            {"name": "session.charge.period", "value": value}]);
        let detail = admin.patch(NEW, &change).await.problem(400, "validation_failed");
        assert!(detail.starts_with("$[1].value: "), "{detail}");
    }
    for change in [
        json!({"name": "timezone.tolerant", "value": "TRUE"}),
        json!({"name": "timezone", "value": "true"}),
        json!([tolerant, tolerant]),
    ] {
        admin.patch(NEW, &change).await.problem(400, "validation_failed");
    }
    assert_eq!(admin.get(NEW).await.value(200), changed);
    let seen = admin.patch(OLD, &json!({"name": "timezone.tolerant", "value": true})).await;
    assert_eq!(seen.value(200)[0]["value"], "true");
}

#[tokio::test]
async fn settings_are_felt_at_once() {
    let server = TestServer::start().await;
    let instance = server.stocked("NORTHWIND", 100).await;
    let admin = server.admin();
    let mut tomorrow = line_item("L1", 100);
    tomorrow["start"] = json!(START_MS + DAY_MS / 2);
    let path = format!("/provisioning/api/v1.1/instances/{instance}/line-items");
    admin.put(&path, &tomorrow).await.is(200);
    let path = format!("/elastic/api/v1.1/instances/{instance}/access-request");
    let ask = async || {
        let answer = admin.post(&path, &access(&[("A", 1.0)])).await.value(200);
        answer["requestedItems"][0]["status"]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(ask().await, "1301");
    admin.patch(NEW, &json!({"name": "timezone.tolerant", "value": "true"})).await.is(200);
    assert_eq!(ask().await, "1101");

    let admin = admin.naming(&instance);
    admin.patch(NEW, &json!({"name": "session.charge.period", "value": "PT2H"})).await.is(200);
    let opened = admin.post("/api/v1.1/sessions", &json!({"instanceId": instance})).await;
    let session =
        format!("/api/v1.1/sessions/{}", opened.value(200)["sessionId"].as_str().unwrap());
    admin.put(&session, &session_access(&[("A", 1.0)], true)).await.is(200);
    let detail = admin.get(&session).await.value(200);
    assert_eq!(detail["chargedUntil"], START_MS + 2 * HOUR_MS);
}
