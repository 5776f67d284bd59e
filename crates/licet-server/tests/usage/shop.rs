//! A known story: two customers, two prices, a split, refusals, a session with a refund.

use serde_json::{Value, json};

use crate::{
    office::{Office, text},
    support::{DAY_MS, HOUR_MS, START_MS},
};

pub struct Shop {
    pub office: Office,
    /// Instance of `NORTHWIND` with the line items `L1` (10 tokens, ends first) and `L2` (100).
    pub northwind: String,
    /// Instance of `OTHER` with the line item `O1` (5 tokens).
    pub other: String,
}

/// Everything has happened; it is 2026-01-02T00:31:00Z.
pub async fn open() -> Shop {
    let office = Office::open().await;
    let northwind = office.instance("main", "NORTHWIND").await;
    let other = office.instance("main", "OTHER").await;
    let shop = Shop { office, northwind, other };
    shop.price().await;
    shop.put_line_item(&shop.northwind, "L1", 10, None).await;
    shop.put_line_item(&shop.northwind, "L2", 100, None).await;
    shop.put_line_item(&shop.other, "O1", 5, None).await;

    shop.access(&shop.northwind, "ada", "editor", 2).await;
    shop.office.server.pass(60_000);
    shop.access(&shop.northwind, "grace", "editor", 2).await;
    shop.office.server.pass(HOUR_MS - 60_000);
    let mut viewer = request("ada", "viewer", 3);
    viewer["requestedItems"][0]["metaData"] = json!({ "project": "=X, \"1\"" });
    shop.ask(&shop.northwind, viewer).await;
    shop.access(&shop.northwind, "=cmd", "ghost", 1).await;
    shop.office.server.pass(DAY_MS - HOUR_MS);
    shop.access(&shop.northwind, "grace", "editor", 100).await;
    shop.session().await;
    shop.office.server.pass(60_000);
    shop.access(&shop.other, "bob", "viewer", 1).await;
    shop
}

fn request(consumer: &str, item: &str, count: u32) -> Value {
    json!({
        "requester": { "type": "user", "value": consumer },
        "requestedItems": [{ "item": item, "version": "1.0", "count": count }],
    })
}

impl Shop {
    async fn price(&self) {
        let body = json!({
            "effectiveFrom": START_MS - DAY_MS, "series": "", "version": "1",
            "items": [
                { "name": "editor", "version": "1.0", "rate": 3 },
                { "name": "viewer", "version": "1.0", "rate": 0.5 },
            ],
        });
        let path = "/provisioning/api/v1.1/rate-tables";
        let admin = self.office.admin().await;
        self.office.send("POST", path, &admin, Some(body)).await.is(201);
    }

    pub async fn put_line_item(
        &self,
        instance_id: &str,
        activation_id: &str,
        quantity: u32,
        overdraft: Option<u32>,
    ) {
        // The smaller one ends first, so it is drained first.
        let end = START_MS + i64::from(quantity) * 10 * DAY_MS;
        let mut body = json!({
            "activationId": activation_id, "state": "DEPLOYED", "quantity": quantity,
            "start": START_MS - DAY_MS, "end": end, "attributes": { "elastic": true },
        });
        if let Some(limit) = overdraft {
            body["attributes"]["overdraftType"] = json!("Number");
            body["attributes"]["overdraftLimit"] = json!(limit);
        }
        let path = format!("/provisioning/api/v1.1/instances/{instance_id}/line-items");
        let admin = self.office.admin().await;
        let answer = self.office.send("PUT", &path, &admin, Some(body)).await;
        assert!(answer.status < 300, "{}", text(&answer));
    }

    pub async fn access(&self, instance_id: &str, consumer: &str, item: &str, count: u32) {
        self.ask(instance_id, request(consumer, item, count)).await;
    }

    async fn ask(&self, instance_id: &str, body: Value) {
        let path = format!("/elastic/api/v1.1/instances/{instance_id}/access-request");
        let admin = self.office.admin().await;
        self.office.send("POST", &path, &admin, Some(body)).await.is(200);
    }

    /// Two editors for an hour, given back after half of it.
    async fn session(&self) {
        let admin = self.office.admin().await;
        let body = json!({ "instanceId": self.northwind });
        let opened = self.office.send("POST", "/api/v1.1/sessions", &admin, Some(body)).await;
        let id = opened.value(200)["sessionId"].as_str().unwrap().to_owned();
        let path = format!("/api/v1.1/sessions/{id}?instanceId={}", self.northwind);
        let mut body = request("ada", "editor", 2);
        body["rollbackOnDeny"] = json!(true);
        self.office.send("PUT", &path, &admin, Some(body.clone())).await.is(200);
        self.office.server.pass(HOUR_MS / 2);
        body["requestedItems"] = json!([]);
        self.office.send("PUT", &path, &admin, Some(body)).await.is(200);
    }
}
