//! Everything behind the calls, put together from the parts of `backends`.

mod access;
mod agents;
mod carried;
mod charge;
mod dead_letters;
mod journal;
mod payments;
mod refunds;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use backends::{
    book::{AccountBook, GuardedBook},
    carrier::CarrierLink,
    outbound::Outbound,
    recorder::{Gaps, Keeping, Recorder, Recording, Silenced, Summary},
    speech::{PromptStore, Recogniser, Recognisers},
    store::Store,
    vault::VaultLink,
    withhold::Withholds,
};
use book::{ComplianceRecord, ContactAttempt, LookUp, salesforce::Mapping};
use call::{
    CallId, Entry,
    api::SessionUpdate,
    port::{AuditEvent, Failure, Reply, Request},
};
use dialogue::{GrammarId, Phrase};
use edge::{Bot, LegSender, Mail, Mailbox, Pending, Recognition, Services, Sink};
use jiff::Timestamp;
use sip::DialogRecord;
use tokio::sync::mpsc;

use crate::admin::Readiness;

pub(crate) use access::StoreTrail;
pub(crate) use agents::{Agents, Server};
pub(crate) use charge::Cashier;
pub(crate) use dead_letters::Undelivered;
pub(crate) use journal::Journal;
pub(crate) use refunds::Desk;

/// The rate of the caller's clean audio on a leg with G.711, in hertz.
const LEG_HERTZ: u32 = 8_000;
/// Longest that the prompts of one line may take.
const PROMPT_DEADLINE: Duration = Duration::from_secs(10);

/// The parts.
pub(crate) struct Backends {
    pub(crate) store: Store,
    pub(crate) journal: Journal,
    pub(crate) book: Arc<GuardedBook>,
    /// Whether outbound calls may be placed.
    pub(crate) outbound: Outbound,
    /// Of an org, what it calls what.
    pub(crate) mapping: Option<Arc<Mapping>>,
    pub(crate) prompts: Arc<PromptStore>,
    pub(crate) recognisers: Arc<Recognisers>,
    pub(crate) recorder: Recorder,
    /// Ties recognisers to recorders.
    pub(crate) withholds: Withholds,
    /// Longest that a recording keeps back what was not yet judged, in seconds; none at all at 0.
    pub(crate) withheld_seconds: u32,
    pub(crate) vault: Option<VaultLink>,
    pub(crate) cashier: Option<Cashier>,
    /// Where the carrier takes payments.
    pub(crate) carrier: Option<Arc<CarrierLink>>,
    /// Whether cards may be taken now.
    pub(crate) readiness: Arc<Readiness>,
    /// The zone of today's date, for expiry.
    pub(crate) time_zone: arc_swap::ArcSwap<jiff::tz::TimeZone>,
    pub(crate) agents: Agents,
}

/// [`Services`] over the parts.
pub(crate) struct Behind(pub(crate) Arc<Backends>);

impl Services for Behind {
    fn journal(&self, attempt: ContactAttempt, compliance: ComplianceRecord, dialog: DialogRecord) -> Pending<bool> {
        let backends = Arc::clone(&self.0);
        Box::pin(async move { backends.journal.accept(&backends.store, attempt, compliance, &dialog).await })
    }

    fn request(&self, call: CallId, request: Request) -> Pending<Reply> {
        let backends = Arc::clone(&self.0);
        Box::pin(async move { backends.answer(call, request).await })
    }

    fn audit(&self, call: CallId, event: AuditEvent, at: Timestamp) {
        self.0.journal.audit(call, &event, at);
    }

    fn progress(&self, attempt: ContactAttempt, compliance: ComplianceRecord) {
        self.0.journal.progress(attempt, compliance);
    }

    fn show(&self, call: CallId, entry: &Entry) {
        tracing::info!(call = %call, at_ms = entry.at_ms, kind = entry.kind, detail = entry.detail, "timeline");
    }

    fn recognise(&self, call: CallId, sink: Sink, mailbox: Mailbox) -> Box<dyn Recognition> {
        let acknowledge = sink.acknowledge();
        let (shared, judge) = (Arc::clone(&self.0.recognisers), self.0.withholds.recogniser(call.uuid()));
        let (recogniser, heard) = Recogniser::start(shared, LEG_HERTZ, sink.items, sink.number, acknowledge, judge);
        tokio::spawn(post_heard(Arc::downgrade(&self.0), call, heard, mailbox));
        Box::new(Ear(recogniser))
    }

    fn record(&self, call: CallId, sink: Sink, mailbox: Mailbox) -> Pending<Option<String>> {
        let recorder = self.0.recorder.clone();
        let keeping = self.0.keeping(call, mailbox);
        Box::pin(async move {
            let acknowledge = sink.acknowledge();
            match recorder.begin(&call.to_string(), sink.items, sink.number, acknowledge, Some(keeping)).await {
                Ok(recording) => {
                    let file = recording.path().file_name().map(|name| name.to_string_lossy().into_owned());
                    tokio::spawn(look_back(call, recording));
                    file
                }
                Err(error) => {
                    tracing::error!(call = %call, %error, "the call is not recorded");
                    None
                }
            }
        })
    }

    fn tell_session(&self, call: CallId, trunk: &str, update: SessionUpdate) {
        self.0.agents.tell(call, trunk, &update);
    }

    fn connect_bot(&self, call: CallId, trunk: &str, leg: LegSender, mailbox: Mailbox) -> Box<dyn Bot> {
        self.0.agents.connect(call, trunk, leg, mailbox)
    }
}

