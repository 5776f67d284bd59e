//! Line items that change while what they gave is in use.

use licet_core::{Command, LineItemState, Refusal};

use crate::shop::{Asking, DAY_MS, Shop, T0_MS, ask, floating, granted, line, statuses, want};

fn cut_to(shop: &mut Shop, count: u64) {
    shop.put(line("act-1", vec![floating("render", "2.0", count)]));
}

#[test]
fn a_cut_while_in_use_is_overage_until_the_clients_renew() {
    let mut shop = Shop::with(vec![floating("render", "2.0", 5)]);
    for host in ["h1", "h2"] {
        shop.serve(ask(&[host], &[want("render", "2.0", 2)]));
    }
    cut_to(&mut shop, 3);
    assert_eq!(shop.in_use("render"), 4, "nobody loses what it has");
    assert_eq!(statuses(&shop.serve(ask(&["h3"], &[want("render", "2.0", 1)]))).len(), 1);
    // Whole it cannot be renewed, and stays as it is until its lease ends.
    let kept = shop.serve(ask(&["h1"], &[want("render", "2.0", 2)]));
    assert_eq!(
        (granted(&kept), statuses(&kept)),
        (vec!["render 2.0 2".into()], vec!["render COUNT_INSUFFICIENT".into()])
    );
    let shrunk = shop.serve(ask(&["h1"], &[want("render", "2.0", 2)]).partial());
    assert_eq!(granted(&shrunk), ["render 2.0 1"]);
    assert_eq!(shop.in_use("render"), 3);
    let whole = shop.serve(ask(&["h2"], &[want("render", "2.0", 2)]));
    assert_eq!(granted(&whole), ["render 2.0 2"], "the overage is gone");
    shop.assert_kept();
}

#[test]
fn a_cut_to_nothing_drains() {
    let mut shop = Shop::with(vec![floating("render", "2.0", 2)]);
    shop.serve(ask(&["h1"], &[want("render", "2.0", 2)]));
    shop.put(line("act-1", vec![]));
    assert_eq!(shop.in_use("render"), 2);
    assert!(shop.features()[0].is_gone);
    let kept = shop.serve(ask(&["h1"], &[want("render", "2.0", 2)]).partial());
    assert_eq!(
        granted(&kept),
        ["render 2.0 2"],
        "a renewal that gets nothing leaves the old lease"
    );
    shop.serve(ask(&["h1"], &[]));
    assert!(shop.features().is_empty());
    shop.assert_kept();
}

#[test]
fn more_counts_serve_at_once() {
    let mut shop = Shop::with(vec![floating("render", "2.0", 1)]);
    shop.serve(ask(&["h1"], &[want("render", "2.0", 1)]));
    cut_to(&mut shop, 4);
    assert_eq!(granted(&shop.serve(ask(&["h2"], &[want("render", "2.0", 3)]))), ["render 2.0 3"]);
}

#[test]
fn copies_multiply_counts() {
    let mut shop = Shop::new();
    let mut terms = line("act-1", vec![floating("render", "2.0", 5)]);
    terms.copies = 3;
    shop.put(terms);
    assert_eq!(shop.features()[0].owned, 15);
}

#[test]
fn a_feature_keeps_its_id_where_it_stays_the_same() {
    let mut shop = Shop::with(vec![floating("a", "1.0", 1), floating("b", "1.0", 1)]);
    let ids = |shop: &Shop| shop.features().iter().map(|it| it.id).collect::<Vec<_>>();
    let before = ids(&shop);
    shop.put(line("act-1", vec![floating("b", "1.0", 7), floating("a", "1.0", 9)]));
    assert_eq!(ids(&shop), before);
    shop.put(line("act-1", vec![floating("a", "2.0", 1)]));
    assert!(!before.contains(&ids(&shop)[0]));
}

#[test]
fn putting_the_same_twice_changes_nothing() {
    let mut shop = Shop::with(vec![floating("a", "1.0", 1)]);
    let before = shop.journal.len();
    shop.put(line("act-1", vec![floating("a", "1.0", 1)]));
    assert_eq!(shop.journal.len(), before);
}

#[test]
fn inactive_line_items_serve_nothing_and_obsolete_ones_are_final() {
    let mut shop = Shop::with(vec![floating("a", "1.0", 1)]);
    let put = |shop: &mut Shop, state| {
        let terms = licet_core::FeatureLineItemTerms {
            state,
            ..line("act-1", vec![floating("a", "1.0", 1)])
        };
        shop.execute(Command::PutFeatureLineItem { terms, by: "test".into() })
    };
    put(&mut shop, LineItemState::Inactive).expect("it is put");
    let answer = shop.serve(ask(&["h1"], &[want("a", "1.0", 1)]));
    assert_eq!(statuses(&answer), ["a FEATURE_NOT_FOUND"]);
    put(&mut shop, LineItemState::Obsolete).expect("it is put");
    assert_eq!(put(&mut shop, LineItemState::Deployed), Err(Refusal::ObsoleteIsFinal));
    let delete = Command::DeleteFeatureLineItem { activation_id: "act-1".into(), by: "t".into() };
    shop.execute(delete.clone()).expect("it is deleted");
    assert_eq!(shop.execute(delete), Err(Refusal::LineItemNotFound("act-1".into())));
    assert!(shop.features().is_empty());
    shop.assert_kept();
}

#[test]
fn an_end_before_the_start_is_refused() {
    let mut terms = line("act-1", vec![floating("a", "1.0", 1)]);
    terms.ends_at_ms = Some(T0_MS - 2 * DAY_MS);
    let reply = Shop::new().execute(Command::PutFeatureLineItem { terms, by: "test".into() });
    assert_eq!(reply, Err(Refusal::EndsBeforeStart));
}
