//! The instance that is meant where none is named.

use std::sync::Arc;

use licet_engine::ManualClock;
use licet_protocol::ServerId;
use licet_server::{Server, ServerOptions, router};
use licet_store::{AuditRow, InstanceRow, Store, sqlite::SqliteStore};
use serde_json::json;
use uuid::Uuid;

use crate::{
    office,
    site::{PASSWORD, Site},
    support::{Agent, START_MS, TestServer},
};

fn row(number: u128, account_id: &str) -> InstanceRow {
    InstanceRow {
        id: Uuid::from_u128(number),
        short_name: "main".into(),
        account_id: account_id.into(),
        is_default: true,
        created_ms: START_MS,
        modified_ms: START_MS,
    }
}

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
    let store = &site.office.server.store;
    store.create_instance(row(7, "CONTOSO"), AuditRow::default()).await.unwrap();
    site.office.server.pass(1_000);
    stranger.get("/api/1.0/health").await.is(404);
}

#[tokio::test]
async fn a_server_may_be_started_for_one_of_several() {
    let directory = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = SqliteStore::open(directory.path()).unwrap();
    for (number, account_id) in [(7, "CONTOSO"), (8, "NORTHWIND")] {
        store.create_instance(row(number, account_id), AuditRow::default()).await.unwrap();
    }
    let options = ServerOptions {
        listen: ([127, 0, 0, 1], 0).into(),
        admin_password: Some(office::PASSWORD.to_owned()),
        local_instance: Some(Uuid::from_u128(8).into()),
        ..ServerOptions::default()
    };
    let server = Server::start(
        store,
        Arc::new(ManualClock::at(START_MS)),
        licet_server::security::MasterKey::random().unwrap(),
        options,
    )
    .await
    .unwrap();
    let stranger = Agent::new(router(server.app().clone()).unwrap(), None);
    let admin = stranger.with("authorization", &office::basic("admin", office::PASSWORD));
    let status = admin.get("/api/1.0/status").await.value(200);
    assert_eq!(status["accountId"], "NORTHWIND");
    // The machine is the local instance's server, and no other's.
    let hostids = admin.get("/api/1.0/instances/~/hostids").await.value(200);
    let hostids = hostids["hostids"].as_array().unwrap().clone();
    assert_eq!(hostids[0], json!({ "type": "STRING", "value": status["serverId"] }));
    assert!(hostids[1..].iter().all(|hostid| hostid["type"] == "ETHERNET"));
    assert_eq!(hostids.len() - 1, ethernets());
    let other = format!("/api/1.0/instances/{}/hostids", Uuid::from_u128(7));
    assert_eq!(admin.get(&other).await.value(200)["hostids"].as_array().unwrap().len(), 1);
}

/// Ethernet interfaces of this machine that have an address.
fn ethernets() -> usize {
    let Ok(folders) = std::fs::read_dir("/sys/class/net") else { return 0 };
    let read = |folder: &std::fs::DirEntry, name: &str| {
        std::fs::read_to_string(folder.path().join(name)).unwrap_or_default()
    };
    let is_ethernet = |folder: &std::fs::DirEntry| {
        read(folder, "type").trim() == "1" && read(folder, "address").trim() != "00:00:00:00:00:00"
    };
    folders.flatten().filter(is_ethernet).count()
}
