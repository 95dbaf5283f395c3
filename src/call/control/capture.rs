//! A card payment in a call: armed, keyed, submitted, settled. The call sees names of steps and never a digit.

use std::{os::fd::OwnedFd, time::Instant};

use dialogue::{
    Digits, Phrase, What,
    phrase::{CardBrand, CardReason, CardStep},
};
use gate::{
    CaptureEvent, CaptureFailure, CaptureId, CaptureOutcome, CapturePrompt, ControlFailure, SuppressReason, Suppressed,
    wire::{Approval, Brand, EntryError, FailReason, PromptReason, Step},
};
use rules::money::Money;
use uuid::Uuid;

use super::{Agent, Call, Output, Phase, progress::Progress};
use crate::{
    api::{CaptureReply, CaptureStep},
    media::LegCommand,
    mouth::Purpose,
    port::{AuditEvent, Failure, PaidCard, PaymentState, Request},
};

/// How far a capture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It is being named.
    Naming,
    /// The sinks are being muted.
    Arming,
    /// The caller keys.
    Keying,
    /// The row says "submitted"; the vault gets its connection.
    Submitting,
    /// The answer was lost; the processor is being read.
    Resolving,
}

/// A card payment.
pub(super) struct Payment {
    id: Option<Uuid>,
    amount: Money,
    stage: Stage,
    step: Option<Step>,
    progress: Option<Progress>,
    outcome: Option<Settled>,
    released: bool,
}

/// How a payment ended, as an agent may know it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Settled {
    Approved(PaidCard),
    Declined,
    Failed(&'static str),
    Cancelled,
    Unknown,
}

impl Payment {
    /// Whether a card may still be keyed or an answer come.
    pub(super) fn is_open(&self) -> bool {
        self.outcome.is_none()
    }

    /// Whether the gate still mutes the caller.
    fn is_running(&self) -> bool {
        !self.released
    }

    /// What the interface may say of it.
    pub(super) fn state(&self) -> CaptureReply {
        match (&self.outcome, self.stage) {
            (Some(Settled::Approved(card)), _) => CaptureReply::Approved {
                token: card.token.as_str().to_owned(),
                brand: card.brand.name().to_owned(),
                last_four: card.last_four.as_str().to_owned(),
            },
            (Some(Settled::Declined), _) => CaptureReply::Declined,
            (Some(Settled::Failed(reason)), _) => CaptureReply::Failed { reason: (*reason).to_owned() },
            (Some(Settled::Cancelled), _) => CaptureReply::Failed { reason: "cancelled".to_owned() },
            (Some(Settled::Unknown), _) => CaptureReply::Unknown,
            (None, Stage::Naming | Stage::Arming) => CaptureReply::Arming,
            (None, Stage::Keying) => match self.step {
                Some(Step::Number) | None => CaptureReply::Keying { step: CaptureStep::Number },
                Some(Step::Expiry) => CaptureReply::Keying { step: CaptureStep::Expiry },
                Some(Step::Code) => CaptureReply::Keying { step: CaptureStep::Code },
                Some(Step::Postal) => CaptureReply::Keying { step: CaptureStep::Postal },
                Some(Step::Wait) => CaptureReply::Submitted,
            },
            (None, Stage::Submitting | Stage::Resolving) => CaptureReply::Submitted,
        }
    }
}

impl Call {
    /// Whether a card is being taken.
    pub(super) fn is_capturing(&self) -> bool {
        self.payment.as_ref().is_some_and(Payment::is_running)
    }

    pub(super) fn start_capture(&mut self, amount: Money) {
        let permitted = self.settings.capture && self.guard.permits(What::Capture).is_ok();
        if !permitted || self.is_capturing() || self.matter.account().is_none() {
            self.note("capture.refused", "");
            return self.captured(&Settled::Failed("not_permitted"));
        }
        self.note("capture.started", "");
        self.payment = Some(Payment {
            id: None,
            amount,
            stage: Stage::Naming,
            step: None,
            progress: None,
            outcome: None,
            released: false,
        });
        self.ask(Request::NamePayment);
    }

    /// The payment has its name: mute everything, then wait for every sink.
    pub(super) fn payment_named(&mut self, id: Uuid) {
        let Some(payment) = self.payment.as_mut().filter(|payment| payment.stage == Stage::Naming) else { return };
        payment.id = Some(id);
        payment.stage = Stage::Arming;
        self.stop_listening();
        self.outputs.push_back(Output::Leg(LegCommand::Arm { capture: capture_id(id) }));
    }

