//! What is answered: a status and a JSON body.

use axum::{
    http::{HeaderName, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// An answer, as it is stored under its key.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) is_replayed: bool,
}

impl Answer {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: 200, body, is_replayed: false }
    }

    /// An error object (`docs.stripe.com/api/errors`).
    pub(super) fn error(status: u16, kind: &str, code: &str, message: &str) -> Self {
        let body = json!({"error": {"type": kind, "code": code, "message": message}});
        Self { status, body, is_replayed: false }
    }

    pub(super) fn declined(code: &str, decline_code: Option<&str>, intent: &Value) -> Self {
        let mut error = json!({
            "type": "card_error", "code": code, "message": "Your card was declined.", "payment_intent": intent,
        });
        if let Some(decline_code) = decline_code {
            error["decline_code"] = json!(decline_code);
        }
        Self { status: 402, body: json!({"error": error}), is_replayed: false }
    }

    pub(super) fn replayed(&self) -> Self {
        Self { is_replayed: true, ..self.clone() }
    }

    pub(super) fn garbage() -> Response {
        (StatusCode::OK, [(CONTENT_TYPE, "text/html")], "<html>one moment</html>").into_response()
    }

    pub(super) fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let replayed = HeaderName::from_static("idempotent-replayed");
        let headers = [(CONTENT_TYPE, "application/json"), (replayed, if self.is_replayed { "true" } else { "false" })];
        (status, headers, self.body.to_string()).into_response()
    }
}
