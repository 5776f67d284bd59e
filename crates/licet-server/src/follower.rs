//! Follows what other processes change in the tables of the site: prices and settings, keys,
//! signing keys, users.

use std::time::Duration;

use licet_store::SiteChange;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{App, Problem, elastic};

/// How long it rests after a change that could not be read.
const RETRY: Duration = Duration::from_secs(1);

/// Follows until the server stops. `changes` are those since before the tables were first read.
pub(crate) async fn run(app: App, changes: Receiver<SiteChange>) {
    let mut stopping = app.stopping.subscribe();
    tokio::select! {
        () = follow(&app, changes) => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
}

async fn follow(app: &App, mut changes: Receiver<SiteChange>) {
    loop {
        match changes.recv().await {
            Ok(change) => take(app, change).await,
            Err(RecvError::Lagged(_)) => {
                for change in SiteChange::ALL {
                    take(app, change).await;
                }
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Takes a change over, however often it needs trying: it is told of only once.
async fn take(app: &App, change: SiteChange) {
    while let Err(problem) = try_to_take(app, change).await {
        tracing::warn!(why = problem.detail(), ?change, "a change by another server is not read");
        tokio::time::sleep(RETRY).await;
    }
}

async fn try_to_take(app: &App, change: SiteChange) -> Result<(), Problem> {
    match change {
        SiteChange::Terms => elastic::changing_terms::follow(app).await,
        SiteChange::Keys => app.authenticator.reload_keys().await,
        SiteChange::SigningKeys => app.signer.reload().await,
        SiteChange::Users => {
            app.authenticator.forget_users();
            Ok(())
        }
    }
}
