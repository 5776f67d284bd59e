//! The projector: follows the journal and keeps the tables that reports, lists and SQL users
//! read.
//!
//! It reads what is new each second and gathers that into a step in memory, which costs little. To
//! write a step costs a commit and an update of every total that it touches, however many rows it
//! adds; so the longer a write takes, the longer the next step gathers, unless a report waits.

use std::{sync::Arc, time::Duration};

use licet_core::InstanceId;
use licet_store::{Position, Projection, StoreError};
use tokio::{runtime::Handle, time::Instant};

use crate::{
    beside::beside,
    engine::Shared,
    projection::{FETCHED, Fold, Step},
};

/// Journal bytes that are read at a time.
const READ_BYTES: usize = 16 << 20;
/// Bytes of a step that is written at once.
const STEP_BYTES: usize = 64 << 20;

/// How often what is new is read.
const GATHER: Duration = Duration::from_secs(1);
/// How long a step gathers at least and at most, unless a report waits; and how much longer than
/// it took to write the last one.
const REST_MIN: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(10);
const REST_FACTOR: u32 = 20;
/// How long the projector rests after something failed.
const RETRY: Duration = Duration::from_secs(1);
/// How often the projector looks for what other processes have appended or projected.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) async fn run(shared: Arc<Shared>) {
    let mut projector = Projector { shared, step: None, due_at: Instant::now() };
    while let Some(rest) = projector.turn_or_retry().await {
        projector.rest(rest).await;
    }
    projector.shared.projector_ended.send_replace(true);
}

struct Projector {
    shared: Arc<Shared>,
    /// What was gathered and is not written yet.
    step: Option<Step>,
    /// When the step is written if nobody waits for it.
    due_at: Instant,
}

/// What the projector does before its next turn.
enum Rest {
    /// A long way is still to go.
    None,
    UntilGrown,
    For(Duration),
}

/// How much of the journal one reading took in.
enum Gathered {
    Nothing,
    ToTheEnd,
    /// There is more to read.
    Part,
}

impl Projector {
    /// The rest after a turn; none when this was the last one.
    async fn turn_or_retry(&mut self) -> Option<Rest> {
        // What was appended before everything stopped is read in the turn after.
        let is_last = self.shared.is_stopped();
        let result = self.turn().await;
        match result {
            Ok(Rest::None) => Some(Rest::None),
            Ok(rest) => (!is_last).then_some(rest),
            Err(error) => {
                tracing::error!(%error, "projector step failed, it is tried again");
                // What was gathered is gathered anew from where the tables stand.
                self.step = None;
                (!is_last).then_some(Rest::For(RETRY))
            }
        }
    }

    /// Gathers and writes if this process is the one that projects, or sees how far the other has
    /// come.
    async fn turn(&mut self) -> Result<Rest, StoreError> {
        let is_shared = self.shared.store.shared().is_some();
        if !self.shared.store.lead().await? {
            return self.follow().await;
        }
        match self.gather_and_write().await {
            Ok(Rest::UntilGrown) if is_shared => Ok(Rest::For(LOOK)),
            // Another process has led since: go on from where it left.
            Err(StoreError::Conflict) if is_shared => self.follow().await,
            result => result,
        }
    }

    async fn follow(&mut self) -> Result<Rest, StoreError> {
        self.step = None;
        self.see_position().await?;
        Ok(Rest::For(LOOK))
    }

    async fn see_position(&self) -> Result<Position, StoreError> {
        let position = self.shared.store.projected().await?;
        self.shared.projected.send_replace(position);
        Ok(position)
    }

    async fn gather_and_write(&mut self) -> Result<Rest, StoreError> {
        let step = match self.step.take() {
            Some(step) => step,
            None => Step::new(self.see_position().await?),
        };
        let (step, gathered) = self.gather(step).await?;
        let is_full = step.bytes() >= STEP_BYTES;
        if matches!(gathered, Gathered::Part) && !is_full {
            self.step = Some(step);
            return Ok(Rest::None);
        }
        let is_due = self.is_awaited() || Instant::now() >= self.due_at || self.shared.is_closing();
        let is_written = !step.is_empty() && (is_full || is_due);
        let next = if is_written { self.write(step).await? } else { step };
        let is_empty = next.is_empty();
        self.step = Some(next);
        Ok(match gathered {
            Gathered::Part => Rest::None,
            // What a report waits for may not be readable yet.
            _ if self.is_awaited() => Rest::For(LOOK),
            Gathered::Nothing if is_empty && !is_written => Rest::UntilGrown,
            _ => Rest::For(GATHER.min(self.due_at.saturating_duration_since(Instant::now()))),
        })
    }

    /// Takes in the next groups.
    async fn gather(&self, step: Step) -> Result<(Step, Gathered), StoreError> {
        let groups = self.shared.store.read_groups(step.reached(), READ_BYTES).await?;
        let Some(to) = groups.last().map(|last| last.position) else {
            return Ok((step, Gathered::Nothing));
        };
        let (now_ms, bytes_before) = (self.shared.clock.now_ms(), step.bytes());
        let mut step = step;
        let step = beside(move || {
            for group in &groups {
                for section in &group.sections {
                    step.take(group.position, section, now_ms);
                }
            }
            step.reach(to);
            step
        });
        let step = step.await?;
        let is_part = step.bytes() - bytes_before > READ_BYTES / 2;
        Ok((step, if is_part { Gathered::Part } else { Gathered::ToTheEnd }))
    }

    /// Writes a step; the next one goes on from there.
    async fn write(&mut self, step: Step) -> Result<Step, StoreError> {
        let began_at = Instant::now();
        let to = step.reached();
        let (shared, runtime) = (self.shared.clone(), Handle::current());
        let folded = beside(move || {
            let projection = runtime.block_on(fold(&shared, &step))?;
            Ok::<_, StoreError>((step, projection))
        });
        let (step, projection) = folded.await??;
        self.shared.store.project(projection).await?;
        self.shared.projected.send_replace(to);
        let rest = (began_at.elapsed() * REST_FACTOR).clamp(REST_MIN, REST_MAX);
        self.due_at = Instant::now() + rest;
        Ok(step.next())
    }

    /// Whether a report waits for what is not written yet.
    fn is_awaited(&self) -> bool {
        self.shared.awaited() > *self.shared.projected.borrow()
    }

    async fn rest(&self, rest: Rest) {
        match rest {
            Rest::None => {}
            Rest::UntilGrown => tokio::select! {
                () = self.shared.grown.notified() => {}
                () = self.shared.wanted.notified() => {}
            },
            Rest::For(duration) => {
                // The rest being over is as good a reason to go on.
                let _ = tokio::time::timeout(duration, self.shared.wanted.notified()).await;
            }
        }
    }
}

/// What a step means for the tables.
async fn fold(shared: &Shared, step: &Step) -> Result<Projection, StoreError> {
    let (sections, mut fold) = (step.by_instance(), Fold::new(step));
    for sections in sections.chunk_by(|one, next| one.0 == next.0) {
        let instance_id = InstanceId(sections[0].0);
        let row = shared.instance(instance_id).await?.ok_or_else(|| {
            StoreError::Damaged(format!("instance {instance_id} has a journal but no row"))
        })?;
        fold.begin(instance_id.0, &row.account_id);
        for sections in sections.chunks(FETCHED) {
            fold.fetch(sections);
            sections.iter().try_for_each(|(_, section)| fold.take(section))?;
        }
        fold.end();
    }
    Ok(fold.finish())
}

#[cfg(test)]
mod tests;
