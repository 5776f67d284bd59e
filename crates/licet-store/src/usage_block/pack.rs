//! Packing rows into blocks.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    BODY_BYTES, FLAG_BYTES, FORMAT, ROWS_MAX, UsageBlock, UsageEntry, checksum, flag, hour_of,
};
use crate::{
    UsageKind,
    packing::{put_number, put_signed},
};

/// Most places of texts that are remembered while a block is packed.
const SLOTS_MAX: usize = 4_096;
const SLOTS_FIRST: usize = 16;

/// Packs rows of one instance into blocks. Its buffers are used again for the next instance.
#[derive(Debug)]
pub struct UsagePacker {
    instance_id: Uuid,
    account_id: Arc<str>,
    finished: Vec<UsageBlock>,
    rows: u32,
    first_ms: i64,
    last_ms: i64,
    body: Vec<u8>,
    /// The numbers and ids of the row before; its texts stand in the body.
    before: UsageEntry<'static>,
    texts: Texts,
}

/// Texts that change seldom, in the order of their flags.
#[derive(Debug, Clone, Copy)]
enum Text {
    ConsumerType,
    ConsumerId,
    Item,
    ItemVersion,
    ActivationId,
    SessionState,
    Response,
    User,
}

const TEXTS: usize = 8;

/// Where texts stand in the body.
#[derive(Debug, Default)]
struct Texts {
    /// Those of the row before.
    before: [Place; TEXTS],
    /// By the text's hash, the place where one of that hash stands; zero for none.
    slots: Vec<u32>,
    written: usize,
}

/// A text in the body: where its length stands, and where its bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    at: u32,
    from: u32,
    to: u32,
}

impl UsagePacker {
    #[must_use]
    pub fn new(instance_id: Uuid, account_id: Arc<str>) -> Self {
        Self {
            instance_id,
            account_id,
            finished: Vec::new(),
            rows: 0,
            first_ms: 0,
            last_ms: 0,
            body: Vec::new(),
            before: UsageEntry::default(),
            texts: Texts::default(),
        }
    }

    /// Goes on with another instance, after the blocks of the one before were taken.
    pub fn begin(&mut self, instance_id: Uuid, account_id: Arc<str>) {
        self.finish_block();
        self.finished.clear();
        (self.instance_id, self.account_id) = (instance_id, account_id);
    }

    /// Adds a row after those that are there.
    pub fn push(&mut self, row: &UsageEntry<'_>) {
        let is_of_the_hour = hour_of(row.usage_time_ms) == hour_of(self.first_ms);
        if self.rows == ROWS_MAX || self.body.len() >= BODY_BYTES || !is_of_the_hour {
            self.finish_block();
        }
        if self.rows == 0 {
            self.body.push(FORMAT);
            (self.first_ms, self.last_ms) = (row.usage_time_ms, row.usage_time_ms);
        }
        self.rows += 1;
        self.first_ms = self.first_ms.min(row.usage_time_ms);
        self.last_ms = self.last_ms.max(row.usage_time_ms);
        self.write(row);
        self.before = UsageEntry {
            consumer_type: "",
            consumer_id: "",
            item: "",
            item_version: "",
            activation_id: "",
            session_state: "",
            request_response: "",
            meta_data: None,
            user: "",
            ..*row
        };
    }

    /// Adds the blocks to those in `blocks`.
    pub fn finish_into(&mut self, blocks: &mut Vec<UsageBlock>) {
        self.finish_block();
        blocks.append(&mut self.finished);
    }

    fn finish_block(&mut self) {
        if self.rows == 0 {
            return;
        }
        let checksum = checksum(self.instance_id, self.rows, &self.body);
        self.body.extend_from_slice(&checksum.to_le_bytes());
        self.finished.push(UsageBlock {
            instance_id: self.instance_id,
            account_id: self.account_id.clone(),
            rows: self.rows,
            first_ms: self.first_ms,
            last_ms: self.last_ms,
            body: self.body.clone(),
        });
        self.body.clear();
        self.rows = 0;
        self.before = UsageEntry::default();
        self.texts.clear();
    }

