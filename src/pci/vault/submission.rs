//! One submission to the processor: TLS inside the vault, over a connection that the gateway made.
//!
//! The card leaves this process only as TLS records to a peer whose certificate bears the configured name and authority.
//! The request is wiped as soon as it is encrypted, before any answer. From then on every failure of a processor that
//! charges is an unknown outcome; until then, and for one that only keeps the card, nothing was charged.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gate::wire::{FailReason, Outcome, Shape};
use rustix::{
    event::PollFlags,
    fs::{OFlags, fcntl_setfl},
};
use rustls::{ClientConnection, Stream};
use zeroize::Zeroizing;

use crate::{
    answer::{self, ANSWER_BYTES, Card},
    processor::Processor,
    sealed::Sealed,
};

/// From the connection to the end of the TLS handshake.
pub const HANDSHAKE: Duration = Duration::from_secs(5);

/// A submission under way.
pub struct Submission {
    socket: TcpStream,
    tls: ClientConnection,
    /// `None` once it is encrypted.
    request: Option<Sealed>,
    answer: Sealed,
    shape: Shape,
    card: Card,
    deadline: Instant,
    answer_within: Duration,
}

impl Submission {
    /// Begins on a connection to the processor.
    ///
    /// # Errors
    /// TLS cannot begin; nothing was sent.
    pub fn begin(processor: &Processor, link: OwnedFd, request: Sealed, card: Card, now: Instant) -> io::Result<Self> {
        fcntl_setfl(&link, OFlags::NONBLOCK)?;
        let tls = ClientConnection::new(Arc::clone(&processor.tls), processor.name.clone());
        Ok(Self {
            socket: TcpStream::from(link),
            tls: tls.map_err(io::Error::other)?,
            request: Some(request),
            answer: Sealed::new(ANSWER_BYTES)?,
            shape: processor.shape,
            card,
            deadline: now + HANDSHAKE,
            answer_within: processor.answer_within,
        })
    }

    /// The connection, and what it waits for.
    pub fn descriptor(&self) -> (BorrowedFd<'_>, PollFlags) {
        let interest = if self.tls.wants_write() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        (self.socket.as_fd(), interest)
    }

    /// When [`Submission::handle_ready`] is due even if nothing comes.
    pub fn poll_timeout(&self) -> Instant {
        self.deadline
    }

    /// The connection may be read or written, or the deadline has passed. Returns the outcome once there is one.
    pub fn handle_ready(&mut self, now: Instant) -> Option<Outcome> {
        let exchanged = self.exchange(now);
        if let Some(outcome) = answer::read(self.shape, self.card, self.answer.expose()) {
            return Some(outcome);
        }
        let reason = match exchanged {
            Ok(true) if now < self.deadline => return None,
            Err(error) if is_distrust(&error) => FailReason::ProcessorUntrusted,
            Ok(_) | Err(_) => FailReason::ProcessorUnreachable,
        };
        Some(if self.request.is_some() { Outcome::Failed(reason) } else { answer::lost(self.shape, reason) })
    }

    /// Reads and writes what can be. Returns whether an answer can still come.
    fn exchange(&mut self, now: Instant) -> io::Result<bool> {
        let mut chunk = Zeroizing::new([0; 1_024]);
        loop {
            if !self.tls.is_handshaking()
                && let Some(request) = self.request.take()
            {
                self.deadline = now + self.answer_within;
                self.tls.writer().write_all(request.expose())?;
                gate::sabotaged("keep_request").then(|| std::mem::forget(request));
            }
            match Stream::new(&mut self.tls, &mut self.socket).read(&mut chunk[..]) {
                Ok(0) => return Ok(false),
                Ok(read) => self.answer.write_all(&chunk[..read])?,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Err(_) if self.tls.is_handshaking() || self.request.is_none() => return Ok(true),
                // The handshake has just ended.
                Err(_) => {}
            }
        }
    }
}

fn is_distrust(error: &io::Error) -> bool {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(tls, Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented))
}
