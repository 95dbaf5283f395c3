//! A payment that the carrier takes: what it is asked for next, and what its word means here.

use gate::{
    CapturePrompt,
    wire::{EntryError, PromptReason, Step},
};
use rules::money::Money;
use uuid::Uuid;

use super::super::{Call, Output};
use super::{Payment, Settled, Stage, prompt::phrase};
use crate::{
    api::{CaptureStep, Method, News},
    carrier::{Carrier, CarrierCommand, CarrierEnd, CarrierEvent, CarrierReceipt},
    media::LegCommand,
    mouth::Purpose,
    port::{AuditEvent, Failure, Request, Ticket},
};

/// How far the carrier is.
#[derive(Debug)]
pub(super) struct Carried {
    carrier: Carrier,
    order: Vec<CaptureStep>,
    /// The field that is asked for, by its place.
    place: usize,
    /// Whether the carrier was asked to begin.
    pub(super) has_started: bool,
    is_withdrawn: bool,
    /// The command that submits it.
    submission: Option<Ticket>,
    /// Whether the carrier may have submitted it: nothing of it can be taken back.
    pub(super) is_submitted: bool,
}

impl Carried {
    pub(super) fn new(carrier: Carrier, order: Vec<CaptureStep>) -> Self {
        let (is_withdrawn, submission) = (false, None);
        Self { carrier, order, place: 0, has_started: false, is_withdrawn, submission, is_submitted: false }
    }

    /// What comes after a field that is complete; `None` where another one is being keyed, or where the carrier asks.
    fn next(&mut self, step: CaptureStep) -> Option<CarrierCommand> {
        if !self.carrier.is_asked_by_field() || self.order.get(self.place) != Some(&step) {
            return None;
        }
        self.place += 1;
        match self.order.get(self.place) {
            Some(next) => Some(CarrierCommand::Ask(*next)),
            None => {
                self.is_submitted = true;
                Some(CarrierCommand::Complete)
            }
        }
    }
}

impl Call {
    fn carried(&mut self) -> Option<&mut Carried> {
        self.payment.as_mut().filter(|payment| payment.is_open())?.carried.as_mut()
    }

    /// Every sink is silent: the row first, then the carrier.
    pub(super) fn arm_carrier(&mut self) {
        self.outputs.push_back(Output::Leg(LegCommand::Delegate));
        let Some(payment) = self.payment.as_mut() else { return };
        payment.stage = Stage::Keying;
        let Some(id) = payment.id else { return };
        let (amount, method, arrangement) = (payment.amount, payment.terms.method, self.arrangement());
        let Some(account) = self.matter.account().map(|account| account.id.clone()) else { return };
        self.ask_for_payment(Request::OpenPayment { payment: id, amount, account, arrangement, method });
    }

    /// The row is durable: whether the carrier was waiting for it.
    pub(super) fn start_carrier(&mut self) -> bool {
        let Some(payment) = self.payment.as_mut().filter(|payment| payment.is_open()) else { return false };
        let (amount, terms) = (payment.amount, payment.terms);
        match payment.carried.as_mut().filter(|carried| !carried.has_started && !carried.is_withdrawn) {
            Some(carried) => {
                carried.has_started = true;
                // Who asks by itself submits by itself, and has no command to stop.
                carried.is_submitted = !carried.carrier.is_asked_by_field();
            }
            None => return false,
        }
        self.command_carrier(CarrierCommand::Start { amount, terms });
        true
    }

    fn command_carrier(&mut self, command: CarrierCommand) {
        let Some(capture) = self.payment.as_ref().and_then(|payment| payment.id) else { return };
        let Some(call) = self.invitation.carrier_call.clone() else { return };
        let ticket = self.ask_for_payment(Request::Carrier { capture, call, command });
        // Nothing else is asked for once it may be submitted.
        if let Some(carried) = self.carried().filter(|carried| carried.is_submitted) {
            carried.submission.get_or_insert(ticket);
        }
    }

    /// The carrier has taken a command. The first one begins: then the first field is asked for.
    pub(super) fn carrier_obeyed(&mut self) {
        let Some(carried) = self.carried().filter(|carried| !carried.is_withdrawn) else { return };
        let first =
            carried.order.first().copied().filter(|_| carried.carrier.is_asked_by_field() && carried.place == 0);
        let watching = self.payment.as_ref().is_some_and(|payment| payment.watch.field().is_none());
        if let Some(step) = first.filter(|_| watching) {
            self.ask_carrier(step, PromptReason::First);
        }
    }

    /// The caller and the carrier are asked for a field.
    fn ask_carrier(&mut self, step: CaptureStep, reason: PromptReason) {
        let prompt = CapturePrompt { step: wire_step(step), reason };
        let Some(payment) = self.payment.as_mut() else { return };
        payment.watch.asked(prompt);
        if payment.watch.attempt() > payment.terms.attempts {
            payment.withdrawn = Some("too_many_attempts");
            return self.cancel_capture();
        }
        self.command_carrier(CarrierCommand::Ask(step));
        self.say(Purpose::Aside, vec![phrase(prompt)]);
        self.tell_keying();
    }

