//! The routes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use rand::Rng;
use ring::digest::{Digest, SHA256, digest};
use uuid::Uuid;

use super::{
    cards::{self, Fate},
    ledger::{Decision, Ledger, Payment},
};

/// Longer than the vault waits for an answer.
const SLOW: Duration = Duration::from_secs(25);
/// Most bytes of a request's body.
const BODY_BYTES: usize = 1_024;

/// The state behind the routes.
pub(super) struct Payments {
    ledger: Mutex<Ledger>,
    token: Digest,
}

/// Why a request is refused; nothing was processed. The body names the error and never repeats the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Unauthorised,
    NoPayment,
    IdempotencyKey,
    Form,
    Card,
    Conflict,
    Storage,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, name) = match self {
            Self::Unauthorised => (StatusCode::UNAUTHORIZED, "unauthorised"),
            Self::NoPayment => (StatusCode::NOT_FOUND, "no_such_payment"),
            Self::IdempotencyKey => (StatusCode::BAD_REQUEST, "idempotency_key"),
            Self::Form => (StatusCode::BAD_REQUEST, "form"),
            Self::Card => (StatusCode::UNPROCESSABLE_ENTITY, "not_a_test_card"),
            Self::Conflict => (StatusCode::CONFLICT, "idempotency_conflict"),
            Self::Storage => (StatusCode::INTERNAL_SERVER_ERROR, "storage"),
        };
        form(status, format!("error={name}"))
    }
}

fn form(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/x-www-form-urlencoded")], body).into_response()
}

impl IntoResponse for &Payment {
    fn into_response(self) -> Response {
        let status = match self.decision {
            Decision::Approved { .. } | Decision::Refunded { .. } => StatusCode::OK,
            Decision::Declined { .. } => StatusCode::PAYMENT_REQUIRED,
        };
        form(status, self.to_form())
    }
}

impl Payments {
    pub(super) fn new(ledger: Ledger, token: &str) -> Self {
        Self { ledger: Mutex::new(ledger), token: digest(&SHA256, token.as_bytes()) }
    }

    /// Compares digests, so that the time taken says nothing of the token.
    fn authorise(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = given.and_then(|value| value.strip_prefix("Bearer ")).ok_or(Refusal::Unauthorised)?;
        let same = digest(&SHA256, token.as_bytes()).as_ref() == self.token.as_ref();
        if same { Ok(()) } else { Err(Refusal::Unauthorised) }
    }

    /// The payment of the ledger with this id, or else this one, recorded durably.
    fn settle(&self, payment: Payment) -> Result<Payment, Refusal> {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = ledger.find(payment.id) {
            return if earlier.is_same(&payment) { Ok(earlier.clone()) } else { Err(Refusal::Conflict) };
        }
        ledger.record(payment.clone()).map_err(|_| Refusal::Storage)?;
        Ok(payment)
    }
}

impl Payments {
    /// The payment that a form asks for by token. `None` where it has none.
    fn again(&self, id: Uuid, body: &[u8]) -> Option<Result<Payment, Refusal>> {
        let fields: HashMap<&str, &str> =
            std::str::from_utf8(body).ok()?.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let token = fields.get("token")?;
        let amount = fields.get("amount").and_then(|amount| amount.parse().ok()).filter(|amount| *amount > 0);
        let currency = fields.get("currency").filter(|currency| currency.len() == 3);
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(amount), Some(currency)) = (amount, currency) else { return Some(Err(Refusal::Form)) };
        let decision = Decision::Approved { token: (*token).to_owned(), authorisation: authorisation() };
        let made = ledger.made_with(token).cloned().ok_or(Refusal::Card);
        Some(made.map(|made| Payment { id, amount, currency: (*currency).to_owned(), decision, ..made }))
    }

    /// Gives a payment back, once.
    fn give_back(&self, id: Uuid) -> Result<Payment, Refusal> {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let payment = ledger.find(id).cloned().ok_or(Refusal::NoPayment)?;
        let decision = match payment.decision.clone() {
            Decision::Approved { token, authorisation } => Decision::Refunded { token, authorisation },
            Decision::Refunded { .. } => return Ok(payment),
            Decision::Declined { .. } => return Err(Refusal::NoPayment),
        };
        let payment = Payment { decision, ..payment };
        ledger.record(payment.clone()).map_err(|_| Refusal::Storage)?;
        Ok(payment)
    }
}

/// The routes of the sandbox.
pub(super) fn routes(payments: Arc<Payments>) -> Router {
    Router::new()
        .route("/v1/payments", post(submit))
        .route("/v1/payments/{id}", get(read))
        .route("/v1/payments/{id}/refund", post(refund))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(payments)
}

