//! What the law lets leave the gateway at this moment of a call, for the scripted collector and for bots alike.
//!
//! The guard is a record, not an actor: the call tells it what was proven, and asks it before anything leaves.

use std::fmt;

use crate::phrase::Phrase;

/// A statement that must be heard to its end. It counts once its playing is proven, never when it is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disclosure {
    /// Who is speaking: the business's registered, non-revealing name.
    Opening,
    /// That the call is recorded.
    RecordingNotice,
    /// That the voice is an artificial one.
    AiNotice,
    /// That this is an attempt to collect a debt by a debt collector (15 USC 1692e(11)), and the right to dispute it.
    MiniMiranda,
}

/// Something that may leave the gateway, or begin, only once the right things were said and proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// The caller's audio to a recorder or to a third party, a remote recogniser or a bot among them.
    CallerAudio,
    /// An agent's own speech towards the caller, and questions about identity.
    AgentSpeech,
    /// Any fact of the account: balance, creditor, dates.
    DebtFacts,
    /// Offers, negotiation and the saving of an arrangement.
    Negotiation,
    /// A card capture.
    Capture,
}

/// What has to happen first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Missing {
    /// The opening was not yet played to its end.
    #[error("the opening was not yet heard")]
    Opening,
    /// The recording notice was not yet played to its end.
    #[error("the recording notice was not yet heard")]
    RecordingNotice,
    /// The notice of an artificial voice was not yet played to its end.
    #[error("the notice of an artificial voice was not yet heard")]
    AiNotice,
    /// The right party is not verified.
    #[error("the right party is not verified")]
    Verification,
    /// The Mini-Miranda was not yet played to its end.
    #[error("the mini-miranda was not yet heard")]
    MiniMiranda,
    /// The caller ended the collection on this call: cease, attorney, bankruptcy, dispute and the like.
    #[error("collection was stopped on this call")]
    Stopped,
}

impl Missing {
    /// The stable name used in interfaces and timelines.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Opening => "opening_missing",
            Self::RecordingNotice => "recording_notice_missing",
            Self::AiNotice => "ai_notice_missing",
            Self::Verification => "verification_missing",
            Self::MiniMiranda => "mini_miranda_missing",
            Self::Stopped => "collection_stopped",
        }
    }
}

/// The record of one call's disclosures and gates.
///
/// Tell it with [`Guard::played`], [`Guard::verified`] and [`Guard::stop`]; ask it with [`Guard::permits`] and
/// [`Guard::may_say`]. It only ever answers from what it was told, so a call that forgets to tell it stays shut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    opening: bool,
    recording_notice: bool,
    ai_notice: bool,
    verified: bool,
    mini_miranda: bool,
    stopped: bool,
}

impl Guard {
    /// A call at its beginning: nothing was said.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A disclosure was proven played to its end. A Mini-Miranda counts only after verification, because to anyone
    /// else it reveals the debt.
    pub fn played(&mut self, disclosure: Disclosure) {
        match disclosure {
            Disclosure::Opening => self.opening = true,
            Disclosure::RecordingNotice => self.recording_notice = true,
            Disclosure::AiNotice => self.ai_notice = true,
            Disclosure::MiniMiranda => self.mini_miranda |= self.verified,
        }
    }

    /// The right party is verified. It counts only after the opening notices.
    pub fn verified(&mut self) {
        self.verified |= self.notices().is_ok();
    }

