//! What was used of meters, by quarter of an hour and by day.

use rusqlite::{Connection, Row, params_from_iter, types::Value};

use super::{
    accounts,
    by_time::{Table, push_meters},
    ids::{AnyId, TextId},
};
use crate::{MeterDenialRow, MeterFilter, MeterLevelRow, MeterRow, Span};

/// Adds to what stands. A sum of units that does not fit stays at the largest number, as in roll-ups.
pub(super) fn add(connection: &Connection, rows: &[MeterRow]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO meter_usage (span, starts_at_ms, instance_id, meter, account_id, units, granted,
             denied, peak, in_use)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (span, starts_at_ms, instance_id, meter) DO UPDATE SET
             units = cast(units + excluded.units AS INTEGER),
             granted = granted + excluded.granted,
             denied = denied + excluded.denied,
             peak = max(peak, excluded.peak),
             in_use = coalesce(excluded.in_use, in_use)",
    )?;
    for row in rows {
        statement.execute((
            row.span.name(),
            row.starts_at_ms,
            TextId::from(row.instance_id),
            &row.meter,
            &row.account_id,
            row.units,
            row.granted,
            row.denied,
            row.peak,
            row.in_use,
        ))?;
    }
    note(connection, rows)
}

/// Notes which meters there are.
fn note(connection: &Connection, rows: &[MeterRow]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT OR IGNORE INTO meter (instance_id, meter, account_id) VALUES (?1, ?2, ?3)",
    )?;
    for row in rows.iter().filter(|row| row.span == Span::Day) {
        statement.execute((TextId::from(row.instance_id), &row.meter, &row.account_id))?;
    }
    Ok(())
}

pub(super) fn add_denials(
    connection: &Connection,
    rows: &[MeterDenialRow],
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO meter_denial (span, starts_at_ms, instance_id, meter, reason, account_id,
             denied)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (span, starts_at_ms, instance_id, meter, reason) DO UPDATE SET
             denied = denied + excluded.denied",
    )?;
    for row in rows {
        statement.execute((
            row.span.name(),
            row.starts_at_ms,
            TextId::from(row.instance_id),
            &row.meter,
            &row.reason,
            &row.account_id,
            row.denied,
        ))?;
    }
    Ok(())
}

/// See [`crate::Projections::meters`].
pub(super) fn select(
    connection: &Connection,
    filter: &MeterFilter,
) -> rusqlite::Result<Vec<MeterRow>> {
    let table = Table {
        name: "meter_usage",
        id: |instance_id| instance_id.to_string().into(),
        order: "starts_at_ms, instance_id, meter",
    };
    let MeterFilter { of, meters } = filter;
    table.select_meters(connection, of, meters, |row| read(row, of.span))
}

/// See [`crate::Projections::meter_denials`].
pub(super) fn select_denials(
    connection: &Connection,
    filter: &MeterFilter,
) -> rusqlite::Result<Vec<MeterDenialRow>> {
    let table = Table {
        name: "meter_denial",
        id: |instance_id| instance_id.to_string().into(),
        order: "starts_at_ms, instance_id, meter, reason",
    };
    let MeterFilter { of, meters } = filter;
    table.select_meters(connection, of, meters, |row| read_denial(row, of.span))
}

/// See [`crate::Projections::meter_levels`].
pub(super) fn select_levels(
    connection: &Connection,
    filter: &MeterFilter,
) -> rusqlite::Result<Vec<MeterLevelRow>> {
    let mut sql = "SELECT instance_id, account_id, meter, (
             SELECT in_use FROM meter_usage AS before INDEXED BY meter_usage_by_meter
             WHERE span = 'day' AND before.instance_id = meter.instance_id
                 AND before.meter = meter.meter AND starts_at_ms < ? AND in_use IS NOT NULL
             ORDER BY starts_at_ms DESC LIMIT 1) AS level
         FROM meter WHERE level > 0"
        .to_owned();
    let mut values: Vec<Value> = vec![filter.of.until_ms.into()];
    if let Some(instance_id) = filter.of.instance_id {
        sql.push_str(" AND instance_id = ?");
        values.push(instance_id.to_string().into());
    }
    accounts::push_condition(&filter.of.account_ids, &mut sql, &mut values);
    push_meters(&filter.meters, &mut sql, &mut values);
    sql.push_str(" ORDER BY instance_id, meter");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| {
        Ok(MeterLevelRow {
            instance_id: row.get::<_, AnyId>(0)?.0,
            account_id: row.get(1)?,
            meter: row.get(2)?,
            in_use: row.get(3)?,
        })
    })?;
    rows.collect()
}

/// The columns stand in the order of the table.
fn read(row: &Row<'_>, span: Span) -> rusqlite::Result<MeterRow> {
    Ok(MeterRow {
        span,
        starts_at_ms: row.get(1)?,
        instance_id: row.get::<_, AnyId>(2)?.0,
        meter: row.get(3)?,
        account_id: row.get(4)?,
        units: row.get(5)?,
        granted: row.get(6)?,
        denied: row.get(7)?,
        peak: row.get(8)?,
        in_use: row.get(9)?,
    })
}

/// The columns stand in the order of the table.
fn read_denial(row: &Row<'_>, span: Span) -> rusqlite::Result<MeterDenialRow> {
    Ok(MeterDenialRow {
        span,
        starts_at_ms: row.get(1)?,
        instance_id: row.get::<_, AnyId>(2)?.0,
        meter: row.get(3)?,
        reason: row.get(4)?,
        account_id: row.get(5)?,
        denied: row.get(6)?,
    })
}
