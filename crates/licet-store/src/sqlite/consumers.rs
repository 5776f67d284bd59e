//! Consumers by day and by quarter of an hour, in their blocks.

use rusqlite::{Connection, Row};

use super::{by_time::Table, ids::AnyId};
use crate::{
    ConsumerBlock, ConsumerKey, ConsumerRow, MeterFilter, Span, StoreError,
    consumer_block::{self, Standing, to_merge},
};

/// Adds blocks to those that stand, of which some may be merged.
pub(super) fn add(connection: &Connection, blocks: &[ConsumerBlock]) -> Result<(), StoreError> {
    for block in blocks {
        let standing = standing(connection, block)?;
        let number = Standing::next_number(&standing);
        let mut parts = Vec::new();
        for small in to_merge(&standing, block.consumers) {
            parts.push(take(connection, block, small.number)?);
        }
        if parts.is_empty() {
            insert(connection, number, block)?;
        } else {
            insert(connection, number, &block.merged_with(&parts)?)?;
        }
    }
    Ok(())
}

fn standing(connection: &Connection, block: &ConsumerBlock) -> rusqlite::Result<Vec<Standing>> {
    connection
        .prepare_cached(
            "SELECT number, consumers FROM consumer_block
             WHERE span = ?1 AND starts_at_ms = ?2 AND instance_id = ?3 AND meter = ?4",
        )?
        .query_map(key(&block.key), |row| {
            Ok(Standing { number: row.get(0)?, consumers: row.get(1)? })
        })?
        .collect()
}

fn key(key: &ConsumerKey) -> (&'static str, i64, &[u8; 16], &str) {
    (key.span.name(), key.starts_at_ms, key.instance_id.as_bytes(), &key.meter)
}

/// Takes a block of the same key out of the table.
fn take(
    connection: &Connection,
    of: &ConsumerBlock,
    number: i64,
) -> rusqlite::Result<ConsumerBlock> {
    let (span, starts_at_ms, instance_id, meter) = key(&of.key);
    connection
        .prepare_cached(
            "DELETE FROM consumer_block
             WHERE span = ?1 AND starts_at_ms = ?2 AND instance_id = ?3 AND meter = ?4
                 AND number = ?5
             RETURNING span, starts_at_ms, instance_id, meter, number, account_id, consumers, body",
        )?
        .query_row((span, starts_at_ms, instance_id, meter, number), read)
}

fn insert(connection: &Connection, number: i64, block: &ConsumerBlock) -> rusqlite::Result<()> {
    let (span, starts_at_ms, instance_id, meter) = key(&block.key);
    connection
        .prepare_cached(
            "INSERT INTO consumer_block (span, starts_at_ms, instance_id, meter, number, account_id,
                 consumers, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((
            span,
            starts_at_ms,
            instance_id,
            meter,
            number,
            &*block.key.account_id,
            block.consumers,
            &block.body,
        ))
        .map(drop)
}

/// See [`crate::Projections::consumers`].
pub(super) fn select(
    connection: &Connection,
    filter: &MeterFilter,
) -> Result<Vec<ConsumerRow>, StoreError> {
    let table = Table {
        name: "consumer_block",
        id: |instance_id| instance_id.into_bytes().to_vec().into(),
        order: "starts_at_ms, instance_id, meter, number",
    };
    let MeterFilter { of, meters } = filter;
    consumer_block::rows(&table.select_meters(connection, of, meters, read)?)
}

/// The columns stand in the order of the table.
fn read(row: &Row<'_>) -> rusqlite::Result<ConsumerBlock> {
    let key = ConsumerKey {
        span: Span::from_name(row.get_ref(0)?.as_str()?),
        starts_at_ms: row.get(1)?,
        instance_id: row.get::<_, AnyId>(2)?.0,
        meter: row.get_ref(3)?.as_str()?.into(),
        account_id: row.get_ref(5)?.as_str()?.into(),
    };
    Ok(ConsumerBlock { key, consumers: row.get(6)?, body: row.get(7)? })
}
