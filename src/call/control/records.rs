//! What a call writes into the account book.

use std::collections::{BTreeMap, BTreeSet};

use book::{
    AccountUpdate, ComplianceRecord, ContactAttempt, ExternalId, PaymentArrangement, PaymentTransaction, Record,
    record::{
        ArrangementKind, ArrangementStatus, AttemptStatus, Card, DebtorRequest, Delivery, Disclosure, DisclosureKind,
        Disposition as BookDisposition, Outcome, PaymentStatus,
    },
};
use dialogue::{Disposition, Interruption, Plan};
use gate::wire::Brand;
use jiff::Timestamp;
use rules::{
    contact::{self, Flag},
    money::Money,
};
use uuid::Uuid;

use super::{Agent, Call, Output, capture::Settled, recording::Recording};
use crate::{
    EndReason,
    api::Method,
    carrier::CarrierReceipt,
    port::{AuditEvent, Request, Ticket},
};

/// What happened that records will tell.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) answered_at: Option<Timestamp>,
    pub(super) verified_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) disposition: Option<Disposition>,
    pub(super) recording: Recording,
    pub(super) written: bool,
    /// Whether the call has a row and a dialog in the journal.
    pub(super) journalled: bool,
    /// Records that are not yet durable.
    pub(super) pending: BTreeSet<Ticket>,
    disclosed: BTreeMap<dialogue::Disclosure, (Delivery, Timestamp)>,
    pub(super) requests: BTreeSet<DebtorRequest>,
    arrangements: u16,
    /// The arrangement that is not yet durable.
    agreed: Option<(Ticket, PaymentArrangement)>,
    updates: u16,
}

impl Facts {
    /// A disclosure was proven played to its end.
    pub(super) fn disclosed(&mut self, disclosure: dialogue::Disclosure, at: Timestamp) {
        self.disclosed.insert(disclosure, (Delivery::Delivered, at));
    }

    /// A disclosure was cut. Where it had been played to its end before, that stays.
    pub(super) fn cut(&mut self, disclosure: dialogue::Disclosure, at: Timestamp) {
        self.disclosed.entry(disclosure).or_insert((Delivery::Partial, at));
    }

    fn disclosures(&self) -> Vec<Disclosure> {
        use dialogue::Disclosure as Said;
        let kinds = [
            (DisclosureKind::Opening, Said::Opening),
            (DisclosureKind::AutomatedAssistant, Said::AiNotice),
            (DisclosureKind::Recording, Said::RecordingNotice),
            (DisclosureKind::MiniMiranda, Said::MiniMiranda),
            (DisclosureKind::DisputeRights, Said::MiniMiranda),
        ];
        kinds
            .into_iter()
            .map(|(kind, said)| {
                let played = self.disclosed.get(&said);
                let (delivery, at) =
                    played.map_or((Delivery::NotPlayed, None), |(delivery, at)| (*delivery, Some(*at)));
                Disclosure { kind, delivery, at, proof: None }
            })
            .collect()
    }
}

impl Call {
    fn uuid(&self) -> Uuid {
        self.invitation.id.uuid()
    }

    fn record(&mut self, record: impl Into<Record>) -> Ticket {
        let record = record.into();
        self.note("record.written", record.kind().name());
        let ticket = self.ask(Request::Record(Box::new(record)));
        self.facts.pending.insert(ticket);
        ticket
    }

    /// Something became durable.
    pub(super) fn stored(&mut self, ticket: Ticket) {
        if self.facts.pending.remove(&ticket) {
            self.arrangement_settled(ticket, true);
            return self.finish_if_recorded();
        }
        self.payment_stored(ticket);
    }

    /// A record could not be made durable in time: whether `ticket` was one.
    pub(super) fn record_failed(&mut self, ticket: Ticket) -> bool {
        if !self.facts.pending.remove(&ticket) {
            return false;
        }
        self.audit(AuditEvent::ControlFailed { control: "record_not_durable" });
        self.call_off(ticket);
        self.arrangement_settled(ticket, false);
        self.finish_if_recorded();
        true
    }

