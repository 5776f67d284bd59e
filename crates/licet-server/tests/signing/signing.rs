//! What is signed, and what happens when that takes long.

use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use licet_protocol::SigningAlgorithm::{EdDsa, Rs256};
use licet_server::{
    App, Code, StartError,
    security::{MasterKey, SecurityOptions},
};
use serde_json::{Value, json};

use crate::{published, sign, signer, support::TestServer};

const TYP: &str = "licet-test+jws";

#[tokio::test]
async fn a_document_is_its_payload_and_names_key_and_kind() {
    let server = TestServer::start().await;
    let payload = json!({ "nonce": "n-1", "features": [{ "name": "Render", "count": 4 }] });
    let document = sign(&server, EdDsa, &payload).await;
    let header = document.header().unwrap();
    assert_eq!((header.alg, header.typ.as_str()), (EdDsa, TYP));
    assert_eq!(vec![header.kid], published(&server).await);
    let signed: Value = serde_json::from_slice(&document.payload_bytes().unwrap()).unwrap();
    assert_eq!(signed, payload);

    let set = server.stranger().get("/.well-known/jwks.json").await.value(200);
    let x = URL_SAFE_NO_PAD.decode(set["keys"][0]["x"].as_str().unwrap()).unwrap();
    let key = UnparsedPublicKey::new(&ED25519, x);
    key.verify(document.signing_input(), &document.signature_bytes().unwrap()).unwrap();

    let bytes = serde_json::to_vec(&payload).unwrap();
    let compact = server.app.signer.sign_compact(EdDsa, TYP, &bytes).await.unwrap();
    assert_eq!(compact, document.into_compact(), "EdDSA has one signature for a document");
}

#[tokio::test]
async fn too_many_slow_signatures_are_sent_away_and_fast_ones_go_on() {
    let server = TestServer::start().await;
    signer(&server, Rs256).await;
    let app = &server.app;
    let slow = join_all((0..3_000).map(|_| app.signer.sign(Rs256, TYP, b"{}")));
    let (slow, fast) = tokio::join!(slow, app.signer.sign(EdDsa, TYP, b"{}"));
    assert!(fast.is_ok());
    let (done, refused): (Vec<_>, Vec<_>) = slow.into_iter().partition(Result::is_ok);
    assert!(done.len() >= 1_024, "{} were signed", done.len());
    assert!(!refused.is_empty());
    for problem in refused {
        let problem = problem.unwrap_err();
        assert_eq!((problem.code(), problem.retry_after_s()), (Code::Overloaded, Some(1)));
    }
    signer(&server, Rs256).await;
}

async fn open_again(server: &TestServer, master_key: MasterKey) -> Result<App, StartError> {
    let (store, clock) = (server.store.clone(), Arc::new(server.clock.clone()));
    App::open(store, clock, master_key, SecurityOptions::default(), Default::default()).await
}

#[tokio::test]
async fn keys_stay_over_a_restart_and_another_master_key_is_refused() {
    let master_key = MasterKey::random().unwrap();
    let server = TestServer::builder().master_key(master_key.clone()).start().await;
    let kid = signer(&server, EdDsa).await;
    let restarted = open_again(&server, master_key).await.unwrap();
    let document = restarted.signer.sign(EdDsa, TYP, b"{}").await.unwrap();
    assert_eq!(document.header().unwrap().kid, kid);

    let refused = open_again(&server, MasterKey::random().unwrap()).await.unwrap_err();
    let text = refused.to_string();
    for part in [kid.as_str(), "another master key", "LICET_MASTER_KEY", "signing-key reset"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn after_a_reset_the_server_with_the_old_master_key_says_so() {
    let server = TestServer::start().await;
    let old = signer(&server, EdDsa).await;
    let master_key = MasterKey::random().unwrap();
    let store = &*server.store;
    licet_server::Signer::reset(store, &server.clock, master_key.clone()).await.unwrap();
    server.app.signer.reload().await.unwrap();
    let refused = server.app.signer.sign(EdDsa, TYP, b"{}").await.unwrap_err();
    assert_eq!(refused.code(), Code::SigningUnavailable);
    assert_eq!(published(&server).await.len(), 2, "all can be verified");

    let next = open_again(&server, master_key).await.unwrap();
    let document = next.signer.sign(EdDsa, TYP, b"{}").await.unwrap();
    let new = document.header().unwrap().kid;
    assert_ne!(new, old);
    assert!(published(&server).await.contains(&new));
    assert!(published(&server).await.contains(&old));
}
