//! The tools that a language model is given for payments. None takes a digit of a card, and none could: a capture's fields are
//! keyed by the caller, past the gate and into the vault.
//!
//! A model that was told to may still write a card number into an argument. Arguments that hold one are refused, and
//! [`redacted`] shows arguments without it.

use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::api::{AccountType, ApiRequest, Method, ToolAsk};

/// So many digits in a row, with blanks or dashes between them or without, are no amount and no date: they are not for a tool.
pub const DIGITS_REFUSED: usize = 7;
/// Most bytes of arguments.
const MOST_BYTES: usize = 2_048;
/// What an amount looks like: fewer digits than are refused, and as many decimals as any currency has (ISO 4217).
const AMOUNT: &str = "^[0-9]{1,6}([.][0-9]{1,3})?$";
/// Most digits of it before the point.
const MOST_WHOLE: usize = 6;
/// Most decimals of it.
const MOST_DECIMALS: usize = 3;

/// Why a tool is not called. Each text may be shown to the model: it repeats nothing of what the model wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ToolError {
    /// There is no such tool.
    #[error("there is no such tool")]
    Unknown,
    /// The arguments hold a number that may be a card's or an account's.
    #[error(
        "the arguments hold a long number. Never ask for, repeat or pass on the number of a card or an account: the caller keys \
         it on the telephone, and only the payment processor sees it"
    )]
    Digits,
    /// The arguments are not what the tool takes.
    #[error("the arguments are not what the tool takes; its parameters are in the list of tools")]
    Arguments,
}

/// Every tool, with its parameters as a JSON Schema. Bank accounts are only named where they are taken.
#[must_use]
pub fn catalogue(bank_accounts: bool) -> Value {
    let nothing = json!({"type": "object", "properties": {}, "additionalProperties": false});
    let mut collected = json!({
        "amount": {"type": "string", "pattern": AMOUNT, "description": "What to charge, in the account's currency and with its decimals, such as 120.50."}
    });
    if bank_accounts {
        collected["method"] = json!({"type": "string", "enum": ["card", "bank_account"], "description": "By what the caller pays; card, if left out."});
        collected["account_type"] = json!({
            "type": "string",
            "enum": ["consumer-checking", "consumer-savings", "commercial-checking"],
            "description": "Of a bank account, its kind: ask the caller. A person's checking account, if left out."
        });
    }
    let keyed = if bank_accounts { "card or bank account" } else { "a card" };
    json!([
        {
            "name": "collect_payment",
            "description": format!(
                "Takes a payment from the caller, who keys {keyed} on the telephone. While it runs you hear nothing and are \
                 not heard; the gateway itself asks the caller for each field. Say what will be charged, and wait for a yes, \
                 before you call this."
            ),
            "parameters": {
                "type": "object",
                "properties": collected,
                "required": ["amount"],
                "additionalProperties": false
            }
        },
        {
            "name": "payment_status",
            "description": "Tells how far the payment is: which field is being keyed, and in the end whether it was approved.",
            "parameters": nothing.clone()
        },
        {
            "name": "cancel_payment",
            "description": "Gives the payment up. Nothing is charged, unless it was submitted already.",
            "parameters": nothing
        }
    ])
}

/// The arguments of `collect_payment`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Collect {
    amount: Amount,
    #[serde(default)]
    method: Method,
    #[serde(default)]
    account_type: Option<AccountType>,
}

/// Models write amounts as they please.
#[derive(Deserialize)]
#[serde(untagged)]
enum Amount {
    Text(String),
    Number(serde_json::Number),
}

/// What calling a tool asks of the call. `key` names the request, as in [`ApiRequest::StartCapture`].
///
/// # Errors
/// [`ToolError`] where it is not called.
pub fn read(name: &str, arguments: &str, key: Option<String>) -> Result<ApiRequest, ToolError> {
    if !catalogue(true).as_array().is_some_and(|tools| tools.iter().any(|tool| tool["name"] == name)) {
        return Err(ToolError::Unknown);
    }
    if !long_numbers(arguments).is_empty() {
        return Err(ToolError::Digits);
    }
    let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
    if arguments.len() > MOST_BYTES {
        return Err(ToolError::Arguments);
    }
    match name {
        "collect_payment" => {
            let Collect { amount, method, account_type } =
                serde_json::from_str(arguments).map_err(|_| ToolError::Arguments)?;
            let amount = decimal(&amount).ok_or(ToolError::Arguments)?;
            Ok(ApiRequest::CollectPayment { ask: ToolAsk { amount, method, account_type }, key })
        }
        "payment_status" => nothing(arguments).map(|()| ApiRequest::CaptureState { capture: None }),
        _ => nothing(arguments).map(|()| ApiRequest::CancelCapture { capture: None }),
    }
}

/// Arguments as they may be shown: of every number that is too long for a tool only its length is left.
#[must_use]
pub fn redacted(arguments: &str) -> String {
    let mut shown = arguments.as_bytes().to_vec();
    for place in long_numbers(arguments).into_iter().flatten() {
        shown[place] = b'#';
    }
    String::from_utf8_lossy(&shown).into_owned()
}

