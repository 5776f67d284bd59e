//! What is counted of features: by quarter of an hour and by day for each name and for each consumer,
//! and by hour and day for each version.

use std::{collections::BTreeMap, mem, sync::Arc};

use licet_core::model::HostId;
use licet_store::{
    ConsumerBlock, ConsumerEntry, ConsumerKey, MeterDenialRow, MeterRow, Projection, RollupRow,
    Span,
};

use super::{
    by_names::ByNames,
    counts::{Counted, Owner},
};

/// The counts of one instance.
#[derive(Debug, Default)]
pub(super) struct FeatureCounts {
    meters: ByNames<MeterQuarter>,
    denials: BTreeMap<(i64, Arc<str>, &'static str), i64>,
    consumers: ByNames<ConsumerQuarter>,
    items: ByNames<ItemHour>,
}

/// What a record adds to a meter.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Metered {
    pub(super) units: i64,
    pub(super) granted: i64,
    pub(super) denied: i64,
    /// Of what is held, what is in use after the record; else what it reported.
    pub(super) peak: i64,
    pub(super) in_use: Option<i64>,
}

#[derive(Debug)]
struct MeterQuarter {
    starts_at_ms: i64,
    meter: Arc<str>,
    sum: Metered,
}

#[derive(Debug)]
struct ConsumerQuarter {
    starts_at_ms: i64,
    meter: Arc<str>,
    host: HostId,
    granted: i64,
    denied: i64,
}

#[derive(Debug)]
struct ItemHour {
    starts_at_ms: i64,
    item: Arc<str>,
    version: String,
    sum: Counted,
}

impl FeatureCounts {
    pub(super) fn count_meter(&mut self, at_ms: i64, meter: &Arc<str>, count: &Metered) {
        let starts_at_ms = Span::Quarter.start_of(at_ms);
        let quarter = self.meters.find_or_put(
            (starts_at_ms, meter),
            |quarter| quarter.starts_at_ms == starts_at_ms && quarter.meter == *meter,
            || MeterQuarter { starts_at_ms, meter: meter.clone(), sum: Metered::default() },
        );
        quarter.sum.add(count);
    }

    pub(super) fn count_denial(&mut self, at_ms: i64, meter: &Arc<str>, reason: &'static str) {
        let key = (Span::Quarter.start_of(at_ms), meter.clone(), reason);
        *self.denials.entry(key).or_default() += 1;
    }

    /// Counts one of whom a request is: its host, or its user.
    pub(super) fn count_consumer(
        &mut self,
        at_ms: i64,
        meter: &Arc<str>,
        host: &HostId,
        (granted, denied): (i64, i64),
    ) {
        let starts_at_ms = Span::Quarter.start_of(at_ms);
        let quarter = self.consumers.find_or_put(
            (starts_at_ms, meter, host),
            |quarter| {
                quarter.starts_at_ms == starts_at_ms
                    && quarter.host == *host
                    && quarter.meter == *meter
            },
            || {
                let (meter, host) = (meter.clone(), host.clone());
                ConsumerQuarter { starts_at_ms, meter, host, granted: 0, denied: 0 }
            },
        );
        quarter.granted += granted;
        quarter.denied += denied;
    }

    pub(super) fn count_item(
        &mut self,
        at_ms: i64,
        item: &Arc<str>,
        version: &str,
        count: &Counted,
    ) {
        let starts_at_ms = Span::Hour.start_of(at_ms);
        let hour = self.items.find_or_put(
            (starts_at_ms, item, version),
            |hour| {
                hour.starts_at_ms == starts_at_ms && hour.item == *item && hour.version == version
            },
            || {
                let (item, version) = (item.clone(), version.to_owned());
                ItemHour { starts_at_ms, item, version, sum: Counted::default() }
            },
        );
        hour.sum.add(count);
    }

    /// Adds the rows of what was counted, and begins anew.
    pub(super) fn finish_into(&mut self, owner: Owner<'_>, projection: &mut Projection) {
        self.finish_meters(owner, &mut projection.meters);
        self.finish_denials(owner, &mut projection.meter_denials);
        self.finish_consumers(owner, &mut projection.consumers);
        self.finish_items(owner, &mut projection.rollups);
    }

