//! The part of a step that is one instance's.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use licet_core::{
    ItemCode, ItemOutcomeView, LineChargeView, LineItemState, LineItemTerms, MICROS, OutcomeView,
    Record, RecordView, RefundView, RefundedLineView, SessionAccessView, SessionEndedView,
    SessionResult, divide_half_even,
};
use licet_store::{BalanceRow, LineItemRow, Projection, SessionRow, UsageEntry, UsagePacker};
use uuid::Uuid;

use super::{
    by_names::ByNames,
    counts::{Asked, Counted, Counts, Owner},
    feature_counts::FeatureCounts,
    features::Rows,
};

/// What the sections of one instance mean for the tables. It is used for one after the other.
#[derive(Debug)]
pub(super) struct Part<'a> {
    instance_id: Uuid,
    account_id: Arc<str>,
    write_time_ms: i64,
    usage: UsagePacker,
    counts: Counts<'a>,
    feature_counts: FeatureCounts,
    lines: ByNames<(Cow<'a, str>, LineChange)>,
    sessions: HashMap<Uuid, SessionRow>,
}

/// What a step leaves of a line item's row.
#[derive(Debug)]
enum LineChange {
    Put(LineItemRow),
    Used(i64),
    Deleted,
}

/// Of which session a usage row is, if of any.
#[derive(Debug, Clone, Copy, Default)]
struct OfSession<'a> {
    id: Option<Uuid>,
    state: &'a str,
}

impl<'a> Part<'a> {
    pub(super) fn new() -> Self {
        let nobody: Arc<str> = "".into();
        Self {
            instance_id: Uuid::nil(),
            account_id: nobody.clone(),
            write_time_ms: 0,
            usage: UsagePacker::new(Uuid::nil(), nobody),
            counts: Counts::default(),
            feature_counts: FeatureCounts::default(),
            lines: ByNames::default(),
            sessions: HashMap::new(),
        }
    }

    /// Begins with an instance; the one before must be finished.
    pub(super) fn begin(&mut self, instance_id: Uuid, account_id: &str) {
        if *self.account_id != *account_id {
            self.account_id = account_id.into();
        }
        self.instance_id = instance_id;
        self.usage.begin(instance_id, self.account_id.clone());
    }

    /// Adds the rows of the instance.
    pub(super) fn finish_into(&mut self, projection: &mut Projection) {
        let instance_id = self.instance_id;
        let owner = Owner { instance_id, account_id: &self.account_id };
        self.counts.finish(owner, &mut projection.rollups, &mut projection.consumers);
        self.feature_counts.finish_into(owner, projection);
        self.usage.finish_into(&mut projection.usage);
        projection.sessions.extend(self.sessions.drain().map(|(_, row)| row));
        for (activation_id, change) in self.lines.values() {
            let activation_id = activation_id.to_string();
            match change {
                LineChange::Put(row) => projection.line_items.push(row.clone()),
                LineChange::Used(used) => {
                    projection.balances.push(BalanceRow {
                        instance_id,
                        activation_id,
                        used: *used,
                    });
                }
                LineChange::Deleted => {
                    projection.deleted_line_items.push((instance_id, activation_id));
                }
            }
        }
        self.lines.clear();
    }

    /// Takes in a record of a section that was read at this time.
    pub(super) fn take(&mut self, record: &RecordView<'a>, write_time_ms: i64) {
        self.write_time_ms = write_time_ms;
        match record {
            RecordView::Access(access) => {
                for outcome in &access.outcomes {
                    self.outcome(outcome, OfSession::default());
                }
            }
            RecordView::SessionAccess(access) => self.session_access(access),
            RecordView::SessionEnded(ended) => self.session_ended(ended),
            RecordView::Other(record) => self.other(record),
        }
    }

