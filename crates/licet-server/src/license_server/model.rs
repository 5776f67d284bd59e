//! The model definition of the instance, which divides features among named pools.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequest, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use licet_core::{Command, ModelView, Query, Reply};
use licet_protocol::{ModelIn, ModelOut, Moment};
use utoipa_axum::routes;

use super::{LicenseServer, Operations};
use crate::{
    App, Problem,
    answer::unexpected,
    extract::{check_media_type_among, media_type, read_body},
    operations::{ChangeProblems, ReadProblems},
    security::perm,
};

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(get, put, post, delete)]
}

const TEXT: &str = "text/plain";
const JSON: &str = "application/json";

/// The text of a model in a body.
struct ModelBody(Arc<str>);

impl<S: Send + Sync> FromRequest<S> for ModelBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        check_media_type_among(request.headers(), &[TEXT, JSON])?;
        let media_type = media_type(request.headers()).unwrap_or_default();
        let is_json = media_type.eq_ignore_ascii_case(JSON.as_bytes());
        let body = read_body(request, state).await?;
        if is_json {
            let ModelIn { text } = licet_protocol::parse(&body)?;
            return Ok(Self(text.into()));
        }
        Ok(Self(utf8(&body)?.into()))
    }
}

/// # Errors
/// 400 `validation_failed`, naming the line.
fn utf8(body: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(body).map_err(|error| {
        let before = &body[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let what = "there are bytes that are not UTF-8; save the model as UTF-8";
        Problem::invalid(&format!("line {line}"), what)
    })
}

/// Show the model in effect; with `Accept: text/plain` just its text.
#[utoipa::path(
    get, path = "/model", operation_id = "getModel", tag = "named pools",
    responses(
        (status = 200, description = "The model",
            content((ModelOut = "application/json"), (String = "text/plain"))),
        (status = 404, description = "No model is in effect",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn get(
    State(app): State<App>,
    server: LicenseServer<perm::ModelsRead>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let as_of_ms = app.now_ms();
    let model = match server.ask(&app, Command::Query(Query::Model)).await? {
        Reply::Model(Some(model)) => model,
        Reply::Model(None) => return Err(licet_core::Refusal::NoModel.into()),
        _ => return Err(unexpected()),
    };
    if wants_text(&headers) {
        let media_type = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
        return Ok(([media_type], model.text.to_string()).into_response());
    }
    Ok(Json(wire(&model, as_of_ms)).into_response())
}

/// Whether text is accepted, and named before JSON.
fn wants_text(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().flat_map(|value| {
        value
            .as_bytes()
            .split(|byte| *byte == b',')
            .map(|range| range.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii())
    });
    let is = |range: &[u8], media_type: &str| range.eq_ignore_ascii_case(media_type.as_bytes());
    let mut named = accepted.filter(|range| is(range, TEXT) || is(range, JSON));
    named.next().is_some_and(|first| is(first, TEXT))
}

/// Put a model into effect, in place of the one before.
///
/// Features are divided among its pools at once. What is in use stays charged to its pool until it
/// comes home, also where the model does not define that pool any more. Every mistake of the text is
/// told with its line and column, and nothing is changed. Putting the same model again divides
/// anew, so that features that have started since are divided too.
#[utoipa::path(
    put, path = "/model", operation_id = "putModel", tag = "named pools",
    request_body(
        content((String = "text/plain"), (ModelIn = "application/json")),
        description = "The model in the model definition language"
    ),
    responses(
        (status = 200, description = "The model in effect", body = ModelOut),
        ChangeProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn put(
    State(app): State<App>,
    server: LicenseServer<perm::ModelsWrite>,
    ModelBody(text): ModelBody,
) -> Result<Json<ModelOut>, Problem> {
    change(&app, &server, text).await
}

/// Put a model into effect, as PUT does.
#[utoipa::path(
    post, path = "/model", operation_id = "postModel", tag = "named pools",
    request_body(
        content((String = "text/plain"), (ModelIn = "application/json")),
        description = "The model in the model definition language"
    ),
    responses(
        (status = 200, description = "The model in effect", body = ModelOut),
        ChangeProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn post(
    State(app): State<App>,
    server: LicenseServer<perm::ModelsWrite>,
    ModelBody(text): ModelBody,
) -> Result<Json<ModelOut>, Problem> {
    change(&app, &server, text).await
}

async fn change(
    app: &App,
    server: &LicenseServer<perm::ModelsWrite>,
    text: Arc<str>,
) -> Result<Json<ModelOut>, Problem> {
    let as_of_ms = app.now_ms();
    match server.ask(app, Command::PutModel { text, by: server.by() }).await? {
        Reply::Model(Some(model)) => Ok(Json(wire(&model, as_of_ms))),
        _ => Err(unexpected()),
    }
}

/// Delete the model in effect: all that no reservation keeps belongs to the default pool.
#[utoipa::path(
    delete, path = "/model", operation_id = "deleteModel", tag = "named pools",
    responses(
        (status = 204, description = "No model is in effect any more"),
        (status = 404, description = "No model was in effect",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn delete(
    State(app): State<App>,
    server: LicenseServer<perm::ModelsWrite>,
) -> Result<StatusCode, Problem> {
    server.ask(&app, Command::DeleteModel { by: server.by() }).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn wire(model: &ModelView, as_of_ms: i64) -> ModelOut {
    ModelOut {
        as_of: Moment(as_of_ms),
        name: model.name.to_string(),
        since: Moment(model.since_ms),
        text: model.text.to_string(),
        disabled_reservations: model.disabled_reservations as u64,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn json_is_what_is_answered_unless_text_is_asked_for() {
        for (accept, is_text) in [
            ("", false),
            ("*/*", false),
            ("application/json", false),
            ("application/json, text/plain", false),
            ("text/plain", true),
            ("Text/Plain; q=0.9, */*", true),
            ("text/html, text/plain, application/json", true),
            ("text/plainer", false),
        ] {
            let value = HeaderValue::from_static(accept);
            let headers = [(header::ACCEPT, value)].into_iter().collect();
            assert_eq!(wants_text(&headers), is_text, "{accept}");
        }
        assert!(!wants_text(&HeaderMap::new()));
    }

    #[test]
    fn bytes_that_are_no_text_are_told_with_their_line() {
        assert_eq!(utf8("model \"ü\"".as_bytes()), Ok("model \"ü\""));
        let told = utf8(b"model\n\"\xfc\"").unwrap_err();
        assert!(told.detail().starts_with("line 2: "), "{told}");
    }
}
