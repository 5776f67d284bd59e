//! Who may do what at the operations and usage doors, and what the audit log says of it.

use licet_server::security::{CLIENT_ACCESS, Permission, PermissionSet, Role};
use serde_json::{Value, json};

use crate::{
    office::{OPERATIONS, Office, PASSWORD, basic, text},
    support::{Agent, Call, START_MS},
};

/// Everybody who can call, with what they hold.
async fn everybody(office: &Office, instance_id: &str) -> Vec<(String, Agent, PermissionSet)> {
    let mut all = Vec::new();
    for role in Role::ALL {
        let account_id = role.is_customer().then_some("NORTHWIND");
        let credentials = office.user(*role, account_id).await;
        let caller = office.server.stranger().with("authorization", &credentials);
        all.push((role.to_string(), caller, role.permissions()));
    }
    let client = office.server.client(&[instance_id]);
    all.push(("client key".to_owned(), client, CLIENT_ACCESS));
    all
}

fn call(caller: &Agent, method: &str, path: &str, body: Option<&Value>) -> Call {
    let call = caller.call(method, path);
    match body {
        Some(body) => call.json(body),
        None => call,
    }
}

#[tokio::test]
async fn every_operation_asks_for_its_permission() {
    let office = Office::open().await;
    let instance_id = office.instance("main", "NORTHWIND").await;
    let everybody = everybody(&office, &instance_id).await;
    let instance = format!("{OPERATIONS}/instances/{instance_id}");
    let user = format!("{OPERATIONS}/users/nobody");
    let users = format!("{OPERATIONS}/users");
    let audit = format!("{OPERATIONS}/audit");
    let accounts = format!("{OPERATIONS}/accounts");
    let me = format!("{OPERATIONS}/users/me");
    let signing_keys = format!("{OPERATIONS}/signing-keys");
    let signing_key = format!("{signing_keys}/nobody");
    let new_user = json!({ "user": "", "password": "", "role": "" });
    let operations: [(&str, &str, Option<Value>, Option<Permission>); 16] = [
        ("GET", &me, None, None),
        ("GET", &users, None, Some(Permission::UsersRead)),
        ("GET", &user, None, Some(Permission::UsersRead)),
        ("POST", &users, Some(new_user), Some(Permission::UsersWrite)),
        ("PATCH", &user, Some(json!({})), Some(Permission::UsersWrite)),
        ("DELETE", &user, None, Some(Permission::UsersWrite)),
        ("GET", &audit, None, Some(Permission::AuditRead)),
        ("GET", &instance, None, Some(Permission::InstancesRead)),
        ("GET", &accounts, None, Some(Permission::InstancesRead)),
        ("GET", &signing_keys, None, Some(Permission::Keys)),
        ("POST", &signing_keys, Some(json!({ "overlapSeconds": -1 })), Some(Permission::Keys)),
        ("DELETE", &signing_key, None, Some(Permission::Keys)),
        ("GET", "/data/api/v1/report/usage", None, Some(Permission::UsageRead)),
        ("GET", "/usage/api/v1/rollups", None, Some(Permission::UsageRead)),
        ("GET", "/usage/api/v1/consumers", None, Some(Permission::UsageRead)),
        ("GET", "/usage/api/v1/balances", None, Some(Permission::UsageRead)),
    ];
    for (method, path, body, needs) in operations {
        let stranger = office.server.stranger();
        let nobody = call(&stranger, method, path, body.as_ref()).await;
        assert_eq!(nobody.status, 401, "{method} {path} without credentials");
        for (name, caller, held) in &everybody {
            let answer = call(caller, method, path, body.as_ref()).await;
            let may = needs.is_none_or(|permission| held.contains(permission));
            assert_eq!(answer.status != 403, may, "{name}: {method} {path}: {}", text(&answer));
            assert_ne!(answer.status, 401, "{name}: {method} {path}");
            assert!(answer.status < 500, "{name}: {method} {path}: {}", text(&answer));
        }
    }
}

#[tokio::test]
async fn a_key_has_no_password_and_no_token_of_ours() {
    let office = Office::open().await;
    let instance_id = office.instance("main", "NORTHWIND").await;
    let client = office.server.client(&[&instance_id]);
    let me = client.get(&format!("{OPERATIONS}/users/me")).await.value(200);
    assert_eq!((&me["name"], &me["kind"]), (&json!("test-client"), &json!("CLIENT_KEY")));
    assert_eq!(me["instanceIds"], json!([instance_id]));
    let body = json!({ "oldPassword": PASSWORD, "newPassword": PASSWORD });
    let path = format!("{OPERATIONS}/users/me/password");
    client.put(&path, &body).await.is(403);
    client.call("POST", &format!("{OPERATIONS}/logout")).await.is(400);
}

