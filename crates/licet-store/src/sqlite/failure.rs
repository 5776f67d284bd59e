//! What an error of SQLite means for the store.

use rusqlite::{ErrorCode, ffi};

use crate::StoreError;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        if is_damage(&error) {
            Self::Damaged(error.to_string())
        } else {
            Self::Unavailable(error.to_string())
        }
    }
}

/// Whether what was read is not what the store wrote.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        || matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
        )
}

/// The error of an insert, where a taken key has a meaning of its own.
pub(super) fn duplicate_or(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error().map(|failure| failure.extended_code) {
        Some(ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_UNIQUE) => {
            StoreError::Duplicate
        }
        _ => error.into(),
    }
}

/// What a change of one row says that changed so many.
pub(super) fn found(rows: usize) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}

/// Whether a failed COMMIT has left nothing on the disk that a later start would take for a
/// commit.
///
/// The frame that makes a transaction valid is the last one that a commit writes, and the only
/// things after it are the sync and the shared index. So:
/// - `FULL` comes from a write of a frame, hence the last frame is not whole;
/// - `BUSY` and `LOCKED` come before anything is written, and so does a deferred constraint;
/// - everything else may come after the last frame was written (a failed sync, an index that
///   cannot grow, no memory for it), and SQLite rolls back in memory what a restart would find
///   committed. An answer "not done" would then be a lie.
pub(super) fn is_certainly_not_committed(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::ConstraintViolation
        )
    )
}

/// Whether a sync failed. The kernel may have dropped the pages that it could not write, so
/// trying again proves nothing.
pub(super) fn is_failed_sync(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error().map(|failure| failure.extended_code),
        Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC)
    )
}

/// Ends the process: what is on the disk is unknown, and only reading it anew can tell.
pub(super) fn stop_the_process(doing: &str, error: &rusqlite::Error) -> ! {
    tracing::error!(
        %error,
        doing,
        "the disk failed and the store cannot know what is on it; the process stops. \
         Check the disk, then start again"
    );
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn only_errors_before_the_last_frame_are_certain() {
        for certain in [
            ffi::SQLITE_FULL,
            ffi::SQLITE_BUSY,
            ffi::SQLITE_BUSY_SNAPSHOT,
            ffi::SQLITE_LOCKED,
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY,
        ] {
            assert!(is_certainly_not_committed(&failure(certain)), "{certain}");
        }
        for uncertain in [
            ffi::SQLITE_IOERR_FSYNC,
            ffi::SQLITE_IOERR_DIR_FSYNC,
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_IOERR_SHMSIZE,
            ffi::SQLITE_IOERR_SHMMAP,
            ffi::SQLITE_NOMEM,
            ffi::SQLITE_CORRUPT,
        ] {
            assert!(!is_certainly_not_committed(&failure(uncertain)), "{uncertain}");
        }
    }

    #[test]
    fn a_failed_sync_is_told_from_other_disk_errors() {
        assert!(is_failed_sync(&failure(ffi::SQLITE_IOERR_FSYNC)));
        assert!(is_failed_sync(&failure(ffi::SQLITE_IOERR_DIR_FSYNC)));
        assert!(!is_failed_sync(&failure(ffi::SQLITE_IOERR_READ)));
        assert!(!is_failed_sync(&failure(ffi::SQLITE_FULL)));
    }
}
