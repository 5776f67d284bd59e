//! Reading the rows of a block.

use uuid::Uuid;

use super::{CHECKSUM_BYTES, FLAG_BYTES, FORMAT, UsageEntry, checksum, flag};
use crate::{StoreError, UsageKind, packing::Reader};

/// The rows of a block, in their order.
#[derive(Debug, Clone)]
pub struct UsageEntries<'a> {
    instance_id: Uuid,
    reader: Reader<'a>,
    rows_left: u32,
    before: UsageEntry<'a>,
}

impl<'a> UsageEntries<'a> {
    pub(super) fn new(instance_id: Uuid, rows: u32, body: &'a [u8]) -> Result<Self, StoreError> {
        let reader = Self::check(instance_id, rows, body).ok_or_else(|| damaged(instance_id))?;
        Ok(Self { instance_id, reader, rows_left: rows, before: UsageEntry::default() })
    }

    fn check(instance_id: Uuid, rows: u32, body: &'a [u8]) -> Option<Reader<'a>> {
        let (body, sum) = body.split_at_checked(body.len().checked_sub(CHECKSUM_BYTES)?)?;
        if u32::from_le_bytes(sum.try_into().ok()?) != checksum(instance_id, rows, body) {
            return None;
        }
        let mut reader = Reader::new(body);
        (reader.array()? == [FORMAT]).then_some(reader)
    }

    fn read(&mut self) -> Option<UsageEntry<'a>> {
        let mut flags = [0; 4];
        flags[..FLAG_BYTES].copy_from_slice(self.reader.take(FLAG_BYTES)?);
        let mut row = Row { reader: &mut self.reader, flags: u32::from_le_bytes(flags) };
        let before = self.before;
        let mut entry = UsageEntry {
            correlation_id: row.correlation(before.correlation_id)?,
            usage_time_ms: row.number(flag::USAGE_TIME, before.usage_time_ms)?,
            write_time_ms: row.number(flag::WRITE_TIME, before.write_time_ms)?,
            consumer_type: row.text(flag::CONSUMER_TYPE, before.consumer_type)?,
            consumer_id: row.text(flag::CONSUMER_ID, before.consumer_id)?,
            meter_cost: row.number(flag::METER_COST, before.meter_cost)?,
            meter_quantity: row.number(flag::METER_QUANTITY, before.meter_quantity)?,
            item: row.text(flag::ITEM, before.item)?,
            item_version: row.text(flag::ITEM_VERSION, before.item_version)?,
            item_quantity: row.number(flag::ITEM_QUANTITY, before.item_quantity)?,
            activation_id: row.text(flag::ACTIVATION, before.activation_id)?,
            mapped_entitled_count: row.number(flag::ENTITLED, before.mapped_entitled_count)?,
            ..UsageEntry::default()
        };
        entry.used = row.number(flag::USED, before.used_after(entry.meter_quantity))?;
        let overdraft = UsageEntry::expected_overdraft(entry.used, entry.mapped_entitled_count);
        entry.overdraft_count = row.number(flag::OVERDRAFT, overdraft)?;
        entry.session_id = row.session(before.session_id)?;
        entry.session_state = row.text(flag::SESSION_STATE, before.session_state)?;
        entry.request_response = row.text(flag::RESPONSE, before.request_response)?;
        entry.meta_data = row.meta_data()?;
        entry.kind = row.kind();
        entry.user = row.text(flag::USER, before.user)?;
        Some(entry)
    }
}

impl<'a> Iterator for UsageEntries<'a> {
    type Item = Result<UsageEntry<'a>, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows_left = self.rows_left.checked_sub(1)?;
        let Some(entry) = self.read() else {
            self.rows_left = 0;
            return Some(Err(damaged(self.instance_id)));
        };
        self.before = entry;
        Some(Ok(entry))
    }
}

/// A row that is being read.
struct Row<'r, 'a> {
    reader: &'r mut Reader<'a>,
    flags: u32,
}

impl<'a> Row<'_, 'a> {
    fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    fn number(&mut self, flag: u32, expected: i64) -> Option<i64> {
        if self.has(flag) {
            return Some(expected);
        }
        Some(expected.wrapping_add(self.reader.signed()?))
    }

    fn correlation(&mut self, before: Uuid) -> Option<Uuid> {
        if self.has(flag::CORRELATION_SAME) {
            return Some(before);
        }
        if self.has(flag::CORRELATION_NEXT) {
            return Some(Uuid::from_u128(before.as_u128().wrapping_add(1)));
        }
        self.reader.array().map(Uuid::from_bytes)
    }

    fn session(&mut self, before: Option<Uuid>) -> Option<Option<Uuid>> {
        if self.has(flag::SESSION_SAME) {
            return Some(before);
        }
        if self.has(flag::SESSION_NONE) {
            return Some(None);
        }
        self.reader.array().map(Uuid::from_bytes).map(Some)
    }

    fn text(&mut self, flag: u32, before: &'a str) -> Option<&'a str> {
        if self.has(flag) {
            return Some(before);
        }
        self.any_text()
    }

    fn meta_data(&mut self) -> Option<Option<&'a str>> {
        if self.has(flag::META_DATA_NONE) {
            return Some(None);
        }
        self.any_text().map(Some)
    }

    fn kind(&self) -> UsageKind {
        if self.has(flag::DENIED_FEATURE) {
            UsageKind::DeniedFeature
        } else if self.has(flag::FEATURE) {
            UsageKind::Feature
        } else {
            UsageKind::Tokens
        }
    }

    fn any_text(&mut self) -> Option<&'a str> {
        let at = self.reader.at();
        let number = self.reader.number()?;
        if number & 1 == 0 {
            return self.reader.text(number >> 1);
        }
        let back = usize::try_from(number >> 1).ok()?;
        let mut there = self.reader.moved_to(at.checked_sub(back)?);
        let length = there.number().filter(|number| number & 1 == 0)?;
        there.text(length >> 1)
    }
}

fn damaged(instance_id: Uuid) -> StoreError {
    StoreError::Damaged(format!("usage rows of instance {instance_id}"))
}
