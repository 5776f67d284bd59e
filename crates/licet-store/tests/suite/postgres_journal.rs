//! How the journal is written and read in PostgreSQL: a row for each transaction, and the way back
//! from the heads.

use licet_store::{AppendError, Head, Journal, Position, StoreError, postgres::PostgresStore};

use crate::{
    home::{Chain, groups_after, records},
    postgres_home::{PostgresHome, home, until_waiting},
};

#[tokio::test]
async fn a_batch_in_which_some_heads_have_moved_on_is_written_without_those() {
    let home = home!();
    let (ours, theirs) = (home.store().await, home.store().await);
    let (other, observer) = (home.connect().await, home.connect().await);
    let mut chains: Vec<Chain> = (1..=5).map(Chain::new).collect();
    for chain in &mut chains {
        chain.append(&*ours, "a").await;
    }
    let stale = [Chain { id: chains[1].id, head: chains[1].head }.next("late"), {
        let forged = Head { seq: 1, hash: [9; 32] };
        Chain { id: chains[3].id, head: forged }.next("forged")
    }];
    chains[1].append(&*theirs, "theirs").await;

    // While the writer waits for the first append, the others gather behind it.
    other.batch_execute("BEGIN").await.unwrap();
    let lock = "SELECT FROM head WHERE instance_id = $1 FOR UPDATE";
    other.execute(lock, &[&chains[4].id]).await.unwrap();
    let first = ours.append(chains[4].next("b"));
    until_waiting(&observer, "WITH place").await;
    let mut appended = Vec::new();
    for at in [0, 2, 5] {
        chains.push(Chain::new(6));
        appended.push(ours.append(chains[at].next("b")));
    }
    let refused = stale.map(|append| ours.append(append));
    other.batch_execute("ROLLBACK").await.unwrap();

    let before = first.await.unwrap().unwrap();
    for answer in refused {
        assert!(matches!(answer.await.unwrap(), Err(AppendError::Conflict)));
    }
    let mut positions = Vec::new();
    for answer in appended {
        positions.push(answer.await.unwrap().unwrap());
    }
    let groups = groups_after(&*ours, before).await;
    let [group] = &groups[..] else { panic!("one transaction, not {groups:?}") };
    assert_eq!(positions, [group.position; 3]);
    let written: Vec<_> = group.sections.iter().map(|section| section.instance_id).collect();
    assert_eq!(written, [chains[0].id, chains[2].id, chains[5].id]);
    assert_eq!(records(&*ours, chains[1].id).await, ["a", "theirs"]);
    assert_eq!(records(&*ours, chains[2].id).await, ["a", "b"]);
    assert_eq!(records(&*ours, chains[3].id).await, ["a"]);
    assert_eq!(records(&*ours, chains[5].id).await, ["b"]);
}

#[tokio::test]
async fn a_batch_of_which_nothing_stands_leaves_no_row() {
    let home = home!();
    let store = home.store().await;
    let position = Chain::new(1).append(&*store, "a").await;
    let late = store.append(Chain::new(1).next("late"));
    assert!(matches!(late.await.unwrap(), Err(AppendError::Conflict)));
    assert_eq!(store.last_position().await.unwrap(), position);
}

#[tokio::test]
async fn a_long_tail_is_read_from_any_place_in_it() {
    let home = home!();
    let store = home.store().await;
    let mut chain = Chain::new(1);
    for at in 1..=300 {
        chain.append(&*store, &at.to_string()).await;
    }
    for after_seq in [0, 1, 150, 298, 299, 300, 301] {
        let tail = store.shared().unwrap().tail(chain.id, after_seq).await.unwrap();
        assert!(tail.iter().map(|section| section.seq).eq(after_seq + 1..=300), "{after_seq}");
        assert!(tail.iter().all(|section| section.records == section.seq.to_string().as_bytes()));
    }
}

#[tokio::test]
async fn groups_are_read_until_the_bytes_asked_for_are_passed() {
    let home = home!();
    let store = home.store().await;
    let mut chain = Chain::new(1);
    for _ in 0..20 {
        chain.append(&*store, &"x".repeat(10_000)).await;
    }
    let all = groups_after(&*store, Position(0)).await;
    assert_eq!(all.len(), 20);
    for (bytes_max, expected) in [(0, 1), (1, 1), (10_500, 2), (95_000, 10), (usize::MAX, 20)] {
        let read = store.read_groups(Position(0), bytes_max).await.unwrap();
        assert_eq!(read.len(), expected, "{bytes_max} bytes");
    }
}

#[tokio::test]
async fn a_journal_that_was_tampered_with_is_damaged_from_there_on() {
    let home = home!();
    let store = home.store().await;
    let raw = home.connect().await;
    let mut chain = Chain::new(1);
    let mut positions = Vec::new();
    for records in ["a", "b", "c"] {
        positions.push(i64::try_from(chain.append(&*store, records).await.0).unwrap());
    }
    let tail = async |after_seq| store.shared().unwrap().tail(chain.id, after_seq).await;
    let is_damaged = |read: Result<Vec<_>, StoreError>| matches!(read, Err(StoreError::Damaged(_)));

    let cut = "UPDATE journal SET sections[1] = substr(sections[1], 1, 60) WHERE position = $1";
    raw.execute(cut, &[&positions[0]]).await.unwrap();
    assert!(is_damaged(tail(0).await));
    assert_eq!(tail(1).await.unwrap().len(), 2);
    assert!(is_reading_damaged(&store).await);

    let delete = "DELETE FROM journal WHERE position = $1";
    raw.execute(delete, &[&positions[1]]).await.unwrap();
    assert!(is_damaged(tail(1).await));
    assert_eq!(tail(2).await.unwrap().len(), 1);

    raw.execute(delete, &[&positions[2]]).await.unwrap();
    assert!(is_damaged(tail(2).await));
    assert_eq!(tail(3).await.unwrap().len(), 0);
}

async fn is_reading_damaged(store: &PostgresStore) -> bool {
    loop {
        match store.read_groups(Position(0), usize::MAX).await {
            Err(error) => return matches!(error, StoreError::Damaged(_)),
            // Another story's transaction may be in the way.
            Ok(groups) if groups.is_empty() => tokio::task::yield_now().await,
            Ok(_) => return false,
        }
    }
}
