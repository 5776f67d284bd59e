//! Scratch schemas on a PostgreSQL server, for stories: they come and go faster than databases.
//!
//! `LICET_TEST_POSTGRES` says where the server is (otherwise on this machine). Without one the
//! stories pass and say so, unless `LICET_REQUIRE_POSTGRES` is 1.

use std::{env, sync::Arc};

use licet_store::{Hold, SharedJournal, Store, StoreError, postgres::PostgresStore};
use tokio_postgres::{Client, NoTls, config::Host};
use uuid::Uuid;

use crate::home::{Chain, Home, Opening};

const SERVER: &str = "postgres://postgres@127.0.0.1:5432/postgres";

/// A schema of its own, which is gone when this is dropped.
pub(crate) struct PostgresHome {
    server: String,
    name: String,
}

impl PostgresHome {
    /// `None` if there is no server to make it on.
    pub(crate) async fn new() -> Option<Self> {
        let server = env::var("LICET_TEST_POSTGRES").unwrap_or_else(|_| SERVER.to_owned());
        let client = match try_connect(&server).await {
            Ok(client) => client,
            Err(error) => {
                let is_required = env::var("LICET_REQUIRE_POSTGRES").is_ok_and(|set| set == "1");
                assert!(!is_required, "no PostgreSQL server answers: {error}");
                eprintln!("skipped: no PostgreSQL server answers ({error})");
                return None;
            }
        };
        let name = format!("licet_story_{}", Uuid::new_v4().simple());
        client.batch_execute(&format!("CREATE SCHEMA {name}")).await.unwrap();
        Some(Self { server, name })
    }

    /// Address of the schema.
    pub(crate) fn url(&self) -> String {
        let separator = if self.server.contains('?') { '&' } else { '?' };
        format!("{}{separator}options=-c%20search_path%3D{}", self.server, self.name)
    }

    /// Host and port of the server.
    pub(crate) fn address(&self) -> String {
        let config: tokio_postgres::Config = self.server.parse().unwrap();
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
        try_connect(&self.url()).await.unwrap()
    }
}

async fn try_connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

impl Home for PostgresHome {
    fn open(&self) -> Opening<'_> {
        Box::pin(async { self.store().await as Arc<dyn Store> })
    }
}

impl Drop for PostgresHome {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // The story's runtime cannot be waited for here.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let client = try_connect(&server).await.unwrap();
                // Connections of the story may still have its tables.
                let end = format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks
                     JOIN pg_class ON relation = pg_class.oid AND relnamespace = '{name}'::regnamespace
                     WHERE pid <> pg_backend_pid()"
                );
                client.batch_execute(&end).await.unwrap();
                let drop = format!("DROP SCHEMA {name} CASCADE");
                client.batch_execute(&drop).await.unwrap();
            });
        });
        if dropping.join().is_err() {
            eprintln!("the scratch schema {} was left behind", self.name);
        }
    }
}

/// The home of a story that needs a server; without one the story passes and says so.
macro_rules! home {
    () => {
        match PostgresHome::new().await {
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
