//! Stripe's dialect (`docs.stripe.com/api`): PaymentIntents that are created and confirmed at once, with the payment
//! method that the vault has made.
//!
//! The keyed card is a mail or telephone order: nobody can authenticate, so `moto` is set and an issuer that asks for
//! authentication has declined. What only Stripe's text says is not read.

mod intent;

use std::time::Duration;

use gate::wire::{Brand, DeclineReason, Token};
use jiff::Timestamp;
use reqwest::{Method, RequestBuilder, header::CONTENT_TYPE};
use rules::money::Money;
use uuid::Uuid;

use self::intent::{Intent, IntentPage, RefundObject, RefundPage, Refusal};
use super::{
    ATTEMPT, Charge, PaymentProcessor, ProcessorError, ProcessorOptions, Reading, Receipt, Refund, Refunded, Sought,
    https::{Answered, Https, refusal},
};

/// The version of the API that this file is written for (`docs.stripe.com/api/versioning`).
const VERSION: &str = "2024-06-20";
/// Under which name the payment's id is in an intent's metadata.
const PAYMENT: &str = "tonegate_payment";
/// Under which name the key of a refund is in its metadata: Stripe forgets idempotency keys after a day.
const REFUND: &str = "tonegate_refund";
/// Most bytes of one object.
const OBJECT_BYTES: usize = 64 * 1_024;
/// Intents on a page of a list; the most that Stripe gives.
const PAGE: usize = 100;
/// Most bytes of a page.
const PAGE_BYTES: usize = PAGE * OBJECT_BYTES / 8;
/// Most pages that are read to find one payment.
const PAGES: usize = 20;
/// How much earlier and later than its row an intent may have been created, in seconds: clocks differ, and a card is
/// keyed and kept between the two.
const CREATED: (i64, i64) = (300, 900);

/// A client of Stripe.
pub(super) struct Stripe {
    https: Https,
    account: Option<String>,
    keep_card: bool,
    is_live: bool,
    answer_within: Duration,
}

impl Stripe {
    /// Reads the files that the options name.
    ///
    /// # Errors
    /// [`ProcessorError::Setting`] names the one that cannot be used.
    pub(super) fn new(
        options: &ProcessorOptions,
        account: Option<String>,
        keep_card: bool,
    ) -> Result<Self, ProcessorError> {
        if options.token.is_none() {
            return Err(ProcessorError::Setting("key"));
        }
        let https = Https::new(options)?;
        Ok(Self { https, account, keep_card, is_live: !options.is_test, answer_within: options.answer_within })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.https.request(method, path).header("stripe-version", VERSION);
        match &self.account {
            Some(account) => request.header("stripe-account", account),
            None => request,
        }
    }

    fn post(&self, path: &str, key: Uuid, fields: &[(&str, &str)]) -> RequestBuilder {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.request(Method::POST, path).header("idempotency-key", key.to_string());
        request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)
    }

    /// Reads what was created about when the row was opened, page by page, for the intent with the payment's id. A list
    /// is current; Stripe's search is a minute behind.
    async fn search(&self, sought: Sought) -> Result<Reading, ProcessorError> {
        let opened = sought.opened_at.as_second();
        let created = format!("created[gte]={}&created[lte]={}", opened - CREATED.0, opened + CREATED.1);
        let mut after: Option<Token> = None;
        for _ in 0..PAGES {
            let from = after.map(|last| format!("&starting_after={}", last.as_str())).unwrap_or_default();
            let page = self.page(&format!("/v1/payment_intents?limit={PAGE}&{created}{from}")).await?;
            if let Some(intent) = page.data.iter().find(|intent| intent.is_of(sought.payment)) {
                return reading(intent, &sought, self.is_live).ok_or(ProcessorError::Malformed);
            }
            match page.data.last().filter(|_| page.has_more) {
                Some(last) => after = Some(Token::parse(&last.id).map_err(|_| ProcessorError::Malformed)?),
                None => return Ok(Reading::Absent),
            }
        }
        // There are more: that none was found says nothing.
        Err(ProcessorError::Malformed)
    }

    async fn page(&self, path: &str) -> Result<IntentPage, ProcessorError> {
        let answered = Https::send(self.request(Method::GET, path), ATTEMPT, PAGE_BYTES).await?;
        match answered.status {
            200 => object(&answered.body),
            status => Err(refusal(status)),
        }
    }
}

