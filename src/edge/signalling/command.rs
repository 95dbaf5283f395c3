//! What the application asks of signalling.

use std::time::Duration;

use sip::{
    AnswerError, Availability, CallHandle, DialogRecord, HangUp, ReferTarget, RestoreError, Status, Trunk,
    media::LocalMedia,
};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// How long a command may wait for the task.
const PATIENCE: Duration = Duration::from_secs(2);

/// One command, with the way back where it has an answer.
pub(super) enum Command {
    Ring(CallHandle),
    PrepareAnswer(CallHandle, oneshot::Sender<Result<DialogRecord, AnswerError>>),
    Answer(CallHandle, LocalMedia, oneshot::Sender<Result<(), AnswerError>>),
    Reject(CallHandle, Status, Option<u32>),
    HangUp(CallHandle, HangUp),
    Refer(CallHandle, ReferTarget),
    Restore(Box<DialogRecord>, oneshot::Sender<Result<CallHandle, RestoreError>>),
    SetAvailability(Availability),
    SetTrunks(Vec<Trunk>),
    SetMostCalls(usize),
    CountCalls(oneshot::Sender<CallCount>),
}

/// How many calls signalling holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallCount {
    /// Calls that have come in and not ended.
    pub active: usize,
    /// Whether nothing is left, not even a BYE that waits for its answer.
    pub is_idle: bool,
}

/// Why a command was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CommandError {
    /// The task has ended.
    #[error("signalling has stopped")]
    Stopped,
    /// The task did not take or answer the command in time.
    #[error("signalling is too busy to take the command")]
    Busy,
    /// The call cannot be answered.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The dialog cannot be ended.
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

/// Gives commands to signalling; cheap to clone. A command for a call that has ended meanwhile does nothing.
#[derive(Clone)]
pub struct SignallingHandle {
    commands: mpsc::Sender<Command>,
}

impl SignallingHandle {
    pub(super) fn new(commands: mpsc::Sender<Command>) -> Self {
        Self { commands }
    }

    /// Sends 180 Ringing.
    pub async fn ring(&self, call: CallHandle) -> Result<(), CommandError> {
        self.send(Command::Ring(call)).await
    }

    /// What must be durable before [`SignallingHandle::answer`].
    pub async fn prepare_answer(&self, call: CallHandle) -> Result<DialogRecord, CommandError> {
        Ok(self.ask(|reply| Command::PrepareAnswer(call, reply)).await??)
    }

    /// Sends 200 OK with a session description of this media.
    pub async fn answer(&self, call: CallHandle, local: LocalMedia) -> Result<(), CommandError> {
        Ok(self.ask(|reply| Command::Answer(call, local, reply)).await??)
    }

    /// Refuses a call with a 3xx to 6xx, and Retry-After in seconds where given.
    pub async fn reject(&self, call: CallHandle, status: Status, retry_after: Option<u32>) -> Result<(), CommandError> {
        self.send(Command::Reject(call, status, retry_after)).await
    }

    /// Ends a call.
    pub async fn hang_up(&self, call: CallHandle, reason: HangUp) -> Result<(), CommandError> {
        self.send(Command::HangUp(call, reason)).await
    }

    /// Asks the caller's side to call `target` in this side's place; events tell what comes of it.
    pub async fn refer(&self, call: CallHandle, target: ReferTarget) -> Result<(), CommandError> {
        self.send(Command::Refer(call, target)).await
    }

    /// Ends a dialog of an earlier process by BYE.
    pub async fn restore_and_hang_up(&self, record: DialogRecord) -> Result<CallHandle, CommandError> {
        Ok(self.ask(|reply| Command::Restore(Box::new(record), reply)).await??)
    }

    /// Says whether new calls are welcome.
    pub async fn set_availability(&self, availability: Availability) -> Result<(), CommandError> {
        self.send(Command::SetAvailability(availability)).await
    }

    /// Replaces the trunks; calls under way stay.
    pub async fn set_trunks(&self, trunks: Vec<Trunk>) -> Result<(), CommandError> {
        self.send(Command::SetTrunks(trunks)).await
    }

    /// Sets the most calls of all trunks; calls under way stay.
    pub async fn set_most_calls(&self, calls: usize) -> Result<(), CommandError> {
        self.send(Command::SetMostCalls(calls)).await
    }

    /// How many calls there are: to know when draining is done, and whether the task is alive.
    pub async fn count_calls(&self) -> Result<CallCount, CommandError> {
        self.ask(Command::CountCalls).await
    }

    async fn send(&self, command: Command) -> Result<(), CommandError> {
        self.commands.send_timeout(command, PATIENCE).await.map_err(|error| match error {
            mpsc::error::SendTimeoutError::Timeout(_) => CommandError::Busy,
            mpsc::error::SendTimeoutError::Closed(_) => CommandError::Stopped,
        })
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, CommandError> {
        let (reply, answer) = oneshot::channel();
        self.send(command(reply)).await?;
        match timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(CommandError::Stopped),
            Err(_) => Err(CommandError::Busy),
        }
    }
}
