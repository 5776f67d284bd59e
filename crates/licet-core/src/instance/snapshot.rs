//! Snapshots: the state of an instance as bytes, so that loading it need not fold its whole
//! journal.

use serde::{Deserialize, Serialize};

use super::Instance;
use crate::{
    answer::{IdempotencyKey, KeptAnswer},
    ids::SessionId,
    line_item::LineItem,
    record::{DecodeError, decode, encode},
    rule::Condition,
    session::Session,
};

#[derive(Serialize, Deserialize)]
struct Snapshot {
    last_ms: i64,
    epochs: u64,
    /// In the order of their places, in which resets of the same moment follow each other.
    lines: Vec<LineItem>,
    conditions: Vec<Condition>,
    sessions: Vec<(SessionId, Session)>,
    answers: Vec<(i64, IdempotencyKey, KeptAnswer)>,
}

impl Instance {
    /// Writes the whole state.
    #[must_use]
    pub fn to_snapshot(&self) -> Vec<u8> {
        let answers = self.answers.iter();
        encode(&Snapshot {
            last_ms: self.last_ms,
            epochs: self.epochs,
            lines: self.lines.iter().flatten().cloned().collect(),
            conditions: self.conditions.values().cloned().collect(),
            sessions: self.sessions.iter().map(|(id, session)| (*id, session.clone())).collect(),
            answers: answers.map(|(at_ms, key, kept)| (at_ms, key, kept.clone())).collect(),
        })
    }

    /// Reads what [`Instance::to_snapshot`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`]
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, DecodeError> {
        let snapshot: Snapshot = decode(bytes)?;
        let mut instance =
            Self { last_ms: snapshot.last_ms, epochs: snapshot.epochs, ..Self::default() };
        for line in snapshot.lines {
            let slot = instance.lines.len();
            instance.by_activation.insert(line.terms.activation_id.clone(), slot);
            instance.lines.push(Some(line));
            instance.list_line(slot);
        }
        let conditions = snapshot.conditions.into_iter();
        instance.conditions = conditions.map(|condition| (condition.id, condition)).collect();
        for (id, session) in snapshot.sessions {
            instance.set_session(id, session);
        }
        instance.ended.make_contiguous().sort_unstable();
        for (at_ms, key, answer) in snapshot.answers {
            instance.answers.keep(&key, at_ms, answer);
        }
        Ok(instance)
    }
}