fn nothing(arguments: &str) -> Result<(), ToolError> {
    let given: serde_json::Map<String, Value> = serde_json::from_str(arguments).map_err(|_| ToolError::Arguments)?;
    if given.is_empty() { Ok(()) } else { Err(ToolError::Arguments) }
}

/// A plain decimal above nothing, as [`AMOUNT`] says. Whether its currency has such decimals, the call knows.
fn decimal(amount: &Amount) -> Option<String> {
    let text = match amount {
        Amount::Text(text) => text.trim().to_owned(),
        Amount::Number(number) => number.to_string(),
    };
    let (whole, decimals) = text.split_once('.').unwrap_or((text.as_str(), "0"));
    let is_number =
        |part: &str, most| (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_more_than_nothing = text.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    (is_number(whole, MOST_WHOLE) && is_number(decimals, MOST_DECIMALS) && is_more_than_nothing).then_some(text)
}

/// The places of the digits of each long number.
fn long_numbers(text: &str) -> Vec<Vec<usize>> {
    let (mut found, mut run) = (Vec::new(), Vec::new());
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => run.push(place),
            b' ' | b'-' | b'\t' => {}
            _ => found.push(std::mem::take(&mut run)),
        }
    }
    found.push(run);
    found.retain(|run| run.len() >= DIGITS_REFUSED);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_is_asked_for_by_its_amount_alone() {
        let ask = |amount: &str, method, account_type| ToolAsk { amount: amount.to_owned(), method, account_type };
        for (arguments, amount) in [
            (r#"{"amount": "120.50"}"#, "120.50"),
            (r#"{"amount": " 120.5 "}"#, "120.5"),
            (r#"{"amount": 120}"#, "120"),
            (r#"{"amount": 120.5}"#, "120.5"),
            (r#"{"amount": "99999.999"}"#, "99999.999"),
        ] {
            let asked = ApiRequest::CollectPayment { ask: ask(amount, Method::Card, None), key: Some("one".into()) };
            assert_eq!(read("collect_payment", arguments, Some("one".into())), Ok(asked), "{arguments}");
        }
        let bank = ask("1", Method::BankAccount, Some(AccountType::ConsumerSavings));
        let arguments = r#"{"amount": "1", "method": "bank_account", "account_type": "consumer-savings"}"#;
        let asked = read("collect_payment", arguments, None);
        assert_eq!(asked, Ok(ApiRequest::CollectPayment { ask: bank, key: None }));
        assert_eq!(read("payment_status", "", None), Ok(ApiRequest::CaptureState { capture: None }));
        assert_eq!(read("cancel_payment", "{}", None), Ok(ApiRequest::CancelCapture { capture: None }));
    }

    #[test]
    fn no_parameter_of_any_tool_could_hold_a_card() {
        for tool in catalogue(true).as_array().unwrap() {
            assert_eq!(tool["parameters"]["additionalProperties"], false, "{tool}");
            for (name, schema) in tool["parameters"]["properties"].as_object().unwrap() {
                let is_bounded = schema["enum"].is_array() || schema["pattern"] == AMOUNT;
                assert!(is_bounded, "{name} takes anything");
            }
        }
    }

    #[test]
    fn bank_accounts_are_named_where_they_are_taken() {
        let [with, without] = [true, false].map(catalogue);
        assert!(with[0].to_string().contains("bank account") && !without[0].to_string().contains("bank"));
        assert_eq!(without[0]["parameters"]["properties"].as_object().unwrap().len(), 1);
    }

    #[test]
    fn arguments_with_a_long_number_are_refused_whatever_the_tool_and_the_field() {
        let injected = [
            r#"{"amount": "1", "card_number": "4111111111111111"}"#,
            r#"{"amount": "4111 1111 1111 1111"}"#,
            r#"{"note": "my card is 4111-1111-1111-1111"}"#,
            r#"{"amount": 4111111111111111}"#,
            "4111111",
        ];
        for arguments in injected {
            for tool in ["collect_payment", "payment_status", "cancel_payment"] {
                assert_eq!(read(tool, arguments, None), Err(ToolError::Digits), "{tool}");
            }
            let shown = redacted(arguments);
            assert!(!shown.contains("411") && shown.len() == arguments.len(), "{shown}");
        }
    }

    #[test]
    fn what_is_no_tool_and_no_argument_is_refused_and_not_repeated() {
        for name in ["read_digits", "disable_secure_mode", "unmute", "collect_payment "] {
            assert_eq!(read(name, "{}", None), Err(ToolError::Unknown));
        }
        for arguments in ["{", "[]", "{}"] {
            assert_eq!(read("collect_payment", arguments, None), Err(ToolError::Arguments), "{arguments}");
        }
        for amount in ["-1", "0", "0.000", "1.2345", "1.", ".5", "1,000", "1e3", "one", ""] {
            let arguments = json!({"amount": amount}).to_string();
            assert_eq!(read("collect_payment", &arguments, None), Err(ToolError::Arguments), "{arguments}");
        }
        assert_eq!(read("payment_status", r#"{"secret": "mode"}"#, None), Err(ToolError::Arguments));
        assert_eq!(
            redacted(r#"{"amount": "120.50", "on": "2026-11-02"}"#).matches('#').count(),
            8,
            "a date is long, too"
        );
    }
}
