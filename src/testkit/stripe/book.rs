//! What the server knows, and what it makes of a request.

use std::{
    collections::{BTreeMap, HashMap},
    time::{SystemTime, UNIX_EPOCH},
};

use axum::http::{HeaderMap, Method, Uri};
use rand::Rng;
use serde_json::{Value, json};

use super::{
    Fault, KEY,
    answer::Answer,
    card::{self, Fate},
    refund::Refunds,
};

/// Parameters of a request, sorted.
type Form = BTreeMap<String, String>;

/// A PaymentIntent.
#[derive(Clone, Debug)]
pub struct Intent {
    /// Its id.
    pub id: String,
    /// How far it is, by Stripe's name.
    pub status: &'static str,
    /// In the currency's smallest unit.
    pub amount: i64,
    /// In small letters.
    pub currency: String,
    /// The payment's id in its metadata.
    pub payment: String,
    /// The connected account it belongs to.
    pub account: Option<String>,
    /// Whether it was marked as a telephone order.
    pub is_moto: bool,
    /// Whether the card stays usable without its holder.
    pub is_kept: bool,
    /// Whether its money went back.
    pub is_refunded: bool,
    created: u64,
    error: Option<Value>,
}

/// A request, as far as it may be known: no body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// `POST /v1/payment_intents`.
    pub what: String,
    /// Its `Idempotency-Key`.
    pub key: Option<String>,
    /// Its `Stripe-Version`.
    pub version: Option<String>,
    /// Its `Stripe-Account`.
    pub account: Option<String>,
}

#[derive(Clone, Debug)]
struct Kept {
    brand: &'static str,
    last_four: String,
    fate: Fate,
}

/// Everything that the server knows.
#[derive(Default)]
pub(super) struct Book {
    pub(super) faults: Vec<(String, Fault)>,
    pub(super) intents: Vec<Intent>,
    pub(super) seen: Vec<Seen>,
    methods: HashMap<String, Kept>,
    pub(super) stored: HashMap<String, (String, Form, Answer)>,
    pub(super) refunds: Refunds,
}

impl Book {
    /// The fault that was ordered for this path, once.
    pub(super) fn fault_of(&mut self, path: &str) -> Option<Fault> {
        let place = self.faults.iter().position(|(prefix, _)| path.starts_with(prefix.as_str()))?;
        Some(self.faults.remove(place).1)
    }

    pub(super) fn charged(&self) -> usize {
        self.intents.iter().filter(|intent| intent.status == "succeeded" && !intent.is_refunded).count()
    }

    /// Keeps a card of the list.
    pub(super) fn keep(&mut self, number: &str) -> Option<String> {
        let (brand, fate) = card::look_up(number)?;
        let id = format!("pm_{}", random(24));
        let last_four = number[number.len() - 4..].to_owned();
        self.methods.insert(id.clone(), Kept { brand, last_four, fate });
        Some(id)
    }

    /// Answers one request as its fault wants.
    pub(super) fn handle(
        &mut self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
        fault: Option<Fault>,
    ) -> Answer {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (key, account) = (text("idempotency-key"), text("stripe-account"));
        let what = format!("{method} {}", uri.path());
        let version = text("stripe-version");
        self.seen.push(Seen { what: what.clone(), key: key.clone(), version, account: account.clone() });
        if text("authorization").as_deref() != Some(&format!("Bearer {KEY}")) {
            return Answer::error(401, "invalid_request_error", "api_key_expired", "Invalid API Key provided");
        }
        let form: Form = match *method {
            Method::GET => form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
            _ => form_urlencoded::parse(body).into_owned().collect(),
        };
        match fault {
            Some(Fault::LostRequest) => return Answer::ok(Value::Null),
            Some(Fault::EchoesTheCard) => {
                let number = form.get("card[number]").map_or("a card", String::as_str);
                let message = format!("The card {number} is not good");
                return Answer::error(400, "invalid_request_error", "parameter_invalid", &message);
            }
            // Only what was begun is stored.
            Some(Fault::Status(status @ (400..=499))) => {
                return Answer::error(status, "invalid_request_error", "rate_limit", "Not now");
            }
            Some(Fault::Status(_) | Fault::FailsAfter | Fault::LostAnswer | Fault::Late | Fault::Garbage) | None => {}
        }
        match key.filter(|_| *method == Method::POST) {
            Some(key) => self.once(key, what, form, account.as_deref(), fault),
            None => self.perform(&what, &form, account.as_deref()),
        }
    }

