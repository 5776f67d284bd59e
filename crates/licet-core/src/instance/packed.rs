//! Sessions as an instance keeps them: a million of one kind must take little memory.

use std::{
    collections::HashSet,
    hash::{Hash, Hasher},
    num::NonZeroI64,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::who::Who;
use crate::{
    access_request::RequestedItem,
    charge::ChargedLine,
    record::EndReason,
    session::{Paid, Phase, Session},
};

/// A time in POSIX milliseconds whose `Option` takes no more room than itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
pub(super) struct Moment(NonZeroI64);

impl Moment {
    /// The earliest millisecond of all stands for the one after it.
    fn new(ms: i64) -> Self {
        Self(NonZeroI64::new(ms ^ i64::MIN).unwrap_or(NonZeroI64::MIN))
    }

    fn ms(self) -> i64 {
        self.0.get() ^ i64::MIN
    }
}

impl From<i64> for Moment {
    fn from(ms: i64) -> Self {
        Self::new(ms)
    }
}

impl From<Moment> for i64 {
    fn from(moment: Moment) -> Self {
        moment.ms()
    }
}

/// What a session holds: its items, and what was charged for them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) items: Arc<[RequestedItem]>,
    pub(super) charges: Arc<[ChargedLine]>,
    pub(super) unproven: Vec<ChargedLine>,
}

/// Values of variables as they are written: 1.0 is not 1.00 here, or what a session holds would
/// depend on what others hold.
fn variables(held: &Held) -> impl Iterator<Item = [u8; 16]> + '_ {
    let variables = held.items.iter().flat_map(|item| &item.variables);
    variables.map(|(_, value)| value.serialize())
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.items == other.items
            && self.charges == other.charges
            && self.unproven == other.unproven
            && variables(self).eq(variables(other))
    }
}

impl Eq for Held {}

impl Hash for Held {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.items.hash(state);
        self.charges.hash(state);
        self.unproven.hash(state);
    }
}

/// What sessions share: each holding once, as long as a session has it.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool {
    holdings: HashSet<Arc<Held>>,
}

/// Holdings that the pool may have beyond those of sessions.
const SPARE_MAX: usize = 1_024;

impl Pool {
    pub(super) fn share(&mut self, held: Held) -> Arc<Held> {
        if let Some(known) = self.holdings.get(&held) {
            return known.clone();
        }
        let held = Arc::new(held);
        self.holdings.insert(held.clone());
        held
    }

    /// Forgets what only the pool still has, after a session gave it up.
    pub(super) fn forget(&mut self, held: Arc<Held>, sessions: usize) {
        if Arc::strong_count(&held) == 2 {
            self.holdings.remove(&held);
        }
        // A clone of the instance may have kept a holding from being forgotten in its time.
        if self.holdings.len() > 2 * sessions + SPARE_MAX {
            self.holdings.retain(|held| Arc::strong_count(held) > 1);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.holdings.len()
    }

    pub(super) fn pack(&mut self, session: Session) -> Packed {
        let Session { opened_at_ms, requester, items, .. } = session;
        let (charges, unproven, phase) = match session.phase {
            Phase::Idle { since_ms } => {
                (Arc::default(), Vec::new(), PackedPhase::Idle { since_ms })
            }
            Phase::Ended { at_ms, reason } => {
                (Arc::default(), Vec::new(), PackedPhase::Ended { at_ms, reason })
            }
            Phase::Active(Paid { from_ms, until_ms, charges, heartbeat_due_ms, unproven }) => {
                let heartbeat_due = heartbeat_due_ms.map(Moment::new);
                (charges, unproven, PackedPhase::Active { from_ms, until_ms, heartbeat_due })
            }
        };
        Packed {
            opened_at_ms,
            last_access: session.last_access_at_ms.map(Moment::new),
            last_heartbeat: session.last_heartbeat_at_ms.map(Moment::new),
            who: requester.into(),
            held: self.share(Held { items, charges, unproven }),
            phase,
        }
    }
}

/// A [`Session`] in little room.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    pub(super) opened_at_ms: i64,
    pub(super) last_access: Option<Moment>,
    pub(super) last_heartbeat: Option<Moment>,
    pub(super) who: Who,
    pub(super) held: Arc<Held>,
    pub(super) phase: PackedPhase,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum PackedPhase {
    Idle { since_ms: i64 },
    Active { from_ms: i64, until_ms: i64, heartbeat_due: Option<Moment> },
    Ended { at_ms: i64, reason: EndReason },
}

impl Packed {
    pub(super) fn unpack(&self) -> Session {
        Session {
            opened_at_ms: self.opened_at_ms,
            last_access_at_ms: self.last_access.map(Moment::ms),
            last_heartbeat_at_ms: self.last_heartbeat.map(Moment::ms),
            requester: self.who.requester(),
            items: self.held.items.clone(),
            phase: self.phase(),
        }
    }

