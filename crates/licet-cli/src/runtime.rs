//! The runtime of commands that run a server or read a store themselves.

use std::future::Future;

use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// Runs a future to its end on all cores.
pub(crate) fn run<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::other(format!("threads cannot be started: {error}")))?;
    runtime.block_on(work)
}

/// Ends at SIGINT or SIGTERM; listens for them from the moment of the call.
pub(crate) fn until_told_to_stop() -> impl Future<Output = ()> + Send {
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        match (interrupt, terminate) {
            (Ok(mut interrupt), Ok(mut terminate)) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            // Without handlers the signals end the process, which loses nothing that was answered.
            _ => std::future::pending().await,
        }
    }
}
