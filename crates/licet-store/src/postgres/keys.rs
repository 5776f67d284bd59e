//! Public keys that were uploaded.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::{database::SharedConnection, failure::Columns};
use crate::{KeyKind, KeyRow, StoreError};

/// See [`crate::Site::put_keys`].
pub(super) async fn put(transaction: &Transaction<'_>, rows: &[KeyRow]) -> Result<(), StoreError> {
    let sql = "
        INSERT INTO access_key (id, kind, pem, created_ms, modified_ms)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO UPDATE SET pem = excluded.pem, created_ms = excluded.created_ms,
            modified_ms = excluded.modified_ms
        WHERE access_key.kind = excluded.kind";
    let statement = transaction.prepare_cached(sql).await?;
    for row in rows {
        let KeyRow { id, kind, pem, created_ms, modified_ms } = row;
        let put = transaction
            .execute(&statement, &[id, &kind.name(), pem, created_ms, modified_ms])
            .await?;
        if put == 0 {
            return Err(StoreError::Duplicate);
        }
    }
    Ok(())
}

/// See [`crate::Site::delete_key`].
pub(super) async fn delete(
    transaction: &Transaction<'_>,
    kind: KeyKind,
    id: &str,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM access_key WHERE id = $1 AND kind = $2";
    let statement = transaction.prepare_cached(sql).await?;
    if transaction.execute(&statement, &[&id, &kind.name()]).await? == 0 {
        return Err(StoreError::NotFound);
    }
    if kind == KeyKind::Administration && !has_administration_key(transaction).await? {
        return Err(StoreError::Conflict);
    }
    Ok(())
}

async fn has_administration_key(transaction: &Transaction<'_>) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT FROM access_key WHERE kind = $1)";
    let statement = transaction.prepare_cached(sql).await?;
    transaction.query_one(&statement, &[&KeyKind::Administration.name()]).await?.column(0)
}

/// All keys ordered by (kind, id).
pub(super) async fn all(connection: &SharedConnection) -> Result<Vec<KeyRow>, StoreError> {
    let sql = "SELECT id, kind, pem, created_ms, modified_ms FROM access_key ORDER BY kind, id";
    let read = |row: &Row| {
        Ok(KeyRow {
            id: row.column(0)?,
            kind: KeyKind::named(row.column(1)?),
            pem: row.column(2)?,
            created_ms: row.column(3)?,
            modified_ms: row.column(4)?,
        })
    };
    connection.query(sql, &[]).await?.iter().map(read).collect()
}
