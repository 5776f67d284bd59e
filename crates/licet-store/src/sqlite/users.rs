//! Users of the site.

use rusqlite::{Connection, OptionalExtension, Row};

use super::{
    failure::{duplicate_or, found},
    tokens,
};
use crate::{StoreError, UserRow};

const COLUMNS: &str = "name, password_hash, role, account_id, disabled, created_ms, modified_ms";

/// See [`crate::Site::create_user`].
pub(super) fn create(connection: &Connection, row: &UserRow) -> Result<(), StoreError> {
    connection
        .prepare_cached(&format!(
            "INSERT INTO user ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        ))?
        .execute((
            &row.name,
            &row.password_hash,
            &row.role,
            &row.account_id,
            row.disabled,
            row.created_ms,
            row.modified_ms,
        ))
        .map_err(duplicate_or)?;
    Ok(())
}

/// See [`crate::Site::update_user`].
pub(super) fn update(connection: &Connection, row: &UserRow) -> Result<(), StoreError> {
    let updated = connection
        .prepare_cached(
            "UPDATE user SET password_hash = ?2, role = ?3, account_id = ?4, disabled = ?5,
                 created_ms = ?6, modified_ms = ?7
             WHERE name = ?1",
        )?
        .execute((
            &row.name,
            &row.password_hash,
            &row.role,
            &row.account_id,
            row.disabled,
            row.created_ms,
            row.modified_ms,
        ))?;
    found(updated)
}

/// See [`crate::Site::delete_user`]; `connection` is in a transaction.
pub(super) fn delete(connection: &Connection, name: &str) -> Result<(), StoreError> {
    let deleted = connection.prepare_cached("DELETE FROM user WHERE name = ?1")?.execute([name])?;
    found(deleted)?;
    tokens::delete(connection, name, None)
}

pub(super) fn get(connection: &Connection, name: &str) -> rusqlite::Result<Option<UserRow>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM user WHERE name = ?1"))?
        .query_row([name], read)
        .optional()
}

/// All users by name.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<UserRow>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM user ORDER BY name"))?
        .query_map([], read)?
        .collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<UserRow> {
    Ok(UserRow {
        name: row.get(0)?,
        password_hash: row.get(1)?,
        role: row.get(2)?,
        account_id: row.get(3)?,
        disabled: row.get(4)?,
        created_ms: row.get(5)?,
        modified_ms: row.get(6)?,
    })
}
