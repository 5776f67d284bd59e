//! Public keys that were uploaded.

use rusqlite::{Connection, OptionalExtension};

use crate::{KeyKind, KeyRow, StoreError};

/// See [`crate::Site::put_keys`]; `connection` is in a transaction.
pub(super) fn put(connection: &Connection, rows: &[KeyRow]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO access_key (id, kind, pem, created_ms, modified_ms)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET pem = excluded.pem, created_ms = excluded.created_ms,
             modified_ms = excluded.modified_ms
         WHERE kind = excluded.kind",
    )?;
    for row in rows {
        let kind = row.kind.name();
        let put = statement.execute((&row.id, kind, &row.pem, row.created_ms, row.modified_ms))?;
        if put == 0 {
            return Err(StoreError::Duplicate);
        }
    }
    Ok(())
}

/// See [`crate::Site::delete_key`]; `connection` is in a transaction.
pub(super) fn delete(connection: &Connection, kind: KeyKind, id: &str) -> Result<(), StoreError> {
    let deleted = connection
        .prepare_cached("DELETE FROM access_key WHERE id = ?1 AND kind = ?2")?
        .execute([id, kind.name()])?;
    if deleted == 0 {
        return Err(StoreError::NotFound);
    }
    if kind == KeyKind::Administration && !has_administration_key(connection)? {
        return Err(StoreError::Conflict);
    }
    Ok(())
}

fn has_administration_key(connection: &Connection) -> rusqlite::Result<bool> {
    let found: Option<i64> = connection
        .prepare_cached("SELECT 1 FROM access_key WHERE kind = ?1 LIMIT 1")?
        .query_row([KeyKind::Administration.name()], |row| row.get(0))
        .optional()?;
    Ok(found.is_some())
}

/// All keys ordered by (kind, id).
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<KeyRow>> {
    connection
        .prepare_cached(
            "SELECT id, kind, pem, created_ms, modified_ms FROM access_key ORDER BY kind, id",
        )?
        .query_map([], |row| {
            Ok(KeyRow {
                id: row.get(0)?,
                kind: KeyKind::named(row.get_ref(1)?.as_str()?),
                pem: row.get(2)?,
                created_ms: row.get(3)?,
                modified_ms: row.get(4)?,
            })
        })?
        .collect()
}
