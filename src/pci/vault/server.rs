//! The vault's one thread: waits for packets and deadlines, and serves every capture in turn.
//!
//! Every wait is bounded, no call blocks, and the vault leaves when its control socket closes: all captures are wiped
//! with the process. A malformed control message ends it too, because the gateway that sent it cannot be trusted.

use std::{
    collections::BTreeMap,
    io::IoSliceMut,
    mem::MaybeUninit,
    ops::ControlFlow,
    os::fd::{AsFd, OwnedFd},
    time::{Duration, Instant, SystemTime},
};

use gate::wire::{CONTROL_TO_VAULT_BYTES, CaptureName, ControlFromVault, ControlToVault, FromVault, Open, WireError};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendFlags, recvmsg},
};
use thiserror::Error;

use crate::{
    hardening::Hardened,
    session::{End, Session},
    submission::Processor,
    witness::Witness,
};

/// Captures at a time; an `Open` beyond it is answered by closing its socket.
pub const CAPTURES: usize = 256;
/// The longest wait without anything to do.
const IDLE: Duration = Duration::from_secs(60);

/// Why the vault leaves other than by its control socket closing.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The control socket fails.
    #[error("the control socket fails: {0}")]
    Control(#[from] Errno),
    /// The gateway sent what is no message.
    #[error("malformed control message: {0}")]
    Malformed(#[from] WireError),
    /// A message came without its descriptor, or cut short.
    #[error("control message without its descriptor")]
    Descriptor,
}

/// The vault, once hardened.
pub struct Server {
    control: OwnedFd,
    processor: Processor,
    witness: Witness,
    canary: bool,
    sessions: BTreeMap<CaptureName, Session>,
}

impl Server {
    /// A vault on its control socket. [`Hardened`] proves that the hardening came first.
    #[must_use]
    #[allow(clippy::needless_pass_by_value, reason = "the proof is used up")]
    pub fn new(_proof: Hardened, control: OwnedFd, processor: Processor, witness: Witness, canary: bool) -> Self {
        Self { control, processor, witness, canary, sessions: BTreeMap::new() }
    }

    /// Says [`ControlFromVault::Ready`] and serves until the control socket closes.
    ///
    /// # Errors
    /// What made the vault leave early. Every capture is wiped in any case.
    pub fn run(mut self, build: [u8; 32]) -> Result<(), ServerError> {
        self.tell(&ControlFromVault::Ready { build, public_key: self.witness.public_key() })?;
        loop {
            let ready = self.wait()?;
            if ready.control && self.handle_control()?.is_break() {
                return Ok(());
            }
            for capture in ready.sockets {
                self.step(capture, Session::handle_socket)?;
            }
            for capture in ready.connections {
                self.step(capture, Session::handle_processor)?;
            }
            self.handle_timeouts()?;
        }
    }

    fn wait(&self) -> Result<Ready, Errno> {
        let mut polled = vec![PollFd::new(&self.control, PollFlags::IN)];
        polled.extend(
            self.sessions.values().map(|session| PollFd::from_borrowed_fd(session.descriptor(), PollFlags::IN)),
        );
        let mut connected = Vec::new();
        for (capture, session) in &self.sessions {
            if let Some((connection, interest)) = session.connection() {
                connected.push(*capture);
                polled.push(PollFd::from_borrowed_fd(connection, interest));
            }
        }
        let wait = self.timeout(Instant::now());
        let wait = Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: wait.subsec_nanos().into() };
        match poll(&mut polled, Some(&wait)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        let mut is_ready = polled.iter().map(|descriptor| !descriptor.revents().is_empty());
        let control = is_ready.next().unwrap_or(false);
        let mut of = |names: Vec<CaptureName>| -> Vec<CaptureName> {
            names.into_iter().filter(|_| is_ready.next().unwrap_or(false)).collect()
        };
        Ok(Ready { control, sockets: of(self.sessions.keys().copied().collect()), connections: of(connected) })
    }

    fn timeout(&self, now: Instant) -> Duration {
        let next = self.sessions.values().filter_map(Session::poll_timeout).min();
        next.map_or(IDLE, |next| next.saturating_duration_since(now).min(IDLE))
    }

    fn handle_timeouts(&mut self) -> Result<(), Errno> {
        let now = Instant::now();
        let is_due = |session: &Session| session.poll_timeout().is_some_and(|due| now >= due);
        let due: Vec<CaptureName> =
            self.sessions.iter().filter(|(_, session)| is_due(session)).map(|(capture, _)| *capture).collect();
        due.into_iter().try_for_each(|capture| self.step(capture, Session::handle_timeout))
    }

    /// Gives one session its turn and ends it where it says so.
    fn step(
        &mut self,
        capture: CaptureName,
        turn: impl FnOnce(&mut Session, Instant) -> ControlFlow<End>,
    ) -> Result<(), Errno> {
        let Some(session) = self.sessions.get_mut(&capture) else { return Ok(()) };
        match turn(session, Instant::now()) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(end) => self.end(capture, &end),
        }
    }

    /// Wipes first, then tells the outcome, then attests the wipe: to the capture, and always to the control socket.
    fn end(&mut self, capture: CaptureName, end: &End) -> Result<(), Errno> {
        let Some(mut session) = self.sessions.remove(&capture) else { return Ok(()) };
        session.wipe();
        let record = self.witness.attest(capture, end.cause, SystemTime::now());
        if let Some(outcome) = &end.outcome {
            // A gateway that is gone by now reads the payment at the processor.
            let _ = session.tell(&FromVault::Outcome(outcome.clone()));
            let _ = session.tell(&FromVault::Wiped(record.clone()));
        }
        self.tell(&ControlFromVault::Wiped(record))
    }

    fn handle_control(&mut self) -> Result<ControlFlow<()>, ServerError> {
        let mut packet = [0; CONTROL_TO_VAULT_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let received = match recvmsg(&self.control, &mut [IoSliceMut::new(&mut packet)], &mut ancillary, flags) {
            Ok(received) if received.bytes == 0 => return Ok(ControlFlow::Break(())),
            Ok(received) => received,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(ControlFlow::Continue(())),
            Err(error) => return Err(error.into()),
        };
        let mut descriptors: Vec<OwnedFd> = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
            return Err(ServerError::Descriptor);
        }
        let descriptor = descriptors.pop();
        match (ControlToVault::decode(&packet[..received.bytes])?, descriptor) {
            (ControlToVault::Open(open), Some(socket)) => self.open(open, socket)?,
            (ControlToVault::Connect { capture }, Some(connection)) => self.connect(capture, connection)?,
            (ControlToVault::Ping, None) => self.tell(&ControlFromVault::Pong)?,
            (ControlToVault::Open(_) | ControlToVault::Connect { .. }, None) | (ControlToVault::Ping, Some(_)) => {
                return Err(ServerError::Descriptor);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn open(&mut self, open: Open, socket: OwnedFd) -> Result<(), Errno> {
        if self.sessions.len() >= CAPTURES || self.sessions.contains_key(&open.capture) {
            return Ok(());
        }
        let session = Session::new(open, socket, self.canary, Instant::now());
        let capture = session.capture();
        self.sessions.insert(capture, session);
        self.step(capture, Session::drain)
    }

    fn connect(&mut self, capture: CaptureName, connection: OwnedFd) -> Result<(), Errno> {
        let Some(session) = self.sessions.get_mut(&capture) else { return Ok(()) };
        match session.handle_connection(Instant::now(), &self.processor, connection) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(end) => self.end(capture, &end),
        }
    }

    /// A full control socket is a failure: no wipe record may be lost.
    fn tell(&self, message: &ControlFromVault) -> Result<(), Errno> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        rustix::net::send(self.control.as_fd(), &message.encode(), flags).map(|_| ())
    }
}

/// What the poll found.
struct Ready {
    control: bool,
    sockets: Vec<CaptureName>,
    connections: Vec<CaptureName>,
}
