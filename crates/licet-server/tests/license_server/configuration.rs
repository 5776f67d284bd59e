//! Settings of an instance.

use serde_json::{Value, json};

use crate::site::Site;

/// Name and value of every setting in a list.
fn values(list: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let settings = list["settings"].as_array().unwrap();
    settings.iter().map(|setting| (text(&setting["name"]), text(&setting["value"]))).collect()
}

fn value(list: &Value, name: &str) -> String {
    values(list).into_iter().find(|(known, _)| known == name).unwrap().1
}

#[tokio::test]
async fn settings_are_listed_with_who_may_change_them() {
    let site = Site::open().await;
    let admin = site.admin().await;
    let listed = admin.get(&site.at("/configuration")).await.value(200);
    assert_eq!(listed["asOf"], "2026-01-01T00:00:00.000Z");
    let expected = [
        ("licensing.allowVirtualClients", "true", "PRODUCER"),
        ("licensing.borrowInterval", "1w", "PRODUCER"),
        ("licensing.borrowIntervalMax", "none", "ADMIN"),
        ("licensing.defaultBorrowGranularity", "SECOND", "PRODUCER"),
        ("licensing.renewInterval", "15", "PRODUCER"),
        ("licensing.security.json", "true", "ADMIN"),
        ("licensing.security.json.requireExp", "true", "ADMIN"),
        ("licensing.signing.algorithm", "EdDSA", "ADMIN"),
        ("licensing.trackDeniedRequests", "true", "ADMIN"),
        ("security.anonymous", "false", "ADMIN"),
        ("security.http.auth.enabled", "true", "ADMIN"),
        ("security.token.duration", "1d", "ADMIN"),
    ];
    let settings = listed["settings"].as_array().unwrap();
    assert_eq!(settings.len(), expected.len());
    for (setting, (name, value, editor)) in settings.iter().zip(expected) {
        assert_eq!((&setting["name"], &setting["value"]), (&json!(name), &json!(value)));
        assert_eq!((&setting["default"], &setting["editableBy"]), (&json!(value), &json!(editor)));
        assert!(setting["allowed"].as_str().unwrap().starts_with("must be "), "{name}");
        assert!(!setting["description"].as_str().unwrap().is_empty(), "{name}");
        assert_eq!(setting.get("modified"), None);
    }
    let filtered = admin.get(&site.at("/configuration?filter=security.")).await.value(200);
    assert_eq!(values(&filtered).len(), 3);
    admin.get(&site.at("/configuration?fliter=x")).await.problem(400, "validation_failed");
}

#[tokio::test]
async fn what_is_changed_counts_at_once_and_goes_back() {
    let site = Site::open().await;
    let (admin, producer) = (site.admin().await, site.producer().await);
    let path = site.at("/configuration");
    site.office.server.pass(5);
    let changes = json!({
        "licensing.borrowInterval": 3600, "licensing.borrowIntervalMax": "8h",
        "licensing.renewInterval": "50", "licensing.trackDeniedRequests": false,
        "licensing.defaultBorrowGranularity": "DAY",
    });
    let changed = producer.put(&path, &changes).await.value(200);
    let of_renew = &changed["settings"][4];
    assert_eq!((&of_renew["value"], &of_renew["default"]), (&json!("50"), &json!("15")));
    assert_eq!(of_renew["modified"], "2026-01-01T00:00:00.005Z");
    assert_eq!(of_renew["updatedBy"], json!(format!("producer@{}", site.server_id())));
    assert_eq!(value(&changed, "licensing.borrowInterval"), "3600");

    let terms = site.office.server.app.engine.site();
    let id = licet_core::InstanceId(site.instance.parse().unwrap());
    let policies = terms.policies_of(id);
    assert_eq!(policies.borrow_interval_ms, 3_600_000);
    assert_eq!(policies.borrow_interval_max_ms, Some(8 * 3_600_000));
    assert_eq!((policies.renew_percent, policies.tracks_denied_requests), (50, false));
    assert_eq!(policies.granularity, licet_core::Granularity::Day);
    let other = licet_core::InstanceId(uuid::Uuid::nil());
    assert_eq!(*terms.policies_of(other), licet_core::Policies::default());

    admin.delete(&format!("{path}/licensing.borrowIntervalMax")).await.is(204);
    admin.delete(&format!("{path}/licensing.borrowIntervalMax")).await.is(204);
    admin.delete(&format!("{path}/server.suspended")).await.is(404);
    let after = admin.get(&path).await.value(200);
    assert_eq!(value(&after, "licensing.borrowIntervalMax"), "none");
    assert_eq!(site.office.server.app.engine.site().policies_of(id).borrow_interval_max_ms, None);

    let log = site.audit().await;
    let put = log.iter().find(|entry| entry["action"] == "instance-settings.put").unwrap();
    assert_eq!(put["object"], json!(format!("instance/{}/settings", site.instance)));
    assert_eq!(put["after"]["licensing.borrowIntervalMax"], "8h");
    assert!(log.iter().any(|entry| entry["action"] == "instance-settings.reset"));
}