impl PaymentProcessor for Stripe {
    fn name(&self) -> &'static str {
        "stripe"
    }

    async fn charge(&self, charge: Charge) -> Result<Reading, ProcessorError> {
        let (amount, currency) = stripe_amount(charge.amount).ok_or(ProcessorError::Unsupported)?;
        let (amount, payment) = (amount.to_string(), charge.payment.to_string());
        let mut fields = vec![
            ("amount", amount.as_str()),
            ("currency", currency.as_str()),
            ("confirm", "true"),
            ("error_on_requires_action", "true"),
            ("payment_method", charge.held.token.as_str()),
            ("metadata[tonegate_payment]", payment.as_str()),
        ];
        if charge.held.brand == Brand::BankAccount {
            // The caller has agreed on the line, not on a page.
            fields.push(("payment_method_types[]", "us_bank_account"));
            fields.push(("mandate_data[customer_acceptance][type]", "offline"));
        } else {
            fields.push(("payment_method_types[]", "card"));
            fields.push(("payment_method_options[card][moto]", "true"));
        }
        if self.keep_card {
            fields.push(("setup_future_usage", "off_session"));
        }
        let request = self.post("/v1/payment_intents", charge.key, &fields);
        let answered = Https::send(request, self.answer_within, OBJECT_BYTES).await?;
        judge(&answered, &sought(charge), self.is_live)
    }

    async fn read(&self, sought: Sought) -> Result<Reading, ProcessorError> {
        match sought.reference {
            Some(reference) => {
                let request = self.request(Method::GET, &format!("/v1/payment_intents/{}", reference.as_str()));
                judge(&Https::send(request, ATTEMPT, OBJECT_BYTES).await?, &sought, self.is_live)
            }
            None => self.search(sought).await,
        }
    }

    async fn refund(&self, refund: Refund) -> Result<Refunded, ProcessorError> {
        let reference = refund.reference.ok_or(ProcessorError::Unsupported)?;
        let (amount, _) = stripe_amount(refund.amount).ok_or(ProcessorError::Unsupported)?;
        let (amount, payment, key) = (amount.to_string(), refund.payment.to_string(), refund.key.to_string());
        let fields = [
            ("payment_intent", reference.as_str()),
            ("amount", amount.as_str()),
            ("metadata[tonegate_payment]", payment.as_str()),
            ("metadata[tonegate_refund]", key.as_str()),
        ];
        let request = self.post("/v1/refunds", refund.key, &fields);
        judge_refund(&Https::send(request, self.answer_within, OBJECT_BYTES).await?)
    }

    /// Reads the refunds of a payment's intent: the one under this key, or others that give all of it back.
    async fn find_refund(&self, refund: Refund) -> Result<Refunded, ProcessorError> {
        let reference = refund.reference.ok_or(ProcessorError::Unsupported)?;
        let (amount, _) = stripe_amount(refund.amount).ok_or(ProcessorError::Unsupported)?;
        let path = format!("/v1/refunds?limit={PAGE}&payment_intent={}", reference.as_str());
        let answered = Https::send(self.request(Method::GET, &path), ATTEMPT, PAGE_BYTES).await?;
        match answered.status {
            200 => given_back(&object(&answered.body)?, refund.key, amount),
            status => Err(refusal(status)),
        }
    }

    async fn reach(&self) -> Result<(), ProcessorError> {
        self.page("/v1/payment_intents?limit=1").await.map(drop)
    }
}

/// What an answer about one intent says.
pub(super) fn judge(answered: &Answered, sought: &Sought, is_live: bool) -> Result<Reading, ProcessorError> {
    match answered.status {
        200 => {
            let intent: Intent = object(&answered.body)?;
            reading(&intent, sought, is_live).ok_or(ProcessorError::Malformed)
        }
        402 => {
            let Refusal { error } = object(&answered.body)?;
            if error.is_of_card() { Ok(Reading::Declined(error.reason())) } else { Err(ProcessorError::Refused(402)) }
        }
        400 if is_of_idempotency(answered) => Err(ProcessorError::Malformed),
        status => Err(refusal(status)),
    }
}

