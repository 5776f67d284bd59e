//! Named pools: who may use what of each.

use licet_core::{Command, Refusal, ReservationEntry, ReservationGroupDraft};

use crate::shop::{
    Asking, DAY_MS, Shop, T0_MS, ask, floating, granted, host, line, meter, statuses, version, want,
};

const ACME: &str = r#"model "acme" {
  partitions {
    partition "eng" { "render" 2.0 60% }
    partition "ops" { "render" 2.0 remainder }
  }
  on dictionary("business-unit" : "eng") AND NOT hosttype("ci") { use "eng" accept }
  on hostid("bob/USER") { deny }
  on any() { use "ops","default" accept }
}"#;

fn acme() -> Shop {
    let mut shop = Shop::with(vec![floating("render", "2.0", 10)]);
    shop.model(ACME);
    shop
}

fn render(host: &str, count: u64) -> licet_core::FeatureRequest {
    ask(&[host], &[want("render", "2.0", count)])
}

fn eng(host: &str, count: u64) -> licet_core::FeatureRequest {
    render(host, count).saying("business-unit", "eng")
}

#[test]
fn each_uses_the_pools_that_its_rule_names() {
    let mut shop = acme();
    assert_eq!((shop.pool("render", "eng").1, shop.pool("render", "ops").1), (6, 4));
    let engineer = shop.serve(eng("e1", 7).partial());
    assert_eq!(
        (granted(&engineer), statuses(&engineer)),
        (vec!["render 2.0 6".into()], vec!["render PARTIAL_GRANT".into()])
    );
    assert_eq!(granted(&shop.serve(render("o1", 4))), ["render 2.0 4"]);
    let bob = ask(&["d1", "bob/USER"], &[want("render", "2.0", 1)]);
    assert_eq!(statuses(&shop.serve(bob)), ["render HOST_DENIED"]);
    shop.assert_kept();
}

#[test]
fn whom_no_rule_meets_uses_the_default_pool() {
    let mut shop = Shop::with(vec![floating("render", "2.0", 10)]);
    shop.model(
        r#"model "m" { partitions { partition "p" { "render" 2.0 4 } }
                  on hostid("x") { use "p" accept } }"#,
    );
    assert_eq!(granted(&shop.serve(render("y", 7).partial())), ["render 2.0 6"]);
    assert_eq!(granted(&shop.serve(render("x", 7).partial())), ["render 2.0 4"]);
}

#[test]
fn continue_collects_pools() {
    let mut shop = Shop::with(vec![floating("render", "2.0", 10)]);
    shop.model(
        r#"model "m" {
        partitions { partition "a" { "render" 2.0 2 } partition "b" { "render" 2.0 3 } }
        on hostid("x") { use "b" continue }
        on any() { use "a" accept } }"#,
    );
    assert_eq!(granted(&shop.serve(render("x", 9).partial())), ["render 2.0 5"]);
    assert_eq!(shop.pool("render", "a").0, 2);
}

#[test]
fn allocation_takes_what_lasts_longest_and_serving_what_ends_first() {
    let mut shop = Shop::new();
    for (id, days) in [("soon", 10), ("late", 30)] {
        let mut terms = line(id, vec![floating("render", "2.0", 4)]);
        terms.ends_at_ms = Some(T0_MS + days * DAY_MS);
        shop.put(terms);
    }
    shop.model(
        r#"model "m" { partitions { partition "p" { "render" 2.0 6 } }
                  on any() { use "p" accept } }"#,
    );
    let in_pool = |shop: &Shop| {
        let of = |view: &licet_core::FeatureView| {
            let part = view.parts.iter().find(|part| part.place.pool_name() == "p");
            (view.line.activation_id.to_string(), part.map_or((0, 0), |p| (p.count, p.in_use)))
        };
        shop.features().iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(in_pool(&shop), [("soon".into(), (2, 0)), ("late".into(), (4, 0))]);
    shop.serve(render("h1", 3));
    assert_eq!(in_pool(&shop), [("soon".into(), (2, 2)), ("late".into(), (4, 1))]);
}

#[test]
fn a_model_on_a_busy_instance_drains_and_fills_as_counts_come_home() {
    let mut shop = acme();
    shop.serve(eng("e1", 3));
    shop.serve(eng("e2", 2));
    shop.serve(render("o1", 4));
    // Everything goes to a new pool; 9 are in use, 1 is free.
    shop.model(
        r#"model "all" { partitions { partition "new" { "render" 2.0 100% } }
                  on any() { use "new" accept } }"#,
    );
    assert_eq!(shop.pool("render", "new"), (0, 1, 10));
    assert_eq!(shop.pool("render", "eng"), (5, 5, 0), "in use, it stays charged to its pool");
    let stranger = shop.serve(render("n1", 2).partial());
    assert_eq!(granted(&stranger), ["render 2.0 1"]);
    // A renewal comes home first, and then takes where the new model lets it.
    let renewed = shop.serve(eng("e1", 3));
    assert_eq!(granted(&renewed), ["render 2.0 3"]);
    assert_eq!(shop.pool("render", "eng"), (2, 2, 0));
    assert_eq!(shop.pool("render", "new"), (4, 4, 10));
    shop.later(8 * DAY_MS).tick();
    assert_eq!(shop.pool("render", "new"), (0, 10, 10));
    assert_eq!(shop.pool("render", "eng"), (0, 0, 0), "a pool that is no more is gone when empty");
    assert_eq!(shop.features()[0].parts.len(), 2, "the new pool and the default one");
    shop.assert_kept();
}

