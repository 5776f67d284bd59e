//! Where each instance's journal stands.

use std::collections::HashMap;

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use crate::{
    Head, Position,
    numbers::{row_limit, signed, unsigned},
};

/// An instance's head and the group that holds its section; zeros for an instance without any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct PlacedHead {
    pub(super) head: Head,
    pub(super) position: Position,
}

/// The heads that are known without the projection.
///
/// Invariant: it has every instance with a section after the place up to which the projection
/// stood when the store was opened (after zero, once the projection is thrown away). What is not
/// here is therefore in the projection's `head` table, or has no journal.
#[derive(Debug, Default)]
pub(super) struct Heads {
    known: Mutex<HashMap<Uuid, PlacedHead>>,
}

impl Heads {
    pub(super) fn known(&self, instance_id: Uuid) -> Option<PlacedHead> {
        self.known.lock().get(&instance_id).copied()
    }

    /// Takes heads over; where one is known already, the later one stays.
    pub(super) fn learn(&self, heads: impl IntoIterator<Item = (Uuid, PlacedHead)>) {
        let mut known = self.known.lock();
        for (instance_id, placed) in heads {
            let stands = known.entry(instance_id).or_insert(placed);
            if stands.position < placed.position {
                *stands = placed;
            }
        }
    }

    /// The head of an instance; `projection` is asked if it is not known.
    pub(super) fn find(
        &self,
        instance_id: Uuid,
        projection: &Connection,
    ) -> rusqlite::Result<PlacedHead> {
        if let Some(known) = self.known(instance_id) {
            return Ok(known);
        }
        let projected = projected_head(projection, instance_id)?;
        // Who empties the projection makes all heads known first, so an answer from an emptied
        // table is noticed here.
        Ok(self.known(instance_id).or(projected).unwrap_or_default())
    }
}

fn projected_head(
    projection: &Connection,
    instance_id: Uuid,
) -> rusqlite::Result<Option<PlacedHead>> {
    projection
        .prepare_cached("SELECT seq, hash, position FROM head WHERE instance_id = ?1")?
        .query_row([instance_id.as_bytes()], |row| {
            Ok(PlacedHead {
                head: Head { seq: unsigned(row.get(0)?), hash: row.get(1)? },
                position: Position(unsigned(row.get(2)?)),
            })
        })
        .optional()
}

/// Puts a head into the projection unless a later one stands there.
pub(super) fn put(connection: &Connection, row: &crate::HeadRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO head (instance_id, seq, hash, position, wake_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (instance_id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash,
                 position = excluded.position, wake_at_ms = excluded.wake_at_ms
             WHERE excluded.seq >= seq",
        )?
        .execute((
            row.instance_id.as_bytes(),
            signed(row.head.seq),
            row.head.hash,
            signed(row.position.0),
            row.wake_at_ms,
        ))
        .map(drop)
}

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<crate::HeadRow>> {
    connection
        .prepare_cached(
            "SELECT instance_id, seq, hash, position, wake_at_ms FROM head ORDER BY instance_id",
        )?
        .query_map([], |row| {
            Ok(crate::HeadRow {
                instance_id: row.get::<_, super::ids::AnyId>(0)?.0,
                head: Head { seq: unsigned(row.get(1)?), hash: row.get(2)? },
                position: Position(unsigned(row.get(3)?)),
                wake_at_ms: row.get(4)?,
            })
        })?
        .collect()
}

/// Instances that must act at or before `until_ms`, earliest first.
pub(super) fn due(
    connection: &Connection,
    until_ms: i64,
    limit: usize,
) -> rusqlite::Result<Vec<(Uuid, i64)>> {
    connection
        .prepare_cached(
            "SELECT instance_id, wake_at_ms FROM head WHERE wake_at_ms <= ?1
             ORDER BY wake_at_ms, instance_id LIMIT ?2",
        )?
        .query_map((until_ms, row_limit(limit)), |row| {
            Ok((row.get::<_, super::ids::AnyId>(0)?.0, row.get(1)?))
        })?
        .collect()
}
