//! The usage report: every row, exactly, as JSON and as CSV.

use licet_server::security::Role;
use serde_json::{Value, json};

use crate::{
    office::{Office, PASSWORD, basic, text},
    shop::{Shop, open},
    support::{DAY_MS, HOUR_MS, START_MS},
};

const REPORT: &str = "/data/api/v1/report/usage";

async fn rows(office: &Office, caller: &str, query: &str) -> Vec<Value> {
    let report = office.get(&format!("{REPORT}?{query}"), caller).await.value(200);
    report["data"].as_array().unwrap().clone()
}

/// What tells the rows of the shop's story apart.
fn brief(row: &Value) -> Value {
    json!([
        row["consumerId"],
        row["item"],
        row["itemQuantity"],
        row["meterCost"],
        row["meterQuantity"],
        row["activationId"],
        row["used"],
        row["requestResponse"],
    ])
}

fn story() -> Vec<Value> {
    vec![
        json!(["ada", "editor", 2, 3, 6, "L1", 6, "101"]),
        json!(["grace", "editor", 1.333333, 3, 4, "L1", 10, "101"]),
        json!(["grace", "editor", 0.666667, 3, 2, "L2", 2, "101"]),
        json!(["ada", "viewer", 3, 0.5, 1.5, "L2", 3.5, "101"]),
        json!(["=cmd", "ghost", 1, 0, 0, "", 0, "201"]),
        json!(["grace", "editor", 100, 0, 0, "", 0, "306"]),
        json!(["ada", "editor", 2, 3, 6, "L2", 9.5, "101"]),
        json!(["ada", "editor", 2, 3, -3, "L2", 6.5, "101"]),
        json!(["bob", "viewer", 1, 0.5, 0.5, "O1", 0.5, "101"]),
    ]
}

#[tokio::test]
async fn every_row_is_exact() {
    let Shop { office, northwind, .. } = open().await;
    let admin = office.admin().await;
    let rows = rows(&office, &admin, "").await;
    assert_eq!(rows.iter().map(brief).collect::<Vec<_>>(), story());
    let mut first = rows[0].clone();
    assert!(first["correlationId"].as_str().unwrap().len() == 36);
    first["correlationId"] = json!("");
    // It was written when the projector came to it.
    assert!(first["writeTime"].as_i64().unwrap() >= START_MS);
    first["writeTime"] = json!(START_MS);
    assert_eq!(
        first,
        json!({
            "correlationId": "", "usageTime": START_MS, "writeTime": START_MS, "accountId": "NORTHWIND",
            "consumerId": "ada", "consumerType": "user", "meter": "token",
            "meterType": "elastic", "meterCost": 3, "meterQuantity": 6, "item": "editor",
            "itemVersion": "1.0", "itemQuantity": 2, "activationId": "L1",
            "instanceId": northwind, "mappedEntitledCount": 10, "used": 6, "sessionId": null,
            "sessionState": null, "requestResponse": "101", "overdraftCount": 0,
            "metaData": null,
        })
    );
    // One request that two line items paid.
    assert_eq!(rows[1]["correlationId"], rows[2]["correlationId"]);
    assert_eq!(rows[3]["metaData"], json!({ "project": "=X, \"1\"" }));
    assert_eq!(rows[6]["sessionState"], "ACTIVE");
    assert_eq!(
        (&rows[7]["sessionState"], &rows[7]["sessionId"]),
        (&json!("IDLE"), &rows[6]["sessionId"])
    );
    assert_eq!(rows[8]["accountId"], "OTHER");
}

#[tokio::test]
async fn pages_of_any_size_are_the_same_rows() {
    let Shop { office, .. } = open().await;
    let admin = office.admin().await;
    let whole = rows(&office, &admin, "").await;
    for size in [1, 2, 7, whole.len(), whole.len() + 1] {
        // As the field reads: by number, until a page is empty.
        let mut by_number = Vec::new();
        for page in 1.. {
            let query = format!("pageSize={size}&pageNumber={page}");
            let rows = rows(&office, &admin, &query).await;
            if rows.is_empty() {
                assert_eq!(page as usize, whole.len().div_ceil(size) + 1);
                break;
            }
            by_number.extend(rows);
            // A period of past days does not lose rows at its start meanwhile.
            office.server.pass(1000);
        }
        assert_eq!(by_number, whole, "pages of {size}");

        let mut by_link = Vec::new();
        let mut link = Some(format!("{REPORT}?pageSize={size}"));
        let mut previous = Value::Null;
        while let Some(path) = link {
            let page = office.get(&path, &admin).await.value(200);
            let links = &page["header"]["links"];
            assert_eq!(links["previous"].is_null(), by_link.is_empty());
            by_link.extend(page["data"].as_array().unwrap().clone());
            link = links["next"].as_str().map(str::to_owned);
            previous = links["previous"].clone();
        }
        assert_eq!(by_link, whole, "links of {size}");
        if let Some(path) = previous.as_str() {
            let page = office.get(path, &admin).await.value(200);
            assert_eq!(page["data"].as_array().unwrap().len(), size);
        }
    }
}

