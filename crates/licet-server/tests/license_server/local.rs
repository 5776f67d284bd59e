//! The instance that is meant where none is named.

use licet_protocol::ServerId;
use serde_json::json;

use crate::{
    site::{PASSWORD, Site},
    support::TestServer,
};

#[tokio::test]
async fn the_only_instance_is_the_local_one() {
    let site = Site::open().await;
    let admin = site.admin().await;
    let named = admin.get(&site.at("/status")).await.value(200);
    let short = site.server_id();
    for root in [
        "/api/1.0".to_owned(),
        "/api/1.0/instances/~".to_owned(),
        "/api/1.0/instances/%7E".to_owned(),
        format!("/api/1.0/instances/{short}"),
        format!("/api/1.0/instances/{}", short.to_lowercase()),
    ] {
        assert_eq!(admin.get(&format!("{root}/status")).await.value(200), named, "{root}");
        admin.get(&format!("{root}/users/admin")).await.is(200);
        admin.get(&format!("{root}/configuration")).await.is(200);
        let body = json!({ "user": "admin", "password": PASSWORD });
        let log_in = format!("{root}/authorize");
        site.office.server.stranger().post(&log_in, &body).await.is(200);
        site.office.server.stranger().get(&format!("{root}/health")).await.is(200);
    }
    admin.get("/api/1.0/instances/~/nothing").await.is(404);
    admin.call("DELETE", "/api/1.0/health").await.is(405);
}

#[tokio::test]
async fn several_instances_or_none_need_a_name() {
    let server = TestServer::start().await;
    let stranger = server.stranger();
    for path in ["/api/1.0/health", "/api/1.0/instances/~/health"] {
        let detail = stranger.get(path).await.problem(404, "not_found");
        assert!(detail.contains("no instance yet"), "{detail}");
    }
    let one = server.instance("NORTHWIND").await;
    let id = ServerId(one.parse().unwrap()).to_string();
    let health = stranger.get("/api/1.0/health").await.value(200);
    assert_eq!(health["LLS"]["serverInstanceID"], json!(id));
    server.instance("CONTOSO").await;
    for path in ["/api/1.0/health", "/api/1.0/instances/~/health"] {
        let detail = stranger.get(path).await.problem(404, "not_found");
        assert!(detail.contains("several instances"), "{detail}");
    }
    stranger.get(&format!("/api/1.0/instances/{one}/health")).await.is(200);
}

#[tokio::test]
async fn a_second_instance_that_another_node_makes_is_seen_in_a_second() {
    let site = Site::open().await;
    let stranger = site.office.server.stranger();
    stranger.get("/api/1.0/health").await.is(200);
    // Past this server's own door.
    let row = licet_store::InstanceRow {
        id: uuid::Uuid::from_u128(7),
        short_name: "other".into(),
        account_id: "CONTOSO".into(),
        is_default: true,
        created_ms: 0,
        modified_ms: 0,
    };
    site.office.server.store.create_instance(row, licet_store::AuditRow::default()).await.unwrap();
    site.office.server.pass(1_000);
    stranger.get("/api/1.0/health").await.is(404);
}
