//! Every role at every operation.

use serde_json::{Value, json};

use crate::{office::OPERATIONS, site::Site, support::Agent};

const ROLES: [&str; 6] = [
    "ROLE_READ",
    "ROLE_RESERVATIONS",
    "ROLE_DROPCLIENT",
    "ROLE_ADMIN",
    "ROLE_OFFLINE",
    "ROLE_CAPABILITY",
];

/// Method, path and body, and who may: the six roles in their order, `admin`, `producer`, and
/// the site's ADMINISTRATOR, PRODUCER, VIEWER and the account's CUSTOMER_ADMINISTRATOR and
/// CUSTOMER_VIEWER; then a client key.
fn operations() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    let none = || Value::Null;
    vec![
        ("POST", "/access_request", json!({}), ".....x.x xx... x"),
        ("POST", "/signed_access_request", json!({}), ".....x.x xx... x"),
        ("POST", "/preview_request", json!({}), ".....x.x xx... x"),
        ("GET", "/users", none(), "...x..xx x..x. ."),
        ("POST", "/users", json!({"user": "", "password": ""}), "...x..xx x..x. ."),
        ("GET", "/users/nobody", none(), "...x..xx x..x. ."),
        ("PUT", "/users/nobody", json!({}), "...x..xx x..x. ."),
        ("DELETE", "/users/nobody", none(), "...x..xx x..x. ."),
        ("GET", "/rest_licensing_keys", none(), "...x..xx x..x. ."),
        ("POST", "/rest_licensing_keys", none(), "...x..xx x..x. ."),
        ("DELETE", "/rest_licensing_keys?kid=none", none(), "...x..xx x..x. ."),
        ("GET", "/configuration", none(), "x..x..xx xxxxx ."),
        ("PUT", "/configuration", json!({}), "...x..xx xx.x. ."),
        ("DELETE", "/configuration/security.anonymous", none(), "...x..xx xx.x. ."),
        ("DELETE", "/configuration/licensing.renewInterval", none(), ".......x xx... ."),
        ("GET", "/hostids", none(), "x.....xx xxxxx x"),
        ("GET", "/hostids/selected", none(), "x.....xx xxxxx x"),
        ("GET", "/status", none(), "x.....xx xxxxx x"),
        ("POST", "/suspend", none(), "...x..xx xx.x. ."),
        ("POST", "/resume", none(), "...x..xx xx.x. ."),
        ("GET", "/features", none(), "x.....xx xxxxx x"),
        ("GET", "/features/summaries", none(), "x.....xx xxxxx x"),
        ("GET", "/clients", none(), "x.x...xx xxxxx ."),
        ("DELETE", "/clients?id=9", none(), "..x...xx xx.x. ."),
        ("DELETE", "/clients/9", none(), "..x...xx xx.x. ."),
        ("GET", "/hosts", none(), "x.x...xx xxxxx ."),
        ("GET", "/reservationgroups", none(), "xx....xx xxxxx ."),
        ("POST", "/reservationgroups", json!({}), ".x....xx xx.x. ."),
        ("GET", "/reservationgroups/9", none(), "xx....xx xxxxx ."),
        ("DELETE", "/reservationgroups/9", none(), ".x....xx xx.x. ."),
        ("GET", "/model", none(), "x..x..xx xxxxx ."),
        ("PUT", "/model", json!({}), "...x..xx xx.x. ."),
        ("POST", "/model", json!({}), "...x..xx xx.x. ."),
        ("DELETE", "/model", none(), "...x..xx xx.x. ."),
        ("GET", "/pools", none(), "x..x..xx xxxxx ."),
        ("POST", "/rights", json!({}), "....x.xx xx.x. ."),
    ]
}

async fn everybody(site: &Site) -> Vec<(String, Agent)> {
    use licet_server::security::Role;
    let mut everybody = Vec::new();
    for role in ROLES {
        everybody.push((role.to_owned(), site.user(&role.to_lowercase(), &[role]).await));
    }
    everybody.push(("admin".to_owned(), site.admin().await));
    everybody.push(("producer".to_owned(), site.producer().await));
    for role in Role::ALL {
        let account = role.is_customer().then_some("NORTHWIND");
        let credentials = site.office.user(*role, account).await;
        everybody.push((role.to_string(), site.as_caller(&credentials)));
    }
    let client = site.office.server.nameless_client(&[&site.instance]);
    everybody.push(("client key".to_owned(), client));
    everybody
}

