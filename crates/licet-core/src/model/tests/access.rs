use super::*;
use crate::Dictionary;

/// Who asks, made step by step.
#[derive(Default)]
struct Who {
    host_ids: Vec<HostId>,
    host_name: Option<&'static str>,
    host_type: Option<&'static str>,
    dictionary: Dictionary,
}

fn who(host_ids: &[&str]) -> Who {
    let host_ids = host_ids.iter().map(|text| HostId::from_written(text)).collect();
    Who { host_ids, ..Who::default() }
}

impl Who {
    fn named(self, host_name: &'static str) -> Self {
        Self { host_name: Some(host_name), ..self }
    }

    fn typed(self, host_type: &'static str) -> Self {
        Self { host_type: Some(host_type), ..self }
    }

    fn saying(mut self, key: &str, values: &[&str]) -> Self {
        let values = values.iter().map(|value| (*value).into()).collect();
        self.dictionary.insert(key.into(), values);
        self
    }

    fn access<'m>(&self, model: &'m Model) -> Access<'m> {
        model.access(&Requester {
            host_ids: &self.host_ids,
            host_name: self.host_name,
            host_type: self.host_type,
            dictionary: &self.dictionary,
        })
    }

    /// The pools it may use, or `denied`.
    fn pools(&self, model: &Model) -> String {
        match self.access(model) {
            Access::Denied { .. } => "denied".to_owned(),
            Access::Granted { pools, .. } => {
                let names: Vec<&str> = pools.iter().map(|pool| model.pool_name(*pool)).collect();
                names.join(" ")
            }
        }
    }

    fn meets(&self, condition: &str) -> bool {
        self.pools(&ruled(&format!("on {condition} {{ deny }}"))) == "denied"
    }
}

