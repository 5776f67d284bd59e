//! What is SQLite's alone: files, locks, copies, damage.

use std::{fs, path::Path, sync::Arc};

use licet_store::{
    AppendError, AuditRow, Journal, Position, Projection, Projections, SettingRow, Site, Store,
    StoreError, UsageFilter,
    sqlite::{SqliteStore, backup, restore},
};
use rusqlite::Connection;
use uuid::Uuid;

use crate::home::{Chain, Home, SqliteHome, append, project_all, records};

fn open(directory: &Path) -> Arc<SqliteStore> {
    SqliteStore::open(directory).unwrap()
}

fn journal_rows(directory: &Path) -> i64 {
    let journal = Connection::open(directory.join("journal.db")).unwrap();
    journal.query_row("SELECT count(*) FROM journal", [], |row| row.get(0)).unwrap()
}

fn all_usage() -> UsageFilter {
    UsageFilter { until_ms: i64::MAX, limit: usize::MAX, ..UsageFilter::default() }
}

#[tokio::test]
async fn appends_that_wait_together_become_one_row() {
    let home = SqliteHome::new();
    let store = open(home.path());
    let answers: Vec<_> =
        (1..=500).map(|number| store.append(Chain::new(number).next("a"))).collect();
    let mut last = Position(0);
    for answer in answers {
        let position = answer.await.unwrap().unwrap();
        assert!(position.0 == last.0 || position.0 == last.0 + 1, "ascending by one");
        last = position;
    }
    store.close().await.unwrap();
    let rows = journal_rows(home.path());
    assert_eq!(u64::try_from(rows).unwrap(), last.0);
    assert!(rows < 250, "500 appends in {rows} rows");
}

#[tokio::test]
async fn a_second_server_on_the_same_directory_is_told_so() {
    let home = SqliteHome::new();
    let store = open(home.path());
    let refused = SqliteStore::open(home.path()).unwrap_err().to_string();
    assert!(refused.contains("in use by another licet server"), "{refused}");
    assert!(refused.contains(&std::process::id().to_string()), "{refused}");
    store.close().await.unwrap();
    // Closed is enough, even while somebody still holds it.
    open(home.path());
    drop(store);
}

#[tokio::test]
async fn a_dropped_store_finishes_what_is_queued() {
    let home = SqliteHome::new();
    let store = open(home.path());
    let answers: Vec<_> =
        (1..=100).map(|number| store.append(Chain::new(number).next("a"))).collect();
    drop(store);
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    let store = open(home.path());
    assert_eq!(records(&*store, Uuid::from_u128(100)).await, ["a"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_directory_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;

    let home = SqliteHome::new();
    let directory = home.path().join("deep/data");
    drop(open(&directory));
    assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_deleted_projection_is_made_again_from_the_journal() {
    let home = SqliteHome::new();
    let mut chain = Chain::new(1);
    let store = open(home.path());
    chain.append(&*store, "a").await;
    chain.append(&*store, "b").await;
    project_all(&*store).await;
    let usage = store.usage(all_usage()).await.unwrap();
    assert_eq!(usage.len(), 2);
    drop(store);

    fs::remove_file(home.path().join("projection.db")).unwrap();
    let store = open(home.path());
    assert_eq!(store.projected().await.unwrap(), Position(0));
    let stale = append(&*store, Chain::new(1).next("again")).await;
    assert!(matches!(stale, Err(AppendError::Conflict)), "heads come from the journal");
    project_all(&*store).await;
    assert_eq!(store.usage(all_usage()).await.unwrap(), usage);
    assert_eq!(store.heads().await.unwrap()[0].head, chain.head);
}

#[tokio::test]
async fn a_projection_of_another_journal_is_made_again() {
    let (ours, theirs) = (SqliteHome::new(), SqliteHome::new());
    for (home, number) in [(&ours, 1), (&theirs, 2)] {
        let store = open(home.path());
        Chain::new(number).append(&*store, "a").await;
        project_all(&*store).await;
    }
    fs::copy(theirs.path().join("projection.db"), ours.path().join("projection.db")).unwrap();
    let store = open(ours.path());
    assert_eq!(store.projected().await.unwrap(), Position(0));
    assert!(store.usage(all_usage()).await.unwrap().is_empty());
    assert_eq!(records(&*store, Uuid::from_u128(1)).await, ["a"]);
}

#[tokio::test]
async fn a_tool_reads_beside_a_live_server() {
    let home = SqliteHome::new();
    assert!(SqliteStore::open_read_only(home.path()).is_err(), "there is nothing yet");
    let server = open(home.path());
    let (mut projected, mut fresh) = (Chain::new(1), Chain::new(2));
    projected.append(&*server, "a").await;
    project_all(&*server).await;
    fresh.append(&*server, "b").await;

    let tool = SqliteStore::open_read_only(home.path()).unwrap();
    assert_eq!(tool.last_position().await.unwrap(), Position(2));
    assert_eq!(records(&*tool, projected.id).await, ["a"]);
    assert_eq!(records(&*tool, fresh.id).await, ["b"]);
    assert_eq!(tool.read_groups(Position(0), usize::MAX).await.unwrap().len(), 2);
    assert_eq!(tool.usage(all_usage()).await.unwrap().len(), 1);
    let refused = append(&*tool, fresh.next("c")).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))));
    assert!(tool.audit(AuditRow::default()).await.is_err());
    assert!(tool.project(Projection::default()).await.is_err());
    assert!(tool.ready().await.is_err());
    tool.close().await.unwrap();
    server.ready().await.unwrap();
}

