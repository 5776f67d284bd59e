//! Totals by hour and day.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{PostgresStore, accounts, failure::Columns, query::Query};
use crate::{RollupFilter, RollupRow, Span, StoreError};

/// Adds to the totals that stand. A sum of units that does not fit stays at the largest number:
/// whoever takes uncounted features by the billion must not stop the projector.
pub(super) async fn add(
    transaction: &Transaction<'_>,
    rows: &[RollupRow],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "
        INSERT INTO rollup AS stands (span, starts_at_ms, instance_id, item, item_version,
            account_id, tokens_charged, tokens_refunded, units, granted, denied)
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::text[],
            $6::text[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
        ON CONFLICT (span, starts_at_ms, instance_id, item, item_version) DO UPDATE SET
            tokens_charged = stands.tokens_charged + excluded.tokens_charged,
            tokens_refunded = stands.tokens_refunded + excluded.tokens_refunded,
            units = greatest(-9223372036854775808, least(9223372036854775807,
                stands.units::numeric + excluded.units))::bigint,
            granted = stands.granted + excluded.granted,
            denied = stands.denied + excluded.denied";
    let spans: Vec<&str> = rows.iter().map(|row| row.span.name()).collect();
    let starts: Vec<i64> = rows.iter().map(|row| row.starts_at_ms).collect();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.instance_id).collect();
    let items: Vec<&str> = rows.iter().map(|row| &*row.item).collect();
    let versions: Vec<&str> = rows.iter().map(|row| &*row.item_version).collect();
    let accounts: Vec<&str> = rows.iter().map(|row| &*row.account_id).collect();
    let charged: Vec<i64> = rows.iter().map(|row| row.tokens_charged).collect();
    let refunded: Vec<i64> = rows.iter().map(|row| row.tokens_refunded).collect();
    let units: Vec<i64> = rows.iter().map(|row| row.units).collect();
    let granted: Vec<i64> = rows.iter().map(|row| row.granted).collect();
    let denied: Vec<i64> = rows.iter().map(|row| row.denied).collect();
    let statement = transaction.prepare_cached(sql).await?;
    transaction
        .execute(
            &statement,
            &[
                &spans, &starts, &ids, &items, &versions, &accounts, &charged, &refunded, &units,
                &granted, &denied,
            ],
        )
        .await?;
    Ok(())
}

/// See [`crate::Projections::rollups`].
pub(super) async fn select(
    store: &PostgresStore,
    filter: RollupFilter,
) -> Result<Vec<RollupRow>, StoreError> {
    let span = filter.span.name();
    let mut query = Query::new(
        "SELECT starts_at_ms, instance_id, item, item_version, account_id, tokens_charged,
             tokens_refunded, units, granted, denied
         FROM rollup WHERE",
    );
    query.bind(" span = ?", &span);
    let order = " ORDER BY starts_at_ms, instance_id, item, item_version";
    let rows = run(store, query, &filter, order).await?;
    rows.iter().map(|row| read(row, filter.span)).collect()
}

/// Adds what is asked to a query of a table that is kept by time and instance, and runs it.
pub(super) async fn run<'a>(
    store: &PostgresStore,
    mut query: Query<'a>,
    filter: &'a RollupFilter,
    order: &str,
) -> Result<Vec<Row>, StoreError> {
    let instances =
        accounts::wanted_instances(store, filter.instance_id, &filter.account_ids).await?;
    let mut query = {
        query
            .bind(" AND starts_at_ms >= ?", &filter.from_ms)
            .bind(" AND starts_at_ms < ?", &filter.until_ms)
            .of_accounts(&filter.account_ids);
        query
    };
    match &instances {
        Some(instances) => query.bind(" AND instance_id = ANY(?)", instances).push(order),
        None => query.push(order),
    };
    store.report(&query.sql, query.parameters()).await
}

fn read(row: &Row, span: Span) -> Result<RollupRow, StoreError> {
    Ok(RollupRow {
        span,
        starts_at_ms: row.column(0)?,
        instance_id: row.column(1)?,
        item: row.column(2)?,
        item_version: row.column(3)?,
        account_id: row.column(4)?,
        tokens_charged: row.column(5)?,
        tokens_refunded: row.column(6)?,
        units: row.column(7)?,
        granted: row.column(8)?,
        denied: row.column(9)?,
    })
}
