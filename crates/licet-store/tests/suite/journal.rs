//! Stories of the journal.

use licet_store::{AppendError, Head, Position, Snapshot, StoreError};
use uuid::Uuid;

use crate::home::{Chain, Home, append, groups_after, project_all, records};

pub(crate) async fn what_is_appended_comes_back_when_an_instance_is_loaded(home: &dyn Home) {
    let store = home.open().await;
    let mut chain = Chain::new(1);
    let mut first = chain.next("opened");
    first.wake_at_ms = Some(77);
    let first = append(&*store, first).await.unwrap();
    let second = chain.append(&*store, "charged").await;
    assert!(first < second);
    assert_eq!(store.last_position().await.unwrap(), second);

    let loaded = store.load(chain.id).await.unwrap();
    assert!(loaded.snapshot.is_none());
    let [opened, charged] = &loaded.tail[..] else { panic!("two sections, not {loaded:?}") };
    assert_eq!((opened.seq, charged.seq), (1, 2));
    assert_eq!(opened.previous_hash, [0; 32]);
    assert_eq!(charged.previous_hash, opened.hash);
    assert_eq!(Head { seq: 2, hash: charged.hash }, chain.head);
    assert_eq!((opened.wake_at_ms, charged.wake_at_ms), (Some(77), None));
    assert_eq!(opened.records, b"opened");
    assert_eq!(charged.at_ms, 1_002);
}

pub(crate) async fn an_instance_without_a_journal_loads_empty(home: &dyn Home) {
    let store = home.open().await;
    let loaded = store.load(Uuid::from_u128(404)).await.unwrap();
    assert!(loaded.snapshot.is_none() && loaded.tail.is_empty());
    assert_eq!(store.last_position().await.unwrap(), Position(0));
    assert!(store.read_groups(Position(0), 1_000).await.unwrap().is_empty());
}

pub(crate) async fn an_append_on_an_old_head_is_refused_and_the_others_go_on(home: &dyn Home) {
    let store = home.open().await;
    let (mut ours, mut theirs) = (Chain::new(1), Chain::new(2));
    ours.append(&*store, "a").await;

    let stale = Chain::new(1).next("on an old head");
    let mut forged = Chain::new(1);
    forged.head = Head { seq: 1, hash: [9; 32] };
    // All three are queued before any is awaited, so that they may share a group.
    let stale = store.append(stale);
    let fine = store.append(theirs.next("b"));
    let forged = store.append(forged.next("on a wrong hash"));
    assert!(matches!(stale.await.unwrap(), Err(AppendError::Conflict)));
    assert!(matches!(forged.await.unwrap(), Err(AppendError::Conflict)));
    fine.await.unwrap().unwrap();

    assert_eq!(records(&*store, ours.id).await, ["a"]);
    assert_eq!(records(&*store, theirs.id).await, ["b"]);
    ours.append(&*store, "c").await;
    assert_eq!(records(&*store, ours.id).await, ["a", "c"]);
}

pub(crate) async fn of_two_appends_on_the_same_head_one_wins(home: &dyn Home) {
    let store = home.open().await;
    let one = store.append(Chain::new(1).next("one"));
    let other = store.append(Chain::new(1).next("other"));
    let answers = [one.await.unwrap(), other.await.unwrap()];
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(records(&*store, Uuid::from_u128(1)).await.len(), 1);
}

pub(crate) async fn groups_are_read_in_order_and_never_in_part(home: &dyn Home) {
    let store = home.open().await;
    let mut chain = Chain::new(1);
    for records in ["a", "b", "c", "d"] {
        chain.append(&*store, records).await;
    }
    let all = groups_after(&*store, Position(0)).await;
    let read: Vec<_> = all.iter().map(|group| &group.sections[0].records[..]).collect();
    assert_eq!(read, [b"a", b"b", b"c", b"d"]);
    assert!(all.is_sorted_by(|one, next| one.position < next.position));

    let one = store.read_groups(Position(0), 1).await.unwrap();
    assert_eq!(one.len(), 1, "at least one, however little is asked for");
    let rest = store.read_groups(one[0].position, usize::MAX).await.unwrap();
    assert_eq!(rest.len(), 3);
    assert!(store.read_groups(store.last_position().await.unwrap(), 1).await.unwrap().is_empty());
}

