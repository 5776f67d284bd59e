//! What happens to a session, as it happens: server-sent events.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::State,
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, stream};
use licet_core::{
    InstanceId, Paid, Phase, Record, Session, SessionAccess, SessionId, SessionResult, Tokens,
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
    security::{Authorized, Principal, perm},
};

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(events)]
}

/// The events of a session until its end: `charged`, `ending` (a quarter of the heartbeat window
/// is left) and `terminated`, after which the stream ends.
#[utoipa::path(
    get, path = "/sessions/{sessionId}/events", operation_id = "getsessionevents",
    tag = "sessions", params(InstanceParams),
    responses((status = 200, description = "Events; the data of each is this, in JSON",
        body = SessionEvent, content_type = "text/event-stream")),
)]
async fn events(
    caller: Authorized<perm::SessionsRead>,
    State(app): State<App>,
    named: NamedInstance,
    SessionAt(session_id): SessionAt,
) -> Result<Response, Problem> {
    let instance = named.of_live_session(&caller)?;
    // Listens first, so that nothing between this and the session as it stands is missed.
    let recorded = app.engine.recorded();
    let session = session(&app, &caller, instance, session_id).await?;
    let caller = caller.principal.clone();
    let mut watch = Watch { app, caller, instance, session_id, recorded, known: Known::default() };
    let first = watch.learn(&session);
    let events = watch.events(first);
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// One listener to one session.
struct Watch {
    app: App,
    caller: Arc<Principal>,
    instance: InstanceId,
    session_id: SessionId,
    recorded: Receiver<Recorded>,
    known: Known,
}

/// What the listener was told, or need not be told any more.
#[derive(Debug, Default)]
struct Known {
    paid_until_ms: Option<i64>,
    /// When to warn, and of which moment.
    warning: Option<Warning>,
    has_ended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Warning {
    at_ms: i64,
    heartbeat_due_ms: i64,
}

impl Warning {
    /// A quarter of the window, which is half a period, before the heartbeat is overdue.
    fn of(heartbeat_due_ms: i64, period_ms: i64) -> Self {
        Self { at_ms: heartbeat_due_ms - period_ms / 8, heartbeat_due_ms }
    }
}

impl Watch {
    fn events(self, first: Vec<SessionEvent>) -> impl Stream<Item = Result<Event, Infallible>> {
        let waiting = std::collections::VecDeque::from(first);
        stream::unfold((self, waiting), |(mut watch, mut waiting)| async move {
            loop {
                if let Some(event) = waiting.pop_front() {
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

    /// Waits for something to happen, or for the moment to warn.
    async fn next(&mut self) -> Vec<SessionEvent> {
        let warning = self.known.warning;
        let clock = self.app.clock.clone();
        let warn = async {
            match warning {
                Some(warning) => clock.sleep_until(warning.at_ms).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            recorded = self.recorded.recv() => match recorded {
                Ok(recorded) if recorded.instance_id == self.instance => self.hear(&recorded),
                Ok(_) => Vec::new(),
                Err(RecvError::Lagged(_)) => self.look().await,
                Err(RecvError::Closed) => self.end(),
            },
            () = warn => self.warn().await,
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
                Record::HeartbeatSeen { session_id, .. } if *session_id == self.session_id => {
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
                // It was known already when this stream began.
                if self.known.paid_until_ms.is_some_and(|known_ms| known_ms >= *until_ms) {
                    return None;
                }
                self.known.paid_until_ms = Some(*until_ms);
                self.known.warning =
                    heartbeat_due_ms.map(|due_ms| Warning::of(due_ms, until_ms - from_ms));
                let tokens = access.outcome.items.iter().map(|item| item.tokens().micros());
                let tokens = Tokens::from_micros(tokens.fold(0, i64::saturating_add));
                Some(charged(at_ms, tokens, *until_ms, *heartbeat_due_ms))
            }
            SessionResult::Idle => {
                self.known.paid_until_ms = None;
                self.known.warning = None;
                None
            }
            SessionResult::Kept => None,
            SessionResult::Ended(reason) => {
                self.known.has_ended = true;
                Some(terminated(at_ms, reason))
            }
        }
    }

    /// Asks how the session stands, after events were missed or before a warning.
    async fn look(&mut self) -> Vec<SessionEvent> {
        match session(&self.app, &self.caller, self.instance, self.session_id).await {
            Ok(session) => self.learn(&session),
            Err(problem) if problem.status().is_server_error() => Vec::new(),
            // It is gone, or not the caller's any more.
            Err(_) => self.end(),
        }
    }

    /// Takes in how the session stands, and tells what the listener cannot know yet.
    fn learn(&mut self, session: &Session) -> Vec<SessionEvent> {
        let known_until_ms = self.known.paid_until_ms;
        match &session.phase {
            Phase::Ended { at_ms, reason } => {
                self.known.has_ended = true;
                vec![terminated(*at_ms, reason)]
            }
            Phase::Idle { .. } => {
                self.known = Known::default();
                Vec::new()
            }
            Phase::Active(paid) => {
                self.known.paid_until_ms = Some(paid.until_ms);
                self.known.warning =
                    paid.heartbeat_due_ms.map(|due_ms| Warning::of(due_ms, paid.period_ms()));
                if known_until_ms == Some(paid.until_ms) {
                    return Vec::new();
                }
                vec![charged(paid.from_ms, tokens(paid), paid.until_ms, paid.heartbeat_due_ms)]
            }
        }
    }

    /// Says that the end is near, if that is still true.
    async fn warn(&mut self) -> Vec<SessionEvent> {
        let warning = self.known.warning;
        let mut events = self.look().await;
        let Some(warning) = warning.filter(|_| self.known.warning == warning) else {
            return events;
        };
        self.known.warning = None;
        events.push(SessionEvent::Ending {
            at: warning.heartbeat_due_ms.into(),
            reason: "no heartbeat came since the automatic charge; send one before this moment"
                .to_owned(),
        });
        events
    }
}

fn tokens(paid: &Paid) -> Tokens {
    let micros = paid.charges.iter().map(|charge| charge.tokens.micros());
    Tokens::from_micros(micros.fold(0, i64::saturating_add))
}

fn charged(
    at_ms: i64,
    tokens: Tokens,
    until_ms: i64,
    heartbeat_due_ms: Option<i64>,
) -> SessionEvent {
    SessionEvent::Charged {
        at: at_ms.into(),
        tokens_charged: tokens.into(),
        charged_until: until_ms.into(),
        heartbeat_due: heartbeat_due_ms.map(Into::into),
    }
}

fn terminated(at_ms: i64, reason: &licet_core::EndReason) -> SessionEvent {
    SessionEvent::Terminated { at: at_ms.into(), reason: reason.to_string() }
}
