//! Verification: folds every journal again and compares the tables with it.

use std::{collections::HashMap, fmt};

use licet_core::{Instance, Phase, SessionId};
use licet_store::{Head, LineItemRow, Position, RollupFilter, RollupRow, Span, Store, StoreError};
use uuid::Uuid;

use crate::{
    projection::Step,
    section::{follow, records},
};

/// What was read and compared.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    /// Groups of the journal that were read.
    pub groups: u64,
    pub sections: u64,
    pub records: u64,
    pub instances: u64,
    pub line_items: u64,
    pub sessions: u64,
    pub rollups: u64,
    pub findings: Vec<Finding>,
}

/// Something that is not as the journal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding(pub String);

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Most findings that are listed; damage repeats itself.
const FINDINGS_MAX: usize = 100;
const READ_BYTES: usize = 8 << 20;

struct Journals {
    instances: HashMap<Uuid, (Instance, Head)>,
    rollups: HashMap<(Span, i64, Uuid, String, String), RollupRow>,
    verification: Verification,
}

/// Folds the journal up to the projector's position and compares balances, sessions and
/// roll-ups with it. The store must not move meanwhile: stop the server, or verify a backup.
///
/// `progress` is told the position reached and the last one.
///
/// # Errors
/// [`StoreError`] if the store cannot be read; damage that can be named is a finding.
pub async fn verify(
    store: &dyn Store,
    mut progress: impl FnMut(Position, Position),
) -> Result<Verification, StoreError> {
    let until = store.projected().await?;
    let mut journals = Journals {
        instances: HashMap::new(),
        rollups: HashMap::new(),
        verification: Verification::default(),
    };
    let mut position = Position::default();
    while position < until {
        let groups = store.read_groups(position, READ_BYTES).await?;
        let Some(last) = groups.last() else { break };
        position = last.position;
        for group in groups.iter().filter(|group| group.position <= until) {
            journals.take(group);
        }
        progress(position, until);
    }
    journals.compare(store).await?;
    Ok(journals.verification)
}

impl Journals {
    fn take(&mut self, group: &licet_store::Group) {
        self.verification.groups += 1;
        for section in &group.sections {
            self.verification.sections += 1;
            let (instance, head) = self.instances.entry(section.instance_id).or_default();
            match follow(head, section) {
                Ok(next) => *head = next,
                Err(error) => self.verification.find(error.to_string()),
            }
            match records(section) {
                Ok(records) => {
                    self.verification.records += records.len() as u64;
                    records.iter().for_each(|record| instance.fold(record));
                }
                Err(error) => self.verification.find(error.to_string()),
            }
            self.count(group.position, section);
        }
    }

    fn count(&mut self, position: Position, section: &licet_store::Section) {
        let mut step = Step::new(Position::default(), position, 0);
        if step.take(position, section, "").is_err() {
            return;
        }
        for row in step.finish().rollups {
            let names = (row.item.clone(), row.item_version.clone());
            let key = (row.span, row.starts_at_ms, row.instance_id, names.0, names.1);
            match self.rollups.get_mut(&key) {
                None => {
                    self.rollups.insert(key, row);
                }
                Some(sum) => {
                    sum.tokens_charged += row.tokens_charged;
                    sum.tokens_refunded += row.tokens_refunded;
                    sum.units += row.units;
                    sum.granted += row.granted;
                    sum.denied += row.denied;
                }
            }
        }
    }

    async fn compare(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        self.verification.instances = self.instances.len() as u64;
        let line_items = store.line_items(None).await?;
        self.compare_line_items(&line_items);
        self.compare_sessions(store.sessions(None, 0).await?);
        for span in [Span::Hour, Span::Day] {
            let filter = RollupFilter {
                span,
                from_ms: i64::MIN,
                until_ms: i64::MAX,
                instance_id: None,
                account_ids: Vec::new(),
            };
            self.compare_rollups(store.rollups(filter).await?, span);
        }
        for row in store.heads().await? {
            let folded = self.instances.get(&row.instance_id).map(|(_, head)| *head);
            if folded != Some(row.head) {
                let id = row.instance_id;
                self.verification.find(format!("head of instance {id} is not its journal's"));
            }
        }
        Ok(())
    }

    fn compare_line_items(&mut self, rows: &[LineItemRow]) {
        let mut expected = 0;
        for (id, (instance, _)) in &self.instances {
            for line in instance.line_items() {
                expected += 1;
                let same = |row: &&LineItemRow| {
                    row.instance_id == *id && *row.activation_id == *line.terms.activation_id
                };
                let at = rows.partition_point(|row| {
                    (row.instance_id, row.activation_id.as_str())
                        < (*id, &*line.terms.activation_id)
                });
                let row = rows.get(at).filter(same).or_else(|| rows.iter().find(same));
                let used = row.map(|row| (row.used, row.quantity));
                let folded = (line.used.micros(), line.terms.quantity.micros());
                if used != Some(folded) {
                    let activation_id = &line.terms.activation_id;
                    self.verification.find(format!(
                        "line item {activation_id} of instance {id}: the journal says used \
                         {}, the table {used:?} (millionths, with quantity)",
                        line.used
                    ));
                }
            }
        }
        self.verification.line_items = expected;
        if rows.len() as u64 != expected {
            let text = format!("{} line items in the table, {expected} expected", rows.len());
            self.verification.find(text);
        }
    }

    fn compare_sessions(&mut self, rows: Vec<licet_store::SessionRow>) {
        let by_id: HashMap<_, _> = rows.iter().map(|row| (row.session_id, row)).collect();
        for (instance, _) in self.instances.values() {
            for (SessionId(id), session) in instance.sessions() {
                self.verification.sessions += 1;
                let (state, charged_until_ms) = match &session.phase {
                    Phase::Idle { .. } => ("IDLE", None),
                    Phase::Active(paid) => ("ACTIVE", Some(paid.until_ms)),
                    Phase::Ended { .. } => ("TERMINATED", None),
                };
                let row = by_id.get(id);
                let fits = row.is_some_and(|row| {
                    row.state == state && row.charged_until_ms == charged_until_ms
                });
                if !fits {
                    let text = format!("session {id}: the journal says {state}, the table {row:?}");
                    self.verification.find(text);
                }
            }
        }
    }

    fn compare_rollups(&mut self, rows: Vec<RollupRow>, span: Span) {
        let expected = self.rollups.keys().filter(|key| key.0 == span).count();
        self.verification.rollups += expected as u64;
        if rows.len() != expected {
            let text = format!("{} {span:?} roll-ups, {expected} expected", rows.len());
            self.verification.find(text);
        }
        for row in rows {
            let names = (row.item.clone(), row.item_version.clone());
            let key = (row.span, row.starts_at_ms, row.instance_id, names.0, names.1);
            let sums = |row: &RollupRow| {
                let RollupRow { tokens_charged, tokens_refunded, units, granted, denied, .. } = row;
                (*tokens_charged, *tokens_refunded, *units, *granted, *denied)
            };
            if self.rollups.get(&key).map(sums) != Some(sums(&row)) {
                self.verification.find(format!("roll-up {key:?} is not what the journal says"));
            }
        }
    }
}

impl Verification {
    fn find(&mut self, what: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding(what));
        }
    }
}
