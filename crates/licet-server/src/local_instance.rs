//! The instance that is meant where none is named.

use std::sync::OnceLock;

use licet_core::InstanceId;
use licet_store::InstanceFilter;
use parking_lot::Mutex;

use crate::{App, Code, Problem};

/// How long it is taken for granted that there is still just one, in milliseconds: another node
/// may make a second one.
const TRUSTED_MS: i64 = 1_000;

/// What `~` means at the licence server's door: the instance that the server was started for, or
/// else the site's only one.
#[derive(Debug, Default)]
pub(crate) struct LocalInstance {
    started_for: OnceLock<InstanceId>,
    only: Mutex<Option<Only>>,
}

#[derive(Debug, Clone, Copy)]
struct Only {
    id: InstanceId,
    trusted_until_ms: i64,
}

impl LocalInstance {
    /// Says which instance the server is for. The first word stands.
    pub(crate) fn set(&self, id: InstanceId) {
        self.started_for.get_or_init(|| id);
    }

    /// Whether the server was started for this instance.
    pub(crate) fn is(&self, id: InstanceId) -> bool {
        self.started_for.get() == Some(&id)
    }

    /// Whether the server was started for one instance, and so has no other.
    pub(crate) fn is_alone(&self) -> bool {
        self.started_for.get().is_some()
    }

    /// There may be one more instance now.
    pub(crate) fn forget_only(&self) {
        self.only.lock().take();
    }

    /// # Errors
    /// 404 that says what to do, if the server was started for no instance and there is not
    /// exactly one; 503.
    pub(crate) async fn id(&self, app: &App) -> Result<InstanceId, Problem> {
        if let Some(id) = self.started_for.get() {
            return Ok(*id);
        }
        let now_ms = app.now_ms();
        let known = *self.only.lock();
        match known {
            Some(only) if now_ms < only.trusted_until_ms => Ok(only.id),
            _ => self.look(app, now_ms).await,
        }
    }

    async fn look(&self, app: &App, now_ms: i64) -> Result<InstanceId, Problem> {
        let two = InstanceFilter { limit: 2, ..InstanceFilter::default() };
        match app.store.instances(two).await?.as_slice() {
            [(_, row)] => {
                let id = InstanceId(row.id);
                let trusted_until_ms = now_ms.saturating_add(TRUSTED_MS);
                *self.only.lock() = Some(Only { id, trusted_until_ms });
                Ok(id)
            }
            [] => Err(none("This site has no instance yet; make one")),
            _ => Err(none(
                "This site has several instances, so there is no local one; name the instance by \
                 its id: /api/1.0/instances/{id}/...",
            )),
        }
    }
}

fn none(detail: &'static str) -> Problem {
    Problem::new(Code::NotFound, detail)
}
