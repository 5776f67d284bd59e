//! The state of an instance in memory, and what is answered from it without waiting for its task.

use licet_core::{Instance, SessionId};
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};

/// The state of an instance. Its task alone decides on it. No lock is held across an await.
#[derive(Default)]
pub(crate) struct Live {
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    instance: Instance,
    is_settled: bool,
}

impl Live {
    /// The state, for the instance's task.
    pub(crate) fn instance(&self) -> MappedMutexGuard<'_, Instance> {
        MutexGuard::map(self.inside.lock(), |inside| &mut inside.instance)
    }

    /// Says whether the state is what the journal holds, and this process the only one to append to
    /// it: then the state alone tells what is durable.
    pub(crate) fn set_settled(&self, is_settled: bool) {
        self.inside.lock().is_settled = is_settled;
    }

    /// Notes a heartbeat that changes nothing that is decided. False if the instance's task has to
    /// look at it; that is so too while the task is busy with the state.
    pub(crate) fn hear(&self, session_id: SessionId, now_ms: i64) -> bool {
        let Some(mut inside) = self.inside.try_lock() else { return false };
        inside.is_settled && inside.instance.hear(session_id, now_ms)
    }
}

#[cfg(test)]
mod tests {
    use licet_core::{EndReason, Record};

    use super::*;

    const DAY_MS: i64 = 24 * 3_600_000;

    fn session() -> SessionId {
        SessionId::default()
    }

    /// A state with one idle session, opened at 0, which must end after a day.
    fn live() -> Live {
        let live = Live::default();
        let opened = Record::SessionOpened { at_ms: 0, session_id: session(), key: None };
        live.instance().fold(&opened);
        live
    }

    #[test]
    fn only_a_settled_state_tells_that_a_session_is_alive() {
        let live = live();
        assert!(!live.hear(session(), 1), "what it knows may not be durable");
        live.set_settled(true);
        assert!(live.hear(session(), 1));
        let heard = live.instance().sessions().next().unwrap().1;
        assert_eq!(heard.last_heartbeat_at_ms, Some(1));
        live.set_settled(false);
        assert!(!live.hear(session(), 2));
    }

    #[test]
    fn while_the_task_decides_its_answer_is_waited_for() {
        let live = live();
        live.set_settled(true);
        let deciding = live.instance();
        assert!(!live.hear(session(), 1));
        drop(deciding);
        assert!(live.hear(session(), 1));
    }

    #[test]
    fn what_is_due_is_done_before_anything_is_told() {
        let live = live();
        live.set_settled(true);
        assert!(live.hear(session(), DAY_MS - 1));
        assert!(!live.hear(session(), DAY_MS), "the session ends now");
    }

    #[test]
    fn sessions_that_are_over_or_unknown_are_left_to_the_task() {
        let live = live();
        live.set_settled(true);
        assert!(!live.hear(SessionId(uuid::Uuid::from_u128(7)), 1));
        let (at_ms, opened_at_ms, reason) = (1, 0, EndReason::Closed);
        let session_id = session();
        live.instance().fold(&Record::SessionEnded {
            at_ms,
            session_id,
            opened_at_ms,
            reason,
            refund: None,
        });
        assert!(!live.hear(session(), 1));
    }
}
