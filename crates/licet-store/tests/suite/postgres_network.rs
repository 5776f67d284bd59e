//! Stories of connections that are lost between a store and its database.

use std::{sync::Arc, time::Duration};

use licet_store::{AppendError, Journal, Position, Store, StoreError, postgres::PostgresStore};
use uuid::Uuid;

use crate::{
    home::{Chain, append, records},
    postgres_home::{PostgresHome, hold, home},
    proxy::{Network, Proxy},
};

#[tokio::test]
async fn connections_that_are_killed_lose_and_double_nothing() {
    let home = home!();
    let store = home.store().await;
    let killer = home.connect().await;
    let appending: Vec<_> = (1..=8)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut chain = Chain::new(number);
                let mut last = Position(0);
                for at in 0..100 {
                    let position = chain.append(&*store, &at.to_string()).await;
                    assert!(position > last);
                    last = position;
                }
            })
        })
        .collect();
    let mut killed = 0;
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE query LIKE '%WITH place%' AND pid <> pg_backend_pid() AND pid IN (
            SELECT pid FROM pg_locks WHERE relation = to_regclass('head')::oid)";
    while appending.iter().any(|task| !task.is_finished()) {
        if killed < 5 {
            killed += killer.query_one(kill, &[]).await.unwrap().get::<_, i64>(0);
        }
        tokio::task::yield_now().await;
    }
    assert!(killed > 0);
    for (number, task) in (1..).zip(appending) {
        task.await.unwrap();
        let expected: Vec<String> = (0..100).map(|at| at.to_string()).collect();
        assert_eq!(records(&*store, Uuid::from_u128(number)).await, expected);
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_in_the_journal() {
    let home = home!();
    let proxy = Proxy::to(home.address()).await;
    let store = PostgresStore::open(&home.url_by(&proxy.address.to_string())).await.unwrap();
    let observer = home.connect().await;
    let mut chain = Chain::new(1);
    chain.append(&*store, "a").await;
    let held = hold(&store, &Chain::new(2)).await.unwrap();
    let mut other = Chain::new(2);

    proxy.set(Network::Mute);
    let appended = store.append(chain.next("b"));
    let holding = tokio::spawn(held.append(other.next("held")));
    let count = "SELECT count(*) FROM journal";
    while observer.query_one(count, &[]).await.unwrap().get::<_, i64>(0) < 3 {
        tokio::task::yield_now().await;
    }
    proxy.set(Network::Cut);
    proxy.set(Network::Works);
    let place = async |id: Uuid| {
        let sql = "SELECT max(position) FROM journal WHERE $1 = ANY (instance_ids)";
        let row = observer.query_one(sql, &[&id]).await.unwrap();
        Position(u64::try_from(row.get::<_, i64>(0)).unwrap())
    };
    assert_eq!(appended.await.unwrap().unwrap(), place(chain.id).await);
    assert_eq!(holding.await.unwrap().unwrap(), place(other.id).await);
    chain.append(&*store, "c").await;
    assert_eq!(records(&*store, chain.id).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_behind_what_others_appended_since() {
    let home = home!();
    let proxy = Proxy::to(home.address()).await;
    let ours = PostgresStore::open(&home.url_by(&proxy.address.to_string())).await.unwrap();
    let theirs = home.store().await;
    let mut chain = Chain::new(1);
    chain.append(&*theirs, "a").await;
    let late = Chain { id: chain.id, head: chain.head };

    proxy.set(Network::Mute);
    let before = theirs.last_position().await.unwrap();
    let appended = ours.append(chain.next("b"));
    let mut forked = late;
    let mut lost = forked.next("lost");
    lost.hash = [9; 32];
    while theirs.last_position().await.unwrap() == before {
        tokio::task::yield_now().await;
    }
    let place = theirs.last_position().await.unwrap();
    let never = ours.append(lost);
    for records in ["c", "d", "e"] {
        chain.append(&*theirs, records).await;
    }
    proxy.set(Network::Cut);
    proxy.set(Network::Works);
    assert_eq!(appended.await.unwrap().unwrap(), place);
    assert!(matches!(never.await.unwrap(), Err(AppendError::Conflict)));
    assert_eq!(records(&*ours, chain.id).await, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn a_database_out_of_reach_refuses_appends_until_it_is_back() {
    let home = home!();
    let proxy = Proxy::to(home.address()).await;
    let store = PostgresStore::open(&home.url_by(&proxy.address.to_string())).await.unwrap();
    let mut chain = Chain::new(1);
    chain.append(&*store, "a").await;
    store.ready().await.unwrap();

    proxy.set(Network::Cut);
    let next = chain.next("b");
    let refused = append(&*store, next.clone()).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    assert!(matches!(store.ready().await, Err(StoreError::Unavailable(_))));
    let quick = tokio::time::timeout(Duration::from_secs(1), append(&*store, next.clone()));
    assert!(matches!(quick.await, Ok(Err(AppendError::Unavailable(_)))), "without more patience");

    proxy.set(Network::Works);
    while append(&*store, next.clone()).await.is_err() {
        tokio::task::yield_now().await;
    }
    store.ready().await.unwrap();
    assert_eq!(records(&*store, chain.id).await, ["a", "b"]);
}
