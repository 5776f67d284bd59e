//! Projected line items.

use rusqlite::Connection;
use uuid::Uuid;

use super::ids::{AnyId, TextId};
use crate::{BalanceRow, LineItemRow};

pub(super) fn put(connection: &Connection, rows: &[LineItemRow]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO line_item (instance_id, activation_id, state, quantity, used, starts_at_ms,
             ends_at_ms, rate_table_series)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (instance_id, activation_id) DO UPDATE SET state = excluded.state,
             quantity = excluded.quantity, used = excluded.used,
             starts_at_ms = excluded.starts_at_ms, ends_at_ms = excluded.ends_at_ms,
             rate_table_series = excluded.rate_table_series",
    )?;
    for row in rows {
        statement.execute((
            TextId::from(row.instance_id),
            &row.activation_id,
            &row.state,
            row.quantity,
            row.used,
            row.starts_at_ms,
            row.ends_at_ms,
            &row.rate_table_series,
        ))?;
    }
    Ok(())
}

pub(super) fn put_used(connection: &Connection, rows: &[BalanceRow]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE line_item SET used = ?3 WHERE instance_id = ?1 AND activation_id = ?2",
    )?;
    for row in rows {
        statement.execute((TextId::from(row.instance_id), &row.activation_id, row.used))?;
    }
    Ok(())
}

pub(super) fn delete(connection: &Connection, keys: &[(Uuid, String)]) -> rusqlite::Result<()> {
    let mut statement = connection
        .prepare_cached("DELETE FROM line_item WHERE instance_id = ?1 AND activation_id = ?2")?;
    for (instance_id, activation_id) in keys {
        statement.execute((TextId::from(*instance_id), activation_id))?;
    }
    Ok(())
}

/// See [`crate::Projections::line_items`].
pub(super) fn select(
    connection: &Connection,
    instance_id: Option<Uuid>,
) -> rusqlite::Result<Vec<LineItemRow>> {
    let condition =
        if instance_id.is_some() { "WHERE instance_id = ?1" } else { "WHERE ?1 IS NULL" };
    connection
        .prepare_cached(&format!(
            "SELECT instance_id, activation_id, state, quantity, used, starts_at_ms, ends_at_ms,
                 rate_table_series
             FROM line_item {condition} ORDER BY instance_id, activation_id"
        ))?
        .query_map([instance_id.map(TextId::from)], |row| {
            Ok(LineItemRow {
                instance_id: row.get::<_, AnyId>(0)?.0,
                activation_id: row.get(1)?,
                state: row.get(2)?,
                quantity: row.get(3)?,
                used: row.get(4)?,
                starts_at_ms: row.get(5)?,
                ends_at_ms: row.get(6)?,
                rate_table_series: row.get(7)?,
            })
        })?
        .collect()
}
