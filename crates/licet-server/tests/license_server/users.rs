//! Users of an instance.

use serde_json::{Value, json};

use crate::site::{OTHER_PASSWORD, PASSWORD, Site};

fn names(list: &Value) -> Vec<&str> {
    list["users"].as_array().unwrap().iter().map(|user| user["user"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_user_from_first_to_last() {
    let site = Site::open().await;
    let admin = site.admin().await;
    let body = json!({ "user": "grace", "password": PASSWORD });
    let created = admin.post(&site.at("/users"), &body).await.value(201);
    assert_eq!(
        created,
        json!({
            "user": "grace", "roles": ["ROLE_READ"], "builtIn": false, "hasPassword": true,
            "disabled": false, "modified": "2026-01-01T00:00:00.000Z",
        })
    );
    admin.post(&site.at("/users"), &body).await.problem(409, "already_exists");
    let listed = admin.get(&site.at("/users")).await.value(200);
    assert_eq!(names(&listed), ["admin", "producer", "grace"]);
    assert_eq!(listed["asOf"], "2026-01-01T00:00:00.000Z");

    let path = site.at("/users/grace");
    let change = async |body: Value| admin.put(&path, &body).await.value(200);
    let mut password = PASSWORD;
    for body in [
        json!({ "roles": ["ROLE_ADMIN", "ROLE_READ"] }),
        json!({ "password": OTHER_PASSWORD }),
        json!({ "disabled": true }),
    ] {
        let grace = site.log_in("grace", password).await;
        grace.get(&site.at("/configuration")).await.is(200);
        let changed = change(body.clone()).await;
        if let Some(roles) = body.get("roles") {
            assert_eq!(changed["roles"], json!(["ROLE_READ", "ROLE_ADMIN"]));
            assert_eq!(roles.as_array().unwrap().len(), 2);
        }
        grace.get(&site.at("/configuration")).await.problem(401, "invalid_token");
        if body.get("password").is_some() {
            password = OTHER_PASSWORD;
        }
    }
    site.try_log_in("grace", password).await.is(401);
    change(json!({ "disabled": false })).await;
    let grace = site.log_in("grace", password).await;
    admin.delete(&path).await.is(204);
    grace.get(&site.at("/configuration")).await.problem(401, "invalid_token");
    site.try_log_in("grace", password).await.is(401);
    admin.get(&path).await.problem(404, "not_found");
    admin.delete(&path).await.is(404);
    admin.put(&path, &json!({})).await.is(404);
}

#[tokio::test]
async fn passwords_have_a_rule() {
    let site = Site::open().await;
    let admin = site.admin().await;
    let create = async |password: &str| {
        let body = json!({ "user": "grace", "password": password });
        admin.post(&site.at("/users"), &body).await
    };
    for password in [
        "Orang-7",
        "Orange-Tree-7-Orange-Tree-7-Ora",
        "orange-tree-7",
        "ORANGE-TREE-7",
        "Orange-Tree-x",
        "Orange.Tree.7",
        "Orange Tree-7",
    ] {
        let detail = create(password).await.problem(400, "weak_password");
        assert!(detail.starts_with("The password needs"), "{password}: {detail}");
    }
    create("Orange-7").await.is(201);
    let weak = admin.put(&site.at("/users/grace"), &json!({ "password": "orange-7" })).await;
    weak.problem(400, "weak_password");
}

#[tokio::test]
async fn built_in_users_stay() {
    let site = Site::open().await;
    let producer = site.producer().await;
    for name in ["admin", "producer"] {
        let refused = producer.delete(&site.at(&format!("/users/{name}"))).await;
        refused.problem(403, "permission_denied");
        let body = json!({ "user": name, "password": PASSWORD });
        producer.post(&site.at("/users"), &body).await.problem(409, "already_exists");
    }
    let roles = json!({ "roles": ["ROLE_READ"] });
    producer.put(&site.at("/users/admin"), &roles).await.problem(400, "validation_failed");
    let elsewhere = producer.put(&site.at("/users/producer"), &json!({ "disabled": true })).await;
    assert!(elsewhere.problem(403, "permission_denied").contains("settings/producer-user"));
    producer.put(&site.at("/users/admin"), &json!({ "disabled": true })).await.is(200);
    site.try_log_in("admin", PASSWORD).await.is(401);
    let body = json!({ "password": OTHER_PASSWORD, "disabled": false });
    producer.put(&site.at("/users/admin"), &body).await.is(200);
    site.try_log_in("admin", OTHER_PASSWORD).await.is(200);
}

#[tokio::test]
async fn nonsense_changes_nothing() {
    let site = Site::open().await;
    let admin = site.admin().await;
    let user =
        |name: &str, roles: Value| json!({ "user": name, "password": PASSWORD, "roles": roles });
    for (body, code) in [
        (user("a:b", json!([])), "validation_failed"),
        (user(" a", json!([])), "validation_failed"),
        (user("a", json!(["ROLE_ROOT"])), "malformed"),
        (user("a", json!(["ROLE_PRODUCER"])), "validation_failed"),
        (user("a", json!("ROLE_READ")), "malformed"),
        (json!({ "user": "a" }), "malformed"),
    ] {
        admin.post(&site.at("/users"), &body).await.problem(400, code);
    }
    let listed = admin.get(&site.at("/users")).await.value(200);
    assert_eq!(names(&listed), ["admin", "producer"]);
    let large = json!({ "user": "a", "password": "x".repeat(16 * 1024) });
    admin.post(&site.at("/users"), &large).await.problem(413, "body_too_large");
}
