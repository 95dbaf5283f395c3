//! An endpoint that keeps cards and charges by token, over HTTPS with mutual TLS: the generic dialect.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use rand::Rng;
use serde_json::{Value, json};

use crate::https::{Authority, Served};

/// The name in its certificate.
pub const NAME: &str = "tokeniser.localhost";

/// What becomes of the last digits of a number.
const FATES: &[(&str, &str)] = &[("0002", "declined"), ("9995", "insufficient_funds"), ("0069", "expired_card")];

/// A running endpoint.
pub struct Tokeniser {
    served: Served,
    authority: Authority,
    client: (PathBuf, PathBuf),
    state: Arc<Mutex<Book>>,
}

#[derive(Default)]
struct Book {
    /// The last four of each token.
    tokens: HashMap<String, String>,
    /// What was decided for each payment, by the key it came under.
    payments: HashMap<String, (String, Value)>,
    /// What each payment is of: minor units and currency.
    amounts: HashMap<String, (i64, String)>,
    /// What came of the refunds of each payment, by the keys that they were asked for under.
    refunds: HashMap<String, HashMap<String, &'static str>>,
    /// Whether the next refund fails.
    fails_next_refund: bool,
    loses_next_refund: bool,
    loses_next: bool,
}

impl Tokeniser {
    /// Starts an endpoint that takes clients of its own authority alone.
    ///
    /// # Errors
    /// Where a file cannot be written, or there is no port.
    pub async fn start(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let authority = Authority::new(directory)?;
        let client = authority.client("gateway")?;
        let state = Arc::new(Mutex::new(Book::default()));
        let routes = Router::new()
            .route("/v1/tokens", post(keep))
            .route("/v1/charges", post(charge))
            .route("/v1/charges/{payment}", get(read))
            .route("/v1/charges/{payment}/refunds", get(read_refund).post(refund))
            .with_state(Arc::clone(&state));
        let served = Served::start(authority.server(NAME, Some(&authority))?, routes).await?;
        Ok(Self { served, authority, client, state })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.served.address()
    }

    /// The file with the certificate of its authority.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.authority.file()
    }

    /// The files with the certificate and key that it takes.
    #[must_use]
    pub fn client(&self) -> (PathBuf, PathBuf) {
        self.client.clone()
    }

    /// The lines of a gateway's `[processor]` that go here.
    #[must_use]
    pub fn configuration(&self) -> String {
        let (certificate, key) = &self.client;
        format!(
            "kind = \"tokeniser\"\nname = \"{NAME}\"\naddress = \"{}\"\nca = \"{}\"\nclient_certificate = \"{}\"\n\
             client_key = \"{}\"\ncharge_path = \"/v1/charges\"",
            self.address(),
            self.authority().display(),
            certificate.display(),
            key.display(),
        )
    }

    /// Has the next charge be made, and nobody be told.
    pub fn lose_next(&self) {
        held(&self.state).loses_next = true;
    }

    /// Has the next refund fail: nothing goes back.
    pub fn fail_next_refund(&self) {
        held(&self.state).fails_next_refund = true;
    }

    /// Has the next refund be lost on its way: nothing of it is known here.
    pub fn lose_next_refund(&self) {
        held(&self.state).loses_next_refund = true;
    }

    /// Keeps a card as if it had been posted, and returns its token.
    #[must_use]
    pub fn keep(&self, number: &str) -> String {
        held(&self.state).keep(number)
    }

    /// Knows a payment as made: a carrier has submitted it. Returns its token.
    #[must_use]
    pub fn take(&self, payment: &str, brand: &str, number: &str) -> String {
        let mut book = held(&self.state);
        let token = book.keep(number);
        let last_four = &number[number.len().saturating_sub(4)..];
        let told =
            json!({"payment": payment, "status": "approved", "token": token, "brand": brand, "last_four": last_four});
        book.payments.insert(payment.to_owned(), (String::new(), told));
        token
    }

    /// How many tokens it has given out.
    #[must_use]
    pub fn tokens(&self) -> usize {
        held(&self.state).tokens.len()
    }

    /// How many payments it has approved and not refunded.
    #[must_use]
    pub fn charged(&self) -> usize {
        let book = held(&self.state);
        let approved = book.payments.iter().filter(|(_, (_, told))| told["status"] == "approved");
        approved.filter(|(payment, _)| book.key_of_refund(payment).is_none()).count()
    }
}

fn held(state: &Mutex<Book>) -> MutexGuard<'_, Book> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Book {
    fn keep(&mut self, number: &str) -> String {
        let mut source = rand::rng();
        let token: String = (0..24).map(|_| char::from(b'a' + source.random_range(0..26))).collect();
        let token = format!("tk_{token}");
        self.tokens.insert(token.clone(), number[number.len().saturating_sub(4)..].to_owned());
        token
    }

    /// The key that a payment is back under.
    fn key_of_refund(&self, payment: &str) -> Option<&str> {
        let refunds = self.refunds.get(payment)?;
        refunds.iter().find(|(_, status)| **status == "refunded").map(|(key, _)| key.as_str())
    }

    /// What comes of a refund under a key: decided once. `None` where the payment is back under another one.
    fn give_back(&mut self, payment: &str, key: &str) -> Option<&'static str> {
        if let Some(decided) = self.refunds.get(payment).and_then(|refunds| refunds.get(key)) {
            return Some(decided);
        }
        if self.key_of_refund(payment).is_some() {
            return None;
        }
        let status = if std::mem::take(&mut self.fails_next_refund) { "failed" } else { "refunded" };
        self.refunds.entry(payment.to_owned()).or_default().insert(key.to_owned(), status);
        Some(status)
    }

    fn decide(&self, payment: &str, token: &str) -> Option<Value> {
        let last_four = self.tokens.get(token)?;
        let reason = FATES.iter().find(|(last, _)| last == last_four).map(|(_, reason)| *reason);
        Some(match reason {
            None => json!({"payment": payment, "status": "approved", "reference": format!("ch_{}", &token[3..])}),
            Some(reason) => json!({"payment": payment, "status": "declined", "error": {"code": reason}}),
        })
    }
}

