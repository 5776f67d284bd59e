//! Pulled plugs and bad disks: what was acknowledged is there, once.

mod support;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use licet_client::{Client, UsageQuery};
use licet_protocol::SessionState;
use serde_json::json;
use support::{
    Server, assert_verified,
    ledger::{CALLERS, Ledger},
    read, set_up, set_up_with,
};
use uuid::Uuid;

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a scratch folder")
}

#[test]
fn twenty_pulled_plugs_lose_and_double_nothing() {
    let folder = scratch();
    let data = folder.path().join("data");
    let ledger = Ledger::default();
    let mut instance_id = None;
    for round in 0..20 {
        let server = Server::start(&data);
        let id = *instance_id.get_or_insert_with(|| set_up(&server.admin()));
        ledger.settle(&server.admin(), id);
        ledger.load(&[server.admin()], id, &format!("r{round}"), 60, || server.kill());
        drop(server);
    }
    let server = Server::start(&data);
    ledger.assert_exact(&server.admin(), instance_id.expect("it was made"));
    server.stop();
    assert_verified(&data);
}

#[test]
fn pulled_plugs_do_not_oversell_what_is_scarce() {
    let folder = scratch();
    let data = folder.path().join("data");
    let ledger = Ledger::default();
    let mut instance_id = None;
    for round in 0..5 {
        let server = Server::start(&data);
        let id = *instance_id.get_or_insert_with(|| set_up_with(&server.admin(), 301));
        ledger.settle(&server.admin(), id);
        ledger.load(&[server.admin()], id, &format!("r{round}"), 60, || server.kill());
    }
    let (server, id) = (Server::start(&data), instance_id.expect("it was made"));
    ledger.assert_exact(&server.admin(), id);
    assert_eq!(ledger.granted(), 150);
    server.stop();
    assert_verified(&data);
}

#[test]
fn a_polite_end_under_load_loses_nothing() {
    let folder = scratch();
    let data = folder.path().join("data");
    let ledger = Ledger::default();
    let mut instance_id = None;
    for round in 0..3 {
        let server = Server::start(&data);
        let id = *instance_id.get_or_insert_with(|| set_up(&server.admin()));
        ledger.load(&[server.admin()], id, &format!("r{round}"), 60, || server.terminate());
        assert!(server.wait().success(), "it ends well");
        assert_verified(&data);
    }
    let server = Server::start(&data);
    ledger.assert_exact(&server.admin(), instance_id.expect("it was made"));
}

#[test]
fn sessions_are_charged_and_refunded_once_across_pulled_plugs() {
    let folder = scratch();
    let data = folder.path().join("data");
    // Sessions that were charged, and whether they were closed.
    let sessions: Mutex<BTreeMap<Uuid, bool>> = Mutex::default();
    let mut instance_id = None;
    for _ in 0..4 {
        let server = Server::start(&data);
        let id = *instance_id.get_or_insert_with(|| set_up(&server.admin()));
        let (client, done) = (server.admin(), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| {
                    while work_in_a_session(&client, id, &sessions).is_ok() {
                        if done.fetch_add(1, Ordering::Relaxed) == 40 {
                            server.kill();
                        }
                    }
                });
            }
        });
    }
    let (server, id) = (Server::start(&data), instance_id.expect("it was made"));
    let client = server.admin();
    let mut charged: BTreeMap<Uuid, Vec<i64>> = BTreeMap::new();
    let page = UsageQuery::default();
    for row in (1..).map_while(|number| {
        let rows = client.usage_page(&page, number).expect("the report answers").data;
        (!rows.is_empty()).then_some(rows)
    }) {
        for row in row {
            let session_id = row.session_id.expect("nothing else was asked");
            charged.entry(session_id).or_default().push(row.meter_quantity.0.micros());
        }
    }
    for (session_id, is_closed) in sessions.into_inner().expect("no panic") {
        let rows = &charged[&session_id];
        assert_eq!(rows.iter().filter(|micros| **micros > 0).count(), 1, "{rows:?}");
        let state = client.session(id, session_id).expect("it is remembered").value.state;
        if is_closed {
            assert_eq!(state, SessionState::Terminated);
            assert_eq!(rows.len(), 2, "a charge and its refund: {rows:?}");
        }
    }
    let sum: i64 = charged.values().flatten().sum();
    let used = client.line_item(id, "L1").expect("it is there").used;
    assert_eq!(used.0.micros(), sum, "what is used is what was charged less what was refunded");
    server.stop();
    assert_verified(&data);
}

