//! The task that owns the endpoint.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use sip::{Endpoint, Event, Output, Transport};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::command::{CallCount, Command};
use super::connection::StreamMessage;
use super::telemetry;
use super::transmit::Transmitter;

/// Longest datagram.
const DATAGRAM_BYTES: usize = 65_536;
/// Datagrams taken before the task looks elsewhere.
const DATAGRAMS_AT_ONCE: usize = 64;
/// Events that may wait here once the application's queue is full; then the sockets wait.
const MAX_BACKLOG: usize = 256;

/// The endpoint between its sockets and the application.
pub(super) struct Worker {
    endpoint: Endpoint,
    transmitter: Transmitter,
    events: mpsc::Sender<Event>,
    backlog: VecDeque<Event>,
    datagram: Vec<u8>,
}

/// What woke the worker.
enum Wake {
    Stop,
    Command(Command),
    Datagram(io::Result<(usize, SocketAddr)>),
    Stream(StreamMessage),
    Accepted(TcpStream, SocketAddr),
    ConnectionEnded,
    EventTaken,
    Timer,
}

impl Worker {
    pub(super) fn new(endpoint: Endpoint, transmitter: Transmitter, events: mpsc::Sender<Event>) -> Self {
        let datagram = vec![0; DATAGRAM_BYTES];
        Self { endpoint, transmitter, events, backlog: VecDeque::new(), datagram }
    }

    /// Works until it is cancelled or the application is gone.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut accepted: mpsc::Receiver<(TcpStream, SocketAddr)>,
        cancel: CancellationToken,
    ) {
        loop {
            let wake = tokio::select! {
                () = cancel.cancelled() => Wake::Stop,
                wake = self.wait(&mut commands, &mut accepted) => wake,
            };
            match wake {
                Wake::Stop => return,
                Wake::Command(command) => self.obey(command),
                Wake::Datagram(received) => self.take_datagrams(received),
                Wake::Stream(message) => self.take_stream_message(&message),
                Wake::Accepted(stream, peer) => {
                    let is_stranger = !self.endpoint.is_trunk_peer(peer, Transport::Tcp);
                    self.transmitter.adopt(stream, peer, is_stranger);
                }
                Wake::ConnectionEnded => self.transmitter.forget_closed(),
                Wake::EventTaken => {}
                Wake::Timer => self.endpoint.handle_timeout(Instant::now()),
            }
            self.flush();
        }
    }

    /// Waits for the next thing to do. While events wait for the application, the sockets wait too.
    async fn wait(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
        accepted: &mut mpsc::Receiver<(TcpStream, SocketAddr)>,
    ) -> Wake {
        let is_reading = self.backlog.len() < MAX_BACKLOG;
        let deadline = self.endpoint.poll_timeout();
        let Transmitter { udp, incoming, tasks, .. } = &mut self.transmitter;
        tokio::select! {
            command = commands.recv() => command.map_or(Wake::Stop, Wake::Command),
            received = receive(udp.as_ref(), &mut self.datagram), if is_reading => Wake::Datagram(received),
            Some(message) = incoming.recv(), if is_reading => Wake::Stream(message),
            Some((stream, peer)) = accepted.recv() => Wake::Accepted(stream, peer),
            Some(_) = tasks.join_next() => Wake::ConnectionEnded,
            () = hand_on(&self.events, &mut self.backlog) => Wake::EventTaken,
            () = self.events.closed() => Wake::Stop,
            () = sleep_until_some(deadline) => Wake::Timer,
        }
    }

    fn obey(&mut self, command: Command) {
        let now = Instant::now();
        // An asker that has given up does not want the answer any more.
        match command {
            Command::Ring(call) => self.endpoint.ring(now, call),
            Command::PrepareAnswer(call, reply) => drop(reply.send(self.endpoint.prepare_answer(call))),
            Command::Answer(call, sdp, reply) => drop(reply.send(self.endpoint.answer(now, call, &sdp))),
            Command::Reject(call, status, retry_after) => self.endpoint.reject(now, call, status, retry_after),
            Command::HangUp(call, reason) => self.endpoint.hang_up(now, call, reason),
            Command::Restore(record, reply) => drop(reply.send(self.endpoint.restore_and_hang_up(now, &record))),
            Command::SetAvailability(availability) => self.endpoint.set_availability(availability),
            Command::SetTrunks(trunks) => self.endpoint.set_trunks(trunks),
            Command::CountCalls(reply) => {
                let count = CallCount { active: self.endpoint.active_calls(), is_idle: self.endpoint.is_idle() };
                let _ = reply.send(count);
            }
        }
    }

    /// Takes the datagram that woke the worker and those behind it.
    fn take_datagrams(&mut self, first: io::Result<(usize, SocketAddr)>) {
        let mut received = first;
        for _ in 0..DATAGRAMS_AT_ONCE {
            match received {
                Ok((length, from)) => self.take_datagram(length, from),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    metrics::counter!("tonegate_drops_total", "queue" => "sip", "reason" => "receive").increment(1);
                    return;
                }
            }
            if self.backlog.len() >= MAX_BACKLOG {
                return;
            }
            let Some(socket) = &self.transmitter.udp else { return };
            received = socket.try_recv_from(&mut self.datagram);
        }
    }

    fn take_datagram(&mut self, length: usize, from: SocketAddr) {
        let bytes = &mut self.datagram[..length];
        self.endpoint.handle_datagram(Instant::now(), from, bytes);
        // It may have held a keyed digit.
        bytes.fill(0);
        self.flush();
    }

    fn take_stream_message(&mut self, message: &StreamMessage) {
        self.endpoint.handle_stream_message(Instant::now(), message.connection, message.from, &message.bytes);
    }

    /// Carries out what the endpoint wants.
    fn flush(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Transmit(message) => self.transmitter.send(message),
                Output::Event(event) => self.backlog.push_back(*event),
                Output::Count(count) => telemetry::record(count),
            }
        }
        while let Some(event) = self.backlog.pop_front() {
            match self.events.try_send(event) {
                Ok(()) => {}
                // No event is ever lost: a call would never end.
                Err(TrySendError::Full(event)) => return self.backlog.push_front(event),
                Err(TrySendError::Closed(_)) => return,
            }
        }
    }
}

/// Receives a datagram; without a socket, never.
async fn receive(socket: Option<&UdpSocket>, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    match socket {
        Some(socket) => socket.recv_from(buffer).await,
        None => pending().await,
    }
}

/// Hands the oldest event on once there is room; without one, never.
async fn hand_on(events: &mpsc::Sender<Event>, backlog: &mut VecDeque<Event>) {
    if backlog.is_empty() {
        return pending().await;
    }
    if let Ok(room) = events.reserve().await
        && let Some(event) = backlog.pop_front()
    {
        room.send(event);
    }
}

async fn sleep_until_some(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => pending().await,
    }
}
