//! Who is told how far a payment is, and how it ended: the caller, the collector, a bot by its stream, an agent by its callback.

use dialogue::{
    Phrase,
    phrase::{CardReason, CardStep},
};

use super::super::{Agent, Call, Output, Phase};
use super::{Asker, Payment, Settled, Stage};
use crate::{
    api::{News, SessionUpdate},
    mouth::Purpose,
};

impl Call {
    /// Caller and collector learn how it ended. A bot was muted throughout: that no more keys are wanted is the gateway's to
    /// say; the rest the bot finds in the capture's state.
    pub(super) fn tell_outcome(&mut self, settled: &Settled) {
        let is_over_without_answer = matches!(settled, Settled::Failed(_) | Settled::Cancelled);
        let is_unarmed = |payment: &Payment| matches!(payment.stage, Stage::Naming | Stage::Opened);
        let was_armed = self.payment.as_ref().is_some_and(|payment| !is_unarmed(payment));
        if is_over_without_answer && was_armed && self.phase == Phase::Talking && matches!(self.agent, Agent::Stream(_))
        {
            self.say(Purpose::Aside, vec![Phrase::Card(CardStep::Cancelled, CardReason::First)]);
        }
        self.captured(settled);
    }

    pub(super) fn captured(&mut self, settled: &Settled) {
        if let Agent::Collector(_) = self.agent {
            let receipt = self.payment.as_ref().and_then(|payment| payment.receipt.as_ref());
            let outcome = settled.for_collector(receipt);
            self.collector_event(dialogue::Event::Captured(outcome));
        }
    }

    /// Its agent learns how far the field is that is being keyed.
    pub(super) fn tell_keying(&mut self) {
        let Some(watch) = self.payment.as_ref().map(|payment| &payment.watch) else { return };
        let (count, attempt, error) = (watch.count(), watch.attempt(), watch.error());
        match watch.field() {
            Some(step) => self.tell(News::Keying { step, count, attempt, error }),
            None => self.tell_bot(),
        }
    }

    /// Its agent learns what happened.
    pub(super) fn tell(&mut self, news: News) {
        let Some(payment) = self.payment.as_ref() else { return };
        let Asker::Session(session) = &payment.asker else { return self.tell_bot() };
        let Some(id) = session.id else { return };
        let update = SessionUpdate {
            session: id,
            payment: payment.id.unwrap_or(id),
            callback: session.callback.clone(),
            ask: payment.ask.clone(),
            currency: payment.amount.currency().code().to_owned(),
            news,
            required: session.required(),
        };
        self.outputs.push_back(Output::Session(Box::new(update)));
    }

    /// A bot that takes a payment by `/v1` learns how far it is.
    pub(super) fn tell_bot(&mut self) {
        let Some(payment) = self.payment.as_ref().filter(|payment| matches!(payment.asker, Asker::Bot)) else { return };
        let view = payment.view();
        self.outputs.push_back(Output::BotCapture(Box::new(view)));
    }
}
