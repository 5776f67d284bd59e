//! Long work beside the runtime's tasks.

use licet_store::StoreError;

/// Does work that takes long on another thread, so that no task waits for it.
///
/// # Errors
/// [`StoreError::Unavailable`] if it panicked, or the runtime ends.
pub(crate) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::Unavailable(error.to_string()))
}
