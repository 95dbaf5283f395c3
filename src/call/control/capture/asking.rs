//! What agents ask of payments by the interface.

use dialogue::What;
use rules::money::{Currency, Money};
use uuid::Uuid;

use super::super::{Agent, Call, Phase};
use super::{
    Asker, Payment, Settled, Stage,
    carried::Carried,
    session::{Asked, Session, order},
    terms::terms,
    watch::Watch,
};
use crate::{
    api::{ApiReply, Callback, CaptureAsk, CaptureStep, CaptureView, Method, Missing, News, SessionStep, ToolAsk},
    port::{Terms, Ticket},
};

/// Captures that a call may have.
const MOST_CAPTURES: usize = 20;

impl Call {
    /// Starts a capture for a bot; the answer comes once it has a name. `Ok(None)` where it is still to come.
    pub(in super::super) fn api_start(
        &mut self,
        ticket: Ticket,
        ask: CaptureAsk,
        key: Option<String>,
    ) -> Result<Option<ApiReply>, Missing> {
        if let Some(known) = self.known(key.as_deref(), &ask)? {
            return Ok(Some(known));
        }
        let (amount, terms) = self.may_capture(&ask)?;
        self.begin_payment(Asker::Bot, amount, ask, terms, key, Some(ticket));
        Ok(None)
    }

    /// Starts a capture for a language model, whose amount is one of the account's currency.
    pub(in super::super) fn api_collect(
        &mut self,
        ticket: Ticket,
        ask: &ToolAsk,
        key: Option<String>,
    ) -> Result<Option<ApiReply>, Missing> {
        let account = self.matter.account();
        let amount = account.map(|account| Money::parse(&ask.amount, account.balance.currency()));
        let Some(Ok(amount)) = amount else {
            // What must come first is told first.
            self.permitted(What::Capture)?;
            return Err(if amount.is_some() { Missing::Sense } else { Missing::Account });
        };
        let (method, account_type) = (ask.method, ask.account_type);
        self.api_start(ticket, CaptureAsk { method, account_type, ..CaptureAsk::card(amount.minor()) }, key)
    }

    /// Opens a payment that is taken field by field, likewise.
    pub(in super::super) fn api_open_session(
        &mut self,
        ticket: Ticket,
        ask: CaptureAsk,
        key: String,
        callback: Callback,
    ) -> Result<Option<ApiReply>, Missing> {
        if let Some(known) = self.known(Some(&key), &ask)? {
            return Ok(Some(known));
        }
        let (amount, terms) = self.may_capture(&ask)?;
        let asker = Asker::Session(Box::new(Session::new(callback, &terms)));
        self.begin_payment(asker, amount, ask, terms, Some(key), Some(ticket));
        Ok(None)
    }

    pub(in super::super) fn api_step_session(
        &mut self,
        session: Uuid,
        key: String,
        callback: Callback,
        step: SessionStep,
    ) -> Result<ApiReply, Missing> {
        let Some(payment) = self.payment.as_mut().filter(|payment| payment.name() == Some(session)) else {
            return Ok(ApiReply::NoCapture);
        };
        let is_open = payment.is_open();
        let Some(held) = payment.session() else { return Ok(ApiReply::NoCapture) };
        if held.knows(&key) {
            return Ok(ApiReply::Done);
        }
        if !is_open {
            return Err(Missing::Capture);
        }
        held.callback = callback;
        match step {
            SessionStep::Ask(field) => self.ask_field(field)?,
            SessionStep::Complete => self.complete_session()?,
            SessionStep::Cancel => self.cancel_capture(),
        }
        // What was refused is refused again, and is done once it can be.
        if let Some(held) = self.payment.as_mut().and_then(Payment::session) {
            held.remember(key);
        }
        Ok(ApiReply::Done)
    }

    /// How far a capture is.
    pub(in super::super) fn capture_view(&self, capture: Option<Uuid>) -> ApiReply {
        match capture {
            None => ApiReply::Capture(self.payment.as_ref().map_or(CaptureView::none(), Payment::view)),
            Some(id) => {
                let named = self.payments().find(|payment| payment.name() == Some(id));
                named.map_or(ApiReply::NoCapture, |payment| ApiReply::Capture(payment.view()))
            }
        }
    }

    /// Gives a capture up. One that has ended stays as it is.
    pub(in super::super) fn api_cancel(&mut self, capture: Option<Uuid>) -> Result<ApiReply, Missing> {
        let is_newest = |payment: &Payment| capture.is_none_or(|id| payment.name() == Some(id));
        if self.payment.as_ref().is_some_and(|payment| payment.is_running() && is_newest(payment)) {
            self.cancel_capture();
        } else if capture.is_none() {
            return Err(Missing::Capture);
        }
        Ok(self.capture_view(capture))
    }

