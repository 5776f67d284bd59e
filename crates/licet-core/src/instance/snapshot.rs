//! Snapshots: the state of an instance as bytes, so that loading it need not fold its whole
//! journal.
//!
//! Layout: one version byte, then in postcard's wire format the [`Front`], the sessions one after
//! the other, the features with their clients, and the answers. Versions 1 and 2, which earlier
//! releases wrote, are still read.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    Instance,
    packed::{Held, Moment, Packed, PackedPhase, Pool},
    roster::{Roster, Sessions},
    serving::{Serving, StoredServing},
};
use crate::{
    access_request::Requester,
    answer::{IdempotencyKey, KeptAnswer},
    ids::SessionId,
    line_item::LineItem,
    record::{DecodeError, decode_next, decode_whole, encode_into},
    rule::Condition,
    session::Session,
};

/// Version of the layout.
const VERSION: u8 = 3;
/// The version without features.
const VERSION_FEATURELESS: u8 = 2;
/// The version in which each session has all that it holds written out.
const VERSION_UNSHARED: u8 = 1;

/// Bytes of a common session.
const SESSION_BYTES: usize = 72;

/// What comes before the sessions.
#[derive(Serialize, Deserialize)]
struct Front<L, C, H> {
    last_ms: i64,
    epochs: u64,
    /// In the order of their places, in which resets of the same moment follow each other.
    lines: L,
    conditions: C,
    /// Each of what sessions hold, once.
    holdings: H,
    sessions: usize,
}

/// One session. `R` is its requester, if there is one.
#[derive(Serialize, Deserialize)]
struct Stored<R> {
    id: SessionId,
    opened_at_ms: i64,
    last_access: Option<Moment>,
    last_heartbeat: Option<Moment>,
    requester: R,
    /// Place among the holdings.
    held: usize,
    phase: PackedPhase,
}

type Answer = (i64, IdempotencyKey, KeptAnswer);

/// The state of version 1.
#[derive(Deserialize)]
#[cfg_attr(test, derive(Serialize))]
struct Unshared {
    last_ms: i64,
    epochs: u64,
    lines: Vec<LineItem>,
    conditions: Vec<Condition>,
    sessions: Vec<(SessionId, Session)>,
    answers: Vec<Answer>,
}

/// The state of an instance at one moment, cheap to take also when there are very many sessions.
/// The instance may change meanwhile, on another thread.
#[derive(Debug)]
pub struct Still {
    last_ms: i64,
    epochs: u64,
    lines: Vec<LineItem>,
    conditions: Vec<Condition>,
    sessions: Sessions,
    serving: StoredServing,
    answers: Vec<Answer>,
}

impl Still {
    /// Writes the whole state, for [`Instance::from_snapshot`].
    #[must_use]
    pub fn to_snapshot(&self) -> Vec<u8> {
        let holdings = Holdings::of(&self.sessions);
        let front = Front {
            last_ms: self.last_ms,
            epochs: self.epochs,
            lines: &self.lines,
            conditions: &self.conditions,
            holdings: &holdings.held,
            sessions: self.sessions.len(),
        };
        let mut bytes = encode_into(&front, vec![VERSION]);
        bytes.reserve(SESSION_BYTES * self.sessions.len());
        for (id, session) in self.sessions.iter() {
            let stored = Stored {
                id,
                opened_at_ms: session.opened_at_ms,
                last_access: session.last_access,
                last_heartbeat: session.last_heartbeat,
                requester: session.who.is_somebody().then(|| session.who.requester()),
                held: holdings.places[&Arc::as_ptr(&session.held)],
                phase: session.phase,
            };
            bytes = encode_into(&stored, bytes);
        }
        encode_into(&self.answers, self.serving.write(bytes))
    }
}

/// What sessions hold, each once, and where.
#[derive(Default)]
struct Holdings<'a> {
    held: Vec<&'a Held>,
    places: HashMap<*const Held, usize>,
}

impl<'a> Holdings<'a> {
    fn of(sessions: &'a Sessions) -> Self {
        let mut holdings = Self::default();
        for (_, session) in sessions.iter() {
            holdings.places.entry(Arc::as_ptr(&session.held)).or_insert_with(|| {
                holdings.held.push(&session.held);
                holdings.held.len() - 1
            });
        }
        holdings
    }
}

