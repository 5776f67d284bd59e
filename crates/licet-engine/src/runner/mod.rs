//! The task of one instance: it owns the state, decides in groups and answers what is durable.

mod alone;
mod among_others;

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use licet_core::{Command, Context, Instance, InstanceId, Record, Reply};
use licet_store::{Append, AppendError, Head, InstanceRow, Position, Snapshot, StoreError};
use tokio::sync::{
    mpsc::{self, error::TryRecvError},
    oneshot,
};
use uuid::Uuid;

use crate::{
    AskError, Options,
    beside::beside,
    engine::{Recorded, Shared},
    live::Live,
    mailbox::{Answer, Letter, Mailbox},
    neighbours::Neighbours,
    new_ids::NewIds,
    section, turns,
};

/// Most due events of sessions that a command waits for.
const EVENTS_MAX: usize = 64;
/// Most that the commands of a group wait for together, if each does its one.
const EVENTS_IN_GROUP_MAX: usize = 1_024;

/// Puts an instance's mailbox up, if it is not there, and starts its task.
///
/// # Errors
/// [`AskError::Busy`] when memory holds all instances that it may.
pub(crate) fn start(shared: &Arc<Shared>, row: Arc<InstanceRow>) -> Result<Arc<Mailbox>, AskError> {
    let id = InstanceId(row.id);
    if shared.is_closing() {
        return Err(AskError::Unavailable("the server is shutting down".to_owned()));
    }
    if shared.running.load(Ordering::Relaxed) >= shared.options.instances_max {
        return Err(AskError::Busy);
    }
    let mailbox = shared.mailboxes.get_or_insert(id, || {
        let (sender, letters) = mpsc::channel(shared.options.mailbox_capacity);
        let live = Arc::<Live>::default();
        let mailbox = Arc::new(Mailbox {
            row,
            letters: sender,
            live: live.clone(),
            places: turns::places(shared.options.mailbox_capacity),
        });
        shared.running.fetch_add(1, Ordering::AcqRel);
        let weak = Arc::downgrade(&mailbox);
        let place = Place { shared: shared.clone(), id, live, mailbox: weak };
        tokio::spawn(run(place, letters));
        mailbox
    });
    Ok(mailbox)
}

struct Runner {
    shared: Arc<Shared>,
    id: InstanceId,
    letters: mpsc::Receiver<Letter>,
    live: Arc<Live>,
    ids: NewIds,
    head: Head,
    snapshots: Snapshots,
    neighbours: Neighbours,
}

/// When the next snapshot is worth its writing.
#[derive(Default)]
struct Snapshots {
    /// Bytes of records since the last one.
    bytes_since: usize,
    last_bytes: Arc<AtomicUsize>,
    /// Set while one is being written; there is never a second under way.
    is_under_way: Arc<AtomicBool>,
}

/// Commands that are decided and appended together, and where their answers go.
#[derive(Default)]
struct Group {
    commands: Vec<Command>,
    answers: Vec<oneshot::Sender<Answer>>,
}

impl Group {
    fn push(&mut self, letter: Letter) {
        self.commands.push(letter.command);
        self.answers.push(letter.answer);
    }

    fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    fn len(&self) -> usize {
        self.answers.len()
    }

    fn answer(&mut self, results: Vec<Result<Reply, AskError>>) {
        self.commands.clear();
        for (answer, result) in self.answers.drain(..).zip(results) {
            // A caller that went away meanwhile finds its answer under its idempotency key.
            let _ = answer.send(Answer::Given(result));
        }
    }

    fn refuse(&mut self, why: &str) {
        for answer in self.answers.drain(..) {
            let _ = answer.send(Answer::Given(Err(AskError::Unavailable(why.to_owned()))));
        }
    }
}

/// What a group became, before it is durable.
struct Decided {
    results: Vec<Result<Reply, AskError>>,
    records: Vec<Record>,
}

/// Where an append takes the journal once it is durable.
struct Taken {
    head: Head,
    bytes: usize,
}

impl Taken {
    fn of(append: &Append) -> Self {
        let head = Head { seq: append.expected.seq + 1, hash: append.hash };
        Self { head, bytes: append.records.len() }
    }
}