#[test]
fn a_client_cannot_renew_what_the_new_model_would_not_give_it() {
    let mut shop = acme();
    shop.serve(eng("e1", 3));
    shop.model(r#"model "deny" { on hostid("e1") { deny } }"#);
    let denied = shop.later(DAY_MS).serve(eng("e1", 3));
    assert_eq!(statuses(&denied), ["render HOST_DENIED"]);
    assert_eq!(shop.in_use("render"), 3, "it keeps its lease until it ends");
    shop.later(7 * DAY_MS).tick();
    assert_eq!(shop.pool("render", "default"), (0, 10, 10));
}

#[test]
fn without_requested_features_a_rule_gives_unasked() {
    let mut shop = Shop::with(vec![floating("render", "2.0", 10), floating("export", "1.0", 2)]);
    shop.model(
        r#"model "m" {
        partitions { partition "kit" { "render" 2.0 2 "export" 1.0 1 } }
        on hosttype("kiosk") { use "kit" without requested features { all from "kit" } accept }
        on hostid("one") { use "default" without requested features { "render" 2.0 1 } accept } }"#,
    );
    let mut kiosk = ask(&["k1"], &[]);
    let mut asker = (*kiosk.asker).clone();
    asker.host_type = Some("kiosk".into());
    kiosk.asker = asker.into();
    assert_eq!(granted(&shop.serve(kiosk)), ["render 2.0 2", "export 1.0 1"]);
    assert_eq!(granted(&shop.serve(ask(&["one"], &[]))), ["render 2.0 1"]);
    assert!(granted(&shop.serve(ask(&["two"], &[]))).is_empty());
}

#[test]
fn a_pool_gives_no_device_and_no_user_more_than_its_max() {
    let mut shop = Shop::with(vec![floating("render", "2.0", 10)]);
    shop.model(
        r#"model "m" { partitions { partition "p" { "render" 2.0 10 max 3 } }
                  on any() { use "p" accept } }"#,
    );
    assert_eq!(granted(&shop.serve(render("d1", 5).partial())), ["render 2.0 3"]);
    let on = |device: &str, count| ask(&[device, "u1/USER"], &[want("render", "2.0", count)]);
    assert_eq!(granted(&shop.serve(on("d2", 2))), ["render 2.0 2"]);
    assert_eq!(granted(&shop.serve(on("d3", 2).partial())), ["render 2.0 1"], "3 in all for u1");
    let more = shop.serve(on("d2", 1).incremental());
    assert_eq!(statuses(&more), ["render COUNT_INSUFFICIENT"]);
    shop.assert_kept();
}

#[test]
fn pools_and_reservations_work_together() {
    let mut shop = acme();
    let entry = ReservationEntry {
        feature: "render".into(),
        version: version("2.0"),
        count: 2,
        pool: Some("eng".into()),
    };
    let draft =
        ReservationGroupDraft { name: None, reservations: vec![(host("vip"), vec![entry])] };
    shop.execute(Command::PostReservationGroup { draft, by: "ada".into() }).expect("it fits");
    assert_eq!(shop.pool("render", "eng"), (0, 4, 4));
    assert_eq!(granted(&shop.serve(eng("e1", 5).partial())), ["render 2.0 4"]);
    // Reserved for it, whichever pools its rule names; and then those of its rule.
    assert_eq!(granted(&shop.serve(render("vip", 7).partial())), ["render 2.0 6"]);
    shop.assert_kept();
}

#[test]
fn meters_live_in_pools_too() {
    let mut shop = Shop::with(vec![meter("sessions", 100, false, 0)]);
    shop.model(
        r#"model "m" { partitions { partition "a" { "sessions" 1.0 30 } }
                  on hostid("a") { use "a" accept } }"#,
    );
    let report = |host| ask(&[host], &[want("sessions", "1.0", 80)]).partial().report();
    shop.serve(report("a"));
    shop.serve(report("b"));
    assert_eq!((shop.pool("sessions", "a").0, shop.pool("sessions", "default").0), (30, 70));
}

#[test]
fn a_model_comes_and_goes_and_mistakes_are_told() {
    let mut shop = acme();
    let bad = shop.execute(Command::PutModel { text: "model {".into(), by: "ada".into() });
    let Err(Refusal::ModelInvalid(why)) = bad else { panic!("{bad:?}") };
    assert_eq!(why.iter().next().map(|error| error.line.get()), Some(1), "{why}");
    assert_eq!(shop.pool("render", "eng").2, 6, "the old one stays");
    shop.execute(Command::DeleteModel { by: "ada".into() }).expect("it is deleted");
    assert_eq!(shop.pool("render", "default"), (0, 10, 10));
    let again = shop.execute(Command::DeleteModel { by: "ada".into() });
    assert_eq!(again, Err(Refusal::NoModel));
    shop.assert_kept();
}

#[test]
fn what_starts_later_stays_in_the_default_pool_until_the_model_is_put_again() {
    let mut shop = Shop::new();
    let mut terms = line("act-1", vec![floating("render", "2.0", 4)]);
    terms.starts_at_ms = T0_MS + DAY_MS;
    shop.put(terms);
    let text = r#"model "m" { partitions { partition "p" { "render" 2.0 100% } }
                  on any() { use "p","default" accept } }"#;
    shop.model(text);
    shop.later(2 * DAY_MS);
    assert_eq!(shop.pool("render", "p").2, 0);
    shop.model(text);
    assert_eq!(shop.pool("render", "p"), (0, 4, 4));
}
