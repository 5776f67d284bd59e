//! Audit rows: the site's in `journal.db`, those of instances in `projection.db`. Their ids make one
//! order (`crate::audit_id`).

use rusqlite::{Connection, Row};

use crate::{
    AuditRow,
    audit_id::{Changes, Millisecond},
    numbers::row_limit,
};

/// Writes a row into the audit table of `connection`, which holds `changes`.
pub(super) fn insert(
    connection: &Connection,
    changes: Changes,
    row: &AuditRow,
) -> rusqlite::Result<()> {
    let id = next_id(connection, changes, row.at_ms)?;
    connection
        .prepare_cached(
            "INSERT INTO audit (id, at_ms, actor, action, object, before, after, request_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((
            id,
            row.at_ms,
            &row.actor,
            &row.action,
            &row.object,
            &row.before,
            &row.after,
            &row.request_id,
        ))
        .map(drop)
}

/// The first free id of a millisecond, or of the next one if it has none left.
fn next_id(connection: &Connection, changes: Changes, at_ms: i64) -> rusqlite::Result<i64> {
    let mut millisecond = Millisecond::of(at_ms);
    loop {
        let ids = millisecond.ids();
        let last: Option<i64> = connection
            .prepare_cached("SELECT max(id) FROM audit WHERE id >= ?1 AND id < ?2")?
            .query_row((ids.start, ids.end), |row| row.get(0))?;
        if let Some(id) = millisecond.id_after(changes, last) {
            return Ok(id);
        }
        millisecond = millisecond.next();
    }
}

/// Rows of one table with ids below `before` (0: all), newest first.
pub(super) fn page(
    connection: &Connection,
    before: i64,
    limit: usize,
) -> rusqlite::Result<Vec<(i64, AuditRow)>> {
    let below = if before <= 0 { i64::MAX } else { before };
    connection
        .prepare_cached(
            "SELECT id, at_ms, actor, action, object, before, after, request_id FROM audit
             WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        )?
        .query_map((below, row_limit(limit)), read)?
        .collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<(i64, AuditRow)> {
    let audit = AuditRow {
        at_ms: row.get(1)?,
        actor: row.get(2)?,
        action: row.get(3)?,
        object: row.get(4)?,
        before: row.get(5)?,
        after: row.get(6)?,
        request_id: row.get(7)?,
    };
    Ok((row.get(0)?, audit))
}

/// The first `limit` rows of both pages, newest first.
pub(super) fn merge(
    mut of_site: Vec<(i64, AuditRow)>,
    of_instances: Vec<(i64, AuditRow)>,
    limit: usize,
) -> Vec<(i64, AuditRow)> {
    of_site.extend(of_instances);
    of_site.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
    of_site.truncate(limit);
    of_site
}
