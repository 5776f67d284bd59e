//! The tables, their version, and the names that a data set has.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::{
    database::{Database, Role},
    failure::{Columns, describe},
};
use crate::StoreError;

#[allow(unreachable_pub)]
mod embedded {
    refinery::embed_migrations!("migrations/postgres");
}

/// The first one that tells the ids of transactions in 64 bits.
const VERSION_MIN: i32 = 130_000;

/// Brings the tables up to this version. Several processes may do so at once: the others wait
/// and find it done.
///
/// # Errors
/// [`StoreError::Unavailable`], which says how to mend it.
pub(super) async fn prepare(database: &Database) -> Result<(), StoreError> {
    let mut client = connect(database).await?;
    // The lock goes with the connection.
    client
        .execute(
            "SELECT pg_advisory_lock(hashtextextended('licet schema ' || current_schema(), 0))",
            &[],
        )
        .await?;
    match Version::of(&client).await? {
        Version::Same => {}
        Version::Later => return Err(made_by_later()),
        Version::Earlier => migrate(&mut client).await?,
    }
    name_journal(&client).await?;
    raise_positions(&mut client).await
}

/// Checks that the tables are of this version.
///
/// # Errors
/// [`StoreError::Unavailable`], which says how to mend it.
pub(super) async fn check(database: &Database) -> Result<(), StoreError> {
    let client = connect(database).await?;
    match Version::of(&client).await? {
        Version::Same => Ok(()),
        Version::Later => Err(made_by_later()),
        Version::Earlier => Err(StoreError::Unavailable(
            "the database has no tables of licet, or those of an earlier version: start the \
             server on it once"
                .to_owned(),
        )),
    }
}

async fn connect(database: &Database) -> Result<ClientWrapper, StoreError> {
    let client = database.connect(Role::Migrate).await.map_err(|error| {
        let name = database.0.name();
        StoreError::Unavailable(format!(
            "the database {name} cannot be opened: {}",
            describe(&error)
        ))
    })?;
    let sql = "SELECT current_schema()::text, current_setting('server_version_num')::integer";
    let row = client.query_one(sql, &[]).await?;
    let (schema, version): (Option<String>, i32) = (row.column(0)?, row.column(1)?);
    if version < VERSION_MIN {
        let why = "the database's server is older than PostgreSQL 13";
        return Err(StoreError::Unavailable(why.to_owned()));
    }
    if schema.is_none() {
        let why = "no schema of the connection's search_path exists: create it, or correct \
                   search_path";
        return Err(StoreError::Unavailable(why.to_owned()));
    }
    Ok(client)
}

fn made_by_later() -> StoreError {
    StoreError::Unavailable(
        "the database was made by a later version of licet: upgrade this one".to_owned(),
    )
}

/// The tables' version, compared with this program's.
enum Version {
    Earlier,
    Same,
    Later,
}

impl Version {
    async fn of(client: &ClientWrapper) -> Result<Self, StoreError> {
        let runner = embedded::migrations::runner();
        let known = runner.get_migrations().iter().map(|migration| i64::from(migration.version()));
        let stands = Self::that_stands(client).await?;
        Ok(match stands.cmp(&known.max().unwrap_or(0)) {
            std::cmp::Ordering::Less => Self::Earlier,
            std::cmp::Ordering::Equal => Self::Same,
            std::cmp::Ordering::Greater => Self::Later,
        })
    }

    /// Zero for a schema without tables of licet.
    async fn that_stands(client: &ClientWrapper) -> Result<i64, StoreError> {
        let sql = "SELECT coalesce(max(version), 0)::bigint FROM refinery_schema_history";
        match client.query_one(sql, &[]).await {
            Ok(row) => row.column(0),
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}

async fn migrate(client: &mut ClientWrapper) -> Result<(), StoreError> {
    use std::error::Error as _;

    let Err(error) = embedded::migrations::runner().run_async(&mut **client).await else {
        return Ok(());
    };
    let cause = error.source().and_then(|cause| cause.downcast_ref::<tokio_postgres::Error>());
    let why = cause.map_or_else(|| error.to_string(), describe);
    Err(StoreError::Unavailable(format!("the tables cannot be made: {why}")))
}

async fn name_journal(client: &ClientWrapper) -> Result<(), StoreError> {
    client
        .execute(
            "INSERT INTO identity (one, journal_id, position_offset) VALUES (1, $1, 0)
             ON CONFLICT DO NOTHING",
            &[&Uuid::new_v4().to_string()],
        )
        .await?;
    Ok(())
}

/// Whether a position stands that a transaction of this cluster cannot have had.
const STANDS_AHEAD: &str = "coalesce((SELECT max(position) FROM journal), 0)
    >= position_offset + pg_snapshot_xmax(pg_current_snapshot())::text::bigint";

/// A journal that was restored into another cluster goes on above its last position.
async fn raise_positions(client: &mut ClientWrapper) -> Result<(), StoreError> {
    let ahead = client.query_one(&format!("SELECT {STANDS_AHEAD} FROM identity"), &[]).await?;
    if !ahead.column(0)? {
        return Ok(());
    }
    let transaction = client.transaction().await?;
    // Every append reads this table: those under way end first, and no later one has the old
    // offset.
    transaction.execute("LOCK TABLE identity IN ACCESS EXCLUSIVE MODE", &[]).await?;
    transaction
        .execute(
            &format!(
                "UPDATE identity SET position_offset = (SELECT max(position) FROM journal) + 1
                     - pg_snapshot_xmin(pg_current_snapshot())::text::bigint
                 WHERE {STANDS_AHEAD}"
            ),
            &[],
        )
        .await?;
    transaction.commit().await?;
    tracing::info!("the journal came from another cluster: its positions go on above the last");
    Ok(())
}
