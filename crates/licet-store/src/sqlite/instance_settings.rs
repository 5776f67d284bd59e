//! Settings of instances that were changed from their default.

use rusqlite::Connection;
use uuid::Uuid;

use super::{
    failure::found,
    ids::{AnyId, TextId},
};
use crate::{InstanceSettingRow, StoreError};

/// See [`crate::Administration::put_instance_settings`]; `connection` is in a transaction.
pub(super) fn put(connection: &Connection, rows: &[InstanceSettingRow]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO instance_setting (instance_id, name, value, modified_ms, updated_by)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (instance_id, name) DO UPDATE SET value = excluded.value,
             modified_ms = excluded.modified_ms, updated_by = excluded.updated_by",
    )?;
    for row in rows {
        let id = TextId::from(row.instance_id);
        statement.execute((id, &row.name, &row.value, row.modified_ms, &row.updated_by))?;
    }
    Ok(())
}

/// See [`crate::Administration::delete_instance_setting`].
pub(super) fn delete(
    connection: &Connection,
    instance_id: Uuid,
    name: &str,
) -> Result<(), StoreError> {
    let deleted = connection
        .prepare_cached("DELETE FROM instance_setting WHERE instance_id = ?1 AND name = ?2")?
        .execute((TextId::from(instance_id), name))?;
    found(deleted)
}

/// See [`crate::Administration::instance_settings`].
pub(super) fn select(
    connection: &Connection,
    instance_id: Option<Uuid>,
) -> rusqlite::Result<Vec<InstanceSettingRow>> {
    connection
        .prepare_cached(
            "SELECT instance_id, name, value, modified_ms, updated_by FROM instance_setting
             WHERE ?1 IS NULL OR instance_id = ?1 ORDER BY instance_id, name",
        )?
        .query_map([instance_id.map(TextId::from)], |row| {
            Ok(InstanceSettingRow {
                instance_id: row.get::<_, AnyId>(0)?.0,
                name: row.get(1)?,
                value: row.get(2)?,
                modified_ms: row.get(3)?,
                updated_by: row.get(4)?,
            })
        })?
        .collect()
}
