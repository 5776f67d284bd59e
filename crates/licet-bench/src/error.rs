use std::{fmt::Display, io};

use thiserror::Error;

/// Why something was not measured.
#[derive(Debug, Error)]
pub enum Error {
    /// SIGINT or SIGTERM came.
    #[error("stopped before the end")]
    Interrupted,
    /// Not installed, not in reach, or not able to; its parts are left out.
    #[error("{0}")]
    Absent(String),
    /// An answer that must not be.
    #[error("{0}")]
    Wrong(String),
    /// The measurement itself could not be done.
    #[error("{0}")]
    Failed(String),
}

impl Error {
    /// Says of an error what it happened to.
    pub(crate) fn failed(what: &str, error: &dyn Display) -> Self {
        Self::Failed(format!("{what}: {error}"))
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
