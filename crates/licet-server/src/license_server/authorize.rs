//! Log-in.

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::{header, request::Parts},
    response::IntoResponse,
};
use licet_protocol::{AuthorizeRequest, InstanceToken, Moment};
use utoipa_axum::routes;

use super::{AtInstance, Operations, caller::check_transport};
use crate::{
    App, Problem,
    operations::{Asked, ChangeProblems, SmallBody},
    security::SecurityPolicies,
};

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(authorize)]
}

/// The instance of a request that may bring a password, and what its settings say of callers.
struct TakesPasswords(AtInstance, SecurityPolicies);

impl FromRequestParts<App> for TakesPasswords {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let instance = AtInstance::from_request_parts(parts, app).await?;
        let policies = app.instance_settings.load().of(instance.id);
        check_transport(parts, policies)?;
        Ok(Self(instance, policies))
    }
}

/// Trade name and password of a user of the instance for a bearer token.
///
/// It is good for as long as the setting `security.token.duration` says. Failed tries are counted
/// by user and by address, slowed down, and refused for a while after many. The answer is the same
/// for an unknown user and a wrong password.
#[utoipa::path(
    post, path = "/authorize", operation_id = "authorizeAtInstance", tag = "license server users",
    request_body = AuthorizeRequest,
    responses(
        (status = 200, description = "A token", body = InstanceToken,
            example = json!({"expires": "2027-01-05T09:30:00.000Z", "token": "lic_…"})),
        ChangeProblems,
    ),
    security(())
)]
async fn authorize(
    State(app): State<App>,
    TakesPasswords(instance, policies): TakesPasswords,
    asked: Asked,
    SmallBody(request): SmallBody<AuthorizeRequest>,
) -> Result<impl IntoResponse, Problem> {
    let (user, password) = (request.user.as_str(), request.password.reveal());
    let (ttl_ms, now_ms) = (policies.token_ttl_ms, app.now_ms());
    let issued = app
        .authenticator
        .log_in_at(instance.id, user, password, ttl_ms, asked.origin(), now_ms)
        .await?;
    let answer = InstanceToken { expires: Moment(issued.expires_ms), token: issued.token };
    // Nothing on the way shall keep the token.
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)))
}
