//! Settings of instances that were changed from their default.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    database::SharedConnection,
    failure::{Columns, found},
};
use crate::{InstanceSettingRow, StoreError};

/// See [`crate::Administration::put_instance_settings`].
pub(super) async fn put(
    transaction: &Transaction<'_>,
    rows: &[InstanceSettingRow],
) -> Result<(), StoreError> {
    let sql = "
        INSERT INTO instance_setting (instance_id, name, value, modified_ms, updated_by)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (instance_id, name) DO UPDATE SET value = excluded.value,
            modified_ms = excluded.modified_ms, updated_by = excluded.updated_by";
    let statement = transaction.prepare_cached(sql).await?;
    for InstanceSettingRow { instance_id, name, value, modified_ms, updated_by } in rows {
        transaction
            .execute(&statement, &[instance_id, name, value, modified_ms, updated_by])
            .await?;
    }
    Ok(())
}

/// See [`crate::Administration::delete_instance_setting`].
pub(super) async fn delete(
    transaction: &Transaction<'_>,
    instance_id: Uuid,
    name: &str,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM instance_setting WHERE instance_id = $1 AND name = $2";
    let statement = transaction.prepare_cached(sql).await?;
    found(transaction.execute(&statement, &[&instance_id, &name]).await?)
}

/// See [`crate::Administration::instance_settings`].
pub(super) async fn select(
    connection: &SharedConnection,
    instance_id: Option<Uuid>,
) -> Result<Vec<InstanceSettingRow>, StoreError> {
    let sql = "
        SELECT instance_id, name, value, modified_ms, updated_by FROM instance_setting
        WHERE $1::uuid IS NULL OR instance_id = $1 ORDER BY instance_id, name";
    let read = |row: &Row| {
        Ok(InstanceSettingRow {
            instance_id: row.column(0)?,
            name: row.column(1)?,
            value: row.column(2)?,
            modified_ms: row.column(3)?,
            updated_by: row.column(4)?,
        })
    };
    connection.query(sql, &[&instance_id]).await?.iter().map(read).collect()
}
