//! What clients ask for, and what they get.

use licet_core::{
    Command, CountOverdraft, FeatureCount, FeatureLineItemTerms, FeatureTerms, IdempotencyKey,
    LicenseModel, Reply,
};

use crate::shop::{
    Asking, DAY_MS, Shop, T0_MS, ask, feature, floating, granted, line, statuses, want,
};

fn two() -> Shop {
    Shop::with(vec![floating("render", "2.0", 3), floating("export", "1.0", 1)])
}

#[test]
fn a_request_replaces_what_the_host_has() {
    let mut shop = two();
    shop.serve(ask(&["h1"], &[want("render", "2.0", 2), want("export", "1.0", 1)]));
    let answer = shop.serve(ask(&["h1"], &[want("render", "2.0", 1)]));
    assert_eq!(granted(&answer), ["render 2.0 1"]);
    assert_eq!((shop.in_use("render"), shop.in_use("export")), (1, 0));
}

#[test]
fn an_incremental_request_adds_to_it() {
    let mut shop = two();
    shop.serve(ask(&["h1"], &[want("render", "2.0", 1)]));
    let answer = shop.serve(ask(&["h1"], &[want("export", "1.0", 1)]).incremental());
    assert_eq!(granted(&answer), ["render 2.0 1", "export 1.0 1"]);
    let answer = shop.serve(ask(&["h1"], &[want("render", "2.0", 1)]).incremental());
    assert_eq!(granted(&answer), ["render 2.0 2", "export 1.0 1"]);
    shop.assert_kept();
}

#[test]
fn nothing_or_a_count_of_zero_gives_back() {
    let mut shop = two();
    for giving_back in [vec![], vec![want("render", "2.0", 0)]] {
        shop.serve(ask(&["h1"], &[want("render", "2.0", 2)]));
        let answer = shop.serve(ask(&["h1"], &giving_back));
        assert!(granted(&answer).is_empty() && statuses(&answer).is_empty());
        assert_eq!(shop.in_use("render"), 0);
        assert!(shop.clients().is_empty(), "who holds nothing is no client");
    }
}

#[test]
fn all_or_nothing_leaves_a_client_what_it_held() {
    let mut shop = two();
    shop.serve(ask(&["h1"], &[want("render", "2.0", 1), want("export", "1.0", 1)]));
    shop.serve(ask(&["h2"], &[want("render", "2.0", 2)]));
    // As much more as there is not.
    let answer = shop.serve(ask(&["h1"], &[want("render", "2.0", 2), want("export", "1.0", 1)]));
    assert_eq!(granted(&answer), ["render 2.0 1", "export 1.0 1"]);
    assert_eq!(statuses(&answer), ["render COUNT_INSUFFICIENT", "export REQUEST_NOT_MET"]);
    let answer = shop.serve(ask(&["h3"], &[want("render", "2.0", 1), want("export", "1.0", 1)]));
    assert!(granted(&answer).is_empty());
    assert_eq!(statuses(&answer), ["render COUNT_INSUFFICIENT", "export COUNT_INSUFFICIENT"]);
}

#[test]
fn a_refresh_cannot_lose_to_somebody_who_came_between() {
    let mut shop = two();
    let both = || ask(&["h1"], &[want("render", "2.0", 3), want("export", "1.0", 1)]);
    shop.serve(both());
    shop.serve(ask(&["h2"], &[want("render", "2.0", 1)]).partial());
    assert_eq!(granted(&shop.serve(both())), ["render 2.0 3", "export 1.0 1"]);
}

#[test]
fn a_partial_request_takes_what_there_is() {
    let mut shop = two();
    shop.serve(ask(&["h1"], &[want("render", "2.0", 2)]));
    let request = ask(&["h2"], &[want("render", "2.0", 3), want("export", "1.0", 1)]).partial();
    let answer = shop.serve(request);
    assert_eq!(granted(&answer), ["render 2.0 1", "export 1.0 1"]);
    assert_eq!(statuses(&answer), ["render PARTIAL_GRANT"]);
    assert_eq!(answer.not_met[0].granted, 1);
}

