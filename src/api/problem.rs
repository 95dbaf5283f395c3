//! Errors as `application/problem+json` (RFC 9457). They name what to do and hold nothing of the call.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use call::api::Missing;
use call::conditions::Unmet;
use call::tool::ToolError;
use serde::Serialize;

/// One error, as the client sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// What kind of problem it is, as a URN that does not change.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    status: u16,
    /// What to do.
    detail: String,
    /// What must come first, for a request that came too early.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Missing>,
    /// What of the line or the machine keeps a card from being taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Unmet>,
}

impl Problem {
    fn new(kind: &str, status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        let kind = format!("urn:tonegate:problem:{kind}");
        Self { kind, title, status: status.as_u16(), detail: detail.into(), missing: None, condition: None }
    }

    /// No valid bearer, or none that may reach this call. Which of the two is not said.
    pub(crate) fn unauthorized() -> Self {
        let detail = "send `Authorization: Bearer TOKEN` with a token that reaches this";
        Self::new("unauthorized", StatusCode::UNAUTHORIZED, "Unauthorized", detail)
    }

    /// A valid bearer whose role does not reach this.
    pub(crate) fn forbidden() -> Self {
        Self::new("forbidden", StatusCode::FORBIDDEN, "Forbidden", "the bearer's role does not reach this")
    }

    /// No such route.
    pub(crate) fn no_route() -> Self {
        Self::new(
            "no-route",
            StatusCode::NOT_FOUND,
            "Not found",
            "there is nothing at this path; API.md lists what there is",
        )
    }

