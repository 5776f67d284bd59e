//! Users of the site.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::{
    database::SharedConnection,
    failure::{Columns, found},
    tokens,
};
use crate::{StoreError, UserRow};

const COLUMNS: &str = "name, password_hash, role, account_id, disabled, created_ms, modified_ms";

/// See [`crate::Site::create_user`].
pub(super) async fn create(transaction: &Transaction<'_>, row: &UserRow) -> Result<(), StoreError> {
    let sql = format!("INSERT INTO site_user ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)");
    write(transaction, &sql, row).await?;
    Ok(())
}

/// See [`crate::Site::update_user`].
pub(super) async fn update(transaction: &Transaction<'_>, row: &UserRow) -> Result<(), StoreError> {
    let sql = "UPDATE site_user SET password_hash = $2, role = $3, account_id = $4,
        disabled = $5, created_ms = $6, modified_ms = $7 WHERE name = $1";
    found(write(transaction, sql, row).await?)
}

async fn write(transaction: &Transaction<'_>, sql: &str, row: &UserRow) -> Result<u64, StoreError> {
    let UserRow { name, password_hash, role, account_id, disabled, created_ms, modified_ms } = row;
    let statement = transaction.prepare_cached(sql).await?;
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
        [name, password_hash, role, account_id, disabled, created_ms, modified_ms];
    Ok(transaction.execute(&statement, &values).await?)
}

/// See [`crate::Site::delete_user`].
pub(super) async fn delete(transaction: &Transaction<'_>, name: &str) -> Result<(), StoreError> {
    let statement = transaction.prepare_cached("DELETE FROM site_user WHERE name = $1").await?;
    found(transaction.execute(&statement, &[&name]).await?)?;
    tokens::delete(transaction, name, None).await
}

pub(super) async fn get(
    connection: &SharedConnection,
    name: &str,
) -> Result<Option<UserRow>, StoreError> {
    // No name has a zero character, and PostgreSQL does not take one even to look for it.
    if name.contains('\0') {
        return Ok(None);
    }
    let sql = format!("SELECT {COLUMNS} FROM site_user WHERE name = $1");
    connection.query(&sql, &[&name]).await?.first().map(read).transpose()
}

/// All users by name.
pub(super) async fn all(connection: &SharedConnection) -> Result<Vec<UserRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM site_user ORDER BY name");
    connection.query(&sql, &[]).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<UserRow, StoreError> {
    Ok(UserRow {
        name: row.column(0)?,
        password_hash: row.column(1)?,
        role: row.column(2)?,
        account_id: row.column(3)?,
        disabled: row.column(4)?,
        created_ms: row.column(5)?,
        modified_ms: row.column(6)?,
    })
}
