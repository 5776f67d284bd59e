//! Instances, as the operations show them.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use licet_protocol::{AdminPassword, InstanceDetail, Millis, ServerId};

use super::{
    asked::Asked,
    body::SmallBody,
    responses::{ChangeProblems, ReadProblems},
};
use crate::{
    App, Problem,
    security::{Authorized, InstanceUserChange, perm},
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

/// Set the password of the built-in user `admin` of an instance's licence server.
///
/// Until this was done once, that user cannot log in. All its tokens end.
#[utoipa::path(
    put,
    path = "/operations/api/v1/instances/{instanceId}/admin-password",
    operation_id = "setInstanceAdminPassword",
    tag = "instances",
    params(("instanceId" = String, Path, description = "The UUID, or its short form",
        example = "0d6f0a3e-6b0f-4f0e-9a43-5f3f0d0b8c11")),
    request_body = AdminPassword,
    responses(
        (status = 204, description = "The password is in force"),
        (status = 404, description = "There is no such instance",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ChangeProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn set_admin_password(
    State(app): State<App>,
    caller: Authorized<perm::UsersWrite>,
    Path(id): Path<String>,
    asked: Asked,
    SmallBody(request): SmallBody<AdminPassword>,
) -> Result<StatusCode, Problem> {
    let id: ServerId = id.parse().map_err(|_| Problem::not_found("instance"))?;
    let row = app.instance(&caller, id.0.into()).await?;
    let password = Some(request.password.reveal().to_owned());
    let change = InstanceUserChange { password, ..InstanceUserChange::default() };
    let author = asked.author(&caller, app.now_ms());
    app.authenticator.update_instance_user(row.id, "admin", change, author).await?;
    Ok(StatusCode::NO_CONTENT)
}