#[tokio::test]
async fn any_page_can_be_asked_for_first() {
    let Shop { office, .. } = open().await;
    let admin = office.admin().await;
    let whole = rows(&office, &admin, "").await;
    for page in (1..=5).rev() {
        let query = format!("pageSize=2&pageNumber={page}&from={START_MS}");
        let expected: Vec<_> = whole.iter().skip(2 * (page - 1)).take(2).cloned().collect();
        assert_eq!(rows(&office, &admin, &query).await, expected, "page {page}");
    }
    for page in [6, 7, 1_000_000_000_u64] {
        let query = format!("pageSize=2&pageNumber={page}&from={START_MS}");
        assert_eq!(rows(&office, &admin, &query).await, Vec::<Value>::new());
    }
}

#[tokio::test]
async fn only_the_last_page_grows() {
    let shop = open().await;
    let (office, admin) = (&shop.office, shop.office.admin().await);
    let query = |page: u64| format!("pageSize=7&pageNumber={page}&from={START_MS}");
    let first = rows(office, &admin, &query(1)).await;
    assert_eq!(rows(office, &admin, &query(2)).await.len(), 2);
    for _ in 0..6 {
        shop.access(&shop.other, "bob", "viewer", 1).await;
    }
    assert_eq!(rows(office, &admin, &query(1)).await, first);
    assert_eq!(rows(office, &admin, &query(2)).await.len(), 7);
    assert_eq!(rows(office, &admin, &query(3)).await.len(), 1);
}

#[tokio::test]
async fn filters_and_periods() {
    let Shop { office, northwind, other, .. } = open().await;
    let admin = office.admin().await;
    for (query, expected) in [
        (format!("instanceId={northwind}"), 8),
        (format!("instanceId={other}"), 1),
        ("accountId=NORTHWIND".to_owned(), 8),
        (format!("accountId=OTHER&instanceId={northwind}"), 0),
        ("item=viewer".to_owned(), 2),
        ("consumerId=ada".to_owned(), 4),
        ("consumerId=%3Dcmd".to_owned(), 1),
        ("activationId=L1".to_owned(), 2),
        ("activationId=L1&consumerId=ada".to_owned(), 1),
        ("accountId=NOBODY".to_owned(), 0),
        (format!("instanceId={}", uuid::Uuid::nil()), 0),
        (format!("from={START_MS}&to={}", START_MS + HOUR_MS), 3),
        (format!("from={}&to={}", START_MS + HOUR_MS, START_MS + HOUR_MS), 0),
        ("from=2026-01-01T01:00:00Z&to=2026-01-02T00:00:00%2B00:00".to_owned(), 2),
        ("from=2026-01-02".to_owned(), 4),
        ("pastDays=1".to_owned(), 6),
        ("mode=batch&format=json&pastDays=30&meterType=elastic&pageNumber=1".to_owned(), 9),
    ] {
        assert_eq!(rows(&office, &admin, &query).await.len(), expected, "{query}");
    }
    for query in [
        "from=2&to=1",
        "from=yesterday",
        "from=1&pastDays=3",
        "pageNumber=0",
        "pageNumber=x",
        "pageSize=10001",
        "meterType=concurrent",
        "mode=x",
        "format=xml",
        "instanceId=x",
        "item=a&item=b",
    ] {
        let refused = office.get(&format!("{REPORT}?{query}"), &admin).await;
        refused.problem(400, "validation_failed");
    }
    office.server.pass(31 * DAY_MS);
    // The token is long over; a password is as good.
    let admin = basic("admin", PASSWORD);
    assert_eq!(rows(&office, &admin, "").await.len(), 0);
    assert_eq!(rows(&office, &admin, "pastDays=40").await.len(), 9);
}

