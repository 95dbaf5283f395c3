//! `/v1/payments/{id}/refund`: an operator gives a payment back.

use std::future::Future;
use std::pin::Pin;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;
use uuid::Uuid;

use super::one_call::Id;
use super::{Bearer, Interface, Problem};

/// What becomes of a refund, in the end.
pub(crate) type Refunding = Pin<Box<dyn Future<Output = Result<Given, RefundRefusal>> + Send>>;

/// Who gives payments back.
pub(crate) trait Refunds: Send + Sync + 'static {
    /// Refunds the whole of a payment for a bearer. Goes on where nobody waits for it; asked again it is made once.
    fn refund(&self, payment: Uuid, bearer: &str) -> Refunding;

    /// Whether a refund of a payment is under way that is durably asked for.
    fn is_refunding(&self, payment: Uuid) -> bool;
}

/// How far a refund has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// The money goes back.
    Back,
    /// The processor has it and has not finished, or somebody asked for it a moment ago.
    Pending,
}

/// Why nothing was refunded, or what is left of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefundRefusal {
    /// No payment has this id.
    NoPayment,
    /// It was not made here, or not with this processor.
    NotPaid,
    /// Whether it was made is being read.
    Open,
    /// The processor will not refund it.
    Refused,
    /// The processor or the store does not answer; asked again it is refunded once.
    Unavailable,
    /// That it is asked for could not be made durable: nobody will make it.
    NotBegun,
}

/// `POST /v1/payments/{id}/refund`
pub(super) async fn refund(
    State(interface): State<Interface>,
    Extension(bearer): Extension<Bearer>,
    Id(id): Id,
) -> Response {
    let Ok(payment) = id.parse() else { return Problem::no_payment().into_response() };
    let refunding = interface.refunds.refund(payment, bearer.name());
    let state = |state: &str| Json(json!({"payment": payment, "state": state}));
    match tokio::time::timeout(interface.deadline, refunding).await {
        Err(_) if !interface.refunds.is_refunding(payment) => Problem::refund_late().into_response(),
        Err(_) | Ok(Ok(Given::Pending)) => (StatusCode::ACCEPTED, state("refunding")).into_response(),
        Ok(Ok(Given::Back)) => state("refunded").into_response(),
        Ok(Err(RefundRefusal::NoPayment)) => Problem::no_payment().into_response(),
        Ok(Err(RefundRefusal::NotPaid)) => Problem::not_paid().into_response(),
        Ok(Err(RefundRefusal::Open)) => Problem::payment_open().into_response(),
        Ok(Err(RefundRefusal::Refused)) => Problem::refund_refused().into_response(),
        Ok(Err(RefundRefusal::Unavailable)) => Problem::unavailable().into_response(),
        Ok(Err(RefundRefusal::NotBegun)) => Problem::refund_not_begun().into_response(),
    }
}
