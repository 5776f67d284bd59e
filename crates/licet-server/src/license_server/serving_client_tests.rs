//! Who may make access requests, through a route that says who made one.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    http::{Request, StatusCode},
    routing::post,
};
use licet_engine::{ManualClock, Options};
use licet_protocol::KeyIn;
use licet_store::{AuditRow, InstanceRow, InstanceSettingRow, KeyKind, Store, sqlite::SqliteStore};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;
use uuid::Uuid;

use super::*;
use crate::security::{
    Author, HashCost, InstanceUserChange, MasterKey, SecurityOptions,
    testing::{CHEAP, SigningKey, T0, admin_claims, client_claims},
};

const ONE: Uuid = Uuid::from_u128(1);
const TWO: Uuid = Uuid::from_u128(2);

struct World {
    app: App,
    router: Router,
    clock: ManualClock,
    store: Arc<dyn Store>,
    _directory: TempDir,
}

async fn ask(State(app): State<App>, client: ServingClient) -> String {
    assert!(app.engine.instance(client.instance.id.into()).await.unwrap().is_some());
    format!("{} of {}", client.name(), client.instance.short_name)
}

impl World {
    /// Two instances of one account.
    async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = SqliteStore::open(directory.path()).unwrap();
        for (id, name) in [(ONE, "one"), (TWO, "two")] {
            let row = InstanceRow {
                id,
                short_name: name.to_owned(),
                account_id: "NORTHWIND".to_owned(),
                is_default: false,
                created_ms: T0,
                modified_ms: T0,
            };
            store.create_instance(row, AuditRow::default()).await.unwrap();
        }
        let clock = ManualClock::at(T0);
        let cost: HashCost = CHEAP;
        let security = SecurityOptions { hash_cost: cost, ..SecurityOptions::default() };
        let master_key = MasterKey::random().unwrap();
        let (store_too, clock_too) = (store.clone(), Arc::new(clock.clone()));
        let app = App::open(store_too, clock_too, master_key, security, Options::default());
        let app = app.await.unwrap();
        let router = Router::new()
            .route("/api/1.0/instances/{instanceId}/access_request", post(ask))
            .with_state(app.clone());
        Self { app, router, clock, store, _directory: directory }
    }

    async fn call(&self, id: Uuid, token: Option<&str>) -> (StatusCode, String) {
        let path = format!("/api/1.0/instances/{id}/access_request");
        let mut request = Request::builder().method("POST").uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        (status, text)
    }

    /// The code of a refusal, and its detail.
    async fn refusal(&self, id: Uuid, token: Option<&str>) -> (String, String) {
        let (status, body) = self.call(id, token).await;
        assert_ne!(status, StatusCode::OK);
        let problem: Value = serde_json::from_str(&body).unwrap();
        let text = |name: &str| problem[name].as_str().unwrap().to_owned();
        (text("code"), text("detail"))
    }

    async fn set(&self, id: Uuid, name: &str, value: &str) {
        let row = InstanceSettingRow {
            instance_id: id,
            name: name.to_owned(),
            value: value.to_owned(),
            modified_ms: T0,
            updated_by: String::new(),
        };
        self.store.put_instance_settings(vec![row], AuditRow::default()).await.unwrap();
        self.app.reload_terms().await.unwrap();
    }

    async fn upload(&self, id: Uuid, kid: &str, key: &SigningKey) {
        let (kid, der) = (Some(kid.to_owned()), key.public_der());
        self.app.authenticator.upload_licensing_key(id, kid, der, author()).await.unwrap();
    }
}

fn author() -> Author<'static> {
    Author::server(T0)
}

fn claims() -> Value {
    json!({ "sub": "any-id", "roles": "ROLE_CAPABILITY", "exp": T0 / 1000 + 3600 })
}

