//! Opaque bearer tokens, by their hashes.

use deadpool_postgres::{ClientWrapper, Transaction};
use tokio_postgres::Row;

use super::{
    database::{SharedConnection, query},
    failure::Columns,
};
use crate::{StoreError, TokenRow};

pub(super) async fn create(
    transaction: &Transaction<'_>,
    row: &TokenRow,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO token (hash, site_user, created_ms, expires_ms) VALUES ($1, $2, $3, $4)";
    let statement = transaction.prepare_cached(sql).await?;
    let TokenRow { hash, user, created_ms, expires_ms } = row;
    transaction.execute(&statement, &[&&hash[..], user, created_ms, expires_ms]).await?;
    Ok(())
}

pub(super) async fn get(
    connection: &SharedConnection,
    hash: [u8; 32],
) -> Result<Option<TokenRow>, StoreError> {
    let sql = "SELECT hash, site_user, created_ms, expires_ms FROM token WHERE hash = $1";
    let read = |row: &Row| {
        Ok(TokenRow {
            hash: row.hash(0)?,
            user: row.column(1)?,
            created_ms: row.column(2)?,
            expires_ms: row.column(3)?,
        })
    };
    connection.query(sql, &[&&hash[..]]).await?.first().map(read).transpose()
}

/// Deletes all tokens of a user, or just the one with `hash`; none is no error.
pub(super) async fn delete(
    transaction: &Transaction<'_>,
    user: &str,
    hash: Option<&[u8; 32]>,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM token WHERE site_user = $1 AND ($2::bytea IS NULL OR hash = $2)";
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, &[&user, &hash.map(|hash| &hash[..])]).await?;
    Ok(())
}

/// Drops tokens that expired before `now_ms`.
pub(super) async fn sweep(client: &ClientWrapper, now_ms: i64) -> Result<(), StoreError> {
    query(client, "DELETE FROM token WHERE expires_ms < $1", &[&now_ms]).await?;
    Ok(())
}
