//! A capture on the gateway's side: the mute and its proof, the vault's messages, and the way out.
//!
//! `Idle → Muting → Armed → Wiping → Releasing → Idle`. Whatever fails leads to `Wiping` or `Releasing`, and only
//! `Releasing` leads out of the mute.

use std::time::Instant;

use crate::{
    CaptureEvent, CaptureFailure, CaptureId, CaptureOutcome, CapturePrompt, ControlFailure, GateOutput, KEY_UP_GUARD,
    LONGEST_CAPTURE, MuteEpoch, VAULT_SILENCE, WIPE_DEADLINE,
    key::Key,
    outputs::Outputs,
    wire::{FromVault, Outcome, Step, ToVault},
};

/// Where a capture stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The leg is mute; not every sink has said so.
    Muting,
    /// Every sink is silent.
    Armed,
    /// The outcome is known; the vault has yet to say that it wiped.
    Wiping { deadline: Instant },
    /// Wiped. Waits until every key is up.
    Releasing,
}

struct Session {
    name: CaptureId,
    epoch: MuteEpoch,
    phase: Phase,
    began: Instant,
    /// The step whose prompt is being played.
    prompt: Option<Step>,
    /// The vault has said something.
    opened: bool,
    /// The card may have been submitted.
    submitting: bool,
    /// The caller hung up: no key is waited for.
    gone: bool,
}

/// The capture of one leg.
pub(crate) struct Capture {
    session: Option<Session>,
    epochs: u64,
}

impl Capture {
    pub(crate) fn new() -> Self {
        Self { session: None, epochs: 0 }
    }

    /// The mute that is on.
    pub(crate) fn epoch(&self) -> Option<MuteEpoch> {
        self.session.as_ref().map(|session| session.epoch)
    }

