//! Log-in and log-out.

use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, header},
    response::IntoResponse,
};
use licet_protocol::{AuthorizeAnswer, AuthorizeRequest, Millis};

use super::{asked::Asked, body::SmallBody, responses::ChangeProblems};
use crate::{
    App, Problem,
    security::{Authenticated, presented_token},
};

/// Trade a user's name and password for a bearer token.
///
/// Failed tries are counted by user and by address, slowed down, and refused for a while after
/// many. The answer is the same for an unknown user and a wrong password.
#[utoipa::path(
    post,
    path = "/operations/api/v1/authorize",
    operation_id = "authorize",
    tag = "users",
    request_body = AuthorizeRequest,
    responses(
        (status = 200, description = "A token", body = AuthorizeAnswer,
            example = json!({"token": "lic_…", "expires": 1_767_254_400_000_i64})),
        ChangeProblems,
    ),
    security(())
)]
pub(super) async fn authorize(
    State(app): State<App>,
    asked: Asked,
    SmallBody(request): SmallBody<AuthorizeRequest>,
) -> Result<impl IntoResponse, Problem> {
    let (user, password) = (request.user.as_str(), request.password.reveal());
    let now_ms = app.now_ms();
    let issued = app.authenticator.log_in(user, password, asked.origin(), now_ms).await?;
    let answer = AuthorizeAnswer { token: issued.token, expires: Millis(issued.expires_ms) };
    // Nothing on the way shall keep the token.
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)))
}

/// End the token that this request shows.
#[utoipa::path(
    post,
    path = "/operations/api/v1/logout",
    operation_id = "logOut",
    tag = "users",
    responses(
        (status = 204, description = "The token is good for nothing any more"),
        ChangeProblems,
    ),
    security(("bearer" = []))
)]
pub(super) async fn log_out(
    State(app): State<App>,
    caller: Authenticated,
    asked: Asked,
    request: Request,
) -> Result<StatusCode, Problem> {
    let (parts, _) = request.into_parts();
    let token = presented_token(&parts).ok_or_else(|| {
        Problem::bad_request(
            "Only a token from authorize can be ended; a JWT runs out, or goes with its key",
        )
    })?;
    let author = asked.author(&caller, app.now_ms());
    if caller.is_user() {
        app.authenticator.log_out(token, author).await?;
    } else {
        app.authenticator.log_out_at(token, author).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
