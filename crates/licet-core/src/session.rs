//! Sessions: items that are charged again and again while a client says that it is alive.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    access_request::{RequestedItem, Requester},
    charge::ChargedLine,
    record::EndReason,
};

/// An IDLE session ends after this long without an access request.
pub(crate) const IDLE_MS: i64 = 24 * 3_600_000;
/// How long an ended session can still be asked for.
pub(crate) const REMEMBER_MS: i64 = 24 * 3_600_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionState {
    /// Nothing is charged.
    Idle,
    /// Items are charged for every period.
    Active,
    /// For good; `ended` of the session says why.
    Terminated,
}

/// A session of a client application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub opened_at_ms: i64,
    pub last_access_at_ms: Option<i64>,
    pub last_heartbeat_at_ms: Option<i64>,
    pub requester: Arc<Requester>,
    pub items: Arc<[RequestedItem]>,
    pub phase: Phase,
}

/// What a session is doing, with just the data that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    Idle { since_ms: i64 },
    Active(Paid),
    Ended { at_ms: i64, reason: EndReason },
}

/// The period that an active session has paid for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    pub from_ms: i64,
    /// The next automatic charge.
    pub until_ms: i64,
    /// Where the tokens of this period came from.
    pub charges: Arc<[ChargedLine]>,
    /// The last moment for the heartbeat that proves an automatic charge.
    pub heartbeat_due_ms: Option<i64>,
    /// Automatic charges of earlier periods that no heartbeat has proved, which only an outage
    /// of the service can leave behind.
    pub unproven: Vec<ChargedLine>,
}

/// What a session does next by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Charge,
    /// The heartbeat did not come.
    HeartbeatMissed,
    IdleEnd,
}

impl Session {
    pub(crate) fn opened(at_ms: i64) -> Self {
        Self {
            opened_at_ms: at_ms,
            last_access_at_ms: None,
            last_heartbeat_at_ms: None,
            requester: Arc::default(),
            items: Arc::new([]),
            phase: Phase::Idle { since_ms: at_ms },
        }
    }

    #[must_use]
    pub fn state(&self) -> SessionState {
        match self.phase {
            Phase::Idle { .. } => SessionState::Idle,
            Phase::Active(_) => SessionState::Active,
            Phase::Ended { .. } => SessionState::Terminated,
        }
    }

    /// When the session acts by itself next, and how. `up_since_ms` puts off a heartbeat that
    /// could not be sent while the service was down.
    pub(crate) fn next_due(&self, up_since_ms: i64) -> Option<(i64, Due)> {
        match &self.phase {
            Phase::Idle { since_ms } => Some((since_ms + IDLE_MS, Due::IdleEnd)),
            Phase::Active(paid) => Some(paid.next_due(up_since_ms)),
            Phase::Ended { .. } => None,
        }
    }
}

impl Paid {
    #[must_use]
    pub fn period_ms(&self) -> i64 {
        self.until_ms - self.from_ms
    }

    /// Time of the paid period that is not used up at `now_ms`.
    #[must_use]
    pub fn unused_ms(&self, now_ms: i64) -> i64 {
        (self.until_ms - now_ms).clamp(0, self.period_ms())
    }

    fn next_due(&self, up_since_ms: i64) -> (i64, Due) {
        let missed_at_ms = self
            .heartbeat_due_ms
            .map(|due_ms| due_ms.max(up_since_ms + heartbeat_window_ms(self.period_ms())) + 1);
        match missed_at_ms {
            Some(at_ms) if at_ms <= self.until_ms => (at_ms, Due::HeartbeatMissed),
            _ => (self.until_ms, Due::Charge),
        }
    }
}

/// A heartbeat is due within half a period of each automatic charge.
#[must_use]
pub(crate) fn heartbeat_window_ms(period_ms: i64) -> i64 {
    period_ms / 2
}
