//! Features as the instance lists them.

use licet_core::{Command, CountOverdraft, FeatureTerms, LicenseModel, LineItemState, Metered};
use serde_json::{Value, json};

use crate::{
    site::Site,
    stock::{ONE, ask, fields, floating, line},
    support::{DAY_MS, START_MS},
};

const COUNTS: [&str; 5] = ["featureCount", "used", "available", "overdraft", "overage"];

async fn names(site: &Site, path: &str) -> Vec<String> {
    let features = site.read(path).await;
    let name = |feature: &Value| feature["featureName"].as_str().unwrap().to_owned();
    features.as_array().unwrap().iter().map(name).collect()
}

#[tokio::test]
async fn a_feature_is_listed_with_all_that_is_known_of_it() {
    let site = Site::open().await;
    let mut feature = FeatureTerms {
        vendor_string: "TIER:GOLD".into(),
        serial_number: "SN-77".into(),
        issuer: "Acme".into(),
        notice: "Internal use".into(),
        grace_ms: 7 * DAY_MS,
        overdraft: CountOverdraft::Percent(50),
        ..floating("render", 4)
    };
    feature.selectors.insert("region".into(), "emea".into());
    let mut terms = line(ONE, vec![feature]);
    (terms.copies, terms.ends_at_ms) = (2, Some(START_MS + 30 * DAY_MS - 1));
    site.put(terms).await;
    let mut request = ask(&["h1"], &[("render", 3)]);
    request.selectors.insert("region".into(), "emea".into());
    site.serve(request).await;
    let answer = site.site_admin().get(&site.at("/features")).await.is(200);
    assert_eq!(answer.headers["x-as-of"], "2026-01-01T00:00:00.000Z");
    let pools = json!([{ "pool": "default", "target": 8, "count": 8, "used": 3 }]);
    assert_eq!(
        answer.json(),
        json!([{
            "featureId": 1, "featureName": "render", "featureVersion": "1.0", "featureCount": 8,
            "used": 3, "available": 5, "overdraft": 4, "overage": 0, "type": "CONCURRENT",
            "startDate": "2025-12-31T00:00:00.000Z", "expiration": "2026-01-30T23:59:59.999Z",
            "graceUntil": "2026-02-06T23:59:59.999Z", "active": true,
            "vendorString": "TIER:GOLD", "serialNumber": "SN-77", "issuer": "Acme",
            "notice": "Internal use", "selectors": { "region": "emea" }, "activationId": ONE,
            "entitlementId": "ent-9", "productName": "Suite", "productVersion": "3.1",
            "state": "DEPLOYED", "pools": pools,
        }])
    );
}

#[tokio::test]
async fn each_kind_of_feature_counts_in_its_way() {
    let of = |name: &str, model| FeatureTerms { model, ..floating(name, 10) };
    let metered = |reusable| LicenseModel::Metered(Metered { reusable, undo_interval_ms: 0 });
    let unlimited =
        FeatureTerms { overdraft: CountOverdraft::Unlimited, ..of("sessions", metered(false)) };
    let site = Site::stocked(vec![
        floating("floating", 10),
        of("locked", LicenseModel::NodeLocked),
        unlimited,
        of("users", metered(true)),
        of("viewer", LicenseModel::Uncounted),
    ])
    .await;
    let all = ["floating", "locked", "sessions", "users", "viewer"];
    let wanted = all.map(|name| (name, if name == "sessions" { 12 } else { 3 }));
    site.serve(ask(&["h1"], &wanted)).await;
    assert_eq!(names(&site, "/features").await, all);
    for (name, kind, counts) in [
        ("floating", "CONCURRENT", json!([10, 3, 7, 0, 0])),
        ("locked", "NODE_LOCKED", json!([10, 3, 7, 0, 0])),
        ("sessions", "METERED", json!([10, 12, 0, "unlimited", 0])),
        ("users", "METERED", json!([10, 3, 7, 0, 0])),
        ("viewer", "UNCOUNTED", json!(["uncounted", 3, "uncounted", 0, 0])),
    ] {
        let feature = site.feature(name).await;
        assert_eq!((json!(fields(&feature, COUNTS)), &feature["type"]), (counts, &json!(kind)));
        assert_eq!(feature["expiration"], "permanent");
    }
    let viewer = site.feature("viewer").await;
    let pool = json!({ "pool": "default", "target": "uncounted", "count": "uncounted", "used": 3 });
    assert_eq!(viewer["pools"], json!([pool]));
}

