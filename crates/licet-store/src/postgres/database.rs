//! Connections to the database, each with the settings of its role.

use std::{sync::Arc, time::Duration};

use deadpool_postgres::{ClientWrapper, Manager, ManagerConfig, Pool, Runtime};
use tokio::sync::Mutex;
use tokio_postgres::{Client, Connection, Error, Row, Socket, tls::MakeTlsConnect, types::ToSql};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    failure::{Failure, closed},
    target::Target,
};
use crate::StoreError;

/// How long is waited for a connection of a pool.
const WAIT: Duration = Duration::from_secs(5);

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Append,
    Hold,
    /// Short reads.
    Read,
    /// Changes of the site.
    Change,
    /// Long reads.
    Report,
    Project,
    Listen,
    Migrate,
}

/// The store relies on each statement seeing what was committed before it.
const ISOLATION: (&str, &str) = ("default_transaction_isolation", "read committed");
/// Compiling a statement takes longer than any of these runs.
const INTERPRETED: (&str, &str) = ("jit", "off");
/// The server, too, notices that a process is gone whose machine could not say so. Until then it
/// keeps the leader's lock.
const NOTICED: [(&str, &str); 3] = [
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
];
const DURABLE: (&str, &str) = ("synchronous_commit", "on");

/// What is looked up by its key is looked up by it from the first row on: a plan for a table of
/// one page would be kept when it has grown to millions of rows. Nor do these settings leave the
/// planner a third way to lock heads in the order of their ids, beside looking them up one by one
/// along a sorted list, or along the key's index.
const BY_KEY: [(&str, &str); 4] = [
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
];

impl Role {
    fn settings(self) -> Vec<(&'static str, &'static str)> {
        let own: &[(&str, &str)] = match self {
            Self::Append => &[
                DURABLE,
                // Planning takes as long as a small batch.
                ("plan_cache_mode", "force_generic_plan"),
                ("statement_timeout", "10s"),
            ],
            Self::Hold => &[
                DURABLE,
                ("plan_cache_mode", "force_custom_plan"),
                ("statement_timeout", "10s"),
                ("lock_timeout", "5s"),
                // Everybody who appends to the instance waits for a hold.
                ("idle_in_transaction_session_timeout", "3s"),
            ],
            Self::Read => &[("statement_timeout", "10s")],
            Self::Change => &[
                DURABLE,
                ("statement_timeout", "10s"),
                ("lock_timeout", "5s"),
                ("idle_in_transaction_session_timeout", "10s"),
            ],
            Self::Report => {
                &[("statement_timeout", "60s"), ("default_transaction_read_only", "on")]
            }
            // What a crash takes back is projected again: the position goes with the rows.
            Self::Project => &[
                ("synchronous_commit", "off"),
                ("statement_timeout", "60s"),
                ("idle_in_transaction_session_timeout", "30s"),
            ],
            Self::Listen => &[],
            Self::Migrate => &[("statement_timeout", "30min")],
        };
        let is_by_key = matches!(self, Self::Append | Self::Hold | Self::Read);
        let by_key: &[_] = if is_by_key { &BY_KEY } else { &[] };
        [&[ISOLATION, INTERPRETED], &NOTICED[..], own, by_key].concat()
    }
}

/// The database that a store is in.
#[derive(Clone)]
pub(super) struct Database(pub(super) Arc<Target>);

impl Database {
    pub(super) async fn connect(&self, role: Role) -> Result<ClientWrapper, Error> {
        let (client, connection) = self.connect_raw(role).await?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, ?role, "a connection to the database ended");
            }
        });
        Ok(ClientWrapper::new(client, task))
    }

    /// A client, and the connection that somebody must drive for it.
    pub(super) async fn connect_raw(
        &self,
        role: Role,
    ) -> Result<
        (Client, Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>),
        Error,
    > {
        self.0.config(&role.settings()).connect(self.0.tls.clone()).await
    }

    /// Connections of a role, opened as they are needed.
    pub(super) fn pool(&self, role: Role, connections_max: usize) -> Result<Pool, StoreError> {
        let config = self.0.config(&role.settings());
        let manager = Manager::from_config(config, self.0.tls.clone(), ManagerConfig::default());
        Pool::builder(manager)
            .max_size(connections_max)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(WAIT))
            .recycle_timeout(Some(WAIT))
            .build()
            .map_err(|error| StoreError::Unavailable(error.to_string()))
    }
}

pub(super) type Parameters<'a> = [&'a (dyn ToSql + Sync)];

/// One connection that many short reads share: they go out without waiting for each other.
pub(super) struct SharedConnection {
    database: Database,
    state: Mutex<State>,
}

enum State {
    Idle,
    Open(Arc<ClientWrapper>),
    Closed,
}

impl SharedConnection {
    pub(super) fn new(database: Database) -> Self {
        Self { database, state: Mutex::new(State::Idle) }
    }

    /// Runs a statement; a second time if the connection turns out to be lost.
    pub(super) async fn query(
        &self,
        sql: &str,
        parameters: &Parameters<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        match query(&*self.client().await?, sql, parameters).await {
            Err(error) if Failure::of(&error) == Failure::ConnectionLost => {
                Ok(query(&*self.client().await?, sql, parameters).await?)
            }
            result => Ok(result?),
        }
    }

    pub(super) async fn client(&self) -> Result<Arc<ClientWrapper>, StoreError> {
        let mut state = self.state.lock().await;
        match &*state {
            State::Closed => return Err(closed()),
            State::Open(client) if !client.is_closed() => return Ok(Arc::clone(client)),
            State::Open(_) | State::Idle => {}
        }
        let client = Arc::new(self.database.connect(Role::Read).await?);
        *state = State::Open(Arc::clone(&client));
        Ok(client)
    }

    pub(super) async fn close(&self) {
        *self.state.lock().await = State::Closed;
    }
}

/// Runs a statement that the connection keeps prepared.
pub(super) async fn query(
    client: &ClientWrapper,
    sql: &str,
    parameters: &Parameters<'_>,
) -> Result<Vec<Row>, Error> {
    let statement = client.prepare_cached(sql).await?;
    client.query(&statement, parameters).await
}
