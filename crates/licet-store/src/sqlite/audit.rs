//! One order for the audit rows of both databases.
//!
//! Changes of the site are written to `journal.db` as they happen; changes of instances reach
//! `projection.db` a little later, out of the journal. To page through both with one cursor, the
//! id of a row is its place in the common order:
//!
//! | bits, high to low | what |
//! |---|---|
//! | 43 | the row's time, ms |
//! | 19 | how many rows of its table came before it in that millisecond |
//! | 1 | its table: 0 for the site's, 1 for the instances' |
//!
//! So ids are unique across both tables, and a page is the largest ids below the cursor, merged.
//! The order is stable: a row's id never changes, and an instance's row has the same id again
//! after the projection was rebuilt. A row that arrives late is seen by who pages from the newest
//! again. Ids are larger than 2^53, so they must not pass through JSON numbers.

use rusqlite::{Connection, Row};

use super::ids::row_limit;
use crate::AuditRow;

const BITS_BELOW_TIME: u32 = 20;
const TIME_MAX_MS: i64 = (1 << 43) - 1;

/// Which changes a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changes {
    OfSite = 0,
    OfInstances = 1,
}

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
    let mut at_ms = at_ms.clamp(0, TIME_MAX_MS - 1);
    loop {
        let first = at_ms << BITS_BELOW_TIME;
        let end = (at_ms + 1) << BITS_BELOW_TIME;
        let last: Option<i64> = connection
            .prepare_cached("SELECT max(id) FROM audit WHERE id >= ?1 AND id < ?2")?
            .query_row((first, end), |row| row.get(0))?;
        let id = last.map_or(first + changes as i64, |last| last + 2);
        if id < end || at_ms == TIME_MAX_MS - 1 {
            return Ok(id);
        }
        at_ms += 1;
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
