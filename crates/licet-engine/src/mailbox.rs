//! Mailboxes: how commands come to the task of an instance, and the answers back.

use licet_core::{Command, InstanceId, Reply};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::{AskError, by_id::ById};

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

pub(crate) type Mailbox = mpsc::Sender<Letter>;

/// The mailboxes of all instances in memory. Split, so that callers seldom wait for each other;
/// no lock is held across an await.
pub(crate) struct Mailboxes {
    shards: Vec<Mutex<ById<Mailbox>>>,
}

const SHARDS: usize = 64;

impl Mailboxes {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    fn shard(&self, id: InstanceId) -> &Mutex<ById<Mailbox>> {
        // The last bytes of an id are random, the first are its time. The map of a shard finds its
        // places by the very last, so that another one chooses the shard.
        &self.shards[usize::from(id.0.as_bytes()[12]) % SHARDS]
    }

    pub(crate) fn get(&self, id: InstanceId) -> Option<Mailbox> {
        self.shard(id).lock().get(&id).cloned()
    }

    /// The mailbox that stands, or else the one that `make` puts there.
    pub(crate) fn get_or_insert(&self, id: InstanceId, make: impl FnOnce() -> Mailbox) -> Mailbox {
        self.shard(id).lock().entry(id).or_insert_with(make).clone()
    }

    /// Takes a mailbox away unless another task has put its own there.
    pub(crate) fn remove(&self, id: InstanceId, mailbox: &mpsc::WeakSender<Letter>) {
        let mut shard = self.shard(id).lock();
        let is_same = match (shard.get(&id), mailbox.upgrade()) {
            (Some(standing), Some(own)) => standing.same_channel(&own),
            _ => false,
        };
        if is_same {
            shard.remove(&id);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }
}
