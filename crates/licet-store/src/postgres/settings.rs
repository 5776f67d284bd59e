//! Settings that were changed from their default.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::{database::SharedConnection, failure::Columns};
use crate::{SettingRow, StoreError};

pub(super) async fn put(
    transaction: &Transaction<'_>,
    rows: &[SettingRow],
) -> Result<(), StoreError> {
    let sql = "
        INSERT INTO setting (name, value, modified_ms, updated_by) VALUES ($1, $2, $3, $4)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value,
            modified_ms = excluded.modified_ms, updated_by = excluded.updated_by";
    let statement = transaction.prepare_cached(sql).await?;
    for SettingRow { name, value, modified_ms, updated_by } in rows {
        transaction.execute(&statement, &[name, value, modified_ms, updated_by]).await?;
    }
    Ok(())
}

pub(super) async fn all(connection: &SharedConnection) -> Result<Vec<SettingRow>, StoreError> {
    let sql = "SELECT name, value, modified_ms, updated_by FROM setting ORDER BY name";
    let read = |row: &Row| {
        Ok(SettingRow {
            name: row.column(0)?,
            value: row.column(1)?,
            modified_ms: row.column(2)?,
            updated_by: row.column(3)?,
        })
    };
    connection.query(sql, &[]).await?.iter().map(read).collect()
}
