//! Consumers by day, in their blocks.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{PostgresStore, failure::Columns, query::Query, rollups};
use crate::{
    ConsumerBlock, ConsumerRow, RollupFilter, StoreError,
    consumer_block::{self, Standing, to_merge},
};

/// Day and instance.
type Key = (i64, Uuid);

fn key(block: &ConsumerBlock) -> Key {
    (block.starts_at_ms, block.instance_id)
}

/// Adds blocks to those that stand, of which some may be merged.
pub(super) async fn add(
    transaction: &Transaction<'_>,
    blocks: &[ConsumerBlock],
) -> Result<(), StoreError> {
    if blocks.is_empty() {
        return Ok(());
    }
    let standing = standing(transaction, blocks).await?;
    let of = |block: &ConsumerBlock| standing.get(&key(block)).map_or(&[][..], Vec::as_slice);
    let small = blocks.iter().flat_map(|block| {
        let small = to_merge(of(block), block.consumers);
        small.into_iter().map(|small| (key(block), small.number))
    });
    let mut parts = take(transaction, &small.collect::<Vec<_>>()).await?;
    let mut numbered = Vec::with_capacity(blocks.len());
    for block in blocks {
        let number = Standing::next_number(of(block));
        let block = match parts.remove(&key(block)) {
            Some(parts) => block.merged_with(&parts)?,
            None => block.clone(),
        };
        numbered.push((number, block));
    }
    insert(transaction, &numbered).await
}

async fn standing(
    transaction: &Transaction<'_>,
    blocks: &[ConsumerBlock],
) -> Result<HashMap<Key, Vec<Standing>>, StoreError> {
    let sql = "
        SELECT starts_at_ms, instance_id, number, consumers
        FROM unnest($1::bigint[], $2::uuid[]) AS step (day, id)
            CROSS JOIN LATERAL (
                SELECT * FROM consumer_block WHERE starts_at_ms = day AND instance_id = id
            ) AS stands";
    let days: Vec<i64> = blocks.iter().map(|block| block.starts_at_ms).collect();
    let ids: Vec<Uuid> = blocks.iter().map(|block| block.instance_id).collect();
    let statement = transaction.prepare_cached(sql).await?;
    let mut standing: HashMap<Key, Vec<Standing>> = HashMap::new();
    for row in transaction.query(&statement, &[&days, &ids]).await? {
        let block = Standing { number: row.column(2)?, consumers: row.column(3)? };
        standing.entry((row.column(0)?, row.column(1)?)).or_default().push(block);
    }
    Ok(standing)
}

/// Takes blocks out of the table.
async fn take(
    transaction: &Transaction<'_>,
    numbers: &[(Key, i64)],
) -> Result<HashMap<Key, Vec<ConsumerBlock>>, StoreError> {
    let mut taken: HashMap<Key, Vec<ConsumerBlock>> = HashMap::new();
    if numbers.is_empty() {
        return Ok(taken);
    }
    let sql = "
        DELETE FROM consumer_block
        USING unnest($1::bigint[], $2::uuid[], $3::bigint[]) AS step (day, id, place)
        WHERE starts_at_ms = day AND instance_id = id AND number = place
        RETURNING starts_at_ms, instance_id, account_id, consumers, body";
    let days: Vec<i64> = numbers.iter().map(|((day, _), _)| *day).collect();
    let ids: Vec<Uuid> = numbers.iter().map(|((_, id), _)| *id).collect();
    let places: Vec<i64> = numbers.iter().map(|(_, number)| *number).collect();
    let statement = transaction.prepare_cached(sql).await?;
    for row in transaction.query(&statement, &[&days, &ids, &places]).await? {
        let block = read(&row)?;
        taken.entry(key(&block)).or_default().push(block);
    }
    Ok(taken)
}

async fn insert(
    transaction: &Transaction<'_>,
    numbered: &[(i64, ConsumerBlock)],
) -> Result<(), StoreError> {
    let sql = "
        INSERT INTO consumer_block (starts_at_ms, instance_id, number, account_id, consumers, body)
        SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::text[], $5::bigint[],
            $6::bytea[])";
    let blocks = || numbered.iter().map(|(_, block)| block);
    let days: Vec<i64> = blocks().map(|block| block.starts_at_ms).collect();
    let ids: Vec<Uuid> = blocks().map(|block| block.instance_id).collect();
    let numbers: Vec<i64> = numbered.iter().map(|(number, _)| *number).collect();
    let accounts: Vec<&str> = blocks().map(|block| &*block.account_id).collect();
    let counts: Vec<i64> = blocks().map(|block| i64::from(block.consumers)).collect();
    let bodies: Vec<&[u8]> = blocks().map(|block| &*block.body).collect();
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, &[&days, &ids, &numbers, &accounts, &counts, &bodies]).await?;
    Ok(())
}

/// See [`crate::Projections::consumers`].
pub(super) async fn select(
    store: &PostgresStore,
    filter: RollupFilter,
) -> Result<Vec<ConsumerRow>, StoreError> {
    let query = Query::new(
        "SELECT starts_at_ms, instance_id, account_id, consumers, body
         FROM consumer_block WHERE true",
    );
    let order = " ORDER BY starts_at_ms, instance_id, number";
    let rows = rollups::run(store, query, &filter, order).await?;
    consumer_block::rows(&rows.iter().map(read).collect::<Result<Vec<_>, _>>()?)
}

fn read(row: &Row) -> Result<ConsumerBlock, StoreError> {
    Ok(ConsumerBlock {
        starts_at_ms: row.column(0)?,
        instance_id: row.column(1)?,
        account_id: row.column::<&str>(2)?.into(),
        // A number out of range does not fit the checksum.
        consumers: u32::try_from(row.column::<i64>(3)?).unwrap_or(0),
        body: row.column(4)?,
    })
}
