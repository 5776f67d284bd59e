//! Line items: buckets of tokens on an instance.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use licet_core::{
    Command, InstanceId, LineItem, LineItemTerms, MICROS, Overdraft, Query, Reply, ResetFrequency,
    Tokens,
};
use licet_protocol::{
    ApiVersion, LineItemAttributes, LineItemIn, LineItemOut, OverdraftType, limits::WHOLE_TOKENS,
};
use utoipa_axum::routes;

use super::{
    Operations, line_item_complaints,
    path::{InstanceAt, LineItemAt, Version},
};
use crate::{
    App, Code, Problem, answer,
    extract::RawBody,
    line_item_state,
    security::{Authorized, Principal, perm},
};

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(list_line_items, put_line_item), routes!(read_line_item, delete_line_item)]
}

/// All line items of an instance, by activation ID.
#[utoipa::path(
    get, path = "/instances/{instanceId}/line-items", operation_id = "getlineitems",
    tag = "line items",
    responses((status = 200, description = "The line items", body = Vec<LineItemOut>)),
)]
async fn list_line_items(
    caller: Authorized<perm::LineItemsRead>,
    State(app): State<App>,
    Version(version): Version,
    InstanceAt(instance): InstanceAt,
) -> Result<Response, Problem> {
    match app.ask(&caller, instance, Command::Query(Query::LineItems)).await? {
        Reply::LineItems(lines) => {
            let lines: Vec<_> = lines.iter().map(|line| line_item_out(line, version)).collect();
            answer::ok(&lines)
        }
        _ => Err(answer::unexpected()),
    }
}

/// One line item.
#[utoipa::path(
    get, path = "/instances/{instanceId}/line-items/{lineItemId}",
    operation_id = "getlineitembyid", tag = "line items",
    responses((status = 200, description = "The line item", body = LineItemOut)),
)]
async fn read_line_item(
    caller: Authorized<perm::LineItemsRead>,
    State(app): State<App>,
    Version(version): Version,
    InstanceAt(instance): InstanceAt,
    LineItemAt(activation_id): LineItemAt,
) -> Result<Response, Problem> {
    let line = line_item(&app, &caller, instance, activation_id).await?;
    answer::ok(&line_item_out(&line, version))
}

/// Puts a line item in place of the one with its activation ID, or adds it.
///
/// What is used stays used.
#[utoipa::path(
    put, path = "/instances/{instanceId}/line-items", operation_id = "addactivation",
    tag = "line items", request_body = LineItemIn,
    responses(
        (status = 200, description = "Replaced", body = LineItemOut),
        (status = 201, description = "Added", body = LineItemOut),
        (status = 409, description = "The line item is OBSOLETE, which is final",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
    ),
)]
async fn put_line_item(
    caller: Authorized<perm::LineItemsWrite>,
    State(app): State<App>,
    Version(version): Version,
    InstanceAt(instance): InstanceAt,
    RawBody(body): RawBody,
) -> Result<Response, Problem> {
    let line_item = match line_item_complaints::read(&body, version) {
        Ok(line_item) => line_item,
        Err(texts) => return line_item_complaints::refuse(version, texts),
    };
    let mut terms = terms(line_item)?;
    if version == ApiVersion::V1_0 {
        terms.reset_frequency = standing_reset(&app, &caller, instance, &terms).await?;
    }
    let by = caller.name.as_str().into();
    match app.ask(&caller, instance, Command::PutLineItem { terms, by }).await {
        Ok(Reply::LineItemPut { line_item, is_new }) => {
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            answer::json(status, &line_item_out(&line_item, version))
        }
        Ok(_) => Err(answer::unexpected()),
        Err(problem) if problem.code() == Code::ValidationFailed => {
            line_item_complaints::refuse(version, problem.errors().to_vec())
        }
        Err(problem) => Err(problem),
    }
}