    /// A key is worked once; after that its answer is replayed.
    fn once(&mut self, key: String, what: String, form: Form, account: Option<&str>, fault: Option<Fault>) -> Answer {
        if let Some((first_what, first_form, answer)) = self.stored.get(&key) {
            let message = "Keys for idempotent requests can only be used with the same parameters";
            let is_same = *first_what == what && *first_form == form;
            return if is_same { answer.replayed() } else { Answer::error(400, "idempotency_error", "", message) };
        }
        let failed = Answer::error(500, "api_error", "", "An unknown error occurred");
        let answer = match fault {
            Some(Fault::Status(status)) => Answer { status, ..failed },
            Some(Fault::FailsAfter) => {
                self.perform(&what, &form, account);
                failed
            }
            Some(Fault::LostAnswer | Fault::LostRequest | Fault::Late | Fault::EchoesTheCard | Fault::Garbage)
            | None => self.perform(&what, &form, account),
        };
        self.stored.insert(key, (what, form, answer.clone()));
        answer
    }

    fn perform(&mut self, what: &str, form: &Form, account: Option<&str>) -> Answer {
        let missing = || Answer::error(404, "invalid_request_error", "resource_missing", "No such object");
        match what.split_once("/v1/").unwrap_or_default() {
            ("POST ", "payment_methods") => self.payment_method(form),
            ("POST ", "payment_intents") => self.payment_intent(form, account),
            ("POST ", "refunds") => self.refund(form, account),
            ("GET ", "payment_intents") => self.list(form, account),
            ("GET ", "refunds") => {
                let wanted = form.get("payment_intent").map(String::as_str).unwrap_or_default();
                let is_there = self.of_account(account).any(|intent| intent.id == wanted);
                if is_there { self.refunds.list(wanted) } else { missing() }
            }
            ("GET ", path) => {
                let id = path.strip_prefix("payment_intents/").unwrap_or_default();
                self.of_account(account).find(|intent| intent.id == id).map_or_else(missing, |i| Answer::ok(i.object()))
            }
            _ => missing(),
        }
    }

    fn of_account<'a>(&'a self, account: Option<&'a str>) -> impl Iterator<Item = &'a Intent> {
        self.intents.iter().filter(move |intent| intent.account.as_deref() == account)
    }

    fn payment_method(&mut self, form: &Form) -> Answer {
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let is_there = |names: &[&str]| names.iter().all(|name| !field(name).is_empty());
        let number = match field("type") {
            "card" if is_there(&["card[exp_month]", "card[exp_year]"]) => field("card[number]"),
            "us_bank_account" if is_there(&["us_bank_account[routing_number]", "billing_details[name]"]) => {
                field("us_bank_account[account_number]")
            }
            _ => return Answer::error(400, "invalid_request_error", "parameter_missing", "Missing required param"),
        };
        let Some(id) = self.keep(number) else {
            return Answer::error(402, "card_error", "incorrect_number", "Your card number is incorrect.");
        };
        let kept = &self.methods[&id];
        let card = json!({"brand": kept.brand, "last4": kept.last_four});
        let kind = field("type");
        Answer::ok(json!({"id": id, "object": "payment_method", "type": kind, "card": card, "livemode": false}))
    }

    fn payment_intent(&mut self, form: &Form, account: Option<&str>) -> Answer {
        let (amount, fate) = match self.ordered(form) {
            Ok(ordered) => ordered,
            Err(refusal) => return refusal,
        };
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let mut intent = Intent {
            id: format!("pi_{}", random(24)),
            status: "succeeded",
            amount,
            currency: field("currency").to_owned(),
            payment: field("metadata[tonegate_payment]").to_owned(),
            account: account.map(str::to_owned),
            is_moto: field("payment_method_options[card][moto]") == "true",
            is_kept: field("setup_future_usage") == "off_session",
            is_refunded: false,
            created: now(),
            error: None,
        };
        let answer = intent.confirm(fate, field("error_on_requires_action") == "true");
        self.intents.push(intent);
        answer
    }

