//! The task of one instance: it owns the state, decides in groups and answers what is durable.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use licet_core::{Command, Context, Instance, InstanceId, Record, Reply, Site};
use licet_store::{Append, AppendError, Head, Hold, Section, SharedJournal, Snapshot, StoreError};
use tokio::sync::{
    mpsc::{self, error::TryRecvError},
    oneshot, watch,
};
use uuid::Uuid;

use crate::{
    AskError,
    engine::{Recorded, Shared},
    mailbox::{Answer, Letter, Mailbox},
    neighbours::{Approach, Neighbours},
    section,
};

/// How often a group is decided again because another process was faster. From the second time on
/// the others are kept waiting, so the last is hardly ever needed.
const ATTEMPTS_MAX: usize = 16;

/// Puts an instance's mailbox up, if it is not there, and starts its task.
///
/// # Errors
/// [`AskError::Busy`] when memory holds all instances that it may.
pub(crate) fn start(shared: &Arc<Shared>, id: InstanceId) -> Result<Mailbox, AskError> {
    if shared.is_closing() {
        return Err(AskError::Unavailable("the server is shutting down".to_owned()));
    }
    if shared.running.load(Ordering::Relaxed) >= shared.options.instances_max {
        return Err(AskError::Busy);
    }
    let mailbox = shared.mailboxes.get_or_insert(id, || {
        let (mailbox, letters) = mpsc::channel(shared.options.mailbox_capacity);
        shared.running.fetch_add(1, Ordering::AcqRel);
        let place = Place { shared: shared.clone(), id, mailbox: mailbox.downgrade() };
        tokio::spawn(run(place, letters));
        mailbox
    });
    Ok(mailbox)
}

struct Runner {
    shared: Arc<Shared>,
    id: InstanceId,
    letters: mpsc::Receiver<Letter>,
    instance: Instance,
    head: Head,
    snapshots: Snapshots,
    neighbours: Neighbours,
}

/// When the next snapshot is worth its writing.
#[derive(Default)]
struct Snapshots {
    /// Bytes of records since the last one.
    bytes_since: usize,
    last_bytes: usize,
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

    fn answer(&mut self, results: Vec<Result<Reply, AskError>>) {
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
    mailbox: mpsc::WeakSender<Letter>,
}

impl Place {
    /// Lets the next caller start another task.
    fn leave(&self) {
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
    let (instance, head) = match load(&shared, id).await {
        Ok(loaded) => loaded,
        Err(error) => {
            tracing::error!(instance.id = %id, %error, "instance cannot be loaded");
            place.leave();
            return refuse_all(&mut letters, &error.to_string()).await;
        }
    };
    let (snapshots, neighbours) = (Snapshots::default(), Neighbours::default());
    let mut runner = Runner { shared, id, letters, instance, head, snapshots, neighbours };
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
    section::restore(&loaded)
}

async fn refuse_all(letters: &mut mpsc::Receiver<Letter>, why: &str) {
    letters.close();
    while let Some(letter) = letters.recv().await {
        let error = AskError::Unavailable(why.to_owned());
        // A caller that no longer listens needs no answer.
        let _ = letter.answer.send(Answer::Given(Err(error)));
    }
}

impl Runner {
    async fn serve(&mut self) -> Ending {
        let mut closing = self.shared.closing.subscribe();
        let mut group = Group::default();
        loop {
            if !self.gather(&mut group, &mut closing).await {
                return Ending::Idle;
            }
            match self.settle(&mut group.commands).await {
                Ok(results) => group.answer(results),
                Err(error) => {
                    tracing::error!(instance.id = %self.id, %error, "instance is dropped");
                    group.refuse(&error.to_string());
                    return Ending::Failed;
                }
            }
        }
    }

