//! One-off access requests, alone and in arrays.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, State},
    http::request::Parts,
    response::Response,
};
use licet_core::{Command, ItemOutcome, LineCharge, Outcome, Reply, RequestedItem, Requester};
use licet_protocol::{
    AccessAnswer, AccessRequest, AccessRequests, ApiVersion, ItemAnswer, ItemStatus,
    LineItemCharge, RequesterAnswer, describe, item_code,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::{
    Operations,
    document::IdempotencyParams,
    path::{InstanceAt, Version},
};
use crate::{
    App, Problem, answer,
    extract::{Params, RawBody},
    idempotency::{Asked, IdempotencyHeader},
    security::{Authorized, perm},
};

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(request_access), routes!(request_many_accesses)]
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct PreviewQuery {
    /// `true` decides as if it were asked in earnest, and changes nothing.
    preview: Option<bool>,
}

/// Whether the caller only wants to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Preview(pub(super) bool);

impl<S: Send + Sync> FromRequestParts<S> for Preview {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Params(query) = Params::<PreviewQuery>::from_request_parts(parts, state).await?;
        Ok(Self(query.preview.unwrap_or(false)))
    }
}

/// Charges for items: as many as possible, each whole or not at all, in the order given.
///
/// The code of each item says what became of it.
#[utoipa::path(
    post, path = "/instances/{instanceId}/access-request", operation_id = "postaccessrequest",
    tag = "access requests", request_body = AccessRequest,
    params(
        PreviewQuery,
        IdempotencyParams,
    ),
    responses(
        (status = 200, description = "What became of each item", body = AccessAnswer),
        (status = 422, description = "The Idempotency-Key came with another request before",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
    ),
)]
async fn request_access(
    caller: Authorized<perm::Access>,
    State(app): State<App>,
    Version(version): Version,
    InstanceAt(instance): InstanceAt,
    Preview(preview): Preview,
    key: IdempotencyHeader,
    RawBody(body): RawBody,
) -> Result<Response, Problem> {
    let request = access_request(licet_protocol::parse(&body)?, &|| "$".to_owned())?;
    let command = if preview {
        Command::PreviewAccess { requests: vec![request] }
    } else {
        let operation = "POST /elastic/api/instances/{instanceId}/access-request";
        let key = key.of(Asked { operation, id: instance.0, body: &body });
        Command::Access { request, key }
    };
    match app.ask(&caller, instance, command).await? {
        Reply::Access(outcome) => answer::ok(&access_answer(&outcome, version, preview)),
        Reply::AccessMany(outcomes) if outcomes.len() == 1 => {
            answer::ok(&access_answer(&outcomes[0], version, preview))
        }
        _ => Err(answer::unexpected()),
    }
}

/// The same for an array of up to 1,000 requests, each decided on its own, in order, and all made
/// durable together.
#[utoipa::path(
    post, path = "/instances/{instanceId}/access-requests", operation_id = "postaccessrequests",
    tag = "access requests", request_body = AccessRequests,
    params(
        PreviewQuery,
        IdempotencyParams,
    ),
    responses(
        (status = 200, description = "The answers, in the order of the requests",
            body = Vec<AccessAnswer>),
        (status = 422, description = "The Idempotency-Key came with other requests before",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
    ),
)]
async fn request_many_accesses(
    caller: Authorized<perm::Access>,
    State(app): State<App>,
    Version(version): Version,
    InstanceAt(instance): InstanceAt,
    Preview(preview): Preview,
    key: IdempotencyHeader,
    RawBody(body): RawBody,
) -> Result<Response, Problem> {
    let requests = access_requests(&body)?;
    let command = if preview {
        Command::PreviewAccess { requests }
    } else {
        let operation = "POST /elastic/api/instances/{instanceId}/access-requests";
        let key = key.of(Asked { operation, id: instance.0, body: &body });
        Command::AccessMany { requests, key }
    };
    match app.ask(&caller, instance, command).await? {
        Reply::AccessMany(outcomes) => answer::ok(&Answers { outcomes, version, preview }),
        _ => Err(answer::unexpected()),
    }
}

