//! Line items of features: what an instance is entitled to serve.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequestParts, Path, State},
    http::{StatusCode, request::Parts},
};
use licet_core::{Command, InstanceId, Query, Reply};
use licet_protocol::{
    FeatureLineItemIn, FeatureLineItemOut, FeatureLineItems, Moment, ServerId, limits::TEXT_CHARS,
};
use serde::Deserialize;

use super::responses::{ChangeProblems, ReadProblems};
use crate::{
    App, Problem, answer,
    extract::JsonBody,
    feature_terms::{terms, wire},
    rights,
    security::{Authorized, Principal, perm},
};

/// `{instanceId}`, and `{activationId}` where the path has it.
pub(super) struct LineItemAt {
    instance: InstanceId,
    activation_id: Arc<str>,
}

impl<S: Send + Sync> FromRequestParts<S> for LineItemAt {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Segments {
            instance_id: String,
            #[serde(default)]
            activation_id: String,
        }
        let segments = Path::<Segments>::from_request_parts(parts, state).await;
        let Ok(Path(segments)) = segments else { return Err(Problem::not_found("line item")) };
        // What is no id is the id of nothing.
        let ServerId(id) =
            segments.instance_id.parse().map_err(|_| Problem::not_found("instance"))?;
        Ok(Self { instance: InstanceId(id), activation_id: segments.activation_id.into() })
    }
}

/// List the line items of features of an instance, by activation ID.
#[utoipa::path(
    get,
    path = "/operations/api/v1/instances/{instanceId}/feature-line-items",
    operation_id = "listFeatureLineItems",
    tag = "feature line items",
    params(("instanceId" = String, Path, description = "The UUID, or its short form")),
    responses(
        (status = 200, description = "The line items", body = FeatureLineItems),
        (status = 404, description = "There is no such instance",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Authorized<perm::FeaturesRead>,
    at: LineItemAt,
) -> Result<Json<FeatureLineItems>, Problem> {
    let as_of = Moment(app.now_ms());
    match app.ask(&caller, at.instance, Command::Query(Query::FeatureLineItems)).await? {
        Reply::FeatureLineItems(lines) => {
            Ok(Json(FeatureLineItems { as_of, line_items: lines.iter().map(wire).collect() }))
        }
        _ => Err(answer::unexpected()),
    }
}

/// Show a line item of features.
#[utoipa::path(
    get,
    path = "/operations/api/v1/instances/{instanceId}/feature-line-items/{activationId}",
    operation_id = "getFeatureLineItem",
    tag = "feature line items",
    params(
        ("instanceId" = String, Path, description = "The UUID, or its short form"),
        ("activationId" = String, Path, description = "Key of the line item", example = "act-1"),
    ),
    responses(
        (status = 200, description = "The line item", body = FeatureLineItemOut),
        (status = 404, description = "There is no such line item",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Authorized<perm::FeaturesRead>,
    at: LineItemAt,
) -> Result<Json<FeatureLineItemOut>, Problem> {
    let query = Query::FeatureLineItem(at.activation_id);
    match app.ask(&caller, at.instance, Command::Query(query)).await? {
        Reply::FeatureLineItem(line) => Ok(Json(wire(&line))),
        _ => Err(answer::unexpected()),
    }
}

/// Put a line item of features in place of the one with its activation ID, or add it.
///
/// What is in use stays in use: where less is owned than before, clients keep what they hold until
/// they renew, or their leases end.
#[utoipa::path(
    put,
    path = "/operations/api/v1/instances/{instanceId}/feature-line-items/{activationId}",
    operation_id = "putFeatureLineItem",
    tag = "feature line items",
    params(
        ("instanceId" = String, Path, description = "The UUID, or its short form"),
        ("activationId" = String, Path, description = "Key of the line item", example = "act-1"),
    ),
    request_body = FeatureLineItemIn,
    responses(
        (status = 200, description = "Replaced", body = FeatureLineItemOut),
        (status = 201, description = "Added", body = FeatureLineItemOut),
        (status = 404, description = "There is no such instance",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        (status = 409, description = "The line item is OBSOLETE, which is final; or this is a \
            local licence server, where rights come with signed files",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ChangeProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn put(
    State(app): State<App>,
    caller: Authorized<perm::FeaturesWrite>,
    at: LineItemAt,
    JsonBody(line_item): JsonBody<FeatureLineItemIn>,
) -> Result<(StatusCode, Json<FeatureLineItemOut>), Problem> {
    let chars = at.activation_id.chars();
    if chars.clone().count() > TEXT_CHARS || chars.clone().any(char::is_control) {
        let what = "must have 1 to 256 characters, none of them a control character";
        return Err(Problem::invalid("activationId", what));
    }
    check_kept_here(&app, &caller, at.instance).await?;
    let terms = terms(at.activation_id, line_item)?;
    let by = caller.name.as_str().into();
    let command = Command::PutFeatureLineItem { terms, by };
    match app.ask(&caller, at.instance, command).await? {
        Reply::FeatureLineItemPut { line_item, is_new } => {
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            Ok((status, Json(wire(&line_item))))
        }
        _ => Err(answer::unexpected()),
    }
}

/// Delete an OBSOLETE line item of features.
#[utoipa::path(
    delete,
    path = "/operations/api/v1/instances/{instanceId}/feature-line-items/{activationId}",
    operation_id = "deleteFeatureLineItem",
    tag = "feature line items",
    params(
        ("instanceId" = String, Path, description = "The UUID, or its short form"),
        ("activationId" = String, Path, description = "Key of the line item", example = "act-1"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such line item",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        (status = 409, description = "The line item is not OBSOLETE; or this is a local licence \
            server, where rights come with signed files",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn delete(
    State(app): State<App>,
    caller: Authorized<perm::FeaturesWrite>,
    at: LineItemAt,
) -> Result<StatusCode, Problem> {
    check_kept_here(&app, &caller, at.instance).await?;
    let (activation_id, by) = (at.activation_id, caller.name.as_str().into());
    app.ask(&caller, at.instance, Command::DeleteFeatureLineItem { activation_id, by }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// On a local licence server line items come with signed rights alone.
async fn check_kept_here(app: &App, caller: &Principal, id: InstanceId) -> Result<(), Problem> {
    app.instance(caller, id).await?;
    match app.local_instance.is_alone() {
        true => Err(rights::comes_from_documents()),
        false => Ok(()),
    }
}
