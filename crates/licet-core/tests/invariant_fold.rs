//! The journal is the truth: an instance is the fold of its records, by way of their bytes, and
//! its snapshot is as good. They do not only look alike, they decide alike.

mod support;

use std::collections::BTreeMap;

use licet_core::{
    Command, DecodeError, Instance, Outcome, Query, Record, RecordViews, ResetFrequency,
    SessionResult,
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use support::{
    DAY, Terms, World, assert_alike, folded,
    random::{Play, config, steps},
    terms,
};

proptest! {
    #![proptest_config(config(192))]

    #[test]
    fn the_fold_of_the_journal_and_the_snapshot_decide_like_the_instance(steps in steps(60)) {
        let mut play = Play::new();
        for step in &steps {
            let Some(command) = play.command(step, None) else { continue };
            let mut folded = play.world.shadow().clone();
            let mut restored = restored(&play.world.instance);
            let by_fold = play.world.decide_elsewhere(&mut folded, command.clone());
            let by_snapshot = play.world.decide_elsewhere(&mut restored, command.clone());
            let head = play.world.journal.len();
            let reply = play.world.execute(command);
            if let Ok(licet_core::Reply::SessionOpened(id)) = reply {
                play.opened.push(id);
            }
            let decided = (reply, play.world.journal[head..].to_vec());
            prop_assert_eq!(&by_fold, &decided);
            prop_assert_eq!(&by_snapshot, &decided);
            assert_alike(&play.world.instance, &folded);
            assert_alike(&play.world.instance, &restored);
        }
    }

    #[test]
    fn queries_find_the_same_in_the_fold_and_in_the_snapshot(steps in steps(60)) {
        let mut play = Play::new();
        play.run(&steps);
        // The second one forgets what the first one found to be over for long.
        play.world.tick().tick();
        let mut folded = folded(&play.world.journal);
        let mut restored = restored(&play.world.instance);
        let live = play.world.instance.clone();
        for query in [Query::LineItems, Query::Conditions, Query::LineItem("L1".into())] {
            let ask = |instance: &mut Instance| {
                play.world.decide_elsewhere(instance, Command::Query(query.clone()))
            };
            let expected = ask(&mut live.clone());
            prop_assert_eq!(&ask(&mut folded), &expected);
            prop_assert_eq!(&ask(&mut restored), &expected);
        }
        let sessions = |instance: &Instance| {
            let mut sessions: Vec<_> = instance.sessions().collect();
            for (_, session) in &mut sessions {
                session.last_heartbeat_at_ms = None;
            }
            sessions
        };
        prop_assert_eq!(sessions(&folded), sessions(&live));
        prop_assert_eq!(sessions(&restored), sessions(&live));
    }

    #[test]
    fn time_does_not_run_backwards_in_a_journal(
        steps in steps(60),
        // The clock of another node may be behind.
        behind_ms in prop::collection::vec(prop::option::weighted(0.2, 0..600_000_i64), 70),
    ) {
        let mut play = Play::new();
        for (step, behind_ms) in steps.iter().zip(behind_ms) {
            play.take(step, None);
            play.world.now_ms -= behind_ms.unwrap_or(0);
        }
        let times: Vec<i64> = play.world.journal.iter().map(Record::at_ms).collect();
        prop_assert!(times.is_sorted(), "{:?}", times);
    }

    #[test]
    fn nothing_is_due_once_everything_due_was_done(steps in steps(40)) {
        let mut play = Play::new();
        play.run(&steps);
        play.world.tick();
        let now_ms = play.world.journal.last().map_or(0, Record::at_ms).max(play.world.now_ms);
        prop_assert!(play.world.instance.wakes_at_ms().is_none_or(|at_ms| at_ms > now_ms));
    }

    #[test]
    fn damaged_bytes_are_refused_or_read_but_never_a_panic(
        steps in steps(25),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..40),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 20),
    ) {
        let mut play = Play::new();
        play.run(&steps);
        let journal = Record::encode_all(&play.world.journal);
        let snapshot = play.world.instance.to_snapshot();
        for cut in &cuts {
            let shorter = &journal[..cut.index(journal.len())];
            prop_assert!(Record::decode_all(shorter).is_err());
            prop_assert!(views(shorter).is_err());
            prop_assert!(Instance::from_snapshot(&snapshot[..cut.index(snapshot.len())]).is_err());
        }
        for (place, bit) in &flips {
            let mut damaged = journal.clone();
            damaged[place.index(journal.len())] ^= 1 << bit;
            prop_assert_eq!(views(&damaged).is_ok(), Record::decode_all(&damaged).is_ok());
            let mut damaged = snapshot.clone();
            damaged[place.index(snapshot.len())] ^= 1 << bit;
            let _ = Instance::from_snapshot(&damaged);
        }
        let longer = [journal, vec![0]].concat();
        prop_assert!(Record::decode_all(&longer).is_err());
        prop_assert!(views(&longer).is_err());
    }

    #[test]
    fn random_bytes_are_never_a_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..400)
    ) {
        let _ = (Record::decode_all(&bytes), Instance::from_snapshot(&bytes), views(&bytes));
        for known in [1, 2] {
            if let Some(version) = bytes.first_mut() {
                *version = known;
            }
            let _ = (Record::decode_all(&bytes), Instance::from_snapshot(&bytes), views(&bytes));
        }
    }
}

