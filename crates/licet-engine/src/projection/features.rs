//! What serving features means for usage rows and counts.

use std::{collections::HashMap, sync::Arc};

use licet_core::{
    Asker, FeatureId, FeatureLevel, FeatureOutcome, LeaseEnd, LeasesEnded, MICROS, Operation,
    Served, StatusCode, model::HostId,
};
use licet_store::{UsageEntry, UsageKind, UsagePacker};
use uuid::Uuid;

use super::{
    counts::Counted,
    feature_counts::{FeatureCounts, Metered},
};

/// Type of the hostids of users.
const USER: &str = "USER";

/// Where the rows of a record go.
pub(super) struct Rows<'p> {
    pub(super) usage: &'p mut UsagePacker,
    pub(super) counts: &'p mut FeatureCounts,
    pub(super) write_time_ms: i64,
}

/// What a record did with one feature of a line item.
#[derive(Debug)]
struct Change<'r> {
    level: &'r FeatureLevel,
    taken: u64,
    given_back: u64,
    used: u64,
    undone: u64,
    /// What rows say already of what was taken, used or undone.
    told: u64,
}

/// What a record did with all features of one name.
#[derive(Debug)]
struct Named<'r> {
    name: &'r Arc<str>,
    changes: Vec<Change<'r>>,
    /// What is held newly and no row says yet; below zero what came home.
    held_more: i128,
}

/// Who asked, and when.
#[derive(Debug, Clone, Copy)]
struct Asked<'r> {
    correlation_id: Uuid,
    at_ms: i64,
    asker: &'r Asker,
}

impl Rows<'_> {
    pub(super) fn served(&mut self, served: &Served) {
        let asked = Asked {
            correlation_id: served.correlation_id.0,
            at_ms: served.at_ms,
            asker: &served.asker,
        };
        let is_undo = served.operation == Operation::Undo;
        for mut named in by_name(served) {
            let outcomes = served.outcomes.iter().filter(|outcome| outcome.name == *named.name);
            let mut sum = named.metered();
            for outcome in outcomes.filter(|outcome| outcome.wanted > 0) {
                if let Some(status) = denial(outcome) {
                    sum.denied += 1;
                    self.denied(&asked, outcome, status);
                } else if outcome.granted > 0 {
                    sum.granted += i64::from(!is_undo);
                    self.granted(&asked, outcome, is_undo, &mut named);
                }
            }
            self.came_home(&asked, &named, "RETURNED");
            if !named.changes.is_empty() || sum.denied > 0 {
                self.counts.count_meter(served.at_ms, named.name, &sum);
            }
        }
    }

    pub(super) fn ended(&mut self, ended: &LeasesEnded) {
        let asked = Asked { correlation_id: Uuid::nil(), at_ms: ended.at_ms, asker: &ended.asker };
        let response = match ended.end {
            LeaseEnd::Expired => "EXPIRED",
            LeaseEnd::Dropped { .. } => "DROPPED",
        };
        let mut all = changes(&ended.levels);
        let index = places(&ended.levels);
        for hold in &ended.holds {
            if let Some(place) = index.get(&hold.feature) {
                all[*place].given_back += hold.count;
            }
        }
        for named in group(all, &[]) {
            self.came_home(&asked, &named, response);
            self.counts.count_meter(ended.at_ms, named.name, &named.metered());
        }
    }

    fn denied(&mut self, asked: &Asked<'_>, outcome: &FeatureOutcome, status: StatusCode) {
        let version = outcome.version.to_string();
        self.usage.push(&UsageEntry {
            item: &outcome.name,
            item_version: &version,
            item_quantity: millionths(outcome.wanted.into()),
            request_response: status.as_str(),
            kind: UsageKind::DeniedFeature,
            ..asked.entry(self.write_time_ms)
        });
        self.counts.count_denial(asked.at_ms, &outcome.name, status.as_str());
        let count = Counted { denied: 1, ..Counted::default() };
        self.counts.count_item(asked.at_ms, &outcome.name, &version, &count);
        self.consumers(asked, &outcome.name, (0, 1));
    }

    /// A row for each line item that counts came from.
    fn granted(
        &mut self,
        asked: &Asked<'_>,
        outcome: &FeatureOutcome,
        is_undo: bool,
        named: &mut Named<'_>,
    ) {
        let response = match outcome.status {
            _ if is_undo => "UNDONE",
            Some(status) => status.as_str(),
            None => "GRANTED",
        };
        let mut left = outcome.granted;
        let mut granted = i64::from(!is_undo);
        for change in &mut named.changes {
            let count = (change.taken + change.used + change.undone - change.told).min(left);
            if count == 0 {
                continue;
            }
            left -= count;
            change.told += count;
            let quantity = match change.level.is_consumed {
                _ if is_undo => -i128::from(count),
                true => i128::from(count),
                false => change.newly_held(count, &mut named.held_more),
            };
            let version = change.level.version.to_string();
            self.usage.push(&UsageEntry {
                item_version: &version,
                item_quantity: millionths(quantity),
                request_response: response,
                ..asked.entry_of(change.level, self.write_time_ms)
            });
            let units = millionths(quantity);
            let count = Counted { units, granted, ..Counted::default() };
            self.counts.count_item(asked.at_ms, &outcome.name, &version, &count);
            granted = 0;
        }
        if !is_undo {
            self.consumers(asked, &outcome.name, (1, 0));
        }
    }

    /// A row for each line item that has counts back, as far as nothing was taken in their place.
    fn came_home(&mut self, asked: &Asked<'_>, named: &Named<'_>, response: &str) {
        let mut left = -named.held_more;
        for change in &named.changes {
            let back = i128::from(change.given_back) - i128::from(change.taken);
            let count = back.min(left);
            if count <= 0 {
                continue;
            }
            left -= count;
            let version = change.level.version.to_string();
            self.usage.push(&UsageEntry {
                item_version: &version,
                item_quantity: millionths(count),
                request_response: response,
                ..asked.entry_of(change.level, self.write_time_ms)
            });
        }
    }

    fn consumers(&mut self, asked: &Asked<'_>, meter: &Arc<str>, count: (i64, i64)) {
        let others = asked.asker.host_ids.iter().skip(1).filter(|host| host.kind() == USER);
        for host in [asked.asker.host()].into_iter().chain(others) {
            self.counts.count_consumer(asked.at_ms, meter, host, count);
        }
    }
}

