use thiserror::Error;

/// Why an append is not in the journal.
#[derive(Debug, Clone, Error)]
pub enum AppendError {
    /// The instance's head is not the expected one: another writer was faster.
    #[error("the journal of this instance has moved on")]
    Conflict,
    /// The store could not write, or the answer was lost on its way. An embedded store has nothing
    /// of the append then; of a remote one only its journal tells.
    #[error("the journal cannot be written: {0}")]
    Unavailable(String),
}

/// Why the store did not do what was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("not found")]
    NotFound,
    #[error("it exists already")]
    Duplicate,
    #[error("its state does not allow that")]
    Conflict,
    /// Stored bytes are not what was written.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
    #[error("the store cannot answer: {0}")]
    Unavailable(String),
}
