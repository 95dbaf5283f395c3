//! A question and what comes of it: an answer, silence, or something else. Asked once, once more in other words, and
//! then by keypad.

use std::time::Instant;

use super::{Collector, Phase};
use crate::action::{Action, KeyPlan};
use crate::digits::KeyRun;
use crate::event::Heard;
use crate::grammar::{GrammarId, Understood};
use crate::phrase::{Attempt, Phrase, Question};

/// How often one question is repeated at the caller's wish.
const MOST_REPEATS: u8 = 2;
/// How often a sound without words may cut into one question before it counts as an answer.
const MOST_SOUNDS: u8 = 2;

/// A question that was put.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) question: Question,
    pub(super) attempt: Attempt,
    /// What was said before it, to be said again when the caller asks.
    lead: Vec<Phrase>,
    is_speaking: bool,
    is_hearing: bool,
    heard_words: bool,
    repeats: u8,
    sounds: u8,
}

impl Asking {
    pub(super) const fn state(&self) -> &'static str {
        match self.question {
            Question::Reference => "identify",
            Question::Name(_) => "name",
            Question::DateOfBirth | Question::PostalCode | Question::LastFour | Question::IsThatRight => "verify",
            Question::PayInFull => "request",
            Question::PlanTerms | Question::AcceptPlan => "negotiate",
            Question::AgreeToPlan => "confirm",
            Question::PayFirstNow | Question::TryCardAgain => "pay",
        }
    }

    /// An agreement counts only after all of what is agreed to was heard.
    const fn must_be_heard_first(&self) -> bool {
        matches!(self.question, Question::AgreeToPlan)
    }

    const fn listens_for(&self) -> GrammarId {
        match self.question {
            Question::Reference => GrammarId::Reference,
            Question::Name(_) => GrammarId::Name,
            Question::DateOfBirth => GrammarId::DateOfBirth,
            Question::PostalCode => GrammarId::PostalCode,
            Question::LastFour => GrammarId::LastFour,
            Question::PayInFull => GrammarId::PayInFull,
            Question::PlanTerms => GrammarId::PlanTerms,
            Question::AcceptPlan => GrammarId::AcceptPlan,
            Question::IsThatRight | Question::AgreeToPlan | Question::PayFirstNow | Question::TryCardAgain => {
                GrammarId::YesNo
            }
        }
    }
}

/// How an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Voice,
    Keys,
}

impl Collector {
    /// Puts a question for the first time, after the lines in `lead`.
    pub(super) fn ask(&mut self, now: Instant, lead: Vec<Phrase>, question: Question) {
        self.ask_in(now, lead, question, Attempt::First);
    }

    /// Puts a question in the wording of `attempt`.
    pub(super) fn ask_in(&mut self, now: Instant, lead: Vec<Phrase>, question: Question, attempt: Attempt) {
        let asking = Asking {
            question,
            attempt,
            lead,
            is_speaking: true,
            is_hearing: false,
            heard_words: false,
            repeats: 0,
            sounds: 0,
        };
        self.put(now, asking, true);
    }

    pub(super) fn question_said(&mut self, now: Instant) {
        let silence = self.config.silence;
        let Phase::Asking(asking) = &mut self.phase else { return };
        asking.is_speaking = false;
        let (is_hearing, grammar) = (asking.is_hearing, asking.listens_for());
        if !self.is_listening {
            self.listen(grammar);
        }
        if !is_hearing {
            self.deadline = Some(now + silence);
        }
    }

    pub(super) fn speech_started(&mut self, now: Instant) {
        let Phase::Asking(asking) = &mut self.phase else { return };
        if self.is_listening && !asking.is_hearing {
            asking.is_hearing = true;
            self.deadline = Some(now + self.config.utterance);
        }
    }

    pub(super) fn answer_heard(&mut self, now: Instant, heard: &Heard) {
        let Phase::Asking(asking) = &mut self.phase else { return };
        asking.is_hearing = false;
        let grammar = asking.listens_for();
        let text = match heard {
            Heard::Text(text) => text,
            Heard::LongNumber(text) => return self.number_said(now, grammar, text),
            Heard::Nothing if asking.is_speaking && asking.sounds < MOST_SOUNDS => {
                asking.sounds += 1;
                return self.listen(grammar);
            }
            Heard::Nothing => return self.ask_again(now),
        };
        asking.heard_words = true;
        self.understood(now, grammar.parse(text), By::Voice);
    }