    /// The route exists, the method does not.
    pub(crate) fn no_method() -> Self {
        let detail = "this path does not take this method; API.md lists what it takes";
        Self::new("no-method", StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", detail)
    }

    /// No such call, or it has ended.
    pub(crate) fn no_call() -> Self {
        Self::new("no-call", StatusCode::NOT_FOUND, "No such call", "no call has this id, or it has ended")
    }

    /// No such payment.
    pub(crate) fn no_payment() -> Self {
        Self::new("no-payment", StatusCode::NOT_FOUND, "No such payment", "no payment has this id")
    }

    /// A payment that was not made, or not with this processor.
    pub(crate) fn not_paid() -> Self {
        let detail = "the payment was not made with this processor, so there is nothing to give back";
        Self::new("not-paid", StatusCode::CONFLICT, "Not paid", detail)
    }

    /// A payment of which it is not known whether it was made.
    pub(crate) fn payment_open() -> Self {
        let detail = "its outcome is being read at the processor; ask again in a minute";
        Self::new("payment-open", StatusCode::CONFLICT, "Payment open", detail)
    }

    /// A refund that the processor will not make.
    pub(crate) fn refund_refused() -> Self {
        let detail = "the processor refuses the refund; look at the payment there";
        Self::new("refund-refused", StatusCode::CONFLICT, "Refund refused", detail)
    }

    /// The refund could not be made durable: it is as if nobody had asked.
    pub(crate) fn refund_not_begun() -> Self {
        let detail = "nothing was begun, and nothing will be; ask again";
        Self::new("refund-not-begun", StatusCode::SERVICE_UNAVAILABLE, "Refund not begun", detail)
    }

    /// The refund is not durable in time; it may still be.
    pub(crate) fn refund_late() -> Self {
        let detail = "it is not known whether the refund has begun; ask again";
        Self::new("late", StatusCode::GATEWAY_TIMEOUT, "Deadline passed", detail)
    }

    /// No such entry, or one that was not given up.
    pub(crate) fn no_entry() -> Self {
        let detail = "no entry of the outbox that was given up has this number; GET /v1/outbox/parked lists them";
        Self::new("no-entry", StatusCode::NOT_FOUND, "No such entry", detail)
    }

    /// A table of what is none.
    pub(crate) fn no_kind() -> Self {
        let detail = "say which rows: `?kind=` with contact_attempt, payment_arrangement, dispute, payment_transaction, \
                      compliance_record or account_update";
        Self::new("no-kind", StatusCode::UNPROCESSABLE_ENTITY, "No such kind", detail)
    }

    /// Tables are of an org, by its mapping.
    pub(crate) fn no_mapping() -> Self {
        let detail = "the account book is no org, and has no objects to load rows into";
        Self::new("no-mapping", StatusCode::CONFLICT, "No mapping", detail)
    }

    /// No such capture in this call.
    pub(crate) fn no_capture() -> Self {
        Self::new("no-capture", StatusCode::NOT_FOUND, "No such capture", "this call has no capture of this id")
    }

    /// A name that the configuration does not list.
    pub(crate) fn no_destination() -> Self {
        let detail = "callers are transferred to what [[transfer]] in the configuration names, and to nobody else";
        Self::new("no-destination", StatusCode::UNPROCESSABLE_ENTITY, "No such destination", detail)
    }

    /// The key of an earlier request came with another body.
    fn key_reused() -> Self {
        let detail = "this Idempotency-Key named another request; send a fresh one with another body";
        Self::new("key-reused", StatusCode::UNPROCESSABLE_ENTITY, "Key used before", detail)
    }

    /// No bank account can be taken.
    fn no_bank_accounts() -> Self {
        let detail = "no bank account is taken for this account; ask the caller for a card, and leave `method` out. Bank accounts \
                      pay debts in US dollars, where `capture.bank_accounts` says so";
        Self::new("bank-accounts", StatusCode::UNPROCESSABLE_ENTITY, "No bank account is taken", detail)
    }

    /// No card may be taken on this line, or on this machine.
    pub(crate) fn unprotected(unmet: Unmet) -> Self {
        let problem = Self::new("unprotected", StatusCode::CONFLICT, "No card can be taken", unmet.advice());
        Self { condition: Some(unmet), ..problem }
    }

    /// No such tool.
    pub(crate) fn no_tool() -> Self {
        Self::new("no-tool", StatusCode::NOT_FOUND, "No such tool", "GET …/tools lists what there is")
    }

    /// A tool is not called; the detail may be shown to the model.
    pub(crate) fn tool_refused(error: ToolError) -> Self {
        let kind = match error {
            ToolError::Unknown => return Self::no_tool(),
            ToolError::Digits => "tool-digits",
            ToolError::Arguments => "tool-arguments",
        };
        Self::new(kind, StatusCode::UNPROCESSABLE_ENTITY, "Tool not called", error.to_string())
    }

    /// Not built yet.
    pub(crate) fn not_implemented(what: &str) -> Self {
        let detail = format!("{what} is not implemented in this version");
        Self::new("not-implemented", StatusCode::NOT_IMPLEMENTED, "Not implemented", detail)
    }

    /// A body that is not the JSON the route takes. The body itself is not repeated.
    pub(crate) fn bad_body(line: usize, column: usize) -> Self {
        let detail = format!("line {line}, column {column} is not what this route takes; API.md shows it");
        Self::new("bad-body", StatusCode::BAD_REQUEST, "Bad body", detail)
    }

    /// A body that is too long, took too long or broke off.
    pub(crate) fn body_refused(limit: usize) -> Self {
        let detail = format!("a body has at most {limit} bytes");
        Self::new("body-too-large", StatusCode::PAYLOAD_TOO_LARGE, "Body refused", detail)
    }

    /// A body of another type.
    pub(crate) fn not_json() -> Self {
        let detail = "send the body as `Content-Type: application/json`";
        Self::new("not-json", StatusCode::UNSUPPORTED_MEDIA_TYPE, "Not JSON", detail)
    }

    /// A value outside what it can be.
    pub(crate) fn bad_value() -> Self {
        let detail = "a value is outside what it can be; API.md says what it can be";
        Self::new("bad-value", StatusCode::UNPROCESSABLE_ENTITY, "Bad value", detail)
    }

    /// Something must come first.
    pub(crate) fn missing(missing: Missing) -> Self {
        let detail = match missing {
            Missing::Opening => "the opening is still being played; ask again when it has ended",
            Missing::Account => "no account was found for this call",
            Missing::Verification => "verify the right party first, with POST …/verify",
            Missing::Unlocked => "verification is locked for the rest of this call",
            Missing::Disclosure => "the disclosure is being played; ask again when it has ended",
            Missing::Stopped => "the caller or the flags of the account ended the collection on this call",
            Missing::Offer => "name an offer that POST …/offer made in this call",
            Missing::Capture => "the state of the capture does not allow this; see GET …/captures",
            Missing::Transfer => "a transfer is under way, or ten were tried; see GET …/transfer",
            Missing::Records => return Self::no_records(),
            Missing::Sense => return Self::bad_value(),
            Missing::Key => return Self::key_reused(),
            Missing::BankAccounts => return Self::no_bank_accounts(),
        };
        let problem = Self::new("missing", StatusCode::CONFLICT, "Something must come first", detail);
        Self { missing: Some(missing), ..problem }
    }

    /// The account book does not answer.
    fn no_records() -> Self {
        let detail = "the account book does not answer: name no figure, and ask again in some seconds";
        Self::new("no-records", StatusCode::SERVICE_UNAVAILABLE, "No records", detail)
    }

    /// The call's queue is full, or a service behind it does not answer.
    pub(crate) fn unavailable() -> Self {
        Self::new("unavailable", StatusCode::SERVICE_UNAVAILABLE, "Unavailable", "ask again in a second")
    }

    /// The call did not answer in time. What was asked may still be done.
    pub(crate) fn late() -> Self {
        let detail = "the call did not answer in time; what was asked may still happen";
        Self::new("late", StatusCode::GATEWAY_TIMEOUT, "Deadline passed", detail)
    }

    /// What to do.
    #[must_use]
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Its status.
    #[must_use]
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
