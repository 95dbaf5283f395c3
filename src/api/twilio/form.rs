//! The forms that agents send. What can be taken is taken; what cannot is refused by the name of its parameter, and the rest of
//! Twilio's parameters are read past: `API.md` lists which is which.

use axum::http::{HeaderMap, header};
use backends::callback::{CallbackUrl, CallbackUrlError};
use call::api::{AccountType, Callback, CaptureAsk, CaptureStep, Method, Postal, SessionStep};
use gate::wire::Brand;
use rules::money::{Currency, Money};

use super::Refused;

/// Most characters of an idempotency key.
const MOST_KEY: usize = 255;

/// A form as it came.
pub(super) struct Form(Vec<(String, String)>);

/// A payment to be begun.
pub(super) struct Create {
    pub(super) ask: CaptureAsk,
    pub(super) key: String,
    pub(super) callback: Callback,
}

/// A payment that goes on.
pub(super) struct Update {
    pub(super) key: String,
    pub(super) callback: Callback,
    pub(super) step: SessionStep,
}

impl Form {
    /// Reads the body of a request.
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, Refused> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Refused::parameter("Content-Type", "send a form, application/x-www-form-urlencoded"));
        }
        Ok(Self(form_urlencoded::parse(body).into_owned().collect()))
    }

    /// The value of a parameter; an empty one is none.
    fn value(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(known, _)| known == name);
        pair.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    fn key(&self) -> Result<String, Refused> {
        let key = self.value("IdempotencyKey").ok_or_else(|| Refused::parameter("IdempotencyKey", "is required"))?;
        if key.chars().count() > MOST_KEY {
            return Err(Refused::parameter("IdempotencyKey", "has more than 255 characters"));
        }
        Ok(key.to_owned())
    }

    fn callback(&self) -> Result<Callback, Refused> {
        let url = self.value("StatusCallback").ok_or_else(|| Refused::parameter("StatusCallback", "is required"))?;
        CallbackUrl::parse(url).map_err(|error| {
            Refused::parameter(
                "StatusCallback",
                match error {
                    CallbackUrlError::Address => "must be an absolute address, https://…",
                    CallbackUrlError::Plain => "must be https where it is not on this machine",
                },
            )
        })?;
        Ok(Callback::new(url.to_owned()))
    }
}

/// What a form begins.
pub(super) fn create(form: &Form) -> Result<Create, Refused> {
    let (key, callback) = (form.key()?, form.callback()?);
    is_one_of(form, "Input", &["dtmf"], "only dtmf is taken")?;
    is_one_of(form, "SecurityCode", &["true"], "the security code is always asked for")?;
    let code = form.value("Currency").unwrap_or("USD").to_ascii_uppercase();
    let method = method(form)?;
    let ask = CaptureAsk {
        amount_minor: amount(form, &code)?,
        currency: Some(code),
        method,
        account_type: if method == Method::BankAccount { Some(account_type(form)?) } else { None },
        brands: brands(form, method)?,
        postal: postal(form)?.filter(|_| method == Method::Card),
        attempts: attempts(form)?,
        language: form.value("Language").map(str::to_owned),
    };
    Ok(Create { ask, key, callback })
}

/// What a form goes on with.
pub(super) fn update(form: &Form) -> Result<Update, Refused> {
    let (key, callback) = (form.key()?, form.callback()?);
    let step = match (form.value("Capture"), form.value("Status")) {
        (Some(capture), None) => SessionStep::Ask(field(capture)?),
        (None, Some("complete")) => SessionStep::Complete,
        (None, Some("cancel")) => SessionStep::Cancel,
        (None, Some(_)) => return Err(Refused::parameter("Status", "is complete or cancel")),
        (Some(_), Some(_)) | (None, None) => {
            return Err(Refused::parameter("Capture", "send either Capture or Status"));
        }
    };
    Ok(Update { key, callback, step })
}

fn is_one_of(form: &Form, name: &str, known: &[&str], why: &str) -> Result<(), Refused> {
    let is_known = form.value(name).is_none_or(|value| known.iter().any(|known| known.eq_ignore_ascii_case(value)));
    if is_known { Ok(()) } else { Err(Refused::parameter(name, why)) }
}

fn method(form: &Form) -> Result<Method, Refused> {
    match form.value("PaymentMethod") {
        None | Some("credit-card") => Ok(Method::Card),
        Some("ach-debit") => Ok(Method::BankAccount),
        Some(_) => Err(Refused::parameter("PaymentMethod", "is credit-card or ach-debit")),
    }
}

fn account_type(form: &Form) -> Result<AccountType, Refused> {
    match form.value("BankAccountType") {
        None | Some("consumer-checking") => Ok(AccountType::ConsumerChecking),
        Some("consumer-savings") => Ok(AccountType::ConsumerSavings),
        Some("commercial-checking") => Ok(AccountType::CommercialChecking),
        Some(_) => Err(Refused::parameter("BankAccountType", "is none that is known")),
    }
}

/// What is charged, in minor units.
fn amount(form: &Form, code: &str) -> Result<i64, Refused> {
    let refused = |why: &str| Refused::parameter("ChargeAmount", why);
    let currency =
        Currency::parse(code).map_err(|_| Refused::parameter("Currency", "is none of ISO 4217 that is taken"))?;
    let text =
        form.value("ChargeAmount").ok_or_else(|| refused("is required: nothing is tokenised without a charge"))?;
    let money = Money::parse(text, currency).map_err(|_| refused("must be digits with at most one decimal point"))?;
    if money.is_positive() {
        Ok(money.minor())
    } else {
        Err(refused("must be above 0: nothing is tokenised without a charge"))
    }
}

