//! What is PostgreSQL's alone: several stores on one database, and moved journals.

use std::sync::Arc;

use licet_store::{
    Administration, AppendError, AuditRow, Head, InstanceRow, InstanceSettingRow, InstanceUserRow,
    Journal, KeyKind, KeyRow, LicensingKeyRow, Position, ProducerUserRow, Projections, SettingRow,
    Site, SiteChange, Store, StoreError, postgres::PostgresStore,
};
use uuid::Uuid;

use crate::{
    home::{Chain, append, audit, groups_after, project_all, records},
    postgres_home::{PostgresHome, hold, home, until_waiting},
};

#[tokio::test]
async fn of_two_stores_on_one_head_one_wins_and_the_other_reads_the_tail() {
    let home = home!();
    let (ours, theirs) = (home.store().await, home.store().await);
    let mut chain = Chain::new(1);
    let mut behind = Chain::new(1);
    let mut late = behind.next("late");
    late.hash = [9; 32];
    let answers = tokio::join!(append(&*ours, chain.next("a")), append(&*theirs, late.clone()));
    let (winner, loser, tail) = match answers {
        (Ok(position), Err(AppendError::Conflict)) => (position, &theirs, "a"),
        (Err(AppendError::Conflict), Ok(position)) => (position, &ours, "late"),
        other => panic!("one wins: {other:?}"),
    };
    assert_eq!(loser.last_position().await.unwrap(), winner);
    let tail_read = loser.shared().unwrap().tail(chain.id, 0).await.unwrap();
    assert_eq!(tail_read.len(), 1);
    assert_eq!(tail_read[0].records, tail.as_bytes());

    chain.head = Head { seq: 1, hash: tail_read[0].hash };
    let next = chain.append(&**loser, "b").await;
    assert!(next > winner);
    assert_eq!(records(&*ours, chain.id).await, [tail, "b"]);
}

#[tokio::test]
async fn appends_of_many_stores_make_one_chain_without_gaps() {
    let home = home!();
    let stores = [home.store().await, home.store().await, home.store().await];
    let appending = stores.clone().map(|store| {
        tokio::spawn(async move {
            let mut chain = Chain::new(1);
            let mut written = 0;
            while written < 20 {
                let Ok(_) = append(&*store, chain.next("x")).await else {
                    let tail = store.shared().unwrap().tail(chain.id, 0).await.unwrap();
                    let last = tail.last().unwrap();
                    chain.head = Head { seq: last.seq, hash: last.hash };
                    continue;
                };
                written += 1;
            }
        })
    });
    for task in appending {
        task.await.unwrap();
    }
    let groups = groups_after(&*stores[0], Position(0)).await;
    let seqs: Vec<u64> =
        groups.iter().flat_map(|group| &group.sections).map(|section| section.seq).collect();
    assert_eq!(seqs, (1..=60).collect::<Vec<u64>>());
    assert!(groups.is_sorted_by(|one, next| one.position < next.position));
}

#[tokio::test]
async fn who_waits_for_a_hold_gets_it_with_what_was_appended_meanwhile() {
    let home = home!();
    let (ours, theirs) = (home.store().await, home.store().await);
    let observer = home.connect().await;
    let mut chain = Chain::new(1);
    // Also an instance without a journal can be held.
    let first = hold(&ours, &chain).await.unwrap();
    let waiting = tokio::spawn({
        let theirs = Arc::clone(&theirs);
        async move { hold(&theirs, &Chain::new(1)).await }
    });
    until_waiting(&observer, "head").await;
    assert!(!waiting.is_finished());

    let position = first.append(chain.next("a")).await.unwrap();
    let mut second = waiting.await.unwrap().unwrap();
    let tail = second.take_tail();
    assert_eq!(tail.len(), 1);
    assert_eq!(tail[0].records, b"a");
    assert!(second.take_tail().is_empty());
    assert!(second.append(chain.next("b")).await.unwrap() > position);
    assert_eq!(records(&*ours, chain.id).await, ["a", "b"]);
    assert!(chain.append(&*ours, "c").await > position);
}

