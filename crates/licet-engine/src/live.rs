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
