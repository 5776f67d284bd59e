//! Every command against a real server.

mod support;

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Output, Stdio},
};

use serde_json::Value;
use support::{LICET, PASSWORD, Server};
use tempfile::TempDir;

/// A server with a price list and an instance, and a directory to work in.
struct Site {
    server: Server,
    directory: TempDir,
    instance: String,
}

impl Site {
    /// `Render` 2.0 costs 7, `Denoise` 0.25; `L1` holds 100 tokens, 50 of them for engineering.
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("there is room");
        let server = Server::start(&directory.path().join("data"));
        let mut site = Self { server, directory, instance: String::new() };
        site.ok(&["login", "--user", "admin", "--save", "token"]);
        let created = site.json(&["instance", "create", "main", "--account", "NORTHWIND"]);
        site.instance = created["id"].as_str().expect("it has an id").to_owned();
        site.write("prices.csv", "name,version,rate\nRender,2.0,7\nDenoise,,0.25\n");
        let post = "rate-table post prices.csv --series Studio --version 1";
        site.ok(&words(&format!("{post} --effective-from 2020-01-01")));
        let put = "line-item put --activation-id L1 --quantity 100 --start 2020-01-01";
        site.ok(&words(&format!("{put} --end permanent --series Studio")));
        site
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(LICET);
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env("LICET_SERVER", &self.server.url)
            .env("LICET_TOKEN_FILE", "token")
            .env("LICET_PASSWORD", PASSWORD)
            .env("USER", "tester")
            .env("LICET_INSTANCE", &self.instance)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("licet runs")
    }

    /// What a command that succeeds writes.
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).expect("it is text")
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let text = self.ok(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    /// Exit code and error of a command that fails.
    fn fails(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap_or(-1), error)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.path().join(name), text).expect("it is written");
    }

    fn sessions(&self) -> usize {
        self.json(&["session", "list"]).as_array().map_or(0, Vec::len)
    }

    fn used(&self) -> String {
        self.json(&["line-item", "show", "L1"])["used"].to_string()
    }
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[test]
fn access_is_charged_once_and_denied_with_one() {
    let site = Site::new();
    let access = "access --item Render:2.0 --count 2 --requester user:ada";
    let answer = site.json(&words(&format!("{access} --preview")));
    assert_eq!(answer["requestedItems"][0]["totalTokensCharged"], 14);
    assert_eq!(answer.get("correlationId"), None);
    assert_eq!(site.used(), "0");
    for _ in 0..2 {
        site.ok(&words(&format!("{access} --idempotency-key k1")));
    }
    assert_eq!(site.used(), "14");
    let (code, error) = site.fails(&words("access --item Render:2.0 --idempotency-key k1"));
    assert_eq!(code, 4, "{error}");
    let denied = site.run(&words("access --item Render:2.0 --count 100"));
    assert_eq!(denied.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&denied.stdout).contains("1306"));
    let old = site.run(&words("access --api-version v1.0 --item Nothing"));
    assert!(String::from_utf8_lossy(&old.stdout).contains("201"));
    let both = site.ok(&words("access --item Render:2.0 --item Denoise --count 0.5"));
    assert!(both.contains("3.5") && both.contains("0.125"), "{both}");
}

#[test]
fn rules_of_access_decide_by_the_dictionary() {
    let site = Site::new();
    let put = site.json(&words("condition put --name Eng --key department --in eng,research"));
    let condition = put[0]["id"].as_str().expect("it has an id");
    let actions = format!(
        r#"[{{"name":"Eng","conditionId":"{condition}","action":"ALLOW","allocation":50}},
            {{"name":"Everyone else","action":"DENY"}}]"#
    );
    site.write("actions.json", &actions);
    site.ok(&words("action put --line-item L1 --file actions.json"));
    site.ok(&words("access --item Render:2.0 --dictionary department=eng"));
    assert_eq!(site.run(&words("access --item Render:2.0")).status.code(), Some(1));
    let listed = site.json(&words("action list"));
    assert_eq!(listed[0]["actions"][0]["used"], 7);
    let (code, error) = site.fails(&["condition", "delete", condition]);
    assert_eq!(code, 4, "{error}");
    site.ok(&words("action delete --line-item L1"));
    site.ok(&["condition", "delete", condition]);
    assert!(site.ok(&words("condition list")).starts_with("ID"));
}