/// Why a group has no answer. What is in memory is then not what the store has.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a task ends.
enum Ending {
    /// Nothing is to do, or the engine closes: the state can be kept as a snapshot.
    Idle,
    /// What is in memory is not what the store has.
    Failed,
}

/// An instance's place in memory. It is given up whatever ends the task, also a panic, so that the
/// next caller loads the instance anew.
struct Place {
    shared: Arc<Shared>,
    id: InstanceId,
    live: Arc<Live>,
    mailbox: Weak<Mailbox>,
}

impl Place {
    /// Lets the next caller start another task.
    fn leave(&self) {
        self.live.set_settled(false);
        self.shared.mailboxes.remove(self.id, &self.mailbox);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
        if self.shared.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.all_stopped.notify_waiters();
        }
    }
}

async fn run(place: Place, letters: mpsc::Receiver<Letter>) {
    let (shared, id, mut letters) = (place.shared.clone(), place.id, letters);
    let head = match load(&shared, id).await {
        Ok((instance, head)) => {
            *place.live.instance() = instance;
            head
        }
        Err(error) => {
            tracing::error!(instance.id = %id, %error, "instance cannot be loaded");
            place.leave();
            return refuse_all(&mut letters, &error.to_string()).await;
        }
    };
    let (snapshots, neighbours) = (Snapshots::default(), Neighbours::default());
    let live = place.live.clone();
    let ids = NewIds::draw();
    let mut runner = Runner { shared, id, letters, live, ids, head, snapshots, neighbours };
    let ending = runner.serve().await;
    place.leave();
    runner.give_back().await;
    if matches!(ending, Ending::Idle) {
        runner.keep_snapshot().await;
    }
}

async fn load(
    shared: &Shared,
    id: InstanceId,
) -> Result<(Instance, Head), licet_store::StoreError> {
    let loaded = shared.store.load(id.0).await?;
    beside(move || section::restore(&loaded)).await?
}

async fn refuse_all(letters: &mut mpsc::Receiver<Letter>, why: &str) {
    letters.close();
    while let Some(letter) = letters.recv().await {
        let error = AskError::Unavailable(why.to_owned());
        // A caller that no longer listens needs no answer.
        let _ = letter.answer.send(Answer::Given(Err(error)));
    }
}

/// What the store answered to an append.
fn landing(
    answer: Result<Result<Position, AppendError>, oneshot::error::RecvError>,
) -> Result<(), AppendError> {
    let stopped = |_| AppendError::Unavailable("the store has stopped".to_owned());
    answer.map_err(stopped)?.map(drop)
}

impl Snapshots {
    /// Whether as much was recorded since the last one as reading it would save. While that one
    /// is being written none is due, or the instance would wait for it.
    fn is_due(&self, options: &Options) -> bool {
        !self.is_under_way.load(Ordering::Acquire)
            && self.bytes_since
                >= options.snapshot_after_bytes.max(self.last_bytes.load(Ordering::Relaxed))
    }
}

impl Runner {
    async fn serve(&mut self) -> Ending {
        let shared = self.shared.clone();
        match shared.store.shared() {
            None => self.serve_alone().await,
            Some(journal) => self.serve_among_others(journal).await,
        }
    }

