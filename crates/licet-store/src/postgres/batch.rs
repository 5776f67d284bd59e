//! Several appends, sent as one statement.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;
use uuid::Uuid;

use crate::{
    Append, Position,
    numbers::{signed, unsigned},
};

/// Moves the heads that stand as expected, and writes the sections of just those. A head moves
/// only to a higher position, so that positions ascend along each instance's journal.
///
/// A head of section zero is left by a hold that wrote nothing, and means that there is no
/// journal.
const APPEND: &str = "
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bigint[],
                $6::bigint[], $7::bytea[]) WITH ORDINALITY
            AS given (instance_id, expected_seq, expected_hash, hash, at_ms, wake_at_ms, records,
                number)
    ), place AS MATERIALIZED (
        SELECT pg_current_xact_id()::text::bigint + position_offset AS position FROM identity
    ), begun AS (
        INSERT INTO head (instance_id, seq, hash, position)
        SELECT instance_id, 1, hash, position FROM given, place WHERE expected_seq = 0
        ON CONFLICT (instance_id) DO UPDATE
            SET seq = 1, hash = excluded.hash, position = excluded.position WHERE head.seq = 0
        RETURNING instance_id
    ), moved AS (
        UPDATE head SET seq = given.expected_seq + 1, hash = given.hash, position = place.position
        FROM given, place
        WHERE head.instance_id = given.instance_id AND given.expected_seq > 0
            AND head.seq = given.expected_seq AND head.hash = given.expected_hash
            AND head.position < place.position
        RETURNING head.instance_id
    ), written AS (
        INSERT INTO journal (position, instance_id, seq, at_ms, wake_at_ms, previous_hash, hash,
            records)
        SELECT position, instance_id, expected_seq + 1, at_ms, wake_at_ms, expected_hash, hash,
            records
        FROM given, place
        WHERE CASE expected_seq
            WHEN 0 THEN instance_id IN (SELECT instance_id FROM begun)
            ELSE instance_id IN (SELECT instance_id FROM moved)
        END
        RETURNING instance_id
    )
    SELECT number, position, CASE
        WHEN instance_id IN (SELECT instance_id FROM written) THEN 'written'
        WHEN (SELECT head.seq = given.expected_seq AND head.hash = given.expected_hash FROM head
            WHERE head.instance_id = given.instance_id) THEN 'as expected'
        ELSE 'moved on'
    END
    FROM given, place";

/// Finds sections that are in the journal as they were to be written.
const FIND: &str = "
    SELECT number, position
    FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) WITH ORDINALITY
        AS wanted (instance_id, seq, hash, number)
    JOIN journal USING (instance_id, seq, hash)";

/// What became of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Written(Position),
    /// Its head was not the expected one.
    MovedOn,
    /// Its head is the expected one, but this transaction could not move it; a later one can.
    Again,
}

/// Prepares what a connection needs to append.
pub(super) async fn prepare(client: &ClientWrapper) -> Result<(), Error> {
    client.prepare_cached(APPEND).await?;
    client.prepare_cached(FIND).await?;
    Ok(())
}

/// Appends in one transaction, or in the one that is open; answers in the order given.
/// `appends` have distinct instances, in the order of their ids.
pub(super) async fn append(
    client: &ClientWrapper,
    appends: &[&Append],
) -> Result<Vec<Outcome>, Error> {
    let ids: Vec<Uuid> = appends.iter().map(|append| append.instance_id).collect();
    let seqs: Vec<i64> = appends.iter().map(|append| signed(append.expected.seq)).collect();
    let expected: Vec<&[u8]> = appends.iter().map(|append| &append.expected.hash[..]).collect();
    let hashes: Vec<&[u8]> = appends.iter().map(|append| &append.hash[..]).collect();
    let times: Vec<i64> = appends.iter().map(|append| append.at_ms).collect();
    let wakes: Vec<Option<i64>> = appends.iter().map(|append| append.wake_at_ms).collect();
    let records: Vec<&[u8]> = appends.iter().map(|append| &append.records[..]).collect();
    let statement = client.prepare_cached(APPEND).await?;
    let rows = client
        .query(&statement, &[&ids, &seqs, &expected, &hashes, &times, &wakes, &records])
        .await?;
    let mut outcomes = vec![Outcome::MovedOn; appends.len()];
    for row in rows {
        let outcome = match row.try_get(2)? {
            "written" => Outcome::Written(Position(unsigned(row.try_get(1)?))),
            "as expected" => Outcome::Again,
            _ => Outcome::MovedOn,
        };
        if let Some(place) = outcome_at(&mut outcomes, row.try_get(0)?) {
            *place = outcome;
        }
    }
    Ok(outcomes)
}

/// Where each of these appends stands in the journal, if it is there.
pub(super) async fn find(
    client: &ClientWrapper,
    appends: &[&Append],
) -> Result<Vec<Option<Position>>, Error> {
    let ids: Vec<Uuid> = appends.iter().map(|append| append.instance_id).collect();
    let seqs: Vec<i64> = appends.iter().map(|append| signed(append.expected.seq + 1)).collect();
    let hashes: Vec<&[u8]> = appends.iter().map(|append| &append.hash[..]).collect();
    let statement = client.prepare_cached(FIND).await?;
    let mut found = vec![None; appends.len()];
    for row in client.query(&statement, &[&ids, &seqs, &hashes]).await? {
        if let Some(place) = outcome_at(&mut found, row.try_get(0)?) {
            *place = Some(Position(unsigned(row.try_get(1)?)));
        }
    }
    Ok(found)
}

/// The place for what a row says; rows are numbered from one.
fn outcome_at<T>(outcomes: &mut [T], number: i64) -> Option<&mut T> {
    usize::try_from(number - 1).ok().and_then(|at| outcomes.get_mut(at))
}
