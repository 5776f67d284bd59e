//! Accounts of instances, the producer's on all of them, and the tokens of both.

use deadpool_postgres::{ClientWrapper, Transaction};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    database::{SharedConnection, query},
    failure::{Columns, found},
};
use crate::{InstanceTokenRow, InstanceUserRow, ProducerUserRow, StoreError};

const COLUMNS: &str = "instance_id, name, password_hash, roles, disabled, created_ms, modified_ms";

/// See [`crate::Administration::create_instance_user`].
pub(super) async fn create(
    transaction: &Transaction<'_>,
    row: &InstanceUserRow,
) -> Result<(), StoreError> {
    let sql = format!("INSERT INTO instance_user ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)");
    write(transaction, &sql, row).await?;
    Ok(())
}

/// See [`crate::Administration::update_instance_user`].
pub(super) async fn update(
    transaction: &Transaction<'_>,
    row: &InstanceUserRow,
) -> Result<(), StoreError> {
    let sql = "UPDATE instance_user SET password_hash = $3, roles = $4, disabled = $5,
        created_ms = $6, modified_ms = $7 WHERE instance_id = $1 AND name = $2";
    found(write(transaction, sql, row).await?)?;
    delete_tokens(transaction, row.instance_id, &row.name).await
}

async fn write(
    transaction: &Transaction<'_>,
    sql: &str,
    row: &InstanceUserRow,
) -> Result<u64, StoreError> {
    let InstanceUserRow {
        instance_id,
        name,
        password_hash,
        roles,
        disabled,
        created_ms,
        modified_ms,
    } = row;
    let statement = transaction.prepare_cached(sql).await?;
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
        [instance_id, name, password_hash, roles, disabled, created_ms, modified_ms];
    Ok(transaction.execute(&statement, &values).await?)
}

/// See [`crate::Administration::delete_instance_user`].
pub(super) async fn delete(
    transaction: &Transaction<'_>,
    instance_id: Uuid,
    name: &str,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM instance_user WHERE instance_id = $1 AND name = $2";
    let statement = transaction.prepare_cached(sql).await?;
    found(transaction.execute(&statement, &[&instance_id, &name]).await?)?;
    delete_tokens(transaction, instance_id, name).await
}

pub(super) async fn get(
    connection: &SharedConnection,
    instance_id: Uuid,
    name: &str,
) -> Result<Option<InstanceUserRow>, StoreError> {
    // No name has a zero character, and PostgreSQL does not take one even to look for it.
    if name.contains('\0') {
        return Ok(None);
    }
    let sql = format!("SELECT {COLUMNS} FROM instance_user WHERE instance_id = $1 AND name = $2");
    connection.query(&sql, &[&instance_id, &name]).await?.first().map(read).transpose()
}

/// Users of an instance by name.
pub(super) async fn of(
    connection: &SharedConnection,
    instance_id: Uuid,
) -> Result<Vec<InstanceUserRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM instance_user WHERE instance_id = $1 ORDER BY name");
    connection.query(&sql, &[&instance_id]).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<InstanceUserRow, StoreError> {
    Ok(InstanceUserRow {
        instance_id: row.column(0)?,
        name: row.column(1)?,
        password_hash: row.column(2)?,
        roles: row.column(3)?,
        disabled: row.column(4)?,
        created_ms: row.column(5)?,
        modified_ms: row.column(6)?,
    })
}

/// See [`crate::Administration::put_producer_user`].
pub(super) async fn put_producer(
    transaction: &Transaction<'_>,
    row: &ProducerUserRow,
) -> Result<(), StoreError> {
    let sql = "
        INSERT INTO producer_user (one, name, password_hash, enabled, modified_ms, updated_by)
        VALUES (1, $1, $2, $3, $4, $5)
        ON CONFLICT (one) DO UPDATE SET name = excluded.name,
            password_hash = excluded.password_hash, enabled = excluded.enabled,
            modified_ms = excluded.modified_ms, updated_by = excluded.updated_by";
    let statement = transaction.prepare_cached(sql).await?;
    let ProducerUserRow { name, password_hash, enabled, modified_ms, updated_by } = row;
    transaction
        .execute(&statement, &[name, password_hash, enabled, modified_ms, updated_by])
        .await?;
    let sql = "DELETE FROM instance_token WHERE user_name = $1";
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, &[name]).await?;
    Ok(())
}

pub(super) async fn producer(
    connection: &SharedConnection,
) -> Result<Option<ProducerUserRow>, StoreError> {
    let sql = "SELECT name, password_hash, enabled, modified_ms, updated_by FROM producer_user";
    let read = |row: &Row| {
        Ok(ProducerUserRow {
            name: row.column(0)?,
            password_hash: row.column(1)?,
            enabled: row.column(2)?,
            modified_ms: row.column(3)?,
            updated_by: row.column(4)?,
        })
    };
    connection.query(sql, &[]).await?.first().map(read).transpose()
}

pub(super) async fn create_token(
    transaction: &Transaction<'_>,
    row: &InstanceTokenRow,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO instance_token (hash, instance_id, user_name, created_ms, expires_ms)
        VALUES ($1, $2, $3, $4, $5)";
    let statement = transaction.prepare_cached(sql).await?;
    let InstanceTokenRow { hash, instance_id, user, created_ms, expires_ms } = row;
    transaction
        .execute(&statement, &[&&hash[..], instance_id, user, created_ms, expires_ms])
        .await?;
    Ok(())
}

pub(super) async fn token(
    connection: &SharedConnection,
    hash: [u8; 32],
) -> Result<Option<InstanceTokenRow>, StoreError> {
    let sql = "SELECT hash, instance_id, user_name, created_ms, expires_ms FROM instance_token
        WHERE hash = $1";
    let read = |row: &Row| {
        Ok(InstanceTokenRow {
            hash: row.hash(0)?,
            instance_id: row.column(1)?,
            user: row.column(2)?,
            created_ms: row.column(3)?,
            expires_ms: row.column(4)?,
        })
    };
    connection.query(sql, &[&&hash[..]]).await?.first().map(read).transpose()
}

/// See [`crate::Administration::delete_instance_token`].
pub(super) async fn delete_token(
    transaction: &Transaction<'_>,
    hash: [u8; 32],
) -> Result<(), StoreError> {
    let statement =
        transaction.prepare_cached("DELETE FROM instance_token WHERE hash = $1").await?;
    transaction.execute(&statement, &[&&hash[..]]).await?;
    Ok(())
}

async fn delete_tokens(
    transaction: &Transaction<'_>,
    instance_id: Uuid,
    user: &str,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM instance_token WHERE user_name = $1 AND instance_id = $2";
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, &[&user, &instance_id]).await?;
    Ok(())
}

/// Drops tokens that expired before `now_ms`.
pub(super) async fn sweep_tokens(client: &ClientWrapper, now_ms: i64) -> Result<(), StoreError> {
    query(client, "DELETE FROM instance_token WHERE expires_ms < $1", &[&now_ms]).await?;
    Ok(())
}
