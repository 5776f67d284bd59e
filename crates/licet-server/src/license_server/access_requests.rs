//! Requests of clients for features: the Cloud Monetization API.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use licet_core::{
    Asker, Command, FeatureCount, FeatureOutcome, GrantedFeature, Granularity, IdempotencyKey,
    InstanceId, Operation, Reply, WantedFeature, model::HostId,
};
use licet_protocol::{
    End, FeatureAnswer, FeatureCountOut, FeatureGrant, FeatureRequest, FeatureStatus,
    FeatureVersion, FinalExpiry, GranularityKind, HostIdIn, LineItemInfoOut, OperationKind,
    SharedText,
};
use sha2::{Digest, Sha256};
use utoipa_axum::routes;

use super::{Operations, serving_client::ServingClient, status_messages::message};
use crate::{
    App, Problem, answer,
    extract::RawBody,
    idempotency::{Asked, IdempotencyHeader},
    operations::ChangeProblems,
};

/// The kind of signed answers, as their header names it.
const SIGNED_TYP: &str = "licet-access-response+jwt";

pub(super) fn operations() -> Vec<Operations> {
    vec![routes!(access), routes!(signed_access), routes!(preview)]
}

/// Serve features to a client.
///
/// The answer is 200 also when something was not served; `statusList` says what, and why.
#[utoipa::path(
    post, path = "/access_request", operation_id = "accessRequest", tag = "access requests",
    request_body = FeatureRequest,
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255,
        description = "A request with the same key that comes again gets the first answer")),
    responses(
        (status = 200, description = "What the client has now", body = FeatureAnswer),
        (status = 422, description = "The Idempotency-Key came with another request before",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ChangeProblems,
    ),
    security(("bearer" = []), ())
)]
async fn access(
    client: ServingClient,
    State(app): State<App>,
    key: IdempotencyHeader,
    RawBody(body): RawBody,
) -> Result<Response, Problem> {
    let request: FeatureRequest = licet_protocol::parse(&body)?;
    let served = serve(&app, &client, key, &request, &body).await?;
    answer::ok(&wire(&served, &request))
}

/// The same, with a signature by which the client knows that this server answered.
///
/// The answer is a flattened JSON Web Signature; its payload is the plain answer with the `nonce`
/// of the request, `iat` and `instanceId`. Keys are at `/.well-known/jwks.json`.
#[utoipa::path(
    post, path = "/signed_access_request", operation_id = "signedAccessRequest",
    tag = "access requests", request_body = FeatureRequest,
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255,
        description = "A request with the same key that comes again gets the first answer")),
    responses(
        (status = 200, description = "What the client has now, signed",
            body = licet_protocol::SignedDocument),
        (status = 422, description = "The Idempotency-Key came with another request before",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
        ChangeProblems,
    ),
    security(("bearer" = []), ())
)]
async fn signed_access(
    client: ServingClient,
    State(app): State<App>,
    key: IdempotencyHeader,
    RawBody(body): RawBody,
) -> Result<Response, Problem> {
    let request: FeatureRequest = licet_protocol::parse(&body)?;
    let served = serve(&app, &client, key, &request, &body).await?;
    let plain = FeatureAnswer {
        nonce: request.nonce.as_ref().map(|nonce| nonce.0.clone()),
        iat: Some(app.now_ms() / 1_000),
        instance_id: Some(client.instance.id),
        ..wire(&served, &request)
    };
    let algorithm = app.instance_settings.load().of(client.instance.id).signing_algorithm;
    let document = app.signer.sign_json(algorithm, SIGNED_TYP, &plain).await?;
    let mut response = Response::new(Body::from(document.to_json()));
    *response.status_mut() = StatusCode::OK;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}

/// Tell what a client could get, and change nothing.
///
/// Without features it tells all that this host could get, of each feature by itself.
#[utoipa::path(
    post, path = "/preview_request", operation_id = "previewRequest", tag = "access requests",
    request_body = FeatureRequest,
    responses(
        (status = 200, description = "What the client could get", body = FeatureAnswer),
        ChangeProblems,
    ),
    security(("bearer" = []), ())
)]
async fn preview(
    client: ServingClient,
    State(app): State<App>,
    RawBody(body): RawBody,
) -> Result<Response, Problem> {
    let request: FeatureRequest = licet_protocol::parse(&body)?;
    let command = Command::PreviewServing { request: Box::new(core_request(&request)) };
    let told = ask(&app, &client, command).await?;
    answer::ok(&FeatureAnswer { exchange_id: None, ..wire(&told, &request) })
}

async fn serve(
    app: &App,
    client: &ServingClient,
    header: IdempotencyHeader,
    request: &FeatureRequest,
    body: &[u8],
) -> Result<Arc<licet_core::FeatureAnswer>, Problem> {
    let operation = "POST /api/1.0/instances/{instanceId}/access_request";
    let key = header.of(Asked { operation, id: client.instance.id, body });
    let key = match key {
        None if request.one_time => Some(one_time_key(request, body)?),
        key => key,
    };
    let command = Command::Serve { request: Box::new(core_request(request)), key };
    ask(app, client, command).await
}

