//! What a bot, or an operator, asks of the call by the authenticated interface. The guard answers them as it answers the
//! collector.

use dialogue::{Answer, Claim, Digits, Disposition, Interruption, OfferAnswer, Phrase, Plan, Wanted, What};
use jiff::civil::Date;
use rules::{
    arrangement::{Ask, Wish},
    money::Money,
};
use serde_json::json;

use super::{Agent, Call, Output, reading::Errand};
use crate::{
    EndReason,
    api::{
        ApiReply, ApiRequest, Disposition as Reported, Factor, FactsReply, Missing, OfferAsk, OfferReply,
        OutcomeReport, Payment, VerifyResult,
    },
    port::{AuditEvent, Ticket},
};

impl Call {
    pub(super) fn api(&mut self, ticket: Ticket, request: ApiRequest) {
        let reply = match self.answer_api(ticket, request) {
            Ok(Some(reply)) => reply,
            // It comes once the world has answered.
            Ok(None) => return,
            Err(missing) => ApiReply::Refused(missing),
        };
        self.outputs.push_back(Output::Api(ticket, reply));
    }

    fn answer_api(&mut self, ticket: Ticket, request: ApiRequest) -> Result<Option<ApiReply>, Missing> {
        let answer = match request {
            // Whoever is being handed over keys no card here.
            ApiRequest::StartCapture { .. } | ApiRequest::CollectPayment { .. } | ApiRequest::OpenSession { .. }
                if self.is_handing_over() =>
            {
                return Err(Missing::Transfer);
            }
            ApiRequest::StartCapture { ask, key } => return self.api_start(ticket, ask, key),
            ApiRequest::CollectPayment { ask, key } => return self.api_collect(ticket, &ask, key),
            ApiRequest::OpenSession { ask, key, callback } => {
                return self.api_open_session(ticket, ask, key, callback);
            }
            ApiRequest::StepSession { session, key, callback, step } => {
                self.api_step_session(session, key, callback, step)
            }
            ApiRequest::Verify { factor, value } => self.api_verify(factor, value.reveal()),
            ApiRequest::Facts => {
                self.permitted(What::DebtFacts)?;
                return self.later(Errand::Facts(ticket));
            }
            ApiRequest::Offer(ask) => {
                self.permitted(What::Negotiation)?;
                return self.later(Errand::Offer(ticket, ask));
            }
            ApiRequest::Outcome(report) if report.accepted_offer.is_some() => {
                self.permitted(What::Negotiation)?;
                return self.later(Errand::Outcome(ticket, report));
            }
            ApiRequest::Outcome(report) => self.api_outcome(&report),
            ApiRequest::CaptureState { capture } => Ok(self.capture_view(capture)),
            ApiRequest::CancelCapture { capture } => self.api_cancel(capture),
            ApiRequest::Transfer { to, by_agent } => self.api_transfer(to, by_agent),
            ApiRequest::TransferState => Ok(ApiReply::Transfer(self.transfers.view())),
            ApiRequest::RefuseRecording => {
                self.audit(AuditEvent::Request { request: Disposition::RecordingRefused.code() });
                self.recording_refused();
                Ok(ApiReply::Done)
            }
            ApiRequest::Timeline => Ok(ApiReply::Timeline(json!(self.timeline.entries()))),
            ApiRequest::HangUp => {
                self.close(EndReason::Requested, vec![Phrase::Goodbye]);
                Ok(ApiReply::Done)
            }
        };
        answer.map(Some)
    }

    /// Answers once the account is known as it is now.
    fn later(&mut self, errand: Errand) -> Result<Option<ApiReply>, Missing> {
        self.has_account()?;
        self.once_current(errand);
        Ok(None)
    }

    /// Where the book did not answer it is asked again, for the next who asks.
    fn has_account(&mut self) -> Result<(), Missing> {
        match (self.matter.account(), self.matter.is_unavailable()) {
            (Some(_), _) => Ok(()),
            (None, false) => Err(Missing::Account),
            (None, true) => {
                self.look_up_caller();
                Err(Missing::Records)
            }
        }
    }

    pub(super) fn permitted(&self, what: What) -> Result<(), Missing> {
        self.guard.permits(what).map_err(|missing| match missing {
            dialogue::Missing::Opening | dialogue::Missing::RecordingNotice | dialogue::Missing::AiNotice => {
                Missing::Opening
            }
            dialogue::Missing::Verification if self.matter.is_locked() => Missing::Unlocked,
            dialogue::Missing::Verification => Missing::Verification,
            dialogue::Missing::MiniMiranda => Missing::Disclosure,
            dialogue::Missing::Stopped => Missing::Stopped,
        })
    }

    fn api_verify(&mut self, factor: Factor, value: &str) -> Result<ApiReply, Missing> {
        self.permitted(What::AgentSpeech)?;
        self.has_account()?;
        let claim = claim(factor, value).ok_or(Missing::Sense)?;
        let was_verified = self.guard.is_verified();
        let result = match claim {
            Some(claim) => match self.verify(&claim) {
                Answer::Match => VerifyResult::Match,
                Answer::NoMatch => VerifyResult::NoMatch,
                Answer::Locked => VerifyResult::Locked,
            },
            None => VerifyResult::NoMatch,
        };
        if self.guard.is_verified() && !was_verified {
            self.disclose();
        }
        let (verified, tries_left) = (self.guard.is_verified(), self.matter.tries_left());
        Ok(ApiReply::Verified { result, verified, tries_left })
    }

