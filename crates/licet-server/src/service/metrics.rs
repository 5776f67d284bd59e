//! Prometheus metrics. No label names a tenant, an instance or a user.
//!
//! A request costs two additions: latencies are counted into fixed buckets as they come, so that
//! nothing gathers in memory between two scrapes.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::extract::State;
use parking_lot::RwLock;

use crate::App;

/// Upper bounds of the latency buckets, microseconds, and how they are written, in seconds.
const LATENCY_BUCKETS: [(u64, &str); 12] = [
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_000, "0.002"),
    (4_000, "0.004"),
    (8_000, "0.008"),
    (16_000, "0.016"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (500_000, "0.5"),
    (2_000_000, "2"),
    (10_000_000, "10"),
];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The counters of every route; a clone is the same.
#[derive(Clone, Default)]
pub(crate) struct Metrics {
    routes: Arc<RwLock<BTreeMap<String, Arc<RouteMetrics>>>>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("routes", &self.routes.read().len()).finish()
    }
}

/// Requests and latency of one route.
#[derive(Default)]
pub(crate) struct RouteMetrics {
    /// By first digit of the status, from 1.
    by_class: [AtomicU64; CLASSES.len()],
    /// By the first bucket that is large enough; the last is for what fits into none.
    by_latency: [AtomicU64; LATENCY_BUCKETS.len() + 1],
    latency_us: AtomicU64,
}

impl Metrics {
    /// The counters of a route, by its template. Routes are few and fixed.
    pub(crate) fn route(&self, template: &str) -> Arc<RouteMetrics> {
        if let Some(route) = self.routes.read().get(template) {
            return route.clone();
        }
        self.routes.write().entry(template.to_owned()).or_default().clone()
    }

    /// Everything in the Prometheus text format, after `gauges`.
    fn render(&self, gauges: &[(&str, u64)]) -> String {
        let mut text = String::new();
        for (name, value) in gauges {
            line(&mut text, format_args!("# TYPE {name} gauge\n{name} {value}"));
        }
        let routes = self.routes.read();
        line(&mut text, format_args!("# TYPE licet_http_requests_total counter"));
        for (template, route) in routes.iter() {
            route.render_requests(template, &mut text);
        }
        line(&mut text, format_args!("# TYPE licet_http_request_seconds histogram"));
        for (template, route) in routes.iter() {
            route.render_latency(template, &mut text);
        }
        text
    }
}

impl RouteMetrics {
    pub(crate) fn count(&self, status: u16, latency: Duration) {
        let class = usize::from(status / 100).saturating_sub(1);
        if let Some(counter) = self.by_class.get(class) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let latency_us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let bucket = LATENCY_BUCKETS.partition_point(|(bound_us, _)| *bound_us < latency_us);
        self.by_latency[bucket].fetch_add(1, Ordering::Relaxed);
        self.latency_us.fetch_add(latency_us, Ordering::Relaxed);
    }

    fn render_requests(&self, template: &str, text: &mut String) {
        for (class, counter) in CLASSES.iter().zip(&self.by_class) {
            let count = counter.load(Ordering::Relaxed);
            let labels = format_args!("route=\"{template}\",status=\"{class}\"");
            line(text, format_args!("licet_http_requests_total{{{labels}}} {count}"));
        }
    }

    fn render_latency(&self, template: &str, text: &mut String) {
        const NAME: &str = "licet_http_request_seconds";
        let mut count = 0;
        let bounds = LATENCY_BUCKETS.iter().map(|(_, bound)| *bound).chain(["+Inf"]);
        for (bound, counter) in bounds.zip(&self.by_latency) {
            count += counter.load(Ordering::Relaxed);
            let labels = format_args!("route=\"{template}\",le=\"{bound}\"");
            line(text, format_args!("{NAME}_bucket{{{labels}}} {count}"));
        }
        let sum = Duration::from_micros(self.latency_us.load(Ordering::Relaxed)).as_secs_f64();
        line(text, format_args!("{NAME}_sum{{route=\"{template}\"}} {sum}"));
        line(text, format_args!("{NAME}_count{{route=\"{template}\"}} {count}"));
    }
}

fn line(text: &mut String, line: fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = text.write_fmt(line);
    text.push('\n');
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
pub(crate) async fn render(State(app): State<App>) -> String {
    let mut gauges = vec![("licet_instances_in_memory", app.engine.instances_in_memory() as u64)];
    // A store out of reach leaves these out; the others are told all the same.
    if let (Ok(lag), Ok(last)) =
        (app.engine.projector_lag().await, app.engine.last_position().await)
    {
        gauges.extend([("licet_projector_lag", lag), ("licet_journal_position", last.0)]);
    }
    app.metrics.render(&gauges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_class_and_latency() {
        let metrics = Metrics::default();
        metrics.route("/a").count(200, Duration::from_micros(250));
        metrics.route("/a").count(404, Duration::from_micros(251));
        metrics.route("/a").count(200, Duration::from_secs(60));
        let text = metrics.render(&[("licet_gauge", 7)]);
        for line in [
            "licet_gauge 7",
            r#"licet_http_requests_total{route="/a",status="2xx"} 2"#,
            r#"licet_http_requests_total{route="/a",status="4xx"} 1"#,
            r#"licet_http_request_seconds_bucket{route="/a",le="0.00025"} 1"#,
            r#"licet_http_request_seconds_bucket{route="/a",le="0.0005"} 2"#,
            r#"licet_http_request_seconds_bucket{route="/a",le="10"} 2"#,
            r#"licet_http_request_seconds_bucket{route="/a",le="+Inf"} 3"#,
            r#"licet_http_request_seconds_sum{route="/a"} 60.000501"#,
            r#"licet_http_request_seconds_count{route="/a"} 3"#,
        ] {
            assert!(text.lines().any(|written| written == line), "{line} in {text}");
        }
    }
}
