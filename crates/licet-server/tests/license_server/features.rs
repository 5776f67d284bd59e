//! An instance with features, and clients with tokens of their own.

use serde_json::{Value, json};

pub(crate) use crate::support::DAY_MS;
use crate::{
    office::OPERATIONS,
    site::Site,
    support::{Agent, Answer, START_MS, SigningKey},
};

pub(crate) struct Shop {
    pub(crate) site: Site,
    key: SigningKey,
}

/// A concurrent feature.
pub(crate) fn floating(name: &str, version: &str, count: u64) -> Value {
    json!({ "name": name, "version": version, "model": "CONCURRENT", "count": count })
}

/// Permanent, one copy.
pub(crate) fn line_item(features: &[Value]) -> Value {
    json!({ "state": "DEPLOYED", "start": START_MS, "end": "permanent", "features": features })
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Self { site: Site::open().await, key: SigningKey::new() }
    }

    /// With these features in one line item.
    pub(crate) async fn with(features: &[Value]) -> Self {
        let shop = Self::open().await;
        shop.put("act-1", &line_item(features)).await.is(201);
        shop
    }

    pub(crate) fn line_item_path(&self, activation_id: &str) -> String {
        format!("{OPERATIONS}/instances/{}/feature-line-items/{activation_id}", self.site.instance)
    }

    pub(crate) async fn put(&self, activation_id: &str, line_item: &Value) -> Answer {
        self.site.site_admin().put(&self.line_item_path(activation_id), line_item).await
    }

    /// A path of the instance.
    pub(crate) fn at(&self, path: &str) -> String {
        self.site.at(path)
    }

    /// A client with a token that a licensing key signed.
    pub(crate) async fn client(&self) -> Agent {
        let path = self.at("/rest_licensing_keys?kid=test");
        let upload = self.site.site_admin().call("POST", &path);
        let upload = upload.header("content-type", "application/octet-stream");
        upload.bytes(&self.key.public_der()).await.is(200);
        let claims = json!({
            "sub": "client", "roles": "ROLE_CAPABILITY", "exp": START_MS / 1_000 + 366 * 86_400,
        });
        self.site.as_caller(&format!("Bearer {}", self.key.mint(&claims)))
    }

    /// All that is in use of a feature.
    pub(crate) async fn in_use(&self, name: &str) -> u64 {
        let id = licet_core::InstanceId(self.site.instance.parse().unwrap());
        let query = licet_core::Command::Query(licet_core::Query::Features);
        let reply = self.site.office.server.app.engine.ask(id, query).await.unwrap();
        let licet_core::Reply::Features(features) = reply else { panic!("{reply:?}") };
        features.iter().filter(|it| *it.terms().name == *name).map(|it| it.in_use).sum()
    }
}
