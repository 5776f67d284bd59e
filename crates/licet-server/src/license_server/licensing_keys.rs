//! Public keys that verify the tokens of the instance's clients.

use axum::{
    Json,
    extract::{FromRequest, Request, State},
    http::StatusCode,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use licet_protocol::{LicensingKeyOut, LicensingKeys, Message, Moment};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{LicenseServer, Operations};
use crate::{
    App, Problem,
    extract::{Params, check_media_type_among, read_body},
    operations::{Asked, ChangeProblems, ReadProblems},
    security::{LicensingKey, perm},
};

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(upload, list, delete)]
}

/// A public key in DER, or in PEM as text.
const MEDIA_TYPES: [&str; 3] = ["application/octet-stream", "application/x-pem-file", "text/plain"];

/// The DER of the key in a body.
struct KeyBody(Vec<u8>);

impl<S: Send + Sync> FromRequest<S> for KeyBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        check_media_type_among(request.headers(), &MEDIA_TYPES)?;
        Ok(Self(LicensingKey::der(&read_body(request, state).await?)?))
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct KidQuery {
    /// Id of the key, as tokens name it in their header.
    #[param(min_length = 1, max_length = 128, pattern = "^[!-~]+$")]
    kid: Option<String>,
}

/// Upload a public key that verifies the tokens of the instance's clients.
///
/// SubjectPublicKeyInfo in DER, or in PEM: RSA of at least 2048 bits, P-256, P-384 or Ed25519. It
/// is in force at once, beside the others that are there; one with the same `kid` is replaced.
/// Without `kid` the key is known by its thumbprint (RFC 7638).
#[utoipa::path(
    post, path = "/rest_licensing_keys", operation_id = "uploadLicensingKey",
    tag = "licensing keys",
    params(KidQuery),
    request_body(
        content((String = "application/octet-stream"), (String = "application/x-pem-file")),
        description = "The public key"
    ),
    responses(
        (status = 200, description = "The key", body = LicensingKeyOut),
        (status = 409, description = "The instance has 16 keys",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ChangeProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn upload(
    State(app): State<App>,
    server: LicenseServer<perm::LicensingKeys>,
    asked: Asked,
    Params(query): Params<KidQuery>,
    KeyBody(der): KeyBody,
) -> Result<Json<LicensingKeyOut>, Problem> {
    let author = asked.author(&server.caller, app.now_ms());
    let id = server.instance.id;
    let key = app.authenticator.upload_licensing_key(id, query.kid, der, author).await?;
    Ok(Json(wire(&key)))
}

/// List the licensing keys of the instance.
#[utoipa::path(
    get, path = "/rest_licensing_keys", operation_id = "listLicensingKeys",
    tag = "licensing keys",
    responses((status = 200, description = "The keys", body = LicensingKeys), ReadProblems),
    security(("bearer" = []), ("basic" = []))
)]
async fn list(
    State(app): State<App>,
    server: LicenseServer<perm::LicensingKeys>,
) -> Json<LicensingKeys> {
    let as_of = Moment(app.now_ms());
    let keys = app.authenticator.licensing_keys(server.instance.id);
    let keys: Vec<_> = keys.iter().map(|key| wire(key)).collect();
    let public_key = keys.first().map(|key| key.public_key.clone());
    Json(LicensingKeys { as_of, public_key, keys })
}

/// Delete a licensing key of the instance, or without `kid` all of them.
///
/// Tokens that they signed count no more. The answer is 410, as clients of licence servers expect.
#[utoipa::path(
    delete, path = "/rest_licensing_keys", operation_id = "deleteLicensingKeys",
    tag = "licensing keys",
    params(KidQuery),
    responses(
        (status = 410, description = "What was to be deleted is gone", body = Message),
        (status = 404, description = "There is no key of that kid",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn delete(
    State(app): State<App>,
    server: LicenseServer<perm::LicensingKeys>,
    asked: Asked,
    Params(query): Params<KidQuery>,
) -> Result<(StatusCode, Json<Message>), Problem> {
    let message = match query.kid {
        Some(_) => "The key is gone",
        None => "All licensing keys of the instance are gone",
    };
    let author = asked.author(&server.caller, app.now_ms());
    app.authenticator.delete_licensing_keys(server.instance.id, query.kid, author).await?;
    Ok((StatusCode::GONE, Json(Message { message: message.into() })))
}

fn wire(key: &LicensingKey) -> LicensingKeyOut {
    LicensingKeyOut {
        public_key: STANDARD.encode(&key.der),
        kid: key.kid.clone(),
        created: Moment(key.created_ms),
    }
}
