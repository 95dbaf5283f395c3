//! The vault's one thread: waits for packets and deadlines, and serves every capture in turn.
//!
//! Every wait is bounded, no call blocks, and the vault leaves when its control socket closes: all captures are wiped
//! with the process. A malformed control message ends it too, because the gateway that sent it cannot be trusted.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant, SystemTime};

use gate::wire::{CaptureName, ControlFromVault, ControlToVault, FromVault, Open, PACKET_BYTES, WipeCause, WipeRecord};
use ring::signature::{Ed25519KeyPair, KeyPair};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, recvmsg};
use zeroize::zeroize_stack;

use crate::{
    entry::Mode,
    hardening::Hardened,
    processor::Processor,
    session::{self, Session, Turn},
};

/// Captures at a time; an `Open` beyond it is answered by closing its socket.
pub const CAPTURES: usize = 256;
/// More of the stack than any turn uses.
const STACK_BYTES: usize = 65_536;
/// The longest wait without anything to do.
const IDLE: Duration = Duration::from_secs(60);

/// The vault, once hardened.
pub struct Server {
    control: OwnedFd,
    processor: Processor,
    /// Made at start, never leaves this process.
    key: Ed25519KeyPair,
    /// Wipe records signed with it.
    records: u64,
    mode: Mode,
    sessions: BTreeMap<CaptureName, Session>,
}

impl Server {
    /// A vault on its control socket. [`Hardened`] proves that the hardening came first.
    #[allow(clippy::needless_pass_by_value, reason = "the proof is used up")]
    pub fn new(_proof: Hardened, control: OwnedFd, processor: Processor, key: Ed25519KeyPair, mode: Mode) -> Self {
        Self { control, processor, key, records: 0, mode, sessions: BTreeMap::new() }
    }

    /// Says [`ControlFromVault::Ready`] and serves until the control socket closes.
    ///
    /// # Errors
    /// What made the vault leave early. Every capture is wiped in any case.
    pub fn run(mut self, build: [u8; 32]) -> io::Result<()> {
        let public_key = self.key.public_key().as_ref().try_into().map_err(io::Error::other)?;
        self.tell(&ControlFromVault::Ready { build, public_key })?;
        loop {
            let ready = self.wait()?;
            if ready.contains(&None) {
                match self.receive()? {
                    Some((message, descriptor)) => self.handle_control(message, descriptor)?,
                    None => return Ok(()),
                }
            }
            for capture in ready.into_iter().flatten() {
                self.step(capture, |session, _| session.handle_ready(Instant::now()))?;
            }
        }
    }

    /// Waits for whatever comes first. Returns the captures whose turn it is, and `None` for the control socket.
    fn wait(&self) -> io::Result<BTreeSet<Option<CaptureName>>> {
        let (mut owners, mut polled) = (vec![None], vec![PollFd::new(&self.control, PollFlags::IN)]);
        for (capture, session) in &self.sessions {
            for (descriptor, interest) in session.descriptors() {
                owners.push(Some(*capture));
                polled.push(PollFd::from_borrowed_fd(descriptor, interest));
            }
        }
        let first = self.sessions.values().filter_map(Session::poll_timeout).min();
        let wait = first.map_or(IDLE, |first| first.saturating_duration_since(Instant::now()).min(IDLE));
        let wait = Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: wait.subsec_nanos().into() };
        if let Err(error) = poll(&mut polled, Some(&wait))
            && error != Errno::INTR
        {
            return Err(error.into());
        }
        let now = Instant::now();
        let is_due = |session: &Session| session.poll_timeout().is_some_and(|due| now >= due);
        let due = self.sessions.iter().filter(|(_, session)| is_due(session)).map(|(capture, _)| Some(*capture));
        let ready = owners.into_iter().zip(&polled).filter(|(_, polled)| !polled.revents().is_empty());
        Ok(ready.map(|(owner, _)| owner).chain(due).collect())
    }

    /// The next control message and its descriptor, or `None` where the gateway has closed its end.
    fn receive(&self) -> io::Result<Option<(ControlToVault, Option<OwnedFd>)>> {
        let mut packet = [0; PACKET_BYTES + 1];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let received = recvmsg(&self.control, &mut [IoSliceMut::new(&mut packet)], &mut ancillary, flags)?;
        let rights = |message| if let RecvAncillaryMessage::ScmRights(rights) = message { Some(rights) } else { None };
        let descriptor = ancillary.drain().filter_map(rights).flatten().last();
        if received.bytes == 0 {
            return Ok(None);
        }
        let message = ControlToVault::decode(&packet[..received.bytes]);
        let malformed = |error| io::Error::other(format!("malformed control message: {error}"));
        Ok(Some((message.map_err(malformed)?, descriptor)))
    }

    fn handle_control(&mut self, message: ControlToVault, descriptor: Option<OwnedFd>) -> io::Result<()> {
        match (message, descriptor) {
            (ControlToVault::Open(open), Some(socket)) if open.is_possible() => self.open(open, socket),
            (ControlToVault::Connect { capture }, Some(connection)) => {
                let now = Instant::now();
                self.step(capture, |session, processor| session.handle_connection(now, processor, connection))
            }
            (ControlToVault::Ping, None) => self.tell(&ControlFromVault::Pong),
            (ControlToVault::Open(_) | ControlToVault::Connect { .. } | ControlToVault::Ping, _) => {
                Err(io::Error::other("control message that cannot be followed"))
            }
        }
    }

    /// A socket that is not taken is closed, which tells the gateway.
    fn open(&mut self, open: Open, socket: OwnedFd) -> io::Result<()> {
        if self.sessions.len() >= CAPTURES || self.sessions.contains_key(&open.capture) {
            return Ok(());
        }
        let Ok(session) = Session::new(open, socket, self.mode, Instant::now()) else { return Ok(()) };
        self.sessions.insert(open.capture, session);
        self.step(open.capture, |session, _| session.handle_ready(Instant::now()))
    }

    /// Gives one session its turn. Where that ends it, it is wiped first, then the outcome is told, then the wipe is
    /// attested: to the capture, and always to the control socket.
    fn step(&mut self, capture: CaptureName, turn: impl FnOnce(&mut Session, &Processor) -> Turn) -> io::Result<()> {
        let turn = self.sessions.get_mut(&capture).map(|session| turn(session, &self.processor));
        // TLS leaves the last block of a record on the stack.
        zeroize_stack::<STACK_BYTES>();
        let Some(ControlFlow::Break(outcome)) = turn else { return Ok(()) };
        let socket = self.sessions.remove(&capture).map(Session::wipe);
        self.records += 1;
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (cause, sequence, unix_millis) = (WipeCause::of(outcome), self.records, at.as_millis() as u64);
        let mut record = WipeRecord { capture, cause, sequence, unix_millis, signature: [0; 64] };
        let signature = self.key.sign(&record.signed_bytes());
        record.signature.copy_from_slice(signature.as_ref());
        if let (Some(outcome), Some(socket)) = (outcome, socket) {
            // A gateway that is gone by now reads the payment at the processor.
            let _ = session::tell(&socket, &FromVault::Outcome(outcome));
            let _ = session::tell(&socket, &FromVault::Wiped(record));
        }
        self.tell(&ControlFromVault::Wiped(record))
    }

    /// A full control socket is a failure: no wipe record may be lost.
    fn tell(&self, message: &ControlFromVault) -> io::Result<()> {
        rustix::net::send(&self.control, &message.encode(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?;
        Ok(())
    }
}
