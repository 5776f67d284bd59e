//! The short form of an instance's id does wherever its UUID does.

use licet_protocol::ServerId;
use serde_json::json;

use crate::{
    VERSIONS,
    support::{TestServer, access, session_access},
};

#[tokio::test]
async fn the_short_form_names_an_instance_in_paths_headers_and_queries() {
    let server = TestServer::start().await;
    let instance = server.stocked("NORTHWIND", 100).await;
    let short = ServerId(instance.parse().unwrap()).to_string();
    let (lower, admin) = (short.to_lowercase(), server.admin());
    let client = server.nameless_client(&[&instance]);
    for version in VERSIONS {
        for id in [&short, &lower] {
            let read = admin.get(&format!("/provisioning/api/{version}/instances/{id}")).await;
            assert_eq!(read.value(200)["id"], json!(instance));
            client.get(&format!("/api/{version}/instances/{id}/conditions")).await.is(200);
            let path = format!("/elastic/api/{version}/instances/{id}/access-request");
            client.post(&path, &access(&[("A", 1.0)])).await.is(200);

            let sessions = format!("/api/{version}/sessions");
            let named = client.clone().naming(id);
            let opened = named.post(&sessions, &json!({"instanceId": instance})).await.value(200);
            let session = format!("{sessions}/{}", opened["sessionId"].as_str().unwrap());
            named.put(&session, &session_access(&[("A", 1.0)], true)).await.is(200);
            let shown = admin.get(&format!("{session}?instanceId={id}")).await.value(200);
            assert_eq!(shown["instanceId"], json!(instance));
            let listed = admin.get(&format!("{sessions}?instanceId={id}")).await.value(200);
            assert_eq!(listed.as_array().unwrap().len(), 1);
            assert_eq!(client.get(&format!("{sessions}/{id}")).await.value(200), listed);
            // Both forms are the same instance.
            named.delete(&format!("{session}?instanceId={instance}")).await.is(204);
        }
    }
    assert_eq!(server.used(&instance, "L1").await, 4.0);
    // Of a token it is not the audience.
    let strangers = server.nameless_client(&[&short]);
    let path = format!("/elastic/api/v1.1/instances/{instance}/access-request");
    strangers.post(&path, &access(&[("A", 1.0)])).await.is(401);
}

#[tokio::test]
async fn anything_else_names_no_instance() {
    let server = TestServer::start().await;
    let instance = server.stocked("NORTHWIND", 100).await;
    let admin = server.admin();
    for id in [&instance.replace('-', "")[..], "x", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ"] {
        admin.get(&format!("/provisioning/api/v1.1/instances/{id}")).await.is(404);
        let path = format!("/api/v1.1/sessions?instanceId={id}");
        admin.get(&path).await.problem(400, "validation_failed");
        let named = admin.clone().naming(id).get("/api/v1.1/sessions").await;
        assert!(named.problem(400, "validation_failed").starts_with("x-instance-id"));
    }
}
