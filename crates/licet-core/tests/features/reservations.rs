//! Counts kept for hosts and users.

use std::sync::Arc;

use licet_core::{
    Command, Query, Refusal, Reply, ReservationEntry, ReservationError, ReservationErrors,
    ReservationGroupDraft, ReservationGroupId, ReservationMistake, ReservationsView, Shortage,
};

use crate::shop::{
    Asking, Shop, ask, floating, granted, host, line, meter, statuses, version, want,
};

fn entry(feature: &str, count: u64) -> ReservationEntry {
    ReservationEntry { feature: feature.into(), version: version("1.0"), count, pool: None }
}

fn post(
    shop: &mut Shop,
    name: &str,
    reservations: &[(&str, ReservationEntry)],
) -> Result<ReservationGroupId, Refusal> {
    let reserved =
        |(written, entry): &(&str, ReservationEntry)| (host(written), vec![entry.clone()]);
    let draft = ReservationGroupDraft {
        name: Some(name.into()),
        reservations: reservations.iter().map(reserved).collect(),
    };
    match shop.execute(Command::PostReservationGroup { draft, by: "ada".into() })? {
        Reply::ReservationGroupPosted(group) => Ok(group.id),
        other => panic!("{other:?}"),
    }
}

/// The first entry of a reservation wants more of the default pool than there is.
fn too_few(reservation: usize, host: &str, wanted: u64, free: u64) -> Refusal {
    let feature = "render".into();
    let shortage = Shortage { entry: 0, feature, pool: None, wanted, free };
    let entry = Some(shortage.entry);
    let mistake = ReservationMistake::TooFew { host: host.into(), shortage };
    Refusal::TooFewToReserve(ReservationErrors(vec![ReservationError {
        reservation,
        entry,
        mistake,
    }]))
}

/// One mistake in the first reservation.
fn invalid(
    entry: Option<usize>,
    mistake: ReservationMistake,
) -> Result<ReservationGroupId, Refusal> {
    let error = ReservationError { reservation: 0, entry, mistake };
    Err(Refusal::ReservationsInvalid(ReservationErrors(vec![error])))
}

fn listed(shop: &mut Shop) -> ReservationsView {
    match shop.execute(Command::Query(Query::Reservations)) {
        Ok(Reply::Reservations(view)) => *view,
        other => panic!("{other:?}"),
    }
}

/// Ten counts: 3 for the device D1, 2 for the user U1, 5 for all.
fn ten() -> Shop {
    let mut shop = Shop::with(vec![floating("render", "1.0", 10)]);
    let group = [("D1/ETHERNET", entry("render", 3)), ("U1/USER", entry("render", 2))];
    post(&mut shop, "support", &group).expect("it is posted");
    shop
}

fn render(hosts: &[&str], count: u64) -> licet_core::FeatureRequest {
    ask(hosts, &[want("render", "1.0", count)])
}

#[test]
fn a_device_takes_its_own_first_and_a_user_on_it_gives_back_before_taking() {
    let mut shop = ten();
    shop.serve(render(&["D1/ETHERNET"], 4));
    shop.serve(render(&["D2/ETHERNET"], 3));
    assert_eq!(shop.pool("render", "default"), (4, 5, 5), "1 of D1 and 3 of D2 are shared");
    // U7 on D2 asks again: its 3 come back first, so 4 are free to it.
    let more = shop.serve(render(&["D2/ETHERNET", "U7/USER"], 5));
    assert_eq!(statuses(&more), ["render COUNT_INSUFFICIENT"]);
    let all = shop.serve(render(&["D2/ETHERNET", "U7/USER"], 4));
    assert_eq!(granted(&all), ["render 1.0 4"]);
    shop.assert_kept();
}

#[test]
fn device_then_user_then_shared() {
    let mut shop = ten();
    shop.serve(render(&["D1/ETHERNET", "U1/USER"], 6));
    assert_eq!(shop.pool("render", "default").0, 1);
    let filled = shop.serve(render(&["D9/ETHERNET"], 4));
    assert_eq!(granted(&filled), ["render 1.0 4"]);
    let none = shop.serve(render(&["D8/ETHERNET"], 1));
    assert_eq!(statuses(&none), ["render COUNT_INSUFFICIENT"]);
}

#[test]
fn what_is_reserved_for_a_user_is_split_over_devices_and_bound_to_the_one_that_drew_it() {
    let mut shop = ten();
    shop.serve(render(&["D5/ETHERNET"], 5));
    assert_eq!(granted(&shop.serve(render(&["A/ETHERNET", "U1/USER"], 1))), ["render 1.0 1"]);
    assert_eq!(granted(&shop.serve(render(&["B/ETHERNET", "U1/USER"], 1))), ["render 1.0 1"]);
    let third = shop.serve(render(&["C/ETHERNET", "U1/USER"], 1));
    assert_eq!(statuses(&third), ["render COUNT_INSUFFICIENT"]);
    shop.serve(ask(&["A/ETHERNET", "U1/USER"], &[want("render", "1.0", 0)]));
    assert_eq!(granted(&shop.serve(render(&["C/ETHERNET", "U1/USER"], 1))), ["render 1.0 1"]);
}

