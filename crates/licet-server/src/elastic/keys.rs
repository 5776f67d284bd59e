//! Public keys of the producer and of clients.

use axum::{Json, extract::State, response::Response};
use licet_protocol::{KeyOut, KeyPage, KeyType, KeysIn};
use licet_store::{KeyKind, KeyRow};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{Operations, path::KeyAt};
use crate::{
    App, Problem, answer,
    extract::{JsonBody, Params, RequestId},
    security::{Author, Authorized, perm},
};

/// Keys of one page.
const PAGE_SIZE: usize = 100;

pub(super) fn operations() -> Vec<Operations> {
    vec![
        routes!(put_administration_keys),
        routes!(delete_administration_key),
        routes!(put_client_keys),
        routes!(delete_client_key),
        routes!(list_keys),
    ]
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct KeysQuery {
    /// `next` of the page before; left out or 0 for the first.
    #[serde(default)]
    #[param(default = 0)]
    next: u64,
}

/// Adds administration keys, or puts them in place of those with their ids; all or none.
#[utoipa::path(
    put, path = "/administration-keys", operation_id = "producer-admin-key-upload", tag = "keys",
    request_body = KeysIn,
    responses(
        (status = 200, description = "The keys as they are stored, in force", body = KeyPage),
        (status = 409, description = "An id belongs to a client key",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
    ),
)]
async fn put_administration_keys(
    caller: Authorized<perm::Keys>,
    State(app): State<App>,
    request_id: RequestId,
    JsonBody(keys): JsonBody<KeysIn>,
) -> Result<Response, Problem> {
    put(&app, KeyKind::Administration, keys, &caller, &request_id).await
}

/// Adds client keys, or puts them in place of those with their ids; all or none.
#[utoipa::path(
    put, path = "/client-keys", operation_id = "client-key-upload", tag = "keys",
    request_body = KeysIn,
    responses(
        (status = 200, description = "The keys as they are stored, in force", body = KeyPage),
        (status = 409, description = "An id belongs to an administration key",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
    ),
)]
async fn put_client_keys(
    caller: Authorized<perm::Keys>,
    State(app): State<App>,
    request_id: RequestId,
    JsonBody(keys): JsonBody<KeysIn>,
) -> Result<Response, Problem> {
    put(&app, KeyKind::Client, keys, &caller, &request_id).await
}

/// Deletes an administration key.
///
/// Tokens signed with it are refused from now on. The last one stays (403).
#[utoipa::path(
    delete, path = "/administration-keys/{keyId}", operation_id = "delete-producer-admin-key",
    tag = "keys", responses((status = 200, description = "Deleted", body = Object)),
)]
async fn delete_administration_key(
    caller: Authorized<perm::Keys>,
    State(app): State<App>,
    KeyAt(id): KeyAt,
    request_id: RequestId,
) -> Result<Json<Value>, Problem> {
    delete(&app, KeyKind::Administration, &id, &caller, &request_id).await
}

/// Deletes a client key.
///
/// Tokens signed with it are refused from now on.
#[utoipa::path(
    delete, path = "/client-keys/{keyId}", operation_id = "delete-client-key", tag = "keys",
    responses((status = 200, description = "Deleted", body = Object)),
)]
async fn delete_client_key(
    caller: Authorized<perm::Keys>,
    State(app): State<App>,
    KeyAt(id): KeyAt,
    request_id: RequestId,
) -> Result<Json<Value>, Problem> {
    delete(&app, KeyKind::Client, &id, &caller, &request_id).await
}

/// All public keys, page by page.
#[utoipa::path(
    get, path = "/public-keys", operation_id = "get-public-keys", tag = "keys",
    params(KeysQuery),
    responses((status = 200, description = "A page of keys", body = KeyPage)),
)]
async fn list_keys(
    _caller: Authorized<perm::Keys>,
    State(app): State<App>,
    Params(query): Params<KeysQuery>,
) -> Result<Response, Problem> {
    let rows = app.authenticator.keys().await?;
    let start = usize::try_from(query.next).unwrap_or(usize::MAX).min(rows.len());
    let end = rows.len().min(start + PAGE_SIZE);
    let next = if end < rows.len() { end as u64 } else { 0 };
    answer::ok(&KeyPage { keys: rows[start..end].iter().map(key_out).collect(), next })
}

async fn put(
    app: &App,
    kind: KeyKind,
    KeysIn(keys): KeysIn,
    caller: &Authorized<perm::Keys>,
    RequestId(request_id): &RequestId,
) -> Result<Response, Problem> {
    let ids: Vec<String> = keys.iter().map(|key| key.id.to_string()).collect();
    let (authenticator, principal) = (app.authenticator.clone(), caller.principal.clone());
    let (request_id, now_ms) = (request_id.clone(), app.now_ms());
    // It goes on when the caller hangs up, so that the keys in force are those that are stored.
    let uploading = tokio::spawn(async move {
        let author = Author::new(&principal, &request_id, now_ms);
        authenticator.upload_keys(kind, keys, author).await
    });
    uploading.await.map_err(|error| Problem::internal(&error))??;
    let rows = app.authenticator.keys().await?;
    let stored = rows.iter().filter(|row| ids.contains(&row.id));
    answer::ok(&KeyPage { keys: stored.map(key_out).collect(), next: 0 })
}

async fn delete(
    app: &App,
    kind: KeyKind,
    id: &str,
    caller: &Authorized<perm::Keys>,
    RequestId(request_id): &RequestId,
) -> Result<Json<Value>, Problem> {
    let (authenticator, principal) = (app.authenticator.clone(), caller.principal.clone());
    let (id, request_id, now_ms) = (id.to_owned(), request_id.clone(), app.now_ms());
    // It goes on when the caller hangs up: a key that is deleted must not stay in force.
    let deleting = tokio::spawn(async move {
        let author = Author::new(&principal, &request_id, now_ms);
        authenticator.delete_key(kind, &id, author).await
    });
    deleting.await.map_err(|error| Problem::internal(&error))??;
    Ok(Json(json!({})))
}

fn key_out(row: &KeyRow) -> KeyOut {
    KeyOut {
        id: row.id.clone(),
        kind: match row.kind {
            KeyKind::Administration => KeyType::Admin,
            KeyKind::Client => KeyType::Client,
        },
        public_key: row.pem.clone(),
        created: row.created_ms.into(),
        modified: row.modified_ms.into(),
    }
}
