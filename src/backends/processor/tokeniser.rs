//! The generic dialect: JSON over HTTPS, with a client certificate where the endpoint asks for one.
//!
//! ```text
//! POST {charge_path}                          {"payment", "token", "amount_minor", "currency"}   Idempotency-Key
//! GET  {charge_path}/{payment}
//! POST {charge_path}/{payment}/refunds        {"amount_minor", "currency"}                       Idempotency-Key
//! GET  {charge_path}/{payment}/refunds?key=…  404 where none was asked for under this idempotency key
//! ```
//!
//! Each is answered with `{"payment", "status", "reference"?, "error": {"code"}?}`, the last one also with the `key` of the
//! refund that it tells of: an answer without it, or of another one, says nothing of the refund that is sought, which is then
//! asked for again under its key. Without a `charge_path` the endpoint
//! only keeps cards: the gateway charges nothing there and reads nothing. Of a payment that a carrier has submitted to it the
//! endpoint also tells `token`, `brand` and `last_four`: nobody else could.

use std::time::Duration;

use gate::wire::{Brand, DeclineReason, Held, LastFour, Token};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{
    ATTEMPT, Charge, PaymentProcessor, ProcessorError, ProcessorOptions, Reading, Receipt, Refund, Refunded, Sought,
    https::{Answered, Https, refusal},
};

/// Most bytes of an answer.
const ANSWER_BYTES: usize = 16 * 1_024;

/// A client of the endpoint.
pub(super) struct Tokeniser {
    https: Https,
    tokens: String,
    charges: Option<String>,
    answer_within: Duration,
}

/// An answer. Whatever else it holds is not read.
#[derive(Deserialize)]
struct Told {
    payment: Uuid,
    status: String,
    /// The idempotency key of the refund that is told of.
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    reference: Option<String>,
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    brand: Option<String>,
    #[serde(default)]
    last_four: Option<String>,
    #[serde(default)]
    error: Option<Code>,
}

impl Told {
    /// What was charged, where all of it is told.
    fn held(&self) -> Option<Held> {
        Some(Held {
            brand: Brand::named(self.brand.as_deref()?)?,
            last_four: LastFour::parse(self.last_four.as_deref()?).ok()?,
            token: Token::parse(self.token.as_deref()?).ok()?,
        })
    }
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

impl Tokeniser {
    /// Reads the files that the options name.
    ///
    /// # Errors
    /// [`ProcessorError::Setting`] names the one that cannot be used.
    pub(super) fn new(options: &ProcessorOptions, charges: Option<String>) -> Result<Self, ProcessorError> {
        if options.token.is_none() && options.client.is_none() {
            return Err(ProcessorError::Setting("key"));
        }
        let https = Https::new(options)?;
        Ok(Self { https, tokens: options.path.clone(), charges, answer_within: options.answer_within })
    }

    fn charges(&self) -> Result<&str, ProcessorError> {
        self.charges.as_deref().ok_or(ProcessorError::Unsupported)
    }
}

impl PaymentProcessor for Tokeniser {
    fn name(&self) -> &'static str {
        "tokeniser"
    }

    async fn charge(&self, charge: Charge) -> Result<Reading, ProcessorError> {
        let body = json!({
            "payment": charge.payment,
            "token": charge.held.token.as_str(),
            "amount_minor": charge.amount.minor(),
            "currency": charge.amount.currency().code(),
        });
        let request = self.https.request(Method::POST, self.charges()?).json(&body);
        let request = request.header("idempotency-key", charge.key.to_string());
        judge(charge.payment, &Https::send(request, self.answer_within, ANSWER_BYTES).await?)
    }

    async fn read(&self, Sought { payment, .. }: Sought) -> Result<Reading, ProcessorError> {
        let request = self.https.request(Method::GET, &format!("{}/{payment}", self.charges()?));
        let answered = Https::send(request, ATTEMPT, ANSWER_BYTES).await?;
        if answered.status == 404 { Ok(Reading::Absent) } else { judge(payment, &answered) }
    }

    async fn refund(&self, refund: Refund) -> Result<Refunded, ProcessorError> {
        let path = format!("{}/{}/refunds", self.charges()?, refund.payment);
        let amount = refund.amount;
        let body = json!({"amount_minor": amount.minor(), "currency": amount.currency().code()});
        let request = self.https.request(Method::POST, &path).json(&body);
        let request = request.header("idempotency-key", refund.key.to_string());
        let answered = Https::send(request, self.answer_within, ANSWER_BYTES).await?;
        judge_refund(&decided(refund.payment, &answered)?)
    }

    async fn find_refund(&self, Refund { payment, key, .. }: Refund) -> Result<Refunded, ProcessorError> {
        let request = self.https.request(Method::GET, &format!("{}/{payment}/refunds?key={key}", self.charges()?));
        let answered = Https::send(request, ATTEMPT, ANSWER_BYTES).await?;
        if answered.status == 404 {
            return Ok(Refunded::Absent);
        }
        let told = decided(payment, &answered)?;
        // An earlier refund, under another key, may have come to anything.
        let is_sought = told.key.as_deref().and_then(|text| Uuid::parse_str(text).ok()) == Some(key);
        if is_sought { judge_refund(&told) } else { Ok(Refunded::Absent) }
    }

    /// Any answer to a harmless question shows that TLS came about, and a refusal that the key is not taken.
    async fn reach(&self) -> Result<(), ProcessorError> {
        let path = format!("{}/{}", self.charges.as_ref().unwrap_or(&self.tokens), Uuid::nil());
        let answered = Https::send(self.https.request(Method::GET, &path), ATTEMPT, ANSWER_BYTES).await?;
        match answered.status {
            401 | 403 | 429 | 500.. => Err(refusal(answered.status)),
            _ => Ok(()),
        }
    }
}

/// An answer that carries a decision about this payment.
fn decided(payment: Uuid, answered: &Answered) -> Result<Told, ProcessorError> {
    match answered.status {
        200 | 201 | 402 => {
            let told: Told = serde_json::from_slice(&answered.body).map_err(|_| ProcessorError::Malformed)?;
            if told.payment == payment { Ok(told) } else { Err(ProcessorError::Malformed) }
        }
        status => Err(refusal(status)),
    }
}

fn judge_refund(told: &Told) -> Result<Refunded, ProcessorError> {
    match told.status.as_str() {
        "refunded" => Ok(Refunded::Done),
        "pending" => Ok(Refunded::Pending),
        "failed" => Ok(Refunded::Failed),
        _ => Err(ProcessorError::Malformed),
    }
}

pub(super) fn judge(payment: Uuid, answered: &Answered) -> Result<Reading, ProcessorError> {
    let told = decided(payment, answered)?;
    match (answered.status, told.status.as_str()) {
        (200 | 201, "approved") => {
            let held = told.held();
            let reference = told.reference.map(|text| Token::parse(&text)).transpose();
            let reference = reference.map_err(|_| ProcessorError::Malformed)?;
            Ok(Reading::Approved(Receipt { reference, held }))
        }
        (200 | 201, "pending") => Ok(Reading::Pending),
        (_, "declined") => {
            let reason = told.error.and_then(|error| DeclineReason::of_processor(&error.code));
            Ok(Reading::Declined(reason.unwrap_or(DeclineReason::Declined)))
        }
        _ => Err(ProcessorError::Malformed),
    }
}
