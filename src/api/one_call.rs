//! `/v1/calls/{id}/…`: one call is asked and its answer put into HTTP.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use call::api::{
    Answer, ApiReply, ApiRequest, CaptureAsk, CaptureReply, CaptureView, Factor, OfferAsk, OutcomeReport, VerifyResult,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::body::Body;
use super::{Bearer, CallPort, Interface, PortError, Problem};

/// The call a path names, as it is written there.
pub(super) struct Id(pub(super) String);

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

/// A capture that a path names, and its call.
pub(super) struct CaptureId {
    call: String,
    capture: Uuid,
}

impl<S: Send + Sync> FromRequestParts<S> for CaptureId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((call, capture)) = path.map_err(|_| Problem::no_call())?;
        let capture = capture.parse().map_err(|_| Problem::no_capture())?;
        Ok(Self { call, capture })
    }
}

/// The header by which a request that is sent again is known.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Most characters of it.
const MOST_KEY: usize = 255;

/// `DELETE /v1/calls/{id}`
pub(super) async fn hang_up(State(interface): State<Interface>, Id(id): Id) -> Response {
    ask(&interface, &id, ApiRequest::HangUp).await
}

/// The body of `POST …/transfer`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TransferBody {
    to: String,
}

/// `POST …/transfer`
pub(super) async fn transfer(
    State(interface): State<Interface>,
    Extension(bearer): Extension<Bearer>,
    Id(id): Id,
    Body(body): Body<TransferBody>,
) -> Response {
    let by_agent = matches!(bearer, Bearer::Bot { .. });
    ask(&interface, &id, ApiRequest::Transfer { to: body.to, by_agent }).await
}

/// `GET …/transfer`
pub(super) async fn transfer_state(State(interface): State<Interface>, Id(id): Id) -> Response {
    ask(&interface, &id, ApiRequest::TransferState).await
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
    headers: HeaderMap,
    Body(body): Body<CaptureAsk>,
) -> Response {
    let key = match key_of(&headers) {
        Ok(key) => key,
        Err(problem) => return problem.into_response(),
    };
    if body.amount_minor <= 0 {
        return Problem::bad_value().into_response();
    }
    ask(&interface, &id, ApiRequest::StartCapture { ask: body, key }).await
}

/// The name that a request gives itself, if any.
pub(super) fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    match headers.get(IDEMPOTENCY_KEY).map(|key| key.to_str()) {
        None => Ok(None),
        Some(Ok(key)) if (1..=MOST_KEY).contains(&key.len()) => Ok(Some(key.to_owned())),
        Some(Ok(_) | Err(_)) => Err(Problem::bad_value()),
    }
}

/// `GET …/captures/{capture}`
pub(super) async fn one_capture(State(interface): State<Interface>, id: CaptureId) -> Response {
    ask(&interface, &id.call, ApiRequest::CaptureState { capture: Some(id.capture) }).await
}

/// `DELETE …/captures/{capture}`
pub(super) async fn cancel_one_capture(State(interface): State<Interface>, id: CaptureId) -> Response {
    ask(&interface, &id.call, ApiRequest::CancelCapture { capture: Some(id.capture) }).await
}

/// `GET …/captures`
pub(super) async fn capture_state(State(interface): State<Interface>, Id(id): Id) -> Response {
    ask(&interface, &id, ApiRequest::CaptureState { capture: None }).await
}

/// `DELETE …/captures`
pub(super) async fn cancel_capture(State(interface): State<Interface>, Id(id): Id) -> Response {
    ask(&interface, &id, ApiRequest::CancelCapture { capture: None }).await
}

/// `DELETE …/recording`
pub(super) async fn refuse_recording(State(interface): State<Interface>, Id(id): Id) -> Response {
    ask(&interface, &id, ApiRequest::RefuseRecording).await
}

pub(super) async fn ask(interface: &Interface, id: &str, request: ApiRequest) -> Response {
    let port = match port(interface, id) {
        Ok(port) => port,
        Err(problem) => return problem.into_response(),
    };
    match port.request(request, interface.deadline).await {
        Ok(reply) => answer(id, reply),
        Err(PortError::Ended) => Problem::no_call().into_response(),
        Err(PortError::Full) => Problem::unavailable().into_response(),
        Err(PortError::Late) => Problem::late().into_response(),
    }
}

fn port(interface: &Interface, id: &str) -> Result<Arc<dyn CallPort>, Problem> {
    let id: Uuid = id.parse().map_err(|_| Problem::no_call())?;
    interface.calls.find(id).ok_or_else(Problem::no_call)
}

fn answer(call: &str, reply: ApiReply) -> Response {
    match reply {
        ApiReply::Verified { result, verified, tries_left } => {
            Json(Verified { result, verified, tries_left }).into_response()
        }
        ApiReply::Facts(facts) => Json(facts).into_response(),
        ApiReply::Offer(offer) => Json(offer).into_response(),
        ApiReply::CaptureStarted(capture) => started(call, capture),
        ApiReply::Capture(capture) => (capture_status(&capture.reply), Json(capture)).into_response(),
        ApiReply::NoCapture => Problem::no_capture().into_response(),
        ApiReply::Unprotected(unmet) => Problem::unprotected(unmet).into_response(),
        ApiReply::Transfer(transfer) => {
            let status = if transfer.state.is_under_way() { StatusCode::ACCEPTED } else { StatusCode::OK };
            (status, Json(transfer)).into_response()
        }
        ApiReply::NoDestination => Problem::no_destination().into_response(),
        ApiReply::Timeline(entries) => Json(json!({ "entries": entries })).into_response(),
        ApiReply::Done => StatusCode::NO_CONTENT.into_response(),
        ApiReply::Refused(missing) => Problem::missing(missing).into_response(),
        ApiReply::Unavailable => Problem::unavailable().into_response(),
    }
}

/// A capture that has a name, and where it is.
fn started(call: &str, capture: CaptureView) -> Response {
    let place = capture.id.map(|id| format!("/v1/calls/{call}/captures/{id}"));
    let mut response = (StatusCode::CREATED, Json(capture)).into_response();
    if let Some(place) = place.and_then(|place| place.parse().ok()) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// A capture that is still under way is accepted; what has ended, or never began, is a plain answer.
fn capture_status(capture: &CaptureReply) -> StatusCode {
    match capture {
        CaptureReply::Opened
        | CaptureReply::Arming
        | CaptureReply::Keying { .. }
        | CaptureReply::Keyed
        | CaptureReply::Submitted => StatusCode::ACCEPTED,
        CaptureReply::None
        | CaptureReply::Approved { .. }
        | CaptureReply::Tokenised { .. }
        | CaptureReply::Declined
        | CaptureReply::Failed { .. }
        | CaptureReply::Unknown => StatusCode::OK,
    }
}
