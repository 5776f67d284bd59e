//! Opening a database file, its schema, and transactions on it.

use std::{error::Error as _, path::Path, time::Duration};

use refinery::Runner;
use rusqlite::{Connection, OpenFlags};

use super::failure::{is_certainly_not_committed, is_damage, is_failed_sync, stop_the_process};
use crate::StoreError;

/// How long a statement waits for a lock of another process, such as a backup that has just
/// opened the file.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Distinct statements that a connection keeps prepared.
const STATEMENTS_KEPT: usize = 64;

/// A log that grew above this many bytes is cut to it when it starts again.
const LOG_BYTES_KEPT: u32 = 64 << 20;

#[allow(unreachable_pub)]
mod journal_schema {
    refinery::embed_migrations!("migrations/sqlite_journal");
}

#[allow(unreachable_pub)]
mod projection_schema {
    refinery::embed_migrations!("migrations/sqlite_projection");
}

/// One of the two files of a data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Database {
    /// The truth. A commit is on the disk when it returns.
    Journal,
    /// Derived. A power cut may take back the last commits, whole ones only.
    Projection,
}

impl Database {
    pub(super) fn file_name(self) -> &'static str {
        match self {
            Self::Journal => "journal.db",
            Self::Projection => "projection.db",
        }
    }

    fn schema(self) -> Runner {
        match self {
            Self::Journal => journal_schema::migrations::runner(),
            Self::Projection => projection_schema::migrations::runner(),
        }
    }

    /// What a file has from its beginning on.
    fn layout(self) -> &'static str {
        match self {
            Self::Journal => "",
            // A step writes blocks of rows, and rows of all active instances side by side.
            Self::Projection => "PRAGMA page_size = 8192;",
        }
    }

    /// Settings of the one connection that writes. In the journal pages never go to the file before
    /// the commit does (`cache_spill`), so that every failed write is a failed COMMIT or checkpoint.
    fn writing(self) -> &'static str {
        match self {
            // The writer checkpoints by itself, and sees when that fails.
            Self::Journal => {
                "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; \
                 PRAGMA cache_size = -8192; PRAGMA cache_spill = OFF;"
            }
            // The leaves of every active instance's rows should stay in the cache. A step may change
            // hundreds of megabytes; more than these many pages of it do not wait in memory.
            Self::Projection => {
                "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000; \
                 PRAGMA cache_size = -16384; PRAGMA cache_spill = 4000;"
            }
        }
    }

    /// Opens the file for its writer, makes it if it is missing, and brings its schema up.
    pub(super) fn open_to_write(self, directory: &Path) -> Result<Connection, StoreError> {
        let mut connection = self.open_as_it_is(directory)?;
        self.migrate(&mut connection)?;
        Ok(connection)
    }

    /// Opens the file to write, with the schema that it has.
    pub(super) fn open_as_it_is(self, directory: &Path) -> Result<Connection, StoreError> {
        let path = directory.join(self.file_name());
        let connection = Connection::open(&path).map_err(|error| self.cannot_open(&error))?;
        connection.busy_timeout(LOCK_WAIT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        connection.execute_batch(self.layout())?;
        self.use_write_ahead_log(&connection)?;
        connection.execute_batch(self.writing())?;
        connection.execute_batch(&format!("PRAGMA journal_size_limit = {LOG_BYTES_KEPT};"))?;
        Ok(connection)
    }

    fn migrate(self, connection: &mut Connection) -> Result<(), StoreError> {
        let Err(error) = self.schema().run(connection) else {
            return Ok(());
        };
        let cause = error.source().and_then(|cause| cause.downcast_ref::<rusqlite::Error>());
        match cause {
            Some(cause) => Err(self.cannot_open(cause)),
            None => Err(StoreError::Unavailable(format!("{}: {error}", self.file_name()))),
        }
    }

    fn use_write_ahead_log(self, connection: &Connection) -> Result<(), StoreError> {
        let mode: String = connection
            .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
            .map_err(|error| self.cannot_open(&error))?;
        if mode == "wal" {
            return Ok(());
        }
        Err(StoreError::Unavailable(format!(
            "{}: the file system does not support a write-ahead log (mode is {mode})",
            self.file_name()
        )))
    }

    /// Opens the file to read beside its writer.
    pub(super) fn open_to_read(self, directory: &Path) -> Result<Connection, StoreError> {
        let path = directory.join(self.file_name());
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(&path, flags).map_err(|error| self.cannot_open(&error))?;
        connection.busy_timeout(LOCK_WAIT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        connection.execute_batch("PRAGMA cache_size = -8192;")?;
        Ok(connection)
    }

    /// A database in memory with this schema and nothing in it.
    pub(super) fn empty(self) -> Result<Connection, StoreError> {
        let mut connection = Connection::open_in_memory()?;
        self.migrate(&mut connection)?;
        Ok(connection)
    }

    /// Checks that a file opened to read has the schema that this program knows.
    pub(super) fn check_schema(self, connection: &Connection) -> Result<(), StoreError> {
        let stands: i64 = connection.query_row(
            "SELECT coalesce(max(version), 0) FROM refinery_schema_history",
            [],
            |row| row.get(0),
        )?;
        let known = self
            .schema()
            .get_migrations()
            .iter()
            .map(|migration| i64::from(migration.version()))
            .max()
            .unwrap_or(0);
        if stands == known {
            return Ok(());
        }
        Err(StoreError::Unavailable(format!(
            "{} has schema version {stands}, this program knows {known}",
            self.file_name()
        )))
    }

    fn cannot_open(self, error: &rusqlite::Error) -> StoreError {
        let advice = match self {
            Self::Journal => "",
            Self::Projection => "; it is derived, so it may be deleted and is then made again",
        };
        let text = format!("{}: {error}{advice}", self.file_name());
        if is_damage(error) { StoreError::Damaged(text) } else { StoreError::Unavailable(text) }
    }
}

/// Runs `work` in one transaction: all of it is committed when this returns `Ok`, none of it
/// when it returns an error.
///
/// Ends the process when it cannot be known which of both is true.
pub(super) fn in_transaction<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    run(connection, "BEGIN IMMEDIATE")?;
    match work(connection) {
        Ok(done) => {
            commit(connection)?;
            Ok(done)
        }
        Err(error) => {
            roll_back(connection);
            Err(error)
        }
    }
}

fn commit(connection: &Connection) -> Result<(), StoreError> {
    let Err(error) = run(connection, "COMMIT") else {
        return Ok(());
    };
    if !is_certainly_not_committed(&error) {
        stop_the_process("COMMIT", &error);
    }
    roll_back(connection);
    Err(error.into())
}

fn roll_back(connection: &Connection) {
    // SQLite rolls back by itself after some errors.
    if connection.is_autocommit() {
        return;
    }
    if let Err(error) = run(connection, "ROLLBACK") {
        stop_the_process("ROLLBACK", &error);
    }
}

fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// Copies what the log holds into the database file, as far as no reader needs the old pages.
/// Commits and reads go on meanwhile.
pub(super) fn checkpoint(connection: &Connection) {
    run_checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)");
}

/// Copies all of the log and empties it, as far as no reader holds it.
pub(super) fn checkpoint_and_truncate(connection: &Connection) {
    run_checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
}

fn run_checkpoint(connection: &Connection, sql: &str) {
    let outcome = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([], |_| Ok(())));
    if let Err(error) = outcome {
        if is_failed_sync(&error) {
            stop_the_process("checkpoint", &error);
        }
        // Everything is still in the log, and the next checkpoint tries again.
        tracing::warn!(%error, "a checkpoint failed");
    }
}