#[tokio::test]
async fn a_client_needs_a_token_of_a_key_of_the_instance() {
    let world = World::open().await;
    let key = SigningKey::rsa();
    let token = key.mint(&claims());
    let (code, detail) = world.refusal(ONE, None).await;
    assert_eq!(code, "authentication_required");
    assert!(detail.contains("upload the public key"), "{detail}");
    let (code, detail) = world.refusal(ONE, Some(&token)).await;
    assert_eq!(code, "unknown_key");
    assert!(detail.contains("upload the public key"), "{detail}");

    world.upload(ONE, "k", &key).await;
    for _ in 0..2 {
        // The second time it is known.
        let (status, body) = world.call(ONE, Some(&token)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert!(body.starts_with("k@") && body.ends_with(" of one"), "{body}");
    }
    let (code, detail) = world.refusal(ONE, None).await;
    assert_eq!(code, "authentication_required");
    assert!(detail.contains("ROLE_CAPABILITY"), "{detail}");
    // Of an instance that does not have the key it is not.
    assert_eq!(world.refusal(TWO, Some(&token)).await.0, "unknown_key");
    world.upload(TWO, "shared", &key).await;
    assert_eq!(world.call(TWO, Some(&token)).await.0, StatusCode::OK);

    world.app.authenticator.delete_licensing_keys(ONE, None, author()).await.unwrap();
    assert_eq!(world.refusal(ONE, Some(&token)).await.0, "unknown_key");
    assert_eq!(world.call(TWO, Some(&token)).await.0, StatusCode::OK);
    world.clock.set(T0 + 3_660_000);
    assert_eq!(world.refusal(TWO, Some(&token)).await.0, "token_expired");
}

#[tokio::test]
async fn a_key_in_place_of_another_ends_its_tokens() {
    let world = World::open().await;
    let (old, new) = (SigningKey::p256(), SigningKey::p256());
    world.upload(ONE, "k", &old).await;
    let token = old.mint(&claims());
    assert_eq!(world.call(ONE, Some(&token)).await.0, StatusCode::OK);
    world.upload(ONE, "k", &new).await;
    assert_eq!(world.refusal(ONE, Some(&token)).await.0, "invalid_token");
    assert_eq!(world.call(ONE, Some(&new.mint(&claims()))).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_token_with_only_sub_and_roles_needs_the_switch() {
    let world = World::open().await;
    let key = SigningKey::rsa();
    world.upload(ONE, "k", &key).await;
    let header = json!({ "alg": "RS256" });
    let token = key.token(&header, &json!({ "sub": "any-id", "roles": "ROLE_CAPABILITY" }));
    let (code, detail) = world.refusal(ONE, Some(&token)).await;
    assert_eq!(code, "invalid_token");
    assert!(detail.contains("exp"), "{detail}");
    world.set(ONE, "licensing.security.json.requireExp", "false").await;
    assert_eq!(world.call(ONE, Some(&token)).await.0, StatusCode::OK);
    world.set(ONE, "licensing.security.json.requireExp", "true").await;
    assert_eq!(world.refusal(ONE, Some(&token)).await.0, "invalid_token");
}

#[tokio::test]
async fn without_json_security_nothing_is_asked() {
    let world = World::open().await;
    world.set(ONE, "licensing.security.json", "false").await;
    for token in [None, Some("nonsense"), Some("lic_nonsense")] {
        let (status, body) = world.call(ONE, token).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, "anonymous of one"));
    }
    assert_eq!(world.refusal(TWO, None).await.0, "authentication_required");
    assert_eq!(world.refusal(Uuid::nil(), None).await.0, "not_found");
}

#[tokio::test]
async fn others_with_the_permission_may_ask_too() {
    let world = World::open().await;
    let authenticator = &world.app.authenticator;
    let key = SigningKey::ed25519();
    for (kind, id) in [(KeyKind::Administration, "adm"), (KeyKind::Client, "cli")] {
        let key = KeyIn { id: id.into(), public_key: key.public_pem() };
        authenticator.upload_keys(kind, vec![key], author()).await.unwrap();
    }
    assert_eq!(world.call(ONE, Some(&key.mint(&admin_claims("adm")))).await.0, StatusCode::OK);
    let mut client = client_claims("cli");
    client["aud"] = json!([ONE]);
    let client = key.mint(&client);
    assert_eq!(world.call(ONE, Some(&client)).await.0, StatusCode::OK);
    assert_eq!(world.refusal(TWO, Some(&client)).await.0, "not_found");

    let password = "Orange-Tree-7";
    let change = InstanceUserChange { password: Some(password.to_owned()), ..Default::default() };
    authenticator.update_instance_user(ONE, "admin", change, author()).await.unwrap();
    let origin = crate::security::Origin::default();
    let log_in = authenticator.log_in_at(ONE, "admin", password, 1_000, origin, T0);
    let token = log_in.await.unwrap().token;
    assert_eq!(world.refusal(ONE, Some(&token)).await.0, "permission_denied");
    let enabled = authenticator.set_producer_user(true, Some(password.to_owned()), author());
    enabled.await.unwrap();
    let log_in = authenticator.log_in_at(ONE, "producer", password, 1_000, origin, T0);
    let token = log_in.await.unwrap().token;
    assert_eq!(world.call(ONE, Some(&token)).await.0, StatusCode::OK);
    assert_eq!(world.refusal(TWO, Some(&token)).await.0, "not_found");
}
