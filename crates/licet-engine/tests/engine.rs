//! The engine on a real store: what it answers is durable, once, and found again.

use std::{path::Path, sync::Arc, time::Duration};

use licet_core::{
    AccessRequest, Command, Count, IdempotencyKey, InstanceId, LineItemState, LineItemTerms,
    Overdraft, Phase, Price, Query, RateItem, RateTable, RateTables, Refusal, Reply, RequestedItem,
    Requester, SessionId, Site, Tokens,
};
use licet_engine::{AskError, Engine, ManualClock, Options, verify};
use licet_store::{AuditRow, InstanceRow, Store, UsageFilter, sqlite::SqliteStore};
use uuid::Uuid;

const START_MS: i64 = 1_767_225_600_000;
const HOUR: Duration = Duration::from_secs(3_600);
const INSTANCE: InstanceId = InstanceId(Uuid::from_u128(7));

struct World {
    engine: Engine,
    store: Arc<SqliteStore>,
    clock: ManualClock,
}

impl World {
    async fn open(directory: &Path, now_ms: i64) -> Self {
        Self::with(directory, now_ms, Options::default()).await
    }

    async fn with(directory: &Path, now_ms: i64, options: Options) -> Self {
        let store = SqliteStore::open(directory).expect("store opens");
        let clock = ManualClock::at(now_ms);
        let engine = Engine::start(store.clone(), Arc::new(clock.clone()), site(), options).await;
        Self { engine: engine.expect("engine starts"), store, clock }
    }

    /// A store with one instance of 1,000 tokens.
    async fn new(directory: &Path) -> Self {
        let world = Self::open(directory, START_MS).await;
        let row = InstanceRow {
            id: INSTANCE.0,
            short_name: "main".to_owned(),
            account_id: "NORTHWIND".to_owned(),
            is_default: true,
            created_ms: START_MS,
            modified_ms: START_MS,
        };
        let sites: Arc<dyn Store> = world.store.clone();
        sites.create_instance(row, AuditRow::default()).await.expect("instance is created");
        world.ask(Command::PutLineItem { terms: terms(1_000), by: "test".into() }).await;
        world
    }

    async fn ask(&self, command: Command) -> Reply {
        self.engine.ask(INSTANCE, command).await.expect("the instance takes it")
    }

    async fn used(&self) -> i64 {
        match self.ask(Command::Query(Query::LineItem("L1".into()))).await {
            Reply::LineItem(line) => line.used.micros() / 1_000_000,
            other => panic!("{other:?}"),
        }
    }

    async fn close(self) {
        self.engine.close().await;
        self.store.close().await.expect("store closes");
    }

    async fn assert_verified(&self) {
        self.engine.projected().await.expect("projector catches up");
        let result = verify(&*self.store, |_, _| {}).await.expect("journal is read");
        assert_eq!(result.findings, [], "{result:?}");
        assert!(result.sections > 0);
    }

    async fn usage_rows(&self) -> usize {
        self.engine.projected().await.expect("projector catches up");
        let filter = UsageFilter { until_ms: i64::MAX, limit: 100_000, ..UsageFilter::default() };
        let sites: Arc<dyn Store> = self.store.clone();
        sites.usage(filter).await.expect("usage is read").len()
    }
}

fn site() -> Site {
    let item = RateItem {
        name: "Render".to_owned(),
        version: String::new(),
        price: Price::Rate(tokens(2)),
    };
    let table = RateTable {
        series: String::new(),
        version: "1".to_owned(),
        effective_from_ms: 0,
        created_ms: 0,
        items: vec![item],
    };
    Site { rate_tables: RateTables::new([table]), ..Site::default() }
}

fn tokens(whole: i64) -> Tokens {
    Tokens::whole(whole).expect("small")
}

fn terms(quantity: i64) -> LineItemTerms {
    LineItemTerms {
        activation_id: "L1".into(),
        state: LineItemState::Deployed,
        quantity: tokens(quantity),
        starts_at_ms: 0,
        ends_at_ms: i64::MAX / 2,
        elastic: true,
        rate_table_series: "".into(),
        overdraft: Overdraft::None,
        reset_frequency: None,
    }
}

fn request() -> AccessRequest {
    let item = RequestedItem {
        item: "Render".into(),
        version: "".into(),
        count: Count::whole(1).expect("small"),
        variables: Vec::new(),
        meta_data: None,
    };
    let requester = Requester { kind: "user".into(), value: "ada".into(), ..Requester::default() };
    AccessRequest { requester: Arc::new(requester), items: vec![item] }
}

