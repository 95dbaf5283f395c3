//! The words of a capture: what is asked for, how it ended, and which control failed.

use crate::{Authorisation, DeclineReason, FailReason, Held, Outcome, PromptReason, Step};

/// A prompt of a capture, by name: the gateway maps it to audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapturePrompt {
    /// What the caller is asked for.
    pub step: Step,
    /// Why.
    pub reason: PromptReason,
}

/// How a capture ended, to the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureOutcome {
    /// The payment is made.
    Approved(Held, Authorisation),
    /// The processor keeps the card or the account and gave its token; nothing was charged.
    Tokenised(Held),
    /// The payment was declined; nothing was charged.
    Declined(DeclineReason),
    /// The capture ended before a decision; nothing was charged.
    Failed(CaptureFailure),
    /// The card may have been submitted and no answer is known. Read the payment's id at the processor; never submit
    /// the card again.
    Unknown,
}

impl From<Outcome> for CaptureOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Approved(held, authorisation) => Self::Approved(held, authorisation),
            Outcome::Tokenised(held) => Self::Tokenised(held),
            Outcome::Declined(reason) => Self::Declined(reason),
            Outcome::Failed(reason) => Self::Failed(CaptureFailure::Vault(reason)),
            Outcome::Unknown => Self::Unknown,
        }
    }
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
    /// The vault closed the capture's socket, or died, or a key could not be passed to it.
    VaultClosed,
    /// The vault sent what the messages' rules refuse, or for another capture.
    VaultMisbehaved,
    /// The vault said nothing for the gate's `VAULT_SILENCE`, or the capture lasted its `LONGEST_CAPTURE`.
    Expired,
}

/// A critical control that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlFailure {
    /// A sink did not acknowledge the mute within the gate's `MUTE_DEADLINE`.
    MuteNotAcknowledged(SinkId),
    /// A sink did not renew its acknowledgement within the gate's `MUTE_LEASE`.
    MuteLapsed(SinkId),
    /// No wipe record came within the gate's `WIPE_DEADLINE` of the outcome: close the socket, which wipes.
    WipeUnconfirmed,
}

/// Something that takes a leg's clean frames: an agent's queue, a recorder. Chosen by the driver, unique in a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SinkId(pub u32);
