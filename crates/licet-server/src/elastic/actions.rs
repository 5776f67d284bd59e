//! Actions: the ordered rules of access of a line item.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use licet_core::{Action, ActionDraft, Command, Effect, InstanceId, Query, Reply};
use licet_protocol::{
    ActionEffect, ActionIn, ActionOut, ActionsIn, LineItemActions, LineItemActionsPage,
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{
    Operations, conditions,
    line_items::line_item,
    path::{InstanceAt, LineItemAt},
};
use crate::{
    App, Problem, answer,
    extract::{JsonBody, Params},
    security::{Authorized, Principal, perm},
};

/// Line items of one page.
const PAGE_SIZE: usize = 100;

pub(super) fn operations() -> Vec<Operations> {
    vec![
        routes!(list_actions, create_actions, put_actions, delete_actions),
        routes!(list_all_actions),
    ]
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ActionsQuery {
    /// `next` of the page before; left out or 0 for the first.
    #[serde(default)]
    #[param(default = 0)]
    next: u64,
}

/// The actions of a line item, in order.
#[utoipa::path(
    get, path = "/instances/{instanceId}/line-items/{lineItemId}/actions",
    operation_id = "getactions", tag = "rules of access",
    responses((status = 200, description = "The actions", body = Vec<ActionOut>)),
)]
async fn list_actions(
    caller: Authorized<perm::RulesRead>,
    State(app): State<App>,
    InstanceAt(instance): InstanceAt,
    LineItemAt(activation_id): LineItemAt,
) -> Result<Response, Problem> {
    let line = line_item(&app, &caller, instance, activation_id).await?;
    answer::ok(&actions_out(&line.actions))
}

/// Adds actions at the end of a line item's list.
#[utoipa::path(
    post, path = "/instances/{instanceId}/line-items/{lineItemId}/actions",
    operation_id = "createactions", tag = "rules of access", request_body = ActionsIn,
    responses((status = 200, description = "All actions", body = Vec<ActionOut>)),
)]
async fn create_actions(
    caller: Authorized<perm::RulesWrite>,
    State(app): State<App>,
    InstanceAt(instance): InstanceAt,
    LineItemAt(activation_id): LineItemAt,
    JsonBody(actions): JsonBody<ActionsIn>,
) -> Result<Response, Problem> {
    let (drafts, by) = (drafts(&actions)?, caller.name.as_str().into());
    change(&app, &caller, instance, Command::AddActions { activation_id, drafts, by }).await
}

/// Replaces the list of a line item's actions.
///
/// An action that is left out is deleted, and with it the count of tokens that were used under
/// it.
#[utoipa::path(
    put, path = "/instances/{instanceId}/line-items/{lineItemId}/actions",
    operation_id = "putactions", tag = "rules of access", request_body = ActionsIn,
    responses((status = 200, description = "All actions", body = Vec<ActionOut>)),
)]
async fn put_actions(
    caller: Authorized<perm::RulesWrite>,
    State(app): State<App>,
    InstanceAt(instance): InstanceAt,
    LineItemAt(activation_id): LineItemAt,
    JsonBody(actions): JsonBody<ActionsIn>,
) -> Result<Response, Problem> {
    let (drafts, by) = (drafts(&actions)?, caller.name.as_str().into());
    change(&app, &caller, instance, Command::PutActions { activation_id, drafts, by }).await
}

/// Deletes all actions of a line item, which everybody can then consume from.
#[utoipa::path(
    delete, path = "/instances/{instanceId}/line-items/{lineItemId}/actions",
    operation_id = "deleteactions", tag = "rules of access",
    responses((status = 204, description = "Deleted")),
)]
async fn delete_actions(
    caller: Authorized<perm::RulesWrite>,
    State(app): State<App>,
    InstanceAt(instance): InstanceAt,
    LineItemAt(activation_id): LineItemAt,
) -> Result<StatusCode, Problem> {
    let by = caller.name.as_str().into();
    let command = Command::PutActions { activation_id, drafts: Vec::new(), by };
    app.ask(&caller, instance, command).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The actions of all line items that have some, page by page.
#[utoipa::path(
    get, path = "/instances/{instanceId}/line-items/actions",
    operation_id = "getlineitemactions", tag = "rules of access", params(ActionsQuery),
    responses((status = 200, description = "A page of line items", body = LineItemActionsPage)),
)]
async fn list_all_actions(
    caller: Authorized<perm::RulesRead>,
    State(app): State<App>,
    InstanceAt(instance): InstanceAt,
    Params(query): Params<ActionsQuery>,
) -> Result<Response, Problem> {
    let lines = match app.ask(&caller, instance, Command::Query(Query::LineItems)).await? {
        Reply::LineItems(lines) => lines,
        _ => return Err(answer::unexpected()),
    };
    let start = usize::try_from(query.next).unwrap_or(usize::MAX);
    let mut with_actions = lines.iter().filter(|line| !line.actions.is_empty()).skip(start);
    let line_items: Vec<_> = with_actions
        .by_ref()
        .take(PAGE_SIZE)
        .map(|line| LineItemActions {
            line_item_id: line.terms.activation_id.to_string(),
            actions: actions_out(&line.actions),
        })
        .collect();
    let next = match with_actions.next() {
        Some(_) => query.next + PAGE_SIZE as u64,
        None => 0,
    };
    answer::ok(&LineItemActionsPage { line_items, next })
}

async fn change(
    app: &App,
    caller: &Principal,
    instance: InstanceId,
    command: Command,
) -> Result<Response, Problem> {
    match conditions::ask(app, caller, instance, command).await? {
        Reply::Actions(actions) => answer::ok(&actions_out(&actions)),
        _ => Err(answer::unexpected()),
    }
}

fn drafts(actions: &ActionsIn) -> Result<Vec<ActionDraft>, Problem> {
    let complaints = actions.complaints();
    if !complaints.is_empty() {
        return Err(Problem::validation(complaints.iter().map(ToString::to_string).collect()));
    }
    Ok(actions.0.iter().map(draft).collect())
}

fn draft(action: &ActionIn) -> ActionDraft {
    let name: Arc<str> = action.name.as_str().into();
    ActionDraft {
        id: action.id.map(Into::into),
        name,
        condition: action.condition_id.map(Into::into),
        effect: match action.action {
            ActionEffect::Allow => Effect::Allow { allocation: action.allocation.map(|it| it.0) },
            ActionEffect::Deny => Effect::Deny,
        },
    }
}

fn actions_out(actions: &[Action]) -> Vec<ActionOut> {
    actions.iter().map(action_out).collect()
}

fn action_out(action: &Action) -> ActionOut {
    let (effect, allocation) = match action.effect {
        Effect::Allow { allocation } => (ActionEffect::Allow, allocation),
        Effect::Deny => (ActionEffect::Deny, None),
    };
    ActionOut {
        id: action.id.0,
        name: action.name.to_string(),
        condition_id: action.condition.map(|id| id.0),
        action: effect,
        allocation: allocation.map(Into::into),
        used: allocation.map(|_| action.used.into()),
    }
}