/// A request that counts once is known again by its host and correlation ID.
fn one_time_key(request: &FeatureRequest, body: &[u8]) -> Result<IdempotencyKey, Problem> {
    let Some(id) = request.correlation_id.as_deref().filter(|id| !id.is_empty()) else {
        return Err(Problem::invalid(
            "$.correlationId",
            "is required with oneTime, so that the request is known when it comes again",
        ));
    };
    let host = host_id(&request.host_id);
    let key = format!("one-time {host} {id}").into();
    Ok(IdempotencyKey { key, digest: Sha256::digest(body).into() })
}

async fn ask(
    app: &App,
    client: &ServingClient,
    command: Command,
) -> Result<Arc<licet_core::FeatureAnswer>, Problem> {
    match app.engine.ask(InstanceId(client.instance.id), command).await? {
        Reply::Served(answer) => Ok(answer),
        _ => Err(answer::unexpected()),
    }
}

fn host_id(host: &HostIdIn) -> HostId {
    HostId::new(&host.value, &host.kind)
}

fn core_request(request: &FeatureRequest) -> licet_core::FeatureRequest {
    let others = request.host_ids.iter().flatten();
    let mut host_ids: Vec<HostId> = Vec::with_capacity(1 + others.clone().count());
    for host in [&request.host_id].into_iter().chain(others).map(host_id) {
        if !host_ids.contains(&host) {
            host_ids.push(host);
        }
    }
    let text = |text: &Option<SharedText>| {
        text.as_ref().filter(|text| !text.is_empty()).map(|text| text.0.clone())
    };
    let dictionary = request.vendor_dictionary.as_ref().map(|it| it.0.clone());
    let asker = Asker {
        host_ids,
        host_name: text(&request.host_name),
        host_type: text(&request.host_type),
        dictionary: dictionary.unwrap_or_default(),
    };
    licet_core::FeatureRequest {
        asker: Arc::new(asker),
        is_virtual: request.is_virtual,
        operation: operation(request.operation),
        features: request.features.iter().flatten().map(wanted).collect(),
        incremental: request.incremental,
        partial: request.partial,
        borrow_interval_ms: request.borrow_interval.map(|interval| interval.0),
        granularity: request.borrow_granularity.map(granularity),
        selectors: request
            .selectors_dictionary
            .as_ref()
            .map_or_else(Default::default, |it| it.0.clone()),
    }
}

fn wanted(feature: &licet_protocol::FeatureIn) -> WantedFeature {
    WantedFeature { name: feature.name.0.clone(), version: feature.version.0, count: feature.count }
}

fn operation(kind: OperationKind) -> Operation {
    match kind {
        OperationKind::Request => Operation::Request,
        OperationKind::Report => Operation::Report,
        OperationKind::Undo => Operation::Undo,
    }
}

fn granularity(kind: GranularityKind) -> Granularity {
    match kind {
        GranularityKind::Second => Granularity::Second,
        GranularityKind::Minute => Granularity::Minute,
        GranularityKind::Hour => Granularity::Hour,
        GranularityKind::Day => Granularity::Day,
    }
}

fn wire(answer: &licet_core::FeatureAnswer, request: &FeatureRequest) -> FeatureAnswer {
    FeatureAnswer {
        request_host_id: request.host_id.clone(),
        features: answer.features.iter().map(grant).collect(),
        status_list: answer.not_met.iter().map(status).collect(),
        correlation_id: request.correlation_id.as_ref().map(|id| id.0.clone()),
        exchange_id: Some(answer.correlation_id.0),
        nonce: None,
        iat: None,
        instance_id: None,
    }
}

fn grant(feature: &GrantedFeature) -> FeatureGrant {
    let info = |info: &licet_core::LineItemInfo| LineItemInfoOut {
        activation_id: info.activation_id.clone(),
        entitlement_id: info.entitlement_id.clone(),
        product_name: info.product_name.clone(),
        product_version: info.product_version.clone(),
    };
    FeatureGrant {
        name: feature.name.clone(),
        version: FeatureVersion(feature.version),
        count: count(feature.count),
        expires: End(feature.expires_at_ms),
        final_expiry: FinalExpiry(feature.final_expiry_ms),
        vendor_string: feature.vendor_string.clone(),
        serial_number: feature.serial_number.clone(),
        issuer: feature.issuer.clone(),
        notice: feature.notice.clone(),
        max_count: feature.max_count.map(count),
        renew_interval: feature.renew_after_s,
        line_items_info: feature.line_items.iter().map(info).collect(),
    }
}

fn count(count: FeatureCount) -> FeatureCountOut {
    match count {
        FeatureCount::Counted(count) => FeatureCountOut::Counted(count),
        FeatureCount::Uncounted => FeatureCountOut::Uncounted,
    }
}

fn status(outcome: &FeatureOutcome) -> FeatureStatus {
    FeatureStatus {
        code: outcome.status.map_or("", licet_core::StatusCode::as_str),
        message: message(outcome),
        name: outcome.name.clone(),
        version: FeatureVersion(outcome.version),
    }
}
