//! Instances: one customer's pools of tokens.

use axum::{extract::State, http::StatusCode, response::Response};
use licet_protocol::{InstanceIn, InstanceOut, InstancePage};
use licet_store::{InstanceFilter, InstanceRow, StoreError};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{Operations, path::InstanceAt};
use crate::{
    App, Code, Problem, answer,
    extract::{JsonBody, Params, RequestId},
    security::{Author, Authorized, Principal, Scope, perm},
};

const PAGE_SIZE: usize = 100;
const PAGE_SIZE_MAX: usize = 500;

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(list_instances, create_instance), routes!(read_instance)]
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InstancesQuery {
    /// `next` of the page before; left out or 0 for the first.
    #[serde(default)]
    #[param(default = 0)]
    next: u64,
    /// Instances of one page; 500 at most, however many are asked for.
    #[param(default = 100, minimum = 1)]
    size: Option<usize>,
    /// Together with `default=true`: the default instance of this account.
    account_id: Option<String>,
    /// `true` for default instances alone; no other value is allowed.
    default: Option<bool>,
}

/// The instances that the caller may see, page by page; or the default instance of an account.
#[utoipa::path(
    get, path = "/instances", operation_id = "listinstances", tag = "instances",
    params(InstancesQuery),
    responses((status = 200, description = "A page of instances", body = InstancePage)),
)]
async fn list_instances(
    caller: Authorized<perm::InstancesRead>,
    State(app): State<App>,
    Params(query): Params<InstancesQuery>,
) -> Result<Response, Problem> {
    query.check()?;
    let size = query.size.unwrap_or(PAGE_SIZE).min(PAGE_SIZE_MAX);
    let Some(account_ids) = visible_accounts(&caller, query.account_id) else {
        return answer::ok(&InstancePage { content: Vec::new(), next: 0 });
    };
    let filter = InstanceFilter {
        account_ids,
        default_only: query.default.is_some(),
        after: i64::try_from(query.next).unwrap_or(i64::MAX),
        // One more tells whether this is the last page.
        limit: size + 1,
    };
    let mut rows = app.store.instances(filter).await?;
    let is_last = rows.len() <= size;
    rows.truncate(size);
    let next = match rows.last() {
        Some((cursor, _)) if !is_last => cursor.unsigned_abs(),
        _ => 0,
    };
    let content = rows.iter().map(|(_, row)| instance_out(row)).collect();
    answer::ok(&InstancePage { content, next })
}

/// Creates an instance.
///
/// The first one of an account becomes its default.
#[utoipa::path(
    post, path = "/instances", operation_id = "addinstance", tag = "instances",
    request_body = InstanceIn,
    responses(
        (status = 201, description = "Created", body = InstanceOut),
        (status = 409, description = "The account has an instance of that short name; or this is \
            a local licence server, which has one instance",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
    ),
)]
async fn create_instance(
    caller: Authorized<perm::InstancesWrite>,
    State(app): State<App>,
    RequestId(request_id): RequestId,
    JsonBody(instance): JsonBody<InstanceIn>,
) -> Result<Response, Problem> {
    caller.require_account(&instance.account_id)?;
    if app.local_instance.is_alone() {
        return Err(Problem::conflict(
            "This is a local licence server, which has the one instance ~; make others on the \
             hosted server",
        ));
    }
    let now_ms = app.now_ms();
    let id = Uuid::now_v7();
    let row = InstanceRow {
        id,
        short_name: instance.short_name.into_inner(),
        account_id: instance.account_id.into_inner(),
        is_default: false,
        created_ms: now_ms,
        modified_ms: now_ms,
    };
    let after = json!({"shortName": row.short_name, "accountId": row.account_id});
    let author = Author::new(&caller, &request_id, now_ms);
    let audit = author.audit("instance.create", &id.to_string(), None, Some(&after));
    let stored = app.store.create_instance(row, audit).await.map_err(|error| match error {
        StoreError::Duplicate => Problem::new(
            Code::AlreadyExists,
            "The account has an instance of this shortName; choose another",
        ),
        other => other.into(),
    })?;
    app.local_instance.forget_only();
    answer::json(StatusCode::CREATED, &instance_out(&stored))
}

/// One instance.
#[utoipa::path(
    get, path = "/instances/{instanceId}", operation_id = "getinstance", tag = "instances",
    responses((status = 200, description = "The instance", body = InstanceOut)),
)]
async fn read_instance(
    caller: Authorized<perm::InstancesRead>,
    State(app): State<App>,
    InstanceAt(id): InstanceAt,
) -> Result<Response, Problem> {
    let row = app.instance(&caller, id).await?;
    answer::ok(&instance_out(&row))
}

impl InstancesQuery {
    fn check(&self) -> Result<(), Problem> {
        let mut errors = Vec::new();
        if self.size == Some(0) {
            errors.push("size: must have a minimum value of 1".to_owned());
        }
        if self.default == Some(false) {
            errors.push("default: must be true; leave it out for all instances".to_owned());
        }
        if self.account_id.is_some() && self.default.is_none() {
            errors.push("accountId: must be combined with default=true".to_owned());
        }
        if errors.is_empty() { Ok(()) } else { Err(Problem::validation(errors)) }
    }
}

/// The accounts to look in, none meaning all of them; `None` if there is nothing to see.
fn visible_accounts(caller: &Principal, account_id: Option<String>) -> Option<Vec<String>> {
    match (&caller.scope, account_id) {
        (_, Some(account_id)) => caller.sees_account(&account_id).then(|| vec![account_id]),
        (Scope::Site, None) => Some(Vec::new()),
        (Scope::Accounts(accounts), None) => Some(accounts.clone()),
        // Such callers are told by their token what they see.
        (Scope::Instances(_), None) => None,
    }
}

fn instance_out(row: &InstanceRow) -> InstanceOut {
    InstanceOut {
        id: row.id,
        short_name: row.short_name.clone(),
        account_id: row.account_id.clone(),
        default_instance: row.is_default,
        created: row.created_ms.into(),
        modified: row.modified_ms.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::{Caller, Role};

    #[test]
    fn callers_look_in_the_accounts_that_they_see() {
        let visible = |scope: Scope, account: Option<&str>| {
            let role = Role::CustomerViewer;
            let caller = Principal {
                name: "ada".into(),
                caller: Caller::User(role),
                permissions: role.permissions(),
                scope,
            };
            visible_accounts(&caller, account.map(Into::into))
        };
        let both = || Scope::Accounts(vec!["A".into(), "B".into()]);
        assert_eq!(visible(Scope::Site, None), Some(vec![]));
        assert_eq!(visible(Scope::Site, Some("C")), Some(vec!["C".into()]));
        assert_eq!(visible(both(), None), Some(vec!["A".into(), "B".into()]));
        assert_eq!(visible(both(), Some("B")), Some(vec!["B".into()]));
        assert_eq!(visible(both(), Some("C")), None);
        assert_eq!(visible(Scope::Instances(vec![Uuid::nil()]), None), None);
    }
}
