//! What the gate tells its driver.

use crate::{
    Collected, MenuKey, SinkId,
    wire::{Approval, DeclineReason, FailReason, PromptReason, Step, ToVault, WipeRecord},
};

/// One output of the gate. Drain them with [`crate::Gate::poll_output`] after every input.
pub enum GateOutput {
    /// A key outside captures, within its budget.
    MenuKey(MenuKey),
    /// A declared collect has ended; its keys went before it as [`GateOutput::MenuKey`].
    Collected(Collected),
    /// The caller began or stopped to speak.
    Speech(SpeechEdge),
    /// Send this on the capture socket, at once and in order. Where that fails, call [`crate::Gate::vault_closed`].
    Vault(ToVault),
    /// Play this prompt to the caller, then call [`crate::Gate::prompt_ended`]. A [`CaptureEvent::Progress`] of its
    /// step cuts it short.
    Prompt(CapturePrompt),
    /// The capture went a step on.
    Capture(CaptureEvent),
    /// A control of the capture failed: audit and alert. Where it ends the capture, the outcome follows.
    Control(ControlFailure),
    /// Keys were dropped outside captures: audit.
    Suppressed(Suppressed),
}

/// The caller's voice, as a boolean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeechEdge {
    /// The caller began to speak.
    Started,
    /// The caller has been silent for a while.
    Stopped,
}

/// A prompt of a capture, by name: the gateway maps it to audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapturePrompt {
    /// What the caller is asked for.
    pub step: Step,
    /// Why.
    pub reason: PromptReason,
}

/// A step of a capture. In order: armed, any number of progress and connection, one outcome, at most one wipe record
/// (after or without an outcome), released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureEvent {
    /// Every sink is provably silent: open the capture at the vault.
    Armed,
    /// A field holds this many keys; nothing finer about keys leaves the gate.
    Progress {
        /// The field.
        step: Step,
        /// Keys held; always zero for the security code.
        count: u8,
    },
    /// The vault has what it needs: make the payment row durable, then pass it a connection to the processor.
    ConnectionWanted,
    /// How it ended. The mute goes on until [`CaptureEvent::Released`].
    Outcome(CaptureOutcome),
    /// The vault's signed statement of the wipe: audit.
    WipeRecord(WipeRecord),
    /// Wiped, flushed, keys up for [`crate::KEY_UP_GUARD`]: the caller's audio flows again. Close the capture socket.
    Released,
}

/// How a capture ended, to the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureOutcome {
    /// The payment is made.
    Approved(Approval),
    /// The payment was declined; nothing was charged.
    Declined(DeclineReason),
    /// The capture ended before a decision; nothing was charged.
    Failed(CaptureFailure),
    /// The card may have been submitted and no answer is known. Read the payment's id at the processor; never submit
    /// the card again.
    Unknown,
}

/// Why a capture ended without a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureFailure {
    /// The vault says why.
    Vault(FailReason),
    /// A sink's mute could not be proven.
    Control(ControlFailure),
    /// The call ended.
    HungUp,
    /// The gateway cancelled it.
    Cancelled,
    /// The vault closed the capture's socket, or died.
    VaultClosed,
    /// The vault sent what the messages' rules refuse, or for another capture.
    VaultMisbehaved,
    /// The vault said nothing for [`crate::VAULT_SILENCE`], or the capture lasted [`crate::LONGEST_CAPTURE`].
    Expired,
}

/// A critical control that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlFailure {
    /// A sink did not acknowledge the mute within [`crate::MUTE_DEADLINE`].
    MuteNotAcknowledged(SinkId),
    /// A sink did not renew its acknowledgement within [`crate::MUTE_LEASE`].
    MuteLapsed(SinkId),
    /// No wipe record came within [`crate::WIPE_DEADLINE`] of the outcome: close the socket, which wipes.
    WipeUnconfirmed,
}

/// Keys that were dropped outside captures, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suppressed {
    /// How many.
    pub keys: u32,
    /// Why.
    pub reason: SuppressReason,
}

/// Why keys outside captures were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuppressReason {
    /// No collect was declared, and the policy releases no run.
    Undeclared,
    /// The run was longer than [`crate::KEY_BUDGET`].
    RunTooLong,
    /// The run would have made more than [`crate::KEY_BUDGET`] keys in [`crate::BUDGET_WINDOW`].
    BudgetSpent,
    /// The run went on into a capture, or a capture's mute was not yet over.
    Capture,
}
