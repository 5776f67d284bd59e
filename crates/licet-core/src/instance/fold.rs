//! Folding: how each record changes the state. Nothing is decided here.

use std::sync::Arc;

use super::Instance;
use crate::{
    access_request::{ItemOutcome, Outcome},
    answer::{IdempotencyKey, KeptAnswer},
    charge::{ChargedLine, Refund},
    fixed::Tokens,
    ids::{ActionId, SessionId},
    line_item::{LineItem, LineItemTerms},
    record::{EndReason, Record, SessionAccess, SessionResult},
    session::{Paid, Phase, Session},
};

impl Instance {
    /// Takes a record of this instance's journal into the state.
    pub fn fold(&mut self, record: &Record) {
        self.last_ms = self.last_ms.max(record.at_ms());
        match record {
            Record::LineItemPut { at_ms, after, epoch, resets_at_ms, .. } => {
                self.fold_line_item(*at_ms, after, *epoch, *resets_at_ms);
            }
            Record::LineItemDeleted { activation_id, .. } => self.fold_deleted(activation_id),
            Record::LineItemReset { activation_id, epoch, resets_at_ms, .. } => {
                self.fold_reset(activation_id, *epoch, *resets_at_ms);
            }
            Record::ConditionsPut { conditions, .. } => {
                let by_id = conditions.iter().map(|condition| (condition.id, condition.clone()));
                self.conditions.extend(by_id);
            }
            Record::ConditionsDeleted { ids, .. } => {
                self.conditions.retain(|id, _| !ids.contains(id));
            }
            Record::ActionsPut { at_ms, activation_id, actions, .. } => {
                self.change_line(activation_id, |line| {
                    line.actions.clone_from(actions);
                    line.modified_ms = *at_ms;
                });
            }
            Record::Access { outcomes, many, key } => {
                for outcome in outcomes {
                    self.fold_charges(outcome);
                }
                self.keep_access(outcomes, *many, key.as_ref());
            }
            Record::SessionOpened { at_ms, session_id, key } => {
                self.roster.put(*session_id, Session::opened(*at_ms));
                self.keep(key.as_ref(), *at_ms, || KeptAnswer::SessionOpened(*session_id));
            }
            Record::SessionAccess { access, automatic, key } => {
                self.fold_session_access(access, *automatic);
                let at_ms = access.outcome.at_ms;
                self.keep(key.as_ref(), at_ms, || KeptAnswer::SessionAccess(access.clone()));
            }
            Record::SessionEnded { at_ms, session_id, reason, refund, .. } => {
                self.fold_refund(refund.as_ref());
                self.end_session(*session_id, *at_ms, *reason);
            }
            Record::HeartbeatSeen { at_ms, session_id } => {
                self.fold_heartbeat(*session_id, *at_ms);
            }
            Record::FeatureLineItemPut { at_ms, after, ids, .. } => {
                self.serving.fold_line_item(*at_ms, after, ids);
            }
            Record::FeatureLineItemDeleted { activation_id, .. } => {
                self.serving.fold_line_item_deleted(activation_id);
            }
            Record::CountsDivided { divisions, .. } => self.serving.fold_divisions(divisions),
            Record::Served { served, key } => {
                self.serving.fold_served(served);
                if let Some(key) = key {
                    let answer = Arc::new(self.serving.answer_to(served));
                    self.keep(Some(key), served.at_ms, || KeptAnswer::Served(answer));
                }
            }
            Record::LeasesEnded(ended) => self.serving.fold_leases_ended(ended),
            Record::ReservationGroupPosted { group, .. } => self.serving.fold_group(group),
            Record::ReservationGroupDeleted { group, .. } => {
                self.serving.fold_group_deleted(group.id);
            }
            Record::ModelPut { at_ms, text, .. } => self.serving.fold_model(*at_ms, Some(text)),
            Record::ModelDeleted { at_ms, .. } => self.serving.fold_model(*at_ms, None),
        }
    }

