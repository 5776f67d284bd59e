//! Instances.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{PostgresStore, database::SharedConnection, failure::Columns, query::Query};
use crate::{InstanceFilter, InstanceRow, StoreError, numbers::row_limit};

const COLUMNS: &str = "row_number, id, short_name, account_id, is_default, created_ms, modified_ms";

/// See [`crate::Site::create_instance`].
pub(super) async fn create(
    transaction: &Transaction<'_>,
    mut row: InstanceRow,
) -> Result<InstanceRow, StoreError> {
    let sql = "
        INSERT INTO instance (id, short_name, account_id, is_default, created_ms, modified_ms)
        SELECT $1, $2, $3, NOT EXISTS (SELECT FROM instance WHERE account_id = $3), $4, $5
        RETURNING is_default";
    let statement = transaction.prepare_cached(sql).await?;
    let InstanceRow { id, short_name, account_id, created_ms, modified_ms, .. } = &row;
    let created = transaction
        .query_one(&statement, &[id, short_name, account_id, created_ms, modified_ms])
        .await?;
    row.is_default = created.column(0)?;
    Ok(row)
}

pub(super) async fn get(
    connection: &SharedConnection,
    id: Uuid,
) -> Result<Option<InstanceRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM instance WHERE id = $1");
    let rows = connection.query(&sql, &[&id]).await?;
    rows.first().map(|row| Ok(read(row)?.1)).transpose()
}

/// See [`crate::Site::instances`].
pub(super) async fn select(
    store: &PostgresStore,
    filter: InstanceFilter,
) -> Result<Vec<(i64, InstanceRow)>, StoreError> {
    let limit = row_limit(filter.limit);
    let mut query = Query::new(&format!("SELECT {COLUMNS} FROM instance WHERE"));
    query.bind(" row_number > ?", &filter.after).of_accounts(&filter.account_ids);
    if filter.default_only {
        query.push(" AND is_default");
    }
    query.bind(" ORDER BY row_number LIMIT ?", &limit);
    let rows = store.report(&query.sql, query.parameters()).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<(i64, InstanceRow), StoreError> {
    let instance = InstanceRow {
        id: row.column(1)?,
        short_name: row.column(2)?,
        account_id: row.column(3)?,
        is_default: row.column(4)?,
        created_ms: row.column(5)?,
        modified_ms: row.column(6)?,
    };
    Ok((row.column(0)?, instance))
}
