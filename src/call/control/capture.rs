//! A payment in a call: armed, keyed, submitted, settled. The call sees names of steps and never a digit.

mod asking;
mod carried;
mod controls;
mod limits;
mod news;
mod outcome;
mod prompt;
mod requests;
mod session;
mod settled;
mod submission;
mod terms;
mod watch;

use std::{collections::BTreeSet, os::fd::OwnedFd, time::Instant};

use dialogue::What;
use gate::{CaptureEvent, CaptureId};
use rules::money::Money;
use uuid::Uuid;

use self::{carried::Carried, session::Session, watch::Watch};
use super::{Call, Output, progress::Progress};
use crate::{
    api::{ApiReply, CaptureAsk, CaptureReply, CaptureView, Method, Missing, News},
    carrier::CarrierReceipt,
    conditions::{self, Host},
    media::LegCommand,
    port::{AuditEvent, Request, Terms, Ticket},
};

pub(super) use self::settled::Settled;
pub use self::terms::Taking;

/// Names of a payment that is keyed anew again and again which are remembered.
const MOST_BEFORE: usize = 8;

/// How far a capture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It is being named.
    Naming,
    /// Its agent has asked for no field yet; nothing is muted.
    Opened,
    /// The sinks are being muted.
    Arming,
    /// The caller keys.
    Keying,
    /// Everything is keyed; its agent has yet to say that it is complete.
    Keyed,
    /// The row says "submitted"; the vault gets its connection.
    Submitting,
    /// The processor keeps the card; it is being charged.
    Charging,
    /// The answer was lost; the processor is being read.
    Resolving,
}

/// Who takes a payment, and how they are told of it.
enum Asker {
    /// The embedded collector.
    Collector,
    /// A bot, by its stream.
    Bot,
    /// An agent that takes it field by field.
    Session(Box<Session>),
}

/// A payment.
pub(super) struct Payment {
    id: Option<Uuid>,
    amount: Money,
    ask: CaptureAsk,
    terms: Terms,
    /// The key of the request that asked for it.
    key: Option<String>,
    asker: Asker,
    /// The request that waits for the payment's name.
    unanswered: Option<Ticket>,
    /// Its requests whose answers are awaited.
    awaited: BTreeSet<Ticket>,
    stage: Stage,
    watch: Watch,
    progress: Option<Progress>,
    /// Where the carrier takes it.
    carried: Option<Carried>,
    /// What it was called before it was keyed anew, where the carrier knew it by that.
    before: Vec<Uuid>,
    receipt: Option<CarrierReceipt>,
    /// Why the call cancels it, where that has a name of its own.
    pub(super) withdrawn: Option<&'static str>,
    outcome: Option<Settled>,
    released: bool,
}

impl Payment {
    /// Whether a card may still be keyed or an answer come.
    pub(super) fn is_open(&self) -> bool {
        self.outcome.is_none()
    }

    /// Whether it was over before it had a name: whoever asked for it was refused, and may ask again.
    fn never_began(&self) -> bool {
        self.name().is_none() && !self.is_open()
    }

    /// Whether it may be at the processor, or is.
    fn is_submitted(&self) -> bool {
        match self.stage {
            Stage::Naming | Stage::Opened | Stage::Arming | Stage::Keying | Stage::Keyed => false,
            Stage::Submitting | Stage::Charging | Stage::Resolving => true,
        }
    }

    /// Whether the carrier may have submitted it.
    fn is_with_carrier(&self) -> bool {
        self.carried.as_ref().is_some_and(|carried| carried.is_submitted)
    }

    /// It is keyed anew, and may yet be paid under the name that it had.
    fn remember(&mut self, id: Uuid) {
        if self.before.len() == MOST_BEFORE {
            // Where it is paid all the same, the book is told once the call is over.
            self.before.remove(0);
        }
        self.before.push(id);
    }

    /// Whether the gate still mutes the caller, or will.
    fn is_running(&self) -> bool {
        !self.released
    }

    /// What the interface may say of it.
    pub(super) fn view(&self) -> CaptureView {
        let is_unmuted = self.released || matches!(self.stage, Stage::Naming | Stage::Opened);
        CaptureView { id: self.name(), muted: !is_unmuted, reply: self.reply() }
    }

