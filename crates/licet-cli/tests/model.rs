//! `licet model check`, which needs no server, and the other commands on models, which do.

mod support;

use std::{
    fs,
    io::Write,
    process::{Command, Output, Stdio},
};

use licet_client::Client;
use serde_json::{Value, json};
use support::{LICET, PASSWORD, Server, read};

const ACME: &str = r#"model "acme" {
  partitions {
    partition "eng" { "render" 2.0 60% }
    partition "ops" {
      "render" 2.0 remainder max 2 vendor string matches ~/TIER:.*/
      "scan" 1.0 5
    }
  }
  on dictionary("business-unit": "eng") { use "eng" continue }
  on hostid("bob/USER") { deny }
  on any() { use "ops", "default" without requested features { "scan" 1.0 1 } accept }
}
"#;

/// Checks a model that comes on standard input.
fn check(model: &str, arguments: &[&str]) -> Output {
    let mut licet = Command::new(LICET)
        .args(["model", "check", "-"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("licet runs");
    let mut stdin = licet.stdin.take().expect("it is ours");
    stdin.write_all(model.as_bytes()).expect("licet reads");
    drop(stdin);
    licet.wait_with_output().expect("licet ends")
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("it is text")
}

#[test]
fn a_model_is_shown_in_tables() {
    let output = check(ACME, &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        stdout(&output),
        "\
model \"acme\": 2 named pools, 3 rules

POOL  FEATURE  VERSION  AMOUNT     MAX  MATCHES
eng   render       2.0  60%          -  -
ops   render       2.0  remainder    2  vendor string ~/TIER:.*/
      scan         1.0  5            -  -

RULE  ON                                  USE           WITHOUT REQUESTED FEATURES  THEN
   1  dictionary(\"business-unit\": \"eng\")  eng           -                           continue
   2  hostid(\"bob/USER\")                  -             -                           deny
   3  any()                               ops, default  scan 1.0 1                  accept
"
    );
    let bare = check("model \"m\" {}", &[]);
    assert_eq!(
        stdout(&bare),
        "model \"m\": 0 named pools, 0 rules\n\neverybody uses the default pool\n"
    );
}

#[test]
fn mistakes_in_a_model_are_shown_with_the_line_and_a_mark_under_the_place() {
    let output = check(&ACME.replace("60%", "160%").replace("\"ops\", ", "\"opps\", "), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        stdout(&output),
        "\
line 3, column 36: a percentage is a whole number from 0 to 100
  3 |     partition \"eng\" { \"render\" 2.0 160% }
    |                                    ^^^

line 11, column 18: there is no pool \"opps\"; define it in `partitions`, or name another
  11 |   on any() { use \"opps\", \"default\" without requested features { \"scan\" 1.0 1 } accept }
     |                  ^^^^^^
"
    );
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(told, "licet: -: 2 mistakes\n");
}

#[test]
fn the_mark_in_a_model_stands_right_after_tabs_and_in_long_lines() {
    let output = check("model \"m\" {\r\n\ton any() {\t}\r\n}", &[]);
    assert!(stdout(&output).contains("  2 |  on any() { }\n    |             ^\n"));
    let long = format!("model \"m\" {{ on any() {{ use {} }} }}", "\"default\", ".repeat(1_000));
    let output = check(&long, &[]);
    let longest = stdout(&output).lines().skip(1).map(|line| line.chars().count()).max();
    assert!(longest.is_some_and(|longest| longest < 120), "{}", stdout(&output));
    let output = check("model \"m\" {", &[]);
    assert!(stdout(&output).ends_with("  1 | model \"m\" {\n    |            ^\n"));
}

#[test]
fn programs_get_a_model_as_json() {
    let output = check(ACME, &["--json"]);
    let model: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(model["name"], "acme");
    assert_eq!(model["pools"][0]["features"][0]["amount"], "60%");
    let scan = &model["pools"][1]["features"][1];
    assert_eq!((&scan["amount"], &scan["max"]), (&Value::from(5), &Value::Null));
    assert_eq!(model["pools"][1]["features"][0]["vendorString"], "~/TIER:.*/");
    assert_eq!(model["rules"][2]["use"][1], "default");
    let canonical = model["canonical"].as_str().expect("it is text");
    let again = check(canonical, &["--json"]);
    assert_eq!(again.stdout, output.stdout);

    let output = check("model \"default\" {}", &["--json"]);
    assert_eq!(output.status.code(), Some(2));
    let errors: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let error = &errors["errors"][0];
    assert_eq!(
        (&error["line"], &error["column"], &error["length"]),
        (&1.into(), &7.into(), &9.into())
    );
    assert!(error["message"].as_str().is_some_and(|message| message.contains("reserved")));
}

#[test]
fn a_model_that_is_not_there_is_wrong_usage() {
    let output =
        Command::new(LICET).args(["model", "check", "no/such.model"]).output().expect("licet runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no/such.model"));
}

/// A token of `admin`.
fn token(server: &Server) -> String {
    let client = Client::new(&server.url).expect("an address");
    let log_in = read(&json!({ "user": "admin", "password": PASSWORD }));
    client.authorize(&log_in).expect("admin logs in").token
}

#[test]
fn a_model_is_put_shown_and_deleted() {
    let directory = tempfile::tempdir().expect("there is room");
    let server = Server::start(&directory.path().join("data"));
    let instance = read(&json!({ "shortName": "main", "accountId": "NORTHWIND" }));
    let instance = server.admin().create_instance(&instance).expect("it is new").id.to_string();
    let token = token(&server);
    let model = |arguments: &[&str]| {
        let mut licet = Command::new(LICET);
        licet.arg("model").args(arguments).args(["--instance", &instance]);
        licet.current_dir(directory.path());
        licet.env("LICET_SERVER", &server.url).env("LICET_TOKEN", &token);
        licet.output().expect("licet runs")
    };
    let error = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    fs::write(directory.path().join("acme.model"), ACME).expect("there is room");
    fs::write(directory.path().join("bad.model"), "model \"m\" {").expect("there is room");

    let none = model(&["show"]);
    assert_eq!(none.status.code(), Some(4));
    assert!(error(&none).contains("no model is in effect"), "{}", error(&none));
    let put = model(&["put", "acme.model"]);
    assert_eq!((stdout(&put), error(&put)), ("model \"acme\" is in effect\n", String::new()));
    assert_eq!(stdout(&model(&["show"])), ACME);
    let bad = model(&["put", "bad.model"]);
    assert_eq!(bad.status.code(), Some(2));
    assert!(stdout(&bad).contains("  1 | model \"m\" {\n    |            ^\n"), "{}", stdout(&bad));
    let shown = model(&["show", "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("it is JSON");
    assert_eq!((&shown["name"], &shown["text"]), (&json!("acme"), &json!(ACME)));
    assert_eq!(stdout(&model(&["delete"])), "the model is deleted\n");
    assert_eq!(model(&["delete"]).status.code(), Some(4));
}