/// Opens a session, has it charged, and closes every other one.
fn work_in_a_session(
    client: &Client,
    instance_id: Uuid,
    sessions: &Mutex<BTreeMap<Uuid, bool>>,
) -> Result<(), licet_client::Error> {
    let request = read(&json!({
        "requester": { "type": "user", "value": "ada" }, "rollbackOnDeny": true,
        "requestedItems": [{ "item": "Render", "version": "", "count": 1 }],
    }));
    let session_id = client.create_session(instance_id)?.session_id;
    client.put_session_request(instance_id, session_id, &request)?;
    sessions.lock().expect("no panic").insert(session_id, false);
    if session_id.as_u128() % 2 == 0 {
        client.close_session(instance_id, session_id)?;
        sessions.lock().expect("no panic").insert(session_id, true);
    }
    Ok(())
}

/// A layer between the server and the files of its store that fails on demand.
struct FaultyDisk {
    library: PathBuf,
    switch: PathBuf,
}

impl FaultyDisk {
    fn build(folder: &Path) -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/faulty_disk.c");
        let library = folder.join("faulty_disk.so");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let built = Command::new(compiler)
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .args(["-ldl"])
            .status();
        assert!(built.expect("a C compiler is there, as for SQLite").success());
        Self { library, switch: folder.join("fault") }
    }

    fn start(&self, data: &Path) -> Server {
        let library = self.library.to_str().expect("a plain path");
        let switch = self.switch.to_str().expect("a plain path");
        Server::start_with(data, &[("LD_PRELOAD", library), ("FAULT_SWITCH", switch)])
    }

    fn break_it(&self, how: &str) {
        fs::write(&self.switch, how).expect("the switch is ours");
    }

    fn mend(&self) {
        fs::remove_file(&self.switch).expect("it was on");
    }
}

#[test]
fn a_commit_that_fails_charges_nothing_and_the_server_goes_on() {
    let folder = scratch();
    let (data, disk) = (folder.path().join("data"), FaultyDisk::build(folder.path()));
    let server = disk.start(&data);
    let instance_id = set_up(&server.admin());
    let ledger = Ledger::default();
    for round in 0..5 {
        ledger.load(&[server.admin()], instance_id, &format!("r{round}"), 60, || {
            disk.break_it("full")
        });
        disk.mend();
        assert!(ledger.has_unknown(), "the disk was full");
    }
    ledger.assert_exact(&server.admin(), instance_id);
    server.stop();
    assert_verified(&data);
}

/// Loads a server on the disk that is broken under it and ends it, five times; then the books must
/// be exact on a good disk.
fn break_again_and_again(how: &str, check_end: impl Fn(ExitStatus)) {
    let folder = scratch();
    let (data, disk) = (folder.path().join("data"), FaultyDisk::build(folder.path()));
    let ledger = Ledger::default();
    let mut instance_id = None;
    for round in 0..5 {
        let server = disk.start(&data);
        let id = *instance_id.get_or_insert_with(|| set_up(&server.admin()));
        ledger.settle(&server.admin(), id);
        ledger.load(&[server.admin()], id, &format!("r{round}"), 60, || disk.break_it(how));
        check_end(server.wait());
        disk.mend();
    }
    let server = Server::start(&data);
    ledger.assert_exact(&server.admin(), instance_id.expect("it was made"));
    server.stop();
    assert_verified(&data);
}

#[test]
fn a_failed_fsync_stops_the_server_and_loses_nothing() {
    break_again_and_again("fsync", |ended| {
        assert_eq!(ended.signal(), Some(6), "it ends itself rather than guess: {ended}");
    });
}

#[test]
fn a_torn_write_is_not_taken_for_a_commit() {
    break_again_and_again("torn", |ended| {
        assert_eq!(ended.signal(), Some(9), "the plug is pulled in the middle: {ended}");
    });
}