/// Deletes an OBSOLETE line item with its actions.
#[utoipa::path(
    delete, path = "/instances/{instanceId}/line-items/{lineItemId}",
    operation_id = "deletelineitem", tag = "line items",
    responses(
        (status = 204, description = "Deleted"),
        (status = 409, description = "The line item is not OBSOLETE",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
    ),
)]
async fn delete_line_item(
    caller: Authorized<perm::LineItemsWrite>,
    State(app): State<App>,
    InstanceAt(instance): InstanceAt,
    LineItemAt(activation_id): LineItemAt,
) -> Result<StatusCode, Problem> {
    let by = caller.name.as_str().into();
    app.ask(&caller, instance, Command::DeleteLineItem { activation_id, by }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A line item as it stands.
pub(super) async fn line_item(
    app: &App,
    caller: &Principal,
    instance: InstanceId,
    activation_id: Arc<str>,
) -> Result<Box<LineItem>, Problem> {
    match app.ask(caller, instance, Command::Query(Query::LineItem(activation_id))).await? {
        Reply::LineItem(line) => Ok(line),
        _ => Err(answer::unexpected()),
    }
}

/// `v1.0` cannot say it, so it must not take it away.
async fn standing_reset(
    app: &App,
    caller: &Principal,
    instance: InstanceId,
    terms: &LineItemTerms,
) -> Result<Option<ResetFrequency>, Problem> {
    match line_item(app, caller, instance, terms.activation_id.clone()).await {
        Ok(line) => Ok(line.terms.reset_frequency),
        Err(problem) if problem.code() == Code::NotFound => Ok(None),
        Err(problem) => Err(problem),
    }
}

fn terms(line_item: LineItemIn) -> Result<LineItemTerms, Problem> {
    let LineItemIn { activation_id, state, quantity, start, end, attributes } = line_item;
    let whole = |at: &str, tokens: i64| {
        Tokens::whole(tokens)
            .map_err(|_| Problem::invalid(at, &format!("must be at most {WHOLE_TOKENS}")))
    };
    let overdraft = match (attributes.overdraft_type, attributes.overdraft_limit) {
        (Some(OverdraftType::Unlimited), _) => Overdraft::Unlimited,
        (Some(OverdraftType::Number), Some(limit)) => {
            Overdraft::Limit(whole("$.attributes.overdraftLimit", limit)?)
        }
        (Some(OverdraftType::Number), None) | (None, _) => Overdraft::None,
    };
    Ok(LineItemTerms {
        activation_id: activation_id.as_str().into(),
        state: line_item_state::from_wire(state),
        quantity: whole("$.quantity", quantity)?,
        starts_at_ms: start.0,
        ends_at_ms: end.0,
        elastic: attributes.elastic.unwrap_or(false),
        rate_table_series: attributes.rate_table_series.as_deref().unwrap_or_default().into(),
        overdraft,
        reset_frequency: attributes.reset_frequency.map(reset_in),
    })
}

fn line_item_out(line: &LineItem, version: ApiVersion) -> LineItemOut {
    let terms = &line.terms;
    let (overdraft_type, overdraft_limit) = match terms.overdraft {
        Overdraft::None => (None, None),
        Overdraft::Limit(limit) => (Some(OverdraftType::Number), Some(limit.micros() / MICROS)),
        Overdraft::Unlimited => (Some(OverdraftType::Unlimited), None),
    };
    let reset_frequency = terms.reset_frequency.filter(|_| version != ApiVersion::V1_0);
    LineItemOut {
        activation_id: terms.activation_id.to_string(),
        state: line_item_state::to_wire(terms.state),
        quantity: terms.quantity.micros() / MICROS,
        used: line.used.into(),
        start: terms.starts_at_ms.into(),
        end: terms.ends_at_ms.into(),
        attributes: LineItemAttributes {
            elastic: Some(terms.elastic),
            rate_table_series: Some((&*terms.rate_table_series).into()),
            overdraft_limit,
            overdraft_type,
            reset_frequency: reset_frequency.map(reset_out),
        },
    }
}

fn reset_in(frequency: licet_protocol::ResetFrequency) -> ResetFrequency {
    match frequency {
        licet_protocol::ResetFrequency::Daily => ResetFrequency::Daily,
        licet_protocol::ResetFrequency::Weekly => ResetFrequency::Weekly,
        licet_protocol::ResetFrequency::Monthly => ResetFrequency::Monthly,
        licet_protocol::ResetFrequency::Quarterly => ResetFrequency::Quarterly,
        licet_protocol::ResetFrequency::Yearly => ResetFrequency::Yearly,
    }
}

fn reset_out(frequency: ResetFrequency) -> licet_protocol::ResetFrequency {
    match frequency {
        ResetFrequency::Daily => licet_protocol::ResetFrequency::Daily,
        ResetFrequency::Weekly => licet_protocol::ResetFrequency::Weekly,
        ResetFrequency::Monthly => licet_protocol::ResetFrequency::Monthly,
        ResetFrequency::Quarterly => licet_protocol::ResetFrequency::Quarterly,
        ResetFrequency::Yearly => licet_protocol::ResetFrequency::Yearly,
    }
}
