//! Keys that sign the site's answers.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::{database::SharedConnection, failure::Columns};
use crate::{Retirement, SigningKeyRow, StoreError};

const ALL: &str = "
    SELECT kid, algorithm, sealed_private_key, public_jwk, created_ms, activates_ms, retires_ms,
        expires_ms
    FROM signing_key ORDER BY created_ms, kid";

/// See [`crate::Site::replace_signing_keys`].
pub(super) async fn replace(
    transaction: &Transaction<'_>,
    before: &[SigningKeyRow],
    after: &[SigningKeyRow],
) -> Result<(), StoreError> {
    let statement = transaction.prepare_cached(ALL).await?;
    let stand: Result<Vec<_>, _> =
        transaction.query(&statement, &[]).await?.iter().map(read).collect();
    if stand? != before {
        return Err(StoreError::Conflict);
    }
    let statement = transaction.prepare_cached("DELETE FROM signing_key").await?;
    transaction.execute(&statement, &[]).await?;
    let sql = "
        INSERT INTO signing_key (kid, algorithm, sealed_private_key, public_jwk, created_ms,
            activates_ms, retires_ms, expires_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let statement = transaction.prepare_cached(sql).await?;
    for row in after {
        let retires_ms = row.retirement.map(|end| end.retires_ms);
        let expires_ms = row.retirement.map(|end| end.expires_ms);
        let SigningKeyRow { kid, algorithm, sealed_private_key, public_jwk, .. } = row;
        let (created_ms, activates_ms) = (&row.created_ms, &row.activates_ms);
        transaction
            .execute(
                &statement,
                &[
                    kid,
                    algorithm,
                    sealed_private_key,
                    public_jwk,
                    created_ms,
                    activates_ms,
                    &retires_ms,
                    &expires_ms,
                ],
            )
            .await?;
    }
    Ok(())
}

/// All signing keys ordered by (created, kid).
pub(super) async fn all(connection: &SharedConnection) -> Result<Vec<SigningKeyRow>, StoreError> {
    connection.query(ALL, &[]).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<SigningKeyRow, StoreError> {
    Ok(SigningKeyRow {
        kid: row.column(0)?,
        algorithm: row.column(1)?,
        sealed_private_key: row.column(2)?,
        public_jwk: row.column(3)?,
        created_ms: row.column(4)?,
        activates_ms: row.column(5)?,
        retirement: Retirement::of(row.column(6)?, row.column(7)?),
    })
}
