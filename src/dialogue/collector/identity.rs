//! Who is calling: the account, the name, and two factors.

use std::collections::VecDeque;
use std::time::Instant;

use super::asking::By;
use super::{Collector, Phase};
use crate::action::{Action, LookUp};
use crate::digits::Digits;
use crate::disposition::Disposition;
use crate::event::Identity;
use crate::grammar::Understood;
use crate::phrase::{Attempt, Phrase, Question};
use crate::verification::{Answer, Claim, FACTORS_NEEDED, Factor};

/// References that are looked up before the call gives up.
const MOST_REFERENCES: u8 = 2;

/// What is known of the caller so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    references: u8,
    to_ask: VecDeque<Factor>,
    pub(super) matched: u8,
    pending: Option<Pending>,
}

/// A number that was read back and not yet confirmed.
#[derive(Debug)]
pub(super) struct Pending {
    given: Given,
    question: Question,
    attempt: Attempt,
}

#[derive(Debug)]
enum Given {
    Reference(Digits),
    Claim(Claim),
}

impl Collector {
    pub(super) fn identified(&mut self, now: Instant, identity: Identity) {
        if !matches!(self.phase, Phase::Identifying) {
            return;
        }
        match identity {
            Identity::Found { factors, .. } if factors.len() < FACTORS_NEEDED => {
                self.close(now, vec![Phrase::PersonNeeded], Disposition::NotVerified);
            }
            Identity::Found { person, factors } => {
                self.identity.to_ask = factors.into();
                self.ask(now, Vec::new(), Question::Name(person));
            }
            Identity::Unknown if self.identity.references == 0 => self.ask(now, Vec::new(), Question::Reference),
            Identity::Unknown if self.identity.references < MOST_REFERENCES => {
                self.ask_in(now, vec![Phrase::NoMatch], Question::Reference, Attempt::Keypad);
            }
            Identity::Unknown => self.close(now, vec![Phrase::NotFound], Disposition::Unidentified),
            Identity::Barred => self.close(now, vec![Phrase::PersonNeeded], Disposition::Barred),
            // Meanwhile the book may be back.
            Identity::Unavailable if self.identity.references == 0 => self.ask(now, Vec::new(), Question::Reference),
            Identity::Unavailable => self.close_unavailable(now),
        }
    }

    pub(super) fn name_answered(&mut self, now: Instant, answer: &Understood) {
        if *answer == Understood::Yes {
            self.claim(now, Claim::Name, false);
        } else {
            self.close(now, vec![Phrase::NotThePerson], Disposition::ThirdParty);
        }
    }

    /// A number that was keyed is taken as it is; one that was said is read back first.
    pub(super) fn number_given(
        &mut self,
        now: Instant,
        question: Question,
        attempt: Attempt,
        answer: Understood,
        by: By,
    ) {
        let Some((given, read_back)) = given(&question, answer) else { return self.ask_again(now) };
        match by {
            By::Keys => self.take(now, given, attempt),
            By::Voice => {
                self.identity.pending = Some(Pending { given, question, attempt });
                self.ask(now, vec![read_back], Question::IsThatRight);
            }
        }
    }

    pub(super) fn hearing_confirmed(&mut self, now: Instant, answer: &Understood) {
        let Some(Pending { given, question, attempt }) = self.identity.pending.take() else { return self.fail(now) };
        if *answer == Understood::Yes {
            return self.take(now, given, attempt);
        }
        match attempt.next() {
            Some(attempt) => self.ask_in(now, Vec::new(), question, attempt),
            None => self.give_up(now, true),
        }
    }

    pub(super) fn verified(&mut self, now: Instant, answer: Answer) {
        let Phase::Verifying { factor, is_second_try } = self.phase else { return };
        match (answer, factor) {
            (Answer::Match, None) => self.ask_next_factor(now, Vec::new()),
            (Answer::Match, Some(_)) => self.factor_matched(now),
            (Answer::NoMatch, Some(factor)) if !is_second_try => {
                self.ask_in(now, vec![Phrase::NoMatch], question(factor), Attempt::Keypad);
            }
            (Answer::NoMatch, Some(_)) => self.ask_next_factor(now, vec![Phrase::NoMatch]),
            (Answer::NoMatch, None) | (Answer::Locked, _) => self.not_verified(now),
        }
    }

    pub(super) fn disclosed(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Disclosing) {
            self.request(now, Phase::Reading, Action::AskFacts);
        }
    }

    fn factor_matched(&mut self, now: Instant) {
        self.identity.matched += 1;
        if usize::from(self.identity.matched) < FACTORS_NEEDED {
            let acknowledgement = Phrase::Acknowledge(self.wording());
            return self.ask_next_factor(now, vec![acknowledgement]);
        }
        self.request(now, Phase::Disclosing, Action::Disclose);
        self.deadline = Some(now + self.config.speech);
    }

    fn ask_next_factor(&mut self, now: Instant, lead: Vec<Phrase>) {
        match self.identity.to_ask.pop_front() {
            Some(factor) => self.ask(now, lead, question(factor)),
            None => self.not_verified(now),
        }
    }

    fn not_verified(&mut self, now: Instant) {
        self.close(now, vec![Phrase::NotVerified], Disposition::NotVerified);
    }

    /// A claim whose question was put by keypad from the start is the second try of its factor.
    fn take(&mut self, now: Instant, given: Given, attempt: Attempt) {
        match given {
            Given::Reference(digits) => {
                self.identity.references += 1;
                self.request(now, Phase::Identifying, Action::Identify(LookUp::Reference(digits)));
            }
            Given::Claim(claim) => self.claim(now, claim, attempt == Attempt::Keypad),
        }
    }

    fn claim(&mut self, now: Instant, claim: Claim, is_second_try: bool) {
        let factor = claim.factor();
        self.request(now, Phase::Verifying { factor, is_second_try }, Action::Verify(claim));
    }
}

fn question(factor: Factor) -> Question {
    match factor {
        Factor::DateOfBirth => Question::DateOfBirth,
        Factor::PostalCode => Question::PostalCode,
        Factor::LastFour => Question::LastFour,
    }
}

/// What an answer to a number's question gives, and how it is read back.
fn given(question: &Question, answer: Understood) -> Option<(Given, Phrase)> {
    match (question, answer) {
        (Question::DateOfBirth, Understood::Date(date)) => {
            Some((Given::Claim(Claim::DateOfBirth(date)), Phrase::ReadBackDate(date)))
        }
        (Question::Reference, Understood::Digits(digits)) => {
            Some((Given::Reference(digits.clone()), Phrase::ReadBackDigits(digits)))
        }
        (Question::PostalCode, Understood::Digits(digits)) => {
            Some((Given::Claim(Claim::PostalCode(digits.clone())), Phrase::ReadBackDigits(digits)))
        }
        (Question::LastFour, Understood::Digits(digits)) => {
            Some((Given::Claim(Claim::LastFour(digits.clone())), Phrase::ReadBackDigits(digits)))
        }
        _ => None,
    }
}