impl Backends {
    /// How a call's recording waits for its recogniser, where there is one.
    fn keeping(self: &Arc<Self>, call: CallId, mailbox: Mailbox) -> Keeping {
        let (withhold, longest_seconds) = (self.withholds.recorder(call.uuid()), self.withheld_seconds);
        let backends = Arc::downgrade(self);
        let report = move |silenced| {
            let is_whole = silenced == Silenced::Whole;
            if !mailbox.post(Mail::Silenced { is_whole })
                && let Some(backends) = backends.upgrade()
            {
                // The call is over.
                backends.journal.audit(call, &AuditEvent::SpanSilenced { is_whole }, Timestamp::now());
            }
        };
        Keeping { withhold, longest_seconds, report: Box::new(report) }
    }

    async fn answer(&self, call: CallId, request: Request) -> Reply {
        match request {
            Request::LookUp(key) => match self.book.look_up(key).await {
                Ok(found) => self.with_waiting_flags(call, found).await,
                Err(error) => {
                    tracing::warn!(call = %call, error = error.name(), "the account look-up failed");
                    Reply::Failed(Failure::Unavailable)
                }
            },
            Request::Prompts(phrases) => self.render(&phrases).await,
            Request::Record(record) => self.journal.record(*record).await,
            Request::Conclude { attempt, compliance, reason, audit } => {
                self.journal.conclude(call, *attempt, *compliance, reason, &audit).await
            }
            Request::NamePayment { .. } | Request::OpenPayment { .. } if !self.readiness.may_capture() => {
                tracing::warn!(call = %call, "no card is taken while the gateway is in trouble");
                Reply::Failed(Failure::Unavailable)
            }
            Request::NamePayment { account } => self.name_payment(call, account).await,
            Request::OpenPayment { payment, amount, account, arrangement, method } => {
                self.open_payment(call, payment, amount, account, arrangement, method).await
            }
            Request::MarkPayment { payment, state } => self.mark_payment(payment, state).await,
            Request::OpenCapture { capture, payment, amount, terms, holder } => {
                self.open_capture(capture, payment, amount, &terms, holder.as_ref())
            }
            Request::ConnectProcessor { capture } => self.connect_processor(capture).await,
            Request::ChargePayment { payment, held } => self.charge_payment(payment, held).await,
            Request::Carrier { capture, call: carrier_call, command } => {
                self.command_carrier(call, capture, &carrier_call, &command).await
            }
            Request::ResolvePayment { payment } => self.resolve_payment(payment).await,
            // The driver of a call prepares it by itself.
            Request::Prepare { .. } => Reply::Failed(Failure::Unavailable),
        }
    }

    /// What the book found, with the flags that it does not have yet.
    async fn with_waiting_flags(&self, call: CallId, found: LookUp) -> Reply {
        let LookUp::Found(mut found) = found else { return Reply::Account(found) };
        match self.store.waiting_flags(found.account.id.clone(), Timestamp::now()).await {
            Ok(flags) => {
                found.account.flags.set.extend(flags);
                Reply::Account(LookUp::Found(found))
            }
            Err(error) => {
                tracing::warn!(call = %call, %error, "it is not known what of an account waits for the account book");
                Reply::Failed(Failure::Unavailable)
            }
        }
    }

    async fn render(&self, phrases: &[Phrase]) -> Reply {
        let texts: Vec<_> = phrases.iter().map(|phrase| (phrase.name(), phrase.text())).collect();
        let rendering =
            futures_util::future::try_join_all(texts.iter().map(|(name, text)| self.prompts.prompt(name, text)));
        match tokio::time::timeout(PROMPT_DEADLINE, rendering).await {
            Ok(Ok(prompts)) => Reply::Prompts(prompts),
            Ok(Err(error)) => {
                tracing::error!(%error, "a prompt cannot be had");
                Reply::Failed(Failure::Unavailable)
            }
            Err(_) => Reply::Failed(Failure::Late),
        }
    }
}

/// Tells of a recording that is not whole.
async fn look_back(call: CallId, recording: Recording) {
    let Some(Summary { cut, gaps, .. }) = recording.ended().await else { return };
    if let Some(cut) = cut {
        tracing::warn!(call = %call, ?cut, "the recording ends before the call does");
    }
    if !gaps.is_none() {
        let Gaps { caller_ms, sent_ms } = gaps;
        tracing::warn!(call = %call, caller_ms, sent_ms, "the recording has gaps: so much did not reach its writer");
    }
}

async fn post_heard(
    backends: Weak<Backends>,
    call: CallId,
    mut heard: mpsc::Receiver<backends::speech::Recognised>,
    mailbox: Mailbox,
) {
    while let Some(recognised) = heard.recv().await {
        let (text, finding, took) = (recognised.words.ok(), recognised.finding, recognised.took);
        let is_posted = mailbox.post(Mail::Heard { text, finding, took });
        if let Some(finding) = finding.filter(|finding| !is_posted && finding.is_number())
            && let Some(backends) = backends.upgrade()
        {
            // The call is over.
            let event = AuditEvent::NumberSaid { finding: finding.name() };
            backends.journal.audit(call, &event, Timestamp::now());
        }
    }
}

struct Ear(Recogniser);

impl Recognition for Ear {
    fn listen(&mut self, grammar: GrammarId) {
        self.0.listen(grammar);
    }

    fn stop(&mut self) {
        self.0.stop();
    }
}