    pub(super) fn api_facts(&mut self) -> Result<ApiReply, Missing> {
        self.permitted(What::DebtFacts)?;
        let (facts, account) = self.matter.facts().zip(self.matter.account()).ok_or(Missing::Account)?;
        let reply = FactsReply {
            creditor: facts.creditor,
            balance_minor: facts.balance.minor(),
            currency: facts.balance.currency().code().to_owned(),
            reference_ending: account.reference.last_four().to_owned(),
        };
        self.audit(AuditEvent::FactsDisclosed);
        Ok(ApiReply::Facts(reply))
    }

    pub(super) fn api_offer(&mut self, ask: &OfferAsk) -> Result<ApiReply, Missing> {
        self.permitted(What::Negotiation)?;
        let currency = self.matter.account().ok_or(Missing::Account)?.balance.currency();
        let wanted = wanted(ask, |minor| Money::new(minor, currency)).ok_or(Missing::Sense)?;
        let answer = self.matter.negotiation().ok_or(Missing::Account)?.ask(wanted);
        self.note("offer", format!("{answer:?}"));
        let (plan, as_asked) = match answer {
            OfferAnswer::AsAsked(plan) => (plan, true),
            OfferAnswer::Closest(plan) => (plan, false),
            OfferAnswer::Refer => return Err(Missing::Offer),
        };
        let Agent::Stream(stream) = &mut self.agent else { return Err(Missing::Offer) };
        let name = stream.offered(plan);
        Ok(ApiReply::Offer(self.offer_reply(name, as_asked, &plan)))
    }

    fn offer_reply(&self, offer: String, as_asked: bool, plan: &Plan) -> OfferReply {
        let payments = plan.offer.schedule(&self.settings.calendar);
        OfferReply {
            offer,
            as_asked,
            currency: plan.offer.total.currency().code().to_owned(),
            payments: payments
                .iter()
                .map(|payment| Payment { due: payment.due.to_string(), amount_minor: payment.amount.minor() })
                .collect(),
        }
    }

    pub(super) fn api_outcome(&mut self, report: &OutcomeReport) -> Result<ApiReply, Missing> {
        self.permitted(What::AgentSpeech)?;
        self.facts.disposition = Some(disposition(report.disposition));
        if let Some(offer) = &report.accepted_offer {
            self.permitted(What::Negotiation)?;
            let Agent::Stream(stream) = &self.agent else { return Err(Missing::Offer) };
            let plan = stream.offer(offer).ok_or(Missing::Offer)?;
            self.matter.read_back_played(&plan);
            self.save_arrangement(&plan).ok_or(Missing::Offer)?;
        }
        // A report that comes again says nothing new.
        if let Some(interruption) = interruption(report.disposition).filter(|one| !self.is_noted(*one)) {
            self.note_interruption(interruption);
        }
        Ok(ApiReply::Done)
    }
}

/// What the caller said, where a disposition is that it ended the collection.
const fn interruption(reported: Reported) -> Option<Interruption> {
    match reported {
        Reported::Disputed => Some(Interruption::Dispute),
        Reported::CeaseContact => Some(Interruption::Cease),
        Reported::Represented => Some(Interruption::Attorney),
        Reported::WrongParty => Some(Interruption::WrongNumber),
        Reported::Arranged | Reported::Paid | Reported::NoAgreement | Reported::CallBack | Reported::Transferred => {
            None
        }
    }
}

/// The claim of a factor: `Some(None)` where the caller denies to be the person, `None` where the value makes no sense.
pub(crate) fn claim(factor: Factor, value: &str) -> Option<Option<Claim>> {
    match factor {
        Factor::Name => match value {
            "yes" => Some(Some(Claim::Name)),
            "no" => Some(None),
            _ => None,
        },
        Factor::DateOfBirth => value.parse::<Date>().ok().map(|date| Some(Claim::DateOfBirth(date))),
        Factor::PostalCode => Digits::parse(value).map(|digits| Some(Claim::PostalCode(digits))),
        Factor::ReferenceEnding => Digits::parse(value).map(|digits| Some(Claim::LastFour(digits))),
    }
}

/// What an ask means; `None` where it names nothing sensible.
pub(crate) fn wanted(ask: &OfferAsk, money: impl Fn(i64) -> Money) -> Option<Wanted> {
    let first = match &ask.first_payment {
        Some(text) => Some(text.parse::<Date>().ok()?),
        None => None,
    };
    let wish = match (ask.amount_minor, ask.instalments, ask.instalment_minor) {
        (None, None, None) if first.is_none() => return Some(Wanted::MoreTime),
        (None, None, Some(minor)) if minor > 0 => Wish::Amount(money(minor)),
        (None, Some(count), None) => Wish::Instalments(u16::try_from(count).ok().filter(|count| *count > 0)?),
        (Some(_), None, None) | (None, None, None) => Wish::Instalments(1),
        (Some(_) | None, Some(_) | None, Some(_) | None) => return None,
    };
    Some(Wanted::Terms(Ask { wish, frequency: None, first }))
}

fn disposition(reported: Reported) -> Disposition {
    match reported {
        Reported::Arranged => Disposition::Arranged,
        Reported::Paid => Disposition::PaidInFull,
        Reported::NoAgreement => Disposition::NoAgreement,
        Reported::CallBack => Disposition::BadTime,
        Reported::Disputed => Disposition::Dispute,
        Reported::CeaseContact => Disposition::Cease,
        Reported::Represented => Disposition::Attorney,
        Reported::WrongParty => Disposition::WrongNumber,
        Reported::Transferred => Disposition::PersonRequested,
    }
}
