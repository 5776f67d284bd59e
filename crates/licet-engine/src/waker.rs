//! The waker: loads instances that must act while nobody asks them.

use std::sync::Arc;

use licet_core::{Command, InstanceId};

use tokio::sync::oneshot;

use crate::{
    AskError,
    engine::Shared,
    mailbox::{Letter, Mailbox},
    runner,
};

/// How often the table of due instances is read.
const LOOK_EVERY_MS: i64 = 1_000;

pub(crate) async fn run(shared: Arc<Shared>) {
    let mut closing = shared.closing.subscribe();
    loop {
        wake_due(&shared).await;
        let next_ms = shared.clock.now_ms().saturating_add(LOOK_EVERY_MS);
        tokio::select! {
            () = shared.clock.sleep_until(next_ms) => {}
            _ = closing.wait_for(|closing| *closing) => return,
        }
    }
}

/// An instance in memory keeps its own time, so only the others are loaded. On a shared journal
/// memory may not know what another process left behind, so it is told to look.
async fn wake_due(shared: &Arc<Shared>) {
    // As many as memory may hold, or those that wait there for something else (a heartbeat that an
    // outage put off) would hide the others.
    let due_max = shared.options.instances_max;
    let due = match shared.store.due(shared.clock.now_ms(), due_max).await {
        Ok(due) => due,
        Err(error) => return tracing::warn!(%error, "due instances cannot be read"),
    };
    for (id, _) in due {
        let id = InstanceId(id);
        match shared.mailboxes.get(id) {
            Some(mailbox) if shared.store.shared().is_some() => tick(&mailbox),
            Some(_) => {}
            None => {
                if let Err(error) = load(shared, id).await {
                    tracing::warn!(instance.id = %id, %error, "due instance is not loaded yet");
                }
            }
        }
    }
}

async fn load(shared: &Arc<Shared>, id: InstanceId) -> Result<(), AskError> {
    let row = shared.instance(id).await?.ok_or(AskError::NotFound)?;
    runner::start(shared, row).map(drop)
}

/// Nobody waits for the answer, and an instance with a full mailbox is about to look anyway.
fn tick(mailbox: &Mailbox) {
    let (answer, _) = oneshot::channel();
    let _ = mailbox.letters.try_send(Letter { command: Command::Tick, answer });
}