    /// Whether keys belong to the vault: it is armed and the vault has asked for something.
    pub(crate) fn takes_keys(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.phase == Phase::Armed && session.opened)
    }

    /// Whether sinks must prove that they are mute.
    pub(crate) fn needs_proof(&self) -> bool {
        self.session.as_ref().is_some_and(|session| matches!(session.phase, Phase::Muting | Phase::Armed))
    }

    /// Begins: the mute is on from here. The new epoch, or `None` where a capture is under way.
    pub(crate) fn begin(&mut self, now: Instant, name: CaptureId) -> Option<MuteEpoch> {
        if self.session.is_some() {
            return None;
        }
        self.epochs += 1;
        let epoch = MuteEpoch(self.epochs);
        let phase = Phase::Muting;
        let (opened, submitting, gone) = (false, false, false);
        self.session = Some(Session { name, epoch, phase, began: now, prompt: None, opened, submitting, gone });
        Some(epoch)
    }

    /// Every sink has proven its mute.
    pub(crate) fn proven(&mut self, outputs: &mut Outputs) {
        if let Some(session) = self.session.as_mut().filter(|session| session.phase == Phase::Muting) {
            session.phase = Phase::Armed;
            outputs.push(GateOutput::Capture(CaptureEvent::Armed));
        }
    }

    /// Passes a key to the vault. A key during a prompt cuts it short. A to D belong to no card.
    pub(crate) fn press(&mut self, key: Key, outputs: &mut Outputs) {
        let Some(session) = &mut self.session else { return };
        let Some(keypress) = key.into_keypress() else { return };
        if let Some(step) = session.prompt.take() {
            outputs.push(GateOutput::Vault(ToVault::prompt_ended(step)));
        }
        outputs.push(GateOutput::Vault(ToVault::key(keypress)));
    }

    /// The prompt of this step was played to its end.
    pub(crate) fn prompt_ended(&mut self, prompt: CapturePrompt, outputs: &mut Outputs) {
        let Some(session) = self.session.as_mut().filter(|session| session.phase == Phase::Armed) else { return };
        if session.prompt.take_if(|step| *step == prompt.step).is_some() {
            outputs.push(GateOutput::Vault(ToVault::prompt_ended(prompt.step)));
        }
    }

    /// Takes one packet of the capture socket.
    pub(crate) fn handle_vault(&mut self, now: Instant, packet: &[u8], outputs: &mut Outputs) {
        let Some(session) = &mut self.session else { return };
        match (session.phase, FromVault::decode(packet)) {
            (Phase::Armed, Ok(message)) => self.take_message(now, message, outputs),
            (Phase::Wiping { .. }, Ok(FromVault::Wiped(record))) if record.capture == session.name => {
                session.phase = Phase::Releasing;
                outputs.push(GateOutput::Capture(CaptureEvent::WipeRecord(record)));
            }
            (Phase::Muting, _) | (Phase::Armed, Err(_)) => {
                self.fail(now, CaptureFailure::VaultMisbehaved, outputs);
            }
            // The outcome is known; what crossed with it, or is malformed, changes nothing more.
            (Phase::Wiping { .. } | Phase::Releasing, _) => {}
        }
    }

    /// The vault's end of the capture socket is closed, which wipes; without a wipe record that is not proven.
    pub(crate) fn vault_closed(&mut self, now: Instant, outputs: &mut Outputs) {
        let Some(phase) = self.session.as_ref().map(|session| session.phase) else { return };
        match phase {
            Phase::Muting | Phase::Armed => {
                self.fail(now, CaptureFailure::VaultClosed, outputs);
                self.wipe_unconfirmed(outputs);
            }
            Phase::Wiping { .. } => self.wipe_unconfirmed(outputs),
            Phase::Releasing => {}
        }
    }

    /// Withdraws the capture. Without effect once the card may have been submitted: the outcome will come.
    pub(crate) fn cancel(&mut self, now: Instant, outputs: &mut Outputs) {
        if self.session.as_ref().is_some_and(|session| !session.submitting) {
            self.fail(now, CaptureFailure::Cancelled, outputs);
        }
    }

    /// A sink's mute is not proven.
    pub(crate) fn fail_control(&mut self, now: Instant, failure: ControlFailure, outputs: &mut Outputs) {
        if self.needs_proof() {
            outputs.push(GateOutput::Control(failure));
            self.fail(now, CaptureFailure::Control(failure), outputs);
        }
    }

    /// The call has ended: only the wipe is waited for.
    pub(crate) fn hang_up(&mut self, now: Instant, outputs: &mut Outputs) {
        self.fail(now, CaptureFailure::HungUp, outputs);
        if let Some(session) = &mut self.session {
            session.gone = true;
        }
    }

    /// When something is due, where the last key or tone was at `quiet_since`.
    pub(crate) fn poll_timeout(&self, quiet_since: Instant) -> Option<Instant> {
        let session = self.session.as_ref()?;
        match session.phase {
            // The sinks' own deadlines name the one that is missing.
            Phase::Muting => None,
            Phase::Armed => Some(session.began + if session.opened { LONGEST_CAPTURE } else { VAULT_SILENCE }),
            Phase::Wiping { deadline } => Some(deadline),
            Phase::Releasing if session.gone => Some(session.began),
            Phase::Releasing => Some(quiet_since.max(session.began) + KEY_UP_GUARD),
        }
    }

    /// Does what is due. Whether the mute has just ended, so that the gate must flush.
    pub(crate) fn handle_timeout(&mut self, now: Instant, quiet_since: Instant, outputs: &mut Outputs) -> bool {
        while let Some(session) = &self.session
            && self.poll_timeout(quiet_since).is_some_and(|due| now >= due)
        {
            match session.phase {
                Phase::Muting => {}
                Phase::Armed => self.fail(now, CaptureFailure::Expired, outputs),
                Phase::Wiping { .. } => self.wipe_unconfirmed(outputs),
                Phase::Releasing => {
                    self.session = None;
                    outputs.push(GateOutput::Capture(CaptureEvent::Released));
                    return true;
                }
            }
        }
        false
    }

    fn take_message(&mut self, now: Instant, message: FromVault, outputs: &mut Outputs) {
        let Some(session) = &mut self.session else { return };
        session.opened = true;
        match message {
            FromVault::Prompt { step, reason } => {
                session.prompt = Some(step);
                outputs.push(GateOutput::Prompt(CapturePrompt { step, reason }));
            }
            FromVault::Progress { step, count } => {
                outputs.push(GateOutput::Capture(CaptureEvent::Progress { step, count }));
            }
            FromVault::ConnectionWanted => {
                session.submitting = true;
                outputs.push(GateOutput::Capture(CaptureEvent::ConnectionWanted));
            }
            FromVault::Outcome(outcome) => self.conclude(now, told(outcome), outputs),
            FromVault::Wiped(_) => self.fail(now, CaptureFailure::VaultMisbehaved, outputs),
        }
    }

    /// Ends the capture without the vault's word: told to it where it can hear, and unknown where a card may be on
    /// its way.
    fn fail(&mut self, now: Instant, failure: CaptureFailure, outputs: &mut Outputs) {
        let Some(session) = self.session.as_mut() else { return };
        match session.phase {
            Phase::Muting => {
                session.phase = Phase::Releasing;
                outputs.push(GateOutput::Capture(CaptureEvent::Outcome(CaptureOutcome::Failed(failure))));
            }
            Phase::Armed => {
                outputs.push(GateOutput::Vault(ToVault::cancel()));
                let outcome =
                    if session.submitting { CaptureOutcome::Unknown } else { CaptureOutcome::Failed(failure) };
                self.conclude(now, outcome, outputs);
            }
            Phase::Wiping { .. } | Phase::Releasing => {}
        }
    }

    fn conclude(&mut self, now: Instant, outcome: CaptureOutcome, outputs: &mut Outputs) {
        if let Some(session) = &mut self.session {
            let deadline = now + WIPE_DEADLINE;
            session.phase = if session.opened { Phase::Wiping { deadline } } else { Phase::Releasing };
            session.prompt = None;
            outputs.push(GateOutput::Capture(CaptureEvent::Outcome(outcome)));
        }
    }

    fn wipe_unconfirmed(&mut self, outputs: &mut Outputs) {
        if let Some(session) = self.session.as_mut().filter(|session| matches!(session.phase, Phase::Wiping { .. })) {
            session.phase = Phase::Releasing;
            outputs.push(GateOutput::Control(ControlFailure::WipeUnconfirmed));
        }
    }
}

fn told(outcome: Outcome) -> CaptureOutcome {
    match outcome {
        Outcome::Approved(approval) => CaptureOutcome::Approved(approval),
        Outcome::Declined(reason) => CaptureOutcome::Declined(reason),
        Outcome::Failed(reason) => CaptureOutcome::Failed(CaptureFailure::Vault(reason)),
        Outcome::Unknown => CaptureOutcome::Unknown,
    }
}

#[cfg(test)]
mod tests;
