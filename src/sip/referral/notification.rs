//! What the NOTIFYs of a REFER say (RFC 3515 §2.4.4, RFC 6665 §4.1.3).

use std::time::Duration;

use crate::Status;
use crate::grammar::{Parameters, split_outside};
use crate::header::HeaderName;
use crate::message::Request;

/// What a NOTIFY says of a REFER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Notification {
    /// The status line of its message/sipfrag (RFC 3420, RFC 3515 §2.4.5).
    pub(super) status: Status,
    pub(super) subscription: Subscription,
}

/// How long more is told (RFC 6665 §4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subscription {
    /// For so long, where that is said.
    Active { expires: Option<Duration> },
    /// No more.
    Terminated,
}

/// What is wrong with a NOTIFY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotifyFault {
    /// A header is missing or cannot be read, or the fragment: the phrase says which.
    Bad(&'static str),
    /// It is of another event package.
    Event,
    /// Its body is no message/sipfrag.
    Type,
}

impl Notification {
    /// Reads a NOTIFY, and the id in its Event header.
    pub(crate) fn read(request: &Request) -> Result<(Self, Option<String>), NotifyFault> {
        let id = event_id(request)?;
        let subscription = subscription(request)?;
        if request.content_type().as_deref() != Some("message/sipfrag") {
            return Err(NotifyFault::Type);
        }
        let status = fragment(&request.body).ok_or(NotifyFault::Bad("Bad Status Line In Message/Sipfrag"))?;
        Ok((Self { status, subscription }, id))
    }
}

/// The id in `Event: refer;id=…`.
fn event_id(request: &Request) -> Result<Option<String>, NotifyFault> {
    let (package, parameters) = value(request, HeaderName::Event, "Missing Event Header", "Bad Event Header")?;
    if !package.eq_ignore_ascii_case("refer") {
        return Err(NotifyFault::Event);
    }
    Ok(parameters.value("id").map(str::to_owned))
}

/// Subscription-State. Whatever is not `terminated` goes on.
fn subscription(request: &Request) -> Result<Subscription, NotifyFault> {
    let name = HeaderName::SubscriptionState;
    let (state, parameters) =
        value(request, name, "Missing Subscription-State Header", "Bad Subscription-State Header")?;
    if state.eq_ignore_ascii_case("terminated") {
        return Ok(Subscription::Terminated);
    }
    let expires = parameters.value("expires").and_then(|seconds| seconds.parse::<u32>().ok());
    Ok(Subscription::Active { expires: expires.map(|seconds| Duration::from_secs(seconds.into())) })
}

/// The one value of a header, and its parameters.
fn value<'a>(
    request: &'a Request,
    name: HeaderName,
    missing: &'static str,
    bad: &'static str,
) -> Result<(&'a str, Parameters), NotifyFault> {
    let value = request.headers.first(name).ok_or(NotifyFault::Bad(missing))?;
    let mut parts = split_outside(value, b';').into_iter();
    let first = parts.next().unwrap_or_default();
    let parameters = Parameters::parse(parts).ok_or(NotifyFault::Bad(bad))?;
    Ok((first, parameters))
}

/// The status of a fragment's first line.
fn fragment(body: &[u8]) -> Option<Status> {
    let line = body.split(|byte| b"\r\n".contains(byte)).next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let (version, code) = (words.next()?, words.next()?);
    let is_status = version.eq_ignore_ascii_case("SIP/2.0") && code.len() == 3;
    let code = code.bytes().all(|byte| byte.is_ascii_digit()).then(|| code.parse().ok()).flatten()?;
    Status::new(code).filter(|_| is_status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, parse};

    fn told(code: u16, subscription: Subscription) -> Notification {
        Notification { status: Status::new(code).unwrap(), subscription }
    }

    fn active(code: u16, expires: Option<u64>) -> Notification {
        told(code, Subscription::Active { expires: expires.map(Duration::from_secs) })
    }

    fn read(headers: &str, body: &str) -> Result<(Notification, Option<String>), NotifyFault> {
        let text = format!(
            "NOTIFY sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a.example;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:c@d>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 NOTIFY\r\n{headers}\r\n{body}"
        );
        match parse(text.as_bytes(), false) {
            Some(Message::Request(request)) => Notification::read(&request),
            Some(Message::Refused(_) | Message::Response(_)) | None => panic!("not a request"),
        }
    }

    #[test]
    fn a_notification_is_read_however_it_is_written() {
        let usual = "Event: refer\r\nSubscription-State: active;expires=60\r\nContent-Type: message/sipfrag\r\n";
        assert_eq!(read(usual, "SIP/2.0 180 Ringing\r\n"), Ok((active(180, Some(60)), None)));
        let odd = "o: REFER ; id = 93\r\nsubscription-state: Terminated; reason=noresource\r\n\
                   c: message/sipfrag;version=2.0\r\n";
        let transferred = told(200, Subscription::Terminated);
        assert_eq!(read(odd, "SIP/2.0 200\r\nTo: x\r\n"), Ok((transferred, Some("93".to_owned()))));
        let pending = "Event: refer\r\nSubscription-State: pending\r\nContent-Type: message/sipfrag\r\n";
        assert_eq!(read(pending, "SIP/2.0 100 Trying"), Ok((active(100, None), None)));
    }

    #[test]
    fn a_notification_that_is_none_is_refused_by_name() {
        let (event, state, kind) =
            ("Event: refer\r\n", "Subscription-State: active\r\n", "Content-Type: message/sipfrag\r\n");
        let usual = format!("{event}{state}{kind}");
        for (headers, body, fault) in [
            (format!("{state}{kind}"), "SIP/2.0 200 OK", NotifyFault::Bad("Missing Event Header")),
            (format!("Event: presence\r\n{state}{kind}"), "SIP/2.0 200 OK", NotifyFault::Event),
            (format!("Event: refer;=\r\n{state}{kind}"), "SIP/2.0 200 OK", NotifyFault::Bad("Bad Event Header")),
            (format!("{event}{kind}"), "SIP/2.0 200 OK", NotifyFault::Bad("Missing Subscription-State Header")),
            (format!("{event}{state}"), "SIP/2.0 200 OK", NotifyFault::Type),
            (format!("{event}{state}Content-Type: text/plain\r\n"), "SIP/2.0 200 OK", NotifyFault::Type),
            (usual.clone(), "", NotifyFault::Bad("Bad Status Line In Message/Sipfrag")),
            (usual.clone(), "INVITE sip:a@b SIP/2.0", NotifyFault::Bad("Bad Status Line In Message/Sipfrag")),
            (usual.clone(), "SIP/2.0 99 Low", NotifyFault::Bad("Bad Status Line In Message/Sipfrag")),
            (usual, "SIP/2.0 +20 OK", NotifyFault::Bad("Bad Status Line In Message/Sipfrag")),
        ] {
            assert_eq!(read(&headers, body), Err(fault), "{headers}{body}");
        }
    }
}
