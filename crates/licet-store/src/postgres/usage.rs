//! Usage rows.

use std::{collections::HashMap, pin::pin};

use deadpool_postgres::Transaction;
use tokio_postgres::{
    Row,
    binary_copy::BinaryCopyInWriter,
    types::{ToSql, Type},
};

use super::{PostgresStore, accounts, failure::Columns, query::Query};
use crate::{StoreError, UsageFilter, UsageRow, numbers::row_limit};

const HOUR_MS: i64 = 3_600_000;

const COLUMNS: &str = "row_id, correlation_id, usage_time_ms, write_time_ms, account_id,
    instance_id, consumer_type, consumer_id, meter_cost, meter_quantity, item, item_version,
    item_quantity, activation_id, mapped_entitled_count, used, overdraft_count, session_id,
    session_state, request_response, meta_data";

/// Types of [`COLUMNS`].
const TYPES: [Type; 21] = [
    Type::INT8,
    Type::UUID,
    Type::INT8,
    Type::INT8,
    Type::TEXT,
    Type::UUID,
    Type::TEXT,
    Type::TEXT,
    Type::INT8,
    Type::INT8,
    Type::TEXT,
    Type::TEXT,
    Type::INT8,
    Type::TEXT,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::UUID,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
];

/// Between which row ids the rows of an hour lie.
#[derive(Debug, Clone, Copy)]
struct RowIds {
    first: i64,
    last: i64,
}

/// Adds rows after those that are there; nobody else adds any until the transaction ends.
pub(super) async fn insert(
    transaction: &Transaction<'_>,
    rows: &[UsageRow],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let statement =
        transaction.prepare_cached("SELECT coalesce(max(row_id), 0) FROM usage").await?;
    let mut row_id: i64 = transaction.query_one(&statement, &[]).await?.column(0)?;
    let copy = format!("COPY usage ({COLUMNS}) FROM STDIN BINARY");
    let sink = transaction.copy_in(&transaction.prepare_cached(&copy).await?).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &TYPES));
    let mut hours = HashMap::new();
    for row in rows {
        row_id += 1;
        writer.as_mut().write(&values(&row_id, row)).await?;
        let hour = row.usage_time_ms.div_euclid(HOUR_MS) * HOUR_MS;
        hours.entry(hour).or_insert(RowIds { first: row_id, last: row_id }).last = row_id;
    }
    writer.finish().await?;
    widen_hours(transaction, &hours).await
}

/// A row in the order of [`COLUMNS`].
fn values<'a>(row_id: &'a i64, row: &'a UsageRow) -> [&'a (dyn ToSql + Sync); 21] {
    [
        row_id,
        &row.correlation_id,
        &row.usage_time_ms,
        &row.write_time_ms,
        &row.account_id,
        &row.instance_id,
        &row.consumer_type,
        &row.consumer_id,
        &row.meter_cost,
        &row.meter_quantity,
        &row.item,
        &row.item_version,
        &row.item_quantity,
        &row.activation_id,
        &row.mapped_entitled_count,
        &row.used,
        &row.overdraft_count,
        &row.session_id,
        &row.session_state,
        &row.request_response,
        &row.meta_data,
    ]
}

async fn widen_hours(
    transaction: &Transaction<'_>,
    hours: &HashMap<i64, RowIds>,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO usage_hour (starts_at_ms, first_row_id, last_row_id)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])
        ON CONFLICT (starts_at_ms) DO UPDATE SET last_row_id = excluded.last_row_id";
    let starts: Vec<i64> = hours.keys().copied().collect();
    let firsts: Vec<i64> = hours.values().map(|ids| ids.first).collect();
    let lasts: Vec<i64> = hours.values().map(|ids| ids.last).collect();
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, &[&starts, &firsts, &lasts]).await?;
    Ok(())
}

/// See [`crate::Projections::usage`].
pub(super) async fn select(
    store: &PostgresStore,
    filter: UsageFilter,
) -> Result<Vec<UsageRow>, StoreError> {
    let Some(ids) = rows_between(store, &filter).await? else {
        return Ok(Vec::new());
    };
    let instances =
        accounts::wanted_instances(store, filter.instance_id, &filter.account_ids).await?;
    let first = ids.first.max(filter.after_row_id.saturating_add(1));
    let limit = row_limit(filter.limit);
    let mut query = match &instances {
        None => Query::new(&format!("SELECT {COLUMNS} FROM usage WHERE true")),
        Some(instances) => {
            let mut query = Query::new(&format!("SELECT {COLUMNS} FROM "));
            query.bind("unnest(?::uuid[]) AS wanted (id)", instances);
            query.push(" CROSS JOIN LATERAL (SELECT * FROM usage WHERE instance_id = wanted.id");
            query
        }
    };
    query.bind(" AND row_id >= ?", &first).bind(" AND row_id <= ?", &ids.last);
    push_conditions(&mut query, &filter);
    query.bind(" ORDER BY row_id LIMIT ?", &limit);
    if instances.is_some() {
        query.bind(") AS found ORDER BY row_id LIMIT ?", &limit);
    }
    let rows = store.report(&query.sql, query.parameters()).await?;
    rows.iter().map(read).collect()
}

fn push_conditions<'a>(query: &mut Query<'a>, filter: &'a UsageFilter) {
    query
        .bind(" AND usage_time_ms >= ?", &filter.from_ms)
        .bind(" AND usage_time_ms < ?", &filter.until_ms);
    for (condition, wanted) in [
        (" AND item = ?", &filter.item),
        (" AND consumer_id = ?", &filter.consumer_id),
        (" AND activation_id = ?", &filter.activation_id),
    ] {
        if let Some(wanted) = wanted {
            query.bind(condition, wanted);
        }
    }
    query.of_accounts(&filter.account_ids);
}

/// Between which row ids everything from `from_ms` to `until_ms` lies, with other rows among it.
async fn rows_between(
    store: &PostgresStore,
    filter: &UsageFilter,
) -> Result<Option<RowIds>, StoreError> {
    let first_hour = filter.from_ms.div_euclid(HOUR_MS).saturating_mul(HOUR_MS);
    let sql = "SELECT min(first_row_id), max(last_row_id) FROM usage_hour
        WHERE starts_at_ms >= $1 AND starts_at_ms < $2 HAVING count(*) > 0";
    let rows = store.shared.query(sql, &[&first_hour, &filter.until_ms]).await?;
    let ids = |row: &Row| Ok(RowIds { first: row.column(0)?, last: row.column(1)? });
    rows.first().map(ids).transpose()
}

/// The columns stand in the order of [`COLUMNS`].
fn read(row: &Row) -> Result<UsageRow, StoreError> {
    Ok(UsageRow {
        row_id: row.column(0)?,
        correlation_id: row.column(1)?,
        usage_time_ms: row.column(2)?,
        write_time_ms: row.column(3)?,
        account_id: row.column(4)?,
        instance_id: row.column(5)?,
        consumer_type: row.column(6)?,
        consumer_id: row.column(7)?,
        meter_cost: row.column(8)?,
        meter_quantity: row.column(9)?,
        item: row.column(10)?,
        item_version: row.column(11)?,
        item_quantity: row.column(12)?,
        activation_id: row.column(13)?,
        mapped_entitled_count: row.column(14)?,
        used: row.column(15)?,
        overdraft_count: row.column(16)?,
        session_id: row.column(17)?,
        session_state: row.column(18)?,
        request_response: row.column(19)?,
        meta_data: row.column(20)?,
    })
}
