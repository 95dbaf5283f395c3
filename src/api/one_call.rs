//! `/v1/calls/{id}/…`: one call is asked and its answer put into HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use call::api::{Answer, ApiReply, ApiRequest, CaptureReply, Factor, OfferAsk, OutcomeReport, VerifyResult};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::body::Body;
use super::{CallPort, Interface, PortError, Problem};

/// The call a path names, as it is written there.
pub(super) struct Id(String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    /// What is not even UTF-8 names no call.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(id)| Self(id)).map_err(|_| Problem::no_call())
    }
}

/// The body of `POST …/verify`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyBody {
    factor: Factor,
    value: Answer,
}

/// What a comparison came to.
#[derive(Serialize)]
struct Verified {
    result: VerifyResult,
    verified: bool,
    tries_left: u8,
}

/// The body of `POST …/captures`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaptureBody {
    amount_minor: i64,
}

/// `DELETE /v1/calls/{id}`
pub(super) async fn hang_up(State(interface): State<Interface>, Id(id): Id) -> Response {
    ask(&interface, &id, ApiRequest::HangUp).await
}

/// `POST …/transfer`
pub(super) async fn transfer(State(interface): State<Interface>, Id(id): Id) -> Problem {
    match port(&interface, &id) {
        Ok(_) => Problem::not_implemented("transferring a call"),
        Err(problem) => problem,
    }
}

/// `GET …/timeline`
pub(super) async fn timeline(State(interface): State<Interface>, Id(id): Id) -> Response {
    ask(&interface, &id, ApiRequest::Timeline).await
}

/// `POST …/verify`
pub(super) async fn verify(State(interface): State<Interface>, Id(id): Id, Body(body): Body<VerifyBody>) -> Response {
    ask(&interface, &id, ApiRequest::Verify { factor: body.factor, value: body.value }).await
}

/// `GET …/facts`
pub(super) async fn facts(State(interface): State<Interface>, Id(id): Id) -> Response {
    ask(&interface, &id, ApiRequest::Facts).await
}

/// `POST …/offer`
pub(super) async fn offer(State(interface): State<Interface>, Id(id): Id, Body(body): Body<OfferAsk>) -> Response {
    ask(&interface, &id, ApiRequest::Offer(body)).await
}

/// `POST …/outcome`
pub(super) async fn outcome(
    State(interface): State<Interface>,
    Id(id): Id,
    Body(body): Body<OutcomeReport>,
) -> Response {
    ask(&interface, &id, ApiRequest::Outcome(body)).await
}

/// `POST …/captures`
pub(super) async fn start_capture(
    State(interface): State<Interface>,
    Id(id): Id,
    Body(body): Body<CaptureBody>,
) -> Response {
    if body.amount_minor <= 0 {
        return Problem::bad_value().into_response();
    }
    ask(&interface, &id, ApiRequest::StartCapture { amount_minor: body.amount_minor }).await
}

/// `GET …/captures`
pub(super) async fn capture_state(State(interface): State<Interface>, Id(id): Id) -> Response {
    ask(&interface, &id, ApiRequest::CaptureState).await
}

/// `DELETE …/captures`
pub(super) async fn cancel_capture(State(interface): State<Interface>, Id(id): Id) -> Response {
    ask(&interface, &id, ApiRequest::CancelCapture).await
}

/// `DELETE …/recording`
pub(super) async fn refuse_recording(State(interface): State<Interface>, Id(id): Id) -> Response {
    ask(&interface, &id, ApiRequest::RefuseRecording).await
}

async fn ask(interface: &Interface, id: &str, request: ApiRequest) -> Response {
    let port = match port(interface, id) {
        Ok(port) => port,
        Err(problem) => return problem.into_response(),
    };
    match port.request(request, interface.deadline).await {
        Ok(reply) => answer(reply),
        Err(PortError::Ended) => Problem::no_call().into_response(),
        Err(PortError::Full) => Problem::unavailable().into_response(),
        Err(PortError::Late) => Problem::late().into_response(),
    }
}

fn port(interface: &Interface, id: &str) -> Result<Arc<dyn CallPort>, Problem> {
    let id: Uuid = id.parse().map_err(|_| Problem::no_call())?;
    interface.calls.find(id).ok_or_else(Problem::no_call)
}

fn answer(reply: ApiReply) -> Response {
    match reply {
        ApiReply::Verified { result, verified, tries_left } => {
            Json(Verified { result, verified, tries_left }).into_response()
        }
        ApiReply::Facts(facts) => Json(facts).into_response(),
        ApiReply::Offer(offer) => Json(offer).into_response(),
        ApiReply::Capture(capture) => (capture_status(&capture), Json(capture)).into_response(),
        ApiReply::Timeline(entries) => Json(json!({ "entries": entries })).into_response(),
        ApiReply::Done => StatusCode::NO_CONTENT.into_response(),
        ApiReply::Refused(missing) => Problem::missing(missing).into_response(),
        ApiReply::Unavailable => Problem::unavailable().into_response(),
    }
}

/// A capture that is still under way is accepted; what has ended, or never began, is a plain answer.
fn capture_status(capture: &CaptureReply) -> StatusCode {
    match capture {
        CaptureReply::Arming | CaptureReply::Keying { .. } | CaptureReply::Submitted => StatusCode::ACCEPTED,
        CaptureReply::None
        | CaptureReply::Approved { .. }
        | CaptureReply::Declined
        | CaptureReply::Failed { .. }
        | CaptureReply::Unknown => StatusCode::OK,
    }
}
