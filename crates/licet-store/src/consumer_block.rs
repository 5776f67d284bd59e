//! Totals of consumers, packed: what was counted for the consumers of one instance in one span of
//! time, of one meter or of all that is priced in tokens.
//!
//! Each step of the projector adds a block to its (span, start, instance, meter), and what the blocks there say
//! of a consumer is added up when somebody asks. When several small ones stand, a new one is
//! merged with them, so that there are never many, and each consumer is written again seldom.
//!
//! Layout of format 1:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | format, 1 |
//! | … | the consumers by type and id, each once |
//! | 4 | CRC-32 of the instance id (16), the start (8), the number of consumers (4), the length of the span (8), the meter and all above |
//!
//! and a consumer: one more than the length of its type, and the type (zero for the type of the
//! one before); length of its id, and the id; tokens; how often it was granted and denied.

use std::{cmp::Ordering, sync::Arc};

use uuid::Uuid;

use crate::{
    ConsumerRow, Span, StoreError,
    packing::{Reader, put_number, put_signed},
};

const FORMAT: u8 = 1;
const CHECKSUM_BYTES: usize = 4;

/// So many blocks of about one size, the new one among them, become one.
const MERGED: usize = 4;

/// Consumers of one key, packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerBlock {
    pub(crate) key: ConsumerKey,
    pub(crate) consumers: u32,
    pub(crate) body: Vec<u8>,
}

/// A consumer as it stands in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumerEntry<'a> {
    pub consumer_type: &'a str,
    pub consumer_id: &'a str,
    /// Charged less refunded.
    pub tokens: i64,
    pub granted: i64,
    pub denied: i64,
}

/// The consumers of a block: of which instance, of whose account, in which span, and of what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConsumerKey {
    pub instance_id: Uuid,
    pub account_id: Arc<str>,
    /// [`Span::Day`], or of a meter also [`Span::Quarter`].
    pub span: Span,
    /// First millisecond of the span, UTC.
    pub starts_at_ms: i64,
    /// The feature; empty for everything that is priced in tokens.
    pub meter: Arc<str>,
}

impl ConsumerBlock {
    /// Packs consumers in any order; those that stand more than once are added up.
    #[must_use]
    pub fn pack(key: ConsumerKey, mut consumers: Vec<ConsumerEntry<'_>>) -> Self {
        consumers.sort_by(ConsumerEntry::in_order);
        consumers.dedup_by(|next, sum| sum.takes_in(next));
        let mut body = Vec::with_capacity(16 + consumers.len() * 24);
        body.push(FORMAT);
        let mut consumer_type = None;
        for consumer in &consumers {
            consumer.write(consumer_type, &mut body);
            consumer_type = Some(consumer.consumer_type);
        }
        let consumers = consumers.len() as u32;
        let checksum = checksum(&key, consumers, &body);
        body.extend_from_slice(&checksum.to_le_bytes());
        Self { key, consumers, body }
    }

