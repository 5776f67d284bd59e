//! The sections of instances, from their heads backwards.

use std::collections::HashMap;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use super::failure::Columns;
use crate::{
    Append, Position, Section, StoreError,
    numbers::{signed, unsigned},
    packing::Reader,
    section::{FORMAT, StoredSection},
};

/// The sections after a number of each instance that is asked for, with their places, oldest first.
/// A place without a section ends a walk: the journal is damaged there.
///
/// The database walks, so that the longest tail is read in one round trip. With `OFFSET 0` the
/// subqueries stay what they are, so that there is no plan but to look up each place by its key.
macro_rules! walk {
    ($asked:literal) => {
        concat!(
            "WITH RECURSIVE asked (instance_id, after_seq) AS (",
            $asked,
            "), walk AS (
                SELECT instance_id, after_seq, seq, position, previous, section
                FROM asked CROSS JOIN LATERAL (
                    SELECT seq, position FROM head WHERE head.instance_id = asked.instance_id OFFSET 0
                ) AS stands LEFT JOIN LATERAL (
                    SELECT previous_positions[place] AS previous, sections[place] AS section
                    FROM journal, array_position(instance_ids, asked.instance_id) AS place
                    WHERE journal.position = stands.position OFFSET 0
                ) AS found ON true
                WHERE seq > after_seq
                UNION ALL
                SELECT instance_id, after_seq, seq - 1, walk.previous, found.previous, found.section
                FROM walk LEFT JOIN LATERAL (
                    SELECT previous_positions[place] AS previous, sections[place] AS section
                    FROM journal, array_position(instance_ids, walk.instance_id) AS place
                    WHERE journal.position = walk.previous OFFSET 0
                ) AS found ON true
                WHERE seq - 1 > after_seq AND walk.section IS NOT NULL
            )
            SELECT instance_id, seq, position, section FROM walk ORDER BY instance_id, seq"
        )
    };
}

/// From the head of instance $1 back to the section after number $2. Known to be one, it is
/// planned once; a plan for an array is made anew for its length.
pub(super) const WALK: &str = walk!("VALUES ($1::uuid, $2::bigint)");

const WALKS: &str = walk!("SELECT * FROM unnest($1::uuid[], $2::bigint[])");

/// Prepares what [`find`] needs.
pub(super) async fn prepare(client: &ClientWrapper) -> Result<(), Error> {
    client.prepare_cached(WALKS).await.map(drop)
}

/// Reads a section out of a row of the journal.
///
/// # Errors
/// [`StoreError::Damaged`] if it is not as it was written.
pub(super) fn section(instance_id: Uuid, bytes: &[u8]) -> Result<Section, StoreError> {
    let mut reader = Reader::new(bytes);
    let stored = match reader.array() {
        Some([FORMAT]) => StoredSection::read(&mut reader),
        _ => None,
    };
    match stored {
        Some(stored) if reader.is_at_end() => Ok(stored.of(instance_id)),
        _ => Err(StoreError::Damaged(format!("a section of instance {instance_id}"))),
    }
}

/// The sections that were walked over.
///
/// # Errors
/// [`StoreError::Damaged`] if one is missing.
pub(super) fn tail(rows: &[Row]) -> Result<Vec<Section>, StoreError> {
    rows.iter().map(walked).collect()
}

fn walked(row: &Row) -> Result<Section, StoreError> {
    let (instance_id, seq) = (row.column(0)?, unsigned(row.column(1)?));
    let bytes: Option<&[u8]> = row.column(3)?;
    let section = bytes.map(|bytes| section(instance_id, bytes)).transpose()?;
    section.filter(|section| section.seq == seq).ok_or_else(|| {
        StoreError::Damaged(format!(
            "section {seq} of instance {instance_id} is not where it should be"
        ))
    })
}

/// Where each of these appends stands in the journal, if it is there.
pub(super) async fn find(
    client: &ClientWrapper,
    appends: &[&Append],
) -> Result<Vec<Option<Position>>, Error> {
    let ids: Vec<Uuid> = appends.iter().map(|append| append.instance_id).collect();
    let seqs: Vec<i64> = appends.iter().map(|append| signed(append.expected.seq)).collect();
    let statement = client.prepare_cached(WALKS).await?;
    let mut places = HashMap::new();
    for row in client.query(&statement, &[&ids, &seqs]).await? {
        // A damaged section is not the one that is looked for.
        if let Ok(section) = walked(&row) {
            let position = Position(unsigned(row.try_get(2)?));
            places.insert((section.instance_id, section.hash), position);
        }
    }
    let place = |append: &&Append| places.get(&(append.instance_id, append.hash)).copied();
    Ok(appends.iter().map(place).collect())
}
