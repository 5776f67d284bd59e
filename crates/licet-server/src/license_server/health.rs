//! How the server of the instance is, for whoever asks.

use axum::{Json, extract::State, http::StatusCode};
use licet_core::InstanceId;
use licet_protocol::{
    DatabaseHealth, LicenseServerHealth, LicenseServerVersion, ServerHealth, ServerId,
};
use utoipa_axum::routes;

use super::{AtInstance, Operations, status};
use crate::{App, Problem, disk};

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(health), routes!(version)]
}

/// Release of the server.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How the server of the instance is. It needs no credentials.
#[utoipa::path(
    get, path = "/health", operation_id = "getLicenseServerHealth", tag = "license server",
    responses(
        (status = 200, description = "It serves", body = LicenseServerHealth),
        (status = 503, description = "The store takes no writes", body = LicenseServerHealth),
        (status = 404, description = "There is no such instance, or no local one",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
    ),
    security(())
)]
async fn health(
    State(app): State<App>,
    instance: AtInstance,
) -> (StatusCode, Json<LicenseServerHealth>) {
    let policies = app.instance_settings.load().of(instance.id);
    let is_ready = app.store.ready().await.is_ok();
    let is_suspended = app.engine.site().policies_of(InstanceId(instance.id)).is_suspended;
    let server = ServerHealth {
        version: VERSION.to_owned(),
        server_instance_id: ServerId(instance.id).to_string(),
        database: DatabaseHealth {
            connection_check: if is_ready { "success" } else { "failure" }.to_owned(),
        },
        security: enabled(true),
        http_auth: enabled(policies.plain_http),
        licensing_security_json: enabled(policies.json_security),
        diskspace: disk::space(app.store.directory()).await.as_str().to_owned(),
        state: status::name(is_suspended).to_owned(),
    };
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(LicenseServerHealth { server }))
}

fn enabled(is_enabled: bool) -> String {
    if is_enabled { "enabled" } else { "disabled" }.to_owned()
}

/// The release of the server. It needs no credentials.
#[utoipa::path(
    get, path = "/version", operation_id = "getLicenseServerVersion", tag = "license server",
    responses(
        (status = 200, description = "The release", body = LicenseServerVersion),
        (status = 404, description = "There is no such instance, or no local one",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
    ),
    security(())
)]
async fn version(_instance: AtInstance) -> Result<Json<LicenseServerVersion>, Problem> {
    Ok(Json(LicenseServerVersion { name: "licet".to_owned(), version: VERSION.to_owned() }))
}
