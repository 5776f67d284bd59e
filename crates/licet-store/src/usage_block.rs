//! Usage rows, packed: how rows of one instance are written into the body of a block.
//!
//! A block has rows of one hour, in the order of the journal. Layout of format 1:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | format, 1 |
//! | … | the rows |
//! | 4 | CRC-32 of the instance id (16), the number of rows (4) and everything above |
//!
//! A row begins with three bytes of flags, the lowest first. A flag that is set says that a field
//! is what the row before lets expect, and nothing of it follows; the fields without theirs follow
//! in the order of the flags:
//!
//! - ids as 16 bytes; a correlation id may also be the next after that of the row before, as the
//!   core counts them in an array;
//! - numbers as the difference to what was expected, which is the number of the row before, for
//!   `used` that and the row's tokens, and for the overdraft what `used` and the line item say;
//! - what the row is about as two flags, and nothing that follows;
//! - texts as twice their length and their bytes, or as one more than twice the way back to where
//!   the text already stands in the body.

mod pack;
mod read;

use std::{collections::BTreeMap, sync::Arc};

use uuid::Uuid;

pub use self::{pack::UsagePacker, read::UsageEntries};
use crate::{StoreError, UsageFilter, UsageKind, UsageRow};

const FORMAT: u8 = 1;
const CHECKSUM_BYTES: usize = 4;
const FLAG_BYTES: usize = 3;
const HOUR_MS: i64 = 3_600_000;

/// Most rows of a block.
const ROWS_MAX: u32 = 4_096;
/// Bytes after which a block takes no further row.
const BODY_BYTES: usize = 256 << 10;

/// What a row's flags say, from the lowest bit up.
mod flag {
    pub(super) const CORRELATION_SAME: u32 = 1;
    pub(super) const CORRELATION_NEXT: u32 = 1 << 1;
    pub(super) const USAGE_TIME: u32 = 1 << 2;
    pub(super) const WRITE_TIME: u32 = 1 << 3;
    pub(super) const CONSUMER_TYPE: u32 = 1 << 4;
    pub(super) const CONSUMER_ID: u32 = 1 << 5;
    pub(super) const METER_COST: u32 = 1 << 6;
    pub(super) const METER_QUANTITY: u32 = 1 << 7;
    pub(super) const ITEM: u32 = 1 << 8;
    pub(super) const ITEM_VERSION: u32 = 1 << 9;
    pub(super) const ITEM_QUANTITY: u32 = 1 << 10;
    pub(super) const ACTIVATION: u32 = 1 << 11;
    pub(super) const ENTITLED: u32 = 1 << 12;
    pub(super) const USED: u32 = 1 << 13;
    pub(super) const OVERDRAFT: u32 = 1 << 14;
    pub(super) const SESSION_SAME: u32 = 1 << 15;
    pub(super) const SESSION_NONE: u32 = 1 << 16;
    pub(super) const SESSION_STATE: u32 = 1 << 17;
    pub(super) const RESPONSE: u32 = 1 << 18;
    pub(super) const META_DATA_NONE: u32 = 1 << 19;
    pub(super) const FEATURE: u32 = 1 << 20;
    pub(super) const DENIED_FEATURE: u32 = 1 << 21;
    pub(super) const USER: u32 = 1 << 22;
}

/// Rows of one instance and hour, packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageBlock {
    pub(crate) instance_id: Uuid,
    pub(crate) account_id: Arc<str>,
    /// At least one.
    pub(crate) rows: u32,
    /// Earliest and latest usage time.
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) body: Vec<u8>,
}

/// A usage row as it stands in a block, which knows its instance, account and row id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageEntry<'a> {
    pub correlation_id: Uuid,
    pub usage_time_ms: i64,
    pub write_time_ms: i64,
    pub consumer_type: &'a str,
    pub consumer_id: &'a str,
    pub meter_cost: i64,
    pub meter_quantity: i64,
    pub item: &'a str,
    pub item_version: &'a str,
    pub item_quantity: i64,
    pub activation_id: &'a str,
    pub mapped_entitled_count: i64,
    pub used: i64,
    pub overdraft_count: i64,
    pub session_id: Option<Uuid>,
    pub session_state: &'a str,
    pub request_response: &'a str,
    pub meta_data: Option<&'a str>,
    pub kind: UsageKind,
    pub user: &'a str,
}

impl UsageBlock {
    /// Packs rows in their order; rows of one instance and hour that stand together share a block.
    #[must_use]
    pub fn pack(rows: &[UsageRow]) -> Vec<Self> {
        let of_one = |one: &UsageRow, next: &UsageRow| one.instance_id == next.instance_id;
        let mut blocks = Vec::new();
        for rows in rows.chunk_by(of_one) {
            let mut packer = UsagePacker::new(rows[0].instance_id, (*rows[0].account_id).into());
            rows.iter().for_each(|row| packer.push(&row.entry()));
            packer.finish_into(&mut blocks);
        }
        blocks
    }

    #[must_use]
    pub fn instance_id(&self) -> Uuid {
        self.instance_id
    }

    /// The rows in their order.
    ///
    /// # Errors
    /// [`StoreError::Damaged`]
    pub fn entries(&self) -> Result<UsageEntries<'_>, StoreError> {
        UsageEntries::new(self.instance_id, self.rows, &self.body)
    }
}

/// First millisecond of the hour in which `at_ms` lies.
pub(crate) fn hour_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(HOUR_MS).saturating_mul(HOUR_MS)
}

