//! Two years of real use as a floating workload: what is granted, denied and held at most equals a
//! recount by other means, and so does the report.
//!
//! An item is a feature, and each use holds a seat of it for an hour. A person may hold seats of
//! several items at once, whose hours end one by one. So each person has a hostid for each item,
//! and is known on all of them by the secondary hostid: a request replaces what its host holds,
//! which here is the seat of that item alone. Using an item again within the hour gives its seat
//! back and takes one for a new hour.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use licet_core::{
    Asker, Command, FeatureLineItemTerms, FeatureRequest, FeatureTerms, InstanceId, LicenseModel,
    LineItemState, Operation, Query, Reply, Site, StatusCode, WantedFeature,
    model::{HostId, Version},
};
use licet_engine::{Engine, ManualClock, Options, verify};
use licet_store::{AuditRow, InstanceRow, Store, sqlite::SqliteStore};
use support::{Server, license_server::Caller};
use uuid::Uuid;

/// One row a use: time, person, item, units.
const TRACE: &str = include_str!("data/activity.csv");
const INSTANCE: InstanceId = InstanceId(Uuid::from_u128(7));
const HOUR_MS: i64 = 3_600_000;

struct Use {
    at_ms: i64,
    person: &'static str,
    item: &'static str,
}

fn trace() -> Vec<Use> {
    let uses = TRACE.lines().skip(1).map(|line| {
        let fields: Vec<&'static str> = line.split(',').collect();
        let [at_ms, person, item, _] = fields[..] else { panic!("four fields: {line}") };
        Use { at_ms: at_ms.parse().expect("a time"), person, item }
    });
    uses.collect()
}

/// What became of the uses of an item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    granted: u64,
    denied: u64,
    peak: u64,
}

type Tallies = BTreeMap<&'static str, Tally>;

impl Tally {
    fn count(&mut self, is_granted: bool, held: u64) {
        *(if is_granted { &mut self.granted } else { &mut self.denied }) += 1;
        self.peak = self.peak.max(held);
    }
}

/// The recount: when the seat of each person ends, item by item.
#[derive(Default)]
struct Recount(BTreeMap<&'static str, BTreeMap<&'static str, i64>>);

impl Recount {
    /// Whether a person gets a seat of an item of which there are so many.
    fn take(&mut self, one: &Use, seats: u64) -> bool {
        let ends = self.0.entry(one.item).or_default();
        ends.retain(|_, end_ms| *end_ms > one.at_ms);
        let is_granted = ends.contains_key(one.person) || (ends.len() as u64) < seats;
        if is_granted {
            ends.insert(one.person, one.at_ms + HOUR_MS);
        }
        is_granted
    }

    fn held(&self, item: &str) -> u64 {
        self.0[item].len() as u64
    }
}

fn recounted(uses: &[Use], seats: impl Fn(&str) -> u64) -> Tallies {
    let (mut recount, mut tallies) = (Recount::default(), Tallies::new());
    for one in uses {
        let is_granted = recount.take(one, seats(one.item));
        tallies.entry(one.item).or_default().count(is_granted, recount.held(one.item));
    }
    tallies
}

fn line_item(pools: &BTreeMap<&'static str, u64>) -> FeatureLineItemTerms {
    let feature = |(item, seats): (&&str, &u64)| {
        FeatureTerms::plain(item, Version::default(), LicenseModel::Concurrent, *seats)
    };
    FeatureLineItemTerms {
        activation_id: "act-1".into(),
        state: LineItemState::Deployed,
        starts_at_ms: 0,
        ends_at_ms: None,
        copies: 1,
        product_name: "".into(),
        product_version: "".into(),
        entitlement_id: "".into(),
        features: pools.iter().map(feature).collect(),
    }
}

fn request(one: &Use) -> FeatureRequest {
    let seat = HostId::new(&format!("{} {}", one.person, one.item), "SEAT");
    let asker = Asker {
        host_ids: vec![seat, HostId::new(one.person, "USER")],
        host_name: None,
        host_type: None,
        dictionary: Default::default(),
    };
    let wanted = WantedFeature { name: one.item.into(), version: Version::default(), count: 1 };
    FeatureRequest {
        asker: Arc::new(asker),
        is_virtual: false,
        operation: Operation::Request,
        features: vec![wanted],
        incremental: false,
        partial: false,
        borrow_interval_ms: Some(HOUR_MS),
        granularity: None,
        selectors: Default::default(),
    }
}

/// An instance on a real store, at whose clock we are.
struct World {
    engine: Engine,
    store: Arc<SqliteStore>,
    clock: ManualClock,
}

