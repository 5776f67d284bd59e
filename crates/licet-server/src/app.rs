//! What every door has at hand.

use std::{ops::Deref, sync::Arc};

use arc_swap::ArcSwap;
use licet_core::{Command, InstanceId, Reply};
use licet_engine::{AskError, Clock, Engine};
use licet_store::{InstanceRow, Store};
use tokio::sync::watch;

use crate::{
    instance_settings::InstanceSettings,
    local_instance::LocalInstance,
    problem::Problem,
    security::{Authenticator, Principal},
    service::Metrics,
    signing::Signer,
    terms::{self, Terms},
};

/// The state that handlers share; a clone is cheap and the same.
#[derive(Clone)]
pub struct App {
    parts: Arc<Parts>,
}

/// What an [`App`] is made of.
pub struct Parts {
    pub engine: Engine,
    pub store: Arc<dyn Store>,
    pub authenticator: Arc<Authenticator>,
    pub signer: Signer,
    pub clock: Arc<dyn Clock>,
    /// Tells streams that would go on for ever that the server stops.
    pub stopping: watch::Sender<bool>,
    pub(crate) local_instance: LocalInstance,
    pub(crate) instance_settings: ArcSwap<InstanceSettings>,
    pub(crate) metrics: Metrics,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl From<Parts> for App {
    fn from(parts: Parts) -> Self {
        Self { parts: Arc::new(parts) }
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("engine", &self.engine).finish()
    }
}

impl AsRef<Authenticator> for App {
    fn as_ref(&self) -> &Authenticator {
        &self.authenticator
    }
}

impl AsRef<dyn Clock> for App {
    fn as_ref(&self) -> &(dyn Clock + 'static) {
        &*self.clock
    }
}

impl App {
    /// POSIX milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// The instance, if it exists and the caller may see it.
    ///
    /// # Errors
    /// 404 `not_found` for both, so that the answer does not tell which; 503.
    pub async fn instance(
        &self,
        caller: &Principal,
        id: InstanceId,
    ) -> Result<Arc<InstanceRow>, Problem> {
        let row = self.engine.instance(id).await?;
        let row = row.ok_or_else(|| Problem::not_found("instance"))?;
        caller.require_instance(row.id, &row.account_id)?;
        Ok(row)
    }

    /// Asks an instance that the caller may see.
    ///
    /// # Errors
    /// As [`App::instance`]; 503 when it is busy or the store cannot answer; the status of the
    /// refusal.
    pub async fn ask(
        &self,
        caller: &Principal,
        id: InstanceId,
        command: Command,
    ) -> Result<Reply, Problem> {
        let sees = |row: &InstanceRow| caller.sees_instance(row.id, &row.account_id);
        Ok(self.engine.ask_as(id, command, sees).await?)
    }

    /// Reads prices and settings from the store, for decisions and callers from now on.
    ///
    /// # Errors
    /// 503 `store_unavailable`; 500 if what is stored cannot be read.
    pub async fn reload_terms(&self) -> Result<(), Problem> {
        let Terms { site, instance_settings } = terms::load(&*self.store).await?;
        self.engine.set_site(site);
        self.instance_settings.store(Arc::new(instance_settings));
        // What tokens must be may have changed.
        self.authenticator.forget_licensing();
        Ok(())
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        use crate::problem::Code;
        match error {
            AskError::NotFound => Self::not_found("instance"),
            AskError::Refused(refusal) => refusal.into(),
            AskError::Busy => Self::new(
                Code::Overloaded,
                "The instance has more to do than it can; nothing was done, ask again",
            )
            .with_retry_after(1),
            AskError::Unavailable(why) => {
                tracing::warn!(%why, "instance unavailable");
                Self::new(
                    Code::StoreUnavailable,
                    "The store cannot take this now; ask again with the same Idempotency-Key",
                )
                .with_retry_after(1)
            }
        }
    }
}
