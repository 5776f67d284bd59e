//! Signing keys from the command line, and what becomes of them with and without the master key.

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use licet_scratch::ScratchSchema;
use serde_json::Value;
use support::{LICET, PASSWORD, Place, Server};
use tempfile::TempDir;

/// A directory to work in, with a token of `admin` when somebody logged in.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("there is room"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, server: &str, line: &str) -> Output {
        let mut command = Command::new(LICET);
        command
            .args(line.split_whitespace())
            .current_dir(self.0.path())
            .env("LICET_SERVER", server)
            .env("LICET_TOKEN_FILE", "token")
            .env("LICET_PASSWORD", PASSWORD)
            .env("XDG_STATE_HOME", self.path("state"))
            .env_remove("STATE_DIRECTORY")
            .stdin(Stdio::null());
        command.output().expect("licet runs")
    }

    /// What a command that succeeds writes.
    fn ok(&self, server: &str, line: &str) -> String {
        let output = self.run(server, line);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{line}: {error}");
        String::from_utf8(output.stdout).expect("it is text")
    }

    /// Ids and states of the keys.
    fn keys(&self, server: &str) -> Vec<(String, String)> {
        self.ok(server, "login --user admin --save token");
        let text = self.ok(server, "signing-key list --json");
        let keys: Vec<Value> = serde_json::from_str(&text).expect("it is JSON");
        let field = |key: &Value, name: &str| key[name].as_str().unwrap_or_default().to_owned();
        keys.iter().map(|key| (field(key, "kid"), field(key, "state"))).collect()
    }

    /// Why a server does not start.
    fn refused(&self, arguments: &str, environment: &[(&str, &str)]) -> String {
        let mut command = Command::new(LICET);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "off"])
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .env("LICET_ADMIN_PASSWORD", PASSWORD)
            .env("XDG_STATE_HOME", self.path("state"))
            .env_remove("STATE_DIRECTORY")
            .envs(environment.iter().copied());
        let output = command.output().expect("licet runs");
        assert!(!output.status.success(), "it starts");
        String::from_utf8(output.stderr).expect("it is text")
    }
}

#[test]
fn keys_are_rotated_and_ended() {
    let desk = Desk::new();
    let server = Server::start(&desk.path("data"));
    let first = desk.keys(&server.url);
    assert_eq!(first.len(), 1);
    let rotated =
        desk.ok(&server.url, "signing-key rotate --activate-after 1h --overlap 2h --json");
    let rotated: Value = serde_json::from_str(&rotated).expect("it is JSON");
    assert_eq!(rotated["state"], "PENDING");
    let old = &first[0].0;
    let table = desk.ok(&server.url, "signing-key list");
    assert!(table.contains(old) && table.contains("PENDING"), "{table}");
    desk.ok(&server.url, &format!("signing-key delete {old}"));
    let kid = rotated["kid"].as_str().expect("it has an id").to_owned();
    assert_eq!(desk.keys(&server.url), [(kid, "SIGNING".to_owned())]);
    desk.ok(&server.url, "signing-key rotate --algorithm RS256");
    assert_eq!(desk.keys(&server.url).len(), 2);
    let unknown = desk.run(&server.url, "signing-key rotate --algorithm HS256");
    assert_eq!(unknown.status.code(), Some(2));
}

#[cfg(unix)]
#[test]
fn the_master_key_is_made_once_and_private() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    let data = desk.path("data");
    let server = Server::start(&data);
    let keys = desk.keys(&server.url);
    server.stop();
    let file = data.join("master.key");
    let mode = fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("it is ours");
    let why = desk.refused("--data data", &[]);
    assert!(why.contains("chmod 600 data/master.key"), "{why}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).expect("it is ours");
    let server = Server::start(&data);
    assert_eq!(desk.keys(&server.url), keys);
}