#[tokio::test]
async fn a_hold_that_is_dropped_or_released_leaves_nothing_and_lets_others_go_on() {
    let home = home!();
    let (ours, theirs) = (home.store().await, home.store().await);
    let mut chain = Chain::new(1);
    drop(hold(&ours, &chain).await.unwrap());
    chain.append(&*theirs, "a").await;

    hold(&ours, &chain).await.unwrap().release().await;
    chain.append(&*theirs, "b").await;
    let stale = hold(&ours, &chain).await.unwrap().append(Chain::new(1).next("again")).await;
    assert!(matches!(stale, Err(AppendError::Conflict)));
    chain.append(&*theirs, "c").await;
    assert_eq!(records(&*ours, chain.id).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn an_append_waits_for_a_hold_and_then_finds_out_who_was_first() {
    let home = home!();
    let (ours, theirs) = (home.store().await, home.store().await);
    let observer = home.connect().await;
    let mut chain = Chain::new(1);
    chain.append(&*ours, "a").await;
    let mut late = Chain { id: chain.id, head: chain.head }.next("late");
    late.hash = [9; 32];
    let held = hold(&ours, &chain).await.unwrap();
    let waiting = theirs.append(late);
    until_waiting(&observer, "WITH place").await;
    held.append(chain.next("b")).await.unwrap();
    assert!(matches!(waiting.await.unwrap(), Err(AppendError::Conflict)));
    assert_eq!(records(&*theirs, chain.id).await, ["a", "b"]);
}

#[tokio::test]
async fn a_transaction_that_commits_late_is_never_passed() {
    let home = home!();
    let store = home.store().await;
    let late = home.connect().await;
    let mut chain = Chain::new(1);
    let before = chain.append(&*store, "before").await;
    late.batch_execute("BEGIN").await.unwrap();
    let sql = "INSERT INTO journal SELECT pg_current_xact_id()::text::bigint + position_offset,
        '{}', '{}', '{}' FROM identity RETURNING position";
    let row = late.query_one(sql, &[]).await.unwrap();
    let between = Position(u64::try_from(row.get::<_, i64>(0)).unwrap());

    let after = chain.append(&*store, "after").await;
    assert!(before < between && between < after);
    assert_eq!(store.last_position().await.unwrap(), after);
    let read = store.read_groups(before, usize::MAX).await.unwrap();
    assert!(read.is_empty(), "what stands above an open transaction waits for it");

    late.batch_execute("COMMIT").await.unwrap();
    let read = groups_after(&*store, before).await;
    let read: Vec<Position> = read.iter().map(|group| group.position).collect();
    assert_eq!(read, [between, after]);
}

#[tokio::test]
async fn an_append_that_ran_into_a_deadlock_is_tried_again() {
    let home = home!();
    let store = home.store().await;
    let (other, observer) = (home.connect().await, home.connect().await);
    let (mut low, mut high) = (Chain::new(1), Chain::new(2));
    low.append(&*store, "a").await;
    high.append(&*store, "a").await;

    // The other one looks for deadlocks later than the store, which is then the one to give way.
    other.batch_execute("SET deadlock_timeout = '1min'; BEGIN").await.unwrap();
    let lock = "SELECT FROM head WHERE instance_id = $1 FOR UPDATE";
    other.execute(lock, &[&high.id]).await.unwrap();
    let (one, two) = (store.append(low.next("b")), store.append(high.next("b")));
    until_waiting(&observer, "WITH place").await;
    other.execute(lock, &[&low.id]).await.unwrap();
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(one.await.unwrap().unwrap(), two.await.unwrap().unwrap());
    assert_eq!(records(&*store, low.id).await, ["a", "b"]);
}

#[tokio::test]
async fn a_journal_from_another_cluster_goes_on_above_its_positions() {
    let home = home!();
    let mut chain = Chain::new(1);
    let early = home.store().await;
    chain.append(&*early, "a").await;
    let far = 1_i64 << 40;
    let raw = home.connect().await;
    for table in ["journal", "head"] {
        let sql = format!("UPDATE {table} SET position = position + {far}");
        raw.batch_execute(&sql).await.unwrap();
    }
    let refused = append(&*early, Chain { id: chain.id, head: chain.head }.next("b")).await;
    let Err(AppendError::Unavailable(why)) = refused else {
        panic!("positions ascend: {refused:?}")
    };
    assert!(why.contains("start the server again"), "{why}");

    let store = home.store().await;
    let stands = store.last_position().await.unwrap();
    assert!(stands.0 > 1 << 40);
    let next = chain.append(&*store, "b").await;
    assert!(next > stands);
    assert_eq!(store.last_position().await.unwrap(), next);
    project_all(&*store).await;
    assert_eq!(store.projected().await.unwrap(), next);
    // Opened again, the offset stays; and whoever was there before has it too.
    let again = home.store().await;
    let third = chain.append(&*again, "c").await;
    assert!(third > next && third.0 - next.0 < 1 << 30);
    assert!(chain.append(&*early, "d").await > third);
    assert_eq!(records(&*again, chain.id).await, ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn one_of_two_stores_leads_until_it_is_closed() {
    let home = home!();
    let (ours, theirs) = (home.store().await, home.store().await);
    assert!(ours.lead().await.unwrap());
    assert!(ours.lead().await.unwrap(), "it stays so");
    assert!(!theirs.lead().await.unwrap());
    ours.close().await.unwrap();
    while !theirs.lead().await.unwrap() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn changes_of_the_site_reach_the_other_store() {
    let home = home!();
    let (ours, theirs) = (home.store().await, home.store().await);
    let mut notices = theirs.changes().unwrap();
    let row = SettingRow {
        name: "s".into(),
        value: "1".into(),
        modified_ms: 1,
        updated_by: "ada".into(),
    };
    let key = KeyRow {
        id: "k".into(),
        kind: KeyKind::Client,
        pem: String::new(),
        created_ms: 1,
        modified_ms: 1,
    };
    // Whoever begins to listen is told that everything may have changed.
    for expected in SiteChange::ALL {
        assert_eq!(notices.recv().await.unwrap(), expected);
    }
    ours.put_settings(vec![row], AuditRow::default()).await.unwrap();
    assert_eq!(notices.recv().await.unwrap(), SiteChange::Terms);
    assert_eq!(theirs.settings().await.unwrap().len(), 1);
    ours.put_keys(vec![key], AuditRow::default()).await.unwrap();
    assert_eq!(notices.recv().await.unwrap(), SiteChange::Keys);
    ours.replace_signing_keys(vec![], vec![], AuditRow::default()).await.unwrap();
    assert_eq!(notices.recv().await.unwrap(), SiteChange::SigningKeys);
    ours.delete_tokens("ada".into(), None, AuditRow::default()).await.unwrap();
    assert_eq!(notices.recv().await.unwrap(), SiteChange::Users);
}

#[tokio::test]
async fn what_changes_beside_an_instance_is_told_to_other_stores() {
    let home = home!();
    let (ours, theirs) = (home.store().await, home.store().await);
    let mut notices = theirs.changes().unwrap();
    for expected in SiteChange::ALL {
        assert_eq!(notices.recv().await.unwrap(), expected);
    }
    let (id, none) = (Uuid::from_u128(1), AuditRow::default);
    let setting = InstanceSettingRow {
        instance_id: id,
        name: "s".into(),
        value: "1".into(),
        modified_ms: 1,
        updated_by: "ada".into(),
    };
    ours.put_instance_settings(vec![setting], none()).await.unwrap();
    assert_eq!(notices.recv().await.unwrap(), SiteChange::Terms);
    ours.delete_instance_setting(id, "s".into(), none()).await.unwrap();
    assert_eq!(notices.recv().await.unwrap(), SiteChange::Terms);
    let key = LicensingKeyRow { instance_id: id, kid: "k".into(), der: vec![1], created_ms: 1 };
    ours.put_licensing_key(key, none()).await.unwrap();
    assert_eq!(notices.recv().await.unwrap(), SiteChange::Keys);
    assert_eq!(theirs.licensing_keys().await.unwrap().len(), 1);
    ours.delete_licensing_keys(id, None, none()).await.unwrap();
    assert_eq!(notices.recv().await.unwrap(), SiteChange::Keys);
    let producer = ProducerUserRow {
        name: "producer".into(),
        password_hash: String::new(),
        enabled: false,
        modified_ms: 1,
        updated_by: "ada".into(),
    };
    ours.put_producer_user(producer, none()).await.unwrap();
    assert_eq!(notices.recv().await.unwrap(), SiteChange::Users);
    let user = InstanceUserRow {
        instance_id: id,
        name: "grace".into(),
        password_hash: String::new(),
        roles: "ROLE_READ".into(),
        disabled: false,
        created_ms: 1,
        modified_ms: 1,
    };
    ours.create_instance_user(user.clone(), none()).await.unwrap();
    ours.update_instance_user(user, none()).await.unwrap();
    ours.delete_instance_user(id, "grace".into(), none()).await.unwrap();
    ours.delete_instance_token([0; 32], none()).await.unwrap();
    for _ in 0..4 {
        assert_eq!(notices.recv().await.unwrap(), SiteChange::Users);
    }
}

#[tokio::test]
async fn two_stores_leave_one_administration_key_and_make_one_default() {
    let home = home!();
    let (ours, theirs) = (home.store().await, home.store().await);
    let key = |id: &str| KeyRow {
        id: id.into(),
        kind: KeyKind::Administration,
        pem: String::new(),
        created_ms: 1,
        modified_ms: 1,
    };
    ours.put_keys(vec![key("a"), key("b")], AuditRow::default()).await.unwrap();
    let delete = async |store: &PostgresStore, id: &str| {
        store.delete_key(KeyKind::Administration, id.into(), audit(5, "key.delete")).await
    };
    let deleted = tokio::join!(delete(&ours, "a"), delete(&theirs, "b"));
    assert!(deleted.0.is_ok() != deleted.1.is_ok(), "{deleted:?}");
    assert_eq!(ours.keys().await.unwrap().len(), 1);

    let create = async |store: &PostgresStore, number: u128| {
        let row = InstanceRow {
            id: Uuid::from_u128(number),
            short_name: number.to_string(),
            account_id: "NORTHWIND".into(),
            is_default: false,
            created_ms: 1,
            modified_ms: 1,
        };
        store.create_instance(row, audit(5, "instance.create")).await.unwrap().is_default
    };
    let defaults = tokio::join!(create(&ours, 1), create(&theirs, 2), create(&ours, 3));
    assert_eq!([defaults.0, defaults.1, defaults.2].iter().filter(|is| **is).count(), 1);
    assert_eq!(ours.audit_rows(0, 10).await.unwrap().len(), 5, "the refused delete left none");
}

#[tokio::test]
async fn a_store_opened_to_read_reads_and_changes_nothing() {
    let home = home!();
    let early = PostgresStore::open_read_only(&home.url()).await.unwrap_err().to_string();
    assert!(early.contains("start the server"), "{early}");
    let store = home.store().await;
    let mut chain = Chain::new(1);
    chain.append(&*store, "a").await;

    let tool = PostgresStore::open_read_only(&home.url()).await.unwrap();
    assert_eq!(records(&*tool, chain.id).await, ["a"]);
    let refused = append(&*tool, chain.next("b")).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))));
    assert!(matches!(tool.ready().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(tool.lead().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(tool.audit(audit(1, "x")).await, Err(StoreError::Unavailable(_))));
    assert!(hold(&tool, &chain).await.is_err());
}

#[tokio::test]
async fn two_stores_may_be_opened_on_an_empty_schema_at_once() {
    let home = home!();
    let url = home.url();
    let (one, other) = tokio::join!(PostgresStore::open(&url), PostgresStore::open(&url));
    let mut chain = Chain::new(1);
    chain.append(&*one.unwrap(), "a").await;
    chain.append(&*other.unwrap(), "b").await;
}

#[tokio::test]
async fn an_error_at_opening_says_how_to_mend_it() {
    let home = home!();
    home.store().await.close().await.unwrap();
    let open = async |url: &str| PostgresStore::open(url).await.unwrap_err().to_string();
    let closed = open("postgres://ada:secret@127.0.0.1:1/licet").await;
    assert!(closed.contains("127.0.0.1:1/licet") && !closed.contains("secret"), "{closed}");
    let missing = open(&home.url().replace("/postgres?", "/licet_nowhere?")).await;
    assert!(missing.contains("create it"), "{missing}");
    let nowhere = open(&home.url().replace("licet_story", "licet_nowhere")).await;
    assert!(nowhere.contains("search_path"), "{nowhere}");

    let raw = home.connect().await;
    let later = "UPDATE refinery_schema_history SET version = version + 1000";
    raw.batch_execute(later).await.unwrap();
    let refused = open(&home.url()).await;
    assert!(refused.contains("upgrade"), "{refused}");
    let refused = PostgresStore::open_read_only(&home.url()).await.unwrap_err().to_string();
    assert!(refused.contains("upgrade"), "{refused}");
}
