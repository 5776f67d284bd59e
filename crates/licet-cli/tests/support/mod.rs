//! A real server as a process of its own, and what a test asks of it.

#![allow(dead_code, unreachable_pub, reason = "every test takes what it needs of this")]

pub mod checker;
pub mod ledger;
pub mod license_server;

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use licet_client::{AccessOptions, Client, Error};
use licet_protocol::{AccessAnswer, AccessRequest, AuthorizeRequest};
use licet_scratch::ScratchSchema;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

pub const LICET: &str = env!("CARGO_BIN_EXE_licet");
pub const PASSWORD: &str = "crash-tests-2026";

/// Where a store is, as the command line says it.
pub struct Place([String; 2]);

impl Place {
    pub fn database(url: impl Into<String>) -> Self {
        Self(["--database".to_owned(), url.into()])
    }
}

impl From<&Path> for Place {
    fn from(directory: &Path) -> Self {
        Self(["--data".to_owned(), directory.to_str().expect("a plain path").to_owned()])
    }
}

impl From<&PathBuf> for Place {
    fn from(directory: &PathBuf) -> Self {
        directory.as_path().into()
    }
}

impl From<&ScratchSchema> for Place {
    fn from(schema: &ScratchSchema) -> Self {
        Self::database(schema.url())
    }
}

/// A `licet serve` that is killed when it is dropped.
pub struct Server {
    process: Mutex<Child>,
    pub url: String,
}

impl Server {
    pub fn start(place: impl Into<Place>) -> Self {
        Self::start_with(place, &[])
    }

    /// With variables in its environment.
    pub fn start_with(place: impl Into<Place>, environment: &[(&str, &str)]) -> Self {
        let mut process = Command::new(LICET)
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "off"])
            .args(place.into().0)
            .env("LICET_ADMIN_PASSWORD", PASSWORD)
            // Of servers on databases; a test leaves nothing behind with whoever runs it.
            .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .env_remove("STATE_DIRECTORY")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let out = process.stdout.take().expect("its output is ours");
        let line = BufReader::new(out).lines().next().expect("it says where it is");
        let line = line.expect("it is text");
        let (_, url) = line.split_once(" at ").expect("it says where it is");
        Self { process: Mutex::new(process), url: url.to_owned() }
    }

    /// The way of a pulled plug.
    pub fn kill(&self) {
        self.signal("-KILL");
    }

    /// Asks it to end, and does not wait.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    fn process(&self) -> MutexGuard<'_, Child> {
        self.process.lock().expect("no panic")
    }

    fn signal(&self, signal: &str) {
        let pid = self.process().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill runs").success());
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(&self) {
        self.signal("-TERM");
        assert!(self.wait().success(), "it ends well");
    }

    /// Waits until it has ended by itself; the signal or code it ended with.
    pub fn wait(&self) -> ExitStatus {
        self.process().wait().expect("it ends")
    }

    pub fn admin(&self) -> Client {
        let log_in: AuthorizeRequest = read(&json!({ "user": "admin", "password": PASSWORD }));
        let client = Client::new(&self.url).expect("an address");
        let token = client.authorize(&log_in).expect("admin logs in").token;
        // A test tells failures apart itself, so nothing is sent twice behind its back.
        client.with_token(token).with_attempts(1, Duration::ZERO)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process().kill();
        let _ = self.process().wait();
    }
}

pub fn read<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_str(&value.to_string()).expect("the test's own JSON is right")
}

/// An instance with a line item of a billion tokens, and the price of `Render`: 2.
pub fn set_up(client: &Client) -> Uuid {
    set_up_with(client, 1_000_000_000)
}

/// The same with so many tokens.
pub fn set_up_with(client: &Client, quantity: i64) -> Uuid {
    let table = json!({ "version": "1", "effectiveFrom": 0,
        "items": [{ "name": "Render", "version": "", "rate": 2 }] });
    client.post_rate_table(&read(&table)).expect("the table is new");
    let instance = json!({ "shortName": "main", "accountId": "NORTHWIND" });
    let instance_id = client.create_instance(&read(&instance)).expect("it is new").id;
    let line_item = json!({ "activationId": "L1", "state": "DEPLOYED",
        "quantity": quantity, "start": 0, "end": 253_402_300_799_999_i64,
        "attributes": { "elastic": true } });
    client.put_line_item(instance_id, &read(&line_item)).expect("it is right");
    instance_id
}

/// One access request under a key.
pub fn access(client: &Client, instance_id: Uuid, key: &str) -> Result<AccessAnswer, Error> {
    let request: AccessRequest = read(&json!({
        "requester": { "type": "user", "value": key },
        "requestedItems": [{ "item": "Render", "version": "", "count": 1 }],
    }));
    let options = AccessOptions { preview: false, idempotency_key: Some(key.to_owned()) };
    client.request_access(instance_id, &request, &options)
}

/// Runs `licet verify` and expects that all agrees.
pub fn assert_verified(place: impl Into<Place>) {
    let output = Command::new(LICET).arg("verify").args(place.into().0).output();
    let output = output.expect("verify runs");
    let (said, wrong) = (output.stdout, output.stderr);
    let text = [said, wrong].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{text}");
}