#[test]
fn keys_sign_tokens_that_are_accepted_until_the_key_goes() {
    let site = Site::new();
    for (name, algorithm) in [("one", "ed25519"), ("two", "es256"), ("three", "rs256")] {
        site.ok(&["key", "new", name, "--algorithm", algorithm]);
        site.ok(&["key", "upload", &format!("{name}.public.pem"), "--id", name]);
        let mint =
            format!("token mint --key {name}.private.pem --kid {name} --ttl 1h --save {name}");
        site.ok(&[words(&mint), vec!["--instance", &site.instance]].concat());
        site.ok(&["access", "--item", "Denoise", "--token-file", name]);
        let (code, error) = site.fails(&["instance", "list", "--token-file", name]);
        assert_eq!(code, 4, "a client's token lists no instances: {error}");
    }
    assert_eq!(site.json(&words("key list")).as_array().map(Vec::len), Some(3));
    site.ok(&words("key delete one"));
    let (code, error) = site.fails(&words("access --item Denoise --token-file one"));
    assert_eq!(code, 4, "{error}");
    let (code, error) = site.fails(&words("key upload two.private.pem --id two"));
    assert_eq!(code, 2, "{error}");
    let (code, error) = site.fails(&words("key new two"));
    assert_eq!(code, 2, "{error}");
}

#[test]
fn what_is_put_can_be_listed_and_deleted() {
    let site = Site::new();
    let shown = site.json(&["instance", "show", &site.instance]);
    assert_eq!(site.json(&["instance", "show"]), shown, "LICET_INSTANCE names it as well");
    let listed = site.json(&words("instance list"));
    let default = site.json(&words("instance list --default-of NORTHWIND"));
    assert_eq!(listed[0], shown);
    assert_eq!(default[0], shown);
    let put = "line-item put --activation-id L/2 --quantity 5 --start now --end 2099-12-31";
    let more = "--overdraft unlimited --reset monthly";
    site.ok(&words(&format!("{put} {more}")));
    site.ok(&words(&format!("{put} --state obsolete")));
    let items = site.json(&words("line-item list"));
    assert_eq!(items.as_array().map(Vec::len), Some(2));
    assert_eq!(site.json(&words("line-item show L/2"))["state"], "OBSOLETE");
    site.ok(&words("line-item delete L/2"));
    assert_eq!(site.fails(&words("line-item show L/2")).0, 4);
    assert_eq!(site.fails(&words("line-item delete L1")).0, 4);
    let post = "rate-table post prices.csv --series Studio";
    site.ok(&words(&format!("{post} --version 2 --effective-from 2099-01-01")));
    let (code, error) =
        site.fails(&words(&format!("{post} --version 2 --effective-from 2099-01-01")));
    assert_eq!(code, 4, "{error}");
    assert!(site.ok(&words("rate-table list")).contains("future"));
    site.ok(&words("rate-table delete --series Studio --version 2"));
    assert_eq!(site.fails(&words("rate-table delete --series Studio --version 1")).0, 4);
    site.ok(&words("config set session.charge.period PT30M"));
    assert!(site.ok(&words("config list")).contains("PT30M"));
    assert_eq!(site.fails(&words("config set session.charge.period PT1M")).0, 4);
}

#[test]
fn users_log_in_with_the_password_that_was_set() {
    let site = Site::new();
    site.ok(&words("user create grace --role CUSTOMER_ADMINISTRATOR --account NORTHWIND"));
    assert!(site.ok(&words("user list")).contains("grace"));
    let mut set = site.command(&words("user password grace --password-stdin"));
    let mut set = set.stdin(Stdio::piped()).spawn().expect("licet runs");
    let mut stdin = set.stdin.take().expect("it is ours");
    stdin.write_all(b"another-long-one-2026\n").expect("it is written");
    drop(stdin);
    assert!(set.wait().expect("it ends").success());
    assert_eq!(site.fails(&words("login --user grace")).0, 4);
    let login = site
        .command(&words("login --user grace --json"))
        .env("LICET_PASSWORD", "another-long-one-2026")
        .output()
        .expect("licet runs");
    let answer: Value = serde_json::from_slice(&login.stdout).expect("it is JSON");
    let token = answer["token"].as_str().expect("there is a token");
    site.ok(&["line-item", "list", "--token", token]);
    assert_eq!(site.fails(&["rate-table", "list", "--token", token]).0, 4);
    site.ok(&words("user delete grace"));
    assert_eq!(site.fails(&["line-item", "list", "--token", token]).0, 4);
    let audit = site.ok(&words("audit list --limit 1"));
    assert!(audit.contains("user.delete"), "{audit}");
}

