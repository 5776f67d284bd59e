//! What serving features leaves in the tables: usage rows, quarters of an hour, consumers, roll-ups.

use std::{path::Path, sync::Arc, time::Duration};

use licet_core::{
    Asker, ClientFilter, Command, FeatureLineItemTerms, FeatureRequest, FeatureTerms, InstanceId,
    LicenseModel, LineItemState, Metered, Operation, Query, Reply, Site, WantedFeature,
    model::HostId,
};
use licet_engine::{Engine, ManualClock, Options, verify};
use licet_store::{
    AuditRow, ConsumerRow, InstanceRow, MeterFilter, Meters, RollupFilter, Span, Store,
    UsageFilter, UsageKind, UsageRow, sqlite::SqliteStore,
};
use uuid::Uuid;

/// 2026-01-01T00:00:00Z
const START_MS: i64 = 1_767_225_600_000;
const MINUTE: Duration = Duration::from_secs(60);
const INSTANCE: InstanceId = InstanceId(Uuid::from_u128(7));

struct World {
    engine: Engine,
    store: Arc<dyn Store>,
    clock: ManualClock,
}

impl World {
    async fn new(directory: &Path) -> Self {
        let store: Arc<dyn Store> = SqliteStore::open(directory).expect("store opens");
        let clock = ManualClock::at(START_MS);
        let options = Options::default();
        let engine =
            Engine::start(store.clone(), Arc::new(clock.clone()), Site::default(), options).await;
        let row = InstanceRow {
            id: INSTANCE.0,
            short_name: "main".to_owned(),
            account_id: "NORTHWIND".to_owned(),
            is_default: true,
            created_ms: START_MS,
            modified_ms: START_MS,
        };
        store.create_instance(row, AuditRow::default()).await.expect("instance is created");
        Self { engine: engine.expect("engine starts"), store, clock }
    }

    async fn ask(&self, command: Command) -> Reply {
        self.engine.ask(INSTANCE, command).await.expect("the instance takes it")
    }

    async fn put(&self, activation_id: &str, ends_after_days: i64, feature: FeatureTerms) {
        let terms = FeatureLineItemTerms {
            activation_id: activation_id.into(),
            state: LineItemState::Deployed,
            starts_at_ms: START_MS,
            ends_at_ms: Some(START_MS + ends_after_days * 86_400_000),
            copies: 1,
            product_name: "Studio".into(),
            product_version: "1".into(),
            entitlement_id: "E1".into(),
            features: vec![feature],
        };
        self.ask(Command::PutFeatureLineItem { terms, by: "test".into() }).await;
    }

    async fn serve(&self, request: FeatureRequest) {
        self.ask(Command::Serve { request: Box::new(request), key: None }).await;
    }

    async fn rows(&self) -> Vec<UsageRow> {
        self.engine.projected().await.expect("projector catches up");
        let filter = UsageFilter { until_ms: i64::MAX, limit: 1_000, ..UsageFilter::default() };
        self.store.usage(filter).await.expect("usage is read")
    }

    /// What tells rows apart: host, line item, units, in use, response.
    async fn brief(&self) -> Vec<(String, String, i64, i64, String)> {
        let brief = |row: UsageRow| {
            let (units, used) = (row.item_quantity / 1_000_000, row.used / 1_000_000);
            (row.consumer_id, row.activation_id, units, used, row.request_response)
        };
        self.rows().await.into_iter().map(brief).collect()
    }

    /// Minutes since the start, units, granted, denied, peak and what is in use.
    async fn meters(&self, span: Span) -> Vec<(i64, i64, i64, i64, i64, Option<i64>)> {
        self.engine.projected().await.expect("projector catches up");
        let rows = self.store.meters(everything(span)).await.expect("meters are read");
        rows.into_iter()
            .map(|row| {
                let minutes = (row.starts_at_ms - START_MS) / 60_000;
                (minutes, row.units, row.granted, row.denied, row.peak, row.in_use)
            })
            .collect()
    }

