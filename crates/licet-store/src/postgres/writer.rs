//! The writer of the journal: it takes what waits and appends it in one transaction.

use std::{
    collections::{HashSet, VecDeque},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use deadpool_postgres::ClientWrapper;
use futures_util::future::try_join;
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::Instant,
};
use tokio_postgres::Error;
use uuid::Uuid;

use super::{
    batch::{self, Outcome},
    database::{Database, Role},
    failure::{Failure, describe},
    walk,
};
use crate::{Append, AppendError, Appending, Position, StoreError};

/// Appends that may wait. An instance has one append under way at a time, so this is
/// a bound on instances that write at the same moment.
const QUEUE_MAX: usize = 32_768;

/// Appends that go into one transaction.
const BATCH_MAX: usize = 1_024;

/// A batch is sent once its records are as long as this.
const BATCH_BYTES: usize = 8 << 20;

/// The longest records of one append. A value of PostgreSQL ends at 1 GB.
const RECORDS_BYTES_MAX: usize = 256 << 20;

/// How long an append waits for a database that is out of reach.
const APPEND_PATIENCE: Duration = Duration::from_secs(5);

const RECONNECT_AFTER: Duration = Duration::from_millis(50);
const RECONNECT_AFTER_MAX: Duration = Duration::from_secs(1);

/// After so many appends a plan is made anew for the first time.
const PLAN_KEPT: usize = 1_000;
/// After so many it is in any case.
const PLAN_KEPT_MAX: usize = 1_000_000;

/// How often a batch is sent again because others were in its way.
const TRIES_MAX: u32 = 10;

type Reply = oneshot::Sender<Result<Position, AppendError>>;

/// An append on its way into the journal.
struct Queued {
    append: Append,
    reply: Reply,
    /// It may have been written already, and the answer was lost.
    may_stand: bool,
    tries: u32,
}

impl Queued {
    fn answer(self, answer: Result<Position, AppendError>) {
        // Who asked may have gone; what is durable stays so.
        let _ = self.reply.send(answer);
    }

    fn refuse(self, why: &str) {
        self.answer(Err(AppendError::Unavailable(why.to_owned())));
    }
}

/// The writer of a store. There is one: a transaction costs as much as dozens of sections, and while
/// the database makes a batch durable, the next one gathers.
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Queued>>>,
    task: Mutex<Option<JoinHandle<()>>>,
    is_down: Arc<AtomicBool>,
}

impl Writer {
    pub(super) async fn start(database: &Database) -> Result<Self, StoreError> {
        let is_down = Arc::new(AtomicBool::new(false));
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        let writing = Writing {
            client: connect(database).await?,
            database: database.clone(),
            queue,
            waiting: VecDeque::new(),
            plan: Plan::default(),
            is_down: Arc::clone(&is_down),
        };
        let task = tokio::spawn(writing.run());
        Ok(Self { queue: Mutex::new(Some(sender)), task: Mutex::new(Some(task)), is_down })
    }

    pub(super) fn append(&self, append: Append) -> Appending {
        self.submit(append, false)
    }

    /// Appends what another connection may have written before it was lost.
    pub(super) fn append_again(&self, append: Append) -> Appending {
        self.submit(append, true)
    }

    fn submit(&self, append: Append, may_stand: bool) -> Appending {
        let (reply, answer) = oneshot::channel();
        let queued = Queued { append, reply, may_stand, tries: 0 };
        if queued.append.records.len() > RECORDS_BYTES_MAX {
            queued.refuse("the records are too long");
        } else {
            self.enqueue(queued);
        }
        answer
    }

