//! Requests within a dialog: ACK, BYE, INFO, OPTIONS.

use frame::RawInfo;

use super::call::{AnswerKind, Stage, Unacknowledged};
use super::ingress::with_abilities;
use super::tables::ServerMachine;
use super::{Arrival, CallHandle, DropReason, EndReason, Endpoint, Event, HangUp};
use crate::Status;
use crate::dialog::DialogKey;
use crate::header::HeaderName;
use crate::media::OfferError;
use crate::message::Request;
use crate::transaction::TransactionKey;

impl Endpoint {
    /// Takes an ACK: of a refusal in its transaction, of a 2xx in its dialog. It is never answered.
    pub(super) fn handle_ack(&mut self, arrival: &Arrival, request: &Request) {
        if self.acknowledges_refusal(arrival, request) {
            return;
        }
        let Some(handle) = self.call_of(arrival, request) else { return self.drop_message(DropReason::StrayAck) };
        let Some(call) = self.calls.entry(handle) else { return };
        let Stage::Answered { unacknowledged, hang_up } = &mut call.stage else { return };
        let Some(answer) = unacknowledged.take_if(|answer| answer.sequence == request.sequence) else { return };
        let hang_up = hang_up.take();
        self.reschedule(handle);
        match hang_up {
            Some(reason) => self.send_bye(arrival.now, handle, reason),
            None => self.acknowledged(arrival, handle, &answer, request),
        }
    }

    /// Tells that the call is up, or that its session changed, once what the ACK brought is taken.
    fn acknowledged(&mut self, arrival: &Arrival, handle: CallHandle, answer: &Unacknowledged, request: &Request) {
        let negotiated = match answer.kind {
            AnswerKind::Again => return,
            AnswerKind::ToOffer => None,
            AnswerKind::WithOffer | AnswerKind::AgainWithOffer => {
                let session = self.calls.entry(handle).and_then(|call| call.session.as_mut());
                match session.map_or(Err(OfferError::NoAudio), |session| session.take_answer(&request.body)) {
                    Ok(negotiated) => negotiated,
                    Err(_) => {
                        self.end_call(handle, EndReason::BadAnswer);
                        return self.send_bye(arrival.now, handle, HangUp::Failure);
                    }
                }
            }
        };
        match (answer.kind, negotiated) {
            (AnswerKind::AgainWithOffer, Some(negotiated)) => self.emit(Event::Changed { call: handle, negotiated }),
            (AnswerKind::AgainWithOffer, None) => {}
            (_, negotiated) => self.emit(Event::Acknowledged { call: handle, negotiated }),
        }
    }

    /// Gives an ACK to the INVITE transaction it may belong to; whether it did.
    fn acknowledges_refusal(&mut self, arrival: &Arrival, request: &Request) -> bool {
        let Some(id) = self.servers.find(&TransactionKey::of(request)) else { return false };
        let Some(entry) = self.servers.entry(id) else { return false };
        let ServerMachine::Invite(machine, _) = &mut entry.machine else { return false };
        let is_taken = machine.handle_ack(arrival.now);
        let deadline = machine.deadline();
        self.schedule.set(super::schedule::Timer::Server(id), deadline);
        is_taken
    }

    /// Takes BYE (RFC 3261 §15.1.2).
    pub(super) fn handle_bye(&mut self, arrival: &Arrival, request: &Request) {
        let Some(handle) = self.enter_dialog(arrival, request) else { return };
        self.complete(arrival, request, Status::OK, |response| response);
        match self.calls.peek(handle).map(|call| &call.stage) {
            Some(Stage::Offered(_)) => {
                self.refuse_offered(arrival.now, handle, Status::REQUEST_TERMINATED, EndReason::RemoteBye);
            }
            Some(Stage::Answered { .. }) => {
                self.end_call(handle, EndReason::RemoteBye);
                self.close_call(handle);
            }
            // Both sides hung up at once: this side's BYE still waits for its answer.
            Some(Stage::Ending) | None => {}
        }
    }

    /// Takes INFO: a key on its way to the gate, or nothing this side knows (RFC 6086 §4.2.2).
    pub(super) fn handle_info(&mut self, arrival: &Arrival, request: &Request) {
        if self.servers.len() >= self.config.limits.transactions {
            // Without a transaction a repeated INFO would be heard twice.
            return self.refuse(arrival, request, Status::SERVICE_UNAVAILABLE);
        }
        let Some(handle) = self.enter_dialog(arrival, request) else { return };
        if request.headers.first(HeaderName::InfoPackage).is_some() {
            return self.complete(arrival, request, Status::BAD_INFO_PACKAGE, |response| response);
        }
        let relay = match request.content_type().as_deref() {
            Some("application/dtmf-relay") => true,
            Some("application/dtmf") => false,
            None if request.body.is_empty() => return self.complete(arrival, request, Status::OK, |response| response),
            Some(_) | None => {
                return self.complete(arrival, request, Status::UNSUPPORTED_MEDIA_TYPE, |response| {
                    response.header(HeaderName::Accept, "application/dtmf-relay, application/dtmf")
                });
            }
        };
        let Some(info) = RawInfo::received(relay, &request.body) else {
            return self.complete(arrival, request, Status::REQUEST_ENTITY_TOO_LARGE, |response| response);
        };
        self.complete(arrival, request, Status::OK, |response| response);
        match self.calls.peek(handle).map(|call| &call.stage) {
            Some(Stage::Answered { .. }) => self.emit(Event::Info { call: handle, info: Box::new(info) }),
            Some(Stage::Offered(_) | Stage::Ending) | None => self.drop_message(DropReason::EarlyInfo),
        }
    }

    /// Answers OPTIONS within a dialog: a sign of life.
    pub(super) fn handle_options_in_dialog(&mut self, arrival: &Arrival, request: &Request) {
        if self.enter_dialog(arrival, request).is_some() {
            self.complete(arrival, request, Status::OK, with_abilities);
        }
    }

    /// The call a request is in, after the checks of RFC 3261 §12.2.2; `None` where it was answered with 481 or 500.
    pub(super) fn enter_dialog(&mut self, arrival: &Arrival, request: &Request) -> Option<CallHandle> {
        let Some(handle) = self.call_of(arrival, request) else {
            self.refuse(arrival, request, Status::NO_SUCH_CALL);
            return None;
        };
        let dialog = &mut self.calls.entry(handle)?.dialog;
        if request.sequence < dialog.remote_sequence {
            self.refuse(arrival, request, Status::SERVER_INTERNAL_ERROR);
            return None;
        }
        dialog.remote_sequence = request.sequence;
        dialog.peer = arrival.from;
        dialog.flow = Some(arrival.flow);
        Some(handle)
    }

    /// The call of the request's dialog, where it came from that call's trunk.
    fn call_of(&self, arrival: &Arrival, request: &Request) -> Option<CallHandle> {
        let handle = self.calls.find(&DialogKey::of(request)?)?;
        let trunk = &self.calls.peek(handle)?.dialog.trunk;
        let is_theirs =
            self.config.trunks.iter().any(|known| known.name == *trunk && known.has_peer(arrival.from.ip()));
        is_theirs.then_some(handle)
    }
}
