//! The handle to all instances.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use licet_core::{Command, InstanceId, Record, Reply, Site};
use licet_store::{InstanceRow, Position, Store, StoreError};
use parking_lot::RwLock;
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};

use crate::{
    AskError, Clock,
    by_id::ById,
    mailbox::{Answer, Letter, Mailbox, Mailboxes},
    projector, runner,
    turns::Crowd,
    waker,
};

/// Limits of the engine.
#[derive(Debug, Clone)]
pub struct Options {
    /// Commands that may wait for one instance; one more is answered [`AskError::Busy`].
    pub mailbox_capacity: usize,
    /// Most commands that are decided and appended together.
    pub group_max: usize,
    /// An instance that nobody asked for this long leaves memory.
    pub idle_after_ms: i64,
    /// Most instances in memory; a further one is answered [`AskError::Busy`].
    pub instances_max: usize,
    /// Bytes of records after which a new snapshot is worth its writing, unless the last one was
    /// larger: then as many as that.
    pub snapshot_after_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mailbox_capacity: 8_192,
            group_max: 1_024,
            idle_after_ms: 10 * 60_000,
            instances_max: 100_000,
            snapshot_after_bytes: 4 << 20,
        }
    }
}

/// Records of an instance that have become durable.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub instance_id: InstanceId,
    pub records: Arc<Vec<Record>>,
}

/// A cheap handle to all instances; every clone is the same engine.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("instances", &self.shared.mailboxes.len()).finish()
    }
}

pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: Options,
    pub(crate) site: ArcSwap<Site>,
    /// Since when this service has been up, POSIX milliseconds.
    pub(crate) up_since_ms: i64,
    pub(crate) mailboxes: Mailboxes,
    pub(crate) crowd: Crowd,
    /// Instances never change their account and are never deleted, so rows can be kept.
    directory: RwLock<ById<Arc<InstanceRow>>>,
    pub(crate) recorded: broadcast::Sender<Recorded>,
    pub(crate) running: AtomicUsize,
    /// Tells the projector that the journal has grown.
    pub(crate) grown: Notify,
    /// Tells the projector that a report waits.
    pub(crate) wanted: Notify,
    /// The furthest place that a report has waited for.
    pub(crate) awaited: AtomicU64,
    pub(crate) projected: watch::Sender<Position>,
    pub(crate) closing: watch::Sender<bool>,
    pub(crate) all_stopped: Notify,
    /// Set when the projector has taken in everything and ended.
    pub(crate) projector_ended: watch::Sender<bool>,
}

/// Recorded groups that a slow listener may be behind before it misses some.
const RECORDED_BACKLOG: usize = 1_024;
/// How often a command is sent again to a task that went away meanwhile.
const ATTEMPTS_MAX: usize = 8;
/// How long a report waits for the projector.
const PROJECTION_WAIT: Duration = Duration::from_secs(10);

impl Engine {
    /// Starts the projector and the waker; instances start when they are asked.
    ///
    /// # Errors
    /// [`StoreError`] if the projector's position cannot be read.
    pub async fn start(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        site: Site,
        options: Options,
    ) -> Result<Self, StoreError> {
        let shared = Shared::open(store, clock, site, options).await?;
        tokio::spawn(projector::run(shared.clone()));
        tokio::spawn(waker::run(shared.clone()));
        Ok(Self { shared })
    }

    /// Asks an instance and waits until what it decided is durable.
    ///
    /// # Errors
    /// [`AskError`]; only [`AskError::Unavailable`] leaves open whether it happened: the same
    /// `Idempotency-Key` tells.
    pub async fn ask(&self, id: InstanceId, command: Command) -> Result<Reply, AskError> {
        self.ask_as(id, command, |_| true).await
    }

    /// The same for somebody who may not see every instance.
    ///
    /// # Errors
    /// As [`Engine::ask`]; an instance that must not be seen is not found.
    pub async fn ask_as(
        &self,
        id: InstanceId,
        command: Command,
        sees: impl Fn(&InstanceRow) -> bool,
    ) -> Result<Reply, AskError> {
        let mut command = command;
        for _ in 0..ATTEMPTS_MAX {
            let mailbox = match self.shared.mailboxes.get(id) {
                Some(mailbox) => mailbox,
                None => self.wake(id, &sees).await?,
            };
            if !sees(&mailbox.row) {
                return Err(AskError::NotFound);
            }
            if let Command::Heartbeat { session_id } = command
                && mailbox.live.hear(session_id, self.shared.clock.now_ms())
            {
                return Ok(Reply::Done);
            }
            let is_mixed = self.shared.crowd.is_mixed(id, self.shared.clock.now_ms());
            let _place = match is_mixed {
                true => Some(mailbox.places.take().await.ok_or(AskError::Busy)?),
                false => None,
            };
            match post(&mailbox, command).await? {
                Ok(reply) => return Ok(reply),
                Err(returned) => command = returned,
            }
            tokio::task::yield_now().await;
        }
        Err(AskError::Busy)
    }

    /// The mailbox of an instance that is not in memory, and is loaded.
    async fn wake(
        &self,
        id: InstanceId,
        sees: impl Fn(&InstanceRow) -> bool,
    ) -> Result<Arc<Mailbox>, AskError> {
        let row = self.instance(id).await?.filter(|row| sees(row)).ok_or(AskError::NotFound)?;
        runner::start(&self.shared, row)
    }

