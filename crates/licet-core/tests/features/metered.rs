//! Meters: what was used is counted.

use licet_core::CountOverdraft;

use crate::shop::{Asking, HOUR_MS, Shop, ask, floating, granted, meter, statuses, want};

#[test]
fn reports_add_up_to_the_cap_and_one_meter_does_not_stop_the_other() {
    let mut shop = Shop::with(vec![meter("sessions", 100, false, 0), meter("users", 10, false, 0)]);
    let weekly =
        || ask(&["site"], &[want("sessions", "1.0", 40), want("users", "1.0", 6)]).partial();
    assert_eq!(granted(&shop.serve(weekly())), ["sessions 1.0 40", "users 1.0 6"]);
    let second = shop.serve(weekly());
    assert_eq!(granted(&second), ["sessions 1.0 40", "users 1.0 4"]);
    assert_eq!(statuses(&second), ["users PARTIAL_GRANT"]);
    assert_eq!((shop.in_use("sessions"), shop.in_use("users")), (80, 10));
    let whole = ask(&["site"], &[want("sessions", "1.0", 5), want("users", "1.0", 1)]);
    assert_eq!(
        statuses(&shop.serve(whole)),
        ["sessions REQUEST_NOT_MET", "users COUNT_INSUFFICIENT"]
    );
    assert_eq!(shop.in_use("sessions"), 80);
    shop.assert_kept();
}

#[test]
fn giving_back_does_not_lower_what_was_used() {
    let mut shop = Shop::with(vec![meter("sessions", 100, false, 0)]);
    shop.serve(ask(&["site"], &[want("sessions", "1.0", 40)]));
    shop.serve(ask(&["site"], &[]));
    assert_eq!(shop.in_use("sessions"), 40);
    assert!(shop.clients().is_empty());
}

#[test]
fn overdraft_ends_where_it_says() {
    for (overdraft, most) in [
        (CountOverdraft::None, 10),
        (CountOverdraft::Count(3), 13),
        (CountOverdraft::Percent(25), 12),
        (CountOverdraft::Unlimited, 1_000),
    ] {
        let mut feature = meter("sessions", 10, false, 0);
        feature.overdraft = overdraft;
        let mut shop = Shop::with(vec![feature]);
        shop.serve(ask(&["site"], &[want("sessions", "1.0", 1_000)]).partial());
        assert_eq!(shop.in_use("sessions"), most, "{overdraft:?}");
    }
}

#[test]
fn an_undo_takes_back_the_newest_reports_inside_its_window_alone() {
    let mut shop = Shop::with(vec![meter("sessions", 100, false, HOUR_MS)]);
    let report = |count| ask(&["site"], &[want("sessions", "1.0", count)]).report();
    let undo = |count| ask(&["site"], &[want("sessions", "1.0", count)]).undo();
    shop.serve(report(10));
    shop.later(HOUR_MS / 2).serve(report(5));
    assert!(shop.serve(undo(7)).not_met.is_empty(), "5 of the second, 2 of the first");
    assert_eq!(shop.in_use("sessions"), 8);
    shop.later(HOUR_MS / 2 + 1);
    assert_eq!(statuses(&shop.serve(undo(1))), ["sessions NOTHING_TO_UNDO"]);
    assert_eq!(shop.in_use("sessions"), 8);
    let other = ask(&["other"], &[want("sessions", "1.0", 1)]).undo();
    assert_eq!(statuses(&shop.serve(other)), ["sessions NOTHING_TO_UNDO"]);
    shop.tick();
    assert!(shop.clients().is_empty(), "nothing of it can be undone any more");
}

#[test]
fn without_a_window_nothing_is_undone() {
    let mut shop = Shop::with(vec![meter("sessions", 100, false, 0)]);
    shop.serve(ask(&["site"], &[want("sessions", "1.0", 10)]).report());
    let undo = shop.serve(ask(&["site"], &[want("sessions", "1.0", 1)]).undo());
    assert_eq!(statuses(&undo), ["sessions NOTHING_TO_UNDO"]);
}

#[test]
fn an_undo_of_more_than_there_is_undoes_nothing_unless_it_is_partial() {
    let mut shop = Shop::with(vec![meter("sessions", 100, false, HOUR_MS)]);
    shop.serve(ask(&["site"], &[want("sessions", "1.0", 10)]).report());
    let undo = || ask(&["site"], &[want("sessions", "1.0", 11)]).undo();
    assert_eq!(statuses(&shop.serve(undo())), ["sessions NOTHING_TO_UNDO"]);
    assert_eq!(shop.in_use("sessions"), 10);
    assert_eq!(statuses(&shop.serve(undo().partial())), ["sessions PARTIAL_GRANT"]);
    assert_eq!(shop.in_use("sessions"), 0);
    shop.assert_kept();
}

#[test]
fn a_reusable_meter_goes_down_as_well() {
    let mut shop = Shop::with(vec![meter("seats", 10, true, 0)]);
    let level = |host: &str, count| ask(&[host], &[want("seats", "1.0", count)]).report();
    shop.serve(level("a", 6));
    shop.serve(level("b", 4));
    assert_eq!(statuses(&shop.serve(level("c", 1))), ["seats COUNT_INSUFFICIENT"]);
    shop.serve(level("a", 2));
    assert_eq!(shop.in_use("seats"), 6);
    assert!(statuses(&shop.serve(level("c", 1))).is_empty());
    shop.later(365 * 24 * HOUR_MS).tick();
    assert_eq!(shop.in_use("seats"), 7, "it has no lease that would end");
    shop.assert_kept();
}

#[test]
fn a_report_leaves_seats_alone_and_is_for_meters_only() {
    let mut shop = Shop::with(vec![floating("render", "1.0", 1), meter("sessions", 10, false, 0)]);
    shop.serve(ask(&["h1"], &[want("render", "1.0", 1)]));
    let answer = shop.serve(ask(&["h1"], &[want("sessions", "1.0", 2)]).report());
    assert_eq!(granted(&answer), ["sessions 1.0 2"], "what it reported, not what it holds");
    assert!(answer.not_met.is_empty());
    assert_eq!(shop.in_use("render"), 1);
    let answer = shop.serve(ask(&["h1"], &[want("render", "1.0", 1)]).report());
    assert_eq!(statuses(&answer), ["render NOT_METERED"]);
    let answer = shop.serve(ask(&["h1"], &[want("render", "1.0", 1)]).undo());
    assert_eq!(statuses(&answer), ["render NOT_METERED"]);
}
