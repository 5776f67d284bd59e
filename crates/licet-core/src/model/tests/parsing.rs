use super::*;

/// The example of the field's own documents, in one line and over several.
const ACME: &str = r#"
model "acme" {
  partitions {
    partition "eng" { "render" 2.0 60% }   // most of it
    partition "ops" { "render" 2.0 remainder max 2 }
  }
  on dictionary("business-unit" : "eng") AND NOT hosttype("ci") { use "eng" accept }
  on hostid("bob/USER") { deny }
  /* everybody
     else */
  on any() { use "ops","default" accept }
}"#;

#[test]
fn a_model_is_read_and_written_in_its_canonical_form() {
    let model = model(ACME);
    assert_eq!(model.name(), "acme");
    assert_eq!(
        model.to_string(),
        r#"model "acme" {
    partitions {
        partition "eng" {
            "render" 2.0 60%
        }
        partition "ops" {
            "render" 2.0 remainder max 2
        }
    }
    on dictionary("business-unit": "eng") AND NOT hosttype("ci") {
        use "eng"
        accept
    }
    on hostid("bob/USER") {
        deny
    }
    on any() {
        use "ops", "default"
        accept
    }
}
"#
    );
    assert_eq!(Model::parse(&model.to_string()), Ok(model));
}

#[test]
fn all_that_a_feature_of_a_pool_can_say_is_read() {
    let model = divided(
        r#"partition "p" {
            render 1.0 10
            "scan" 2 5 % MAX 3 activation ID matches "act-1"
                vendor string matches ~/TIER:(GOLD|a\/b)/ product name matches "Say \"x\\y\""
            my_tool-x.2 0 remainder
        }"#,
    );
    let [render, scan, tool] = &model.pools()[0].features[..] else { panic!("three features") };
    assert_eq!(
        (&*render.name, render.version, render.amount),
        ("render", version("1.0"), Amount::Count(10))
    );
    assert_eq!((render.max, &render.vendor_string), (None, &None));
    assert_eq!(
        (scan.version, scan.amount, scan.max),
        (version("2.0"), Amount::Percent(5), Some(3))
    );
    let vendor = scan.vendor_string.as_ref().expect("it matches a vendor string");
    assert!(vendor.is_met_by("TIER:GOLD") && vendor.is_met_by("TIER:a/b"));
    assert!(!vendor.is_met_by("TIER:GOLDEN") && !vendor.is_met_by("x TIER:GOLD"));
    assert_eq!(scan.product_name, Some(Matcher::Exactly(r#"Say "x\y""#.into())));
    assert_eq!(scan.activation_id, Some(Matcher::Exactly("act-1".into())));
    assert_eq!(
        (&*tool.name, tool.version, tool.amount),
        ("my_tool-x.2", Version::ANY, Amount::Remainder)
    );
}

#[test]
fn not_binds_tighter_than_and_and_and_tighter_than_or() {
    let written = |condition: &str| {
        let model = ruled(&format!("on {condition} {{ deny }}"));
        model.rules()[0].condition.to_string()
    };
    let (a, b, c) = (r#"hostname("a")"#, r#"hostname("b")"#, r#"hostname("c")"#);
    for (source, canonical) in [
        (format!("{a} OR {b} AND {c}"), format!("{a} OR {b} AND {c}")),
        (format!("{a} || ({b} && {c})"), format!("{a} OR {b} AND {c}")),
        (format!("({a} or {b}) and {c}"), format!("({a} OR {b}) AND {c}")),
        (format!("!{a} && {b}"), format!("NOT {a} AND {b}")),
        (format!("not ({a} AND {b})"), format!("NOT ({a} AND {b})")),
        (format!("NOT NOT ({a})"), format!("NOT NOT {a}")),
        (format!("{a} AND ({b} AND {c})"), format!("{a} AND ({b} AND {c})")),
    ] {
        assert_eq!(written(&source), canonical, "{source}");
    }
    assert_ne!(
        ruled(&format!("on ({a} OR {b}) AND {c} {{ deny }}")),
        ruled(&format!("on {a} OR {b} AND {c} {{ deny }}")),
    );
}

#[test]
fn values_of_conditions_are_read_in_all_their_forms() {
    let model = ruled(
        r#"on hostid("a", "b/ethernet", "c/d/STRING", ~/e\/f/,) OR
              dictionary("unit": *, "unit": "*", "level": 3, "site": ~/eu-.*/) { deny }"#,
    );
    assert_eq!(
        model.rules()[0].condition.to_string(),
        r#"hostid("a", "b/ETHERNET", "c/d/STRING", ~/e\/f/) OR dictionary("unit": *, "unit": *, "level": "3", "site": ~/eu-.*/)"#
    );
}

#[test]
fn a_rule_without_an_action_accepts() {
    let model = ruled(r#"on any() { use "eng" } on any() { accept }"#);
    let actions: Vec<Action> = model.rules().iter().map(|rule| rule.action).collect();
    assert_eq!(actions, [Action::Accept, Action::Accept]);
}

#[test]
fn what_is_served_without_requested_features_is_read() {
    let model = ruled(
        r#"on any() { use "eng" WITHOUT requested features { all from "eng", "ops" scan 0 2 } continue }"#,
    );
    let scan = Unasked::Feature { name: "scan".into(), version: Version::ANY, count: 2 };
    let (eng, ops) = (PoolRef::Named(0), PoolRef::Named(1));
    assert_eq!(model.rules()[0].unasked, [Unasked::AllFrom(eng), Unasked::AllFrom(ops), scan]);
}

#[test]
fn pools_and_rules_may_be_absent() {
    assert_eq!(model(r#"model "m" {}"#).to_string(), "model \"m\" {\n}\n");
    let bare = model("\u{feff}MODEL \"m\" { Partitions { } } // the end");
    assert!(bare.pools().is_empty() && bare.rules().is_empty());
}

#[test]
fn versions_compare_number_by_number() {
    let ascending = ["0", "0.1", "1", "1.9", "1.10", "2.0", "2.0.1", "2.10", "10.0"];
    for pair in ascending.windows(2) {
        assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
    }
    assert_eq!(version("2"), version("2.0.0"));
    assert_eq!(version("02.00"), version("2.0"));
    assert!(version("").is_any() && version("0.0").is_any() && !version("0.1").is_any());
    for (text, shown) in [("2", "2.0"), ("2.0.0.5", "2.0.0.5"), ("1.2.3", "1.2.3"), ("", "0.0")] {
        assert_eq!(version(text).to_string(), shown);
    }
    for wrong in ["a", "1.", ".1", "1..2", "1.2.3.4.5", "-1", "+1", " 1", "1.x"] {
        assert_eq!(wrong.parse::<Version>(), Err(VersionError::NotNumbers), "{wrong}");
    }
    assert_eq!("4294967296".parse::<Version>(), Err(VersionError::OutOfRange));
}

#[test]
fn the_models_of_the_documentation_are_right() {
    let page = include_str!("../../../../../docs/models.md");
    let texts: Vec<&str> = page.split("```").filter_map(|it| it.strip_prefix("text\n")).collect();
    assert!(texts.len() >= 6, "{texts:?}");
    texts.into_iter().for_each(|text| drop(model(text)));
}