    fn phase(&self) -> Phase {
        match self.phase {
            PackedPhase::Idle { since_ms } => Phase::Idle { since_ms },
            PackedPhase::Ended { at_ms, reason } => Phase::Ended { at_ms, reason },
            PackedPhase::Active { from_ms, until_ms, heartbeat_due } => Phase::Active(Paid {
                from_ms,
                until_ms,
                charges: self.held.charges.clone(),
                heartbeat_due_ms: heartbeat_due.map(Moment::ms),
                unproven: self.held.unproven.clone(),
            }),
        }
    }

    /// Whether the next heartbeat proves an automatic charge.
    pub(super) fn awaits_heartbeat(&self) -> bool {
        matches!(self.phase, PackedPhase::Active { heartbeat_due: Some(_), .. })
    }

    pub(super) fn heard_at(&mut self, at_ms: i64) {
        self.last_heartbeat = Some(Moment::new(at_ms));
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::{access_request::Requester, fixed::Count};

    fn session(user: &str, value: Decimal, phase: Phase) -> Session {
        let item = RequestedItem {
            item: "Render".into(),
            version: "2.0".into(),
            count: Count::from_micros(1),
            variables: vec![("frames".into(), value)],
            meta_data: None,
        };
        let requester = Requester { value: user.into(), ..Requester::default() };
        Session {
            last_access_at_ms: Some(0),
            last_heartbeat_at_ms: None,
            requester: Arc::new(requester),
            items: Arc::new([item]),
            phase,
            ..Session::opened(1)
        }
    }

    fn paid(heartbeat_due_ms: Option<i64>) -> Phase {
        let (charges, unproven) = (Arc::default(), Vec::new());
        Phase::Active(Paid { from_ms: -1, until_ms: 5, charges, heartbeat_due_ms, unproven })
    }

    #[test]
    fn a_session_comes_out_as_it_was_packed() {
        let mut pool = Pool::default();
        let ended = Phase::Ended { at_ms: i64::MAX, reason: EndReason::Denied };
        for phase in [paid(None), paid(Some(0)), Phase::Idle { since_ms: i64::MIN }, ended] {
            for at_ms in [None, Some(0), Some(-1), Some(i64::MAX), Some(i64::MIN + 1)] {
                let mut session = session("ada", Decimal::ONE, phase.clone());
                (session.last_access_at_ms, session.last_heartbeat_at_ms) = (at_ms, at_ms);
                assert_eq!(pool.pack(session.clone()).unpack(), session);
            }
        }
    }

    #[test]
    fn equal_holdings_are_one_and_are_forgotten_with_the_last_session() {
        let mut pool = Pool::default();
        let ada = pool.pack(session("ada", Decimal::ONE, paid(None)));
        let bob = pool.pack(session("bob", Decimal::ONE, paid(Some(3))));
        assert!(Arc::ptr_eq(&ada.held, &bob.held));
        pool.forget(ada.held, 1);
        assert_eq!(pool.len(), 1);
        pool.forget(bob.held, 0);
        assert_eq!(pool.len(), 0);
    }

    #[test]
    fn what_a_clone_kept_is_forgotten_later() {
        let mut pool = Pool::default();
        for value in 0..10_000_u32 {
            let packed = pool.pack(session("ada", value.into(), paid(None)));
            let clone = packed.clone();
            pool.forget(packed.held, 0);
            drop(clone);
        }
        assert!(pool.len() <= SPARE_MAX + 1, "{}", pool.len());
    }

    #[test]
    fn values_that_are_written_differently_are_not_shared() {
        let mut pool = Pool::default();
        let one = pool.pack(session("ada", Decimal::new(10, 1), paid(None)));
        let same = pool.pack(session("ada", Decimal::new(100, 2), paid(None)));
        assert!(!Arc::ptr_eq(&one.held, &same.held));
        assert_eq!(same.unpack().items[0].variables[0].1.scale(), 2);
    }

    #[test]
    fn a_packed_session_is_small() {
        assert!(size_of::<Packed>() <= 88, "{}", size_of::<Packed>());
    }
}