#[test]
fn lower_versions_are_never_served_and_exact_ones_come_before_higher_ones() {
    let versions = ["1.0", "2.0", "2.10"].map(|version| floating("render", version, 1));
    let mut shop = Shop::with(versions.to_vec());
    let answer = shop.serve(ask(&["h1"], &[want("render", "2.0", 2)]));
    assert_eq!(granted(&answer), ["render 2.0 1", "render 2.10 1"]);
    let answer = shop.serve(ask(&["h2"], &[want("render", "2.0", 1)]));
    assert_eq!(statuses(&answer), ["render COUNT_INSUFFICIENT"]);
    let answer = shop.serve(ask(&["h2"], &[want("render", "3.0", 1)]));
    assert_eq!(statuses(&answer), ["render VERSION_NOT_AVAILABLE"]);
    let answer = shop.serve(ask(&["h2"], &[want("render", "0", 1)]));
    assert_eq!(granted(&answer), ["render 1.0 1"]);
}

#[test]
fn of_one_version_what_ends_first_is_served_first() {
    let mut shop = Shop::new();
    for (id, days) in [("late", 30), ("soon", 10)] {
        let mut terms = line(id, vec![floating("render", "2.0", 1)]);
        terms.ends_at_ms = Some(T0_MS + days * DAY_MS);
        shop.put(terms);
    }
    shop.put(line("ever", vec![floating("render", "2.0", 1)]));
    let from = |answer: &licet_core::FeatureAnswer| {
        let infos = answer.features.iter().flat_map(|feature| &feature.line_items);
        infos.map(|info| info.activation_id.to_string()).collect::<Vec<_>>()
    };
    let answer = shop.serve(ask(&["h1"], &[want("render", "2.0", 1)]));
    assert_eq!(from(&answer), ["soon"]);
    let answer = shop.serve(ask(&["h2"], &[want("render", "2.0", 2)]));
    assert_eq!(from(&answer), ["late", "ever"]);
}

#[test]
fn overdraft_comes_after_all_that_is_owned() {
    let mut old = floating("render", "2.0", 1);
    old.overdraft = CountOverdraft::Percent(100);
    let mut shop = Shop::with(vec![old, floating("render", "3.0", 1)]);
    let answer = shop.serve(ask(&["h1"], &[want("render", "2.0", 2)]));
    assert_eq!(granted(&answer), ["render 2.0 1", "render 3.0 1"]);
    let answer = shop.serve(ask(&["h2"], &[want("render", "2.0", 1)]));
    assert_eq!(granted(&answer), ["render 2.0 1"]);
    let answer = shop.serve(ask(&["h3"], &[want("render", "2.0", 1)]));
    assert_eq!(statuses(&answer), ["render COUNT_INSUFFICIENT"]);
}

#[test]
fn features_that_are_alike_are_told_together() {
    let mut shop = Shop::new();
    shop.put(line("one", vec![floating("render", "2.0", 2)]));
    shop.put(line("two", vec![floating("render", "2.0", 2)]));
    let answer = shop.serve(ask(&["h1"], &[want("render", "2.0", 3)]));
    assert_eq!(granted(&answer), ["render 2.0 3"]);
    assert_eq!(answer.features[0].line_items.len(), 2);
    assert_eq!(answer.features[0].max_count, Some(FeatureCount::Counted(4)));
}

#[test]
fn every_reason_is_told_apart() {
    let mut shop = Shop::new();
    let mut future = line("future", vec![floating("future", "1.0", 1)]);
    future.starts_at_ms = T0_MS + DAY_MS;
    let mut past = line("past", vec![floating("past", "1.0", 1)]);
    past.ends_at_ms = Some(T0_MS - 1);
    let mut picky = floating("picky", "1.0", 1);
    picky.selectors.insert("region".into(), "emea".into());
    for terms in [future, past, line("picky", vec![picky])] {
        shop.put(terms);
    }
    let names = ["future", "past", "picky", "nothing"].map(|name| want(name, "1.0", 1));
    let answer = shop.serve(ask(&["h1"], &names).partial());
    let expected = [
        "future NOT_STARTED",
        "past FEATURE_EXPIRED",
        "picky SELECTOR_MISMATCH",
        "nothing FEATURE_NOT_FOUND",
    ];
    assert_eq!(statuses(&answer), expected);
    let answer = shop.serve(ask(&["h1"], &[want("picky", "1.0", 1)]).selecting("region", "emea"));
    assert_eq!(granted(&answer), ["picky 1.0 1"]);
    let mut virtual_client = ask(&["vm"], &[want("picky", "1.0", 1)]);
    virtual_client.is_virtual = true;
    shop.policies.allows_virtual_clients = false;
    assert_eq!(statuses(&shop.serve(virtual_client)), ["picky VIRTUAL_CLIENT_DENIED"]);
    shop.policies.is_suspended = true;
    let answer = shop.serve(ask(&["h1"], &[want("picky", "1.0", 1)]));
    assert_eq!(statuses(&answer), ["picky SERVER_SUSPENDED"]);
    assert_eq!(granted(&answer), ["picky 1.0 1"], "what was served stays served");
    shop.policies.is_suspended = false;
    shop.now_ms -= 2 * DAY_MS;
    let answer = shop.serve(ask(&["h1"], &[want("picky", "1.0", 1)]));
    assert_eq!(statuses(&answer), ["picky CLOCK_WINDBACK"]);
}

