//! The tour of the fact sheet's tutorial kind, in both versions.

use serde_json::{Value, json};

use crate::{
    VERSIONS, code,
    support::{Agent, DAY_MS, START_MS, TestServer, access, line_item},
};

/// Each item's code, count and tokens.
fn summary(answer: &Value) -> Vec<(String, f64, f64)> {
    let items = answer["requestedItems"].as_array().unwrap();
    let summary = |item: &Value| {
        (
            item["status"]["code"].as_str().unwrap().to_owned(),
            item["count"].as_f64().unwrap(),
            item["totalTokensCharged"].as_f64().unwrap(),
        )
    };
    items.iter().map(summary).collect()
}

/// 150 tokens for engineering, 50 for marketing, nothing for others.
async fn departments(admin: &Agent, version: &str, instance: &str) {
    let base = format!("/api/{version}/instances/{instance}");
    let conditions = json!({"conditions": [
        {"name": "Engineers", "key": "department", "operator": "IN", "values": ["engineering"]},
        {"name": "Marketers", "key": "department", "operator": "IN", "values": ["marketing"]},
    ]});
    let made = admin.post(&format!("{base}/conditions"), &conditions).await.value(200);
    let actions = json!([
        {"name": "Engineering", "conditionId": made[0]["id"], "action": "ALLOW",
            "allocation": 150},
        {"name": "Marketing", "conditionId": made[1]["id"], "action": "ALLOW", "allocation": 50},
        {"name": "Everyone else", "action": "DENY"},
    ]);
    admin.post(&format!("{base}/line-items/L1/actions"), &actions).await.is(200);
}

fn from_department(department: &str, count: f64) -> Value {
    let mut request = access(&[("A", count)]);
    request["requester"]["dictionary"] = json!({"department": department});
    request
}

#[tokio::test]
async fn two_hundred_tokens_for_two_departments() {
    for version in VERSIONS {
        let server = TestServer::start().await;
        let instance = server.stocked("NORTHWIND", 200).await;
        departments(&server.admin(), version, &instance).await;
        let client = server.client(&[&instance]);
        let path = format!("/elastic/api/{version}/instances/{instance}/access-request");
        let table = [
            ("engineering", 100.0, "101"),
            ("engineering", 51.0, "305"),
            ("marketing", 50.0, "101"),
            ("marketing", 1.0, "305"),
            ("sales", 1.0, "305"),
            ("engineering", 50.0, "101"),
        ];
        for (department, count, expected) in table {
            let answer = client.post(&path, &from_department(department, count)).await.value(200);
            let status = &answer["requestedItems"][0]["status"]["code"];
            assert_eq!(*status, code(version, expected), "{department} {count}: {answer}");
        }
        let actions = format!("/api/{version}/instances/{instance}/line-items/L1/actions");
        let actions = client.get(&actions).await.value(200);
        assert_eq!(actions[0]["used"], 150);
        assert_eq!(actions[1]["used"], 50);
        assert_eq!(actions[2].get("used"), None);
        assert_eq!(server.used(&instance, "L1").await, 200.0);
    }
}

#[tokio::test]
async fn line_items_are_drained_in_order_with_a_split() {
    for version in VERSIONS {
        let server = TestServer::start().await;
        let instance = server.stocked("NORTHWIND", 100).await;
        let mut early = line_item("L0", 10);
        early["end"] = json!(START_MS + DAY_MS);
        let path = format!("/provisioning/api/{version}/instances/{instance}/line-items");
        server.admin().put(&path, &early).await.is(201);

        let client = server.client(&[&instance]);
        let path = format!("/elastic/api/{version}/instances/{instance}/access-request");
        let request = access(&[("A", 3.0), ("B", 8.0), ("missing", 1.0)]);
        let answer = client.post(&path, &request).await.value(200);
        let items = &answer["requestedItems"];
        assert_eq!(
            items[1]["lineItems"],
            json!([
                {"activationId": "L0", "rate": 7, "tokensCharged": 7},
                {"activationId": "L1", "rate": 7, "tokensCharged": 49},
            ])
        );
        assert_eq!(
            summary(&answer),
            [
                (code(version, "101"), 3.0, 3.0),
                (code(version, "101"), 8.0, 56.0),
                (code(version, "201"), 0.0, 0.0),
            ]
        );
        assert_eq!(items[0]["status"]["description"], "Successfully checked out");
        assert_eq!(answer["requester"], json!({"type": "user", "value": "ada"}));
        assert!(answer["correlationId"].is_string());
        assert_eq!(server.used(&instance, "L0").await, 10.0);
        assert_eq!(server.used(&instance, "L1").await, 49.0);
    }
}

#[tokio::test]
async fn overdraft_to_its_last_token_and_a_table_that_takes_effect_later() {
    for version in VERSIONS {
        let server = TestServer::start().await;
        let instance = server.stocked("NORTHWIND", 10).await;
        let admin = server.admin();
        let mut overdrawn = line_item("L1", 10);
        overdrawn["attributes"]["overdraftType"] = json!("Number");
        overdrawn["attributes"]["overdraftLimit"] = json!(5);
        let path = format!("/provisioning/api/{version}/instances/{instance}/line-items");
        admin.put(&path, &overdrawn).await.is(200);
        let tomorrow = json!({
            "effectiveFrom": START_MS + DAY_MS, "version": "2",
            "items": [{"name": "A", "rate": 0.25}],
        });
        let tables = format!("/provisioning/api/{version}/rate-tables");
        admin.post(&tables, &tomorrow).await.is(201);

        let path = format!("/elastic/api/{version}/instances/{instance}/access-request");
        let ask = async |count: f64| {
            let client = server.client(&[&instance]);
            summary(&client.post(&path, &access(&[("A", count)])).await.value(200)).remove(0)
        };
        assert_eq!(ask(14.0).await, (code(version, "101"), 14.0, 14.0));
        assert_eq!(ask(1.5).await, (code(version, "306"), 0.0, 0.0));
        server.pass(DAY_MS);
        assert_eq!(ask(4.0).await, (code(version, "101"), 4.0, 1.0));
        assert_eq!(ask(0.1).await, (code(version, "306"), 0.0, 0.0));
        assert_eq!(server.used(&instance, "L1").await, 15.0);
        server.pass(400 * DAY_MS);
        assert_eq!(ask(1.0).await, (code(version, "301"), 0.0, 0.0));
    }
}
