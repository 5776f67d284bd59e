//! Two years of real use, replayed through HTTP: the books equal a recount from the file.

mod support;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use licet_client::{AccessOptions, Client, RollupQuery, RollupSpan, UsageQuery};
use licet_core::Tokens;
use licet_protocol::AccessRequest;
use licet_scratch::ScratchSchema;
use serde_json::{Value, json};
use support::{Server, assert_verified, read};
use uuid::Uuid;

/// One row a use: time, person, item, units.
const TRACE: &str = include_str!("data/activity.csv");
/// Access requests in one array.
const ARRAY: usize = 250;

struct Use {
    at_ms: &'static str,
    person: &'static str,
    item: &'static str,
    count: i64,
}

fn trace() -> Vec<Use> {
    let uses = TRACE.lines().skip(1).map(|line| {
        let fields: Vec<&'static str> = line.split(',').collect();
        let [at_ms, person, item, count] = fields[..] else { panic!("four fields: {line}") };
        Use { at_ms, person, item, count: count.parse().expect("a number") }
    });
    uses.collect()
}

/// Prices in millionths of a token, a different one for each item, none of them whole.
fn prices(uses: &[Use]) -> BTreeMap<&'static str, i64> {
    let mut items: Vec<_> = uses.iter().map(|row| row.item).collect();
    items.sort_unstable();
    items.dedup();
    let price = |(place, item)| (item, 250_001 + i64::try_from(place).expect("few") * 375_003);
    items.into_iter().enumerate().map(price).collect()
}

/// Tokens by name, in millionths.
type Totals = BTreeMap<String, i64>;

fn recount(uses: &[Use], name: impl Fn(&Use) -> &'static str) -> Totals {
    let prices = prices(uses);
    let mut totals = Totals::new();
    for row in uses {
        *totals.entry(name(row).to_owned()).or_default() += row.count * prices[row.item];
    }
    totals
}

fn request(row: &Use) -> AccessRequest {
    read(&json!({
        "requester": { "type": "person", "value": row.person },
        "requestedItems": [{
            "item": row.item, "version": "", "count": row.count, "metaData": { "at": row.at_ms },
        }],
    }))
}

fn set_up(client: &Client, uses: &[Use]) -> Uuid {
    let price = |(item, rate): (&&str, &i64)| {
        let rate: Value = Tokens::from_micros(*rate).to_string().parse().expect("a number");
        json!({ "name": item, "version": "", "rate": rate })
    };
    let items: Vec<Value> = prices(uses).iter().map(price).collect();
    let table = json!({ "version": "1", "effectiveFrom": 0, "items": items });
    client.post_rate_table(&read(&table)).expect("the table is new");
    let instance = json!({ "shortName": "trace", "accountId": "OPEN-SOURCE" });
    let instance_id = client.create_instance(&read(&instance)).expect("it is new").id;
    // Many line items, each too small for the whole, so that requests are split over them.
    for number in 0..10 {
        let line_item = json!({
            "activationId": format!("L{number}"), "state": "DEPLOYED",
            "quantity": if number == 9 { 1_000_000 } else { 5_003 },
            "start": 0, "end": 4_102_444_800_000_i64 + number,
            "attributes": { "elastic": true },
        });
        client.put_line_item(instance_id, &read(&line_item)).expect("it is right");
    }
    instance_id
}

/// Sends all rows, `piece` at a time on each of the connections, which are spread over the clients.
fn replay(clients: &[Client], instance_id: Uuid, uses: &[Use], connections: usize, piece: usize) {
    let pieces: Vec<_> = uses.chunks(piece).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for connection in 0..connections {
            let client = clients[connection % clients.len()].clone();
            let (pieces, next) = (&pieces, &next);
            scope.spawn(move || {
                while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                    send(&client, instance_id, piece);
                }
            });
        }
    });
}

