//! CANCEL (RFC 3261 §9.2).

use super::call::{Offered, Stage};
use super::tables::ServerMachine;
use super::{Arrival, CallHandle, EndReason, Endpoint};
use crate::Status;
use crate::message::{OutgoingResponse, Request};
use crate::transaction::TransactionKey;
use std::time::Instant;

impl Endpoint {
    /// Answers CANCEL, and ends the INVITE it means where that has no final response yet.
    pub(super) fn handle_cancel(&mut self, arrival: &Arrival, request: &Request) {
        let Some(handle) = self.cancelled_call(request) else {
            return self.refuse(arrival, request, Status::NO_SUCH_CALL);
        };
        let tag = self.calls.peek(handle).map(|call| call.dialog.key.local_tag.clone());
        let response = match tag {
            Some(tag) => OutgoingResponse::new(Status::OK, &request.headers, &request.via, Some(&tag)),
            None => self.stateless(Status::OK, &request.headers, &request.via),
        };
        self.send(arrival.path(&request.via), Status::OK, &response);
        self.refuse_offered(arrival.now, handle, Status::REQUEST_TERMINATED, EndReason::Cancelled);
    }

    /// Ends a call that nobody has answered yet with a final status; nothing otherwise.
    pub(super) fn refuse_offered(&mut self, now: Instant, handle: CallHandle, status: Status, reason: EndReason) {
        let Some(call) = self.calls.peek(handle) else { return };
        let Stage::Offered(Offered { server, reply, path, .. }) = &call.stage else { return };
        let (server, path) = (*server, *path);
        let response = reply.response(status, &call.dialog.key.local_tag);
        self.respond(now, server, path, status, &response);
        self.end_call(handle, reason);
        self.close_call(handle);
    }

    /// The call of the INVITE that a CANCEL means.
    fn cancelled_call(&mut self, request: &Request) -> Option<CallHandle> {
        let id = self.servers.find(&TransactionKey::cancelled_by(request))?;
        match self.servers.entry(id)?.machine {
            ServerMachine::Invite(_, call) => Some(call),
            ServerMachine::Other(_) => None,
        }
    }
}
