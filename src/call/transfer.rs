//! Callers who are handed over to somebody else: to whom, how far that is, and how it ended.

use serde::Serialize;
use sip::{ReferTarget, ReferralEnd};

/// Where callers may be transferred to. It comes from the configuration: who asks for a transfer names it, and can name
/// nothing else.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Whom the caller's side is asked to call.
    pub target: ReferTarget,
    /// Whether the caller is told before.
    pub is_announced: bool,
}

/// A transfer as who asked for it may see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TransferView {
    /// The destination's name; none where no transfer was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// How far it is.
    #[serde(flatten)]
    pub state: TransferState,
}

/// How far a transfer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TransferState {
    /// None was asked for.
    #[default]
    None,
    /// A capture runs: it has to be wiped and released first, with no key down, and its outcome known.
    Waiting,
    /// The caller is being told.
    Announcing,
    /// The caller's side is asked for it.
    Asked,
    /// The caller's side tries the destination.
    Trying {
        /// What it last heard from there: a status of SIP below 200.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
    },
    /// The destination has answered, and the call ends.
    Transferred,
    /// The call goes on here, or has ended before.
    Failed {
        /// Why: one of [`OUTCOMES`].
        reason: &'static str,
        /// The status of SIP that says more.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
    },
}

/// How a transfer can end: what [`TransferState::outcome`] says, and the metric's label.
pub const OUTCOMES: [&str; 11] = [
    "transferred",
    CALL_ENDED,
    CAPTURE_RUNNING,
    "dialog_gone",
    "lapsed",
    NO_WORD,
    "not_notified",
    "refused",
    "target_refused",
    "unanswered",
    "unsupported",
];
/// The call ended before.
pub(crate) const CALL_ENDED: &str = "call_ended";
/// A capture was not released in time.
pub(crate) const CAPTURE_RUNNING: &str = "capture_running";
/// Signalling told nothing of it.
pub(crate) const NO_WORD: &str = "no_word";

impl TransferState {
    /// How a REFER that came to nothing ends a transfer.
    pub(crate) fn of_failure(end: ReferralEnd) -> Self {
        Self::Failed { reason: end.label(), status: end.status().map(sip::Status::code) }
    }

    /// Whether it goes on.
    #[must_use]
    pub const fn is_under_way(self) -> bool {
        matches!(self, Self::Waiting) || self.is_handing_over()
    }

    /// Whether the caller is on the way: nothing may be begun with them any more.
    #[must_use]
    pub const fn is_handing_over(self) -> bool {
        matches!(self, Self::Announcing | Self::Asked | Self::Trying { .. })
    }

    /// The stable name of how it ended; of one that goes on, of its state.
    #[must_use]
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Waiting => "waiting",
            Self::Announcing => "announcing",
            Self::Asked => "asked",
            Self::Trying { .. } => "trying",
            Self::Transferred => "transferred",
            Self::Failed { reason, .. } => reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_is_shown_flat() {
        let view = |to: Option<&str>, state| TransferView { to: to.map(str::to_owned), state };
        let shown = |view| serde_json::to_value::<TransferView>(view).unwrap();
        assert_eq!(shown(TransferView::default()), serde_json::json!({"state": "none"}));
        let trying = view(Some("desk"), TransferState::Trying { status: Some(180) });
        assert_eq!(shown(trying), serde_json::json!({"to": "desk", "state": "trying", "status": 180}));
        let failed = view(Some("desk"), TransferState::Failed { reason: NO_WORD, status: None });
        assert_eq!(shown(failed), serde_json::json!({"to": "desk", "state": "failed", "reason": "no_word"}));
    }

    #[test]
    fn every_end_of_a_refer_has_a_known_outcome() {
        let status = sip::Status::DECLINE;
        for end in [
            ReferralEnd::Transferred,
            ReferralEnd::Refused(status),
            ReferralEnd::Unsupported(status),
            ReferralEnd::DialogGone,
            ReferralEnd::Unanswered,
            ReferralEnd::TargetRefused(status),
            ReferralEnd::NotNotified,
            ReferralEnd::Lapsed,
        ] {
            assert!(OUTCOMES.contains(&end.label()), "{end:?}");
        }
    }
}