    async fn verified(&self) -> Vec<String> {
        self.engine.projected().await.expect("projector catches up");
        let result = verify(&*self.store, |_, _| {}).await.expect("journal is read");
        result.findings.into_iter().map(|finding| finding.to_string()).collect()
    }
}

fn everything(span: Span) -> MeterFilter {
    let of = RollupFilter {
        span,
        from_ms: 0,
        until_ms: i64::MAX,
        instance_id: None,
        account_ids: Vec::new(),
    };
    MeterFilter { of, meters: Meters::All }
}

fn feature(name: &str, model: LicenseModel, count: u64) -> FeatureTerms {
    FeatureTerms {
        borrow_interval_ms: Some(45 * 60_000),
        ..FeatureTerms::plain(name, "2.0".parse().expect("it is a version"), model, count)
    }
}

fn sessions(count: u64) -> FeatureTerms {
    let metered = Metered { reusable: false, undo_interval_ms: 3_600_000 };
    feature("sessions", LicenseModel::Metered(metered), count)
}

/// Hosts are written as in models: `value/TYPE`.
fn request(hosts: &[&str], wanted: &[(&str, u64)]) -> FeatureRequest {
    let asker = Asker {
        host_ids: hosts.iter().map(|host| HostId::from_written(host)).collect(),
        host_name: None,
        host_type: None,
        dictionary: Default::default(),
    };
    let feature = |(name, count): &(&str, u64)| WantedFeature {
        name: (*name).into(),
        version: "1.0".parse().expect("it is a version"),
        count: *count,
    };
    FeatureRequest {
        asker: Arc::new(asker),
        is_virtual: false,
        operation: Operation::Request,
        features: wanted.iter().map(feature).collect(),
        incremental: false,
        partial: true,
        borrow_interval_ms: None,
        granularity: None,
        selectors: Default::default(),
    }
}

fn row(
    host: &str,
    line: &str,
    units: i64,
    in_use: i64,
    response: &str,
) -> (String, String, i64, i64, String) {
    (host.to_owned(), line.to_owned(), units, in_use, response.to_owned())
}

#[tokio::test]
async fn seats_are_taken_renewed_returned_and_end() {
    let directory = tempfile::tempdir().expect("there is room");
    let world = World::new(directory.path()).await;
    world.put("A", 10, feature("render", LicenseModel::Concurrent, 4)).await;
    world.put("B", 20, feature("render", LicenseModel::Concurrent, 6)).await;

    world.clock.advance(MINUTE);
    world.serve(request(&["d1/ETHERNET", "ada/USER"], &[("render", 6)])).await;
    world.clock.advance(15 * MINUTE);
    world.serve(request(&["d1/ETHERNET", "ada/USER"], &[("render", 6)])).await;
    world.serve(request(&["d2/ETHERNET", "bob/USER"], &[("render", 8)])).await;
    world.serve(request(&["eve/USER"], &[("render", 1)])).await;
    world.clock.advance(15 * MINUTE);
    world.serve(request(&["d1/ETHERNET", "ada/USER"], &[("render", 3)])).await;
    // What d2 has ends at minute 61; d1 is dropped then.
    world.clock.advance(31 * MINUTE);
    let filter = ClientFilter {
        host_value: Some("d1".into()),
        host_kind: Some("ETHERNET".into()),
        limit: 1,
        ..ClientFilter::default()
    };
    let Reply::Clients(clients) = world.ask(Command::Query(Query::Clients(filter))).await else {
        panic!("it answers something else");
    };
    let id = clients.first().expect("it is there").id;
    world.ask(Command::DropClient { id, by: "test".into() }).await;

    let expected = [
        row("d1", "A", 4, 4, "GRANTED"),
        row("d1", "B", 2, 2, "GRANTED"),
        row("d1", "A", 0, 4, "GRANTED"),
        row("d1", "B", 0, 2, "GRANTED"),
        row("d2", "B", 4, 6, "PARTIAL_GRANT"),
        row("eve", "", 1, 0, "COUNT_INSUFFICIENT"),
        row("d1", "A", 0, 3, "GRANTED"),
        row("d1", "A", 1, 3, "RETURNED"),
        row("d1", "B", 2, 4, "RETURNED"),
        row("d2", "B", 4, 0, "EXPIRED"),
        row("d1", "A", 3, 0, "DROPPED"),
    ];
    assert_eq!(world.brief().await, expected);
    assert_eq!(
        world.meters(Span::Quarter).await,
        [
            (0, 6, 1, 0, 6, Some(6)),
            (15, 4, 2, 1, 10, Some(10)),
            (30, 0, 1, 0, 7, Some(7)),
            (60, 0, 0, 0, 3, Some(0)),
        ]
    );
    assert_eq!(world.meters(Span::Day).await, [(0, 10, 4, 1, 10, Some(0))]);

    let rows = world.rows().await;
    assert!(rows.iter().all(|row| row.item == "render" && row.meter_quantity == 0));
    assert_eq!((&*rows[0].item_version, &*rows[5].item_version), ("2.0", "1.0"));
    assert_eq!(
        (rows[0].mapped_entitled_count, rows[1].mapped_entitled_count),
        (4_000_000, 6_000_000)
    );
    let users: Vec<&str> = rows.iter().map(|row| &*row.user).collect();
    assert_eq!((users[0], users[4], users[5]), ("ada", "bob", "eve"));
    let kinds = rows.iter().filter(|row| row.kind == UsageKind::DeniedFeature).count();
    assert_eq!(kinds, 1);
    assert_eq!(world.verified().await, [""; 0]);
}

