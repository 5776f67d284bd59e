//! The keys that sign the site's answers.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use licet_protocol::{SigningKeyIn, SigningKeyOut, SigningKeys};

use super::{
    asked::Asked,
    responses::{ChangeProblems, ReadProblems},
};
use crate::{
    App, Problem,
    extract::JsonBody,
    security::{Authorized, perm},
};

/// List the keys that sign answers, oldest first.
///
/// Those that have expired are not in the list.
#[utoipa::path(
    get,
    path = "/operations/api/v1/signing-keys",
    operation_id = "listSigningKeys",
    tag = "keys",
    responses((status = 200, description = "All keys", body = SigningKeys), ReadProblems),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn list(
    State(app): State<App>,
    _caller: Authorized<perm::Keys>,
) -> Json<SigningKeys> {
    Json(app.signer.keys())
}

/// Make a key that takes over signing.
///
/// It is published at once and signs after a while, so that whoever keeps a copy of the JWKS knows
/// it by then. The keys of the same algorithm before it stay published, so that what they signed
/// can be verified.
#[utoipa::path(
    post,
    path = "/operations/api/v1/signing-keys",
    operation_id = "createSigningKey",
    tag = "keys",
    request_body = SigningKeyIn,
    responses(
        (status = 201, description = "The key", body = SigningKeyOut),
        (status = 409, description = "There are too many keys",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ChangeProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn create(
    State(app): State<App>,
    caller: Authorized<perm::Keys>,
    asked: Asked,
    JsonBody(new): JsonBody<SigningKeyIn>,
) -> Result<(StatusCode, Json<SigningKeyOut>), Problem> {
    let now_ms = app.now_ms();
    // It goes on when the caller hangs up, so that the keys in force are those that are stored.
    let making =
        tokio::spawn(async move { app.signer.create(new, asked.author(&caller, now_ms)).await });
    let key = making.await.map_err(|error| Problem::internal(&error))??;
    Ok((StatusCode::CREATED, Json(key)))
}

/// End a key at once, because somebody else has got hold of it.
///
/// It signs no more and is not published any more: nothing that it signed can be verified. If it
/// was the last one that could sign, a new one does from now on. To replace a key that nobody else
/// has, make a new one.
#[utoipa::path(
    delete,
    path = "/operations/api/v1/signing-keys/{kid}",
    operation_id = "deleteSigningKey",
    tag = "keys",
    params(("kid" = String, Path, description = "Id of the key",
        example = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")),
    responses(
        (status = 204, description = "It has ended"),
        (status = 404, description = "There is no such key",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Other servers change the keys at the same time",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ChangeProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn delete(
    State(app): State<App>,
    caller: Authorized<perm::Keys>,
    asked: Asked,
    Path(kid): Path<String>,
) -> Result<StatusCode, Problem> {
    let now_ms = app.now_ms();
    // It goes on when the caller hangs up: a key that has ended must not stay in force.
    let ending =
        tokio::spawn(async move { app.signer.delete(&kid, asked.author(&caller, now_ms)).await });
    ending.await.map_err(|error| Problem::internal(&error))??;
    Ok(StatusCode::NO_CONTENT)
}
