//! What the caller is asked for, in the gateway's words.

use dialogue::{
    Phrase,
    phrase::{CardReason, CardStep},
};
use gate::{
    CapturePrompt,
    wire::{EntryError, PromptReason, Step},
};

use super::super::Call;
use super::Stage;
use crate::{api::News, mouth::Purpose};

impl Call {
    /// The vault asks for a field. What is wrong too often ends the capture; what its agent has not asked for waits.
    pub(in super::super) fn capture_prompt(&mut self, prompt: CapturePrompt) {
        let Some(payment) = self.payment.as_mut() else { return };
        let complete = payment.watch.asked(prompt);
        if payment.watch.attempt() > payment.terms.attempts {
            payment.withdrawn = Some("too_many_attempts");
            return self.cancel_capture();
        }
        let mut is_admitted = true;
        if let Some(session) = payment.session() {
            complete.into_iter().for_each(|step| session.keyed(step));
            is_admitted = session.admits(prompt);
        }
        if let Some(step) = complete {
            self.tell(News::Keyed(step));
        }
        if is_admitted {
            self.say_prompt(prompt);
        }
    }

    pub(super) fn say_prompt(&mut self, prompt: CapturePrompt) {
        let Some(payment) = self.payment.as_ref() else { return };
        if let Some(error) = payment.watch.error() {
            let detail = format!("{:?} {error}, attempt {}", prompt.step, payment.watch.attempt());
            self.note("capture.retry", detail);
        }
        self.say(Purpose::Capture(prompt), vec![phrase(prompt)]);
        self.tell_keying();
    }

    /// A prompt that is not rendered yet would ask for what nobody takes any more.
    pub(super) fn forget_capture_prompts(&mut self) {
        let freed = self.mouth.forget(|purpose| matches!(purpose, Purpose::Capture(_)));
        self.play(freed);
    }

    /// The caller speaks while a field is to be keyed: nobody hears that, so they are told to use the keypad.
    pub(in super::super) fn spoken_in_capture(&mut self) {
        let keying = self.payment.as_mut().filter(|payment| payment.stage == Stage::Keying && payment.is_open());
        if keying.is_some_and(|payment| payment.watch.is_to_be_reminded()) {
            self.note("capture.spoken", "the caller is told to use the keypad");
            self.say(Purpose::Aside, vec![Phrase::Card(CardStep::Keypad, CardReason::First)]);
        }
    }
}

/// The words of a capture prompt.
pub(super) fn phrase(prompt: CapturePrompt) -> Phrase {
    let step = match prompt.step {
        Step::Number => CardStep::Number,
        Step::Expiry => CardStep::Expiry,
        Step::Code => CardStep::Code,
        Step::Postal => CardStep::Postal,
        Step::Routing => CardStep::Routing,
        Step::Account => CardStep::Account,
        Step::AccountAgain => CardStep::AccountAgain,
        Step::Wait => CardStep::Wait,
    };
    let reason = match prompt.reason {
        PromptReason::First => CardReason::First,
        PromptReason::Cleared => CardReason::Cleared,
        PromptReason::Retry(EntryError::Timeout) => CardReason::Timeout,
        PromptReason::Retry(EntryError::DisallowedBrand) => CardReason::Unsupported,
        PromptReason::Retry(EntryError::Mismatch) => CardReason::Mismatch,
        PromptReason::Retry(
            EntryError::InvalidNumber
            | EntryError::InvalidDate
            | EntryError::InvalidCode
            | EntryError::InvalidPostal
            | EntryError::InvalidRouting
            | EntryError::InvalidAccount
            | EntryError::NotATestNumber,
        ) => CardReason::Invalid,
    };
    Phrase::Card(step, reason)
}
