//! The rights of an instance, signed for a local licence server.

use axum::{
    Json,
    extract::{Path, State},
};
use licet_core::InstanceId;
use licet_protocol::{RightsExportIn, RightsExportOut, ServerId};

use super::{asked::Asked, body::SmallBody, responses::ChangeProblems};
use crate::{
    App, Problem, rights,
    security::{Authorized, perm},
};

/// Sign what an instance is entitled to serve, for a local licence server.
///
/// The document has all line items of features that are not obsolete, and the keys that verify the
/// next one. It is for one host; who exports the rights for two hosts gives them away twice.
#[utoipa::path(
    post,
    path = "/operations/api/v1/instances/{instanceId}/rights-export",
    operation_id = "exportRights",
    tag = "feature line items",
    params(("instanceId" = String, Path, description = "The UUID, or its short form")),
    request_body = RightsExportIn,
    responses(
        (status = 200, description = "The signed rights", body = RightsExportOut),
        (status = 404, description = "There is no such instance",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        (status = 409, description = "There are more rights than one document takes",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ChangeProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn export(
    State(app): State<App>,
    caller: Authorized<perm::FeaturesWrite>,
    Path(id): Path<String>,
    asked: Asked,
    SmallBody(wanted): SmallBody<RightsExportIn>,
) -> Result<Json<RightsExportOut>, Problem> {
    // What is no id is the id of nothing.
    let ServerId(id) = id.parse().map_err(|_| Problem::not_found("instance"))?;
    let author = asked.author(&caller, app.now_ms());
    rights::export(&app, &caller, InstanceId(id), &wanted, author).await.map(Json)
}
