//! The projector: follows the journal and keeps the tables that reports, lists and SQL users
//! read.

use std::{sync::Arc, time::Duration};

use licet_store::{Position, StoreError};

use crate::{engine::Shared, projection::Step};

/// Journal bytes that one step takes in.
const STEP_BYTES: usize = 1 << 20;
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
            _ if shared.is_closing() => break,
            Rest::UntilGrown => shared.grown.notified().await,
            Rest::For(pause) => {
                // The pause being over is as good a reason to go on as growth.
                let _ = tokio::time::timeout(pause, shared.grown.notified()).await;
            }
        }
    }
    shared.projector_ended.send_replace(true);
}

/// What the projector does before its next turn.
enum Rest {
    None,
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
        Ok(true) if is_shared => Ok(Rest::For(LOOK)),
        Ok(true) => Ok(Rest::UntilGrown),
        Ok(false) => Ok(Rest::None),
        // Another process has led since: go on from where it left.
        Err(StoreError::Conflict) if is_shared => follow(shared).await,
        Err(error) => Err(error),
    }
}

async fn follow(shared: &Shared) -> Result<Rest, StoreError> {
    shared.projected.send_replace(shared.store.projected().await?);
    Ok(Rest::For(LOOK))
}

/// Projects the next groups. True if there were none.
async fn step(shared: &Shared) -> Result<bool, StoreError> {
    let from = *shared.projected.borrow();
    let groups = shared.store.read_groups(from, STEP_BYTES).await?;
    let Some(last) = groups.last() else { return Ok(true) };
    let to: Position = last.position;
    let mut step = Step::new(from, to, shared.clock.now_ms());
    for group in &groups {
        for section in &group.sections {
            let account_id = shared.account_of(section.instance_id).await?;
            step.take(group.position, section, &account_id)?;
        }
    }
    shared.store.project(step.finish()).await?;
    shared.projected.send_replace(to);
    Ok(false)
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
