//! Rate tables.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::{database::SharedConnection, failure::Columns};
use crate::{RateTableRow, StoreError};

/// See [`crate::Site::create_rate_table`].
pub(super) async fn create(
    transaction: &Transaction<'_>,
    row: &RateTableRow,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO rate_table (series, version, effective_from_ms, created_ms, items)
        VALUES ($1, $2, $3, $4, $5)";
    let statement = transaction.prepare_cached(sql).await?;
    let RateTableRow { series, version, effective_from_ms, created_ms, items } = row;
    transaction
        .execute(&statement, &[series, version, effective_from_ms, created_ms, items])
        .await?;
    Ok(())
}

/// See [`crate::Site::delete_rate_table`].
pub(super) async fn delete(
    transaction: &Transaction<'_>,
    series: &str,
    version: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM rate_table WHERE series = $1 AND version = $2
        RETURNING effective_from_ms";
    let statement = transaction.prepare_cached(sql).await?;
    let deleted = transaction.query_opt(&statement, &[&series, &version]).await?;
    let effective_from_ms: i64 = deleted.ok_or(StoreError::NotFound)?.column(0)?;
    // What was deleted is there again: nothing is committed after an error.
    if effective_from_ms <= now_ms { Err(StoreError::Conflict) } else { Ok(()) }
}

/// All tables, by series and then by the time from which they are in effect.
pub(super) async fn all(connection: &SharedConnection) -> Result<Vec<RateTableRow>, StoreError> {
    let sql = "SELECT series, version, effective_from_ms, created_ms, items FROM rate_table
        ORDER BY series, effective_from_ms, version";
    let read = |row: &Row| {
        Ok(RateTableRow {
            series: row.column(0)?,
            version: row.column(1)?,
            effective_from_ms: row.column(2)?,
            created_ms: row.column(3)?,
            items: row.column(4)?,
        })
    };
    connection.query(sql, &[]).await?.iter().map(read).collect()
}