#[tokio::test]
async fn a_tool_reads_without_a_server_and_without_a_projection() {
    let home = SqliteHome::new();
    let mut chain = Chain::new(1);
    let store = open(home.path());
    chain.append(&*store, "a").await;
    store.close().await.unwrap();
    fs::remove_file(home.path().join("projection.db")).unwrap();

    let tool = SqliteStore::open_read_only(home.path()).unwrap();
    assert_eq!(records(&*tool, chain.id).await, ["a"]);
    assert_eq!(tool.projected().await.unwrap(), Position(0));
    assert!(tool.usage(all_usage()).await.unwrap().is_empty());
    drop(tool);
    assert!(!home.path().join("projection.db").exists(), "a tool makes nothing");
}

#[tokio::test]
async fn a_backup_of_a_store_under_writes_is_consistent() {
    let home = SqliteHome::new();
    let store = open(home.path());
    let mut chain = Chain::new(1);
    for _ in 0..50 {
        chain.append(&*store, &"x".repeat(20_000)).await;
    }
    project_all(&*store).await;

    let copies = tempfile::tempdir().unwrap();
    let target = copies.path().join("backup");
    let (directory, to) = (home.path().to_owned(), target.clone());
    let copying = tokio::task::spawn_blocking(move || {
        let mut reports = Vec::new();
        backup(&directory, &to, |progress| reports.push(progress)).map(|()| reports)
    });
    // Writes and projects for as long as the copy is under way.
    while !copying.is_finished() {
        chain.append(&*store, "meanwhile").await;
        project_all(&*store).await;
    }
    let reports = copying.await.unwrap().unwrap();
    let done = reports.last().unwrap();
    assert_eq!((done.file, done.bytes_done), ("journal.db", done.bytes_total));

    let restored = copies.path().join("restored");
    restore(&target, &restored, |_| ()).unwrap();
    let copy = open(&restored);
    let projected = copy.projected().await.unwrap();
    assert!(projected.0 >= 50 && projected <= copy.last_position().await.unwrap());
    assert!(copy.last_position().await.unwrap() <= store.last_position().await.unwrap());
    assert_eq!(
        records(&*copy, chain.id).await.len() as u64,
        copy.last_position().await.unwrap().0,
        "every section up to the copy's end"
    );
    assert_eq!(copy.usage(all_usage()).await.unwrap().len() as u64, projected.0);
}

#[tokio::test]
async fn a_copy_never_overwrites_anything() {
    let home = SqliteHome::new();
    let store = open(home.path());
    Chain::new(1).append(&*store, "a").await;
    let copies = tempfile::tempdir().unwrap();
    let to = copies.path().join("backup");
    backup(home.path(), &to, |_| ()).unwrap();
    assert!(backup(home.path(), &to, |_| ()).unwrap_err().to_string().contains("not empty"));
    assert!(restore(&to, home.path(), |_| ()).unwrap_err().to_string().contains("not empty"));
    let of_live = restore(home.path(), &copies.path().join("new"), |_| ()).unwrap_err();
    assert!(of_live.to_string().contains("running server"), "{of_live}");
    let of_nothing = backup(copies.path(), &copies.path().join("none"), |_| ()).unwrap_err();
    assert!(of_nothing.to_string().contains("no journal.db"), "{of_nothing}");
    let names: Vec<_> =
        fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "a backup is two files: {names:?}");
}

