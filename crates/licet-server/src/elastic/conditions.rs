//! Conditions: what rules of access say about who asks.

use axum::{extract::State, http::StatusCode, response::Response};
use licet_core::{
    Command, Condition, ConditionDraft, Expression, InstanceId, Membership, Query, Refusal, Reply,
};
use licet_engine::AskError;
use licet_protocol::{
    ConditionIn, ConditionOperator, ConditionOut, ConditionPart, ConditionTest, ConditionsIn,
    Scalar,
};
use utoipa_axum::routes;

use super::{
    Operations,
    path::{ConditionAt, InstanceAt},
};
use crate::{
    App, Problem, answer,
    extract::{JsonBody, RawBody},
    security::{Authorized, Principal, perm},
};

pub(super) fn operations() -> Vec<Operations> {
    vec![
        routes!(list_conditions, post_conditions, patch_conditions, delete_conditions),
        routes!(delete_condition),
    ]
}

/// All conditions of an instance.
#[utoipa::path(
    get, path = "/instances/{instanceId}/conditions", operation_id = "getconditionsofaccess",
    tag = "rules of access",
    responses((status = 200, description = "The conditions", body = Vec<ConditionOut>)),
)]
async fn list_conditions(
    caller: Authorized<perm::RulesRead>,
    State(app): State<App>,
    InstanceAt(instance): InstanceAt,
) -> Result<Response, Problem> {
    conditions_out(&conditions(&app, &caller, instance).await?)
}

/// Creates conditions.
///
/// A bare array of conditions is taken as well.
#[utoipa::path(
    post, path = "/instances/{instanceId}/conditions", operation_id = "postconditionsofaccess",
    tag = "rules of access", request_body = ConditionsIn,
    responses((status = 200, description = "The new conditions", body = Vec<ConditionOut>)),
)]
async fn post_conditions(
    caller: Authorized<perm::RulesWrite>,
    State(app): State<App>,
    InstanceAt(instance): InstanceAt,
    RawBody(body): RawBody,
) -> Result<Response, Problem> {
    let conditions = read_new(&body)?;
    put(&app, &caller, instance, conditions, &[]).await
}

/// Changes the conditions that have an id and creates the others; the rest stays as it is.
///
/// What a change leaves out stays.
#[utoipa::path(
    patch, path = "/instances/{instanceId}/conditions", operation_id = "patchconditions",
    tag = "rules of access", request_body = ConditionsIn,
    responses(
        (status = 200, description = "The conditions of the request", body = Vec<ConditionOut>)
    ),
)]
async fn patch_conditions(
    caller: Authorized<perm::RulesWrite>,
    State(app): State<App>,
    InstanceAt(instance): InstanceAt,
    JsonBody(ConditionsIn { conditions: changes }): JsonBody<ConditionsIn>,
) -> Result<Response, Problem> {
    let standing = conditions(&app, &caller, instance).await?;
    put(&app, &caller, instance, changes, &standing).await
}

