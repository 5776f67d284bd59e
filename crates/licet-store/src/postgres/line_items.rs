//! Projected line items.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{PostgresStore, failure::Columns, query::Query};
use crate::{BalanceRow, LineItemRow, StoreError};

pub(super) async fn put(
    transaction: &Transaction<'_>,
    rows: &[LineItemRow],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "
        INSERT INTO line_item (instance_id, activation_id, state, quantity, used, starts_at_ms,
            ends_at_ms, rate_table_series)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[],
            $6::bigint[], $7::bigint[], $8::text[])
        ON CONFLICT (instance_id, activation_id) DO UPDATE SET state = excluded.state,
            quantity = excluded.quantity, used = excluded.used,
            starts_at_ms = excluded.starts_at_ms, ends_at_ms = excluded.ends_at_ms,
            rate_table_series = excluded.rate_table_series";
    let ids: Vec<Uuid> = rows.iter().map(|row| row.instance_id).collect();
    let activations: Vec<&str> = rows.iter().map(|row| &*row.activation_id).collect();
    let states: Vec<&str> = rows.iter().map(|row| &*row.state).collect();
    let quantities: Vec<i64> = rows.iter().map(|row| row.quantity).collect();
    let used: Vec<i64> = rows.iter().map(|row| row.used).collect();
    let starts: Vec<i64> = rows.iter().map(|row| row.starts_at_ms).collect();
    let ends: Vec<i64> = rows.iter().map(|row| row.ends_at_ms).collect();
    let series: Vec<&str> = rows.iter().map(|row| &*row.rate_table_series).collect();
    let statement = transaction.prepare_cached(sql).await?;
    transaction
        .execute(
            &statement,
            &[&ids, &activations, &states, &quantities, &used, &starts, &ends, &series],
        )
        .await?;
    Ok(())
}

pub(super) async fn put_used(
    transaction: &Transaction<'_>,
    rows: &[BalanceRow],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "
        UPDATE line_item SET used = step.used
        FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS step (instance_id, activation_id, used)
        WHERE line_item.instance_id = step.instance_id
            AND line_item.activation_id = step.activation_id";
    let ids: Vec<Uuid> = rows.iter().map(|row| row.instance_id).collect();
    let activations: Vec<&str> = rows.iter().map(|row| &*row.activation_id).collect();
    let used: Vec<i64> = rows.iter().map(|row| row.used).collect();
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, &[&ids, &activations, &used]).await?;
    Ok(())
}

pub(super) async fn delete(
    transaction: &Transaction<'_>,
    keys: &[(Uuid, String)],
) -> Result<(), StoreError> {
    if keys.is_empty() {
        return Ok(());
    }
    let sql = "
        DELETE FROM line_item
        USING unnest($1::uuid[], $2::text[]) AS step (instance_id, activation_id)
        WHERE line_item.instance_id = step.instance_id
            AND line_item.activation_id = step.activation_id";
    let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
    let activations: Vec<&str> = keys.iter().map(|key| &*key.1).collect();
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, &[&ids, &activations]).await?;
    Ok(())
}

/// See [`crate::Projections::line_items`].
pub(super) async fn select(
    store: &PostgresStore,
    instance_id: Option<Uuid>,
) -> Result<Vec<LineItemRow>, StoreError> {
    let mut query = Query::new(
        "SELECT instance_id, activation_id, state, quantity, used, starts_at_ms, ends_at_ms,
             rate_table_series
         FROM line_item",
    );
    if let Some(id) = &instance_id {
        query.bind(" WHERE instance_id = ?", id);
    }
    query.push(" ORDER BY instance_id, activation_id");
    let rows = store.report(&query.sql, query.parameters()).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<LineItemRow, StoreError> {
    Ok(LineItemRow {
        instance_id: row.column(0)?,
        activation_id: row.column(1)?,
        state: row.column(2)?,
        quantity: row.column(3)?,
        used: row.column(4)?,
        starts_at_ms: row.column(5)?,
        ends_at_ms: row.column(6)?,
        rate_table_series: row.column(7)?,
    })
}