    /// An instance as the site knows it.
    ///
    /// # Errors
    /// [`AskError::Unavailable`]
    pub async fn instance(&self, id: InstanceId) -> Result<Option<Arc<InstanceRow>>, AskError> {
        Ok(self.shared.instance(id).await?)
    }

    /// Prices and settings that decisions use from now on.
    pub fn set_site(&self, site: Site) {
        self.shared.site.store(Arc::new(site));
    }

    #[must_use]
    pub fn site(&self) -> Arc<Site> {
        self.shared.site.load_full()
    }

    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.shared.store
    }

    /// Records of all instances as they become durable. A listener that falls behind by more
    /// than a thousand groups is told how many it missed.
    #[must_use]
    pub fn recorded(&self) -> broadcast::Receiver<Recorded> {
        self.shared.recorded.subscribe()
    }

    /// How many instances are in memory.
    #[must_use]
    pub fn instances_in_memory(&self) -> usize {
        self.shared.mailboxes.len()
    }

    /// How many places of the journal the projector is behind.
    ///
    /// # Errors
    /// [`AskError::Unavailable`]
    pub async fn projector_lag(&self) -> Result<u64, AskError> {
        let last = self.last_position().await?;
        Ok(last.0.saturating_sub(self.shared.projected.borrow().0))
    }

    /// Place of the last durable group, of whichever process.
    ///
    /// # Errors
    /// [`AskError::Unavailable`]
    pub async fn last_position(&self) -> Result<Position, AskError> {
        Ok(self.shared.store.last_position().await?)
    }

    /// Waits until the projection has all that was durable when this was called.
    ///
    /// # Errors
    /// [`AskError::Unavailable`] after ten seconds.
    pub async fn projected(&self) -> Result<(), AskError> {
        let target = self.last_position().await?;
        self.shared.awaited.fetch_max(target.0, Ordering::AcqRel);
        self.shared.wanted.notify_one();
        let mut projected = self.shared.projected.subscribe();
        let wait = projected.wait_for(|position| *position >= target);
        match tokio::time::timeout(PROJECTION_WAIT, wait).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => {
                let text = "the reports are behind; ask again in a few seconds";
                Err(AskError::Unavailable(text.to_owned()))
            }
        }
    }

    /// Answers what is queued, lets all instances go and stops. The store stays open.
    pub async fn close(&self) {
        self.shared.closing.send_replace(true);
        loop {
            let stopped = self.shared.all_stopped.notified();
            if self.shared.is_stopped() {
                break;
            }
            stopped.await;
        }
        self.shared.wanted.notify_one();
        let mut ended = self.shared.projector_ended.subscribe();
        let ended = ended.wait_for(|ended| *ended);
        if tokio::time::timeout(PROJECTION_WAIT, ended).await.is_err() {
            tracing::warn!("the reports were still behind; they catch up at the next start");
        }
    }
}

/// Sends a command; the inner error gives it back if the task went away before looking at it.
async fn post(mailbox: &Mailbox, command: Command) -> Result<Result<Reply, Command>, AskError> {
    let (answer, answered) = oneshot::channel();
    match mailbox.letters.try_send(Letter { command, answer }) {
        Ok(()) => {}
        Err(mpsc::error::TrySendError::Full(_)) => return Err(AskError::Busy),
        Err(mpsc::error::TrySendError::Closed(letter)) => return Ok(Err(letter.command)),
    }
    match answered.await {
        Ok(Answer::Given(result)) => result.map(Ok),
        Ok(Answer::Returned(command)) => Ok(Err(command)),
        Err(_) => Err(AskError::Unavailable("the instance stopped".to_owned())),
    }
}

impl Shared {
    pub(crate) async fn open(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        site: Site,
        options: Options,
    ) -> Result<Arc<Self>, StoreError> {
        let projected = store.projected().await?;
        let up_since_ms = clock.now_ms();
        Ok(Arc::new(Self {
            store,
            clock,
            options,
            site: ArcSwap::from_pointee(site),
            up_since_ms,
            mailboxes: Mailboxes::new(),
            crowd: Crowd::default(),
            directory: RwLock::default(),
            recorded: broadcast::Sender::new(RECORDED_BACKLOG),
            running: AtomicUsize::new(0),
            grown: Notify::new(),
            wanted: Notify::new(),
            awaited: AtomicU64::new(0),
            projected: watch::Sender::new(projected),
            closing: watch::Sender::new(false),
            all_stopped: Notify::new(),
            projector_ended: watch::Sender::new(false),
        }))
    }

    pub(crate) async fn instance(
        &self,
        id: InstanceId,
    ) -> Result<Option<Arc<InstanceRow>>, StoreError> {
        if let Some(row) = self.directory.read().get(&id) {
            return Ok(Some(row.clone()));
        }
        let row = self.store.instance(id.0).await?.map(Arc::new);
        if let Some(row) = &row {
            self.directory.write().insert(id, row.clone());
        }
        Ok(row)
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Whether the service is closing, and no instance appends any more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.is_closing() && self.running.load(Ordering::Acquire) == 0
    }

    /// The furthest place that a report has waited for.
    pub(crate) fn awaited(&self) -> Position {
        Position(self.awaited.load(Ordering::Acquire))
    }
}
