//! Totals by hour and day.

use rusqlite::{Connection, Row};

use super::{
    by_time::Table,
    ids::{AnyId, TextId},
};
use crate::{RollupFilter, RollupRow, Span};

/// Adds to the totals that stand. A sum of units that does not fit becomes a float, and its cast the
/// largest number: whoever takes uncounted features by the billion must not stop the projector.
pub(super) fn add(connection: &Connection, rows: &[RollupRow]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO rollup (span, starts_at_ms, instance_id, item, item_version, account_id,
             tokens_charged, tokens_refunded, units, granted, denied)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (span, starts_at_ms, instance_id, item, item_version) DO UPDATE SET
             tokens_charged = tokens_charged + excluded.tokens_charged,
             tokens_refunded = tokens_refunded + excluded.tokens_refunded,
             units = cast(units + excluded.units AS INTEGER),
             granted = granted + excluded.granted,
             denied = denied + excluded.denied",
    )?;
    for row in rows {
        statement.execute((
            row.span.name(),
            row.starts_at_ms,
            TextId::from(row.instance_id),
            &row.item,
            &row.item_version,
            &row.account_id,
            row.tokens_charged,
            row.tokens_refunded,
            row.units,
            row.granted,
            row.denied,
        ))?;
    }
    Ok(())
}

/// See [`crate::Projections::rollups`].
pub(super) fn select(
    connection: &Connection,
    filter: &RollupFilter,
) -> rusqlite::Result<Vec<RollupRow>> {
    let table = Table {
        name: "rollup",
        id: |instance_id| instance_id.to_string().into(),
        order: "starts_at_ms, instance_id, item, item_version",
    };
    table.select(connection, filter, |row| read(row, filter.span))
}

/// The columns stand in the order of the table.
fn read(row: &Row<'_>, span: Span) -> rusqlite::Result<RollupRow> {
    Ok(RollupRow {
        span,
        starts_at_ms: row.get(1)?,
        instance_id: row.get::<_, AnyId>(2)?.0,
        item: row.get(3)?,
        item_version: row.get(4)?,
        account_id: row.get(5)?,
        tokens_charged: row.get(6)?,
        tokens_refunded: row.get(7)?,
        units: row.get(8)?,
        granted: row.get(9)?,
        denied: row.get(10)?,
    })
}
