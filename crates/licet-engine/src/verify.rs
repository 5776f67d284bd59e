//! Verification: folds every journal again and compares the tables with it.

mod meters;

use std::{collections::HashMap, fmt};

use licet_core::{Instance, Phase, SessionId};
use licet_store::{
    ConsumerBlock, ConsumerKey, ConsumerRow, Head, LineItemRow, MeterFilter, Position,
    RollupFilter, RollupRow, Span, Store, StoreError, UsageFilter,
};
use uuid::Uuid;

use self::meters::Meters;
use crate::{
    projection::{Fold, Step},
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
    pub usage_rows: u64,
    /// Groups that the tables do not have yet: their chain was checked, and nothing to compare
    /// them with is there.
    pub groups_ahead: u64,
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
    consumers: HashMap<ConsumerName, ConsumerSum>,
    meters: Meters,
    usage: HashMap<Uuid, UsageSum>,
    /// What was read of what is projected, and is not in the sums yet.
    step: Step,
    verification: Verification,
}

/// A consumer in a span: its length and start, instance, meter, type and id.
type ConsumerName = (Span, i64, Uuid, String, String, String);

/// Usage rows of an instance: how many, their tokens and their units in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct UsageSum {
    rows: u64,
    micros: i64,
    units: i64,
}

/// Tokens of a consumer in a span, and how often it was granted and denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct ConsumerSum {
    tokens: i64,
    granted: i64,
    denied: i64,
}

/// Folds every journal to its end, checks its chain, and compares balances, sessions, roll-ups,
/// consumers, meters, usage rows and heads with it as they stand at the projector's position.
///
/// The store must not move meanwhile: stop the server, or verify a backup. `progress` is told the
/// position reached and the last one.
///
/// # Errors
/// [`StoreError`] if the store cannot be read; damage that can be named is a finding.
pub async fn verify(
    store: &dyn Store,
    mut progress: impl FnMut(Position, Position),
) -> Result<Verification, StoreError> {
    let (projected, last) = (store.projected().await?, store.last_position().await?);
    let mut journals = Journals {
        instances: HashMap::new(),
        rollups: HashMap::new(),
        consumers: HashMap::new(),
        meters: Meters::default(),
        usage: HashMap::new(),
        step: Step::new(Position::default()),
        verification: Verification::default(),
    };
    let mut is_compared = false;
    let mut position = Position::default();
    while position < last {
        let groups = store.read_groups(position, READ_BYTES).await?;
        let Some(end) = groups.last() else { break };
        position = end.position;
        for group in &groups {
            if group.position > projected && !is_compared {
                is_compared = true;
                journals.count()?;
                journals.compare(store, projected).await?;
            }
            journals.take(group, group.position <= projected);
        }
        journals.count()?;
        progress(position, last);
    }
    if !is_compared {
        journals.compare(store, projected).await?;
    }
    Ok(journals.verification)
}

