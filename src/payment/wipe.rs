//! What the vault states of a capture that it wiped.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{CaptureName, FailReason, Outcome};

/// The vault's statement that nothing of a capture is left, signed with the key that it introduces itself with (`gate::wire`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct WipeRecord {
    /// The capture.
    pub capture: CaptureName,
    /// Why it was wiped.
    pub cause: WipeCause,
    /// Counts this vault's records from 1, so that a missing one shows.
    pub sequence: u64,
    /// When, in milliseconds of Unix time.
    pub unix_millis: u64,
    /// Ed25519 over [`WipeRecord::signed_bytes`].
    pub signature: [u8; 64],
}

impl WipeRecord {
    /// What the signature covers: a name for the purpose, then every field but the signature, as they travel.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = b"tonegate-wipe-v2".to_vec();
        let written = (self.capture, self.cause, self.sequence, self.unix_millis).serialize(&mut bytes);
        debug_assert!(written.is_ok(), "a vector takes every byte");
        bytes
    }
}

named! {
    /// Why the vault wiped a capture.
    WipeCause {
        /// The processor answered.
        Answered "answered",
        /// The capture failed, before or without an answer.
        Failed "failed",
        /// The caller or the gateway cancelled.
        Cancelled "cancelled",
        /// The gateway's end of the capture socket closed: hang-up, or the gateway died.
        Closed "closed",
    }
}

impl WipeCause {
    /// Why a capture that ended so is wiped; without an outcome where nobody is left to be told.
    #[must_use]
    pub const fn of(end: Option<Outcome>) -> Self {
        match end {
            None => Self::Closed,
            Some(Outcome::Failed(FailReason::CancelledByCaller | FailReason::Withdrawn)) => Self::Cancelled,
            Some(Outcome::Failed(FailReason::ProcessorRefused)) => Self::Answered,
            Some(Outcome::Approved(..) | Outcome::Tokenised(_) | Outcome::Declined(_)) => Self::Answered,
            Some(Outcome::Failed(_) | Outcome::Unknown) => Self::Failed,
        }
    }
}