#[test]
fn who_asks_for_nothing_gets_what_is_reserved() {
    let mut shop = ten();
    let answer = shop.serve(ask(&["D1/ETHERNET", "U1/USER"], &[]));
    assert_eq!(granted(&answer), ["render 1.0 5"]);
    assert!(statuses(&answer).is_empty());
    let again = shop.serve(ask(&["D7/ETHERNET", "U1/USER"], &[]));
    assert!(granted(&again).is_empty() && statuses(&again).is_empty());
    assert_eq!(shop.pool("render", "default").0, 0, "nothing shared is given unasked");
    let back = shop.serve(ask(&["D1/ETHERNET"], &[want("render", "1.0", 0)]));
    assert!(granted(&back).is_empty());
}

#[test]
fn a_group_is_posted_whole_or_not_at_all() {
    let mut shop = ten();
    let over = [("X", entry("render", 3)), ("Y", entry("render", 3))];
    assert_eq!(post(&mut shop, "over", &over), Err(too_few(1, "Y", 3, 2)));
    assert_eq!(listed(&mut shop).groups.len(), 1);
    let fits = [("X", entry("render", 3)), ("Y", entry("render", 2))];
    post(&mut shop, "fits", &fits).expect("all ten are reserved now");
    let none = shop.serve(render(&["Z"], 1));
    assert_eq!(statuses(&none), ["render COUNT_INSUFFICIENT"]);
}

#[test]
fn names_hosts_and_features_are_checked() {
    let mut shop = ten();
    shop.put(line("act-2", vec![meter("sessions", 5, false, 0)]));
    let group = |host, entry| [(host, entry)];
    let taken = post(&mut shop, "support", &group("X", entry("render", 1)));
    assert_eq!(taken, Err(Refusal::ReservationGroupExists("support".into())));
    let twice = post(&mut shop, "b", &group("U1/USER", entry("render", 1)));
    assert_eq!(twice, invalid(None, ReservationMistake::HostReservedTwice("U1/USER".into())));
    let unknown = post(&mut shop, "c", &group("X", entry("nothing", 1)));
    assert_eq!(unknown, invalid(Some(0), ReservationMistake::FeatureNotFound("nothing".into())));
    let metered = post(&mut shop, "d", &group("X", entry("sessions", 1)));
    assert_eq!(metered, invalid(Some(0), ReservationMistake::NotReservable("sessions".into())));
    let pool = ReservationEntry { pool: Some("eng".into()), ..entry("render", 1) };
    let nowhere = post(&mut shop, "e", &group("X", pool));
    assert_eq!(nowhere, invalid(Some(0), ReservationMistake::PoolNotFound("eng".into())));
    let high = ReservationEntry { version: version("2.0"), ..entry("render", 1) };
    assert_eq!(post(&mut shop, "f", &group("X", high)), Err(too_few(0, "X", 1, 0)));
}

#[test]
fn every_mistake_of_a_group_is_told_with_its_place() {
    let mut shop = ten();
    let group = [
        ("D1/ETHERNET", entry("render", 1)),
        ("X", entry("nothing", 1)),
        ("X", entry("render", 1)),
    ];
    let Err(Refusal::ReservationsInvalid(errors)) = post(&mut shop, "bad", &group) else {
        panic!("it is refused")
    };
    let places = errors.0.iter().map(|error| (error.reservation, error.entry));
    assert_eq!(places.collect::<Vec<_>>(), [(0, None), (1, Some(0)), (2, None)]);
    assert_eq!(listed(&mut shop).groups.len(), 1);
}

#[test]
fn what_is_in_use_comes_home_to_whom_it_was_reserved_for_meanwhile() {
    let mut shop = Shop::with(vec![floating("render", "1.0", 2)]);
    shop.serve(render(&["h1"], 1));
    shop.serve(render(&["h2"], 1));
    post(&mut shop, "late", &[("VIP", entry("render", 1))]).expect("it is owned, if in use");
    assert_eq!(statuses(&shop.serve(render(&["VIP"], 1))).len(), 1);
    shop.serve(ask(&["h1"], &[]));
    assert_eq!(statuses(&shop.serve(render(&["h3"], 1))), ["render COUNT_INSUFFICIENT"]);
    assert_eq!(granted(&shop.serve(render(&["VIP"], 1))), ["render 1.0 1"]);
    shop.assert_kept();
}

#[test]
fn a_deleted_group_leaves_its_counts_to_all() {
    let mut shop = ten();
    shop.serve(render(&["D1/ETHERNET"], 2));
    let id = listed(&mut shop).groups[0].id;
    let delete = Command::DeleteReservationGroup { id, by: "ada".into() };
    shop.execute(delete.clone()).expect("it is deleted");
    assert_eq!(shop.execute(delete), Err(Refusal::ReservationGroupNotFound(id.0)));
    assert_eq!(granted(&shop.serve(render(&["h9"], 8))), ["render 1.0 8"]);
    shop.serve(ask(&["D1/ETHERNET"], &[]));
    assert_eq!(shop.pool("render", "default"), (8, 10, 10));
    shop.assert_kept();
}

#[test]
fn when_counts_no_longer_suffice_a_reservation_is_disabled() {
    let mut shop = ten();
    shop.put(line("act-1", vec![floating("render", "1.0", 4)]));
    let view = listed(&mut shop);
    let hosts: Vec<String> = view.groups[0]
        .reservations
        .iter()
        .filter(|reservation| view.disabled.contains_key(&reservation.id))
        .map(|reservation| reservation.host.to_string())
        .collect();
    assert_eq!(hosts, ["U1/USER"], "the first still gets its 3");
    shop.put(line("act-1", vec![floating("render", "1.0", 5)]));
    assert!(listed(&mut shop).disabled.is_empty());
    let _: Arc<_> = shop.serve(render(&["D1/ETHERNET"], 3).partial());
    shop.assert_kept();
}
