//! Telephone numbers in requests.

use crate::header::{HeaderName, NameAddr};
use crate::message::Request;
use crate::uri::Uri;

/// Longest called number or name.
const MAX_SUBSCRIBER: usize = 64;
/// Longest name that a carrier gives a call.
const MAX_CARRIER_CALL: usize = 128;

/// The caller's number: of P-Asserted-Identity (RFC 3325), which a trunk vouches for, or else of From. `None` where
/// the caller asks for privacy (RFC 3323) or the user part is no number.
pub(super) fn caller(invite: &Request) -> Option<String> {
    let is_private = invite
        .headers
        .all(HeaderName::Privacy)
        .any(|value| value.split([';', ',']).map(str::trim).any(|word| ["id", "user", "header"].contains(&word)));
    if is_private {
        return None;
    }
    let asserted = invite
        .headers
        .all(HeaderName::PAssertedIdentity)
        .filter_map(|value| value.parse::<NameAddr>().ok())
        .find_map(|address| number(&address.uri));
    asserted.or_else(|| number(&invite.from.uri))
}

/// The called number or name: the user part of the Request-URI, empty where there is none.
pub(super) fn called(invite: &Request) -> String {
    match number(&invite.uri) {
        Some(number) => number,
        None => unescaped(invite.uri.subscriber().unwrap_or("")).chars().take(MAX_SUBSCRIBER).collect(),
    }
}

/// The carrier's own name for the call, where it sends one that can be part of a path.
pub(super) fn carrier_call(invite: &Request) -> Option<String> {
    let sent = [HeaderName::TwilioCallSid, HeaderName::TelnyxCallControlId];
    let name = sent.into_iter().find_map(|header| invite.headers.first(header))?.trim();
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_');
    ((1..=MAX_CARRIER_CALL).contains(&name.len()) && name.bytes().all(is_safe)).then(|| name.to_owned())
}

/// The subscriber as a number without visual separators (RFC 3966 §5.1.1): digits, perhaps after a plus.
fn number(uri: &Uri) -> Option<String> {
    let text = unescaped(uri.subscriber()?);
    let number: String = text.chars().filter(|character| !"-.() ".contains(*character)).collect();
    let digits = number.strip_prefix('+').unwrap_or(&number);
    let fits = (1..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then_some(number)
}

/// Escapes undone (RFC 3261 §19.1.2); what is no character becomes U+FFFD.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| first == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        match escaped.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, parse};

    fn invite(uri: &str, headers: &str) -> Box<Request> {
        let text = format!(
            "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP a.example;branch=z9hG4bK1\r\nTo: <sip:b@example.com>\r\n\
             Call-ID: 1\r\nCSeq: 1 INVITE\r\n{headers}\r\n"
        );
        match parse(text.as_bytes(), false) {
            Some(Message::Request(request)) => request,
            Some(Message::Refused(_) | Message::Response(_)) | None => panic!("not a request"),
        }
    }

    #[test]
    fn the_asserted_identity_wins_over_from() {
        let both = "From: <sip:anonymous@example.com>;tag=1\r\n\
                    P-Asserted-Identity: \"A, B\" <sip:+1-555-555-0100@example.com>, <tel:+15555550101>\r\n";
        assert_eq!(caller(&invite("sip:c@d", both)).as_deref(), Some("+15555550100"));
        let from = "From: <tel:(555)%20555.0102>;tag=1\r\n";
        assert_eq!(caller(&invite("sip:c@d", from)).as_deref(), Some("5555550102"));
    }

    #[test]
    fn a_private_or_anonymous_caller_has_no_number() {
        let private = "From: <sip:5555550100@example.com>;tag=1\r\nPrivacy: id;critical\r\n";
        assert_eq!(caller(&invite("sip:c@d", private)), None);
        assert_eq!(caller(&invite("sip:c@d", "From: <sip:anonymous@anonymous.invalid>;tag=1\r\n")), None);
    }

    #[test]
    fn the_called_party_may_be_a_number_or_a_name() {
        let from = "From: <sip:a@b>;tag=1\r\n";
        assert_eq!(called(&invite("sip:%2B15555550100;npdi=yes@example.com", from)), "+15555550100");
        assert_eq!(called(&invite("sip:collections@example.com", from)), "collections");
        assert_eq!(called(&invite("sip:example.com", from)), "");
    }
}
