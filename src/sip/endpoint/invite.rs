//! A new call.

use std::net::IpAddr;
use std::time::Duration;

use super::call::{Call, Offered, Reply, Stage};
use super::schedule::Timer;
use super::tables::{InviteKey, ServerMachine};
use super::{Arrival, Availability, Count, Endpoint, Event, Incoming, numbers};
use crate::dialog::{Dialog, Origin};
use crate::header::HeaderName;
use crate::media::{MediaPolicy, Offer, OfferError, SrtpPolicy};
use crate::message::{OutgoingResponse, Request};
use crate::transaction::{InviteServer, TransactionKey};
use crate::{Status, Trunk};

/// Why an INVITE gets no call.
enum Refused {
    /// A header of it; the phrase names it.
    Header(&'static str),
    /// Another status, with one more header.
    Status(Status, Option<(HeaderName, String)>),
}

impl Endpoint {
    /// Takes an INVITE that opens a dialog (RFC 3261 §13.3).
    pub(super) fn handle_invite(&mut self, arrival: &Arrival, trunk: usize, request: &Request) {
        match self.admit(arrival, trunk, request) {
            Ok((dialog, offer)) => self.open_call(arrival, request, dialog, offer),
            Err(Refused::Header(phrase)) => self.refuse_header(arrival, request, phrase),
            Err(Refused::Status(status, extra)) => self.refuse_with(arrival, request, status, |response| match extra {
                Some((name, value)) => response.header(name, value),
                None => response,
            }),
        }
    }

    /// Why a call on this trunk would get 503 now, and the Retry-After of it.
    pub(super) fn refuses_calls_for(&self, trunk: usize) -> Option<(&'static str, u32)> {
        if let Availability::Unavailable { reason, retry_after_seconds } = self.availability {
            return Some((reason, retry_after_seconds));
        }
        let limits = &self.config.limits;
        let is_full = self.calls.len() >= limits.calls
            || self.servers.len() >= limits.transactions
            || self.config.trunks.get(trunk).is_none_or(|trunk| self.calls.active_on(&trunk.name) >= trunk.capacity);
        is_full.then_some(("full", limits.retry_after_seconds))
    }

    /// Checks whether the INVITE can become a call.
    fn admit(
        &mut self,
        arrival: &Arrival,
        trunk: usize,
        request: &Request,
    ) -> Result<(Dialog, Option<Offer>), Refused> {
        if self.calls.is_known_invite(&InviteKey::of(request)) {
            return Err(Refused::Status(Status::LOOP_DETECTED, None));
        }
        let nothing = MediaPolicy { srtp: SrtpPolicy::Off, codecs: &[] };
        let policy = self.config.trunks.get(trunk).map_or(nothing, Trunk::media_policy);
        let offer = offer_in(request, policy, self.config.media_address)?;
        if let Some((reason, seconds)) = self.refuses_calls_for(trunk) {
            self.count(Count::Refused { reason });
            let extra = (HeaderName::RetryAfter, seconds.to_string());
            return Err(Refused::Status(Status::SERVICE_UNAVAILABLE, Some(extra)));
        }
        let origin = Origin {
            transport: arrival.transport,
            flow: arrival.flow,
            peer: arrival.from,
            trunk: self.config.trunks.get(trunk).map_or("", |trunk| &trunk.name),
        };
        let dialog = Dialog::open(request, self.names.fresh(), &origin).map_err(Refused::Header)?;
        Ok((dialog, offer))
    }

    /// Opens the call: 100 Trying at once, then the event.
    fn open_call(&mut self, arrival: &Arrival, request: &Request, dialog: Dialog, offer: Option<Offer>) {
        let path = arrival.path(&request.via);
        let trying = OutgoingResponse::new(Status::TRYING, &request.headers, &request.via, None);
        let trying = self.send(path, Status::TRYING, &trying);
        let handle = self.calls.next_handle();
        let machine = ServerMachine::Invite(InviteServer::new(arrival.transport, trying), handle);
        let server = self.servers.insert(TransactionKey::of(request), machine, path);
        let deadline = arrival.now + self.patience(request);
        let incoming = Incoming {
            call: handle,
            trunk: dialog.trunk.clone(),
            transport: arrival.transport,
            caller_number: numbers::caller(request),
            called_number: numbers::called(request),
            call_id: request.call_id.clone(),
            carrier_call: numbers::carrier_call(request),
            offer: offer.clone(),
        };
        let call = Call {
            dialog,
            stage: Stage::Offered(Offered {
                server,
                sequence: request.sequence,
                reply: Reply::to(request),
                path,
                deadline,
            }),
            invite_key: Some(InviteKey::of(request)),
            offer,
            session: None,
            referral: None,
            has_ended: false,
        };
        self.calls.insert(handle, call);
        self.schedule.set(Timer::Call(handle), Some(deadline));
        self.emit(Event::Incoming(incoming));
    }

    /// How long the call may wait for an answer: the bound, or Expires where shorter (RFC 3261 §13.3.1).
    fn patience(&self, request: &Request) -> Duration {
        let bound = self.config.limits.answer_deadline;
        let expires = request.headers.first(HeaderName::Expires).and_then(|value| value.parse().ok());
        expires.map_or(bound, |seconds| Duration::from_secs(seconds).min(bound))
    }
}

/// The offer of an INVITE, to be taken at `local`; `None` where it has no body and this side can make one.
fn offer_in(request: &Request, policy: MediaPolicy<'_>, local: IpAddr) -> Result<Option<Offer>, Refused> {
    if request.body.is_empty() {
        return policy.may_offer().map(|()| None).map_err(refused_offer);
    }
    if let Some(refusal) = unsupported_content(request) {
        return Err(refusal);
    }
    let offer = Offer::parse(&request.body, policy).map_err(refused_offer)?;
    offer.check_family(local).map_err(refused_offer)?;
    Ok(Some(offer))
}

/// What the body's type or encoding is refused with (RFC 3261 §8.2.3).
fn unsupported_content(request: &Request) -> Option<Refused> {
    let encoding = request.headers.first(HeaderName::ContentEncoding);
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        let extra = (HeaderName::AcceptEncoding, "identity".to_owned());
        return Some(Refused::Status(Status::UNSUPPORTED_MEDIA_TYPE, Some(extra)));
    }
    match request.content_type() {
        None => Some(Refused::Header("Missing Content-Type Header")),
        Some(content_type) if content_type == "application/sdp" => None,
        Some(_) => {
            let extra = (HeaderName::Accept, "application/sdp".to_owned());
            Some(Refused::Status(Status::UNSUPPORTED_MEDIA_TYPE, Some(extra)))
        }
    }
}

/// What an offer that cannot be taken is refused with.
fn refused_offer(error: OfferError) -> Refused {
    match error {
        OfferError::Malformed => Refused::Header("Bad Session Description"),
        OfferError::NoAudio
        | OfferError::InClear
        | OfferError::NoSuite
        | OfferError::NoFingerprint
        | OfferError::NoSetup
        | OfferError::NoCodec
        | OfferError::OtherFamily => {
            let (code, text) = error.warning();
            let warning = format!("{code} tonegate \"{text}\"");
            Refused::Status(Status::NOT_ACCEPTABLE_HERE, Some((HeaderName::Warning, warning)))
        }
    }
}
