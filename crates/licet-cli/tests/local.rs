//! A hosted server and a local one: rights travel in signed files.

mod support;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use licet_store::{
    Administration, AuditRow, InstanceRow, InstanceSettingRow, Site, Store, StoreError,
    sqlite::SqliteStore,
};
use serde_json::{Value, json};
use support::{
    LICET, PASSWORD, Server, assert_verified,
    license_server::{Caller, LicensingKey},
    read,
};
use tempfile::TempDir;
use ureq::http::Method;
use uuid::Uuid;

/// A hosted server with an instance, and a directory for files and local servers.
struct Producer {
    folder: TempDir,
    server: Server,
    admin: Caller,
    instance_id: Uuid,
}

/// A local licence server with a client that may ask it.
struct Local {
    server: Server,
    admin: Caller,
    client: Caller,
    /// Its hostid, as exports name it.
    host: String,
}

impl Producer {
    /// `act-1` is five seats of `render`, `act-2` one of `export`.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is room");
        let server = Server::start(&folder.path().join("hosted"));
        let instance = json!({ "shortName": "main", "accountId": "NORTHWIND" });
        let instance_id = server.admin().create_instance(&read(&instance)).expect("it is new").id;
        let admin = Caller::admin(&server.url);
        let producer = Self { folder, server, admin, instance_id };
        producer.put("act-1", "render", 5);
        producer.put("act-2", "export", 1);
        producer.keys("jwks.json");
        producer
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn line_item(&self, activation_id: &str) -> String {
        let instance =
            format!("{}/operations/api/v1/instances/{}", self.server.url, self.instance_id);
        format!("{instance}/feature-line-items/{activation_id}")
    }

    fn put(&self, activation_id: &str, feature: &str, count: u64) {
        self.admin.ok(Method::PUT, &self.line_item(activation_id), &line_item(feature, count));
    }

    /// Writes the keys that verify what the hosted server signs.
    fn keys(&self, name: &str) {
        let jwks = self.admin.get(&format!("{}/.well-known/jwks.json", self.server.url));
        fs::write(self.path(name), jwks.to_string()).expect("it is written");
    }

    fn run(&self, server: &Server, line: &str) -> Output {
        // Each server has its port.
        let admin = format!("{}.token", server.url.rsplit(':').next().expect("a port"));
        if !line.starts_with("login") && !self.path(&admin).exists() {
            self.ok(server, &format!("login --user admin --save {admin}"));
        }
        let mut command = Command::new(LICET);
        command
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .env("LICET_SERVER", &server.url)
            .env("LICET_INSTANCE", self.instance_id.to_string())
            .env("LICET_PASSWORD", PASSWORD)
            .stdin(Stdio::null());
        if !line.starts_with("login") {
            command.env("LICET_TOKEN_FILE", admin);
        }
        command.output().expect("licet runs")
    }

    fn ok(&self, server: &Server, line: &str) -> String {
        let output = self.run(server, line);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{line}: {error}");
        String::from_utf8(output.stdout).expect("it is text")
    }

    /// Exports to a new file for a local server.
    fn export(&self, local: &Local, file: &str) {
        self.ok(&self.server, &format!("instance export --host-id {} --out {file}", local.host));
    }

    fn import(&self, local: &Local, file: &str) -> Value {
        let told = self.ok(&local.server, &format!("instance import {file} --json"));
        serde_json::from_str(&told).expect("it is JSON")
    }

    /// Why a local server does not take a file.
    fn refused(&self, server: &Server, file: &str) -> String {
        let output = self.run(server, &format!("instance import {file}"));
        assert_eq!(output.status.code(), Some(4), "it is refused");
        String::from_utf8(output.stderr).expect("it is text")
    }

