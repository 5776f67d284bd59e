//! What the projector keeps: one step in one transaction.

use deadpool_postgres::{ClientWrapper, Transaction};
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::Error;
use uuid::Uuid;

use super::{
    PostgresStore, accounts, audit, consumers,
    database::{Database, Role},
    failure::{Columns, Failure, closed, read_only},
    heads, line_items, meters, rollups, sessions, snapshots, usage,
};
use crate::{
    ConsumerRow, HeadRow, LineItemRow, MeterDenialRow, MeterFilter, MeterLevelRow, MeterRow,
    Pending, Position, Projection, Projections, RollupFilter, RollupRow, SessionRow, Snapshot,
    StoreError, UsageFilter, UsageRow,
    audit_id::Changes,
    numbers::{signed, unsigned},
};

const LEAD: &str =
    "SELECT pg_try_advisory_lock(hashtextextended('licet projector ' || current_schema(), 0))";

/// The connection that writes what is derived. Who leads has a lock that lasts as long as it.
pub(super) struct Projector {
    database: Database,
    link: Mutex<Link>,
}

enum Link {
    Idle,
    Open { client: ClientWrapper, leads: bool },
    Closed,
}

impl Projector {
    pub(super) fn new(database: Database) -> Self {
        Self { database, link: Mutex::new(Link::Idle) }
    }

    async fn link(&self) -> Result<MutexGuard<'_, Link>, StoreError> {
        let mut link = self.link.lock().await;
        match &*link {
            Link::Closed => return Err(closed()),
            Link::Open { client, .. } if !client.is_closed() => return Ok(link),
            Link::Open { .. } | Link::Idle => {}
        }
        let client = self.database.connect(Role::Project).await?;
        *link = Link::Open { client, leads: false };
        Ok(link)
    }

    async fn lead(&self) -> Result<bool, StoreError> {
        let mut link = self.link().await?;
        if let Link::Open { client, leads: true } = &*link {
            match client.check_connection().await {
                Ok(()) => return Ok(true),
                Err(error) => link.give_up_if_lost(&error),
            }
            drop(link);
            link = self.link().await?;
        }
        let Link::Open { client, leads } = &mut *link else { return Err(closed()) };
        *leads = client.query_one(LEAD, &[]).await?.column(0)?;
        Ok(*leads)
    }

    pub(super) async fn close(&self) {
        *self.link.lock().await = Link::Closed;
    }
}

impl Link {
    /// Leadership goes with the connection, so a broken one must not linger.
    fn give_up_if_lost(&mut self, error: &Error) {
        if Failure::of(error) == Failure::ConnectionLost {
            *self = Self::Idle;
        }
    }
}

/// A transaction of the projector on the position that stands.
async fn begin(client: &mut ClientWrapper) -> Result<(Transaction<'_>, Position), StoreError> {
    let transaction = client.transaction().await?;
    let statement = transaction.prepare_cached("SELECT position FROM progress FOR UPDATE").await?;
    let row = transaction.query_one(&statement, &[]).await?;
    let position = Position(unsigned(row.column(0)?));
    Ok((transaction, position))
}

async fn step(client: &mut ClientWrapper, step: &Projection) -> Result<(), StoreError> {
    let (transaction, stands) = begin(client).await?;
    if stands != step.from || step.to < step.from {
        return Err(StoreError::Conflict);
    }
    heads::put(&transaction, &step.heads).await?;
    accounts::note(&transaction, step).await?;
    usage::insert(&transaction, &step.usage).await?;
    rollups::add(&transaction, &step.rollups).await?;
    consumers::add(&transaction, &step.consumers).await?;
    meters::add(&transaction, &step.meters).await?;
    meters::add_denials(&transaction, &step.meter_denials).await?;
    line_items::delete(&transaction, &step.deleted_line_items).await?;
    line_items::put(&transaction, &step.line_items).await?;
    line_items::put_used(&transaction, &step.balances).await?;
    sessions::put(&transaction, &step.sessions).await?;
    audit::insert(&transaction, Changes::OfInstances, &step.audit).await?;
    move_to(&transaction, step.to).await?;
    Ok(transaction.commit().await?)
}

