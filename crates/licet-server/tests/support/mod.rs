//! A whole server in the test's process: a real store in a scratch directory, a clock that is
//! set by hand, and callers that are asked to call.

#![allow(dead_code, unused_imports, unreachable_pub, reason = "each suite uses its part")]

mod agent;
mod home;
mod keys;

use std::sync::Arc;

pub use agent::{Agent, Answer, Call, Events};
use axum::Router;
use home::Home;
pub use home::once_more_on_postgres;
pub use keys::{SigningKey, token};
use licet_engine::{ManualClock, Options};
use licet_protocol::KeyIn;
use licet_server::{
    App, RateLimit, router,
    security::{Author, HashCost, MasterKey, SecurityOptions},
};
use licet_store::{KeyKind, Store};
use serde_json::{Value, json};

/// 2026-01-01T00:00:00Z
pub const START_MS: i64 = 1_767_225_600_000;
pub const MINUTE_MS: i64 = 60_000;
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// How a [`TestServer`] is to be.
#[derive(Debug)]
pub struct Builder {
    now_ms: i64,
    rate_limit: Option<RateLimit>,
    master_key: Option<MasterKey>,
    options: Options,
}

impl Builder {
    #[must_use]
    pub fn at(self, now_ms: i64) -> Self {
        Self { now_ms, ..self }
    }

    #[must_use]
    pub fn rate_limit(self, rate_limit: RateLimit) -> Self {
        Self { rate_limit: Some(rate_limit), ..self }
    }

    /// One that a test keeps, to open the store again.
    #[must_use]
    pub fn master_key(self, master_key: MasterKey) -> Self {
        Self { master_key: Some(master_key), ..self }
    }

    #[must_use]
    pub fn engine(self, options: Options) -> Self {
        Self { options, ..self }
    }

    pub async fn start(self) -> TestServer {
        let (home, store) = Home::open().await;
        let clock = ManualClock::at(self.now_ms);
        let security = SecurityOptions { rate_limit: self.rate_limit, ..cheap() };
        let master_key = self.master_key.unwrap_or_else(|| MasterKey::random().unwrap());
        let app = App::open(
            store.clone(),
            Arc::new(clock.clone()),
            master_key.clone(),
            security,
            self.options,
        );
        let app = app.await.unwrap();
        let server = TestServer {
            router: router(app.clone()).unwrap(),
            app,
            store,
            clock,
            admin_key: SigningKey::new(),
            client_key: SigningKey::new(),
            home,
            master_key,
        };
        server.upload(KeyKind::Administration, ADMIN_KEY, &server.admin_key).await;
        server.upload(KeyKind::Client, CLIENT_KEY, &server.client_key).await;
        server
    }
}

/// Hashes that cost nothing.
fn cheap() -> SecurityOptions {
    let hash_cost = HashCost { memory_kib: 64, passes: 1 };
    SecurityOptions { hash_cost, ..SecurityOptions::default() }
}

const ADMIN_KEY: &str = "test-admin";
/// Id of the client key.
pub const CLIENT_KEY: &str = "test-client";

/// A server with one administration key and one client key.
pub struct TestServer {
    pub app: App,
    pub store: Arc<dyn Store>,
    pub clock: ManualClock,
    router: Router,
    admin_key: SigningKey,
    pub client_key: SigningKey,
    home: Home,
    master_key: MasterKey,
}

