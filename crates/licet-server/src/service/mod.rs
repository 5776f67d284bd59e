//! The service door: is it alive, is it ready, what does it do, what verifies its signatures, and
//! what is its contract.

mod docs;
mod health;
mod jwks;
mod metrics;
mod observe;

use axum::Router;
pub(crate) use docs::{contract, pages};
pub(crate) use metrics::Metrics;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

/// Health, readiness, metrics, and the public keys of signed answers.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::render))
        .routes(routes!(jwks::jwks))
}

/// Gives every request an id, and counts and logs what became of it.
pub(crate) fn observed(router: Router, metrics: Metrics) -> Router {
    router.layer(observe::ObserveLayer(metrics))
}