    pub(super) fn capture_event(&mut self, event: CaptureEvent) {
        match event {
            CaptureEvent::Armed => self.armed(),
            CaptureEvent::Progress { step, count } => {
                self.step(step);
                let now = self.now;
                if let Some(progress) = self.payment.as_mut().and_then(|payment| payment.progress.as_mut()) {
                    progress.take(now, step, count);
                }
            }
            CaptureEvent::ConnectionWanted => self.connection_wanted(),
            CaptureEvent::Outcome(outcome) => self.outcome(&outcome),
            CaptureEvent::WipeRecord(record) => {
                self.note("capture.wiped", "signed by the vault");
                let capture = Uuid::from_bytes(record.capture);
                self.audit(AuditEvent::CardWiped { capture, signature: hex(&record.signature) });
            }
            CaptureEvent::Released => self.released(),
        }
    }

    fn armed(&mut self) {
        self.note("capture.armed", "every sink is silent");
        let now = self.now;
        if let Some(payment) = &mut self.payment {
            payment.progress = Some(Progress::new(now));
        }
        let Some((id, amount)) = self.payment.as_ref().and_then(|payment| Some((payment.id?, payment.amount))) else {
            return;
        };
        self.audit(AuditEvent::CaptureArmed { capture: id });
        self.ask(Request::OpenCapture { capture: id, payment: id, amount });
    }

    pub(super) fn capture_opened(&mut self, socket: OwnedFd) {
        let Some(payment) = self.payment.as_mut().filter(|payment| payment.stage == Stage::Arming) else { return };
        payment.stage = Stage::Keying;
        if let Some(id) = payment.id {
            self.outputs.push_back(Output::Leg(LegCommand::AttachVault { capture: capture_id(id), socket }));
        }
    }

    pub(super) fn capture_timeout(&self) -> Option<Instant> {
        self.payment.as_ref()?.progress.as_ref()?.poll_timeout()
    }

    pub(super) fn capture_due(&mut self) {
        let now = self.now;
        let progress = self.payment.as_mut().and_then(|payment| payment.progress.as_mut());
        if let Some((step, count)) = progress.and_then(|progress| progress.handle_timeout(now)) {
            self.note("capture.progress", format!("{step:?} {count}"));
        }
    }

    pub(super) fn capture_prompt(&mut self, prompt: CapturePrompt) {
        self.step(prompt.step);
        self.say(Purpose::Capture(prompt), vec![phrase(prompt)]);
    }

    fn step(&mut self, step: Step) {
        if let Some(payment) = self.payment.as_mut() {
            payment.step = Some(step);
        }
    }

    /// Everything is keyed. First the row says so, durably; then the vault gets its connection.
    fn connection_wanted(&mut self) {
        let Some(payment) = self.payment.as_mut() else { return };
        payment.stage = Stage::Submitting;
        let Some(id) = payment.id else { return };
        let (amount, arrangement) = (payment.amount, self.arrangement());
        let Some(account) = self.matter.account().map(|account| account.id.clone()) else { return };
        self.note("capture.keyed", "");
        self.ask(Request::OpenPayment { payment: id, amount, account, arrangement });
    }

    /// Something about the payment became durable: whether that was waited for.
    pub(super) fn payment_stored(&mut self) -> bool {
        let Some(payment) = self.payment.as_ref().filter(|payment| payment.stage == Stage::Submitting) else {
            return false;
        };
        let Some(id) = payment.id.filter(|_| payment.outcome.is_none()) else { return false };
        self.ask(Request::ConnectProcessor { capture: id });
        true
    }

    pub(super) fn payment_request_failed(&mut self, failure: Failure) -> bool {
        let Some(payment) = self.payment.as_ref().filter(|payment| payment.is_open()) else { return false };
        match payment.stage {
            Stage::Naming => {
                self.settle(Settled::Failed("unavailable"));
                self.released();
            }
            Stage::Arming | Stage::Keying | Stage::Submitting => {
                self.note("capture.failing", format!("{failure:?}"));
                self.cancel_capture();
            }
            Stage::Resolving => self.settle(Settled::Unknown),
        }
        true
    }

