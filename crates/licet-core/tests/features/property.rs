//! Whatever clients and administrators do, in whatever order: nothing is oversold, every count is
//! somewhere, and the journal tells it all.

use std::collections::BTreeMap;

use licet_core::{
    ClientId, Command, CountOverdraft, Record, ReservationEntry, ReservationGroupDraft,
    ReservationGroupId,
};
use proptest::prelude::*;

use crate::shop::{Asking, Shop, ask, floating, host, line, meter, version, want};

#[derive(Debug, Clone)]
enum Step {
    Serve { host: u8, user: u8, a: u64, b: u64, partial: bool, incremental: bool, seconds: i64 },
    Return { host: u8 },
    Report { host: u8, count: u64, undo: bool },
    Own { line: u8, a: u64, b: u64, overdraft: u64 },
    Model(u8),
    Reserve { host: u8, count: u64 },
    Unreserve(u64),
    Drop(u64),
    Wait { seconds: i64 },
}

const MODELS: [&str; 3] = [
    r#"model "halves" { partitions { partition "p" { "a" 1.0 50% "b" 1.0 1 } }
       on hostid("h1") { use "p" accept } }"#,
    r#"model "two" { partitions { partition "q" { "a" 1.0 2 max 1 } partition "p" { "a" 1.0 remainder } }
       on hostid("h2") { deny } on hostid(~/h[13]/) { use "q" continue } on any() { use "p","default" accept } }"#,
    r#"model "none" { }"#,
];

fn step() -> impl Strategy<Value = Step> {
    let host = 0..5_u8;
    prop_oneof![
        8 => (host.clone(), 0..3_u8, 0..4_u64, 0..3_u64, any::<bool>(), any::<bool>(), 1..200_i64)
            .prop_map(|(host, user, a, b, partial, incremental, seconds)| {
                Step::Serve { host, user, a, b, partial, incremental, seconds }
            }),
        2 => host.clone().prop_map(|host| Step::Return { host }),
        2 => (host.clone(), 1..4_u64, any::<bool>())
            .prop_map(|(host, count, undo)| Step::Report { host, count, undo }),
        2 => (0..2_u8, 0..6_u64, 0..4_u64, 0..3_u64)
            .prop_map(|(line, a, b, overdraft)| Step::Own { line, a, b, overdraft }),
        1 => (0..4_u8).prop_map(Step::Model),
        1 => (host, 1..3_u64).prop_map(|(host, count)| Step::Reserve { host, count }),
        1 => (1..4_u64).prop_map(Step::Unreserve),
        1 => (1..9_u64).prop_map(Step::Drop),
        3 => (0..150_i64).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

fn own(shop: &mut Shop, id: u8, a: u64, b: u64, overdraft: u64) {
    let mut first = floating("a", "1.0", a);
    first.overdraft = CountOverdraft::Count(overdraft);
    let features = vec![first, floating("b", "1.0", b), meter("m", a + b, false, 60_000)];
    shop.put(line(&format!("act-{id}"), features));
}

fn take(shop: &mut Shop, step: Step) {
    let name = |host: u8| format!("h{host}");
    match step {
        Step::Serve { host, user, a, b, partial, incremental, seconds } => {
            let (device, person) = (name(host), format!("u{user}/USER"));
            let hosts = [device.as_str(), person.as_str()];
            let mut request = ask(&hosts, &[want("a", "1.0", a), want("b", "1.0", b)]);
            (request.partial, request.incremental) = (partial, incremental);
            shop.serve(request.borrow_s(seconds));
        }
        Step::Return { host } => {
            shop.serve(ask(&[&name(host)], &[want("a", "0", 0)]));
        }
        Step::Report { host, count, undo } => {
            let request = ask(&[&name(host)], &[want("m", "1.0", count)]);
            shop.serve(if undo { request.undo() } else { request.report() });
        }
        Step::Own { line, a, b, overdraft } => own(shop, line, a, b, overdraft),
        Step::Model(3) => {
            let _ = shop.execute(Command::DeleteModel { by: "p".into() });
        }
        Step::Model(index) => shop.model(MODELS[usize::from(index)]),
        Step::Reserve { host: number, count } => {
            let entry = ReservationEntry {
                feature: "a".into(),
                version: version("1.0"),
                count,
                pool: None,
            };
            let reservations = vec![(host(&name(number)), vec![entry])];
            let draft = ReservationGroupDraft { name: None, reservations };
            let _ = shop.execute(Command::PostReservationGroup { draft, by: "p".into() });
        }
        Step::Unreserve(id) => {
            let id = ReservationGroupId(id);
            let _ = shop.execute(Command::DeleteReservationGroup { id, by: "p".into() });
        }
        Step::Drop(id) => {
            let _ = shop.execute(Command::DropClient { id: ClientId(id), by: "p".into() });
        }
        Step::Wait { seconds } => {
            shop.later(seconds * 1_000).tick();
        }
    }
}

/// No grant takes what is in use of a feature above what is owned and may be overdrawn.
fn assert_not_oversold(shop: &Shop, before: &BTreeMap<u64, u64>) {
    for view in shop.features() {
        let most = view.owned + view.terms().overdraft.of(view.owned);
        let was = before.get(&view.id.0).copied().unwrap_or(0);
        assert!(view.in_use <= most.max(was), "{view:?}, before {was}");
        let there: u64 = view.parts.iter().map(|part| part.count).sum();
        let belongs: u64 = view.parts.iter().map(|part| part.target).sum();
        assert_eq!(belongs, view.owned, "all that is owned belongs somewhere: {view:?}");
        for part in view.parts.iter().filter(|part| !part.place.is_default()) {
            assert!(part.in_use <= part.count, "overdraft is in the default pool alone: {view:?}");
        }
        // What is more than owned is in use, or could not be there.
        assert!(there <= view.owned.max(view.in_use), "{view:?}");
    }
}

/// What records say of levels is what the instance says after them.
fn assert_levels(shop: &Shop) {
    let Some(Record::Served { served, .. }) = shop.journal.last() else { return };
    for level in &served.levels {
        if let Some(view) = shop.features().iter().find(|view| view.id == level.feature) {
            assert_eq!(view.in_use, level.in_use, "{level:?}");
            assert_eq!(shop.in_use(&level.name), level.in_use_of_name, "{level:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_count_is_somewhere(steps in prop::collection::vec(step(), 1..60)) {
        let mut shop = Shop::new();
        own(&mut shop, 0, 4, 2, 1);
        for step in steps {
            let in_use = |shop: &Shop| shop.features().iter().map(|v| (v.id.0, v.in_use)).collect();
            let before: BTreeMap<u64, u64> = in_use(&shop);
            take(&mut shop, step);
            assert_not_oversold(&shop, &before);
            assert_levels(&shop);
        }
        shop.assert_kept();
        // When all leases are over, all that is owned of what is lent is free again.
        shop.later(1_000_000).tick();
        for view in shop.features().iter().filter(|view| view.terms().is_held()) {
            prop_assert_eq!(view.in_use, 0);
            let there: u64 = view.parts.iter().map(|part| part.count).sum();
            prop_assert_eq!(there, view.owned);
            for part in &view.parts {
                prop_assert_eq!(part.count, part.target, "{:?}", view);
            }
        }
    }
}