    /// Its name for its agent.
    fn name(&self) -> Option<Uuid> {
        match &self.asker {
            Asker::Session(session) => session.id,
            Asker::Collector | Asker::Bot => self.id,
        }
    }

    fn reply(&self) -> CaptureReply {
        match (&self.outcome, self.stage) {
            (Some(settled), _) => settled.reply(self.receipt.as_ref()),
            (None, Stage::Opened) => CaptureReply::Opened,
            (None, Stage::Naming | Stage::Arming) => CaptureReply::Arming,
            (None, Stage::Keying) => self.watch.reply(),
            (None, Stage::Keyed) => CaptureReply::Keyed,
            (None, Stage::Submitting | Stage::Charging | Stage::Resolving) => CaptureReply::Submitted,
        }
    }

    fn session(&mut self) -> Option<&mut Session> {
        match &mut self.asker {
            Asker::Session(session) => Some(session),
            Asker::Collector | Asker::Bot => None,
        }
    }
}

impl Call {
    /// The collector takes a card.
    pub(super) fn start_capture(&mut self, amount: Money) {
        let ask = CaptureAsk::card(amount.minor());
        let permitted = self.settings.capture && self.guard.permits(What::Capture).is_ok();
        let terms = terms::terms(&ask, &self.settings.taking).ok();
        match terms.filter(|_| permitted && self.may_pay() && self.is_owed(amount.minor())) {
            Some(terms) => self.begin_payment(Asker::Collector, amount, ask, terms, None, None),
            None => {
                self.note("capture.refused", "");
                self.captured(&Settled::Failed("not_permitted"));
            }
        }
    }

    fn begin_payment(
        &mut self,
        asker: Asker,
        amount: Money,
        ask: CaptureAsk,
        terms: Terms,
        key: Option<String>,
        unanswered: Option<Ticket>,
    ) {
        self.note("capture.started", "");
        self.past.extend(self.payment.take());
        let carried = self.settings.carrier.map(|carrier| Carried::new(carrier, session::order(&terms)));
        self.payment = Some(Payment {
            id: None,
            amount,
            ask,
            terms,
            key,
            asker,
            unanswered,
            awaited: BTreeSet::new(),
            stage: Stage::Naming,
            watch: Watch::default(),
            progress: None,
            carried,
            before: Vec::new(),
            receipt: None,
            withdrawn: None,
            outcome: None,
            released: false,
        });
        self.name_payment();
    }

    fn name_payment(&mut self) {
        if let Some(account) = self.matter.account().map(|account| account.id.clone()) {
            self.ask_for_payment(Request::NamePayment { account });
        }
    }

    /// The payment has its name: mute everything, then wait for every sink.
    pub(super) fn payment_named(&mut self, id: Uuid, host: &Host) {
        let is_expected = |payment: &&mut Payment| payment.stage == Stage::Naming && payment.is_open();
        let Some(payment) = self.payment.as_mut().filter(is_expected) else { return };
        let is_carried = payment.carried.is_some();
        if is_carried && self.invitation.carrier_call.is_none() {
            let unanswered = payment.unanswered.take();
            self.note("capture.refused", "the carrier has not named its call");
            self.reply(unanswered, ApiReply::Unavailable);
            self.settle(Settled::Failed("no_carrier_call"));
            return self.released();
        }
        // Where the carrier takes the keys none is awaited here.
        let missing = if is_carried { Vec::new() } else { conditions::unmet(&self.invitation.line, host) };
        if let Some(unmet) = missing.first() {
            let unanswered = payment.unanswered.take();
            self.note("capture.refused", unmet.name());
            self.reply(unanswered, ApiReply::Unprotected(*unmet));
            self.settle(Settled::Failed(unmet.name()));
            return self.released();
        }
        payment.id = Some(id);
        let is_opened = match payment.session() {
            Some(session) => session.id.replace(session.id.unwrap_or(id)).is_none(),
            None => false,
        };
        payment.stage = if is_opened { Stage::Opened } else { Stage::Arming };
        let (unanswered, view) = (payment.unanswered.take(), payment.view());
        self.reply(unanswered, ApiReply::CaptureStarted(view));
        if is_opened {
            return self.tell(News::Opened);
        }
        self.arm();
    }