#[test]
fn node_locked_counts_stay_with_their_hosts() {
    let mut shop = Shop::with(vec![feature("cad", "1.0", LicenseModel::NodeLocked, 1)]);
    let answer = shop.serve(ask(&["h1"], &[want("cad", "1.0", 1)]).borrow_s(60));
    assert_eq!(answer.features[0].expires_at_ms, None);
    shop.later(365 * DAY_MS).tick();
    assert_eq!(statuses(&shop.serve(ask(&["h2"], &[want("cad", "1.0", 1)]))).len(), 1);
    shop.serve(ask(&["h1"], &[]));
    assert_eq!(granted(&shop.serve(ask(&["h2"], &[want("cad", "1.0", 1)]))), ["cad 1.0 1"]);
}

#[test]
fn uncounted_features_never_run_out() {
    let mut shop = Shop::with(vec![feature("viewer", "1.0", LicenseModel::Uncounted, 0)]);
    for host in ["h1", "h2", "h3"] {
        let answer = shop.serve(ask(&[host], &[want("viewer", "1.0", 1_000)]));
        assert_eq!(granted(&answer), ["viewer 1.0 uncounted"]);
        assert_eq!(answer.features[0].max_count, Some(FeatureCount::Uncounted));
    }
    assert_eq!(shop.in_use("viewer"), 3_000);
    shop.serve(ask(&["h1"], &[]));
    assert_eq!(shop.in_use("viewer"), 2_000);
    shop.assert_kept();
}

#[test]
fn a_preview_tells_what_there_is_and_takes_nothing() {
    let mut shop = two();
    shop.serve(ask(&["h1"], &[want("render", "2.0", 2)]));
    let answer = shop.preview(ask(&["h2"], &[want("render", "2.0", 3)]).partial());
    assert_eq!(granted(&answer), ["render 2.0 1"]);
    assert_eq!(statuses(&answer), ["render PARTIAL_GRANT"]);
    assert_eq!(answer.features[0].max_count, Some(FeatureCount::Counted(1)));
    let one = answer.features[0].expires_at_ms;
    assert!(one.is_some());
    let all = shop.preview(ask(&["h1"], &[]));
    assert!(all.features.iter().all(|feature| feature.expires_at_ms == one), "the same lease");
    assert_eq!(granted(&all), ["export 1.0 1", "render 2.0 3"], "its own counts are for it");
    assert_eq!(shop.in_use("render"), 2);
}

#[test]
fn the_same_key_gives_the_same_answer_and_takes_once() {
    let mut shop = two();
    let mut serve = |digest: u8| {
        let request = ask(&["h1"], &[want("render", "2.0", 1)]).incremental();
        let key = Some(IdempotencyKey { key: "k".into(), digest: [digest; 32] });
        shop.execute(Command::Serve { request: Box::new(request), key })
    };
    let first = serve(1).expect("it is served");
    assert_eq!(serve(1), Ok(first.clone()));
    assert_eq!(serve(2), Err(licet_core::Refusal::IdempotencyKeyReused));
    assert!(matches!(first, Reply::Served(answer) if answer.features.len() == 1));
    assert_eq!(shop.in_use("render"), 1);
    shop.assert_kept();
}

#[test]
fn a_denial_is_recorded_unless_the_settings_say_otherwise() {
    let mut shop = two();
    let before = shop.journal.len();
    shop.serve(ask(&["h1"], &[want("render", "2.0", 9)]));
    assert_eq!(shop.journal.len(), before + 1);
    shop.policies.tracks_denied_requests = false;
    shop.serve(ask(&["h1"], &[want("render", "2.0", 9)]));
    assert_eq!(shop.journal.len(), before + 1);
    assert!(shop.clients().is_empty());
}

