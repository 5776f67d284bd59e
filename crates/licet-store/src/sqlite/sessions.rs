//! Projected sessions.

use rusqlite::Connection;
use uuid::Uuid;

use super::ids::{AnyId, TextId};
use crate::{SessionRow, numbers::row_limit};

pub(super) fn put(connection: &Connection, rows: &[SessionRow]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO session (session_id, instance_id, state, opened_at_ms, charged_until_ms,
             ended_at_ms, end_reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (session_id) DO UPDATE SET instance_id = excluded.instance_id,
             state = excluded.state, opened_at_ms = excluded.opened_at_ms,
             charged_until_ms = excluded.charged_until_ms, ended_at_ms = excluded.ended_at_ms,
             end_reason = excluded.end_reason",
    )?;
    for row in rows {
        statement.execute((
            TextId::from(row.session_id),
            TextId::from(row.instance_id),
            &row.state,
            row.opened_at_ms,
            row.charged_until_ms,
            row.ended_at_ms,
            &row.end_reason,
        ))?;
    }
    Ok(())
}

/// See [`crate::Projections::sessions`].
pub(super) fn select(
    connection: &Connection,
    instance_id: Option<Uuid>,
    limit: usize,
) -> rusqlite::Result<Vec<SessionRow>> {
    let condition =
        if instance_id.is_some() { "WHERE instance_id = ?1" } else { "WHERE ?1 IS NULL" };
    let limit = if limit == 0 { -1 } else { row_limit(limit) };
    connection
        .prepare_cached(&format!(
            "SELECT instance_id, session_id, state, opened_at_ms, charged_until_ms, ended_at_ms,
                 end_reason
             FROM session {condition} ORDER BY opened_at_ms DESC, session_id DESC LIMIT ?2"
        ))?
        .query_map((instance_id.map(TextId::from), limit), |row| {
            Ok(SessionRow {
                instance_id: row.get::<_, AnyId>(0)?.0,
                session_id: row.get::<_, AnyId>(1)?.0,
                state: row.get(2)?,
                opened_at_ms: row.get(3)?,
                charged_until_ms: row.get(4)?,
                ended_at_ms: row.get(5)?,
                end_reason: row.get(6)?,
            })
        })?
        .collect()
}
