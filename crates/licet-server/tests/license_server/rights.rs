//! Rights that are signed for a local licence server, by the clock and in the books.

use std::sync::Arc;

use licet_engine::ManualClock;
use licet_protocol::{JwkSet, ServerId};
use licet_server::{Code, Problem, Server, ServerOptions, security::MasterKey};
use licet_store::{AuditRow, InstanceRow, Store, sqlite::SqliteStore};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    features::{DAY_MS, Shop, floating},
    office::OPERATIONS,
    support::START_MS,
};

const LOCAL: Uuid = Uuid::from_u128(8);

/// A local server at whose clock we are.
struct Local {
    server: Server,
    clock: ManualClock,
    _directory: tempfile::TempDir,
}

impl Local {
    async fn trusting(keys: JwkSet) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = SqliteStore::open(directory.path()).unwrap();
        let row = InstanceRow {
            id: LOCAL,
            short_name: "local".into(),
            account_id: "LOCAL".into(),
            is_default: true,
            created_ms: START_MS,
            modified_ms: START_MS,
        };
        store.create_instance(row, AuditRow::default()).await.unwrap();
        let options = ServerOptions {
            listen: ([127, 0, 0, 1], 0).into(),
            admin_password: Some("a long enough password".to_owned()),
            local_instance: Some(LOCAL.into()),
            ..ServerOptions::default()
        };
        let clock = ManualClock::at(START_MS);
        let master_key = MasterKey::random().unwrap();
        let time = Arc::new(clock.clone());
        let server = Server::start(store, time, master_key, options).await.unwrap();
        server.trust_rights(keys).await.unwrap();
        Self { server, clock, _directory: directory }
    }

    async fn import(&self, document: &str) -> Result<usize, Problem> {
        self.server.import_rights(document).await.map(|imported| imported.line_items)
    }
}

async fn keys(shop: &Shop) -> JwkSet {
    let jwks = shop.site.site_admin().get("/.well-known/jwks.json").await.value(200);
    serde_json::from_value(jwks).unwrap()
}

fn export_path(shop: &Shop) -> String {
    format!("{OPERATIONS}/instances/{}/rights-export", shop.site.instance)
}

/// For the local server, with whatever else is asked for.
async fn export(shop: &Shop, more: Value) -> Value {
    let mut body = json!({
        "hostId": { "type": "string", "value": ServerId(LOCAL).to_string() },
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    shop.site.site_admin().post(&export_path(shop), &body).await.value(200)
}

#[tokio::test]
async fn rights_can_be_imported_until_they_expire_and_stay_then() {
    let shop = Shop::with(&[floating("render", "2.0", 5)]).await;
    let expires = START_MS + DAY_MS;
    let [first, second] = [
        export(&shop, json!({ "expires": expires })).await,
        export(&shop, json!({ "expires": expires })).await,
    ];
    let [first, second] = [&first, &second].map(|it| it["document"].as_str().unwrap());
    let local = Local::trusting(keys(&shop).await).await;
    local.clock.set(expires - 1);
    assert_eq!(local.import(first).await, Ok(1));
    local.clock.set(expires);
    let problem = local.import(second).await.unwrap_err();
    assert_eq!(problem.code(), Code::RightsNotApplicable);
    assert!(problem.detail().contains("2026-01-02T00:00:00"), "{problem}");
    // What was imported in time may come again, such as at the next start.
    assert_eq!(local.import(first).await, Ok(1));
    let refused = json!({ "hostId": { "value": "h" }, "expires": START_MS });
    let detail = shop.site.site_admin().post(&export_path(&shop), &refused).await;
    let detail = detail.problem(400, "validation_failed");
    assert!(detail.contains("$.expires"), "{detail}");
}

#[tokio::test]
async fn numbers_grow_and_each_export_is_in_the_audit_log() {
    let shop = Shop::with(&[floating("render", "2.0", 5)]).await;
    let first = export(&shop, json!({})).await;
    let second = export(&shop, json!({})).await;
    // At one and the same moment.
    assert_eq!(first["generation"], START_MS);
    assert_eq!(second["generation"], START_MS + 1);
    shop.site.office.server.pass(DAY_MS);
    assert_eq!(export(&shop, json!({})).await["generation"], START_MS + DAY_MS);
    let entries = shop.site.audit().await;
    let exports: Vec<&Value> =
        entries.iter().filter(|entry| entry["action"] == "rights.export").collect();
    assert_eq!(exports.len(), 3);
    assert!(exports[0].to_string().contains("hostId"), "{}", exports[0]);
    let settings = shop.site.admin().await.get(&shop.at("/configuration")).await.value(200);
    assert!(!settings.to_string().contains("rights."), "{settings}");
}

#[tokio::test]
async fn only_who_may_put_line_items_may_give_rights_away() {
    let shop = Shop::with(&[floating("render", "2.0", 5)]).await;
    let client = shop.site.office.server.nameless_client(&[&shop.site.instance]);
    let body = json!({ "hostId": { "value": "h" } });
    client.post(&export_path(&shop), &body).await.problem(403, "permission_denied");
    let elsewhere = format!("{OPERATIONS}/instances/{}/rights-export", Uuid::from_u128(9));
    shop.site.site_admin().post(&elsewhere, &body).await.problem(404, "not_found");
}

#[tokio::test]
async fn rs256_rights_are_taken_as_well() {
    let shop = Shop::with(&[floating("render", "2.0", 5)]).await;
    shop.site.set(json!({ "licensing.signing.algorithm": "RS256" })).await.is(200);
    let rights = export(&shop, json!({})).await;
    let local = Local::trusting(keys(&shop).await).await;
    assert_eq!(local.import(rights["document"].as_str().unwrap()).await, Ok(1));
}