#[test]
fn whoever_no_rule_speaks_of_uses_the_default_pool() {
    assert_eq!(who(&["a"]).pools(&ruled("")), "default");
    assert_eq!(who(&["a"]).pools(&ruled(r#"on hostid("b") { use "eng" accept }"#)), "default");
}

#[test]
fn accept_stops_and_pools_come_in_the_order_of_the_model() {
    let model = ruled(
        r#"on hostid("a") { use "default", "ops", "eng", "ops" accept }
           on any() { use "lab" accept }"#,
    );
    assert_eq!(who(&["a"]).pools(&model), "eng ops default");
    assert_eq!(who(&["b"]).pools(&model), "lab");
}

#[test]
fn continue_gathers_and_deny_takes_all_back() {
    let model = ruled(
        r#"on dictionary("unit": "ops") { use "ops" continue }
           on dictionary("unit": "eng") { use "eng" continue }
           on hostname("thief") { deny }
           on hostname("guest") { use "lab" accept }
           on hosttype("ci") { accept }
           on hosttype("desk") { use "default" continue }"#,
    );
    let both = || who(&["a"]).saying("unit", &["ops", "eng"]);
    assert_eq!(both().pools(&model), "eng ops");
    assert_eq!(both().named("thief").pools(&model), "denied");
    assert_eq!(both().named("guest").typed("desk").pools(&model), "eng ops lab");
    assert_eq!(both().typed("desk").pools(&model), "eng ops default");
    assert_eq!(who(&["a"]).saying("unit", &["ops"]).pools(&model), "ops");
    assert_eq!(who(&["a"]).named("thief").access(&model), Access::Denied { rule: 2 });
    assert_eq!(who(&["a"]).typed("ci").pools(&model), "", "a rule was met that gives no pool");
}

#[test]
fn hostids_match_by_value_and_type() {
    let device_and_user = who(&["02AB34CD56EF/ETHERNET", "alice/user"]);
    assert!(device_and_user.meets(r#"hostid("02AB34CD56EF/ethernet")"#));
    assert!(device_and_user.meets(r#"hostid("bob/USER", "alice/USER")"#));
    assert!(!device_and_user.meets(r#"hostid("alice")"#), "that would be a string");
    assert!(!device_and_user.meets(r#"hostid("Alice/USER")"#));
    assert!(!device_and_user.meets(r#"NOT hostid("alice/USER")"#));
    let string = who(&["alice"]);
    assert!(string.meets(r#"hostid("alice")"#) && string.meets(r#"hostid("alice/String")"#));
    assert!(!string.meets(r#"hostid("alice/USER")"#));
    assert_eq!(HostId::new("alice", ""), HostId::from_written("alice/string"));
}

#[test]
fn a_pattern_for_hostids_is_compared_with_all_that_could_be_written() {
    let user = who(&["bob@acme.example/USER"]);
    assert!(user.meets(r"hostid(~/.*@acme\.example\/USER/)"));
    assert!(user.meets("hostid(~/bob.*/)"));
    assert!(!user.meets(r"hostid(~/.*@acme\.example/)"));
    let string = who(&["bob@acme.example"]);
    assert!(string.meets(r"hostid(~/.*@acme\.example/)"));
    assert!(string.meets(r"hostid(~/.*@acme\.example\/STRING/)"));
}

#[test]
fn names_types_and_dictionary_match_exactly_or_by_pattern() {
    let host = who(&[]).named("build-07").typed("CI");
    assert!(host.meets(r#"hostname("build-07")"#) && host.meets(r"hostname(~/build-\d+/)"));
    assert!(!host.meets(r#"hostname("BUILD-07")"#) && host.meets("hostname(~/(?i)BUILD-.*/)"));
    assert!(!host.meets("hostname(~/build/)"), "a pattern is compared with the whole");
    assert!(host.meets(r#"hosttype("CI")"#) && !host.meets(r#"hosttype("ci")"#));
    assert!(!who(&[]).meets("hostname(~/.*/)") && !who(&[]).meets("hosttype(~/.*/)"));

    let asker = who(&[]).saying("unit", &["eng", "qa"]).saying("level", &["3"]);
    assert!(asker.meets(r#"dictionary("unit": "qa")"#));
    assert!(asker.meets(r#"dictionary("unit": "x", "level": 3)"#), "one entry is enough");
    assert!(asker.meets(r#"dictionary("unit": *)"#) && !asker.meets(r#"dictionary("site": *)"#));
    assert!(asker.meets(r#"dictionary("unit": ~/e.*/)"#));
    assert!(!asker.meets(r#"dictionary("unit": "eng") AND dictionary("level": 4)"#));
    assert!(!asker.meets(r#"dictionary("Unit": *)"#));
    assert!(who(&[]).saying("unit", &[]).meets(r#"dictionary("unit": *)"#));
}

#[test]
fn conditions_are_combined() {
    let eng_desk = who(&["a"]).saying("unit", &["eng"]).typed("desk");
    let eng_ci = who(&["a"]).saying("unit", &["eng"]).typed("ci");
    let acme = r#"dictionary("unit": "eng") AND NOT hosttype("ci")"#;
    assert!(eng_desk.meets(acme) && !eng_ci.meets(acme));
    let either = r#"hosttype("ci") OR hosttype("desk") AND hostid("b")"#;
    assert!(eng_ci.meets(either) && !eng_desk.meets(either));
    let grouped = r#"(hosttype("ci") OR hosttype("desk")) AND hostid("b")"#;
    assert!(!eng_ci.meets(grouped) && !eng_desk.meets(grouped));
}

#[test]
fn without_requested_features_the_rules_that_were_met_say_what_is_served() {
    let model = ruled(
        r#"on any() { use "eng" without requested features { all from "eng", "ops" } continue }
           on hostname("a") { use "default" without requested features { "scan" 1.0 2 } accept }
           on any() { use "ops" }"#,
    );
    let unasked = |who: Who| match who.access(&model) {
        Access::Granted { unasked, .. } => unasked.into_iter().cloned().collect(),
        denied => panic!("{denied:?}"),
    };
    let from_eng = Unasked::AllFrom(PoolRef::Named(0));
    let from_ops = Unasked::AllFrom(PoolRef::Named(1));
    let scan = Unasked::Feature { name: "scan".into(), version: version("1.0"), count: 2 };
    let of_a: Vec<Unasked> = unasked(who(&[]).named("a"));
    assert_eq!(of_a, [from_eng.clone(), scan], "what is in a pool out of reach is not served");
    assert_eq!(unasked(who(&[]).named("b")), [from_eng, from_ops]);
}
