//! What happens to a session, as it happens: server-sent events.

use std::{collections::VecDeque, convert::Infallible, sync::Arc};

use axum::{
    extract::State,
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, stream};
use licet_core::{
    InstanceId, ItemOutcome, Paid, Phase, Record, Session, SessionAccess, SessionId, SessionResult,
    Tokens,
};
use licet_engine::Recorded;
use licet_protocol::SessionEvent;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use utoipa_axum::routes;

use super::{
    Operations, document::InstanceParams, named_instance::NamedInstance, path::SessionAt,
    sessions::session,
};
use crate::{
    App, Problem,
    security::{Authorized, Needs, Principal, Shown, perm},
};

/// How long after an answer that could not be had it is asked for again.
const RETRY_MS: i64 = 1_000;
/// How often a session is asked how it stands where another process may serve it as well.
const LOOK_EVERY_MS: i64 = 1_000;

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(events)]
}

/// The events of a session until its end: `charged`, `ending` (a quarter of the heartbeat window
/// is left) and `terminated`, after which the stream ends.
///
/// It ends without a word when the caller's credentials are not good any more: before each event
/// they are looked at again.
#[utoipa::path(
    get, path = "/sessions/{sessionId}/events", operation_id = "getsessionevents",
    tag = "sessions", params(InstanceParams),
    responses((status = 200, description = "Events; the data of each is this, in JSON",
        body = SessionEvent, content_type = "text/event-stream")),
)]
async fn events(
    caller: Authorized<perm::SessionsRead>,
    shown: Shown,
    State(app): State<App>,
    named: NamedInstance,
    SessionAt(session_id): SessionAt,
) -> Result<Response, Problem> {
    let instance = named.of_live_session(&caller)?;
    // Listens first, so that nothing between this and the session as it stands is missed.
    let recorded = app.engine.recorded();
    let session = session(&app, &caller, instance, session_id).await?;
    let caller = caller.principal.clone();
    let known = Known::default();
    let mut watch = Watch { app, shown, caller, instance, session_id, recorded, known };
    let first = watch.learn(&session);
    let events = watch.events(first);
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// One listener to one session.
struct Watch {
    app: App,
    shown: Shown,
    caller: Arc<Principal>,
    instance: InstanceId,
    session_id: SessionId,
    recorded: Receiver<Recorded>,
    known: Known,
}

/// What the listener was told, or need not be told any more.
#[derive(Debug, Default)]
struct Known {
    /// Records from before this moment are in what was learned already.
    as_of_ms: i64,
    paid: Option<Period>,
    /// When to warn, and of which moment.
    warning: Option<Warning>,
    has_ended: bool,
}

/// A period that was charged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Period {
    from_ms: i64,
    until_ms: i64,
    tokens: Tokens,
    heartbeat_due_ms: Option<i64>,
}

impl Period {
    fn of(paid: &Paid) -> Self {
        Self {
            from_ms: paid.from_ms,
            until_ms: paid.until_ms,
            tokens: sum(paid.charges.iter().map(|charge| charge.tokens)),
            heartbeat_due_ms: paid.heartbeat_due_ms,
        }
    }

    /// A quarter of the heartbeat window, which is half a period, before it closes.
    fn warning(&self) -> Option<Warning> {
        let heartbeat_due_ms = self.heartbeat_due_ms?;
        let at_ms = heartbeat_due_ms - (self.until_ms - self.from_ms) / 8;
        Some(Warning { at_ms, heartbeat_due_ms })
    }

    /// Whether this is the same charge; a heartbeat may have come since.
    fn is(&self, other: Self) -> bool {
        Self { heartbeat_due_ms: None, ..*self } == Self { heartbeat_due_ms: None, ..other }
    }

