//! What each record means for the tables: pure mapping from journal sections to rows.

mod audit;

use std::collections::HashMap;

use licet_core::{
    ItemCode, ItemOutcome, LineItemState, LineItemTerms, MICROS, Outcome, Record, Refund,
    Requester, SessionAccess, SessionResult, divide_half_even,
};
use licet_store::{
    BalanceRow, ConsumerRow, HeadRow, LineItemRow, Position, Projection, RollupRow, Section,
    SessionRow, Span, StoreError, UsageRow,
};
use uuid::Uuid;

use self::audit::audit_row;
use crate::section::records;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// One step of the projector being gathered.
pub(crate) struct Step {
    projection: Projection,
    write_time_ms: i64,
    heads: HashMap<Uuid, HeadRow>,
    lines: HashMap<(Uuid, String), LineChange>,
    sessions: HashMap<Uuid, SessionRow>,
    rollups: HashMap<RollupKey, RollupRow>,
    consumers: HashMap<ConsumerKey, ConsumerRow>,
}

/// What a step leaves of a line item's row.
enum LineChange {
    Put(LineItemRow),
    Used(i64),
    Deleted,
}

type RollupKey = (Uuid, Span, i64, String, String);
type ConsumerKey = (Uuid, i64, String, String);

/// Where a record stands: whose it is.
struct Place<'a> {
    instance_id: Uuid,
    account_id: &'a str,
}

impl Step {
    pub(crate) fn new(from: Position, to: Position, write_time_ms: i64) -> Self {
        Self {
            projection: Projection { from, to, ..Projection::default() },
            write_time_ms,
            heads: HashMap::new(),
            lines: HashMap::new(),
            sessions: HashMap::new(),
            rollups: HashMap::new(),
            consumers: HashMap::new(),
        }
    }

