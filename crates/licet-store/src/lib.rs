//! Durable state of licet: one trait, [`Store`], and two stores behind it: embedded SQLite for one
//! process, PostgreSQL for several.
//!
//! The store moves bytes and rows. It knows no business rule: it cannot read a journal record,
//! price an item or judge a caller.
//!
//! Two kinds of state live here:
//! - **truth**: the journal of every instance, and the ordinary tables of what is not an
//!   instance's (instances, rate tables, keys, settings, users, audit), or is beside its journal
//!   (accounts, keys and settings of its licence server);
//! - **projection**: what the projector derives from the journal (usage rows, roll-ups, balances,
//!   sessions, heads, snapshots). It may be thrown away and built again.

mod administration;
mod audit_id;
mod consumer_block;
mod error;
mod journal;
mod meter;
mod numbers;
mod packing;
pub mod postgres;
mod projection;
mod section;
mod site;
pub mod sqlite;
mod usage_block;

use std::{future::Future, path::Path, pin::Pin};

pub use administration::{
    Administration, InstanceSettingRow, InstanceTokenRow, InstanceUserRow, LicensingKeyRow,
    ProducerUserRow,
};
pub use consumer_block::{ConsumerBlock, ConsumerEntry, ConsumerKey};
pub use error::{AppendError, StoreError};
pub use journal::{Append, Group, Head, Loaded, Position, Section, Snapshot};
pub use meter::{MeterDenialRow, MeterFilter, MeterLevelRow, MeterRow, Meters};
pub use projection::{
    BalanceRow, ConsumerRow, HeadRow, LineItemRow, Projection, RollupFilter, RollupRow, SessionRow,
    Span, UsageFilter, UsageKind, UsageRow,
};
pub use site::{
    AuditRow, InstanceFilter, InstanceRow, KeyKind, KeyRow, RateTableRow, Retirement, SettingRow,
    SigningKeyRow, SiteChange, TokenRow, UserRow,
};
use tokio::sync::{broadcast, oneshot};
pub use usage_block::{UsageBlock, UsageEntries, UsageEntry, UsagePacker};
use uuid::Uuid;

/// An answer of the store that is still under way.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// What becomes of an [`Append`]: the place of its group in the journal, or why it is not there.
pub type Appending = oneshot::Receiver<Result<Position, AppendError>>;

/// The journals of all instances.
pub trait Journal: Send + Sync {
    /// Queues an append. The answer comes when it is durable, together with all appends that
    /// waited beside it.
    fn append(&self, append: Append) -> Appending;

    /// The way to journals that other processes append to as well; `None` if this process is the
    /// only one.
    fn shared(&self) -> Option<&dyn SharedJournal>;

    /// The newest snapshot of an instance and every section after it.
    fn load(&self, instance_id: Uuid) -> Pending<'_, Loaded>;

    /// Groups after `after`, oldest first, until `bytes_max` is passed; never part of a group,
    /// and at least one if there is one.
    fn read_groups(&self, after: Position, bytes_max: usize) -> Pending<'_, Vec<Group>>;

    /// Place of the last durable group, of whichever process.
    fn last_position(&self) -> Pending<'_, Position>;

    /// Instances whose `wake_at_ms` is at or before `until_ms`, earliest first, as of the
    /// projector's position.
    fn due(&self, until_ms: i64, limit: usize) -> Pending<'_, Vec<(Uuid, i64)>>;
}

/// Journals that several processes append to. Who decides on the state in its memory must know
/// that nothing was appended meanwhile: an append on an old head is refused, and for all else
/// there is [`tail`](Self::tail).
pub trait SharedJournal: Send + Sync {
    /// Sections of an instance after the one with number `after_seq`, oldest first; all that were
    /// durable when this was called.
    fn tail(&self, instance_id: Uuid, after_seq: u64) -> Pending<'_, Vec<Section>>;

    /// Waits until no other process is about to append to this instance, and keeps them waiting
    /// until the [`Hold`] is used or dropped, or the store's time-out has passed.
    fn hold(&self, instance_id: Uuid, after_seq: u64) -> Pending<'_, Box<dyn Hold>>;
}

