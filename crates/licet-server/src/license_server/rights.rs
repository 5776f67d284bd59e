//! Rights that come as a signed file from the hosted server.

use axum::{Json, extract::State};
use licet_protocol::{RightsImportIn, RightsImported};
use utoipa_axum::routes;

use super::{LicenseServer, Operations};
use crate::{
    App, Problem,
    extract::JsonBody,
    operations::{Asked, ChangeProblems},
    rights,
    security::perm,
};

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(import)]
}

/// Take signed rights, at a local licence server.
///
/// The document comes from `rights-export` of the hosted instance. Its line items are put, and
/// those that it has no more become obsolete; what clients hold stays theirs until they renew, or
/// their leases end. The same document may come again, an older one is refused.
#[utoipa::path(
    post, path = "/rights", operation_id = "importRights", tag = "license server",
    request_body = RightsImportIn,
    responses(
        (status = 200, description = "What is served from now on", body = RightsImported),
        (status = 409, description = "The document is for another server, of another instance, \
            over or older than the last one; or this is no local licence server",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ChangeProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn import(
    State(app): State<App>,
    server: LicenseServer<perm::Offline>,
    asked: Asked,
    JsonBody(rights): JsonBody<RightsImportIn>,
) -> Result<Json<RightsImported>, Problem> {
    let now_ms = app.now_ms();
    // It goes on when the caller hangs up, so that not half of the document is in force.
    let importing = tokio::spawn(async move {
        let author = asked.author(&server.caller, now_ms);
        rights::import(&app, &server.instance, &rights.document, author).await
    });
    importing.await.map_err(|error| Problem::internal(&error))?.map(Json)
}