#[tokio::test]
async fn every_mistake_is_told_and_nothing_is_changed() {
    let site = Site::open().await;
    let changes = json!({
        "licensing.borrowInterval": "soon", "licensing.borrowIntervalMax": "0",
        "licensing.renewInterval": 101, "licensing.defaultBorrowGranularity": "WEEK",
        "licensing.borowInterval": "1d", "security.token.duration": "30s",
        "security.anonymous": true, "server.suspended": true,
    });
    let refused = site.set(changes).await.value(400);
    assert_eq!(refused["code"], "validation_failed");
    let errors: Vec<_> =
        refused["errors"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert_eq!(errors.len(), 7, "{errors:#?}");
    for (beginning, end) in [
        ("$.licensing.borowInterval: is no setting; there are: licensing.", "token.duration"),
        ("$.licensing.borrowInterval: is \"soon\", but must be a whole number with s,", "3650d"),
        ("$.licensing.borrowIntervalMax: is \"0\", but must be", "from 1s to 3650d, or none"),
        ("$.licensing.defaultBorrowGranularity: is \"WEEK\",", "SECOND, MINUTE, HOUR, DAY"),
        ("$.licensing.renewInterval: is \"101\",", "must be a whole number from 0 to 100"),
        ("$.security.token.duration: is \"30s\"", "from 1m to 365d"),
        ("$.server.suspended: is no setting", ""),
    ] {
        let found = errors.iter().find(|error| error.starts_with(beginning));
        assert!(found.is_some_and(|error| error.ends_with(end)), "{beginning}: {errors:#?}");
    }
    let listed = site.site_admin().get(&site.at("/configuration")).await.value(200);
    assert_eq!(value(&listed, "security.anonymous"), "false");
    for body in [json!([]), json!({"security.anonymous": null}), json!({"security.anonymous": [1]})]
    {
        site.set(body).await.problem(400, "malformed");
    }
}

#[tokio::test]
async fn an_administrator_may_not_change_what_is_the_producers() {
    let site = Site::open().await;
    let admin = site.admin().await;
    let path = site.at("/configuration");
    let changes = json!({
        "licensing.borrowInterval": "1d", "licensing.borrowIntervalMax": "1d",
        "licensing.renewInterval": 1,
    });
    let detail = admin.put(&path, &changes).await.problem(403, "permission_denied");
    assert!(detail.contains("licensing.borrowInterval, licensing.renewInterval;"), "{detail}");
    let refused = admin.delete(&format!("{path}/licensing.renewInterval")).await;
    assert!(refused.problem(403, "permission_denied").contains("licensing.renewInterval"));
    let listed = admin.get(&path).await.value(200);
    assert_eq!(value(&listed, "licensing.borrowIntervalMax"), "none", "all or nothing");
    let own = json!({ "licensing.borrowIntervalMax": "1d" });
    admin.put(&path, &own).await.is(200);
    let of_account =
        site.office.user(licet_server::security::Role::CustomerAdministrator, Some("NORTHWIND"));
    let customer = site.as_caller(&of_account.await);
    customer.put(&path, &changes).await.is(403);
    customer.put(&path, &own).await.is(200);
}

#[tokio::test]
async fn an_instance_is_suspended_and_resumed() {
    let site = Site::open().await;
    let admin = site.admin().await;
    let id = licet_core::InstanceId(site.instance.parse().unwrap());
    let is_suspended = || site.office.server.app.engine.site().policies_of(id).is_suspended;
    let status = admin.get(&site.at("/status")).await.value(200);
    assert_eq!(
        status,
        json!({
            "asOf": "2026-01-01T00:00:00.000Z", "id": site.instance,
            "serverId": site.server_id(), "shortName": "main", "accountId": "NORTHWIND",
            "version": env!("CARGO_PKG_VERSION"), "state": "RUNNING",
        })
    );
    for (path, state) in [
        ("/suspend", "SUSPENDED"),
        ("/suspend", "SUSPENDED"),
        ("/resume", "RUNNING"),
        ("/resume", "RUNNING"),
    ] {
        let answer = admin.call("POST", &site.at(path)).await.value(200);
        assert_eq!(answer["state"], state);
        assert_eq!(is_suspended(), state == "SUSPENDED");
        let health = admin.get(&site.at("/health")).await.value(200);
        assert_eq!(health["LLS"]["state"], state);
    }
    // It is no setting for everybody to see.
    admin.call("POST", &site.at("/suspend")).await.is(200);
    assert_eq!(values(&admin.get(&site.at("/configuration")).await.value(200)).len(), 12);
    let log = site.audit().await;
    let count = |action: &str| log.iter().filter(|entry| entry["action"] == action).count();
    assert_eq!((count("instance.suspend"), count("instance.resume")), (2, 1));
}
