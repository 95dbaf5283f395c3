//! What the gate tells its driver, and the queue in which it waits.

use std::collections::VecDeque;

use crate::{
    CaptureOutcome, CapturePrompt, Collected, ControlFailure, MenuKey, SpeechEdge,
    wire::{Step, ToVault, WipeRecord},
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

/// Outputs that wait at most. One input makes 14 at the most: the keys of a run, what ends it, and edges of speech.
const MOST: usize = 16;

/// Outputs in order, of a bounded number. Keys lie on the heap, so that none is left behind in a slot.
pub(crate) struct Outputs {
    pub(crate) queue: VecDeque<GateOutput>,
    /// Outputs dropped because there were too many.
    pub(crate) overflow: u64,
}

impl Outputs {
    pub(crate) fn new() -> Self {
        Self { queue: VecDeque::with_capacity(MOST), overflow: 0 }
    }

    pub(crate) fn push(&mut self, output: GateOutput) {
        if self.queue.len() == MOST {
            self.overflow += 1;
        } else {
            self.queue.push_back(output);
        }
    }
}