fn access_requests(body: &[u8]) -> Result<Vec<licet_core::AccessRequest>, Problem> {
    let AccessRequests(requests) = licet_protocol::parse(body)?;
    let requests = requests.into_iter().enumerate();
    requests.map(|(place, request)| access_request(request, &|| format!("$[{place}]"))).collect()
}

/// Many answers, each made when its turn to be written has come.
struct Answers {
    outcomes: Vec<Arc<Outcome>>,
    version: ApiVersion,
    preview: bool,
}

impl Serialize for Answers {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let answer = |outcome: &Arc<Outcome>| access_answer(outcome, self.version, self.preview);
        to.collect_seq(self.outcomes.iter().map(answer))
    }
}

/// Where in the body a request stands; asked for only when something is wrong with it.
pub(super) type Place<'a> = &'a dyn Fn() -> String;

/// A request as the core reads it.
fn access_request(
    request: AccessRequest,
    at: Place<'_>,
) -> Result<licet_core::AccessRequest, Problem> {
    Ok(licet_core::AccessRequest {
        requester: requester(request.requester),
        items: requested_items(request.requested_items, at)?,
    })
}

pub(super) fn requester(requester: licet_protocol::Requester) -> Arc<Requester> {
    Arc::new(Requester {
        kind: requester.kind.into_inner(),
        value: requester.value.into_inner(),
        dictionary: requester.dictionary.map(|dictionary| dictionary.0).unwrap_or_default(),
    })
}

pub(super) fn requested_items(
    items: Vec<licet_protocol::RequestedItem>,
    at: Place<'_>,
) -> Result<Vec<RequestedItem>, Problem> {
    let items = items.into_iter().enumerate();
    items.map(|(place, item)| requested_item(item, at, place)).collect()
}

fn requested_item(
    item: licet_protocol::RequestedItem,
    at: Place<'_>,
    place: usize,
) -> Result<RequestedItem, Problem> {
    let variables = item.variables.unwrap_or_default();
    let variables = variables.0.into_iter().map(|(name, text)| match decimal(&text) {
        Some(number) => Ok((name, number)),
        None => Err(Problem::invalid(
            &format!("{}.requestedItems[{place}].variables.{name}", at()),
            "must have at most 28 digits, before and after the decimal point together",
        )),
    });
    Ok(RequestedItem {
        item: item.item.into_inner(),
        version: item.version.into_inner(),
        count: item.count.0,
        variables: variables.collect::<Result<_, _>>()?,
        meta_data: item.meta_data.map(|meta_data| meta_data.as_str().into()),
    })
}

/// A JSON number without the loss of a digit.
fn decimal(text: &str) -> Option<Decimal> {
    let is_plain = !text.contains(['e', 'E']);
    let number =
        if is_plain { Decimal::from_str_exact(text) } else { Decimal::from_scientific(text) };
    number.ok()
}

/// An outcome on the wire. A preview has no record, so it has no id to find it by.
pub(super) fn access_answer(outcome: &Outcome, version: ApiVersion, preview: bool) -> AccessAnswer {
    AccessAnswer {
        correlation_id: (!preview).then_some(outcome.correlation_id.0),
        requester: RequesterAnswer {
            kind: outcome.requester.kind.clone(),
            value: outcome.requester.value.clone(),
        },
        requested_items: outcome.items.iter().map(|item| item_answer(item, version)).collect(),
    }
}

fn item_answer(item: &ItemOutcome, version: ApiVersion) -> ItemAnswer {
    let description = match &item.detail {
        None => describe(item.code).into(),
        Some(detail) => String::from(&**detail).into(),
    };
    ItemAnswer {
        item: item.item.clone(),
        version: item.version.clone(),
        count: item.granted.into(),
        total_tokens_charged: item.tokens().into(),
        line_items: item.charges.iter().map(line_item_charge).collect(),
        status: ItemStatus { code: item_code(item.code, version).into(), description },
    }
}

fn line_item_charge(charge: &LineCharge) -> LineItemCharge {
    LineItemCharge {
        activation_id: charge.activation_id.clone(),
        rate: charge.rate.into(),
        tokens_charged: charge.tokens.into(),
    }
}
