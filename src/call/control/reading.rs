//! The account as it is now: what is told, offered or agreed rests on flags and a balance that were read for it, never on what
//! was read long before.

use std::time::{Duration, Instant};

use book::{LookUp, LookupKey};
use dialogue::{Event, Plan};

use super::Call;
use crate::{
    api::{ApiReply, Missing, OfferAsk, OutcomeReport},
    port::{Request, Ticket},
};

/// How old may be what is told, or offered from.
const FRESH: Duration = Duration::from_secs(120);
/// Most things that wait for one reading.
const MOST_ERRANDS: usize = 8;

/// The reading under way, and what waits for it.
#[derive(Default)]
pub(super) struct Reading {
    pending: Option<(Ticket, Instant)>,
    /// When what is known was asked for, where the right party was verified by then.
    read_at: Option<Instant>,
    errands: Vec<Errand>,
}

/// What is to be done once the account is known as it is now.
pub(super) enum Errand {
    /// The collector is told of the debt.
    Tell,
    /// The collector's plan is saved.
    Save(Plan),
    /// A bot is told of the debt.
    Facts(Ticket),
    /// A bot is made an offer.
    Offer(Ticket, OfferAsk),
    /// A bot says how it ended, with an offer that was accepted.
    Outcome(Ticket, OutcomeReport),
}

impl Errand {
    /// Whether it needs a reading that began after it came up: an agreement is about the account as it is then.
    const fn is_agreement(&self) -> bool {
        match self {
            Self::Save(_) | Self::Outcome(..) => true,
            Self::Tell | Self::Facts(_) | Self::Offer(..) => false,
        }
    }
}

/// What a reading found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The account as it was.
    Same,
    /// Another balance, or other limits: what was offered is void.
    Changed,
    /// Flags that forbid to go on.
    Barred,
    /// The book did not answer, or not with the account.
    Unavailable,
}

impl Found {
    const fn name(self) -> &'static str {
        match self {
            Self::Same => "as it was",
            Self::Changed => "changed",
            Self::Barred => "barred",
            Self::Unavailable => "unavailable",
        }
    }
}

impl Reading {
    pub(super) fn awaits(&self, ticket: Ticket) -> bool {
        self.pending.is_some_and(|(pending, _)| pending == ticket)
    }

    fn is_fresh(&self, now: Instant) -> bool {
        self.pending.is_none() && self.read_at.is_some_and(|at| now.saturating_duration_since(at) <= FRESH)
    }
}

impl Call {
    /// Reads the account again, unless that is under way. Begun when the right party is verified, it is over before the
    /// disclosure is.
    pub(super) fn read_account(&mut self) {
        if self.reading.pending.is_some() {
            return;
        }
        let Some(account) = self.matter.account().map(|account| account.id.clone()) else { return };
        let ticket = self.ask(Request::LookUp(LookupKey::Account(account)));
        self.reading.pending = Some((ticket, self.now));
    }

    /// Does something once the account is known as it is now: at once, where it is.
    pub(super) fn once_current(&mut self, errand: Errand) {
        if self.matter.account().is_none() {
            return self.run(errand, Found::Unavailable);
        }
        if !errand.is_agreement() && self.reading.is_fresh(self.now) {
            return self.run(errand, Found::Same);
        }
        if self.reading.errands.len() >= MOST_ERRANDS {
            return self.run(errand, Found::Unavailable);
        }
        self.reading.errands.push(errand);
        self.read_account();
    }

    /// The account was read again.
    pub(super) fn account_read(&mut self, found: LookUp) {
        let (today, began) = (self.today(), self.reading.pending.map(|(_, began)| began));
        let result = match found {
            LookUp::Found(found) => self.matter.refresh(*found, today, &self.settings.calendar),
            LookUp::Nothing | LookUp::Several => Found::Unavailable,
        };
        if result != Found::Unavailable {
            self.reading.read_at = began.filter(|_| self.guard.is_verified());
        }
        if result == Found::Barred {
            self.guard.stop();
            self.consider_recording();
        }
        self.progress();
        self.reading_over(result);
    }

    /// What waited for a reading is done by what it found.
    pub(super) fn reading_over(&mut self, result: Found) {
        let took = self.reading.pending.take().map(|(_, began)| self.now.saturating_duration_since(began));
        self.note_taking("account.read_again", result.name(), took);
        for errand in std::mem::take(&mut self.reading.errands) {
            self.run(errand, result);
        }
    }

    fn run(&mut self, errand: Errand, found: Found) {
        match errand {
            Errand::Tell => self.tell_collector(found),
            Errand::Save(plan) => self.save_if_same(plan, found),
            Errand::Facts(ticket) => self.answer_bot(ticket, found, Self::api_facts),
            Errand::Offer(ticket, ask) => self.answer_bot(ticket, found, |call| call.api_offer(&ask)),
            Errand::Outcome(ticket, report) => self.answer_bot(ticket, found, |call| call.api_outcome(&report)),
        }
    }

    fn tell_collector(&mut self, found: Found) {
        match found {
            Found::Same | Found::Changed => self.tell_facts(),
            Found::Barred => self.collector_event(Event::Barred),
            Found::Unavailable => self.collector_event(Event::FactsUnavailable),
        }
    }

    fn save_if_same(&mut self, plan: Plan, found: Found) {
        match found {
            Found::Same => self.save_for_collector(plan),
            Found::Changed => self.tell_facts(),
            Found::Barred => self.collector_event(Event::Barred),
            Found::Unavailable => self.collector_event(Event::SaveFailed),
        }
    }

    fn answer_bot(
        &mut self,
        ticket: Ticket,
        found: Found,
        answer: impl FnOnce(&mut Self) -> Result<ApiReply, Missing>,
    ) {
        let answer = if found == Found::Unavailable { Err(Missing::Records) } else { answer(self) };
        self.reply(Some(ticket), answer.unwrap_or_else(ApiReply::Refused));
    }
}
