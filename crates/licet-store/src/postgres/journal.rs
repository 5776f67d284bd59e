//! Reading the journal, and the way to its writer.

use tokio_postgres::Row;
use uuid::Uuid;

use super::{PostgresStore, failure::Columns, heads, hold, snapshots, walk};
use crate::{
    Append, AppendError, Appending, Group, Hold, Journal, Loaded, Pending, Position, Section,
    SharedJournal, StoreError,
    numbers::{row_limit, signed, unsigned},
};

/// Groups that are read at a time.
const GROUPS_READ: usize = 1_024;

/// At most $3 groups after $1, until $2 bytes are passed.
///
/// A transaction that has not ended may yet commit at its position, so nothing is read at or above
/// the oldest one.
const GROUPS: &str = "
    SELECT position, instance_ids, sections
    FROM (
        SELECT position, instance_ids, sections, sum(pg_column_size(sections))
            OVER (ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
            AS bytes_before
        FROM journal
        WHERE position > $1 AND position < (
            SELECT position_offset + pg_snapshot_xmin(pg_current_snapshot())::text::bigint
            FROM identity)
        ORDER BY position LIMIT $3
    ) AS first
    WHERE bytes_before IS NULL OR bytes_before < $2
    ORDER BY position";

impl PostgresStore {
    async fn read_tail(
        &self,
        instance_id: Uuid,
        after_seq: u64,
    ) -> Result<Vec<Section>, StoreError> {
        let rows = self.shared.query(walk::WALK, &[&instance_id, &signed(after_seq)]).await?;
        walk::tail(&rows)
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
                .query(GROUPS, &[&signed(from.0), &room, &row_limit(GROUPS_READ)])
                .await?;
            for row in &rows {
                let group = group(row)?;
                bytes += group.sections.iter().map(|section| section.records.len()).sum::<usize>();
                groups.push(group);
            }
            if rows.len() < GROUPS_READ || bytes >= bytes_max {
                return Ok(groups);
            }
        }
    }
}

fn group(row: &Row) -> Result<Group, StoreError> {
    let position = Position(unsigned(row.column(0)?));
    let (ids, sections): (Vec<Uuid>, Vec<&[u8]>) = (row.column(1)?, row.column(2)?);
    if ids.len() != sections.len() {
        return Err(StoreError::Damaged(format!("the journal's group {}", position.0)));
    }
    let sections = ids.into_iter().zip(sections).map(|(id, bytes)| walk::section(id, bytes));
    Ok(Group { position, sections: sections.collect::<Result<_, _>>()? })
}

impl Journal for PostgresStore {
    fn append(&self, append: Append) -> Appending {
        match &self.writer {
            Some(writer) => writer.append(append),
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