/// The brands asked for that have a name here; `None` where it is not said which.
fn brands(form: &Form, method: Method) -> Result<Option<Vec<String>>, Refused> {
    let Some(names) = form.value("ValidCardTypes").filter(|_| method == Method::Card) else { return Ok(None) };
    let names = names.split([' ', ',']).map(|name| if name == "diners-club" { "diners" } else { name });
    let known: Vec<String> = names.filter(|name| Brand::named(name).is_some()).map(str::to_owned).collect();
    if known.is_empty() {
        Err(Refused::parameter("ValidCardTypes", "names no card that is taken"))
    } else {
        Ok(Some(known))
    }
}

fn postal(form: &Form) -> Result<Option<Postal>, Refused> {
    match form.value("PostalCode") {
        None => Ok(None),
        Some("true") => Ok(Some(Postal::Us)),
        Some("false") => Ok(Some(Postal::None)),
        Some(_) => Err(Refused::parameter("PostalCode", "is true or false: a known one is not passed on")),
    }
}

fn attempts(form: &Form) -> Result<Option<u8>, Refused> {
    let number = form.value("MaxAttempts").map(str::parse).transpose();
    number.map_err(|_| Refused::parameter("MaxAttempts", "is a number from 1 to 3"))
}

fn field(capture: &str) -> Result<CaptureStep, Refused> {
    match capture {
        "payment-card-number" => Ok(CaptureStep::Number),
        "expiration-date" => Ok(CaptureStep::Expiry),
        "security-code" => Ok(CaptureStep::Code),
        "postal-code" => Ok(CaptureStep::Postal),
        "bank-routing-number" => Ok(CaptureStep::Routing),
        "bank-account-number" => Ok(CaptureStep::Account),
        _ => Err(Refused::parameter("Capture", "is no field that is taken")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: &str = "IdempotencyKey=one&StatusCallback=https%3A%2F%2Fbot.example.com%2Fpay";

    fn form(more: &str) -> Form {
        let kind = "application/x-www-form-urlencoded; charset=UTF-8".parse().unwrap();
        Form::read(&HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]), format!("{WHO}&{more}").as_bytes()).unwrap()
    }

    fn asked(more: &str) -> Result<CaptureAsk, String> {
        create(&form(more)).map(|create| create.ask).map_err(|refused| refused.message)
    }

    #[test]
    fn what_an_agent_of_twilio_s_sends_becomes_terms() {
        let ask = asked(
            "ChargeAmount=120.50&Currency=usd&ValidCardTypes=visa%20diners-club%20enroute&PostalCode=false&Timeout=10",
        )
        .unwrap();
        let expected = CaptureAsk {
            currency: Some("USD".into()),
            brands: Some(vec!["visa".into(), "diners".into()]),
            postal: Some(Postal::None),
            ..CaptureAsk::card(12_050)
        };
        assert_eq!(ask, expected);
        let bank = asked("ChargeAmount=1&PaymentMethod=ach-debit&BankAccountType=consumer-savings&ValidCardTypes=visa&PostalCode=true")
            .unwrap();
        assert_eq!(
            (bank.method, bank.account_type, bank.brands, bank.postal),
            (Method::BankAccount, Some(AccountType::ConsumerSavings), None, None)
        );
    }

    #[test]
    fn what_cannot_be_taken_is_refused_by_its_name() {
        for (more, name) in [
            ("", "ChargeAmount"),
            ("ChargeAmount=0", "ChargeAmount"),
            ("ChargeAmount=1.234", "ChargeAmount"),
            ("ChargeAmount=1&Currency=XXX", "Currency"),
            ("ChargeAmount=1&SecurityCode=false", "SecurityCode"),
            ("ChargeAmount=1&PostalCode=94109", "PostalCode"),
            ("ChargeAmount=1&Input=speech", "Input"),
            ("ChargeAmount=1&ValidCardTypes=enroute", "ValidCardTypes"),
            ("ChargeAmount=1&PaymentMethod=cash", "PaymentMethod"),
            ("ChargeAmount=1&MaxAttempts=many", "MaxAttempts"),
        ] {
            let message = asked(more).unwrap_err();
            assert!(message.starts_with(&format!("{name}: ")) && !message.contains("94109"), "{more}: {message}");
        }
        for missing in [
            "IdempotencyKey=one",
            "StatusCallback=https%3A%2F%2Fbot.example.com",
            "IdempotencyKey=one&StatusCallback=http%3A%2F%2Fbot.example.com",
        ] {
            let kind = "application/x-www-form-urlencoded".parse().unwrap();
            let form = Form::read(&HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]), missing.as_bytes()).unwrap();
            assert!(create(&form).is_err() && update(&form).is_err(), "{missing}");
        }
        assert!(Form::read(&HeaderMap::new(), b"IdempotencyKey=one").is_err(), "no form");
    }

    #[test]
    fn an_update_asks_for_one_field_or_ends_the_payment() {
        let step = |more: &str| update(&form(more)).map(|update| update.step).ok();
        assert_eq!(step("Capture=security-code"), Some(SessionStep::Ask(CaptureStep::Code)));
        assert_eq!(step("Status=complete"), Some(SessionStep::Complete));
        assert_eq!(step("Status=cancel"), Some(SessionStep::Cancel));
        for refused in
            ["", "Status=paused", "Capture=payment-card-number-matcher", "Capture=security-code&Status=complete"]
        {
            assert_eq!(step(refused), None, "{refused}");
        }
    }
}
