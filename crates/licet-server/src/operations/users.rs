//! Users. Who is confined to accounts sees and changes the users of these alone; others are as
//! if absent.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use licet_protocol::{Millis, UserIn, UserOut, UserPage, UserPatch};

use super::{
    asked::Asked,
    page::PageParameters,
    responses::{ChangeProblems, ReadProblems},
};
use crate::{
    App, Code, Problem,
    extract::{JsonBody, Params},
    security::{Authorized, NewUser, Principal, Role, Scope, User, UserChange, perm},
};

/// Stands for the caller in paths, so no user can have this name.
const RESERVED_NAME: &str = "me";

/// List users, by name.
#[utoipa::path(
    get,
    path = "/operations/api/v1/users",
    operation_id = "listUsers",
    tag = "users",
    params(PageParameters),
    responses((status = 200, description = "A page of users", body = UserPage), ReadProblems),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Authorized<perm::UsersRead>,
    Params(parameters): Params<PageParameters>,
) -> Result<Json<UserPage>, Problem> {
    let page = parameters.page()?;
    let users = app.authenticator.users().await?;
    let seen: Vec<User> = users.into_iter().filter(|user| sees(&caller, user)).collect();
    let skipped = usize::try_from(page.after).unwrap_or(usize::MAX);
    let end = skipped.saturating_add(page.limit);
    let next = if end < seen.len() { end as u64 } else { 0 };
    let users = seen.into_iter().skip(skipped).take(page.limit).map(wire).collect();
    Ok(Json(UserPage { users, next }))
}

/// Make a user.
#[utoipa::path(
    post,
    path = "/operations/api/v1/users",
    operation_id = "createUser",
    tag = "users",
    request_body = UserIn,
    responses(
        (status = 201, description = "The user", body = UserOut),
        (status = 404, description = "The account is not the caller's",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is a user of that name",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ChangeProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn create(
    State(app): State<App>,
    caller: Authorized<perm::UsersWrite>,
    asked: Asked,
    JsonBody(user): JsonBody<UserIn>,
) -> Result<(StatusCode, Json<UserOut>), Problem> {
    if user.user == RESERVED_NAME {
        return Err(Problem::invalid("$.user", "is reserved; choose another name"));
    }
    let role = read_role(&user.role)?;
    let account_id = user.account_id.map(|id| id.into_inner());
    let account_id = permitted(&caller, role, account_id)?;
    let password = user.password.reveal().to_owned();
    let new = NewUser { name: user.user.into_inner(), password, role, account_id };
    let author = asked.author(&caller, app.now_ms());
    let user = app.authenticator.create_user(new, author).await?;
    Ok((StatusCode::CREATED, Json(wire(user))))
}

/// Show a user.
#[utoipa::path(
    get,
    path = "/operations/api/v1/users/{user}",
    operation_id = "getUser",
    tag = "users",
    params(("user" = String, Path, description = "Log-in name", example = "grace")),
    responses(
        (status = 200, description = "The user", body = UserOut),
        (status = 404, description = "There is no such user",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Authorized<perm::UsersRead>,
    Path(name): Path<String>,
) -> Result<Json<UserOut>, Problem> {
    Ok(Json(wire(seen(&app, &caller, &name).await?)))
}

/// Change a user.
///
/// A new password, or disabling, ends the user's tokens. The last administrator that can log in
/// stays one.
#[utoipa::path(
    patch,
    path = "/operations/api/v1/users/{user}",
    operation_id = "changeUser",
    tag = "users",
    params(("user" = String, Path, description = "Log-in name", example = "grace")),
    request_body = UserPatch,
    responses(
        (status = 200, description = "The user as it is now", body = UserOut),
        (status = 404, description = "There is no such user",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ChangeProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn change(
    State(app): State<App>,
    caller: Authorized<perm::UsersWrite>,
    Path(name): Path<String>,
    asked: Asked,
    JsonBody(patch): JsonBody<UserPatch>,
) -> Result<Json<UserOut>, Problem> {
    let old = seen(&app, &caller, &name).await?;
    let role = new_role(&caller, &old, &patch)?;
    let password = patch.password.map(|password| password.reveal().to_owned());
    let change = UserChange { password, role, disabled: patch.disabled };
    let author = asked.author(&caller, app.now_ms());
    Ok(Json(wire(app.authenticator.update_user(&name, change, author).await?)))
}

/// Delete a user with all tokens.
#[utoipa::path(
    delete,
    path = "/operations/api/v1/users/{user}",
    operation_id = "deleteUser",
    tag = "users",
    params(("user" = String, Path, description = "Log-in name", example = "grace")),
    responses(
        (status = 204, description = "The user is gone"),
        (status = 404, description = "There is no such user",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ReadProblems,
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn delete(
    State(app): State<App>,
    caller: Authorized<perm::UsersWrite>,
    Path(name): Path<String>,
    asked: Asked,
) -> Result<StatusCode, Problem> {
    seen(&app, &caller, &name).await?;
    app.authenticator.delete_user(&name, asked.author(&caller, app.now_ms())).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn seen(app: &App, caller: &Principal, name: &str) -> Result<User, Problem> {
    let user = app.authenticator.user(name).await?;
    if sees(caller, &user) { Ok(user) } else { Err(Problem::not_found("user")) }
}

fn sees(caller: &Principal, user: &User) -> bool {
    match &user.account_id {
        Some(account_id) => caller.sees_account(account_id),
        None => caller.scope == Scope::Site,
    }
}

/// The account that a user of this role gets, if the caller may give it.
fn permitted(
    caller: &Principal,
    role: Role,
    account_id: Option<String>,
) -> Result<Option<String>, Problem> {
    if caller.scope == Scope::Site {
        return Ok(account_id);
    }
    if !role.is_customer() {
        let text = "Whoever is confined to an account can only give roles of customers";
        return Err(Problem::new(Code::PermissionDenied, text));
    }
    let account_id = match (account_id, &caller.scope) {
        (Some(account_id), _) => account_id,
        (None, Scope::Accounts(accounts)) if accounts.len() == 1 => accounts[0].clone(),
        (None, _) => return Ok(None),
    };
    caller.require_account(&account_id)?;
    Ok(Some(account_id))
}

/// The role and account that a patch leads to; `None` if it touches neither.
fn new_role(
    caller: &Principal,
    old: &User,
    patch: &UserPatch,
) -> Result<Option<(Role, Option<String>)>, Problem> {
    if patch.role.is_none() && patch.account_id.is_none() {
        return Ok(None);
    }
    let role = patch.role.as_deref().map_or(Ok(old.role), read_role)?;
    let account_id = match &patch.account_id {
        Some(account_id) => Some(account_id.to_string()),
        // A customer's user stays with its customer; producer staff has none.
        None => old.account_id.clone().filter(|_| role.is_customer()),
    };
    Ok(Some((role, permitted(caller, role, account_id)?)))
}

fn read_role(text: &str) -> Result<Role, Problem> {
    text.parse().map_err(|error| Problem::invalid("$.role", &format!("{error}")))
}

fn wire(user: User) -> UserOut {
    UserOut {
        user: user.name,
        role: user.role.to_string(),
        account_id: user.account_id,
        disabled: user.disabled,
        created: Millis(user.created_ms),
        modified: Millis(user.modified_ms),
    }
}

#[cfg(test)]
#[path = "users_tests.rs"]
mod tests;
