//! What was used of meters in the periods of a calendar, worked out from what the tables keep by day
//! and by quarter of an hour.

use std::collections::{BTreeMap, HashMap, HashSet};

use licet_core::MICROS;
use licet_protocol::{MeterUsage, Millis};
use licet_store::{
    ConsumerRow, MeterDenialRow, MeterFilter, MeterRow, Meters, RollupFilter, RollupRow, Span,
    Store, StoreError,
};
use uuid::Uuid;

use super::{
    calendar::NamedPeriod,
    reach::Reach,
    row::{count, tokens},
    stretches::{Stretch, stretches},
};

/// Type of the hostids of users.
const USER: &str = "USER";
/// Rows of a slice of a stretch below which the next one is longer, and above which it is shorter.
const ROWS_FEW: usize = 2_000;
const ROWS_MANY: usize = 20_000;
/// Days of a slice.
const SLICE_DAYS: i64 = 32;
const SLICE_DAYS_MAX: i64 = 1_024;

/// What is summed apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupBy {
    Nothing,
    Instance,
    Account,
}

/// Whose usage a sum is of, as far as it is summed apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Group {
    pub(super) account_id: Option<String>,
    pub(super) instance_id: Option<Uuid>,
}

/// Which sums are wanted.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) reach: Reach,
    pub(super) meters: Meters,
    pub(super) group_by: GroupBy,
}

/// Meter, place of the period, group.
pub(super) type Key = (String, usize, Group);

/// Use of one meter in one period.
#[derive(Debug, Default)]
pub(super) struct Sum {
    /// `None` for what is not a feature, which then was charged in tokens.
    feature: Option<FeatureSum>,
    item: Option<ItemSum>,
}

/// Use of a feature.
#[derive(Debug, Default)]
struct FeatureSum {
    units: i64,
    peak: i64,
    granted: i64,
    denied: i64,
    denials: BTreeMap<String, i64>,
    hosts: HashSet<(String, String)>,
    users: HashSet<String>,
}

/// Use of an item; amounts in millionths.
#[derive(Debug, Clone, Copy, Default)]
struct ItemSum {
    tokens: i64,
    units: i64,
    granted: i64,
    denied: i64,
    /// Whether it was charged or given back, and is no feature that happens to be in roll-ups too.
    is_charged: bool,
}

/// The sums of periods that follow one another, on their way.
struct Sums<'a> {
    question: &'a Question,
    periods: &'a [NamedPeriod],
    /// The period that is being summed.
    at: usize,
    /// What is in use of each meter of an instance, with its account.
    levels: HashMap<(Uuid, String), (String, i64)>,
    features: BTreeMap<Key, FeatureSum>,
    items: BTreeMap<Key, ItemSum>,
}

/// Sums up periods, which follow one another.
///
/// # Errors
/// [`StoreError`] if the tables cannot be read.
pub(super) async fn sum_up(
    store: &dyn Store,
    question: &Question,
    periods: &[NamedPeriod],
) -> Result<BTreeMap<Key, Sum>, StoreError> {
    let Some(first) = periods.first() else { return Ok(BTreeMap::new()) };
    let (features, items) = (BTreeMap::new(), BTreeMap::new());
    let mut sums = Sums { question, periods, at: 0, levels: HashMap::new(), features, items };
    sums.learn_levels(store, first.from_ms).await?;
    sums.hold();
    for stretch in stretches(periods) {
        sums.read(store, stretch).await?;
    }
    sums.move_to(periods.len() - 1);
    Ok(sums.finish())
}

