//! A server from start to stop.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;
use licet_core::InstanceId;
use licet_engine::{Clock, Engine, Options};
use licet_protocol::{JwkSet, RightsImported};
use licet_store::{InstanceRow, Store, StoreError};
use thiserror::Error;

use crate::{
    App, Listener, Problem, RateLimit,
    app::Parts,
    follower,
    local_instance::LocalInstance,
    rights, router,
    security::{
        Authenticator, Author, GeneratedPassword, MasterKey, MasterKeyError, SecurityOptions,
    },
    service::Metrics,
    signing::Signer,
    terms::{self, Terms},
};

/// What a server is started with.
#[derive(Debug)]
pub struct ServerOptions {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Certificate chain and private key, PEM files.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// For the user `admin` of an empty store; without it one is made.
    pub admin_password: Option<String>,
    /// How often one principal may call; `None` for no limit.
    pub rate_limit: Option<RateLimit>,
    /// The instance that `~` and the licence server's bare roots mean; without it the site's only
    /// one.
    pub local_instance: Option<InstanceId>,
    pub engine: Options,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7070)),
            tls: None,
            admin_password: None,
            rate_limit: None,
            local_instance: None,
            engine: Options::default(),
        }
    }
}

/// Why a server did not start.
#[derive(Debug, Error)]
pub enum StartError {
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    #[error("cannot listen on {address}: {error}; choose another with --listen")]
    Listen { address: SocketAddr, error: io::Error },
    #[error("threads cannot be started: {0}; mend the limits of this process (ulimit -u)")]
    Threads(io::Error),
    #[error("TLS: {0}")]
    Tls(io::Error),
    #[error("{0}")]
    MasterKey(#[from] MasterKeyError),
    #[error("{}", .0.detail())]
    Problem(Problem),
}

impl From<Problem> for StartError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// A server that listens, ready to be run.
#[derive(Debug)]
pub struct Server {
    app: App,
    listener: Listener,
    /// Of the user `admin`, if the store was empty and no password was given. It is kept nowhere
    /// else.
    pub generated_password: Option<GeneratedPassword>,
}

impl Server {
    /// Reads keys, prices and settings and takes the address. Secrets in the store are sealed under
    /// `master_key`.
    ///
    /// # Errors
    /// [`StartError`]
    pub async fn start(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        master_key: MasterKey,
        options: ServerOptions,
    ) -> Result<Self, StartError> {
        let listener = Listener::bind(options.listen)
            .await
            .map_err(|error| StartError::Listen { address: options.listen, error })?;
        let listener = match &options.tls {
            None => listener,
            Some((certificate, key)) => {
                listener.with_tls(certificate, key).map_err(StartError::Tls)?
            }
        };
        let security = SecurityOptions { rate_limit: options.rate_limit, ..Default::default() };
        let app = App::open(store, clock, master_key, security, options.engine).await?;
        if let Some(id) = options.local_instance {
            app.local_instance.set(id);
        }
        let now_ms = app.now_ms();
        let generated_password =
            app.authenticator.ensure_admin(options.admin_password, now_ms).await?;
        Ok(Self { app, listener, generated_password })
    }

    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Says whose signatures of rights the local instance takes from now on.
    ///
    /// # Errors
    /// 404 if there is no local instance; 503.
    pub async fn trust_rights(&self, keys: JwkSet) -> Result<(), Problem> {
        let instance = self.local_instance().await?;
        rights::trust(&self.app, &instance, keys, Author::server(self.app.now_ms())).await
    }

    /// Whether the local instance was told whose signatures of rights to take.
    ///
    /// # Errors
    /// 404 if there is no local instance; 503.
    pub async fn trusts_rights(&self) -> Result<bool, Problem> {
        rights::is_trusting(&self.app, &*self.local_instance().await?).await
    }

    /// Takes signed rights for the local instance, as `importRights` does.
    ///
    /// # Errors
    /// 404 if there is no local instance; else as that operation.
    pub async fn import_rights(&self, document: &str) -> Result<RightsImported, Problem> {
        let instance = self.local_instance().await?;
        rights::import(&self.app, &instance, document, Author::server(self.app.now_ms())).await
    }

    /// Whether the local instance has ever taken signed rights.
    ///
    /// # Errors
    /// 404 if there is no local instance; 503.
    pub async fn has_rights(&self) -> Result<bool, Problem> {
        rights::are_there(&self.app, &*self.local_instance().await?).await
    }

    async fn local_instance(&self) -> Result<Arc<InstanceRow>, Problem> {
        let id = self.app.local_instance.id(&self.app).await?;
        let instance = self.app.engine.instance(id).await?;
        instance.ok_or_else(|| Problem::not_found("instance"))
    }

    /// Where it answers, such as `http://127.0.0.1:7070`.
    #[must_use]
    pub fn url(&self) -> String {
        let address = self.listener.address().map_or_else(|_| "?".to_owned(), |a| a.to_string());
        format!("{}://{address}", self.listener.scheme())
    }

    /// Serves until `shutdown` ends; then answers what is open, and closes the store when all
    /// that was acknowledged is where it belongs.
    ///
    /// # Errors
    /// 500 if the contract cannot be written; 503 if the store does not close.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), StartError> {
        let router = router(self.app.clone())?;
        let sweeper = tokio::spawn(sweep_tokens(self.app.clone()));
        let stopping = self.app.stopping.clone();
        let shutdown = async move {
            shutdown.await;
            stopping.send_replace(true);
        };
        self.listener.serve(router, shutdown).await;
        sweeper.abort();
        self.app.engine.close().await;
        self.app.store.close().await?;
        Ok(())
    }
}

impl App {
    /// What doors need, on a store: engine, keys, prices and settings.
    ///
    /// # Errors
    /// [`StartError`] if the store cannot be read, or not with this master key.
    pub async fn open(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        master_key: MasterKey,
        security: SecurityOptions,
        options: Options,
    ) -> Result<Self, StartError> {
        let changes = store.changes();
        let authenticator = Arc::new(Authenticator::with_options(store.clone(), security)?);
        authenticator.reload_keys().await?;
        let signer = Signer::open(store.clone(), clock.clone(), master_key).await?;
        let Terms { site, instance_settings } = terms::load(&*store).await?;
        let engine = Engine::start(store.clone(), clock.clone(), site, options).await?;
        let stopping = tokio::sync::watch::Sender::new(false);
        let metrics = Metrics::default();
        let app = Self::from(Parts {
            engine,
            store,
            authenticator,
            signer,
            clock,
            stopping,
            local_instance: LocalInstance::default(),
            instance_settings: ArcSwap::from_pointee(instance_settings),
            metrics,
        });
        if let Some(changes) = changes {
            tokio::spawn(follower::run(app.clone(), changes));
        }
        Ok(app)
    }
}

/// Drops tokens of users that have expired, now and then; they are refused anyway.
async fn sweep_tokens(app: App) {
    const EVERY_MS: i64 = 3_600_000;
    loop {
        if let Err(error) = app.store.sweep_tokens(app.now_ms()).await {
            tracing::warn!(%error, "expired tokens were not swept");
        }
        app.clock.sleep_until(app.now_ms() + EVERY_MS).await;
    }
}
