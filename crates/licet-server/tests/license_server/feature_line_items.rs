//! The producer says what an instance may serve.

use serde_json::json;

use crate::{
    features::{Shop, floating, line_item},
    office::OPERATIONS,
    support::START_MS,
};

#[tokio::test]
async fn a_line_item_is_put_read_listed_and_deleted() {
    let shop = Shop::open().await;
    let admin = shop.site.site_admin();
    let full = json!({
        "state": "DEPLOYED", "start": START_MS, "end": START_MS + 1_000, "copies": 2,
        "product": { "name": "Suite", "version": "2.0" }, "entitlementId": "ent-1",
        "features": [
            { "name": "render", "version": "2.0", "model": "CONCURRENT", "count": 5,
              "overdraft": 2, "borrowInterval": "8h", "renewPercent": 20, "grace": "14d",
              "vendorString": "TIER:GOLD", "serialNumber": "SN", "issuer": "I", "notice": "N",
              "selectors": { "region": "emea" } },
            { "name": "sessions", "version": "1.0", "model": "METERED", "count": 100,
              "metered": { "reusable": false, "undoInterval": "1h", "overdraft": "10%" } },
            { "name": "viewer", "version": "1.0", "model": "UNCOUNTED", "count": 0 },
            { "name": "cad", "version": "1.0", "model": "NODE_LOCKED", "count": 1 },
        ],
    });
    let put = shop.put("act-1", &full).await.value(201);
    let mut expected = full.clone();
    expected["activationId"] = json!("act-1");
    expected["features"][0]["grace"] = json!("2w");
    expected["created"] = json!("2026-01-01T00:00:00.000Z");
    expected["modified"] = json!("2026-01-01T00:00:00.000Z");
    assert_eq!(put, expected);
    assert_eq!(shop.put("act-1", &full).await.value(200), expected, "the same is no change");
    let path = shop.line_item_path("act-1");
    assert_eq!(admin.get(&path).await.value(200), expected);
    let list = format!("{OPERATIONS}/instances/{}/feature-line-items", shop.site.instance);
    let listed = admin.get(&list).await.value(200);
    assert_eq!(listed["lineItems"], json!([expected]));
    assert_eq!(listed["asOf"], "2026-01-01T00:00:00.000Z");

    admin.delete(&path).await.problem(409, "line_item_not_obsolete");
    let mut obsolete = full;
    obsolete["state"] = json!("OBSOLETE");
    shop.put("act-1", &obsolete).await.is(200);
    admin.delete(&path).await.is(204);
    admin.get(&path).await.problem(404, "not_found");
    shop.site.office.server.app.engine.projected().await.unwrap();
    let log = shop.site.audit().await;
    let actions: Vec<_> = log.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert!(actions.contains(&"feature-line-item.put"), "{actions:?}");
    assert!(actions.contains(&"feature-line-item.delete"), "{actions:?}");
}

#[tokio::test]
async fn what_does_not_belong_together_is_told_with_its_place() {
    let shop = Shop::open().await;
    let with = |feature| line_item(&[floating("a", "1.0", 1), feature]);
    for (feature, complaint) in [
        (
            json!({ "name": "b", "model": "CONCURRENT", "count": 1, "metered": {} }),
            "$.features[1].metered: belongs to the model METERED",
        ),
        (
            json!({ "name": "b", "model": "METERED", "count": 1, "overdraft": 5 }),
            "$.features[1].overdraft: belongs to features that are held",
        ),
        (
            json!({ "name": "b", "model": "UNCOUNTED", "count": 1 }),
            "$.features[1].count: belongs to features that are counted",
        ),
        (
            json!({ "name": "b", "model": "CONCURRENT", "count": 9_007_199_254_740_993_u64 }),
            "$.features[1].count: must be from 0",
        ),
        (json!({ "name": "b", "model": "RENTAL", "count": 1 }), "$.features[1].model: does not"),
        (json!({ "name": "b", "model": "METERED" }), "$.features[1].count: is missing"),
        (
            json!({ "name": "b", "model": "CONCURRENT", "count": 1, "borrowinterval": "8h" }),
            "$.features[1].borrowinterval",
        ),
    ] {
        let text = shop.put("act-1", &with(feature)).await.value(400).to_string();
        assert!(text.contains(complaint), "{text}");
    }
    let unbounded =
        json!({ "name": "b", "model": "METERED", "metered": { "overdraft": "unlimited" } });
    shop.put("act-2", &with(unbounded)).await.is(201);
    let mut early = line_item(&[]);
    early["end"] = json!(START_MS - 1);
    let text = shop.put("act-1", &early).await.value(400).to_string();
    assert!(text.contains("must not be before its start"), "{text}");
    shop.put(&"x".repeat(257), &line_item(&[])).await.problem(400, "validation_failed");
}