async fn move_to(transaction: &Transaction<'_>, position: Position) -> Result<(), StoreError> {
    let statement = transaction.prepare_cached("UPDATE progress SET position = $1").await?;
    transaction.execute(&statement, &[&signed(position.0)]).await?;
    Ok(())
}

async fn clear(client: &mut ClientWrapper) -> Result<(), StoreError> {
    let (transaction, _) = begin(client).await?;
    transaction
        .batch_execute(
            "TRUNCATE projected_head, snapshot, usage_block, usage_hour, account_instance, rollup,
                 consumer_block, meter_usage, meter_denial, meter, line_item, session",
        )
        .await?;
    audit::delete(&transaction, Changes::OfInstances).await?;
    move_to(&transaction, Position(0)).await?;
    Ok(transaction.commit().await?)
}

impl PostgresStore {
    async fn take_step(&self, projection: Projection) -> Result<(), StoreError> {
        self.writer()?;
        let mut link = self.projector.link().await?;
        let Link::Open { client, .. } = &mut *link else { return Err(closed()) };
        step(client, &projection).await
    }

    async fn forget(&self) -> Result<(), StoreError> {
        self.writer()?;
        let mut link = self.projector.link().await?;
        let Link::Open { client, .. } = &mut *link else { return Err(closed()) };
        clear(client).await
    }

    async fn position(&self) -> Result<Position, StoreError> {
        let rows = self.shared.query("SELECT position FROM progress", &[]).await?;
        let row =
            rows.first().ok_or_else(|| StoreError::Damaged("progress is empty".to_owned()))?;
        Ok(Position(unsigned(row.column(0)?)))
    }
}

impl Projections for PostgresStore {
    fn lead(&self) -> Pending<'_, bool> {
        Box::pin(async {
            if self.writer.is_none() {
                return Err(read_only());
            }
            self.projector.lead().await
        })
    }

    fn projected(&self) -> Pending<'_, Position> {
        Box::pin(self.position())
    }

    fn project(&self, projection: Projection) -> Pending<'_, ()> {
        Box::pin(self.take_step(projection))
    }

    fn forget_projection(&self) -> Pending<'_, ()> {
        Box::pin(self.forget())
    }

    fn save_snapshot(&self, snapshot: Snapshot) -> Pending<'_, ()> {
        Box::pin(async move { snapshots::put(&*self.to_change().await?, &snapshot).await })
    }

    fn usage(&self, filter: UsageFilter) -> Pending<'_, Vec<UsageRow>> {
        Box::pin(usage::select(self, filter))
    }

    fn rollups(&self, filter: RollupFilter) -> Pending<'_, Vec<RollupRow>> {
        Box::pin(rollups::select(self, filter))
    }

    fn consumers(&self, filter: MeterFilter) -> Pending<'_, Vec<ConsumerRow>> {
        Box::pin(consumers::select(self, filter))
    }

    fn meters(&self, filter: MeterFilter) -> Pending<'_, Vec<MeterRow>> {
        Box::pin(meters::select(self, filter))
    }

    fn meter_denials(&self, filter: MeterFilter) -> Pending<'_, Vec<MeterDenialRow>> {
        Box::pin(meters::select_denials(self, filter))
    }

    fn meter_levels(&self, filter: MeterFilter) -> Pending<'_, Vec<MeterLevelRow>> {
        Box::pin(meters::select_levels(self, filter))
    }

    fn line_items(&self, instance_id: Option<Uuid>) -> Pending<'_, Vec<LineItemRow>> {
        Box::pin(line_items::select(self, instance_id))
    }

    fn sessions(&self, instance_id: Option<Uuid>, limit: usize) -> Pending<'_, Vec<SessionRow>> {
        Box::pin(sessions::select(self, instance_id, limit))
    }

    fn heads(&self) -> Pending<'_, Vec<HeadRow>> {
        Box::pin(heads::all(self))
    }
}