/// An instance that this process alone may append to.
pub trait Hold: Send {
    /// Sections after the `after_seq` that was asked for; empty when taken a second time.
    fn take_tail(&mut self) -> Vec<Section>;

    /// Appends and lets go. `append.expected` is the head after the tail.
    ///
    /// # Errors
    /// As [`Journal::append`]; [`AppendError::Conflict`] only if the hold was lost.
    fn append(self: Box<Self>, append: Append) -> Held;

    /// Lets go without a change, as dropping does, and returns when that is done.
    fn release(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// What becomes of an append under a [`Hold`].
pub type Held = Pin<Box<dyn Future<Output = Result<Position, AppendError>> + Send>>;

/// What the projector keeps, and what reports read.
pub trait Projections: Send + Sync {
    /// Whether this process is the one that projects. It stays so until the store is closed or
    /// out of reach; who was told no asks again now and then.
    fn lead(&self) -> Pending<'_, bool>;

    /// Place up to which the journal is projected.
    fn projected(&self) -> Pending<'_, Position>;

    /// Takes one step of the projector in one transaction: all rows, and the new position.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if `projection.from` is not the position that stands.
    fn project(&self, projection: Projection) -> Pending<'_, ()>;

    /// Throws the projection away: empties every derived table and sets the position to zero.
    /// Reads the whole journal first, because the heads must be known without the projection.
    fn forget_projection(&self) -> Pending<'_, ()>;

    /// Keeps a snapshot unless a newer one is there.
    fn save_snapshot(&self, snapshot: Snapshot) -> Pending<'_, ()>;

    /// Usage rows in order of `row_id`, or the other way round, after `filter.after_row_id`, at most
    /// `filter.limit`.
    fn usage(&self, filter: UsageFilter) -> Pending<'_, Vec<UsageRow>>;

    /// Roll-ups by hour or day, ordered by (start, instance, item, version).
    fn rollups(&self, filter: RollupFilter) -> Pending<'_, Vec<RollupRow>>;

    /// Distinct consumers with their totals by day, and of meters by quarter of an hour as well,
    /// ordered by (start, instance, meter, type, id).
    fn consumers(&self, filter: MeterFilter) -> Pending<'_, Vec<ConsumerRow>>;

    /// What was used of meters by quarter of an hour or by day, ordered by (start, instance, meter).
    fn meters(&self, filter: MeterFilter) -> Pending<'_, Vec<MeterRow>>;

    /// Denials of meters, same spans and order, then by reason.
    fn meter_denials(&self, filter: MeterFilter) -> Pending<'_, Vec<MeterDenialRow>>;

    /// What was in use of meters at the end of the last day before `filter.of.until_ms` on which
    /// anything changed, ordered by (instance, meter); `span` and `from_ms` do not matter.
    fn meter_levels(&self, filter: MeterFilter) -> Pending<'_, Vec<MeterLevelRow>>;

    /// Projected line items of one instance, or of all, ordered by (instance, activation ID).
    fn line_items(&self, instance_id: Option<Uuid>) -> Pending<'_, Vec<LineItemRow>>;

    /// Projected sessions of one instance, or of all, newest first. `limit` 0 means no limit.
    fn sessions(&self, instance_id: Option<Uuid>, limit: usize) -> Pending<'_, Vec<SessionRow>>;

    /// Projected heads of all instances that have a journal.
    fn heads(&self) -> Pending<'_, Vec<HeadRow>>;
}

/// What belongs to the site, in ordinary tables. Every change carries the audit row that goes
/// into the same transaction.
pub trait Site: Send + Sync {
    /// What other processes changed, as they change it; `None` if there are no others. A listener
    /// that missed something (a receiver that lagged) reads everything again.
    fn changes(&self) -> Option<broadcast::Receiver<SiteChange>>;

    /// Creates an instance. The first of an account becomes its default and no later one does,
    /// whatever the row says; the stored row is returned.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] if the account has an instance of that short name, or the id is
    /// taken.
    fn create_instance(&self, row: InstanceRow, audit: AuditRow) -> Pending<'_, InstanceRow>;
    fn instance(&self, id: Uuid) -> Pending<'_, Option<InstanceRow>>;
    /// Instances ordered by their row number; the number beside each is the cursor to go on from.
    fn instances(&self, filter: InstanceFilter) -> Pending<'_, Vec<(i64, InstanceRow)>>;

    /// # Errors
    /// [`StoreError::Duplicate`] if the series has that version.
    fn create_rate_table(&self, row: RateTableRow, audit: AuditRow) -> Pending<'_, ()>;
    /// Deletes a table that is not yet in effect at `now_ms`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] if it is in effect.
    fn delete_rate_table(
        &self,
        series: String,
        version: String,
        now_ms: i64,
        audit: AuditRow,
    ) -> Pending<'_, ()>;
    /// All tables by (series, effective from, version).
    fn rate_tables(&self) -> Pending<'_, Vec<RateTableRow>>;

    /// Adds keys, or replaces whole rows by id; all or none.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] if an id is taken by a key of the other kind.
    fn put_keys(&self, rows: Vec<KeyRow>, audit: AuditRow) -> Pending<'_, ()>;
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] if it is the last administration key.
    fn delete_key(&self, kind: KeyKind, id: String, audit: AuditRow) -> Pending<'_, ()>;
    /// All keys ordered by (kind, id).
    fn keys(&self) -> Pending<'_, Vec<KeyRow>>;

    /// Puts these signing keys in place of all that there are.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if those that there are are not `before`, as
    /// [`signing_keys`](Self::signing_keys) gave them: somebody else was faster.
    fn replace_signing_keys(
        &self,
        before: Vec<SigningKeyRow>,
        after: Vec<SigningKeyRow>,
        audit: AuditRow,
    ) -> Pending<'_, ()>;
    /// All signing keys ordered by (created, kid).
    fn signing_keys(&self) -> Pending<'_, Vec<SigningKeyRow>>;

    /// Settings that were changed from their default.
    fn settings(&self) -> Pending<'_, Vec<SettingRow>>;
    fn put_settings(&self, rows: Vec<SettingRow>, audit: AuditRow) -> Pending<'_, ()>;

    /// # Errors
    /// [`StoreError::Duplicate`] if the name is taken.
    fn create_user(&self, row: UserRow, audit: AuditRow) -> Pending<'_, ()>;
    /// # Errors
    /// [`StoreError::NotFound`]
    fn update_user(&self, row: UserRow, audit: AuditRow) -> Pending<'_, ()>;
    /// Deletes a user with its tokens.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]
    fn delete_user(&self, name: String, audit: AuditRow) -> Pending<'_, ()>;
    fn user(&self, name: String) -> Pending<'_, Option<UserRow>>;
    fn users(&self) -> Pending<'_, Vec<UserRow>>;

    fn create_token(&self, row: TokenRow, audit: AuditRow) -> Pending<'_, ()>;
    fn token(&self, hash: [u8; 32]) -> Pending<'_, Option<TokenRow>>;
    /// Deletes all tokens of a user, or just the one with `hash`.
    fn delete_tokens(
        &self,
        user: String,
        hash: Option<[u8; 32]>,
        audit: AuditRow,
    ) -> Pending<'_, ()>;
    /// Drops tokens of users, of the site's and of instances', that expired before `now_ms`.
    fn sweep_tokens(&self, now_ms: i64) -> Pending<'_, ()>;

    /// An audit row of its own, for what changes nothing else (a refused log-in).
    fn audit(&self, row: AuditRow) -> Pending<'_, ()>;
    /// Audit rows of the site and of instances, newest first by time, before the row id `before`
    /// (0: from the newest). Row ids are a stable order but larger than 2^53: write them as
    /// strings in JSON.
    fn audit_rows(&self, before: i64, limit: usize) -> Pending<'_, Vec<(i64, AuditRow)>>;
}

/// Durable state of a licet server.
pub trait Store: Journal + Projections + Site + Administration + 'static {
    /// Answers when the store can take writes; an error says why it cannot.
    fn ready(&self) -> Pending<'_, ()>;
    /// Where it keeps its files, if that is on this machine.
    fn directory(&self) -> Option<&Path>;
    /// Stops taking work, finishes what is queued, and closes.
    fn close(&self) -> Pending<'_, ()>;
}
