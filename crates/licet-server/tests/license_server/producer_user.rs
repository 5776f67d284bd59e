//! The producer's user on all instances.

use serde_json::json;

use crate::{
    office::OPERATIONS,
    site::{OTHER_PASSWORD, PASSWORD, Site},
};

#[tokio::test]
async fn the_producer_logs_in_everywhere_while_it_is_enabled() {
    let site = Site::open().await;
    let path = format!("{OPERATIONS}/settings/producer-user");
    let none = site.site_admin().get(&path).await.value(200);
    assert_eq!(none, json!({ "user": "producer", "enabled": false, "hasPassword": false }));
    site.try_log_in("producer", PASSWORD).await.is(401);
    let missing = site.set_producer_user(json!({ "enabled": true })).await;
    assert_eq!(missing.value(400)["errors"][0], "$.password: is required: the user has none yet");
    let weak = json!({ "enabled": true, "password": "orange" });
    site.set_producer_user(weak).await.problem(400, "weak_password");

    let set = site.set_producer_user(json!({ "enabled": true, "password": PASSWORD })).await;
    assert_eq!(set.value(200)["updatedBy"], "admin");
    let newer = site.office.instance("main", "CONTOSO").await;
    let at_newer = format!("/instances/{newer}");
    let mut agents = Vec::new();
    for at in [format!("/instances/{}", site.instance), at_newer.clone()] {
        let answer = site.try_log_in_at(&at, "producer", PASSWORD).await.value(200);
        let producer = site.office.server.bearer(answer["token"].as_str().unwrap());
        let settings = format!("/api/1.0{at}/configuration");
        producer.put(&settings, &json!({ "licensing.renewInterval": 20 })).await.is(200);
        agents.push((producer, settings));
    }
    // A token is of one instance.
    agents[0].0.get(&agents[1].1).await.is(404);

    site.set_producer_user(json!({ "enabled": true, "password": OTHER_PASSWORD })).await.is(200);
    for (producer, settings) in &agents {
        producer.get(settings).await.problem(401, "invalid_token");
    }
    site.try_log_in_at(&at_newer, "producer", PASSWORD).await.is(401);
    let producer = site.log_in("producer", OTHER_PASSWORD).await;
    producer.get(&site.at("/users")).await.is(200);

    site.set_producer_user(json!({ "enabled": false })).await.is(200);
    producer.get(&site.at("/users")).await.problem(401, "invalid_token");
    site.try_log_in("producer", OTHER_PASSWORD).await.is(401);
    let shown = site.site_admin().get(&path).await.is(200);
    let text = String::from_utf8(shown.body.to_vec()).unwrap();
    assert!(!text.contains("argon2") && !text.contains("Tree"), "{text}");
    // It keeps its password.
    site.set_producer_user(json!({ "enabled": true })).await.is(200);
    site.try_log_in("producer", OTHER_PASSWORD).await.is(200);
    let log = site.audit().await;
    assert!(log.iter().any(|entry| entry["action"] == "producer-user.put"));
}

#[tokio::test]
async fn only_who_may_keys_may_set_the_producer_user() {
    use licet_server::security::Role;
    let site = Site::open().await;
    let path = format!("{OPERATIONS}/settings/producer-user");
    let body = json!({ "enabled": true, "password": PASSWORD });
    for role in [Role::Producer, Role::Viewer] {
        let credentials = site.office.user(role, None).await;
        let caller = site.as_caller(&credentials);
        caller.put(&path, &body).await.problem(403, "permission_denied");
        caller.get(&path).await.problem(403, "permission_denied");
    }
    let admin_of_instance = site.admin().await;
    admin_of_instance.put(&path, &body).await.is(403);
    site.office.server.stranger().get(&path).await.is(401);
    site.office.server.admin().put(&path, &body).await.is(200);
}
