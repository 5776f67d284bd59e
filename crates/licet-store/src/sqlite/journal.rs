//! Reading the journal.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use rusqlite::{Connection, OptionalExtension};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    SqliteStore,
    group::{GroupedSection, decode},
    heads::{self, PlacedHead},
    snapshots,
    writer::Job,
};
use crate::{
    Append, AppendError, Appending, Group, Head, Journal, Loaded, Pending, Position, Section,
    SharedJournal, Snapshot, StoreError,
    numbers::{signed, unsigned},
};

/// Bytes of bodies that are read at a time where the whole journal is gone through.
const SCAN_BYTES: usize = 16 << 20;

/// Place of the last group, zero for an empty journal.
pub(super) fn last_position(connection: &Connection) -> Result<Position, StoreError> {
    let last: i64 = connection
        .prepare_cached("SELECT coalesce(max(position), 0) FROM journal")?
        .query_row([], |row| row.get(0))?;
    Ok(Position(unsigned(last)))
}

/// Calls `visit` with groups after `after`, oldest first, until `bytes_max` is passed, and
/// returns the place of the last one.
fn visit_groups(
    connection: &Connection,
    after: Position,
    bytes_max: usize,
    mut visit: impl FnMut(Position, &[GroupedSection<'_>]),
) -> Result<Position, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT position, body FROM journal WHERE position > ?1 ORDER BY position",
    )?;
    let mut rows = statement.query([signed(after.0)])?;
    let mut last = after;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let position = Position(unsigned(row.get(0)?));
        if position.0 != last.0 + 1 {
            return Err(StoreError::Damaged(format!("the journal lacks group {}", last.0 + 1)));
        }
        let body = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        visit(position, &decode(position, body)?);
        last = position;
        bytes += body.len();
        if bytes >= bytes_max {
            break;
        }
    }
    Ok(last)
}

/// See [`crate::Journal::read_groups`].
pub(super) fn read_groups(
    connection: &Connection,
    after: Position,
    bytes_max: usize,
) -> Result<Vec<Group>, StoreError> {
    let mut groups = Vec::new();
    visit_groups(connection, after, bytes_max, |position, sections| {
        let sections = sections.iter().map(|section| section.to_section()).collect();
        groups.push(Group { position, sections });
    })?;
    Ok(groups)
}

/// The newest head of every instance that has a section after `after`.
pub(super) fn heads_after(
    connection: &Connection,
    after: Position,
) -> Result<HashMap<Uuid, PlacedHead>, StoreError> {
    let mut heads = HashMap::new();
    let mut from = after;
    loop {
        // Read in parts, so that the log need not keep old pages for the whole scan.
        let last = visit_groups(connection, from, SCAN_BYTES, |position, sections| {
            for section in sections {
                heads.insert(
                    section.instance_id,
                    PlacedHead { head: section.stored.head, position },
                );
            }
        })?;
        if last == from {
            return Ok(heads);
        }
        from = last;
    }
}

/// The sections of an instance up to `head`, on top of `snapshot` if that fits the journal.
pub(super) fn load(
    connection: &Connection,
    instance_id: Uuid,
    head: PlacedHead,
    snapshot: Option<Snapshot>,
) -> Result<Loaded, StoreError> {
    let Some(snapshot) = snapshot.filter(|snapshot| snapshot.head.seq <= head.head.seq) else {
        let tail = walk_back(connection, instance_id, head, 0)?;
        return Ok(Loaded { snapshot: None, tail });
    };
    let tail = walk_back(connection, instance_id, head, snapshot.head.seq)?;
    let follows = tail.first().map_or(head.head.hash, |section| section.previous_hash);
    if follows == snapshot.head.hash {
        return Ok(Loaded { snapshot: Some(snapshot), tail });
    }
    // A snapshot is derived: without it the journal still tells everything.
    tracing::warn!(%instance_id, "a snapshot does not fit the journal and is not used");
    let tail = walk_back(connection, instance_id, head, 0)?;
    Ok(Loaded { snapshot: None, tail })
}

/// Sections of an instance after `after_seq` up to `head`, oldest first.
fn walk_back(
    connection: &Connection,
    instance_id: Uuid,
    head: PlacedHead,
    after_seq: u64,
) -> Result<Vec<Section>, StoreError> {
    let mut newest_first: Vec<Section> = Vec::new();
    let mut wanted = head.head;
    let mut position = head.position;
    while wanted.seq > after_seq {
        let here = position;
        let body = body(connection, here)?;
        let sections = decode(here, &body)?;
        // A group may hold several sections of the instance.
        while position == here && wanted.seq > after_seq {
            let section = sections
                .iter()
                .find(|section| section.instance_id == instance_id && section.stored.head == wanted)
                .ok_or_else(|| broken_chain(instance_id, wanted.seq))?;
            let taken = section.to_section();
            wanted = Head { seq: taken.seq - 1, hash: taken.previous_hash };
            position = section.previous_position;
            newest_first.push(taken);
        }
    }
    newest_first.reverse();
    Ok(newest_first)
}

fn body(connection: &Connection, position: Position) -> Result<Vec<u8>, StoreError> {
    connection
        .prepare_cached("SELECT body FROM journal WHERE position = ?1")?
        .query_row([signed(position.0)], |row| row.get(0))
        .optional()?
        .ok_or_else(|| StoreError::Damaged(format!("the journal lacks group {}", position.0)))
}

fn broken_chain(instance_id: Uuid, seq: u64) -> StoreError {
    StoreError::Damaged(format!(
        "section {seq} of instance {instance_id} is not where it should be"
    ))
}

impl Journal for SqliteStore {
    fn append(&self, append: Append) -> Appending {
        let (reply, answer) = oneshot::channel();
        let job = Job::Append(append, reply);
        let refused = match self.writers() {
            Ok(writers) => writers.journal.try_submit(job),
            Err(_) => Err((job, "the store is open to read only")),
        };
        if let Err((Job::Append(_, reply), why)) = refused {
            // The receiver is in our hands, so it is there.
            let _ = reply.send(Err(AppendError::Unavailable(why.to_owned())));
        }
        answer
    }

    fn load(&self, instance_id: Uuid) -> Pending<'_, Loaded> {
        Box::pin(async move {
            let heads = Arc::clone(&self.heads);
            let (head, snapshot) = self
                .read_projection(move |projection| {
                    let snapshot = snapshots::get(projection, instance_id)?;
                    Ok((heads.find(instance_id, projection)?, snapshot))
                })
                .await?;
            self.read_journal(move |journal| load(journal, instance_id, head, snapshot)).await
        })
    }

    fn read_groups(&self, after: Position, bytes_max: usize) -> Pending<'_, Vec<Group>> {
        self.read_journal(move |journal| read_groups(journal, after, bytes_max))
    }

    fn shared(&self) -> Option<&dyn SharedJournal> {
        None
    }

    fn last_position(&self) -> Pending<'_, Position> {
        Box::pin(async { Ok(Position(self.last_position.load(Ordering::Acquire))) })
    }

    fn due(&self, until_ms: i64, limit: usize) -> Pending<'_, Vec<(Uuid, i64)>> {
        self.read_projection(move |projection| Ok(heads::due(projection, until_ms, limit)?))
    }
}
