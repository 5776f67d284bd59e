//! Where each instance's journal stood at the projector's position.

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::{PostgresStore, database::SharedConnection, failure::Columns};
use crate::{
    Head, HeadRow, Position, StoreError,
    numbers::{row_limit, signed, unsigned},
};

/// Puts heads unless later ones stand.
pub(super) async fn put(transaction: &Transaction<'_>, rows: &[HeadRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.instance_id).collect();
    let seqs: Vec<i64> = rows.iter().map(|row| signed(row.head.seq)).collect();
    let hashes: Vec<&[u8]> = rows.iter().map(|row| &row.head.hash[..]).collect();
    let positions: Vec<i64> = rows.iter().map(|row| signed(row.position.0)).collect();
    let wakes: Vec<Option<i64>> = rows.iter().map(|row| row.wake_at_ms).collect();
    let latest_wins = "
        INSERT INTO projected_head (instance_id, seq, hash, position, wake_at_ms)
        SELECT DISTINCT ON (instance_id) instance_id, seq, hash, position, wake_at_ms
        FROM unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[])
            AS step (instance_id, seq, hash, position, wake_at_ms)
        ORDER BY instance_id, seq DESC
        ON CONFLICT (instance_id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash,
            position = excluded.position, wake_at_ms = excluded.wake_at_ms
        WHERE excluded.seq >= projected_head.seq";
    let statement = transaction.prepare_cached(latest_wins).await?;
    transaction.execute(&statement, &[&ids, &seqs, &hashes, &positions, &wakes]).await?;
    Ok(())
}

pub(super) async fn all(store: &PostgresStore) -> Result<Vec<HeadRow>, StoreError> {
    let sql = "SELECT instance_id, seq, hash, position, wake_at_ms FROM projected_head
        ORDER BY instance_id";
    let rows = store.report(sql, &[]).await?;
    let head = |row: &tokio_postgres::Row| {
        Ok(HeadRow {
            instance_id: row.column(0)?,
            head: Head { seq: unsigned(row.column(1)?), hash: row.hash(2)? },
            position: Position(unsigned(row.column(3)?)),
            wake_at_ms: row.column(4)?,
        })
    };
    rows.iter().map(head).collect()
}

/// Instances that must act at or before `until_ms`, earliest first.
pub(super) async fn due(
    connection: &SharedConnection,
    until_ms: i64,
    limit: usize,
) -> Result<Vec<(Uuid, i64)>, StoreError> {
    let sql = "SELECT instance_id, wake_at_ms FROM projected_head WHERE wake_at_ms <= $1
        ORDER BY wake_at_ms, instance_id LIMIT $2";
    let rows = connection.query(sql, &[&until_ms, &row_limit(limit)]).await?;
    rows.iter().map(|row| Ok((row.column(0)?, row.column(1)?))).collect()
}
