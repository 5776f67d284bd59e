//! Keys that sign the site's answers.

use rusqlite::Connection;

use crate::{Retirement, SigningKeyRow, StoreError};

/// See [`crate::Site::replace_signing_keys`]; `connection` is in a transaction.
pub(super) fn replace(
    connection: &Connection,
    before: &[SigningKeyRow],
    after: &[SigningKeyRow],
) -> Result<(), StoreError> {
    if all(connection)? != before {
        return Err(StoreError::Conflict);
    }
    connection.prepare_cached("DELETE FROM signing_key")?.execute([])?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO signing_key (kid, algorithm, sealed_private_key, public_jwk, created_ms,
             activates_ms, retires_ms, expires_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for row in after {
        statement.execute((
            &row.kid,
            &row.algorithm,
            &row.sealed_private_key,
            &row.public_jwk,
            row.created_ms,
            row.activates_ms,
            row.retirement.map(|end| end.retires_ms),
            row.retirement.map(|end| end.expires_ms),
        ))?;
    }
    Ok(())
}

/// All signing keys ordered by (created, kid).
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<SigningKeyRow>> {
    connection
        .prepare_cached(
            "SELECT kid, algorithm, sealed_private_key, public_jwk, created_ms, activates_ms,
                 retires_ms, expires_ms
             FROM signing_key ORDER BY created_ms, kid",
        )?
        .query_map([], |row| {
            Ok(SigningKeyRow {
                kid: row.get(0)?,
                algorithm: row.get(1)?,
                sealed_private_key: row.get(2)?,
                public_jwk: row.get(3)?,
                created_ms: row.get(4)?,
                activates_ms: row.get(5)?,
                retirement: Retirement::of(row.get(6)?, row.get(7)?),
            })
        })?
        .collect()
}