    fn take_waiting(&mut self, group: &mut Group) {
        while group.answers.len() < self.shared.options.group_max {
            match self.letters.try_recv() {
                Ok(letter) => group.push(letter),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
    }

    /// Until when nothing is to do, as far as this instance knows.
    fn rests_until_ms(&self) -> i64 {
        let wakes_at_ms = self.live.instance().wakes_at_ms().unwrap_or(i64::MAX);
        let now_ms = self.shared.clock.now_ms();
        wakes_at_ms.min(now_ms.saturating_add(self.shared.options.idle_after_ms))
    }

    fn is_due(&self) -> bool {
        let wakes_at_ms = self.live.instance().wakes_at_ms();
        wakes_at_ms.is_some_and(|at_ms| at_ms <= self.shared.clock.now_ms())
    }

    /// Decides commands, and before them what is due if the instance acts by itself as well.
    fn decide(&mut self, commands: impl ExactSizeIterator<Item = Command>, acts: bool) -> Decided {
        let acts_at_its_time = acts && self.is_due();
        let mut records = Vec::with_capacity(commands.len());
        let site = self.shared.site.load_full();
        let context = Context {
            now_ms: self.shared.clock.now_ms(),
            up_since_ms: self.shared.up_since_ms,
            events_max: (EVENTS_IN_GROUP_MAX / commands.len().max(1)).clamp(1, EVENTS_MAX),
            first_id: Uuid::nil(),
            site: &site,
            policies: site.policies_of(self.id),
        };
        let (mut instance, ids) = (self.live.instance(), &mut self.ids);
        let mut execute = |command| {
            let context = Context { first_id: ids.first(context.now_ms), ..context };
            instance.execute(context, command, &mut records).map_err(AskError::from)
        };
        if acts_at_its_time {
            // A tick has nobody to answer, and is never refused.
            let _ = execute(Command::Tick);
        }
        let results = commands.map(execute).collect();
        Decided { results, records }
    }

    fn append_of(&self, records: &[Record]) -> Append {
        section::append(self.id.0, self.head, &self.live.instance(), records)
    }

    async fn append(&self, append: Append) -> Result<(), AppendError> {
        landing(self.shared.store.append(append).await)
    }

    fn report(&self, error: &Failure) {
        tracing::error!(instance.id = %self.id, %error, "append failed, instance is dropped");
    }

    /// Tells of records that have become durable.
    fn landed(&mut self, bytes: usize, records: Vec<Record>) {
        self.snapshots.bytes_since += bytes;
        self.shared.grown.notify_one();
        self.publish(records);
    }

    fn publish(&self, records: Vec<Record>) {
        if self.shared.recorded.receiver_count() > 0 {
            let recorded = Recorded { instance_id: self.id, records: Arc::new(records) };
            // Listeners may go at any moment.
            let _ = self.shared.recorded.send(recorded);
        }
    }

    /// Writes the state down beside the load; losing it costs only time.
    fn snapshot(&mut self) {
        self.snapshots.is_under_way.store(true, Ordering::Release);
        let saving = self.save_snapshot();
        let is_under_way = self.snapshots.is_under_way.clone();
        tokio::spawn(async move {
            if let Err(error) = saving.await {
                tracing::warn!(%error, "snapshot was not kept");
            }
            is_under_way.store(false, Ordering::Release);
        });
    }

    /// Takes the state as it stands; writing it down is left to the future.
    fn save_snapshot(&mut self) -> impl Future<Output = Result<(), StoreError>> + use<> {
        self.snapshots.bytes_since = 0;
        let (store, last_bytes) = (self.shared.store.clone(), self.snapshots.last_bytes.clone());
        let (instance_id, head, still) = (self.id.0, self.head, self.live.instance().still());
        async move {
            let body = beside(move || still.to_snapshot()).await?;
            last_bytes.store(body.len(), Ordering::Relaxed);
            store.save_snapshot(Snapshot { instance_id, head, body }).await
        }
    }

    /// Gives commands that came too late back to their callers, who ask again.
    async fn give_back(&mut self) {
        self.letters.close();
        while let Some(letter) = self.letters.recv().await {
            let _ = letter.answer.send(Answer::Returned(letter.command));
        }
    }

    /// Keeps the state of an instance that leaves memory if reading it back would take long.
    async fn keep_snapshot(&mut self) {
        const WORTH_BYTES: usize = 16 << 10;
        if self.snapshots.bytes_since < WORTH_BYTES && self.live.instance().live_sessions() == 0 {
            return;
        }
        match tokio::time::timeout(Duration::from_secs(10), self.save_snapshot()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "snapshot was not kept"),
            Err(_) => tracing::warn!("snapshot was not kept in time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_snapshot_is_due_while_one_is_being_written() {
        let options = Options { snapshot_after_bytes: 10, ..Options::default() };
        let snapshots = Snapshots { bytes_since: 20, ..Snapshots::default() };
        assert!(snapshots.is_due(&options));
        snapshots.is_under_way.store(true, Ordering::Release);
        assert!(!snapshots.is_due(&options));
        snapshots.is_under_way.store(false, Ordering::Release);
        snapshots.last_bytes.store(21, Ordering::Relaxed);
        assert!(!snapshots.is_due(&options), "reading the last one back would take longer");
    }
}
