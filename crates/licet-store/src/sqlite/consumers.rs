//! Consumers by day, in their blocks.

use rusqlite::{Connection, Row};

use super::{by_time::Table, ids::AnyId};
use crate::{
    ConsumerBlock, ConsumerRow, RollupFilter, StoreError,
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
             WHERE starts_at_ms = ?1 AND instance_id = ?2",
        )?
        .query_map((block.starts_at_ms, block.instance_id.as_bytes()), |row| {
            Ok(Standing { number: row.get(0)?, consumers: row.get(1)? })
        })?
        .collect()
}

/// Takes a block of the same key out of the table.
fn take(
    connection: &Connection,
    of: &ConsumerBlock,
    number: i64,
) -> rusqlite::Result<ConsumerBlock> {
    connection
        .prepare_cached(
            "DELETE FROM consumer_block
             WHERE starts_at_ms = ?1 AND instance_id = ?2 AND number = ?3
             RETURNING starts_at_ms, instance_id, number, account_id, consumers, body",
        )?
        .query_row((of.starts_at_ms, of.instance_id.as_bytes(), number), read)
}

fn insert(connection: &Connection, number: i64, block: &ConsumerBlock) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO consumer_block (starts_at_ms, instance_id, number, account_id, consumers,
                 body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            block.starts_at_ms,
            block.instance_id.as_bytes(),
            number,
            &*block.account_id,
            block.consumers,
            &block.body,
        ))
        .map(drop)
}

/// See [`crate::Projections::consumers`].
pub(super) fn select(
    connection: &Connection,
    filter: &RollupFilter,
) -> Result<Vec<ConsumerRow>, StoreError> {
    let table = Table {
        name: "consumer_block",
        condition: "true".to_owned(),
        id: |instance_id| instance_id.into_bytes().to_vec().into(),
        order: "starts_at_ms, instance_id, number",
    };
    consumer_block::rows(&table.select(connection, filter, read)?)
}

/// The columns stand in the order of the table.
fn read(row: &Row<'_>) -> rusqlite::Result<ConsumerBlock> {
    Ok(ConsumerBlock {
        starts_at_ms: row.get(0)?,
        instance_id: row.get::<_, AnyId>(1)?.0,
        account_id: row.get_ref(3)?.as_str()?.into(),
        consumers: row.get(4)?,
        body: row.get(5)?,
    })
}