#[test]
fn usage_is_reported_in_every_form() {
    let site = Site::new();
    site.ok(&words("access --item Render:2.0 --requester user:ada --meta-data {\"a\":1}"));
    assert_eq!(
        site.run(&words("access --item Nothing --requester user:bob")).status.code(),
        Some(1)
    );
    let rows = site.json(&words("usage export --last 1d"));
    assert_eq!(rows.as_array().map(Vec::len), Some(2));
    assert_eq!(rows[0]["metaData"]["a"], 1);
    let of_ada = site.json(&words("usage export --consumer ada"));
    assert_eq!(of_ada.as_array().map(Vec::len), Some(1));
    site.ok(&words("usage export --csv --output usage.csv"));
    let csv = std::fs::read_to_string(site.directory.path().join("usage.csv"));
    let csv = csv.expect("it is there");
    assert_eq!(csv.lines().count(), 3);
    assert!(csv.contains("\"{\"\"a\"\":1}\""), "{csv}");
    assert!(site.ok(&words("usage export --to 2020-12-31")).starts_with("TIME"));
    let overview = site.json(&words("usage report --time-zone Europe/Berlin"));
    assert_eq!(
        (&overview["timeZone"], overview["data"].as_array().map(Vec::len)),
        (&"Europe/Berlin".into(), Some(1))
    );
    let this_year = &overview["data"][0]["yearToDate"];
    assert_eq!((&this_year["tokens"], &this_year["granted"]), (&7.into(), &1.into()), "{overview}");
    assert_eq!(overview["data"][0]["lastYear"]["peak"], Value::Null);
    assert!(site.ok(&words("usage report")).starts_with("METER"));
    let months = site.ok(&words("usage report --period month --from 2020-01-01 --csv"));
    assert!(months.starts_with("meter,period,from,to,"), "{months}");
    let days = site.ok(&words("usage report --period year --time-zone Europe/Berlin --csv"));
    assert!(days.contains("-01-01T00:00:00+01:00,"), "{days}");
    let days = site.ok(&words("usage report --time-zone Europe/Berlin"));
    assert!(days.contains("-01-01 ") && !days.contains("T23:00"), "{days}");
    let (code, error) = site.fails(&words("usage report --time-zone Mars/Olympus"));
    assert!(code == 4 && error.contains("Europe/Berlin"), "{code} {error}");
    for command in ["report --period day", "export", "summary"] {
        let line = format!("usage {command} --from 2026-01-02 --to 2026-01-01");
        let (code, error) = site.fails(&words(&line));
        assert!(code == 2 && error.contains("--from is after --to"), "{line}: {code} {error}");
    }
    for (named, note) in [
        ("--meter Rendr", "no use of the meter Rendr in this time; `licet usage report` without"),
        ("--account NORTHWEND", "no use by the account NORTHWEND in this time;"),
        ("--meter Render --account NORTHWIND", ""),
    ] {
        let output = site.run(&words(&format!("usage report {named}")));
        let said = String::from_utf8(output.stderr).expect("it is text");
        assert!(output.stdout.starts_with(b"METER") && said.contains(note), "{named}: {said}");
        assert_eq!(said.is_empty(), note.is_empty(), "{named}: {said}");
    }
    let sums = site.json(&words("usage summary --by hour"));
    let charged: f64 = sums["data"]
        .as_array()
        .map_or(0.0, |rows| rows.iter().filter_map(|row| row["tokensCharged"].as_f64()).sum());
    assert!((charged - 7.0).abs() < f64::EPSILON, "{sums}");
}

#[test]
fn a_program_runs_in_a_session_and_its_code_comes_back() {
    let site = Site::new();
    let script = "echo $LICET_SESSION_ID; exit 7";
    let output = site.run(&["run", "--item", "Render:2.0", "--", "sh", "-c", script]);
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim().len(), 36);
    assert_eq!(site.sessions(), 0);
    let items = ["run", "--item", "Render:2.0", "--count", "100", "--", "sh", "-c", script];
    let denied = site.run(&items);
    assert_eq!(denied.status.code(), Some(1));
    assert!(denied.stdout.is_empty());
    assert_eq!(site.sessions(), 0);
    let (code, error) = site.fails(&["run", "--item", "Render:2.0", "--", "./no-such-program"]);
    assert_eq!(code, 127, "{error}");
    assert_eq!(site.sessions(), 0);
}

/// Starts a program that says when it runs, answers `TERM` with code 9, and ends with code 1 when
/// its input does.
fn start_waiting(site: &Site) -> (Child, ChildStdin) {
    let script = "trap 'exit 9' TERM; echo ready; read line";
    let mut command = site.command(&["run", "--item", "Render:2.0", "--", "sh", "-c", script]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = command.spawn().expect("licet runs");
    let mut line = String::new();
    let stdout = running.stdout.take().expect("it is ours");
    BufReader::new(stdout).read_line(&mut line).expect("it is text");
    assert_eq!(line, "ready\n");
    // Waiting for a child closes its input unless somebody else has it.
    let stdin = running.stdin.take().expect("it is ours");
    (running, stdin)
}

fn signal(process: &Child, signal: &str) {
    let pid = process.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().expect("kill runs").success());
}

