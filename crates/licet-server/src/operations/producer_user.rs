//! The user `producer` of the licence servers of all instances.

use axum::{Json, extract::State};
use licet_protocol::{Millis, ProducerUserIn, ProducerUserOut};

use super::{
    asked::Asked,
    body::SmallBody,
    responses::{ChangeProblems, ReadProblems},
};
use crate::{
    App, Problem,
    security::{Authorized, ProducerUser, perm},
};

/// Show whether the user `producer` can log in at instances.
#[utoipa::path(
    get,
    path = "/operations/api/v1/settings/producer-user",
    operation_id = "getProducerUser",
    tag = "settings",
    responses((status = 200, description = "The user", body = ProducerUserOut), ReadProblems),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn get(
    State(app): State<App>,
    _caller: Authorized<perm::Keys>,
) -> Result<Json<ProducerUserOut>, Problem> {
    Ok(Json(wire(app.authenticator.producer_user().await?)))
}

/// Enable, reset or disable the user `producer` on all instances, those to come included.
///
/// All its tokens end at once, on all instances. Without a password it keeps the one that it has.
#[utoipa::path(
    put,
    path = "/operations/api/v1/settings/producer-user",
    operation_id = "putProducerUser",
    tag = "settings",
    request_body = ProducerUserIn,
    responses(
        (status = 200, description = "The user as it is now", body = ProducerUserOut),
        ChangeProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn put(
    State(app): State<App>,
    caller: Authorized<perm::Keys>,
    asked: Asked,
    SmallBody(user): SmallBody<ProducerUserIn>,
) -> Result<Json<ProducerUserOut>, Problem> {
    let password = user.password.map(|password| password.reveal().to_owned());
    let author = asked.author(&caller, app.now_ms());
    let user = app.authenticator.set_producer_user(user.enabled, password, author).await?;
    Ok(Json(wire(user)))
}

fn wire(user: ProducerUser) -> ProducerUserOut {
    ProducerUserOut {
        user: "producer".to_owned(),
        enabled: user.enabled,
        has_password: user.has_password,
        modified: user.modified_ms.map(Millis),
        updated_by: user.updated_by,
    }
}
