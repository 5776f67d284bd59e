//! Signed answers and the keys that sign them, as everybody sees them.

#![allow(clippy::unwrap_used, clippy::print_stderr)]
#![allow(unreachable_pub, reason = "support is shared by suites")]

#[path = "../support/mod.rs"]
mod support;

mod keys;
mod nodes;
mod signing;
mod strangers;

use licet_protocol::{SignedDocument, SigningAlgorithm};
use serde_json::Value;
use support::TestServer;

const ALGORITHMS: [SigningAlgorithm; 2] = [SigningAlgorithm::EdDsa, SigningAlgorithm::Rs256];

async fn sign(server: &TestServer, algorithm: SigningAlgorithm, payload: &Value) -> SignedDocument {
    server.app.signer.sign_json(algorithm, "licet-test+jws", payload).await.unwrap()
}

/// Which key signs now.
async fn signer(server: &TestServer, algorithm: SigningAlgorithm) -> String {
    sign(server, algorithm, &Value::Null).await.header().unwrap().kid
}

/// Ids of the keys that everybody can fetch.
async fn published(server: &TestServer) -> Vec<String> {
    let set = server.stranger().get("/.well-known/jwks.json").await.value(200);
    let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
    set["keys"].as_array().unwrap().iter().map(kid).collect()
}

#[test]
fn the_same_on_postgres() {
    support::once_more_on_postgres("the_same_on_postgres");
}