impl Sums<'_> {
    /// Learns what is in use at the start of the first period.
    async fn learn_levels(&mut self, store: &dyn Store, at_ms: i64) -> Result<(), StoreError> {
        let day_ms = Span::Day.start_of(at_ms);
        for row in store.meter_levels(self.filter(Span::Day, day_ms, day_ms)).await? {
            self.levels.insert((row.instance_id, row.meter), (row.account_id, row.in_use));
        }
        if day_ms < at_ms {
            let quarters = store.meters(self.filter(Span::Quarter, day_ms, at_ms)).await?;
            quarters.iter().for_each(|row| self.note_level(row));
        }
        Ok(())
    }

    fn note_level(&mut self, row: &MeterRow) {
        if let Some(in_use) = row.in_use {
            let of = (row.instance_id, row.meter.clone());
            self.levels.insert(of, (row.account_id.clone(), in_use));
        }
    }

    async fn read(&mut self, store: &dyn Store, stretch: Stretch) -> Result<(), StoreError> {
        let (mut from_ms, mut days) = (stretch.from_ms, SLICE_DAYS);
        while from_ms < stretch.until_ms {
            let until_ms = from_ms.saturating_add(days * Span::Day.length_ms());
            let until_ms = until_ms.min(stretch.until_ms);
            let filter = self.filter(stretch.span, from_ms, until_ms);
            let meters = store.meters(filter.clone()).await?;
            let denials = store.meter_denials(filter.clone()).await?;
            let consumers = store.consumers(filter.clone()).await?;
            let items = store.rollups(by_hour_or_day(filter.of)).await?;
            match meters.len() + denials.len() + consumers.len() + items.len() {
                few if few < ROWS_FEW => days = (days * 2).min(SLICE_DAYS_MAX),
                many if many > ROWS_MANY => days = (days / 2).max(1),
                _ => {}
            }
            meters.into_iter().for_each(|row| self.add(row));
            denials.into_iter().for_each(|row| self.add_denial(row));
            consumers.into_iter().for_each(|row| self.add_consumer(row));
            items.into_iter().for_each(|row| self.add_item(row));
            from_ms = until_ms;
        }
        Ok(())
    }

    fn filter(&self, span: Span, from_ms: i64, until_ms: i64) -> MeterFilter {
        let Reach { instance_id, account_ids } = self.question.reach.clone();
        let of = RollupFilter { span, from_ms, until_ms, instance_id, account_ids };
        MeterFilter { of, meters: self.question.meters.clone() }
    }

    /// Goes on to a period; in each on the way that is in use which was before.
    fn move_to(&mut self, period: usize) {
        while self.at < period {
            self.at += 1;
            self.hold();
        }
    }

    /// What is in use when a period begins counts for its peak.
    fn hold(&mut self) {
        let held: Vec<_> = self.levels.iter().filter(|(_, (_, in_use))| *in_use > 0).collect();
        for ((instance_id, meter), (account_id, in_use)) in held {
            let group = self.question.group_by.of(*instance_id, account_id);
            let sum = self.features.entry((meter.clone(), self.at, group)).or_default();
            sum.peak = sum.peak.max(*in_use);
        }
    }

    fn period_of(&self, starts_at_ms: i64) -> usize {
        self.periods.partition_point(|period| period.until_ms <= starts_at_ms)
    }

    fn key(&self, starts_at_ms: i64, of: (Uuid, &str), meter: String) -> Key {
        let group = self.question.group_by.of(of.0, of.1);
        (meter, self.period_of(starts_at_ms), group)
    }

    fn sum(&mut self, starts_at_ms: i64, of: (Uuid, &str), meter: String) -> &mut FeatureSum {
        let key = self.key(starts_at_ms, of, meter);
        self.features.entry(key).or_default()
    }

    /// Rows come in the order of time.
    fn add(&mut self, row: MeterRow) {
        self.move_to(self.period_of(row.starts_at_ms));
        self.note_level(&row);
        let sum = self.sum(row.starts_at_ms, (row.instance_id, &row.account_id), row.meter);
        sum.units = sum.units.saturating_add(row.units);
        sum.peak = sum.peak.max(row.peak);
        sum.granted += row.granted;
        sum.denied += row.denied;
    }

    fn add_denial(&mut self, row: MeterDenialRow) {
        let sum = self.sum(row.starts_at_ms, (row.instance_id, &row.account_id), row.meter);
        *sum.denials.entry(row.reason).or_default() += row.denied;
    }

    fn add_consumer(&mut self, row: ConsumerRow) {
        if row.granted == 0 {
            return;
        }
        let sum = self.sum(row.starts_at_ms, (row.instance_id, &row.account_id), row.meter);
        if row.consumer_type == USER {
            sum.users.insert(row.consumer_id);
        } else {
            sum.hosts.insert((row.consumer_type, row.consumer_id));
        }
    }

    fn add_item(&mut self, row: RollupRow) {
        if let Meters::Named(names) = &self.question.meters
            && !names.contains(&row.item)
        {
            return;
        }
        let key = self.key(row.starts_at_ms, (row.instance_id, &row.account_id), row.item);
        let sum = self.items.entry(key).or_default();
        sum.tokens += row.tokens_charged - row.tokens_refunded;
        sum.units = sum.units.saturating_add(row.units);
        sum.granted += row.granted;
        sum.denied += row.denied;
        sum.is_charged |= row.tokens_charged != 0 || row.tokens_refunded != 0;
    }

    fn finish(self) -> BTreeMap<Key, Sum> {
        let feature = |(key, sum)| (key, Sum { feature: Some(sum), item: None });
        let mut sums: BTreeMap<Key, Sum> = self.features.into_iter().map(feature).collect();
        for (key, item) in self.items.into_iter().filter(|(_, item)| item.is_charged) {
            sums.entry(key).or_default().item = Some(item);
        }
        sums
    }
}