    /// What the carrier tells of the payment under way; what it tells of another one is not heard.
    pub(in super::super) fn carrier_told(&mut self, capture: Uuid, event: CarrierEvent) {
        if let CarrierEvent::Ended(CarrierEnd::Paid(receipt)) = &event
            && (self.is_past_paid(capture, receipt) || self.is_earlier_paid(capture, receipt))
        {
            return;
        }
        let is_this = |payment: &&mut Payment| payment.id == Some(capture) && payment.carried.is_some();
        let payment = self.payment.as_mut().filter(is_this);
        let is_paid = matches!(&event, CarrierEvent::Ended(CarrierEnd::Paid(_)));
        let is_known = matches!(&event, CarrierEvent::Ended(end) if *end != CarrierEnd::Unknown);
        match payment.map(|payment| (payment.outcome, payment)) {
            Some((None, _)) => {}
            Some((Some(Settled::Unknown), payment)) if is_known => {
                payment.outcome = None;
                self.note("carrier.late", "the outcome was not known");
            }
            // Whoever was refused or gave it up has paid all the same.
            Some((Some(Settled::Failed(_) | Settled::Cancelled), payment)) if is_paid => {
                payment.outcome = None;
                self.note("carrier.late", "it was given up, and is paid");
            }
            Some((Some(_), _)) | None => return self.note("carrier.ignored", "of no payment that is open"),
        }
        let is_withdrawal = |event: &CarrierEvent| match event {
            CarrierEvent::Keying { .. }
            | CarrierEvent::Keyed(_)
            | CarrierEvent::Ended(CarrierEnd::Cancelled | CarrierEnd::Failed("cancelled")) => true,
            CarrierEvent::Ended(
                CarrierEnd::Paid(_) | CarrierEnd::Declined | CarrierEnd::Failed(_) | CarrierEnd::Unknown,
            ) => false,
        };
        if self.is_restarting() && is_withdrawal(&event) {
            return self.note("carrier.ignored", "it is keyed anew");
        }
        let is_withdrawn = self.carried().is_some_and(|carried| carried.is_withdrawn);
        match event {
            CarrierEvent::Keying { .. } | CarrierEvent::Keyed(_) if is_withdrawn => {
                self.note("carrier.ignored", "it is withdrawn");
            }
            CarrierEvent::Keying { step, error } => self.carrier_keys(step, error),
            CarrierEvent::Keyed(step) => self.carrier_keyed(step),
            CarrierEvent::Ended(end) => self.carrier_ended(end),
        }
    }

    /// Whether this is of a payment that was given up before another one began: book and auditor are told that it is paid.
    fn is_past_paid(&mut self, capture: Uuid, receipt: &CarrierReceipt) -> bool {
        let is_given_up = |payment: &&mut Payment| {
            let came_to_nothing = matches!(payment.outcome, Some(Settled::Failed(_) | Settled::Cancelled));
            payment.id == Some(capture) && payment.carried.is_some() && came_to_nothing
        };
        let Some(payment) = self.past.iter_mut().find(is_given_up) else { return false };
        let (amount, method) = (payment.amount, payment.terms.method);
        payment.outcome = Some(Settled::PaidByCarrier);
        payment.receipt = Some(receipt.clone());
        self.paid_after_all(capture, amount, method, receipt);
        true
    }

    /// Whether this is of a payment before it was keyed anew: likewise, and nobody is to pay twice.
    fn is_earlier_paid(&mut self, capture: Uuid, receipt: &CarrierReceipt) -> bool {
        let is_current = self.payment.as_ref().is_some_and(|payment| payment.before.contains(&capture));
        let payment = self.payment.iter_mut().chain(&mut self.past).find(|payment| payment.before.contains(&capture));
        let Some(payment) = payment else { return false };
        payment.before.retain(|id| *id != capture);
        let (amount, method) = (payment.amount, payment.terms.method);
        self.paid_after_all(capture, amount, method, receipt);
        if is_current {
            self.withdraw_restart();
            self.cancel_capture();
        }
        true
    }

    fn paid_after_all(&mut self, capture: Uuid, amount: Money, method: Method, receipt: &CarrierReceipt) {
        let settled = Settled::PaidByCarrier;
        self.note("carrier.late", "it was given up, and is paid");
        self.audit(AuditEvent::CaptureEnded { capture: Some(capture), outcome: settled.label() });
        self.record_payment(capture, amount, method, &settled, Some(receipt));
    }

