//! Conditions and actions over the wire.

use serde_json::{Value, json};

use crate::{VERSIONS, support::TestServer};

const SIMPLE: &str = "department";

fn simple(name: &str, operator: &str, values: Value) -> Value {
    json!({"name": name, "key": SIMPLE, "operator": operator, "values": values})
}

#[tokio::test]
async fn conditions_are_made_changed_and_deleted() {
    for version in VERSIONS {
        let server = TestServer::start().await;
        let instance = server.stocked("NORTHWIND", 10).await;
        let client = server.client(&[&instance]);
        let path = format!("/api/{version}/instances/{instance}/conditions");
        // A bare array will do.
        let made = client.post(&path, &json!([simple("a", "IN", json!(["x", 1.0, true]))])).await;
        let made = made.value(200);
        assert_eq!(made[0]["values"], json!(["x", "1.0", "true"]));
        let id = made[0]["id"].clone();
        let complex = json!({"name": "both", "operator": "AND", "conditions": [
            id,
            {"operator": "OR", "conditions": [
                simple("inner", "NOT", json!(["y"])),
                {"key": "team", "operator": "IN", "values": []},
            ]},
        ]});
        let changes = json!({"conditions": [{"id": id, "name": "renamed"}, complex]});
        let changed = client.patch(&path, &changes).await.value(200);
        assert_eq!(changed[0]["name"], "renamed");
        assert_eq!(changed[0]["values"], made[0]["values"]);
        let mut echo = changed[1].clone();
        let both = echo.as_object_mut().unwrap().remove("id").unwrap();
        assert_eq!(echo, complex);
        assert_eq!(client.get(&path).await.value(200).as_array().unwrap().len(), 2);

        let one = |id: &Value| format!("{path}/{}", id.as_str().unwrap());
        client.delete(&one(&id)).await.problem(409, "condition_in_use");
        client.delete(&one(&both)).await.is(204);
        client.delete(&one(&both)).await.problem(404, "not_found");
        client.delete(&path).await.is(204);
        assert_eq!(client.get(&path).await.value(200), json!([]));
    }
}

#[tokio::test]
async fn bad_conditions_are_refused_with_their_place() {
    let server = TestServer::start().await;
    let instance = server.stocked("NORTHWIND", 10).await;
    let client = server.client(&[&instance]);
    let path = format!("/api/v1.1/instances/{instance}/conditions");
    let absent = "5f0c7a52-7d0e-4a34-b1d5-63f6a9a1c9d2";
    for (condition, wanted) in [
        (json!({"operator": "IN", "key": "a", "values": []}), "[0]: name is missing"),
        (json!({"name": "a", "operator": "IN", "values": []}), "[0]: key is missing"),
        (json!({"name": "a", "operator": "AND"}), "[0]: conditions are missing"),
        (json!({"name": "a", "operator": "AND", "conditions": [absent]}), "no condition 5f0c"),
        (json!({"id": absent, "name": "a"}), ""),
        (json!({"name": "a", "operator": "XOR"}), "[0].operator: does not have a value"),
    ] {
        let body = json!({"conditions": [condition]});
        for method in ["POST", "PATCH"] {
            let answer = client.call(method, &path).json(&body).await.is(400).json();
            let detail = answer["detail"].as_str().unwrap();
            assert!(detail.contains(wanted), "{method} {condition}: {detail}");
        }
    }
    assert_eq!(client.get(&path).await.value(200), json!([]));
}

#[tokio::test]
async fn actions_are_an_ordered_list() {
    for version in VERSIONS {
        let server = TestServer::start().await;
        let instance = server.stocked("NORTHWIND", 10).await;
        let client = server.client(&[&instance]);
        let base = format!("/api/{version}/instances/{instance}");
        let body = json!({"conditions": [simple("a", "IN", json!(["x"]))]});
        let made = client.post(&format!("{base}/conditions"), &body).await.value(200);
        let path = format!("{base}/line-items/L1/actions");
        let allow = json!({"name": "some", "conditionId": made[0]["id"], "action": "ALLOW",
                           "allocation": 1.5});
        let deny = json!({"name": "rest", "action": "DENY"});
        let first = client.post(&path, &json!([allow])).await.value(200);
        assert_eq!(first[0]["used"], 0);
        assert_eq!(first[0]["allocation"], 1.5);
        let both = client.post(&path, &json!([deny])).await.value(200);
        assert_eq!(both.as_array().unwrap().len(), 2);
        assert_eq!(both[0], first[0]);
        // The list as it was shown can be put back in another order.
        let turned = json!([both[1], both[0]]);
        assert_eq!(client.put(&path, &turned).await.value(200), turned);
        assert_eq!(client.get(&path).await.value(200), turned);
        let all = client.get(&format!("{base}/line-items/actions")).await.value(200);
        let expected = json!({"lineItems": [{"lineItemId": "L1", "actions": turned}], "next": 0});
        assert_eq!(all, expected);

        for (actions, wanted) in [
            (json!([deny, deny]), "second action without conditionId"),
            (json!([{"name": "a", "action": "DENY", "allocation": 1}]), "allocation"),
            (json!([{"name": "a", "action": "ALLOW", "allocation": -1}]), "minimum value of 0"),
            (json!([{"id": made[0]["id"], "name": "a", "action": "DENY"}]), "no action"),
            (json!([{"name": "a", "conditionId": both[0]["id"], "action": "DENY"}]), "condition"),
        ] {
            let answer = client.put(&path, &actions).await.is(400).json();
            let detail = answer["detail"].as_str().unwrap();
            assert!(detail.contains(wanted), "{actions}: {detail}");
        }
        assert_eq!(client.get(&path).await.value(200), turned);
        let condition = format!("{base}/conditions/{}", made[0]["id"].as_str().unwrap());
        client.delete(&condition).await.problem(409, "condition_in_use");
        client.delete(&path).await.is(204);
        assert_eq!(client.get(&path).await.value(200), json!([]));
        client.delete(&condition).await.is(204);
        client.get(&format!("{base}/line-items/L2/actions")).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn line_items_with_actions_come_in_pages() {
    let server = TestServer::start().await;
    let instance = server.instance("NORTHWIND").await;
    let client = server.client(&[&instance]);
    for number in 0..205 {
        let id = format!("L{number:03}");
        server.line_item(&instance, &id, 1).await;
        // Every other one; the last page is a full one.
        if number >= 5 {
            let path = format!("/api/v1.1/instances/{instance}/line-items/{id}/actions");
            client.post(&path, &json!([{"name": "a", "action": "DENY"}])).await.is(200);
        }
    }
    let (mut next, mut seen) = (json!(0), Vec::new());
    for _ in 0..2 {
        let path = format!("/api/v1.1/instances/{instance}/line-items/actions?next={next}");
        let page = client.get(&path).await.value(200);
        seen.extend(page["lineItems"].as_array().unwrap().clone());
        next = page["next"].clone();
    }
    assert_eq!(next, 0);
    assert_eq!(seen.len(), 200);
    assert_eq!(seen[0]["lineItemId"], "L005");
}
