//! Instances.

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter, types::Value};
use uuid::Uuid;

use super::{
    accounts,
    failure::duplicate_or,
    ids::{AnyId, TextId},
};
use crate::{InstanceFilter, InstanceRow, StoreError, numbers::row_limit};

const COLUMNS: &str = "row_number, id, short_name, account_id, is_default, created_ms, modified_ms";

/// See [`crate::Site::create_instance`].
pub(super) fn create(
    connection: &Connection,
    mut row: InstanceRow,
) -> Result<InstanceRow, StoreError> {
    row.is_default = !has_instance(connection, &row.account_id)?;
    connection
        .prepare_cached(
            "INSERT INTO instance (id, short_name, account_id, is_default, created_ms, modified_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            TextId::from(row.id),
            &row.short_name,
            &row.account_id,
            row.is_default,
            row.created_ms,
            row.modified_ms,
        ))
        .map_err(duplicate_or)?;
    Ok(row)
}

fn has_instance(connection: &Connection, account_id: &str) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM instance WHERE account_id = ?1")?.exists([account_id])
}

pub(super) fn get(connection: &Connection, id: Uuid) -> rusqlite::Result<Option<InstanceRow>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM instance WHERE id = ?1"))?
        .query_row([TextId::from(id)], |row| Ok(read(row)?.1))
        .optional()
}

/// See [`crate::Site::instances`].
pub(super) fn select(
    connection: &Connection,
    filter: &InstanceFilter,
) -> rusqlite::Result<Vec<(i64, InstanceRow)>> {
    let mut sql = format!("SELECT {COLUMNS} FROM instance WHERE row_number > ?");
    let mut values: Vec<Value> = vec![filter.after.into()];
    accounts::push_condition(&filter.account_ids, &mut sql, &mut values);
    if filter.default_only {
        sql.push_str(" AND is_default = 1");
    }
    sql.push_str(" ORDER BY row_number LIMIT ?");
    values.push(row_limit(filter.limit).into());
    connection.prepare_cached(&sql)?.query_map(params_from_iter(values), read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<(i64, InstanceRow)> {
    let instance = InstanceRow {
        id: row.get::<_, AnyId>(1)?.0,
        short_name: row.get(2)?,
        account_id: row.get(3)?,
        is_default: row.get(4)?,
        created_ms: row.get(5)?,
        modified_ms: row.get(6)?,
    };
    Ok((row.get(0)?, instance))
}