impl TestServer {
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            now_ms: START_MS,
            rate_limit: None,
            master_key: None,
            options: Options::default(),
        }
    }

    pub async fn start() -> Self {
        Self::builder().start().await
    }

    async fn upload(&self, kind: KeyKind, id: &str, key: &SigningKey) {
        let key = KeyIn { id: id.into(), public_key: key.public_pem() };
        let author = Author::server(START_MS);
        self.app.authenticator.upload_keys(kind, vec![key], author).await.unwrap();
    }

    /// A caller without credentials at another server on the same database; `None` where one
    /// server has it for itself. Both go by the same clock.
    pub async fn beside(&self) -> Option<Agent> {
        let store = self.home.open_beside().await?;
        let clock = Arc::new(self.clock.clone());
        let app = App::open(store, clock, self.master_key.clone(), cheap(), Options::default())
            .await
            .unwrap();
        Some(Agent::new(router(app).unwrap(), None))
    }

    /// A caller without credentials.
    #[must_use]
    pub fn stranger(&self) -> Agent {
        Agent::new(self.router.clone(), None)
    }

    /// A caller with any token.
    #[must_use]
    pub fn bearer(&self, token: &str) -> Agent {
        Agent::new(self.router.clone(), Some(token))
    }

    /// A caller with AdministrationAccess.
    #[must_use]
    pub fn admin(&self) -> Agent {
        self.bearer(&self.admin_key.mint(&claims(ADMIN_KEY, "ADMIN")))
    }

    /// A caller with ClientAccess to these instances, who names the first in `x-instance-id`.
    #[must_use]
    pub fn client(&self, instances: &[&str]) -> Agent {
        self.nameless_client(instances).naming(instances[0])
    }

    /// The same, who sends no `x-instance-id`.
    #[must_use]
    pub fn nameless_client(&self, instances: &[&str]) -> Agent {
        self.bearer(&self.client_key.mint(&self.client_claims(instances)))
    }

    /// What the token of a client says.
    #[must_use]
    pub fn client_claims(&self, instances: &[&str]) -> Value {
        let mut claims = claims(CLIENT_KEY, "CLIENT");
        claims["aud"] = json!(instances);
        claims
    }

    /// Moves the clock on.
    pub fn pass(&self, millis: i64) {
        let millis = u64::try_from(millis).unwrap();
        self.clock.advance(std::time::Duration::from_millis(millis));
    }

    /// An instance of an account.
    pub async fn instance(&self, account: &str) -> String {
        let path = "/provisioning/api/v1.1/instances";
        let body = json!({"shortName": format!("{account}-def-inst"), "accountId": account});
        let instance = self.admin().post(path, &body).await.value(201);
        instance["id"].as_str().unwrap().to_owned()
    }

    /// A rate table without a series, in effect, of items without a version.
    pub async fn rates(&self, items: &[(&str, f64)]) {
        let items = items.iter().map(|(name, rate)| json!({"name": name, "rate": rate}));
        let body = json!({
            "effectiveFrom": START_MS, "version": "1", "items": items.collect::<Vec<_>>(),
        });
        self.admin().post("/provisioning/api/v1.1/rate-tables", &body).await.is(201);
    }

    /// A line item of 2026 for the rate tables without a series.
    pub async fn line_item(&self, instance: &str, activation_id: &str, quantity: i64) {
        let path = format!("/provisioning/api/v1.1/instances/{instance}/line-items");
        self.admin().put(&path, &line_item(activation_id, quantity)).await.is(201);
    }

    /// Tokens used of a line item.
    pub async fn used(&self, instance: &str, activation_id: &str) -> f64 {
        let path =
            format!("/provisioning/api/v1.1/instances/{instance}/line-items/{activation_id}");
        self.admin().get(&path).await.value(200)["used"].as_f64().unwrap()
    }

    /// An instance with a line item `L1` of so many tokens, and items `A` for 1 and `B` for 7.
    pub async fn stocked(&self, account: &str, quantity: i64) -> String {
        let instance = self.instance(account).await;
        if self.store_has_no_rates().await {
            self.rates(&[("A", 1.0), ("B", 7.0)]).await;
        }
        self.line_item(&instance, "L1", quantity).await;
        instance
    }

    async fn store_has_no_rates(&self) -> bool {
        self.app.store.rate_tables().await.unwrap().is_empty()
    }
}

fn claims(kid: &str, kty: &str) -> Value {
    json!({
        "exp": START_MS / 1_000 + 3 * 365 * 86_400,
        "cnf": {"jwk": {"kid": kid, "kty": kty}},
    })
}

/// A line item of 2026 for the rate tables without a series.
#[must_use]
pub fn line_item(activation_id: &str, quantity: i64) -> Value {
    json!({
        "activationId": activation_id, "state": "DEPLOYED", "quantity": quantity,
        "start": START_MS, "end": START_MS + 365 * DAY_MS - 1, "attributes": {"elastic": true},
    })
}

/// An access request of one user for items without a version.
#[must_use]
pub fn access(items: &[(&str, f64)]) -> Value {
    let items = items.iter().map(|(item, count)| json!({"item": item, "count": count}));
    json!({
        "requester": {"type": "user", "value": "ada"},
        "requestedItems": items.collect::<Vec<_>>(),
    })
}

/// The same for a session.
#[must_use]
pub fn session_access(items: &[(&str, f64)], rollback_on_deny: bool) -> Value {
    let mut request = access(items);
    request["rollbackOnDeny"] = json!(rollback_on_deny);
    request
}
