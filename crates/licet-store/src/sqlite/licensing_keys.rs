//! Public keys that verify the tokens of instances' clients.

use rusqlite::Connection;
use uuid::Uuid;

use super::{
    failure::found,
    ids::{AnyId, TextId},
};
use crate::{LicensingKeyRow, StoreError};

/// See [`crate::Administration::put_licensing_key`].
pub(super) fn put(connection: &Connection, row: &LicensingKeyRow) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO licensing_key (instance_id, kid, der, created_ms)
             VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((TextId::from(row.instance_id), &row.kid, &row.der, row.created_ms))?;
    Ok(())
}

/// See [`crate::Administration::delete_licensing_keys`].
pub(super) fn delete(
    connection: &Connection,
    instance_id: Uuid,
    kid: Option<&str>,
) -> Result<(), StoreError> {
    let deleted = connection
        .prepare_cached(
            "DELETE FROM licensing_key WHERE instance_id = ?1 AND (?2 IS NULL OR kid = ?2)",
        )?
        .execute((TextId::from(instance_id), kid))?;
    if kid.is_some() { found(deleted) } else { Ok(()) }
}

/// See [`crate::Administration::licensing_keys`].
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<LicensingKeyRow>> {
    connection
        .prepare_cached(
            "SELECT instance_id, kid, der, created_ms FROM licensing_key
             ORDER BY instance_id, created_ms, kid",
        )?
        .query_map([], |row| {
            Ok(LicensingKeyRow {
                instance_id: row.get::<_, AnyId>(0)?.0,
                kid: row.get(1)?,
                der: row.get(2)?,
                created_ms: row.get(3)?,
            })
        })?
        .collect()
}
