//! Scratch schemas on a PostgreSQL server, for stories: they come and go faster than databases.
//!
//! `LICET_TEST_POSTGRES` says where the server is (otherwise on this machine). Without one the
//! stories pass and say so, unless `LICET_REQUIRE_POSTGRES` is 1.

use std::{env, sync::Arc};

use licet_store::{Store, postgres::PostgresStore};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::home::{Home, Opening};

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