    fn write(&mut self, row: &UsageEntry<'_>) {
        let at = self.body.len();
        self.body.extend_from_slice(&[0; FLAG_BYTES]);
        let before = self.before;
        let used = before.used_after(row.meter_quantity);
        let overdraft = UsageEntry::expected_overdraft(row.used, row.mapped_entitled_count);
        let flags = self.correlation(row.correlation_id)
            | self.number(flag::USAGE_TIME, row.usage_time_ms, before.usage_time_ms)
            | self.number(flag::WRITE_TIME, row.write_time_ms, before.write_time_ms)
            | self.text(flag::CONSUMER_TYPE, Text::ConsumerType, row.consumer_type)
            | self.text(flag::CONSUMER_ID, Text::ConsumerId, row.consumer_id)
            | self.number(flag::METER_COST, row.meter_cost, before.meter_cost)
            | self.number(flag::METER_QUANTITY, row.meter_quantity, before.meter_quantity)
            | self.text(flag::ITEM, Text::Item, row.item)
            | self.text(flag::ITEM_VERSION, Text::ItemVersion, row.item_version)
            | self.number(flag::ITEM_QUANTITY, row.item_quantity, before.item_quantity)
            | self.text(flag::ACTIVATION, Text::ActivationId, row.activation_id)
            | self.number(flag::ENTITLED, row.mapped_entitled_count, before.mapped_entitled_count)
            | self.number(flag::USED, row.used, used)
            | self.number(flag::OVERDRAFT, row.overdraft_count, overdraft)
            | self.session(row.session_id)
            | self.text(flag::SESSION_STATE, Text::SessionState, row.session_state)
            | self.text(flag::RESPONSE, Text::Response, row.request_response)
            | self.meta_data(row.meta_data)
            | kind(row.kind)
            | self.text(flag::USER, Text::User, row.user);
        self.body[at..at + FLAG_BYTES].copy_from_slice(&flags.to_le_bytes()[..FLAG_BYTES]);
    }

    fn number(&mut self, flag: u32, number: i64, expected: i64) -> u32 {
        if number == expected {
            return flag;
        }
        put_signed(number.wrapping_sub(expected), &mut self.body);
        0
    }

    fn correlation(&mut self, id: Uuid) -> u32 {
        let before = self.before.correlation_id;
        if id == before {
            return flag::CORRELATION_SAME;
        }
        if id.as_u128() == before.as_u128().wrapping_add(1) {
            return flag::CORRELATION_NEXT;
        }
        self.body.extend_from_slice(id.as_bytes());
        0
    }

    fn session(&mut self, id: Option<Uuid>) -> u32 {
        if id == self.before.session_id {
            return flag::SESSION_SAME;
        }
        let Some(id) = id else { return flag::SESSION_NONE };
        self.body.extend_from_slice(id.as_bytes());
        0
    }

    fn text(&mut self, flag: u32, field: Text, text: &str) -> u32 {
        let before = self.texts.before[field as usize];
        if &self.body[before.from as usize..before.to as usize] == text.as_bytes() {
            return flag;
        }
        self.texts.before[field as usize] = self.texts.put(text, &mut self.body);
        0
    }

    fn meta_data(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text else { return flag::META_DATA_NONE };
        self.texts.put(text, &mut self.body);
        0
    }
}

/// A flag that is not set says tokens, as of most rows.
fn kind(kind: UsageKind) -> u32 {
    match kind {
        UsageKind::Tokens => 0,
        UsageKind::Feature => flag::FEATURE,
        UsageKind::DeniedFeature => flag::DENIED_FEATURE,
    }
}

impl Texts {
    fn clear(&mut self) {
        self.before = Default::default();
        self.slots.fill(0);
        self.written = 0;
    }

    /// Writes a text, or the way back to where it already stands.
    fn put(&mut self, text: &str, body: &mut Vec<u8>) -> Place {
        if 2 * self.written >= self.slots.len() && self.slots.len() < SLOTS_MAX {
            // What is forgotten here is only written once more.
            self.slots = vec![0; (self.slots.len() * 4).max(SLOTS_FIRST)];
        }
        let (at, slot) = (body.len(), slot_of(text.as_bytes(), self.slots.len()));
        let [first, second] = [self.slots[slot], self.slots[slot ^ 1]];
        if let Some(place) = find(first, text, body).or_else(|| find(second, text, body)) {
            put_number(((at - place.at as usize) as u64) << 1 | 1, body);
            return place;
        }
        put_number((text.len() as u64) << 1, body);
        let from = body.len();
        body.extend_from_slice(text.as_bytes());
        self.slots[if first == 0 { slot } else { slot ^ 1 }] = at as u32;
        self.written += 1;
        Place { at: at as u32, from: from as u32, to: body.len() as u32 }
    }
}

/// The text's place, if it stands at `at`.
fn find(at: u32, text: &str, body: &[u8]) -> Option<Place> {
    if at == 0 {
        return None;
    }
    let mut reader = crate::packing::Reader::new(body).moved_to(at as usize);
    let length = reader.number()? >> 1;
    let from = reader.at();
    let to = from + length as usize;
    let is_it = body.get(from..to)? == text.as_bytes();
    is_it.then_some(Place { at, from: from as u32, to: to as u32 })
}

/// Whoever chooses texts that fall together gets longer blocks, and nothing else.
fn slot_of(text: &[u8], slots: usize) -> usize {
    let mut hash = text.len() as u64;
    for part in text.chunks(8) {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        let product = u128::from(hash ^ u64::from_le_bytes(word)) * 0x9e37_79b9_7f4a_7c15;
        hash = (product >> 64) as u64 ^ product as u64;
    }
    hash as usize & (slots - 1)
}
