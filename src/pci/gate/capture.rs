//! A capture on the gateway's side: the mute, the vault's messages, and the way out.
//!
//! `Idle → Muting → Opening → Entering → Submitting → Wiping → Releasing → Idle`, or `Delegated` after `Opening`. Whatever
//! fails leads to `Wiping`, or to `Releasing` where the vault has nothing to wipe, and only `Releasing` leads out of the mute.

use std::time::Instant;

use crate::{
    CaptureEvent, CaptureFailure, CaptureId, CaptureOutcome, CapturePrompt, ControlFailure, GateOutput, KEY_UP_GUARD,
    LONGEST_CAPTURE, MuteEpoch, VAULT_SILENCE, WIPE_DEADLINE,
    key::Key,
    output::Outputs,
    wire::{FromVault, Keypress, Step, ToVault},
};

/// Where a capture stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There is none.
    Idle,
    /// The leg is mute; not every sink has said so.
    Muting,
    /// Every sink is silent; the vault has said nothing yet.
    Opening,
    /// Every sink is silent, and the carrier takes the keys: there is no vault.
    Delegated,
    /// The vault takes keys.
    Entering,
    /// It takes keys, and the card may have been submitted.
    Submitting,
    /// The outcome is known; until then the vault is to say that it wiped.
    Wiping(Instant),
    /// Wiped. Waits until every key is up.
    Releasing,
}

/// The capture of one leg. Its fields are the last capture's where there is none.
pub(crate) struct Capture {
    phase: Phase,
    name: CaptureId,
    /// How many there were: the number of its mute.
    epoch: u64,
    began: Instant,
    /// The step whose prompt is being played.
    prompt: Option<Step>,
    /// The caller hung up: no key is waited for.
    gone: bool,
}

impl Capture {
    pub(crate) fn new(now: Instant) -> Self {
        Self { phase: Phase::Idle, name: CaptureId::default(), epoch: 0, began: now, prompt: None, gone: false }
    }

    /// The mute that is on.
    pub(crate) fn epoch(&self) -> Option<MuteEpoch> {
        (self.phase != Phase::Idle).then_some(MuteEpoch(self.epoch))
    }

    /// Whether keys belong to the vault: it is armed and the vault has asked for something.
    pub(crate) fn takes_keys(&self) -> bool {
        matches!(self.phase, Phase::Entering | Phase::Submitting)
    }

    /// Whether sinks must prove that they are mute.
    pub(crate) fn needs_proof(&self) -> bool {
        matches!(self.phase, Phase::Muting | Phase::Opening | Phase::Delegated) || self.takes_keys()
    }

    /// Begins: the mute is on from here. Whether it does: not where a capture is under way.
    pub(crate) fn begin(&mut self, now: Instant, name: CaptureId) -> bool {
        let begins = self.phase == Phase::Idle;
        if begins {
            (self.phase, self.name, self.began, self.gone) = (Phase::Muting, name, now, false);
            self.epoch += 1;
        }
        begins
    }

    /// Every sink has proven its mute, or had before.
    pub(crate) fn proven(&mut self, outputs: &mut Outputs) {
        if self.phase == Phase::Muting {
            self.phase = Phase::Opening;
            outputs.push(GateOutput::Capture(CaptureEvent::Armed));
        }
    }

    /// The carrier takes the keys from here on.
    pub(crate) fn delegate(&mut self) {
        if self.phase == Phase::Opening {
            self.phase = Phase::Delegated;
        }
    }

    /// Passes a key to the vault. A key during a prompt cuts it short. A to D belong to no card.
    pub(crate) fn press(&mut self, key: &Key, outputs: &mut Outputs) {
        let Some(keypress) = Keypress::new(key.symbol()) else { return };
        if let Some(step) = self.prompt.take() {
            outputs.push(GateOutput::Vault(ToVault::prompt_ended(step)));
        }
        outputs.push(GateOutput::Vault(ToVault::key(keypress)));
    }

    /// The prompt of this step was played to its end.
    pub(crate) fn prompt_ended(&mut self, prompt: CapturePrompt, outputs: &mut Outputs) {
        if self.prompt.take_if(|step| *step == prompt.step).is_some() {
            outputs.push(GateOutput::Vault(ToVault::prompt_ended(prompt.step)));
        }
    }

    /// Takes one packet of the capture socket.
    pub(crate) fn handle_vault(&mut self, now: Instant, packet: &[u8], outputs: &mut Outputs) {
        match (self.phase, FromVault::decode(packet)) {
            (Phase::Opening | Phase::Entering | Phase::Submitting, Ok(message)) => {
                self.take_message(now, message, outputs);
            }
            (Phase::Wiping(_), Ok(FromVault::Wiped(record))) if record.capture == self.name => {
                self.phase = Phase::Releasing;
                outputs.push(GateOutput::Capture(CaptureEvent::WipeRecord(record)));
            }
            // In `Wiping` and later: what crossed with the outcome, or is malformed, changes nothing more.
            (_, _) => self.fail(now, CaptureFailure::VaultMisbehaved, outputs),
        }
    }

