//! An instance that serves features, whose use is asked for at the door.

use std::sync::Arc;

use licet_core::{
    Asker, Command, FeatureLineItemTerms, FeatureRequest, FeatureTerms, InstanceId, LicenseModel,
    LineItemState, Metered, Operation, Reply, WantedFeature, model::HostId,
};
use licet_server::security::Role;
use serde_json::{Value, json};

use crate::{
    office::{Office, PASSWORD, text},
    support::{DAY_MS, MINUTE_MS, START_MS, TestServer},
};

pub const SUMMARIES: &str = "/usage/api/v1/summaries";

/// An office that opens at a time.
pub async fn office_at(now_ms: i64) -> Office {
    let server = TestServer::builder().at(now_ms).start().await;
    let password = Some(PASSWORD.to_owned());
    server.app.authenticator.ensure_admin(password, now_ms).await.unwrap();
    Office { server }
}

async fn ask(office: &Office, instance: &str, command: Command) -> Reply {
    let id = InstanceId(instance.parse().unwrap());
    office.server.app.engine.ask(id, command).await.unwrap()
}

/// Puts a line item of one feature that is there for ever.
pub async fn put(office: &Office, instance: &str, name: &str, model: LicenseModel, count: u64) {
    let feature = FeatureTerms::plain(name, "1.0".parse().unwrap(), model, count);
    let terms = FeatureLineItemTerms {
        activation_id: format!("line-{name}").into(),
        state: LineItemState::Deployed,
        starts_at_ms: 0,
        ends_at_ms: None,
        copies: 1,
        product_name: "Studio".into(),
        product_version: "1".into(),
        entitlement_id: "E1".into(),
        features: vec![feature],
    };
    ask(office, instance, Command::PutFeatureLineItem { terms, by: "test".into() }).await;
}

pub fn metered() -> LicenseModel {
    LicenseModel::Metered(Metered { reusable: false, undo_interval_ms: 0 })
}

/// A request that replaces what the host has, and takes less where there is not enough.
pub async fn serve(office: &Office, instance: &str, hosts: &[&str], wanted: &[(&str, u64)]) {
    let asker = Asker {
        host_ids: hosts.iter().map(|host| HostId::from_written(host)).collect(),
        host_name: None,
        host_type: None,
        dictionary: Default::default(),
    };
    let feature = |(name, count): &(&str, u64)| WantedFeature {
        name: (*name).into(),
        version: "1.0".parse().unwrap(),
        count: *count,
    };
    let request = FeatureRequest {
        asker: Arc::new(asker),
        is_virtual: false,
        operation: Operation::Request,
        features: wanted.iter().map(feature).collect(),
        incremental: false,
        partial: true,
        borrow_interval_ms: None,
        granularity: None,
        selectors: Default::default(),
    };
    ask(office, instance, Command::Serve { request: Box::new(request), key: None }).await;
}

/// Two customers with seats, which are held over the turn of a year; it is 2026-01-01T00:30:00Z.
async fn seats() -> (Office, String, String) {
    let office = office_at(START_MS - DAY_MS).await;
    let northwind = office.instance("main", "NORTHWIND").await;
    let other = office.instance("main", "OTHER").await;
    for (instance, count) in [(&northwind, 5), (&other, 9)] {
        put(&office, instance, "render", LicenseModel::NodeLocked, count).await;
    }
    serve(&office, &northwind, &["d1/ETHERNET", "ada/USER"], &[("render", 3)]).await;
    serve(&office, &other, &["d1/ETHERNET"], &[("render", 4)]).await;
    office.server.pass(DAY_MS + 30 * MINUTE_MS);
    serve(&office, &northwind, &["d2/ETHERNET", "ada/USER"], &[("render", 3)]).await;
    serve(&office, &northwind, &["d3/ETHERNET"], &[("render", 1)]).await;
    serve(&office, &northwind, &["d1/ETHERNET", "ada/USER"], &[]).await;
    (office, northwind, other)
}