    fn other(&mut self, record: &Record) {
        let owned = |activation_id: &str| Cow::Owned(activation_id.to_owned());
        match record {
            Record::LineItemPut { after, used, .. } => {
                let row = line_item_row(self.instance_id, after, used.micros());
                *self.line(owned(&after.activation_id)) = LineChange::Put(row);
            }
            Record::LineItemDeleted { activation_id, .. } => {
                *self.line(owned(activation_id)) = LineChange::Deleted;
            }
            Record::LineItemReset { activation_id, .. } => self.used(owned(activation_id), 0),
            Record::SessionOpened { at_ms, session_id, .. } => {
                let row = self.session_row(session_id.0, *at_ms, "IDLE");
                self.sessions.insert(session_id.0, row);
            }
            Record::Served { served, .. } => {
                let write_time_ms = self.write_time_ms;
                let (usage, counts) = (&mut self.usage, &mut self.feature_counts);
                Rows { usage, counts, write_time_ms }.served(served);
            }
            Record::LeasesEnded(ended) => {
                let write_time_ms = self.write_time_ms;
                let (usage, counts) = (&mut self.usage, &mut self.feature_counts);
                Rows { usage, counts, write_time_ms }.ended(ended);
            }
            // The first three have views of their own.
            Record::Access { .. }
            | Record::SessionAccess { .. }
            | Record::SessionEnded { .. }
            | Record::ConditionsPut { .. }
            | Record::ConditionsDeleted { .. }
            | Record::ActionsPut { .. }
            | Record::HeartbeatSeen { .. }
            | Record::FeatureLineItemPut { .. }
            | Record::FeatureLineItemDeleted { .. }
            | Record::CountsDivided { .. }
            | Record::ReservationGroupPosted { .. }
            | Record::ReservationGroupDeleted { .. }
            | Record::ModelPut { .. }
            | Record::ModelDeleted { .. } => {}
        }
    }

    fn session_ended(&mut self, ended: &SessionEndedView<'a>) {
        let session_id = ended.session_id.0;
        if let Some(refund) = &ended.refund {
            let session = OfSession { id: Some(session_id), state: "TERMINATED" };
            self.refund(refund, ended.at_ms, session);
        }
        let row = self.session_row(session_id, ended.opened_at_ms, "TERMINATED");
        let end_reason = Some(ended.reason.to_string());
        let row = SessionRow { ended_at_ms: Some(ended.at_ms), end_reason, ..row };
        self.sessions.insert(session_id, row);
    }

    /// What becomes of a line item; of one that is new to the step what it is set to.
    fn line(&mut self, activation_id: Cow<'a, str>) -> &mut LineChange {
        let line = self.lines.find_or_put(
            &activation_id,
            |(known, _)| *known == activation_id,
            || (activation_id.clone(), LineChange::Used(0)),
        );
        &mut line.1
    }

    fn used(&mut self, activation_id: Cow<'a, str>, used: i64) {
        match self.line(activation_id) {
            LineChange::Put(row) => row.used = used,
            LineChange::Used(standing) => *standing = used,
            LineChange::Deleted => {}
        }
    }

    fn session_access(&mut self, access: &SessionAccessView<'a>) {
        let at_ms = access.outcome.at_ms;
        let session_id = access.session_id.0;
        let row = |state| self.session_row(session_id, access.opened_at_ms, state);
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
        let state = row.as_ref().map_or(before, |row| &row.state);
        let session = OfSession { id: Some(session_id), state };
        if let Some(refund) = &access.refund {
            self.refund(refund, at_ms, session);
        }
        self.outcome(&access.outcome, session);
        if let Some(row) = row {
            self.sessions.insert(session_id, row);
        }
    }

    fn outcome(&mut self, outcome: &OutcomeView<'a>, session: OfSession<'_>) {
        for item in &outcome.items {
            let request = UsageEntry {
                correlation_id: outcome.correlation_id.0,
                usage_time_ms: outcome.at_ms,
                write_time_ms: self.write_time_ms,
                consumer_type: outcome.requester.kind,
                consumer_id: outcome.requester.value,
                item: item.item,
                item_version: item.version,
                item_quantity: item.requested.micros(),
                session_id: session.id,
                session_state: session.state,
                request_response: three_digits(item.code),
                meta_data: item.meta_data,
                ..UsageEntry::default()
            };
            self.counts.count(&asked(item, outcome), &counted(item));
            if item.charges.is_empty() {
                self.usage.push(&request);
            }
            self.charges(item, &request);
        }
    }

