//! Logging in at an instance.

use serde_json::json;

use crate::{
    office::OPERATIONS,
    site::{OTHER_PASSWORD, PASSWORD, Site},
    support::{DAY_MS, HOUR_MS},
};

#[tokio::test]
async fn a_token_is_good_for_a_day() {
    let site = Site::open().await;
    let answer = site.try_log_in("admin", PASSWORD).await.is(200);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let answer = answer.json();
    assert_eq!(answer["expires"], "2026-01-02T00:00:00.000Z");
    let admin = site.office.server.bearer(answer["token"].as_str().unwrap());
    admin.get(&site.at("/users")).await.is(200);
    site.office.server.pass(DAY_MS - 1);
    admin.get(&site.at("/users")).await.is(200);
    site.office.server.pass(1);
    admin.get(&site.at("/users")).await.problem(401, "token_expired");
    // As clients do: log in again.
    site.admin().await.get(&site.at("/users")).await.is(200);
}

#[tokio::test]
async fn the_life_of_tokens_is_a_setting() {
    let site = Site::open().await;
    site.set(json!({ "security.token.duration": "2h" })).await.is(200);
    let answer = site.try_log_in("admin", PASSWORD).await.value(200);
    assert_eq!(answer["expires"], "2026-01-01T02:00:00.000Z");
    let admin = site.office.server.bearer(answer["token"].as_str().unwrap());
    site.office.server.pass(2 * HOUR_MS);
    admin.get(&site.at("/users")).await.problem(401, "token_expired");
}

#[tokio::test]
async fn nobody_logs_in_as_admin_before_there_is_a_password() {
    let site = Site::open().await;
    let other = site.office.instance("main", "CONTOSO").await;
    let at = format!("/instances/{other}");
    site.try_log_in_at(&at, "admin", PASSWORD).await.problem(401, "wrong_credentials");
    let listed = site.site_admin().get(&format!("/api/1.0{at}/users/admin")).await.value(200);
    assert_eq!((&listed["builtIn"], &listed["hasPassword"]), (&json!(true), &json!(false)));
    site.set_admin_password(&other, "weak").await.problem(400, "weak_password");
    site.set_admin_password(&other, OTHER_PASSWORD).await.is(204);
    site.try_log_in_at(&at, "admin", OTHER_PASSWORD).await.is(200);
    site.set_admin_password(&uuid::Uuid::nil().to_string(), PASSWORD).await.is(404);
}

#[tokio::test]
async fn unknown_users_and_wrong_passwords_look_the_same() {
    let site = Site::open().await;
    let wrong = site.try_log_in("admin", "no").await.is(401);
    let unknown = site.try_log_in("nobody", "no").await.is(401);
    // The site's user of that name is another one.
    let of_the_site = site.try_log_in("admin", crate::office::PASSWORD).await.is(401);
    assert_eq!(wrong.body, unknown.body);
    assert_eq!(wrong.body, of_the_site.body);
    assert_eq!(wrong.headers["www-authenticate"], "Bearer realm=\"licet\"");
}

#[tokio::test]
async fn many_failures_lock_a_user_for_a_while() {
    let site = Site::open().await;
    for _ in 0..10 {
        site.try_log_in("admin", "wrong").await.is(401);
        // Longer than the longest pause between two tries.
        site.office.server.pass(61_000);
    }
    let locked = site.try_log_in("admin", PASSWORD).await;
    locked.clone().problem(429, "log_in_locked");
    // The administrator of the site is another user.
    site.office.admin().await;
    let wait_s: i64 = locked.headers["retry-after"].to_str().unwrap().parse().unwrap();
    site.office.server.pass(wait_s * 1000);
    site.try_log_in("admin", PASSWORD).await.is(200);
}

#[tokio::test]
async fn a_new_password_ends_the_tokens() {
    let site = Site::open().await;
    let admin = site.admin().await;
    admin.get(&site.at("/users")).await.is(200);
    site.set_admin_password(&site.instance, OTHER_PASSWORD).await.is(204);
    admin.get(&site.at("/users")).await.problem(401, "invalid_token");
    site.try_log_in("admin", PASSWORD).await.is(401);
    site.log_in("admin", OTHER_PASSWORD).await.get(&site.at("/users")).await.is(200);
}

#[tokio::test]
async fn a_token_can_be_given_back() {
    let site = Site::open().await;
    let (admin, second) = (site.admin().await, site.admin().await);
    admin.call("POST", &format!("{OPERATIONS}/logout")).await.is(204);
    admin.get(&site.at("/users")).await.problem(401, "invalid_token");
    second.get(&site.at("/users")).await.is(200);
}

#[tokio::test]
async fn credentials_over_plain_http_can_be_refused() {
    let site = Site::open().await;
    let (admin, off) = (site.admin().await, json!({ "security.http.auth.enabled": false }));
    // Nobody could set it back.
    let refused = admin.put(&site.at("/configuration"), &off).await;
    assert!(refused.problem(409, "conflict").contains("HTTPS"));
    let over_tls = site.office.server.stranger().over_tls();
    let safe = site.admin().await.over_tls();
    safe.put(&site.at("/configuration"), &off).await.is(200);
    admin.get(&site.at("/users")).await.problem(403, "https_required");
    site.try_log_in("admin", PASSWORD).await.problem(403, "https_required");
    let health = site.office.server.stranger().get(&site.at("/health")).await.value(200);
    assert_eq!(health["LLS"]["httpAuth"], "disabled");
    safe.get(&site.at("/users")).await.is(200);
    let body = json!({ "user": "admin", "password": PASSWORD });
    over_tls.post(&site.at("/authorize"), &body).await.is(200);
    safe.delete(&site.at("/configuration/security.http.auth.enabled")).await.is(204);
    admin.get(&site.at("/users")).await.is(200);
}

#[tokio::test]
async fn the_audit_log_tells_of_log_ins_without_secrets() {
    let site = Site::open().await;
    site.office.server.pass(1);
    site.admin().await;
    site.office.server.pass(1);
    site.try_log_in("admin", "wrong").await.is(401);
    let log = site.audit().await;
    let name = format!("admin@{}", site.server_id());
    let object = format!("instance/{}/user/admin", site.instance);
    for (entry, action) in log.iter().zip(["instance-user.log-in-refused", "instance-user.log-in"])
    {
        assert_eq!(entry["action"], action);
        assert_eq!((&entry["actor"], &entry["object"]), (&json!(name), &json!(object)));
        assert_eq!(entry["after"], json!({ "address": "192.0.2.7" }));
    }
    let text = serde_json::to_string(&log).unwrap();
    for secret in [PASSWORD, "argon2", "lic_"] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}
