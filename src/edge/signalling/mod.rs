//! SIP on sockets: one task owns the [`sip::Endpoint`], a UDP socket, a TCP listener and its connections.
//!
//! Messages are never logged: they hold numbers, and their bodies may hold keyed digits.

mod command;
mod connection;
mod listener;
mod telemetry;
mod transmit;
mod worker;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use sip::{Advertised, Endpoint, EndpointConfig, Event, Limits, Trunk};
use thiserror::Error;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use command::{CallCount, CommandError, SignallingHandle};
pub use telemetry::describe_metrics;

/// Events that may wait for the application.
const EVENT_QUEUE: usize = 1_024;
/// Commands that may wait for the task.
const COMMAND_QUEUE: usize = 1_024;
/// What the kernel may hold for the UDP socket, in bytes.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;
/// The port that needs no mention (RFC 3261 §19.1.2).
const DEFAULT_PORT: u16 = 5060;

/// What signalling is told at its start.
#[derive(Clone, Debug)]
pub struct SignallingConfig {
    /// Where to take datagrams.
    pub udp: Option<SocketAddr>,
    /// Where to take connections.
    pub tcp: Option<SocketAddr>,
    /// What peers are told to send to; without a port, the one that is bound.
    pub advertised_address: Advertised,
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
    pub udp: Option<SocketAddr>,
    /// Where connections are taken.
    pub tcp: Option<SocketAddr>,
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

/// Binds the sockets and starts the task; `cancel` ends it at once, calls or not.
pub async fn start(config: SignallingConfig, cancel: CancellationToken) -> Result<Signalling, StartError> {
    let udp = match config.udp {
        Some(address) => Some(bind_udp(address).await.map_err(|error| bind_error("UDP", address, error))?),
        None => None,
    };
    let tcp = match config.tcp {
        Some(address) => Some(TcpListener::bind(address).await.map_err(|error| bind_error("TCP", address, error))?),
        None => None,
    };
    let udp_address = udp.as_ref().and_then(|socket| socket.local_addr().ok());
    let tcp_address = tcp.as_ref().and_then(|listener| listener.local_addr().ok());
    let bound = udp_address.or(tcp_address).map(|address| address.port());
    let advertised = config.advertised_address;
    let port = advertised.port.or(bound.filter(|&port| port != DEFAULT_PORT));
    let endpoint = Endpoint::new(EndpointConfig {
        advertised_address: Advertised { port, ..advertised },
        trunks: config.trunks,
        seed: rand::random(),
        limits: config.limits,
    });
    let (event_sender, events) = mpsc::channel(EVENT_QUEUE);
    let (commands, command_receiver) = mpsc::channel(COMMAND_QUEUE);
    let transmitter = transmit::Transmitter::new(udp, config.connections, config.limits.message_bytes);
    let accepted = listener::start(tcp, cancel.clone());
    let worker = worker::Worker::new(endpoint, transmitter, event_sender);
    let task = tokio::spawn(worker.run(command_receiver, accepted, cancel));
    let handle = SignallingHandle::new(commands);
    Ok(Signalling { handle, events, udp: udp_address, tcp: tcp_address, task })
}

/// A UDP socket with room for a burst.
async fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address).await?;
    // The kernel may grant less; a burst is then lost to retransmission, not to an error.
    let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
    Ok(socket)
}

fn bind_error(transport: &'static str, address: SocketAddr, error: io::Error) -> StartError {
    StartError::Bind { transport, address, error }
}
