//! Rate tables.

use rusqlite::{Connection, OptionalExtension};

use super::failure::duplicate_or;
use crate::{RateTableRow, StoreError};

/// See [`crate::Site::create_rate_table`].
pub(super) fn create(connection: &Connection, row: &RateTableRow) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO rate_table (series, version, effective_from_ms, created_ms, items)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((&row.series, &row.version, row.effective_from_ms, row.created_ms, &row.items))
        .map_err(duplicate_or)?;
    Ok(())
}

/// See [`crate::Site::delete_rate_table`].
pub(super) fn delete(
    connection: &Connection,
    series: &str,
    version: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let effective_from_ms: i64 = connection
        .prepare_cached(
            "SELECT effective_from_ms FROM rate_table WHERE series = ?1 AND version = ?2",
        )?
        .query_row([series, version], |row| row.get(0))
        .optional()?
        .ok_or(StoreError::NotFound)?;
    if effective_from_ms <= now_ms {
        return Err(StoreError::Conflict);
    }
    connection
        .prepare_cached("DELETE FROM rate_table WHERE series = ?1 AND version = ?2")?
        .execute([series, version])?;
    Ok(())
}

/// All tables, by series and then by the time from which they are in effect.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<RateTableRow>> {
    connection
        .prepare_cached(
            "SELECT series, version, effective_from_ms, created_ms, items FROM rate_table
             ORDER BY series, effective_from_ms, version",
        )?
        .query_map([], |row| {
            Ok(RateTableRow {
                series: row.get(0)?,
                version: row.get(1)?,
                effective_from_ms: row.get(2)?,
                created_ms: row.get(3)?,
                items: row.get(4)?,
            })
        })?
        .collect()
}
