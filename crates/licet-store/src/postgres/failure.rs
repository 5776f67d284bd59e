//! What an error of PostgreSQL means for the store.

use std::{error::Error as _, io};

use deadpool_postgres::{PoolError, TimeoutType};
use tokio_postgres::{Error, Row, error::SqlState, types::FromSql};

use crate::StoreError;

/// What can be done after a statement failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The connection is of no use any more, and it is unknown what became of the statement.
    ConnectionLost,
    /// Nothing was done, and the same statement may succeed at once.
    Again,
    /// Nothing was done.
    Refused,
}

impl Failure {
    pub(super) fn of(error: &Error) -> Self {
        match error.as_db_error() {
            Some(failure) => Self::of_code(failure.code()),
            None if is_broken(error) => Self::ConnectionLost,
            None => Self::Refused,
        }
    }

    fn of_code(code: &SqlState) -> Self {
        let is_lost = code.code().starts_with("08")
            || [
                SqlState::ADMIN_SHUTDOWN,
                SqlState::CRASH_SHUTDOWN,
                SqlState::CANNOT_CONNECT_NOW,
                SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                // After a switch-over this connection leads to a standby.
                SqlState::READ_ONLY_SQL_TRANSACTION,
            ]
            .contains(code);
        let is_again =
            [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE].contains(code);
        match (is_lost, is_again) {
            (true, _) => Self::ConnectionLost,
            (_, true) => Self::Again,
            _ => Self::Refused,
        }
    }
}

fn is_broken(error: &Error) -> bool {
    error.is_closed() || error.source().is_some_and(|cause| cause.is::<io::Error>())
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let Some(failure) = error.as_db_error() else {
            return Self::Unavailable(describe(&error));
        };
        let code = failure.code();
        if *code == SqlState::UNIQUE_VIOLATION {
            Self::Duplicate
        } else if [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED].contains(code) {
            Self::Damaged(describe(&error))
        } else {
            Self::Unavailable(describe(&error))
        }
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Closed => closed(),
            PoolError::Timeout(TimeoutType::Wait) => Self::Unavailable(
                "all connections to the database are in use, and none became free in time"
                    .to_owned(),
            ),
            PoolError::Timeout(_) => {
                Self::Unavailable("the database did not answer in time".to_owned())
            }
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// An error for people. Values of rows and passwords are never part of the driver's texts.
pub(super) fn describe(error: &Error) -> String {
    if let Some(failure) = error.as_db_error() {
        let hint = match *failure.code() {
            SqlState::QUERY_CANCELED => " (statement time-out)",
            SqlState::LOCK_NOT_AVAILABLE => " (another connection holds a lock)",
            SqlState::DISK_FULL => " (the database's disk is full)",
            SqlState::TOO_MANY_CONNECTIONS => {
                " (raise max_connections: a licet server opens up to some twenty)"
            }
            SqlState::INVALID_CATALOG_NAME => " (create it, or correct the address)",
            SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                " (check user and password in the address, and pg_hba.conf)"
            }
            SqlState::INSUFFICIENT_PRIVILEGE => {
                " (the user needs to own licet's schema, or CREATE on it)"
            }
            _ => "",
        };
        return format!("PostgreSQL says: {}{hint}", failure.message());
    }
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

pub(super) fn read_only() -> StoreError {
    StoreError::Unavailable("the store is open to read only".to_owned())
}

/// What a change of one row says that changed so many.
pub(super) fn found(rows: u64) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}

/// Columns that are checked while they are read.
pub(super) trait Columns {
    /// # Errors
    /// [`StoreError::Damaged`] if the column is not what the store writes.
    fn column<'a, T: FromSql<'a>>(&'a self, at: usize) -> Result<T, StoreError>;

    /// A hash.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it is not 32 bytes long.
    fn hash(&self, at: usize) -> Result<[u8; 32], StoreError>;
}

impl Columns for Row {
    fn column<'a, T: FromSql<'a>>(&'a self, at: usize) -> Result<T, StoreError> {
        self.try_get(at).map_err(|error| StoreError::Damaged(error.to_string()))
    }

    fn hash(&self, at: usize) -> Result<[u8; 32], StoreError> {
        let bytes: &[u8] = self.column(at)?;
        let length = bytes.len();
        bytes.try_into().map_err(|_| StoreError::Damaged(format!("a hash of {length} bytes")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_ended_is_told_from_a_statement_that_did() {
        for code in ["57P01", "57P02", "57P03", "25P03", "25006", "08006"] {
            assert_eq!(Failure::of_code(&SqlState::from_code(code)), Failure::ConnectionLost);
        }
        for code in ["40P01", "40001"] {
            assert_eq!(Failure::of_code(&SqlState::from_code(code)), Failure::Again);
        }
        for code in ["57014", "53100", "23505", "55P03"] {
            assert_eq!(Failure::of_code(&SqlState::from_code(code)), Failure::Refused);
        }
    }
}
