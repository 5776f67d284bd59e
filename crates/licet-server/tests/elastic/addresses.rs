//! Where operations are served, and what the contract says of them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::TestServer;

/// Table 1.2 of the fact sheet and our additions: method and path without the version.
pub(crate) const OPERATIONS: [(&str, &str); 36] = [
    ("put", "/api/V/administration-keys"),
    ("delete", "/api/V/administration-keys/{keyId}"),
    ("put", "/api/V/client-keys"),
    ("delete", "/api/V/client-keys/{keyId}"),
    ("get", "/api/V/public-keys"),
    ("get", "/provisioning/api/V/instances"),
    ("post", "/provisioning/api/V/instances"),
    ("get", "/provisioning/api/V/instances/{instanceId}"),
    ("get", "/provisioning/api/V/instances/{instanceId}/line-items"),
    ("get", "/provisioning/api/V/instances/{instanceId}/line-items/{lineItemId}"),
    ("put", "/provisioning/api/V/instances/{instanceId}/line-items"),
    ("delete", "/provisioning/api/V/instances/{instanceId}/line-items/{lineItemId}"),
    ("get", "/provisioning/api/V/rate-tables"),
    ("post", "/provisioning/api/V/rate-tables"),
    ("delete", "/provisioning/api/V/rate-tables"),
    ("get", "/api/V/instances/{instanceId}/conditions"),
    ("post", "/api/V/instances/{instanceId}/conditions"),
    ("patch", "/api/V/instances/{instanceId}/conditions"),
    ("delete", "/api/V/instances/{instanceId}/conditions"),
    ("delete", "/api/V/instances/{instanceId}/conditions/{conditionId}"),
    ("post", "/api/V/instances/{instanceId}/line-items/{lineItemId}/actions"),
    ("get", "/api/V/instances/{instanceId}/line-items/{lineItemId}/actions"),
    ("put", "/api/V/instances/{instanceId}/line-items/{lineItemId}/actions"),
    ("delete", "/api/V/instances/{instanceId}/line-items/{lineItemId}/actions"),
    ("get", "/api/V/instances/{instanceId}/line-items/actions"),
    ("post", "/api/V/sessions"),
    ("get", "/api/V/sessions"),
    ("get", "/api/V/sessions/{sessionId}"),
    ("put", "/api/V/sessions/{sessionId}"),
    ("get", "/api/V/sessions/{sessionId}/heartbeat"),
    ("delete", "/api/V/sessions/{sessionId}"),
    ("get", "/api/V/sessions/{sessionId}/events"),
    ("post", "/elastic/api/V/instances/{instanceId}/access-request"),
    ("post", "/elastic/api/V/instances/{instanceId}/access-requests"),
    ("get", "/provisioning/api/V/configuration"),
    ("patch", "/provisioning/api/V/configuration"),
];

async fn contract(server: &TestServer) -> Value {
    server.stranger().get("/openapi.json").await.value(200)
}

#[tokio::test]
async fn every_operation_is_in_the_contract_once_per_version() {
    let contract = contract(&TestServer::start().await).await;
    let mut ids = BTreeSet::new();
    for version in crate::VERSIONS {
        for (method, path) in OPERATIONS {
            let path = path.replace('V', version);
            let operation = &contract["paths"][&path][method];
            let id = operation["operationId"].as_str();
            let id = id.unwrap_or_else(|| panic!("{method} {path} is not documented"));
            assert!(ids.insert(id.to_owned()), "{id} twice");
            assert_eq!(operation["security"][0]["bearer"], serde_json::json!([]), "{id}");
            assert!(operation["summary"].is_string(), "{id} has no words");
            for status in ["400", "401", "403", "429", "500", "503"] {
                // A heartbeat of v1.1 and a line item's 400 are of their own.
                let response = &operation["responses"][status]["content"];
                assert!(response.is_object(), "{id} does not tell of {status}");
            }
            let named: BTreeSet<_> =
                path.split('{').skip(1).map(|it| it.split('}').next()).collect();
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let documented: BTreeSet<_> = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str())
                .collect();
            assert_eq!(documented, named, "{id}");
        }
    }
    assert_eq!(ids.len(), 2 * OPERATIONS.len());
    let elastic = contract["paths"]
        .as_object()
        .unwrap()
        .keys()
        .filter(|path| path.contains("/v1.0/") || path.contains("/v1.1/"));
    for path in elastic {
        assert!(!path.contains("dynamicmonetization") && !path.contains("floating"), "{path}");
    }
}

#[tokio::test]
async fn references_of_the_contract_lead_somewhere() {
    fn walk(value: &Value, document: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let pointer = reference.trim_start_matches('#');
                    assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
                }
                fields.values().for_each(|value| walk(value, document));
            }
            Value::Array(values) => values.iter().for_each(|value| walk(value, document)),
            _ => {}
        }
    }
    let contract = contract(&TestServer::start().await).await;
    walk(&contract, &contract);
}

#[tokio::test]
async fn versions_differ_in_the_contract_as_they_do() {
    let contract = contract(&TestServer::start().await).await;
    let responses = |version: &str, method: &str, path: &str| {
        contract["paths"][path.replace('V', version)][method]["responses"].clone()
    };
    let put = "/provisioning/api/V/instances/{instanceId}/line-items";
    let schema = |version: &str| {
        responses(version, "put", put)["400"]["content"]["application/json"]["schema"]["$ref"]
            .clone()
    };
    assert_eq!(schema("v1.0"), "#/components/schemas/ErrorTexts");
    assert_eq!(schema("v1.1"), "#/components/schemas/MessageTexts");
    let heartbeat = |version| responses(version, "get", "/api/V/sessions/{sessionId}/heartbeat");
    assert_eq!(heartbeat("v1.0").get("409"), None);
    assert!(heartbeat("v1.1")["409"].is_object());
}

/// An operation that is not there answers 404 "no such path", one that is there 401.
#[tokio::test]
async fn every_alias_is_served() {
    let server = TestServer::start().await;
    let stranger = server.stranger();
    for version in crate::VERSIONS {
        for (method, path) in OPERATIONS {
            let path = path.replace('V', version);
            let floats = path.starts_with("/api/") && !path.contains("/instances/");
            let served = |prefix: &str| !prefix.contains("floating") || floats;
            for prefix in ["", "/dynamicmonetization", "/floating", "/dynamicmonetization/floating"]
            {
                let path = format!("{prefix}{path}");
                let answer = stranger.call(&method.to_uppercase(), &path).await;
                let expected = if served(prefix) { 401 } else { 404 };
                assert_eq!(answer.status, expected, "{method} {path}");
            }
        }
    }
    stranger.get("/api/v1.2/public-keys").await.is(404);
    stranger.call("PUT", "/api/v1.1/public-keys").await.is(405);
}

#[tokio::test]
async fn an_alias_speaks_its_version() {
    let server = TestServer::start().await;
    let instance = server.stocked("NORTHWIND", 10).await;
    let request = crate::support::access(&[("A", 1.0)]);
    for (version, code) in [("v1.0", "101"), ("v1.1", "1101")] {
        let path = format!(
            "/dynamicmonetization/elastic/api/{version}/instances/{instance}/access-request"
        );
        let answer = server.admin().post(&path, &request).await.value(200);
        assert_eq!(answer["requestedItems"][0]["status"]["code"], code);
    }
}
