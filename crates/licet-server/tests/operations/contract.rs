//! What the contract says of the operations and usage doors.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::TestServer;

fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.insert(reference);
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_operation_is_described_whole() {
    let server = TestServer::start().await;
    let document = server.stranger().get("/openapi.json").await.value(200);
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in found {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let (mut ids, mut ours) = (BTreeSet::new(), 0);
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} stands twice");
            let is_ours = ["/operations/", "/usage/", "/data/", "/api/1.0/"]
                .iter()
                .any(|it| path.starts_with(it));
            // These answer strangers, in their own words also when the store is away.
            let is_open = path.ends_with("/health") || path.ends_with("/version");
            if !is_ours || is_open {
                continue;
            }
            ours += 1;
            let name = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{name} has no summary");
            assert!(operation["tags"][0].is_string(), "{name} has no tag");
            let responses = operation["responses"].as_object().unwrap();
            for status in ["400", "401", "403", "429", "500", "503"] {
                let schema = &responses[status]["content"]["application/problem+json"]["schema"];
                assert_eq!(schema["$ref"], "#/components/schemas/Problem", "{name} {status}");
            }
            for part in path.split('/').filter_map(|part| part.strip_prefix('{')) {
                let parameters = operation["parameters"].as_array().unwrap();
                let is_named = |it: &Value| it["name"] == part.trim_end_matches('}');
                assert!(parameters.iter().any(is_named), "{name} lacks {part}");
            }
        }
    }
    assert_eq!(ours, 66);
}

/// The operations as they are checked in; `LICET_REWRITE=1` writes them anew.
const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openapi_operations.txt");

#[tokio::test]
async fn the_operations_are_those_of_the_list() {
    let server = TestServer::start().await;
    let document = server.stranger().get("/openapi.json").await.value(200);
    let mut lines = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            lines.insert(format!("{path} {} {id}", method.to_uppercase()));
        }
    }
    if std::env::var_os("LICET_REWRITE").is_some() {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(LIST, text).unwrap();
    }
    let listed = std::fs::read_to_string(LIST).unwrap();
    let listed: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
    let added: Vec<_> = lines.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&lines).collect();
    assert!(
        added.is_empty() && gone.is_empty(),
        "not in the list: {added:#?}, only in the list: {gone:#?}; if that is meant, run this \
         test with LICET_REWRITE=1"
    );
}
