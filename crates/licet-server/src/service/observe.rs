//! What is seen of every request from outside: its id, its status and how long it took.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderValue, header},
    response::Response,
};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::{Metrics, metrics::RouteMetrics};
use crate::request_id::{self, X_REQUEST_ID};

const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// Takes over the caller's request id, or makes one, answers with it, and counts and logs what
/// became of the request.
#[derive(Debug, Clone)]
pub(crate) struct ObserveLayer(pub(crate) Metrics);

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe { inner, metrics: self.0.clone() }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Observe<S> {
    inner: S,
    metrics: Metrics,
}

impl<S: Service<Request, Response = Response>> Service<Request> for Observe<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Observed<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    #[expect(clippy::disallowed_methods, reason = "latency is measured, nothing is decided by it")]
    fn call(&mut self, request: Request) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let request_id = request_id::assign(&parts.headers, &mut parts.extensions);
        let request = Request::from_parts(parts, body);
        let seen = Seen {
            started: Instant::now(),
            request_id,
            route: self.metrics.route(template(&request)),
            logged: tracing::enabled!(tracing::Level::DEBUG)
                .then(|| (request.method().clone(), request.uri().path().to_owned())),
        };
        Observed { answering: self.inner.call(request), seen: Some(seen) }
    }
}

pin_project! {
    /// A request that is being answered.
    pub(crate) struct Observed<F> {
        #[pin]
        answering: F,
        seen: Option<Seen>,
    }
}

struct Seen {
    started: Instant,
    request_id: HeaderValue,
    route: Arc<RouteMetrics>,
    logged: Option<(axum::http::Method, String)>,
}

impl<F: Future<Output = Result<Response, E>>, E> Future for Observed<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let answer = ready!(this.answering.poll(context));
        Poll::Ready(match (answer, this.seen.take()) {
            (Ok(response), Some(seen)) => Ok(seen.complete(response)),
            (answer, _) => answer,
        })
    }
}

impl Seen {
    fn complete(self, mut response: Response) -> Response {
        let (status, latency) = (response.status(), self.started.elapsed());
        self.route.count(status.as_u16(), latency);
        if let Some((method, path)) = &self.logged {
            tracing::debug!(
                request.id = self.request_id.to_str().unwrap_or_default(),
                http.method = %method,
                http.path = %path,
                http.status = status.as_u16(),
                latency_ms = latency.as_secs_f64() * 1_000.0,
                "request"
            );
        }
        if status.is_server_error() {
            let request_id = self.request_id.to_str().unwrap_or_default();
            tracing::warn!(
                request.id = request_id,
                http.status = status.as_u16(),
                "request failed"
            );
        }
        let headers = response.headers_mut();
        headers.insert(X_REQUEST_ID, self.request_id);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        response
    }
}

fn template(request: &Request) -> &str {
    request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str)
}
