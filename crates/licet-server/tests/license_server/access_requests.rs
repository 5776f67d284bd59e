//! Clients ask for features, as those of the Cloud Monetization API do.

use serde_json::{Value, json};

use crate::{
    features::{DAY_MS, Shop, floating, line_item},
    support::{HOUR_MS, START_MS},
};

/// The body that clients send.
fn alice() -> Value {
    json!({
      "hostId": { "type": "string", "value": "alice@example.test" },
      "incremental": false,
      "partial": true,
      "borrow-interval": "8h",
      "features": [
        { "name": "render", "version": "2.0", "count": 3 },
        { "name": "export", "version": "1.0", "count": 1 }
      ],
      "selectorsDictionary": { "region": "emea" },
      "vendorDictionary":    { "business-unit": "engineering", "sites": ["A", 7] }
    })
}

#[tokio::test]
async fn the_body_that_clients_send_gives_the_keys_that_they_read() {
    let shop = Shop::open().await;
    let mut render = floating("render", "2.0", 25);
    render["vendorString"] = json!("TIER:GOLD");
    render["serialNumber"] = json!("SN-77");
    render["issuer"] = json!("Acme");
    render["notice"] = json!("Internal use");
    let mut line = line_item(&[render]);
    line["end"] = json!(START_MS + 364 * DAY_MS);
    line["product"] = json!({ "name": "Render Suite", "version": "2.0" });
    line["entitlementId"] = json!("ent-0009");
    shop.put("act-0001", &line).await.is(201);
    let answer = shop.client().await.post(&shop.at("/access_request"), &alice()).await.value(200);
    assert!(answer["exchangeId"].is_string());
    let expected = json!({
        "requestHostId": { "type": "string", "value": "alice@example.test" },
        "features": [{
            "name": "render", "version": "2.0", "count": 3,
            "expires": "2026-01-01T08:00:00.000Z",
            "finalExpiry": "2026-12-31",
            "vendorString": "TIER:GOLD", "serialNumber": "SN-77", "issuer": "Acme",
            "notice": "Internal use",
            "maxCount": 25,
            "renewInterval": 4_320,
            "lineItemsInfo": [{ "activationId": "act-0001", "entitlementId": "ent-0009",
                "productName": "Render Suite", "productVersion": "2.0" }],
        }],
        "statusList": [{
            "code": "FEATURE_NOT_FOUND", "name": "export", "version": "1.0",
            "message": "There is no feature export on this licence server; check how it is spelt",
        }],
        "exchangeId": answer["exchangeId"],
    });
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn booleans_may_be_strings_and_instances_short_or_local() {
    let shop = Shop::with(&[floating("render", "2.0", 5)]).await;
    let body = json!({
        "hostId": { "type": "STRING", "value": "h1" }, "incremental": "false", "partial": "true",
        "features": [{ "name": "render" }],
    });
    let client = shop.client().await;
    let short = format!("/api/1.0/instances/{}", shop.site.server_id());
    for base in [&shop.at(""), &short, "/api/1.0/instances/~", "/api/1.0"] {
        let answer = client.post(&format!("{base}/access_request"), &body).await.value(200);
        assert_eq!(answer["features"][0]["count"], 1, "{base}");
    }
    assert_eq!(shop.in_use("render").await, 1, "one host, whatever it calls the instance");
}

#[tokio::test]
async fn only_a_client_with_a_signed_token_is_served() {
    let shop = Shop::with(&[floating("render", "2.0", 5)]).await;
    let path = shop.at("/access_request");
    let stranger = shop.site.office.server.stranger();
    stranger.post(&path, &alice()).await.problem(401, "authentication_required");
    let admin = shop.site.admin().await;
    admin.post(&path, &alice()).await.problem(403, "permission_denied");
    shop.site.set(json!({ "licensing.security.json": false })).await.is(200);
    stranger.post(&path, &alice()).await.is(200);
}

#[tokio::test]
async fn a_lease_ends_by_itself_and_frees_its_seats() {
    let shop = Shop::with(&[floating("render", "2.0", 1)]).await;
    let client = shop.client().await;
    let path = shop.at("/access_request");
    let ask = |host: &str| {
        json!({ "hostId": { "value": host }, "borrow-interval": "1h",
            "features": [{ "name": "render", "version": "2.0", "count": 1 }] })
    };
    client.post(&path, &ask("h1")).await.is(200);
    let denied = client.post(&path, &ask("h2")).await.value(200);
    assert_eq!(denied["statusList"][0]["code"], "COUNT_INSUFFICIENT");
    shop.site.office.server.pass(HOUR_MS);
    let granted = client.post(&path, &ask("h2")).await.value(200);
    assert_eq!(granted["features"][0]["expires"], "2026-01-01T02:00:00.000Z");
    assert_eq!(granted["statusList"], json!([]));
}

#[tokio::test]
async fn a_preview_changes_nothing_and_tells_all_to_who_names_nothing() {
    let shop = Shop::with(&[floating("render", "2.0", 5), floating("export", "1.0", 1)]).await;
    let client = shop.client().await;
    let path = shop.at("/preview_request");
    let host = json!({ "type": "string", "value": "h1" });
    let named = json!({ "hostId": host, "features": [{ "name": "render", "count": 2 }] });
    let answer = client.post(&path, &named).await.value(200);
    assert_eq!(answer["features"][0]["count"], 2);
    assert_eq!(answer["features"][0]["maxCount"], 5);
    let all = client.post(&path, &json!({ "hostId": host })).await.value(200);
    let names: Vec<_> = all["features"].as_array().unwrap().iter().map(|f| &f["name"]).collect();
    assert_eq!(names, ["export", "render"]);
    assert!(all.get("exchangeId").is_none());
    assert_eq!(shop.in_use("render").await, 0);
}

#[tokio::test]
async fn a_request_that_counts_once_is_answered_again_and_not_done_again() {
    let shop = Shop::with(&[floating("render", "2.0", 5)]).await;
    let client = shop.client().await;
    let path = shop.at("/access_request");
    let mut body = json!({ "hostId": { "value": "h1" }, "incremental": true, "oneTime": true,
        "features": [{ "name": "render", "count": 2 }] });
    client.post(&path, &body).await.problem(400, "validation_failed");
    body["correlationId"] = json!("order-17");
    let first = client.post(&path, &body).await.value(200);
    assert_eq!(first["correlationId"], "order-17");
    shop.site.office.server.pass(HOUR_MS);
    assert_eq!(client.post(&path, &body).await.value(200), first);
    assert_eq!(shop.in_use("render").await, 2);
    body["features"][0]["count"] = json!(3);
    client.post(&path, &body).await.problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn a_suspended_instance_serves_nothing_and_takes_nothing_away() {
    let shop = Shop::with(&[floating("render", "2.0", 5)]).await;
    let client = shop.client().await;
    let path = shop.at("/access_request");
    let body = json!({ "hostId": { "value": "h1" }, "features": [{ "name": "render" }] });
    client.post(&path, &body).await.is(200);
    shop.site.site_admin().post(&shop.at("/suspend"), &json!({})).await.is(200);
    let answer = client.post(&path, &body).await.value(200);
    assert_eq!(answer["statusList"][0]["code"], "SERVER_SUSPENDED");
    assert_eq!(answer["features"][0]["count"], 1);
    shop.site.site_admin().post(&shop.at("/resume"), &json!({})).await.is(200);
    assert_eq!(client.post(&path, &body).await.value(200)["statusList"], json!([]));
}

#[tokio::test]
async fn settings_shorten_and_round_leases_at_once() {
    let shop = Shop::with(&[floating("render", "2.0", 5)]).await;
    let client = shop.client().await;
    let body = json!({ "hostId": { "value": "h1" }, "features": [{ "name": "render" }] });
    let expires = async || {
        let answer = client.post(&shop.at("/access_request"), &body).await.value(200);
        answer["features"][0]["expires"].as_str().unwrap().to_owned()
    };
    assert_eq!(expires().await, "2026-01-08T00:00:00.000Z");
    shop.site.set(json!({ "licensing.borrowInterval": "90m" })).await.is(200);
    assert_eq!(expires().await, "2026-01-01T01:30:00.000Z");
    shop.site.set(json!({ "licensing.defaultBorrowGranularity": "HOUR" })).await.is(200);
    assert_eq!(expires().await, "2026-01-01T01:59:59.000Z");
    shop.site.set(json!({ "licensing.borrowIntervalMax": "10m" })).await.is(200);
    assert_eq!(expires().await, "2026-01-01T00:59:59.000Z");
}

#[tokio::test]
async fn metered_use_is_reported_and_undone() {
    let meter = json!({ "name": "sessions", "version": "1.0", "model": "METERED", "count": 100,
        "metered": { "undoInterval": "1h", "overdraft": "10%" } });
    let shop = Shop::with(&[meter]).await;
    let client = shop.client().await;
    let path = shop.at("/access_request");
    let body = |count: u64| {
        json!({ "hostId": { "value": "site" }, "borrow-interval": "0d", "incremental": false,
            "partial": true,
            "features": [{ "name": "sessions", "version": "1.0", "count": count }] })
    };
    let with = |operation: &str, count: u64| {
        let mut body = body(count);
        body["operation"] = json!(operation);
        body
    };
    let answer = client.post(&path, &body(60)).await.value(200);
    assert_eq!(answer["features"][0]["count"], 60);
    client.post(&path, &with("report", 30)).await.is(200);
    client.post(&path, &with("undo", 10)).await.is(200);
    assert_eq!(shop.in_use("sessions").await, 80);
    let last = client.post(&path, &body(60)).await.value(200);
    assert_eq!(last["features"][0]["count"], 30, "100 and a tenth of it, less 80");
    assert_eq!(last["statusList"][0]["code"], "PARTIAL_GRANT");
    shop.site.office.server.pass(2 * HOUR_MS);
    let late = client.post(&path, &with("undo", 1)).await.value(200);
    assert_eq!(late["statusList"][0]["code"], "NOTHING_TO_UNDO");
}

#[tokio::test]
async fn bad_bodies_are_told_where_they_are_bad() {
    let shop = Shop::open().await;
    let client = shop.client().await;
    let host = json!({ "value": "h" });
    for (body, complaint) in [
        (json!({}), "$.hostId: is missing"),
        (json!({ "hostId": { "value": "" } }), "$.hostId.value: must be at least 1"),
        (json!({ "hostId": "h1" }), "$.hostId: string found, object expected"),
        (json!({ "hostId": host, "borrow-interval": "soon" }), "$.borrow-interval: must be"),
        (
            json!({ "hostId": host, "features": [{ "name": "a", "count": -1 }] }),
            "$.features[0].count: must be from 0",
        ),
        (
            json!({ "hostId": host, "features": [{ "name": "a", "version": "x" }] }),
            "$.features[0].version: a version is",
        ),
    ] {
        for path in ["/access_request", "/signed_access_request", "/preview_request"] {
            let text = client.post(&shop.at(path), &body).await.value(400).to_string();
            assert!(text.contains(complaint), "{path} {body}: {text}");
        }
    }
}
