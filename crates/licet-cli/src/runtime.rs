//! The runtime of commands that run a server or read a store themselves.

use std::{future::Future, num::NonZeroUsize, thread};

use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// Runs a future to its end, with as many threads as are wanted.
///
/// Without a number it is one thread less than there are cores, and at least one: the journal, the
/// projection, the kernel's network and a database beside it want the rest. With a thread for each
/// core every request costs a quarter more, since threads that have nothing to do take each
/// other's work.
pub(crate) fn run<T>(
    threads: Option<NonZeroUsize>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = threads.map_or_else(|| (cores - 1).max(1), NonZeroUsize::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
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