impl Instance {
    /// Takes the state as it stands, to be written down later.
    #[must_use]
    pub fn still(&self) -> Still {
        let answers = self.answers.iter();
        Still {
            last_ms: self.last_ms,
            epochs: self.epochs,
            lines: self.lines.iter().flatten().cloned().collect(),
            conditions: self.conditions.values().cloned().collect(),
            sessions: self.roster.sessions().clone(),
            serving: self.serving.stored(),
            answers: answers.map(|(at_ms, key, kept)| (at_ms, key, kept.clone())).collect(),
        }
    }

    /// Writes the whole state.
    #[must_use]
    pub fn to_snapshot(&self) -> Vec<u8> {
        self.still().to_snapshot()
    }

    /// Reads what [`Still::to_snapshot`] wrote, also that of an earlier release.
    ///
    /// # Errors
    /// [`DecodeError`]
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, DecodeError> {
        match bytes.split_first() {
            Some((&VERSION, body)) => Self::from_shared(body, Serving::from_stored),
            Some((&VERSION_FEATURELESS, body)) => {
                Self::from_shared(body, |_| Ok(Serving::default()))
            }
            Some((&VERSION_UNSHARED, body)) => Self::from_unshared(decode_whole(body)?),
            Some((&version, _)) => Err(DecodeError::UnknownVersion(version)),
            None => Err(DecodeError::empty()),
        }
    }

    fn from_shared(
        mut bytes: &[u8],
        serving: impl FnOnce(&mut &[u8]) -> Result<Serving, DecodeError>,
    ) -> Result<Self, DecodeError> {
        let front: Front<Vec<LineItem>, Vec<Condition>, Vec<Held>> = decode_next(&mut bytes)?;
        let mut pool = Pool::default();
        let holdings: Vec<_> = front.holdings.into_iter().map(|held| pool.share(held)).collect();
        let next = |_| unstored(decode_next(&mut bytes)?, &holdings);
        let roster = Roster::restored(pool, (0..front.sessions).map(next))?;
        let mut instance =
            Self::from_parts(front.last_ms, front.epochs, front.lines, front.conditions);
        instance.roster = roster;
        instance.serving = serving(&mut bytes)?;
        instance.take_answers(decode_whole(bytes)?);
        Ok(instance)
    }

    fn from_unshared(state: Unshared) -> Result<Self, DecodeError> {
        let mut instance =
            Self::from_parts(state.last_ms, state.epochs, state.lines, state.conditions);
        let mut pool = Pool::default();
        let sessions: Vec<_> =
            state.sessions.into_iter().map(|(id, session)| Ok((id, pool.pack(session)))).collect();
        instance.roster = Roster::restored(pool, sessions.into_iter())?;
        instance.take_answers(state.answers);
        Ok(instance)
    }

    fn from_parts(
        last_ms: i64,
        epochs: u64,
        lines: Vec<LineItem>,
        conditions: Vec<Condition>,
    ) -> Self {
        let mut instance = Self { last_ms, epochs, ..Self::default() };
        for line in lines {
            let slot = instance.lines.len();
            instance.by_activation.insert(line.terms.activation_id.clone(), slot);
            instance.lines.push(Some(line));
            instance.list_line(slot);
        }
        let conditions = conditions.into_iter();
        instance.conditions = conditions.map(|condition| (condition.id, condition)).collect();
        instance
    }

    fn take_answers(&mut self, answers: Vec<Answer>) {
        for (at_ms, key, answer) in answers {
            self.answers.keep(&key, at_ms, answer);
        }
    }
}