/// Deletes all conditions of an instance, if no action uses any.
#[utoipa::path(
    delete, path = "/instances/{instanceId}/conditions", operation_id = "deleteconditions",
    tag = "rules of access",
    responses(
        (status = 204, description = "Deleted"),
        (status = 409, description = "An action uses one of them",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
    ),
)]
async fn delete_conditions(
    caller: Authorized<perm::RulesWrite>,
    State(app): State<App>,
    InstanceAt(instance): InstanceAt,
) -> Result<StatusCode, Problem> {
    let by = caller.name.as_str().into();
    app.ask(&caller, instance, Command::DeleteConditions { id: None, by }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes a condition that nothing uses.
#[utoipa::path(
    delete, path = "/instances/{instanceId}/conditions/{conditionId}",
    operation_id = "deletecondition", tag = "rules of access",
    responses(
        (status = 204, description = "Deleted"),
        (status = 409, description = "An action or another condition uses it",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
    ),
)]
async fn delete_condition(
    caller: Authorized<perm::RulesWrite>,
    State(app): State<App>,
    InstanceAt(instance): InstanceAt,
    ConditionAt(id): ConditionAt,
) -> Result<StatusCode, Problem> {
    let by = caller.name.as_str().into();
    app.ask(&caller, instance, Command::DeleteConditions { id: Some(id), by }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn conditions(
    app: &App,
    caller: &Principal,
    instance: InstanceId,
) -> Result<Vec<Condition>, Problem> {
    match app.ask(caller, instance, Command::Query(Query::Conditions)).await? {
        Reply::Conditions(conditions) => Ok(conditions),
        _ => Err(answer::unexpected()),
    }
}

async fn put(
    app: &App,
    caller: &Principal,
    instance: InstanceId,
    changes: Vec<ConditionIn>,
    standing: &[Condition],
) -> Result<Response, Problem> {
    let drafts = drafts(&changes, standing)?;
    let by = caller.name.as_str().into();
    match ask(app, caller, instance, Command::PutConditions { drafts, by }).await? {
        Reply::Conditions(conditions) => conditions_out(&conditions),
        _ => Err(answer::unexpected()),
    }
}

/// Asks with a body that names conditions: one that is absent is a fault of the body, not of the
/// path.
pub(super) async fn ask(
    app: &App,
    caller: &Principal,
    instance: InstanceId,
    command: Command,
) -> Result<Reply, Problem> {
    app.instance(caller, instance).await?;
    app.engine.ask(instance, command).await.map_err(|error| match error {
        AskError::Refused(refusal @ Refusal::ConditionNotFound(_)) => {
            Problem::validation(vec![refusal.to_string()])
        }
        other => other.into(),
    })
}

/// `{"conditions": […]}` or just the array, none of them with an id.
fn read_new(body: &[u8]) -> Result<Vec<ConditionIn>, Problem> {
    let is_array = body.trim_ascii_start().first() == Some(&b'[');
    let ConditionsIn { conditions } = if is_array {
        let wrapped = [b"{\"conditions\":", body, b"}"].concat();
        licet_protocol::parse(&wrapped)?
    } else {
        licet_protocol::parse(body)?
    };
    let with_id = conditions.iter().position(|condition| condition.id.is_some());
    match with_id {
        None => Ok(conditions),
        Some(index) => Err(Problem::invalid(
            &format!("$.conditions[{index}].id"),
            "is made by the server; PATCH changes a condition that exists",
        )),
    }
}

fn drafts(changes: &[ConditionIn], standing: &[Condition]) -> Result<Vec<ConditionDraft>, Problem> {
    let mut errors = Vec::new();
    let mut drafts = Vec::with_capacity(changes.len());
    for (index, change) in changes.iter().enumerate() {
        let before = standing.iter().find(|condition| Some(condition.id.0) == change.id);
        match draft(change, before) {
            Ok(draft) => drafts.push(draft),
            Err(what) => errors.push(format!("$.conditions[{index}]: {what}")),
        }
    }
    if errors.is_empty() { Ok(drafts) } else { Err(Problem::validation(errors)) }
}

fn draft(change: &ConditionIn, before: Option<&Condition>) -> Result<ConditionDraft, String> {
    if change.id.is_some() && before.is_none() {
        return Err("there is no condition of this id; leave the id out to create one".to_owned());
    }
    let name = match (&change.name, before) {
        (Some(name), _) => name.as_str().into(),
        (None, Some(before)) => before.name.clone(),
        (None, None) => return Err("name is missing but it is required".to_owned()),
    };
    let says_nothing = change.operator.is_none()
        && change.key.is_none()
        && change.values.is_none()
        && change.conditions.is_none();
    let expression = match before {
        Some(before) if says_nothing => before.expression.clone(),
        _ => {
            change.check()?;
            expression(change)?
        }
    };
    Ok(ConditionDraft { id: change.id.map(Into::into), name, expression })
}

fn expression(condition: &ConditionIn) -> Result<Expression, String> {
    match condition.test()? {
        ConditionTest::Simple { key, negated, values } => Ok(Expression::Test {
            key: key.into(),
            membership: if negated { Membership::Not } else { Membership::In },
            values: values.iter().map(|value| value.0.clone()).collect(),
        }),
        ConditionTest::Complex { all, parts } => {
            let parts: Result<Vec<_>, _> = parts.iter().map(part).collect();
            Ok(if all { Expression::All(parts?) } else { Expression::Any(parts?) })
        }
    }
}

fn part(part: &ConditionPart) -> Result<Expression, String> {
    match part {
        ConditionPart::Id(id) => Ok(Expression::Reference((*id).into())),
        ConditionPart::Whole(condition) => {
            let inner = expression(condition)?;
            Ok(match &condition.name {
                Some(name) => Expression::Named(name.as_str().into(), Box::new(inner)),
                None => inner,
            })
        }
    }
}

fn conditions_out(conditions: &[Condition]) -> Result<Response, Problem> {
    let conditions: Vec<ConditionOut> = conditions.iter().map(condition_out).collect();
    answer::ok(&conditions)
}

fn condition_out(condition: &Condition) -> ConditionOut {
    let body = body(&condition.expression);
    ConditionOut {
        id: condition.id.0,
        name: condition.name.to_string(),
        key: body.key.map(|key| key.into_inner()),
        operator: body.operator.unwrap_or(ConditionOperator::And),
        values: body.values,
        conditions: body.conditions,
    }
}

/// An expression as a condition without a name of its own.
fn body(expression: &Expression) -> ConditionIn {
    let complex = |operator, parts: Vec<ConditionPart>| ConditionIn {
        operator: Some(operator),
        conditions: Some(parts),
        ..ConditionIn::default()
    };
    match expression {
        Expression::Test { key, membership, values } => ConditionIn {
            key: Some((&**key).into()),
            operator: Some(match membership {
                Membership::In => ConditionOperator::In,
                Membership::Not => ConditionOperator::Not,
            }),
            values: Some(values.iter().map(|value| Scalar(value.clone())).collect()),
            ..ConditionIn::default()
        },
        Expression::All(parts) => {
            complex(ConditionOperator::And, parts.iter().map(part_out).collect())
        }
        Expression::Any(parts) => {
            complex(ConditionOperator::Or, parts.iter().map(part_out).collect())
        }
        Expression::Reference(id) => complex(ConditionOperator::And, vec![ConditionPart::Id(id.0)]),
        Expression::Named(name, inner) => {
            ConditionIn { name: Some((&**name).into()), ..body(inner) }
        }
    }
}

fn part_out(part: &Expression) -> ConditionPart {
    match part {
        Expression::Reference(id) => ConditionPart::Id(id.0),
        other => ConditionPart::Whole(Box::new(body(other))),
    }
}
