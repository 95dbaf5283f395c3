//! One capture, from its opening to its wipe: the entry, the wait for a connection, the submission.

use std::io::{self, Write};
use std::ops::ControlFlow::{self, Break, Continue};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use gate::wire::{Brand, FailReason, FromVault, Open, Outcome, PromptReason, Step, TO_VAULT_BYTES, VaultInput};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use zeroize::Zeroizing;

use crate::{
    entry::{Entry, EntryOutput, Mode},
    processor::Processor,
    sealed::SealedCard,
    submission::Submission,
};

/// From [`FromVault::ConnectionWanted`] to the connection.
pub const CONNECTION: Duration = Duration::from_secs(15);
/// Packets read from one socket before the others get their turn.
const BURST: usize = 32;

/// A capture under way. Dropping it wipes everything that is left of the card.
pub struct Session {
    open: Open,
    socket: OwnedFd,
    stage: Stage,
}

enum Stage {
    Entering(Box<Entry>),
    Waiting(SealedCard, Brand, Instant),
    Submitting(Box<Submission>),
}

/// Whether a session goes on, or what the gateway is told of its end: nothing where its end of the socket is closed.
pub type Turn = ControlFlow<Option<Outcome>>;

const fn failed(reason: FailReason) -> Turn {
    Break(Some(Outcome::Failed(reason)))
}

impl Session {
    /// Opens a capture on `socket`; its first turn asks for the first field.
    ///
    /// # Errors
    /// The system has no memory for a card.
    pub fn new(open: Open, socket: OwnedFd, mode: Mode, now: Instant) -> io::Result<Self> {
        Ok(Self { open, socket, stage: Stage::Entering(Box::new(Entry::new(open, mode, now)?)) })
    }

    /// What the session waits for: its capture socket, and the connection to the processor while there is one.
    pub fn descriptors(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let connection = match &self.stage {
            Stage::Submitting(submission) => Some(submission.descriptor()),
            Stage::Entering(_) | Stage::Waiting(..) => None,
        };
        [(self.socket.as_fd(), PollFlags::IN)].into_iter().chain(connection)
    }

    /// When a turn is due even if nothing comes.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Entering(entry) => entry.poll_timeout(),
            Stage::Waiting(.., deadline) => Some(*deadline),
            Stage::Submitting(submission) => Some(submission.poll_timeout()),
        }
    }

    /// Something has come, or a deadline has passed. A socket closed by the gateway ends the session whatever its stage.
    pub fn handle_ready(&mut self, now: Instant) -> Turn {
        self.receive(now)?;
        match &mut self.stage {
            Stage::Entering(entry) => entry.handle_timeout(now),
            Stage::Waiting(.., deadline) if now >= *deadline => return failed(FailReason::NoConnection),
            Stage::Waiting(..) => {}
            Stage::Submitting(submission) => {
                submission.handle_ready(now).map_or(Continue(()), |outcome| Break(Some(outcome)))?;
            }
        }
        self.drain(now)
    }

    fn receive(&mut self, now: Instant) -> Turn {
        for _ in 0..BURST {
            let mut packet = Zeroizing::new([0; TO_VAULT_BYTES + 1]);
            let read = match rustix::net::recv(&self.socket, &mut packet[..], RecvFlags::DONTWAIT) {
                Err(Errno::AGAIN | Errno::INTR) => return Continue(()),
                Ok((0, _)) | Err(_) => return Break(None),
                Ok((read, _)) => read,
            };
            match (&mut self.stage, VaultInput::decode(&packet[..read])) {
                (_, Err(_)) => return failed(FailReason::Protocol),
                (Stage::Entering(entry), Ok(input)) => entry.handle_input(now, input),
                (Stage::Waiting(..), Ok(VaultInput::Cancel)) => return failed(FailReason::Withdrawn),
                (Stage::Waiting(..) | Stage::Submitting(_), Ok(_)) => {}
            }
            self.drain(now)?;
        }
        Continue(())
    }

    /// Passes on what the entry wants. Called after every input to it.
    fn drain(&mut self, now: Instant) -> Turn {
        while let Stage::Entering(entry) = &mut self.stage
            && let Some(output) = entry.poll_output()
        {
            match output {
                EntryOutput::Tell(message) => tell(&self.socket, &message)?,
                EntryOutput::Failed(reason) => return failed(reason),
                EntryOutput::Complete(card, brand) => {
                    self.stage = Stage::Waiting(card, brand, now + CONNECTION);
                    tell(&self.socket, &FromVault::Prompt { step: Step::Wait, reason: PromptReason::First })?;
                    tell(&self.socket, &FromVault::ConnectionWanted)?;
                }
            }
        }
        Continue(())
    }

    /// The gateway gave a connection: the permission to submit. Without effect where none is awaited. With the stage the
    /// card is dropped, and wiped: what is left of it is the request.
    pub fn handle_connection(&mut self, now: Instant, processor: &Processor, connection: OwnedFd) -> Turn {
        let Stage::Waiting(card, brand, _) = &self.stage else { return Continue(()) };
        let request = processor.request(&self.open, card);
        gate::sabotaged("keep_code").then(|| std::mem::forget(["\0", card.expose(Step::Code), "\0"].concat()));
        gate::sabotaged("number_in_error").then(|| io::stderr().write_all(card.expose(Step::Number).as_bytes()));
        let begun = request.and_then(|request| {
            let last_four = card.last_four().ok_or(io::ErrorKind::InvalidData)?;
            Submission::begin(processor, connection, request, (*brand, last_four), now)
        });
        let Ok(submission) = begun else { return failed(FailReason::ProcessorUnreachable) };
        self.stage = Stage::Submitting(Box::new(submission));
        self.handle_ready(now)
    }

    /// Wipes what is left; only the socket survives, for the outcome and the wipe record.
    pub fn wipe(self) -> OwnedFd {
        self.socket
    }
}

/// Sends one message. A gateway that does not read counts as gone.
pub fn tell(socket: &OwnedFd, message: &FromVault) -> Turn {
    let sent = rustix::net::send(socket, &message.encode(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
    if sent.is_ok() { Continue(()) } else { Break(None) }
}