    fn charges(&mut self, item: &ItemOutcomeView<'a>, request: &UsageEntry<'_>) {
        let mut units_left = item.granted.micros();
        for (place, charge) in item.charges.iter().enumerate() {
            let is_last = place + 1 == item.charges.len();
            // The last part is what is left, so that the parts are always the whole.
            let units = if is_last { units_left } else { units_of(charge).min(units_left) };
            units_left -= units;
            let (used, quantity) = (charge.used_after.micros(), charge.quantity.micros());
            self.used(charge.activation_id.into(), used);
            self.usage.push(&UsageEntry {
                meter_cost: charge.rate.micros(),
                meter_quantity: charge.tokens.micros(),
                item_quantity: units,
                activation_id: charge.activation_id,
                mapped_entitled_count: quantity,
                used,
                overdraft_count: (used - quantity).max(0),
                ..*request
            });
        }
    }

    fn refund(&mut self, refund: &RefundView<'a>, at_ms: i64, session: OfSession<'_>) {
        for line in &refund.lines {
            let (used, quantity) = (line.used_after.micros(), line.quantity.micros());
            let is_standing = quantity > 0;
            if is_standing {
                self.used(line.activation_id.into(), used);
            }
            let row = UsageEntry {
                correlation_id: refund.correlation_id.0,
                usage_time_ms: at_ms,
                write_time_ms: self.write_time_ms,
                consumer_type: refund.requester.kind,
                consumer_id: refund.requester.value,
                meter_cost: line.rate.micros(),
                meter_quantity: -line.tokens.micros(),
                item: line.item,
                item_version: line.version,
                item_quantity: line.count.micros(),
                activation_id: line.activation_id,
                mapped_entitled_count: quantity,
                used,
                overdraft_count: (used - quantity).max(0),
                session_id: session.id,
                session_state: session.state,
                request_response: three_digits(ItemCode::Charged),
                ..UsageEntry::default()
            };
            let count = Counted { tokens_refunded: line.tokens.micros(), ..Counted::default() };
            self.counts.count(&asked_back(line, refund, at_ms), &count);
            self.usage.push(&row);
        }
    }

    fn session_row(&self, session_id: Uuid, opened_at_ms: i64, state: &str) -> SessionRow {
        SessionRow {
            instance_id: self.instance_id,
            session_id,
            state: state.to_owned(),
            opened_at_ms,
            charged_until_ms: None,
            ended_at_ms: None,
            end_reason: None,
        }
    }
}

fn asked<'a>(item: &ItemOutcomeView<'a>, outcome: &OutcomeView<'a>) -> Asked<'a> {
    Asked {
        at_ms: outcome.at_ms,
        item: item.item,
        version: item.version,
        consumer_type: outcome.requester.kind,
        consumer_id: outcome.requester.value,
    }
}

fn asked_back<'a>(line: &RefundedLineView<'a>, refund: &RefundView<'a>, at_ms: i64) -> Asked<'a> {
    Asked {
        at_ms,
        item: line.item,
        version: line.version,
        consumer_type: refund.requester.kind,
        consumer_id: refund.requester.value,
    }
}

fn counted(item: &ItemOutcomeView<'_>) -> Counted {
    let is_charged = item.code == ItemCode::Charged;
    Counted {
        tokens_charged: item.tokens().micros(),
        units: item.granted.micros(),
        granted: i64::from(is_charged),
        denied: i64::from(!is_charged),
        ..Counted::default()
    }
}

/// How many units a charge paid for, at its own rate. A part that is not the last has a price, and
/// pays for less than the whole.
fn units_of(charge: &LineChargeView<'_>) -> i64 {
    let units = i128::from(charge.tokens.micros()) * i128::from(MICROS);
    let units = divide_half_even(units, i128::from(charge.rate.micros().max(1)));
    i64::try_from(units).unwrap_or(i64::MAX)
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

pub(super) fn state_name(state: LineItemState) -> &'static str {
    match state {
        LineItemState::Deployed => "DEPLOYED",
        LineItemState::Inactive => "INACTIVE",
        LineItemState::Obsolete => "OBSOLETE",
    }
}

fn line_item_row(instance_id: Uuid, terms: &LineItemTerms, used: i64) -> LineItemRow {
    LineItemRow {
        instance_id,
        activation_id: terms.activation_id.to_string(),
        state: state_name(terms.state).to_owned(),
        quantity: terms.quantity.micros(),
        used,
        starts_at_ms: terms.starts_at_ms,
        ends_at_ms: terms.ends_at_ms,
        rate_table_series: terms.rate_table_series.to_string(),
    }
}
