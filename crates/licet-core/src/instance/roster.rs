//! The sessions of an instance: which are live, when each acts next, and which are over.

use std::collections::VecDeque;

use super::{
    ordered::Ordered,
    packed::{Packed, Pool},
};
use crate::{
    ids::SessionId,
    session::{Phase, REMEMBER_MS, Session},
};

/// All sessions of an instance, with what they share and when they act.
#[derive(Debug, Clone, Default)]
pub(super) struct Roster {
    sessions: Sessions,
    /// When each live session acts by itself next.
    agenda: Ordered<(i64, SessionId), ()>,
    /// Sessions that are over, oldest first.
    ended: VecDeque<(i64, SessionId)>,
    pool: Pool,
}

/// Sessions by id, cheap to clone. Ids grow with time, so the newest session is the last.
#[derive(Debug, Clone, Default)]
pub(super) struct Sessions {
    live: Ordered<SessionId, Live>,
    over: Ordered<SessionId, Packed>,
}

#[derive(Debug, Clone)]
struct Live {
    session: Packed,
    /// Its place on the agenda.
    due_at_ms: i64,
}

impl Roster {
    pub(super) fn get(&self, id: SessionId) -> Option<Session> {
        let live = self.sessions.live.get(&id).map(|live| &live.session);
        live.or_else(|| self.sessions.over.get(&id)).map(Packed::unpack)
    }

    pub(super) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    pub(super) fn live_len(&self) -> usize {
        self.sessions.live.len()
    }

    /// The session that acts next, and when.
    pub(super) fn first_due(&self) -> Option<(i64, SessionId)> {
        self.agenda.first().map(|(due, ())| *due)
    }

    /// When a live session acts next.
    pub(super) fn due_at_ms(&self, id: SessionId) -> Option<i64> {
        self.sessions.live.get(&id).map(|live| live.due_at_ms)
    }

    /// Puts a session in its place, and on the agenda or the list of those that are over.
    pub(super) fn put(&mut self, id: SessionId, session: Session) {
        let due = session.next_due(i64::MIN / 2);
        match (due, &session.phase) {
            (Some((at_ms, _)), _) => self.put_live(id, session, at_ms),
            (None, Phase::Ended { at_ms, .. }) => {
                self.ended.push_back((*at_ms, id));
                self.put_over(id, session);
            }
            (None, Phase::Idle { .. } | Phase::Active(_)) => self.put_over(id, session),
        }
    }

    fn put_live(&mut self, id: SessionId, session: Session, due_at_ms: i64) {
        let session = self.pool.pack(session);
        let Some(live) = self.sessions.live.get_mut(&id) else {
            self.agenda.insert((due_at_ms, id), ());
            return self.sessions.live.insert(id, Live { session, due_at_ms });
        };
        let before = std::mem::replace(live, Live { session, due_at_ms });
        self.agenda.remove(&(before.due_at_ms, id));
        self.agenda.insert((due_at_ms, id), ());
        self.give_up(before.session);
    }

    fn put_over(&mut self, id: SessionId, session: Session) {
        let session = self.pool.pack(session);
        self.sessions.over.insert(id, session);
        if let Some(before) = self.sessions.live.remove(&id) {
            self.agenda.remove(&(before.due_at_ms, id));
            self.give_up(before.session);
        }
    }

    fn give_up(&mut self, Packed { held, .. }: Packed) {
        self.pool.forget(held, self.sessions.len());
    }

    /// Moves a live session to another place on the agenda.
    pub(super) fn put_off(&mut self, id: SessionId, due_at_ms: i64) {
        if let Some(live) = self.sessions.live.get_mut(&id) {
            self.agenda.remove(&(live.due_at_ms, id));
            self.agenda.insert((due_at_ms, id), ());
            live.due_at_ms = due_at_ms;
        }
    }

    /// Notes a heartbeat that nobody waited for. False, and nothing is noted, if it is awaited or
    /// the session is not alive.
    pub(super) fn hear(&mut self, id: SessionId, at_ms: i64) -> bool {
        match self.sessions.live.get_mut(&id) {
            Some(live) if !live.session.awaits_heartbeat() => {
                live.session.heard_at(at_ms);
                true
            }
            _ => false,
        }
    }

    /// Lets go of what has been over for long.
    pub(super) fn forget(&mut self, now_ms: i64) {
        while let Some((at_ms, id)) = self.ended.front().copied() {
            if at_ms + REMEMBER_MS >= now_ms {
                break;
            }
            self.ended.pop_front();
            if let Some(session) = self.sessions.over.remove(&id) {
                self.give_up(session);
            }
        }
    }

    pub(super) fn newest_live(&self, limit: usize) -> Vec<(SessionId, Session)> {
        let newest_first = self.sessions.live.iter().rev();
        newest_first.take(limit).map(|(id, live)| (*id, live.session.unpack())).collect()
    }

    /// The roster of sessions in the order of their ids, and of what they share.
    pub(super) fn restored<E>(
        pool: Pool,
        sessions: impl Iterator<Item = Result<(SessionId, Packed), E>>,
    ) -> Result<Self, E> {
        let mut roster = Self { pool, ..Self::default() };
        let (mut due, mut ended) = (Vec::new(), Vec::new());
        for session in sessions {
            let (id, session) = session?;
            let unpacked = session.unpack();
            match (unpacked.next_due(i64::MIN / 2), unpacked.phase) {
                (Some((due_at_ms, _)), _) => {
                    due.push((due_at_ms, id));
                    roster.sessions.live.insert(id, Live { session, due_at_ms });
                }
                (None, Phase::Ended { at_ms, .. }) => {
                    ended.push((at_ms, id));
                    roster.sessions.over.insert(id, session);
                }
                (None, Phase::Idle { .. } | Phase::Active(_)) => {
                    roster.sessions.over.insert(id, session)
                }
            }
        }
        // Ascending keys leave no place empty on the agenda.
        due.sort_unstable();
        due.into_iter().for_each(|place| roster.agenda.insert(place, ()));
        ended.sort_unstable();
        roster.ended = ended.into();
        Ok(roster)
    }
}

impl Sessions {
    /// All sessions, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (SessionId, &Packed)> {
        let mut live = self.live.iter().map(|(id, live)| (*id, &live.session)).peekable();
        let mut over = self.over.iter().map(|(id, session)| (*id, session)).peekable();
        std::iter::from_fn(move || match (live.peek(), over.peek()) {
            (Some((live_id, _)), Some((over_id, _))) if over_id < live_id => over.next(),
            (Some(_), _) => live.next(),
            (None, _) => over.next(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.live.len() + self.over.len()
    }
}
