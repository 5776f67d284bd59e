//! Instances, as the operations show them.

use axum::{
    Json,
    extract::{Path, State},
};
use licet_protocol::{InstanceDetail, Millis, ServerId};

use super::responses::ReadProblems;
use crate::{
    App, Problem,
    security::{Authorized, perm},
};

/// Show an instance with its server id.
#[utoipa::path(
    get,
    path = "/operations/api/v1/instances/{instanceId}",
    operation_id = "getInstanceDetail",
    tag = "instances",
    params(("instanceId" = String, Path, description = "The UUID, or its short form",
        example = "0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11")),
    responses(
        (status = 200, description = "The instance", body = InstanceDetail),
        (status = 404, description = "There is no such instance",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Authorized<perm::InstancesRead>,
    Path(id): Path<String>,
) -> Result<Json<InstanceDetail>, Problem> {
    // What is no id is the id of nothing.
    let id: ServerId = id.parse().map_err(|_| Problem::not_found("instance"))?;
    let row = app.instance(&caller, id.0.into()).await?;
    Ok(Json(InstanceDetail {
        id: row.id,
        server_id: ServerId(row.id).to_string(),
        short_name: row.short_name.clone(),
        account_id: row.account_id.clone(),
        default: row.is_default,
        created: Millis(row.created_ms),
        modified: Millis(row.modified_ms),
    }))
}
