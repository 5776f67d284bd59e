//! A server in process, asked as a router, with a clock that is set by hand.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    signature::{Ed25519KeyPair, KeyPair},
};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Request},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use licet_engine::{ManualClock, Options};
use licet_server::{
    App,
    security::{HashCost, Role, SecurityOptions},
};
use licet_store::sqlite::SqliteStore;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

/// 2026-01-01T00:00:00Z
pub const T0: i64 = 1_767_225_600_000;
pub const HOUR_MS: i64 = 3_600_000;
pub const DAY_MS: i64 = 24 * HOUR_MS;
pub const PASSWORD: &str = "correct horse battery staple";
pub const OPERATIONS: &str = "/operations/api/v1";

pub struct Office {
    pub clock: ManualClock,
    pub app: App,
    router: Router,
    _directory: TempDir,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

impl Office {
    /// With the user `admin`.
    pub async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        let clock = ManualClock::at(T0);
        let hash_cost = HashCost { memory_kib: 64, passes: 1 };
        let security = SecurityOptions { hash_cost, ..SecurityOptions::default() };
        let shared_clock = Arc::new(clock.clone());
        let app = App::open(store, shared_clock, security, Options::default()).await.unwrap();
        app.authenticator.ensure_admin(Some(PASSWORD.to_owned()), T0).await.unwrap();
        let router = licet_server::router(app.clone()).unwrap();
        Self { clock, app, router, _directory: directory }
    }

    pub fn advance_ms(&self, by_ms: i64) {
        self.clock.advance(Duration::from_millis(by_ms.unsigned_abs()));
    }

    /// Sends a request. `credentials` is the whole `Authorization` header, or empty.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        credentials: &str,
        body: Option<Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("x-request-id", "r-1");
        if !credentials.is_empty() {
            request = request.header("authorization", credentials);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let peer: SocketAddr = ([192, 0, 2, 7], 4711).into();
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = request.extension(ConnectInfo(peer)).body(body).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str, credentials: &str) -> Answer {
        self.send("GET", path, credentials, None).await
    }

    pub async fn try_log_in(&self, user: &str, password: &str) -> Answer {
        let body = json!({ "user": user, "password": password });
        self.send("POST", &format!("{OPERATIONS}/authorize"), "", Some(body)).await
    }

    /// The `Authorization` header of a user.
    pub async fn log_in(&self, user: &str) -> String {
        let answer = self.try_log_in(user, PASSWORD).await.expect(200).json();
        format!("Bearer {}", answer["token"].as_str().unwrap())
    }

    pub async fn admin(&self) -> String {
        self.log_in("admin").await
    }

    /// Makes a user named as its role, and logs it in.
    pub async fn user(&self, role: Role, account_id: Option<&str>) -> String {
        let admin = self.admin().await;
        let name = role.as_str().to_lowercase();
        let mut body = json!({ "user": name, "password": PASSWORD, "role": role.as_str() });
        if let Some(account_id) = account_id {
            body["accountId"] = json!(account_id);
        }
        let path = format!("{OPERATIONS}/users");
        self.send("POST", &path, &admin, Some(body)).await.expect(201);
        self.log_in(&name).await
    }

    pub async fn instance(&self, short_name: &str, account_id: &str) -> String {
        let body = json!({ "shortName": short_name, "accountId": account_id });
        let path = "/provisioning/api/v1.1/instances";
        let answer = self.send("POST", path, &self.admin().await, Some(body)).await.expect(201);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Uploads a client key and gives the `Authorization` header of a token for the instance.
    pub async fn client_key(&self, instance_id: &str) -> String {
        let pair = Ed25519KeyPair::generate().unwrap();
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let der = STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n");
        let body = json!([{ "id": "client-1", "publicKey": pem }]);
        let path = "/api/v1.1/client-keys";
        self.send("PUT", path, &self.admin().await, Some(body)).await.expect(200);
        let claims = json!({
            "iss": "https://issuer.example", "iat": T0 / 1000, "exp": T0 / 1000 + 3600,
            "aud": [instance_id], "cnf": { "jwk": { "kid": "client-1", "kty": "CLIENT" } },
        });
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(json!({ "alg": "EdDSA" })), encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes()));
        format!("Bearer {signed}.{signature}")
    }
}

pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
