//! How far a capture is, as its agent may know it: a field, a count, an attempt, the name of what was wrong.

use gate::{
    CapturePrompt,
    wire::{PromptReason, Step},
};

use crate::api::{CaptureReply, CaptureStep};

/// What was told of the entry so far.
#[derive(Debug, Default)]
pub(super) struct Watch {
    step: Option<Step>,
    count: u8,
    attempt: u8,
    error: Option<&'static str>,
    /// Whether the caller was told to use the keypad since this was asked.
    is_reminded: bool,
}

impl Watch {
    /// The vault asks for a field. Returns the field that is complete by it.
    pub(super) fn asked(&mut self, prompt: CapturePrompt) -> Option<CaptureStep> {
        let before = self.step.replace(prompt.step);
        (self.count, self.is_reminded) = (0, false);
        let goes_on = before.is_some_and(|before| field(before) != field(prompt.step));
        if before.is_none() || goes_on {
            (self.attempt, self.error) = (1, None);
        }
        match prompt.reason {
            PromptReason::First => self.error = None,
            PromptReason::Cleared => {}
            PromptReason::Retry(error) => {
                self.attempt = if goes_on { 2 } else { self.attempt.saturating_add(1) };
                self.error = Some(error.name());
            }
        }
        before.filter(|_| goes_on && prompt.reason == PromptReason::First).and_then(field)
    }

    /// A count is told.
    pub(super) fn counted(&mut self, step: Step, count: u8) {
        if self.step == Some(step) {
            self.count = count;
        }
    }

    /// How often the field was asked for.
    pub(super) fn attempt(&self) -> u8 {
        self.attempt
    }

    /// What was wrong with the field last.
    pub(super) fn error(&self) -> Option<&'static str> {
        self.error
    }

    /// The field that is being keyed.
    pub(super) fn field(&self) -> Option<CaptureStep> {
        self.step.and_then(field)
    }

    /// Keys that the field holds.
    pub(super) fn count(&self) -> u8 {
        self.count
    }

    /// Whether the caller is to be told to use the keypad: once for each time that they are asked.
    pub(super) fn is_to_be_reminded(&mut self) -> bool {
        self.field().is_some() && !std::mem::replace(&mut self.is_reminded, true)
    }

    /// What may be said of it.
    pub(super) fn reply(&self) -> CaptureReply {
        match self.step {
            None => CaptureReply::Arming,
            Some(step) => match field(step) {
                Some(step) => CaptureReply::Keying {
                    step,
                    count: self.count,
                    attempt: self.attempt,
                    error: self.error.map(str::to_owned),
                },
                None => CaptureReply::Submitted,
            },
        }
    }
}

/// The field of a step; `None` of the wait for the processor.
pub(super) fn field(step: Step) -> Option<CaptureStep> {
    match step {
        Step::Number => Some(CaptureStep::Number),
        Step::Routing => Some(CaptureStep::Routing),
        Step::Account | Step::AccountAgain => Some(CaptureStep::Account),
        Step::Expiry => Some(CaptureStep::Expiry),
        Step::Code => Some(CaptureStep::Code),
        Step::Postal => Some(CaptureStep::Postal),
        Step::Wait => None,
    }
}

#[cfg(test)]
mod tests {
    use gate::wire::EntryError;

    use super::*;

    fn prompt(step: Step, reason: PromptReason) -> CapturePrompt {
        CapturePrompt { step, reason }
    }

    #[test]
    fn attempts_and_errors_are_of_the_field_that_is_asked_for() {
        let mut watch = Watch::default();
        assert_eq!(watch.asked(prompt(Step::Number, PromptReason::First)), None);
        watch.counted(Step::Number, 16);
        let wrong = PromptReason::Retry(EntryError::InvalidNumber);
        assert_eq!(watch.asked(prompt(Step::Number, wrong)), None);
        assert_eq!((watch.attempt(), watch.error(), watch.count()), (2, Some("invalid_number"), 0));
        watch.asked(prompt(Step::Number, PromptReason::Cleared));
        assert_eq!(watch.attempt(), 2, "clearing is no attempt");
        assert_eq!(watch.asked(prompt(Step::Expiry, PromptReason::First)), Some(CaptureStep::Number));
        assert_eq!((watch.attempt(), watch.error()), (1, None));
        assert_eq!(watch.asked(prompt(Step::Wait, PromptReason::First)), Some(CaptureStep::Expiry));
        assert_eq!(watch.reply(), CaptureReply::Submitted);
    }

    #[test]
    fn an_account_that_is_keyed_twice_is_one_field() {
        let mut watch = Watch::default();
        watch.asked(prompt(Step::Routing, PromptReason::First));
        assert_eq!(watch.asked(prompt(Step::Account, PromptReason::First)), Some(CaptureStep::Routing));
        assert_eq!(watch.asked(prompt(Step::AccountAgain, PromptReason::First)), None, "it goes on");
        let differs = PromptReason::Retry(EntryError::Mismatch);
        assert_eq!(watch.asked(prompt(Step::Account, differs)), None);
        assert_eq!((watch.attempt(), watch.error()), (2, Some("mismatch")));
        assert_eq!(watch.asked(prompt(Step::AccountAgain, PromptReason::First)), None);
        assert_eq!((watch.attempt(), watch.error()), (2, None), "the first entry was taken");
        assert_eq!(watch.asked(prompt(Step::Wait, PromptReason::First)), Some(CaptureStep::Account));
    }

    #[test]
    fn the_caller_is_reminded_once_each_time_they_are_asked() {
        let mut watch = Watch::default();
        assert!(!watch.is_to_be_reminded(), "nothing is asked for yet");
        watch.asked(prompt(Step::Number, PromptReason::First));
        assert!(watch.is_to_be_reminded() && !watch.is_to_be_reminded());
        watch.asked(prompt(Step::Number, PromptReason::Retry(EntryError::Timeout)));
        assert!(watch.is_to_be_reminded());
        watch.asked(prompt(Step::Wait, PromptReason::First));
        assert!(!watch.is_to_be_reminded(), "there is nothing to key");
    }
}
