//! Line items: put, read, deleted, and what is wrong with them in the words of each version.

use serde_json::{Value, json};

use crate::{
    VERSIONS,
    support::{DAY_MS, START_MS, TestServer, access, line_item},
};

#[tokio::test]
async fn a_line_item_is_put_replaced_and_deleted() {
    for version in VERSIONS {
        let server = TestServer::start().await;
        let instance = server.instance("NORTHWIND").await;
        let admin = server.admin();
        let path = format!("/provisioning/api/{version}/instances/{instance}/line-items");
        let mut line = line_item("NW 2026/01", 5_000);
        line["attributes"]["rateTableSeries"] = json!("Studio");
        line["attributes"]["overdraftType"] = json!("Number");
        line["attributes"]["overdraftLimit"] = json!(250);
        let added = admin.put(&path, &line).await.value(201);
        assert_eq!(added["used"], 0);
        let mut echo = added.clone();
        echo.as_object_mut().unwrap().remove("used");
        assert_eq!(echo, line);
        // What GET shows may be sent back.
        let replaced = admin.put(&path, &added).await.value(200);
        assert_eq!(replaced, added);

        let one = format!("{path}/NW%202026%2F01");
        assert_eq!(admin.get(&one).await.value(200), added);
        assert_eq!(server.client(&[&instance]).get(&path).await.value(200), json!([added]));

        admin.delete(&one).await.problem(409, "line_item_not_obsolete");
        line["state"] = json!("OBSOLETE");
        admin.put(&path, &line).await.is(200);
        line["state"] = json!("DEPLOYED");
        admin.put(&path, &line).await.problem(409, "line_item_obsolete");
        assert!(admin.delete(&one).await.is(204).body.is_empty());
        admin.get(&one).await.problem(404, "not_found");
        admin.delete(&one).await.problem(404, "not_found");
        assert_eq!(admin.get(&path).await.value(200), json!([]));
    }
}

#[tokio::test]
async fn what_is_used_stays_used_and_quantity_may_fall_below_it() {
    let server = TestServer::start().await;
    let instance = server.stocked("NORTHWIND", 100).await;
    let ask = async |count: f64| {
        let path = format!("/elastic/api/v1.1/instances/{instance}/access-request");
        let answer = server.admin().post(&path, &access(&[("A", count)])).await.value(200);
        answer["requestedItems"][0]["status"]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(ask(60.5).await, "1101");
    let path = format!("/provisioning/api/v1.1/instances/{instance}/line-items");
    let put = server.admin().put(&path, &line_item("L1", 50)).await.value(200);
    assert_eq!(put["used"], 60.5);
    assert_eq!(ask(1.0).await, "1306");
    server.admin().put(&path, &line_item("L1", 62)).await.is(200);
    assert_eq!(ask(1.5).await, "1101");
}

/// The list of complaints, which must be all that the body says.
fn complaints(version: &str, body: Value) -> Value {
    let member = if version == "v1.0" { "errors" } else { "message" };
    let mut body = body;
    let texts = body.as_object_mut().unwrap().remove(member).unwrap();
    assert_eq!(body, json!({}));
    texts
}

#[tokio::test]
async fn everything_that_is_wrong_is_listed_in_the_words_of_the_version() {
    let additional =
        "is not defined in the schema and the schema does not allow additional properties";
    for version in VERSIONS {
        let server = TestServer::start().await;
        let instance = server.instance("NORTHWIND").await;
        let path = format!("/provisioning/api/{version}/instances/{instance}/line-items");
        let put = async |body: &Value| {
            let body = server.admin().put(&path, body).await.value(400);
            complaints(version, body)
        };
        let mut line = line_item("L1", 5);
        line["attributes"]["overdraftLimit"] = json!("250");
        line["quantity"] = json!(1.5);
        assert_eq!(
            put(&line).await,
            json!([
                "$.quantity: number found, integer expected",
                "$.attributes.overdraftLimit: string found, integer expected",
            ])
        );
        let mut line = line_item("L1", 0);
        line["end"] = json!(START_MS - 1);
        line["attributes"]["overdraftLimit"] = json!(5);
        assert_eq!(
            put(&line).await,
            json!([
                "$.quantity: must have a minimum value of 1",
                "$.end: must not be before start",
                "$.attributes.overdraftType: is missing but overdraftLimit requires it to be \
                 Number",
            ])
        );
        let mut line = line_item("L1", 5);
        line["attributes"]["colour"] = json!("red");
        assert_eq!(
            put(&line).await,
            json!([format!("$.attributes.colour: property 'colour' {additional}")])
        );
        assert_eq!(put(&json!([])).await, json!(["$: array found, object expected"]));
        let mut line = line_item("L1", 5);
        line["state"] = json!("INACTIVE");
        let texts = put(&line).await;
        assert!(texts[0].as_str().unwrap().contains("must be DEPLOYED"), "{texts}");
        assert_eq!(texts.as_array().unwrap().len(), 1);
        assert_eq!(server.admin().get(&path).await.value(200), json!([]));
    }
}

#[tokio::test]
async fn reset_frequency_belongs_to_the_second_version_and_survives_the_first() {
    let server = TestServer::start().await;
    let instance = server.stocked("NORTHWIND", 10).await;
    let admin = server.admin();
    let old = format!("/provisioning/api/v1.0/instances/{instance}/line-items");
    let new = format!("/provisioning/api/v1.1/instances/{instance}/line-items");
    let mut line = line_item("L1", 10);
    line["attributes"]["resetFrequency"] = json!("MONTHLY");
    let refused = admin.put(&old, &line).await.value(400);
    assert_eq!(
        refused,
        json!({"errors": ["$.attributes: property 'resetFrequency' is not defined in the schema \
                           and the schema does not allow additional properties"]})
    );
    admin.put(&new, &line).await.is(200);
    let seen = admin.get(&format!("{old}/L1")).await.value(200);
    assert_eq!(seen["attributes"].get("resetFrequency"), None);
    admin.put(&old, &seen).await.is(200);
    let seen = admin.get(&format!("{new}/L1")).await.value(200);
    assert_eq!(seen["attributes"]["resetFrequency"], "MONTHLY");

    let path = format!("/elastic/api/v1.1/instances/{instance}/access-request");
    admin.post(&path, &access(&[("A", 10.0)])).await.is(200);
    assert_eq!(server.used(&instance, "L1").await, 10.0);
    server.pass(31 * DAY_MS);
    assert_eq!(server.used(&instance, "L1").await, 0.0);
}