    fn fold_line_item(
        &mut self,
        at_ms: i64,
        terms: &LineItemTerms,
        epoch: u64,
        resets_at_ms: Option<i64>,
    ) {
        self.epochs = self.epochs.max(epoch);
        if self.by_activation.contains_key(&terms.activation_id) {
            return self.change_line(&terms.activation_id, |line| {
                line.terms.clone_from(terms);
                line.resets_at_ms = resets_at_ms;
                line.modified_ms = at_ms;
            });
        }
        let slot = self.lines.len();
        self.by_activation.insert(terms.activation_id.clone(), slot);
        self.lines.push(Some(LineItem {
            terms: terms.clone(),
            used: Tokens::ZERO,
            epoch,
            resets_at_ms,
            actions: Vec::new(),
            created_ms: at_ms,
            modified_ms: at_ms,
        }));
        self.list_line(slot);
    }

    fn fold_deleted(&mut self, activation_id: &str) {
        if let Some(slot) = self.by_activation.remove(activation_id) {
            self.unlist_line(slot);
            self.lines[slot] = None;
        }
    }

    fn fold_reset(&mut self, activation_id: &str, epoch: u64, resets_at_ms: Option<i64>) {
        self.epochs = self.epochs.max(epoch);
        self.change_line(activation_id, |line| {
            line.used = Tokens::ZERO;
            line.epoch = epoch;
            line.resets_at_ms = resets_at_ms;
            for action in &mut line.actions {
                action.used = Tokens::ZERO;
            }
        });
    }

    /// Changes a line item and keeps the indexes true.
    fn change_line(&mut self, activation_id: &str, change: impl FnOnce(&mut LineItem)) {
        let Some(slot) = self.slot_of(activation_id) else { return };
        self.unlist_line(slot);
        if let Some(line) = &mut self.lines[slot] {
            change(line);
        }
        self.list_line(slot);
    }

    pub(super) fn list_line(&mut self, slot: usize) {
        let Some(line) = &self.lines[slot] else { return };
        if line.terms.is_consumable() {
            self.queue.put(line, slot);
            let series = line.terms.rate_table_series.clone();
            self.queues.entry(series).or_default().put(line, slot);
        }
        if let Some(at_ms) = line.resets_at_ms {
            self.resets.insert((at_ms, slot));
        }
    }

    fn unlist_line(&mut self, slot: usize) {
        let Some(line) = &self.lines[slot] else { return };
        self.queue.remove(line);
        let series = &line.terms.rate_table_series;
        if let Some(queue) = self.queues.get_mut(series) {
            queue.remove(line);
            if queue.is_empty() {
                self.queues.remove(series);
            }
        }
        if let Some(at_ms) = line.resets_at_ms {
            self.resets.remove(&(at_ms, slot));
        }
    }

    /// Moves tokens of a line item and of the action that let them through. Only the place in
    /// the list of open line items can change, and seldom does.
    fn move_tokens(&mut self, slot: usize, action: Option<ActionId>, micros: i64) {
        let Some(line) = &mut self.lines[slot] else { return };
        let had_room = line.has_room();
        line.used = Tokens::from_micros(line.used.micros() + micros);
        if let Some(action) = line.actions.iter_mut().find(|held| Some(held.id) == action) {
            action.used = Tokens::from_micros(action.used.micros() + micros);
        }
        if had_room == line.has_room() || !line.terms.is_consumable() {
            return;
        }
        self.queue.put(line, slot);
        if let Some(queue) = self.queues.get_mut(&line.terms.rate_table_series) {
            queue.put(line, slot);
        }
    }

    pub(super) fn fold_charges(&mut self, outcome: &Outcome) {
        self.last_ms = self.last_ms.max(outcome.at_ms);
        for charge in outcome.items.iter().flat_map(|item| &item.charges) {
            if let Some(slot) = self.slot_of(&charge.activation_id) {
                self.move_tokens(slot, charge.action, charge.tokens.micros());
                debug_assert_eq!(self.line(slot).used, charge.used_after);
            }
        }
    }

