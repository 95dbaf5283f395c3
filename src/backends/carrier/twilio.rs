//! Twilio: <https://www.twilio.com/docs/voice/api/payment-resource>.

use base64::{Engine, engine::general_purpose::STANDARD};
use call::{
    api::{AccountType, CaptureStep, Method, Postal},
    carrier::{CarrierCommand, CarrierEnd, CarrierEvent, CarrierReceipt},
    port::Terms,
};
use gate::wire::{Brand, Brands, LastFour, Token};
use ring::hmac;
use rules::money::Money;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{CarrierError, CarrierLink, CarrierTold, TellError};
use crate::callback::signed_text;

/// Under which name the processor behind the connector gets the payment's id.
const PAYMENT: &str = "tonegate_payment";

/// The answer to a payment that is begun.
#[derive(Deserialize)]
struct Begun {
    sid: String,
}

impl CarrierLink {
    pub(super) async fn obey_as_twilio(
        &self,
        call: Uuid,
        capture: Uuid,
        carrier_call: &str,
        command: &CarrierCommand,
    ) -> Result<(), CarrierError> {
        match command {
            CarrierCommand::Start { amount, terms } => {
                self.begin_at_twilio(call, capture, carrier_call, *amount, terms).await
            }
            CarrierCommand::Ask(step) => {
                self.change_at_twilio(call, capture, carrier_call, ("Capture", field(*step))).await
            }
            CarrierCommand::Complete => {
                self.change_at_twilio(call, capture, carrier_call, ("Status", "complete")).await
            }
            // What is just being begun is given up once it has a name.
            CarrierCommand::Cancel if self.give_up(capture) => Ok(()),
            CarrierCommand::Cancel => self.cancel_at_twilio(call, capture, carrier_call).await,
        }
    }

    async fn cancel_at_twilio(&self, call: Uuid, capture: Uuid, carrier_call: &str) -> Result<(), CarrierError> {
        let cancelled = self.change_at_twilio(call, capture, carrier_call, ("Status", "cancel")).await;
        self.forget(capture);
        cancelled
    }

    /// Changes a payment that has begun.
    async fn change_at_twilio(
        &self,
        call: Uuid,
        capture: Uuid,
        carrier_call: &str,
        (name, value): (&'static str, &str),
    ) -> Result<(), CarrierError> {
        let (key, payment) = self.next(capture).ok_or(CarrierError::Unknown)?;
        let form = [("IdempotencyKey", key), self.told_at(call, capture), (name, value.to_owned())];
        self.post(carrier_call, &format!("/{payment}"), &form).await.map(drop)
    }

    /// Begins a payment, and takes Twilio's name for it.
    async fn begin_at_twilio(
        &self,
        call: Uuid,
        capture: Uuid,
        carrier_call: &str,
        amount: Money,
        terms: &Terms,
    ) -> Result<(), CarrierError> {
        let mut form = vec![("IdempotencyKey", self.begin(capture)), self.told_at(call, capture)];
        form.push(("PaymentConnector", self.options.connector.clone()));
        form.push(("Parameter", json!({ PAYMENT: capture }).to_string()));
        form.extend(beginning(amount, terms));
        let begun = self.post(carrier_call, "", &form).await.and_then(|answer| sid(&answer));
        let payment = begun.inspect_err(|_| self.forget(capture))?;
        if self.named(capture, payment) { self.cancel_at_twilio(call, capture, carrier_call).await } else { Ok(()) }
    }

    /// Asks something of the payments of a call, or of one of them.
    async fn post(
        &self,
        carrier_call: &str,
        place: &str,
        form: &[(&'static str, String)],
    ) -> Result<Vec<u8>, CarrierError> {
        let account = &self.options.account;
        let url =
            format!("{}/2010-04-01/Accounts/{account}/Calls/{carrier_call}/Payments{place}.json", self.options.url);
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let answer = self.send(|client| {
            let request = client.post(&url).basic_auth(account, Some(self.options.token.expose_secret()));
            request.header("content-type", "application/x-www-form-urlencoded").body(body.clone())
        });
        answer.await
    }

    /// The parameter that says where Twilio is to tell of a payment.
    fn told_at(&self, call: Uuid, capture: Uuid) -> (&'static str, String) {
        ("StatusCallback", self.callback(call, capture))
    }

    /// Where Twilio is to tell of a payment.
    fn callback(&self, call: Uuid, capture: Uuid) -> String {
        format!("{}/carrier/twilio/{call}/{capture}", self.options.callbacks)
    }

    /// What Twilio tells of a payment, where it is signed; `None` where that is nothing new.
    ///
    /// # Errors
    /// [`TellError`] where it is not believed.
    pub fn told_by_twilio(
        &self,
        call: Uuid,
        capture: Uuid,
        body: &[u8],
        signature: Option<&str>,
    ) -> Result<Option<CarrierTold>, TellError> {
        let form: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.options.token.expose_secret().as_bytes());
        let signature = signature.and_then(|text| STANDARD.decode(text).ok()).ok_or(TellError::Unsigned)?;
        let text = signed_text(&self.callback(call, capture), &form);
        hmac::verify(&key, text.as_bytes(), &signature).map_err(|_| TellError::Unsigned)?;
        let event = event(&|name| form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()));
        if let Some(CarrierEvent::Ended(_)) = event {
            self.forget(capture);
        }
        Ok(event.map(|event| CarrierTold { call, capture, event }))
    }
}

/// Twilio's name for a payment that is begun.
fn sid(answer: &[u8]) -> Result<String, CarrierError> {
    let Begun { sid } = serde_json::from_slice(answer).map_err(|_| CarrierError::Malformed)?;
    let is_sid = sid.len() == 34 && sid.bytes().all(|byte| byte.is_ascii_alphanumeric());
    Some(sid).filter(|_| is_sid).ok_or(CarrierError::Malformed)
}

/// What a payment is begun with.
fn beginning(amount: Money, terms: &Terms) -> Vec<(&'static str, String)> {
    let mut form = vec![
        ("ChargeAmount", amount.to_decimal()),
        ("Currency", amount.currency().code().to_owned()),
        ("PaymentMethod", method(terms.method).to_owned()),
    ];
    match terms.method {
        Method::Card => form.extend([
            ("ValidCardTypes", card_types(terms.brands)),
            ("PostalCode", (terms.postal != Postal::None).to_string()),
            ("SecurityCode", true.to_string()),
        ]),
        Method::BankAccount => form.push(("BankAccountType", account_type(terms.account_type).to_owned())),
    }
    form
}

/// What parameters of this shape mean. Telnyx has the same under other names.
pub(super) fn event<'a>(value: &dyn Fn(&str) -> Option<&'a str>) -> Option<CarrierEvent> {
    if let Some(result) = value("Result") {
        return Some(CarrierEvent::Ended(end(result, value)));
    }
    let step = step(value("Capture")?)?;
    let error = value("ErrorType").filter(|error| !error.is_empty());
    match (error, value("PartialResult")) {
        (Some(error), _) => Some(CarrierEvent::Keying { step, error: Some(error_name(error)) }),
        (None, Some("false")) => Some(CarrierEvent::Keyed(step)),
        (None, Some(_)) => Some(CarrierEvent::Keying { step, error: None }),
        // The answer to the command itself.
        (None, None) => None,
    }
}

