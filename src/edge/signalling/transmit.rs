//! Sending messages: datagrams, and connections kept for streams.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use sip::{FlowId, Transmit, Transport};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::ConnectionLimits;
use super::connection::{Connection, StreamMessage};

/// Messages that may wait on one connection.
const OUTGOING_QUEUE: usize = 256;
/// Messages of all connections that may wait for the worker.
const INCOMING_QUEUE: usize = 1_024;

/// The UDP sockets and the connections. Sockets are the flows from 1 on, connections those after them.
pub(super) struct Transmitter {
    pub(super) sockets: Vec<UdpSocket>,
    pub(super) incoming: mpsc::Receiver<StreamMessage>,
    incoming_sender: mpsc::Sender<StreamMessage>,
    connections: HashMap<FlowId, Peer>,
    pub(super) tasks: JoinSet<()>,
    limits: ConnectionLimits,
    max_message_bytes: usize,
    created: u64,
}

/// The worker's side of a connection.
struct Peer {
    outgoing: mpsc::Sender<Arc<[u8]>>,
    is_stranger: bool,
    /// The address this side connected to.
    dialled: Option<SocketAddr>,
}

impl Transmitter {
    pub(super) fn new(sockets: Vec<UdpSocket>, limits: ConnectionLimits, max_message_bytes: usize) -> Self {
        let (incoming_sender, incoming) = mpsc::channel(INCOMING_QUEUE);
        Self {
            created: sockets.len() as u64,
            sockets,
            incoming,
            incoming_sender,
            connections: HashMap::new(),
            tasks: JoinSet::new(),
            limits,
            max_message_bytes,
        }
    }

    /// Sends one message. What cannot be sent is counted: over datagrams a retransmission makes up for it, over a
    /// stream the transaction ends by its timer.
    pub(super) fn send(&mut self, message: Transmit) {
        let reason = match message.transport {
            Transport::Udp => self.send_datagram(&message),
            Transport::Tcp => self.send_on_stream(message),
        };
        if let Err(reason) = reason {
            metrics::counter!("tonegate_drops_total", "queue" => "sip_out", "reason" => reason).increment(1);
        }
    }

    fn send_datagram(&self, message: &Transmit) -> Result<(), &'static str> {
        let socket = message.flow.and_then(|flow| self.socket(flow)).or_else(|| self.socket_for(message.to));
        let Some(socket) = socket else { return Err("no_socket") };
        match socket.try_send_to(&message.bytes, message.to) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err("full"),
            Err(_) => Err("error"),
        }
    }

    /// The socket of a flow.
    fn socket(&self, flow: FlowId) -> Option<&UdpSocket> {
        self.sockets.get(usize::try_from(flow.0.checked_sub(1)?).ok()?)
    }

    /// A socket of the address's family.
    fn socket_for(&self, to: SocketAddr) -> Option<&UdpSocket> {
        self.sockets.iter().find(|socket| socket.local_addr().is_ok_and(|local| local.is_ipv4() == to.is_ipv4()))
    }

    fn send_on_stream(&mut self, message: Transmit) -> Result<(), &'static str> {
        let open = message.flow.filter(|id| self.connections.contains_key(id));
        let dialled = || self.connections.iter().find(|(_, peer)| peer.dialled == Some(message.to)).map(|(id, _)| *id);
        let id = match open.or_else(dialled) {
            Some(id) => id,
            None => self.dial(message.to)?,
        };
        let Some(peer) = self.connections.get(&id) else { return Err("closed") };
        peer.outgoing.try_send(message.bytes).map_err(|_| "full")
    }

    /// Opens a connection; messages wait in its queue meanwhile.
    fn dial(&mut self, to: SocketAddr) -> Result<FlowId, &'static str> {
        if self.is_full(false) {
            return Err("connections");
        }
        let connection = self.register(to, false, Some(to));
        let id = connection.id;
        self.tasks.spawn(connection.dial());
        Ok(id)
    }

    /// Takes a connection that was accepted, within the bounds.
    pub(super) fn adopt(&mut self, stream: TcpStream, peer: SocketAddr, is_stranger: bool) {
        if self.is_full(is_stranger) {
            metrics::counter!("tonegate_drops_total", "queue" => "sip_connections", "reason" => "full").increment(1);
            return;
        }
        let connection = self.register(peer, is_stranger, None);
        self.tasks.spawn(connection.run(stream));
    }

    /// Forgets the connections whose tasks have ended.
    pub(super) fn forget_closed(&mut self) {
        self.connections.retain(|_, peer| !peer.outgoing.is_closed());
    }

    fn is_full(&self, is_stranger: bool) -> bool {
        let held = self.connections.values().filter(|peer| peer.is_stranger == is_stranger).count();
        held >= if is_stranger { self.limits.stranger_connections } else { self.limits.trunk_connections }
    }

    fn register(&mut self, peer: SocketAddr, is_stranger: bool, dialled: Option<SocketAddr>) -> Connection {
        self.created += 1;
        let id = FlowId(self.created);
        let (sender, outgoing) = mpsc::channel(OUTGOING_QUEUE);
        self.connections.insert(id, Peer { outgoing: sender, is_stranger, dialled });
        Connection {
            id,
            peer,
            outgoing,
            incoming: self.incoming_sender.clone(),
            max_message_bytes: self.max_message_bytes,
            idle: if is_stranger { self.limits.patience } else { self.limits.idle },
            patience: self.limits.patience,
        }
    }
}
