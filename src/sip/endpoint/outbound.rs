//! Sending: responses with and without state, and requests in a dialog.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::schedule::{Timer, TransactionId};
use super::tables::{Purpose, ServerMachine};
use super::{Arrival, CallHandle, Count, EndReason, Endpoint, Event, HangUp, Output, Path};
use crate::dialog::Dialog;
use crate::header::{DEFAULT_PORT, HeaderName, Headers, MAGIC_COOKIE, Via};
use crate::message::{OutgoingResponse, Request};
use crate::transaction::{Client, Server, TransactionKey};
use crate::uri::Host;
use crate::{Status, Transmit, Transport};

impl Endpoint {
    /// Sends bytes.
    pub(super) fn transmit(&mut self, path: Path, bytes: Arc<[u8]>) {
        let Path { transport, flow, to } = path;
        self.outputs.push_back(Output::Transmit(Transmit { transport, flow, to, bytes }));
    }

    /// Sends a response and returns its bytes.
    pub(super) fn send(&mut self, path: Path, status: Status, response: &OutgoingResponse) -> Arc<[u8]> {
        let bytes = response.to_bytes();
        self.count(Count::Response { status });
        self.transmit(path, Arc::clone(&bytes));
        bytes
    }

    /// Sends bytes once more.
    pub(super) fn resend(&mut self, path: Path, bytes: Arc<[u8]>) {
        self.count(Count::Retransmission);
        self.transmit(path, bytes);
    }

    /// Answers without keeping state (RFC 3261 §8.2.7): the same request gets the same tag again.
    pub(super) fn refuse(&mut self, arrival: &Arrival, request: &Request, status: Status) {
        self.refuse_with(arrival, request, status, |response| response);
    }

    /// Answers without keeping state, with more headers.
    pub(super) fn refuse_with(
        &mut self,
        arrival: &Arrival,
        request: &Request,
        status: Status,
        complete: impl FnOnce(OutgoingResponse) -> OutgoingResponse,
    ) {
        let response = complete(self.stateless(status, &request.headers, &request.via));
        self.send(arrival.path(&request.via), status, &response);
    }

    /// Refuses a request whose header breaks a rule.
    pub(super) fn refuse_header(&mut self, arrival: &Arrival, request: &Request, phrase: &'static str) {
        self.refuse_with(arrival, request, Status::BAD_REQUEST, |response| response.phrase(Cow::Borrowed(phrase)));
    }

    /// A response whose To tag follows from the request.
    pub(super) fn stateless(&self, status: Status, headers: &Headers, via: &Via) -> OutgoingResponse {
        let call_id = headers.first(HeaderName::CallId);
        let tag = self.names.derived(&("stateless", call_id, headers.first(HeaderName::From), via.branch()));
        OutgoingResponse::new(status, headers, via, Some(&tag))
    }

    /// Answers a request other than INVITE and keeps the answer for its repetitions (timer J).
    pub(super) fn complete(
        &mut self,
        arrival: &Arrival,
        request: &Request,
        status: Status,
        finish: impl FnOnce(OutgoingResponse) -> OutgoingResponse,
    ) {
        let path = arrival.path(&request.via);
        let response = finish(self.stateless(status, &request.headers, &request.via));
        let bytes = self.send(path, status, &response);
        if self.servers.len() >= self.config.limits.transactions {
            return;
        }
        let machine = Server::completed(arrival.now, arrival.transport, bytes);
        let deadline = machine.deadline();
        let id = self.servers.insert(TransactionKey::of(request), ServerMachine::Other(machine), path);
        self.schedule.set(Timer::Server(id), Some(deadline));
    }

    /// Sends a response in an INVITE transaction.
    pub(super) fn respond(
        &mut self,
        now: Instant,
        server: TransactionId,
        path: Path,
        status: Status,
        response: &OutgoingResponse,
    ) -> Arc<[u8]> {
        let bytes = self.send(path, status, response);
        if let Some(entry) = self.servers.entry(server)
            && let ServerMachine::Invite(machine, _) = &mut entry.machine
        {
            machine.respond(now, status, &bytes);
            let deadline = machine.deadline();
            self.schedule.set(Timer::Server(server), deadline);
        }
        bytes
    }

