//! `licet bench` for real, as short as it goes. No test here says how fast anything must be.

mod support;

use std::process::{Command, Output};

use serde_json::Value;
use support::LICET;

fn bench(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let output = Command::new(LICET)
        .args(["bench", "--json", "--data"])
        .arg(folder.path())
        .args(arguments)
        .output()
        .expect("it runs");
    let left = std::fs::read_dir(folder.path()).expect("it is there").count();
    assert_eq!(left, 0, "the run leaves nothing behind");
    output
}

fn report(output: &Output) -> Value {
    let complaint = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {complaint}"))
}

fn list<'a>(report: &'a Value, name: &str) -> &'a [Value] {
    report[name].as_array().expect("it is a list")
}

#[test]
fn a_short_run_measures_and_proves_the_effects() {
    let short = ["--seconds", "0.3", "--rounds", "1", "--connections", "4"];
    let output = bench(&[&["--only", "echo,hot,arrays"][..], &short].concat());
    let report = report(&output);
    assert!(output.status.success(), "{report:#}");
    let names: Vec<&Value> = list(&report, "figures").iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["echo 4", "hot 4", "arrays"]);
    for figure in list(&report, "figures") {
        let number = |name: &str| figure[name].as_f64().unwrap_or_default();
        assert!(number("perSecond") > 0.0, "{figure:#}");
        assert!(number("p50Us") <= number("p99Us"), "{figure:#}");
        assert!(number("p99Us") <= number("longestUs"), "{figure:#}");
        assert!(number("memoryBytes") > 0.0, "{figure:#}");
    }
    assert_eq!(report["figures"][1]["ratios"][0]["to"], "echo 4");
    for (part, what) in [
        ("echo", "every answer is as it must be"),
        ("hot", "every answer is as it must be"),
        ("hot", "tokens charged in answers are tokens used"),
        ("arrays", "tokens charged in answers are tokens used"),
    ] {
        let is_it = |check: &&Value| check["part"] == part && check["what"] == what;
        let check = list(&report, "checks").iter().find(is_it).expect("it was checked");
        assert_eq!(check["isMet"], true, "{check:#}");
    }
}

#[test]
fn what_is_not_in_reach_is_named_and_left_out() {
    let nowhere = "postgres://postgres@127.0.0.1:1/postgres";
    let output = bench(&["--only", "pg-function,pg-hot", "--database", nowhere]);
    let report = report(&output);
    assert!(output.status.success(), "{report:#}");
    let parts: Vec<&Value> = list(&report, "leftOut").iter().map(|it| &it["part"]).collect();
    assert_eq!(parts, ["pg-function", "pg-hot"]);
    assert!(list(&report, "figures").is_empty());
}

#[test]
fn many_sessions_end_at_once_and_the_books_agree() {
    let output = bench(&["--only", "million", "--sessions", "200"]);
    let report = report(&output);
    assert!(output.status.success(), "{report:#}");
    let checks = list(&report, "checks");
    assert_eq!(checks.len(), 3, "{report:#}");
    assert!(list(&report, "facts").iter().any(|fact| fact["unit"] == "bytes"), "{report:#}");
}
