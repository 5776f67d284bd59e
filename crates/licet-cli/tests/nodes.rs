//! Several servers on one PostgreSQL database: nothing is oversold, lost or doubled, whichever of
//! them is asked, killed or cut off.

mod support;

use std::{
    sync::atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed},
    thread,
};

use licet_client::{AccessOptions, Client};
use licet_protocol::AccessRequest;
use licet_scratch::{Ending, ScratchSchema, ScratchServer};
use serde_json::json;
use support::{
    Place, Server, assert_verified,
    ledger::{CALLERS, Ledger},
    read, set_up, set_up_with,
};
use uuid::Uuid;

/// Tokens of the instance that two servers hammer; a unit costs two.
const SUPPLY: i64 = 200_000;
/// Requests in one array.
const ARRAY: usize = 100;

#[test]
fn two_servers_sell_exactly_what_there_is() {
    let Some(schema) = ScratchSchema::new() else { return };
    let servers = [Server::start(&schema), Server::start(&schema)];
    let clients = servers.each_ref().map(Server::admin);
    let instance_id = set_up_with(&clients[0], SUPPLY);
    let (units, denied) = hammer(&clients, instance_id);
    assert_eq!(units * 2, SUPPLY, "exactly the supply is charged");
    assert!(denied > 1_000, "more was wanted than there was");
    for client in &clients {
        let used = client.line_item(instance_id, "L1").expect("it is there").used;
        assert_eq!(used.0.micros(), SUPPLY * 1_000_000);
    }
    servers.iter().for_each(Server::stop);
    assert_verified(&schema);
}

/// Asks for more than there is through all clients, singly and in arrays; units that were granted,
/// and requests that were denied.
fn hammer(clients: &[Client], instance_id: Uuid) -> (i64, usize) {
    let (units, denied) = (AtomicI64::new(0), AtomicUsize::new(0));
    let requests = AtomicUsize::new(0);
    let wanted = usize::try_from(SUPPLY).expect("a count") * 6 / 10;
    let options = AccessOptions::default();
    let request: AccessRequest = read(&json!({
        "requester": { "type": "user", "value": "ada" },
        "requestedItems": [{ "item": "Render", "version": "", "count": 1 }],
    }));
    let array = vec![request.clone(); ARRAY];
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let client = &clients[caller % clients.len()];
            let (units, denied, requests) = (&units, &denied, &requests);
            let (request, array, options) = (&request, &array, &options);
            scope.spawn(move || {
                while requests.fetch_add(ARRAY + 1, Relaxed) < wanted {
                    let one = client.request_access(instance_id, request, options);
                    let many = client.request_many_accesses(instance_id, array, options);
                    let mut answers = many.expect("the array is taken");
                    answers.push(one.expect("the request is taken"));
                    for answer in answers {
                        match &*answer.requested_items[0].status.code {
                            "1101" => units.fetch_add(1, Relaxed),
                            "1306" => i64::try_from(denied.fetch_add(1, Relaxed)).expect("few"),
                            code => panic!("{code}"),
                        };
                    }
                }
            });
        }
    });
    (units.into_inner(), denied.into_inner())
}

#[test]
fn a_database_that_restarts_under_load_loses_and_doubles_nothing() {
    let Some(database) = ScratchServer::start() else { return };
    let place = || Place::database(database.url());
    let servers = [Server::start(place()), Server::start(place())];
    let clients = servers.each_ref().map(Server::admin);
    let instance_id = set_up(&clients[0]);
    let ledger = Ledger::default();
    for (round, ending) in [Ending::Fast, Ending::Immediate, Ending::Immediate].iter().enumerate() {
        ledger.load_through(&clients, instance_id, &format!("r{round}"), 100, || {
            database.down(*ending);
            database.up();
        });
    }
    ledger.load(&clients, instance_id, "after", 100, || servers.iter().for_each(Server::terminate));
    assert!(servers.iter().all(|server| server.wait().success()), "they end well");
    let server = Server::start(place());
    ledger.assert_exact(&server.admin(), instance_id);
    server.stop();
    assert_verified(place());
}

#[test]
fn a_server_killed_twenty_times_beside_another_loses_and_doubles_nothing() {
    let Some(schema) = ScratchSchema::new() else { return };
    let steady = Server::start(&schema);
    let instance_id = set_up(&steady.admin());
    let ledger = Ledger::default();
    for round in 0..20 {
        let victim = Server::start(&schema);
        let clients = [steady.admin(), victim.admin()];
        ledger.load_through(&clients, instance_id, &format!("r{round}"), 60, || victim.kill());
    }
    ledger.assert_exact(&steady.admin(), instance_id);
    steady.stop();
    assert_verified(&schema);
}
