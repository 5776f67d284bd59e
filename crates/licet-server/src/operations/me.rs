//! The caller itself.

use axum::{Json, extract::State, http::StatusCode};
use base64::{Engine, engine::general_purpose::STANDARD};
use licet_protocol::{Me, PasswordChange};

use super::{
    asked::Asked,
    body::SmallBody,
    responses::{ChangeProblems, ReadProblems},
};
use crate::{
    App, Code, Problem,
    security::{Authenticated, Caller, Principal, Scope, UserChange},
};

/// Show who the caller is and what it may do.
#[utoipa::path(
    get,
    path = "/operations/api/v1/users/me",
    operation_id = "getMe",
    tag = "users",
    responses((status = 200, description = "The caller", body = Me), ReadProblems),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn show(caller: Authenticated) -> Json<Me> {
    Json(describe(&caller))
}

fn describe(caller: &Principal) -> Me {
    let (kind, role) = match caller.caller {
        Caller::AdministrationKey => ("ADMINISTRATION_KEY", None),
        Caller::ClientKey => ("CLIENT_KEY", None),
        Caller::User(role) => ("USER", Some(role.to_string())),
        Caller::InstanceUser => ("INSTANCE_USER", None),
        Caller::LicensingKey => ("LICENSING_KEY", None),
        Caller::Anonymous => ("ANONYMOUS", None),
    };
    let (account_ids, instance_ids) = match &caller.scope {
        Scope::Site => (None, None),
        Scope::Accounts(accounts) => (Some(accounts.clone()), None),
        Scope::Instances(instances) => (None, Some(instances.clone())),
    };
    let permissions = caller.permissions.iter().map(|it| it.to_string()).collect();
    let (name, kind) = (caller.name.clone(), kind.to_owned());
    Me { name, kind, role, account_ids, instance_ids, permissions }
}

/// Change one's own password.
///
/// All tokens of the user end, this one too: log in again with the new password. A wrong old
/// password counts as a failed log-in.
#[utoipa::path(
    put,
    path = "/operations/api/v1/users/me/password",
    operation_id = "changeOwnPassword",
    tag = "users",
    request_body = PasswordChange,
    responses((status = 204, description = "The new password is in force"), ChangeProblems),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn change_password(
    State(app): State<App>,
    caller: Authenticated,
    asked: Asked,
    SmallBody(request): SmallBody<PasswordChange>,
) -> Result<StatusCode, Problem> {
    if !caller.is_user() {
        return Err(Problem::new(
            Code::PermissionDenied,
            "Only users of the site have a password here; those of an instance are changed at its \
             licence server, and keys have none",
        ));
    }
    let now_ms = app.now_ms();
    // As a log-in by password would, so that this is no way around the lock-out.
    let credentials = format!("{}:{}", caller.name, request.old_password.reveal());
    let header = format!("Basic {}", STANDARD.encode(credentials));
    app.authenticator.authenticate(&header, asked.origin(), now_ms).await.map_err(wrong_old)?;
    let new_password = request.new_password.reveal().to_owned();
    let change = UserChange { password: Some(new_password), ..UserChange::default() };
    let author = asked.author(&caller, now_ms);
    app.authenticator.update_user(&caller.name, change, author).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The caller is who it says it is, so this is no 401.
fn wrong_old(problem: Problem) -> Problem {
    match problem.code() {
        Code::WrongCredentials => {
            Problem::invalid("$.oldPassword", "is not the password of this user")
        }
        _ => problem,
    }
}
