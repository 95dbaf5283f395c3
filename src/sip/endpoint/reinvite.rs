//! INVITE within a dialog (RFC 3261 §14.2).

use std::sync::Arc;

use super::call::{AnswerKind, Reply, Stage, Unacknowledged};
use super::schedule::Timer;
use super::tables::ServerMachine;
use super::{Arrival, CallHandle, Endpoint};
use crate::Status;
use crate::header::HeaderName;
use crate::media::Offer;
use crate::message::{Method, OutgoingResponse, Request};
use crate::transaction::{InviteServer, TransactionKey};

/// What a re-INVITE gets.
enum Verdict {
    /// The session as it is, once more.
    Refresh(Arc<str>),
    /// A refusal that leaves the call as it was.
    Refuse(Status),
}

impl Endpoint {
    /// Answers a session refresh with the session as it is, and refuses every change.
    pub(super) fn handle_reinvite(&mut self, arrival: &Arrival, request: &Request) {
        if self.servers.len() >= self.config.limits.transactions {
            return self.refuse(arrival, request, Status::SERVICE_UNAVAILABLE);
        }
        let Some(handle) = self.enter_dialog(arrival, request) else { return };
        match self.judge(handle, request) {
            Verdict::Refresh(sdp) => self.refresh(arrival, handle, request, &sdp),
            Verdict::Refuse(Status::SERVER_INTERNAL_ERROR) => {
                self.refuse_with(arrival, request, Status::SERVER_INTERNAL_ERROR, |response| {
                    response.header(HeaderName::RetryAfter, "5")
                });
            }
            Verdict::Refuse(Status::NOT_ACCEPTABLE_HERE) => {
                self.refuse_with(arrival, request, Status::NOT_ACCEPTABLE_HERE, |response| {
                    response.header(HeaderName::Warning, "399 tonegate \"The session cannot be changed\"")
                });
            }
            Verdict::Refuse(status) => self.refuse(arrival, request, status),
        }
    }

    /// Compares the new offer with the one that was answered.
    fn judge(&self, handle: CallHandle, request: &Request) -> Verdict {
        let Some(call) = self.calls.peek(handle) else { return Verdict::Refuse(Status::NO_SUCH_CALL) };
        match &call.stage {
            // The first INVITE has no final response yet (RFC 3261 §14.2).
            Stage::Offered(_) => return Verdict::Refuse(Status::SERVER_INTERNAL_ERROR),
            Stage::Ending => return Verdict::Refuse(Status::NO_SUCH_CALL),
            Stage::Answered { unacknowledged: Some(_), .. } => return Verdict::Refuse(Status::REQUEST_PENDING),
            Stage::Answered { unacknowledged: None, .. } => {}
        }
        let is_sdp = request.content_type().as_deref() == Some("application/sdp");
        let offer = Offer::parse(&request.body).ok().filter(|_| is_sdp);
        match (&call.offer, offer, &call.local_sdp) {
            (Some(first), Some(again), Some(sdp)) if first.is_same_session(&again) => Verdict::Refresh(Arc::clone(sdp)),
            (_, _, _) => Verdict::Refuse(Status::NOT_ACCEPTABLE_HERE),
        }
    }

    /// Answers with the session as it is and waits for the ACK.
    fn refresh(&mut self, arrival: &Arrival, handle: CallHandle, request: &Request, sdp: &str) {
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
            .sdp(sdp);
        let machine = ServerMachine::Invite(InviteServer::new(arrival.transport, trying), handle);
        let server = self.servers.insert(TransactionKey::of(request), machine, path);
        self.schedule.set(Timer::Server(server), None);
        let bytes = self.respond(arrival.now, server, path, Status::OK, &response);
        self.await_ack(handle, Unacknowledged::new(arrival.now, request.sequence, AnswerKind::ToRefresh, bytes, path));
    }

    /// Repeats a 2xx until its ACK.
    pub(super) fn await_ack(&mut self, handle: CallHandle, answer: Unacknowledged) {
        if let Some(call) = self.calls.entry(handle) {
            call.stage = Stage::Answered { unacknowledged: Some(answer), hang_up: None };
        }
        self.reschedule(handle);
    }
}