    fn fold_refund(&mut self, refund: Option<&Refund>) {
        for line in refund.iter().flat_map(|refund| &refund.lines) {
            if let Some(slot) = self.slot_of(&line.activation_id)
                && self.line(slot).epoch == line.epoch
            {
                self.move_tokens(slot, line.action, -line.tokens.micros());
            }
        }
    }

    fn fold_session_access(&mut self, access: &SessionAccess, automatic: bool) {
        self.fold_refund(access.refund.as_ref());
        self.fold_charges(&access.outcome);
        let Some(mut session) = self.roster.get(access.session_id) else { return };
        let at_ms = access.outcome.at_ms;
        if !automatic {
            session.last_access_at_ms = Some(at_ms);
        }
        match &access.result {
            SessionResult::Kept => {
                if let Phase::Idle { since_ms } = &mut session.phase {
                    *since_ms = at_ms;
                }
            }
            SessionResult::Ended(reason) => {
                session.phase = Phase::Ended { at_ms, reason: *reason };
            }
            SessionResult::Idle => {
                session.items = Arc::new([]);
                session.phase = Phase::Idle { since_ms: at_ms };
            }
            SessionResult::Charged { from_ms, until_ms, heartbeat_due_ms, items } => {
                let unproven = if automatic { unproven(&mut session.phase) } else { Vec::new() };
                if let Some(items) = items {
                    session.items = Arc::from(items.as_slice());
                    session.requester = access.outcome.requester.clone();
                }
                session.phase = Phase::Active(Paid {
                    from_ms: *from_ms,
                    until_ms: *until_ms,
                    charges: charged_lines(&access.outcome.items),
                    heartbeat_due_ms: *heartbeat_due_ms,
                    unproven,
                });
            }
        }
        self.roster.put(access.session_id, session);
    }

    fn fold_heartbeat(&mut self, session_id: SessionId, at_ms: i64) {
        let Some(mut session) = self.roster.get(session_id) else { return };
        session.last_heartbeat_at_ms = Some(at_ms);
        if let Phase::Active(paid) = &mut session.phase {
            paid.heartbeat_due_ms = None;
            paid.unproven.clear();
        }
        self.roster.put(session_id, session);
    }

    fn end_session(&mut self, session_id: SessionId, at_ms: i64, reason: EndReason) {
        if let Some(mut session) = self.roster.get(session_id) {
            session.phase = Phase::Ended { at_ms, reason };
            self.roster.put(session_id, session);
        }
    }

    pub(super) fn keep_access(
        &mut self,
        outcomes: &[Arc<Outcome>],
        many: bool,
        key: Option<&IdempotencyKey>,
    ) {
        let at_ms = outcomes.last().map_or(self.last_ms, |outcome| outcome.at_ms);
        self.keep(key, at_ms, || KeptAnswer::of_access(outcomes, many));
    }

    fn keep(
        &mut self,
        key: Option<&IdempotencyKey>,
        at_ms: i64,
        answer: impl FnOnce() -> KeptAnswer,
    ) {
        if let Some(key) = key {
            self.answers.keep(key, at_ms, answer().slim());
        }
    }
}

/// What stays unproven when an automatic charge follows one that no heartbeat has proved.
fn unproven(phase: &mut Phase) -> Vec<ChargedLine> {
    match phase {
        Phase::Active(paid) if paid.heartbeat_due_ms.is_some() => {
            let mut unproven = std::mem::take(&mut paid.unproven);
            unproven.extend(paid.charges.iter().cloned());
            unproven
        }
        _ => Vec::new(),
    }
}

fn charged_lines(items: &[ItemOutcome]) -> Arc<[ChargedLine]> {
    let lines_of = |(place, item): (usize, &ItemOutcome)| {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        let line = move |charge: &crate::charge::LineCharge| ChargedLine {
            item: place,
            activation_id: charge.activation_id.clone(),
            epoch: charge.epoch,
            action: charge.action,
            rate: charge.rate,
            tokens: charge.tokens,
        };
        item.charges.iter().map(line).collect::<Vec<_>>()
    };
    items.iter().enumerate().flat_map(lines_of).collect()
}
