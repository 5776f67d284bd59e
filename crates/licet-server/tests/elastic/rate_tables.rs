//! The life of rate tables.

use serde_json::{Value, json};

use crate::{
    VERSIONS, code,
    support::{DAY_MS, START_MS, TestServer, access},
};

fn table(series: &str, version: &str, effective_from: i64, items: Value) -> Value {
    json!({
        "effectiveFrom": effective_from, "series": series, "version": version, "items": items,
    })
}

#[tokio::test]
async fn tables_are_posted_once_and_deleted_before_they_take_effect() {
    for version in VERSIONS {
        let server = TestServer::start().await;
        let admin = server.admin();
        let path = format!("/provisioning/api/{version}/rate-tables");
        let items = json!([{"name": "Render", "version": "2.0", "rate": 7},
                           {"name": "Denoise", "version": "", "rate": 0.25}]);
        let past = table("Studio", "1", START_MS - DAY_MS, items.clone());
        assert_eq!(
            admin.post(&path, &past).await.value(201),
            json!({"message": "Rate table successfully saved"})
        );
        let again = admin.post(&path, &past).await.value(409);
        assert!(again["error"].as_str().unwrap().contains("exists"), "{again}");
        assert_eq!(again["code"], "already_exists");
        let future = table("Studio", "2", START_MS + DAY_MS, items.clone());
        admin.post(&path, &future).await.is(201);
        admin.post(&path, &table("", "2", START_MS + DAY_MS, items)).await.is(201);

        let tables = admin.get(&path).await.value(200);
        assert_eq!(tables.as_array().unwrap().len(), 3);
        let mut first = tables.as_array().unwrap().iter().find(|it| it["version"] == "1").cloned();
        let created = first.as_mut().unwrap().as_object_mut().unwrap().remove("created");
        assert_eq!(created, Some(json!(START_MS)));
        assert_eq!(first, Some(past));

        let delete = async |query: &str| admin.delete(&format!("{path}?{query}")).await;
        let in_effect = delete("series=Studio&version=1").await.value(409);
        assert!(in_effect["error"].as_str().unwrap().contains("in effect"), "{in_effect}");
        assert_eq!(in_effect["code"], "rate_table_in_effect");
        delete("series=Studio&version=3").await.problem(404, "not_found");
        delete("series=Studio").await.problem(400, "validation_failed");
        delete("version=1").await.problem(404, "not_found");
        delete("version=2").await.is(204);
        delete("series=Studio&version=2").await.is(204);
        assert_eq!(admin.get(&path).await.value(200).as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn bad_tables_are_refused_with_all_places() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let path = "/provisioning/api/v1.1/rate-tables";
    let items = json!([
        {"name": "a"}, {"name": "b", "rate": 1, "formula": "1"}, {"name": "c", "rate": 1},
        {"name": "c", "rate": 2}, {"name": "d", "formula": "1 +"}, {"name": "e", "formula": ""},
    ]);
    let refused = admin.post(path, &table("", "", START_MS, items)).await.value(400);
    let errors: Vec<_> =
        refused["errors"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert_eq!(
        errors[..4],
        [
            "$.version: is missing but it is required",
            "$.items[0]: needs a rate or a formula",
            "$.items[1]: must have a rate or a formula, not both",
            "$.items[3]: is in the table twice",
        ]
    );
    let formula = |index: usize| format!("$.items[{index}].formula: column ");
    assert!(errors.iter().any(|error| error.starts_with(&formula(4))), "{errors:?}");
    assert!(errors.iter().any(|error| error.starts_with("$.items[5]")), "{errors:?}");
    assert_eq!(admin.get(path).await.value(200), json!([]));
}

#[tokio::test]
async fn formulas_price_by_variables_in_the_second_version_only() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let items = json!([{"name": "Simulate", "formula": "CEILING.MATH(nodes * hours) * 4"}]);
    let body = table("", "1", START_MS, items);
    let refused = admin.post("/provisioning/api/v1.0/rate-tables", &body).await;
    assert!(refused.problem(400, "validation_failed").contains("formula"));
    admin.post("/provisioning/api/v1.1/rate-tables", &body).await.is(201);
    let instance = server.instance("NORTHWIND").await;
    server.line_item(&instance, "L1", 100).await;
    for version in VERSIONS {
        let path = format!("/elastic/api/{version}/instances/{instance}/access-request");
        let ask = async |variables: Value| {
            let mut request = access(&[("Simulate", 2.0)]);
            request["requestedItems"][0]["variables"] = variables;
            admin.post(&path, &request).await.value(200)["requestedItems"][0].clone()
        };
        let priced = ask(json!({"Nodes": 3, "hours": 1.5})).await;
        assert_eq!(priced["totalTokensCharged"], 40);
        assert_eq!(priced["lineItems"][0]["rate"], 20);
        let missing = ask(json!({"nodes": 3})).await;
        assert_eq!(missing["status"]["code"], code(version, "201"));
        let description = missing["status"]["description"].as_str().unwrap();
        assert!(description.contains("hours"), "{description}");
    }
    assert_eq!(server.used(&instance, "L1").await, 80.0);
}

#[tokio::test]
async fn a_table_without_items_is_refused() {
    let server = TestServer::start().await;
    for version in VERSIONS {
        let path = format!("/provisioning/api/{version}/rate-tables");
        let refused = server.admin().post(&path, &table("", "1", START_MS, json!([]))).await;
        let detail = refused.problem(400, "validation_failed");
        assert_eq!(detail, "$.items: must not be empty");
        assert_eq!(server.admin().get(&path).await.value(200), json!([]));
    }
    let contract = server.stranger().get("/openapi.json").await.value(200);
    let items = &contract["components"]["schemas"]["RateTableIn"]["properties"]["items"];
    assert_eq!((&items["minItems"], &items["maxItems"]), (&json!(1), &json!(10_000)));
}

#[tokio::test]
async fn a_table_prices_from_its_very_moment() {
    let server = TestServer::start().await;
    let instance = server.stocked("NORTHWIND", 100).await;
    let at = START_MS + DAY_MS;
    let items = json!([{"name": "A", "rate": 3}, {"name": "New", "rate": 5}]);
    let path = "/provisioning/api/v1.1/rate-tables";
    server.admin().post(path, &table("", "2", at, items)).await.is(201);
    let client = server.client(&[&instance]);
    let path = format!("/elastic/api/v1.1/instances/{instance}/access-request");
    let ask = async || {
        let answer = client.post(&path, &access(&[("A", 1.0), ("New", 1.0)])).await.value(200);
        let items = answer["requestedItems"].as_array().unwrap().clone();
        items
            .iter()
            .map(|it| (it["totalTokensCharged"].clone(), it["status"]["code"].clone()))
            .collect::<Vec<_>>()
    };
    server.pass(DAY_MS - 1);
    assert_eq!(server.app.now_ms(), at - 1);
    assert_eq!(ask().await, [(json!(1), json!("1101")), (json!(0), json!("1201"))]);
    server.pass(1);
    assert_eq!(server.app.now_ms(), at);
    assert_eq!(ask().await, [(json!(3), json!("1101")), (json!(5), json!("1101"))]);
    assert_eq!(server.used(&instance, "L1").await, 9.0);
}
