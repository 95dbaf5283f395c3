//! A payment that its agent takes field by field: each field is asked for when the agent says so. Keying keeps the vault's
//! order, so that asking for a field asks first for those before it. Pure.

use std::collections::{BTreeSet, VecDeque};

use gate::CapturePrompt;
use uuid::Uuid;

use super::watch::field;
use crate::{
    api::{Callback, CaptureStep, Method, Missing, Postal},
    port::Terms,
};

/// Keys of requests that are remembered.
const MOST_KEYS: usize = 64;

/// What has to be done for a field that the agent asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing was asked for before: the capture begins.
    Begin,
    /// This prompt waited for it.
    Say(CapturePrompt),
    /// It is being keyed, or its turn comes.
    Nothing,
    /// The caller has keyed it already, before it was asked for.
    Keyed,
    /// It was asked for and keyed before: everything is keyed anew, because the vault holds no field that could be read
    /// back or replaced alone.
    Again,
}

/// What is to be keyed, what was asked for, and what is complete.
#[derive(Debug)]
pub(super) struct Session {
    /// Its name, from the moment that it has one; it stays when everything is keyed anew.
    pub(super) id: Option<Uuid>,
    /// Where its agent is told.
    pub(super) callback: Callback,
    /// Whether everything is to be keyed anew once the capture under way has ended.
    pub(super) is_restarting: bool,
    /// Whether the agent said that it is complete.
    pub(super) is_complete: bool,
    order: Vec<CaptureStep>,
    /// How many of these are asked for.
    reached: usize,
    named: BTreeSet<CaptureStep>,
    keyed: BTreeSet<CaptureStep>,
    held: Option<CapturePrompt>,
    keys: VecDeque<String>,
}

impl Session {
    pub(super) fn new(callback: Callback, terms: &Terms) -> Self {
        Self {
            id: None,
            callback,
            is_restarting: false,
            is_complete: false,
            order: order(terms),
            reached: 0,
            named: BTreeSet::new(),
            keyed: BTreeSet::new(),
            held: None,
            keys: VecDeque::new(),
        }
    }

    /// Whether a request of this key was carried out.
    pub(super) fn knows(&self, key: &str) -> bool {
        self.keys.iter().any(|known| known == key)
    }

    /// A request of this key was carried out.
    pub(super) fn remember(&mut self, key: String) {
        if self.keys.len() == MOST_KEYS {
            self.keys.pop_front();
        }
        self.keys.push_back(key);
    }

    /// The agent asks for a field. `is_submitted` says that what is keyed may be at the processor.
    ///
    /// # Errors
    /// [`Missing::Sense`] where there is no such field to be keyed; [`Missing::Capture`] once the agent has said that it is
    /// complete, and for what was keyed and may be at the processor.
    pub(super) fn ask(&mut self, step: CaptureStep, is_submitted: bool) -> Result<Asked, Missing> {
        let place = self.order.iter().position(|one| *one == step).ok_or(Missing::Sense)?;
        if self.is_complete {
            return Err(Missing::Capture);
        }
        let was_named = !self.named.insert(step);
        if self.keyed.contains(&step) {
            if was_named && is_submitted {
                return Err(Missing::Capture);
            }
            if was_named {
                self.restart(step);
                return Ok(Asked::Again);
            }
            return Ok(Asked::Keyed);
        }
        let is_first = self.reached == 0;
        self.reached = self.reached.max(place + 1);
        if is_first {
            return Ok(Asked::Begin);
        }
        let held = self.held.take_if(|held| field(held.step).is_some());
        Ok(held.map_or(Asked::Nothing, Asked::Say))
    }

    /// The agent says that everything is there; the prompt that waited for it, or `None` where a field is missing.
    pub(super) fn complete(&mut self) -> Option<Option<CapturePrompt>> {
        if !self.required().is_empty() || self.is_restarting {
            return None;
        }
        self.is_complete = true;
        Some(self.held.take())
    }

    /// Whether a prompt may be said now; otherwise it waits.
    pub(super) fn admits(&mut self, prompt: CapturePrompt) -> bool {
        let is_asked_for = match field(prompt.step) {
            Some(step) => self.order.iter().take(self.reached).any(|one| *one == step),
            None => self.is_complete,
        };
        self.held = (!is_asked_for).then_some(prompt);
        is_asked_for
    }

    /// A field is complete.
    pub(super) fn keyed(&mut self, step: CaptureStep) {
        self.keyed.insert(step);
    }