fn brief(row: &Value) -> Value {
    json!([
        row["period"],
        row["units"],
        row["peak"],
        row["distinctHosts"],
        row["distinctUsers"],
        row["granted"],
        row["denials"],
    ])
}

async fn summaries(office: &Office, caller: &str, query: &str) -> Vec<Value> {
    let answer = office.get(&format!("{SUMMARIES}?{query}"), caller).await.value(200);
    answer["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_is_held_counts_in_every_period_in_which_it_is_held() {
    let (office, northwind, other) = seats().await;
    let admin = office.admin().await;
    let query = "period=month&from=2025-12-01";
    let rows = summaries(&office, &admin, query).await;
    assert_eq!(
        rows.iter().map(brief).collect::<Vec<_>>(),
        [
            json!(["2025-12", 7, 4, 1, 1, 2, {}]),
            json!(["2026-01", 2, 5, 1, 1, 1, { "COUNT_INSUFFICIENT": 1 }]),
        ]
    );
    // In New York it is still the old year.
    let rows = summaries(&office, &admin, "period=year&timeZone=America/New_York").await;
    let all = json!(["2025", 9, 5, 2, 1, 3, { "COUNT_INSUFFICIENT": 1 }]);
    assert_eq!(rows.iter().map(brief).collect::<Vec<_>>(), [all]);

    let by_instance = summaries(&office, &admin, "from=2026-01-01&groupBy=instance").await;
    let of = |row: &Value| json!([row["instanceId"], row["accountId"], row["peak"], row["units"]]);
    assert_eq!(
        by_instance.iter().map(of).collect::<Vec<_>>(),
        [json!([northwind, "NORTHWIND", 5, 2]), json!([other, "OTHER", 4, 0])]
    );
    let by_account = summaries(&office, &admin, "from=2026-01-01&groupBy=account").await;
    assert_eq!((&by_account[1]["accountId"], by_account.len()), (&json!("OTHER"), 2));
    assert_eq!(by_account[1].get("instanceId"), None);
    // Nothing happened on that day, and four seats are in use.
    office.server.pass(3 * DAY_MS);
    let admin = office.admin().await;
    let query = format!("period=day&from=2026-01-03&to=2026-01-04&instanceId={other}");
    let rows = summaries(&office, &admin, &query).await;
    assert_eq!(
        rows.iter().map(brief).collect::<Vec<_>>(),
        [json!(["2026-01-03", 0, 4, 0, 0, 0, {}])]
    );
    assert_eq!(summaries(&office, &admin, "meter=render&meter=x").await.len(), 1);
    assert_eq!(summaries(&office, &admin, "meter=x").await.len(), 0);
}

#[tokio::test]
async fn customers_see_their_own_use() {
    let (office, northwind, _) = seats().await;
    let customer = office.user(Role::CustomerViewer, Some("OTHER")).await;
    let own = summaries(&office, &customer, "period=year&from=2025-01-01").await;
    assert_eq!(
        own.iter().map(brief).collect::<Vec<_>>(),
        [json!(["2025", 4, 4, 1, 0, 1, {}]), json!(["2026", 0, 4, 0, 0, 0, {}]),]
    );
    for query in ["accountId=NORTHWIND".to_owned(), format!("instanceId={northwind}")] {
        assert_eq!(summaries(&office, &customer, &query).await.len(), 0, "{query}");
        let overview = office.get(&format!("{SUMMARIES}/overview?{query}"), &customer).await;
        assert_eq!(overview.value(200)["data"], json!([]), "{query}");
        let denials = office.get(&format!("/usage/api/v1/denials?{query}"), &customer).await;
        assert_eq!(denials.value(200)["data"], json!([]), "{query}");
    }
}

#[tokio::test]
async fn who_belongs_to_an_instance_sees_its_use_without_naming_it() {
    let (office, northwind, other) = seats().await;
    let admin = office.admin().await;
    let path = format!("/operations/api/v1/instances/{northwind}/admin-password");
    let password = json!({ "password": "Orange-Tree-7" });
    office.send("PUT", &path, &admin, Some(password.clone())).await.is(204);
    let log_in = json!({ "user": "admin", "password": password["password"] });
    let path = format!("/api/1.0/instances/{northwind}/authorize");
    let token = office.send("POST", &path, "", Some(log_in)).await.value(200);
    let own = format!("Bearer {}", token["token"].as_str().unwrap());

    let rows = summaries(&office, &own, "period=month").await;
    let january = json!(["2026-01", 2, 5, 1, 1, 1, { "COUNT_INSUFFICIENT": 1 }]);
    assert_eq!(rows.iter().map(brief).collect::<Vec<_>>(), [january]);
    let overview = office.get(&format!("{SUMMARIES}/overview"), &own).await.value(200);
    assert_eq!(overview["data"][0]["yearToDate"]["units"], 2);
    let denials = office.get("/usage/api/v1/denials", &own).await.value(200);
    assert_eq!(denials["data"].as_array().unwrap().len(), 1);
    assert_eq!(denials["data"][0]["instanceId"], json!(northwind));
    for query in [format!("instanceId={other}"), "accountId=OTHER".to_owned()] {
        assert_eq!(summaries(&office, &own, &query).await.len(), 0, "{query}");
    }
    assert_eq!(summaries(&office, &own, "accountId=NORTHWIND").await.len(), 1);
}

#[tokio::test]
async fn items_that_are_charged_in_tokens_are_meters_too() {
    let shop = crate::shop::open().await;
    put(&shop.office, &shop.northwind, "render", metered(), 9).await;
    serve(&shop.office, &shop.northwind, &["d1"], &[("render", 2)]).await;
    let admin = shop.office.admin().await;
    let rows = summaries(&shop.office, &admin, "period=day&timeZone=Europe/Berlin").await;
    let brief: Vec<Value> = rows
        .iter()
        .map(|row| {
            let names =
                ["meter", "period", "units", "tokens", "granted", "denied", "distinctHosts"];
            json!(names.map(|name| &row[name]))
        })
        .collect();
    assert_eq!(
        brief,
        [
            json!(["editor", "2026-01-01", 4, 12, 2, 0, null]),
            json!(["editor", "2026-01-02", 2, 3, 1, 1, null]),
            json!(["render", "2026-01-02", 2, null, 1, 0, 1]),
            json!(["viewer", "2026-01-01", 3, 1.5, 1, 0, null]),
            json!(["viewer", "2026-01-02", 1, 0.5, 1, 0, null]),
        ]
    );
    let csv = shop.office.get(&format!("{SUMMARIES}?format=csv"), &admin).await.is(200);
    let lines = text(&csv);
    assert!(lines.contains("\r\neditor,2026-01,"), "{lines}");
    assert!(lines.contains(",6,,,,3,1,,15\r\n"), "{lines}");
    let csv = format!("{SUMMARIES}?format=csv&timeZone=Europe/Berlin");
    let csv = shop.office.get(&csv, &admin).await.is(200);
    let month = "2026-01,2026-01-01T00:00:00+01:00,2026-02-01T00:00:00+01:00,";
    assert!(text(&csv).contains(month), "{}", text(&csv));
    let (mut metered, mut priced) = (0, 0);
    let report = shop.office.get("/data/api/v1/report/usage", &admin).await.value(200);
    for row in report["data"].as_array().unwrap() {
        match row["meterType"].as_str().unwrap() {
            "feature" => metered += 1,
            _ => priced += 1,
        }
    }
    assert_eq!((metered, priced), (1, 9));
    for (meter_type, rows) in [("feature", 1), ("elastic", 9)] {
        let path = format!("/data/api/v1/report/usage?meterType={meter_type}");
        let report = shop.office.get(&path, &admin).await.value(200);
        assert_eq!(report["data"].as_array().unwrap().len(), rows, "{meter_type}");
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_advice() {
    let office = office_at(START_MS).await;
    let admin = office.admin().await;
    for (query, advice) in [
        ("?timeZone=Mars/Olympus", "such as Europe/Berlin"),
        ("?period=fortnight", "must be month or quarter or year or week or day"),
        ("?groupBy=meter", "must be instance or account"),
        ("?from=yesterday", "must be POSIX milliseconds"),
        ("?period=day&from=1970-01-01", "at most 1500 periods"),
        ("?from=2026-01-02&to=2026-01-01", "from: must not be after to"),
        ("?instanceId=7", "instanceId"),
        ("?format=xml", "must be json or csv"),
        ("?metre=x", "unknown field"),
        ("?period=day&period=day", "duplicate field"),
        ("/overview?timeZone=Nowhere", "such as Europe/Berlin"),
        ("/overview?period=day", "unknown field"),
    ] {
        let answer = office.get(&format!("{SUMMARIES}{query}"), &admin).await.is(400);
        assert!(text(&answer).contains(advice), "{query}: {}", text(&answer));
    }
    for query in ["next=x", "next=5", "limit=0", "limit=1001", "from=2&to=1"] {
        office.get(&format!("/usage/api/v1/denials?{query}"), &admin).await.is(400);
    }
}

#[tokio::test]
async fn denials_are_listed_newest_first() {
    let office = office_at(START_MS).await;
    let instances =
        [office.instance("main", "NORTHWIND").await, office.instance("main", "OTHER").await];
    for instance in &instances {
        put(&office, instance, "render", LicenseModel::NodeLocked, 1).await;
    }
    // One each six hours for ten days, from one instance and the other, two in one moment.
    let mut expected = Vec::new();
    for number in 0..40_usize {
        let instance = &instances[number % 2];
        let wanted = [("render", 2), ("unknown", number as u64 + 1)];
        serve(&office, instance, &[&format!("d{number}/ETHERNET"), "ada/USER"], &wanted).await;
        expected.push(format!("d{number} unknown"));
        if number >= 2 {
            expected.push(format!("d{number} render"));
        }
        office.server.pass(6 * 60 * MINUTE_MS);
    }
    let admin = office.admin().await;
    let page = async |query: &str| {
        office.get(&format!("/usage/api/v1/denials?{query}"), &admin).await.value(200)
    };
    let brief = |row: &Value| {
        format!("{} {}", row["hostId"].as_str().unwrap(), row["feature"].as_str().unwrap())
    };
    for limit in [1, 7, 1_000] {
        let (mut found, mut next) = (Vec::new(), String::new());
        loop {
            let page = page(&format!("limit={limit}&next={next}")).await;
            let rows = page["data"].as_array().unwrap();
            assert!(rows.len() <= limit);
            found.extend(rows.iter().map(brief));
            match page["next"].as_str() {
                Some(cursor) => next = cursor.to_owned(),
                None => break,
            }
        }
        found.reverse();
        let mut sorted = (found.clone(), expected.clone());
        sorted.0.sort();
        sorted.1.sort();
        assert_eq!(sorted.0, sorted.1, "each once, limit {limit}");
        let host = |text: &String| text.split(' ').next().unwrap()[1..].parse::<u32>().unwrap();
        assert!(found.is_sorted_by_key(host), "in order of time, limit {limit}");
    }
    let first = &page("limit=1&meter=unknown").await["data"][0];
    assert_eq!(
        [&first["user"], &first["hostType"], &first["wanted"], &first["version"], &first["reason"]],
        [&json!("ada"), &json!("ETHERNET"), &json!(40), &json!("1.0"), &json!("FEATURE_NOT_FOUND")]
    );
    assert_eq!(
        (&first["instanceId"], &first["accountId"]),
        (&json!(instances[1]), &json!("OTHER"))
    );
    let count = async |query: &str| page(query).await["data"].as_array().unwrap().len();
    assert_eq!(count("limit=1000&meter=render").await, 38);
    assert_eq!(count("limit=1000&accountId=NORTHWIND&meter=unknown").await, 20);
    assert_eq!(count(&format!("limit=1000&instanceId={}&hostId=d3", instances[1])).await, 2);
    assert_eq!(count(&format!("limit=1000&from={START_MS}&to={}", START_MS + DAY_MS)).await, 6);
}