    pub(super) fn cancel_capture(&mut self) {
        if self.payment.as_ref().is_some_and(Payment::is_open) {
            self.outputs.push_back(Output::Leg(LegCommand::CancelCapture));
        }
    }

    fn outcome(&mut self, outcome: &CaptureOutcome) {
        match *outcome {
            CaptureOutcome::Approved(Approval { token, brand, last_four, authorisation: _ }) => {
                self.settle(Settled::Approved(PaidCard { token, brand, last_four }));
            }
            CaptureOutcome::Declined(_) => self.settle(Settled::Declined),
            CaptureOutcome::Failed(CaptureFailure::Vault(FailReason::CancelledByCaller)) => {
                self.settle(Settled::Cancelled);
            }
            CaptureOutcome::Failed(failure) => self.settle(Settled::Failed(failure_label(failure))),
            CaptureOutcome::Unknown => self.resolve(),
        }
    }

    /// The answer was lost: read the payment's id at the processor, never submit again.
    fn resolve(&mut self) {
        let Some(payment) = self.payment.as_mut() else { return };
        payment.stage = Stage::Resolving;
        let Some(id) = payment.id else { return };
        self.note("capture.resolving", "the answer was lost");
        self.audit(AuditEvent::PaymentUnknown { payment: id });
        self.ask(Request::ResolvePayment { payment: id });
    }

    pub(super) fn resolved(&mut self, state: PaymentState, card: Option<PaidCard>) {
        match (state, card) {
            (PaymentState::Approved, Some(card)) => self.settle(Settled::Approved(card)),
            (PaymentState::Declined, _) => self.settle(Settled::Declined),
            (PaymentState::Abandoned, _) => self.settle(Settled::Failed("not_submitted")),
            (PaymentState::Approved, None) | (PaymentState::Submitted | PaymentState::Unknown, _) => {
                self.settle(Settled::Unknown);
            }
        }
    }

    fn settle(&mut self, settled: Settled) {
        let Some(payment) = self.payment.as_mut().filter(|payment| payment.outcome.is_none()) else { return };
        payment.outcome = Some(settled);
        let (id, amount, released) = (payment.id, payment.amount, payment.released);
        payment.progress = None;
        let submitted = matches!(payment.stage, Stage::Submitting | Stage::Resolving);
        self.note("capture.settled", settled.label());
        self.audit(AuditEvent::CaptureEnded { capture: id, outcome: settled.label() });
        if let Some(id) = id {
            if submitted {
                self.ask(Request::MarkPayment { payment: id, state: settled.state() });
            }
            self.record_payment(id, amount, &settled);
        }
        if released {
            self.tell(&settled);
        }
        if self.phase == Phase::Recording {
            self.write_records();
        }
    }

    /// The caller's audio flows again: the agent may know how it ended, once that is known.
    fn released(&mut self) {
        let Some(payment) = self.payment.as_mut() else { return };
        payment.released = true;
        let settled = payment.outcome;
        self.note("capture.released", "caller audio flows again");
        if let Some(settled) = settled {
            self.tell(&settled);
        }
    }

    /// Caller and agent learn how it ended. A bot was muted throughout: that no more keys are wanted is the gateway's to
    /// say; the rest the bot finds in the capture's state.
    fn tell(&mut self, settled: &Settled) {
        let is_over_without_answer = matches!(settled, Settled::Failed(_) | Settled::Cancelled);
        if is_over_without_answer && self.phase == Phase::Talking && matches!(self.agent, Agent::Stream(_)) {
            self.say(Purpose::Aside, vec![Phrase::Card(CardStep::Cancelled, CardReason::First)]);
        }
        self.captured(settled);
    }

    fn captured(&mut self, settled: &Settled) {
        if let Agent::Collector(_) = self.agent {
            self.collector_event(dialogue::Event::Captured(settled.for_collector()));
        }
    }

    /// A control of the capture failed. The gate has already failed closed; here it is written down.
    pub(super) fn control_failed(&mut self, failure: ControlFailure) {
        self.note("control.failed", format!("{failure:?}"));
        self.audit(AuditEvent::ControlFailed { control: control_label(failure) });
    }

