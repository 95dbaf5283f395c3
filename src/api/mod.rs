//! The authenticated `/v1` interface: people with configured tokens look after calls, bots reach their own call.
//!
//! It decides who may ask; the call decides what it answers ([`call::api`]). Errors are problem documents
//! (RFC 9457), bodies are bounded, and every request has a deadline.

mod audit;
mod bearer;
mod body;
mod calls;
mod directory;
mod invitation;
mod listener;
mod one_call;
mod problem;
mod tls;

pub(crate) use audit::{Access, AuditTrail, LogTrail};
pub(crate) use bearer::{Bearer, Bearers};
pub(crate) use directory::{Answering, CallDirectory, CallPort, CallSummary, PortError};
pub(crate) use invitation::{base_url, invitation};
pub(crate) use listener::serve;
pub(crate) use problem::Problem;
pub(crate) use tls::{Renewal, Tls};

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use uuid::Uuid;

/// What the routes answer from.
#[derive(Clone)]
pub(crate) struct Interface {
    /// The calls.
    pub(crate) calls: Arc<dyn CallDirectory>,
    /// Who may ask.
    pub(crate) bearers: Arc<Bearers>,
    /// Where each access is written down.
    pub(crate) audit: Arc<dyn AuditTrail>,
    /// How long a request may take.
    pub(crate) deadline: Duration,
}

/// The routes of `/v1`; serve them with [`serve`].
pub(crate) fn routes(interface: Interface) -> Router {
    Router::new()
        .route("/v1/calls", get(calls::list).post(calls::originate))
        .route("/v1/calls/{id}", axum::routing::delete(one_call::hang_up))
        .route("/v1/calls/{id}/transfer", post(one_call::transfer))
        .route("/v1/calls/{id}/timeline", get(one_call::timeline))
        .route("/v1/calls/{id}/verify", post(one_call::verify))
        .route("/v1/calls/{id}/facts", get(one_call::facts))
        .route("/v1/calls/{id}/offer", post(one_call::offer))
        .route("/v1/calls/{id}/outcome", post(one_call::outcome))
        .route(
            "/v1/calls/{id}/captures",
            get(one_call::capture_state).post(one_call::start_capture).delete(one_call::cancel_capture),
        )
        .route("/v1/calls/{id}/recording", axum::routing::delete(one_call::refuse_recording))
        .method_not_allowed_fallback(async || Problem::no_method())
        .layer(DefaultBodyLimit::max(body::LIMIT))
        .route_layer(middleware::from_fn_with_state(interface.clone(), authorize))
        .fallback(async || Problem::no_route())
        .with_state(interface)
}

/// Lets a request through once its bearer is known and may ask for this, and writes the access down either way.
async fn authorize(State(interface): State<Interface>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or_else(String::new, |path| path.as_str().to_owned());
    let call = call_of(request.uri().path());
    let method = request.method().clone();
    let bearer = presented(&request).and_then(|token| interface.bearers.identify(token, call));
    let response = match &bearer {
        None => {
            metrics::counter!("tonegate_control_failures_total", "control" => "api_authorization").increment(1);
            Problem::unauthorized().into_response()
        }
        Some(bearer) if !allowed(bearer, &method, &route) => Problem::forbidden().into_response(),
        Some(bearer) => {
            request.extensions_mut().insert(bearer.clone());
            let answer = tokio::time::timeout(interface.deadline.saturating_mul(2), next.run(request)).await;
            answer.unwrap_or_else(|_| Problem::late().into_response())
        }
    };
    let status = response.status().as_u16();
    interface.audit.record(&Access { bearer: bearer.as_ref(), method: &method, route: &route, call, status });
    metrics::counter!("tonegate_api_requests_total", "route" => route, "status" => status.to_string()).increment(1);
    response
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750 §2.1).
fn presented(request: &Request) -> Option<&str> {
    let (scheme, token) = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The call a path is about.
fn call_of(path: &str) -> Option<Uuid> {
    path.strip_prefix("/v1/calls/")?.split('/').next()?.parse().ok()
}

/// Who may do what. Only the bot of a call may speak for its agent; only people see more than one call.
fn allowed(bearer: &Bearer, method: &Method, route: &str) -> bool {
    use crate::config::Role;
    let reads = *method == Method::GET || *method == Method::HEAD;
    match route {
        "/v1/calls" => match bearer {
            Bearer::Person { role: Role::Operator, .. } => true,
            Bearer::Person { role: Role::Auditor, .. } => reads,
            Bearer::Bot { .. } => false,
        },
        "/v1/calls/{id}" | "/v1/calls/{id}/transfer" | "/v1/calls/{id}/recording" => match bearer {
            Bearer::Person { role: Role::Operator, .. } | Bearer::Bot { .. } => true,
            Bearer::Person { role: Role::Auditor, .. } => false,
        },
        "/v1/calls/{id}/timeline" => matches!(bearer, Bearer::Person { .. }),
        _ => matches!(bearer, Bearer::Bot { .. }),
    }
}

#[cfg(test)]
mod tests;
