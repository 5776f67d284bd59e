//! What is counted: for each item by hour and day, and for each consumer by day.

use std::{collections::BTreeMap, sync::Arc};

use licet_store::{ConsumerBlock, ConsumerEntry, ConsumerKey, RollupRow, Span};
use uuid::Uuid;

use super::by_names::ByNames;

/// The counts of one instance.
#[derive(Debug, Default)]
pub(super) struct Counts<'a> {
    items: ByNames<ItemHour<'a>>,
    consumers: ByNames<ConsumerDay<'a>>,
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
struct ItemHour<'a> {
    starts_at_ms: i64,
    item: &'a str,
    version: &'a str,
    sum: Counted,
}

#[derive(Debug)]
struct ConsumerDay<'a> {
    starts_at_ms: i64,
    entry: ConsumerEntry<'a>,
}

impl<'a> Counts<'a> {
    pub(super) fn count(&mut self, asked: &Asked<'a>, count: &Counted) {
        self.count_item(asked, count);
        self.count_consumer(asked, count);
    }

    fn count_item(&mut self, asked: &Asked<'a>, count: &Counted) {
        let starts_at_ms = Span::Hour.start_of(asked.at_ms);
        let Asked { item, version, .. } = *asked;
        let hour = self.items.find_or_put(
            (starts_at_ms, item, version),
            |hour| {
                hour.starts_at_ms == starts_at_ms && hour.item == item && hour.version == version
            },
            || ItemHour { starts_at_ms, item, version, sum: Counted::default() },
        );
        hour.sum.add(count);
    }

    fn count_consumer(&mut self, asked: &Asked<'a>, count: &Counted) {
        let starts_at_ms = Span::Day.start_of(asked.at_ms);
        let Asked { consumer_type, consumer_id, .. } = *asked;
        let day = self.consumers.find_or_put(
            (starts_at_ms, consumer_type, consumer_id),
            |day| {
                day.starts_at_ms == starts_at_ms
                    && day.entry.consumer_id == consumer_id
                    && day.entry.consumer_type == consumer_type
            },
            || {
                let (tokens, granted, denied) = (0, 0, 0);
                let entry = ConsumerEntry { consumer_type, consumer_id, tokens, granted, denied };
                ConsumerDay { starts_at_ms, entry }
            },
        );
        day.entry.tokens += count.tokens_charged - count.tokens_refunded;
        day.entry.granted += count.granted;
        day.entry.denied += count.denied;
    }

    /// Adds the rows of what was counted, and begins anew.
    pub(super) fn finish(
        &mut self,
        owner: Owner<'_>,
        rollups: &mut Vec<RollupRow>,
        consumers: &mut Vec<ConsumerBlock>,
    ) {
        roll_up(&self.items, owner, rollups);
        pack(&self.consumers, owner, consumers);
        self.items.clear();
        self.consumers.clear();
    }
}

impl Counted {
    pub(super) fn add(&mut self, other: &Self) {
        self.tokens_charged += other.tokens_charged;
        self.tokens_refunded += other.tokens_refunded;
        self.units = self.units.saturating_add(other.units);
        self.granted += other.granted;
        self.denied += other.denied;
    }

    pub(super) fn row(
        &self,
        owner: Owner<'_>,
        (span, starts_at_ms): (Span, i64),
        (item, version): (&str, &str),
    ) -> RollupRow {
        RollupRow {
            instance_id: owner.instance_id,
            account_id: owner.account_id.to_string(),
            span,
            starts_at_ms,
            item: item.to_owned(),
            item_version: version.to_owned(),
            tokens_charged: self.tokens_charged,
            tokens_refunded: self.tokens_refunded,
            units: self.units,
            granted: self.granted,
            denied: self.denied,
        }
    }
}

/// A day is the sum of its hours.
fn roll_up(hours: &ByNames<ItemHour<'_>>, owner: Owner<'_>, rows: &mut Vec<RollupRow>) {
    let mut days: BTreeMap<(i64, &str, &str), Counted> = BTreeMap::new();
    for hour in hours.values() {
        let day_ms = Span::Day.start_of(hour.starts_at_ms);
        days.entry((day_ms, hour.item, hour.version)).or_default().add(&hour.sum);
        let names = (hour.item, hour.version);
        rows.push(hour.sum.row(owner, (Span::Hour, hour.starts_at_ms), names));
    }
    for ((starts_at_ms, item, version), sum) in days {
        rows.push(sum.row(owner, (Span::Day, starts_at_ms), (item, version)));
    }
}

/// A block for each day.
fn pack(days: &ByNames<ConsumerDay<'_>>, owner: Owner<'_>, blocks: &mut Vec<ConsumerBlock>) {
    let mut days: Vec<&ConsumerDay<'_>> = days.values().collect();
    days.sort_by_key(|day| day.starts_at_ms);
    let no_meter: Arc<str> = Arc::default();
    for days in days.chunk_by(|one, next| one.starts_at_ms == next.starts_at_ms) {
        let key = ConsumerKey {
            instance_id: owner.instance_id,
            account_id: owner.account_id.clone(),
            span: Span::Day,
            starts_at_ms: days[0].starts_at_ms,
            meter: no_meter.clone(),
        };
        blocks.push(ConsumerBlock::pack(key, days.iter().map(|day| day.entry).collect()));
    }
}
