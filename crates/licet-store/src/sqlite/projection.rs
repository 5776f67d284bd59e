//! The one writer of `projection.db`, and how far it has come.

use std::sync::Arc;

use rusqlite::Connection;
use uuid::Uuid;

use super::{
    SqliteStore, accounts, audit, consumers,
    database::{Database, checkpoint_and_truncate, in_transaction},
    heads, journal, line_items, meters, rollups, sessions, snapshots, usage,
    worker::Work,
};
use crate::{
    ConsumerRow, HeadRow, LineItemRow, MeterDenialRow, MeterFilter, MeterLevelRow, MeterRow,
    Pending, Position, Projection, Projections, RollupFilter, RollupRow, SessionRow, Snapshot,
    StoreError, UsageFilter, UsageRow,
    audit_id::Changes,
    numbers::{signed, unsigned},
};

/// Changes that may wait. The projector takes one step at a time; snapshots come beside it.
pub(super) const QUEUE_MAX: usize = 1024;

/// Changes the projection in a transaction of its own, and answers by itself.
pub(super) type Change = Box<dyn FnOnce(&Connection) + Send>;

/// Owns the connection that writes the projection.
pub(super) struct ProjectionWriter(pub(super) Connection);

impl Work for ProjectionWriter {
    type Job = Change;

    fn run(&mut self, jobs: &mut Vec<Change>) {
        for change in jobs.drain(..) {
            change(&self.0);
        }
    }

    fn finish(self) {
        checkpoint_and_truncate(&self.0);
    }
}

/// Place up to which the journal is projected.
pub(super) fn position(connection: &Connection) -> Result<Position, StoreError> {
    let position = connection
        .prepare_cached("SELECT coalesce(max(position), 0) FROM progress")?
        .query_row([], |row| row.get(0))?;
    Ok(Position(unsigned(position)))
}

/// Which journal is projected; `None` for a new projection.
pub(super) fn journal_id(connection: &Connection) -> Result<Option<String>, StoreError> {
    Ok(connection.query_row("SELECT max(journal_id) FROM progress", [], |row| row.get(0))?)
}

/// Takes one step of the projector; `connection` is in a transaction.
pub(super) fn step(connection: &Connection, step: &Projection) -> Result<(), StoreError> {
    if position(connection)? != step.from || step.to < step.from {
        return Err(StoreError::Conflict);
    }
    for head in &step.heads {
        heads::put(connection, head)?;
    }
    accounts::note(connection, step)?;
    usage::insert(connection, &step.usage)?;
    rollups::add(connection, &step.rollups)?;
    consumers::add(connection, &step.consumers)?;
    meters::add(connection, &step.meters)?;
    meters::add_denials(connection, &step.meter_denials)?;
    line_items::delete(connection, &step.deleted_line_items)?;
    line_items::put(connection, &step.line_items)?;
    line_items::put_used(connection, &step.balances)?;
    sessions::put(connection, &step.sessions)?;
    for row in &step.audit {
        audit::insert(connection, Changes::OfInstances, row)?;
    }
    move_to(connection, step.to)
}

fn move_to(connection: &Connection, position: Position) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE progress SET position = ?1")?
        .execute([signed(position.0)])?;
    Ok(())
}

/// Empties every table, for the journal of this name; `connection` is in a transaction.
pub(super) fn clear(connection: &Connection, journal_id: &str) -> Result<(), StoreError> {
    for table in [
        "progress",
        "head",
        "snapshot",
        "usage_block",
        "usage_hour",
        "account_instance",
        "rollup",
        "consumer_block",
        "meter_usage",
        "meter_denial",
        "meter",
        "line_item",
        "session",
        "audit",
    ] {
        // Without a condition SQLite frees whole pages and looks at no row.
        connection.execute_batch(&format!("DELETE FROM {table}"))?;
    }
    connection.execute(
        "INSERT INTO progress (one, position, journal_id) VALUES (1, 0, ?1)",
        [journal_id],
    )?;
    Ok(())
}

impl Projections for SqliteStore {
    fn lead(&self) -> Pending<'_, bool> {
        Box::pin(async { Ok(true) })
    }

    fn projected(&self) -> Pending<'_, Position> {
        self.read_projection(position)
    }

    fn project(&self, projection: Projection) -> Pending<'_, ()> {
        self.change_projection(move |connection| {
            in_transaction(connection, |connection| step(connection, &projection))
        })
    }

    fn forget_projection(&self) -> Pending<'_, ()> {
        let heads = Arc::clone(&self.heads);
        let directory = self.directory.clone();
        Box::pin(async move {
            let journal_id = self.writers()?.journal_id.clone();
            self.change_projection(move |connection| {
                // From here on no head can be looked up in the projection, so all must be known
                // before it is emptied.
                let journal = Database::Journal.open_to_read(&directory)?;
                heads.learn(journal::heads_after(&journal, Position(0))?);
                in_transaction(connection, |connection| clear(connection, &journal_id))
            })
            .await
        })
    }

    fn save_snapshot(&self, snapshot: Snapshot) -> Pending<'_, ()> {
        self.change_projection(move |connection| {
            in_transaction(connection, |connection| Ok(snapshots::put(connection, &snapshot)?))
        })
    }

    fn usage(&self, filter: UsageFilter) -> Pending<'_, Vec<UsageRow>> {
        self.read_projection(move |connection| usage::select(connection, &filter))
    }

    fn rollups(&self, filter: RollupFilter) -> Pending<'_, Vec<RollupRow>> {
        self.read_projection(move |connection| Ok(rollups::select(connection, &filter)?))
    }

    fn consumers(&self, filter: MeterFilter) -> Pending<'_, Vec<ConsumerRow>> {
        self.read_projection(move |connection| consumers::select(connection, &filter))
    }

    fn meters(&self, filter: MeterFilter) -> Pending<'_, Vec<MeterRow>> {
        self.read_projection(move |connection| Ok(meters::select(connection, &filter)?))
    }

    fn meter_denials(&self, filter: MeterFilter) -> Pending<'_, Vec<MeterDenialRow>> {
        self.read_projection(move |connection| Ok(meters::select_denials(connection, &filter)?))
    }

    fn meter_levels(&self, filter: MeterFilter) -> Pending<'_, Vec<MeterLevelRow>> {
        self.read_projection(move |connection| Ok(meters::select_levels(connection, &filter)?))
    }

    fn line_items(&self, instance_id: Option<Uuid>) -> Pending<'_, Vec<LineItemRow>> {
        self.read_projection(move |connection| Ok(line_items::select(connection, instance_id)?))
    }

    fn sessions(&self, instance_id: Option<Uuid>, limit: usize) -> Pending<'_, Vec<SessionRow>> {
        self.read_projection(move |connection| {
            Ok(sessions::select(connection, instance_id, limit)?)
        })
    }

    fn heads(&self) -> Pending<'_, Vec<HeadRow>> {
        self.read_projection(|connection| Ok(heads::all(connection)?))
    }
}
