//! Snapshots of instances.

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use crate::{
    Head, Snapshot,
    numbers::{signed, unsigned},
};

/// Keeps a snapshot unless a newer one is there.
pub(super) fn put(connection: &Connection, snapshot: &Snapshot) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO snapshot (instance_id, seq, hash, body) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (instance_id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash,
                 body = excluded.body
             WHERE excluded.seq >= seq",
        )?
        .execute((
            snapshot.instance_id.as_bytes(),
            signed(snapshot.head.seq),
            snapshot.head.hash,
            &snapshot.body,
        ))
        .map(drop)
}

pub(super) fn get(
    connection: &Connection,
    instance_id: Uuid,
) -> rusqlite::Result<Option<Snapshot>> {
    connection
        .prepare_cached("SELECT seq, hash, body FROM snapshot WHERE instance_id = ?1")?
        .query_row([instance_id.as_bytes()], |row| {
            Ok(Snapshot {
                instance_id,
                head: Head { seq: unsigned(row.get(0)?), hash: row.get(1)? },
                body: row.get(2)?,
            })
        })
        .optional()
}