    fn enqueue(&self, queued: Queued) {
        let refused = match &*self.queue.lock() {
            Some(queue) => match queue.try_send(queued) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Full(queued)) => {
                    (queued, "too many appends are waiting")
                }
                Err(mpsc::error::TrySendError::Closed(queued)) => (queued, "the store is closed"),
            },
            None => (queued, "the store is closed"),
        };
        refused.0.refuse(refused.1);
    }

    /// Whether appends are refused because the database is out of reach.
    pub(super) fn is_down(&self) -> bool {
        self.is_down.load(Ordering::Acquire)
    }

    /// Takes nothing more, and returns when what is queued is written or refused.
    pub(super) async fn close(&self) {
        self.queue.lock().take();
        let task = self.task.lock().take();
        if let Some(task) = task
            && task.await.is_err()
        {
            tracing::error!("the writer of the journal panicked");
        }
    }
}

async fn connect(database: &Database) -> Result<ClientWrapper, Error> {
    let client = database.connect(Role::Append).await?;
    batch::prepare(&client).await?;
    Ok(client)
}

/// Connects, however long it takes.
async fn reconnect(database: &Database) -> ClientWrapper {
    let mut after = RECONNECT_AFTER;
    loop {
        match connect(database).await {
            Ok(client) => return client,
            Err(error) => tracing::debug!(error = describe(&error), "no connection yet"),
        }
        tokio::time::sleep(after).await;
        after = (after * 2).min(RECONNECT_AFTER_MAX);
    }
}

/// The writer's task.
struct Writing {
    client: ClientWrapper,
    database: Database,
    queue: mpsc::Receiver<Queued>,
    /// What was taken from the queue, but must not be in the batch under way.
    waiting: VecDeque<Queued>,
    plan: Plan,
    is_down: Arc<AtomicBool>,
}

impl Writing {
    async fn run(mut self) {
        loop {
            let batch = self.gather().await;
            if batch.is_empty() {
                return;
            }
            if let Err(why) = self.write(batch).await {
                self.wait_for_database(&why).await;
            }
        }
    }

    /// Takes what waits, or waits for the first; nothing when the store closes. At most one append
    /// of an instance, because the next one builds on it.
    async fn gather(&mut self) -> Vec<Queued> {
        if self.waiting.is_empty() {
            self.waiting.extend(self.queue.recv().await);
        }
        while self.waiting.len() < BATCH_MAX
            && let Ok(queued) = self.queue.try_recv()
        {
            self.waiting.push_back(queued);
        }
        let mut batch = Vec::new();
        let mut instances = HashSet::new();
        let mut bytes = 0;
        for queued in std::mem::take(&mut self.waiting) {
            if bytes < BATCH_BYTES && instances.insert(queued.append.instance_id) {
                bytes += queued.append.records.len();
                batch.push(queued);
            } else {
                self.waiting.push_back(queued);
            }
        }
        batch.sort_unstable_by_key(|queued| queued.append.instance_id);
        batch
    }

    /// Writes a batch and answers it; an error says why the database is out of reach.
    async fn write(&mut self, mut batch: Vec<Queued>) -> Result<(), String> {
        let mut patience = None;
        let mut tries = 0;
        loop {
            let error = match self.send(&batch).await {
                Ok(outcomes) => {
                    self.answer(batch, outcomes);
                    return Ok(());
                }
                Err(error) => error,
            };
            tries += 1;
            match Failure::of(&error) {
                Failure::Again if tries < TRIES_MAX => {}
                Failure::Again | Failure::Refused => {
                    refuse_all(batch, &describe(&error));
                    return Ok(());
                }
                Failure::ConnectionLost => {
                    batch.iter_mut().for_each(|queued| queued.may_stand = true);
                    let until = *patience.get_or_insert_with(|| Instant::now() + APPEND_PATIENCE);
                    if let Err(why) = self.reconnect(until, &error).await {
                        refuse_all(batch, &why);
                        return Err(why);
                    }
                }
            }
        }
    }

    async fn reconnect(&mut self, until: Instant, lost: &Error) -> Result<(), String> {
        tracing::warn!(error = describe(lost), "the connection to the database was lost");
        if Instant::now() < until
            && let Ok(client) = tokio::time::timeout_at(until, reconnect(&self.database)).await
        {
            self.client = client;
            return Ok(());
        }
        Err(format!("the database is out of reach: {}", describe(lost)))
    }

