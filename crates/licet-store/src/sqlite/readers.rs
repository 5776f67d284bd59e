//! A bounded number of connections that read.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{database::Database, worker::closed};
use crate::StoreError;

/// Reads of one database that may be under way at a time; more wait their turn.
const READS_MAX: usize = 4;

/// Reads one of the two databases on the runtime's blocking threads.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    permits: Arc<Semaphore>,
    pool: Arc<Pool>,
}

#[derive(Debug)]
struct Pool {
    database: Database,
    /// `None` reads a database with nothing in it.
    directory: Option<PathBuf>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(database: Database, directory: Option<&Path>) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(READS_MAX)),
            pool: Arc::new(Pool {
                database,
                directory: directory.map(Path::to_path_buf),
                idle: Mutex::new(Vec::new()),
            }),
        }
    }

    /// Runs `work` on one state of the database: what is committed meanwhile is not seen.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permits = Arc::clone(&self.permits);
        let permit = permits.acquire_owned().await.map_err(|_| closed())?;
        let pool = Arc::clone(&self.pool);
        let reading = tokio::task::spawn_blocking(move || {
            // The permit goes when the read is over, even if nobody waits for it any more.
            let _permit = permit;
            pool.read(work)
        });
        reading
            .await
            .map_err(|error| StoreError::Unavailable(format!("a read ended early: {error}")))?
    }

    /// Takes no further reads and closes the connections; reads that are under way end first,
    /// each on its own.
    pub(super) fn close(&self) {
        self.permits.close();
        self.pool.idle.lock().clear();
    }
}

impl Pool {
    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.open()?,
        };
        let state = connection.unchecked_transaction()?;
        let result = work(&state);
        drop(state);
        self.idle.lock().push(connection);
        result
    }

    fn open(&self) -> Result<Connection, StoreError> {
        match &self.directory {
            Some(directory) => self.database.open_to_read(directory),
            None => self.database.empty(),
        }
    }
}
