//! Several appends, sent as one statement.

use std::error::Error as StdError;

use bytes::{BufMut, BytesMut};
use deadpool_postgres::ClientWrapper;
use tokio_postgres::{
    Error,
    types::{IsNull, ToSql, Type, to_sql_checked},
};
use uuid::Uuid;

use super::walk;
use crate::{
    Append, Position,
    numbers::{signed, unsigned},
    section,
};

/// An instance without a journal gets a head of section zero, which can be locked and moved.
const MAKE: &str = "
    INSERT INTO head (instance_id) SELECT * FROM unnest($1::uuid[]) ON CONFLICT DO NOTHING";

/// Moves the heads that stand as expected, and writes the sections of just those. A head moves
/// only to a higher position, so that positions ascend along each instance's journal. Tells the
/// position, and which were written unless all were.
const APPEND: &str = "
    WITH place AS MATERIALIZED (
        SELECT pg_current_xact_id()::text::bigint + position_offset AS position FROM identity
    ), moved AS (
        UPDATE head SET seq = given.expected_seq + 1, hash = given.hash,
            position = place.position, previous_position = head.position
        FROM place, unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::bytea[]) WITH ORDINALITY
            AS given (instance_id, expected_seq, expected_hash, hash, number)
        WHERE head.instance_id = given.instance_id
            AND head.seq = given.expected_seq AND head.hash = given.expected_hash
            AND head.position < place.position
        RETURNING given.number, head.previous_position
    ), gathered AS MATERIALIZED (
        SELECT array_agg(number ORDER BY number) AS numbers,
            array_agg(previous_position ORDER BY number) AS previous_positions,
            count(*) = cardinality($1) AS is_all
        FROM moved
    ), written AS (
        INSERT INTO journal (position, instance_ids, previous_positions, sections)
        SELECT (SELECT position FROM place),
            CASE WHEN is_all THEN $1
                ELSE (SELECT array_agg(($1::uuid[])[number]) FROM unnest(numbers) AS number) END,
            previous_positions,
            CASE WHEN is_all THEN $5::bytea[]
                ELSE (SELECT array_agg(($5::bytea[])[number]) FROM unnest(numbers) AS number) END
        FROM gathered WHERE numbers IS NOT NULL
    )
    SELECT (SELECT position FROM place), is_all, CASE WHEN NOT is_all THEN numbers END
    FROM gathered";

/// Finds heads that stand as they are expected.
const STANDING: &str = "
    SELECT number
    FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) WITH ORDINALITY
        AS given (instance_id, seq, hash, number)
    JOIN head USING (instance_id, seq, hash)";

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
    for sql in [MAKE, APPEND, STANDING] {
        client.prepare_cached(sql).await?;
    }
    walk::prepare(client).await
}

/// Makes heads for instances that have none, in the order of their ids.
pub(super) async fn make_heads(client: &ClientWrapper, ids: &[Uuid]) -> Result<(), Error> {
    let statement = client.prepare_cached(MAKE).await?;
    client.execute(&statement, &[&ids]).await?;
    Ok(())
}

/// Appends in one transaction, or in the one that is open; answers in the order given.
/// `appends` have distinct instances, in the order of their ids, and each has a head.
pub(super) async fn append(
    client: &ClientWrapper,
    appends: &[&Append],
) -> Result<Vec<Outcome>, Error> {
    let ids: Vec<Uuid> = appends.iter().map(|append| append.instance_id).collect();
    let seqs: Vec<i64> = appends.iter().map(|append| signed(append.expected.seq)).collect();
    let expected: Vec<&[u8]> = appends.iter().map(|append| &append.expected.hash[..]).collect();
    let hashes: Vec<&[u8]> = appends.iter().map(|append| &append.hash[..]).collect();
    let sections: Vec<Stored<'_>> = appends.iter().map(|append| Stored(append)).collect();
    let statement = client.prepare_cached(APPEND).await?;
    let row = client.query_one(&statement, &[&ids, &seqs, &expected, &hashes, &sections]).await?;
    let written = Outcome::Written(Position(unsigned(row.try_get(0)?)));
    if row.try_get(1)? {
        return Ok(vec![written; appends.len()]);
    }
    let mut outcomes = vec![Outcome::MovedOn; appends.len()];
    set(&mut outcomes, row.try_get::<_, Option<Vec<i64>>>(2)?.unwrap_or_default(), written);
    let statement = client.prepare_cached(STANDING).await?;
    let rows = client.query(&statement, &[&ids, &seqs, &expected]).await?;
    let numbers: Vec<i64> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    set(&mut outcomes, numbers, Outcome::Again);
    Ok(outcomes)
}

/// Sets the outcomes with these numbers, which count from one.
fn set(outcomes: &mut [Outcome], numbers: Vec<i64>, outcome: Outcome) {
    for number in numbers {
        let at = usize::try_from(number - 1).ok();
        if let Some(place) = at.and_then(|at| outcomes.get_mut(at)) {
            *place = outcome;
        }
    }
}

/// A section on its way into the journal.
#[derive(Debug)]
struct Stored<'a>(&'a Append);

impl ToSql for Stored<'_> {
    fn to_sql(
        &self,
        _type: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        out.reserve(1 + section::FRONT_BYTES + self.0.records.len());
        out.put_u8(section::FORMAT);
        section::put(self.0, out);
        Ok(IsNull::No)
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::BYTEA
    }

    to_sql_checked!();
}
