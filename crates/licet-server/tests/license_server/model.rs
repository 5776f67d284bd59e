//! The model definition and its pools.

use serde_json::{Value, json};

use crate::{
    site::Site,
    stock::{ask, floating},
    support::{Agent, Answer, DAY_MS, HOUR_MS},
};

const ACME: &str = r#"model "acme" {
  partitions {
    partition "eng" { "render" 1.0 60% }
    partition "ops" { "render" 1.0 remainder }
  }
  on hosttype("ci") { deny }
  on hostid("e1", "e2") { use "eng" accept }
  on any() { use "ops","default" accept }
}"#;

async fn put(site: &Site, agent: &Agent, text: &str) -> Answer {
    agent.call("PUT", &site.at("/model")).header("content-type", "text/plain").text(text).await
}

/// Ten counts and a model that gives six of them to `eng` and four to `ops`.
async fn acme() -> (Site, Agent) {
    let site = Site::stocked(vec![floating("render", 10)]).await;
    let admin = site.admin().await;
    put(&site, &admin, ACME).await.is(200);
    (site, admin)
}

/// Name, whether it drains, and of its only feature target, count, used and available.
async fn pools(site: &Site) -> Vec<(String, bool, Value)> {
    let pools = site.read("/pools").await;
    let pool = |pool: &Value| {
        let counts = match pool["features"].as_array().unwrap().as_slice() {
            [] => Value::Null,
            [it] => json!([it["target"], it["count"], it["used"], it["available"]]),
            many => panic!("{many:?}"),
        };
        let name = pool["pool"].as_str().unwrap().to_owned();
        (name, pool["draining"].as_bool().unwrap(), counts)
    };
    pools["pools"].as_array().unwrap().iter().map(pool).collect()
}

fn pool(name: &str, draining: bool, counts: Value) -> (String, bool, Value) {
    (name.to_owned(), draining, counts)
}

#[tokio::test]
async fn a_model_comes_and_goes() {
    let site = Site::stocked(vec![floating("render", 10)]).await;
    let admin = site.admin().await;
    let path = site.at("/model");
    let none = admin.get(&path).await.problem(404, "not_found");
    assert!(none.contains("no model is in effect"), "{none}");
    admin.delete(&path).await.problem(404, "not_found");
    assert_eq!(pools(&site).await, [pool("default", false, json!([10, 10, 0, 10]))]);

    let expected = json!({
        "asOf": "2026-01-01T00:00:00.000Z", "name": "acme", "since": "2026-01-01T00:00:00.000Z",
        "text": ACME, "disabledReservations": 0,
    });
    assert_eq!(put(&site, &admin, ACME).await.value(200), expected);
    site.office.server.pass(HOUR_MS);
    let mut later = expected;
    later["asOf"] = json!("2026-01-01T01:00:00.000Z");
    assert_eq!(admin.get(&path).await.value(200), later);
    let text = admin.get(&path).header("accept", "text/plain").await.is(200);
    assert_eq!(text.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(text.body, ACME.as_bytes());
    assert_eq!(
        pools(&site).await,
        [
            pool("eng", false, json!([6, 6, 0, 6])),
            pool("ops", false, json!([4, 4, 0, 4])),
            pool("default", false, json!([0, 0, 0, 0])),
        ]
    );
    // As JSON, and by POST, which clients of other licence servers may know.
    let other = r#"model "other" { partitions { partition "p" { "render" 1.0 1 } } }"#;
    let posted = admin.post(&path, &json!({ "text": other })).await.value(200);
    assert_eq!((&posted["name"], &posted["text"]), (&json!("other"), &json!(other)));
    assert_eq!(posted["since"], "2026-01-01T01:00:00.000Z");
    let without_type = admin.call("PUT", &path).text(ACME).await.value(200);
    assert_eq!(without_type["name"], "acme");
    admin.delete(&path).await.is(204);
    admin.get(&path).await.is(404);
    assert_eq!(pools(&site).await, [pool("default", false, json!([10, 10, 0, 10]))]);
    let log = site.audit().await;
    assert_eq!(log[0]["action"], "model.delete");
    assert_eq!(log[1]["action"], "model.put");
    assert_eq!(log[1]["after"]["text"], ACME);
}

#[tokio::test]
async fn rules_say_who_uses_which_pool() {
    let (site, _) = acme().await;
    assert_eq!(site.take(&["e1"], "render", 6).await, 6);
    assert_eq!(site.take(&["e2"], "render", 1).await, 0);
    assert_eq!(site.take(&["other"], "render", 4).await, 4);
    let clients = site.read("/clients").await;
    let pool = |index: usize| clients[index]["features"][0]["pool"].clone();
    assert_eq!((pool(0), pool(1)), (json!("eng"), json!("ops")));
}

#[tokio::test]
async fn a_model_on_a_busy_instance_drains_and_fills_as_counts_come_home() {
    let (site, admin) = acme().await;
    site.take(&["e1"], "render", 3).await;
    site.take(&["e2"], "render", 2).await;
    site.take(&["o1"], "render", 4).await;
    let all = r#"model "all" { partitions { partition "new" { "render" 1.0 100% } }
        on any() { use "new" accept } }"#;
    put(&site, &admin, all).await.is(200);
    let drained = [
        pool("new", false, json!([10, 1, 0, 1])),
        pool("eng", true, json!([0, 5, 5, 0])),
        pool("ops", true, json!([0, 4, 4, 0])),
        pool("default", false, json!([0, 0, 0, 0])),
    ];
    assert_eq!(pools(&site).await, drained);
    assert_eq!(site.take(&["n1"], "render", 2).await, 0, "one is free, the others are in use");
    // What comes home goes to the new pool, and whoever renews takes from there.
    site.serve(ask(&["o1"], &[])).await;
    assert_eq!(site.take(&["e1"], "render", 3).await, 3);
    assert_eq!(
        pools(&site).await,
        [
            pool("new", false, json!([10, 8, 3, 5])),
            pool("eng", true, json!([0, 2, 2, 0])),
            pool("default", false, json!([0, 0, 0, 0])),
        ]
    );
    site.office.server.pass(8 * DAY_MS);
    assert_eq!(
        pools(&site).await,
        [pool("new", false, json!([10, 10, 0, 10])), pool("default", false, json!([0, 0, 0, 0])),]
    );
}

