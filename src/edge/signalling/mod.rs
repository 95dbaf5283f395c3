//! SIP on sockets: one task owns the [`sip::Endpoint`], a UDP socket, a TCP listener and its connections.
//!
//! Messages are never logged: they hold numbers, and their bodies may hold keyed digits.

mod bind;
mod command;
mod connection;
mod listener;
mod telemetry;
mod transmit;
mod worker;

#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use sip::{Advertised, Endpoint, EndpointConfig, Event, Limits, Trunk};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use command::{CallCount, CommandError, SignallingHandle};

/// Events that may wait for the application.
const EVENT_QUEUE: usize = 1_024;
/// Commands that may wait for the task.
const COMMAND_QUEUE: usize = 1_024;
/// The port that needs no mention (RFC 3261 §19.1.2).
const DEFAULT_PORT: u16 = 5060;

/// What signalling is told at its start.
#[derive(Clone, Debug)]
pub struct SignallingConfig {
    /// Where to take datagrams.
    pub udp: Vec<SocketAddr>,
    /// Where to take connections.
    pub tcp: Vec<SocketAddr>,
    /// The host that peers are told to send to, at the first port that is bound for their transport.
    pub advertised_host: String,
    /// Where callers are told to send RTP.
    pub media_address: IpAddr,
    /// The peers that may call.
    pub trunks: Vec<Trunk>,
    /// The endpoint's bounds.
    pub limits: Limits,
    /// The connections' bounds.
    pub connections: ConnectionLimits,
}

/// The bounds of TCP connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Most connections with trunks at one time.
    pub trunk_connections: usize,
    /// Most connections with peers that are no trunk.
    pub stranger_connections: usize,
    /// A trunk's connection that is silent for so long is closed.
    pub idle: Duration,
    /// How long connecting, writing a message, or the rest of a message that has begun may take.
    pub patience: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            trunk_connections: 1_024,
            stranger_connections: 16,
            idle: Duration::from_secs(1_800),
            patience: Duration::from_secs(5),
        }
    }
}

/// Signalling at work.
pub struct Signalling {
    /// Gives it commands.
    pub handle: SignallingHandle,
    /// What happens to calls. While nobody takes these, nothing more is read from the sockets.
    pub events: mpsc::Receiver<Event>,
    /// Where datagrams are taken.
    pub udp: Vec<SocketAddr>,
    /// Where connections are taken.
    pub tcp: Vec<SocketAddr>,
    /// Ends once it is cancelled, or nobody listens to it any more.
    pub task: JoinHandle<()>,
}

/// Why signalling cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// An address cannot be bound.
    #[error("cannot listen for SIP on {transport} {address}: {error}")]
    Bind {
        /// `UDP` or `TCP`.
        transport: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
}

/// Binds the sockets and starts the task on the runtime this runs on; `cancel` ends it at once, calls or not.
pub fn start(config: SignallingConfig, cancel: CancellationToken) -> Result<Signalling, StartError> {
    let mut sockets = Vec::new();
    for address in config.udp {
        sockets.push(bind::udp(address).map_err(|error| bind_error("UDP", address, error))?);
    }
    let mut listeners = Vec::new();
    for address in config.tcp {
        listeners.push(bind::tcp(address).map_err(|error| bind_error("TCP", address, error))?);
    }
    let udp: Vec<SocketAddr> = sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect();
    let tcp: Vec<SocketAddr> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    let endpoint = Endpoint::new(EndpointConfig {
        advertised_address: Advertised { host: config.advertised_host, udp: advertised(&udp), tcp: advertised(&tcp) },
        media_address: config.media_address,
        trunks: config.trunks,
        seed: rand::random(),
        limits: config.limits,
    });
    let (event_sender, events) = mpsc::channel(EVENT_QUEUE);
    let (commands, command_receiver) = mpsc::channel(COMMAND_QUEUE);
    let transmitter = transmit::Transmitter::new(sockets, config.connections, config.limits.message_bytes);
    let accepted = listener::start(listeners, &cancel);
    let worker = worker::Worker::new(endpoint, transmitter, event_sender);
    let task = tokio::spawn(worker.run(command_receiver, accepted, cancel));
    let handle = SignallingHandle::new(commands);
    Ok(Signalling { handle, events, udp, tcp, task })
}

/// The port that peers are told; none where it is the default.
fn advertised(bound: &[SocketAddr]) -> Option<u16> {
    bound.first().map(SocketAddr::port).filter(|&port| port != DEFAULT_PORT)
}

fn bind_error(transport: &'static str, address: SocketAddr, error: io::Error) -> StartError {
    StartError::Bind { transport, address, error }
}
