//! Holding an instance: a transaction that has the lock on its head.

use std::{future::Future, pin::Pin, sync::Arc};

use deadpool_postgres::{ClientWrapper, Object};
use futures_util::future::{try_join, try_join5};
use tokio_postgres::Error;
use uuid::Uuid;

use super::{
    PostgresStore,
    batch::{self, Outcome},
    failure::{Columns, Failure, describe},
    walk,
    writer::Writer,
};
use crate::{
    Append, AppendError, Appending, Held, Hold, Position, Section, StoreError, numbers::signed,
};

/// How often a hold is begun anew before its error is told.
const TRIES_MAX: u32 = 3;

const LOCK: &str = "SELECT FROM head WHERE instance_id = $1 FOR UPDATE";

/// Whether this transaction has a position above the head's, so that it may move it. In a
/// statement of its own: a transaction gets its id only when it has the lock.
const MAY_MOVE: &str = "
    SELECT head.position < pg_current_xact_id()::text::bigint + position_offset
    FROM head, identity WHERE instance_id = $1";

/// See [`crate::SharedJournal::hold`].
pub(super) async fn hold(
    store: &PostgresStore,
    instance_id: Uuid,
    after_seq: u64,
) -> Result<Box<dyn Hold>, StoreError> {
    let writer = Arc::clone(store.writer()?);
    let mut tries = 0;
    loop {
        tries += 1;
        let client = Connection(Some(store.holds.get().await?));
        match begin(client.get(), instance_id, after_seq).await {
            Ok((true, tail)) => return Ok(Box::new(PostgresHold { client, writer, tail })),
            Ok((false, _)) if tries < TRIES_MAX => {}
            Ok((false, _)) => {
                let why = "the journal stands at a position above the database's transactions";
                return Err(StoreError::Unavailable(why.to_owned()));
            }
            Err(Begin::Sql(error)) => {
                client.discard();
                if tries == TRIES_MAX || Failure::of(&error) == Failure::Refused {
                    return Err(error.into());
                }
            }
            Err(Begin::Store(error)) => return Err(error),
        }
    }
}

enum Begin {
    Sql(Error),
    Store(StoreError),
}

impl From<Error> for Begin {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Begin {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Opens a transaction with the lock, all in one round trip: whether it may append, and the tail.
async fn begin(
    client: &ClientWrapper,
    instance_id: Uuid,
    after_seq: u64,
) -> Result<(bool, Vec<Section>), Begin> {
    batch::prepare(client).await?;
    let lock = client.prepare_cached(LOCK).await?;
    let may_move = client.prepare_cached(MAY_MOVE).await?;
    let tail = client.prepare_cached(walk::WALK).await?;
    let (ids, after) = ([instance_id], signed(after_seq));
    let (_, _, _, may_move, tail) = try_join5(
        client.batch_execute("BEGIN"),
        batch::make_heads(client, &ids),
        client.execute(&lock, &[&instance_id]),
        client.query_one(&may_move, &[&instance_id]),
        client.query(&tail, &[&instance_id, &after]),
    )
    .await?;
    Ok((may_move.column(0)?, walk::tail(&tail)?))
}

struct PostgresHold {
    client: Connection,
    writer: Arc<Writer>,
    tail: Vec<Section>,
}

impl Hold for PostgresHold {
    fn take_tail(&mut self) -> Vec<Section> {
        std::mem::take(&mut self.tail)
    }

    fn append(self: Box<Self>, append: Append) -> Held {
        Box::pin(async move {
            let Self { client, writer, .. } = *self;
            match commit(client, &append).await {
                Ok(Outcome::Written(position)) => Ok(position),
                Ok(Outcome::MovedOn) => Err(AppendError::Conflict),
                Ok(Outcome::Again) => settle(writer.append(append)).await,
                Err(error) if Failure::of(&error) == Failure::ConnectionLost => {
                    settle(writer.append_again(append)).await
                }
                Err(error) => Err(AppendError::Unavailable(describe(&error))),
            }
        })
    }

    fn release(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let mut client = self.client;
            if let Some(client) = client.0.take() {
                roll_back(client).await;
            }
        })
    }
}

/// Appends and commits in one round trip.
async fn commit(mut client: Connection, append: &Append) -> Result<Outcome, Error> {
    let appended = try_join(
        batch::append(client.get(), std::slice::from_ref(&append)),
        client.get().batch_execute("COMMIT"),
    );
    match appended.await {
        Ok((outcomes, ())) => {
            client.0.take();
            Ok(outcomes.first().copied().unwrap_or(Outcome::MovedOn))
        }
        Err(error) => {
            client.discard();
            Err(error)
        }
    }
}

/// The writer finds out what became of an append, and writes it if nothing did.
async fn settle(appending: Appending) -> Result<Position, AppendError> {
    let closed = || AppendError::Unavailable("the store is closed".to_owned());
    appending.await.map_err(|_| closed())?
}

/// A pooled connection with a transaction open. It never goes back to its pool like that.
struct Connection(Option<Object>);

impl Connection {
    fn get(&self) -> &ClientWrapper {
        self.0.as_deref().expect("taken only by who ends it")
    }

    /// Closes the connection, which ends its transaction.
    fn discard(mut self) {
        self.0.take().map(Object::take);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(client) = self.0.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(roll_back(client))),
            Err(_) => drop(Object::take(client)),
        }
    }
}

async fn roll_back(client: Object) {
    if client.batch_execute("ROLLBACK").await.is_err() {
        drop(Object::take(client));
    }
}
