//! One capture, from its opening to its wipe: the entry, the wait for a connection, the submission.

use std::{
    ops::ControlFlow,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use gate::wire::{
    CaptureName, FailReason, FromVault, Open, Outcome, PromptReason, Step, TO_VAULT_BYTES, VaultInput, WipeCause,
};
use rustix::{
    event::PollFlags,
    io::Errno,
    net::{RecvFlags, SendFlags},
};
use zeroize::Zeroizing;

use crate::{
    card::Today,
    entry::{Complete, Entry, EntryOutput, EntryRules},
    submission::{Processor, Submission},
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
    Waiting(Complete, Instant),
    Submitting(Box<Submission>),
    /// Only between two stages, and after the end.
    Over,
}

/// How a session ended.
pub struct End {
    /// What the gateway is told. `None` where its end of the socket is closed.
    pub outcome: Option<Outcome>,
    /// What the wipe record says.
    pub cause: WipeCause,
}

impl End {
    const CLOSED: Self = Self { outcome: None, cause: WipeCause::Closed };

    fn of(outcome: Outcome) -> Self {
        let cause = match outcome {
            Outcome::Approved(_) | Outcome::Declined(_) | Outcome::Failed(FailReason::ProcessorRefused) => {
                WipeCause::Answered
            }
            Outcome::Failed(FailReason::CancelledByCaller | FailReason::Withdrawn) => WipeCause::Cancelled,
            Outcome::Failed(_) | Outcome::Unknown => WipeCause::Failed,
        };
        Self { outcome: Some(outcome), cause }
    }

    fn failed(reason: FailReason) -> Self {
        Self::of(Outcome::Failed(reason))
    }
}

impl Session {
    /// Opens a capture on `socket`; [`Session::drain`] then asks for the number.
    #[must_use]
    pub fn new(open: Open, socket: OwnedFd, canary: bool, now: Instant) -> Self {
        let today = Today { year: open.year, month: open.month };
        let rules = EntryRules { today, postal: open.postal, brands: open.brands, canary };
        Self { open, socket, stage: Stage::Entering(Box::new(Entry::new(rules, now))) }
    }

    /// The capture's name.
    #[must_use]
    pub fn capture(&self) -> CaptureName {
        self.open.capture
    }

    /// The capture socket, for the poll.
    #[must_use]
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The connection to the processor and what it waits for, while there is one.
    #[must_use]
    pub fn connection(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match &self.stage {
            Stage::Submitting(submission) => Some((submission.descriptor(), submission.interest())),
            Stage::Entering(_) | Stage::Waiting(..) | Stage::Over => None,
        }
    }

    /// When [`Session::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Entering(entry) => entry.poll_timeout(),
            Stage::Waiting(_, deadline) => Some(*deadline),
            Stage::Submitting(submission) => Some(submission.poll_timeout()),
            Stage::Over => None,
        }
    }

    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, now: Instant) -> ControlFlow<End> {
        match &mut self.stage {
            Stage::Entering(entry) => entry.handle_timeout(now),
            Stage::Waiting(_, deadline) if now >= *deadline => {
                return ControlFlow::Break(End::failed(FailReason::NoConnection));
            }
            Stage::Submitting(submission) if now >= submission.poll_timeout() => {
                return ControlFlow::Break(End::of(submission.handle_timeout()));
            }
            Stage::Waiting(..) | Stage::Submitting(_) | Stage::Over => {}
        }
        self.drain(now)
    }

    /// The capture socket may be read. A socket closed by the gateway ends the session at once, whatever its stage.
    pub fn handle_socket(&mut self, now: Instant) -> ControlFlow<End> {
        for _ in 0..BURST {
            let mut packet = Zeroizing::new([0; TO_VAULT_BYTES + 1]);
            match rustix::net::recv(&self.socket, &mut packet[..], RecvFlags::DONTWAIT) {
                Ok((0, _)) => return ControlFlow::Break(End::CLOSED),
                Ok((read, _)) => self.handle_packet(now, &packet[..read])?,
                Err(Errno::AGAIN | Errno::INTR) => return ControlFlow::Continue(()),
                Err(_) => return ControlFlow::Break(End::CLOSED),
            }
        }
        ControlFlow::Continue(())
    }

    fn handle_packet(&mut self, now: Instant, packet: &[u8]) -> ControlFlow<End> {
        let Ok(input) = VaultInput::decode(packet) else {
            return ControlFlow::Break(End::failed(FailReason::Protocol));
        };
        match (&mut self.stage, input) {
            (Stage::Entering(entry), VaultInput::Key(key)) => entry.handle_key(now, key),
            (Stage::Entering(entry), VaultInput::PromptEnded(step)) => entry.handle_prompt_ended(now, step),
            (Stage::Entering(entry), VaultInput::Cancel) => entry.handle_cancel(),
            (Stage::Waiting(..), VaultInput::Cancel) => {
                return ControlFlow::Break(End::failed(FailReason::Withdrawn));
            }
            (Stage::Waiting(..) | Stage::Submitting(_) | Stage::Over, _) => {}
        }
        self.drain(now)
    }

    /// The gateway gave a connection: the permission to submit. Without effect where none is awaited.
    pub fn handle_connection(&mut self, now: Instant, processor: &Processor, connection: OwnedFd) -> ControlFlow<End> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Waiting(complete, _) => match Submission::begin(processor, connection, &self.open, complete, now) {
                Ok(submission) => self.stage = Stage::Submitting(Box::new(submission)),
                Err(reason) => return ControlFlow::Break(End::failed(reason)),
            },
            stage @ (Stage::Entering(_) | Stage::Submitting(_) | Stage::Over) => self.stage = stage,
        }
        self.handle_processor(now)
    }

    /// The connection to the processor may be read or written.
    pub fn handle_processor(&mut self, now: Instant) -> ControlFlow<End> {
        let Stage::Submitting(submission) = &mut self.stage else { return ControlFlow::Continue(()) };
        submission.handle_ready(now).map_or(ControlFlow::Continue(()), |outcome| ControlFlow::Break(End::of(outcome)))
    }

    /// Passes on what the entry wants. Called after every input to it.
    pub fn drain(&mut self, now: Instant) -> ControlFlow<End> {
        while let Stage::Entering(entry) = &mut self.stage
            && let Some(output) = entry.poll_output()
        {
            match output {
                EntryOutput::Prompt(step, reason) => self.tell(&FromVault::Prompt { step, reason })?,
                EntryOutput::Progress(step, count) => self.tell(&FromVault::Progress { step, count })?,
                EntryOutput::Failed(reason) => return ControlFlow::Break(End::failed(reason)),
                EntryOutput::Complete(complete) => {
                    self.stage = Stage::Waiting(complete, now + CONNECTION);
                    self.tell(&FromVault::Prompt { step: Step::Wait, reason: PromptReason::First })?;
                    self.tell(&FromVault::ConnectionWanted)?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Wipes what is left; only the socket survives, for the outcome and the wipe record.
    pub fn wipe(&mut self) {
        self.stage = Stage::Over;
    }

    /// Sends one message. A gateway that does not read counts as gone.
    pub fn tell(&self, message: &FromVault) -> ControlFlow<End> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match rustix::net::send(&self.socket, &message.encode(), flags) {
            Ok(_) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(End::CLOSED),
        }
    }
}
