//! What was used of meters, by quarter of an hour and by day.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{PostgresStore, failure::Columns, query::Query, rollups};
use crate::{MeterDenialRow, MeterFilter, MeterLevelRow, MeterRow, Span, StoreError};

/// Adds to what stands. A sum of units that does not fit stays at the largest number, as in roll-ups.
pub(super) async fn add(
    transaction: &Transaction<'_>,
    rows: &[MeterRow],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "
        INSERT INTO meter_usage AS stands (span, starts_at_ms, instance_id, meter, account_id,
            units, granted, denied, peak, in_use)
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::text[],
            $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
        ON CONFLICT (span, starts_at_ms, instance_id, meter) DO UPDATE SET
            units = greatest(-9223372036854775808, least(9223372036854775807,
                stands.units::numeric + excluded.units))::bigint,
            granted = stands.granted + excluded.granted,
            denied = stands.denied + excluded.denied,
            peak = greatest(stands.peak, excluded.peak),
            in_use = coalesce(excluded.in_use, stands.in_use)";
    let spans: Vec<&str> = rows.iter().map(|row| row.span.name()).collect();
    let starts: Vec<i64> = rows.iter().map(|row| row.starts_at_ms).collect();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.instance_id).collect();
    let meters: Vec<&str> = rows.iter().map(|row| &*row.meter).collect();
    let accounts: Vec<&str> = rows.iter().map(|row| &*row.account_id).collect();
    let units: Vec<i64> = rows.iter().map(|row| row.units).collect();
    let granted: Vec<i64> = rows.iter().map(|row| row.granted).collect();
    let denied: Vec<i64> = rows.iter().map(|row| row.denied).collect();
    let peaks: Vec<i64> = rows.iter().map(|row| row.peak).collect();
    let in_use: Vec<Option<i64>> = rows.iter().map(|row| row.in_use).collect();
    let statement = transaction.prepare_cached(sql).await?;
    transaction
        .execute(
            &statement,
            &[
                &spans, &starts, &ids, &meters, &accounts, &units, &granted, &denied, &peaks,
                &in_use,
            ],
        )
        .await?;
    note(transaction, rows).await
}

/// Notes which meters there are.
async fn note(transaction: &Transaction<'_>, rows: &[MeterRow]) -> Result<(), StoreError> {
    let days = || rows.iter().filter(|row| row.span == Span::Day);
    let ids: Vec<Uuid> = days().map(|row| row.instance_id).collect();
    let meters: Vec<&str> = days().map(|row| &*row.meter).collect();
    let accounts: Vec<&str> = days().map(|row| &*row.account_id).collect();
    let sql = "INSERT INTO meter (instance_id, meter, account_id)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING";
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, &[&ids, &meters, &accounts]).await?;
    Ok(())
}

pub(super) async fn add_denials(
    transaction: &Transaction<'_>,
    rows: &[MeterDenialRow],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "
        INSERT INTO meter_denial AS stands (span, starts_at_ms, instance_id, meter, reason,
            account_id, denied)
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::text[],
            $6::text[], $7::bigint[])
        ON CONFLICT (span, starts_at_ms, instance_id, meter, reason) DO UPDATE SET
            denied = stands.denied + excluded.denied";
    let spans: Vec<&str> = rows.iter().map(|row| row.span.name()).collect();
    let starts: Vec<i64> = rows.iter().map(|row| row.starts_at_ms).collect();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.instance_id).collect();
    let meters: Vec<&str> = rows.iter().map(|row| &*row.meter).collect();
    let reasons: Vec<&str> = rows.iter().map(|row| &*row.reason).collect();
    let accounts: Vec<&str> = rows.iter().map(|row| &*row.account_id).collect();
    let denied: Vec<i64> = rows.iter().map(|row| row.denied).collect();
    let statement = transaction.prepare_cached(sql).await?;
    transaction
        .execute(&statement, &[&spans, &starts, &ids, &meters, &reasons, &accounts, &denied])
        .await?;
    Ok(())
}

/// See [`crate::Projections::meters`].
pub(super) async fn select(
    store: &PostgresStore,
    filter: MeterFilter,
) -> Result<Vec<MeterRow>, StoreError> {
    let span = filter.of.span.name();
    let mut query = Query::new(
        "SELECT starts_at_ms, instance_id, meter, account_id, units, granted, denied, peak, in_use
         FROM meter_usage WHERE",
    );
    query.bind(" span = ?", &span).of_meters(&filter.meters);
    let order = " ORDER BY starts_at_ms, instance_id, meter";
    let rows = rollups::run(store, query, &filter.of, order).await?;
    rows.iter().map(|row| read(row, filter.of.span)).collect()
}

/// See [`crate::Projections::meter_denials`].
pub(super) async fn select_denials(
    store: &PostgresStore,
    filter: MeterFilter,
) -> Result<Vec<MeterDenialRow>, StoreError> {
    let span = filter.of.span.name();
    let mut query = Query::new(
        "SELECT starts_at_ms, instance_id, meter, reason, account_id, denied
         FROM meter_denial WHERE",
    );
    query.bind(" span = ?", &span).of_meters(&filter.meters);
    let order = " ORDER BY starts_at_ms, instance_id, meter, reason";
    let rows = rollups::run(store, query, &filter.of, order).await?;
    rows.iter().map(|row| read_denial(row, filter.of.span)).collect()
}

/// See [`crate::Projections::meter_levels`].
pub(super) async fn select_levels(
    store: &PostgresStore,
    filter: MeterFilter,
) -> Result<Vec<MeterLevelRow>, StoreError> {
    let mut query = Query::new(
        "SELECT meter.instance_id, meter.account_id, meter.meter, level.in_use
         FROM meter CROSS JOIN LATERAL (
             SELECT in_use FROM meter_usage AS before
             WHERE span = 'day' AND before.instance_id = meter.instance_id
                 AND before.meter = meter.meter AND in_use IS NOT NULL",
    );
    query.bind(" AND starts_at_ms < ?", &filter.of.until_ms);
    query.push(" ORDER BY starts_at_ms DESC LIMIT 1) AS level WHERE level.in_use > 0");
    if let Some(instance_id) = &filter.of.instance_id {
        query.bind(" AND instance_id = ?", instance_id);
    }
    query.of_accounts(&filter.of.account_ids).of_meters(&filter.meters);
    query.push(" ORDER BY instance_id, meter");
    let rows = store.report(&query.sql, query.parameters()).await?;
    rows.iter().map(read_level).collect()
}

fn read(row: &Row, span: Span) -> Result<MeterRow, StoreError> {
    Ok(MeterRow {
        span,
        starts_at_ms: row.column(0)?,
        instance_id: row.column(1)?,
        meter: row.column(2)?,
        account_id: row.column(3)?,
        units: row.column(4)?,
        granted: row.column(5)?,
        denied: row.column(6)?,
        peak: row.column(7)?,
        in_use: row.column(8)?,
    })
}

fn read_denial(row: &Row, span: Span) -> Result<MeterDenialRow, StoreError> {
    Ok(MeterDenialRow {
        span,
        starts_at_ms: row.column(0)?,
        instance_id: row.column(1)?,
        meter: row.column(2)?,
        reason: row.column(3)?,
        account_id: row.column(4)?,
        denied: row.column(5)?,
    })
}

fn read_level(row: &Row) -> Result<MeterLevelRow, StoreError> {
    Ok(MeterLevelRow {
        instance_id: row.column(0)?,
        account_id: row.column(1)?,
        meter: row.column(2)?,
        in_use: row.column(3)?,
    })
}
