//! The matter of a call: whose account it is about, whether that person is at the telephone, and what may be agreed.

use std::time::{Duration, Instant};

use book::{Account, Found, LookUp, Strategy};
use dialogue::{Answer, Claim, Expected, Facts, Identity, Negotiation, PersonName, Plan, Verification};
use jiff::civil::Date;
use rules::{calendar::Calendar, contact};

use super::reading;
use crate::port::Ticket;

/// What is known of the matter.
#[derive(Default)]
pub(super) struct Matter {
    pending: Option<(Ticket, Instant)>,
    settled: bool,
    /// Whether the book did not answer, so that nothing is known.
    unavailable: bool,
    by_reference: bool,
    file: Option<Box<File>>,
}

/// An account that was found.
struct File {
    account: Account,
    strategy: Strategy,
    verification: Verification,
    negotiation: Negotiation,
    today: Date,
}

impl Matter {
    /// A look-up is under way.
    pub(super) fn expect(&mut self, ticket: Ticket, now: Instant) {
        self.pending = Some((ticket, now));
        self.settled = false;
        self.unavailable = false;
    }

    /// The look-up under way is by a reference that the caller gave, which then proves nothing more.
    pub(super) fn by_reference(&mut self) {
        self.by_reference = true;
    }

    pub(super) fn awaits(&self, ticket: Ticket) -> bool {
        self.pending.is_some_and(|(pending, _)| pending == ticket)
    }

    pub(super) fn took(&self, ticket: Ticket, now: Instant) -> Option<Duration> {
        let (pending, began) = self.pending?;
        (pending == ticket).then(|| now.saturating_duration_since(began))
    }

    /// The look-up is over.
    pub(super) fn settle(&mut self, ticket: Ticket, found: LookUp, today: Date, calendar: &Calendar) {
        if !self.awaits(ticket) {
            return;
        }
        self.pending = None;
        self.settled = true;
        let by_reference = self.by_reference;
        self.file = match found {
            LookUp::Found(found) => Some(Box::new(File::open(*found, by_reference, today, calendar))),
            LookUp::Nothing | LookUp::Several => None,
        };
    }

    /// The look-up is over, and the book did not answer.
    pub(super) fn unanswered(&mut self, ticket: Ticket) {
        if self.awaits(ticket) {
            (self.pending, self.file) = (None, None);
            (self.settled, self.unavailable) = (true, true);
        }
    }

    /// Whether the book did not answer when it was asked last.
    pub(super) fn is_unavailable(&self) -> bool {
        self.unavailable
    }

    /// Takes the account as it is now. What was offered stands only where balance and limits are what they were.
    pub(super) fn refresh(&mut self, found: Found, today: Date, calendar: &Calendar) -> reading::Found {
        match self.file.as_mut().filter(|file| file.account.id == found.account.id) {
            Some(file) => file.refresh(found, today, calendar),
            None => reading::Found::Unavailable,
        }
    }

    /// Who was found, once the look-up is over.
    pub(super) fn identity(&self) -> Option<Identity> {
        if !self.settled {
            return None;
        }
        if self.unavailable {
            return Some(Identity::Unavailable);
        }
        Some(self.file.as_ref().map_or(Identity::Unknown, |file| file.identity()))
    }

    /// Judges a claim; `None` where there is no account.
    pub(super) fn claim(&mut self, claim: &Claim) -> Option<Answer> {
        Some(self.file.as_mut()?.verification.claim(claim))
    }

    /// Whether the right party is verified.
    pub(super) fn is_verified(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.verification.is_verified())
    }

    /// Whether verification is locked.
    pub(super) fn is_locked(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.verification.is_locked())
    }

    /// Tries left.
    pub(super) fn tries_left(&self) -> u8 {
        self.file.as_ref().map_or(0, |file| file.verification.tries_left())
    }

    /// What may be told, once the guard permits it.
    pub(super) fn facts(&self) -> Option<Facts> {
        let file = self.file.as_ref()?;
        Some(Facts { creditor: file.account.creditor.clone(), balance: file.account.balance, today: file.today })
    }

    /// The negotiation, once the guard permits it.
    pub(super) fn negotiation(&mut self) -> Option<&mut Negotiation> {
        self.file.as_mut().map(|file| &mut file.negotiation)
    }

    pub(super) fn read_back_played(&mut self, plan: &Plan) {
        if let Some(file) = self.file.as_mut() {
            file.negotiation.read_back_played(plan);
        }
    }

    /// The account, for records.
    pub(super) fn account(&self) -> Option<&Account> {
        self.file.as_ref().map(|file| &file.account)
    }

    /// Whose account it is.
    pub(super) fn person(&self) -> Option<PersonName> {
        self.file.as_ref().map(|file| file.person())
    }

    /// The strategy, for records.
    pub(super) fn strategy(&self) -> Option<&Strategy> {
        self.file.as_ref().map(|file| &file.strategy)
    }
}

impl File {
    fn open(found: Found, by_reference: bool, today: Date, calendar: &Calendar) -> Self {
        let Found { account, strategy } = found;
        let reference = (!by_reference).then_some(account.reference.as_str());
        let expected = Expected::new(Some(account.date_of_birth), Some(&account.postal_code), reference);
        let negotiation = Negotiation::new(account.balance, strategy.bounds.clone(), today, calendar.clone());
        Self { verification: Verification::new(expected), negotiation, account, strategy, today }
    }

    fn refresh(&mut self, found: Found, today: Date, calendar: &Calendar) -> reading::Found {
        let Found { account, strategy } = found;
        // The limits are those of the beginning, whatever becomes of the strategy meanwhile, unless it is another one.
        let is_same = account.balance == self.account.balance && strategy.id == self.strategy.id;
        if !is_same {
            self.negotiation = Negotiation::new(account.balance, strategy.bounds.clone(), today, calendar.clone());
            (self.strategy, self.today) = (strategy, today);
        }
        self.account = account;
        match (self.is_barred(), is_same) {
            (true, _) => reading::Found::Barred,
            (false, true) => reading::Found::Same,
            (false, false) => reading::Found::Changed,
        }
    }

    fn is_barred(&self) -> bool {
        !contact::decide(&self.account.flags).is_permitted()
    }

    fn identity(&self) -> Identity {
        if self.is_barred() {
            return Identity::Barred;
        }
        Identity::Found { person: self.person(), factors: self.verification.factors() }
    }

    fn person(&self) -> PersonName {
        let name = &self.account.name;
        PersonName::new(&format!("{} {}", name.given, name.family))
    }
}