#[tokio::test]
async fn use_is_counted_capped_denied_and_undone() {
    let directory = tempfile::tempdir().expect("there is room");
    let world = World::new(directory.path()).await;
    world.put("S", 10, sessions(100)).await;

    world.serve(request(&["app"], &[("sessions", 30)])).await;
    world.clock.advance(20 * MINUTE);
    let undo =
        FeatureRequest { operation: Operation::Undo, ..request(&["app"], &[("sessions", 10)]) };
    world.serve(undo.clone()).await;
    world.serve(request(&["app"], &[("sessions", 50), ("unknown", 2)])).await;
    world.clock.advance(20 * MINUTE);
    world.serve(request(&["app"], &[("sessions", 90)])).await;
    world.serve(request(&["app"], &[("sessions", 5)])).await;
    world.clock.advance(120 * MINUTE);
    world.serve(undo).await;

    let expected = [
        row("app", "S", 30, 30, "GRANTED"),
        row("app", "S", -10, 20, "UNDONE"),
        row("app", "S", 50, 70, "GRANTED"),
        row("app", "", 2, 0, "FEATURE_NOT_FOUND"),
        row("app", "S", 30, 100, "PARTIAL_GRANT"),
        row("app", "", 5, 0, "COUNT_INSUFFICIENT"),
        row("app", "", 10, 0, "NOTHING_TO_UNDO"),
    ];
    assert_eq!(world.brief().await, expected);
    let quarters = world.meters(Span::Quarter).await;
    assert_eq!(
        quarters,
        [
            (0, 30, 1, 0, 30, None),
            (15, 40, 1, 0, 50, None),
            (15, 0, 0, 1, 0, None),
            (30, 30, 1, 1, 30, None),
            (150, 0, 0, 1, 0, None),
        ]
    );
    let denials = world.store.meter_denials(everything(Span::Day)).await.expect("they are read");
    let denials: Vec<_> =
        denials.iter().map(|row| (&*row.meter, &*row.reason, row.denied)).collect();
    assert_eq!(
        denials,
        [
            ("sessions", "COUNT_INSUFFICIENT", 1),
            ("sessions", "NOTHING_TO_UNDO", 1),
            ("unknown", "FEATURE_NOT_FOUND", 1),
        ]
    );
    assert_eq!(world.verified().await, [""; 0]);
}