async fn submit(State(payments): State<Arc<Payments>>, headers: HeaderMap, body: Bytes) -> Result<Response, Refusal> {
    payments.authorise(&headers)?;
    let id = headers.get("idempotency-key").and_then(|value| value.to_str().ok()?.parse().ok());
    let id = id.ok_or(Refusal::IdempotencyKey)?;
    let (payment, fate) = match payments.again(id, &body) {
        Some(payment) => (payment?, Fate::Approve),
        None => decide(id, &body)?,
    };
    drop(body);
    let settled = tokio::task::spawn_blocking(move || payments.settle(payment));
    let payment = settled.await.map_err(|_| Refusal::Storage)??;
    match fate {
        Fate::Approve | Fate::Decline(_) => {}
        Fate::Slow => tokio::time::sleep(SLOW).await,
        // The connection ends when it has been silent for too long.
        Fate::Lose => std::future::pending().await,
    }
    Ok((&payment).into_response())
}

async fn read(
    State(payments): State<Arc<Payments>>,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Response, Refusal> {
    payments.authorise(&headers)?;
    let ledger = payments.ledger.lock().unwrap_or_else(PoisonError::into_inner);
    let payment = ledger.find(id).ok_or(Refusal::NoPayment)?;
    Ok(form(StatusCode::OK, payment.to_form()))
}

async fn refund(
    State(payments): State<Arc<Payments>>,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Response, Refusal> {
    payments.authorise(&headers)?;
    let given = tokio::task::spawn_blocking(move || payments.give_back(id));
    let payment = given.await.map_err(|_| Refusal::Storage)??;
    Ok((&payment).into_response())
}

/// Reads the form and decides by its number.
fn decide(id: Uuid, body: &[u8]) -> Result<(Payment, Fate), Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| Refusal::Form)?;
    let fields: Fields<'_> = text.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let field = |name: &str| fields.get(name).copied().ok_or(Refusal::Form);
    let amount = field("amount")?.parse().ok().filter(|amount| *amount > 0).ok_or(Refusal::Form)?;
    let currency = field("currency")?;
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(Refusal::Form);
    }
    let number = if fields.contains_key("routing") { account(&fields)? } else { card(&fields)? };
    let (brand, fate) = cards::look_up(number).ok_or(Refusal::Card)?;
    let decision = match fate {
        Fate::Decline(reason) => Decision::Declined { reason: reason.to_owned() },
        Fate::Approve | Fate::Slow | Fate::Lose => Decision::Approved {
            token: format!("tok_{}", random(b"abcdefghijklmnopqrstuvwxyz234567", 24)),
            authorisation: authorisation(),
        },
    };
    let last_four = number[number.len() - 4..].to_owned();
    let payment = Payment { id, amount, currency: currency.to_owned(), brand: brand.to_owned(), last_four, decision };
    Ok((payment, fate))
}

type Fields<'a> = HashMap<&'a str, &'a str>;

fn is_digits(fields: &Fields<'_>, name: &str, lengths: &[usize]) -> bool {
    let is_of = |text: &&str| lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fields.get(name).is_some_and(is_of)
}

/// The number of a card whose form is whole: the postal code in digits of one of the countries that have them.
fn card<'a>(fields: &Fields<'a>) -> Result<&'a str, Refusal> {
    let is_whole = is_digits(fields, "expiry", &[4])
        && is_digits(fields, "code", &[3, 4])
        && (!fields.contains_key("postal") || is_digits(fields, "postal", &[2, 3, 5, 9]));
    fields.get("number").copied().filter(|_| is_whole).ok_or(Refusal::Form)
}

/// The number of a bank account whose form is whole.
fn account<'a>(fields: &Fields<'a>) -> Result<&'a str, Refusal> {
    let is_one_of = |name: &str, values: [&str; 2]| fields.get(name).is_some_and(|value| values.contains(value));
    let is_whole = is_digits(fields, "routing", &[9])
        && is_one_of("account_type", ["checking", "savings"])
        && is_one_of("holder_type", ["individual", "company"]);
    fields.get("account").copied().filter(|_| is_whole).ok_or(Refusal::Form)
}

fn authorisation() -> String {
    random(b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789", 6)
}

fn random(alphabet: &[u8; 32], length: usize) -> String {
    let mut source = rand::rng();
    (0..length).map(|_| char::from(alphabet[source.random_range(0..alphabet.len())])).collect()
}
