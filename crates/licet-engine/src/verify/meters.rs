//! What the journal says of meters, and how the tables differ.

use std::{collections::HashMap, fmt::Debug, hash::Hash};

use licet_store::{
    MeterDenialRow, MeterFilter, MeterLevelRow, MeterRow, Meters as Wanted, Span, Store, StoreError,
};
use uuid::Uuid;

use super::everything;

/// Span, start, instance and meter.
type Key = (Span, i64, Uuid, String);

/// What the journal says.
#[derive(Debug, Default)]
pub(super) struct Meters {
    usage: HashMap<Key, MeterRow>,
    denials: HashMap<(Key, String), i64>,
    levels: HashMap<(Uuid, String), i64>,
}

impl Meters {
    /// Adds what the next sections mean.
    pub(super) fn count(&mut self, usage: &[MeterRow], denials: &[MeterDenialRow]) {
        for row in usage {
            let of = (row.instance_id, row.meter.clone());
            // Days come in the order of time, and a day ends with its last quarter.
            if let Some(in_use) = row.in_use.filter(|_| row.span == Span::Day) {
                self.levels.insert(of, in_use);
            }
            let standing = self.usage.entry(key(row));
            standing.and_modify(|sum| sum.add(row)).or_insert_with(|| row.clone());
        }
        for row in denials {
            let name = (denial_key(row), row.reason.clone());
            *self.denials.entry(name).or_default() += row.denied;
        }
    }

    /// What is not as the journal says.
    pub(super) async fn compare(&self, store: &dyn Store) -> Result<Vec<String>, StoreError> {
        let mut findings = Vec::new();
        let (mut usage, mut denials) = (Vec::new(), Vec::new());
        let all = |span| MeterFilter { of: everything(span), meters: Wanted::All };
        for span in [Span::Quarter, Span::Day] {
            usage.append(&mut store.meters(all(span)).await?);
            denials.append(&mut store.meter_denials(all(span)).await?);
        }
        let levels = store.meter_levels(all(Span::Day)).await?;
        let sums = |row: &MeterRow| (row.units, row.granted, row.denied, row.peak, row.in_use);
        let folded = self.usage.iter().map(|(key, row)| (key.clone(), sums(row)));
        let found = usage.iter().map(|row| (key(row), sums(row)));
        differ("use of meter", folded.collect(), found.collect(), &mut findings);
        let found = denials.iter().map(|row| ((denial_key(row), row.reason.clone()), row.denied));
        differ("denials of meter", self.denials.clone(), found.collect(), &mut findings);
        let is_held = |(_, in_use): &(&(Uuid, String), &i64)| **in_use > 0;
        let held = self.levels.iter().filter(is_held);
        let held = held.map(|(of, in_use)| (of.clone(), *in_use));
        let level = |row: MeterLevelRow| ((row.instance_id, row.meter), row.in_use);
        let found = levels.into_iter().map(level).collect();
        differ("what is in use of meter", held.collect(), found, &mut findings);
        Ok(findings)
    }
}

fn key(row: &MeterRow) -> Key {
    (row.span, row.starts_at_ms, row.instance_id, row.meter.clone())
}

fn denial_key(row: &MeterDenialRow) -> Key {
    (row.span, row.starts_at_ms, row.instance_id, row.meter.clone())
}

/// Names what is in one map alone, or not the same in both.
fn differ<K: Eq + Hash + Debug, V: PartialEq + Debug>(
    what: &str,
    journal: HashMap<K, V>,
    table: HashMap<K, V>,
    findings: &mut Vec<String>,
) {
    for (key, folded) in &journal {
        let found = table.get(key);
        if found != Some(folded) {
            findings.push(format!(
                "{what} {key:?}: the table has {found:?}, the journal says {folded:?}"
            ));
        }
    }
    let unknown = table.iter().filter(|(key, _)| !journal.contains_key(key));
    let unknown = unknown.map(|(key, found)| {
        format!("{what} {key:?}: the table has {found:?}, the journal says nothing of it")
    });
    findings.extend(unknown);
}