    /// The consumers by type and id.
    ///
    /// # Errors
    /// [`StoreError::Damaged`]
    pub fn entries(&self) -> Result<Vec<ConsumerEntry<'_>>, StoreError> {
        self.read().ok_or_else(|| {
            StoreError::Damaged(format!("consumers of instance {}", self.key.instance_id))
        })
    }

    #[must_use]
    pub fn key(&self) -> &ConsumerKey {
        &self.key
    }

    fn read(&self) -> Option<Vec<ConsumerEntry<'_>>> {
        let (body, sum) =
            self.body.split_at_checked(self.body.len().checked_sub(CHECKSUM_BYTES)?)?;
        let checksum = checksum(&self.key, self.consumers, body);
        if u32::from_le_bytes(sum.try_into().ok()?) != checksum {
            return None;
        }
        let mut reader = Reader::new(body);
        if reader.array()? != [FORMAT] {
            return None;
        }
        let mut consumers = Vec::with_capacity((self.consumers as usize).min(body.len()));
        let mut consumer_type = "";
        for _ in 0..self.consumers {
            let consumer = ConsumerEntry::read(consumer_type, &mut reader)?;
            consumer_type = consumer.consumer_type;
            consumers.push(consumer);
        }
        reader.is_at_end().then_some(consumers)
    }

    /// One block in place of this one and others of the same key.
    pub(crate) fn merged_with(&self, others: &[Self]) -> Result<Self, StoreError> {
        let mut consumers = all_entries(others)?;
        consumers.append(&mut self.entries()?);
        Ok(Self::pack(self.key.clone(), consumers))
    }

    fn is_of_key(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<'a> ConsumerEntry<'a> {
    fn in_order(&self, other: &Self) -> Ordering {
        let by_type = self.consumer_type.cmp(other.consumer_type);
        by_type.then_with(|| self.consumer_id.cmp(other.consumer_id))
    }

    /// Adds the other one if it is the same consumer.
    fn takes_in(&mut self, other: &Self) -> bool {
        let is_same = self.in_order(other) == Ordering::Equal;
        if is_same {
            self.tokens = self.tokens.wrapping_add(other.tokens);
            self.granted = self.granted.wrapping_add(other.granted);
            self.denied = self.denied.wrapping_add(other.denied);
        }
        is_same
    }

    fn write(&self, type_before: Option<&str>, to: &mut Vec<u8>) {
        if type_before == Some(self.consumer_type) {
            to.push(0);
        } else {
            put_number(self.consumer_type.len() as u64 + 1, to);
            to.extend_from_slice(self.consumer_type.as_bytes());
        }
        put_number(self.consumer_id.len() as u64, to);
        to.extend_from_slice(self.consumer_id.as_bytes());
        put_signed(self.tokens, to);
        put_signed(self.granted, to);
        put_signed(self.denied, to);
    }

    fn read(type_before: &'a str, from: &mut Reader<'a>) -> Option<Self> {
        let consumer_type = match from.number()?.checked_sub(1) {
            None => type_before,
            Some(length) => from.text(length)?,
        };
        let length = from.number()?;
        Some(Self {
            consumer_type,
            consumer_id: from.text(length)?,
            tokens: from.signed()?,
            granted: from.signed()?,
            denied: from.signed()?,
        })
    }
}

fn all_entries(blocks: &[ConsumerBlock]) -> Result<Vec<ConsumerEntry<'_>>, StoreError> {
    let mut all = Vec::new();
    for block in blocks {
        all.append(&mut block.entries()?);
    }
    Ok(all)
}

/// The totals that blocks make, which stand in the order of (start, instance, meter).
pub(crate) fn rows(blocks: &[ConsumerBlock]) -> Result<Vec<ConsumerRow>, StoreError> {
    let mut rows = Vec::new();
    for blocks in blocks.chunk_by(ConsumerBlock::is_of_key) {
        let mut consumers = all_entries(blocks)?;
        consumers.sort_by(ConsumerEntry::in_order);
        consumers.dedup_by(|next, sum| sum.takes_in(next));
        let of = &blocks[0].key;
        rows.extend(consumers.into_iter().map(|consumer| ConsumerRow {
            instance_id: of.instance_id,
            account_id: of.account_id.to_string(),
            starts_at_ms: of.starts_at_ms,
            meter: of.meter.to_string(),
            consumer_type: consumer.consumer_type.to_owned(),
            consumer_id: consumer.consumer_id.to_owned(),
            tokens: consumer.tokens,
            granted: consumer.granted,
            denied: consumer.denied,
        }));
    }
    Ok(rows)
}

/// A block that stands: its number among those of its key, and how many consumers it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) number: i64,
    pub(crate) consumers: i64,
}

impl Standing {
    /// The number of the block that comes after those that stand.
    pub(crate) fn next_number(all: &[Self]) -> i64 {
        all.iter().map(|block| block.number + 1).max().unwrap_or(0)
    }
}

/// The blocks of a key that a new one is merged with: none, or all that are not larger than it by
/// a multiple, once they are several.
pub(crate) fn to_merge(standing: &[Standing], consumers: u32) -> Vec<Standing> {
    let mut merged = Vec::new();
    let mut sum = i64::from(consumers);
    loop {
        let is_small = |block: &&Standing| size_class(block.consumers) <= size_class(sum);
        let small: Vec<Standing> = standing.iter().filter(is_small).copied().collect();
        if small.len() + 1 < MERGED || small.len() == merged.len() {
            return merged;
        }
        sum = i64::from(consumers) + small.iter().map(|block| block.consumers).sum::<i64>();
        merged = small;
    }
}

/// Blocks of one class differ by a multiple of [`MERGED`] at most.
fn size_class(consumers: i64) -> u32 {
    consumers.max(1).ilog(MERGED as i64)
}

/// A block in another's place is noticed too.
fn checksum(key: &ConsumerKey, consumers: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key.instance_id.as_bytes());
    hasher.update(&key.starts_at_ms.to_le_bytes());
    hasher.update(&consumers.to_le_bytes());
    hasher.update(&key.span.length_ms().to_le_bytes());
    hasher.update(key.meter.as_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

#[cfg(test)]
mod tests;