    /// What the caller was told could not be saved may be durable later: then this, behind it, calls it off.
    fn call_off(&mut self, ticket: Ticket) {
        if let Some((_, arrangement)) = self.facts.agreed.take_if(|(agreed, _)| *agreed == ticket) {
            self.record(PaymentArrangement { status: ArrangementStatus::Cancelled, ..arrangement });
        }
    }

    /// Saves a plan that was offered, read back and agreed to; `None` where it was not.
    pub(super) fn save_arrangement(&mut self, plan: &Plan) -> Option<Ticket> {
        let calendar = self.settings.calendar.clone();
        let agreed = self.matter.negotiation()?.agree(plan).ok()?;
        let (account, strategy) = (self.matter.account()?, self.matter.strategy()?);
        let offer = agreed.plan().offer;
        let number = self.facts.arrangements + 1;
        let record = PaymentArrangement {
            external_id: ExternalId::arrangement(self.uuid(), number),
            call: self.uuid(),
            attempt: ExternalId::attempt(self.uuid()),
            account: account.id.clone(),
            strategy: strategy.id.clone(),
            kind: if offer.instalments > 1 { ArrangementKind::Installments } else { ArrangementKind::Promise },
            status: ArrangementStatus::Active,
            total: offer.total,
            instalments: offer.schedule(&calendar),
            frequency: offer.frequency,
            balance_at_creation: account.balance,
            read_back_confirmed: true,
            agreed_at: self.wall(),
        };
        self.facts.arrangements = number;
        self.note("arrangement.agreed", format!("{} instalments", offer.instalments));
        self.audit(AuditEvent::ArrangementAgreed { instalments: offer.instalments });
        let ticket = self.record(record.clone());
        self.facts.agreed = Some((ticket, record));
        Some(ticket)
    }

    pub(super) fn record_payment(
        &mut self,
        payment: Uuid,
        amount: Money,
        method: Method,
        settled: &Settled,
        receipt: Option<&CarrierReceipt>,
    ) {
        let Some(account) = self.matter.account().map(|account| account.id.clone()) else { return };
        let (status, failure, card) = match settled {
            Settled::Approved(card) => (PaymentStatus::Succeeded, None, Some(card)),
            Settled::HandedOn(card) => (PaymentStatus::Initiated, None, Some(card)),
            Settled::PaidByCarrier => (PaymentStatus::Succeeded, None, None),
            Settled::Unknown => (PaymentStatus::Pending, None, None),
            Settled::Declined | Settled::Failed(_) | Settled::Cancelled => {
                (PaymentStatus::Failed, Some(settled.label().to_owned()), None)
            }
        };
        let arrangement = self.arrangement();
        let shown = match (card, receipt) {
            (Some(card), _) => Card::new(card.brand.name(), card.last_four.as_str()).ok(),
            (None, Some(receipt)) => {
                Card::new(receipt.brand.map_or("other", Brand::name), receipt.last_four.as_str()).ok()
            }
            (None, None) => None,
        };
        let record = PaymentTransaction {
            external_id: ExternalId::payment(payment),
            payment,
            call: self.uuid(),
            attempt: ExternalId::attempt(self.uuid()),
            account,
            arrangement,
            amount,
            method: method.recorded(),
            status,
            failure,
            card: shown,
            token: card.map(|card| card.token.as_str().to_owned()),
            processed_at: Some(self.wall()),
        };
        self.record(record);
    }

    /// The caller said something that ends the collection: the guard shuts, and the account learns of it.
    pub(super) fn note_interruption(&mut self, interruption: Interruption) {
        self.guard.stop();
        self.note("interruption", format!("{interruption:?}"));
        self.audit(AuditEvent::Request { request: Disposition::from(interruption).code() });
        if let Some(request) = request_of(interruption) {
            self.facts.requests.insert(request);
        }
        self.consider_recording();
        let (Some(flag), Some(account)) =
            (flag_of(interruption), self.matter.account().map(|account| account.id.clone()))
        else {
            return;
        };
        self.facts.updates += 1;
        let update = AccountUpdate {
            external_id: ExternalId::update(self.uuid(), self.facts.updates),
            call: self.uuid(),
            account,
            set: BTreeSet::from([flag]),
            at: self.wall(),
        };
        self.record(update);
    }

