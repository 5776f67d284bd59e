use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, Problem};

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    /// `ok`.
    #[schema(example = "ok")]
    status: &'static str,
    /// Release of the server.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Instances in memory.
    instances_in_memory: usize,
    /// Places of the journal that the reports are behind; only where the store was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    projector_lag: Option<u64>,
}

/// Whether the process runs.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "healthz",
    tag = "service",
    responses((status = 200, description = "The process runs", body = Health))
)]
pub(crate) async fn healthz(State(app): State<App>) -> Json<Health> {
    Json(health(&app, None))
}

/// Whether the server can take work: its store takes writes.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readyz",
    tag = "service",
    responses(
        (status = 200, description = "Send work", body = Health),
        (status = 503, description = "The store takes no writes", body = licet_protocol::Problem,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn readyz(State(app): State<App>) -> Result<Json<Health>, Problem> {
    app.store.ready().await?;
    let lag = app.engine.projector_lag().await?;
    Ok(Json(health(&app, Some(lag))))
}

fn health(app: &App, projector_lag: Option<u64>) -> Health {
    Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        instances_in_memory: app.engine.instances_in_memory(),
        projector_lag,
    }
}
