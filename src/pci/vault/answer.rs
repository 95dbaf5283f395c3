//! The processor's answer, read strictly: what is not understood whole is an unknown outcome, never a guess.
//!
//! A decision is status 200, 201 or 402 with a form body of known fields (`status`, `token`, `authorisation`, `brand`,
//! `last_four`, `reason`, and `id`, `amount`, `currency`, which are not read). Other 4xx say that nothing was processed. No text of the
//! processor's goes any further.

use gate::wire::{Approval, Authorisation, Brand, DeclineReason, FailReason, LastFour, Outcome, Token};

/// Most bytes of an answer, head and body.
pub const ANSWER_BYTES: usize = 4_096;
const HEADERS: usize = 32;

/// What is known of the card when its answer is read.
#[derive(Clone, Copy)]
pub struct CardName {
    /// Its brand.
    pub brand: Brand,
    /// Its last four digits.
    pub last_four: LastFour,
}

/// Reads as much of an answer as has arrived. `None` while it is not whole.
#[must_use]
pub fn read(bytes: &[u8], card: CardName) -> Option<Outcome> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return None,
        Err(_) => return Some(Outcome::Unknown),
    };
    let Some(length) = content_length(response.headers) else { return Some(Outcome::Unknown) };
    if length > ANSWER_BYTES {
        return Some(Outcome::Unknown);
    }
    let body = bytes[head..].get(..length)?;
    Some(match response.code {
        Some(200 | 201 | 402) => Form::parse(body).and_then(|form| form.decision(card)).unwrap_or(Outcome::Unknown),
        // Too early, a conflict or a time-out says nothing of what became of the payment.
        Some(408 | 409 | 425) => Outcome::Unknown,
        Some(400..=499) => Outcome::Failed(FailReason::ProcessorRefused),
        _ => Outcome::Unknown,
    })
}

/// The one `Content-Length`; a body of any other framing is not read.
fn content_length(headers: &[httparse::Header<'_>]) -> Option<usize> {
    let named = |name: &'static str| headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    let mut lengths = named("content-length");
    let length = lengths.next()?;
    if lengths.next().is_some() || named("transfer-encoding").next().is_some() {
        return None;
    }
    let digits = length.value;
    if digits.is_empty() || digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The fields of a body, each at most once.
#[derive(Default)]
struct Form<'a> {
    status: Option<&'a str>,
    token: Option<&'a str>,
    authorisation: Option<&'a str>,
    brand: Option<&'a str>,
    last_four: Option<&'a str>,
    reason: Option<&'a str>,
    unread: [Option<&'a str>; 3],
}

impl<'a> Form<'a> {
    fn parse(body: &'a [u8]) -> Option<Self> {
        let mut form = Self::default();
        for pair in std::str::from_utf8(body).ok()?.split('&') {
            let (name, value) = pair.split_once('=')?;
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
            if !value.bytes().all(plain) || form.field(name)?.replace(value).is_some() {
                return None;
            }
        }
        Some(form)
    }

    fn field(&mut self, name: &str) -> Option<&mut Option<&'a str>> {
        Some(match name {
            "status" => &mut self.status,
            "token" => &mut self.token,
            "authorisation" => &mut self.authorisation,
            "brand" => &mut self.brand,
            "last_four" => &mut self.last_four,
            "reason" => &mut self.reason,
            "id" => &mut self.unread[0],
            "amount" => &mut self.unread[1],
            "currency" => &mut self.unread[2],
            _ => return None,
        })
    }

    fn decision(&self, card: CardName) -> Option<Outcome> {
        let same_card = self.last_four.is_none_or(|last| last == card.last_four.as_str())
            && self.brand.is_none_or(|brand| brand == card.brand.name());
        if !same_card {
            return None;
        }
        match self.status? {
            "approved" => Some(Outcome::Approved(Approval {
                token: Token::parse(self.token?).ok()?,
                brand: card.brand,
                last_four: card.last_four,
                authorisation: Authorisation::parse(self.authorisation?).ok()?,
            })),
            "declined" => Some(Outcome::Declined(match self.reason {
                Some("insufficient_funds") => DeclineReason::InsufficientFunds,
                Some("expired_card") => DeclineReason::ExpiredCard,
                Some("incorrect_code") => DeclineReason::IncorrectCode,
                _ => DeclineReason::Declined,
            })),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const APPROVED: &str = "status=approved&token=tok_abcdefghijklmnopqrstuvwx&authorisation=A1B2C3&last_four=0005";

    fn card() -> CardName {
        CardName { brand: Brand::Amex, last_four: LastFour::parse("0005").unwrap() }
    }

    fn answer(status: u16, body: &str) -> Vec<u8> {
        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    fn read_whole(status: u16, body: &str) -> Outcome {
        read(&answer(status, body), card()).unwrap()
    }

    #[test]
    fn an_approval_is_read_only_when_whole() {
        let whole = answer(201, APPROVED);
        assert!(matches!(read(&whole, card()), Some(Outcome::Approved(approval)) if approval.brand == Brand::Amex));
        for cut in 0..whole.len() {
            assert!(read(&whole[..cut], card()).is_none(), "cut at {cut}");
        }
    }

    #[test]
    fn declines_come_by_reason() {
        for (reason, expected) in [
            ("insufficient_funds", DeclineReason::InsufficientFunds),
            ("expired_card", DeclineReason::ExpiredCard),
            ("incorrect_code", DeclineReason::IncorrectCode),
            ("something_else", DeclineReason::Declined),
        ] {
            let outcome = read_whole(402, &format!("status=declined&reason={reason}"));
            assert_eq!(outcome, Outcome::Declined(expected));
        }
    }

    #[test]
    fn a_refusal_of_the_request_is_no_charge_and_anything_odd_is_unknown() {
        assert_eq!(read_whole(400, "number=4242424242424242"), Outcome::Failed(FailReason::ProcessorRefused));
        assert_eq!(read_whole(401, ""), Outcome::Failed(FailReason::ProcessorRefused));
        for status in [100, 204, 302, 408, 409, 500, 503] {
            assert_eq!(read_whole(status, APPROVED), Outcome::Unknown, "status {status}");
        }
        for body in [
            "",
            "status=approved",
            "status=pending",
            &format!("{APPROVED}&status=approved"),
            &format!("{APPROVED}&more=1"),
            &APPROVED.replace("0005", "0006"),
            &APPROVED.replace("tok_", "tok%5F"),
        ] {
            assert_eq!(read_whole(200, body), Outcome::Unknown);
        }
    }

    #[test]
    fn only_one_plain_length_frames_a_body() {
        for head in [
            "content-length: 3\r\ncontent-length: 3",
            "content-length: +3",
            "transfer-encoding: chunked",
            "content-length: 3\r\ntransfer-encoding: chunked",
            "content-length: 99999",
            "server: none",
        ] {
            let bytes = format!("HTTP/1.1 200 X\r\n{head}\r\n\r\na=b");
            assert_eq!(read(bytes.as_bytes(), card()), Some(Outcome::Unknown), "{head}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), lead: bool) {
            let mut answer = if lead { b"HTTP/1.1 200 X\r\ncontent-length: 20\r\n\r\n".to_vec() } else { Vec::new() };
            answer.extend(bytes);
            let _ = read(&answer, card());
        }
    }
}
