//! What agents are told, in Twilio's parameters. Every value that was keyed is masked, whole; the last four digits and the brand
//! come with an approval.

use backends::carrier::twilio::{field, method};
use call::api::{CaptureReply, CaptureStep, Method, News, SessionUpdate};
use rules::money::{Currency, Money};
use uuid::Uuid;

use super::{moment, sid};

/// The parameters of one update.
pub(crate) fn fields(call: Uuid, update: &SessionUpdate) -> Vec<(&'static str, String)> {
    let payment = sid("PK", update.session);
    let mut fields = vec![
        ("AccountSid", backends::bot::ACCOUNT.to_owned()),
        ("CallSid", sid("CA", call)),
        ("Sid", payment.clone()),
        ("PaymentSid", payment),
        ("PaymentMethod", method(update.ask.method).to_owned()),
        ("Currency", update.currency.clone()),
    ];
    if let Ok(currency) = Currency::parse(&update.currency) {
        fields.push(("ChargeAmount", Money::new(update.ask.amount_minor, currency).to_decimal()));
    }
    fields.extend(news(update));
    fields
}

fn news(update: &SessionUpdate) -> Vec<(&'static str, String)> {
    let required = ("Required", update.required.iter().map(|step| field(*step)).collect::<Vec<_>>().join(","));
    let updated = ("DateUpdated", moment());
    match &update.news {
        News::Opened => {
            vec![("DateCreated", moment()), ("PaymentConnector", "Default".to_owned()), required]
        }
        News::Keying { step, count, attempt, error } => {
            let mut fields = vec![updated, required, ("Capture", field(*step).to_owned())];
            fields.extend([("PartialResult", "true".to_owned()), ("Attempt", attempt.to_string())]);
            fields.push((parameter(*step), "x".repeat(usize::from(*count))));
            fields.extend(error.map(|error| ("ErrorType", error_type(error).to_owned())));
            fields
        }
        News::Keyed(step) => {
            let capture = ("Capture", field(*step).to_owned());
            vec![updated, required, capture, ("PartialResult", "false".to_owned()), (parameter(*step), mask(*step))]
        }
        News::Ended(reply) => {
            let mut fields = vec![updated];
            fields.extend(result(update, reply));
            fields
        }
    }
}

/// How it ended.
fn result(update: &SessionUpdate, reply: &CaptureReply) -> Vec<(&'static str, String)> {
    let failed = |result: &str, error: &str| vec![("Result", result.to_owned()), ("PaymentError", error.to_owned())];
    match reply {
        CaptureReply::Approved { token, brand, last_four } | CaptureReply::Tokenised { token, brand, last_four } => {
            let mut fields = vec![("Result", "success".to_owned()), ("PaymentToken", token.clone())];
            // What the processor only keeps has no charge to confirm.
            if matches!(reply, CaptureReply::Approved { .. }) {
                fields.push(("PaymentConfirmationCode", update.payment.to_string()));
            }
            match update.ask.method {
                Method::Card => fields.extend([
                    ("PaymentCardNumber", format!("xxxxxxxxxxxx{last_four}")),
                    ("PaymentCardType", card_type(brand).to_owned()),
                    ("SecurityCode", mask(CaptureStep::Code)),
                ]),
                Method::BankAccount => fields.push(("BankAccountNumber", format!("xxxxxx{last_four}"))),
            }
            fields
        }
        CaptureReply::Declined => failed("payment-connector-error", "declined"),
        CaptureReply::Unknown => failed("payment-connector-error", "unknown"),
        CaptureReply::Failed { reason } => failed(result_of(reason), reason),
        CaptureReply::None
        | CaptureReply::Opened
        | CaptureReply::Arming
        | CaptureReply::Keying { .. }
        | CaptureReply::Keyed
        | CaptureReply::Submitted => Vec::new(),
    }
}

fn result_of(reason: &str) -> &'static str {
    match reason {
        "cancelled" => "cancelled",
        "cancelled_by_caller" => "caller-interrupted-with-star",
        "hung_up" => "caller-hung-up",
        "too_many_attempts" => "too-many-failed-attempts",
        "no_connection"
        | "processor_unreachable"
        | "processor_untrusted"
        | "processor_refused"
        | "processor_failed" => "payment-connector-error",
        _ => "internal-error",
    }
}

fn parameter(step: CaptureStep) -> &'static str {
    match step {
        CaptureStep::Number => "PaymentCardNumber",
        CaptureStep::Expiry => "ExpirationDate",
        CaptureStep::Code => "SecurityCode",
        CaptureStep::Postal => "PaymentCardPostalCode",
        CaptureStep::Routing => "BankRoutingNumber",
        CaptureStep::Account => "BankAccountNumber",
    }
}

/// A complete field. Its length tells nothing.
fn mask(step: CaptureStep) -> String {
    let length = match step {
        CaptureStep::Number => 16,
        CaptureStep::Expiry => 4,
        CaptureStep::Code => 3,
        CaptureStep::Postal => 5,
        CaptureStep::Routing => 9,
        CaptureStep::Account => 8,
    };
    "x".repeat(length)
}