fn end<'a>(result: &str, value: &dyn Fn(&str) -> Option<&'a str>) -> CarrierEnd {
    match result {
        "success" => receipt(value).map_or(CarrierEnd::Unknown, CarrierEnd::Paid),
        "caller-interrupted-with-star" => CarrierEnd::Cancelled,
        "cancelled" => CarrierEnd::Failed("cancelled"),
        "caller-hung-up" => CarrierEnd::Failed("hung_up"),
        "too-many-failed-attempts" => CarrierEnd::Failed("too_many_attempts"),
        "validation-error" => CarrierEnd::Failed("carrier_refused"),
        // Its processor's own words are not passed on; that it declined can be told.
        "payment-connector-error" if value("PaymentError").is_some_and(|error| error.contains("declined")) => {
            CarrierEnd::Declined
        }
        // A payment may have been made that nobody heard of.
        _ => CarrierEnd::Unknown,
    }
}

fn receipt<'a>(value: &dyn Fn(&str) -> Option<&'a str>) -> Option<CarrierReceipt> {
    let masked = value("PaymentCardNumber").or_else(|| value("BankAccountNumber"))?;
    let last_four = LastFour::parse(masked.get(masked.len().checked_sub(4)?..)?).ok()?;
    let card = |name: &str| Brand::named(if name == "diners-club" { "diners" } else { name });
    let account = value("BankAccountNumber").map(|_| Brand::BankAccount);
    let brand = account.or_else(|| value("PaymentCardType").and_then(card));
    let mut told = ["PaymentConfirmationCode", "PaymentToken"].into_iter().filter_map(value);
    let confirmation = told.find_map(|text| Token::parse(text).ok());
    Some(CarrierReceipt { confirmation, brand, last_four })
}

/// Twilio's word for a method: `PaymentMethod` of its `Payments`.
#[must_use]
pub fn method(method: Method) -> &'static str {
    match method {
        Method::Card => "credit-card",
        Method::BankAccount => "ach-debit",
    }
}

fn account_type(account_type: AccountType) -> &'static str {
    match account_type {
        AccountType::ConsumerChecking => "consumer-checking",
        AccountType::ConsumerSavings => "consumer-savings",
        AccountType::CommercialChecking => "commercial-checking",
    }
}

/// The carriers' names of brands.
pub(super) fn card_types(brands: Brands) -> String {
    let name = |brand: &Brand| if *brand == Brand::Diners { "diners-club" } else { brand.name() };
    let named = Brand::ALL
        .iter()
        .filter(|brand| brands.contains(**brand) && !matches!(brand, Brand::Canary | Brand::BankAccount))
        .map(name);
    named.collect::<Vec<_>>().join(" ")
}

/// Twilio's word for a step: `Capture` of its `Payments`.
#[must_use]
pub fn field(step: CaptureStep) -> &'static str {
    match step {
        CaptureStep::Number => "payment-card-number",
        CaptureStep::Expiry => "expiration-date",
        CaptureStep::Code => "security-code",
        CaptureStep::Postal => "postal-code",
        CaptureStep::Routing => "bank-routing-number",
        CaptureStep::Account => "bank-account-number",
    }
}

fn step(field: &str) -> Option<CaptureStep> {
    match field {
        "payment-card-number" => Some(CaptureStep::Number),
        "expiration-date" => Some(CaptureStep::Expiry),
        "security-code" => Some(CaptureStep::Code),
        "postal-code" => Some(CaptureStep::Postal),
        "bank-routing-number" => Some(CaptureStep::Routing),
        "bank-account-number" => Some(CaptureStep::Account),
        _ => None,
    }
}

fn error_name(error: &str) -> &'static str {
    match error {
        "timeout" => "timeout",
        "invalid-card-type" => "disallowed_brand",
        "invalid-date" => "invalid_date",
        "invalid-security-code" => "invalid_code",
        "invalid-postal-code" => "invalid_postal",
        "invalid-bank-routing-number" => "invalid_routing",
        "invalid-bank-account-number" => "invalid_account",
        "input-matching-failed" => "mismatch",
        _ => "invalid_number",
    }
}
