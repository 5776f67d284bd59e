//! A store with its engine, in this process.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use licet_core::{Command, InstanceId, Query, Record, Reply};
use licet_engine::{Engine, ManualClock, Options};
use licet_store::{AuditRow, InstanceRow, Store, sqlite::SqliteStore};
use tokio::{sync::broadcast::error::RecvError, task::JoinSet};
use uuid::Uuid;

use super::{
    askers::{Askers, Ending},
    terms::{LINE, line_item, one_unit, request, site},
};
use crate::{Error, stopwatch::now};

pub(super) const START_MS: i64 = 1_767_225_600_000;
/// After two charge periods of an hour, every session has missed the heartbeat of the second.
pub(super) const LATER_MS: i64 = START_MS + 2 * 3_600_000;
/// The instance with the sessions.
pub(super) const MANY: InstanceId = InstanceId(Uuid::from_u128(1));
/// One that has none.
pub(super) const OTHER: InstanceId = InstanceId(Uuid::from_u128(2));
const OPENERS: u64 = 512;
/// Callers are watched so long before anything is due.
const CALM: Duration = Duration::from_secs(1);
/// How long after a burst memory is looked at.
const SETTLED: Duration = Duration::from_secs(3);
const TICK: Duration = Duration::from_millis(250);

/// Tells what is being done, how much of it is done, and of how much.
pub(super) type Say<'a> = &'a (dyn Fn(&str, u64, u64) + Sync);

/// A store with its engine, and a clock that is set.
pub(super) struct World {
    engine: Engine,
    pub(super) store: Arc<SqliteStore>,
    clock: ManualClock,
}

impl World {
    pub(super) async fn open(data: &Path, now_ms: i64) -> Result<Self, Error> {
        let failed = |error| Error::failed("the store", &error);
        let store = SqliteStore::open(data).map_err(failed)?;
        let clock = ManualClock::at(now_ms);
        let engine =
            Engine::start(store.clone(), Arc::new(clock.clone()), site(), Options::default());
        Ok(Self { engine: engine.await.map_err(failed)?, store, clock })
    }

    /// Opens the store again and asks the instance with the sessions; how long both took, in
    /// milliseconds.
    pub(super) async fn restart(data: &Path, now_ms: i64) -> Result<(Self, f64), Error> {
        let began_at = now();
        let world = Self::open(data, now_ms).await?;
        world.ask(MANY, one_unit()).await?;
        let took_ms = (now() - began_at).as_secs_f64() * 1e3;
        Ok((world, took_ms))
    }

    pub(super) async fn close(self) -> Result<(), Error> {
        self.engine.close().await;
        self.store.close().await.map_err(|error| Error::failed("the store", &error))
    }

    pub(super) async fn set_up(&self) -> Result<(), Error> {
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
            self.ask(id, Command::PutLineItem { terms: line_item(), by: "bench".into() }).await?;
        }
        Ok(())
    }

    async fn ask(&self, id: InstanceId, command: Command) -> Result<Reply, Error> {
        ask(&self.engine, id, command).await
    }

    pub(super) async fn open_sessions(&self, sessions: u64, say: Say<'_>) -> Result<(), Error> {
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

    pub(super) async fn caught_up(&self, say: Say<'_>) -> Result<(), Error> {
        // It hurries for who waits; who waited too long looks at how far it is.
        let _ = self.engine.projected().await;
        loop {
            let lag = self.engine.projector_lag().await;
            match lag.map_err(|error| Error::failed("the projector", &error))? {
                0 => return Ok(()),
                lag => say("waiting for the projector", 0, lag),
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Waits until what served the burst is given back: the allocator keeps memory for a second, and
    /// looks at it only when it is asked for some.
    pub(super) async fn calm_down(&self) -> Result<(), Error> {
        let until = now() + SETTLED;
        while now() < until {
            self.used_micros(OTHER).await?;
            tokio::time::sleep(TICK / 10).await;
        }
        Ok(())
    }

    pub(super) async fn left_alive(&self) -> Result<usize, Error> {
        match self.ask(MANY, Command::Query(Query::Sessions { limit: 100 })).await? {
            Reply::Sessions(sessions) => Ok(sessions.len()),
            other => Err(unexpected(&other)),
        }
    }

    pub(super) async fn used_micros(&self, id: InstanceId) -> Result<i64, Error> {
        match self.ask(id, Command::Query(Query::LineItem(LINE.into()))).await? {
            Reply::LineItem(line) => Ok(line.used.micros()),
            other => Err(unexpected(&other)),
        }
    }

    /// Sets the clock so that all sessions end, while requests on both instances go on.
    pub(super) async fn end_all(&self, sessions: u64, say: Say<'_>) -> Result<Ending, Error> {
        // The other instance must not be loaded amid the measurement.
        self.used_micros(OTHER).await?;
        let mut recorded = self.engine.recorded();
        let askers = Askers::start(&self.engine);
        tokio::time::sleep(CALM).await;
        askers.be_late();
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

pub(super) async fn ask(engine: &Engine, id: InstanceId, command: Command) -> Result<Reply, Error> {
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
