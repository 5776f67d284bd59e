//! Usage rows, in their blocks.

use std::pin::pin;

use deadpool_postgres::Transaction;
use tokio_postgres::{
    Row,
    binary_copy::BinaryCopyInWriter,
    types::{ToSql, Type},
};
use uuid::Uuid;

use super::{PostgresStore, accounts, failure::Columns, query::Query};
use crate::{
    StoreError, UsageBlock, UsageFilter, UsageRow,
    usage_block::{Hours, StoredBlock, hour_of},
};

const COPY: &str = "COPY usage_block (first_row_id, instance_id, account_id, rows, first_ms,
    last_ms, body) FROM STDIN BINARY";

/// Types of the columns of [`COPY`].
const TYPES: [Type; 7] =
    [Type::INT8, Type::UUID, Type::TEXT, Type::INT8, Type::INT8, Type::INT8, Type::BYTEA];

/// Blocks that are read at first; then as many as make some [`READ_BYTES`].
const READ_FIRST: i64 = 32;
const READ_MAX: i64 = 8_192;
const READ_BYTES: i64 = 4 << 20;

/// Between which row ids rows are looked for.
#[derive(Debug, Clone, Copy)]
struct RowIds {
    first: i64,
    last: i64,
}

/// Adds blocks after those that are there; nobody else adds any until the transaction ends.
pub(super) async fn insert(
    transaction: &Transaction<'_>,
    blocks: &[UsageBlock],
) -> Result<(), StoreError> {
    if blocks.is_empty() {
        return Ok(());
    }
    let mut row_id = next_row_id(transaction).await?;
    let sink = transaction.copy_in(&transaction.prepare_cached(COPY).await?).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &TYPES));
    let mut hours = Hours::default();
    for block in blocks {
        let (account_id, rows) = (&*block.account_id, i64::from(block.rows));
        let UsageBlock { instance_id, first_ms, last_ms, body, .. } = block;
        let values: [&(dyn ToSql + Sync); 7] =
            [&row_id, instance_id, &account_id, &rows, first_ms, last_ms, body];
        writer.as_mut().write(&values).await?;
        hours.widen(block, row_id);
        row_id += rows;
    }
    writer.finish().await?;
    widen_hours(transaction, &hours).await
}

/// The id after that of the last row.
async fn next_row_id(transaction: &Transaction<'_>) -> Result<i64, StoreError> {
    let sql = "SELECT first_row_id + rows FROM usage_block ORDER BY first_row_id DESC LIMIT 1";
    let statement = transaction.prepare_cached(sql).await?;
    match transaction.query_opt(&statement, &[]).await? {
        Some(row) => row.column(0),
        None => Ok(1),
    }
}

async fn widen_hours(transaction: &Transaction<'_>, hours: &Hours) -> Result<(), StoreError> {
    let sql = "INSERT INTO usage_hour (starts_at_ms, first_row_id, last_row_id)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])
        ON CONFLICT (starts_at_ms) DO UPDATE SET last_row_id = excluded.last_row_id";
    let starts: Vec<i64> = hours.0.keys().copied().collect();
    let firsts: Vec<i64> = hours.0.values().map(|ids| ids.0).collect();
    let lasts: Vec<i64> = hours.0.values().map(|ids| ids.1).collect();
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, &[&starts, &firsts, &lasts]).await?;
    Ok(())
}

/// See [`crate::Projections::usage`].
pub(super) async fn select(
    store: &PostgresStore,
    filter: UsageFilter,
) -> Result<Vec<UsageRow>, StoreError> {
    let mut rows = Vec::new();
    let Some(mut ids) = rows_between(store, &filter).await? else {
        return Ok(rows);
    };
    let instances =
        accounts::wanted_instances(store, filter.instance_id, &filter.account_ids).await?;
    let mut limit = READ_FIRST;
    while rows.len() < filter.limit {
        let blocks = read_blocks(store, &filter, ids, instances.as_ref(), limit).await?;
        let mut bytes = 0;
        for block in &blocks {
            let block = read(block)?;
            block.collect(&filter, &mut rows)?;
            bytes += block.body.len() as i64;
            match filter.newest_first {
                true => ids.last = block.first_row_id - 1,
                false => ids.first = block.first_row_id + block.rows,
            }
        }
        let count = blocks.len() as i64;
        if count < limit {
            break;
        }
        limit = (READ_BYTES / (bytes / count).max(1)).clamp(READ_FIRST, READ_MAX);
    }
    Ok(rows)
}

/// The next blocks that may have rows that are wanted. The first one may begin before those.
async fn read_blocks(
    store: &PostgresStore,
    filter: &UsageFilter,
    ids: RowIds,
    instances: Option<&Vec<Uuid>>,
    limit: i64,
) -> Result<Vec<Row>, StoreError> {
    let columns = "first_row_id, instance_id, account_id, rows, body";
    let mut query = Query::new(&format!("SELECT {columns} FROM "));
    let of_instance = match &instances {
        None => "true",
        Some(instances) => {
            query.bind("unnest(?::uuid[]) AS wanted (id) CROSS JOIN LATERAL (", instances);
            query.push(&format!("SELECT {columns} FROM "));
            "instance_id = wanted.id"
        }
    };
    query.push(&format!(
        "usage_block WHERE {of_instance} AND first_row_id >= coalesce((
        SELECT max(first_row_id) FROM usage_block WHERE {of_instance}"
    ));
    let order = if filter.newest_first { "DESC" } else { "" };
    query
        .bind(" AND first_row_id <= ?), 0)", &ids.first)
        .bind(" AND first_row_id + rows > ?", &ids.first)
        .bind(" AND first_row_id <= ?", &ids.last)
        .bind(" AND last_ms >= ?", &filter.from_ms)
        .bind(" AND first_ms < ?", &filter.until_ms)
        .of_accounts(&filter.account_ids)
        .bind(&format!(" ORDER BY first_row_id {order} LIMIT ?"), &limit);
    if instances.is_some() {
        query.bind(&format!(") AS found ORDER BY first_row_id {order} LIMIT ?"), &limit);
    }
    store.report(&query.sql, query.parameters()).await
}

/// Between which row ids everything from `from_ms` to `until_ms` lies, with other rows among it.
async fn rows_between(
    store: &PostgresStore,
    filter: &UsageFilter,
) -> Result<Option<RowIds>, StoreError> {
    let sql = "SELECT min(first_row_id), max(last_row_id) FROM usage_hour
        WHERE starts_at_ms >= $1 AND starts_at_ms < $2 HAVING count(*) > 0";
    let first_hour = hour_of(filter.from_ms);
    let rows = store.shared.query(sql, &[&first_hour, &filter.until_ms]).await?;
    let after = filter.after_row_id.saturating_add(1);
    let ids =
        |row: &Row| Ok(RowIds { first: row.column::<i64>(0)?.max(after), last: row.column(1)? });
    rows.first().map(ids).transpose()
}

fn read(row: &Row) -> Result<StoredBlock<'_>, StoreError> {
    Ok(StoredBlock {
        first_row_id: row.column(0)?,
        instance_id: row.column(1)?,
        account_id: row.column(2)?,
        rows: row.column(3)?,
        body: row.column(4)?,
    })
}
