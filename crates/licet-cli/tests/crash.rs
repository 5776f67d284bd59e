//! Pulled plugs and bad disks: what was acknowledged is there, once.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use licet_client::{Client, UsageQuery};
use licet_protocol::TokenNumber;
use support::{Server, access, assert_verified, set_up};
use uuid::Uuid;

const CALLERS: usize = 8;

/// What callers were told: the correlation id of each key that was acknowledged, and the keys of
/// which nothing is known.
#[derive(Default)]
struct Ledger {
    acknowledged: Mutex<BTreeMap<String, Uuid>>,
    unknown: Mutex<BTreeSet<String>>,
    count: AtomicUsize,
}

impl Ledger {
    /// Sends a key; false if no answer came.
    fn send(&self, client: &Client, instance_id: Uuid, key: &str) -> bool {
        match access(client, instance_id, key) {
            Ok(answer) => {
                assert_eq!(answer.requested_items[0].status.code, "1101");
                let mut acknowledged = self.acknowledged.lock().expect("no panic");
                acknowledged.insert(key.to_owned(), answer.correlation_id.expect("it is recorded"));
                self.count.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(error) => {
                assert!(error.is_passing(), "{error}");
                self.unknown.lock().expect("no panic").insert(key.to_owned());
                false
            }
        }
    }

    /// Many callers at once, until `enough` more answers came and `end` was called.
    fn load(
        &self,
        server: &Server,
        instance_id: Uuid,
        round: &str,
        enough: usize,
        end: impl FnOnce(),
    ) {
        let client = server.admin();
        let target = self.count.load(Ordering::Relaxed) + enough;
        let (reached, waits) = std::sync::mpsc::channel();
        thread::scope(|scope| {
            for caller in 0..CALLERS {
                let (client, reached) = (client.clone(), reached.clone());
                scope.spawn(move || {
                    for number in 0.. {
                        let key = format!("{round}-{caller}-{number}");
                        if !self.send(&client, instance_id, &key) {
                            return;
                        }
                        if self.count.load(Ordering::Relaxed) >= target {
                            // Only the first is waited for.
                            let _ = reached.send(());
                        }
                    }
                });
            }
            waits.recv().expect("the load gets through");
            end();
        });
    }

    /// Sends again what nobody knows of: after this, each key was acknowledged.
    fn settle(&self, client: &Client, instance_id: Uuid) {
        let unknown = std::mem::take(&mut *self.unknown.lock().expect("no panic"));
        for key in &unknown {
            assert!(self.send(client, instance_id, key), "the server is well");
        }
    }

    /// The server's books must have each acknowledged key once and nothing else.
    fn assert_exact(&self, server: &Server, instance_id: Uuid) {
        let client = server.admin();
        self.settle(&client, instance_id);
        let acknowledged = self.acknowledged.lock().expect("no panic");
        let mut booked = BTreeMap::new();
        let query = UsageQuery::default();
        for page in 1.. {
            let rows = client.usage_page(&query, page).expect("the report answers").data;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let twice = booked.insert(row.consumer_id.clone(), row.correlation_id);
                assert_eq!(twice, None, "{} is there twice", row.consumer_id);
            }
        }
        assert_eq!(booked.len(), acknowledged.len());
        assert!(booked.iter().eq(acknowledged.iter()), "every answer is the one that is booked");
        let used = client.line_item(instance_id, "L1").expect("it is there").used;
        let charged = i64::try_from(acknowledged.len()).expect("few") * 2;
        assert_eq!(used, TokenNumber(licet_core::Tokens::whole(charged).expect("few")));
    }
}

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
        ledger.load(&server, id, &format!("r{round}"), 60, || server.kill());
        drop(server);
    }
    let server = Server::start(&data);
    ledger.assert_exact(&server, instance_id.expect("it was made"));
    server.stop();
    assert_verified(&data);
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
        ledger.load(&server, instance_id, &format!("r{round}"), 60, || disk.break_it("full"));
        disk.mend();
        assert!(!ledger.unknown.lock().expect("no panic").is_empty(), "the disk was full");
    }
    ledger.assert_exact(&server, instance_id);
    server.stop();
    assert_verified(&data);
}

#[test]
fn a_failed_fsync_stops_the_server_and_loses_nothing() {
    let folder = scratch();
    let (data, disk) = (folder.path().join("data"), FaultyDisk::build(folder.path()));
    let ledger = Ledger::default();
    let mut instance_id = None;
    for round in 0..5 {
        let server = disk.start(&data);
        let id = *instance_id.get_or_insert_with(|| set_up(&server.admin()));
        ledger.settle(&server.admin(), id);
        ledger.load(&server, id, &format!("r{round}"), 60, || disk.break_it("fsync"));
        let ended = server.wait();
        assert_eq!(ended.signal(), Some(6), "it ends itself rather than guess: {ended}");
        disk.mend();
    }
    let server = Server::start(&data);
    ledger.assert_exact(&server, instance_id.expect("it was made"));
    server.stop();
    assert_verified(&data);
}

#[test]
fn a_torn_write_is_not_taken_for_a_commit() {
    let folder = scratch();
    let (data, disk) = (folder.path().join("data"), FaultyDisk::build(folder.path()));
    let ledger = Ledger::default();
    let mut instance_id = None;
    for round in 0..5 {
        let server = disk.start(&data);
        let id = *instance_id.get_or_insert_with(|| set_up(&server.admin()));
        ledger.settle(&server.admin(), id);
        ledger.load(&server, id, &format!("r{round}"), 60, || disk.break_it("torn"));
        server.wait();
        disk.mend();
    }
    let server = Server::start(&data);
    ledger.assert_exact(&server, instance_id.expect("it was made"));
    server.stop();
    assert_verified(&data);
}
