use std::{path::Path, sync::atomic::Ordering};

use licet_core::{Instance, Record, SessionId, Site};
use licet_store::{AuditRow, Head, InstanceRow, Store, sqlite::SqliteStore};
use uuid::Uuid;

use super::*;
use crate::{ManualClock, Options, section, verify};

const INSTANCE: Uuid = Uuid::from_u128(7);
const LONG: Duration = Duration::from_secs(3_600);

/// A journal of one instance, and a projector that nobody lets run but the story.
struct World {
    store: Arc<SqliteStore>,
    projector: Projector,
    head: Head,
}

impl World {
    async fn new(directory: &Path) -> Self {
        let store = SqliteStore::open(directory).unwrap();
        let row = InstanceRow {
            id: INSTANCE,
            short_name: "main".to_owned(),
            account_id: "NORTHWIND".to_owned(),
            is_default: true,
            created_ms: 0,
            modified_ms: 0,
        };
        let stored: Arc<dyn Store> = store.clone();
        stored.create_instance(row, AuditRow::default()).await.unwrap();
        let clock = Arc::new(ManualClock::at(0));
        let shared = Shared::open(stored, clock, Site::default(), Options::default()).await;
        let due_at = Instant::now() + LONG;
        let projector = Projector { shared: shared.unwrap(), step: None, due_at };
        Self { store, projector, head: Head::default() }
    }

    /// Records a session that opens.
    async fn append(&mut self) -> Position {
        let session_id = SessionId(Uuid::from_u128(u128::from(self.head.seq)));
        let record = Record::SessionOpened { at_ms: 5, session_id, key: None };
        let append = section::append(INSTANCE, self.head, &Instance::default(), &[record]);
        self.head = Head { seq: self.head.seq + 1, hash: append.hash };
        let store: &dyn Store = &*self.store;
        store.append(append).await.unwrap().unwrap()
    }

    async fn turn(&mut self) -> Rest {
        self.projector.turn_or_retry().await.expect("it is not the last turn")
    }

    /// How many sessions are in the tables, and up to which place the journal is.
    async fn tables(&self) -> (usize, Position) {
        let store: &dyn Store = &*self.store;
        let sessions = store.sessions(None, 0).await.unwrap();
        (sessions.len(), store.projected().await.unwrap())
    }

    async fn assert_verified(&self) {
        let result = verify(&*self.store, |_, _| {}).await.unwrap();
        assert_eq!(result.findings, []);
    }
}

#[tokio::test]
async fn a_step_gathers_over_several_readings_until_it_is_due() {
    let directory = tempfile::tempdir().unwrap();
    let mut world = World::new(directory.path()).await;
    for _ in 0..3 {
        world.append().await;
        assert!(matches!(world.turn().await, Rest::For(rest) if rest <= GATHER));
        assert_eq!(world.tables().await, (0, Position(0)));
    }
    world.projector.due_at = Instant::now();
    world.turn().await;
    assert_eq!(world.tables().await, (3, Position(3)));
    assert!(world.projector.due_at >= Instant::now() + REST_MIN / 2, "then it rests again");
    world.assert_verified().await;
}

#[tokio::test]
async fn a_report_that_waits_is_served_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut world = World::new(directory.path()).await;
    world.append().await;
    world.turn().await;
    let last = world.append().await;
    let shared = world.projector.shared.clone();
    shared.awaited.fetch_max(last.0, Ordering::AcqRel);
    shared.wanted.notify_one();
    world.projector.rest(Rest::For(LONG)).await;
    world.turn().await;
    assert_eq!(world.tables().await, (2, last));
    assert_eq!(*shared.projected.borrow(), last);
    world.append().await;
    world.turn().await;
    assert_eq!(world.tables().await, (2, last), "nobody waits for what came later");
}

#[tokio::test]
async fn a_step_that_cannot_be_written_is_gathered_anew() {
    let directory = tempfile::tempdir().unwrap();
    let mut world = World::new(directory.path()).await;
    world.append().await;
    world.projector.due_at = Instant::now();
    world.turn().await;
    world.append().await;
    world.turn().await;
    // The tables are no longer where the step began.
    let store: Arc<dyn Store> = world.store.clone();
    store.forget_projection().await.unwrap();
    world.projector.due_at = Instant::now();
    assert!(matches!(world.turn().await, Rest::For(RETRY)));
    assert_eq!(world.tables().await, (0, Position(0)));
    world.turn().await;
    assert_eq!(world.tables().await, (2, Position(2)));
    world.assert_verified().await;
}

#[tokio::test]
async fn what_is_gathered_is_written_before_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let mut world = World::new(directory.path()).await;
    world.append().await;
    world.turn().await;
    world.append().await;
    world.projector.shared.closing.send_replace(true);
    while let Some(rest) = world.projector.turn_or_retry().await {
        world.projector.rest(rest).await;
    }
    assert_eq!(world.tables().await, (2, Position(2)));
}
