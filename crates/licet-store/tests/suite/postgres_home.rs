//! Scratch schemas as homes of stories, and what stories on PostgreSQL need besides.

use std::sync::Arc;

use licet_scratch::ScratchSchema;
use licet_store::{Hold, SharedJournal, Store, StoreError, postgres::PostgresStore};
use tokio_postgres::{Client, config::Host};

use crate::home::{Chain, Home, Opening};

/// A schema of its own, which is gone when this is dropped.
pub(crate) struct PostgresHome(ScratchSchema);

impl PostgresHome {
    /// `None` if there is no server to make it on.
    pub(crate) fn new() -> Option<Self> {
        ScratchSchema::new().map(Self)
    }

    /// Address of the schema.
    pub(crate) fn url(&self) -> String {
        self.0.url()
    }

    /// Host and port of the server.
    pub(crate) fn address(&self) -> String {
        let config: tokio_postgres::Config = self.0.server().parse().unwrap();
        let [Host::Tcp(host)] = config.get_hosts() else { panic!("one host that listens") };
        format!("{host}:{}", config.get_ports().first().unwrap_or(&5432))
    }

    /// Address of the schema by a way that begins at `address`.
    pub(crate) fn url_by(&self, address: &str) -> String {
        let url = self.url();
        let (_, rest) = url.split_once("://").unwrap();
        let (front, path) = rest.split_once('/').unwrap();
        let user = front.rsplit_once('@').map_or("postgres", |(user, _)| user);
        format!("postgres://{user}@{address}/{path}&sslmode=disable")
    }

    pub(crate) async fn store(&self) -> Arc<PostgresStore> {
        PostgresStore::open(&self.url()).await.unwrap()
    }

    /// A connection past the store.
    pub(crate) async fn connect(&self) -> Client {
        licet_scratch::connect(&self.url()).await.unwrap()
    }
}

impl Home for PostgresHome {
    fn open(&self) -> Opening<'_> {
        Box::pin(async { self.store().await as Arc<dyn Store> })
    }
}

/// The home of a story that needs a server; without one the story passes and says so.
macro_rules! home {
    () => {
        match PostgresHome::new() {
            Some(home) => home,
            None => return,
        }
    };
}
pub(crate) use home;

pub(crate) async fn hold(
    store: &PostgresStore,
    chain: &Chain,
) -> Result<Box<dyn Hold>, StoreError> {
    SharedJournal::hold(store, chain.id, chain.head.seq).await
}

/// Waits until a statement of the store, which contains `part`, waits for a lock.
pub(crate) async fn until_waiting(observer: &Client, part: &str) {
    let sql = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE NOT granted AND query LIKE $1 AND pid IN (
            SELECT pid FROM pg_locks WHERE relation = to_regclass('head')::oid)";
    let part = format!("%{part}%");
    while observer.query_one(sql, &[&part]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::task::yield_now().await;
    }
}