fn unstored(
    stored: Stored<Option<Arc<Requester>>>,
    holdings: &[Arc<Held>],
) -> Result<(SessionId, Packed), DecodeError> {
    let held = holdings.get(stored.held).cloned();
    let held = held.ok_or_else(|| DecodeError::Damaged("a session holds nothing".to_owned()))?;
    let session = Packed {
        opened_at_ms: stored.opened_at_ms,
        last_access: stored.last_access,
        last_heartbeat: stored.last_heartbeat,
        who: stored.requester.unwrap_or_default().into(),
        held,
        phase: stored.phase,
    };
    Ok((stored.id, session))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access_request::{Outcome, RequestedItem},
        fixed::Count,
        ids::CorrelationId,
        record::{EndReason, Record, SessionAccess, SessionResult},
    };

    fn charged(session_id: SessionId, user: &str) -> Record {
        let item = RequestedItem {
            item: "Render".into(),
            version: "2.0".into(),
            count: Count::from_micros(1),
            variables: Vec::new(),
            meta_data: None,
        };
        let requester = Arc::new(Requester { value: user.into(), ..Requester::default() });
        let correlation_id = CorrelationId::default();
        let outcome = Outcome { correlation_id, at_ms: 5, requester, items: Vec::new() };
        let result = SessionResult::Charged {
            from_ms: 5,
            until_ms: 9,
            heartbeat_due_ms: None,
            items: Some(vec![item]),
        };
        let (opened_at_ms, was_active, refund) = (1, false, None);
        let access =
            SessionAccess { session_id, opened_at_ms, was_active, outcome, refund, result };
        Record::SessionAccess { access: Arc::new(access), automatic: false, key: None }
    }

    /// Ten sessions: two idle, one over, the others active with equal items.
    fn ten_sessions() -> Instance {
        let mut instance = Instance::default();
        for step in 0..10 {
            let session_id = SessionId::default().plus(step);
            instance.fold(&Record::SessionOpened { at_ms: 1, session_id, key: None });
            if step > 1 {
                instance.fold(&charged(session_id, &format!("user-{step}")));
            }
        }
        let session_id = SessionId::default().plus(4);
        let (reason, refund) = (EndReason::Closed, None);
        let end = Record::SessionEnded { at_ms: 6, session_id, opened_at_ms: 1, reason, refund };
        instance.fold(&end);
        instance
    }

    fn all(instance: &Instance) -> Vec<(SessionId, Session)> {
        instance.sessions().collect()
    }

    #[test]
    fn sessions_share_after_a_snapshot_what_they_shared_before() {
        let instance = ten_sessions();
        let restored = Instance::from_snapshot(&instance.to_snapshot()).unwrap();
        assert_eq!(all(&restored), all(&instance));
        assert_eq!(restored.wakes_at_ms(), instance.wakes_at_ms());
        for instance in [instance, restored] {
            // Nothing for the idle ones, and the same for the others: what was charged is nothing.
            assert_eq!(Holdings::of(instance.roster.sessions()).held.len(), 2);
        }
    }

    #[test]
    fn a_still_shows_what_was_when_it_was_taken() {
        let mut instance = ten_sessions();
        let (before, still) = (all(&instance), instance.still());
        let id = SessionId::default().plus(7);
        instance.fold(&Record::HeartbeatSeen { at_ms: 8, session_id: id });
        instance.fold(&Record::SessionOpened { at_ms: 8, session_id: id.plus(20), key: None });
        assert_eq!(all(&Instance::from_snapshot(&still.to_snapshot()).unwrap()), before);
        assert_ne!(all(&instance), before);
    }

    #[test]
    fn a_snapshot_of_version_one_is_read() {
        let instance = ten_sessions();
        let state = Unshared {
            last_ms: instance.last_ms,
            epochs: instance.epochs,
            lines: Vec::new(),
            conditions: Vec::new(),
            sessions: all(&instance),
            answers: Vec::new(),
        };
        let read = Instance::from_snapshot(&encode_into(&state, vec![VERSION_UNSHARED])).unwrap();
        assert_eq!(read.to_snapshot(), instance.to_snapshot());
    }

    #[test]
    fn a_session_that_holds_what_is_not_there_is_damage() {
        let front = Front {
            last_ms: 0,
            epochs: 0,
            lines: Vec::<LineItem>::new(),
            conditions: Vec::<Condition>::new(),
            holdings: Vec::<Held>::new(),
            sessions: 1,
        };
        let stored = Stored::<Option<Requester>> {
            id: SessionId::default(),
            opened_at_ms: 0,
            last_access: None,
            last_heartbeat: None,
            requester: None,
            held: 0,
            phase: PackedPhase::Idle { since_ms: 0 },
        };
        let bytes = encode_into(&stored, encode_into(&front, vec![VERSION]));
        assert!(matches!(Instance::from_snapshot(&bytes), Err(DecodeError::Damaged(_))));
    }
}