    /// Starts a local server with more variables in its environment.
    fn local(&self, data: &str, environment: &[(&str, &str)]) -> Local {
        let environment = [&[("LICET_LOCAL", "true")], environment].concat();
        let server = Server::start_with(&self.path(data), &environment);
        let admin = Caller::admin(&server.url);
        let key = LicensingKey::new();
        let base = format!("{}/api/1.0/instances/~", server.url);
        key.upload(&admin, &base);
        let hostids = admin.get(&format!("{base}/hostids"));
        let host = hostids["hostids"][0]["value"].as_str().expect("a hostid").to_owned();
        Local { server, admin, client: key.client(), host }
    }

    /// The same, trusting the keys that were written first.
    fn trusting(&self, data: &str) -> Local {
        let jwks = self.path("jwks.json");
        self.local(data, &[("LICET_TRUST", jwks.to_str().expect("a plain path"))])
    }

    /// What a local server that does not start says.
    fn not_started(&self, data: &str, arguments: &str) -> String {
        self.not_served(data, &format!("--local {arguments}"))
    }

    /// What a server that does not start says.
    fn not_served(&self, data: &str, arguments: &str) -> String {
        let output = self.serve(data, arguments).output().expect("licet runs");
        assert_eq!(output.status.code(), Some(2), "it does not start");
        String::from_utf8(output.stderr).expect("it is text")
    }

    /// What a local server says beside its address when it starts.
    fn said_at_start(&self, data: &str, arguments: &str) -> String {
        let mut command = self.serve(data, &format!("--local {arguments}"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("licet runs");
        let out = process.stdout.as_mut().expect("its output is ours");
        BufReader::new(out).lines().next().expect("it starts").expect("it is text");
        process.kill().expect("it runs");
        let output = process.wait_with_output().expect("it ends");
        String::from_utf8(output.stderr).expect("it is text")
    }

    fn serve(&self, data: &str, arguments: &str) -> Command {
        let mut command = Command::new(LICET);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "off", "--data", data])
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .env("LICET_ADMIN_PASSWORD", PASSWORD);
        command
    }
}

fn line_item(feature: &str, count: u64) -> Value {
    json!({ "state": "DEPLOYED", "start": 0, "end": "permanent", "features": [
        { "name": feature, "version": "1.0", "model": "CONCURRENT", "count": count },
    ] })
}

impl Local {
    /// What a host gets of a feature when it asks for so much in place of what it has: the count,
    /// or the code of the refusal.
    fn ask(&self, host: &str, feature: &str, count: u64) -> Result<u64, String> {
        let body = json!({
            "hostId": { "type": "string", "value": host },
            "features": [{ "name": feature, "version": "1.0", "count": count }],
        });
        let address = format!("{}/api/1.0/access_request", self.server.url);
        let answer = self.client.ok(Method::POST, &address, &body);
        match answer["statusList"][0]["code"].as_str() {
            None => Ok(answer["features"][0]["count"].as_u64().expect("it is counted")),
            Some(code) => Err(code.to_owned()),
        }
    }
}

