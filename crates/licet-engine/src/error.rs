use licet_core::Refusal;
use licet_store::StoreError;
use thiserror::Error;

/// Why an instance did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AskError {
    #[error("there is no such instance")]
    NotFound,
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its queue is full; nothing was done. Ask again after a second.
    #[error("the instance has too much to do")]
    Busy,
    /// The store cannot take it. Nothing that was answered yes is lost, and this was not.
    #[error("the store cannot take this now: {0}")]
    Unavailable(String),
}

impl From<StoreError> for AskError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
