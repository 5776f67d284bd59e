//! Commands on sessions, and what sessions do by themselves.

use std::sync::Arc;

use super::turn::Turn;
use crate::{
    access_request::{AccessRequest, ItemCode, ItemOutcome, Outcome, RequestedItem},
    answer::{IdempotencyKey, KeptAnswer, Known},
    charge::{ChargedLine, Refund},
    command::Reply,
    draft::Draft,
    fixed::Count,
    ids::SessionId,
    record::{EndReason, Record, SessionAccess, SessionResult},
    refusal::Refusal,
    session::{Due, Paid, Phase, Session, SessionState, heartbeat_window_ms},
    site::Context,
};

/// Most live sessions of an instance.
const SESSIONS_MAX: usize = 5_000_000;

impl Turn<'_> {
    pub(super) fn open_session(&mut self, key: Option<IdempotencyKey>) -> Result<Reply, Refusal> {
        match self.instance.answers.known(key.as_ref()) {
            Known::Same(answer) => return answer.reply(),
            Known::Other => return Err(Refusal::IdempotencyKeyReused),
            Known::New => {}
        }
        if self.instance.live_sessions() >= SESSIONS_MAX {
            return Err(Refusal::TooMany { what: "live sessions", max: SESSIONS_MAX });
        }
        let session_id = self.id();
        self.record(Record::SessionOpened { at_ms: self.now_ms(), session_id, key });
        Ok(Reply::SessionOpened(session_id))
    }

    pub(super) fn access_session(
        &mut self,
        session_id: SessionId,
        request: AccessRequest,
        rollback_on_deny: bool,
        key: Option<IdempotencyKey>,
    ) -> Result<Reply, Refusal> {
        match self.instance.answers.known(key.as_ref()) {
            Known::Same(answer) => return answer.reply(),
            Known::Other => return Err(Refusal::IdempotencyKeyReused),
            Known::New => {}
        }
        let access = Arc::new(self.decide_access(session_id, request, rollback_on_deny)?);
        let first_answer = KeptAnswer::SessionAccess(access.clone());
        let answer = if key.is_some() { first_answer.slim() } else { first_answer };
        self.record(Record::SessionAccess { access, automatic: false, key });
        answer.reply()
    }

    pub(super) fn preview_session(
        &mut self,
        session_id: SessionId,
        request: AccessRequest,
        rollback_on_deny: bool,
    ) -> Result<Reply, Refusal> {
        let access = self.decide_access(session_id, request, rollback_on_deny)?;
        Ok(Reply::SessionAccess(Arc::new(access)))
    }

    /// Refund of the rest of the old period and charge of the new set, together or not at all.
    fn decide_access(
        &mut self,
        session_id: SessionId,
        request: AccessRequest,
        rollback_on_deny: bool,
    ) -> Result<SessionAccess, Refusal> {
        let (outcome_id, refund_id) = (self.id(), self.id());
        let session = self.live_session(session_id)?;
        let mut draft = Draft::new(self.instance, self.context);
        let refund_lines = unused(&mut draft, &session, self.context.now_ms);
        let refund = (!refund_lines.is_empty()).then(|| Refund {
            correlation_id: refund_id,
            requester: session.requester.clone(),
            lines: refund_lines,
        });
        let mut items = charge_all(&mut draft, &request.items, &request);
        let is_granted = items.iter().all(|item| item.code == ItemCode::Charged);
        if !is_granted {
            items.iter_mut().for_each(withdraw);
        }
        let result = match (is_granted, rollback_on_deny) {
            (true, _) if request.items.is_empty() => SessionResult::Idle,
            (true, _) => self.new_period(request.items),
            (false, true) => SessionResult::Kept,
            (false, false) => SessionResult::Ended(EndReason::Denied),
        };
        let keeps_old_period = result == SessionResult::Kept;
        let at_ms = self.context.now_ms;
        let requester = request.requester;
        Ok(SessionAccess {
            session_id,
            opened_at_ms: session.opened_at_ms,
            was_active: session.state() == SessionState::Active,
            outcome: Outcome { correlation_id: outcome_id, at_ms, requester, items },
            refund: refund.filter(|_| !keeps_old_period),
            result,
        })
    }

    fn new_period(&self, items: Vec<RequestedItem>) -> SessionResult {
        let from_ms = self.context.now_ms;
        let until_ms = from_ms + self.context.site.charge_period_ms;
        SessionResult::Charged { from_ms, until_ms, heartbeat_due_ms: None, items: Some(items) }
    }

    pub(super) fn close_session(&mut self, session_id: SessionId) -> Result<Reply, Refusal> {
        let correlation_id = self.id();
        let session = match self.live_session(session_id) {
            Ok(session) => session,
            // A client closes what it was told is over, and again when the first answer is lost.
            Err(Refusal::SessionEnded { .. }) => return Ok(Reply::Done),
            Err(refusal) => return Err(refusal),
        };
        let mut draft = Draft::new(self.instance, self.context);
        let lines = unused(&mut draft, &session, self.context.now_ms);
        let requester = session.requester.clone();
        let refund = Refund { correlation_id, requester, lines };
        let opened_at_ms = session.opened_at_ms;
        self.end(session_id, self.context.now_ms, opened_at_ms, EndReason::Closed, refund);
        Ok(Reply::Done)
    }

    /// A heartbeat changes what is decided only after an automatic charge; otherwise it is known
    /// to memory alone.
    pub(super) fn heartbeat(&mut self, session_id: SessionId) -> Result<Reply, Refusal> {
        let at_ms = self.now_ms();
        if !self.instance.roster.hear(session_id, at_ms) {
            self.live_session(session_id)?;
            self.record(Record::HeartbeatSeen { at_ms, session_id });
        }
        Ok(Reply::Done)
    }

    fn live_session(&self, id: SessionId) -> Result<Session, Refusal> {
        let session = self.instance.roster.get(id).ok_or(Refusal::SessionNotFound(id))?;
        match session.phase {
            Phase::Ended { reason, .. } => Err(Refusal::SessionEnded { id, reason }),
            Phase::Idle { .. } | Phase::Active(_) => Ok(session),
        }
    }

    /// Does what a session on the agenda has to do next, at the moment when it was due.
    pub(super) fn session_event(&mut self, id: SessionId) {
        let Some(session) = self.instance.roster.get(id) else { return };
        let Some((at_ms, due)) = session.next_due(self.context.up_since_ms) else { return };
        // An outage of the service puts an event off, to its place among those of other sessions.
        if self.instance.roster.due_at_ms(id) != Some(at_ms) {
            return self.instance.roster.put_off(id, at_ms);
        }
        self.reset_line_items(at_ms);
        match due {
            Due::IdleEnd => self.end_idle(id, at_ms, &session),
            Due::HeartbeatMissed => self.end_dead(id, at_ms, &session),
            Due::Charge => self.charge_again(id, at_ms, &session),
        }
    }

    fn end_idle(&mut self, id: SessionId, at_ms: i64, session: &Session) {
        let requester = session.requester.clone();
        let refund = Refund { correlation_id: self.id(), requester, lines: Vec::new() };
        self.end(id, at_ms, session.opened_at_ms, EndReason::Idle, refund);
    }

    /// Gives back whole what was charged since the client was last heard of.
    fn end_dead(&mut self, id: SessionId, at_ms: i64, session: &Session) {
        let correlation_id = self.id();
        let mut draft = Draft::new(self.instance, self.context);
        let lines = unproven(&mut draft, session);
        let requester = session.requester.clone();
        let refund = Refund { correlation_id, requester, lines };
        self.end(id, at_ms, session.opened_at_ms, EndReason::HeartbeatMissed, refund);
    }

    fn end(
        &mut self,
        session_id: SessionId,
        due_ms: i64,
        opened_at_ms: i64,
        reason: EndReason,
        refund: Refund,
    ) {
        let at_ms = due_ms.max(self.instance.last_ms);
        let refund = (!refund.lines.is_empty()).then_some(refund);
        self.record(Record::SessionEnded { at_ms, session_id, opened_at_ms, reason, refund });
    }

    /// The automatic charge for the period that starts at `due_ms`.
    fn charge_again(&mut self, session_id: SessionId, due_ms: i64, session: &Session) {
        let (correlation_id, refund_id) = (self.id(), self.id());
        let at_ms = due_ms.max(self.instance.last_ms);
        let context = Context { now_ms: at_ms, ..self.context };
        let mut draft = Draft::new(self.instance, context);
        let requester = session.requester.clone();
        let dictionary = &requester.dictionary;
        let mut items: Vec<ItemOutcome> =
            session.items.iter().map(|item| draft.charge(item, dictionary)).collect();
        let is_paid = items.iter().all(|item| item.code == ItemCode::Charged);
        if !is_paid {
            draft.back_to(0);
            items.iter_mut().for_each(withdraw);
        }
        let period_ms = context.site.charge_period_ms;
        let result = if is_paid {
            SessionResult::Charged {
                from_ms: due_ms,
                until_ms: due_ms + period_ms,
                heartbeat_due_ms: Some(next_heartbeat_ms(session, due_ms, period_ms)),
                items: None,
            }
        } else {
            SessionResult::Ended(EndReason::TokensExhausted)
        };
        // Only after an outage can a charge follow one that no heartbeat has proved. The client
        // never had its chance to prove it, so it does not pay for it.
        let lines = if is_paid { Vec::new() } else { unproven(&mut draft, session) };
        let refund = (!lines.is_empty()).then(|| Refund {
            correlation_id: refund_id,
            requester: requester.clone(),
            lines,
        });
        let access = SessionAccess {
            session_id,
            opened_at_ms: session.opened_at_ms,
            was_active: true,
            outcome: Outcome { correlation_id, at_ms, requester, items },
            refund,
            result,
        };
        self.record(Record::SessionAccess { access: Arc::new(access), automatic: true, key: None });
    }
}