    /// A day has what its quarters have, in their order.
    fn finish_meters(&mut self, owner: Owner<'_>, rows: &mut Vec<MeterRow>) {
        let mut days: BTreeMap<(i64, Arc<str>), MeterRow> = BTreeMap::new();
        let mut quarters: Vec<_> = self.meters.values().collect();
        quarters.sort_by_key(|quarter| quarter.starts_at_ms);
        for quarter in quarters {
            let row = quarter.row(owner);
            let starts_at_ms = Span::Day.start_of(row.starts_at_ms);
            days.entry((starts_at_ms, quarter.meter.clone()))
                .and_modify(|day| day.add(&row))
                .or_insert_with(|| MeterRow { span: Span::Day, starts_at_ms, ..row.clone() });
            rows.push(row);
        }
        rows.extend(days.into_values());
        self.meters.clear();
    }

    fn finish_denials(&mut self, owner: Owner<'_>, rows: &mut Vec<MeterDenialRow>) {
        let quarters = mem::take(&mut self.denials);
        let mut days: BTreeMap<(i64, Arc<str>, &str), i64> = BTreeMap::new();
        let row = |span, (starts_at_ms, meter, reason): &(i64, Arc<str>, &str), denied: i64| {
            MeterDenialRow {
                instance_id: owner.instance_id,
                account_id: owner.account_id.to_string(),
                span,
                starts_at_ms: *starts_at_ms,
                meter: meter.to_string(),
                reason: (*reason).to_owned(),
                denied,
            }
        };
        for (key, denied) in &quarters {
            let day = (Span::Day.start_of(key.0), key.1.clone(), key.2);
            *days.entry(day).or_default() += denied;
            rows.push(row(Span::Quarter, key, *denied));
        }
        rows.extend(days.iter().map(|(key, denied)| row(Span::Day, key, *denied)));
    }

    /// A block for each meter and span.
    fn finish_consumers(&mut self, owner: Owner<'_>, blocks: &mut Vec<ConsumerBlock>) {
        for span in [Span::Quarter, Span::Day] {
            let mut by_key: BTreeMap<(i64, &Arc<str>), Vec<ConsumerEntry<'_>>> = BTreeMap::new();
            for quarter in self.consumers.values() {
                let key = (span.start_of(quarter.starts_at_ms), &quarter.meter);
                by_key.entry(key).or_default().push(quarter.entry());
            }
            for ((starts_at_ms, meter), entries) in by_key {
                let (instance_id, account_id) = (owner.instance_id, owner.account_id.clone());
                let meter = meter.clone();
                let key = ConsumerKey { instance_id, account_id, span, starts_at_ms, meter };
                blocks.push(ConsumerBlock::pack(key, entries));
            }
        }
        self.consumers.clear();
    }

    fn finish_items(&mut self, owner: Owner<'_>, rows: &mut Vec<RollupRow>) {
        let mut days: BTreeMap<(i64, &str, &str), Counted> = BTreeMap::new();
        for hour in self.items.values() {
            let names = (&*hour.item, &*hour.version);
            let day_ms = Span::Day.start_of(hour.starts_at_ms);
            days.entry((day_ms, names.0, names.1)).or_default().add(&hour.sum);
            rows.push(hour.sum.row(owner, (Span::Hour, hour.starts_at_ms), names));
        }
        for ((starts_at_ms, item, version), sum) in days {
            rows.push(sum.row(owner, (Span::Day, starts_at_ms), (item, version)));
        }
        self.items.clear();
    }
}

impl Metered {
    fn add(&mut self, later: &Self) {
        self.units = self.units.saturating_add(later.units);
        self.granted += later.granted;
        self.denied += later.denied;
        self.peak = self.peak.max(later.peak);
        self.in_use = later.in_use.or(self.in_use);
    }
}

impl MeterQuarter {
    fn row(&self, owner: Owner<'_>) -> MeterRow {
        let Metered { units, granted, denied, peak, in_use } = self.sum;
        MeterRow {
            instance_id: owner.instance_id,
            account_id: owner.account_id.to_string(),
            span: Span::Quarter,
            starts_at_ms: self.starts_at_ms,
            meter: self.meter.to_string(),
            units,
            granted,
            denied,
            peak,
            in_use,
        }
    }
}

impl ConsumerQuarter {
    fn entry(&self) -> ConsumerEntry<'_> {
        ConsumerEntry {
            consumer_type: self.host.kind(),
            consumer_id: self.host.value(),
            tokens: 0,
            granted: self.granted,
            denied: self.denied,
        }
    }
}
