//! A number that the caller said outside a capture: told, and silent in the recording if it can be (PCI DSS 12.10.7).

use std::time::Instant;

use dialogue::Finding;

use super::Call;
use crate::port::AuditEvent;

/// The control that keeps numbers which are said out of recordings.
const CONTROL: &str = "spoken_number_recorded";

impl Call {
    /// The recorder tells whether all of a number that was said is silent in its file.
    pub fn handle_silenced(&mut self, now: Instant, is_whole: bool) {
        self.now = now;
        self.note("number.recorded", if is_whole { "silenced" } else { "span not silenced" });
        self.audit(AuditEvent::SpanSilenced { is_whole });
        if !is_whole {
            self.audit(AuditEvent::ControlFailed { control: CONTROL });
        }
    }

    /// Digits were taken out of what the caller said.
    pub(super) fn number_said(&mut self, finding: Finding) {
        self.note("number.said", finding.name());
        if finding.is_number() {
            self.audit(AuditEvent::NumberSaid { finding: finding.name() });
        }
    }
}
