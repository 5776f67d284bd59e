//! Mailboxes: how commands come to the task of an instance, and the answers back.

use std::sync::{Arc, Weak};

use licet_core::{Command, InstanceId, Reply};
use licet_store::InstanceRow;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::{AskError, by_id::ById, live::Live, slots::Slots};

/// A command on its way, with the place where the answer goes.
pub(crate) struct Letter {
    pub(crate) command: Command,
    pub(crate) answer: oneshot::Sender<Answer>,
}

pub(crate) enum Answer {
    Given(Result<Reply, AskError>),
    /// The task went away before it looked at the command; ask again.
    Returned(Command),
}

/// An instance in memory, for those who ask it.
pub(crate) struct Mailbox {
    pub(crate) row: Arc<InstanceRow>,
    pub(crate) letters: mpsc::Sender<Letter>,
    pub(crate) live: Arc<Live>,
    /// For commands on their way while other instances are asked too.
    pub(crate) places: Slots,
}

/// The mailboxes of all instances in memory. Split, so that callers seldom wait for each other;
/// no lock is held across an await.
pub(crate) struct Mailboxes {
    shards: Vec<Mutex<ById<Arc<Mailbox>>>>,
}

const SHARDS: usize = 64;

impl Mailboxes {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    fn shard(&self, id: InstanceId) -> &Mutex<ById<Arc<Mailbox>>> {
        // The last bytes of an id are random, the first are its time. The map of a shard finds its
        // places by the very last, so that another one chooses the shard.
        &self.shards[usize::from(id.0.as_bytes()[12]) % SHARDS]
    }

    pub(crate) fn get(&self, id: InstanceId) -> Option<Arc<Mailbox>> {
        self.shard(id).lock().get(&id).cloned()
    }

    /// The mailbox that stands, or else the one that `make` puts there.
    pub(crate) fn get_or_insert(
        &self,
        id: InstanceId,
        make: impl FnOnce() -> Arc<Mailbox>,
    ) -> Arc<Mailbox> {
        self.shard(id).lock().entry(id).or_insert_with(make).clone()
    }

    /// Takes a mailbox away unless another task has put its own there.
    pub(crate) fn remove(&self, id: InstanceId, mailbox: &Weak<Mailbox>) {
        let mut shard = self.shard(id).lock();
        if shard.get(&id).is_some_and(|standing| std::ptr::eq(mailbox.as_ptr(), &**standing)) {
            shard.remove(&id);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }
}
