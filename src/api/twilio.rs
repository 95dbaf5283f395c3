//! The part of Twilio's REST API by which an agent takes a payment from the caller field by field, so that agents that were
//! written for it keep their code. `API.md` says where it differs.
//!
//! <https://www.twilio.com/docs/voice/api/payment-resource>

mod form;
mod told;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use call::api::{ApiReply, ApiRequest, Missing};
use jiff::{Timestamp, tz::TimeZone};
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

use super::body::Raw;
use super::{Bearer, Interface, PortError, Problem};
use form::Form;
pub(crate) use told::fields;

/// What every path begins with.
pub(super) const ROOT: &str = "/2010-04-01/";
/// Where payments are begun.
pub(super) const PAYMENTS: &str = "/2010-04-01/Accounts/{account}/Calls/{call}/Payments.json";
/// Where they go on.
pub(super) const PAYMENT: &str = "/2010-04-01/Accounts/{account}/Calls/{call}/Payments/{payment}";
/// The moments in answers (RFC 2822 §3.3).
const MOMENT: &str = "%a, %d %b %Y %H:%M:%S +0000";

/// The auth tokens that agents are configured with.
pub(crate) trait AuthTokens: Send + Sync + 'static {
    /// The token of the agent that serves a call, where it has one.
    fn auth_token(&self, call: Uuid) -> Option<SecretString>;
}

/// An error as Twilio tells it.
#[derive(Debug)]
pub(super) struct Refused {
    code: u32,
    status: StatusCode,
    message: String,
}

impl Refused {
    fn new(code: u32, status: StatusCode, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into() }
    }

    /// No user name and password that reach this call.
    fn unauthorized() -> Self {
        Self::new(20_003, StatusCode::UNAUTHORIZED, "Authenticate")
    }

    /// A parameter that is missing, or that is not taken as it is. Its value is not repeated.
    fn parameter(name: &str, why: &str) -> Self {
        Self::new(20_001, StatusCode::BAD_REQUEST, format!("{name}: {why}"))
    }

    fn not_found() -> Self {
        Self::new(20_404, StatusCode::NOT_FOUND, "The requested resource was not found")
    }

    /// A problem of the interface, told in this way.
    pub(super) fn of(problem: &Problem) -> Self {
        match problem.status() {
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::unauthorized(),
            status => Self::new(20_000 + u32::from(status.as_u16()), status, problem.detail()),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self { code, status, message } = self;
        let more_info = format!("https://www.twilio.com/docs/errors/{code}");
        let body = json!({"code": code, "message": message, "more_info": more_info, "status": status.as_u16()});
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        }
        response
    }
}

/// Whose user name and password these are (RFC 7617): the password is the token of the call's bot, or the auth token that its
/// agent is configured with.
pub(super) fn identify(interface: &Interface, credentials: &str, call: Option<Uuid>) -> Option<Bearer> {
    let decoded = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (_, password) = decoded.split_once(':')?;
    let by_token = interface.bearers.identify(password, call);
    by_token.or_else(|| {
        let call = call?;
        let expected = interface.accounts.auth_token(call)?;
        interface.bearers.are_equal(password, &expected).then_some(Bearer::Bot { call })
    })
}

/// The call that a path is about.
pub(super) fn call_of(path: &str) -> Option<Uuid> {
    let (_, rest) = path.strip_prefix(ROOT)?.split_once("/Calls/")?;
    of_sid("CA", rest.split('/').next()?)
}

/// The id of a SID: two letters and 32 hexadecimal digits.
fn of_sid(kind: &str, sid: &str) -> Option<Uuid> {
    let digits = sid.strip_prefix(kind).filter(|digits| digits.len() == 32)?;
    Uuid::try_parse(digits).ok()
}

/// The SID of an id.
fn sid(kind: &str, id: Uuid) -> String {
    format!("{kind}{}", id.simple())
}

