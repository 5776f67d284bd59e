//! Usage rows.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter, types::Value};
use uuid::Uuid;

use super::{
    accounts,
    ids::{AnyId, TextId},
};
use crate::{UsageFilter, UsageRow, numbers::row_limit};

const HOUR_MS: i64 = 3_600_000;

/// Between which row ids the rows of an hour lie.
#[derive(Debug, Clone, Copy)]
struct RowIds {
    first: i64,
    last: i64,
}

/// Adds rows after those that are there.
pub(super) fn insert(connection: &Connection, rows: &[UsageRow]) -> rusqlite::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut row_id: i64 = connection
        .prepare_cached("SELECT coalesce(max(row_id), 0) FROM usage")?
        .query_row([], |row| row.get(0))?;
    let mut hours = HashMap::new();
    let mut statement = connection.prepare_cached(INSERT)?;
    for row in rows {
        row_id += 1;
        insert_row(&mut statement, row_id, row)?;
        let hour = row.usage_time_ms.div_euclid(HOUR_MS) * HOUR_MS;
        hours.entry(hour).or_insert(RowIds { first: row_id, last: row_id }).last = row_id;
    }
    widen_hours(connection, &hours)
}

const INSERT: &str = "INSERT INTO usage (row_id, correlation_id, usage_time_ms, write_time_ms,
    account_id, instance_id, consumer_type, consumer_id, meter_cost, meter_quantity, item,
    item_version, item_quantity, activation_id, mapped_entitled_count, used, overdraft_count,
    session_id, session_state, request_response, meta_data)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
    ?20, ?21)";

fn insert_row(
    statement: &mut rusqlite::Statement<'_>,
    row_id: i64,
    row: &UsageRow,
) -> rusqlite::Result<()> {
    statement
        .execute(rusqlite::params![
            row_id,
            TextId::from(row.correlation_id),
            row.usage_time_ms,
            row.write_time_ms,
            row.account_id,
            TextId::from(row.instance_id),
            row.consumer_type,
            row.consumer_id,
            row.meter_cost,
            row.meter_quantity,
            row.item,
            row.item_version,
            row.item_quantity,
            row.activation_id,
            row.mapped_entitled_count,
            row.used,
            row.overdraft_count,
            row.session_id.map(TextId::from),
            row.session_state,
            row.request_response,
            row.meta_data,
        ])
        .map(drop)
}

fn widen_hours(connection: &Connection, hours: &HashMap<i64, RowIds>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO usage_hour (starts_at_ms, first_row_id, last_row_id) VALUES (?1, ?2, ?3)
         ON CONFLICT (starts_at_ms) DO UPDATE SET last_row_id = excluded.last_row_id",
    )?;
    for (starts_at_ms, ids) in hours {
        statement.execute((starts_at_ms, ids.first, ids.last))?;
    }
    Ok(())
}

/// See [`crate::Projections::usage`].
pub(super) fn select(
    connection: &Connection,
    filter: &UsageFilter,
) -> rusqlite::Result<Vec<UsageRow>> {
    let Some(ids) = rows_between(connection, filter)? else {
        return Ok(Vec::new());
    };
    match accounts::wanted_instances(connection, filter.instance_id, &filter.account_ids)? {
        None => walk(connection, filter, ids, None),
        Some(instances) => {
            let mut rows = Vec::new();
            for instance_id in instances {
                rows.extend(walk(connection, filter, ids, Some(instance_id))?);
            }
            rows.sort_unstable_by_key(|row| row.row_id);
            rows.truncate(filter.limit);
            Ok(rows)
        }
    }
}

/// Between which row ids everything from `from_ms` to `until_ms` lies, with other rows among it.
fn rows_between(connection: &Connection, filter: &UsageFilter) -> rusqlite::Result<Option<RowIds>> {
    let first_hour = filter.from_ms.div_euclid(HOUR_MS).saturating_mul(HOUR_MS);
    connection
        .prepare_cached(
            "SELECT min(first_row_id), max(last_row_id) FROM usage_hour
             WHERE starts_at_ms >= ?1 AND starts_at_ms < ?2 HAVING count(*) > 0",
        )?
        .query_row((first_hour, filter.until_ms), |row| {
            Ok(RowIds { first: row.get(0)?, last: row.get(1)? })
        })
        .optional()
}

/// Rows in order of their ids: of one instance by its index, or of all as they lie in the table.
fn walk(
    connection: &Connection,
    filter: &UsageFilter,
    ids: RowIds,
    instance_id: Option<Uuid>,
) -> rusqlite::Result<Vec<UsageRow>> {
    let (sql, values) = statement(filter, ids, instance_id);
    connection.prepare_cached(&sql)?.query_map(params_from_iter(values), read)?.collect()
}

fn statement(filter: &UsageFilter, ids: RowIds, instance_id: Option<Uuid>) -> (String, Vec<Value>) {
    let index = match instance_id {
        Some(_) => "INDEXED BY usage_by_instance",
        None => "NOT INDEXED",
    };
    let mut sql = format!(
        "SELECT * FROM usage {index} WHERE row_id >= ? AND row_id <= ?
         AND usage_time_ms >= ? AND usage_time_ms < ?"
    );
    let mut values: Vec<Value> = vec![
        ids.first.max(filter.after_row_id.saturating_add(1)).into(),
        ids.last.into(),
        filter.from_ms.into(),
        filter.until_ms.into(),
    ];
    let instance_id = instance_id.map(|id| id.to_string());
    for (column, wanted) in [
        ("instance_id", &instance_id),
        ("item", &filter.item),
        ("consumer_id", &filter.consumer_id),
        ("activation_id", &filter.activation_id),
    ] {
        if let Some(wanted) = wanted {
            sql.push_str(&format!(" AND {column} = ?"));
            values.push(wanted.clone().into());
        }
    }
    accounts::push_condition(&filter.account_ids, &mut sql, &mut values);
    sql.push_str(" ORDER BY row_id LIMIT ?");
    values.push(row_limit(filter.limit).into());
    (sql, values)
}

/// The columns stand in the order of the table.
fn read(row: &Row<'_>) -> rusqlite::Result<UsageRow> {
    Ok(UsageRow {
        row_id: row.get(0)?,
        correlation_id: row.get::<_, AnyId>(1)?.0,
        usage_time_ms: row.get(2)?,
        write_time_ms: row.get(3)?,
        account_id: row.get(4)?,
        instance_id: row.get::<_, AnyId>(5)?.0,
        consumer_type: row.get(6)?,
        consumer_id: row.get(7)?,
        meter_cost: row.get(8)?,
        meter_quantity: row.get(9)?,
        item: row.get(10)?,
        item_version: row.get(11)?,
        item_quantity: row.get(12)?,
        activation_id: row.get(13)?,
        mapped_entitled_count: row.get(14)?,
        used: row.get(15)?,
        overdraft_count: row.get(16)?,
        session_id: row.get::<_, Option<AnyId>>(17)?.map(|id| id.0),
        session_state: row.get(18)?,
        request_response: row.get(19)?,
        meta_data: row.get(20)?,
    })
}