#[tokio::test]
async fn a_pool_may_hold_reservations() {
    let (site, admin) = acme().await;
    let group = json!({ "reservations": [{
        "hostId": { "value": "vip" },
        "reservationEntries": [
            { "featureName": "render", "featureVersion": "1.0", "featureCount": 2, "pool": "eng" },
        ],
    }] });
    let posted = admin.post(&site.at("/reservationgroups"), &group).await.value(201);
    assert_eq!(posted["reservations"][0]["reservationEntries"][0]["pool"], "eng");
    let listed = site.read("/pools").await;
    assert_eq!(listed["asOf"], "2026-01-01T00:00:00.000Z");
    assert_eq!(
        listed["pools"][0]["features"],
        json!([{
            "featureName": "render", "featureVersion": "1.0", "target": 6, "count": 6,
            "reserved": 2, "used": 0, "available": 4, "activationId": "act-1",
        }])
    );
    assert_eq!(site.take(&["e1"], "render", 5).await, 0);
    assert_eq!(site.take(&["vip"], "render", 6).await, 6, "its own two, and those of ops");
}

#[tokio::test]
async fn every_mistake_of_a_model_is_told_with_line_and_column() {
    let (site, admin) = acme().await;
    let bad = "model \"default\" {\n  partitions { partition \"p\" { \"render\" 1.0 120% } }\n  \
               on any() { use \"q\" accept }\n}";
    for answer in [
        put(&site, &admin, bad).await,
        admin.put(&site.at("/model"), &json!({ "text": bad })).await,
    ] {
        let problem = answer.is(400).json();
        assert_eq!(problem["code"], "validation_failed");
        let errors = problem["errors"].as_array().unwrap();
        let places: Vec<_> = errors
            .iter()
            .map(|error| error.as_str().unwrap().split(": ").next().unwrap())
            .collect();
        assert_eq!(places, ["line 1, column 7", "line 2, column 45", "line 3, column 18"]);
    }
    let unexpected = put(&site, &admin, "model \"x\" { on }").await.is(400);
    let told = unexpected.problem(400, "validation_failed");
    assert!(told.starts_with("line 1, column 16: found") && told.contains("expected"), "{told}");
    let empty = put(&site, &admin, "").await.problem(400, "validation_failed");
    assert!(empty.starts_with("line 1, column 1: "), "{empty}");
    let long = format!("{ACME}{}", " ".repeat(256 << 10));
    let told = put(&site, &admin, &long).await.problem(400, "validation_failed");
    assert!(told.contains("longer than 262144 bytes"), "{told}");
    let bytes = admin.call("PUT", &site.at("/model")).bytes(b"model\n\"\xff\"").await;
    let told = bytes.problem(400, "validation_failed");
    assert!(told.starts_with("line 2: ") && told.contains("UTF-8"), "{told}");
    let form = admin.call("PUT", &site.at("/model")).header("content-type", "text/html");
    form.text(ACME).await.problem(415, "unsupported_media_type");
    let told = admin.put(&site.at("/model"), &json!({})).await.problem(400, "malformed");
    assert!(told.starts_with("$.text: "), "{told}");
    assert_eq!(site.read("/model").await["name"], "acme", "the old one stays");
}

#[tokio::test]
async fn who_puts_a_model_is_told_that_reservations_keep_nothing_any_more() {
    let site = Site::stocked(vec![floating("render", 10)]).await;
    let admin = site.admin().await;
    let reserved = json!({ "reservations": [{
        "hostId": { "type": "USER", "value": "alice" },
        "reservationEntries":
            [{ "featureName": "render", "featureVersion": "1.0", "featureCount": 2 }],
    }] });
    admin.post(&site.at("/reservationgroups"), &reserved).await.is(201);
    let answer = put(&site, &admin, ACME).await.value(200);
    assert_eq!(answer["disabledReservations"], 1, "the pools take all ten");
    let groups = site.read("/reservationgroups").await;
    let reservation = &groups["groups"][0]["reservations"][0];
    assert_eq!(reservation["disabled"], true);
    let why = "2 of render are to be kept out of the pool default, where 0 are unreserved";
    assert_eq!(reservation["reason"], why);
}