/// How many records can be seen, if all can.
fn views(bytes: &[u8]) -> Result<usize, DecodeError> {
    let mut count = 0;
    for view in RecordViews::new(bytes)? {
        view?;
        count += 1;
    }
    Ok(count)
}

#[test]
fn an_unknown_layout_is_named() {
    let mut bytes = Record::encode_all(&[]);
    assert_eq!(Record::decode_all(&bytes), Ok(Vec::new()));
    bytes[0] = 9;
    assert_eq!(Record::decode_all(&bytes), Err(licet_core::DecodeError::UnknownVersion(9)));
    assert!(Record::decode_all(&[]).is_err());
}

#[test]
fn resets_of_one_moment_follow_each_other_alike_after_a_snapshot() {
    let daily = |name| terms(name, "10").reset(ResetFrequency::Daily);
    let mut world = World::new().line_with(daily("L2")).line_with(daily("L1"));
    let mut restored = restored(&world.instance);
    world.at(DAY);
    let (_, expected) = world.decide_elsewhere(&mut restored, Command::Tick);
    let head = world.journal.len();
    world.tick();
    assert_eq!(world.journal[head..], expected);
    assert_eq!(expected.len(), 2);
}

/// The properties are worth what their stories reach, so these are counted.
#[test]
fn random_stories_go_everywhere() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..150 {
        let steps = steps(70).new_tree(&mut runner).expect("steps").current();
        let mut play = Play::new();
        play.run(&steps);
        for record in &play.world.journal {
            for what in what_happened(record) {
                *seen.entry(what).or_default() += 1;
            }
        }
    }
    let expected = [
        "LineItemDeleted",
        "LineItemReset",
        "action",
        "split",
        "overdraft",
        "Charged",
        "NoStatus",
        "NotPriced",
        "NoLineItem",
        "DeniedByRules",
        "Insufficient",
        "first charge",
        "automatic charge",
        "change with refund",
        "idle",
        "Kept",
        "Ended(Denied)",
        "Ended(TokensExhausted)",
        "ended Closed",
        "ended HeartbeatMissed",
        "ended Idle",
        "HeartbeatSeen",
        "several periods refunded",
        "refund to an action",
    ];
    for what in expected {
        assert!(seen.get(what).is_some_and(|count| *count >= 3), "{what}: {seen:#?}");
    }
}

fn what_happened(record: &Record) -> Vec<String> {
    let mut seen = Vec::new();
    let mut note = |what: &str| seen.push(what.to_owned());
    match record {
        Record::Access { outcomes, .. } => {
            outcomes.iter().for_each(|outcome| note_charges(outcome, &mut note));
        }
        Record::SessionAccess { access, automatic, .. } => {
            note_charges(&access.outcome, &mut note);
            match &access.result {
                SessionResult::Charged { .. } if *automatic => note("automatic charge"),
                SessionResult::Charged { .. } if access.refund.is_some() => {
                    note("change with refund");
                }
                SessionResult::Charged { .. } => note("first charge"),
                SessionResult::Idle => note("idle"),
                other => note(&format!("{other:?}")),
            }
        }
        Record::SessionEnded { reason, refund, .. } => {
            note(&format!("ended {reason:?}"));
            let lines = refund.as_ref().map_or(&[][..], |refund| &refund.lines);
            if lines.iter().any(|line| line.action.is_some()) {
                note("refund to an action");
            }
            let of_first = |line: &&licet_core::RefundedLine| {
                let first = &lines[0];
                (&line.item, &line.activation_id, line.count)
                    == (&first.item, &first.activation_id, first.count)
            };
            if lines.iter().filter(of_first).count() > 1 {
                note("several periods refunded");
            }
        }
        Record::LineItemDeleted { .. } => note("LineItemDeleted"),
        Record::LineItemReset { .. } => note("LineItemReset"),
        Record::HeartbeatSeen { .. } => note("HeartbeatSeen"),
        _ => {}
    }
    seen
}

fn note_charges(outcome: &Outcome, note: &mut impl FnMut(&str)) {
    for item in &outcome.items {
        note(&format!("{:?}", item.code));
        if item.charges.len() > 1 {
            note("split");
        }
        for charge in &item.charges {
            if charge.action.is_some() {
                note("action");
            }
            if charge.used_after > charge.quantity {
                note("overdraft");
            }
        }
    }
}

fn restored(instance: &Instance) -> Instance {
    Instance::from_snapshot(&instance.to_snapshot()).expect("what was written")
}
