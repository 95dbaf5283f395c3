//! The sandbox's dialect: forms. It charges when the vault submits; by token it charges a card that it has seen before.

use std::{collections::HashMap, time::Duration};

use gate::wire::{Brand, DeclineReason, Held, LastFour, Token};
use reqwest::{Method, header::CONTENT_TYPE};
use uuid::Uuid;

use super::{
    ATTEMPT, Charge, PaymentProcessor, ProcessorError, ProcessorOptions, Reading, Receipt, Refund, Refunded, Sought,
    https::{Https, refusal},
};

/// Most bytes of an answer.
const ANSWER_BYTES: usize = 4_096;
const FORM: &str = "application/x-www-form-urlencoded";

/// A client of the sandbox.
pub(super) struct Sandbox {
    https: Https,
    payments: String,
    answer_within: Duration,
}

impl Sandbox {
    /// Reads the files that the options name.
    ///
    /// # Errors
    /// [`ProcessorError::Setting`] names the one that cannot be used.
    pub(super) fn new(options: &ProcessorOptions) -> Result<Self, ProcessorError> {
        let https = Https::new(options)?;
        Ok(Self { https, payments: options.path.clone(), answer_within: options.answer_within })
    }

    async fn find(&self, payment: Uuid) -> Result<Reading, ProcessorError> {
        let request = self.https.request(Method::GET, &format!("{}/{payment}", self.payments));
        let answered = Https::send(request, ATTEMPT, ANSWER_BYTES).await?;
        match answered.status {
            200 => parse(payment, &answered.body).ok_or(ProcessorError::Malformed),
            404 => Ok(Reading::Absent),
            status => Err(refusal(status)),
        }
    }
}

impl PaymentProcessor for Sandbox {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    async fn charge(&self, charge: Charge) -> Result<Reading, ProcessorError> {
        let body = format!(
            "token={}&amount={}&currency={}",
            charge.held.token.as_str(),
            charge.amount.minor(),
            charge.amount.currency().code()
        );
        let request = self.https.request(Method::POST, &self.payments).header(CONTENT_TYPE, FORM).body(body);
        // The sandbox knows a payment by the key it came under.
        let request = request.header("idempotency-key", charge.payment.to_string());
        let answered = Https::send(request, self.answer_within, ANSWER_BYTES).await?;
        match answered.status {
            200 | 402 => parse(charge.payment, &answered.body).ok_or(ProcessorError::Malformed),
            status => Err(refusal(status)),
        }
    }

    async fn read(&self, sought: Sought) -> Result<Reading, ProcessorError> {
        self.find(sought.payment).await
    }

    async fn refund(&self, refund: Refund) -> Result<Refunded, ProcessorError> {
        let request = self.https.request(Method::POST, &format!("{}/{}/refund", self.payments, refund.payment));
        let request = request.header("idempotency-key", refund.key.to_string()).header(CONTENT_TYPE, FORM).body("");
        let answered = Https::send(request, self.answer_within, ANSWER_BYTES).await?;
        match answered.status {
            200 => Ok(Refunded::Done),
            status => Err(refusal(status)),
        }
    }

    async fn find_refund(&self, Refund { payment, .. }: Refund) -> Result<Refunded, ProcessorError> {
        let request = self.https.request(Method::GET, &format!("{}/{payment}", self.payments));
        let answered = Https::send(request, ATTEMPT, ANSWER_BYTES).await?;
        match answered.status {
            200 => parse_refund(payment, &answered.body).ok_or(ProcessorError::Malformed),
            status => Err(refusal(status)),
        }
    }

    async fn reach(&self) -> Result<(), ProcessorError> {
        self.find(Uuid::nil()).await.map(drop)
    }
}

/// Reads a form; it must name the payment that was asked for.
fn fields(payment: Uuid, form: &[u8]) -> Option<HashMap<&str, &str>> {
    let form = std::str::from_utf8(form).ok()?;
    let fields: HashMap<&str, &str> = form.split('&').filter_map(|pair| pair.split_once('=')).collect();
    (fields.get("id")?.parse() == Ok(payment)).then_some(fields)
}

/// What a form says of the refund of a payment.
fn parse_refund(payment: Uuid, form: &[u8]) -> Option<Refunded> {
    match *fields(payment, form)?.get("status")? {
        "refunded" => Some(Refunded::Done),
        "approved" => Some(Refunded::Absent),
        _ => None,
    }
}

/// What a form says of a payment.
pub(super) fn parse(payment: Uuid, form: &[u8]) -> Option<Reading> {
    let fields = fields(payment, form)?;
    let field = |name: &str| fields.get(name).copied();
    match field("status")? {
        // What was given back was paid before.
        "approved" | "refunded" => Some(Reading::Approved(Receipt {
            reference: None,
            held: Some(Held {
                brand: Brand::named(field("brand")?)?,
                last_four: LastFour::parse(field("last_four")?).ok()?,
                token: Token::parse(field("token")?).ok()?,
            }),
        })),
        "declined" => {
            let reason = field("reason").and_then(DeclineReason::named);
            Some(Reading::Declined(reason.unwrap_or(DeclineReason::Declined)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APPROVED: &str = "status=approved&id=00000000-0000-0000-0000-000000000007&amount=4200&currency=USD&brand=visa\
&last_four=4242&token=tok_abcdefghijklmnopqrstuvwx&authorisation=A1B2C3";

    fn parse(payment: Uuid, form: &str) -> Option<Reading> {
        super::parse(payment, form.as_bytes())
    }

    #[test]
    fn an_answer_names_its_payment_and_all_of_an_approval() {
        let id = Uuid::from_u128(7);
        let approved = |reading| matches!(reading, Some(Reading::Approved(Receipt { held: Some(_), .. })));
        assert!(approved(parse(id, APPROVED)));
        assert_eq!(parse(Uuid::from_u128(8), APPROVED), None);
        for missing in ["&brand=visa", "&last_four=4242", "status=approved", "&token=tok_abcdefghijklmnopqrstuvwx"] {
            assert_eq!(parse(id, &APPROVED.replace(missing, "")), None, "without {missing}");
        }
    }

    #[test]
    fn a_refund_is_read_of_its_own_payment_alone() {
        let id = Uuid::from_u128(7);
        let read = |payment, form: &str| parse_refund(payment, form.as_bytes());
        assert_eq!(read(id, APPROVED), Some(Refunded::Absent));
        let refunded = APPROVED.replace("status=approved", "status=refunded");
        assert_eq!(read(id, &refunded), Some(Refunded::Done));
        assert_eq!(read(Uuid::from_u128(8), &refunded), None);
        assert_eq!(read(id, &APPROVED.replace("status=approved", "status=declined")), None);
    }

    #[test]
    fn a_decline_comes_by_reason() {
        let id = Uuid::from_u128(7);
        for reason in DeclineReason::ALL {
            let declined = format!("status=declined&id={id}&reason={}", reason.name());
            assert_eq!(parse(id, &declined), Some(Reading::Declined(*reason)));
        }
        let odd = format!("status=declined&id={id}&reason=because");
        assert_eq!(parse(id, &odd), Some(Reading::Declined(DeclineReason::Declined)));
    }
}
