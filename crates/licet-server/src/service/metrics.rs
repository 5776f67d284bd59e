//! Prometheus metrics. No label names a tenant, an instance or a user.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, OnceLock},
};

use axum::extract::State;
use metrics::{Counter, Histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use parking_lot::RwLock;

use crate::App;

/// Upper bounds of the latency buckets, seconds.
const LATENCY_BUCKETS_S: [f64; 12] =
    [0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.05, 0.1, 0.5, 2.0, 10.0];

/// The counters of every route; a clone is the same.
#[derive(Clone, Default)]
pub(crate) struct Metrics {
    routes: Arc<RwLock<HashMap<String, Arc<RouteMetrics>>>>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("routes", &self.routes.read().len()).finish()
    }
}

/// Requests and latency of one route.
pub(crate) struct RouteMetrics {
    /// By first digit of the status, from 1.
    by_class: [Counter; 5],
    latency_s: Histogram,
}

/// The recorder is one for the process, however many servers tests start in it.
fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let install = || {
        let latency = Matcher::Full("licet_http_request_seconds".to_owned());
        let builder = PrometheusBuilder::new();
        let builder = builder.set_buckets_for_metric(latency, &LATENCY_BUCKETS_S).ok()?;
        builder.install_recorder().ok()
    };
    RECORDER.get_or_init(install).as_ref()
}

impl Metrics {
    #[must_use]
    pub(crate) fn new() -> Self {
        recorder();
        Self::default()
    }

    /// The counters of a route, by its template. Routes are few and fixed.
    pub(crate) fn route(&self, template: &str) -> Arc<RouteMetrics> {
        if let Some(route) = self.routes.read().get(template) {
            return route.clone();
        }
        let route = Arc::new(RouteMetrics::new(template));
        self.routes.write().entry(template.to_owned()).or_insert(route).clone()
    }
}

impl RouteMetrics {
    fn new(template: &str) -> Self {
        let counter = |class: &'static str| {
            metrics::counter!("licet_http_requests_total",
                "route" => template.to_owned(), "status" => class)
        };
        Self {
            by_class: ["1xx", "2xx", "3xx", "4xx", "5xx"].map(counter),
            latency_s: metrics::histogram!("licet_http_request_seconds",
                "route" => template.to_owned()),
        }
    }

    pub(crate) fn count(&self, status: u16, latency_s: f64) {
        let class = usize::from(status / 100).saturating_sub(1);
        if let Some(counter) = self.by_class.get(class) {
            counter.increment(1);
        }
        self.latency_s.record(latency_s);
    }
}

/// Metrics in the Prometheus text format. Keep this path inside your network: it is open to
/// whoever reaches the server, and tells nothing of tenants.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "service",
    responses((status = 200, description = "Metrics", body = String, content_type = "text/plain"))
)]
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and these are small")]
pub(crate) async fn render(State(app): State<App>) -> String {
    metrics::gauge!("licet_instances_in_memory").set(app.engine.instances_in_memory() as f64);
    // A store out of reach leaves the last figures standing; the others are told all the same.
    if let (Ok(lag), Ok(last)) =
        (app.engine.projector_lag().await, app.engine.last_position().await)
    {
        metrics::gauge!("licet_projector_lag").set(lag as f64);
        metrics::gauge!("licet_journal_position").set(last.0 as f64);
    }
    recorder().map(PrometheusHandle::render).unwrap_or_default()
}