#[test]
fn a_signal_is_handed_on_and_the_session_closed() {
    let site = Site::new();
    let (mut running, _stdin) = start_waiting(&site);
    assert_eq!(site.sessions(), 1);
    let shown = site.json(&["session", "list"]);
    let id = shown[0]["sessionId"].as_str().expect("it has an id").to_owned();
    assert_eq!(site.json(&["session", "show", &id])["items"][0]["item"], "Render");
    // From a terminal, the program gets this one by itself.
    signal(&running, "-INT");
    signal(&running, "-TERM");
    assert_eq!(running.wait().expect("it ends").code(), Some(9));
    assert_eq!(site.sessions(), 0);
}

#[test]
fn sessions_can_be_closed_from_outside() {
    let site = Site::new();
    let (mut running, stdin) = start_waiting(&site);
    let id = site.json(&["session", "list"])[0]["sessionId"].as_str().map(str::to_owned);
    site.ok(&["session", "close", &id.expect("it has an id")]);
    assert_eq!(site.sessions(), 0);
    drop(stdin);
    assert_eq!(running.wait().expect("it ends").code(), Some(1), "read met the end of its input");
}

#[test]
fn a_backup_of_a_running_server_can_be_restored() {
    let site = Site::new();
    site.ok(&words("access --item Render:2.0"));
    site.ok(&words("backup copy --data data"));
    site.ok(&words("restore copy --data restored"));
    assert_eq!(site.fails(&words("restore copy --data restored")).0, 2);
    support::assert_verified(&site.directory.path().join("restored"));
    let place = |name: &str| site.directory.path().join(name);
    std::fs::copy(place("data/master.key"), place("restored/master.key")).expect("there is room");
    let server = Server::start(&place("restored"));
    let arguments = ["line-item", "show", "L1", "--json", "--server", &server.url];
    assert!(site.ok(&arguments).contains("\"used\": 7"));
}

#[test]
fn a_lost_password_is_set_in_the_stopped_store() {
    let site = Site::new();
    let reset = "user reset-password admin --data data";
    let (code, error) = site.fails(&words(reset));
    assert_eq!(code, 4, "{error}");
    assert!(error.contains("--data data: the data directory is in use by another"), "{error}");
    let Site { server, directory, instance } = site;
    server.stop();
    let run = |line: &str| {
        let mut command = Command::new(LICET);
        command.args(words(line)).current_dir(directory.path()).stdin(Stdio::null());
        command.env("LICET_PASSWORD", "a-new-long-one-2026").output().expect("licet runs")
    };
    assert!(run(reset).status.success());
    let unknown = run("user reset-password nobody --data data");
    assert_eq!(unknown.status.code(), Some(4));
    assert_eq!(run("user reset-password admin --data nothing").status.code(), Some(2));
    let site = Site { server: Server::start(&directory.path().join("data")), directory, instance };
    let (code, _) = site.fails(&words("login --user admin"));
    assert_eq!(code, 4, "the old password is gone");
    assert_eq!(site.fails(&words("instance list")).0, 4, "and so are its tokens");
    let login = site
        .command(&words("login --user admin --save token"))
        .env("LICET_PASSWORD", "a-new-long-one-2026")
        .status();
    assert!(login.expect("licet runs").success());
    assert!(site.ok(&words("audit list")).contains("user.update"));
}

#[test]
fn what_is_not_given_stays_on_a_line_item() {
    let site = Site::new();
    let put = "line-item put --activation-id L2 --start 2020-01-01 --end permanent";
    let more = "--series Studio --overdraft 5 --reset monthly";
    site.ok(&words(&format!("{put} --quantity 10 {more}")));
    site.ok(&words(&format!("{put} --quantity 10 --state inactive")));
    let before = site.json(&words("line-item show L2"));
    assert_eq!(before["state"], "INACTIVE");
    assert_eq!(before["attributes"]["overdraftLimit"], 5);
    site.ok(&words(&format!("{put} --quantity 20")));
    let after = site.json(&words("line-item show L2"));
    assert_eq!(after["quantity"], 20);
    assert_eq!((&after["attributes"], &after["state"]), (&before["attributes"], &before["state"]));
    site.ok(&words(&format!("{put} --quantity 20 --overdraft none --reset none --state deployed")));
    let attributes = &site.json(&words("line-item show L2"))["attributes"];
    assert_eq!(attributes.get("overdraftLimit"), None);
    assert_eq!(attributes.get("resetFrequency"), None);
    assert_eq!(attributes["rateTableSeries"], "Studio");
}

