//! Users of the instance.

use axum::{
    Json,
    extract::{FromRequestParts, Path, State},
    http::{StatusCode, request::Parts},
};
use licet_protocol::{InstanceUserIn, InstanceUserOut, InstanceUserPatch, InstanceUsers, Moment};
use serde::Deserialize;
use utoipa_axum::routes;

use super::{LicenseServer, Operations};
use crate::{
    App, Problem,
    operations::{Asked, ChangeProblems, ReadProblems, SmallBody},
    security::{InstanceRoles, InstanceUser, InstanceUserChange, NewInstanceUser, perm},
};

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(list, create), routes!(get, change, delete)]
}

/// `{user}`; what cannot be read names nobody.
struct UserAt(String);

impl<S: Send + Sync> FromRequestParts<S> for UserAt {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Segment {
            user: String,
        }
        match Path::<Segment>::from_request_parts(parts, state).await {
            Ok(Path(Segment { user })) => Ok(Self(user)),
            Err(_) => Err(Problem::not_found("user")),
        }
    }
}

/// List the users of the instance: the built-in ones, then the others by name.
#[utoipa::path(
    get, path = "/users", operation_id = "listInstanceUsers", tag = "license server users",
    responses((status = 200, description = "The users", body = InstanceUsers), ReadProblems),
    security(("bearer" = []), ("basic" = []))
)]
async fn list(
    State(app): State<App>,
    server: LicenseServer<perm::InstanceUsersRead>,
) -> Result<Json<InstanceUsers>, Problem> {
    let as_of = Moment(app.now_ms());
    let users = app.authenticator.instance_users(server.instance.id).await?;
    Ok(Json(InstanceUsers { as_of, users: users.into_iter().map(wire).collect() }))
}

/// Make a user of the instance.
#[utoipa::path(
    post, path = "/users", operation_id = "createInstanceUser", tag = "license server users",
    request_body = InstanceUserIn,
    responses(
        (status = 201, description = "The user", body = InstanceUserOut),
        (status = 409, description = "There is a user of that name, or there are too many",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ChangeProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn create(
    State(app): State<App>,
    server: LicenseServer<perm::InstanceUsersWrite>,
    asked: Asked,
    SmallBody(user): SmallBody<InstanceUserIn>,
) -> Result<(StatusCode, Json<InstanceUserOut>), Problem> {
    let new = NewInstanceUser {
        name: user.user.into_inner(),
        password: user.password.reveal().to_owned(),
        roles: InstanceRoles::new(user.roles),
    };
    let author = asked.author(&server.caller, app.now_ms());
    let user = app.authenticator.create_instance_user(server.instance.id, new, author).await?;
    Ok((StatusCode::CREATED, Json(wire(user))))
}

/// Show a user of the instance.
#[utoipa::path(
    get, path = "/users/{user}", operation_id = "getInstanceUser", tag = "license server users",
    params(("user" = String, Path, description = "Log-in name", example = "grace")),
    responses(
        (status = 200, description = "The user", body = InstanceUserOut),
        (status = 404, description = "There is no such user",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn get(
    State(app): State<App>,
    server: LicenseServer<perm::InstanceUsersRead>,
    UserAt(name): UserAt,
) -> Result<Json<InstanceUserOut>, Problem> {
    Ok(Json(wire(app.authenticator.instance_user(server.instance.id, &name).await?)))
}

/// Change a user of the instance; what is left out stays.
///
/// All tokens of the user end.
#[utoipa::path(
    put, path = "/users/{user}", operation_id = "changeInstanceUser", tag = "license server users",
    params(("user" = String, Path, description = "Log-in name", example = "grace")),
    request_body = InstanceUserPatch,
    responses(
        (status = 200, description = "The user as it is now", body = InstanceUserOut),
        (status = 404, description = "There is no such user",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        (status = 409, description = "A user without a password shall get something else",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ChangeProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn change(
    State(app): State<App>,
    server: LicenseServer<perm::InstanceUsersWrite>,
    UserAt(name): UserAt,
    asked: Asked,
    SmallBody(patch): SmallBody<InstanceUserPatch>,
) -> Result<Json<InstanceUserOut>, Problem> {
    let change = InstanceUserChange {
        password: patch.password.map(|password| password.reveal().to_owned()),
        roles: patch.roles.map(InstanceRoles::new),
        disabled: patch.disabled,
    };
    let author = asked.author(&server.caller, app.now_ms());
    let id = server.instance.id;
    Ok(Json(wire(app.authenticator.update_instance_user(id, &name, change, author).await?)))
}

/// Delete a user of the instance with all tokens.
#[utoipa::path(
    delete, path = "/users/{user}", operation_id = "deleteInstanceUser",
    tag = "license server users",
    params(("user" = String, Path, description = "Log-in name", example = "grace")),
    responses(
        (status = 204, description = "The user is gone"),
        (status = 404, description = "There is no such user",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
async fn delete(
    State(app): State<App>,
    server: LicenseServer<perm::InstanceUsersWrite>,
    UserAt(name): UserAt,
    asked: Asked,
) -> Result<StatusCode, Problem> {
    let author = asked.author(&server.caller, app.now_ms());
    app.authenticator.delete_instance_user(server.instance.id, &name, author).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn wire(user: InstanceUser) -> InstanceUserOut {
    InstanceUserOut {
        user: user.name,
        roles: user.roles.as_slice().to_vec(),
        built_in: user.is_built_in,
        has_password: user.has_password,
        disabled: user.disabled,
        modified: user.modified_ms.map(Moment),
    }
}
