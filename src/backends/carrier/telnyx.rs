//! Telnyx: <https://developers.telnyx.com/docs/voice/programmable-voice/pay>.

use base64::{Engine, engine::general_purpose::STANDARD};
use call::carrier::{CarrierCommand, CarrierEvent};
use jiff::Timestamp;
use ring::signature::{ED25519, UnparsedPublicKey};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Number, json};
use uuid::Uuid;

use super::{CarrierError, CarrierLink, CarrierTold, TellError, twilio};

/// How old, or how much ahead, a message may be, in seconds.
const FRESH: u64 = 300;

/// A webhook. Of what it may hold of a card nothing is read but what is named here.
#[derive(Deserialize)]
struct Webhook {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    event_type: String,
    payload: Payload,
}

#[derive(Deserialize)]
struct Payload {
    client_state: Option<String>,
    payment_step: Option<String>,
    error_type: Option<String>,
    result: Option<String>,
    payment_error: Option<String>,
    payment_card_number: Option<String>,
    payment_card_type: Option<String>,
    charge_id: Option<String>,
    token_id: Option<String>,
}

impl CarrierLink {
    pub(super) async fn obey_as_telnyx(
        &self,
        call: Uuid,
        capture: Uuid,
        carrier_call: &str,
        command: &CarrierCommand,
    ) -> Result<(), CarrierError> {
        // It asks for each field by itself, and nothing stops it.
        let CarrierCommand::Start { amount, terms } = command else { return Err(CarrierError::Unknown) };
        let amount_decimal: Number = amount.to_decimal().parse().map_err(|_| CarrierError::Unknown)?;
        let card_types = twilio::card_types(terms.brands);
        let body = json!({
            "command_id": capture,
            "client_state": STANDARD.encode(format!("{call} {capture}")),
            "connector_name": self.options.connector,
            "transaction_type": "charge",
            "amount": amount_decimal,
            "currency": amount.currency().code(),
            "payment_method": twilio::method(terms.method),
            "valid_card_types": card_types.split(' ').collect::<Vec<_>>(),
            "max_attempts": terms.attempts,
        });
        let url = format!("{}/v2/calls/{carrier_call}/actions/pay", self.options.url);
        let answer = self.send(|client| client.post(&url).bearer_auth(self.options.token.expose_secret()).json(&body));
        answer.await.map(drop)
    }

    /// What Telnyx tells of a payment, where it is signed and fresh; `None` where it is about something else.
    ///
    /// # Errors
    /// [`TellError`] where it is not believed or cannot be read.
    pub fn told_by_telnyx(
        &self,
        now: Timestamp,
        timestamp: Option<&str>,
        signature: Option<&str>,
        body: &[u8],
    ) -> Result<Option<CarrierTold>, TellError> {
        let key = self.options.public_key.as_ref().ok_or(TellError::Unsigned)?;
        let (timestamp, signature) = timestamp.zip(signature).ok_or(TellError::Unsigned)?;
        let signature = STANDARD.decode(signature).map_err(|_| TellError::Unsigned)?;
        let signed = [timestamp.as_bytes(), b"|", body].concat();
        UnparsedPublicKey::new(&ED25519, key).verify(&signed, &signature).map_err(|_| TellError::Unsigned)?;
        let told_at: i64 = timestamp.parse().map_err(|_| TellError::Unsigned)?;
        if now.as_second().abs_diff(told_at) > FRESH {
            return Err(TellError::Unsigned);
        }
        let Webhook { data } = serde_json::from_slice(body).map_err(|_| TellError::Malformed)?;
        if !matches!(data.event_type.as_str(), "call.payment.progress" | "call.payment.completed") {
            return Ok(None);
        }
        let state = data.payload.client_state.as_deref().and_then(state).ok_or(TellError::Malformed)?;
        let (call, capture) = state;
        Ok(event(&data.payload).map(|event| CarrierTold { call, capture, event }))
    }
}

/// The call and the payment that a command was about.
fn state(text: &str) -> Option<(Uuid, Uuid)> {
    let text = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    let (call, capture) = text.split_once(' ')?;
    Some((call.parse().ok()?, capture.parse().ok()?))
}

fn event(payload: &Payload) -> Option<CarrierEvent> {
    twilio::event(&|name| match name {
        "Result" => payload.result.as_deref(),
        "Capture" => payload.payment_step.as_deref(),
        "ErrorType" => payload.error_type.as_deref(),
        // Steps are told as they begin.
        "PartialResult" => Some("true"),
        "PaymentError" => payload.payment_error.as_deref(),
        "PaymentCardNumber" => payload.payment_card_number.as_deref(),
        "PaymentCardType" => payload.payment_card_type.as_deref(),
        "PaymentConfirmationCode" => payload.charge_id.as_deref(),
        "PaymentToken" => payload.token_id.as_deref(),
        _ => None,
    })
}