    pub(super) fn reply(&mut self, ticket: Option<Ticket>, reply: ApiReply) {
        if let Some(ticket) = ticket {
            self.outputs.push_back(Output::Api(ticket, reply));
        }
    }

    /// Mutes everything.
    fn arm(&mut self) {
        let Some(payment) = self.payment.as_mut() else { return };
        payment.stage = Stage::Arming;
        let Some(id) = payment.id else { return };
        self.stop_listening();
        self.outputs.push_back(Output::Leg(LegCommand::Arm { capture: capture_id(id) }));
        self.tell_bot();
    }

    pub(super) fn capture_event(&mut self, event: CaptureEvent) {
        match event {
            CaptureEvent::Armed => self.armed(),
            CaptureEvent::Progress { step, count } => {
                let now = self.now;
                if let Some(progress) = self.payment.as_mut().and_then(|payment| payment.progress.as_mut()) {
                    progress.take(now, step, count);
                }
            }
            CaptureEvent::ConnectionWanted => self.connection_wanted(),
            CaptureEvent::Outcome(outcome) => {
                self.forget_capture_prompts();
                self.outcome(&outcome);
            }
            CaptureEvent::WipeRecord(record) => {
                self.note("capture.wiped", "signed by the vault");
                self.audit(AuditEvent::CardWiped(record));
            }
            CaptureEvent::Released => self.released(),
        }
    }

    fn armed(&mut self) {
        self.note("capture.armed", "every sink is silent");
        let now = self.now;
        let Some(payment) = &mut self.payment else { return };
        payment.progress = Some(Progress::new(now));
        let (amount, terms, is_carried) = (payment.amount, payment.terms, payment.carried.is_some());
        let Some(id) = payment.id else { return };
        self.audit(AuditEvent::CaptureArmed { capture: id });
        if is_carried {
            return self.arm_carrier();
        }
        let holder = self.matter.person().filter(|_| terms.method == Method::BankAccount);
        self.ask_for_payment(Request::OpenCapture { capture: id, payment: id, amount, terms, holder });
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
        let Some(payment) = self.payment.as_mut() else { return };
        let told = payment.progress.as_mut().and_then(|progress| progress.handle_timeout(now));
        let Some((step, count)) = told else { return };
        payment.watch.counted(step, count);
        self.note("capture.progress", format!("{step:?} {count}"));
        self.tell_keying();
    }

    pub(super) fn cancel_capture(&mut self) {
        let Some(payment) = self.payment.as_mut().filter(|payment| payment.is_open()) else { return };
        match payment.stage {
            // The gate knows nothing of it yet.
            Stage::Naming | Stage::Opened => {
                let unanswered = payment.unanswered.take();
                self.reply(unanswered, ApiReply::Refused(Missing::Capture));
                self.settle(Settled::Failed("cancelled"));
                self.released();
            }
            Stage::Arming | Stage::Keying | Stage::Keyed | Stage::Submitting | Stage::Charging | Stage::Resolving => {
                if payment.stage == Stage::Keyed {
                    payment.withdrawn.get_or_insert("cancelled");
                }
                if !self.withdraw_from_carrier() {
                    self.outputs.push_back(Output::Leg(LegCommand::CancelCapture));
                }
            }
        }
    }

    /// The caller's audio flows again: the agent may know how it ended, once that is known.
    fn released(&mut self) {
        if self.is_restarting() {
            self.note("capture.released", "to be keyed anew");
            return self.restart();
        }
        let Some(payment) = self.payment.as_mut() else { return };
        payment.released = true;
        let settled = payment.outcome;
        self.note("capture.released", "caller audio flows again");
        self.tell_bot();
        if let Some(settled) = settled {
            self.tell_outcome(&settled);
        }
    }
}

fn capture_id(id: Uuid) -> CaptureId {
    id.into_bytes()
}