#[tokio::test]
async fn every_operation_asks_for_its_role() {
    let site = Site::open().await;
    let everybody = everybody(&site).await;
    for (method, path, body, row) in operations() {
        let call = |agent: &Agent| {
            let call = agent.call(method, &site.at(path));
            if body.is_null() { call } else { call.json(&body) }
        };
        let nobody = call(&site.office.server.stranger()).await;
        nobody.problem(401, "authentication_required");
        let held: Vec<char> = row.chars().filter(|c| *c != ' ').collect();
        assert_eq!(held.len(), everybody.len(), "{path}");
        for ((name, agent), may) in everybody.iter().zip(held) {
            let answer = call(agent).await;
            let is_refused = matches!(answer.status, 401 | 403);
            assert_eq!(!is_refused, may == 'x', "{name}: {method} {path}: {}", answer.status);
            assert!(answer.status < 500, "{name}: {method} {path}");
        }
    }
}

#[tokio::test]
async fn the_matrix_has_every_operation_of_the_door() {
    let site = Site::open().await;
    let document = site.office.server.stranger().get("/openapi.json").await.value(200);
    let open = ["/authorize", "/health", "/version"];
    let mut documented = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix("/api/1.0/instances/{instanceId}") else { continue };
        if open.contains(&path) {
            continue;
        }
        for method in item.as_object().unwrap().keys() {
            documented.push((method.to_uppercase(), path.to_owned()));
        }
    }
    let fits = |method: &str, pattern: &str| {
        operations().iter().any(|(known, path, ..)| {
            let path = path.split('?').next().unwrap();
            let same = |(pattern, part): (&str, &str)| pattern.starts_with('{') || pattern == part;
            *known == method
                && pattern.split('/').count() == path.split('/').count()
                && pattern.split('/').zip(path.split('/')).all(same)
        })
    };
    assert!(!documented.is_empty());
    for (method, path) in documented {
        assert!(fits(&method, &path), "{method} {path} stands in no row");
    }
}

#[tokio::test]
async fn a_user_of_one_instance_does_not_see_another() {
    let site = Site::open().await;
    let other = site.office.instance("main", "CONTOSO").await;
    let admin = site.admin().await;
    let hidden = admin.get(&format!("/api/1.0/instances/{other}/users")).await.is(404);
    let nil = uuid::Uuid::nil();
    let absent = admin.get(&format!("/api/1.0/instances/{nil}/users")).await.is(404);
    assert_eq!(hidden.body, absent.body);
    let me = admin.get(&format!("{OPERATIONS}/users/me")).await.value(200);
    assert_eq!(me["name"], json!(format!("admin@{}", site.server_id())));
    assert_eq!(
        (&me["kind"], &me["instanceIds"]),
        (&json!("INSTANCE_USER"), &json!([site.instance]))
    );
    // The site's own doors go by the same permissions.
    admin.get(&format!("{OPERATIONS}/users")).await.is(403);
    admin.get("/usage/api/v1/rollups").await.is(200);
    // The other instance has users of the same name, with passwords of their own.
    site.try_log_in_at(&format!("/instances/{other}"), "admin", PASSWORD).await.is(401);
    site.set_admin_password(&other, crate::site::OTHER_PASSWORD).await.is(204);
    site.admin().await.get(&site.at("/users")).await.is(200);
}

use crate::site::PASSWORD;

#[tokio::test]
async fn anonymous_reads_are_those_of_role_read() {
    let site = Site::open().await;
    site.set(json!({ "security.anonymous": true })).await.is(200);
    let stranger = site.office.server.stranger();
    for (method, path, body, row) in operations() {
        let call = stranger.call(method, &site.at(path));
        let call = if body.is_null() { call } else { call.json(&body) };
        let may = method == "GET" && row.starts_with('x');
        let status = call.await.status;
        // Some of what may be read is not there.
        let expected = if may { [200, 404] } else { [401; 2] };
        assert!(expected.contains(&status), "{method} {path}: {status}");
    }
    // Credentials that are shown must be good.
    let bad = site.office.server.bearer("lic_nonsense");
    bad.get(&site.at("/configuration")).await.problem(401, "invalid_token");
    site.set(json!({ "security.anonymous": false })).await.is(200);
    stranger.get(&site.at("/configuration")).await.is(401);
}
