//! Consumers by day and by quarter of an hour, in their blocks.

use std::{collections::HashMap, sync::Arc};

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{PostgresStore, failure::Columns, query::Query, rollups};
use crate::{
    ConsumerBlock, ConsumerKey, ConsumerRow, MeterFilter, Span, StoreError,
    consumer_block::{self, Standing, to_merge},
};

/// Span, start, instance and meter.
type Key = (Span, i64, Uuid, Arc<str>);

fn key(block: &ConsumerBlock) -> Key {
    let ConsumerKey { span, starts_at_ms, instance_id, meter, .. } = &block.key;
    (*span, *starts_at_ms, *instance_id, meter.clone())
}

/// Keys as a statement takes them.
#[derive(Default)]
struct Keys<'a> {
    spans: Vec<&'static str>,
    starts: Vec<i64>,
    ids: Vec<Uuid>,
    meters: Vec<&'a str>,
}

impl<'a> FromIterator<&'a Key> for Keys<'a> {
    fn from_iter<T: IntoIterator<Item = &'a Key>>(all: T) -> Self {
        let mut keys = Self::default();
        for (span, starts_at_ms, instance_id, meter) in all {
            keys.spans.push(span.name());
            keys.starts.push(*starts_at_ms);
            keys.ids.push(*instance_id);
            keys.meters.push(meter);
        }
        keys
    }
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
        SELECT span, starts_at_ms, instance_id, meter, number, consumers
        FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[])
                AS step (of_span, start, id, of_meter)
            CROSS JOIN LATERAL (
                SELECT * FROM consumer_block
                WHERE span = of_span AND starts_at_ms = start AND instance_id = id
                    AND meter = of_meter
            ) AS stands";
    let keys: Vec<Key> = blocks.iter().map(key).collect();
    let Keys { spans, starts, ids, meters } = keys.iter().collect();
    let statement = transaction.prepare_cached(sql).await?;
    let mut standing: HashMap<Key, Vec<Standing>> = HashMap::new();
    for row in transaction.query(&statement, &[&spans, &starts, &ids, &meters]).await? {
        let block = Standing { number: row.column(4)?, consumers: row.column(5)? };
        let span = Span::from_name(row.column(0)?);
        let meter = row.column::<&str>(3)?.into();
        let key = (span, row.column(1)?, row.column(2)?, meter);
        standing.entry(key).or_default().push(block);
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
        USING unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::bigint[])
            AS step (of_span, start, id, of_meter, place)
        WHERE span = of_span AND starts_at_ms = start AND instance_id = id AND meter = of_meter
            AND number = place
        RETURNING span, starts_at_ms, instance_id, meter, account_id, consumers, body";
    let Keys { spans, starts, ids, meters } = numbers.iter().map(|(key, _)| key).collect();
    let places: Vec<i64> = numbers.iter().map(|(_, number)| *number).collect();
    let statement = transaction.prepare_cached(sql).await?;
    for row in transaction.query(&statement, &[&spans, &starts, &ids, &meters, &places]).await? {
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
        INSERT INTO consumer_block (span, starts_at_ms, instance_id, meter, number, account_id,
            consumers, body)
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::text[], $5::bigint[],
            $6::text[], $7::bigint[], $8::bytea[])";
    let blocks = || numbered.iter().map(|(_, block)| block);
    let keys: Vec<Key> = blocks().map(key).collect();
    let Keys { spans, starts, ids, meters } = keys.iter().collect();
    let numbers: Vec<i64> = numbered.iter().map(|(number, _)| *number).collect();
    let accounts: Vec<&str> = blocks().map(|block| &*block.key.account_id).collect();
    let counts: Vec<i64> = blocks().map(|block| i64::from(block.consumers)).collect();
    let bodies: Vec<&[u8]> = blocks().map(|block| &*block.body).collect();
    let statement = transaction.prepare_cached(sql).await?;
    transaction
        .execute(
            &statement,
            &[&spans, &starts, &ids, &meters, &numbers, &accounts, &counts, &bodies],
        )
        .await?;
    Ok(())
}

/// See [`crate::Projections::consumers`].
pub(super) async fn select(
    store: &PostgresStore,
    filter: MeterFilter,
) -> Result<Vec<ConsumerRow>, StoreError> {
    let span = filter.of.span.name();
    let mut query = Query::new(
        "SELECT span, starts_at_ms, instance_id, meter, account_id, consumers, body
         FROM consumer_block WHERE",
    );
    query.bind(" span = ?", &span).of_meters(&filter.meters);
    let order = " ORDER BY starts_at_ms, instance_id, meter, number";
    let rows = rollups::run(store, query, &filter.of, order).await?;
    consumer_block::rows(&rows.iter().map(read).collect::<Result<Vec<_>, _>>()?)
}

fn read(row: &Row) -> Result<ConsumerBlock, StoreError> {
    let key = ConsumerKey {
        span: Span::from_name(row.column(0)?),
        starts_at_ms: row.column(1)?,
        instance_id: row.column(2)?,
        meter: row.column::<&str>(3)?.into(),
        account_id: row.column::<&str>(4)?.into(),
    };
    // A number out of range does not fit the checksum.
    let consumers = u32::try_from(row.column::<i64>(5)?).unwrap_or(0);
    Ok(ConsumerBlock { key, consumers, body: row.column(6)? })
}
