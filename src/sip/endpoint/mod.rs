//! The pure top of SIP: bytes and commands in, bytes and events out.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use thiserror::Error;

use crate::{ConnectionId, DialogRecord, RestoreError, Status, Trunk};

mod config;
mod event;

pub use config::{Advertised, Availability, EndpointConfig, Limits};
pub use event::{CallHandle, Count, DropReason, EndReason, Event, HangUp, Incoming, Output};

/// A SIP user agent server (RFC 3261) for calls from trunks.
///
/// After every `handle_*` and command the driver drains [`Endpoint::poll_output`] to `None` and sleeps until
/// [`Endpoint::poll_timeout`]. Commands for a call that has ended meanwhile do nothing.
pub struct Endpoint {
    config: EndpointConfig,
    availability: Availability,
    outputs: VecDeque<Output>,
}

/// Why a call cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// The call is over, or was never.
    #[error("the call has ended")]
    Ended,
    /// The call was answered before.
    #[error("the call was answered before")]
    Answered,
}

impl Endpoint {
    /// An endpoint without calls.
    #[must_use]
    pub fn new(config: EndpointConfig) -> Self {
        Self { config, availability: Availability::Available, outputs: VecDeque::new() }
    }

    /// Takes one datagram.
    pub fn handle_datagram(&mut self, _now: Instant, _from: SocketAddr, _bytes: &[u8]) {}

    /// Takes one message that the framer cut from a stream.
    pub fn handle_stream_message(
        &mut self,
        _now: Instant,
        _connection: ConnectionId,
        _from: SocketAddr,
        _bytes: &[u8],
    ) {
    }

    /// A stream connection is gone; its calls stay, and their next message opens another.
    pub fn handle_connection_closed(&mut self, _now: Instant, _connection: ConnectionId) {}

    /// Sends 180 Ringing.
    pub fn ring(&mut self, _now: Instant, _call: CallHandle) {}

    /// First step of answering: what must be durable before [`Endpoint::answer`].
    pub fn prepare_answer(&self, _call: CallHandle) -> Result<DialogRecord, AnswerError> {
        Err(AnswerError::Ended)
    }

    /// Second step: sends 200 OK with `sdp` and repeats it until the ACK.
    pub fn answer(&mut self, _now: Instant, _call: CallHandle, _sdp: &str) -> Result<(), AnswerError> {
        Err(AnswerError::Ended)
    }

    /// Refuses the call with a final status (3xx to 6xx), and Retry-After in seconds where given.
    pub fn reject(&mut self, _now: Instant, _call: CallHandle, _status: Status, _retry_after: Option<u32>) {}

    /// Ends the call: BYE where it was answered (after the ACK, RFC 3261 §15), 480 where not.
    pub fn hang_up(&mut self, _now: Instant, _call: CallHandle, _reason: HangUp) {}

    /// Ends a dialog of an earlier process by BYE. Its handle's events are `Ended` (restored) and `Closed`.
    pub fn restore_and_hang_up(&mut self, _now: Instant, _record: &DialogRecord) -> Result<CallHandle, RestoreError> {
        Err(RestoreError::Full)
    }

    /// Says whether new calls are welcome.
    pub fn set_availability(&mut self, availability: Availability) {
        self.availability = availability;
    }

    /// Replaces the trunks; calls under way stay.
    pub fn set_trunks(&mut self, trunks: Vec<Trunk>) {
        self.config.trunks = trunks;
    }

    /// Whether nothing is left to send or repeat.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        true
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Endpoint::handle_timeout`] next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, _now: Instant) {}
}
