//! A site with one instance and people at its licence server.

use licet_protocol::ServerId;
use serde_json::{Value, json};

use crate::{
    office::{OPERATIONS, Office},
    support::{Agent, Answer},
};

pub(crate) const PASSWORD: &str = "Orange-Tree-7";
pub(crate) const OTHER_PASSWORD: &str = "Purple+Tree+8";

/// An office whose customer NORTHWIND has an instance, where `admin` has [`PASSWORD`].
pub(crate) struct Site {
    pub(crate) office: Office,
    pub(crate) instance: String,
    /// Of the administrator of the site.
    admin: String,
}

impl Site {
    pub(crate) async fn open() -> Self {
        let office = Office::open().await;
        let instance = office.instance("main", "NORTHWIND").await;
        let admin = office.admin().await;
        let site = Self { office, instance, admin };
        site.set_admin_password(&site.instance, PASSWORD).await.is(204);
        site
    }

    pub(crate) async fn set_admin_password(&self, instance: &str, password: &str) -> Answer {
        let path = format!("{OPERATIONS}/instances/{instance}/admin-password");
        self.site_admin().put(&path, &json!({ "password": password })).await
    }

    /// The administrator of the site.
    pub(crate) fn site_admin(&self) -> Agent {
        self.as_caller(&self.admin)
    }

    /// Whoever sends this `Authorization` header.
    pub(crate) fn as_caller(&self, credentials: &str) -> Agent {
        self.office.server.stranger().with("authorization", credentials)
    }

    /// A path of the instance.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("/api/1.0/instances/{}{path}", self.instance)
    }

    pub(crate) fn server_id(&self) -> String {
        ServerId(self.instance.parse().unwrap()).to_string()
    }

    pub(crate) async fn try_log_in_at(&self, at: &str, user: &str, password: &str) -> Answer {
        let body = json!({ "user": user, "password": password });
        self.office.server.stranger().post(&format!("/api/1.0{at}/authorize"), &body).await
    }

    pub(crate) async fn try_log_in(&self, user: &str, password: &str) -> Answer {
        self.try_log_in_at(&format!("/instances/{}", self.instance), user, password).await
    }

    /// A user of the instance who has logged in.
    pub(crate) async fn log_in(&self, user: &str, password: &str) -> Agent {
        let token = self.try_log_in(user, password).await.value(200);
        self.office.server.bearer(token["token"].as_str().unwrap())
    }

    pub(crate) async fn admin(&self) -> Agent {
        self.log_in("admin", PASSWORD).await
    }

    /// Makes a user with these roles and logs it in.
    pub(crate) async fn user(&self, name: &str, roles: &[&str]) -> Agent {
        let body = json!({ "user": name, "password": PASSWORD, "roles": roles });
        self.site_admin().post(&self.at("/users"), &body).await.is(201);
        self.log_in(name, PASSWORD).await
    }

    pub(crate) async fn set_producer_user(&self, body: Value) -> Answer {
        let path = format!("{OPERATIONS}/settings/producer-user");
        self.site_admin().put(&path, &body).await
    }

    /// The producer, after it was enabled.
    pub(crate) async fn producer(&self) -> Agent {
        self.set_producer_user(json!({ "enabled": true, "password": PASSWORD })).await.is(200);
        self.log_in("producer", PASSWORD).await
    }

    /// Changes settings of the instance as the administrator of the site.
    pub(crate) async fn set(&self, values: Value) -> Answer {
        self.site_admin().put(&self.at("/configuration"), &values).await
    }

    /// The actions in the audit log, newest first.
    pub(crate) async fn audit(&self) -> Vec<Value> {
        let path = format!("{OPERATIONS}/audit?limit=1000");
        let page = self.site_admin().get(&path).await.value(200);
        page["entries"].as_array().unwrap().clone()
    }
}
