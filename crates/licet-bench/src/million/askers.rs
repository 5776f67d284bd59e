//! Callers that go on while sessions end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use licet_core::InstanceId;
use licet_engine::Engine;
use tokio::task::JoinSet;

use super::{
    terms::one_unit,
    world::{MANY, OTHER, ask},
};
use crate::{
    Error,
    histogram::Histogram,
    stopwatch::{now, ns_between},
};

/// On each of the two instances.
const ASKERS: usize = 4;

/// Answers while all sessions ended.
pub(super) struct Ending {
    pub(super) calm: Histogram,
    pub(super) same: Histogram,
    pub(super) other: Histogram,
    pub(super) answers: u64,
    pub(super) took: Duration,
}

/// Callers that ask both instances one thing after the other.
pub(super) struct Askers {
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
    pub(super) fn start(engine: &Engine) -> Self {
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

    /// What they wait from here on is kept apart.
    pub(super) fn be_late(&self) {
        self.is_late.store(true, Ordering::Relaxed);
    }

    pub(super) async fn stop(mut self, took: Duration) -> Result<Ending, Error> {
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