#[tokio::test]
async fn csv_has_the_same_rows_in_one_piece() {
    let Shop { office, .. } = open().await;
    let admin = basic("admin", PASSWORD);
    let whole = rows(&office, &admin, "").await;
    let answer = office.get(&format!("{REPORT}?format=csv&pageSize=2"), &admin).await.is(200);
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    let table = read_csv(text(&answer));
    assert_eq!(table.len(), whole.len() + 1);
    let columns = &table[0];
    assert_eq!(columns.len(), 22);
    for (line, row) in table[1..].iter().zip(&whole) {
        for (column, field) in columns.iter().zip(line) {
            let expected = match &row[column] {
                Value::Null => String::new(),
                Value::String(text) if text.starts_with('=') => format!("'{text}"),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(field, &expected, "{column}");
        }
    }
    assert!(text(&answer).contains(",'=cmd,"));
    assert!(text(&answer).contains(",-3,"), "a number is no formula");
    let header = text(&answer).lines().next().unwrap();
    let past = office.get(&format!("{REPORT}?format=csv&pageNumber=2"), &admin).await.is(200);
    assert_eq!(text(&past), format!("{header}\r\n"));
}

/// Reads RFC 4180, strictly: every line ends with CR LF.
fn read_csv(text: &str) -> Vec<Vec<String>> {
    let (mut table, mut line, mut field, mut quoted) = (vec![], vec![], String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quoted, c) {
            (true, '"') if chars.peek() == Some(&'"') => field.extend(chars.next()),
            (_, '"') => quoted = !quoted,
            (false, ',') => line.push(std::mem::take(&mut field)),
            (false, '\r') => {
                assert_eq!(chars.next(), Some('\n'));
                line.push(std::mem::take(&mut field));
                table.push(std::mem::take(&mut line));
            }
            _ => field.push(c),
        }
    }
    assert!(line.is_empty() && field.is_empty() && !quoted);
    table
}

#[tokio::test]
async fn a_long_report_streams_without_a_gap() {
    let shop = open().await;
    let request = |number: usize| {
        let consumer = json!({ "type": "user", "value": format!("c{number}") });
        let items = json!([{ "item": "ghost", "count": 1 }]);
        json!({ "requester": consumer, "requestedItems": items })
    };
    for batch in 0..5 {
        let requests: Vec<_> = (0..500).map(|number| request(batch * 500 + number)).collect();
        let path = format!("/elastic/api/v1.1/instances/{}/access-requests", shop.other);
        let admin = shop.office.admin().await;
        shop.office.send("POST", &path, &admin, Some(json!(requests))).await.is(200);
    }
    let admin = shop.office.admin().await;
    let path = format!("{REPORT}?format=csv&item=ghost&instanceId={}", shop.other);
    let answer = shop.office.get(&path, &admin).await.is(200);
    let table = read_csv(text(&answer));
    assert_eq!(table.len(), 2_501);
    for (number, line) in table[1..].iter().enumerate() {
        assert_eq!(line[4], format!("c{number}"));
    }
    let deep = format!("pageSize=1&pageNumber=2500&item=ghost&instanceId={}", shop.other);
    let deep = rows(&shop.office, &admin, &deep).await;
    assert_eq!(deep[0]["consumerId"], "c2499");
}

#[tokio::test]
async fn customers_see_their_own_usage_alone() {
    let Shop { office, northwind, other, .. } = open().await;
    let customer = office.user(Role::CustomerViewer, Some("OTHER")).await;
    assert_eq!(rows(&office, &customer, "").await.len(), 1);
    assert_eq!(rows(&office, &customer, &format!("instanceId={other}")).await.len(), 1);
    for query in [format!("instanceId={northwind}"), "accountId=NORTHWIND".to_owned()] {
        assert_eq!(rows(&office, &customer, &query).await.len(), 0, "{query}");
        let csv = format!("{REPORT}?format=csv&{query}");
        let answer = office.get(&csv, &customer).await.is(200);
        assert_eq!(text(&answer).lines().count(), 1);
    }
    // Nor how many rows there are of others.
    let own = office.user(Role::CustomerAdministrator, Some("NORTHWIND")).await;
    let (mut seen, mut link) = (0, Some(format!("{REPORT}?pageSize=3")));
    while let Some(path) = link {
        assert!(!path.contains("after"), "{path}");
        let page = office.get(&path, &own).await.value(200);
        seen += page["data"].as_array().unwrap().len();
        link = page["header"]["links"]["next"].as_str().map(str::to_owned);
    }
    assert_eq!(seen, 8);
}
