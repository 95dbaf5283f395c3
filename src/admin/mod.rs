//! The operations listener: `/metrics`, `/healthz` and `/readyz`. Unauthenticated, on loopback by default.

mod certificate;
mod metrics;
mod readiness;
mod series;

pub(crate) use certificate::observe_certificates;
#[cfg(test)]
use metrics::{Kind, METRICS, Metric};
pub(crate) use metrics::{install, tidy};
pub(crate) use readiness::{Check, Readiness};
pub(crate) use series::show_trunk;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;

/// What the three routes answer from.
#[derive(Clone)]
struct Operations {
    metrics: PrometheusHandle,
    readiness: Arc<Readiness>,
}

/// The routes of the operations listener; serve them with [`crate::api::serve`].
pub(crate) fn routes(metrics: PrometheusHandle, readiness: Arc<Readiness>) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .with_state(Operations { metrics, readiness })
}

/// Everything the recorder holds, in the Prometheus text format 0.0.4.
async fn scrape(State(operations): State<Operations>) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (headers, operations.metrics.render()).into_response()
}

/// That the control runtime still answers. Nothing else restarts a process that holds calls.
async fn health() -> &'static str {
    "ok\n"
}

/// Whether a new call would be taken: one line per check, and 503 if one fails.
async fn ready(State(operations): State<Operations>) -> Response {
    let status = if operations.readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, operations.readiness.report()).into_response()
}

#[cfg(test)]
mod tests;