    /// Whether the caller has said this before.
    pub(super) fn is_noted(&self, interruption: Interruption) -> bool {
        request_of(interruption).is_some_and(|request| self.facts.requests.contains(&request))
    }

    /// The newest arrangement of the call.
    pub(super) fn arrangement(&self) -> Option<ExternalId> {
        let number = self.facts.arrangements;
        (number > 0).then(|| ExternalId::arrangement(self.uuid(), number))
    }

    /// The attempt and the compliance record as they stand.
    pub(super) fn attempt_so_far(&self) -> (ContactAttempt, ComplianceRecord) {
        let agent = match self.agent {
            Agent::Collector(_) => "collector",
            Agent::Stream(_) => "twilio-stream",
            Agent::Echo => "echo",
        };
        let account = self.matter.account();
        let mut attempt = ContactAttempt::inbound(self.uuid(), &self.invitation.trunk, self.began_at, agent);
        attempt.account = account.map(|account| account.id.clone());
        attempt.answered_at = self.facts.answered_at;
        attempt.identity_verified = self.facts.verified_at.is_some();
        attempt.outcome = if attempt.identity_verified { Outcome::RightParty } else { Outcome::Unknown };
        attempt.recording_consent = self.recording_consent();
        attempt.recording = self.facts.recording.file().map(str::to_owned);
        let mut compliance = ComplianceRecord::empty(self.uuid());
        compliance.account = attempt.account.clone();
        compliance.disclosures = self.facts.disclosures();
        compliance.recording = Some(self.recording_basis());
        compliance.requests = self.facts.requests.iter().copied().collect();
        compliance.findings = account.map_or_else(Vec::new, |account| contact::decide(&account.flags).findings);
        (attempt, compliance)
    }

    /// Keeps what would be told of the call if the gateway stopped now.
    pub(super) fn progress(&mut self) {
        if self.facts.journalled && !self.facts.written {
            let (attempt, compliance) = self.attempt_so_far();
            self.outputs.push_back(Output::Progress(Box::new(attempt), Box::new(compliance)));
        }
    }

    /// Writes how the call ended.
    pub(super) fn conclude_records(&mut self) {
        let (mut attempt, compliance) = self.attempt_so_far();
        let reason = self.ending.unwrap_or(EndReason::Completed);
        let disposition = self.disposition();
        attempt.status = AttemptStatus::Completed;
        attempt.ended_at = Some(self.facts.ended_at.unwrap_or_else(|| self.wall()));
        attempt.outcome = self.outcome_reached();
        attempt.disposition = book_disposition(disposition);
        attempt.end_reason = Some(reason.label().to_owned());
        self.note("record.written", "contact_attempt");
        self.note("record.written", "compliance_record");
        let audit = AuditEvent::CallEnded { reason: reason.label(), disposition: disposition.code() };
        let ticket =
            self.ask(Request::Conclude { attempt: Box::new(attempt), compliance: Box::new(compliance), reason, audit });
        self.facts.pending.insert(ticket);
    }

    fn outcome_reached(&self) -> Outcome {
        if self.facts.verified_at.is_some() {
            return Outcome::RightParty;
        }
        match self.disposition() {
            Disposition::WrongNumber => Outcome::WrongParty,
            Disposition::ThirdParty | Disposition::Minor => Outcome::ThirdParty,
            Disposition::Unidentified => Outcome::NotIdentified,
            Disposition::Barred => Outcome::BlockedByCompliance,
            Disposition::HungUp => Outcome::Abandoned,
            Disposition::Failure => Outcome::Failed,
            Disposition::PaidInFull
            | Disposition::ArrangedAndPaid
            | Disposition::Arranged
            | Disposition::PaymentUnknown
            | Disposition::NoAgreement
            | Disposition::Refused
            | Disposition::Referred
            | Disposition::Cease
            | Disposition::Attorney
            | Disposition::Bankruptcy
            | Disposition::Dispute
            | Disposition::AlreadyPaid
            | Disposition::IdentityTheft
            | Disposition::Deceased
            | Disposition::Hardship
            | Disposition::Crisis
            | Disposition::Language
            | Disposition::BadTime
            | Disposition::PersonRequested
            | Disposition::Transferred
            | Disposition::RecordingRefused
            | Disposition::NotVerified
            | Disposition::NoResponse
            | Disposition::NotUnderstood
            | Disposition::Unavailable
            | Disposition::ShutDown => Outcome::Unverified,
        }
    }
}