    /// The vault's end of the capture socket is closed, which wipes; without a wipe record that is not proven.
    pub(crate) fn vault_closed(&mut self, now: Instant, outputs: &mut Outputs) {
        self.fail(now, CaptureFailure::VaultClosed, outputs);
        self.wipe_unconfirmed(outputs);
    }

    /// Withdraws the capture. Once a connection is wanted only the vault knows whether the card was submitted: it wipes a
    /// card that was not, and says so; else the processor's outcome comes.
    pub(crate) fn cancel(&mut self, now: Instant, outputs: &mut Outputs) {
        if self.phase == Phase::Submitting {
            return outputs.push(GateOutput::Vault(ToVault::cancel()));
        }
        self.fail(now, CaptureFailure::Cancelled, outputs);
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
        self.gone = true;
    }

    /// When something is due, where the last key or tone was at `quiet_since`.
    pub(crate) fn poll_timeout(&self, quiet_since: Instant) -> Option<Instant> {
        match self.phase {
            // The sinks' own deadlines name the one that is missing.
            Phase::Idle | Phase::Muting => None,
            Phase::Opening => Some(self.began + VAULT_SILENCE),
            Phase::Delegated | Phase::Entering | Phase::Submitting => Some(self.began + LONGEST_CAPTURE),
            Phase::Wiping(deadline) => Some(deadline),
            Phase::Releasing if self.gone => Some(self.began),
            Phase::Releasing => Some(quiet_since.max(self.began) + KEY_UP_GUARD),
        }
    }

    /// Does what is due. Whether the mute has just ended, so that the gate must flush.
    pub(crate) fn handle_timeout(&mut self, now: Instant, quiet_since: Instant, outputs: &mut Outputs) -> bool {
        while self.poll_timeout(quiet_since).is_some_and(|due| now >= due) {
            if self.phase == Phase::Releasing {
                self.phase = Phase::Idle;
                outputs.push(GateOutput::Capture(CaptureEvent::Released));
                return true;
            }
            self.wipe_unconfirmed(outputs);
            self.fail(now, CaptureFailure::Expired, outputs);
        }
        false
    }

    fn take_message(&mut self, now: Instant, message: FromVault, outputs: &mut Outputs) {
        if self.phase == Phase::Opening {
            self.phase = Phase::Entering;
        }
        match message {
            FromVault::Prompt { step, reason } => {
                self.prompt = Some(step);
                outputs.push(GateOutput::Prompt(CapturePrompt { step, reason }));
            }
            FromVault::Progress { step, count } => {
                outputs.push(GateOutput::Capture(CaptureEvent::Progress { step, count }));
            }
            FromVault::ConnectionWanted => {
                self.phase = Phase::Submitting;
                outputs.push(GateOutput::Capture(CaptureEvent::ConnectionWanted));
            }
            FromVault::Outcome(outcome) => self.conclude(now, outcome.into(), outputs),
            FromVault::Wiped(_) => self.fail(now, CaptureFailure::VaultMisbehaved, outputs),
        }
    }

    /// Ends the capture without the vault's word: told to it where it can hear, and unknown where a card may be on
    /// its way. Without effect where there is none, or its outcome is known.
    fn fail(&mut self, now: Instant, failure: CaptureFailure, outputs: &mut Outputs) {
        let outcome = match self.phase {
            Phase::Idle | Phase::Wiping(_) | Phase::Releasing => return,
            Phase::Muting | Phase::Opening | Phase::Delegated | Phase::Entering => CaptureOutcome::Failed(failure),
            Phase::Submitting => CaptureOutcome::Unknown,
        };
        if !matches!(self.phase, Phase::Muting | Phase::Delegated) {
            outputs.push(GateOutput::Vault(ToVault::cancel()));
        }
        self.conclude(now, outcome, outputs);
    }

    /// A vault that has said nothing has nothing to wipe.
    fn conclude(&mut self, now: Instant, outcome: CaptureOutcome, outputs: &mut Outputs) {
        self.phase = if self.takes_keys() { Phase::Wiping(now + WIPE_DEADLINE) } else { Phase::Releasing };
        self.prompt = None;
        outputs.push(GateOutput::Capture(CaptureEvent::Outcome(outcome)));
    }

    fn wipe_unconfirmed(&mut self, outputs: &mut Outputs) {
        if matches!(self.phase, Phase::Wiping(_)) {
            self.phase = Phase::Releasing;
            outputs.push(GateOutput::Control(ControlFailure::WipeUnconfirmed));
        }
    }
}