    /// Sends BYE and waits for its answer.
    pub(super) fn send_bye(&mut self, now: Instant, handle: CallHandle, reason: HangUp) {
        self.stop_referral(handle);
        let Some(call) = self.calls.entry(handle) else { return };
        call.stage = super::call::Stage::Ending;
        self.schedule.set(Timer::Call(handle), None);
        self.send_request(now, handle, Purpose::Bye, [(HeaderName::Reason, reason.header().to_owned())]);
    }

    /// Sends a request in the call's dialog, with more headers, and waits for its answer.
    pub(super) fn send_request(
        &mut self,
        now: Instant,
        handle: CallHandle,
        purpose: Purpose,
        headers: impl IntoIterator<Item = (HeaderName, String)>,
    ) -> Option<TransactionId> {
        let branch = format!("{MAGIC_COOKIE}{}", self.names.fresh());
        let call = self.calls.entry(handle)?;
        let trunk = self.config.trunks.iter().find(|trunk| trunk.name == call.dialog.trunk);
        let path = path_to(&call.dialog, call.dialog.destination(trunk));
        let via = self.config.advertised_address.via(path.transport, &branch);
        let mut request = call.dialog.request(purpose.method(), &via);
        for (name, value) in headers {
            request.headers.push(name, value);
        }
        let bytes = request.to_bytes();
        let machine = Client::new(now, path.transport, Arc::clone(&bytes));
        let deadline = machine.deadline();
        let id = self.clients.insert(branch, machine, purpose, path, handle);
        self.schedule.set(Timer::Client(id), Some(deadline));
        self.transmit(path, bytes);
        Some(id)
    }

    /// Tells once that a call has ended.
    pub(super) fn end_call(&mut self, handle: CallHandle, reason: EndReason) {
        if self.calls.end(handle) {
            self.emit(Event::Ended { call: handle, reason });
        }
    }

    /// Forgets a call of which nothing is left to send.
    pub(super) fn close_call(&mut self, handle: CallHandle) {
        self.stop_referral(handle);
        self.schedule.set(Timer::Call(handle), None);
        self.calls.remove(handle);
        self.emit(Event::Closed { call: handle });
    }

    /// Notes the call's next deadline.
    pub(super) fn reschedule(&mut self, handle: CallHandle) {
        let deadline = self.calls.peek(handle).and_then(super::call::Call::deadline);
        self.schedule.set(Timer::Call(handle), deadline);
    }
}

impl Arrival {
    /// The way back (RFC 3261 §18.2.2): over a stream the connection, or one to the port of sent-by where it is gone.
    pub(super) fn path(&self, via: &Via) -> Path {
        let to = match self.transport {
            Transport::Udp => via.response_address(self.from),
            Transport::Tcp => SocketAddr::new(self.from.ip(), via.port.unwrap_or(DEFAULT_PORT)),
        };
        Path { transport: self.transport, flow: Some(self.flow), to }
    }
}

/// The way of a request in a dialog.
fn path_to(dialog: &Dialog, to: SocketAddr) -> Path {
    Path { transport: dialog.transport, flow: dialog.flow, to }
}

impl super::Advertised {
    /// The Contact of this side.
    pub(super) fn contact(&self, transport: Transport) -> String {
        let place = self.place(transport);
        match transport {
            Transport::Udp => format!("<sip:{place}>"),
            Transport::Tcp => format!("<sip:{place};transport=tcp>"),
        }
    }

    /// The Via of a request of this side.
    fn via(&self, transport: Transport, branch: &str) -> String {
        format!("SIP/2.0/{} {};branch={branch};rport", transport.via_name(), self.place(transport))
    }

    /// `host` or `host:port`, an IPv6 address in brackets (RFC 3261 §25.1: hostport).
    fn place(&self, transport: Transport) -> String {
        let host = Host::parse(&self.host).map_or_else(|| self.host.clone(), |host| host.to_string());
        match self.port(transport) {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }
}

impl HangUp {
    /// The value of Reason (RFC 3326 §2).
    fn header(self) -> &'static str {
        match self {
            Self::Normal => "Q.850;cause=16;text=\"Normal call clearing\"",
            Self::Failure => "Q.850;cause=41;text=\"Temporary failure\"",
            Self::Shutdown => "Q.850;cause=38;text=\"Network out of order\"",
            Self::MediaLost => "Q.850;cause=27;text=\"Destination out of order\"",
        }
    }
}
