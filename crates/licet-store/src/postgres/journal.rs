//! Reading the journal, and the way to its writers.

use tokio_postgres::Row;
use uuid::Uuid;

use super::{PostgresStore, failure::Columns, heads, hold, snapshots};
use crate::{
    Append, AppendError, Appending, Group, Hold, Journal, Loaded, Pending, Position, Section,
    SharedJournal, StoreError,
    numbers::{row_limit, signed, unsigned},
};

/// Sections that are read at a time.
const SECTIONS_READ: usize = 4_096;

const SECTION: &str = "instance_id, seq, previous_hash, hash, at_ms, wake_at_ms, records";

/// Whole groups after $1: as many as $3 sections begin, until $2 bytes are passed.
///
/// A transaction that has not ended may yet commit at its position, so nothing is read at or above
/// the oldest one.
fn groups_sql() -> String {
    format!(
        "WITH first AS (
            SELECT position, octet_length(records) AS bytes FROM journal
            WHERE position > $1 AND position < (
                SELECT position_offset + pg_snapshot_xmin(pg_current_snapshot())::text::bigint
                FROM identity)
            ORDER BY position LIMIT $3
        ), summed AS (
            SELECT position, sum(bytes) OVER (ORDER BY position) AS bytes FROM first
        ), last AS (
            SELECT coalesce(min(position) FILTER (WHERE bytes >= $2), max(position)) AS position
            FROM summed
        )
        SELECT {SECTION}, position FROM journal
        WHERE position > $1 AND position <= (SELECT position FROM last)
        ORDER BY position, instance_id, seq"
    )
}

/// The columns stand in the order of [`SECTION`].
pub(super) fn section(row: &Row) -> Result<Section, StoreError> {
    Ok(Section {
        instance_id: row.column(0)?,
        seq: unsigned(row.column(1)?),
        previous_hash: row.hash(2)?,
        hash: row.hash(3)?,
        at_ms: row.column(4)?,
        wake_at_ms: row.column(5)?,
        records: row.column(6)?,
    })
}

pub(super) fn tail_sql() -> String {
    format!("SELECT {SECTION} FROM journal WHERE instance_id = $1 AND seq > $2 ORDER BY seq")
}

/// # Errors
/// [`StoreError::Damaged`] if a section is missing.
pub(super) fn tail(rows: &[Row], after_seq: u64) -> Result<Vec<Section>, StoreError> {
    let sections: Vec<Section> = rows.iter().map(section).collect::<Result<_, _>>()?;
    for (section, seq) in sections.iter().zip(after_seq + 1..) {
        if section.seq != seq {
            let id = section.instance_id;
            return Err(StoreError::Damaged(format!("section {seq} of instance {id} is missing")));
        }
    }
    Ok(sections)
}

impl PostgresStore {
    async fn read_tail(
        &self,
        instance_id: Uuid,
        after_seq: u64,
    ) -> Result<Vec<Section>, StoreError> {
        let rows = self.shared.query(&tail_sql(), &[&instance_id, &signed(after_seq)]).await?;
        tail(&rows, after_seq)
    }

    /// The sections of an instance on top of its snapshot, if that fits the journal.
    async fn read_instance(&self, instance_id: Uuid) -> Result<Loaded, StoreError> {
        if let Some(snapshot) = snapshots::get(&self.shared, instance_id).await? {
            // The journal must have had the snapshot's head.
            let mut tail = self.read_tail(instance_id, snapshot.head.seq - 1).await?;
            if tail.first().is_some_and(|section| section.hash == snapshot.head.hash) {
                tail.remove(0);
                return Ok(Loaded { snapshot: Some(snapshot), tail });
            }
            // A snapshot is derived: without it the journal still tells everything.
            tracing::warn!(%instance_id, "a snapshot does not fit the journal and is not used");
        }
        Ok(Loaded { snapshot: None, tail: self.read_tail(instance_id, 0).await? })
    }

    async fn groups_after(
        &self,
        after: Position,
        bytes_max: usize,
    ) -> Result<Vec<Group>, StoreError> {
        let mut groups: Vec<Group> = Vec::new();
        let mut bytes = 0;
        loop {
            let from = groups.last().map_or(after, |group| group.position);
            let room = i64::try_from(bytes_max - bytes).unwrap_or(i64::MAX);
            let rows = self
                .groups
                .query(&groups_sql(), &[&signed(from.0), &room, &row_limit(SECTIONS_READ)])
                .await?;
            for row in &rows {
                let section = section(row)?;
                bytes += section.records.len();
                push(&mut groups, Position(unsigned(row.column(7)?)), section);
            }
            if rows.len() < SECTIONS_READ || bytes >= bytes_max {
                return Ok(groups);
            }
        }
    }
}

fn push(groups: &mut Vec<Group>, position: Position, section: Section) {
    match groups.last_mut() {
        Some(group) if group.position == position => group.sections.push(section),
        _ => groups.push(Group { position, sections: vec![section] }),
    }
}

impl Journal for PostgresStore {
    fn append(&self, append: Append) -> Appending {
        match &self.writers {
            Some(writers) => writers.append(append),
            None => {
                let (reply, answer) = tokio::sync::oneshot::channel();
                let why = "the store is open to read only".to_owned();
                // The receiver is in our hands, so it is there.
                let _ = reply.send(Err(AppendError::Unavailable(why)));
                answer
            }
        }
    }

    fn shared(&self) -> Option<&dyn SharedJournal> {
        Some(self)
    }

    fn load(&self, instance_id: Uuid) -> Pending<'_, Loaded> {
        Box::pin(self.read_instance(instance_id))
    }

    fn read_groups(&self, after: Position, bytes_max: usize) -> Pending<'_, Vec<Group>> {
        Box::pin(self.groups_after(after, bytes_max))
    }

    fn last_position(&self) -> Pending<'_, Position> {
        Box::pin(async {
            let sql = "SELECT coalesce(max(position), 0) FROM journal";
            match self.shared.query(sql, &[]).await?.first() {
                Some(row) => Ok(Position(unsigned(row.column(0)?))),
                None => Ok(Position(0)),
            }
        })
    }

    fn due(&self, until_ms: i64, limit: usize) -> Pending<'_, Vec<(Uuid, i64)>> {
        Box::pin(heads::due(&self.shared, until_ms, limit))
    }
}

impl SharedJournal for PostgresStore {
    fn tail(&self, instance_id: Uuid, after_seq: u64) -> Pending<'_, Vec<Section>> {
        Box::pin(self.read_tail(instance_id, after_seq))
    }

    fn hold(&self, instance_id: Uuid, after_seq: u64) -> Pending<'_, Box<dyn Hold>> {
        Box::pin(hold::hold(self, instance_id, after_seq))
    }
}