#[tokio::test]
async fn expired_features_stay_listed_until_their_line_item_is_put_or_deleted() {
    let site = Site::open().await;
    let mut ended = line("act-ended", vec![floating("ended", 5)]);
    ended.ends_at_ms = Some(START_MS + DAY_MS - 1);
    site.put(ended.clone()).await;
    let grace = FeatureTerms { grace_ms: 9 * DAY_MS, ..floating("grace", 5) };
    let mut in_grace = line("act-grace", vec![grace]);
    in_grace.ends_at_ms = ended.ends_at_ms;
    site.put(in_grace).await;
    let mut later = line("act-later", vec![floating("later", 5)]);
    later.starts_at_ms = START_MS + 5 * DAY_MS;
    site.put(later).await;
    site.put(line(ONE, vec![floating("now", 5)])).await;

    let active = "/features?activeOnly=true";
    assert_eq!(names(&site, active).await, ["ended", "grace", "now"]);
    site.office.server.pass(DAY_MS - 1);
    assert_eq!(names(&site, active).await, ["ended", "grace", "now"], "the end is inclusive");
    site.office.server.pass(1);
    assert_eq!(names(&site, active).await, ["now"]);
    let all = ["ended", "grace", "later", "now"];
    assert_eq!(names(&site, "/features").await, all);
    assert_eq!(names(&site, "/features?activeOnly=false").await, all);
    let shown = async |name| {
        let feature = site.feature(name).await;
        json!(fields(&feature, ["active", "featureCount", "available"]))
    };
    assert_eq!(shown("ended").await, json!([false, 5, 0]));
    assert_eq!(shown("grace").await, json!([false, 5, 5]), "in grace it is served");
    assert_eq!(shown("later").await, json!([false, 5, 0]));

    // An extension makes it active again; a line item that is gone is not listed.
    ended.ends_at_ms = Some(START_MS + 9 * DAY_MS);
    site.put(ended.clone()).await;
    assert_eq!(names(&site, active).await, ["ended", "now"]);
    ended.state = LineItemState::Obsolete;
    site.put(ended).await;
    let feature = site.feature("ended").await;
    assert_eq!(json!(fields(&feature, ["state", "featureCount"])), json!(["OBSOLETE", 0]));
    let activation_id = "act-ended".into();
    site.execute(Command::DeleteFeatureLineItem { activation_id, by: "ada".into() }).await;
    assert_eq!(names(&site, "/features").await, ["grace", "later", "now"]);
}

#[tokio::test]
async fn after_a_cut_overage_is_shown_until_what_is_too_much_came_back() {
    let site = Site::stocked(vec![floating("render", 10), floating("export", 1)]).await;
    assert_eq!(site.take(&["h1"], "render", 5).await, 5);
    assert_eq!(site.take(&["h2"], "render", 3).await, 3);
    site.take(&["h3"], "export", 1).await;
    let one_over = FeatureTerms { overdraft: CountOverdraft::Count(1), ..floating("render", 5) };
    site.put(line(ONE, vec![one_over, floating("export", 1)])).await;
    let counts = async || json!(fields(&site.feature("render").await, COUNTS));
    assert_eq!(counts().await, json!([5, 8, 0, 1, 2]));
    let statuses = async || {
        let clients = site.read("/clients").await;
        let status = |client: &Value| client["servedStatus"].as_str().unwrap().to_owned();
        clients.as_array().unwrap().iter().map(status).collect::<Vec<_>>()
    };
    assert_eq!(statuses().await, ["OVERAGE", "OVERAGE", "NORMAL"]);
    site.serve(ask(&["h2"], &[])).await;
    assert_eq!(counts().await, json!([5, 5, 0, 1, 0]));
    assert_eq!(statuses().await, ["NORMAL", "NORMAL"]);
}

