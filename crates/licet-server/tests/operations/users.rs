//! People: logging in and out, and managing users.

use licet_server::security::Role;
use serde_json::json;

use crate::{
    office::{OPERATIONS, Office, PASSWORD, basic},
    support::{Answer, START_MS},
};

const USERS: &str = "/operations/api/v1/users";

async fn create(office: &Office, caller: &str, user: serde_json::Value) -> Answer {
    office.send("POST", USERS, caller, Some(user)).await
}

async fn change_password(office: &Office, caller: &str, old: &str, new: &str) -> Answer {
    let body = json!({ "oldPassword": old, "newPassword": new });
    office.send("PUT", &format!("{USERS}/me/password"), caller, Some(body)).await
}

#[tokio::test]
async fn a_token_is_good_until_log_out() {
    let office = Office::open().await;
    let answer = office.try_log_in("admin", PASSWORD).await.is(200);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let answer = answer.json();
    assert_eq!(answer["expires"], START_MS + 8 * 3_600_000);
    let token = format!("Bearer {}", answer["token"].as_str().unwrap());
    let me = office.get(&format!("{USERS}/me"), &token).await.value(200);
    assert_eq!((&me["name"], &me["kind"]), (&json!("admin"), &json!("USER")));
    assert_eq!(me["role"], "ADMINISTRATOR");
    let log_out = format!("{OPERATIONS}/logout");
    office.send("POST", &log_out, &token, None).await.is(204);
    office.get(USERS, &token).await.problem(401, "invalid_token");
    let by_password = office.send("POST", &log_out, &basic("admin", PASSWORD), None).await;
    by_password.problem(400, "bad_request");
}

#[tokio::test]
async fn unknown_users_and_wrong_passwords_look_the_same() {
    let office = Office::open().await;
    let wrong = office.try_log_in("admin", "no").await.is(401);
    let unknown = office.try_log_in("nobody", "no").await.is(401);
    assert_eq!(wrong.body, unknown.body);
    wrong.problem(401, "wrong_credentials");
}

#[tokio::test]
async fn a_log_in_is_small_json() {
    let office = Office::open().await;
    let large = office.try_log_in("admin", &"x".repeat(16 * 1024)).await;
    let detail = large.problem(413, "body_too_large");
    assert!(detail.contains("16384 bytes"), "{detail}");
    let path = format!("{OPERATIONS}/authorize");
    let empty = office.send("POST", &path, "", Some(json!({ "user": "admin" }))).await;
    let empty = empty.value(400);
    assert_eq!(empty["errors"], json!(["$.password: is missing but it is required"]));
}

#[tokio::test]
async fn many_failures_lock_a_user_for_a_while() {
    let office = Office::open().await;
    for _ in 0..10 {
        office.try_log_in("admin", "wrong").await.is(401);
        // Longer than the longest pause between two tries.
        office.server.pass(61_000);
    }
    let locked = office.try_log_in("admin", PASSWORD).await;
    locked.clone().problem(429, "log_in_locked");
    let wait_s: i64 = locked.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=15 * 60).contains(&wait_s), "{wait_s}");
    office.server.pass(wait_s * 1000);
    office.try_log_in("admin", PASSWORD).await.is(200);
}

#[tokio::test]
async fn a_user_from_first_to_last() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let body = json!({
        "user": "grace", "password": PASSWORD, "role": "CUSTOMER_VIEWER", "accountId": "NORTHWIND",
    });
    let created = create(&office, &admin, body.clone()).await.value(201);
    assert_eq!(
        created,
        json!({
            "user": "grace", "role": "CUSTOMER_VIEWER", "accountId": "NORTHWIND",
            "disabled": false, "created": START_MS, "modified": START_MS,
        })
    );
    create(&office, &admin, body).await.problem(409, "already_exists");
    let listed = office.get(USERS, &admin).await.value(200);
    assert_eq!(listed["users"][1], created);
    assert_eq!(listed["next"], 0);

    let grace = office.log_in("grace").await;
    office.server.pass(1000);
    let path = format!("{USERS}/grace");
    let patch = json!({ "role": "VIEWER" });
    let patched = office.send("PATCH", &path, &admin, Some(patch)).await.value(200);
    assert_eq!(
        (&patched["role"], &patched["modified"]),
        (&json!("VIEWER"), &json!(START_MS + 1000))
    );
    assert_eq!(patched.get("accountId"), None);
    let me = office.get(&format!("{USERS}/me"), &grace).await.value(200);
    assert_eq!(me["role"], "VIEWER");

    let patch = json!({ "disabled": true });
    office.send("PATCH", &path, &admin, Some(patch)).await.is(200);
    office.get(&format!("{USERS}/me"), &grace).await.is(401);
    office.try_log_in("grace", PASSWORD).await.is(401);
    office.send("DELETE", &path, &admin, None).await.is(204);
    office.get(&path, &admin).await.problem(404, "not_found");
    office.send("DELETE", &path, &admin, None).await.is(404);
}