#[tokio::test]
async fn hosts_and_users_are_consumers_of_what_they_were_granted() {
    let directory = tempfile::tempdir().expect("there is room");
    let world = World::new(directory.path()).await;
    world.put("S", 10, sessions(10)).await;
    world.serve(request(&["d1/ETHERNET", "ada/USER", "key/FLEXID"], &[("sessions", 4)])).await;
    world.serve(request(&["ada/USER"], &[("sessions", 4)])).await;
    world.serve(request(&["d2/ETHERNET", "bob/USER"], &[("sessions", 3)])).await;
    world.serve(request(&["d2/ETHERNET"], &[("sessions", 3)])).await;
    world.engine.projected().await.expect("projector catches up");
    for span in [Span::Quarter, Span::Day] {
        let rows = world.store.consumers(everything(span)).await.expect("consumers are read");
        let brief = |row: ConsumerRow| {
            (row.meter, row.consumer_type, row.consumer_id, row.granted, row.denied)
        };
        let one = |kind: &str, id: &str, granted, denied| {
            ("sessions".to_owned(), kind.to_owned(), id.to_owned(), granted, denied)
        };
        let expected = [
            one("ETHERNET", "d1", 1, 0),
            one("ETHERNET", "d2", 1, 1),
            one("USER", "ada", 2, 0),
            one("USER", "bob", 1, 0),
        ];
        assert_eq!(rows.into_iter().map(brief).collect::<Vec<_>>(), expected, "{span:?}");
    }
    let of = everything(Span::Day).of;
    let rollups = world.store.rollups(of).await.expect("roll-ups are read");
    let brief: Vec<_> = rollups
        .iter()
        .map(|row| (&*row.item, &*row.item_version, row.units, row.granted, row.denied))
        .collect();
    let sessions = |version, units, granted, denied| ("sessions", version, units, granted, denied);
    assert_eq!(brief, [sessions("1.0", 0, 0, 1), sessions("2.0", 10_000_000, 3, 0)]);
    assert_eq!(world.verified().await, [""; 0]);
}

#[tokio::test]
async fn verifying_finds_what_somebody_changed() {
    let directory = tempfile::tempdir().expect("there is room");
    let world = World::new(directory.path()).await;
    world.put("A", 10, feature("render", LicenseModel::Concurrent, 4)).await;
    world.serve(request(&["d1"], &[("render", 3), ("unknown", 1)])).await;
    assert_eq!(world.verified().await, [""; 0]);
    for (change, back, finding) in [
        (
            "UPDATE meter_usage SET units = 4 WHERE span = 'quarter' AND meter = 'render'",
            "UPDATE meter_usage SET units = 3 WHERE span = 'quarter' AND meter = 'render'",
            "use of meter",
        ),
        (
            "UPDATE meter_usage SET peak = 9 WHERE span = 'day' AND meter = 'render'",
            "UPDATE meter_usage SET peak = 3 WHERE span = 'day' AND meter = 'render'",
            "use of meter",
        ),
        (
            "UPDATE meter_denial SET reason = 'HOST_DENIED' WHERE span = 'day'",
            "UPDATE meter_denial SET reason = 'FEATURE_NOT_FOUND' WHERE span = 'day'",
            "denials of meter",
        ),
        (
            "UPDATE meter SET meter = 'reader' WHERE meter = 'render'",
            "UPDATE meter SET meter = 'render' WHERE meter = 'reader'",
            "what is in use of meter",
        ),
        (
            "DELETE FROM consumer_block WHERE span = 'quarter' AND meter = 'unknown'",
            "",
            "Quarter consumers",
        ),
    ] {
        let tables = rusqlite::Connection::open(directory.path().join("projection.db"));
        let tables = tables.expect("it opens");
        tables.execute_batch(change).expect("it is changed");
        let findings = world.verified().await;
        assert!(findings.iter().any(|it| it.contains(finding)), "{change}: {findings:?}");
        tables.execute_batch(back).expect("it is changed");
    }
}