#[test]
fn a_local_server_serves_what_the_hosted_one_signed() {
    let producer = Producer::new();
    let local = producer.trusting("local");
    assert_eq!(local.ask("h1", "render", 1), Err("FEATURE_NOT_FOUND".to_owned()));
    producer.export(&local, "first.rights");
    let imported = producer.import(&local, "first.rights");
    assert_eq!((&imported["lineItems"], &imported["obsolete"]), (&json!(2), &json!(0)));
    assert_eq!(imported["sourceId"], json!(producer.instance_id));
    assert_eq!(local.ask("h1", "render", 4), Ok(4));
    assert_eq!(local.ask("h2", "render", 2), Err("COUNT_INSUFFICIENT".to_owned()));
    assert_eq!(local.ask("h3", "export", 1), Ok(1));

    // A cut arrives with the next file, and what is held stays until it is renewed.
    producer.put("act-1", "render", 2);
    let obsolete = json!({ "state": "OBSOLETE", "start": 0, "end": "permanent", "features": [] });
    producer.admin.ok(Method::PUT, &producer.line_item("act-2"), &obsolete);
    assert_eq!(local.ask("h2", "render", 1), Ok(1), "nothing of it is known here yet");
    producer.export(&local, "second.rights");
    let imported = producer.import(&local, "second.rights");
    assert_eq!((&imported["lineItems"], &imported["obsolete"]), (&json!(1), &json!(1)));
    assert_eq!(local.ask("h4", "render", 1), Err("COUNT_INSUFFICIENT".to_owned()));
    assert_eq!(local.ask("h1", "render", 1), Ok(1));
    assert_eq!(local.ask("h4", "export", 1), Err("FEATURE_NOT_FOUND".to_owned()));

    // What is obsolete may be sold again under its name.
    producer.admin.ok(Method::DELETE, &producer.line_item("act-2"), &Value::Null);
    producer.put("act-2", "export", 3);
    producer.export(&local, "third.rights");
    producer.import(&local, "third.rights");
    assert_eq!(local.ask("h4", "export", 2), Ok(2));
    let again = producer.import(&local, "third.rights");
    assert_eq!(again["obsolete"], 0, "the same file may come again");

    // All of that is kept, and nobody changes it here.
    local.server.stop();
    let local = producer.local("local", &[]);
    assert_eq!(local.ask("h5", "export", 2), Err("COUNT_INSUFFICIENT".to_owned()));
    let instances = local.server.admin().all_instances().expect("they are listed");
    assert_eq!((instances.len(), &*instances[0].account_id), (1, "LOCAL"));
    let instance = format!("{}/operations/api/v1/instances/{}", local.server.url, instances[0].id);
    let address = format!("{instance}/feature-line-items/act-1");
    let more = line_item("render", 500);
    for (method, body) in [(Method::PUT, more), (Method::DELETE, Value::Null)] {
        let (status, problem) = local.admin.send(method, &address, &body.to_string());
        assert_eq!(status, 409);
        assert!(problem.contains("rights_from_document"), "{problem}");
    }
    local.server.stop();
    assert_verified(&producer.path("local"));
}

#[test]
fn what_is_not_for_this_server_is_refused() {
    let producer = Producer::new();
    let local = producer.trusting("local");
    producer.export(&local, "first.rights");
    producer.export(&local, "second.rights");

    let document = fs::read_to_string(producer.path("second.rights")).expect("it is there");
    let mut parts: Vec<&str> = document.trim().split('.').collect();
    let first = fs::read_to_string(producer.path("first.rights")).expect("it is there");
    parts[1] = first.split('.').nth(1).expect("three parts");
    fs::write(producer.path("tampered.rights"), parts.join(".")).expect("it is written");
    let why = producer.refused(&local.server, "tampered.rights");
    assert!(why.contains("changed after it was signed") && why.contains("export"), "{why}");
    fs::write(producer.path("torn.rights"), &document[..document.len() / 2]).expect("written");
    let why = producer.refused(&local.server, "torn.rights");
    assert!(why.contains("no signed document"), "{why}");

    let typo = producer
        .run(&producer.server, "instance export --host-id 02:ab:34/ETHERNET --out typo.rights");
    let why = String::from_utf8(typo.stderr).expect("it is text");
    assert!(why.contains("02:ab:34:cd:56:ef"), "{why}");
    assert!(!producer.path("typo.rights").exists());
    let elsewhere = Local { host: "02:ab:34:cd:56:ef/ethernet".to_owned(), ..local };
    producer.export(&elsewhere, "elsewhere.rights");
    let local = elsewhere;
    let why = producer.refused(&local.server, "elsewhere.rights");
    assert!(
        why.contains("for the host 02AB34CD56EF/ETHERNET") && why.contains("--host-id"),
        "{why}"
    );

    producer.import(&local, "second.rights");
    let why = producer.refused(&local.server, "first.rights");
    assert!(why.contains("rights_outdated") && why.contains("export them again"), "{why}");
    assert_eq!(local.ask("h1", "render", 5), Ok(5), "what was imported stays");

    // A hosted server keeps its rights itself.
    let why = producer.refused(&producer.server, "second.rights");
    assert!(why.contains("licet serve --local"), "{why}");
    producer.server.stop();
    let why = producer.not_started("hosted", "");
    assert!(why.contains("instances of a hosted server"), "{why}");
}