/// What an answer to a refund says. Money that went back before is back.
fn judge_refund(answered: &Answered) -> Result<Refunded, ProcessorError> {
    match answered.status {
        200 => refunded(&object(&answered.body)?),
        400 if is_of_idempotency(answered) => Err(ProcessorError::Malformed),
        400 if object::<Refusal>(&answered.body).is_ok_and(|refusal| refusal.error.is_of_refunded()) => {
            Ok(Refunded::Done)
        }
        status => Err(refusal(status)),
    }
}

/// What a refund's status says.
fn refunded(refund: &RefundObject) -> Result<Refunded, ProcessorError> {
    match refund.status() {
        "succeeded" => Ok(Refunded::Done),
        "pending" | "requires_action" => Ok(Refunded::Pending),
        "failed" | "canceled" => Ok(Refunded::Failed),
        _ => Err(ProcessorError::Malformed),
    }
}

/// What the refunds of an intent say of the one under this key. What somebody gave back at Stripe itself is back, too, once
/// it is all of the amount.
fn given_back(page: &RefundPage, key: Uuid, amount: i64) -> Result<Refunded, ProcessorError> {
    if let Some(ours) = page.data.iter().find(|refund| refund.is_of(key)) {
        return refunded(ours);
    }
    let sum_of = |statuses: &[&str]| {
        let counted = page.data.iter().filter(|refund| statuses.contains(&refund.status()));
        counted.fold(0_i64, |sum, refund| sum.saturating_add(refund.amount))
    };
    if page.has_more {
        // It may be among those.
        return Err(ProcessorError::Malformed);
    }
    let is_back = |statuses: &[&str]| sum_of(statuses) >= amount;
    Ok(if is_back(&["succeeded"]) {
        Refunded::Done
    } else if is_back(&["succeeded", "pending", "requires_action"]) {
        Refunded::Pending
    } else {
        Refunded::Absent
    })
}

/// Whether the key came before with other parameters: a fault of ours, which says nothing of the first.
fn is_of_idempotency(answered: &Answered) -> bool {
    let is_it = object::<Refusal>(&answered.body).is_ok_and(|refusal| refusal.error.is_of_idempotency());
    if is_it {
        tracing::error!("the processor has had this key with another request");
    }
    is_it
}

/// What an intent says of the payment. `None` where it is another payment's, or not what was asked for.
fn reading(intent: &Intent, sought: &Sought, is_live: bool) -> Option<Reading> {
    let (amount, currency) = stripe_amount(sought.amount)?;
    let is_it = intent.is_of(sought.payment)
        && (intent.amount, &intent.currency) == (amount, &currency)
        && intent.livemode == is_live;
    if !is_it {
        return None;
    }
    let declined = |reason| {
        let told = intent.last_payment_error.as_ref().map(intent::StripeError::reason);
        Reading::Declined(told.unwrap_or(reason))
    };
    // Without a card that works, a holder to ask, or a confirmation, nothing is charged and nothing will be.
    Some(match intent.status.as_str() {
        "succeeded" => Reading::Approved(Receipt { reference: Some(Token::parse(&intent.id).ok()?), held: None }),
        "processing" => Reading::Pending,
        "requires_action" => declined(DeclineReason::AuthenticationRequired),
        "requires_payment_method" | "requires_confirmation" | "canceled" => declined(DeclineReason::Declined),
        _ => return None,
    })
}

/// A charge is read under the name and the amount that it was made with.
fn sought(charge: Charge) -> Sought {
    Sought { payment: charge.payment, reference: None, amount: charge.amount, opened_at: Timestamp::UNIX_EPOCH }
}

fn object<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, ProcessorError> {
    serde_json::from_slice(body).map_err(|_| ProcessorError::Malformed)
}

/// An amount as Stripe counts it (`docs.stripe.com/currencies`): mostly in minor units, but the currencies of
/// Iceland and Uganda in hundredths that they do not have, and those with three decimals in whole tens.
fn stripe_amount(money: Money) -> Option<(i64, String)> {
    let (minor, currency) = (money.minor(), money.currency());
    let amount = match (currency.code(), currency.exponent()) {
        ("ISK" | "UGX", 0) => minor.checked_mul(100)?,
        (_, 3) if minor % 10 != 0 => return None,
        _ => minor,
    };
    (amount > 0).then(|| (amount, currency.code().to_ascii_lowercase()))
}

#[cfg(test)]
mod tests;
