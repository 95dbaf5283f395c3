//! A carrier of Twilio's shape that takes payments: the `Payments` of a call over real HTTPS, with idempotent requests, and
//! signed callbacks of what is keyed. It hears the caller's keys on its own side of the line: here a test presses them.
//!
//! <https://www.twilio.com/docs/voice/api/payment-resource>

use std::{
    collections::HashMap,
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    carrier::{PAYMENT_SID, twilio_signature},
    https::{Authority, Served, private},
};

/// The account whose calls it carries.
pub const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
/// The one call that it carries.
pub const CALL: &str = "CA0123456789abcdef0123456789abcdef";
/// The account's auth token.
pub const TOKEN: &str = "98765432109876543210987654321098";

/// How long whom it tells may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most requests that are remembered.
const MOST: usize = 256;

/// What it says once a payment is to be completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// The connector made it.
    #[default]
    Paid,
    /// The connector failed, and nobody knows after what.
    ConnectorError,
    /// Nothing.
    Silence,
}

/// A running carrier.
pub struct Twilio {
    served: Served,
    authority: Authority,
    token_file: PathBuf,
    state: Arc<Mutex<Taken>>,
}

/// What it was asked and has taken.
#[derive(Default)]
struct Taken {
    /// Requests that were new, by what they asked for.
    asked: Vec<String>,
    /// The form that the payment was begun with.
    begun: HashMap<String, String>,
    /// Where it tells.
    callback: String,
    /// What it listens for.
    field: Option<String>,
    last_four: String,
    ending: Ending,
    /// Answers by the key of their request.
    answers: HashMap<String, (StatusCode, Value)>,
}

impl Twilio {
    /// Starts a carrier whose files are in a directory.
    ///
    /// # Errors
    /// Where a file cannot be written, or there is no port.
    pub async fn start(directory: impl Into<PathBuf>) -> io::Result<Self> {
        // A second installation changes nothing.
        rustls::crypto::ring::default_provider().install_default().ok();
        let authority = Authority::new(directory)?;
        let token_file = authority.directory().join("token");
        fs::write(&token_file, TOKEN)?;
        private(&token_file)?;
        let state = Arc::new(Mutex::new(Taken::default()));
        let routes = Router::new()
            .route("/2010-04-01/Accounts/{account}/Calls/{call}/Payments.json", post(begin))
            .route("/2010-04-01/Accounts/{account}/Calls/{call}/Payments/{payment}", post(go_on))
            .with_state(Arc::clone(&state));
        let served = Served::start(authority.server("127.0.0.1", None)?, routes).await?;
        Ok(Self { served, authority, token_file, state })
    }

    /// The lines of a gateway's section `[carrier]`.
    #[must_use]
    pub fn section(&self) -> String {
        let (address, token, authority) =
            (self.served.address(), self.token_file.display(), self.authority.file().display().to_string());
        format!(
            "[carrier]\nurl = \"https://{address}\"\naccount = \"{ACCOUNT}\"\ntoken_file = \"{token}\"\nca = \"{authority}\"\n"
        )
    }

    /// What it says once a payment is to be completed.
    pub fn will_end(&self, ending: Ending) {
        held(&self.state).ending = ending;
    }

    /// What it was asked for, in order, repetitions left out.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        held(&self.state).asked.clone()
    }

    /// The field that it listens for.
    #[must_use]
    pub fn field(&self) -> Option<String> {
        held(&self.state).field.clone()
    }

    /// A parameter that the payment was begun with.
    #[must_use]
    pub fn begun(&self, name: &str) -> Option<String> {
        held(&self.state).begun.get(name).cloned()
    }

    /// The caller keys the field that is asked for, and the gateway is told key by key, and whether it is right.
    ///
    /// # Panics
    /// Where no field is asked for, or the gateway does not take what it is told.
    pub async fn key(&self, digits: &str) {
        let field = held(&self.state).field.clone().expect("a field that is asked for");
        let parameter = parameter(&field);
        for count in 1..=digits.len() {
            let masked = "x".repeat(count);
            self.tell(&[("Capture", &field), ("PartialResult", "true"), (parameter, &masked)]).await;
        }
        if is_wrong(&field, digits) {
            return self.tell(&[("Capture", &field), ("ErrorType", "invalid-date"), ("Attempt", "1")]).await;
        }
        {
            let mut taken = held(&self.state);
            taken.field = None;
            if field == "payment-card-number" {
                taken.last_four = digits[digits.len().saturating_sub(4)..].to_owned();
            }
        }
        let masked = "x".repeat(digits.len());
        self.tell(&[("Capture", &field), ("PartialResult", "false"), (parameter, &masked)]).await;
    }

    /// Tells of a payment that was made.
    ///
    /// # Panics
    /// Where the gateway does not take it.
    pub async fn paid(&self) {
        let last_four = held(&self.state).last_four.clone();
        self.tell(&paid(&last_four).each_ref().map(|(name, value)| (*name, value.as_str()))).await;
    }

    async fn tell(&self, form: &[(&str, &str)]) {
        let callback = held(&self.state).callback.clone();
        let status = tell(&callback, form).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{form:?} is not taken");
    }
}