#[tokio::test]
async fn what_is_taken_away_in_use_is_listed_until_it_came_home() {
    let site = Site::stocked(vec![floating("render", 10), floating("export", 1)]).await;
    site.take(&["h1"], "render", 4).await;
    site.put(line(ONE, vec![floating("export", 1)])).await;
    let feature = site.feature("render").await;
    assert_eq!(feature["state"], "REMOVED");
    assert_eq!(json!(fields(&feature, COUNTS)), json!([0, 4, 0, 0, 4]));
    site.office.server.pass(8 * DAY_MS);
    assert_eq!(names(&site, "/features").await, ["export"]);
}

#[tokio::test]
async fn summaries_add_up_what_can_be_served() {
    let site = Site::open().await;
    for (id, days, count) in [("soon", Some(10), 4), ("over", Some(0), 3), ("ever", None, 2)] {
        let mut terms = line(id, vec![floating("render", count)]);
        terms.ends_at_ms = days.map(|days| START_MS + days * DAY_MS);
        site.put(terms).await;
    }
    let other = FeatureTerms { version: "2.0".parse().unwrap(), ..floating("render", 1) };
    let viewer = FeatureTerms { model: LicenseModel::Uncounted, ..floating("viewer", 0) };
    site.put(line("others", vec![other, viewer])).await;
    assert_eq!(site.take(&["h1"], "render", 7).await, 7);
    site.office.server.pass(1);
    let answer = site.site_admin().get(&site.at("/features/summaries")).await.is(200);
    assert_eq!(answer.headers["x-as-of"], "2026-01-01T00:00:00.001Z");
    let sum = |feature: &str, version: &str, counts: [Value; 3], ends: [&str; 2]| {
        json!({
            "feature": feature, "version": version, "totalCount": counts[0],
            "totalUsed": counts[1], "totalAvailable": counts[2], "firstExpiration": ends[0],
            "lastExpiration": ends[1],
        })
    };
    let ends = ["2026-01-11T00:00:00.000Z", "permanent"];
    let used_of_what_is_over = site.feature_used("over").await;
    assert_eq!(used_of_what_is_over, 0, "its lease ended with it");
    assert_eq!(
        answer.json(),
        json!([
            sum("render", "1.0", [json!(6), json!(4), json!(2)], ends),
            sum("render", "2.0", [json!(1), json!(0), json!(1)], ["permanent"; 2]),
            sum(
                "viewer",
                "1.0",
                [json!("uncounted"), json!(0), json!("uncounted")],
                ["permanent"; 2]
            ),
        ])
    );
}

impl Site {
    /// What is in use of the feature of a line item that has one.
    async fn feature_used(&self, activation_id: &str) -> u64 {
        let features = self.read("/features").await;
        let mut all = features.as_array().unwrap().iter();
        all.find(|it| it["activationId"] == activation_id).unwrap()["used"].as_u64().unwrap()
    }
}

#[tokio::test]
async fn parameters_that_are_none_are_named() {
    let site = Site::open().await;
    let admin = site.site_admin();
    let maybe = admin.get(&site.at("/features?activeOnly=maybe")).await;
    let told = maybe.problem(400, "validation_failed");
    assert!(told.starts_with("activeOnly: "), "{told}");
    let misspelt = admin.get(&site.at("/features?activeonly=true")).await;
    let told = misspelt.problem(400, "validation_failed");
    assert!(told.contains("`activeOnly`"), "{told}");
    assert_eq!(site.read("/features").await, json!([]));
    assert_eq!(site.read("/features/summaries").await, json!([]));
}