    /// Takes a section in.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if its records cannot be read.
    pub(crate) fn take(
        &mut self,
        position: Position,
        section: &Section,
        account_id: &str,
    ) -> Result<(), StoreError> {
        let instance_id = section.instance_id;
        let head = licet_store::Head { seq: section.seq, hash: section.hash };
        let wake_at_ms = section.wake_at_ms;
        self.heads.insert(instance_id, HeadRow { instance_id, head, position, wake_at_ms });
        let place = Place { instance_id, account_id };
        for record in records(section)? {
            self.record(&place, record);
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Projection {
        let mut projection = self.projection;
        projection.heads = self.heads.into_values().collect();
        projection.sessions = self.sessions.into_values().collect();
        projection.rollups = self.rollups.into_values().collect();
        projection.consumers = self.consumers.into_values().collect();
        for ((instance_id, activation_id), change) in self.lines {
            match change {
                LineChange::Put(row) => projection.line_items.push(row),
                LineChange::Used(used) => {
                    projection.balances.push(BalanceRow { instance_id, activation_id, used });
                }
                LineChange::Deleted => {
                    projection.deleted_line_items.push((instance_id, activation_id));
                }
            }
        }
        projection
    }

    fn record(&mut self, place: &Place<'_>, record: Record) {
        if let Some(row) = audit_row(place, &record) {
            self.projection.audit.push(row);
        }
        match record {
            Record::LineItemPut { after, used, .. } => {
                let row = line_item_row(place, &after, used.micros());
                let key = (place.instance_id, row.activation_id.clone());
                self.lines.insert(key, LineChange::Put(row));
            }
            Record::LineItemDeleted { activation_id, .. } => {
                let key = (place.instance_id, activation_id.to_string());
                self.lines.insert(key, LineChange::Deleted);
            }
            Record::LineItemReset { activation_id, .. } => self.used(place, &activation_id, 0),
            Record::Access { outcomes, .. } => {
                for outcome in outcomes {
                    self.outcome(place, &outcome, None, "");
                }
            }
            Record::SessionOpened { at_ms, session_id, .. } => {
                let row = session_row(place, session_id.0, at_ms, "IDLE");
                self.sessions.insert(session_id.0, row);
            }
            Record::SessionAccess { access, .. } => self.session_access(place, &access),
            Record::SessionEnded { at_ms, session_id, opened_at_ms, reason, refund } => {
                if let Some(refund) = &refund {
                    self.refund(place, refund, at_ms, session_id.0, "TERMINATED");
                }
                let row = session_row(place, session_id.0, opened_at_ms, "TERMINATED");
                let end_reason = Some(reason.to_string());
                let row = SessionRow { ended_at_ms: Some(at_ms), end_reason, ..row };
                self.sessions.insert(session_id.0, row);
            }
            Record::ConditionsPut { .. }
            | Record::ConditionsDeleted { .. }
            | Record::ActionsPut { .. }
            | Record::HeartbeatSeen { .. } => {}
        }
    }

    fn used(&mut self, place: &Place<'_>, activation_id: &str, used: i64) {
        let key = (place.instance_id, activation_id.to_owned());
        match self.lines.get_mut(&key) {
            Some(LineChange::Put(row)) => row.used = used,
            Some(LineChange::Used(standing)) => *standing = used,
            Some(LineChange::Deleted) => {}
            None => {
                self.lines.insert(key, LineChange::Used(used));
            }
        }
    }

    fn session_access(&mut self, place: &Place<'_>, access: &SessionAccess) {
        let at_ms = access.outcome.at_ms;
        let session_id = access.session_id.0;
        let row = |state| session_row(place, session_id, access.opened_at_ms, state);
        let row = match &access.result {
            SessionResult::Charged { until_ms, .. } => {
                Some(SessionRow { charged_until_ms: Some(*until_ms), ..row("ACTIVE") })
            }
            SessionResult::Idle => Some(row("IDLE")),
            SessionResult::Kept => None,
            SessionResult::Ended(reason) => Some(SessionRow {
                ended_at_ms: Some(at_ms),
                end_reason: Some(reason.to_string()),
                ..row("TERMINATED")
            }),
        };
        let before = if access.was_active { "ACTIVE" } else { "IDLE" };
        let state = row.as_ref().map_or_else(|| before.to_owned(), |row| row.state.clone());
        if let Some(refund) = &access.refund {
            self.refund(place, refund, at_ms, session_id, &state);
        }
        self.outcome(place, &access.outcome, Some(session_id), &state);
        if let Some(row) = row {
            self.sessions.insert(session_id, row);
        }
    }

    fn outcome(
        &mut self,
        place: &Place<'_>,
        outcome: &Outcome,
        session_id: Option<Uuid>,
        session_state: &str,
    ) {
        for item in &outcome.items {
            let request = UsageRow {
                correlation_id: outcome.correlation_id.0,
                usage_time_ms: outcome.at_ms,
                item: item.item.to_string(),
                item_version: item.version.to_string(),
                item_quantity: item.requested.micros(),
                session_id,
                session_state: session_state.to_owned(),
                request_response: three_digits(item.code).to_owned(),
                meta_data: item.meta_data.as_deref().map(str::to_owned),
                ..self.row(place, &outcome.requester)
            };
            self.count_item(place, item, &outcome.requester, outcome.at_ms);
            if item.charges.is_empty() {
                self.projection.usage.push(request);
                continue;
            }
            for (charge, units) in item.charges.iter().zip(units_of_parts(item)) {
                let (used, quantity) = (charge.used_after.micros(), charge.quantity.micros());
                self.used(place, &charge.activation_id, used);
                self.projection.usage.push(UsageRow {
                    meter_cost: charge.rate.micros(),
                    meter_quantity: charge.tokens.micros(),
                    item_quantity: units,
                    activation_id: charge.activation_id.to_string(),
                    mapped_entitled_count: quantity,
                    used,
                    overdraft_count: (used - quantity).max(0),
                    ..request.clone()
                });
            }
        }
    }

    fn refund(
        &mut self,
        place: &Place<'_>,
        refund: &Refund,
        at_ms: i64,
        session_id: Uuid,
        session_state: &str,
    ) {
        for line in &refund.lines {
            let (used, quantity) = (line.used_after.micros(), line.quantity.micros());
            let is_standing = quantity > 0;
            if is_standing {
                self.used(place, &line.activation_id, used);
            }
            let row = UsageRow {
                correlation_id: refund.correlation_id.0,
                usage_time_ms: at_ms,
                meter_cost: line.rate.micros(),
                meter_quantity: -line.tokens.micros(),
                item: line.item.to_string(),
                item_version: line.version.to_string(),
                item_quantity: line.count.micros(),
                activation_id: line.activation_id.to_string(),
                mapped_entitled_count: quantity,
                used,
                overdraft_count: (used - quantity).max(0),
                session_id: Some(session_id),
                session_state: session_state.to_owned(),
                request_response: three_digits(ItemCode::Charged).to_owned(),
                ..self.row(place, &refund.requester)
            };
            let count = Counted { tokens_refunded: line.tokens.micros(), ..Counted::default() };
            self.count(place, (&line.item, &line.version), &refund.requester, at_ms, &count);
            self.projection.usage.push(row);
        }
    }

    fn row(&self, place: &Place<'_>, requester: &Requester) -> UsageRow {
        UsageRow {
            write_time_ms: self.write_time_ms,
            account_id: place.account_id.to_owned(),
            instance_id: place.instance_id,
            consumer_type: requester.kind.to_string(),
            consumer_id: requester.value.to_string(),
            ..UsageRow::default()
        }
    }

    fn count_item(
        &mut self,
        place: &Place<'_>,
        item: &ItemOutcome,
        requester: &Requester,
        at_ms: i64,
    ) {
        let is_charged = item.code == ItemCode::Charged;
        let count = Counted {
            tokens_charged: item.tokens().micros(),
            units: item.granted.micros(),
            granted: i64::from(is_charged),
            denied: i64::from(!is_charged),
            ..Counted::default()
        };
        self.count(place, (&item.item, &item.version), requester, at_ms, &count);
    }

    fn count(
        &mut self,
        place: &Place<'_>,
        (item, version): (&str, &str),
        requester: &Requester,
        at_ms: i64,
        count: &Counted,
    ) {
        let spans = [(Span::Hour, HOUR_MS), (Span::Day, DAY_MS)];
        for (span, length_ms) in spans {
            let starts_at_ms = at_ms - at_ms.rem_euclid(length_ms);
            let names = (item.to_owned(), version.to_owned());
            let key = (place.instance_id, span, starts_at_ms, names.0.clone(), names.1.clone());
            let row = self.rollups.entry(key).or_insert_with(|| RollupRow {
                instance_id: place.instance_id,
                account_id: place.account_id.to_owned(),
                span,
                starts_at_ms,
                item: names.0,
                item_version: names.1,
                tokens_charged: 0,
                tokens_refunded: 0,
                units: 0,
                granted: 0,
                denied: 0,
            });
            count.add_to(row);
        }
        self.count_consumer(place, requester, at_ms, count);
    }

    fn count_consumer(
        &mut self,
        place: &Place<'_>,
        requester: &Requester,
        at_ms: i64,
        count: &Counted,
    ) {
        let starts_at_ms = at_ms - at_ms.rem_euclid(DAY_MS);
        let (kind, value) = (requester.kind.to_string(), requester.value.to_string());
        let key = (place.instance_id, starts_at_ms, kind.clone(), value.clone());
        let row = self.consumers.entry(key).or_insert_with(|| ConsumerRow {
            instance_id: place.instance_id,
            account_id: place.account_id.to_owned(),
            starts_at_ms,
            consumer_type: kind,
            consumer_id: value,
            tokens: 0,
            granted: 0,
            denied: 0,
        });
        row.tokens += count.tokens_charged - count.tokens_refunded;
        row.granted += count.granted;
        row.denied += count.denied;
    }
}

/// What one item or refund adds to its roll-ups.
#[derive(Default)]
struct Counted {
    tokens_charged: i64,
    tokens_refunded: i64,
    units: i64,
    granted: i64,
    denied: i64,
}

impl Counted {
    fn add_to(&self, row: &mut RollupRow) {
        row.tokens_charged += self.tokens_charged;
        row.tokens_refunded += self.tokens_refunded;
        row.units += self.units;
        row.granted += self.granted;
        row.denied += self.denied;
    }
}

/// How many units each line item paid for, at its own rate. The last part is what is left, so that
/// the parts are always the whole.
fn units_of_parts(item: &ItemOutcome) -> Vec<i64> {
    let mut left = item.granted.micros();
    let (last, others) = match item.charges.split_last() {
        Some((_, others)) => (1, others),
        None => (0, item.charges.as_slice()),
    };
    let mut parts = Vec::with_capacity(others.len() + last);
    for charge in others {
        // A part that is not the last has a price, and pays for less than the whole.
        let units = i128::from(charge.tokens.micros()) * i128::from(MICROS);
        let units = divide_half_even(units, i128::from(charge.rate.micros().max(1)));
        let units = i64::try_from(units).unwrap_or(left).min(left);
        left -= units;
        parts.push(units);
    }
    parts.extend(std::iter::repeat_n(left, last));
    parts
}

/// Item codes as the tables keep them; the doors write them in the form of their version.
fn three_digits(code: ItemCode) -> &'static str {
    match code {
        ItemCode::Charged => "101",
        ItemCode::NoStatus => "102",
        ItemCode::NotPriced => "201",
        ItemCode::NoLineItem => "301",
        ItemCode::DeniedByRules => "305",
        ItemCode::Insufficient => "306",
    }
}

fn state_name(state: LineItemState) -> &'static str {
    match state {
        LineItemState::Deployed => "DEPLOYED",
        LineItemState::Inactive => "INACTIVE",
        LineItemState::Obsolete => "OBSOLETE",
    }
}

fn line_item_row(place: &Place<'_>, terms: &LineItemTerms, used: i64) -> LineItemRow {
    LineItemRow {
        instance_id: place.instance_id,
        activation_id: terms.activation_id.to_string(),
        state: state_name(terms.state).to_owned(),
        quantity: terms.quantity.micros(),
        used,
        starts_at_ms: terms.starts_at_ms,
        ends_at_ms: terms.ends_at_ms,
        rate_table_series: terms.rate_table_series.to_string(),
    }
}

fn session_row(place: &Place<'_>, session_id: Uuid, opened_at_ms: i64, state: &str) -> SessionRow {
    SessionRow {
        instance_id: place.instance_id,
        session_id,
        state: state.to_owned(),
        opened_at_ms,
        charged_until_ms: None,
        ended_at_ms: None,
        end_reason: None,
    }
}