#[tokio::test]
async fn an_instance_has_a_short_form_of_its_id() {
    let office = Office::open().await;
    let id = office.instance("main", "NORTHWIND").await;
    let other = office.instance("main", "OTHER").await;
    let of = |id: &str| format!("{OPERATIONS}/instances/{id}");
    let viewer = office.user(Role::CustomerViewer, Some("NORTHWIND")).await;
    let shown = office.get(&of(&id), &viewer).await.value(200);
    let server_id = shown["serverId"].as_str().unwrap().to_owned();
    assert_eq!(
        shown,
        json!({
            "id": id, "serverId": server_id, "shortName": "main", "accountId": "NORTHWIND",
            "default": true, "created": START_MS, "modified": START_MS,
        })
    );
    assert!(server_id.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()));
    assert_eq!(office.get(&of(&server_id), &viewer).await.value(200), shown);
    let hidden = office.get(&of(&other), &viewer).await.is(404);
    let absent = office.get(&of(&uuid::Uuid::nil().to_string()), &viewer).await.is(404);
    let nonsense = office.get(&of("x"), &viewer).await.is(404);
    assert_eq!(hidden.body, absent.body);
    assert_eq!(hidden.body, nonsense.body);
}

#[tokio::test]
async fn accounts_are_counted_page_by_page() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let first = office.instance("one", "A").await;
    office.instance("one", "B").await;
    office.instance("two", "A").await;
    office.instance("one", "C").await;
    let path = format!("{OPERATIONS}/accounts");
    let page = office.get(&format!("{path}?limit=2"), &admin).await.value(200);
    let expected = json!({ "accountId": "A", "instances": 2, "defaultInstanceId": first });
    assert_eq!(page["accounts"][0], expected);
    assert_eq!(page["accounts"][1]["accountId"], "B");
    let rest = format!("{path}?limit=2&next={}", page["next"]);
    let rest = office.get(&rest, &admin).await.value(200);
    assert_eq!(rest["accounts"][0]["accountId"], "C");
    assert_eq!(rest["accounts"].as_array().unwrap().len(), 1);
    assert_eq!(rest["next"], 0);
    let viewer = office.user(Role::CustomerViewer, Some("B")).await;
    let own = office.get(&path, &viewer).await.value(200);
    assert_eq!(own["accounts"].as_array().unwrap().len(), 1);
    assert_eq!(own["accounts"][0]["accountId"], "B");
}

#[tokio::test]
async fn the_audit_log_says_who_did_what() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let instance_id = office.instance("main", "NORTHWIND").await;
    office.server.pass(1);
    office.user(Role::Viewer, None).await;
    office.server.pass(1);
    let path = format!("{OPERATIONS}/users/viewer");
    let patch = json!({ "role": "PRODUCER", "password": "a new long password" });
    office.send("PATCH", &path, &admin, Some(patch)).await.is(200);
    office.server.pass(1);
    let line_item = json!({
        "activationId": "L1", "state": "DEPLOYED", "quantity": 10, "start": START_MS, "end": START_MS + 1000,
        "attributes": { "elastic": true },
    });
    let path = format!("/provisioning/api/v1.1/instances/{instance_id}/line-items");
    let producer = basic("viewer", "a new long password");
    office.send("PUT", &path, &producer, Some(line_item)).await.is(201);

    let log = read_log(&office, &admin, 3).await;
    let of = |action: &str| {
        let found = log.iter().find(|entry| entry["action"] == action);
        found.unwrap_or_else(|| panic!("{action} is not in {log:?}")).clone()
    };
    assert_eq!(log[0]["action"], "line-item.put");
    assert_eq!(log[0]["actor"], "viewer");
    let object = log[0]["object"].as_str().unwrap();
    assert!(object.contains(&instance_id) && object.contains("L1"), "{object}");
    let created = of("user.create");
    assert_eq!((&created["actor"], &created["object"]), (&json!("admin"), &json!("viewer")));
    assert_eq!((&created["at"], &created["requestId"]), (&json!(START_MS + 1), &json!("r-1")));
    assert_eq!(created["after"]["role"], "VIEWER");
    let updated = of("user.update");
    assert_eq!(updated["before"]["role"], "VIEWER");
    assert_eq!(updated["after"]["role"], "PRODUCER");
    assert_eq!(updated["after"]["passwordChanged"], true);
    assert_eq!(of("user.log-in")["after"], json!({ "address": "192.0.2.7" }));
    assert_eq!(of("instance.create")["object"], json!(instance_id));
    let text = serde_json::to_string(&log).unwrap();
    for secret in [PASSWORD, "a new long password", "argon2", "lic_"] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}

/// The whole log in pages of this many entries.
async fn read_log(office: &Office, caller: &str, limit: usize) -> Vec<Value> {
    let (mut log, mut before) = (Vec::new(), "0".to_owned());
    loop {
        let path = format!("{OPERATIONS}/audit?limit={limit}&before={before}");
        let page = office.get(&path, caller).await.value(200);
        let entries = page["entries"].as_array().unwrap();
        assert!((1..=limit).contains(&entries.len()));
        log.extend(entries.iter().cloned());
        page["next"].as_str().unwrap().clone_into(&mut before);
        if before == "0" {
            return log;
        }
    }
}
