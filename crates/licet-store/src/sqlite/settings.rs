//! Settings that were changed from their default.

use rusqlite::Connection;

use crate::{SettingRow, StoreError};

pub(super) fn put(connection: &Connection, rows: &[SettingRow]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO setting (name, value, modified_ms, updated_by) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value,
             modified_ms = excluded.modified_ms, updated_by = excluded.updated_by",
    )?;
    for row in rows {
        statement.execute((&row.name, &row.value, row.modified_ms, &row.updated_by))?;
    }
    Ok(())
}

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<SettingRow>> {
    connection
        .prepare_cached("SELECT name, value, modified_ms, updated_by FROM setting ORDER BY name")?
        .query_map([], |row| {
            Ok(SettingRow {
                name: row.get(0)?,
                value: row.get(1)?,
                modified_ms: row.get(2)?,
                updated_by: row.get(3)?,
            })
        })?
        .collect()
}