fn send(client: &Client, instance_id: Uuid, piece: &[Use]) {
    let options = AccessOptions::default();
    let answers = match piece {
        [only] => vec![client.request_access(instance_id, &request(only), &options)],
        many => {
            let requests: Vec<_> = many.iter().map(request).collect();
            let answers = client.request_many_accesses(instance_id, &requests, &options);
            answers.expect("the array is taken").into_iter().map(Ok).collect()
        }
    };
    assert_eq!(answers.len(), piece.len());
    for answer in answers {
        let answer = answer.expect("the request is taken");
        assert_eq!(answer.requested_items[0].status.code, "1101");
    }
}

fn micros(number: licet_protocol::TokenNumber) -> i64 {
    number.0.micros()
}

fn assert_books(client: &Client, instance_id: Uuid, uses: &[Use]) {
    let (mut by_item, mut by_person) = (Totals::new(), Totals::new());
    let query = UsageQuery { instance_id: Some(instance_id), ..UsageQuery::default() };
    let mut page = client.usage_page(&query, 1).expect("the report answers");
    loop {
        for row in &page.data {
            *by_item.entry(row.item.clone()).or_default() += micros(row.meter_quantity);
            *by_person.entry(row.consumer_id.clone()).or_default() += micros(row.meter_quantity);
        }
        let Some(link) = page.header.links.next.clone() else { break };
        page = client.usage_link(&link).expect("the next page answers");
    }
    assert_eq!(by_item, recount(uses, |row| row.item));
    assert_eq!(by_person, recount(uses, |row| row.person));

    let mut rolled_up = Totals::new();
    let by_day = RollupQuery {
        span: RollupSpan::Day,
        from_ms: Some(0),
        to_ms: None,
        instance_id: Some(instance_id),
        account_id: None,
    };
    for row in client.rollups(&by_day).expect("roll-ups answer").data {
        *rolled_up.entry(row.item).or_default() += micros(row.tokens_charged);
    }
    assert_eq!(rolled_up, by_item);

    let lines = client.line_items(instance_id).expect("line items answer");
    let used: i64 = lines.iter().map(|line| micros(line.used)).sum();
    assert_eq!(used, by_item.values().sum::<i64>());
    assert!(lines[..5].iter().all(|line| micros(line.used) == 5_003_000_000), "drained in order");
}

fn story(connections: usize, piece: usize) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    tell(&[Server::start(folder.path())], connections, piece);
    assert_verified(folder.path());
}

/// The same on a PostgreSQL database that so many servers share.
fn story_on_postgres(servers: usize, connections: usize, piece: usize) {
    let Some(schema) = ScratchSchema::new() else { return };
    let servers: Vec<_> = (0..servers).map(|_| Server::start(&schema)).collect();
    tell(&servers, connections, piece);
    drop(servers);
    assert_verified(&schema);
}

fn tell(servers: &[Server], connections: usize, piece: usize) {
    let uses = trace();
    let clients: Vec<_> = servers.iter().map(Server::admin).collect();
    let instance_id = set_up(&clients[0], &uses);
    replay(&clients, instance_id, &uses, connections, piece);
    // Whichever server is asked, it has what any of them acknowledged.
    for client in &clients {
        assert_books(client, instance_id, &uses);
    }
    for server in servers {
        server.stop();
    }
}

#[test]
fn singly_from_one_connection() {
    story(1, 1);
}

#[test]
fn singly_from_64_connections() {
    story(64, 1);
}

#[test]
fn in_arrays_from_one_connection() {
    story(1, ARRAY);
}

#[test]
fn in_arrays_from_64_connections() {
    story(64, ARRAY / 10);
}

#[test]
fn singly_on_postgres() {
    story_on_postgres(1, 64, 1);
}

#[test]
fn in_arrays_on_postgres() {
    story_on_postgres(1, 1, ARRAY);
}

#[test]
fn singly_through_two_servers_on_one_database() {
    story_on_postgres(2, 64, 1);
}

#[test]
fn in_arrays_through_two_servers_on_one_database() {
    story_on_postgres(2, 8, ARRAY / 10);
}