/// Roll-ups are kept by hour and day.
fn by_hour_or_day(filter: RollupFilter) -> RollupFilter {
    let span = if filter.span == Span::Day { Span::Day } else { Span::Hour };
    RollupFilter { span, ..filter }
}

impl GroupBy {
    fn of(self, instance_id: Uuid, account_id: &str) -> Group {
        match self {
            Self::Nothing => Group::default(),
            Self::Account => Group { account_id: Some(account_id.to_owned()), instance_id: None },
            Self::Instance => {
                Group { account_id: Some(account_id.to_owned()), instance_id: Some(instance_id) }
            }
        }
    }
}

impl Sum {
    /// No use of what is no feature if `others` are none either, so that what is known of a meter is
    /// the same at all times.
    pub(super) fn none_like(others: &[Self]) -> Self {
        let is_feature = others.iter().any(|other| other.feature.is_some());
        Self { feature: None, item: (!is_feature).then(ItemSum::default) }
    }

    pub(super) fn is_none(&self) -> bool {
        self.feature.is_none() && self.item.is_none()
    }

    pub(super) fn wire(&self, period: &NamedPeriod) -> MeterUsage {
        let (from, to) = (Millis(period.from_ms), Millis(period.until_ms));
        let tokens = self.item.map(|item| tokens(item.tokens));
        match (&self.feature, &self.item) {
            (None, Some(item)) => item.wire(from, to),
            (Some(feature), _) => MeterUsage { tokens, ..feature.wire(from, to) },
            (None, None) => FeatureSum::default().wire(from, to),
        }
    }
}

impl FeatureSum {
    fn wire(&self, from: Millis, to: Millis) -> MeterUsage {
        let denied = |(reason, denied): (&String, &i64)| (reason.clone(), denied.unsigned_abs());
        MeterUsage {
            from,
            to,
            units: count(self.units.saturating_mul(MICROS)),
            peak: Some(self.peak),
            distinct_hosts: Some(self.hosts.len() as u64),
            distinct_users: Some(self.users.len() as u64),
            granted: self.granted.unsigned_abs(),
            denied: self.denied.unsigned_abs(),
            denials: self.denials.iter().map(denied).collect(),
            tokens: None,
        }
    }
}

impl ItemSum {
    fn wire(&self, from: Millis, to: Millis) -> MeterUsage {
        MeterUsage {
            from,
            to,
            units: count(self.units),
            peak: None,
            distinct_hosts: None,
            distinct_users: None,
            granted: self.granted.unsigned_abs(),
            denied: self.denied.unsigned_abs(),
            denials: BTreeMap::new(),
            tokens: Some(tokens(self.tokens)),
        }
    }
}