    fn carrier_keys(&mut self, step: CaptureStep, error: Option<&'static str>) {
        let Some(carried) = self.carried() else { return };
        let asks = carried.carrier.is_asked_by_field();
        match error {
            Some(error) if asks => self
                .ask_carrier(step, PromptReason::Retry(EntryError::named(error).unwrap_or(EntryError::InvalidNumber))),
            Some(error) => self.watch_carrier(
                step,
                PromptReason::Retry(EntryError::named(error).unwrap_or(EntryError::InvalidNumber)),
            ),
            None if !asks => self.watch_carrier(step, PromptReason::First),
            None => {}
        }
    }

    /// The carrier asks the caller itself: only its agent is told.
    fn watch_carrier(&mut self, step: CaptureStep, reason: PromptReason) {
        let Some(payment) = self.payment.as_mut() else { return };
        if reason != PromptReason::First || payment.watch.field() != Some(step) {
            payment.watch.asked(CapturePrompt { step: wire_step(step), reason });
            self.tell_keying();
        }
    }

    fn carrier_keyed(&mut self, step: CaptureStep) {
        let next = self.carried().and_then(|carried| carried.next(step));
        if let Some(session) = self.payment.as_mut().and_then(Payment::session) {
            session.keyed(step);
        }
        self.tell(News::Keyed(step));
        match next {
            Some(CarrierCommand::Ask(next)) => self.ask_carrier(next, PromptReason::First),
            Some(command) => {
                if let Some(payment) = self.payment.as_mut() {
                    payment.stage = Stage::Submitting;
                }
                self.command_carrier(command);
                let wait = CapturePrompt { step: Step::Wait, reason: PromptReason::First };
                self.say(Purpose::Aside, vec![phrase(wait)]);
                self.tell_bot();
            }
            None => {}
        }
    }

    fn carrier_ended(&mut self, end: CarrierEnd) {
        self.note("carrier.ended", "");
        let Some(payment) = self.payment.as_mut() else { return };
        let is_muted = !payment.released;
        match end {
            CarrierEnd::Paid(receipt) => {
                payment.receipt = Some(receipt);
                self.carrier_settled(Settled::PaidByCarrier);
            }
            CarrierEnd::Declined => self.carrier_settled(Settled::Declined),
            CarrierEnd::Cancelled => self.carrier_settled(Settled::Cancelled),
            CarrierEnd::Failed(reason) => self.carrier_settled(Settled::Failed(reason)),
            CarrierEnd::Unknown => {
                if let Some(carried) = payment.carried.as_mut() {
                    carried.is_submitted = true;
                }
                self.resolve();
            }
        }
        // What is left is the mute.
        if is_muted {
            self.outputs.push_back(Output::Leg(LegCommand::CancelCapture));
        }
    }

    fn carrier_settled(&mut self, settled: Settled) {
        if let Some(payment) = self.payment.as_mut() {
            payment.stage = Stage::Submitting;
        }
        self.settle(settled);
    }

    /// A carrier that takes no command ends what it has not submitted.
    pub(super) fn carrier_failed(&mut self, ticket: Ticket, failure: Failure) -> bool {
        let Some(carried) = self.carried() else { return false };
        // Where it was refused nothing is submitted; where it may have been carried out that is not known.
        if carried.submission == Some(ticket) && failure != Failure::Late {
            carried.is_submitted = false;
        }
        if !carried.is_submitted && !carried.is_withdrawn {
            self.note("capture.failing", format!("{failure:?}"));
            if let Some(payment) = self.payment.as_mut() {
                payment.withdrawn = Some("carrier_unavailable");
            }
            self.cancel_capture();
        }
        true
    }

    /// Withdraws what the carrier has not submitted. Whether there is nothing to withdraw any more.
    pub(super) fn withdraw_from_carrier(&mut self) -> bool {
        let Some(carried) = self.carried() else { return false };
        if carried.is_submitted {
            return true;
        }
        if !std::mem::replace(&mut carried.is_withdrawn, true) && carried.has_started {
            self.command_carrier(CarrierCommand::Cancel);
        }
        false
    }

    /// Whether the carrier goes on taking keys, by itself and without a command to stop, although the mute for it has ended.
    pub(super) fn carrier_goes_on(&self) -> bool {
        let open = self.payment.as_ref().filter(|payment| payment.is_open() && payment.stage != Stage::Resolving);
        open.and_then(|payment| payment.carried.as_ref()).is_some_and(|carried| !carried.carrier.is_asked_by_field())
    }
}

/// The step of the vault's that is the same field.
fn wire_step(step: CaptureStep) -> Step {
    match step {
        CaptureStep::Number => Step::Number,
        CaptureStep::Routing => Step::Routing,
        CaptureStep::Account => Step::Account,
        CaptureStep::Expiry => Step::Expiry,
        CaptureStep::Code => Step::Code,
        CaptureStep::Postal => Step::Postal,
    }
}