#[test]
fn the_log_tells_of_start_and_stop_without_colours() {
    let directory = tempfile::tempdir().expect("there is room");
    let mut command = Command::new(LICET);
    command.args(words("serve --data data --listen 127.0.0.1:0")).current_dir(directory.path());
    command.env("LICET_ADMIN_PASSWORD", PASSWORD).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = command.spawn().expect("licet runs");
    let stdout = server.stdout.take().expect("it is ours");
    BufReader::new(stdout).read_line(&mut String::new()).expect("it says where it is");
    signal(&server, "-TERM");
    let output = server.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let log = String::from_utf8(output.stderr).expect("it is text");
    assert!(log.contains("store=--data data tls=false") && log.contains("stopped"), "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");
}

#[test]
fn mistakes_come_with_their_remedy() {
    let site = Site::new();
    site.write("semicolons.csv", "name;version;rate\nRender;2.0;7\n");
    site.write("usage.csv", "mine");
    let https = site.server.url.replace("http:", "https:");
    let put = "line-item put --activation-id L1 --start now --end permanent";
    let remedies = [
        ("line-item list --instance foo", 2, "licet instance list"),
        ("access --item Render:2.0 --count -1", 2, "greater than 0"),
        (&format!("{put} --quantity -5"), 2, "minimum value of 1"),
        (&format!("{put} --quantity 5 --overdraft -5"), 2, "minimum value of 0"),
        (
            "rate-table post semicolons.csv --series S --version 1 --effective-from now",
            2,
            "separate with commas",
        ),
        (&format!("instance list --server {https}"), 3, "it speaks http"),
        ("usage export --csv --output usage.csv", 2, "--force"),
        ("backup data --data data", 2, "elsewhere"),
        ("backup data/copy --data data", 2, "elsewhere"),
        ("backup . --data data", 2, "is not empty"),
    ];
    for (line, wanted, remedy) in remedies {
        let (code, error) = site.fails(&words(line));
        assert_eq!(code, wanted, "{line}: {error}");
        assert!(error.contains(remedy), "{line}: {error}");
        assert!(!error.contains("the store cannot answer"), "{line}: {error}");
    }
    assert!(!site.directory.path().join("data/copy").exists());
    site.ok(&words("usage export --csv --output usage.csv --force"));
    let nobody = site
        .command(&words("access --item Render:2.0"))
        .env_remove("USER")
        .env_remove("LOGNAME")
        .env_remove("USERNAME")
        .output()
        .expect("licet runs");
    assert_eq!(nobody.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("--requester"));
}

#[test]
fn a_quiet_demo_fills_no_log() {
    let demo = "demo --quiet --seconds 1 --listen 127.0.0.1:0";
    let output = Command::new(LICET).args(words(demo)).output().expect("licet runs");
    assert!(output.status.success());
    assert!(!output.stdout.is_empty(), "it says where it is");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn mistakes_are_told_apart_by_the_exit_code() {
    let site = Site::new();
    let usage = [
        "access --item Render:2.0 --count 0",
        "access --item Render:2.0 --variable n=x",
        "access",
        "line-item put --activation-id a",
        "rate-table post nothing.csv --version 1 --effective-from now",
        "instance show 7",
        "instance list --server localhost",
        "instance list --token-file nothing",
        "token mint --key nothing --kid k --admin --ttl 1h",
        "unknown",
    ];
    for line in usage {
        let (code, error) = site.fails(&words(line));
        assert_eq!(code, 2, "{line}: {error}");
    }
    let (_, error) = site.fails(&words("instance create"));
    assert!(error.contains("Usage: licet instance create --account <ID> <SHORT_NAME>"), "{error}");
    let (code, error) = site.fails(&words("instance list --server http://127.0.0.1:1"));
    assert_eq!(code, 3, "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains("--server"), "{error}");
    let (code, error) = site.fails(&words("instance list --token wrong"));
    assert_eq!(code, 4, "{error}");
    assert!(error.contains("licet login"), "{error}");
    let login = site.command(&words("login --user admin")).env("LICET_PASSWORD", "wrong").output();
    let login = login.expect("licet runs");
    let error = String::from_utf8_lossy(&login.stderr);
    assert!(error.contains("wrong_credentials") && !error.contains("--token-file"), "{error}");
    assert_eq!(login.status.code(), Some(4));
}
