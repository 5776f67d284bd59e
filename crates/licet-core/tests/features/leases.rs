//! How long what is served may be kept.

use licet_core::{Command, Granularity, Policies};

use crate::shop::{
    Asking, DAY_MS, HOUR_MS, SECOND_MS, Shop, T0_MS, WEEK_MS, ask, ends_after_ms, floating,
    granted, line, want,
};

fn render(count: u64) -> Shop {
    Shop::with(vec![floating("render", "2.0", count)])
}

#[test]
fn a_lease_lasts_a_week_and_is_renewed_after_fifteen_percent() {
    let mut shop = render(5);
    let answer = shop.serve(ask(&["h1"], &[want("render", "2.0", 1)]));
    assert_eq!(ends_after_ms(&answer), WEEK_MS);
    assert_eq!(answer.features[0].renew_after_s, Some(90_720));
}

#[test]
fn the_shortest_of_four_limits_holds() {
    let hour = HOUR_MS / SECOND_MS;
    // Feature, instance, cap, request (hours; 0 for none), and what comes of it.
    let table = [
        (8, 5, 0, 0, 8),
        (8, 5, 0, 3, 3),
        (8, 5, 2, 3, 2),
        (0, 5, 0, 0, 5),
        (0, 5, 0, 9, 5),
        (0, 5, 4, 9, 4),
        (8, 5, 9, 24, 8),
    ];
    for (own, instance, cap, asked, expected) in table {
        let mut feature = floating("render", "2.0", 5);
        feature.borrow_interval_ms = (own > 0).then_some(own * HOUR_MS);
        let mut shop = Shop::with(vec![feature]);
        shop.policies = Policies {
            borrow_interval_ms: instance * HOUR_MS,
            borrow_interval_max_ms: (cap > 0).then_some(cap * HOUR_MS),
            ..Policies::default()
        };
        let answer = shop.serve(ask(&["h1"], &[want("render", "2.0", 1)]).borrow_s(asked * hour));
        assert_eq!(ends_after_ms(&answer), expected * HOUR_MS, "{own} {instance} {cap} {asked}");
    }
}

#[test]
fn ends_are_rounded_up_to_the_last_second_of_the_unit() {
    let ends = |granularity| {
        let request = ask(&["h1"], &[want("render", "2.0", 1)]).borrow_s(60).rounded(granularity);
        ends_after_ms(&render(5).serve(request)) / SECOND_MS
    };
    assert_eq!(ends(Granularity::Second), 60); // 17:06:01
    assert_eq!(ends(Granularity::Minute), 118); // 17:06:59
    assert_eq!(ends(Granularity::Hour), 54 * 60 + 58); // 17:59:59
    assert_eq!(ends(Granularity::Day), 6 * 3_600 + 54 * 60 + 58); // 23:59:59
}

#[test]
fn the_settings_round_where_the_request_does_not() {
    let mut shop = render(5);
    shop.policies.granularity = Granularity::Minute;
    let request = ask(&["h1"], &[want("render", "2.0", 1)]).borrow_s(60);
    assert_eq!(ends_after_ms(&shop.serve(request.clone())), 118 * SECOND_MS);
    let exact = request.rounded(Granularity::Second);
    assert_eq!(ends_after_ms(&shop.serve(exact)), 60 * SECOND_MS);
}

#[test]
fn no_lease_goes_beyond_the_end_of_the_feature_and_its_grace() {
    let mut feature = floating("render", "2.0", 5);
    feature.grace_ms = DAY_MS;
    let mut shop = Shop::new();
    let mut terms = line("act-1", vec![feature]);
    terms.ends_at_ms = Some(T0_MS + DAY_MS);
    shop.put(terms);
    let answer = shop.serve(ask(&["h1"], &[want("render", "2.0", 1)]));
    assert_eq!(ends_after_ms(&answer), 2 * DAY_MS);
    assert_eq!(answer.features[0].final_expiry_ms, Some(T0_MS + DAY_MS));
    assert_eq!(answer.features[0].renew_after_s, Some(2 * 86_400 * 15 / 100));
    let rounded = ask(&["h2"], &[want("render", "2.0", 1)]).rounded(Granularity::Day);
    assert_eq!(ends_after_ms(&shop.serve(rounded)), 2 * DAY_MS);
}

#[test]
fn what_expires_is_free_at_that_moment_without_anybody_asking() {
    let mut shop = render(1);
    shop.serve(ask(&["h1"], &[want("render", "2.0", 1)]).borrow_s(60));
    assert_eq!(shop.instance.wakes_at_ms(), Some(T0_MS + 60_000));
    shop.later(59_999);
    let early = shop.serve(ask(&["h2"], &[want("render", "2.0", 1)]));
    assert!(granted(&early).is_empty());
    shop.later(1).tick();
    assert_eq!(shop.in_use("render"), 0);
    assert!(shop.clients().is_empty());
    let answer = shop.serve(ask(&["h2"], &[want("render", "2.0", 1)]));
    assert_eq!(granted(&answer), ["render 2.0 1"]);
    shop.assert_kept();
}

#[test]
fn a_renewal_starts_the_lease_anew_and_a_failed_one_leaves_its_end() {
    let mut shop = render(2);
    let request = || ask(&["h1"], &[want("render", "2.0", 2)]).borrow_s(60);
    shop.serve(request());
    let answer = shop.later(30_000).serve(request());
    assert_eq!(ends_after_ms(&answer), 90_000);
    let more = ask(&["h1"], &[want("render", "2.0", 3)]).borrow_s(60);
    let kept = shop.later(10_000).serve(more);
    assert_eq!((granted(&kept), ends_after_ms(&kept)), (vec!["render 2.0 2".into()], 90_000));
}

#[test]
fn a_thousand_leases_that_end_at_once_are_all_free_for_the_next_who_asks() {
    let mut shop = render(1_000);
    for host in 0..1_000 {
        shop.serve(ask(&[&format!("h{host}")], &[want("render", "2.0", 1)]).borrow_s(60));
    }
    let all = ask(&["late"], &[want("render", "2.0", 1_000)]);
    let answer = shop.later(60_000).serve(all);
    assert_eq!(granted(&answer), ["render 2.0 1000"]);
    shop.assert_kept();
}

#[test]
fn a_dropped_client_frees_what_it_held() {
    let mut shop = render(1);
    shop.serve(ask(&["h1"], &[want("render", "2.0", 1)]));
    let id = shop.clients()[0].id;
    shop.execute(Command::DropClient { id, by: "ada".into() }).expect("it is dropped");
    assert_eq!(shop.in_use("render"), 0);
    let again = shop.execute(Command::DropClient { id, by: "ada".into() });
    assert_eq!(again, Err(licet_core::Refusal::ClientNotFound(id.0)));
    shop.assert_kept();
}
