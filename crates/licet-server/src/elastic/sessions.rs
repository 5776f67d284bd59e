//! Sessions: charges that repeat while a client is alive.

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use licet_core::{
    AccessRequest, Command, InstanceId, Phase, Query, Reply, Session, SessionId, SessionState,
};
use licet_protocol::{
    AccessAnswer, ApiVersion, SessionAccessRequest, SessionCreated, SessionDetail, SessionIn,
    SessionItem, SessionListed,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::{
    Operations,
    access_requests::{Preview, PreviewQuery, access_answer, requested_items, requester},
    document::{IdempotencyParams, InstanceParams},
    named_instance::{NamedInstance, TrialAt},
    path::{SessionAt, SessionOrInstanceAt, Version},
};
use crate::{
    App, Code, Problem,
    answer::{self, ReferenceProblem},
    extract::RawBody,
    idempotency::{Asked, IdempotencyHeader},
    security::{Authorized, Principal, perm},
};

/// Sessions of a list.
const LISTED_MAX: usize = 100;

pub(super) fn operations() -> Vec<Operations> {
    vec![
        routes!(create_session, list_sessions),
        routes!(read_session, put_session, close_session),
        routes!(heartbeat),
    ]
}

/// Opens a session that holds nothing yet and costs nothing.
#[utoipa::path(
    post, path = "/sessions", operation_id = "createsession", tag = "sessions",
    request_body = SessionIn,
    params(
        InstanceParams,
        IdempotencyParams,
    ),
    responses(
        (status = 200, description = "Opened", body = SessionCreated),
        (status = 422, description = "The Idempotency-Key came with another request before",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
    ),
)]
async fn create_session(
    caller: Authorized<perm::SessionsWrite>,
    State(app): State<App>,
    named: NamedInstance,
    key: IdempotencyHeader,
    RawBody(body): RawBody,
) -> Result<Response, Problem> {
    let SessionIn { instance_id } = licet_protocol::parse(&body)?;
    let instance = named.of_body(&caller, instance_id)?;
    let key = key.of(Asked { operation: "POST /api/sessions", id: instance.0, body: &body });
    match app.ask(&caller, instance, Command::OpenSession { key }).await? {
        Reply::SessionOpened(id) => answer::ok(&SessionCreated { session_id: id.0 }),
        _ => Err(answer::unexpected()),
    }
}

/// The live sessions of an instance, newest first, at most 100.
#[utoipa::path(
    get, path = "/sessions", operation_id = "getallsessionsforinstance", tag = "sessions",
    params(("instanceId" = String, Query, description = "The instance: its UUID or short form")),
    responses((status = 200, description = "The sessions", body = Vec<SessionListed>)),
)]
async fn list_sessions(
    caller: Authorized<perm::SessionsRead>,
    State(app): State<App>,
    named: NamedInstance,
) -> Result<Response, Problem> {
    let missing = || Problem::invalid("instanceId", "is missing but it is required");
    list(&app, &caller, named.given().ok_or_else(missing)?).await
}

/// What an id in the path stands for: a session, or an instance with its sessions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes two answers that are written one by one")]
enum SessionOrList {
    Session(SessionDetail),
    List(Vec<SessionListed>),
}

/// A session with what it holds, also for a day after its end.
///
/// The id of an instance lists the live sessions of that.
#[utoipa::path(
    get, path = "/sessions/{sessionId}", operation_id = "getsession", tag = "sessions",
    params(InstanceParams),
    responses((status = 200, description = "The session", body = SessionOrList)),
)]
async fn read_session(
    caller: Authorized<perm::SessionsRead>,
    State(app): State<App>,
    named: NamedInstance,
    SessionOrInstanceAt(id): SessionOrInstanceAt,
) -> Result<Response, Problem> {
    let (id, instance_of_that_id) = (SessionId(id), InstanceId(id));
    let is_instance = match named.given() {
        Some(given) => given == instance_of_that_id,
        None => app.instance(&caller, instance_of_that_id).await.is_ok(),
    };
    if is_instance {
        return list(&app, &caller, instance_of_that_id).await;
    }
    let instance = named.of_session(&caller)?;
    let session = session(&app, &caller, instance, id).await?;
    answer::ok(&detail(id, instance, &session))
}

/// States what the session holds from now on: all of the items are charged, or none.
///
/// The unused part of what was charged for the items before is given back.
#[utoipa::path(
    put, path = "/sessions/{sessionId}", operation_id = "putsessionaccessrequest",
    tag = "sessions", request_body = SessionAccessRequest,
    params(
        InstanceParams,
        PreviewQuery,
        IdempotencyParams,
    ),
    responses(
        (status = 200, description = "All items are charged", body = AccessAnswer),
        (status = 409, description = "Denied: no item is charged. Or the session is over",
            content(
                (AccessAnswer = "application/json"),
                (licet_protocol::Problem = "application/problem+json"),
            )),
        (status = 422, description = "The Idempotency-Key came with another request before",
            body = licet_protocol::Problem, content_type = "application/problem+json"),
    ),
)]
async fn put_session(
    caller: Authorized<perm::SessionsWrite>,
    State(app): State<App>,
    Version(version): Version,
    TrialAt(named, Preview(preview)): TrialAt,
    SessionAt(session_id): SessionAt,
    key: IdempotencyHeader,
    RawBody(body): RawBody,
) -> Result<Response, Problem> {
    let instance = named.of_session(&caller)?;
    let request: SessionAccessRequest = licet_protocol::parse(&body)?;
    let rollback_on_deny = request.rollback_on_deny;
    let request = AccessRequest {
        requester: requester(request.requester),
        items: requested_items(request.requested_items, &|| "$".to_owned())?,
    };
    let command = if preview {
        Command::PreviewSession { session_id, request, rollback_on_deny }
    } else {
        let operation = "PUT /api/sessions/{sessionId}";
        let key = key.of(Asked { operation, id: session_id.0, body: &body });
        Command::AccessSession { session_id, request, rollback_on_deny, key }
    };
    match app.ask(&caller, instance, command).await? {
        Reply::SessionAccess(access) => {
            let status = if access.is_granted() { StatusCode::OK } else { StatusCode::CONFLICT };
            answer::json(status, &access_answer(&access.outcome, version, preview))
        }
        _ => Err(answer::unexpected()),
    }
}