    fn event(&self, at_ms: i64) -> SessionEvent {
        SessionEvent::Charged {
            at: at_ms.into(),
            tokens_charged: self.tokens.into(),
            charged_until: self.until_ms.into(),
            heartbeat_due: self.heartbeat_due_ms.map(Into::into),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Warning {
    at_ms: i64,
    heartbeat_due_ms: i64,
}

impl Watch {
    fn events(self, first: Vec<SessionEvent>) -> impl Stream<Item = Result<Event, Infallible>> {
        let waiting = VecDeque::from(first);
        stream::unfold((self, waiting), |(mut watch, mut waiting)| async move {
            loop {
                if let Some(event) = waiting.pop_front() {
                    if !watch.may_hear().await {
                        return None;
                    }
                    // An event that cannot be written is left out; this never happens.
                    let Ok(written) = Event::default().event(event.name()).json_data(&event) else {
                        continue;
                    };
                    return Some((Ok(written), (watch, waiting)));
                }
                if watch.known.has_ended {
                    return None;
                }
                waiting.extend(watch.next().await);
            }
        })
    }

    /// Whether the caller may still read the session. What cannot be found out now counts as no:
    /// who asks again is told why.
    async fn may_hear(&mut self) -> bool {
        let now_ms = self.app.now_ms();
        let Ok(caller) = self.shown.identify(&self.app.authenticator, now_ms).await else {
            return false;
        };
        self.caller = caller;
        self.caller.may(perm::SessionsRead::PERMISSION)
            && self.app.instance(&self.caller, self.instance).await.is_ok()
    }

    /// Waits for something to happen, or for the moment to warn.
    async fn next(&mut self) -> Vec<SessionEvent> {
        let warning = self.known.warning;
        let clock = self.app.clock.clone();
        let mut stopping = self.app.stopping.subscribe();
        let warn = async {
            match warning {
                Some(warning) => clock.sleep_until(warning.at_ms).await,
                None => std::future::pending().await,
            }
        };
        let served_elsewhere = async {
            match self.app.store.shared() {
                Some(_) => clock.sleep_until(clock.now_ms() + LOOK_EVERY_MS).await,
                None => std::future::pending().await,
            }
        };
        let stopped = async {
            // The sender goes with the server, which is the same.
            let _ = stopping.wait_for(|stopping| *stopping).await.map(|_| ());
        };
        tokio::select! {
            biased;
            recorded = self.recorded.recv() => match recorded {
                Ok(recorded) if recorded.instance_id == self.instance => self.hear(&recorded),
                Ok(_) => Vec::new(),
                Err(RecvError::Lagged(_)) => self.look().await.unwrap_or_default(),
                Err(RecvError::Closed) => self.end(),
            },
            () = warn => self.warn().await,
            () = served_elsewhere => self.look().await.unwrap_or_default(),
            () = stopped => self.end(),
        }
    }

    fn end(&mut self) -> Vec<SessionEvent> {
        self.known.has_ended = true;
        Vec::new()
    }

    /// What the session's own records say.
    fn hear(&mut self, recorded: &Recorded) -> Vec<SessionEvent> {
        let mut events = Vec::new();
        for record in recorded.records.iter() {
            if self.known.has_ended {
                break;
            }
            match record {
                Record::SessionAccess { access, .. } if access.session_id == self.session_id => {
                    events.extend(self.hear_access(access));
                }
                Record::SessionEnded { session_id, reason, at_ms, .. }
                    if *session_id == self.session_id =>
                {
                    self.known.has_ended = true;
                    events.push(terminated(*at_ms, reason));
                }
                Record::HeartbeatSeen { session_id, at_ms }
                    if *session_id == self.session_id && *at_ms >= self.known.as_of_ms =>
                {
                    self.known.warning = None;
                }
                _ => {}
            }
        }
        events
    }

    fn hear_access(&mut self, access: &SessionAccess) -> Option<SessionEvent> {
        let at_ms = access.outcome.at_ms;
        match &access.result {
            SessionResult::Charged { from_ms, until_ms, heartbeat_due_ms, .. } => {
                let period = Period {
                    from_ms: *from_ms,
                    until_ms: *until_ms,
                    tokens: sum(access.outcome.items.iter().map(ItemOutcome::tokens)),
                    heartbeat_due_ms: *heartbeat_due_ms,
                };
                let is_old = period.from_ms < self.known.as_of_ms;
                (!is_old && self.know(period)).then(|| period.event(at_ms))
            }
            SessionResult::Idle => {
                self.rest(at_ms);
                None
            }
            SessionResult::Kept => None,
            SessionResult::Ended(reason) => {
                self.known.has_ended = true;
                Some(terminated(at_ms, reason))
            }
        }
    }

    /// Takes in a charge; whether it is a new one.
    fn know(&mut self, period: Period) -> bool {
        let is_new = self.known.paid.is_none_or(|known| !known.is(period));
        self.known.as_of_ms = period.from_ms;
        self.known.paid = Some(period);
        self.known.warning = period.warning();
        is_new
    }

    /// Nothing is held since then.
    fn rest(&mut self, since_ms: i64) {
        self.known = Known { as_of_ms: since_ms, ..Known::default() };
    }

    /// Asks how the session stands, after events were missed or before a warning. `None` if the
    /// answer cannot be had now.
    async fn look(&mut self) -> Option<Vec<SessionEvent>> {
        match session(&self.app, &self.caller, self.instance, self.session_id).await {
            Ok(session) => Some(self.learn(&session)),
            Err(problem) if problem.status().is_server_error() => None,
            // It is gone, or not the caller's any more.
            Err(_) => Some(self.end()),
        }
    }

    /// Takes in how the session stands, and tells what the listener cannot know yet.
    fn learn(&mut self, session: &Session) -> Vec<SessionEvent> {
        match &session.phase {
            Phase::Ended { at_ms, reason } => {
                self.known.has_ended = true;
                vec![terminated(*at_ms, reason)]
            }
            Phase::Idle { since_ms } => {
                self.rest(*since_ms);
                Vec::new()
            }
            Phase::Active(paid) => {
                let period = Period::of(paid);
                if self.know(period) { vec![period.event(period.from_ms)] } else { Vec::new() }
            }
        }
    }

    /// Says that the end is near, if that is still true.
    async fn warn(&mut self) -> Vec<SessionEvent> {
        let Some(warning) = self.known.warning else { return Vec::new() };
        let Some(mut events) = self.look().await else {
            let at_ms = self.app.now_ms() + RETRY_MS;
            self.known.warning = Some(Warning { at_ms, ..warning });
            return Vec::new();
        };
        let still = self.known.warning.map(|still| still.heartbeat_due_ms);
        if still == Some(warning.heartbeat_due_ms) {
            self.known.warning = None;
            events.push(SessionEvent::Ending {
                at: warning.heartbeat_due_ms.into(),
                reason: "no heartbeat came since the automatic charge; send one by this moment"
                    .to_owned(),
            });
        }
        events
    }
}

fn sum(tokens: impl Iterator<Item = Tokens>) -> Tokens {
    Tokens::from_micros(tokens.map(Tokens::micros).fold(0, i64::saturating_add))
}

fn terminated(at_ms: i64, reason: &licet_core::EndReason) -> SessionEvent {
    SessionEvent::Terminated { at: at_ms.into(), reason: reason.to_string() }
}