#[tokio::test]
async fn a_damaged_backup_is_not_restored() {
    let home = SqliteHome::new();
    let store = open(home.path());
    let mut chain = Chain::new(1);
    for _ in 0..20 {
        chain.append(&*store, "a").await;
    }
    let copies = tempfile::tempdir().unwrap();
    let to = copies.path().join("backup");
    backup(home.path(), &to, |_| ()).unwrap();
    let path = to.join("journal.db");
    let mut bytes = fs::read(&path).unwrap();
    for page in bytes.chunks_mut(4096).skip(1) {
        page[..8].fill(0xff);
    }
    fs::write(&path, bytes).unwrap();

    let restored = copies.path().join("restored");
    assert!(matches!(restore(&to, &restored, |_| ()), Err(StoreError::Damaged(_))));
    assert_eq!(fs::read_dir(&restored).unwrap().count(), 0, "nothing is left of it");
}

#[tokio::test]
async fn a_damaged_body_is_detected() {
    let home = SqliteHome::new();
    let mut chain = Chain::new(1);
    let store = open(home.path());
    chain.append(&*store, "fine").await;
    chain.append(&*store, "to be damaged").await;
    project_all(&*store).await;
    store.close().await.unwrap();

    let journal = Connection::open(home.path().join("journal.db")).unwrap();
    let body: Vec<u8> = journal
        .query_row("SELECT body FROM journal WHERE position = 2", [], |row| row.get(0))
        .unwrap();
    let mut damaged = body.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let set = |body: &[u8]| {
        journal.execute("UPDATE journal SET body = ?1 WHERE position = 2", [body]).unwrap();
    };
    set(&damaged);
    let store = open(home.path());
    assert!(matches!(store.load(chain.id).await, Err(StoreError::Damaged(_))));
    let read = store.read_groups(Position(0), usize::MAX).await;
    assert!(matches!(read, Err(StoreError::Damaged(_))));
    drop(store);

    // A projector that is behind makes the store read it at opening.
    fs::remove_file(home.path().join("projection.db")).unwrap();
    assert!(matches!(SqliteStore::open(home.path()), Err(StoreError::Damaged(_))));
    set(&body);
    open(home.path());
}

#[tokio::test]
async fn a_missing_group_is_detected() {
    let home = SqliteHome::new();
    let mut chain = Chain::new(1);
    let store = open(home.path());
    for records in ["a", "b", "c"] {
        chain.append(&*store, records).await;
    }
    project_all(&*store).await;
    drop(store);
    let journal = Connection::open(home.path().join("journal.db")).unwrap();
    journal.execute("DELETE FROM journal WHERE position = 2", []).unwrap();
    let store = open(home.path());
    let read = store.read_groups(Position(0), usize::MAX).await;
    assert!(matches!(read, Err(StoreError::Damaged(_))));
    assert!(matches!(store.load(chain.id).await, Err(StoreError::Damaged(_))));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let home = SqliteHome::new();
    drop(open(home.path()));
    fs::write(home.path().join("projection.db"), "no database".repeat(1_000)).unwrap();
    let refused = SqliteStore::open(home.path()).unwrap_err();
    assert!(matches!(refused, StoreError::Damaged(_)));
    let text = refused.to_string();
    assert!(text.contains("projection.db") && text.contains("may be deleted"), "{text}");
}

#[tokio::test]
async fn the_log_stays_bounded_under_writes() {
    let home = SqliteHome::new();
    let store = open(home.path());
    let mut chain = Chain::new(1);
    for _ in 0..1_000 {
        chain.append(&*store, &"x".repeat(100_000)).await;
    }
    let log = fs::metadata(home.path().join("journal.db-wal")).unwrap().len();
    assert!(log < 60 << 20, "100 MB of journal left a log of {log} bytes");
}

#[tokio::test]
async fn reads_and_writes_at_once_do_not_get_in_each_others_way() {
    let home = SqliteHome::new();
    let store: Arc<dyn Store> = home.open().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 1..=16 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut chain = Chain::new(number);
            for at in 0..20 {
                chain.append(&*store, "a").await;
                let setting = SettingRow {
                    name: format!("{number}"),
                    value: format!("{at}"),
                    modified_ms: at,
                    updated_by: "ada".into(),
                };
                store.put_settings(vec![setting], AuditRow::default()).await.unwrap();
                let loaded = store.load(chain.id).await.unwrap();
                assert_eq!(loaded.tail.last().unwrap().seq, chain.head.seq);
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    assert_eq!(store.settings().await.unwrap().len(), 16);
    assert_eq!(store.audit_rows(0, 1_000).await.unwrap().len(), 16 * 20);
}
