//! What arrives: who sent it, whether it keeps the rules, and who takes it.

use super::tables::ServerMachine;
use super::{Arrival, Count, DropReason, Endpoint};
use crate::header::HeaderName;
use crate::message::{Message, Method, OutgoingResponse, Refusal, Request, parse};
use crate::transaction::TransactionKey;
use crate::uri::Uri;
use crate::{Status, Transport};

impl Endpoint {
    /// Takes one message from anybody.
    pub(super) fn receive(&mut self, arrival: &Arrival, bytes: &[u8]) {
        if bytes.iter().all(|byte| b"\r\n\0".contains(byte)) {
            return;
        }
        let limits = &self.config.limits;
        if bytes.len() > limits.message_bytes {
            return self.drop_message(DropReason::TooLong);
        }
        let trunk = self.trunk_of(arrival.from, arrival.transport);
        let per_second = match trunk {
            Some(_) => limits.trunk_messages_per_second,
            None => limits.stranger_messages_per_second,
        };
        if !self.rate.admits(arrival.now, arrival.from.ip().to_canonical(), per_second) {
            return self.drop_message(DropReason::Rate);
        }
        let message = parse(bytes, arrival.transport == Transport::Tcp);
        match (message, trunk) {
            (None, _) => self.drop_message(DropReason::Malformed),
            (Some(message), None) => self.turn_away(arrival, message),
            (Some(Message::Response(response)), Some(_)) => self.handle_response(arrival, &response),
            (Some(Message::Refused(refusal)), Some(_)) => self.refuse_malformed(arrival, *refusal),
            (Some(Message::Request(mut request)), Some(trunk)) => {
                request.via.note_source(arrival.from);
                self.count(Count::Request { method: request.method.label() });
                self.handle_request(arrival, trunk, &request);
            }
        }
    }

    /// Refuses a peer that is no trunk, without a hint: no state, nothing that tells what answers here.
    fn turn_away(&mut self, arrival: &Arrival, message: Message) {
        let (mut via, headers) = match message {
            Message::Request(request) if request.method != Method::Ack => (request.via, request.headers),
            Message::Refused(refusal) if refusal.is_answerable() => (refusal.via, refusal.headers),
            Message::Request(_) | Message::Refused(_) | Message::Response(_) => {
                return self.drop_message(DropReason::Stranger);
            }
        };
        via.note_source(arrival.from);
        let response = self.stateless(Status::FORBIDDEN, &headers, &via);
        self.send(arrival.path(&via), Status::FORBIDDEN, &response);
        self.drop_message(DropReason::Stranger);
    }

    /// Answers a trunk's request that breaks a rule.
    fn refuse_malformed(&mut self, arrival: &Arrival, mut refusal: Refusal) {
        if !refusal.is_answerable() {
            return self.drop_message(DropReason::Malformed);
        }
        refusal.via.note_source(arrival.from);
        let response = self.stateless(refusal.status, &refusal.headers, &refusal.via).phrase(refusal.phrase);
        self.send(arrival.path(&refusal.via), refusal.status, &response);
        self.drop_message(DropReason::Malformed);
    }

    /// Takes a trunk's request.
    fn handle_request(&mut self, arrival: &Arrival, trunk: usize, request: &Request) {
        if request.method == Method::Ack {
            return self.handle_ack(arrival, request);
        }
        if self.repeats_response(request) {
            return;
        }
        if request.method == Method::Cancel {
            return self.handle_cancel(arrival, request);
        }
        if let Some((status, response)) = self.refusal_of(request) {
            self.send(arrival.path(&request.via), status, &response);
            return;
        }
        match (&request.method, request.to_tag()) {
            (Method::Invite, None) => self.handle_invite(arrival, trunk, request),
            (Method::Invite, Some(_)) => self.handle_reinvite(arrival, request),
            (Method::Bye, _) => self.handle_bye(arrival, request),
            (Method::Info, _) => self.handle_info(arrival, request),
            (Method::Options, _) => self.handle_options(arrival, trunk, request),
            (Method::Notify, _) => self.handle_notify(arrival, request),
            (Method::Ack | Method::Cancel | Method::Refer | Method::NotAllowed(_) | Method::Unknown(_), _) => {}
        }
    }

