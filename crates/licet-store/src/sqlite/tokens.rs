//! Opaque bearer tokens, by their hashes.

use rusqlite::{Connection, OptionalExtension};

use super::failure::duplicate_or;
use crate::{StoreError, TokenRow};

pub(super) fn create(connection: &Connection, row: &TokenRow) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO token (hash, user, created_ms, expires_ms) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((row.hash, &row.user, row.created_ms, row.expires_ms))
        .map_err(duplicate_or)?;
    Ok(())
}

pub(super) fn get(connection: &Connection, hash: &[u8; 32]) -> rusqlite::Result<Option<TokenRow>> {
    connection
        .prepare_cached("SELECT hash, user, created_ms, expires_ms FROM token WHERE hash = ?1")?
        .query_row([hash], |row| {
            Ok(TokenRow {
                hash: row.get(0)?,
                user: row.get(1)?,
                created_ms: row.get(2)?,
                expires_ms: row.get(3)?,
            })
        })
        .optional()
}

/// Deletes all tokens of a user, or just the one with `hash`; none is no error.
pub(super) fn delete(
    connection: &Connection,
    user: &str,
    hash: Option<&[u8; 32]>,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM token WHERE user = ?1 AND (?2 IS NULL OR hash = ?2)")?
        .execute((user, hash))?;
    Ok(())
}

/// Drops tokens that expired before `now_ms`.
pub(super) fn sweep(connection: &Connection, now_ms: i64) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM token WHERE expires_ms < ?1")?.execute([now_ms])?;
    Ok(())
}