/// Refund of what was charged since the client was last heard of, whole.
fn unproven(draft: &mut Draft<'_>, session: &Session) -> Vec<crate::RefundedLine> {
    let Phase::Active(paid) = &session.phase else { return Vec::new() };
    if paid.heartbeat_due_ms.is_none() {
        return Vec::new();
    }
    let mut whole = |charges: &[ChargedLine]| draft.refund(charges, &session.items, 1, 1);
    let mut lines = whole(&paid.unproven);
    lines.extend(whole(&paid.charges));
    lines
}

/// A heartbeat that is still awaited (put off by an outage) keeps its moment.
fn next_heartbeat_ms(session: &Session, charged_at_ms: i64, period_ms: i64) -> i64 {
    let awaited = match &session.phase {
        Phase::Active(Paid { heartbeat_due_ms, .. }) => *heartbeat_due_ms,
        Phase::Idle { .. } | Phase::Ended { .. } => None,
    };
    awaited.unwrap_or_else(|| charged_at_ms + heartbeat_window_ms(period_ms))
}

/// Refund of the part of the paid period that is not used up.
fn unused(draft: &mut Draft<'_>, session: &Session, now_ms: i64) -> Vec<crate::RefundedLine> {
    match &session.phase {
        Phase::Active(paid) => {
            let unused_ms = paid.unused_ms(now_ms);
            draft.refund(&paid.charges, &session.items, unused_ms, paid.period_ms())
        }
        Phase::Idle { .. } | Phase::Ended { .. } => Vec::new(),
    }
}

fn charge_all(
    draft: &mut Draft<'_>,
    items: &[RequestedItem],
    request: &AccessRequest,
) -> Vec<ItemOutcome> {
    items.iter().map(|item| draft.charge(item, &request.requester.dictionary)).collect()
}

/// Takes a charge back when the request as a whole is refused.
fn withdraw(item: &mut ItemOutcome) {
    if item.code == ItemCode::Charged {
        item.code = ItemCode::NoStatus;
        item.granted = Count::ZERO;
        item.charges.clear();
    }
}