    /// The answer to a request that came before, by its key.
    fn known(&self, key: Option<&str>, ask: &CaptureAsk) -> Result<Option<ApiReply>, Missing> {
        let Some(key) = key else { return Ok(None) };
        let is_of_key = |payment: &&Payment| payment.key.as_deref() == Some(key) && !payment.never_began();
        match self.payments().find(is_of_key) {
            None => Ok(None),
            Some(payment) if payment.ask != *ask => Err(Missing::Key),
            // It is just being named: the answer goes to whoever asked first.
            Some(payment) if payment.name().is_none() && payment.is_open() => Err(Missing::Capture),
            Some(payment) => Ok(Some(ApiReply::CaptureStarted(payment.view()))),
        }
    }

    /// Whether this may be taken now, and on what terms.
    fn may_capture(&self, ask: &CaptureAsk) -> Result<(Money, Terms), Missing> {
        self.permitted(What::Capture)?;
        let balance = self.matter.account().ok_or(Missing::Account)?.balance;
        let is_full = self.past.len() + 1 >= MOST_CAPTURES;
        let is_ready = self.settings.capture && self.phase == Phase::Talking && matches!(self.agent, Agent::Stream(_));
        if !is_ready || is_full || !self.may_pay() {
            return Err(Missing::Capture);
        }
        let terms = terms(ask, &self.settings.taking)?;
        if terms.method == Method::BankAccount && balance.currency() != Currency::USD {
            return Err(Missing::BankAccounts);
        }
        let is_currency = ask.currency.as_deref().is_none_or(|code| code == balance.currency().code());
        if !is_currency || !self.is_owed(ask.amount_minor) {
            return Err(Missing::Sense);
        }
        Ok((Money::new(ask.amount_minor, balance.currency()), terms))
    }

    fn ask_field(&mut self, step: CaptureStep) -> Result<(), Missing> {
        let keyed = self.payment.as_mut().filter(|payment| !payment.is_submitted());
        let keyed = keyed.ok_or(Missing::Capture)?;
        let is_with_carrier = keyed.is_with_carrier();
        match keyed.session().ok_or(Missing::Capture)?.ask(step, is_with_carrier)? {
            Asked::Begin => self.arm(),
            Asked::Say(prompt) => self.say_prompt(prompt),
            Asked::Nothing => {}
            Asked::Keyed => self.tell(News::Keyed(step)),
            Asked::Again => self.cancel_capture(),
        }
        Ok(())
    }

    fn complete_session(&mut self) -> Result<(), Missing> {
        let Some(payment) = self.payment.as_mut() else { return Err(Missing::Capture) };
        let stage = payment.stage;
        let completed = payment.session().and_then(Session::complete).ok_or(Missing::Capture)?;
        if let Some(prompt) = completed {
            self.say_prompt(prompt);
        }
        if stage == Stage::Keyed {
            self.connection_wanted();
        }
        Ok(())
    }

    /// Whether what is keyed is thrown away to be keyed anew.
    pub(super) fn is_restarting(&self) -> bool {
        let Some(payment) = &self.payment else { return false };
        // Nothing of it may have been submitted.
        let is_being_keyed = matches!(payment.stage, Stage::Arming | Stage::Keying | Stage::Keyed);
        payment.is_open()
            && is_being_keyed
            && matches!(&payment.asker, Asker::Session(session) if session.is_restarting)
    }

    /// The call ends: nothing is keyed anew.
    pub(in super::super) fn withdraw_restart(&mut self) {
        if let Some(session) = self.payment.as_mut().and_then(Payment::session) {
            session.is_restarting = false;
        }
    }

    /// Keys everything anew, as a capture of its own under the same name for its agent.
    pub(super) fn restart(&mut self) {
        let carrier = self.settings.carrier;
        let Some(payment) = self.payment.as_mut() else { return };
        if let Some(session) = payment.session() {
            session.is_restarting = false;
        }
        payment.carried = carrier.map(|carrier| Carried::new(carrier, order(&payment.terms)));
        // What a carrier takes has its row from the first key on: that one is over.
        let begun = payment.id.take().filter(|_| carrier.is_some());
        let (amount, method) = (payment.amount, payment.terms.method);
        payment.stage = Stage::Naming;
        (payment.watch, payment.progress, payment.withdrawn) = (Watch::default(), None, None);
        payment.awaited.clear();
        if let Some(id) = begun {
            payment.remember(id);
            self.record_payment(id, amount, method, &Settled::Failed("cancelled"), None);
        }
        self.name_payment();
    }
}