/// Ends a session.
///
/// The unused part of what it was charged is given back. One that is over stays so.
#[utoipa::path(
    delete, path = "/sessions/{sessionId}", operation_id = "closesession", tag = "sessions",
    params(InstanceParams), responses((status = 204, description = "Closed")),
)]
async fn close_session(
    caller: Authorized<perm::SessionsWrite>,
    State(app): State<App>,
    named: NamedInstance,
    SessionAt(session_id): SessionAt,
) -> Result<StatusCode, Problem> {
    let instance = named.of_session(&caller)?;
    app.ask(&caller, instance, Command::CloseSession { session_id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says that the client is alive: due within half a charge period of every automatic charge.
///
/// Anything but 204 means to stop using the items.
#[utoipa::path(
    get, path = "/sessions/{sessionId}/heartbeat", operation_id = "getheartbeat",
    tag = "sessions", params(InstanceParams),
    responses(
        (status = 204, description = "Go on"),
        (status = 403, description = "The session is over, or the caller may not do this",
            body = ReferenceProblem, content_type = "application/problem+json"),
        (status = 409, description = "The session is over, as the message says",
            body = ReferenceProblem, content_type = "application/problem+json"),
    ),
)]
async fn heartbeat(
    caller: Authorized<perm::SessionsWrite>,
    State(app): State<App>,
    Version(version): Version,
    named: NamedInstance,
    SessionAt(session_id): SessionAt,
) -> Result<Response, Problem> {
    let instance = named.of_live_session(&caller)?;
    match app.ask(&caller, instance, Command::Heartbeat { session_id }).await {
        Ok(_) => Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, NO_STORE)]).into_response()),
        Err(problem) if problem.code() == Code::SessionNotOperable => {
            let status = match version {
                ApiVersion::V1_0 => StatusCode::FORBIDDEN,
                ApiVersion::V1_1 => StatusCode::CONFLICT,
            };
            Ok(ReferenceProblem::message(&problem).answer(status))
        }
        Err(problem) => Err(problem),
    }
}

/// A heartbeat is a GET that changes something.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// A session as it stands.
pub(super) async fn session(
    app: &App,
    caller: &Principal,
    instance: InstanceId,
    id: SessionId,
) -> Result<Box<Session>, Problem> {
    match app.ask(caller, instance, Command::Query(Query::Session(id))).await? {
        Reply::Session(session) => Ok(session),
        _ => Err(answer::unexpected()),
    }
}

async fn list(app: &App, caller: &Principal, instance: InstanceId) -> Result<Response, Problem> {
    let query = Query::Sessions { limit: LISTED_MAX };
    match app.ask(caller, instance, Command::Query(query)).await? {
        Reply::Sessions(sessions) => {
            let sessions = sessions.iter().map(|(id, session)| listed(*id, instance, session));
            answer::ok(&sessions.collect::<Vec<_>>())
        }
        _ => Err(answer::unexpected()),
    }
}

fn state(session: &Session) -> licet_protocol::SessionState {
    match session.state() {
        SessionState::Idle => licet_protocol::SessionState::Idle,
        SessionState::Active => licet_protocol::SessionState::Active,
        SessionState::Terminated => licet_protocol::SessionState::Terminated,
    }
}

fn charged_until(session: &Session) -> Option<licet_protocol::Millis> {
    match &session.phase {
        Phase::Active(paid) => Some(paid.until_ms.into()),
        Phase::Idle { .. } | Phase::Ended { .. } => None,
    }
}

fn listed(id: SessionId, instance: InstanceId, session: &Session) -> SessionListed {
    SessionListed {
        session_id: id.0,
        instance_id: instance.0,
        state: state(session),
        charged_until: charged_until(session),
        last_heart_beat: session.last_heartbeat_at_ms.map(Into::into),
        last_access_request: session.last_access_at_ms.map(Into::into),
    }
}

fn detail(id: SessionId, instance: InstanceId, session: &Session) -> SessionDetail {
    let items = session.items.iter().map(|item| SessionItem {
        item: item.item.to_string(),
        version: item.version.to_string(),
        count: item.count.into(),
    });
    SessionDetail {
        session_id: id.0,
        instance_id: instance.0,
        state: state(session),
        charged_until: charged_until(session),
        items: items.collect(),
    }
}