fn error_type(error: &str) -> &'static str {
    match error {
        "timeout" => "timeout",
        "disallowed_brand" => "invalid-card-type",
        "invalid_date" => "invalid-date",
        "invalid_code" => "invalid-security-code",
        "invalid_postal" => "invalid-postal-code",
        "invalid_routing" => "invalid-bank-routing-number",
        "invalid_account" => "invalid-bank-account-number",
        "mismatch" => "input-matching-failed",
        _ => "invalid-card-number",
    }
}

fn card_type(brand: &str) -> &str {
    if brand == "diners" { "diners-club" } else { brand }
}

#[cfg(test)]
mod tests {
    use call::api::{Callback, CaptureAsk};

    use super::*;

    fn told(news: News) -> Vec<(&'static str, String)> {
        let update = SessionUpdate {
            session: Uuid::from_u128(9),
            payment: Uuid::from_u128(10),
            callback: Callback::new("https://bot.example.com/pay".into()),
            ask: CaptureAsk::card(12_050),
            currency: "USD".into(),
            news,
            required: vec![CaptureStep::Expiry, CaptureStep::Code],
        };
        fields(Uuid::from_u128(7), &update)
    }

    fn value<'a>(fields: &'a [(&'static str, String)], name: &str) -> Option<&'a str> {
        fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_field_that_is_keyed_is_masked_and_names_what_is_left() {
        let keying =
            told(News::Keying { step: CaptureStep::Number, count: 4, attempt: 2, error: Some("invalid_number") });
        let expected = [
            ("CallSid", "CA00000000000000000000000000000007"),
            ("Sid", "PK00000000000000000000000000000009"),
            ("ChargeAmount", "120.50"),
            ("Capture", "payment-card-number"),
            ("PartialResult", "true"),
            ("PaymentCardNumber", "xxxx"),
            ("ErrorType", "invalid-card-number"),
            ("Required", "expiration-date,security-code"),
        ];
        for (name, expected) in expected {
            assert_eq!(value(&keying, name), Some(expected), "{name}");
        }
        let keyed = told(News::Keyed(CaptureStep::Code));
        assert_eq!((value(&keyed, "PartialResult"), value(&keyed, "SecurityCode")), (Some("false"), Some("xxx")));
    }

    #[test]
    fn a_bank_account_has_fields_and_an_end_of_its_own() {
        let bank = |news, required| {
            let ask = CaptureAsk { method: Method::BankAccount, ..CaptureAsk::card(100) };
            let (session, callback) = (Uuid::from_u128(9), Callback::new("https://bot.example.com/pay".into()));
            let update =
                SessionUpdate { session, payment: session, callback, ask, currency: "USD".into(), news, required };
            fields(Uuid::from_u128(7), &update)
        };
        let keying = News::Keying { step: CaptureStep::Account, count: 2, attempt: 2, error: Some("mismatch") };
        let keying = bank(keying, vec![CaptureStep::Account]);
        for (name, expected) in [
            ("PaymentMethod", "ach-debit"),
            ("Capture", "bank-account-number"),
            ("BankAccountNumber", "xx"),
            ("ErrorType", "input-matching-failed"),
            ("Required", "bank-account-number"),
        ] {
            assert_eq!(value(&keying, name), Some(expected), "{name}");
        }
        let brand = "bank_account".to_owned();
        let approved = CaptureReply::Approved { token: "tok_a".into(), brand, last_four: "6789".into() };
        let ended = bank(News::Ended(approved), Vec::new());
        let shown = ["BankAccountNumber", "PaymentCardNumber", "SecurityCode"].map(|name| value(&ended, name));
        assert_eq!(shown, [Some("xxxxxx6789"), None, None]);
    }

    #[test]
    fn the_end_has_a_result_and_only_an_approval_the_last_four() {
        let approved =
            CaptureReply::Approved { token: "tok_a".into(), brand: "diners".into(), last_four: "0004".into() };
        let fields = told(News::Ended(approved));
        for (name, expected) in [
            ("Result", "success"),
            ("PaymentCardNumber", "xxxxxxxxxxxx0004"),
            ("PaymentCardType", "diners-club"),
            ("PaymentToken", "tok_a"),
            ("Sid", "PK00000000000000000000000000000009"),
            ("PaymentConfirmationCode", "00000000-0000-0000-0000-00000000000a"),
        ] {
            assert_eq!(value(&fields, name), Some(expected), "{name}");
        }
        for (reason, result) in [
            ("cancelled", "cancelled"),
            ("cancelled_by_caller", "caller-interrupted-with-star"),
            ("hung_up", "caller-hung-up"),
            ("too_many_attempts", "too-many-failed-attempts"),
            ("processor_refused", "payment-connector-error"),
            ("mute_lapsed", "internal-error"),
        ] {
            let fields = told(News::Ended(CaptureReply::Failed { reason: reason.into() }));
            assert_eq!((value(&fields, "Result"), value(&fields, "PaymentError")), (Some(result), Some(reason)));
        }
    }
}
