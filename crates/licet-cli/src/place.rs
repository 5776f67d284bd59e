//! Where a store is: a data directory, or a PostgreSQL database.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use licet_store::{Store, StoreError, postgres::PostgresStore, sqlite::SqliteStore};

use crate::failure::Failure;

/// Options of the commands that open a store themselves.
#[derive(Debug, clap::Args)]
pub(crate) struct PlaceArgs {
    /// Data directory [default: ./licet-data]
    #[arg(long, env = "LICET_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// PostgreSQL database in place of a data directory
    #[arg(long, env = "LICET_DATABASE", hide_env_values = true, value_name = "URL")]
    database: Option<String>,
}

impl PlaceArgs {
    /// # Errors
    /// Both are given.
    pub(crate) fn place(self) -> Result<Place, Failure> {
        Place::of(self.data, self.database)
    }
}

/// A store that is not open yet.
#[derive(Debug)]
pub(crate) enum Place {
    Directory(PathBuf),
    /// `postgres://…`, with its password.
    Database(String),
}

impl Place {
    /// # Errors
    /// Both are given.
    pub(crate) fn of(data: Option<PathBuf>, database: Option<String>) -> Result<Self, Failure> {
        match (data, database) {
            (Some(_), Some(_)) => {
                let message = "--data and --database are two places (LICET_DATA and \
                               LICET_DATABASE count too); give one";
                Err(Failure::usage(message))
            }
            (None, Some(url)) => Ok(Self::Database(url)),
            (data, None) => {
                Ok(Self::Directory(data.unwrap_or_else(|| PathBuf::from("licet-data"))))
            }
        }
    }

    /// The data directory, if it is one.
    pub(crate) fn directory(&self) -> Option<&Path> {
        match self {
            Self::Directory(directory) => Some(directory),
            Self::Database(_) => None,
        }
    }

    /// For commands that mend a store, and would find nothing to mend in a new one.
    ///
    /// # Errors
    /// It is a directory without a store.
    pub(crate) fn require_journal(&self) -> Result<(), Failure> {
        match self.directory() {
            Some(directory) if !directory.join("journal.db").is_file() => {
                Err(Failure::usage(format!("{self}: there is no journal.db in it")))
            }
            _ => Ok(()),
        }
    }

    /// Opens the store to write; what is missing is made.
    ///
    /// # Errors
    /// It says how to mend it.
    pub(crate) async fn open(&self) -> Result<Arc<dyn Store>, Failure> {
        let wrong = |error| self.failure(&error);
        Ok(match self {
            Self::Directory(directory) => SqliteStore::open(directory).map_err(wrong)?,
            Self::Database(url) => PostgresStore::open(url).await.map_err(wrong)?,
        })
    }

    /// Opens the store to read, beside a server or without one.
    ///
    /// # Errors
    /// It says how to mend it.
    pub(crate) async fn open_read_only(&self) -> Result<Arc<dyn Store>, Failure> {
        let wrong = |error| self.failure(&error);
        Ok(match self {
            Self::Directory(directory) => SqliteStore::open_read_only(directory).map_err(wrong)?,
            Self::Database(url) => PostgresStore::open_read_only(url).await.map_err(wrong)?,
        })
    }

    /// The end of a command that could not use this store.
    pub(crate) fn failure(&self, error: &StoreError) -> Failure {
        let what = match error {
            StoreError::Unavailable(what) => what.clone(),
            other => other.to_string(),
        };
        Failure::other(format!("{self}: {what}"))
    }
}

/// As it was given, without a password.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(directory) => write!(f, "--data {}", directory.display()),
            Self::Database(url) => write!(f, "--database {}", without_secrets(url)),
        }
    }
}

/// Host and database of an address, and nothing else of it.
fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let rest = rest.split('?').next().unwrap_or_default();
    let place = rest.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            (
                "postgres://ada:pa@ss@db.example:5432/licet?sslmode=require",
                "postgres://db.example:5432/licet",
            ),
            ("postgresql://db/licet?password=secret", "postgresql://db/licet"),
        ] {
            let place = Place::of(None, Some(url.to_owned())).expect("one place");
            assert_eq!(place.to_string(), format!("--database {shown}"));
        }
    }

    #[test]
    fn a_store_is_in_one_place() {
        assert!(Place::of(Some("a".into()), Some("postgres://b".into())).is_err());
        let place = Place::of(None, None).expect("the default");
        assert_eq!(place.directory(), Some(Path::new("licet-data")));
    }
}
