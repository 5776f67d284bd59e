//! The embedded store: two SQLite files in one data directory.
//!
//! - `journal.db` is the truth: the journal and what belongs to the site. One thread writes it
//!   (`writer`), and a commit is on the disk when it returns.
//! - `projection.db` is derived. One thread writes it (`projection`); it may be deleted while no
//!   server runs.
//! - `licet.lock` keeps a second server out.
//!
//! Reads go to a few connections of their own (`readers`) and never wait for a writer.

mod accounts;
mod administration;
mod audit;
mod backup;
mod by_time;
mod checkpointer;
mod consumers;
mod database;
mod directory;
mod failure;
mod group;
mod heads;
mod ids;
mod instance_settings;
mod instance_users;
mod instances;
mod journal;
mod keys;
mod licensing_keys;
mod line_items;
mod meters;
mod projection;
mod rate_tables;
mod readers;
mod rollups;
mod sessions;
mod settings;
mod signing_keys;
mod site;
mod snapshots;
mod tokens;
mod usage;
mod users;
mod worker;
mod writer;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::oneshot;
use uuid::Uuid;

pub use self::backup::{CopyProgress, backup, check_integrity, restore};
use self::{
    database::{Database, checkpoint_and_truncate, in_transaction},
    directory::DirectoryLock,
    heads::Heads,
    projection::ProjectionWriter,
    readers::Readers,
    worker::{Worker, closed},
    writer::{Job, JournalWriter},
};
use crate::{Pending, Position, Store, StoreError};

/// The embedded store. See the module's page.
pub struct SqliteStore {
    // The order matters when this is dropped: the threads end before the lock is given up.
    journal_readers: Readers,
    projection_readers: Readers,
    writers: Option<Writers>,
    heads: Arc<Heads>,
    last_position: Arc<AtomicU64>,
    directory: PathBuf,
    lock: Mutex<Option<DirectoryLock>>,
}

struct Writers {
    journal: Worker<Job>,
    projection: Worker<projection::Change>,
    journal_id: String,
}

impl SqliteStore {
    /// Opens the store in `directory` for the one server that may write it; what is missing is
    /// made. Takes as long as reading the journal after the projector's position.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if another server has the directory or the disk refuses;
    /// [`StoreError::Damaged`] if a file is not what was written.
    pub fn open(directory: &Path) -> Result<Arc<Self>, StoreError> {
        directory::create(directory)?;
        let lock = DirectoryLock::take(directory)?;
        directory::refuse_emptied(directory)?;
        let journal = Database::Journal.open_to_write(directory)?;
        // A killed process may have left a group that can be read but was never synced. It must
        // not be built upon before it is durable.
        checkpoint_and_truncate(&journal);
        let projection = Database::Projection.open_to_write(directory)?;
        directory::sync(directory)?;

        let journal_id = name_journal(&journal)?;
        let last = journal::last_position(&journal)?;
        forget_foreign_projection(&projection, &journal_id, last)?;
        let heads = known_heads(&journal, projection::position(&projection)?)?;
        let last_position = Arc::new(AtomicU64::new(last.0));
        let writer =
            JournalWriter::new(journal, directory, Arc::clone(&heads), Arc::clone(&last_position))?;
        let writers = Writers {
            journal: Worker::start("licet-journal", writer::QUEUE_MAX, writer::BATCH_MAX, writer)?,
            projection: Worker::start(
                "licet-projection",
                projection::QUEUE_MAX,
                projection::QUEUE_MAX,
                ProjectionWriter(projection),
            )?,
            journal_id,
        };
        Ok(Arc::new(Self {
            journal_readers: Readers::new(Database::Journal, Some(directory)),
            projection_readers: Readers::new(Database::Projection, Some(directory)),
            writers: Some(writers),
            heads,
            last_position,
            directory: directory.to_path_buf(),
            lock: Mutex::new(Some(lock)),
        }))
    }

    /// Opens the store in `directory` to read, beside a server that writes it or without one.
    /// Takes no lock. Every change answers [`StoreError::Unavailable`], and
    /// [`last_position`](crate::Journal::last_position) stays where it was at opening.
    ///
    /// Without a (fitting) `projection.db` the projection reads as empty.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if there is no store, or one of another version;
    /// [`StoreError::Damaged`] if a file is not what was written.
    pub fn open_read_only(directory: &Path) -> Result<Arc<Self>, StoreError> {
        let journal = Database::Journal.open_to_read(directory)?;
        Database::Journal.check_schema(&journal)?;
        let projection = readable_projection(directory, journal_id(&journal)?.as_deref())?;
        // The projection first: what is appended in between is then found in the journal.
        let projected = match &projection {
            Some(projection) => projection::position(projection)?,
            None => Position(0),
        };
        let heads = known_heads(&journal, projected)?;
        let last = journal::last_position(&journal)?;
        Ok(Arc::new(Self {
            journal_readers: Readers::new(Database::Journal, Some(directory)),
            projection_readers: Readers::new(
                Database::Projection,
                projection.is_some().then_some(directory),
            ),
            writers: None,
            heads,
            last_position: Arc::new(AtomicU64::new(last.0)),
            directory: directory.to_path_buf(),
            lock: Mutex::new(None),
        }))
    }

