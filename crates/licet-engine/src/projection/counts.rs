//! What is counted: for each item by hour and day, and for each consumer by day.

use std::{collections::BTreeMap, sync::Arc};

use licet_store::{ConsumerBlock, ConsumerEntry, ConsumerKey, RollupRow, Span};
use uuid::Uuid;

use super::by_names::ByNames;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The counts of one instance.
#[derive(Debug, Default)]
pub(super) struct Counts {
    items: ByNames<ItemHour>,
    consumers: ByNames<ConsumerDay>,
}

/// What one item or refund adds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    pub(super) tokens_charged: i64,
    pub(super) tokens_refunded: i64,
    pub(super) units: i64,
    pub(super) granted: i64,
    pub(super) denied: i64,
}

/// Who asked for what, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) at_ms: i64,
    pub(super) item: &'a str,
    pub(super) version: &'a str,
    pub(super) consumer_type: &'a str,
    pub(super) consumer_id: &'a str,
}

/// Whose counts they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) instance_id: Uuid,
    pub(super) account_id: &'a Arc<str>,
}

#[derive(Debug)]
struct ItemHour {
    starts_at_ms: i64,
    item: Box<str>,
    version: Box<str>,
    sum: Counted,
}

#[derive(Debug)]
struct ConsumerDay {
    starts_at_ms: i64,
    consumer_type: Box<str>,
    consumer_id: Box<str>,
    tokens: i64,
    granted: i64,
    denied: i64,
}

impl Counts {
    pub(super) fn len(&self) -> usize {
        self.items.len() + self.consumers.len()
    }

    pub(super) fn count(&mut self, asked: &Asked<'_>, count: &Counted) {
        self.count_item(asked, count);
        self.count_consumer(asked, count);
    }

    fn count_item(&mut self, asked: &Asked<'_>, count: &Counted) {
        let starts_at_ms = start_of(asked.at_ms, HOUR_MS);
        let Asked { item, version, .. } = *asked;
        let hour = self.items.find_or_put(
            (starts_at_ms, item, version),
            |hour| {
                hour.starts_at_ms == starts_at_ms
                    && *hour.item == *item
                    && *hour.version == *version
            },
            || ItemHour {
                starts_at_ms,
                item: item.into(),
                version: version.into(),
                sum: Counted::default(),
            },
        );
        hour.sum.add(count);
    }

    fn count_consumer(&mut self, asked: &Asked<'_>, count: &Counted) {
        let starts_at_ms = start_of(asked.at_ms, DAY_MS);
        let Asked { consumer_type, consumer_id, .. } = *asked;
        let day = self.consumers.find_or_put(
            (starts_at_ms, consumer_type, consumer_id),
            |day| {
                day.starts_at_ms == starts_at_ms
                    && *day.consumer_id == *consumer_id
                    && *day.consumer_type == *consumer_type
            },
            || ConsumerDay {
                starts_at_ms,
                consumer_type: consumer_type.into(),
                consumer_id: consumer_id.into(),
                tokens: 0,
                granted: 0,
                denied: 0,
            },
        );
        day.tokens += count.tokens_charged - count.tokens_refunded;
        day.granted += count.granted;
        day.denied += count.denied;
    }

    pub(super) fn finish(
        self,
        owner: Owner<'_>,
        rollups: &mut Vec<RollupRow>,
        consumers: &mut Vec<ConsumerBlock>,
    ) {
        roll_up(self.items, owner, rollups);
        pack(self.consumers, owner, consumers);
    }
}

impl Counted {
    fn add(&mut self, other: &Self) {
        self.tokens_charged += other.tokens_charged;
        self.tokens_refunded += other.tokens_refunded;
        self.units += other.units;
        self.granted += other.granted;
        self.denied += other.denied;
    }

    fn row(&self, owner: Owner<'_>, (span, starts_at_ms): (Span, i64)) -> RollupRow {
        RollupRow {
            instance_id: owner.instance_id,
            account_id: owner.account_id.to_string(),
            span,
            starts_at_ms,
            item: String::new(),
            item_version: String::new(),
            tokens_charged: self.tokens_charged,
            tokens_refunded: self.tokens_refunded,
            units: self.units,
            granted: self.granted,
            denied: self.denied,
        }
    }
}

/// A day is the sum of its hours.
fn roll_up(hours: ByNames<ItemHour>, owner: Owner<'_>, rows: &mut Vec<RollupRow>) {
    let hours: Vec<ItemHour> = hours.into_values().collect();
    let mut days: BTreeMap<(i64, &str, &str), Counted> = BTreeMap::new();
    for hour in &hours {
        let day_ms = start_of(hour.starts_at_ms, DAY_MS);
        days.entry((day_ms, &hour.item, &hour.version)).or_default().add(&hour.sum);
    }
    for ((starts_at_ms, item, version), sum) in days {
        let (item, item_version) = (item.to_owned(), version.to_owned());
        rows.push(RollupRow { item, item_version, ..sum.row(owner, (Span::Day, starts_at_ms)) });
    }
    for hour in hours {
        let (item, item_version) = (hour.item.into(), hour.version.into());
        let row = hour.sum.row(owner, (Span::Hour, hour.starts_at_ms));
        rows.push(RollupRow { item, item_version, ..row });
    }
}

/// A block for each day.
fn pack(days: ByNames<ConsumerDay>, owner: Owner<'_>, blocks: &mut Vec<ConsumerBlock>) {
    let mut days: Vec<ConsumerDay> = days.into_values().collect();
    days.sort_by_key(|day| day.starts_at_ms);
    for days in days.chunk_by(|one, next| one.starts_at_ms == next.starts_at_ms) {
        let entries = days.iter().map(|day| ConsumerEntry {
            consumer_type: &day.consumer_type,
            consumer_id: &day.consumer_id,
            tokens: day.tokens,
            granted: day.granted,
            denied: day.denied,
        });
        let key = ConsumerKey {
            instance_id: owner.instance_id,
            account_id: owner.account_id.clone(),
            starts_at_ms: days[0].starts_at_ms,
        };
        blocks.push(ConsumerBlock::pack(key, entries.collect()));
    }
}

fn start_of(at_ms: i64, length_ms: i64) -> i64 {
    at_ms - at_ms.rem_euclid(length_ms)
}
