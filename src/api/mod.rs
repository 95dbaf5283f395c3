//! The authenticated `/v1` interface: people with configured tokens look after calls, bots reach their own call.
//!
//! It decides who may ask; the call decides what it answers ([`call::api`]). Errors are problem documents
//! (RFC 9457), bodies are bounded, and every request has a deadline.

mod audit;
mod bearer;
mod body;
mod calls;
mod carrier;
mod directory;
mod invitation;
mod listener;
mod one_call;
mod outbox;
mod payments;
mod problem;
mod tls;
mod tools;
mod twilio;

pub(crate) use audit::{Access, AuditTrail, LogTrail};
pub(crate) use bearer::{Bearer, Bearers};
pub(crate) use carrier::{CarrierDesk, CarrierDoor, Telling, carrier_routes};
pub(crate) use directory::{Answering, CallDirectory, CallPort, CallSummary, PortError};
pub(crate) use invitation::{base_url, invitation};
use listener::Origin;
pub(crate) use listener::serve;
pub(crate) use outbox::{DeadLetter, DeadLetters, Told, Untold};
pub(crate) use payments::{Given, RefundRefusal, Refunding, Refunds};
pub(crate) use problem::Problem;
pub(crate) use tls::{Renewal, Tls};
pub(crate) use twilio::{AuthTokens, fields as callback_fields};

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{Method, Uri, header};
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
    /// The auth tokens that agents are configured with.
    pub(crate) accounts: Arc<dyn AuthTokens>,
    /// Where each access is written down.
    pub(crate) audit: Arc<dyn AuditTrail>,
    /// Who gives payments back.
    pub(crate) refunds: Arc<dyn Refunds>,
    /// Who knows what the account book refused.
    pub(crate) dead_letters: Arc<dyn DeadLetters>,
    /// How long a request may take.
    pub(crate) deadline: Duration,
    /// Whether bank accounts are taken.
    pub(crate) bank_accounts: bool,
}

/// The routes of `/v1`; serve them with [`serve`].
pub(crate) fn routes(interface: Interface) -> Router {
    Router::new()
        .route("/v1/calls", get(calls::list).post(calls::originate))
        .route("/v1/calls/{id}", axum::routing::delete(one_call::hang_up))
        .route("/v1/calls/{id}/transfer", get(one_call::transfer_state).post(one_call::transfer))
        .route("/v1/calls/{id}/timeline", get(one_call::timeline))
        .route("/v1/calls/{id}/verify", post(one_call::verify))
        .route("/v1/calls/{id}/facts", get(one_call::facts))
        .route("/v1/calls/{id}/offer", post(one_call::offer))
        .route("/v1/calls/{id}/outcome", post(one_call::outcome))
        .route(
            "/v1/calls/{id}/captures",
            get(one_call::capture_state).post(one_call::start_capture).delete(one_call::cancel_capture),
        )
        .route("/v1/calls/{id}/captures/{capture}", get(one_call::one_capture).delete(one_call::cancel_one_capture))
        .route("/v1/calls/{id}/tools", get(tools::list))
        .route("/v1/calls/{id}/tools/{tool}", post(tools::call_tool))
        .route("/v1/calls/{id}/recording", axum::routing::delete(one_call::refuse_recording))
        .route("/v1/payments/{id}/refund", post(payments::refund))
        .route("/v1/outbox/parked", get(outbox::list))
        .route("/v1/outbox/parked.csv", get(outbox::table))
        .route("/v1/outbox/{entry}/replay", post(outbox::replay))
        .route(twilio::PAYMENTS, post(twilio::create))
        .route(twilio::PAYMENT, post(twilio::update))
        .method_not_allowed_fallback(async |uri: Uri| refusal(is_twilio(uri.path()), Problem::no_method()))
        .layer(DefaultBodyLimit::max(body::LIMIT))
        .route_layer(middleware::from_fn_with_state(interface.clone(), authorize))
        .fallback(async |uri: Uri| refusal(is_twilio(uri.path()), Problem::no_route()))
        .with_state(interface)
}

/// Lets a request through once its bearer is known and may ask for this, and writes the access down either way.
async fn authorize(State(interface): State<Interface>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or_else(String::new, |path| path.as_str().to_owned());
    let call = call_of(request.uri().path());
    let origin = request.extensions().get::<ConnectInfo<Origin>>().map(|ConnectInfo(Origin(peer))| peer.ip());
    let method = request.method().clone();
    let bearer = identify(&interface, &request, call);
    let is_twilio = is_twilio(&route);
    let response = match &bearer {
        None => {
            metrics::counter!("tonegate_control_failures_total", "control" => "api_authorization").increment(1);
            refusal(is_twilio, Problem::unauthorized())
        }
        Some(bearer) if !allowed(bearer, &method, &route) => refusal(is_twilio, Problem::forbidden()),
        Some(bearer) => {
            request.extensions_mut().insert(bearer.clone());
            let answer = tokio::time::timeout(interface.deadline.saturating_mul(2), next.run(request)).await;
            answer.unwrap_or_else(|_| refusal(is_twilio, Problem::late()))
        }
    };
    let status = response.status().as_u16();
    interface.audit.record(&Access { bearer: bearer.as_ref(), method: &method, route: &route, call, origin, status });
    metrics::counter!("tonegate_api_requests_total", "route" => route, "status" => status.to_string()).increment(1);
    response
}

/// Whether a path or a route is one of Twilio's.
fn is_twilio(path: &str) -> bool {
    path.starts_with(twilio::ROOT)
}

/// A problem, in the shape that whoever asks understands.
fn refusal(is_twilio: bool, problem: Problem) -> Response {
    if is_twilio { twilio::Refused::of(&problem).into_response() } else { problem.into_response() }
}

/// Who asks, by `Authorization: Bearer TOKEN` (RFC 6750 §2.1), or on Twilio's routes by `Basic`, too.
fn identify(interface: &Interface, request: &Request, call: Option<Uuid>) -> Option<Bearer> {
    let (scheme, credentials) = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return interface.bearers.identify(credentials.trim(), call);
    }
    let is_twilio = scheme.eq_ignore_ascii_case("basic") && is_twilio(request.uri().path());
    is_twilio.then(|| twilio::identify(interface, credentials, call))?
}

/// The call a path is about.
fn call_of(path: &str) -> Option<Uuid> {
    let of_v1 = |path: &str| path.strip_prefix("/v1/calls/")?.split('/').next()?.parse().ok();
    of_v1(path).or_else(|| twilio::call_of(path))
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
        "/v1/payments/{id}/refund" | "/v1/outbox/parked.csv" | "/v1/outbox/{entry}/replay" => {
            matches!(bearer, Bearer::Person { role: Role::Operator, .. })
        }
        "/v1/outbox/parked" => matches!(bearer, Bearer::Person { .. }),
        "/v1/calls/{id}/timeline" => matches!(bearer, Bearer::Person { .. }),
        _ => matches!(bearer, Bearer::Bot { .. }),
    }
}

#[cfg(test)]
mod tests;