pub(crate) async fn a_reopened_store_goes_on_where_it_stood(home: &dyn Home) {
    let mut chain = Chain::new(1);
    let store = home.open().await;
    let before = chain.append(&*store, "a").await;
    store.close().await.unwrap();
    drop(store);

    let store = home.open().await;
    assert_eq!(store.last_position().await.unwrap(), before);
    let stale = append(&*store, Chain::new(1).next("again")).await;
    assert!(matches!(stale, Err(AppendError::Conflict)));
    chain.append(&*store, "b").await;
    assert_eq!(records(&*store, chain.id).await, ["a", "b"]);
}

pub(crate) async fn heads_of_quiet_instances_are_found_after_a_reopening(home: &dyn Home) {
    let (mut quiet, mut busy) = (Chain::new(1), Chain::new(2));
    let store = home.open().await;
    quiet.append(&*store, "a").await;
    project_all(&*store).await;
    // The projector is behind by this one.
    busy.append(&*store, "b").await;
    drop(store);

    let store = home.open().await;
    for chain in [&mut quiet, &mut busy] {
        let stale = append(&*store, Chain::new(chain.id.as_u128()).next("again")).await;
        assert!(matches!(stale, Err(AppendError::Conflict)));
        chain.append(&*store, "c").await;
    }
    assert_eq!(records(&*store, quiet.id).await, ["a", "c"]);
    assert_eq!(records(&*store, busy.id).await, ["b", "c"]);
}

pub(crate) async fn heads_survive_a_projection_that_is_thrown_away(home: &dyn Home) {
    let mut chain = Chain::new(1);
    let store = home.open().await;
    chain.append(&*store, "a").await;
    project_all(&*store).await;
    drop(store);

    // After a reopening the head is known to the projection alone.
    let store = home.open().await;
    store.forget_projection().await.unwrap();
    assert_eq!(store.projected().await.unwrap(), Position(0));
    assert!(store.heads().await.unwrap().is_empty());
    let stale = append(&*store, Chain::new(1).next("again")).await;
    assert!(matches!(stale, Err(AppendError::Conflict)));
    chain.append(&*store, "b").await;
    assert_eq!(records(&*store, chain.id).await, ["a", "b"]);
}

pub(crate) async fn loading_starts_from_the_snapshot_and_walks_the_rest(home: &dyn Home) {
    let store = home.open().await;
    let (mut chain, mut other) = (Chain::new(1), Chain::new(2));
    for at in 0..20 {
        // The sections of others lie between.
        let ours = store.append(chain.next(&at.to_string()));
        let theirs = store.append(other.next("theirs"));
        ours.await.unwrap().unwrap();
        theirs.await.unwrap().unwrap();
        if at == 16 {
            let snapshot =
                Snapshot { instance_id: chain.id, head: chain.head, body: b"state".to_vec() };
            store.save_snapshot(snapshot).await.unwrap();
        }
    }
    let loaded = store.load(chain.id).await.unwrap();
    assert_eq!(loaded.snapshot.unwrap().body, b"state");
    let tail: Vec<_> = loaded.tail.iter().map(|section| section.seq).collect();
    assert_eq!(tail, [18, 19, 20]);

    let snapshot = Snapshot { instance_id: chain.id, head: chain.head, body: b"newest".to_vec() };
    store.save_snapshot(snapshot).await.unwrap();
    let loaded = store.load(chain.id).await.unwrap();
    assert_eq!(loaded.snapshot.unwrap().head, chain.head);
    assert!(loaded.tail.is_empty());
    assert_eq!(records(&*store, other.id).await.len(), 20);
}

