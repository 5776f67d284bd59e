//! The projector: follows the journal and keeps the tables that reports, lists and SQL users
//! read.

use std::{sync::Arc, time::Duration};

use licet_store::{Position, StoreError};

use crate::{engine::Shared, projection::Step};

/// Journal bytes that one step takes in.
const STEP_BYTES: usize = 1 << 20;
/// How long the projector rests after a step that failed.
const RETRY: Duration = Duration::from_secs(1);

pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        let caught_up = match step(&shared).await {
            Ok(caught_up) => caught_up,
            Err(error) => {
                tracing::error!(%error, "projector step failed, it is tried again");
                tokio::time::sleep(RETRY).await;
                shared.is_closing()
            }
        };
        if caught_up && shared.is_closing() {
            break;
        }
        if caught_up {
            shared.grown.notified().await;
        }
    }
    shared.projector_ended.send_replace(true);
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
