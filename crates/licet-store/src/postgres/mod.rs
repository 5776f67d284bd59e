//! The store for several processes: one PostgreSQL database, which decides who appends next.
//!
//! - `head` is where each instance's journal stands. An append moves it only from where its
//!   records were decided on, so whoever was late is told so, in whichever process.
//! - `journal` has a row for each transaction, with a section of each instance that appended
//!   (`batch`) and the place of the one before it, so that an instance is read backwards from its
//!   head (`walk`). The position of a row is the id of its transaction, and what is read by
//!   position ends below the oldest transaction that is still open. So a reader never passes a
//!   place where something may yet appear.
//!   A transaction that writes for a long time, of whichever program in the cluster, delays what is
//!   read by position, and with it the reports, until it ends.
//! - All other tables are as the embedded store has them. Whatever is derived is written by the
//!   process that leads.
//!
//! Each process keeps a few connections: one that appends (`writer`), one for short reads, one
//! that listens to changes of the site, small pools for holds, changes and reports, and two with
//! which the leader reads the journal and projects. They need sessions of their own: a proxy that shares connections between transactions
//! cannot stand in between.

mod accounts;
mod administration;
mod audit;
mod batch;
mod consumers;
mod database;
mod failure;
mod heads;
mod hold;
mod instance_settings;
mod instance_users;
mod instances;
mod journal;
mod keys;
mod licensing_keys;
mod line_items;
mod listener;
mod meters;
mod projection;
mod query;
mod rate_tables;
mod rollups;
mod schema;
mod sessions;
mod settings;
mod signing_keys;
mod site;
mod snapshots;
mod target;
mod tls;
mod tokens;
mod usage;
mod users;
mod walk;
mod writer;

use std::{fmt, path::Path, sync::Arc, time::Duration};

use deadpool_postgres::{Object, Pool};
use tokio_postgres::Row;

use self::{
    database::{Database, Parameters, Role, SharedConnection, query},
    failure::{Columns, Failure, read_only},
    listener::Listener,
    projection::Projector,
    target::Target,
    writer::Writer,
};
use crate::{Pending, Store, StoreError};

/// Holds that may stand or wait at a time.
const HOLDS_MAX: usize = 8;
/// Changes of the site that may be under way at a time.
const CHANGES_MAX: usize = 4;
/// Reports that may be under way at a time.
const REPORTS_MAX: usize = 4;

/// How long the question whether the store can take writes may take.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// The store in a PostgreSQL database. See the module's page.
pub struct PostgresStore {
    database: Database,
    shared: SharedConnection,
    /// Reads whole groups, which nobody else's short read should wait behind.
    groups: SharedConnection,
    changes: Pool,
    holds: Pool,
    reports: Pool,
    projector: Projector,
    /// What only a store has that may write.
    writer: Option<Arc<Writer>>,
    listener: Option<Listener>,
}

impl PostgresStore {
    /// Opens the store in the database at `url` (`postgres://user:password@host/database`, with
    /// the parameters of libpq that the driver knows, `sslmode` and `sslrootcert`), and makes its
    /// tables if they are missing. Must be called in a tokio runtime, which has to drive time and
    /// I/O.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the database cannot be reached or used; the text says how
    /// to mend it.
    pub async fn open(url: &str) -> Result<Arc<Self>, StoreError> {
        let database = Database(Arc::new(Target::read(url)?));
        schema::prepare(&database).await?;
        let writer = Arc::new(Writer::start(&database).await?);
        let listener = Listener::start(&database);
        Self::assemble(database, Some(writer), Some(listener))
    }

    /// Opens the store to read, beside servers that write it or without one. Every change answers
    /// [`StoreError::Unavailable`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if there is no store, or one of another version.
    pub async fn open_read_only(url: &str) -> Result<Arc<Self>, StoreError> {
        let database = Database(Arc::new(Target::read(url)?));
        schema::check(&database).await?;
        Self::assemble(database, None, None)
    }

    fn assemble(
        database: Database,
        writer: Option<Arc<Writer>>,
        listener: Option<Listener>,
    ) -> Result<Arc<Self>, StoreError> {
        Ok(Arc::new(Self {
            shared: SharedConnection::new(database.clone()),
            groups: SharedConnection::new(database.clone()),
            changes: database.pool(Role::Change, CHANGES_MAX)?,
            holds: database.pool(Role::Hold, HOLDS_MAX)?,
            reports: database.pool(Role::Report, REPORTS_MAX)?,
            projector: Projector::new(database.clone()),
            database,
            writer,
            listener,
        }))
    }

    fn writer(&self) -> Result<&Arc<Writer>, StoreError> {
        self.writer.as_ref().ok_or_else(read_only)
    }

    /// A connection for a change.
    async fn to_change(&self) -> Result<Object, StoreError> {
        self.writer()?;
        Ok(self.changes.get().await?)
    }

    /// Runs a read that may take long; a second time if the connection turns out to be lost.
    async fn report(&self, sql: &str, parameters: &Parameters<'_>) -> Result<Vec<Row>, StoreError> {
        let client = self.reports.get().await?;
        match query(&client, sql, parameters).await {
            Err(error) if Failure::of(&error) == Failure::ConnectionLost => drop(client),
            result => return Ok(result?),
        }
        let client = self.reports.get().await?;
        Ok(query(&client, sql, parameters).await?)
    }

    async fn check_writes(&self) -> Result<(), StoreError> {
        if self.writer()?.is_down() {
            let why = "the database is out of reach, and appends are refused";
            return Err(StoreError::Unavailable(why.to_owned()));
        }
        let sql = "SELECT current_setting('transaction_read_only')::boolean";
        let rows = self.shared.query(sql, &[]).await?;
        match rows.first().map(|row| row.column(0)).transpose()? {
            Some(false) => Ok(()),
            _ => {
                let why = "the database takes no writes: it is a standby, or read-only";
                Err(StoreError::Unavailable(why.to_owned()))
            }
        }
    }

    async fn close_all(&self) {
        if let Some(writer) = &self.writer {
            writer.close().await;
        }
        if let Some(listener) = &self.listener {
            listener.close();
        }
        self.projector.close().await;
        self.shared.close().await;
        self.groups.close().await;
        for pool in [&self.changes, &self.holds, &self.reports] {
            pool.close();
        }
    }
}

impl Store for PostgresStore {
    fn ready(&self) -> Pending<'_, ()> {
        Box::pin(async {
            let checking = tokio::time::timeout(READY_WITHIN, self.check_writes());
            checking.await.unwrap_or_else(|_| {
                Err(StoreError::Unavailable("the database did not answer in time".to_owned()))
            })
        })
    }

    fn directory(&self) -> Option<&Path> {
        None
    }

    fn close(&self) -> Pending<'_, ()> {
        Box::pin(async {
            self.close_all().await;
            Ok(())
        })
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PostgresStore")
            .field("database", &self.database.0.name())
            .finish_non_exhaustive()
    }
}