pub(crate) async fn sections_of_one_instance_far_apart_are_read_in_order(home: &dyn Home) {
    let store = home.open().await;
    let (mut seldom, mut often) = (Chain::new(1), Chain::new(2));
    for round in 0..4 {
        seldom.append(&*store, &round.to_string()).await;
        for _ in 0..50 {
            often.append(&*store, "x").await;
        }
    }
    assert_eq!(records(&*store, seldom.id).await, ["0", "1", "2", "3"]);
    let tail = store.load(often.id).await.unwrap().tail;
    assert!(tail.iter().map(|section| section.seq).eq(1..=200));
    assert!(tail.is_sorted_by(|one, next| next.previous_hash == one.hash));
}

pub(crate) async fn an_older_snapshot_does_not_replace_a_newer_one(home: &dyn Home) {
    let store = home.open().await;
    let mut chain = Chain::new(1);
    chain.append(&*store, "a").await;
    let old = Snapshot { instance_id: chain.id, head: chain.head, body: b"old".to_vec() };
    chain.append(&*store, "b").await;
    let new = Snapshot { instance_id: chain.id, head: chain.head, body: b"new".to_vec() };
    store.save_snapshot(new).await.unwrap();
    store.save_snapshot(old).await.unwrap();
    assert_eq!(store.load(chain.id).await.unwrap().snapshot.unwrap().body, b"new");
}

pub(crate) async fn a_snapshot_that_does_not_fit_the_journal_is_not_used(home: &dyn Home) {
    let store = home.open().await;
    let mut chain = Chain::new(1);
    chain.append(&*store, "a").await;
    chain.append(&*store, "b").await;
    for head in [
        Head { seq: 1, hash: [9; 32] },
        Head { seq: 2, hash: [9; 32] },
        Head { seq: 3, hash: [9; 32] },
    ] {
        let snapshot = Snapshot { instance_id: chain.id, head, body: b"foreign".to_vec() };
        store.save_snapshot(snapshot).await.unwrap();
        let loaded = store.load(chain.id).await.unwrap();
        assert!(loaded.snapshot.is_none(), "at {}", head.seq);
        assert_eq!(loaded.tail.len(), 2);
    }
}

pub(crate) async fn the_instances_that_are_due_come_earliest_first(home: &dyn Home) {
    let store = home.open().await;
    let mut chains: Vec<Chain> = (1..=4).map(Chain::new).collect();
    for (chain, wake_at_ms) in chains.iter_mut().zip([Some(300), Some(100), None, Some(200)]) {
        let mut first = chain.next("a");
        first.wake_at_ms = wake_at_ms;
        append(&*store, first).await.unwrap();
    }
    assert!(store.due(1_000, 10).await.unwrap().is_empty(), "as of the projector's position");
    project_all(&*store).await;
    let (one, two, four) = (chains[0].id, chains[1].id, chains[3].id);
    assert_eq!(store.due(99, 10).await.unwrap(), []);
    assert_eq!(store.due(200, 10).await.unwrap(), [(two, 100), (four, 200)]);
    assert_eq!(store.due(1_000, 2).await.unwrap(), [(two, 100), (four, 200)]);

    // The next section says that nothing is to be done any more.
    chains[1].append(&*store, "b").await;
    project_all(&*store).await;
    assert_eq!(store.due(1_000, 10).await.unwrap(), [(four, 200), (one, 300)]);
}

pub(crate) async fn a_closed_store_takes_nothing_more(home: &dyn Home) {
    let store = home.open().await;
    let mut chain = Chain::new(1);
    // What is queued before is still done.
    let queued = store.append(chain.next("a"));
    store.close().await.unwrap();
    queued.await.unwrap().unwrap();

    let late = append(&*store, chain.next("b")).await;
    assert!(matches!(late, Err(AppendError::Unavailable(_))));
    assert!(matches!(store.ready().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.load(chain.id).await, Err(StoreError::Unavailable(_))));
    store.close().await.unwrap();
    drop(store);
    assert_eq!(records(&*home.open().await, chain.id).await, ["a"]);
}
