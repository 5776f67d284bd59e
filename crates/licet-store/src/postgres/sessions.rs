//! Projected sessions.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{PostgresStore, failure::Columns, query::Query};
use crate::{SessionRow, StoreError, numbers::row_limit};

pub(super) async fn put(
    transaction: &Transaction<'_>,
    rows: &[SessionRow],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "
        INSERT INTO session (session_id, instance_id, state, opened_at_ms, charged_until_ms,
            ended_at_ms, end_reason)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[],
            $6::bigint[], $7::text[])
        ON CONFLICT (session_id) DO UPDATE SET instance_id = excluded.instance_id,
            state = excluded.state, opened_at_ms = excluded.opened_at_ms,
            charged_until_ms = excluded.charged_until_ms, ended_at_ms = excluded.ended_at_ms,
            end_reason = excluded.end_reason";
    let ids: Vec<Uuid> = rows.iter().map(|row| row.session_id).collect();
    let instances: Vec<Uuid> = rows.iter().map(|row| row.instance_id).collect();
    let states: Vec<&str> = rows.iter().map(|row| &*row.state).collect();
    let opened: Vec<i64> = rows.iter().map(|row| row.opened_at_ms).collect();
    let charged: Vec<Option<i64>> = rows.iter().map(|row| row.charged_until_ms).collect();
    let ended: Vec<Option<i64>> = rows.iter().map(|row| row.ended_at_ms).collect();
    let reasons: Vec<Option<&str>> = rows.iter().map(|row| row.end_reason.as_deref()).collect();
    let statement = transaction.prepare_cached(sql).await?;
    transaction
        .execute(&statement, &[&ids, &instances, &states, &opened, &charged, &ended, &reasons])
        .await?;
    Ok(())
}

/// See [`crate::Projections::sessions`].
pub(super) async fn select(
    store: &PostgresStore,
    instance_id: Option<Uuid>,
    limit: usize,
) -> Result<Vec<SessionRow>, StoreError> {
    let limit = row_limit(limit);
    let mut query = Query::new(
        "SELECT instance_id, session_id, state, opened_at_ms, charged_until_ms, ended_at_ms,
             end_reason
         FROM session",
    );
    if let Some(id) = &instance_id {
        query.bind(" WHERE instance_id = ?", id);
    }
    query.push(" ORDER BY opened_at_ms DESC, session_id DESC");
    if limit > 0 {
        query.bind(" LIMIT ?", &limit);
    }
    let rows = store.report(&query.sql, query.parameters()).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<SessionRow, StoreError> {
    Ok(SessionRow {
        instance_id: row.column(0)?,
        session_id: row.column(1)?,
        state: row.column(2)?,
        opened_at_ms: row.column(3)?,
        charged_until_ms: row.column(4)?,
        ended_at_ms: row.column(5)?,
        end_reason: row.column(6)?,
    })
}
