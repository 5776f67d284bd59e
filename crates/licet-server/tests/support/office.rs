//! People at a [`TestServer`]: users that log in, and callers named by their `Authorization`
//! header.

#![allow(dead_code, unreachable_pub, reason = "each suite uses its part")]

use base64::{Engine, engine::general_purpose::STANDARD};
use licet_server::security::Role;
use serde_json::{Value, json};

use crate::support::{Answer, START_MS, TestServer};

pub const PASSWORD: &str = "correct horse battery staple";
pub const OPERATIONS: &str = "/operations/api/v1";

pub struct Office {
    pub server: TestServer,
}

impl Office {
    /// With the user `admin`.
    pub async fn open() -> Self {
        let server = TestServer::start().await;
        let password = Some(PASSWORD.to_owned());
        server.app.authenticator.ensure_admin(password, START_MS).await.unwrap();
        Self { server }
    }

    /// Sends a request. `credentials` is the whole `Authorization` header, or empty.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        credentials: &str,
        body: Option<Value>,
    ) -> Answer {
        let mut call = self.server.stranger().call(method, path).header("x-request-id", "r-1");
        if !credentials.is_empty() {
            call = call.header("authorization", credentials);
        }
        match body {
            Some(body) => call.json(&body).await,
            None => call.await,
        }
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
        let answer = self.try_log_in(user, PASSWORD).await.value(200);
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
        self.send("POST", &path, &admin, Some(body)).await.is(201);
        self.log_in(&name).await
    }

    pub async fn instance(&self, short_name: &str, account_id: &str) -> String {
        let body = json!({ "shortName": short_name, "accountId": account_id });
        let path = "/provisioning/api/v1.1/instances";
        let answer = self.send("POST", path, &self.admin().await, Some(body)).await.value(201);
        answer["id"].as_str().unwrap().to_owned()
    }
}

pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// The body as text.
pub fn text(answer: &Answer) -> &str {
    std::str::from_utf8(&answer.body).unwrap()
}
