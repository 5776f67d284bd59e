//! Roll-ups, consumers and balances, against the rows that they sum up.

use std::collections::BTreeMap;

use licet_server::security::Role;
use serde_json::{Value, json};

use crate::{
    office::Office,
    shop::{Shop, open},
    support::{DAY_MS, HOUR_MS, START_MS},
};

async fn data(office: &Office, caller: &str, path: &str) -> Vec<Value> {
    let path = format!("/usage/api/v1/{path}");
    let answer = office.get(&path, caller).await.value(200);
    assert_eq!(answer["asOf"], office.server.app.now_ms());
    answer["data"].as_array().unwrap().clone()
}

fn amount(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Start, instance, item and version.
type Key = (i64, String, String, String);

fn key(row: &Value, starts_at: i64) -> Key {
    let text = |name: &str| row[name].as_str().unwrap().to_owned();
    (starts_at, text("instanceId"), text("item"), text("itemVersion"))
}

#[tokio::test]
async fn roll_ups_are_the_sums_of_the_rows() {
    let Shop { office, .. } = open().await;
    let admin = office.admin().await;
    let report = office.get("/data/api/v1/report/usage", &admin).await.value(200);
    let rows = report["data"].as_array().unwrap();
    for (span, length_ms) in [("hour", HOUR_MS), ("day", DAY_MS)] {
        let mut expected: BTreeMap<Key, (f64, f64)> = BTreeMap::new();
        for row in rows {
            let at = row["usageTime"].as_i64().unwrap();
            let sums = expected.entry(key(row, at - at.rem_euclid(length_ms))).or_default();
            let tokens = amount(&row["meterQuantity"]);
            sums.0 += tokens.max(0.0);
            sums.1 -= tokens.min(0.0);
        }
        let rollups = data(&office, &admin, &format!("rollups?span={span}")).await;
        let found: BTreeMap<Key, (f64, f64)> = rollups
            .iter()
            .map(|row| {
                let sums = (amount(&row["tokensCharged"]), amount(&row["tokensRefunded"]));
                (key(row, row["startsAt"].as_i64().unwrap()), sums)
            })
            .collect();
        assert_eq!(found, expected, "{span}");
        assert_eq!(rollups.len(), found.len());
        assert!(rollups.is_sorted_by_key(|row| row["startsAt"].as_i64()));
        let total = |name: &str| rollups.iter().map(|row| amount(&row[name])).sum::<f64>();
        assert_eq!((total("granted"), total("denied")), (5.0, 2.0), "{span}");
        assert_eq!(total("units"), 10.0, "{span}");
    }
}

#[tokio::test]
async fn roll_ups_of_a_time_and_of_a_customer() {
    let Shop { office, northwind, .. } = open().await;
    let admin = office.admin().await;
    let count = async |caller: &str, query: &str| {
        data(&office, caller, &format!("rollups?span=hour&{query}")).await.len()
    };
    let all = count(&admin, "").await;
    assert_eq!(count(&admin, "from=0").await, all);
    assert_eq!(count(&admin, &format!("from=0&to={}", 253_402_300_799_999_i64)).await, all);
    // The hour that a time lies in counts whole.
    assert_eq!(count(&admin, &format!("from={}&to={}", START_MS + 1, START_MS + 2)).await, 1);
    assert_eq!(count(&admin, &format!("to={}", START_MS + HOUR_MS)).await, 1);
    assert_eq!(count(&admin, &format!("to={START_MS}")).await, 0);
    assert_eq!(count(&admin, "accountId=OTHER").await, 1);
    assert_eq!(count(&admin, &format!("instanceId={northwind}")).await, all - 1);
    let customer = office.user(Role::CustomerAdministrator, Some("OTHER")).await;
    assert_eq!(count(&customer, "").await, 1);
    assert_eq!(count(&customer, "accountId=NORTHWIND").await, 0);
    assert_eq!(count(&customer, &format!("instanceId={northwind}")).await, 0);
    for query in ["span=week", "from=2&to=1", "pastDays=0", "instanceId=7"] {
        let path = format!("/usage/api/v1/rollups?{query}");
        office.get(&path, &admin).await.is(400);
    }
}

#[tokio::test]
async fn consumers_are_counted_by_day() {
    let Shop { office, northwind, .. } = open().await;
    let admin = office.admin().await;
    let rows = data(&office, &admin, &format!("consumers?instanceId={northwind}")).await;
    let brief: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!([
                row["startsAt"],
                row["consumerId"],
                row["tokens"],
                row["granted"],
                row["denied"]
            ])
        })
        .collect();
    let next_day = START_MS + DAY_MS;
    assert_eq!(
        brief,
        [
            json!([START_MS, "=cmd", 0, 0, 1]),
            json!([START_MS, "ada", 7.5, 2, 0]),
            json!([START_MS, "grace", 6, 1, 0]),
            json!([next_day, "ada", 3, 1, 0]),
            json!([next_day, "grace", 0, 0, 1]),
        ]
    );
    let customer = office.user(Role::CustomerViewer, Some("OTHER")).await;
    let own = data(&office, &customer, "consumers").await;
    assert_eq!(own.len(), 1);
    assert_eq!(own[0]["consumerId"], "bob");
}

