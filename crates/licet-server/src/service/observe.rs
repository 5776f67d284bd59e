//! What is seen of every request from outside: its id, its status and how long it took.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use uuid::Uuid;

use super::Metrics;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
/// Longest request id that is taken over from the caller.
const REQUEST_ID_MAX: usize = 128;

/// Takes over the caller's request id, or makes one, and answers with it.
#[expect(clippy::disallowed_methods, reason = "latency is measured, nothing is decided by it")]
pub(crate) async fn observe(
    State(metrics): State<Metrics>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let request_id = request_id(&mut request);
    let route = metrics.route(template(&request));
    let seen = tracing::enabled!(tracing::Level::DEBUG)
        .then(|| (request.method().clone(), request.uri().path().to_owned()));
    let mut response = next.run(request).await;
    let (status, latency_s) = (response.status(), started.elapsed().as_secs_f64());
    route.count(status.as_u16(), latency_s);
    if let Some((method, path)) = seen {
        tracing::debug!(
            request.id = request_id.to_str().unwrap_or_default(),
            http.method = %method,
            http.path = %path,
            http.status = status.as_u16(),
            latency_ms = latency_s * 1_000.0,
            "request"
        );
    }
    if status.is_server_error() {
        let request_id = request_id.to_str().unwrap_or_default();
        tracing::warn!(request.id = request_id, http.status = status.as_u16(), "request failed");
    }
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, request_id);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    response
}

fn template(request: &Request) -> &str {
    request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str)
}

fn request_id(request: &mut Request) -> HeaderValue {
    let given = request.headers().get(&X_REQUEST_ID).filter(|id| {
        let text = id.to_str().unwrap_or_default();
        !text.is_empty()
            && text.len() <= REQUEST_ID_MAX
            && text.bytes().all(|byte| byte.is_ascii_graphic())
    });
    if let Some(id) = given {
        return id.clone();
    }
    let mut buffer = Uuid::encode_buffer();
    let text = Uuid::now_v7().hyphenated().encode_lower(&mut buffer);
    // A UUID is always a header value.
    let id = HeaderValue::from_str(text).unwrap_or(NOSNIFF);
    request.headers_mut().insert(X_REQUEST_ID, id.clone());
    id
}
