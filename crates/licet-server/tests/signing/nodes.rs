//! Several servers on one database sign with the same keys.

use std::{sync::Arc, time::Duration};

use licet_engine::ManualClock;
use licet_protocol::SigningAlgorithm::EdDsa;
use licet_scratch::ScratchSchema;
use licet_server::{
    App,
    security::{Author, MasterKey, SecurityOptions},
};
use licet_store::postgres::PostgresStore;

use crate::support::START_MS;

const TYP: &str = "licet-test+jws";
/// Longest wait for what must happen; only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(20);

async fn open(schema: &ScratchSchema, clock: &ManualClock, master_key: &MasterKey) -> App {
    let store = PostgresStore::open(&schema.url()).await.unwrap();
    let (clock, master_key) = (Arc::new(clock.clone()), master_key.clone());
    App::open(store, clock, master_key, SecurityOptions::default(), Default::default())
        .await
        .unwrap()
}

async fn signer(app: &App) -> String {
    let document = app.signer.sign(EdDsa, TYP, b"{}").await.unwrap();
    document.header().unwrap().kid
}

#[tokio::test]
async fn what_one_server_changes_the_other_follows() {
    let Some(schema) = ScratchSchema::new() else { return };
    let (clock, master_key) = (ManualClock::at(START_MS), MasterKey::random().unwrap());
    let one = open(&schema, &clock, &master_key);
    let (one, other) = tokio::join!(one, open(&schema, &clock, &master_key));
    let old = signer(&one).await;
    assert_eq!(signer(&other).await, old, "of two that start at once, one makes the first key");
    assert_eq!(one.signer.jwk_set().keys.len(), 1);

    let new = one.signer.create(Default::default(), Author::server(START_MS)).await.unwrap().kid;
    let followed = async {
        while !other.signer.jwk_set().keys.iter().any(|key| key.kid == new) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, followed).await.expect("the other server follows");
    assert_eq!(signer(&other).await, old);
    clock.advance(Duration::from_secs(600));
    for app in [&one, &other] {
        assert_eq!(signer(app).await, new);
    }
    for app in [one, other] {
        app.engine.close().await;
        app.store.close().await.unwrap();
    }
}