#[tokio::test]
async fn balances_say_what_is_left() {
    let Shop { office, northwind, other, .. } = open().await;
    let admin = office.admin().await;
    let all = data(&office, &admin, "balances").await;
    let brief: Vec<Value> = all
        .iter()
        .map(|row| {
            json!([
                row["activationId"],
                row["quantity"],
                row["used"],
                row["left"],
                row["overdraftUsed"]
            ])
        })
        .collect();
    assert_eq!(
        brief,
        [
            json!(["L1", 10, 10, 0, 0]),
            json!(["L2", 100, 6.5, 93.5, 0]),
            json!(["O1", 5, 0.5, 4.5, 0]),
        ]
    );
    assert_eq!((&all[0]["state"], &all[0]["accountId"]), (&json!("DEPLOYED"), &json!("NORTHWIND")));
    assert_eq!(all[0]["instanceId"], northwind);
    assert_eq!(data(&office, &admin, &format!("balances?instanceId={other}")).await.len(), 1);
    assert_eq!(data(&office, &admin, "balances?accountId=NORTHWIND").await.len(), 2);
    let customer = office.user(Role::CustomerViewer, Some("OTHER")).await;
    assert_eq!(data(&office, &customer, "balances").await.len(), 1);
    assert_eq!(data(&office, &customer, "balances?accountId=NORTHWIND").await.len(), 0);

    let page = office.get("/usage/api/v1/balances?limit=1", &admin).await.value(200);
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
    let next = format!("/usage/api/v1/balances?limit=1&next={}", page["next"]);
    let last = office.get(&next, &admin).await.value(200);
    assert_eq!((last["data"].as_array().unwrap().len(), &last["next"]), (1, &json!(0)));
}

#[tokio::test]
async fn overdraft_shows_in_balances_and_rows() {
    let shop = open().await;
    let admin = shop.office.admin().await;
    shop.put_line_item(&shop.other, "O1", 5, Some(10)).await;
    shop.access(&shop.other, "bob", "editor", 4).await;
    let path = format!("balances?instanceId={}", shop.other);
    let row = &data(&shop.office, &admin, &path).await[0];
    assert_eq!((&row["used"], &row["left"]), (&json!(12.5), &json!(0)));
    assert_eq!(row["overdraftUsed"], json!(7.5));
    let path = format!("/data/api/v1/report/usage?instanceId={}", shop.other);
    let rows = shop.office.get(&path, &admin).await.value(200);
    assert_eq!(rows["data"][1]["overdraftCount"], json!(7.5));
}