    pub(super) fn suppressed(&mut self, suppressed: Suppressed) {
        let reason = match suppressed.reason {
            SuppressReason::Undeclared => "undeclared",
            SuppressReason::RunTooLong => "run_too_long",
            SuppressReason::BudgetSpent => "budget_spent",
            SuppressReason::Capture => "capture",
        };
        self.note("keys.suppressed", format!("{} {reason}", suppressed.keys));
        self.audit(AuditEvent::KeysSuppressed { keys: suppressed.keys, reason });
    }
}

impl Settled {
    /// The stable name.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Approved(_) => "approved",
            Self::Declined => "declined",
            Self::Failed(reason) => reason,
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }

    fn state(&self) -> PaymentState {
        match self {
            Self::Approved(_) => PaymentState::Approved,
            Self::Declined => PaymentState::Declined,
            Self::Failed(_) | Self::Cancelled => PaymentState::Abandoned,
            Self::Unknown => PaymentState::Unknown,
        }
    }

    fn for_collector(&self) -> dialogue::CaptureOutcome {
        match self {
            Self::Approved(card) => match Digits::parse(card.last_four.as_str()) {
                Some(last_four) => dialogue::CaptureOutcome::Approved { brand: spoken_brand(card.brand), last_four },
                None => dialogue::CaptureOutcome::Unknown,
            },
            Self::Unknown => dialogue::CaptureOutcome::Unknown,
            Self::Declined => dialogue::CaptureOutcome::Declined,
            Self::Failed(_) => dialogue::CaptureOutcome::Failed,
            Self::Cancelled => dialogue::CaptureOutcome::Cancelled,
        }
    }
}

fn capture_id(id: Uuid) -> CaptureId {
    id.into_bytes()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn control_label(failure: ControlFailure) -> &'static str {
    match failure {
        ControlFailure::MuteNotAcknowledged(_) => "mute_not_acknowledged",
        ControlFailure::MuteLapsed(_) => "mute_lapsed",
        ControlFailure::WipeUnconfirmed => "wipe_unconfirmed",
    }
}

fn failure_label(failure: CaptureFailure) -> &'static str {
    match failure {
        CaptureFailure::Vault(reason) => vault_label(reason),
        CaptureFailure::Control(control) => control_label(control),
        CaptureFailure::HungUp => "hung_up",
        CaptureFailure::Cancelled => "cancelled",
        CaptureFailure::VaultClosed => "vault_closed",
        CaptureFailure::VaultMisbehaved => "vault_misbehaved",
        CaptureFailure::Expired => "expired",
    }
}

fn vault_label(reason: FailReason) -> &'static str {
    match reason {
        FailReason::TooManyAttempts => "too_many_attempts",
        FailReason::SessionTimeout => "session_timeout",
        FailReason::CancelledByCaller => "cancelled_by_caller",
        FailReason::Withdrawn => "withdrawn",
        FailReason::NoConnection => "no_connection",
        FailReason::ProcessorUnreachable => "processor_unreachable",
        FailReason::ProcessorUntrusted => "processor_untrusted",
        FailReason::ProcessorRefused => "processor_refused",
        FailReason::Protocol => "protocol",
    }
}

/// The words of a capture prompt.
pub(super) fn phrase(prompt: CapturePrompt) -> Phrase {
    let step = match prompt.step {
        Step::Number => CardStep::Number,
        Step::Expiry => CardStep::Expiry,
        Step::Code => CardStep::Code,
        Step::Postal => CardStep::Postal,
        Step::Wait => CardStep::Wait,
    };
    let reason = match prompt.reason {
        PromptReason::First => CardReason::First,
        PromptReason::Cleared => CardReason::Cleared,
        PromptReason::Retry(EntryError::Timeout) => CardReason::Timeout,
        PromptReason::Retry(EntryError::DisallowedBrand) => CardReason::Unsupported,
        PromptReason::Retry(
            EntryError::InvalidNumber | EntryError::InvalidDate | EntryError::InvalidCode | EntryError::InvalidPostal,
        ) => CardReason::Invalid,
    };
    Phrase::Card(step, reason)
}

fn spoken_brand(brand: Brand) -> CardBrand {
    match brand {
        Brand::Visa => CardBrand::Visa,
        Brand::Mastercard => CardBrand::Mastercard,
        Brand::Amex => CardBrand::AmericanExpress,
        Brand::Discover => CardBrand::Discover,
        Brand::Diners | Brand::Jcb | Brand::UnionPay | Brand::Canary => CardBrand::Other,
    }
}
