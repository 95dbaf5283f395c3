//! The account: what is owed, whether it can be paid, and a plan where it cannot.

use std::time::Instant;

use rules::arrangement::{Ask, Wish};

use super::payment::Purpose;
use super::{Collector, Phase};
use crate::action::Action;
use crate::disposition::Disposition;
use crate::event::Facts;
use crate::grammar::Understood;
use crate::hear::Terms;
use crate::negotiation::{OfferAnswer, Wanted};
use crate::phrase::{Phrase, Question};

/// Offers in one talk before a person takes over, whatever the negotiation still allows.
const MOST_OFFERS: u8 = 6;

impl Collector {
    pub(super) fn told(&mut self, now: Instant, facts: Facts) {
        let has_changed = matches!(self.phase, Phase::Saving(_));
        if !has_changed && !matches!(self.phase, Phase::Reading) {
            return;
        }
        let balance = Phrase::Balance { creditor: facts.creditor.clone(), balance: facts.balance };
        let is_owed = facts.balance.is_positive();
        self.facts = Some(facts);
        self.offer = None;
        let mut lines = if has_changed { vec![Phrase::AccountChanged, balance] } else { vec![balance] };
        if is_owed {
            self.ask(now, lines, Question::PayInFull);
        } else {
            lines.push(Phrase::SummaryNothing);
            self.close(now, lines, Disposition::NoAgreement);
        }
    }

    pub(super) fn facts_unavailable(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Reading) {
            self.close_unavailable(now);
        }
    }

    pub(super) fn barred(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Reading | Phase::Saving(_)) {
            self.close(now, vec![Phrase::PersonNeeded], Disposition::Barred);
        }
    }

    pub(super) fn request_answered(&mut self, now: Instant, answer: &Understood) {
        match answer {
            Understood::Yes => self.introduce_capture(now, Purpose::Full),
            Understood::Terms(terms) => self.want(now, *terms),
            Understood::No
            | Understood::Digits(_)
            | Understood::Date(_)
            | Understood::Interruption(_)
            | Understood::Repeat
            | Understood::Nothing => self.ask(now, Vec::new(), Question::PlanTerms),
        }
    }

    pub(super) fn terms_given(&mut self, now: Instant, answer: &Understood) {
        match answer {
            Understood::Terms(terms) => self.want(now, *terms),
            Understood::No
            | Understood::Yes
            | Understood::Digits(_)
            | Understood::Date(_)
            | Understood::Interruption(_)
            | Understood::Repeat
            | Understood::Nothing => self.close(now, vec![Phrase::SummaryNothing], Disposition::NoAgreement),
        }
    }

    pub(super) fn offered(&mut self, now: Instant, answer: OfferAnswer) {
        if !matches!(self.phase, Phase::Offering) {
            return;
        }
        let (plan, line) = match answer {
            OfferAnswer::AsAsked(plan) => (plan, Phrase::OfferAsAsked(plan)),
            OfferAnswer::Closest(plan) if self.offer == Some(plan) => (plan, Phrase::OfferUnchanged),
            OfferAnswer::Closest(plan) => (plan, Phrase::OfferClosest(plan)),
            OfferAnswer::Refer => return self.refer(now),
        };
        let is_unchanged = line == Phrase::OfferUnchanged;
        self.offer = Some(plan);
        self.ask(now, vec![line], Question::AcceptPlan);
        if is_unchanged {
            // Who asks to hear it once more wants the plan.
            self.repeat_with(vec![Phrase::OfferClosest(plan)]);
        }
    }

    pub(super) fn plan_answered(&mut self, now: Instant, answer: &Understood) {
        match (answer, self.offer) {
            (Understood::Yes, Some(plan)) => self.ask(now, vec![Phrase::ReadBackPlan(plan)], Question::AgreeToPlan),
            _ => self.request_answered(now, answer),
        }
    }

    pub(super) fn agreement_answered(&mut self, now: Instant, answer: &Understood) {
        match (answer, self.offer) {
            (Understood::Yes, Some(plan)) => {
                self.request(now, Phase::Saving(plan), Action::SaveArrangement(plan));
            }
            _ => self.ask(now, Vec::new(), Question::PlanTerms),
        }
    }

    pub(super) fn saved(&mut self, now: Instant) {
        let Phase::Saving(plan) = self.phase else { return };
        self.saved = Some(plan);
        self.ask(now, vec![Phrase::PlanSaved], Question::PayFirstNow);
    }

    pub(super) fn save_failed(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Saving(_)) {
            self.close(now, vec![Phrase::PlanNotSaved], Disposition::Failure);
        }
    }

    /// Puts what the caller wants to the negotiation; all of it at once is paid by card.
    fn want(&mut self, now: Instant, terms: Terms) {
        let Some(facts) = &self.facts else { return self.fail(now) };
        let currency = facts.balance.currency();
        let ask = |wish, frequency| Wanted::Terms(Ask { wish, frequency, first: None });
        let wanted = match terms {
            Terms::Full => return self.introduce_capture(now, Purpose::Full),
            Terms::MoreTime => Wanted::MoreTime,
            Terms::Each(amount, frequency) => ask(Wish::Amount(amount.in_currency(currency)), frequency),
            Terms::Payments(count, frequency) => ask(Wish::Instalments(count), frequency),
        };
        if self.offers >= MOST_OFFERS {
            return self.refer(now);
        }
        self.offers += 1;
        self.request(now, Phase::Offering, Action::RequestOffer(wanted));
    }

    fn refer(&mut self, now: Instant) {
        self.close(now, vec![Phrase::ReferToPerson], Disposition::Referred);
    }
}
