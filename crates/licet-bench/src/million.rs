//! Many sessions of one instance, in a process of their own: what they take in memory, what others
//! wait when all of them end at once, and how long a restart takes.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use licet_core::{
    AccessRequest, Command, Count, InstanceId, LineItemState, LineItemTerms, Overdraft, Price,
    Query, RateItem, RateTable, RateTables, Record, Reply, RequestedItem, Requester, Site, Tokens,
};
use licet_engine::{Engine, ManualClock, Options, verify};
use licet_store::{AuditRow, InstanceRow, Store, sqlite::SqliteStore};
use serde::{Deserialize, Serialize};
use tokio::{sync::broadcast::error::RecvError, task::JoinSet};
use uuid::Uuid;

use crate::{
    Error,
    histogram::Histogram,
    process::Process,
    site::{ITEM, PLENTY},
    stopwatch::{now, ns_between},
};

const START_MS: i64 = 1_767_225_600_000;
/// After two charge periods of an hour, every session has missed the heartbeat of the second.
const LATER_MS: i64 = START_MS + 2 * 3_600_000;
const OPENERS: u64 = 512;
const ASKERS: usize = 4;
const CALM: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(250);
const LINE: &str = "L";
const MANY: InstanceId = InstanceId(Uuid::from_u128(1));
const OTHER: InstanceId = InstanceId(Uuid::from_u128(2));

/// What was found.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sessions {
    /// Opened and charged, on one instance.
    pub(crate) sessions: u64,
    /// Opened and charged in a second.
    pub(crate) opened_per_second: f64,
    /// Growth of resident memory by each.
    pub(crate) bytes_each: f64,
    /// From opening the store to the first answer of that instance, with all sessions alive.
    pub(crate) restart_live_ms: f64,
    /// The same when all are over.
    pub(crate) restart_ended_ms: f64,
    /// Longest wait for an answer while nothing is due, in milliseconds.
    pub(crate) calm_longest_ms: f64,
    /// Longest wait of the same instance while all sessions end.
    pub(crate) same_longest_ms: f64,
    /// 99 of 100 waits of the same instance while all sessions end.
    pub(crate) same_p99_ms: f64,
    /// Longest wait of another instance while all sessions end.
    pub(crate) other_longest_ms: f64,
    /// Until the last session was over.
    pub(crate) ending_s: f64,
    /// Answers that were given meanwhile.
    pub(crate) answers: u64,
    /// Tokens that line items should have used, in millionths, by the answers.
    pub(crate) charged_micros: i64,
    /// Tokens that they have used.
    pub(crate) used_micros: i64,
    /// Sessions that are listed as alive at the end.
    pub(crate) left_alive: usize,
    /// What `licet verify` finds in the store.
    pub(crate) findings: usize,
}

/// A store with its engine, and a clock that is set.
struct World {
    engine: Engine,
    store: Arc<SqliteStore>,
    clock: ManualClock,
}

/// Tells what is being done, how much of it is done, and of how much.
type Say<'a> = &'a (dyn Fn(&str, u64, u64) + Sync);

/// Measures `sessions` sessions on a store in `data`. `write` takes lines that [`crate::run`] reads
/// from a child: how far it is, and at the end what was found.
///
/// # Errors
/// The store cannot be used, or an instance does not answer.
pub async fn hold_sessions(
    data: &Path,
    sessions: u64,
    write: &(dyn Fn(&str) + Sync),
) -> Result<(), Error> {
    let say = |what: &str, done: u64, total: u64| write(&progress_line(what, done, total));
    let found = measure(data, sessions, &say).await?;
    let found = serde_json::to_string(&found).map_err(|error| Error::failed("JSON", &error))?;
    write(&found);
    Ok(())
}

fn progress_line(what: &str, done: u64, total: u64) -> String {
    format!("{done} {total} {what}")
}

/// What a line tells of the progress: done, total, and what.
pub(crate) fn progress_in(line: &str) -> Option<(u64, u64, &str)> {
    let (done, rest) = line.split_once(' ')?;
    let (total, what) = rest.split_once(' ')?;
    Some((done.parse().ok()?, total.parse().ok()?, what))
}