fn access(key: Option<&str>) -> Command {
    let key = key.map(|key| IdempotencyKey { key: key.into(), digest: [1; 32] });
    Command::Access { request: request(), key }
}

fn temp() -> tempfile::TempDir {
    tempfile::tempdir().expect("a scratch directory")
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let directory = temp();
    let world = World::new(directory.path()).await;
    for _ in 0..10 {
        world.ask(access(None)).await;
    }
    assert_eq!(world.used().await, 20);
    world.close().await;

    let world = World::open(directory.path(), START_MS).await;
    assert_eq!(world.used().await, 20);
    assert_eq!(world.usage_rows().await, 10);
    world.assert_verified().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_at_once_are_charged_exactly_what_is_there() {
    let directory = temp();
    let world = World::new(directory.path()).await;
    let callers = (0..700).map(|_| {
        let engine = world.engine.clone();
        tokio::spawn(async move { engine.ask(INSTANCE, access(None)).await })
    });
    let mut granted = 0;
    for caller in callers.collect::<Vec<_>>() {
        match caller.await.expect("no panic") {
            Ok(Reply::Access(outcome)) => granted += usize::from(outcome.is_granted()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((granted, world.used().await), (500, 1_000));
    assert_eq!(world.usage_rows().await, 700, "refusals are recorded too");
    world.assert_verified().await;
}

#[tokio::test]
async fn a_key_gives_the_same_answer_also_after_a_restart() {
    let directory = temp();
    let world = World::new(directory.path()).await;
    let first = world.ask(access(Some("k1"))).await;
    assert_eq!(world.ask(access(Some("k1"))).await, first);
    world.close().await;

    let world = World::open(directory.path(), START_MS).await;
    assert_eq!(world.ask(access(Some("k1"))).await, first);
    assert_eq!(world.used().await, 2);
    let key = IdempotencyKey { key: "k1".into(), digest: [2; 32] };
    let other = Command::Access { request: request(), key: Some(key) };
    let refused = world.engine.ask(INSTANCE, other).await;
    assert_eq!(refused, Err(AskError::Refused(Refusal::IdempotencyKeyReused)));
}

async fn open_session(world: &World) -> SessionId {
    let Reply::SessionOpened(session_id) = world.ask(Command::OpenSession { key: None }).await
    else {
        panic!("a session opens")
    };
    let command = Command::AccessSession {
        session_id,
        request: request(),
        rollback_on_deny: true,
        key: None,
    };
    world.ask(command).await;
    session_id
}

async fn phase(world: &World, id: SessionId) -> Phase {
    match world.ask(Command::Query(Query::Session(id))).await {
        Reply::Session(session) => session.phase,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_session_is_charged_by_the_clock_with_nobody_asking() {
    let directory = temp();
    let world = World::new(directory.path()).await;
    let mut recorded = world.engine.recorded();
    let id = open_session(&world).await;
    recorded.recv().await.expect("the session is recorded");
    recorded.recv().await.expect("its charge too");
    world.clock.advance(HOUR);
    recorded.recv().await.expect("the automatic charge is recorded");
    assert_eq!(world.used().await, 4);
    world.ask(Command::Heartbeat { session_id: id }).await;
    world.clock.advance(HOUR);
    assert_eq!(world.used().await, 6);
    world.clock.advance(HOUR);
    assert!(matches!(phase(&world, id).await, Phase::Ended { .. }), "no heartbeat came");
    assert_eq!(world.used().await, 4, "the last charge was given back");
    world.assert_verified().await;
}

#[tokio::test]
async fn an_instance_that_left_memory_wakes_for_its_charge() {
    let directory = temp();
    let world = World::new(directory.path()).await;
    open_session(&world).await;
    world.engine.projected().await.expect("projector catches up");
    world.close().await;

    let world = World::open(directory.path(), START_MS + 1).await;
    let mut recorded = world.engine.recorded();
    assert_eq!(world.engine.instances_in_memory(), 0);
    world.clock.advance(HOUR);
    recorded.recv().await.expect("the automatic charge is recorded");
    assert_eq!(world.used().await, 4);
}

#[tokio::test]
async fn after_an_outage_sessions_get_a_full_window_for_their_heartbeat() {
    let directory = temp();
    let world = World::new(directory.path()).await;
    let id = open_session(&world).await;
    world.clock.advance(HOUR);
    assert_eq!(world.used().await, 4);
    world.close().await;

    let down_ms = 5 * 3_600_000;
    let world = World::open(directory.path(), START_MS + down_ms).await;
    world.clock.advance(HOUR / 2);
    world.ask(Command::Heartbeat { session_id: id }).await;
    assert!(matches!(phase(&world, id).await, Phase::Active(_)));
    assert_eq!(world.used().await, 12, "it was used all the time, so all six periods are charged");
    world.assert_verified().await;
}

#[tokio::test]
async fn an_idle_instance_leaves_memory_and_comes_back_as_it_was() {
    let directory = temp();
    let options = Options { idle_after_ms: 1_000, ..Options::default() };
    World::new(directory.path()).await.close().await;
    let world = World::with(directory.path(), START_MS, options).await;
    world.ask(access(None)).await;
    assert_eq!(world.engine.instances_in_memory(), 1);
    while world.engine.instances_in_memory() > 0 {
        world.clock.advance(Duration::from_secs(2));
        tokio::task::yield_now().await;
    }
    assert_eq!(world.used().await, 2);
}

#[tokio::test]
async fn an_unknown_instance_is_not_found() {
    let directory = temp();
    let world = World::new(directory.path()).await;
    let stranger = InstanceId(Uuid::from_u128(8));
    assert_eq!(world.engine.ask(stranger, access(None)).await, Err(AskError::NotFound));
}

async fn findings(directory: &Path) -> Vec<String> {
    let store = SqliteStore::open_read_only(directory).expect("it can be read");
    let result = verify(&*store, |_, _| {}).await.expect("the journal is read");
    result.findings.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn verify_says_what_is_not_as_the_journal_says() {
    let tamperings = [
        ("UPDATE line_item SET used = used + 1", "line item L1"),
        ("DELETE FROM usage_block WHERE first_row_id = 1", "usage rows"),
        ("UPDATE usage_block SET body = zeroblob(40)", "usage rows"),
        ("DELETE FROM consumer_block", "consumers"),
        ("UPDATE consumer_block SET body = zeroblob(20)", "consumers"),
        ("UPDATE rollup SET granted = 0 WHERE span = 'hour'", "roll-up"),
        ("DELETE FROM head", "head"),
    ];
    for (tampering, finding) in tamperings {
        let directory = temp();
        let world = World::new(directory.path()).await;
        for _ in 0..5 {
            world.ask(access(None)).await;
        }
        world.close().await;
        assert_eq!(findings(directory.path()).await, Vec::<String>::new());
        let file = directory.path().join("projection.db");
        let tables = rusqlite::Connection::open(file).expect("it opens");
        let changed = tables.execute(tampering, []).expect(tampering);
        assert!(changed > 0, "{tampering}");
        drop(tables);
        let findings = findings(directory.path()).await;
        assert!(findings.iter().any(|text| text.contains(finding)), "{tampering}: {findings:?}");
    }
}

#[tokio::test]
async fn verify_does_not_call_it_well_when_nothing_can_be_compared() {
    let directory = temp();
    let world = World::new(directory.path()).await;
    world.ask(access(None)).await;
    world.close().await;
    for name in ["projection.db", "projection.db-wal", "projection.db-shm"] {
        // What SQLite took away itself is not there.
        let _ = std::fs::remove_file(directory.path().join(name));
    }
    let text = findings(directory.path()).await.join("\n");
    assert!(text.contains("nothing was compared"), "{text}");
    World::open(directory.path(), START_MS).await.assert_verified().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_answers_busy_and_charges_only_what_it_took() {
    let directory = temp();
    World::new(directory.path()).await.close().await;
    let options = Options { mailbox_capacity: 1, group_max: 1, ..Options::default() };
    let world = World::with(directory.path(), START_MS, options).await;
    let callers = (0..300).map(|_| {
        let engine = world.engine.clone();
        tokio::spawn(async move { engine.ask(INSTANCE, access(None)).await })
    });
    let (mut taken, mut busy) = (0, 0);
    for caller in callers.collect::<Vec<_>>() {
        match caller.await.expect("no panic") {
            Ok(_) => taken += 1,
            Err(AskError::Busy) => busy += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(busy > 0, "all of {taken} fitted into a queue of one");
    assert_eq!(world.used().await, 2 * taken);
    assert_eq!(world.usage_rows().await, usize::try_from(taken).expect("few"));
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_that_are_always_due_keep_nobody_waiting() {
    let directory = temp();
    World::new(directory.path()).await.close().await;
    let options = Options { snapshot_after_bytes: 0, ..Options::default() };
    let world = World::with(directory.path(), START_MS, options).await;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let engine = world.engine.clone();
        callers.spawn(async move {
            for _ in 0..20 {
                engine.ask(INSTANCE, access(None)).await.expect("it is taken");
            }
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended.expect("every request is answered");
    }
    assert_eq!(world.used().await, 16 * 20 * 2);
}
