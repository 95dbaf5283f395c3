//! The processor's answer, read strictly: what is not understood whole is an outcome of its own, never a guess. No text of
//! the processor's goes any further: tokens and codes that pass their formats, and nothing else.
//!
//! | status | a processor that charges (sandbox) | one that keeps the card (Stripe, tokeniser) |
//! |---|---|---|
//! | 200, 201 | `Approved`, `Declined`; else `Unknown` | `Tokenised`; else `ProcessorFailed` |
//! | 402 | `Declined`; else `Unknown` | `Declined` |
//! | 400, 422 | `ProcessorRefused` | `Declined` where its code is a known one; else `ProcessorRefused` |
//! | 408, 409, 425 | `Unknown`: that says nothing of what became of the payment | `ProcessorRefused` |
//! | other 4xx | `ProcessorRefused` | `ProcessorRefused` |
//! | anything else, malformed, cut short, too long, of another card | `Unknown` | `ProcessorFailed` |

use std::borrow::Cow;

use gate::wire::{Authorisation, Brand, DeclineReason, FailReason, Held, LastFour, Outcome, Shape, Token};
use json_event_parser::{JsonEvent, SliceJsonParser};

/// Most bytes of an answer, head and body.
pub const ANSWER_BYTES: usize = 16_384;
const HEADERS: usize = 64;

/// The names and values of a body; those of an object in another are joined by a dot.
type Fields<'a> = Vec<(String, Cow<'a, str>)>;

/// What is known of the card that was sent.
pub type Card = (Brand, LastFour);

/// Reads as much of an answer as has arrived. `None` while it is not whole.
pub fn read(shape: Shape, card: Card, answer: &[u8]) -> Option<Outcome> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(answer) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return None,
        Err(_) => return Some(lost(shape, FailReason::ProcessorFailed)),
    };
    let body = match content_length(response.headers) {
        Some(length) if length <= ANSWER_BYTES => answer[head..].get(..length)?,
        Some(_) | None => return Some(lost(shape, FailReason::ProcessorFailed)),
    };
    let fields = if shape == Shape::Sandbox { form(body) } else { json(body) }.unwrap_or_default();
    Some(decide(shape, response.code.unwrap_or_default(), card, &fields))
}

/// What an answer that is lost or cannot be understood means.
pub fn lost(shape: Shape, reason: FailReason) -> Outcome {
    if shape == Shape::Sandbox { Outcome::Unknown } else { Outcome::Failed(reason) }
}

/// The one `Content-Length`; a body of any other framing is not read.
fn content_length(headers: &[httparse::Header<'_>]) -> Option<usize> {
    let named = |name: &'static str| headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    let mut lengths = named("content-length");
    let length = lengths.next()?.value;
    let is_framed_once = lengths.next().is_none() && named("transfer-encoding").next().is_none();
    if !is_framed_once || length.len() > 5 || !length.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(length).ok()?.parse().ok()
}

fn form(body: &[u8]) -> Option<Fields<'_>> {
    let pairs = std::str::from_utf8(body).ok()?.split('&').map(|pair| pair.split_once('='));
    pairs.map(|pair| pair.map(|(name, value)| (name.to_owned(), Cow::Borrowed(value)))).collect()
}

/// The strings of a JSON document.
fn json(body: &[u8]) -> Option<Fields<'_>> {
    let (mut parser, mut path, mut fields) = (SliceJsonParser::new(body), Vec::new(), Vec::new());
    loop {
        match parser.parse_next().ok()? {
            JsonEvent::StartObject | JsonEvent::StartArray => path.push(Cow::Borrowed("")),
            JsonEvent::EndObject | JsonEvent::EndArray => drop(path.pop()),
            JsonEvent::ObjectKey(key) => *path.last_mut()? = key,
            JsonEvent::String(value) => fields.push((path.join("."), value)),
            JsonEvent::Number(_) | JsonEvent::Boolean(_) | JsonEvent::Null => {}
            JsonEvent::Eof => return Some(fields),
        }
    }
}

fn decide(shape: Shape, status: u16, (brand, last_four): Card, fields: &Fields<'_>) -> Outcome {
    // A name that stands twice means nothing.
    let field = |name: &str| {
        let mut values = fields.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_ref());
        values.next().filter(|_| values.next().is_none())
    };
    let is_of_card = |name| field(name).is_none_or(|last| last == last_four.as_str());
    let is_same = ["last_four", "card.last4", "us_bank_account.last4"].into_iter().all(is_of_card);
    let token = field("token").or_else(|| field("id")).and_then(|token| Token::parse(token).ok());
    let held = token.filter(|_| is_same).map(|token| Held { brand, last_four, token });
    let reason = ["reason", "error.decline_code", "error.code"]
        .into_iter()
        .find_map(|name| DeclineReason::of_processor(field(name)?));
    let declined = Outcome::Declined(reason.unwrap_or(DeclineReason::Declined));
    match (shape, status) {
        (Shape::Sandbox, 200 | 201 | 402) => {
            let authorisation = field("authorisation").and_then(|code| Authorisation::parse(code).ok());
            match (field("status"), held, authorisation) {
                (Some("approved"), Some(held), Some(authorisation)) => Outcome::Approved(held, authorisation),
                (Some("declined"), ..) => declined,
                _ => Outcome::Unknown,
            }
        }
        (Shape::Sandbox, 408 | 409 | 425) => Outcome::Unknown,
        (Shape::Stripe | Shape::Tokeniser, 200 | 201) => {
            held.map_or(Outcome::Failed(FailReason::ProcessorFailed), Outcome::Tokenised)
        }
        (Shape::Stripe | Shape::Tokeniser, 402) => declined,
        (Shape::Stripe | Shape::Tokeniser, 400 | 422) if reason.is_some() => declined,
        (_, 400..=499) => Outcome::Failed(FailReason::ProcessorRefused),
        _ => lost(shape, FailReason::ProcessorFailed),
    }
}

#[cfg(test)]
mod tests;