    /// The caller said what belongs into the keypad. What was asked is asked again, after that was said.
    fn number_said(&mut self, now: Instant, grammar: GrammarId, text: &str) {
        let Phase::Asking(asking) = &mut self.phase else { return };
        asking.heard_words = true;
        if let Understood::Interruption(interruption) = grammar.parse(text) {
            return self.interruption(now, interruption);
        }
        if !asking.lead.contains(&Phrase::KeypadOnly) {
            asking.lead.insert(0, Phrase::KeypadOnly);
        }
        self.repeat(now);
    }

    pub(super) fn keyed(&mut self, now: Instant, keys: &KeyRun) {
        let Phase::Asking(asking) = &mut self.phase else { return };
        if keys.is_empty() || !self.is_listening {
            return;
        }
        self.is_listening = false;
        asking.is_hearing = false;
        asking.heard_words = true;
        let understood = asking.listens_for().parse_keys(keys);
        self.understood(now, understood, By::Keys);
    }

    pub(super) fn asking_lapsed(&mut self, now: Instant) {
        let Phase::Asking(asking) = &self.phase else { return };
        if asking.is_speaking && !asking.is_hearing {
            return self.question_said(now);
        }
        self.ask_again(now);
    }

    /// Asks the same in the next wording, or gives up after the last.
    pub(super) fn ask_again(&mut self, now: Instant) {
        let Phase::Asking(mut asking) = std::mem::replace(&mut self.phase, Phase::Ended) else { return };
        self.stop_listening();
        match asking.attempt.next() {
            Some(attempt) => {
                asking.attempt = attempt;
                self.put(now, asking, false);
            }
            None => self.give_up(now, asking.heard_words),
        }
    }

    fn understood(&mut self, now: Instant, understood: Understood, by: By) {
        let Phase::Asking(asking) = &self.phase else { return };
        match understood {
            Understood::Interruption(interruption) => self.interruption(now, interruption),
            Understood::Repeat => self.repeat(now),
            Understood::Nothing => self.ask_again(now),
            Understood::Yes | Understood::No | Understood::Digits(_) | Understood::Date(_) | Understood::Terms(_) => {
                let (question, attempt) = (asking.question.clone(), asking.attempt);
                self.answered(now, question, attempt, understood, by);
            }
        }
    }

    fn answered(&mut self, now: Instant, question: Question, attempt: Attempt, answer: Understood, by: By) {
        match question {
            Question::Reference | Question::DateOfBirth | Question::PostalCode | Question::LastFour => {
                self.number_given(now, question, attempt, answer, by);
            }
            Question::Name(_) => self.name_answered(now, &answer),
            Question::IsThatRight => self.hearing_confirmed(now, &answer),
            Question::PayInFull => self.request_answered(now, &answer),
            Question::PlanTerms => self.terms_given(now, &answer),
            Question::AcceptPlan => self.plan_answered(now, &answer),
            Question::AgreeToPlan => self.agreement_answered(now, &answer),
            Question::PayFirstNow => self.first_payment_answered(now, &answer),
            Question::TryCardAgain => self.retry_answered(now, &answer),
        }
    }

    /// What to say before the question, should the caller ask for it once more.
    pub(super) fn repeat_with(&mut self, lead: Vec<Phrase>) {
        if let Phase::Asking(asking) = &mut self.phase {
            asking.lead = lead;
        }
    }

    fn repeat(&mut self, now: Instant) {
        let Phase::Asking(mut asking) = std::mem::replace(&mut self.phase, Phase::Ended) else { return };
        if asking.repeats >= MOST_REPEATS {
            self.phase = Phase::Asking(asking);
            return self.ask_again(now);
        }
        asking.repeats += 1;
        self.put(now, asking, true);
    }

    fn put(&mut self, now: Instant, mut asking: Asking, with_lead: bool) {
        self.stop_listening();
        let mut lines = if with_lead { asking.lead.clone() } else { Vec::new() };
        lines.push(Phrase::Ask(asking.question.clone(), asking.attempt));
        asking.is_speaking = true;
        asking.is_hearing = false;
        asking.sounds = 0;
        let (grammar, waits) = (asking.listens_for(), asking.must_be_heard_first());
        self.phase = Phase::Asking(asking);
        self.deadline = Some(now + self.config.speech);
        self.say(lines);
        if !waits {
            self.listen(grammar);
        }
    }

    fn listen(&mut self, grammar: GrammarId) {
        self.is_listening = true;
        let keys = KeyPlan { purpose: grammar.name(), max_keys: grammar.max_keys() };
        self.actions.push_back(Action::Listen { grammar, keys });
    }
}