    /// Takes all commands that wait, or waits for the first or for the instance's own time.
    /// False when it is time to go.
    async fn gather(&mut self, group: &mut Group, closing: &mut watch::Receiver<bool>) -> bool {
        self.take_waiting(group);
        if !group.is_empty() || self.is_due() {
            return true;
        }
        let clock = self.shared.clock.clone();
        let wakes_at_ms = self.instance.wakes_at_ms().unwrap_or(i64::MAX);
        let idle_at_ms = clock.now_ms().saturating_add(self.shared.options.idle_after_ms);
        tokio::select! {
            biased;
            letter = self.letters.recv() => {
                let Some(letter) = letter else { return false };
                group.push(letter);
                self.take_waiting(group);
                true
            }
            () = clock.sleep_until(wakes_at_ms.min(idle_at_ms)) => self.is_due(),
            _ = closing.wait_for(|closing| *closing) => false,
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

    fn is_due(&self) -> bool {
        self.instance.wakes_at_ms().is_some_and(|at_ms| at_ms <= self.shared.clock.now_ms())
    }

    /// Decides a group and makes it durable.
    async fn settle(
        &mut self,
        commands: &mut Vec<Command>,
    ) -> Result<Vec<Result<Reply, AskError>>, Failure> {
        let shared = self.shared.clone();
        if let Some(journal) = shared.store.shared() {
            let results = self.settle_among_others(journal, commands).await;
            commands.clear();
            return results;
        }
        let Decided { results, records } = self.decide(commands.drain(..));
        if !records.is_empty() {
            let append = self.append_of(&records);
            let taken = Taken::of(&append);
            self.append(append).await?;
            self.took(taken, records);
        }
        Ok(results)
    }

    /// Decides a group on a journal that other processes append to as well. What was decided on
    /// an old state is thrown away with the state, and decided again.
    async fn settle_among_others(
        &mut self,
        journal: &dyn SharedJournal,
        commands: &[Command],
    ) -> Result<Vec<Result<Reply, AskError>>, Failure> {
        for _ in 0..ATTEMPTS_MAX {
            let approach = self.neighbours.approach(self.shared.clock.now_ms(), commands.len());
            let hold = self.catch_up(journal, approach).await?;
            let Decided { results, records } = self.decide(commands.iter().cloned());
            if records.is_empty() {
                if let Some(hold) = hold {
                    hold.release().await;
                } else if approach == Approach::Trust && self.look(journal).await? {
                    continue;
                }
                return Ok(results);
            }
            let append = self.append_of(&records);
            let taken = Taken::of(&append);
            let appended = match hold {
                Some(hold) => hold.append(append).await.map(drop),
                None => self.append(append).await,
            };
            match appended {
                Ok(()) => {
                    self.neighbours.is_sure(self.shared.clock.now_ms());
                    self.took(taken, records);
                    return Ok(results);
                }
                Err(AppendError::Conflict) => self.load_again().await?,
                Err(error) => return Err(error.into()),
            }
        }
        let text = "other servers were always faster; ask again";
        Err(AppendError::Unavailable(text.to_owned()).into())
    }

    /// Folds what others appended, as far as the approach asks for it.
    async fn catch_up(
        &mut self,
        journal: &dyn SharedJournal,
        approach: Approach,
    ) -> Result<Option<Box<dyn Hold>>, Failure> {
        match approach {
            Approach::Trust => Ok(None),
            Approach::Look => {
                self.look(journal).await?;
                Ok(None)
            }
            Approach::Hold => {
                let mut hold = journal.hold(self.id.0, self.head.seq).await?;
                let tail = hold.take_tail();
                if !tail.is_empty() {
                    self.neighbours.met_another(self.shared.clock.now_ms());
                }
                self.follow(tail)?;
                Ok(Some(hold))
            }
        }
    }

    /// Reads and folds what others appended. True if there was something.
    async fn look(&mut self, journal: &dyn SharedJournal) -> Result<bool, Failure> {
        let tail = journal.tail(self.id.0, self.head.seq).await?;
        self.neighbours.is_sure(self.shared.clock.now_ms());
        let is_news = !tail.is_empty();
        self.follow(tail)?;
        Ok(is_news)
    }

    fn follow(&mut self, tail: Vec<Section>) -> Result<(), StoreError> {
        for section in tail {
            self.head = section::follow(&self.head, &section)?;
            let records = section::records(&section)?;
            for record in &records {
                self.instance.fold(record);
            }
            self.snapshots.bytes_since += section.records.len();
            self.publish(records);
        }
        Ok(())
    }

    async fn load_again(&mut self) -> Result<(), StoreError> {
        self.neighbours.met_another(self.shared.clock.now_ms());
        (self.instance, self.head) = load(&self.shared, self.id).await?;
        Ok(())
    }

    fn decide(&mut self, commands: impl ExactSizeIterator<Item = Command>) -> Decided {
        let mut records = Vec::with_capacity(commands.len());
        let site = self.shared.site.load_full();
        let now_ms = self.shared.clock.now_ms();
        if self.is_due() {
            // A tick has nobody to answer, and is never refused.
            let _ = self.execute(&site, now_ms, Command::Tick, &mut records);
        }
        let results =
            commands.map(|command| self.execute(&site, now_ms, command, &mut records)).collect();
        Decided { results, records }
    }

    fn execute(
        &mut self,
        site: &Site,
        now_ms: i64,
        command: Command,
        records: &mut Vec<Record>,
    ) -> Result<Reply, AskError> {
        let up_since_ms = self.shared.up_since_ms;
        let context = Context { now_ms, up_since_ms, first_id: Uuid::now_v7(), site };
        Ok(self.instance.execute(context, command, records)?)
    }

    fn append_of(&self, records: &[Record]) -> Append {
        section::append(self.id.0, self.head, &self.instance, records)
    }

    async fn append(&self, append: Append) -> Result<(), AppendError> {
        let stopped = || AppendError::Unavailable("the store has stopped".to_owned());
        self.shared.store.append(append).await.map_err(|_| stopped())?.map(drop)
    }

    /// Goes on from what has become durable.
    fn took(&mut self, taken: Taken, records: Vec<Record>) {
        self.head = taken.head;
        self.snapshots.bytes_since += taken.bytes;
        self.shared.grown.notify_one();
        self.publish(records);
        let worth_bytes = self.shared.options.snapshot_after_bytes.max(self.snapshots.last_bytes);
        if self.snapshots.bytes_since >= worth_bytes {
            self.snapshot();
        }
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
        if self.snapshots.is_under_way.swap(true, Ordering::AcqRel) {
            return;
        }
        let snapshot = self.take_snapshot();
        let (store, is_under_way) =
            (self.shared.store.clone(), self.snapshots.is_under_way.clone());
        tokio::spawn(async move {
            if let Err(error) = store.save_snapshot(snapshot).await {
                tracing::warn!(%error, "snapshot was not kept");
            }
            is_under_way.store(false, Ordering::Release);
        });
    }

    fn take_snapshot(&mut self) -> Snapshot {
        let body = self.instance.to_snapshot();
        self.snapshots.bytes_since = 0;
        self.snapshots.last_bytes = body.len();
        Snapshot { instance_id: self.id.0, head: self.head, body }
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
        if self.snapshots.bytes_since < WORTH_BYTES && self.instance.live_sessions() == 0 {
            return;
        }
        let snapshot = self.take_snapshot();
        let saving = self.shared.store.save_snapshot(snapshot);
        match tokio::time::timeout(Duration::from_secs(10), saving).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "snapshot was not kept"),
            Err(_) => tracing::warn!("snapshot was not kept in time"),
        }
    }
}
