//! Audit rows: the site's and those of instances in one table, in the order of their ids.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::{PostgresStore, failure::Columns};
use crate::{
    AuditRow, StoreError,
    audit_id::{Changes, Millisecond},
    numbers::row_limit,
};

/// Adds rows; nobody else adds any of this kind until the transaction ends.
pub(super) async fn insert(
    transaction: &Transaction<'_>,
    changes: Changes,
    rows: &[AuditRow],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "
        INSERT INTO audit (id, at_ms, actor, action, object, before, after, request_id)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[],
            $6::text[], $7::text[], $8::text[])";
    let ids = number(transaction, changes, rows).await?;
    let times: Vec<i64> = rows.iter().map(|row| row.at_ms).collect();
    let actors: Vec<String> = rows.iter().map(|row| storable(&row.actor)).collect();
    let actions: Vec<&str> = rows.iter().map(|row| &*row.action).collect();
    let objects: Vec<String> = rows.iter().map(|row| storable(&row.object)).collect();
    let before: Vec<Option<&str>> = rows.iter().map(|row| row.before.as_deref()).collect();
    let after: Vec<Option<&str>> = rows.iter().map(|row| row.after.as_deref()).collect();
    let requests: Vec<String> = rows.iter().map(|row| storable(&row.request_id)).collect();
    let statement = transaction.prepare_cached(sql).await?;
    transaction
        .execute(
            &statement,
            &[&ids, &times, &actors, &actions, &objects, &before, &after, &requests],
        )
        .await?;
    Ok(())
}

/// PostgreSQL's text cannot hold a zero character, and whoever tries to log in may send one.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The ids of rows, in their order.
async fn number(
    transaction: &Transaction<'_>,
    changes: Changes,
    rows: &[AuditRow],
) -> Result<Vec<i64>, StoreError> {
    let mut last = HashMap::new();
    let mut milliseconds: Vec<_> = rows.iter().map(|row| Millisecond::of(row.at_ms)).collect();
    milliseconds.dedup();
    read_last(transaction, changes, &milliseconds, &mut last).await?;
    let mut ids = Vec::with_capacity(rows.len());
    for row in rows {
        let mut millisecond = Millisecond::of(row.at_ms);
        let id = loop {
            if !last.contains_key(&millisecond) {
                read_last(transaction, changes, &[millisecond], &mut last).await?;
            }
            let last = last.entry(millisecond).or_default();
            if let Some(id) = millisecond.id_after(changes, *last) {
                *last = Some(id);
                break id;
            }
            millisecond = millisecond.next();
        };
        ids.push(id);
    }
    Ok(ids)
}

/// Learns the largest id of a kind in each millisecond.
async fn read_last(
    transaction: &Transaction<'_>,
    changes: Changes,
    milliseconds: &[Millisecond],
    last: &mut HashMap<Millisecond, Option<i64>>,
) -> Result<(), StoreError> {
    let sql = "
        SELECT number, (SELECT max(id) FROM audit WHERE id >= first AND id < past AND id & 1 = $3)
        FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS wanted (first, past, number)
        ORDER BY number";
    let firsts: Vec<i64> = milliseconds.iter().map(|at| at.ids().start).collect();
    let ends: Vec<i64> = milliseconds.iter().map(|at| at.ids().end).collect();
    let statement = transaction.prepare_cached(sql).await?;
    let rows = transaction.query(&statement, &[&firsts, &ends, &(changes as i64)]).await?;
    for (millisecond, row) in milliseconds.iter().zip(&rows) {
        last.insert(*millisecond, row.column(1)?);
    }
    Ok(())
}

/// Deletes all rows of a kind.
pub(super) async fn delete(
    transaction: &Transaction<'_>,
    changes: Changes,
) -> Result<(), StoreError> {
    transaction.execute("DELETE FROM audit WHERE id & 1 = $1", &[&(changes as i64)]).await?;
    Ok(())
}

/// Rows with ids below `before` (0: all), newest first.
pub(super) async fn page(
    store: &PostgresStore,
    before: i64,
    limit: usize,
) -> Result<Vec<(i64, AuditRow)>, StoreError> {
    let below = if before <= 0 { i64::MAX } else { before };
    let sql = "SELECT id, at_ms, actor, action, object, before, after, request_id FROM audit
        WHERE id < $1 ORDER BY id DESC LIMIT $2";
    let rows = store.report(sql, &[&below, &row_limit(limit)]).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<(i64, AuditRow), StoreError> {
    let audit = AuditRow {
        at_ms: row.column(1)?,
        actor: row.column(2)?,
        action: row.column(3)?,
        object: row.column(4)?,
        before: row.column(5)?,
        after: row.column(6)?,
        request_id: row.column(7)?,
    };
    Ok((row.column(0)?, audit))
}