fn request_of(interruption: Interruption) -> Option<DebtorRequest> {
    match interruption {
        Interruption::Cease => Some(DebtorRequest::Cease),
        Interruption::Attorney => Some(DebtorRequest::Attorney),
        Interruption::Bankruptcy => Some(DebtorRequest::Bankruptcy),
        Interruption::Dispute | Interruption::AlreadyPaid | Interruption::IdentityTheft => Some(DebtorRequest::Dispute),
        Interruption::WrongNumber => Some(DebtorRequest::WrongParty),
        Interruption::BadTime => Some(DebtorRequest::InconvenientTime),
        Interruption::Person => Some(DebtorRequest::Human),
        Interruption::RecordingRefused => Some(DebtorRequest::NoRecording),
        Interruption::Deceased
        | Interruption::Minor
        | Interruption::Hardship
        | Interruption::Crisis
        | Interruption::Language
        | Interruption::Refusal => None,
    }
}

fn flag_of(interruption: Interruption) -> Option<Flag> {
    match interruption {
        Interruption::Cease => Some(Flag::VoiceOptOut),
        Interruption::Attorney => Some(Flag::Attorney),
        Interruption::Bankruptcy => Some(Flag::Bankruptcy),
        Interruption::Dispute | Interruption::AlreadyPaid => Some(Flag::Dispute),
        Interruption::IdentityTheft => Some(Flag::IdentityTheft),
        Interruption::Deceased => Some(Flag::Deceased),
        Interruption::Minor => Some(Flag::Minor),
        Interruption::Hardship => Some(Flag::Hardship),
        Interruption::Crisis => Some(Flag::Vulnerable),
        Interruption::WrongNumber
        | Interruption::Language
        | Interruption::BadTime
        | Interruption::Person
        | Interruption::RecordingRefused
        | Interruption::Refusal => None,
    }
}

fn book_disposition(disposition: Disposition) -> Option<BookDisposition> {
    match disposition {
        Disposition::PaidInFull => Some(BookDisposition::Paid),
        Disposition::ArrangedAndPaid | Disposition::Arranged => Some(BookDisposition::Arrangement),
        Disposition::PaymentUnknown => Some(BookDisposition::PromiseToPay),
        Disposition::NoAgreement | Disposition::Refused => Some(BookDisposition::Refusal),
        Disposition::Cease => Some(BookDisposition::Cease),
        Disposition::Attorney => Some(BookDisposition::Attorney),
        Disposition::Bankruptcy => Some(BookDisposition::Bankruptcy),
        Disposition::Dispute | Disposition::AlreadyPaid | Disposition::IdentityTheft => Some(BookDisposition::Dispute),
        Disposition::Hardship => Some(BookDisposition::Hardship),
        Disposition::BadTime => Some(BookDisposition::Callback),
        Disposition::Unavailable => Some(BookDisposition::Unavailable),
        Disposition::Referred
        | Disposition::Crisis
        | Disposition::Language
        | Disposition::PersonRequested
        | Disposition::Transferred
        | Disposition::NotVerified
        | Disposition::Barred => Some(BookDisposition::Escalated),
        Disposition::HungUp | Disposition::NoResponse | Disposition::NotUnderstood | Disposition::Failure => {
            Some(BookDisposition::Dropped)
        }
        Disposition::WrongNumber
        | Disposition::ThirdParty
        | Disposition::Deceased
        | Disposition::Minor
        | Disposition::RecordingRefused
        | Disposition::Unidentified
        | Disposition::ShutDown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_apart_from_a_wish_to_be_called_back() {
        assert_eq!(book_disposition(Disposition::Unavailable), Some(BookDisposition::Unavailable));
        assert_eq!(book_disposition(Disposition::BadTime), Some(BookDisposition::Callback));
    }
}
