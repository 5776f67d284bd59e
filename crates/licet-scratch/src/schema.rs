use std::env;

use tokio_postgres::{Client, Error, NoTls};
use uuid::Uuid;

use crate::{skip, wait};

const SERVER: &str = "postgres://postgres@127.0.0.1:5432/postgres";

/// A schema of its own, which is gone when this is dropped. Schemas come and go faster than
/// databases.
#[derive(Debug)]
pub struct ScratchSchema {
    server: String,
    name: String,
}

impl ScratchSchema {
    /// `None`, and a word about it, if there is no server to make it on.
    #[must_use]
    pub fn new() -> Option<Self> {
        Self::on(env::var("LICET_TEST_POSTGRES").unwrap_or_else(|_| SERVER.to_owned()))
    }

    /// On the server at this address.
    #[must_use]
    pub fn on(server: String) -> Option<Self> {
        let name = format!("licet_story_{}", Uuid::new_v4().simple());
        match wait(execute(&server, &format!("CREATE SCHEMA {name}"))) {
            Ok(()) => Some(Self { server, name }),
            Err(error) => {
                skip(&format!("no PostgreSQL server answers ({error})"));
                None
            }
        }
    }

    /// Address of the server, without the schema.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Address of the schema.
    #[must_use]
    pub fn url(&self) -> String {
        let separator = if self.server.contains('?') { '&' } else { '?' };
        format!("{}{separator}options=-c%20search_path%3D{}", self.server, self.name)
    }
}

impl Drop for ScratchSchema {
    fn drop(&mut self) {
        // Connections of the test may still have its tables.
        let sql = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_locks
             JOIN pg_class ON relation = pg_class.oid AND relnamespace = '{0}'::regnamespace
             WHERE pid <> pg_backend_pid();
             DROP SCHEMA {0} CASCADE",
            self.name
        );
        if let Err(error) = wait(execute(&self.server, &sql)) {
            eprintln!("the scratch schema {} was left behind: {error}", self.name);
        }
    }
}

async fn execute(server: &str, sql: &str) -> Result<(), Error> {
    connect(server).await?.batch_execute(sql).await
}

/// A plain connection to the database at this address.
///
/// # Errors
/// It is not there, or refuses.
pub async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
