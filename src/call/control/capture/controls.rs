//! The controls of a capture that failed, and keys that were kept from an agent: written down, by their stable names.

use gate::{CaptureFailure, ControlFailure, SuppressReason, Suppressed, wire::FailReason};

use super::super::Call;
use crate::port::AuditEvent;

impl Call {
    /// A control of the capture failed. The gate has already failed closed; here it is written down.
    pub(in super::super) fn control_failed(&mut self, failure: ControlFailure) {
        self.note("control.failed", format!("{failure:?}"));
        self.audit(AuditEvent::ControlFailed { control: control_label(failure) });
    }

    pub(in super::super) fn suppressed(&mut self, suppressed: Suppressed) {
        let reason = match suppressed.reason {
            SuppressReason::Undeclared => "undeclared",
            SuppressReason::RunTooLong => "run_too_long",
            SuppressReason::BudgetSpent => "budget_spent",
            SuppressReason::Capture => "capture",
        };
        self.note("keys.suppressed", format!("{} {reason}", suppressed.keys));
        self.audit(AuditEvent::KeysSuppressed { keys: suppressed.keys, reason });
    }
}

fn control_label(failure: ControlFailure) -> &'static str {
    match failure {
        ControlFailure::MuteNotAcknowledged(_) => "mute_not_acknowledged",
        ControlFailure::MuteLapsed(_) => "mute_lapsed",
        ControlFailure::WipeUnconfirmed => "wipe_unconfirmed",
    }
}

pub(super) fn failure_label(failure: CaptureFailure) -> &'static str {
    match failure {
        CaptureFailure::Vault(FailReason::Withdrawn) | CaptureFailure::Cancelled => "cancelled",
        CaptureFailure::Vault(reason) => reason.name(),
        CaptureFailure::Control(control) => control_label(control),
        CaptureFailure::HungUp => "hung_up",
        CaptureFailure::VaultClosed => "vault_closed",
        CaptureFailure::VaultMisbehaved => "vault_misbehaved",
        CaptureFailure::Expired => "expired",
    }
}