    /// What is still to be keyed.
    pub(super) fn required(&self) -> Vec<CaptureStep> {
        self.order.iter().copied().filter(|step| !self.keyed.contains(step)).collect()
    }

    fn restart(&mut self, step: CaptureStep) {
        self.keyed.clear();
        self.named = BTreeSet::from([step]);
        (self.is_restarting, self.is_complete, self.held) = (true, false, None);
    }
}

/// The fields in the order in which the vault asks for them.
pub(super) fn order(terms: &Terms) -> Vec<CaptureStep> {
    match (terms.method, terms.postal) {
        (Method::BankAccount, _) => vec![CaptureStep::Routing, CaptureStep::Account],
        (Method::Card, Postal::None) => vec![CaptureStep::Number, CaptureStep::Expiry, CaptureStep::Code],
        (Method::Card, Postal::Us | Postal::Canada | Postal::UnitedKingdom) => {
            vec![CaptureStep::Number, CaptureStep::Expiry, CaptureStep::Code, CaptureStep::Postal]
        }
    }
}

#[cfg(test)]
mod tests {
    use gate::wire::{Brands, PromptReason, Step};

    use super::*;
    use crate::api::AccountType;

    fn session() -> Session {
        let account_type = AccountType::default();
        let (method, postal) = (Method::Card, Postal::None);
        let terms = Terms { method, account_type, brands: Brands::all(), postal, attempts: 3 };
        Session::new(Callback::new("https://bot.example.com/pay".into()), &terms)
    }

    fn first(step: Step) -> CapturePrompt {
        CapturePrompt { step, reason: PromptReason::First }
    }

    #[test]
    fn each_field_waits_until_it_is_asked_for() {
        let mut session = session();
        assert_eq!(session.ask(CaptureStep::Postal, false), Err(Missing::Sense), "no postal code is taken");
        assert_eq!(session.ask(CaptureStep::Number, false), Ok(Asked::Begin));
        assert!(session.admits(first(Step::Number)));
        assert_eq!(session.ask(CaptureStep::Number, false), Ok(Asked::Nothing), "it is being keyed");
        session.keyed(CaptureStep::Number);
        assert!(!session.admits(first(Step::Expiry)));
        assert_eq!(session.ask(CaptureStep::Expiry, false), Ok(Asked::Say(first(Step::Expiry))));
        assert_eq!(session.required(), [CaptureStep::Expiry, CaptureStep::Code]);
        assert_eq!(session.complete(), None, "fields are missing");
    }

    #[test]
    fn fields_asked_for_in_another_order_are_keyed_in_the_card_s() {
        let mut session = session();
        assert_eq!(session.ask(CaptureStep::Code, false), Ok(Asked::Begin));
        for (step, next) in [(CaptureStep::Number, Step::Expiry), (CaptureStep::Expiry, Step::Code)] {
            session.keyed(step);
            assert!(session.admits(first(next)));
        }
        session.keyed(CaptureStep::Code);
        assert_eq!(session.ask(CaptureStep::Number, false), Ok(Asked::Keyed), "it is there already");
        assert!(!session.admits(first(Step::Wait)), "not before the agent says that it is complete");
        assert_eq!(session.complete(), Some(Some(first(Step::Wait))));
        assert_eq!(session.ask(CaptureStep::Number, false), Err(Missing::Capture), "it may be at the processor");
        assert!(!session.is_restarting && session.required().is_empty());
    }

    #[test]
    fn a_field_asked_for_again_is_keyed_anew_with_all_the_others() {
        let mut session = session();
        assert!(session.ask(CaptureStep::Number, false).is_ok());
        session.keyed(CaptureStep::Number);
        assert_eq!(session.ask(CaptureStep::Number, true), Err(Missing::Capture), "it may be at the processor");
        assert_eq!(session.ask(CaptureStep::Number, false), Ok(Asked::Again));
        assert!(session.is_restarting && session.required().len() == 3);
        assert_eq!(session.ask(CaptureStep::Number, false), Ok(Asked::Nothing), "once");
    }

    #[test]
    fn a_key_counts_once() {
        let mut session = session();
        session.remember("a".into());
        assert!(session.knows("a") && !session.knows("b"));
        for number in 0..MOST_KEYS {
            session.remember(number.to_string());
        }
        assert!(!session.knows("a"), "of a bounded number");
    }
}