impl World {
    async fn new(folder: &Path, now_ms: i64) -> Self {
        let store = SqliteStore::open(folder).expect("the store opens");
        let clock = ManualClock::at(now_ms);
        let row = InstanceRow {
            id: INSTANCE.0,
            short_name: "trace".to_owned(),
            account_id: "OPEN-SOURCE".to_owned(),
            is_default: true,
            created_ms: now_ms,
            modified_ms: now_ms,
        };
        let sites: Arc<dyn Store> = store.clone();
        sites.create_instance(row, AuditRow::default()).await.expect("it is new");
        let (time, options) = (Arc::new(clock.clone()), Options::default());
        let engine = Engine::start(store.clone(), time, Site::default(), options).await;
        Self { engine: engine.expect("the engine starts"), store, clock }
    }

    async fn ask(&self, command: Command) -> Reply {
        self.engine.ask(INSTANCE, command).await.expect("the instance takes it")
    }

    /// Whether a use gets its seat.
    async fn take(&self, one: &Use) -> bool {
        self.clock.set(one.at_ms);
        let command = Command::Serve { request: Box::new(request(one)), key: None };
        let Reply::Served(answer) = self.ask(command).await else { panic!("it serves") };
        let denials: Vec<_> = answer.not_met.iter().map(|outcome| outcome.status).collect();
        assert!(
            matches!(denials[..], [] | [Some(StatusCode::CountInsufficient)]),
            "nothing else can be in the way: {denials:?}"
        );
        denials.is_empty()
    }

    /// How many seats of each item are held.
    async fn held(&self) -> BTreeMap<String, u64> {
        let Reply::Features(features) = self.ask(Command::Query(Query::Features)).await else {
            panic!("it tells")
        };
        features.iter().map(|view| (view.terms().name.to_string(), view.in_use)).collect()
    }
}

#[tokio::test]
async fn grants_denials_and_peaks_of_a_floating_workload_equal_a_recount() {
    let uses = trace();
    let demand = recounted(&uses, |_| u64::MAX);
    // Fewer than are wanted at the worst time, wherever two are.
    let half = |(item, tally): (&&'static str, &Tally)| (*item, tally.peak.div_ceil(2));
    let pools: BTreeMap<&'static str, u64> = demand.iter().map(half).collect();
    let contested: BTreeSet<_> =
        demand.iter().filter(|(item, tally)| tally.peak > pools[*item]).map(|it| *it.0).collect();
    assert!(contested.len() > 10, "the story is one of scarce seats: {demand:?}");

    let folder = tempfile::tempdir().expect("a scratch folder");
    let world = World::new(folder.path(), uses[0].at_ms).await;
    world.ask(Command::PutFeatureLineItem { terms: line_item(&pools), by: "test".into() }).await;
    let mut told = Tallies::new();
    for one in &uses {
        let is_granted = world.take(one).await;
        let held = world.held().await[one.item];
        told.entry(one.item).or_default().count(is_granted, held);
    }
    assert_eq!(told, recounted(&uses, |item| pools[item]));
    for (item, tally) in &told {
        assert_eq!(tally.denied > 0, contested.contains(item), "{item}: {tally:?}");
        assert_eq!(tally.peak, pools[item], "all that there is of {item} was held");
    }

    // An hour after the last use nobody holds anything.
    world.clock.set(uses.last().expect("many").at_ms + HOUR_MS);
    assert!(world.held().await.values().all(|held| *held == 0));
    world.engine.projected().await.expect("the projector catches up");
    let result = verify(&*world.store, |_, _| {}).await.expect("the journal is read");
    assert_eq!(result.findings, [], "{result:?}");
    world.engine.close().await;
    world.store.close().await.expect("the store closes");
    drop(world);
    let told: BTreeMap<String, Tally> =
        told.into_iter().map(|(item, tally)| (item.to_owned(), tally)).collect();
    assert_eq!(summed_up(folder.path()), told, "the report says the same");
}

/// The same as a server reports it by year, of all years.
fn summed_up(folder: &Path) -> BTreeMap<String, Tally> {
    let server = Server::start(folder);
    let address = format!("{}/usage/api/v1/summaries?period=year&from=2024-01-01", server.url);
    let report = Caller::admin(&server.url).get(&address);
    let mut sums: BTreeMap<String, Tally> = BTreeMap::new();
    for row in report["data"].as_array().expect("a row for each item and year") {
        let number = |name: &str| row[name].as_u64().expect("a number");
        let sum = sums.entry(row["meter"].as_str().expect("a name").to_owned()).or_default();
        sum.granted += number("granted");
        sum.denied += number("denied");
        sum.peak = sum.peak.max(number("peak"));
    }
    server.stop();
    sums
}