#[test]
fn another_producer_is_not_trusted_and_another_instance_is_not_taken() {
    let (producer, other) = (Producer::new(), Producer::new());
    let local = producer.trusting("local");
    producer.export(&local, "rights");
    producer.import(&local, "rights");
    other.export(&local, "rights");
    let forged = other.path("rights");
    let forged = forged.to_str().expect("a plain path");
    let why = producer.refused(&local.server, forged);
    assert!(why.contains("untrusted_rights") && why.contains("--trust FILE"), "{why}");

    // Even if it is trusted, it is not the instance that this server serves.
    local.server.stop();
    let jwks = other.path("jwks.json");
    let jwks = jwks.to_str().expect("a plain path");
    let local = producer.local("local", &[("LICET_TRUST", jwks), ("LICET_RIGHTS", forged)]);
    assert_eq!(local.ask("h1", "render", 5), Ok(5), "it goes on with what it has");
    let why = producer.refused(&local.server, forged);
    assert!(why.contains("rights of the instance") && why.contains("empty store"), "{why}");
    let why = producer.not_started("new", &format!("--trust jwks.json --rights {forged}"));
    assert!(why.contains("not trusted"), "{why}");

    // Without anybody to trust nothing is taken.
    let naive = producer.local("naive", &[]);
    let why = producer.refused(&naive.server, "rights");
    assert!(why.contains("start it with --trust FILE"), "{why}");
    naive.server.stop();
    let why = producer.not_started("naive", "--trust rights");
    assert!(why.contains("--trust rights") && why.contains("jwks.json"), "{why}");
    let why = producer.not_started("naive", "--rights nothing.rights");
    assert!(why.contains("nothing.rights"), "{why}");
}

#[test]
fn new_keys_come_with_the_files_and_a_start_brings_nothing_old_back() {
    let producer = Producer::new();
    let (local, late) = (producer.trusting("local"), producer.trusting("late"));
    producer.export(&local, "first.rights");
    producer.import(&local, "first.rights");
    let kid = first_kid(&producer);
    producer.ok(&producer.server, "signing-key rotate --activate-after 1h");
    // Still signed with the first key, this one brings the second.
    producer.export(&local, "second.rights");
    producer.import(&local, "second.rights");
    producer.ok(&producer.server, &format!("signing-key delete {kid}"));
    producer.put("act-1", "render", 7);
    producer.export(&local, "third.rights");
    producer.import(&local, "third.rights");
    assert_eq!(local.ask("h1", "render", 7), Ok(7));

    // Started with the file and the keys that it was first given, it keeps what it has.
    local.server.stop();
    let [jwks, first] = ["jwks.json", "first.rights"].map(|name| producer.path(name));
    let [jwks, first] = [&jwks, &first].map(|path| path.to_str().expect("a plain path"));
    let local = producer.local("local", &[("LICET_TRUST", jwks), ("LICET_RIGHTS", first)]);
    assert_eq!(local.ask("h1", "render", 7), Ok(7));
    producer.import(&local, "third.rights");

    // Whoever took no file meanwhile has to be told of the key.
    producer.export(&late, "late.rights");
    let why = producer.refused(&late.server, "late.rights");
    assert!(why.contains("untrusted_rights") && why.contains("jwks.json"), "{why}");
    late.server.stop();
    let export = format!("instance export --host-id {} --out again.rights", late.host);
    producer.ok(&producer.server, &format!("{export} --jwks-out new.json"));
    let [jwks, rights] = ["new.json", "late.rights"].map(|name| producer.path(name));
    let [jwks, rights] = [&jwks, &rights].map(|path| path.to_str().expect("a plain path"));
    let late = producer.local("late", &[("LICET_TRUST", jwks), ("LICET_RIGHTS", rights)]);
    assert_eq!(late.ask("h1", "render", 7), Ok(7));
}