impl<'r> Asked<'r> {
    fn entry(&self, write_time_ms: i64) -> UsageEntry<'r> {
        let host = self.asker.host();
        let user = self.asker.host_ids.iter().find(|host| host.kind() == USER);
        UsageEntry {
            correlation_id: self.correlation_id,
            usage_time_ms: self.at_ms,
            write_time_ms,
            consumer_type: host.kind(),
            consumer_id: host.value(),
            kind: UsageKind::Feature,
            user: user.map_or("", HostId::value),
            ..UsageEntry::default()
        }
    }

    fn entry_of<'e>(&self, level: &'e FeatureLevel, write_time_ms: i64) -> UsageEntry<'e>
    where
        'r: 'e,
    {
        let (owned, in_use) = (millionths(level.owned.into()), millionths(level.in_use.into()));
        // Of what nobody counts nothing is owned, and nothing overdrawn.
        let overdraft_count = if owned == 0 { 0 } else { (in_use - owned).max(0) };
        UsageEntry {
            item: &level.name,
            activation_id: &level.activation_id,
            mapped_entitled_count: owned,
            used: in_use,
            overdraft_count,
            ..self.entry(write_time_ms)
        }
    }
}

impl Change<'_> {
    /// How much of a grant is more than was held of the line item, as long as that much more is
    /// held of the name.
    fn newly_held(&self, count: u64, held_more: &mut i128) -> i128 {
        let of_line = i128::from(self.taken) - i128::from(self.given_back);
        let newly = of_line.min(count.into()).min(*held_more).max(0);
        *held_more -= newly;
        newly
    }
}

impl Named<'_> {
    /// What is counted of it beside its outcomes.
    fn metered(&self) -> Metered {
        let sum = |of: fn(&Change<'_>) -> u64| -> i128 {
            self.changes.iter().map(|change| i128::from(of(change))).sum()
        };
        let used = sum(|change| change.used);
        let units = used - sum(|change| change.undone) + self.held_more.max(0);
        let held = self.changes.iter().find(|change| !change.level.is_consumed);
        let in_use = held.map(|change| whole(change.level.in_use_of_name.into()));
        let peak = in_use.unwrap_or_else(|| whole(used));
        Metered { units: whole(units), granted: 0, denied: 0, peak, in_use }
    }
}

/// Why nothing was granted, if it was denied.
fn denial(outcome: &FeatureOutcome) -> Option<StatusCode> {
    outcome.status.filter(|status| *status != StatusCode::PartialGrant)
}

/// What a request did, each name once: first those that were wanted.
fn by_name(served: &Served) -> Vec<Named<'_>> {
    let mut all = changes(&served.levels);
    let index = places(&served.levels);
    let mut add = |feature: FeatureId, add: &dyn Fn(&mut Change<'_>)| {
        if let Some(place) = index.get(&feature) {
            add(&mut all[*place]);
        }
    };
    for hold in &served.given_back {
        add(hold.feature, &|change| change.given_back += hold.count);
    }
    for hold in &served.taken {
        add(hold.feature, &|change| change.taken += hold.count);
    }
    for used in &served.used {
        add(used.feature, &|change| change.used += used.count);
    }
    for (_, used) in &served.undone {
        add(used.feature, &|change| change.undone += used.count);
    }
    group(all, &served.outcomes)
}

fn changes(levels: &[FeatureLevel]) -> Vec<Change<'_>> {
    let change = |level| Change { level, taken: 0, given_back: 0, used: 0, undone: 0, told: 0 };
    levels.iter().map(change).collect()
}

fn places(levels: &[FeatureLevel]) -> HashMap<FeatureId, usize> {
    levels.iter().enumerate().map(|(place, level)| (level.feature, place)).collect()
}

fn group<'r>(changes: Vec<Change<'r>>, outcomes: &'r [FeatureOutcome]) -> Vec<Named<'r>> {
    let mut all: Vec<Named<'r>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut place_of = |name: &'r Arc<str>, all: &mut Vec<Named<'r>>| {
        *places.entry(name).or_insert_with(|| {
            all.push(Named { name, changes: Vec::new(), held_more: 0 });
            all.len() - 1
        })
    };
    for outcome in outcomes.iter().filter(|outcome| outcome.wanted > 0) {
        place_of(&outcome.name, &mut all);
    }
    for change in changes {
        let place = place_of(&change.level.name, &mut all);
        all[place].held_more += i128::from(change.taken) - i128::from(change.given_back);
        all[place].changes.push(change);
    }
    all
}

/// A count as tables of whole counts have it.
fn whole(count: i128) -> i64 {
    i64::try_from(count).unwrap_or(if count < 0 { i64::MIN } else { i64::MAX })
}

/// A count in millionths; what is too large for that is as large as can be.
fn millionths(count: i128) -> i64 {
    whole(count.saturating_mul(i128::from(MICROS)))
}