/// Between which row ids the rows of each hour lie that a step adds: the first and the last, by the
/// hour's first millisecond.
#[derive(Debug, Default)]
pub(crate) struct Hours(pub(crate) BTreeMap<i64, (i64, i64)>);

impl Hours {
    /// Takes in a block, which comes after those before it.
    pub(crate) fn widen(&mut self, block: &UsageBlock, first_row_id: i64) {
        let last_row_id = first_row_id + i64::from(block.rows) - 1;
        let hour = self.0.entry(hour_of(block.first_ms)).or_insert((first_row_id, last_row_id));
        hour.1 = last_row_id;
    }
}

/// A block as it was found in a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoredBlock<'a> {
    pub(crate) first_row_id: i64,
    pub(crate) instance_id: Uuid,
    pub(crate) account_id: &'a str,
    pub(crate) rows: i64,
    pub(crate) body: &'a [u8],
}

impl StoredBlock<'_> {
    /// Adds the rows that are wanted, until there are as many as the filter's limit.
    pub(crate) fn collect(
        &self,
        filter: &UsageFilter,
        rows: &mut Vec<UsageRow>,
    ) -> Result<(), StoreError> {
        if filter.newest_first {
            return self.collect_backwards(filter, rows);
        }
        for (row_id, entry) in (self.first_row_id..).zip(self.entries()?) {
            if rows.len() >= filter.limit {
                break;
            }
            let entry = entry?;
            if row_id > filter.after_row_id && entry.is_wanted(filter) {
                rows.push(self.row(row_id, &entry));
            }
        }
        Ok(())
    }

    /// Rows can be read in one direction only, so those that are wanted are put the other way
    /// round.
    fn collect_backwards(
        &self,
        filter: &UsageFilter,
        rows: &mut Vec<UsageRow>,
    ) -> Result<(), StoreError> {
        let mut wanted = Vec::new();
        for (row_id, entry) in (self.first_row_id..).zip(self.entries()?) {
            let entry = entry?;
            if row_id > filter.after_row_id && entry.is_wanted(filter) {
                wanted.push((row_id, entry));
            }
        }
        let room = filter.limit.saturating_sub(rows.len());
        let newest = wanted.iter().rev().take(room);
        rows.extend(newest.map(|(row_id, entry)| self.row(*row_id, entry)));
        Ok(())
    }

    fn entries(&self) -> Result<UsageEntries<'_>, StoreError> {
        UsageEntries::new(self.instance_id, u32::try_from(self.rows).unwrap_or(0), self.body)
    }

    fn row(&self, row_id: i64, entry: &UsageEntry<'_>) -> UsageRow {
        UsageRow {
            row_id,
            correlation_id: entry.correlation_id,
            usage_time_ms: entry.usage_time_ms,
            write_time_ms: entry.write_time_ms,
            account_id: self.account_id.to_owned(),
            instance_id: self.instance_id,
            consumer_type: entry.consumer_type.to_owned(),
            consumer_id: entry.consumer_id.to_owned(),
            meter_cost: entry.meter_cost,
            meter_quantity: entry.meter_quantity,
            item: entry.item.to_owned(),
            item_version: entry.item_version.to_owned(),
            item_quantity: entry.item_quantity,
            activation_id: entry.activation_id.to_owned(),
            mapped_entitled_count: entry.mapped_entitled_count,
            used: entry.used,
            overdraft_count: entry.overdraft_count,
            session_id: entry.session_id,
            session_state: entry.session_state.to_owned(),
            request_response: entry.request_response.to_owned(),
            meta_data: entry.meta_data.map(str::to_owned),
            kind: entry.kind,
            user: entry.user.to_owned(),
        }
    }
}

impl UsageEntry<'_> {
    fn is_wanted(&self, filter: &UsageFilter) -> bool {
        let fits = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        (filter.from_ms..filter.until_ms).contains(&self.usage_time_ms)
            && (filter.kinds.is_empty() || filter.kinds.contains(&self.kind))
            && fits(&filter.item, self.item)
            && fits(&filter.consumer_id, self.consumer_id)
            && fits(&filter.activation_id, self.activation_id)
    }

    /// What is expected of the next row's `used`, as far as its line item is the same.
    fn used_after(&self, meter_quantity: i64) -> i64 {
        self.used.wrapping_add(meter_quantity)
    }

    fn expected_overdraft(used: i64, entitled: i64) -> i64 {
        used.wrapping_sub(entitled).max(0)
    }
}

impl UsageRow {
    fn entry(&self) -> UsageEntry<'_> {
        UsageEntry {
            correlation_id: self.correlation_id,
            usage_time_ms: self.usage_time_ms,
            write_time_ms: self.write_time_ms,
            consumer_type: &self.consumer_type,
            consumer_id: &self.consumer_id,
            meter_cost: self.meter_cost,
            meter_quantity: self.meter_quantity,
            item: &self.item,
            item_version: &self.item_version,
            item_quantity: self.item_quantity,
            activation_id: &self.activation_id,
            mapped_entitled_count: self.mapped_entitled_count,
            used: self.used,
            overdraft_count: self.overdraft_count,
            session_id: self.session_id,
            session_state: &self.session_state,
            request_response: &self.request_response,
            meta_data: self.meta_data.as_deref(),
            kind: self.kind,
            user: &self.user,
        }
    }
}

/// A block in another instance's place is noticed too.
fn checksum(instance_id: Uuid, rows: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(instance_id.as_bytes());
    hasher.update(&rows.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

#[cfg(test)]
mod tests;
