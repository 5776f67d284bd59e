//! Accounts of instances, the producer's on all of them, and the tokens of both.

use rusqlite::{Connection, OptionalExtension, Row};
use uuid::Uuid;

use super::{
    failure::{duplicate_or, found},
    ids::{AnyId, TextId},
};
use crate::{InstanceTokenRow, InstanceUserRow, ProducerUserRow, StoreError};

const COLUMNS: &str = "instance_id, name, password_hash, roles, disabled, created_ms, modified_ms";

/// See [`crate::Administration::create_instance_user`].
pub(super) fn create(connection: &Connection, row: &InstanceUserRow) -> Result<(), StoreError> {
    connection
        .prepare_cached(&format!(
            "INSERT INTO instance_user ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        ))?
        .execute((
            TextId::from(row.instance_id),
            &row.name,
            &row.password_hash,
            &row.roles,
            row.disabled,
            row.created_ms,
            row.modified_ms,
        ))
        .map_err(duplicate_or)?;
    Ok(())
}

/// See [`crate::Administration::update_instance_user`]; `connection` is in a transaction.
pub(super) fn update(connection: &Connection, row: &InstanceUserRow) -> Result<(), StoreError> {
    let updated = connection
        .prepare_cached(
            "UPDATE instance_user SET password_hash = ?3, roles = ?4, disabled = ?5,
                 created_ms = ?6, modified_ms = ?7
             WHERE instance_id = ?1 AND name = ?2",
        )?
        .execute((
            TextId::from(row.instance_id),
            &row.name,
            &row.password_hash,
            &row.roles,
            row.disabled,
            row.created_ms,
            row.modified_ms,
        ))?;
    found(updated)?;
    delete_tokens(connection, row.instance_id, &row.name)
}

/// See [`crate::Administration::delete_instance_user`]; `connection` is in a transaction.
pub(super) fn delete(
    connection: &Connection,
    instance_id: Uuid,
    name: &str,
) -> Result<(), StoreError> {
    let deleted = connection
        .prepare_cached("DELETE FROM instance_user WHERE instance_id = ?1 AND name = ?2")?
        .execute((TextId::from(instance_id), name))?;
    found(deleted)?;
    delete_tokens(connection, instance_id, name)
}

pub(super) fn get(
    connection: &Connection,
    instance_id: Uuid,
    name: &str,
) -> rusqlite::Result<Option<InstanceUserRow>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM instance_user WHERE instance_id = ?1 AND name = ?2"
        ))?
        .query_row((TextId::from(instance_id), name), read)
        .optional()
}

/// Users of an instance by name.
pub(super) fn of(
    connection: &Connection,
    instance_id: Uuid,
) -> rusqlite::Result<Vec<InstanceUserRow>> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM instance_user WHERE instance_id = ?1 ORDER BY name"
        ))?
        .query_map([TextId::from(instance_id)], read)?
        .collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<InstanceUserRow> {
    Ok(InstanceUserRow {
        instance_id: row.get::<_, AnyId>(0)?.0,
        name: row.get(1)?,
        password_hash: row.get(2)?,
        roles: row.get(3)?,
        disabled: row.get(4)?,
        created_ms: row.get(5)?,
        modified_ms: row.get(6)?,
    })
}

/// See [`crate::Administration::put_producer_user`]; `connection` is in a transaction.
pub(super) fn put_producer(
    connection: &Connection,
    row: &ProducerUserRow,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO producer_user
                 (one, name, password_hash, enabled, modified_ms, updated_by)
             VALUES (1, ?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((&row.name, &row.password_hash, row.enabled, row.modified_ms, &row.updated_by))?;
    connection
        .prepare_cached("DELETE FROM instance_token WHERE user = ?1")?
        .execute([&row.name])?;
    Ok(())
}

pub(super) fn producer(connection: &Connection) -> rusqlite::Result<Option<ProducerUserRow>> {
    connection
        .prepare_cached(
            "SELECT name, password_hash, enabled, modified_ms, updated_by FROM producer_user",
        )?
        .query_row([], |row| {
            Ok(ProducerUserRow {
                name: row.get(0)?,
                password_hash: row.get(1)?,
                enabled: row.get(2)?,
                modified_ms: row.get(3)?,
                updated_by: row.get(4)?,
            })
        })
        .optional()
}

pub(super) fn create_token(
    connection: &Connection,
    row: &InstanceTokenRow,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO instance_token (hash, instance_id, user, created_ms, expires_ms)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((
            row.hash,
            TextId::from(row.instance_id),
            &row.user,
            row.created_ms,
            row.expires_ms,
        ))
        .map_err(duplicate_or)?;
    Ok(())
}

pub(super) fn token(
    connection: &Connection,
    hash: &[u8; 32],
) -> rusqlite::Result<Option<InstanceTokenRow>> {
    connection
        .prepare_cached(
            "SELECT hash, instance_id, user, created_ms, expires_ms FROM instance_token
             WHERE hash = ?1",
        )?
        .query_row([hash], |row| {
            Ok(InstanceTokenRow {
                hash: row.get(0)?,
                instance_id: row.get::<_, AnyId>(1)?.0,
                user: row.get(2)?,
                created_ms: row.get(3)?,
                expires_ms: row.get(4)?,
            })
        })
        .optional()
}

/// See [`crate::Administration::delete_instance_token`].
pub(super) fn delete_token(connection: &Connection, hash: &[u8; 32]) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM instance_token WHERE hash = ?1")?.execute([hash])?;
    Ok(())
}

fn delete_tokens(connection: &Connection, instance_id: Uuid, user: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM instance_token WHERE user = ?1 AND instance_id = ?2")?
        .execute((user, TextId::from(instance_id)))?;
    Ok(())
}

/// Drops tokens that expired before `now_ms`.
pub(super) fn sweep_tokens(connection: &Connection, now_ms: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM instance_token WHERE expires_ms < ?1")?
        .execute([now_ms])?;
    Ok(())
}
