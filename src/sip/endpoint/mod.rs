//! The pure top of SIP: bytes and commands in, bytes and events out.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use crate::random::Names;
use crate::{FlowId, Transport, Trunk};

mod call;
mod cancel;
mod commands;
mod config;
mod event;
mod in_dialog;
mod ingress;
mod invite;
mod numbers;
mod outbound;
mod rate;
mod refer;
mod reinvite;
mod schedule;
mod tables;
mod timeout;

#[cfg(test)]
mod tests;

pub use commands::AnswerError;
pub use config::{Advertised, Availability, EndpointConfig, Limits};
pub use event::{CallHandle, Count, DropReason, EndReason, Event, HangUp, Incoming, Output};

use rate::RateLimiter;
use schedule::Schedule;
use tables::{Calls, Clients, Servers};

/// A SIP user agent server (RFC 3261) for calls from trunks.
///
/// After every `handle_*` and command the driver drains [`Endpoint::poll_output`] to `None` and sleeps until
/// [`Endpoint::poll_timeout`]. Commands for a call that has ended meanwhile do nothing.
pub struct Endpoint {
    config: EndpointConfig,
    availability: Availability,
    names: Names,
    rate: RateLimiter,
    servers: Servers,
    clients: Clients,
    calls: Calls,
    schedule: Schedule,
    outputs: VecDeque<Output>,
}

impl Endpoint {
    /// An endpoint without calls.
    #[must_use]
    pub fn new(config: EndpointConfig) -> Self {
        Self {
            availability: Availability::Available,
            names: Names::new(config.seed),
            rate: RateLimiter::default(),
            servers: Servers::default(),
            clients: Clients::default(),
            calls: Calls::default(),
            schedule: Schedule::default(),
            outputs: VecDeque::new(),
            config,
        }
    }

    /// Takes one datagram that arrived on `socket`; what answers it leaves by the same.
    pub fn handle_datagram(&mut self, now: Instant, socket: FlowId, from: SocketAddr, bytes: &[u8]) {
        self.receive(&Arrival { now, from, transport: Transport::Udp, flow: socket }, bytes);
    }

    /// Takes one message that the framer cut from a stream. A connection that closes needs no word: what is to be sent
    /// on it later names the address to connect to as well.
    pub fn handle_stream_message(&mut self, now: Instant, connection: FlowId, from: SocketAddr, bytes: &[u8]) {
        self.receive(&Arrival { now, from, transport: Transport::Tcp, flow: connection }, bytes);
    }

    /// Says whether new calls are welcome.
    pub fn set_availability(&mut self, availability: Availability) {
        self.availability = availability;
    }

    /// Replaces the trunks; calls under way stay.
    pub fn set_trunks(&mut self, trunks: Vec<Trunk>) {
        self.config.trunks = trunks;
    }

    /// Sets the most calls of all trunks; calls under way stay.
    pub fn set_most_calls(&mut self, calls: usize) {
        self.config.limits.calls = calls;
    }

    /// Whether an address is a trunk's over this transport.
    #[must_use]
    pub fn is_trunk_peer(&self, address: SocketAddr, transport: Transport) -> bool {
        self.trunk_of(address, transport).is_some()
    }

    /// Calls that have come in and not ended.
    #[must_use]
    pub fn active_calls(&self) -> usize {
        self.calls.active()
    }

    /// Whether no call is left, not even one whose BYE waits for its answer.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.calls.len() == 0
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Endpoint::handle_timeout`] next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.schedule.next()
    }

    /// The trunk whose peer this is.
    fn trunk_of(&self, address: SocketAddr, transport: Transport) -> Option<usize> {
        self.config.trunks.iter().position(|trunk| trunk.accepts(address.ip(), transport))
    }

    fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(Box::new(event)));
    }

    fn count(&mut self, count: Count) {
        self.outputs.push_back(Output::Count(count));
    }

    fn drop_message(&mut self, reason: DropReason) {
        self.count(Count::Dropped(reason));
    }
}

/// When, whence and how a message came.
#[derive(Clone, Copy)]
struct Arrival {
    now: Instant,
    from: SocketAddr,
    transport: Transport,
    flow: FlowId,
}

/// Which way a response goes.
#[derive(Clone, Copy)]
struct Path {
    transport: Transport,
    flow: Option<FlowId>,
    to: SocketAddr,
}