/// `POST …/Payments.json`
pub(super) async fn create(
    State(interface): State<Interface>,
    Path((account, call)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Raw, Problem>,
) -> Result<Response, Refused> {
    let Raw(body) = body.map_err(|problem| Refused::of(&problem))?;
    let call = of_sid("CA", &call).ok_or_else(Refused::not_found)?;
    let form::Create { ask, key, callback } = form::create(&Form::read(&headers, &body)?)?;
    let reply = ask_call(&interface, call, ApiRequest::OpenSession { ask, key, callback }).await?;
    let ApiReply::CaptureStarted(view) = reply else { return Err(refusal(&reply)) };
    let payment = view.id.ok_or_else(Refused::not_found)?;
    Ok((StatusCode::CREATED, Json(resource(&account, call, payment, true))).into_response())
}

/// `POST …/Payments/{payment}.json`
pub(super) async fn update(
    State(interface): State<Interface>,
    Path((account, call, payment)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Result<Raw, Problem>,
) -> Result<Response, Refused> {
    let Raw(body) = body.map_err(|problem| Refused::of(&problem))?;
    let call = of_sid("CA", &call).ok_or_else(Refused::not_found)?;
    let session = payment.strip_suffix(".json").and_then(|sid| of_sid("PK", sid)).ok_or_else(Refused::not_found)?;
    let form::Update { key, callback, step } = form::update(&Form::read(&headers, &body)?)?;
    let reply = ask_call(&interface, call, ApiRequest::StepSession { session, key, callback, step }).await?;
    if !matches!(reply, ApiReply::Done) {
        return Err(refusal(&reply));
    }
    Ok((StatusCode::ACCEPTED, Json(resource(&account, call, session, false))).into_response())
}

async fn ask_call(interface: &Interface, call: Uuid, request: ApiRequest) -> Result<ApiReply, Refused> {
    let port = interface.calls.find(call).ok_or_else(Refused::not_found)?;
    port.request(request, interface.deadline).await.map_err(|error| match error {
        PortError::Ended => Refused::not_found(),
        PortError::Full => Refused::of(&Problem::unavailable()),
        PortError::Late => Refused::of(&Problem::late()),
    })
}

/// An answer that is none of those that were hoped for.
fn refusal(reply: &ApiReply) -> Refused {
    match *reply {
        ApiReply::Refused(Missing::Sense) => {
            Refused::parameter("request", "a value is outside what can be taken of this account")
        }
        ApiReply::Refused(Missing::BankAccounts) => {
            Refused::parameter("PaymentMethod", "ach-debit is not taken for this account; send credit-card")
        }
        ApiReply::Refused(missing) => Refused::of(&Problem::missing(missing)),
        ApiReply::Unprotected(unmet) => Refused::of(&Problem::unprotected(unmet)),
        ApiReply::NoCapture => Refused::not_found(),
        ApiReply::Unavailable
        | ApiReply::Verified { .. }
        | ApiReply::Facts(_)
        | ApiReply::Offer(_)
        | ApiReply::CaptureStarted(_)
        | ApiReply::Capture(_)
        | ApiReply::Transfer(_)
        | ApiReply::NoDestination
        | ApiReply::Timeline(_)
        | ApiReply::Done => Refused::of(&Problem::unavailable()),
    }
}

fn resource(account: &str, call: Uuid, payment: Uuid, is_new: bool) -> Value {
    let (call, payment) = (sid("CA", call), sid("PK", payment));
    let now = moment();
    json!({
        "account_sid": account,
        "call_sid": call,
        "sid": payment,
        "date_created": is_new.then_some(&now),
        "date_updated": now,
        "uri": format!("/2010-04-01/Accounts/{account}/Calls/{call}/Payments/{payment}.json"),
    })
}

fn moment() -> String {
    Timestamp::now().to_zoned(TimeZone::UTC).strftime(MOMENT).to_string()
}
