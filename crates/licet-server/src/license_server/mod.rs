//! The licence server door: one instance as a licence server, by its REST API and the Cloud
//! Monetization API.
//!
//! Everything is served under `/api/1.0/instances/{instanceId}`, where `~` is the local instance,
//! and at the bare root `/api/1.0`, which means `~`. Only the first is documented. A handler says
//! in its signature who may call it: [`LicenseServer`] with a permission, [`ServingClient`](serving_client::ServingClient) for
//! access requests, or [`AtInstance`] for what needs no credentials.

mod access_requests;
mod at_instance;
mod authorize;
mod bare_list;
mod caller;
mod clients;
mod configuration;
mod document;
mod features;
mod health;
pub(crate) mod host_ids;
mod hosts;
mod licensing_keys;
mod model;
mod numbered;
mod pools;
mod reservation_groups;
mod rights;
mod serving_client;
mod status;
mod status_messages;
mod users;

pub(crate) use at_instance::AtInstance;
pub(crate) use caller::LicenseServer;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::App;

/// The operations of one path, without base.
type Operations = UtoipaMethodRouter<App>;

/// Where the local instance answers as well.
const ROOT: &str = "/api/1.0";
/// Where every instance answers.
const BASE: &str = "/api/1.0/instances/{instanceId}";

fn operations() -> impl Iterator<Item = Operations> {
    [
        access_requests::operations(),
        authorize::operations(),
        users::operations(),
        licensing_keys::operations(),
        configuration::operations(),
        health::operations(),
        host_ids::operations(),
        rights::operations(),
        status::operations(),
        features::operations(),
        clients::operations(),
        hosts::operations(),
        reservation_groups::operations(),
        model::operations(),
        pools::operations(),
    ]
    .into_iter()
    .flatten()
}

/// All operations, under both roots.
pub(crate) fn router() -> OpenApiRouter<App> {
    let mut router = OpenApiRouter::with_openapi(document::beginning());
    for (schemas, paths, handlers) in operations() {
        for path in paths.paths.keys() {
            router = router.route(&format!("{ROOT}{path}"), handlers.clone());
        }
        router = router.routes((schemas, document::complete(paths), handlers));
    }
    router
}
