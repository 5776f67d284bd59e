//! Snapshots of instances.

use deadpool_postgres::ClientWrapper;
use uuid::Uuid;

use super::{
    database::{SharedConnection, query},
    failure::Columns,
};
use crate::{
    Head, Snapshot, StoreError,
    numbers::{signed, unsigned},
};

/// Keeps a snapshot unless a newer one is there.
pub(super) async fn put(client: &ClientWrapper, snapshot: &Snapshot) -> Result<(), StoreError> {
    let sql = "
        INSERT INTO snapshot (instance_id, seq, hash, body) VALUES ($1, $2, $3, $4)
        ON CONFLICT (instance_id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash,
            body = excluded.body
        WHERE excluded.seq >= snapshot.seq";
    let Snapshot { instance_id, head, body } = snapshot;
    query(client, sql, &[instance_id, &signed(head.seq), &&head.hash[..], body]).await?;
    Ok(())
}

pub(super) async fn get(
    connection: &SharedConnection,
    instance_id: Uuid,
) -> Result<Option<Snapshot>, StoreError> {
    let sql = "SELECT seq, hash, body FROM snapshot WHERE instance_id = $1 AND seq > 0";
    let rows = connection.query(sql, &[&instance_id]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let head = Head { seq: unsigned(row.column(0)?), hash: row.hash(1)? };
    Ok(Some(Snapshot { instance_id, head, body: row.column(2)? }))
}