    /// Sends a batch. What has not moved its head, but may have done so before, is looked up.
    async fn send(&mut self, batch: &[Queued]) -> Result<Vec<Outcome>, Error> {
        let appends: Vec<&Append> = batch.iter().map(|queued| &queued.append).collect();
        let preparing = prepare_for(&self.client, &appends, self.plan.is_stale(appends.len()));
        let appending = batch::append(&self.client, &appends);
        let (_, mut outcomes) = try_join(preparing, appending).await?;
        let unsure: Vec<usize> = (0..batch.len())
            .filter(|at| batch[*at].may_stand && outcomes[*at] == Outcome::MovedOn)
            .collect();
        if unsure.is_empty() {
            return Ok(outcomes);
        }
        let wanted: Vec<&Append> = unsure.iter().map(|at| appends[*at]).collect();
        for (at, found) in unsure.into_iter().zip(walk::find(&self.client, &wanted).await?) {
            if let Some(position) = found {
                outcomes[at] = Outcome::Written(position);
            }
        }
        Ok(outcomes)
    }

    fn answer(&mut self, batch: Vec<Queued>, outcomes: Vec<Outcome>) {
        for (mut queued, outcome) in batch.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Written(position) => queued.answer(Ok(position)),
                Outcome::MovedOn => queued.answer(Err(AppendError::Conflict)),
                Outcome::Again if queued.tries < TRIES_MAX => {
                    queued.tries += 1;
                    self.waiting.push_front(queued);
                }
                Outcome::Again => queued.refuse(
                    "the journal stands at a position above the database's transactions: \
                     start the server again",
                ),
            }
        }
    }

    /// Refuses what comes until the database is there again.
    async fn wait_for_database(&mut self, why: &str) {
        tracing::error!("{why}; appends are refused until it is back");
        self.is_down.store(true, Ordering::Release);
        for queued in self.waiting.drain(..) {
            queued.refuse(why);
        }
        let mut connecting = pin!(reconnect(&self.database));
        loop {
            tokio::select! {
                client = &mut connecting => {
                    self.client = client;
                    self.is_down.store(false, Ordering::Release);
                    tracing::info!("the database is back");
                    return;
                }
                queued = self.queue.recv() => match queued {
                    Some(queued) => queued.refuse(why),
                    None => return,
                },
            }
        }
    }
}

/// How long the plan of the statement is kept. The table of heads may have grown from a page, where
/// any plan does, to millions of rows; but the larger it is, the longer it takes to outgrow a plan.
struct Plan {
    appends_since: usize,
    kept: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self { appends_since: 0, kept: PLAN_KEPT }
    }
}

impl Plan {
    /// Whether so many more appends should have a new plan.
    fn is_stale(&mut self, appends: usize) -> bool {
        self.appends_since += appends;
        let is_stale = self.appends_since > self.kept;
        if is_stale {
            *self = Self { appends_since: 0, kept: (self.kept * 2).min(PLAN_KEPT_MAX) };
        }
        is_stale
    }
}

/// What a connection does before it appends: heads for new instances, and room for a new plan.
async fn prepare_for(
    client: &ClientWrapper,
    appends: &[&Append],
    is_plan_stale: bool,
) -> Result<(), Error> {
    let is_new = |append: &&&Append| append.expected.seq == 0;
    let new: Vec<Uuid> = appends.iter().filter(is_new).map(|append| append.instance_id).collect();
    if !new.is_empty() {
        batch::make_heads(client, &new).await?;
    }
    if is_plan_stale {
        client.batch_execute("DISCARD PLANS").await?;
    }
    Ok(())
}

fn refuse_all(batch: Vec<Queued>, why: &str) {
    tracing::error!(error = why, "appends could not be written");
    for queued in batch {
        queued.refuse(why);
    }
}