    /// Repeats the response to a request that has come before; whether it has.
    fn repeats_response(&mut self, request: &Request) -> bool {
        let Some(id) = self.servers.find(&TransactionKey::of(request)) else { return false };
        let Some(entry) = self.servers.entry(id) else { return false };
        let path = entry.path;
        let response = match &entry.machine {
            ServerMachine::Invite(machine, _) => machine.handle_repeated(),
            ServerMachine::Other(machine) => Some(machine.handle_repeated()),
        };
        if let Some(response) = response {
            self.resend(path, response);
        }
        true
    }

    /// The checks that every request but ACK and CANCEL passes, in the order of RFC 3261 §8.2.
    fn refusal_of(&self, request: &Request) -> Option<(Status, OutgoingResponse)> {
        let stateless = |status| (status, self.stateless(status, &request.headers, &request.via));
        let allowed = |(status, response): (Status, OutgoingResponse)| {
            (status, response.header(HeaderName::Allow, Method::ALLOWED))
        };
        match &request.method {
            Method::Refer | Method::NotAllowed(_) => return Some(allowed(stateless(Status::METHOD_NOT_ALLOWED))),
            Method::Unknown(_) => return Some(allowed(stateless(Status::NOT_IMPLEMENTED))),
            Method::Invite
            | Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Options
            | Method::Info
            | Method::Notify => {}
        }
        match &request.uri {
            Uri::Sip(uri) if !uri.secure => {}
            Uri::Tel(_) => {}
            Uri::Sip(_) | Uri::Other(_) => return Some(stateless(Status::UNSUPPORTED_URI_SCHEME)),
        }
        if self.is_out_of_hops(request) {
            return Some(stateless(Status::TOO_MANY_HOPS));
        }
        let required: Vec<&str> = request.headers.all(HeaderName::Require).filter(|tag| !tag.is_empty()).collect();
        if !required.is_empty() {
            let (status, response) = stateless(Status::BAD_EXTENSION);
            return Some((status, response.header(HeaderName::Unsupported, required.join(", "))));
        }
        None
    }

    /// Whether the request has no hops left and is not yet where it is going: a route leads on from here.
    fn is_out_of_hops(&self, request: &Request) -> bool {
        let leads_on = request.headers.all(HeaderName::Route).any(|route| !self.config.advertised_address.is_in(route));
        leads_on
            && request
                .headers
                .first(HeaderName::MaxForwards)
                .is_some_and(|hops| hops.bytes().all(|digit| digit == b'0'))
    }

    /// Says what this side can, or that it takes no calls now (RFC 3261 §11.2).
    fn handle_options(&mut self, arrival: &Arrival, trunk: usize, request: &Request) {
        if request.to_tag().is_some() {
            return self.handle_options_in_dialog(arrival, request);
        }
        if let Some((_, seconds)) = self.refuses_calls_for(trunk) {
            return self.refuse_with(arrival, request, Status::SERVICE_UNAVAILABLE, |response| {
                response.header(HeaderName::RetryAfter, seconds.to_string())
            });
        }
        self.refuse_with(arrival, request, Status::OK, with_abilities);
    }
}

/// The headers that say what this side can.
pub(super) fn with_abilities(response: OutgoingResponse) -> OutgoingResponse {
    response.header(HeaderName::Allow, Method::ALLOWED).header(HeaderName::Accept, "application/sdp")
}

impl Refusal {
    /// Whether an answer may be sent: never to an ACK (RFC 3261 §17.1.1.3), and only where its headers are there.
    fn is_answerable(&self) -> bool {
        self.method != Some(Method::Ack)
            && [HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq]
                .iter()
                .any(|&name| self.headers.first(name).is_some())
    }
}