#[test]
fn the_most_that_a_client_could_have_is_told_of_what_it_selects() {
    let east = |count| FeatureTerms {
        selectors: [("region".into(), "east".into())].into(),
        ..floating("render", "1.0", count)
    };
    let west = FeatureTerms {
        selectors: [("region".into(), "west".into())].into(),
        ..floating("render", "1.0", 50)
    };
    let mut shop = Shop::with(vec![east(4), west]);
    let answer = shop.serve(ask(&["h1"], &[want("render", "1.0", 1)]).selecting("region", "east"));
    assert_eq!(answer.features[0].max_count, Some(FeatureCount::Counted(4)));
}

#[test]
fn many_line_items_of_a_feature_are_served_in_their_order_and_used_up() {
    let mut shop = Shop::new();
    for place in 0..120 {
        let ends_at_ms = Some(T0_MS + DAY_MS * (place + 1));
        let name = format!("act-{place:03}");
        shop.put(FeatureLineItemTerms {
            ends_at_ms,
            ..line(&name, vec![floating("render", "1.0", 2)])
        });
    }
    let answer = shop.serve(ask(&["h1"], &[want("render", "1.0", 3)]));
    let from = answer.features.iter().flat_map(|feature| &feature.line_items);
    let from: Vec<&str> = from.map(|info| &*info.activation_id).collect();
    assert_eq!(from, ["act-000", "act-001"], "those that end first");
    assert_eq!(answer.features[0].max_count, None, "it would take long to look for it");
    let previewed = shop.preview(ask(&["h1"], &[want("render", "1.0", 3)]));
    assert_eq!(previewed.features[0].max_count, Some(FeatureCount::Counted(240)));
    // Two line items have ended, one of them in use; 118 are left.
    shop.later(2 * DAY_MS + 1);
    shop.serve(ask(&["h2"], &[want("render", "1.0", 234)]));
    assert_eq!(
        shop.serve(ask(&["h3"], &[want("render", "1.0", 2)])).features[0].max_count,
        Some(FeatureCount::Counted(2))
    );
    let denied = shop.serve(ask(&["h4"], &[want("render", "1.0", 1)]));
    assert_eq!(statuses(&denied), ["render COUNT_INSUFFICIENT"]);
    // What one gives back another gets, from the same line item.
    shop.serve(ask(&["h3"], &[]));
    assert_eq!(granted(&shop.serve(ask(&["h4"], &[want("render", "1.0", 1)]))), ["render 1.0 1"]);
    shop.assert_kept();
}

#[test]
fn a_feature_with_no_count_is_given_back_alone_where_others_are_kept() {
    let mut shop = two();
    shop.serve(ask(&["h1"], &[want("render", "2.0", 2), want("export", "1.0", 1)]));
    let answer = shop.serve(ask(&["h1"], &[want("render", "0", 0)]).incremental());
    assert_eq!(granted(&answer), ["export 1.0 1"]);
    assert_eq!(shop.in_use("render"), 0);
    shop.assert_kept();
}

#[test]
fn what_is_owned_no_more_can_still_be_given_back() {
    let mut shop = Shop::with(vec![floating("render", "2.0", 3)]);
    shop.serve(ask(&["h1"], &[want("render", "2.0", 2)]));
    shop.put(line("act-1", vec![floating("export", "1.0", 1)]));
    assert_eq!(shop.in_use("render"), 2, "it stays with whom it was lent to");
    let answer = shop.serve(ask(&["h1"], &[want("render", "9.0", 0), want("export", "1.0", 1)]));
    assert_eq!(granted(&answer), ["export 1.0 1"]);
    assert!(statuses(&answer).is_empty());
    assert_eq!(shop.in_use("render"), 0);
    shop.assert_kept();
}

#[test]
fn what_is_held_can_be_given_back_while_nothing_is_served() {
    let mut shop = two();
    shop.serve(ask(&["h1"], &[want("render", "2.0", 2), want("export", "1.0", 1)]));
    shop.policies.is_suspended = true;
    let refused = shop.serve(ask(&["h1"], &[want("render", "2.0", 3)]));
    assert_eq!(statuses(&refused), ["render SERVER_SUSPENDED"]);
    shop.serve(ask(&["h1"], &[]));
    assert_eq!(shop.in_use("render"), 2, "who asks for what is reserved gives back nothing");
    let answer = shop.serve(ask(&["h1"], &[want("render", "2.0", 0)]).incremental());
    assert_eq!(granted(&answer), ["export 1.0 1"]);
    assert!(statuses(&answer).is_empty());
    let answer = shop.serve(ask(&["h1"], &[want("export", "1.0", 0)]));
    assert!(answer.features.is_empty() && answer.not_met.is_empty());
    assert_eq!((shop.in_use("render"), shop.in_use("export")), (0, 0));
    shop.assert_kept();
}
