//! Whether the call is recorded, from when, and until when.

use std::time::Instant;

use book::record::{DebtorRequest, RecordingConsent};
use rules::recording::{self, Basis, Circumstances};

use super::{Call, Output, Phase, SinkKind};
use crate::port::AuditEvent;

/// How far the recording is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Recording {
    /// There is none.
    #[default]
    Absent,
    /// The recorder was asked for.
    Asked,
    /// It runs, into the file of this name.
    Running(String),
    /// It could not begin.
    Failed,
    /// It was stopped before the call ended. The file of this name holds what was recorded up to then.
    Stopped(String),
}

impl Recording {
    /// The file's name, where there is one.
    pub(super) fn file(&self) -> Option<&str> {
        match self {
            Self::Running(name) | Self::Stopped(name) => Some(name),
            Self::Absent | Self::Asked | Self::Failed => None,
        }
    }
}

impl Call {
    /// The recorder that [`Output::Attach`] asked for has begun the file of this name, or could not: then the call goes on
    /// unrecorded.
    pub fn handle_recorder(&mut self, now: Instant, file: Option<String>) {
        self.now = now;
        let Some(file) = file else {
            self.facts.recording = Recording::Failed;
            return self.note("recording.failed", "the call goes on unrecorded");
        };
        self.facts.recording = Recording::Running(file);
        self.audit(AuditEvent::RecordingStarted { basis: self.recording_basis().name() });
        self.progress();
    }

    /// Begins or stops the recording as the rule says now; to be asked whenever more is known.
    pub(super) fn consider_recording(&mut self) {
        let is_permitted = self.recording_basis().permits();
        if is_permitted && self.facts.recording == Recording::Absent && self.phase == Phase::Talking {
            self.facts.recording = Recording::Asked;
            self.outputs.push_back(Output::Attach(SinkKind::Recorder));
        } else if !is_permitted && let Recording::Running(file) = &mut self.facts.recording {
            let file = std::mem::take(file);
            self.stop_recording(file);
        }
    }

    fn stop_recording(&mut self, file: String) {
        let basis = self.recording_basis().name();
        self.facts.recording = Recording::Stopped(file);
        self.note("recording.stopped", basis);
        self.audit(AuditEvent::RecordingStopped { basis });
        self.outputs.push_back(Output::Detach(SinkKind::Recorder));
        self.progress();
    }

    /// The caller does not want to be recorded.
    pub(super) fn recording_refused(&mut self) {
        self.facts.requests.insert(DebtorRequest::NoRecording);
        self.consider_recording();
    }

    /// By which rule the call is recorded, or is not.
    pub(super) fn recording_basis(&self) -> Basis {
        let known = Circumstances {
            is_trunk_recorded: !self.settings.unrecorded.contains(&self.invitation.trunk),
            is_notice_played: self.guard.was_played(dialogue::Disclosure::RecordingNotice),
            is_refused: self.facts.requests.contains(&DebtorRequest::NoRecording),
            number: self.invitation.caller.as_ref().map(book::Phone::as_e164),
            postal_code: self.matter.account().map(|account| account.postal_code.as_str()),
        };
        recording::decide(self.settings.recording, &known)
    }

    /// What the attempt says of the caller's consent.
    pub(super) fn recording_consent(&self) -> RecordingConsent {
        if self.facts.requests.contains(&DebtorRequest::NoRecording) {
            return RecordingConsent::Refused;
        }
        match self.recording_basis() {
            Basis::Notice | Basis::OneParty => RecordingConsent::Granted,
            Basis::NoNotice => RecordingConsent::NotAsked,
            Basis::Refused => RecordingConsent::Refused,
            Basis::Off | Basis::Trunk | Basis::AllParty | Basis::UnknownPlace => RecordingConsent::NotRequired,
        }
    }
}
