//! A carrier in place of the configured one, as Twilio's `Payments` is shaped: the gateway asks it for one field of a card after
//! the other, and it tells when each is keyed and how the payment ended. Pure: requests in, answers out.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;

/// The account at it, and its name for every payment: there is one in a call.
pub(crate) const ACCOUNT: &str = "AC00000000000000000000000000000002";
const PAYMENT: &str = "PK00000000000000000000000000000002";

/// A payment that is being taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Payment {
    /// The address that it is told of.
    pub(crate) callback: String,
    /// The field that is wanted.
    pub(crate) field: Option<String>,
    /// Whether everything is keyed and it is to be made.
    pub(crate) is_complete: bool,
}

/// The carrier, with the payments of its calls by the carrier's names for them.
#[derive(Default)]
pub(crate) struct Carrier(BTreeMap<String, Payment>);

impl Carrier {
    /// Takes a request of HTTP. The answer's body; `None` where it is to nobody like this.
    pub(crate) fn take(&mut self, request: &[u8]) -> Option<String> {
        let text = std::str::from_utf8(request).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let path = head.split(' ').nth(1)?.strip_prefix("/2010-04-01/Accounts/")?;
        let (_, call) = path.split_once("/Calls/")?;
        let (call, rest) = call.split_once("/Payments")?;
        let form: BTreeMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let payment = self.0.entry(call.to_owned()).or_default();
        if rest == ".json" {
            *payment = Payment::default();
        }
        if let Some(callback) = form.get("StatusCallback") {
            callback.clone_into(&mut payment.callback);
        }
        if let Some(field) = form.get("Capture") {
            payment.field = Some(field.clone());
        }
        match form.get("Status").map(String::as_str) {
            Some("complete") => payment.is_complete = true,
            Some(_) => drop(self.0.remove(call)),
            None => {}
        }
        Some(format!("{{\"sid\":\"{PAYMENT}\"}}"))
    }

    /// The payment of a call.
    pub(crate) fn payment(&self, call: &str) -> Option<Payment> {
        self.0.get(call).cloned()
    }

    /// The payment of a call is made: nothing more comes of it.
    pub(crate) fn close(&mut self, call: &str) {
        self.0.remove(call);
    }
}

/// What the carrier signs a form with: its address, then its parameters by their names.
pub(crate) fn signature(token: &str, address: &str, form: &BTreeMap<&str, String>) -> String {
    let text = form.iter().fold(address.to_owned(), |text, (name, value)| text + name + value);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(carrier: &mut Carrier, place: &str, form: &str) -> Option<String> {
        let head =
            format!("POST /2010-04-01/Accounts/{ACCOUNT}/Calls/CA1/Payments{place}.json HTTP/1.1\r\nHost: x\r\n\r\n");
        carrier.take((head + form).as_bytes())
    }

    #[test]
    fn a_payment_goes_from_field_to_field_and_is_complete() {
        let mut carrier = Carrier::default();
        let told = "StatusCallback=http%3A%2F%2F127.0.0.1%3A1%2Fa";
        assert_eq!(post(&mut carrier, "", told), Some(format!("{{\"sid\":\"{PAYMENT}\"}}")));
        assert_eq!(carrier.payment("CA1").unwrap().callback, "http://127.0.0.1:1/a");
        post(&mut carrier, &format!("/{PAYMENT}"), &format!("{told}&Capture=security-code"));
        assert_eq!(carrier.payment("CA1").unwrap().field.as_deref(), Some("security-code"));
        post(&mut carrier, &format!("/{PAYMENT}"), &format!("{told}&Status=complete"));
        assert!(carrier.payment("CA1").unwrap().is_complete && carrier.payment("CA2").is_none());
        carrier.close("CA1");
        assert_eq!(carrier.payment("CA1"), None);
        assert_eq!(carrier.take(b"POST /told HTTP/1.1\r\n\r\n"), None);
    }
}