#[test]
fn a_local_store_has_one_instance_and_stays_local() {
    let producer = Producer::new();
    let local = producer.trusting("local");
    let second = "instance create second --account B";
    let output = producer.run(&local.server, second);
    let why = String::from_utf8(output.stderr).expect("it is text");
    assert_eq!(output.status.code(), Some(4), "{why}");
    assert!(why.contains("409") && why.contains("the one instance ~"), "{why}");
    local.server.stop();

    // Whoever starts it without --local could put line items into it.
    let why = producer.not_served("local", "");
    assert!(why.contains("--data local") && why.contains("add --local"), "{why}");
    let local = producer.local("local", &[]);
    producer.export(&local, "rights");
    producer.import(&local, "rights");
    assert_eq!(local.ask("h1", "render", 5), Ok(5));
    local.server.stop();

    // Nor does an instance that looks like that of a local server make a store local.
    let look_alike = "instance create local --account LOCAL";
    let hosted = Server::start(&producer.path("look-alike"));
    producer.ok(&hosted, look_alike);
    hosted.stop();
    let why = producer.not_started("look-alike", "");
    assert!(why.contains("instances of a hosted server"), "{why}");
}

#[test]
fn a_local_store_of_before_with_a_second_instance_starts_again() {
    let producer = Producer::new();
    let jwks = fs::read_to_string(producer.path("jwks.json")).expect("it is there");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(without_a_mark(&producer.path("local"), jwks)).expect("it is stored");

    let local = producer.local("local", &[]);
    producer.export(&local, "rights");
    producer.import(&local, "rights");
    assert_eq!(local.ask("h1", "render", 5), Ok(5));
    local.server.stop();
    let why = producer.not_served("local", "");
    assert!(why.contains("add --local"), "{why}");
}

/// A store as local servers left it when they did not mark it yet and took a second instance.
async fn without_a_mark(directory: &Path, jwks: String) -> Result<(), StoreError> {
    let store = SqliteStore::open(directory)?;
    let instance = |number, short_name: &str, account_id: &str| InstanceRow {
        id: Uuid::from_u128(number),
        short_name: short_name.to_owned(),
        account_id: account_id.to_owned(),
        is_default: true,
        created_ms: 0,
        modified_ms: 0,
    };
    store.create_instance(instance(1, "local", "LOCAL"), AuditRow::default()).await?;
    store.create_instance(instance(2, "second", "B"), AuditRow::default()).await?;
    let trust = InstanceSettingRow {
        instance_id: Uuid::from_u128(1),
        name: "rights.trust".to_owned(),
        value: jwks,
        modified_ms: 0,
        updated_by: "licet".to_owned(),
    };
    store.put_instance_settings(vec![trust], AuditRow::default()).await?;
    store.close().await
}

#[test]
fn a_local_server_that_trusts_nobody_says_so() {
    let producer = Producer::new();
    let said = producer.said_at_start("local", "");
    assert!(said.contains("no rights") && said.contains("--trust FILE"), "{said}");
    assert_eq!(producer.said_at_start("local", "--trust jwks.json"), "");
    assert_eq!(producer.said_at_start("local", ""), "", "it is kept");
}

/// The key that signs.
fn first_kid(producer: &Producer) -> String {
    let keys = producer.ok(&producer.server, "signing-key list --json");
    let keys: Value = serde_json::from_str(&keys).expect("it is JSON");
    keys[0]["kid"].as_str().expect("it has an id").to_owned()
}
