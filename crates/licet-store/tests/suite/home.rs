//! Where a store lives, and short ways to say what most stories need.

use std::{future::Future, path::Path, pin::Pin, sync::Arc};

use licet_store::{
    Append, AppendError, AuditRow, Group, Head, HeadRow, Position, Projection, Store, UsageBlock,
    UsageRow, sqlite::SqliteStore,
};
use uuid::Uuid;

pub(crate) type Opening<'a> = Pin<Box<dyn Future<Output = Arc<dyn Store>> + 'a>>;

/// A place with one store, empty at first.
pub(crate) trait Home {
    /// Opens the store; one that was opened before is closed or dropped by then.
    fn open(&self) -> Opening<'_>;
}

pub(crate) struct SqliteHome {
    directory: tempfile::TempDir,
}

impl SqliteHome {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Home for SqliteHome {
    fn open(&self) -> Opening<'_> {
        Box::pin(async { SqliteStore::open(self.path()).unwrap() as Arc<dyn Store> })
    }
}

/// The journal of one instance, as its engine task sees it.
pub(crate) struct Chain {
    pub(crate) id: Uuid,
    pub(crate) head: Head,
}

impl Chain {
    pub(crate) fn new(number: u128) -> Self {
        Self { id: Uuid::from_u128(number), head: Head::default() }
    }

    /// The next append, on the head that stands; the chain counts it as done.
    pub(crate) fn next(&mut self, records: &str) -> Append {
        let seq = self.head.seq + 1;
        let mut hash = [0xcc; 32];
        hash[..16].copy_from_slice(self.id.as_bytes());
        hash[16..24].copy_from_slice(&seq.to_le_bytes());
        let append = Append {
            instance_id: self.id,
            expected: self.head,
            hash,
            at_ms: 1_000 + i64::try_from(seq).unwrap(),
            wake_at_ms: None,
            records: records.as_bytes().to_vec(),
        };
        self.head = Head { seq, hash };
        append
    }

    pub(crate) async fn append(&mut self, store: &dyn Store, records: &str) -> Position {
        append(store, self.next(records)).await.unwrap()
    }
}

pub(crate) async fn append(store: &dyn Store, append: Append) -> Result<Position, AppendError> {
    store.append(append).await.unwrap()
}

pub(crate) async fn records(store: &dyn Store, id: Uuid) -> Vec<String> {
    let loaded = store.load(id).await.unwrap();
    loaded.tail.into_iter().map(|section| String::from_utf8(section.records).unwrap()).collect()
}

/// All groups after a place. What is durable is read as soon as nothing older is under way, which
/// on a shared server may be other stories' work.
pub(crate) async fn groups_after(store: &dyn Store, after: Position) -> Vec<Group> {
    let last = store.last_position().await.unwrap();
    loop {
        let groups = store.read_groups(after, usize::MAX).await.unwrap();
        if after == last || groups.last().is_some_and(|group| group.position >= last) {
            return groups;
        }
        tokio::task::yield_now().await;
    }
}

/// A projector as plain as can be: heads, and a usage row for each section.
pub(crate) async fn project_all(store: &dyn Store) {
    let from = store.projected().await.unwrap();
    let groups = groups_after(store, from).await;
    let Some(last) = groups.last() else {
        return;
    };
    let mut projection = Projection { from, to: last.position, ..Projection::default() };
    let mut usage = Vec::new();
    for group in &groups {
        for section in &group.sections {
            projection.heads.push(HeadRow {
                instance_id: section.instance_id,
                head: Head { seq: section.seq, hash: section.hash },
                position: group.position,
                wake_at_ms: section.wake_at_ms,
            });
            usage.push(UsageRow {
                instance_id: section.instance_id,
                usage_time_ms: section.at_ms,
                account_id: "NORTHWIND".into(),
                item: String::from_utf8(section.records.clone()).unwrap(),
                ..UsageRow::default()
            });
        }
    }
    projection.usage = UsageBlock::pack(&usage);
    store.project(projection).await.unwrap();
}

pub(crate) fn audit(at_ms: i64, action: &str) -> AuditRow {
    AuditRow { at_ms, actor: "ada".into(), action: action.into(), ..AuditRow::default() }
}