type Shared = State<Arc<Mutex<Book>>>;

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_default()
}

fn refused(status: StatusCode, code: &str) -> Response {
    (status, Json(json!({"error": {"code": code}}))).into_response()
}

async fn keep(State(state): Shared, Json(body): Json<Value>) -> Response {
    let is_account = text(&body, "type") == "bank_account";
    let (number, fewest) = if is_account { (text(&body, "account"), 4) } else { (text(&body, "number"), 12) };
    if number.len() < fewest || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return refused(StatusCode::UNPROCESSABLE_ENTITY, "incorrect_number");
    }
    let token = held(&state).keep(number);
    (StatusCode::CREATED, Json(json!({"token": token}))).into_response()
}

fn key_of(headers: &HeaderMap) -> Option<String> {
    let key = headers.get("idempotency-key")?.to_str().ok()?;
    (!key.is_empty()).then(|| key.to_owned())
}

/// Minor units and currency.
fn amount_of(body: &Value) -> Option<(i64, String)> {
    let amount = body["amount_minor"].as_i64().filter(|amount| *amount > 0)?;
    let currency = text(body, "currency");
    (currency.len() == 3).then(|| (amount, currency.to_owned()))
}

async fn charge(State(state): Shared, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let payment = text(&body, "payment").to_owned();
    let (Some(key), Some(amount)) = (key_of(&headers), amount_of(&body)) else {
        return refused(StatusCode::BAD_REQUEST, "request");
    };
    let (told, is_lost) = {
        let mut book = held(&state);
        let told = match book.payments.get(&payment) {
            Some((first, _)) if *first != key => return refused(StatusCode::BAD_REQUEST, "key"),
            Some((_, told)) => told.clone(),
            None => match book.decide(&payment, text(&body, "token")) {
                Some(told) => told,
                None => return refused(StatusCode::NOT_FOUND, "token"),
            },
        };
        book.amounts.insert(payment.clone(), amount);
        book.payments.insert(payment, (key, told.clone()));
        (told, std::mem::take(&mut book.loses_next))
    };
    if is_lost {
        std::future::pending::<()>().await;
    }
    answered(&told)
}

async fn read(State(state): Shared, Path(payment): Path<String>) -> Response {
    let told = held(&state).payments.get(&payment).map(|(_, told)| told.clone());
    told.map_or_else(|| refused(StatusCode::NOT_FOUND, "payment"), |told| answered(&told))
}

/// The whole of a payment, once: once it is back it is refused under another key.
async fn refund(
    State(state): Shared,
    Path(payment): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let book = &mut *held(&state);
    if std::mem::take(&mut book.loses_next_refund) {
        return refused(StatusCode::INTERNAL_SERVER_ERROR, "lost");
    }
    let is_approved = book.payments.get(&payment).is_some_and(|(_, told)| told["status"] == "approved");
    match (key_of(&headers), amount_of(&body)) {
        _ if !is_approved => refused(StatusCode::NOT_FOUND, "payment"),
        (Some(key), Some(amount)) if book.amounts.get(&payment) == Some(&amount) => {
            let status = book.give_back(&payment, &key);
            let refusal = || refused(StatusCode::UNPROCESSABLE_ENTITY, "refunded");
            status.map_or_else(refusal, |status| told_refund(&payment, &key, status))
        }
        _ => refused(StatusCode::BAD_REQUEST, "request"),
    }
}

/// What came of a refund. One that was never asked for is answered with any other of the payment, as an endpoint does that
/// knows no keys.
async fn read_refund(
    State(state): Shared,
    Path(payment): Path<String>,
    Query(sought): Query<HashMap<String, String>>,
) -> Response {
    let book = held(&state);
    let refunds = book.refunds.get(&payment).into_iter().flatten();
    let mut told: Vec<_> = refunds.collect();
    told.sort_by_key(|(key, _)| sought.get("key") != Some(*key));
    match told.first() {
        Some((key, status)) => told_refund(&payment, key, status),
        None => refused(StatusCode::NOT_FOUND, "refund"),
    }
}

fn told_refund(payment: &str, key: &str, status: &str) -> Response {
    Json(json!({"payment": payment, "status": status, "key": key})).into_response()
}

fn answered(told: &Value) -> Response {
    let status = if told["status"] == "declined" { StatusCode::PAYMENT_REQUIRED } else { StatusCode::OK };
    (status, Json(told.clone())).into_response()
}