async fn measure(data: &Path, sessions: u64, say: Say<'_>) -> Result<Sessions, Error> {
    let world = World::open(data, START_MS).await?;
    world.set_up().await?;
    let memory_before = memory_bytes();
    let began_at = now();
    world.open_sessions(sessions, say).await?;
    let opened_per_second = sessions as f64 / (now() - began_at).as_secs_f64();
    world.caught_up(say).await?;
    let grown = memory_bytes().saturating_sub(memory_before);
    world.close().await?;
    let (world, restart_live_ms) = World::restart(data, START_MS).await?;
    let ending = world.end_all(sessions, say).await?;
    world.caught_up(say).await?;
    say("verifying", 0, 1);
    let verified = verify(&*world.store, |_, _| {}).await;
    let findings = verified.map_err(|error| Error::failed("verify", &error))?.findings.len();
    let left_alive = world.left_alive().await?;
    let used_micros = world.used_micros(MANY).await? + world.used_micros(OTHER).await?;
    world.close().await?;
    let (world, restart_ended_ms) = World::restart(data, LATER_MS).await?;
    world.close().await?;
    // Each restart asked once for a unit; the first one is in the books that were read.
    let charged = sessions + ending.answers + 1;
    Ok(Sessions {
        sessions,
        opened_per_second,
        bytes_each: grown as f64 / sessions as f64,
        restart_live_ms,
        restart_ended_ms,
        calm_longest_ms: ms(ending.calm.longest_ns()),
        same_longest_ms: ms(ending.same.longest_ns()),
        same_p99_ms: ms(ending.same.quantile_ns(0.99)),
        other_longest_ms: ms(ending.other.longest_ns()),
        ending_s: ending.took.as_secs_f64(),
        answers: ending.answers,
        charged_micros: i64::try_from(charged).unwrap_or(i64::MAX).saturating_mul(1_000_000),
        used_micros,
        left_alive,
        findings,
    })
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

fn memory_bytes() -> u64 {
    Process::of_others(std::process::id()).memory_bytes().unwrap_or(0)
}

impl World {
    async fn open(data: &Path, now_ms: i64) -> Result<Self, Error> {
        let failed = |error| Error::failed("the store", &error);
        let store = SqliteStore::open(data).map_err(failed)?;
        let clock = ManualClock::at(now_ms);
        let engine =
            Engine::start(store.clone(), Arc::new(clock.clone()), site(), Options::default());
        Ok(Self { engine: engine.await.map_err(failed)?, store, clock })
    }

    /// Opens the store again and asks the instance with the sessions; how long both took, in
    /// milliseconds.
    async fn restart(data: &Path, now_ms: i64) -> Result<(Self, f64), Error> {
        let began_at = now();
        let world = Self::open(data, now_ms).await?;
        world.ask(MANY, one_unit()).await?;
        let took_ms = (now() - began_at).as_secs_f64() * 1e3;
        Ok((world, took_ms))
    }

    async fn close(self) -> Result<(), Error> {
        self.engine.close().await;
        self.store.close().await.map_err(|error| Error::failed("the store", &error))
    }

    async fn set_up(&self) -> Result<(), Error> {
        for id in [MANY, OTHER] {
            let row = InstanceRow {
                id: id.0,
                short_name: id.to_string(),
                account_id: id.to_string(),
                is_default: true,
                created_ms: START_MS,
                modified_ms: START_MS,
            };
            let store: &dyn Store = &*self.store;
            let created = store.create_instance(row, AuditRow::default()).await;
            created.map_err(|error| Error::failed("an instance", &error))?;
            self.ask(id, Command::PutLineItem { terms: terms(), by: "bench".into() }).await?;
        }
        Ok(())
    }

    async fn ask(&self, id: InstanceId, command: Command) -> Result<Reply, Error> {
        ask(&self.engine, id, command).await
    }

    async fn open_sessions(&self, sessions: u64, say: Say<'_>) -> Result<(), Error> {
        let (left, opened) = (Arc::new(AtomicU64::new(sessions)), Arc::new(AtomicU64::new(0)));
        let mut tasks = JoinSet::new();
        for _ in 0..OPENERS.min(sessions) {
            tasks.spawn(open(self.engine.clone(), left.clone(), opened.clone()));
        }
        loop {
            tokio::select! {
                ended = tasks.join_next() => match ended {
                    None => return Ok(()),
                    Some(ended) => joined(ended)?,
                },
                () = tokio::time::sleep(TICK) => {
                    say("opening sessions", opened.load(Ordering::Relaxed), sessions);
                }
            }
        }
    }

    async fn caught_up(&self, say: Say<'_>) -> Result<(), Error> {
        loop {
            let lag = self.engine.projector_lag().await;
            match lag.map_err(|error| Error::failed("the projector", &error))? {
                0 => return Ok(()),
                lag => say("waiting for the projector", 0, lag),
            }
            tokio::time::sleep(TICK).await;
        }
    }

    async fn left_alive(&self) -> Result<usize, Error> {
        match self.ask(MANY, Command::Query(Query::Sessions { limit: 100 })).await? {
            Reply::Sessions(sessions) => Ok(sessions.len()),
            other => Err(unexpected(&other)),
        }
    }

    async fn used_micros(&self, id: InstanceId) -> Result<i64, Error> {
        match self.ask(id, Command::Query(Query::LineItem(LINE.into()))).await? {
            Reply::LineItem(line) => Ok(line.used.micros()),
            other => Err(unexpected(&other)),
        }
    }

    /// Sets the clock so that all sessions end, while requests on both instances go on.
    async fn end_all(&self, sessions: u64, say: Say<'_>) -> Result<Ending, Error> {
        // The other instance must not be loaded amid the measurement.
        self.used_micros(OTHER).await?;
        let mut recorded = self.engine.recorded();
        let askers = Askers::start(&self.engine);
        tokio::time::sleep(CALM).await;
        askers.is_late.store(true, Ordering::Relaxed);
        let (began_at, mut ended) = (now(), 0);
        self.clock.set(LATER_MS);
        while ended < sessions {
            match tokio::time::timeout(TICK, recorded.recv()).await {
                Ok(Ok(group)) => {
                    let is_end = |record: &&Record| matches!(record, Record::SessionEnded { .. });
                    ended += group.records.iter().filter(is_end).count() as u64;
                }
                // What was missed is not counted, so the instance itself must be asked.
                Ok(Err(RecvError::Lagged(_))) if self.left_alive().await? == 0 => break,
                Ok(Err(RecvError::Lagged(_))) | Err(_) => {}
                Ok(Err(RecvError::Closed)) => {
                    return Err(Error::Failed("the engine closed".to_owned()));
                }
            }
            say("ending all sessions", ended, sessions);
        }
        let took = now() - began_at;
        askers.stop(took).await
    }
}

/// Answers while all sessions ended.
struct Ending {
    calm: Histogram,
    same: Histogram,
    other: Histogram,
    answers: u64,
    took: Duration,
}

/// Callers that ask both instances one thing after the other.
struct Askers {
    is_late: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
    tasks: JoinSet<Result<Asked, Error>>,
}

/// What one caller waited: while nothing was due, and while sessions ended.
struct Asked {
    id: InstanceId,
    calm: Histogram,
    late: Histogram,
    answers: u64,
}

impl Askers {
    fn start(engine: &Engine) -> Self {
        let (is_late, is_over) = <(Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        let mut tasks = JoinSet::new();
        for id in [MANY, OTHER].repeat(ASKERS) {
            let (engine, is_late, is_over) = (engine.clone(), is_late.clone(), is_over.clone());
            tasks.spawn(async move {
                let (calm, late) = <(Histogram, Histogram)>::default();
                let mut asked = Asked { id, calm, late, answers: 0 };
                while !is_over.load(Ordering::Relaxed) {
                    let at = now();
                    ask(&engine, id, one_unit()).await?;
                    asked.count(at, is_late.load(Ordering::Relaxed));
                }
                Ok(asked)
            });
        }
        Self { is_late, is_over, tasks }
    }

    async fn stop(mut self, took: Duration) -> Result<Ending, Error> {
        self.is_over.store(true, Ordering::Relaxed);
        let (calm, same, other) = <(Histogram, Histogram, Histogram)>::default();
        let mut ending = Ending { calm, same, other, answers: 0, took };
        while let Some(asked) = self.tasks.join_next().await {
            let asked = asked.map_err(|error| Error::failed("a caller", &error))??;
            ending.calm.merge(&asked.calm);
            let late = if asked.id == MANY { &mut ending.same } else { &mut ending.other };
            late.merge(&asked.late);
            ending.answers += asked.answers;
        }
        Ok(ending)
    }
}

impl Asked {
    fn count(&mut self, asked_at: Instant, is_late: bool) {
        let histogram = if is_late { &mut self.late } else { &mut self.calm };
        histogram.add(ns_between(asked_at, now()));
        self.answers += 1;
    }
}

async fn ask(engine: &Engine, id: InstanceId, command: Command) -> Result<Reply, Error> {
    engine.ask(id, command).await.map_err(|error| Error::failed("an instance", &error))
}

fn unexpected(reply: &Reply) -> Error {
    Error::Wrong(format!("an instance answered {reply:?}"))
}

/// Opens sessions and has a unit charged in each, as long as some are left to open.
async fn open(engine: Engine, left: Arc<AtomicU64>, opened: Arc<AtomicU64>) -> Result<(), Error> {
    let take_one = |left: u64| left.checked_sub(1);
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take_one).is_ok() {
        let session_id = match ask(&engine, MANY, Command::OpenSession { key: None }).await? {
            Reply::SessionOpened(id) => id,
            other => return Err(unexpected(&other)),
        };
        let request = request();
        let command =
            Command::AccessSession { session_id, request, rollback_on_deny: true, key: None };
        match ask(&engine, MANY, command).await? {
            Reply::SessionAccess(access) if access.is_granted() => {}
            other => return Err(unexpected(&other)),
        }
        opened.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

fn joined(ended: Result<Result<(), Error>, tokio::task::JoinError>) -> Result<(), Error> {
    ended.map_err(|error| Error::failed("a caller", &error))?
}

fn one_unit() -> Command {
    Command::Access { request: request(), key: None }
}

fn request() -> AccessRequest {
    let requester = Requester { kind: "user".into(), value: "ada".into(), ..Requester::default() };
    let item = RequestedItem {
        item: ITEM.into(),
        version: "".into(),
        count: Count::from_micros(1_000_000),
        variables: Vec::new(),
        meta_data: None,
    };
    AccessRequest { requester: Arc::new(requester), items: vec![item] }
}

fn terms() -> LineItemTerms {
    LineItemTerms {
        activation_id: LINE.into(),
        state: LineItemState::Deployed,
        quantity: Tokens::from_micros(PLENTY.cast_signed() * 1_000_000),
        starts_at_ms: 0,
        ends_at_ms: i64::MAX / 2,
        elastic: true,
        rate_table_series: "".into(),
        overdraft: Overdraft::None,
        reset_frequency: None,
    }
}

fn site() -> Site {
    let price = Price::Rate(Tokens::from_micros(1_000_000));
    let item = RateItem { name: ITEM.to_owned(), version: String::new(), price };
    let table = RateTable {
        series: String::new(),
        version: "1".to_owned(),
        effective_from_ms: 0,
        created_ms: 0,
        items: vec![item],
    };
    Site { rate_tables: RateTables::new([table]), ..Site::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_as_it_was_written() {
        let line = progress_line("opening sessions", 7, 1_000_000);
        assert_eq!(progress_in(&line), Some((7, 1_000_000, "opening sessions")));
        assert_eq!(progress_in("{}"), None);
    }
}