#[test]
fn a_restored_server_signs_with_the_master_key_alone() {
    let desk = Desk::new();
    let server = Server::start(&desk.path("data"));
    let keys = desk.keys(&server.url);
    let backup = desk.run(&server.url, "backup copy --data data");
    let said = String::from_utf8_lossy(&backup.stderr).into_owned();
    assert!(backup.status.success() && said.contains("master.key"), "{said}");
    server.stop();
    assert!(!desk.path("copy/master.key").exists());
    desk.ok("", "restore copy --data restored");

    let why = desk.refused("--data restored", &[]);
    for part in ["not at restored/master.key", "--master-key FILE", "signing-key reset"] {
        assert!(why.contains(part), "{why}");
    }
    assert!(!desk.path("restored/master.key").exists(), "none is made in its place");
    let other = [("LICET_MASTER_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")];
    let why = desk.refused("--data restored", &other);
    assert!(why.contains(&keys[0].0) && why.contains("another master key"), "{why}");
    let both = [("LICET_MASTER_KEY_FILE", "data/master.key"), other[0]];
    let why = desk.refused("--data restored", &both);
    assert!(why.contains("give one"), "{why}");

    let text = fs::read_to_string(desk.path("data/master.key")).expect("it is there");
    let given = [("LICET_MASTER_KEY", text.as_str())];
    let server = Server::start_with(&desk.path("restored"), &given);
    assert_eq!(desk.keys(&server.url), keys);
    server.stop();
    fs::copy(desk.path("data/master.key"), desk.path("restored/master.key"))
        .expect("there is room");
    let server = Server::start(&desk.path("restored"));
    assert_eq!(desk.keys(&server.url), keys);
}

#[test]
fn without_the_master_key_new_keys_are_made_and_the_old_ones_stay_published() {
    let desk = Desk::new();
    let server = Server::start(&desk.path("data"));
    let old = desk.keys(&server.url).remove(0).0;
    let busy = desk.run("", "signing-key reset --data data");
    assert!(String::from_utf8_lossy(&busy.stderr).contains("is in use"));
    server.stop();
    fs::remove_file(desk.path("data/master.key")).expect("it is there");
    desk.refused("--data data", &[]);
    desk.ok("", "signing-key reset --data data");
    assert_eq!(desk.run("", "signing-key reset --data nothing").status.code(), Some(2));
    let server = Server::start(&desk.path("data"));
    let keys = desk.keys(&server.url);
    assert_eq!(keys.len(), 2);
    assert!(keys.contains(&(old.clone(), "RETIRED".to_owned())), "{keys:?}");
    assert!(keys.iter().any(|(kid, state)| *kid != old && state == "SIGNING"), "{keys:?}");
    let log = desk.ok(&server.url, "audit list --json");
    assert!(log.contains("signing-key.reset"), "{log}");
}

#[test]
fn servers_on_one_database_share_the_master_key() {
    let Some(schema) = ScratchSchema::new() else { return };
    let desk = Desk::new();
    let state = desk.path("state");
    let state = [("XDG_STATE_HOME", state.to_str().expect("a plain path"))];
    let one = Server::start_with(&schema, &state);
    assert!(desk.path("state/licet/master.key").is_file());
    let keys = desk.keys(&one.url);
    let other = Server::start_with(&schema, &state);
    assert_eq!(desk.keys(&other.url), keys);

    // On another computer the file is not there yet.
    let elsewhere = desk.path("elsewhere");
    let elsewhere = [("XDG_STATE_HOME", elsewhere.to_str().expect("a plain path"))];
    let why = desk.refused(&format!("--database {}", schema.url()), &elsewhere);
    assert!(why.contains("put the file master.key of the server that made them there"), "{why}");
    assert!(why.contains(&*Path::new("elsewhere/licet/master.key").to_string_lossy()), "{why}");
    let third = Server::start_with(Place::database(schema.url()), &state);
    assert_eq!(desk.keys(&third.url), keys);
}