    /// The caller ended the collection: nothing about the debt leaves from here on.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether the right party was verified.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verified
    }

    /// Whether this disclosure was proven played.
    #[must_use]
    pub fn was_played(&self, disclosure: Disclosure) -> bool {
        match disclosure {
            Disclosure::Opening => self.opening,
            Disclosure::RecordingNotice => self.recording_notice,
            Disclosure::AiNotice => self.ai_notice,
            Disclosure::MiniMiranda => self.mini_miranda,
        }
    }

    /// Whether `what` may happen now.
    ///
    /// # Errors
    /// The first thing that is missing, in the order in which it has to be made good.
    pub fn permits(&self, what: What) -> Result<(), Missing> {
        match what {
            What::CallerAudio | What::AgentSpeech => self.notices(),
            What::DebtFacts | What::Negotiation | What::Capture => self.debt_talk(),
        }
    }

    /// Whether this line may be spoken now.
    ///
    /// # Errors
    /// The first thing that is missing.
    pub fn may_say(&self, phrase: &Phrase) -> Result<(), Missing> {
        if phrase.may_precede_verification() {
            return Ok(());
        }
        if phrase.disclosure() == Some(Disclosure::MiniMiranda) {
            return self.right_party();
        }
        self.debt_talk()
    }

    fn notices(&self) -> Result<(), Missing> {
        match (self.opening, self.ai_notice, self.recording_notice) {
            (false, _, _) => Err(Missing::Opening),
            (true, false, _) => Err(Missing::AiNotice),
            (true, true, false) => Err(Missing::RecordingNotice),
            (true, true, true) => Ok(()),
        }
    }

    fn right_party(&self) -> Result<(), Missing> {
        self.notices()?;
        match (self.stopped, self.verified) {
            (true, _) => Err(Missing::Stopped),
            (false, false) => Err(Missing::Verification),
            (false, true) => Ok(()),
        }
    }

    fn debt_talk(&self) -> Result<(), Missing> {
        self.right_party()?;
        if self.mini_miranda { Ok(()) } else { Err(Missing::MiniMiranda) }
    }
}

impl fmt::Display for Disclosure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Opening => "opening",
            Self::RecordingNotice => "recording_notice",
            Self::AiNotice => "ai_notice",
            Self::MiniMiranda => "mini_miranda",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTICES: [Disclosure; 3] = [Disclosure::Opening, Disclosure::AiNotice, Disclosure::RecordingNotice];
    const DEBT_TALK: [What; 3] = [What::DebtFacts, What::Negotiation, What::Capture];

    fn opened() -> Guard {
        let mut guard = Guard::new();
        NOTICES.into_iter().for_each(|notice| guard.played(notice));
        guard
    }

    #[test]
    fn the_uplink_opens_with_the_last_of_the_three_notices() {
        let mut guard = Guard::new();
        assert_eq!(guard.permits(What::CallerAudio), Err(Missing::Opening));
        guard.played(Disclosure::Opening);
        assert_eq!(guard.permits(What::CallerAudio), Err(Missing::AiNotice));
        guard.played(Disclosure::AiNotice);
        assert_eq!(guard.permits(What::CallerAudio), Err(Missing::RecordingNotice));
        guard.played(Disclosure::RecordingNotice);
        assert_eq!(guard.permits(What::CallerAudio), Ok(()));
    }

    #[test]
    fn debt_talk_needs_the_right_party_and_then_the_mini_miranda() {
        let mut guard = opened();
        for what in DEBT_TALK {
            assert_eq!(guard.permits(what), Err(Missing::Verification));
        }
        guard.verified();
        for what in DEBT_TALK {
            assert_eq!(guard.permits(what), Err(Missing::MiniMiranda));
        }
        guard.played(Disclosure::MiniMiranda);
        for what in DEBT_TALK {
            assert_eq!(guard.permits(what), Ok(()));
        }
    }

    #[test]
    fn what_comes_too_early_does_not_count() {
        let mut guard = Guard::new();
        guard.verified();
        guard.played(Disclosure::MiniMiranda);
        assert!(!guard.is_verified() && !guard.was_played(Disclosure::MiniMiranda));
        let mut guard = opened();
        guard.played(Disclosure::MiniMiranda);
        guard.verified();
        assert_eq!(guard.permits(What::Capture), Err(Missing::MiniMiranda));
    }

    #[test]
    fn a_stop_closes_debt_talk_for_good() {
        let mut guard = opened();
        guard.verified();
        guard.played(Disclosure::MiniMiranda);
        guard.stop();
        guard.played(Disclosure::MiniMiranda);
        assert_eq!(guard.permits(What::Negotiation), Err(Missing::Stopped));
        assert_eq!(guard.permits(What::CallerAudio), Ok(()));
    }
}
