//! The projector: follows the journal and keeps the tables that reports, lists and SQL users
//! read.

use std::{sync::Arc, time::Duration};

use licet_store::{Position, StoreError};

use crate::{engine::Shared, projection::Step};

/// Journal bytes that one step takes in.
const STEP_BYTES: usize = 16 << 20;
/// Journal bytes after which those who ask may have the thread in between.
const YIELD_BYTES: usize = 16 << 10;
/// How long the projector lets a short step's successor grow, unless a report waits: a step costs
/// a commit and an update of every total that it touches, however many rows it adds.
const GATHER: Duration = Duration::from_secs(1);
/// How long the projector rests after a step that failed.
const RETRY: Duration = Duration::from_secs(1);

/// How often the projector looks for what other processes have appended or projected.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        let rest = match turn(&shared).await {
            Ok(rest) => rest,
            Err(error) => {
                tracing::error!(%error, "projector step failed, it is tried again");
                Rest::For(RETRY)
            }
        };
        match rest {
            Rest::None => {}
            Rest::ToGather if shared.is_closing() => {}
            _ if shared.is_closing() => break,
            Rest::UntilGrown => tokio::select! {
                () = shared.grown.notified() => {}
                () = shared.wanted.notified() => {}
            },
            Rest::ToGather => pause(&shared, GATHER).await,
            Rest::For(duration) => pause(&shared, duration).await,
        }
    }
    shared.projector_ended.send_replace(true);
}

/// Waits, unless a report is wanted before.
async fn pause(shared: &Shared, duration: Duration) {
    // The pause being over is as good a reason to go on.
    let _ = tokio::time::timeout(duration, shared.wanted.notified()).await;
}

/// What the projector does before its next turn.
enum Rest {
    /// A long way is still to go.
    None,
    ToGather,
    UntilGrown,
    For(Duration),
}

/// Takes a step if this process is the one that projects, or sees how far the other has come.
async fn turn(shared: &Shared) -> Result<Rest, StoreError> {
    let is_shared = shared.store.shared().is_some();
    if !shared.store.lead().await? {
        return follow(shared).await;
    }
    match step(shared).await {
        Ok(Taken::Nothing) if is_shared => Ok(Rest::For(LOOK)),
        Ok(Taken::Nothing) => Ok(Rest::UntilGrown),
        Ok(Taken::Short) => Ok(Rest::ToGather),
        Ok(Taken::Full) => Ok(Rest::None),
        // Another process has led since: go on from where it left.
        Err(StoreError::Conflict) if is_shared => follow(shared).await,
        Err(error) => Err(error),
    }
}

async fn follow(shared: &Shared) -> Result<Rest, StoreError> {
    shared.projected.send_replace(shared.store.projected().await?);
    Ok(Rest::For(LOOK))
}

/// How much one step took in.
enum Taken {
    Nothing,
    Short,
    Full,
}

/// Projects the next groups.
async fn step(shared: &Shared) -> Result<Taken, StoreError> {
    let from = *shared.projected.borrow();
    let groups = shared.store.read_groups(from, STEP_BYTES).await?;
    let Some(last) = groups.last() else { return Ok(Taken::Nothing) };
    let to: Position = last.position;
    let (mut bytes, mut unyielded_bytes) = (0, 0);
    let mut step = Step::new(from, to, shared.clock.now_ms());
    for group in &groups {
        for section in &group.sections {
            let account_id = shared.account_of(section.instance_id).await?;
            step.take(group.position, section, &account_id)?;
            bytes += section.records.len();
            unyielded_bytes += section.records.len();
            if unyielded_bytes >= YIELD_BYTES {
                unyielded_bytes = 0;
                tokio::task::yield_now().await;
            }
        }
    }
    shared.store.project(step.finish()).await?;
    shared.projected.send_replace(to);
    Ok(if bytes < STEP_BYTES / 2 { Taken::Short } else { Taken::Full })
}

impl Shared {
    async fn account_of(&self, instance_id: uuid::Uuid) -> Result<String, StoreError> {
        let row = self.instance(instance_id.into()).await?;
        let row = row.ok_or_else(|| {
            StoreError::Damaged(format!("instance {instance_id} has a journal but no row"))
        })?;
        Ok(row.account_id.clone())
    }
}
