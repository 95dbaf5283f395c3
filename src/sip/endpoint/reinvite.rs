//! INVITE within a dialog (RFC 3261 §14.2).

use super::call::{AnswerKind, Reply, Stage, Unacknowledged};
use super::schedule::Timer;
use super::tables::ServerMachine;
use super::{Arrival, CallHandle, Endpoint, Event};
use crate::Status;
use crate::header::HeaderName;
use crate::media::{Negotiated, Session};
use crate::message::{Method, OutgoingResponse, Request};
use crate::transaction::{InviteServer, TransactionKey};

/// What a re-INVITE that can be taken makes of the session.
struct Change {
    session: Session,
    kind: AnswerKind,
    /// What the call has to know.
    negotiated: Option<Negotiated>,
}

impl Endpoint {
    /// Answers a change of the session that keeps codec and payload types; refuses any other and leaves the call as it
    /// was. An empty one gets this side's offer.
    pub(super) fn handle_reinvite(&mut self, arrival: &Arrival, request: &Request) {
        if self.servers.len() >= self.config.limits.transactions {
            return self.refuse(arrival, request, Status::SERVICE_UNAVAILABLE);
        }
        let Some(handle) = self.enter_dialog(arrival, request) else { return };
        match self.judge(handle, request) {
            Ok(change) => self.change(arrival, handle, request, change),
            Err(Status::SERVER_INTERNAL_ERROR) => {
                self.refuse_with(arrival, request, Status::SERVER_INTERNAL_ERROR, |response| {
                    response.header(HeaderName::RetryAfter, "5")
                });
            }
            Err(Status::NOT_ACCEPTABLE_HERE) => {
                self.refuse_with(arrival, request, Status::NOT_ACCEPTABLE_HERE, |response| {
                    response.header(HeaderName::Warning, "399 tonegate \"The session cannot be changed so\"")
                });
            }
            Err(status) => self.refuse(arrival, request, status),
        }
    }

    /// What the request makes of the session, or the status it is refused with.
    fn judge(&self, handle: CallHandle, request: &Request) -> Result<Change, Status> {
        let call = self.calls.peek(handle).ok_or(Status::NO_SUCH_CALL)?;
        match &call.stage {
            // The first INVITE has no final response yet (RFC 3261 §14.2).
            Stage::Offered(_) => return Err(Status::SERVER_INTERNAL_ERROR),
            Stage::Ending => return Err(Status::NO_SUCH_CALL),
            Stage::Answered { unacknowledged: Some(_), .. } => return Err(Status::REQUEST_PENDING),
            Stage::Answered { unacknowledged: None, .. } => {}
        }
        let mut session = call.session.clone().ok_or(Status::NOT_ACCEPTABLE_HERE)?;
        if request.body.is_empty() {
            session.offer_again().map_err(|_| Status::NOT_ACCEPTABLE_HERE)?;
            return Ok(Change { session, kind: AnswerKind::AgainWithOffer, negotiated: None });
        }
        if request.content_type().as_deref() != Some("application/sdp") {
            return Err(Status::NOT_ACCEPTABLE_HERE);
        }
        let negotiated = session.take_offer(&request.body).map_err(|_| Status::NOT_ACCEPTABLE_HERE)?;
        Ok(Change { session, kind: AnswerKind::Again, negotiated })
    }

    /// Answers with the session as it is from now on, and waits for the ACK.
    fn change(&mut self, arrival: &Arrival, handle: CallHandle, request: &Request, change: Change) {
        let Some(call) = self.calls.entry(handle) else { return };
        if let Err(phrase) = call.dialog.refresh_target(request) {
            return self.refuse_header(arrival, request, phrase);
        }
        let path = arrival.path(&request.via);
        let trying = OutgoingResponse::new(Status::TRYING, &request.headers, &request.via, None).to_bytes();
        let response = Reply::to(request)
            .dialog_response(Status::OK, &call.dialog.key.local_tag)
            .header(HeaderName::Contact, self.config.advertised_address.contact(arrival.transport))
            .header(HeaderName::Allow, Method::ALLOWED)
            .sdp(change.session.text());
        call.session = Some(change.session);
        let machine = ServerMachine::Invite(InviteServer::new(arrival.transport, trying), handle);
        let server = self.servers.insert(TransactionKey::of(request), machine, path);
        self.schedule.set(Timer::Server(server), None);
        let bytes = self.respond(arrival.now, server, path, Status::OK, &response);
        self.await_ack(handle, Unacknowledged::new(arrival.now, request.sequence, change.kind, bytes, path));
        if let Some(negotiated) = change.negotiated {
            self.emit(Event::Changed { call: handle, negotiated });
        }
    }

    /// Repeats a 2xx until its ACK.
    pub(super) fn await_ack(&mut self, handle: CallHandle, answer: Unacknowledged) {
        if let Some(call) = self.calls.entry(handle) {
            call.stage = Stage::Answered { unacknowledged: Some(answer), hang_up: None };
        }
        self.reschedule(handle);
    }
}