    /// The amount and the fate of an order that is whole.
    fn ordered(&self, form: &Form) -> Result<(i64, Fate), Answer> {
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let invalid = |text: &str| Answer::error(400, "invalid_request_error", "parameter_invalid", text);
        let amount = field("amount").parse::<i64>().ok().filter(|amount| *amount > 0);
        let currency = field("currency");
        let is_currency = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_lowercase());
        let Some(amount) = amount.filter(|_| is_currency && field("confirm") == "true") else {
            return Err(invalid("amount, currency or confirm"));
        };
        let missing = || Answer::error(404, "invalid_request_error", "resource_missing", "No such PaymentMethod");
        let kept = self.methods.get(field("payment_method")).ok_or_else(missing)?;
        let is_account = kept.brand == card::BANK_ACCOUNT;
        let kind = if is_account { card::BANK_ACCOUNT } else { "card" };
        let has_agreed = !is_account || field("mandate_data[customer_acceptance][type]") == "offline";
        if field("payment_method_types[]") != kind || !has_agreed {
            return Err(invalid("payment_method_types or mandate_data"));
        }
        Ok((amount, kept.fate))
    }

    /// A page, newest first.
    fn list(&self, form: &Form, account: Option<&str>) -> Answer {
        let number = |name: &str| form.get(name).and_then(|text| text.parse::<u64>().ok());
        let (from, to) = (number("created[gte]").unwrap_or(0), number("created[lte]").unwrap_or(u64::MAX));
        let limit = usize::try_from(number("limit").unwrap_or(10)).unwrap_or(10);
        let within: Vec<&Intent> =
            self.of_account(account).filter(|intent| (from..=to).contains(&intent.created)).collect();
        let newest = within.iter().rev().copied();
        let rest: Vec<&Intent> = match form.get("starting_after") {
            None => newest.collect(),
            Some(after) => newest.skip_while(|intent| intent.id != *after).skip(1).collect(),
        };
        let data: Vec<Value> = rest.iter().take(limit).map(|intent| intent.object()).collect();
        Answer::ok(json!({"object": "list", "data": data, "has_more": rest.len() > limit}))
    }

    fn refund(&mut self, form: &Form, account: Option<&str>) -> Answer {
        let wanted = form.get("payment_intent").map(String::as_str).unwrap_or_default();
        let found = self
            .intents
            .iter_mut()
            .find(|intent| intent.id == wanted && intent.account.as_deref() == account && intent.status == "succeeded");
        match found {
            Some(intent) => self.refunds.make(format!("re_{}", random(24)), intent, form),
            None => Answer::error(404, "invalid_request_error", "resource_missing", "No such PaymentIntent"),
        }
    }
}

impl Intent {
    /// What becomes of it as it is confirmed.
    fn confirm(&mut self, fate: Fate, fails_on_action: bool) -> Answer {
        let (code, decline_code) = match fate {
            Fate::Succeeds => return Answer::ok(self.object()),
            Fate::Processing => {
                self.status = "processing";
                return Answer::ok(self.object());
            }
            Fate::WantsAuthentication if !fails_on_action => {
                self.status = "requires_action";
                return Answer::ok(self.object());
            }
            Fate::WantsAuthentication => ("authentication_required", Some("authentication_required")),
            Fate::Declined(code, decline_code) => (code, decline_code),
        };
        self.status = "requires_payment_method";
        self.error = Some(json!({"type": "card_error", "code": code, "decline_code": decline_code}));
        Answer::declined(code, decline_code, &self.object())
    }

    fn object(&self) -> Value {
        json!({
            "id": self.id, "object": "payment_intent", "status": self.status, "amount": self.amount,
            "currency": self.currency, "created": self.created, "livemode": false,
            "metadata": {"tonegate_payment": self.payment}, "last_payment_error": self.error,
        })
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Letters and digits, never many digits in a row.
fn random(length: usize) -> String {
    let mut source = rand::rng();
    let letters = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
    let one = |place: usize| {
        let most = if place % 6 == 5 { letters.len() - 8 } else { letters.len() };
        char::from(letters[source.random_range(0..most)])
    };
    (0..length).map(one).collect()
}
