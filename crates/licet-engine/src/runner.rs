//! The task of one instance: it owns the state, decides in groups and answers what is durable.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use licet_core::{Command, Context, Instance, InstanceId, Record, Reply, Site};
use licet_store::{AppendError, Head, Snapshot};
use tokio::sync::{
    mpsc::{self, error::TryRecvError},
    oneshot, watch,
};
use uuid::Uuid;

use crate::{
    AskError,
    engine::{Recorded, Shared},
    mailbox::{Answer, Letter, Mailbox},
    section,
};

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

/// Answers that wait until the group they were decided in is durable.
type Waiting = Vec<(oneshot::Sender<Answer>, Result<Reply, AskError>)>;

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
    let mut runner =
        Runner { shared, id, letters, instance, head, snapshots: Snapshots::default() };
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
        let mut group = Vec::new();
        loop {
            if !self.gather(&mut group, &mut closing).await {
                return Ending::Idle;
            }
            if !self.decide(&mut group).await {
                return Ending::Failed;
            }
        }
    }

    /// Takes all commands that wait, or waits for the first or for the instance's own time.
    /// False when it is time to go.
    async fn gather(
        &mut self,
        group: &mut Vec<Letter>,
        closing: &mut watch::Receiver<bool>,
    ) -> bool {
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
                group.extend(letter);
                self.take_waiting(group);
                !group.is_empty()
            }
            () = clock.sleep_until(wakes_at_ms.min(idle_at_ms)) => self.is_due(),
            _ = closing.wait_for(|closing| *closing) => false,
        }
    }

    fn take_waiting(&mut self, group: &mut Vec<Letter>) {
        while group.len() < self.shared.options.group_max {
            match self.letters.try_recv() {
                Ok(letter) => group.push(letter),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
    }

    fn is_due(&self) -> bool {
        self.instance.wakes_at_ms().is_some_and(|at_ms| at_ms <= self.shared.clock.now_ms())
    }

    /// Decides a group, makes it durable and answers. False if the store did not take it.
    async fn decide(&mut self, group: &mut Vec<Letter>) -> bool {
        let mut records = Vec::with_capacity(group.len());
        let mut waiting: Waiting = Vec::with_capacity(group.len());
        let site = self.shared.site.load_full();
        let now_ms = self.shared.clock.now_ms();
        if self.is_due() {
            // A tick has nobody to answer, and is never refused.
            let _ = self.execute(&site, now_ms, Command::Tick, &mut records);
        }
        for letter in group.drain(..) {
            let result = self.execute(&site, now_ms, letter.command, &mut records);
            waiting.push((letter.answer, result));
        }
        if !records.is_empty()
            && let Err(error) = self.append(records).await
        {
            self.fail(waiting, &error);
            return false;
        }
        for (answer, result) in waiting {
            // A caller that went away meanwhile finds its answer under its idempotency key.
            let _ = answer.send(Answer::Given(result));
        }
        true
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

    async fn append(&mut self, records: Vec<Record>) -> Result<(), AppendError> {
        let append = section::append(self.id.0, self.head, &self.instance, &records);
        let head = Head { seq: self.head.seq + 1, hash: append.hash };
        let stopped = || AppendError::Unavailable("the store has stopped".to_owned());
        let bytes = append.records.len();
        self.shared.store.append(append).await.map_err(|_| stopped())??;
        self.head = head;
        self.snapshots.bytes_since += bytes;
        self.shared.grown.notify_one();
        if self.shared.recorded.receiver_count() > 0 {
            let recorded = Recorded { instance_id: self.id, records: Arc::new(records) };
            // Listeners may go at any moment.
            let _ = self.shared.recorded.send(recorded);
        }
        let worth_bytes = self.shared.options.snapshot_after_bytes.max(self.snapshots.last_bytes);
        if self.snapshots.bytes_since >= worth_bytes {
            self.snapshot();
        }
        Ok(())
    }

    fn fail(&mut self, waiting: Waiting, error: &AppendError) {
        tracing::error!(instance.id = %self.id, %error, "append failed, instance is dropped");
        for (answer, _) in waiting {
            let error = AskError::Unavailable(error.to_string());
            let _ = answer.send(Answer::Given(Err(error)));
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
