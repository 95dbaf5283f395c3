//! The task that owns the endpoint.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Instant;

use sip::{Endpoint, Event, FlowId, Output, Transport};
use tokio::io::ReadBuf;
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::command::{CallCount, Command};
use super::connection::StreamMessage;
use super::telemetry::{self, Depths, DropLog, Waiting};
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
    /// The socket to look at first, so that none waits for ever behind a busy one.
    first_socket: usize,
    drop_log: DropLog,
    depths: Depths,
    /// Who sent what the endpoint works on.
    sender: Option<SocketAddr>,
}

/// What a socket received: which socket, how many bytes, from whom.
struct Datagram {
    socket: usize,
    length: usize,
    from: SocketAddr,
}

/// What woke the worker.
enum Wake {
    Stop,
    Command(Command),
    Datagram(io::Result<Datagram>),
    Stream(StreamMessage),
    Accepted(TcpStream, SocketAddr),
    ConnectionEnded,
    EventTaken,
    Timer,
}

impl Worker {
    pub(super) fn new(endpoint: Endpoint, transmitter: Transmitter, events: mpsc::Sender<Event>) -> Self {
        let datagram = vec![0; DATAGRAM_BYTES];
        Self {
            endpoint,
            transmitter,
            events,
            backlog: VecDeque::new(),
            datagram,
            first_socket: 0,
            drop_log: DropLog::default(),
            depths: Depths::new(),
            sender: None,
        }
    }

    /// Works until it is cancelled or the application is gone.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut accepted: mpsc::Receiver<(TcpStream, SocketAddr)>,
        cancel: CancellationToken,
    ) {
        loop {
            self.depths.show(&Waiting {
                commands: commands.len(),
                events: self.events.max_capacity() - self.events.capacity() + self.backlog.len(),
                messages: self.transmitter.incoming.len(),
                connections: accepted.len(),
            });
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
        let Transmitter { sockets, incoming, tasks, .. } = &mut self.transmitter;
        tokio::select! {
            command = commands.recv() => command.map_or(Wake::Stop, Wake::Command),
            received = receive(sockets, self.first_socket, &mut self.datagram), if is_reading => Wake::Datagram(received),
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
            Command::Answer(call, local, reply) => drop(reply.send(self.endpoint.answer(now, call, &local))),
            Command::Reject(call, status, retry_after) => self.endpoint.reject(now, call, status, retry_after),
            Command::HangUp(call, reason) => self.endpoint.hang_up(now, call, reason),
            Command::Refer(call, target) => self.endpoint.refer(now, call, &target),
            Command::Restore(record, reply) => drop(reply.send(self.endpoint.restore_and_hang_up(now, &record))),
            Command::SetAvailability(availability) => self.endpoint.set_availability(availability),
            Command::SetTrunks(trunks) => self.endpoint.set_trunks(trunks),
            Command::SetMostCalls(calls) => self.endpoint.set_most_calls(calls),
            Command::CountCalls(reply) => {
                let count = CallCount { active: self.endpoint.active_calls(), is_idle: self.endpoint.is_idle() };
                let _ = reply.send(count);
            }
        }
    }

    /// Takes the datagram that woke the worker and those behind it in the same socket.
    fn take_datagrams(&mut self, first: io::Result<Datagram>) {
        let mut received = first;
        for _ in 0..DATAGRAMS_AT_ONCE {
            let datagram = match received {
                Ok(datagram) => datagram,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    metrics::counter!("tonegate_drops_total", "queue" => "sip", "reason" => "receive").increment(1);
                    return;
                }
            };
            self.take_datagram(&datagram);
            if self.backlog.len() >= MAX_BACKLOG {
                return;
            }
            let socket = datagram.socket;
            let Some(more) = self.transmitter.sockets.get(socket) else { return };
            let next = more.try_recv_from(&mut self.datagram);
            received = next.map(|(length, from)| Datagram { socket, length, from });
        }
    }

    fn take_datagram(&mut self, datagram: &Datagram) {
        let bytes = &mut self.datagram[..datagram.length];
        let flow = FlowId(datagram.socket as u64 + 1);
        self.first_socket = (datagram.socket + 1) % self.transmitter.sockets.len();
        self.sender = Some(datagram.from);
        self.endpoint.handle_datagram(Instant::now(), flow, datagram.from, bytes);
        // It may have held a keyed digit.
        bytes.fill(0);
        self.flush();
    }

    fn take_stream_message(&mut self, message: &StreamMessage) {
        self.sender = Some(message.from);
        self.endpoint.handle_stream_message(Instant::now(), message.connection, message.from, &message.bytes);
        self.flush();
    }

    /// Carries out what the endpoint wants.
    fn flush(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Transmit(message) => self.transmitter.send(message),
                Output::Event(event) => self.backlog.push_back(*event),
                Output::Count(count) => {
                    telemetry::record(count);
                    self.drop_log.note(Instant::now(), count, self.sender);
                }
            }
        }
        self.sender = None;
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

/// Receives a datagram on any socket; without one, never.
async fn receive(sockets: &[UdpSocket], first: usize, buffer: &mut [u8]) -> io::Result<Datagram> {
    poll_fn(|context| {
        for (socket, receiver) in sockets.iter().enumerate().cycle().skip(first).take(sockets.len()) {
            let mut filled = ReadBuf::new(buffer);
            if let Poll::Ready(received) = receiver.poll_recv_from(context, &mut filled) {
                let length = filled.filled().len();
                return Poll::Ready(received.map(|from| Datagram { socket, length, from }));
            }
        }
        Poll::Pending
    })
    .await
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
