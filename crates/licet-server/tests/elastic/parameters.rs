//! Query parameters that nobody knows.

use crate::{
    VERSIONS,
    support::{TestServer, access},
};

#[tokio::test]
async fn a_misspelt_preview_charges_nothing() {
    let server = TestServer::start().await;
    let instance = server.stocked("NORTHWIND", 10).await;
    let client = server.client(&[&instance]);
    let one = access(&[("A", 1.0)]);
    let many = serde_json::json!([one]);
    for version in VERSIONS {
        let path = format!("/elastic/api/{version}/instances/{instance}");
        for (path, body) in [("access-request", &one), ("access-requests", &many)]
            .map(|(name, body)| (format!("{path}/{name}"), body))
        {
            let refused = client.post(&format!("{path}?preveiw=true"), body).await;
            assert!(refused.problem(400, "validation_failed").starts_with("preveiw: unknown"));
            let refused = client.post(&format!("{path}?preview=true&preview=true"), body).await;
            refused.problem(400, "validation_failed");
            client.post(&format!("{path}?preview=true"), body).await.is(200);
        }
    }
    assert_eq!(server.used(&instance, "L1").await, 0.0);
}

/// Also of the other doors: whatever documents a query refuses what is not in it.
#[tokio::test]
async fn no_query_takes_what_it_does_not_document() {
    let server = TestServer::start().await;
    let instance = server.stocked("NORTHWIND", 10).await;
    let contract = server.stranger().get("/openapi.json").await.value(200);
    let mut walked = 0;
    for (path, operations) in contract["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            if !parameters.iter().any(|it| it["in"] == "query") {
                continue;
            }
            walked += 1;
            let path = crate::permissions::fill(path, "", &instance);
            let path = format!("{path}?bogus=1");
            let refused = server.admin().call(&method.to_uppercase(), &path).await;
            let detail = refused.json().to_string();
            assert_eq!(refused.status, 400, "{method} {path}: {detail}");
            assert!(detail.contains("bogus: unknown field"), "{method} {path}: {detail}");
        }
    }
    assert!(walked > 30, "{walked}");
}