impl Journals {
    fn take(&mut self, group: &licet_store::Group, is_projected: bool) {
        self.verification.groups += 1;
        self.verification.groups_ahead += u64::from(!is_projected);
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
            if is_projected {
                self.step.take(group.position, section, 0);
            }
        }
    }

    /// Adds what was read to the sums.
    fn count(&mut self) -> Result<(), StoreError> {
        let step = std::mem::replace(&mut self.step, Step::new(Position::default()));
        let (sections, mut fold) = (step.by_instance(), Fold::new(&step));
        for sections in sections.chunk_by(|one, next| one.0 == next.0) {
            fold.begin(sections[0].0, "");
            for (_, section) in sections {
                // What cannot be read was found before.
                let _ = fold.take(section);
            }
            fold.end();
        }
        let projection = fold.finish();
        for block in &projection.usage {
            let sum = self.usage.entry(block.instance_id()).or_default();
            for row in block.entries()? {
                let row = row?;
                sum.rows += 1;
                sum.micros += row.meter_quantity;
                sum.units = sum.units.wrapping_add(row.item_quantity);
            }
        }
        for block in &projection.consumers {
            self.count_consumers(block)?;
        }
        self.meters.count(&projection.meters, &projection.meter_denials);
        for row in projection.rollups {
            let names = (row.item.clone(), row.item_version.clone());
            let key = (row.span, row.starts_at_ms, row.instance_id, names.0, names.1);
            match self.rollups.get_mut(&key) {
                None => {
                    self.rollups.insert(key, row);
                }
                Some(sum) => {
                    sum.tokens_charged += row.tokens_charged;
                    sum.tokens_refunded += row.tokens_refunded;
                    sum.units = sum.units.saturating_add(row.units);
                    sum.granted += row.granted;
                    sum.denied += row.denied;
                }
            }
        }
        Ok(())
    }

    fn count_consumers(&mut self, block: &ConsumerBlock) -> Result<(), StoreError> {
        for consumer in block.entries()? {
            let ConsumerKey { instance_id, span, starts_at_ms, meter, .. } = block.key();
            let names = (consumer.consumer_type.to_owned(), consumer.consumer_id.to_owned());
            let name = (*span, *starts_at_ms, *instance_id, meter.to_string(), names.0, names.1);
            let sum = self.consumers.entry(name).or_default();
            sum.tokens += consumer.tokens;
            sum.granted += consumer.granted;
            sum.denied += consumer.denied;
        }
        Ok(())
    }

    async fn compare(&mut self, store: &dyn Store, at: Position) -> Result<(), StoreError> {
        self.verification.instances = self.instances.len() as u64;
        if at == Position::default() {
            if store.last_position().await? > at {
                let text = "the tables of projection.db are not there, so nothing was compared; \
                            start the server once, and they are made again from the journal";
                self.verification.find(text.to_owned());
            }
            return Ok(());
        }
        self.compare_line_items(&store.line_items(None).await?);
        self.compare_sessions(store.sessions(None, 0).await?);
        for span in [Span::Hour, Span::Day] {
            self.compare_rollups(store.rollups(everything(span)).await?, span);
        }
        for span in [Span::Quarter, Span::Day] {
            let meters = licet_store::Meters::AllAndTokens;
            match store.consumers(MeterFilter { of: everything(span), meters }).await {
                Ok(rows) => self.compare_consumers(rows, span),
                Err(StoreError::Damaged(text)) => self.verification.find(text),
                Err(error) => return Err(error),
            }
        }
        for finding in self.meters.compare(store).await? {
            self.verification.find(finding);
        }
        self.compare_usage(store).await?;
        self.compare_heads(store.heads().await?);
        Ok(())
    }

    fn compare_heads(&mut self, rows: Vec<licet_store::HeadRow>) {
        let by_id: HashMap<_, _> = rows.iter().map(|row| (row.instance_id, row.head)).collect();
        for (id, (_, head)) in &self.instances {
            if by_id.get(id) != Some(head) {
                self.verification.find(format!("the head of instance {id} is not its journal's"));
            }
        }
        if by_id.len() != self.instances.len() {
            let text = format!("{} heads, {} expected", by_id.len(), self.instances.len());
            self.verification.find(text);
        }
    }

    async fn compare_usage(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let mut sums: HashMap<Uuid, UsageSum> = HashMap::new();
        let mut filter = UsageFilter {
            from_ms: i64::MIN,
            until_ms: i64::MAX,
            limit: 10_000,
            ..Default::default()
        };
        loop {
            let rows = match store.usage(filter.clone()).await {
                Ok(rows) => rows,
                Err(StoreError::Damaged(text)) => {
                    self.verification.find(text);
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            let Some(last) = rows.last() else { break };
            filter.after_row_id = last.row_id;
            for row in &rows {
                let sum = sums.entry(row.instance_id).or_default();
                sum.rows += 1;
                sum.micros += row.meter_quantity;
                sum.units = sum.units.wrapping_add(row.item_quantity);
            }
        }
        self.verification.usage_rows = sums.values().map(|sum| sum.rows).sum();
        if sums != self.usage {
            for id in self.instances.keys() {
                let (found, expected) = (sums.get(id), self.usage.get(id));
                if found != expected {
                    self.verification.find(format!(
                        "usage rows of instance {id}: {found:?}, the journal says {expected:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    fn compare_consumers(&mut self, rows: Vec<ConsumerRow>, span: Span) {
        let expected = self.consumers.keys().filter(|name| name.0 == span).count();
        if rows.len() != expected {
            let text = format!("{} {span:?} consumers, {expected} expected", rows.len());
            self.verification.find(text);
        }
        for row in rows {
            let names = (row.consumer_type.clone(), row.consumer_id.clone());
            let key =
                (span, row.starts_at_ms, row.instance_id, row.meter.clone(), names.0, names.1);
            let ConsumerRow { tokens, granted, denied, .. } = row;
            if self.consumers.get(&key) != Some(&ConsumerSum { tokens, granted, denied }) {
                self.verification.find(format!("consumer {key:?} is not as the journal says"));
            }
        }
    }

    fn compare_line_items(&mut self, rows: &[LineItemRow]) {
        let by_key: HashMap<_, _> =
            rows.iter().map(|row| ((row.instance_id, row.activation_id.as_str()), row)).collect();
        let mut expected = 0;
        for (id, (instance, _)) in &self.instances {
            for line in instance.line_items() {
                expected += 1;
                let row = by_key.get(&(*id, &*line.terms.activation_id));
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
                let row = by_id.get(&id);
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

fn everything(span: Span) -> RollupFilter {
    RollupFilter {
        span,
        from_ms: i64::MIN,
        until_ms: i64::MAX,
        instance_id: None,
        account_ids: Vec::new(),
    }
}