    fn writers(&self) -> Result<&Writers, StoreError> {
        self.writers
            .as_ref()
            .ok_or_else(|| StoreError::Unavailable("the store is open to read only".to_owned()))
    }

    fn read_journal<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Pending<'_, T> {
        Box::pin(self.journal_readers.read(work))
    }

    fn read_projection<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Pending<'_, T> {
        Box::pin(self.projection_readers.read(work))
    }

    /// Runs `work` in a transaction on `journal.db`, on the thread that writes it.
    fn change_journal<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Pending<'_, T> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let change = Box::new(move |connection: &Connection| {
                // Who asked may have gone; what is durable stays so.
                let _ = reply.send(in_transaction(connection, work));
            });
            self.writers()?.journal.submit(Job::Change(change)).await?;
            answer.await.map_err(|_| closed())?
        })
    }

    /// Runs `work` on the thread that writes `projection.db`; `work` opens transactions itself.
    fn change_projection<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Pending<'_, T> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let change = Box::new(move |connection: &Connection| {
                // Who asked may have gone.
                let _ = reply.send(work(connection));
            });
            self.writers()?.projection.submit(change).await?;
            answer.await.map_err(|_| closed())?
        })
    }

    async fn check_writers(&self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.writers()?.journal.submit(Job::Probe(reply)).await?;
        answer.await.map_err(|_| closed())??;
        self.change_projection(|connection| projection::position(connection).map(drop)).await
    }

    async fn close_all(&self) {
        // Readers go first: the last connection to a file is then the writer's, which removes
        // the log when it closes.
        self.journal_readers.close();
        self.projection_readers.close();
        if let Some(writers) = &self.writers {
            writers.journal.close().await;
            writers.projection.close().await;
        }
        self.lock.lock().take();
    }
}

impl Store for SqliteStore {
    fn ready(&self) -> Pending<'_, ()> {
        Box::pin(self.check_writers())
    }

    fn directory(&self) -> Option<&Path> {
        Some(&self.directory)
    }

    fn close(&self) -> Pending<'_, ()> {
        Box::pin(async move {
            self.close_all().await;
            Ok(())
        })
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SqliteStore")
            .field("directory", &self.directory)
            .field("last_position", &self.last_position.load(Ordering::Acquire))
            .finish_non_exhaustive()
    }
}

fn journal_id(journal: &Connection) -> Result<Option<String>, StoreError> {
    let id =
        journal.query_row("SELECT journal_id FROM identity", [], |row| row.get(0)).optional()?;
    Ok(id)
}

/// The name of the journal; a new one gets it here.
fn name_journal(journal: &Connection) -> Result<String, StoreError> {
    if let Some(id) = journal_id(journal)? {
        return Ok(id);
    }
    let id = Uuid::new_v4().to_string();
    in_transaction(journal, |journal| {
        journal.execute("INSERT INTO identity (one, journal_id) VALUES (1, ?1)", [&id])?;
        Ok(())
    })?;
    Ok(id)
}

/// Empties a projection of another journal, or one that is ahead of this.
fn forget_foreign_projection(
    projection: &Connection,
    journal_id: &str,
    last: Position,
) -> Result<(), StoreError> {
    let stands = projection::journal_id(projection)?;
    let is_ours = stands.as_deref() == Some(journal_id);
    if is_ours && projection::position(projection)? <= last {
        return Ok(());
    }
    if stands.is_some() {
        tracing::warn!("projection.db does not belong to journal.db and is made again");
    }
    in_transaction(projection, |projection| projection::clear(projection, journal_id))
}

fn readable_projection(
    directory: &Path,
    journal_id: Option<&str>,
) -> Result<Option<Connection>, StoreError> {
    if !directory.join(Database::Projection.file_name()).exists() {
        return Ok(None);
    }
    let projection = Database::Projection.open_to_read(directory)?;
    Database::Projection.check_schema(&projection)?;
    let is_ours = projection::journal_id(&projection)?.as_deref() == journal_id;
    Ok(is_ours.then_some(projection))
}

fn known_heads(journal: &Connection, projected: Position) -> Result<Arc<Heads>, StoreError> {
    let heads = Heads::default();
    heads.learn(journal::heads_after(journal, projected)?);
    Ok(Arc::new(heads))
}
