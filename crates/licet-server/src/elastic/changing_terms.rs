//! Changes of prices and settings, which all decisions read.

use tokio::sync::Mutex;

use crate::{App, Problem};

/// One change at a time: otherwise an older reading of the store could overtake a newer one.
static CHANGING: Mutex<()> = Mutex::const_new(());

/// Reads prices and settings again, after another process has changed them.
///
/// # Errors
/// As [`App::reload_terms`].
pub(crate) async fn follow(app: &App) -> Result<(), Problem> {
    let _one_at_a_time = CHANGING.lock().await;
    app.reload_terms().await
}

/// Makes a change in the store and lets decisions use it before it is answered. It goes on when
/// the caller hangs up, so that what is decided by is what is stored.
pub(crate) async fn change<T: Send + 'static>(
    app: App,
    change: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let changing = async move {
        let _one_at_a_time = CHANGING.lock().await;
        let changed = change.await?;
        app.reload_terms().await?;
        Ok(changed)
    };
    tokio::spawn(changing).await.map_err(|error| Problem::internal(&error))?
}
