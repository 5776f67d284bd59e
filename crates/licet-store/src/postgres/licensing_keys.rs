//! Public keys that verify the tokens of instances' clients.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    database::SharedConnection,
    failure::{Columns, found},
};
use crate::{LicensingKeyRow, StoreError};

/// See [`crate::Administration::put_licensing_key`].
pub(super) async fn put(
    transaction: &Transaction<'_>,
    row: &LicensingKeyRow,
) -> Result<(), StoreError> {
    let sql = "
        INSERT INTO licensing_key (instance_id, kid, der, created_ms) VALUES ($1, $2, $3, $4)
        ON CONFLICT (instance_id, kid) DO UPDATE SET der = excluded.der,
            created_ms = excluded.created_ms";
    let statement = transaction.prepare_cached(sql).await?;
    let LicensingKeyRow { instance_id, kid, der, created_ms } = row;
    transaction.execute(&statement, &[instance_id, kid, der, created_ms]).await?;
    Ok(())
}

/// See [`crate::Administration::delete_licensing_keys`].
pub(super) async fn delete(
    transaction: &Transaction<'_>,
    instance_id: Uuid,
    kid: Option<&str>,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM licensing_key
        WHERE instance_id = $1 AND ($2::text IS NULL OR kid = $2)";
    let statement = transaction.prepare_cached(sql).await?;
    let deleted = transaction.execute(&statement, &[&instance_id, &kid]).await?;
    if kid.is_some() { found(deleted) } else { Ok(()) }
}

/// See [`crate::Administration::licensing_keys`].
pub(super) async fn all(connection: &SharedConnection) -> Result<Vec<LicensingKeyRow>, StoreError> {
    let sql = "SELECT instance_id, kid, der, created_ms FROM licensing_key
        ORDER BY instance_id, created_ms, kid";
    let read = |row: &Row| {
        Ok(LicensingKeyRow {
            instance_id: row.column(0)?,
            kid: row.column(1)?,
            der: row.column(2)?,
            created_ms: row.column(3)?,
        })
    };
    connection.query(sql, &[]).await?.iter().map(read).collect()
}
