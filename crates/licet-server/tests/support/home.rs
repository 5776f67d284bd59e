//! Where the store of a [`super::TestServer`] is: in a scratch directory, or in a scratch schema
//! of PostgreSQL.

use std::{env, process::Command, sync::Arc};

use licet_scratch::ScratchSchema;
use licet_store::{Store, postgres::PostgresStore, sqlite::SqliteStore};
use tempfile::TempDir;

/// Set where the stories are to be told on PostgreSQL.
const ON_POSTGRES: &str = "LICET_STORIES_ON_POSTGRES";

/// Goes with the server.
#[derive(Debug)]
pub(super) enum Home {
    Directory { _directory: TempDir },
    Schema { schema: ScratchSchema },
}

impl Home {
    pub(super) async fn open() -> (Self, Arc<dyn Store>) {
        if env::var_os(ON_POSTGRES).is_some() {
            let schema = ScratchSchema::new().unwrap();
            let store = PostgresStore::open(&schema.url()).await.unwrap();
            return (Self::Schema { schema }, store);
        }
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        (Self::Directory { _directory: directory }, store)
    }

    /// The store of another server on the same database; `None` where one server has it for
    /// itself.
    pub(super) async fn open_beside(&self) -> Option<Arc<dyn Store>> {
        match self {
            Self::Directory { .. } => None,
            Self::Schema { schema } => Some(PostgresStore::open(&schema.url()).await.unwrap()),
        }
    }
}

/// Tells every story of this suite but `caller` again on PostgreSQL, if one is in reach.
pub fn once_more_on_postgres(caller: &str) {
    if ScratchSchema::new().is_none() {
        return;
    }
    let suite = env::current_exe().unwrap();
    let told = Command::new(suite).args(["--skip", caller]).env(ON_POSTGRES, "1").output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stdout));
}