#[tokio::test]
async fn lists_of_users_have_pages() {
    let office = Office::open().await;
    let admin = office.admin().await;
    for number in 0..4 {
        let user = format!("user-{number}");
        let body = json!({ "user": user, "password": PASSWORD, "role": "VIEWER" });
        create(&office, &admin, body).await.is(201);
    }
    let (mut names, mut next) = (Vec::new(), json!(0));
    loop {
        let path = format!("{USERS}?limit=2&next={next}");
        let page = office.get(&path, &admin).await.value(200);
        let users = page["users"].as_array().unwrap();
        assert!((1..=2).contains(&users.len()));
        names.extend(users.iter().map(|user| user["user"].as_str().unwrap().to_owned()));
        next = page["next"].clone();
        if next == 0 {
            break;
        }
    }
    assert_eq!(names, ["admin", "user-0", "user-1", "user-2", "user-3"]);
    office.get(&format!("{USERS}?limit=0"), &admin).await.is(400);
}

#[tokio::test]
async fn nonsense_changes_nothing() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let user = |name: &str, password: &str, role: &str| json!({ "user": name, "password": password, "role": role });
    for (body, code) in [
        (user("me", PASSWORD, "VIEWER"), "validation_failed"),
        (user("a:b", PASSWORD, "VIEWER"), "validation_failed"),
        (user("ada", PASSWORD, "ROOT"), "validation_failed"),
        (user("ada", PASSWORD, "CUSTOMER_VIEWER"), "validation_failed"),
        (user("ada", "short", "VIEWER"), "weak_password"),
        (json!({ "user": "ada", "password": 7, "role": "VIEWER" }), "malformed"),
    ] {
        create(&office, &admin, body).await.problem(400, code);
    }
    let users = office.get(USERS, &admin).await.value(200);
    assert_eq!(users["users"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let path = format!("{USERS}/admin");
    for body in [json!({ "disabled": true }), json!({ "role": "VIEWER" })] {
        let refused = office.send("PATCH", &path, &admin, Some(body)).await;
        refused.problem(403, "last_administrator");
    }
    office.send("DELETE", &path, &admin, None).await.is(403);
}

#[tokio::test]
async fn people_change_their_own_password() {
    let office = Office::open().await;
    let grace = office.user(Role::CustomerViewer, Some("NORTHWIND")).await;
    let new = "staple battery horse correct";
    let refused = change_password(&office, &grace, "guess", new).await.value(400);
    assert_eq!(refused["errors"], json!(["$.oldPassword: is not the password of this user"]));
    let weak = change_password(&office, &grace, PASSWORD, "short").await;
    weak.problem(400, "weak_password");
    change_password(&office, &grace, PASSWORD, new).await.is(204);
    office.get(&format!("{USERS}/me"), &grace).await.is(401);
    office.try_log_in("customer_viewer", PASSWORD).await.is(401);
    office.try_log_in("customer_viewer", new).await.is(200);
}

#[tokio::test]
async fn guessing_the_old_password_locks_too() {
    let office = Office::open().await;
    let grace = office.user(Role::Viewer, None).await;
    for _ in 0..10 {
        change_password(&office, &grace, "guess", "a long new password").await.is(400);
        office.server.pass(61_000);
    }
    let locked = change_password(&office, &grace, PASSWORD, "a long new password").await;
    locked.problem(429, "log_in_locked");
}
