//! What a licence server tells of itself.

use serde_json::json;

use crate::site::Site;

#[tokio::test]
async fn health_is_told_to_everybody() {
    let site = Site::open().await;
    let stranger = site.office.server.stranger();
    let health = stranger.get(&site.at("/health")).await.value(200);
    assert_eq!(
        health,
        json!({ "LLS": {
            "version": env!("CARGO_PKG_VERSION"), "serverInstanceID": site.server_id(),
            "database": { "connectionCheck": "success" }, "security": "enabled",
            "httpAuth": "enabled", "licensingSecurityJSON": "enabled",
            "diskspace": health["LLS"]["diskspace"], "state": "RUNNING",
        }})
    );
    // Measured, so it depends on the machine.
    let diskspace = health["LLS"]["diskspace"].as_str().unwrap();
    assert!(matches!(diskspace, "ok" | "low"), "{diskspace}");
    site.set(json!({ "licensing.security.json": false })).await.is(200);
    let health = stranger.get(&site.at("/health")).await.value(200);
    assert_eq!(health["LLS"]["licensingSecurityJSON"], "disabled");
    let version = stranger.get(&site.at("/version")).await.value(200);
    assert_eq!(version, json!({ "name": "licet", "version": env!("CARGO_PKG_VERSION") }));
    let nil = uuid::Uuid::nil();
    stranger.get(&format!("/api/1.0/instances/{nil}/health")).await.problem(404, "not_found");
    stranger.get("/api/1.0/instances/x/health").await.problem(404, "not_found");
}

#[tokio::test]
async fn health_fails_with_the_store() {
    let site = Site::open().await;
    let stranger = site.office.server.stranger();
    stranger.get(&site.at("/health")).await.is(200);
    site.office.server.store.close().await.unwrap();
    let health = stranger.get(&site.at("/health")).await.value(503);
    assert_eq!(health["LLS"]["database"]["connectionCheck"], "failure");
}

#[tokio::test]
async fn a_hosted_server_is_known_by_its_id() {
    let site = Site::open().await;
    let admin = site.admin().await;
    let own = json!({ "type": "STRING", "value": site.server_id() });
    let listed = admin.get(&site.at("/hostids")).await.value(200);
    assert_eq!(listed["hostids"], json!([own]));
    assert_eq!(admin.get(&site.at("/hostids/selected")).await.value(200), own);
}