fn held(state: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The parameters of an end that is a success.
fn paid(last_four: &str) -> [(&'static str, String); 4] {
    [
        ("Result", "success".to_owned()),
        ("PaymentConfirmationCode", "ch_of_the_connector".to_owned()),
        ("PaymentCardNumber", format!("xxxxxxxxxxxx{last_four}")),
        ("PaymentCardType", "visa".to_owned()),
    ]
}

fn parameter(field: &str) -> &'static str {
    match field {
        "payment-card-number" => "PaymentCardNumber",
        "expiration-date" => "ExpirationDate",
        "security-code" => "SecurityCode",
        "postal-code" => "PaymentCardPostalCode",
        "bank-routing-number" => "BankRoutingNumber",
        _ => "BankAccountNumber",
    }
}

/// Whether it is a date of no month: the one thing that this carrier looks at.
fn is_wrong(field: &str, digits: &str) -> bool {
    let month = digits.get(..2).and_then(|month| month.parse::<u8>().ok());
    field == "expiration-date" && !month.is_some_and(|month| (1..=12).contains(&month))
}

/// Posts a form as Twilio posts and signs it; the status that it is answered with.
async fn tell(callback: &str, form: &[(&str, &str)]) -> StatusCode {
    let who = [("AccountSid", ACCOUNT), ("CallSid", CALL), ("Sid", PAYMENT_SID)];
    let form: Vec<(&str, &str)> = who.iter().chain(form).copied().collect();
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form).finish();
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
    let request = client.post(callback).header("x-twilio-signature", twilio_signature(TOKEN, callback, &form));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    request.send().await.map_or(StatusCode::BAD_GATEWAY, |response| response.status())
}

type Shared = State<Arc<Mutex<Taken>>>;

async fn begin(
    State(state): Shared,
    Path((account, call)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !is_known(&headers, &account, &call) {
        return refused(StatusCode::UNAUTHORIZED);
    }
    let form = form(&body);
    let (Some(key), Some(callback)) = (form.get("IdempotencyKey"), form.get("StatusCallback")) else {
        return refused(StatusCode::BAD_REQUEST);
    };
    let mut taken = held(&state);
    if let Some(answer) = taken.answers.get(key) {
        return answered(answer.clone());
    }
    if taken.asked.len() >= MOST {
        return refused(StatusCode::TOO_MANY_REQUESTS);
    }
    let answer = (StatusCode::CREATED, json!({"sid": PAYMENT_SID, "call_sid": call, "account_sid": account}));
    taken.answers.insert(key.clone(), answer.clone());
    taken.callback.clone_from(callback);
    taken.asked.push("begin".to_owned());
    taken.begun.clone_from(&form);
    answered(answer)
}

async fn go_on(
    State(state): Shared,
    Path((account, call, payment)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !is_known(&headers, &account, &call) || payment.strip_suffix(".json") != Some(PAYMENT_SID) {
        return refused(StatusCode::NOT_FOUND);
    }
    let form = form(&body);
    let (Some(key), Some(callback)) = (form.get("IdempotencyKey"), form.get("StatusCallback")) else {
        return refused(StatusCode::BAD_REQUEST);
    };
    let mut taken = held(&state);
    if let Some(answer) = taken.answers.get(key) {
        return answered(answer.clone());
    }
    let answer = (StatusCode::ACCEPTED, json!({"sid": PAYMENT_SID, "call_sid": call, "account_sid": account}));
    taken.callback.clone_from(callback);
    match (form.get("Capture"), form.get("Status").map(String::as_str)) {
        (Some(field), None) => {
            taken.field = Some(field.clone());
            taken.asked.push(field.clone());
        }
        (None, Some(status @ ("complete" | "cancel"))) => {
            taken.field = None;
            taken.asked.push(status.to_owned());
            end(&taken, status);
        }
        (Some(_), Some(_)) | (None, Some(_) | None) => return refused(StatusCode::BAD_REQUEST),
    }
    taken.answers.insert(key.clone(), answer.clone());
    answered(answer)
}

/// Says how it ended, once the request is answered.
fn end(taken: &Taken, status: &str) {
    let form = match (status, taken.ending) {
        ("complete", Ending::Paid) => paid(&taken.last_four).to_vec(),
        ("complete", Ending::ConnectorError) => vec![("Result", "payment-connector-error".to_owned())],
        ("complete", Ending::Silence) => return,
        _ => vec![("Result", "cancelled".to_owned())],
    };
    let callback = taken.callback.clone();
    tokio::spawn(async move {
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        tell(&callback, &form).await;
    });
}

fn is_known(headers: &HeaderMap, account: &str, call: &str) -> bool {
    let expected = format!("Basic {}", STANDARD.encode(format!("{ACCOUNT}:{TOKEN}")));
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    given == Some(expected.as_str()) && (account, call) == (ACCOUNT, CALL)
}

fn form(body: &[u8]) -> HashMap<String, String> {
    form_urlencoded::parse(body).into_owned().collect()
}

fn refused(status: StatusCode) -> Response {
    answered((status, json!({"status": status.as_u16()})))
}

/// JSON with its status.
fn answered((status, body): (StatusCode, Value)) -> Response {
    (status, Json(body)).into_response()
}
