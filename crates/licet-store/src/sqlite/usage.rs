//! Usage rows, in their blocks.

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter, types::Value};
use uuid::Uuid;

use super::{accounts, ids::AnyId};
use crate::{
    StoreError, UsageBlock, UsageFilter, UsageRow,
    usage_block::{Hours, StoredBlock, hour_of},
};

/// Between which row ids rows are looked for.
#[derive(Debug, Clone, Copy)]
struct RowIds {
    first: i64,
    last: i64,
}

/// Adds blocks after those that are there.
pub(super) fn insert(connection: &Connection, blocks: &[UsageBlock]) -> rusqlite::Result<()> {
    if blocks.is_empty() {
        return Ok(());
    }
    let mut row_id = next_row_id(connection)?;
    let mut hours = Hours::default();
    let mut statement = connection.prepare_cached(
        "INSERT INTO usage_block (first_row_id, instance_id, account_id, rows, first_ms, last_ms,
             body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for block in blocks {
        statement.execute((
            row_id,
            block.instance_id.as_bytes(),
            &*block.account_id,
            block.rows,
            block.first_ms,
            block.last_ms,
            &block.body,
        ))?;
        hours.widen(block, row_id);
        row_id += i64::from(block.rows);
    }
    widen_hours(connection, &hours)
}

/// The id after that of the last row.
fn next_row_id(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "SELECT first_row_id + rows FROM usage_block ORDER BY first_row_id DESC LIMIT 1",
        )?
        .query_row([], |row| row.get(0))
        .optional()
        .map(|next| next.unwrap_or(1))
}

fn widen_hours(connection: &Connection, hours: &Hours) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO usage_hour (starts_at_ms, first_row_id, last_row_id) VALUES (?1, ?2, ?3)
         ON CONFLICT (starts_at_ms) DO UPDATE SET last_row_id = excluded.last_row_id",
    )?;
    for (starts_at_ms, (first, last)) in &hours.0 {
        statement.execute((starts_at_ms, first, last))?;
    }
    Ok(())
}

/// See [`crate::Projections::usage`].
pub(super) fn select(
    connection: &Connection,
    filter: &UsageFilter,
) -> Result<Vec<UsageRow>, StoreError> {
    let mut rows = Vec::new();
    let Some(mut ids) = rows_between(connection, filter)? else {
        return Ok(rows);
    };
    match accounts::wanted_instances(connection, filter.instance_id, &filter.account_ids)? {
        None => walk(connection, filter, ids, None, &mut rows)?,
        Some(instances) => {
            for instance_id in instances {
                let mut theirs = Vec::new();
                walk(connection, filter, ids, Some(instance_id), &mut theirs)?;
                rows.append(&mut theirs);
                rows.sort_by_key(|row| row.row_id);
                if filter.newest_first {
                    rows.reverse();
                }
                rows.truncate(filter.limit);
                // Nothing after the last row of a full page is wanted of the others.
                match rows.last().filter(|_| rows.len() == filter.limit) {
                    Some(last) if filter.newest_first => ids.first = last.row_id,
                    Some(last) => ids.last = last.row_id,
                    None => {}
                }
            }
        }
    }
    Ok(rows)
}

/// Between which row ids everything from `from_ms` to `until_ms` lies, with other rows among it.
fn rows_between(connection: &Connection, filter: &UsageFilter) -> rusqlite::Result<Option<RowIds>> {
    let ids = connection
        .prepare_cached(
            "SELECT min(first_row_id), max(last_row_id) FROM usage_hour
             WHERE starts_at_ms >= ?1 AND starts_at_ms < ?2 HAVING count(*) > 0",
        )?
        .query_row((hour_of(filter.from_ms), filter.until_ms), |row| {
            Ok(RowIds { first: row.get(0)?, last: row.get(1)? })
        })
        .optional()?;
    let after = filter.after_row_id.saturating_add(1);
    Ok(ids.map(|ids| RowIds { first: ids.first.max(after), ..ids }))
}

/// Rows in order of their ids, or the other way round: of one instance by its index, or of all as they lie in the table.
fn walk(
    connection: &Connection,
    filter: &UsageFilter,
    ids: RowIds,
    instance_id: Option<Uuid>,
    to: &mut Vec<UsageRow>,
) -> Result<(), StoreError> {
    let (sql, values) = statement(filter, ids, instance_id);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut blocks = statement.query(params_from_iter(values))?;
    while to.len() < filter.limit
        && let Some(block) = blocks.next()?
    {
        read(block)?.collect(filter, to)?;
    }
    Ok(())
}

/// Blocks that may have rows that are wanted. The first one may begin before those.
fn statement(filter: &UsageFilter, ids: RowIds, instance_id: Option<Uuid>) -> (String, Vec<Value>) {
    let (index, of_instance) = match instance_id {
        Some(_) => ("INDEXED BY usage_block_by_instance", "instance_id = ?1 AND"),
        None => ("NOT INDEXED", "?1 IS NULL AND"),
    };
    let mut sql = format!(
        "SELECT first_row_id, instance_id, account_id, rows, body FROM usage_block {index}
         WHERE {of_instance} first_row_id >= coalesce((
                 SELECT max(first_row_id) FROM usage_block {index}
                 WHERE {of_instance} first_row_id <= ?2), 0)
             AND first_row_id + rows > ?2 AND first_row_id <= ?3 AND last_ms >= ?4 AND first_ms < ?5"
    );
    let mut values: Vec<Value> = vec![
        instance_id.map(|id| id.into_bytes().to_vec()).into(),
        ids.first.into(),
        ids.last.into(),
        filter.from_ms.into(),
        filter.until_ms.into(),
    ];
    accounts::push_condition(&filter.account_ids, &mut sql, &mut values);
    sql.push_str(" ORDER BY first_row_id");
    if filter.newest_first {
        sql.push_str(" DESC");
    }
    (sql, values)
}

fn read<'a>(row: &'a Row<'_>) -> rusqlite::Result<StoredBlock<'a>> {
    Ok(StoredBlock {
        first_row_id: row.get(0)?,
        instance_id: row.get::<_, AnyId>(1)?.0,
        account_id: row.get_ref(2)?.as_str()?,
        rows: row.get(3)?,
        body: row.get_ref(4)?.as_blob()?,
    })
}
