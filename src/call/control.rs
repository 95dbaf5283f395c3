//! The control of one call: what happens next, from the INVITE to the last record.

mod capture;
mod closing;
mod collector;
mod hold;
mod interface;
mod matter;
mod number;
mod opening;
mod progress;
mod reading;
mod recording;
mod records;
mod stream;
mod transfer;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use audio::Segment;
use book::{ComplianceRecord, ContactAttempt, Phone};
use dialogue::{BusinessName, Finding, GrammarId, Guard, Phrase};
use jiff::Timestamp;
use rules::calendar::Calendar;
use sip::{ReferTarget, ReferralNews};

use crate::{
    CallId, EndReason, Entry, Timeline,
    api::{ApiReply, ApiRequest, CaptureView, SessionUpdate},
    carrier::{Carrier, CarrierEvent},
    conditions::Line,
    media::{LegCommand, LegOutput},
    mouth::{Mouth, Purpose},
    port::{AuditEvent, Reply, Request, Ticket},
    transfer::{Destination, TransferView},
};

use self::{
    capture::Payment, collector::Scripted, hold::Hold, matter::Matter, opening::SetUp, reading::Reading,
    records::Facts, stream::Stream, transfer::Transfers,
};

pub use self::capture::Taking;
#[cfg(any(test, fuzzing))]
pub(crate) use self::interface::{claim, wanted};

/// Longest from the INVITE to the answer.
const SET_UP_DEADLINE: Duration = Duration::from_secs(8);
/// Longest the last words may take before the call ends without them.
const FAREWELL_DEADLINE: Duration = Duration::from_secs(15);
/// Longest that records may take to become durable before the call is let go; the store keeps trying.
const RECORDS_DEADLINE: Duration = Duration::from_secs(10);
/// How long the call waits, once hung up, for a running capture to say how it ended.
const CAPTURE_END: Duration = Duration::from_secs(3);

/// What all calls of a gateway share.
#[derive(Debug)]
pub struct Settings {
    /// The name that is said to anyone.
    pub business: BusinessName,
    /// The zone of today's date in promises.
    pub time_zone: jiff::tz::TimeZone,
    /// The days that are no business days.
    pub calendar: Calendar,
    /// When calls are recorded.
    pub recording: rules::recording::Consent,
    /// The trunks whose calls are never recorded.
    pub unrecorded: BTreeSet<String>,
    /// Whether cards are taken.
    pub capture: bool,
    /// What is taken.
    pub taking: Taking,
    /// The carrier that takes payments in the vault's place.
    pub carrier: Option<Carrier>,
    /// Where callers may be transferred to, by name.
    pub destinations: BTreeMap<String, Destination>,
    /// Longest a call may take.
    pub longest: Duration,
}

/// Who talks with the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentKind {
    /// The embedded scripted collector.
    Collector,
    /// A bot that speaks Twilio Media Streams.
    Stream,
    /// Nobody: the caller hears themselves, to try a line.
    Echo,
}

/// A call that a trunk has sent.
pub struct Invitation {
    /// The call's name.
    pub id: CallId,
    /// The trunk's name.
    pub trunk: String,
    /// The caller's number, where it was given. Not a factor of verification.
    pub caller: Option<Phone>,
    /// Who will talk.
    pub agent: AgentKind,
    /// How it comes here.
    pub line: Line,
    /// The carrier's name for it.
    pub carrier_call: Option<String>,
    /// Chooses wordings.
    pub seed: u64,
}

/// What the signalling says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The caller's ACK came: media may flow.
    Acknowledged,
    /// The caller hung up.
    HungUp,
    /// The caller gave up before the answer.
    Cancelled,
    /// No ACK came, or it made no sense.
    NotAcknowledged,
    /// What becomes of [`Output::Refer`].
    Referral(ReferralNews),
}

/// What the bot's stream says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BotEvent {
    /// The bot accepted the stream.
    Connected,
    /// The bot closed the stream as it should: the call ends politely.
    Closed,
    /// The stream broke, or never came about.
    Failed,
}

/// A writer of clean audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SinkKind {
    /// The agent: the recogniser, or the bot's stream.
    Agent,
    /// The recorder.
    Recorder,
}

/// What the driver is to do.
pub enum Output {
    /// Ask a service; its reply comes back with the ticket.
    Request(Ticket, Request),
    /// Send 180.
    Ring,
    /// Send 200 with what [`Request::Prepare`] agreed.
    Answer,
    /// Refuse the call with 503 and Retry-After.
    Refuse,
    /// End the dialog.
    HangUp(EndReason),
    /// Ask the caller's side to call somebody else in this side's place.
    Refer(ReferTarget),
    /// Do this on the media thread.
    Leg(LegCommand),
    /// Start a writer and give it clean audio from now on.
    Attach(SinkKind),
    /// Give a writer no more audio, and let it end.
    Detach(SinkKind),
    /// Recognise what is said next, within this grammar.
    Listen(GrammarId),
    /// Stop recognising; what was not yet reported is forgotten.
    StopListening,
    /// Connect to the bot.
    ConnectBot,
    /// Tell the bot that the stream is over, and close it.
    CloseBot,
    /// Send a key to the bot.
    BotKey(gate::MenuKey),
    /// Tell the bot that a mark was reached, or cleared.
    BotMark(String),
    /// Tell the bot how far its capture is.
    BotCapture(Box<CaptureView>),
    /// Tell the bot how far the transfer is that it asked for.
    BotTransfer(Box<TransferView>),
    /// Tell the agent that takes a payment field by field how far it is.
    Session(Box<SessionUpdate>),
    /// Append to the audit chain.
    Audit(AuditEvent),
    /// Keep what would be told of the call if the gateway stopped now.
    Progress(Box<ContactAttempt>, Box<ComplianceRecord>),
    /// Show this.
    Timeline(Entry),
    /// Answer a request of the interface.
    Api(Ticket, ApiReply),
    /// Nothing is left to do.
    Done(EndReason),
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Before the answer.
    SettingUp,
    /// Answered; the ACK is awaited.
    Answered,
    /// The notices are being played.
    Opening,
    /// An agent talks.
    Talking,
    /// The last words are being played.
    Closing,
    /// Hung up; records are being written.
    Recording,
    /// All is done.
    Done,
}

/// Who talks, and what only they need.
enum Agent {
    Collector(Box<Scripted>),
    Stream(Stream),
    Echo,
}

/// The control of one call.
///
/// After every `handle_*` the driver drains [`Call::poll_output`] to `None` and sleeps until [`Call::poll_timeout`].
/// After [`Output::Done`] nothing more comes.
pub struct Call {
    settings: Arc<Settings>,
    invitation: Invitation,
    began: Instant,
    began_at: Timestamp,
    now: Instant,
    phase: Phase,
    set_up: SetUp,
    matter: Matter,
    reading: Reading,
    guard: Guard,
    agent: Agent,
    mouth: Mouth,
    payment: Option<Payment>,
    /// Payments of this call that are over, oldest first.
    past: Vec<Payment>,
    facts: Facts,
    hold: Hold,
    transfers: Transfers,
    ending: Option<EndReason>,
    deadline: Option<Instant>,
    tickets: u64,
    timeline: Timeline,
    outputs: VecDeque<Output>,
}

impl Call {
    /// A call whose INVITE has just arrived. `began_at` is the same moment on the wall.
    #[must_use]
    pub fn new(settings: Arc<Settings>, invitation: Invitation, began: Instant, began_at: Timestamp) -> Self {
        let agent = match invitation.agent {
            AgentKind::Collector => Agent::Collector(Box::new(Scripted::new(invitation.seed, began))),
            AgentKind::Stream => Agent::Stream(Stream::default()),
            AgentKind::Echo => Agent::Echo,
        };
        let mut call = Self {
            settings,
            invitation,
            began,
            began_at,
            now: began,
            phase: Phase::SettingUp,
            set_up: SetUp::default(),
            matter: Matter::default(),
            reading: Reading::default(),
            guard: Guard::new(),
            agent,
            mouth: Mouth::default(),
            payment: None,
            past: Vec::new(),
            facts: Facts::default(),
            hold: Hold::default(),
            transfers: Transfers::default(),
            ending: None,
            deadline: Some(began + SET_UP_DEADLINE),
            tickets: 0,
            timeline: Timeline::new(began),
            outputs: VecDeque::new(),
        };
        call.begin();
        call
    }

    /// The call's name.
    #[must_use]
    pub fn id(&self) -> CallId {
        self.invitation.id
    }

    /// The trunk it came from.
    #[must_use]
    pub fn trunk(&self) -> &str {
        &self.invitation.trunk
    }

    /// What happened so far.
    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Takes what the signalling says.
    pub fn handle_signal(&mut self, now: Instant, signal: Signal) {
        self.now = now;
        match signal {
            Signal::Acknowledged => self.acknowledged(),
            Signal::HungUp => self.lost(EndReason::CallerHungUp),
            Signal::Cancelled => self.lost(EndReason::Cancelled),
            Signal::NotAcknowledged => self.lost(EndReason::AckTimeout),
            Signal::Referral(news) => self.referred(news),
        }
    }

    /// Takes what the media leg says.
    pub fn handle_leg(&mut self, now: Instant, output: LegOutput) {
        self.now = now;
        match output {
            LegOutput::PromptStarted { id } => self.started(id),
            LegOutput::PromptFinished(delivery) => self.finished(&delivery),
            LegOutput::PromptInterrupted { id, played, total } => self.interrupted(id, played, total),
            LegOutput::Mark { name, cleared } => self.marked(name, cleared),
            LegOutput::Speech(edge) => self.speech(edge),
            LegOutput::Hushed { .. } => {}
            LegOutput::FalseInterruption => self.note("interruption.false", "what was being said goes on"),
            LegOutput::AgentCut { played, dropped } => {
                let (played, dropped) = (played.as_millis(), dropped.as_millis());
                self.note("agent.cut", format!("{played} ms were heard, {dropped} ms were not"));
            }
            LegOutput::MenuKey(key) => self.key(key),
            LegOutput::Collected(collected) => self.collected(collected),
            LegOutput::CapturePrompt(prompt) => self.capture_prompt(prompt),
            LegOutput::Capture(event) => {
                self.capture_event(event);
                self.consider_transfer();
            }
            LegOutput::Control(failure) => self.control_failed(failure),
            LegOutput::Suppressed(suppressed) => self.suppressed(suppressed),
            // Without an ACK the dialog has a deadline of its own, which tells more.
            LegOutput::MediaTimeout if self.phase == Phase::Answered => {}
            LegOutput::MediaTimeout => self.close_unless_transferred(EndReason::MediaTimeout, Vec::new()),
            LegOutput::SourceLocked { as_described } => {
                self.note("media.source_locked", if as_described { "as described" } else { "by its packets" });
            }
            LegOutput::Secured { suite, took } => self.note_taking("media.secured", suite.name(), Some(took)),
            LegOutput::HandshakeFailed(failure) => {
                self.note("media.handshake_failed", failure.name());
                self.close(EndReason::HandshakeFailed, Vec::new());
            }
            LegOutput::Held => self.held(),
            LegOutput::Resumed => self.resumed(),
            LegOutput::Closed(_) => self.note("media.closed", ""),
        }
    }

    /// Takes the answer to a request.
    pub fn handle_reply(&mut self, now: Instant, ticket: Ticket, reply: Reply) {
        self.now = now;
        match reply {
            Reply::Prepared => self.prepared(),
            Reply::Account(found) if self.reading.awaits(ticket) => self.account_read(found),
            Reply::Account(found) => self.looked_up(ticket, found),
            Reply::Prompts(prompts) => self.rendered(ticket, prompts),
            Reply::Stored => self.stored(ticket),
            Reply::PaymentNamed { .. }
            | Reply::CaptureOpened(_)
            | Reply::Connected
            | Reply::Carried
            | Reply::Resolved(..) => self.payment_answered(ticket, reply),
            Reply::Failed(failure) => self.failed(ticket, failure),
        }
        self.consider_transfer();
    }

    /// Takes what was recognised, and what was taken out of it; `None` where nothing was, or not in time.
    pub fn handle_heard(&mut self, now: Instant, heard: Option<String>, finding: Option<Finding>, took: Duration) {
        self.now = now;
        if let Some(finding) = finding {
            self.number_said(finding);
        }
        self.heard(heard, finding, took);
    }

    /// Takes what the bot's stream says.
    pub fn handle_bot(&mut self, now: Instant, event: BotEvent) {
        self.now = now;
        self.bot(event);
    }

    /// Takes a request of the interface. Its answer is an [`Output::Api`] with the ticket.
    pub fn handle_api(&mut self, now: Instant, ticket: Ticket, request: ApiRequest) {
        self.now = now;
        self.api(ticket, request);
        self.consider_transfer();
    }

    /// Takes what the carrier tells of a payment that it takes.
    pub fn handle_carrier(&mut self, now: Instant, capture: uuid::Uuid, event: CarrierEvent) {
        self.now = now;
        self.carrier_told(capture, event);
    }

    /// Ends the call, with the gateway's good-bye where there is time for one.
    pub fn end(&mut self, now: Instant, reason: EndReason) {
        self.now = now;
        self.close(reason, vec![Phrase::Goodbye]);
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if output.is_none() {
            // They come in bursts, minutes apart.
            self.outputs = VecDeque::new();
        }
        output
    }

    /// When to call [`Call::handle_timeout`] at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let may_be_too_long = matches!(self.phase, Phase::Opening | Phase::Talking);
        let longest = may_be_too_long.then(|| self.began + self.settings.longest);
        let parts = [self.capture_timeout(), self.agent_timeout(), self.transfers.poll_timeout()];
        [self.deadline, longest].into_iter().chain(parts).flatten().min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.deadline = None;
            self.overdue();
        }
        if matches!(self.phase, Phase::Opening | Phase::Talking) && now >= self.began + self.settings.longest {
            self.close(EndReason::LongestCall, vec![Phrase::Goodbye]);
        }
        self.capture_due();
        self.agent_due();
        self.transfer_due();
    }

    fn overdue(&mut self) {
        match self.phase {
            Phase::SettingUp => self.refuse(EndReason::SetUpFailed),
            Phase::Closing => self.hang_up(),
            Phase::Recording => self.records_overdue(),
            Phase::Answered | Phase::Opening | Phase::Talking | Phase::Done => {}
        }
    }

    fn agent_timeout(&self) -> Option<Instant> {
        match &self.agent {
            Agent::Collector(scripted) => scripted.poll_timeout().and_then(|due| self.hold.due(due)),
            Agent::Stream(stream) => stream.poll_timeout(),
            Agent::Echo => None,
        }
    }

    fn ask(&mut self, request: Request) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.outputs.push_back(Output::Request(ticket, request));
        ticket
    }

    fn say(&mut self, purpose: Purpose, phrases: Vec<Phrase>) {
        let ticket = self.ask(Request::Prompts(phrases.clone()));
        self.mouth.say(ticket, purpose, phrases);
    }

    fn play(&mut self, segments: Vec<(Purpose, Segment)>) {
        for (purpose, segment) in segments {
            let command = match purpose {
                Purpose::Capture(prompt) => LegCommand::PlayCapture { prompt, segment },
                Purpose::Opening
                | Purpose::Disclosure
                | Purpose::Collector
                | Purpose::Aside
                | Purpose::Transfer
                | Purpose::Farewell => LegCommand::Play(segment),
            };
            self.outputs.push_back(Output::Leg(command));
        }
    }

    fn note(&mut self, kind: &'static str, detail: impl Into<String>) {
        self.note_taking(kind, detail, None);
    }

    fn note_taking(&mut self, kind: &'static str, detail: impl Into<String>, took: Option<Duration>) {
        let entry = self.timeline.note(self.now, kind, detail, took);
        self.outputs.push_back(Output::Timeline(entry));
    }

    fn audit(&mut self, event: AuditEvent) {
        self.outputs.push_back(Output::Audit(event));
    }

    /// The time of day now, by the moment the call began.
    fn wall(&self) -> Timestamp {
        let elapsed = self.now.saturating_duration_since(self.began);
        let elapsed = jiff::SignedDuration::try_from(elapsed).unwrap_or_default();
        self.began_at.checked_add(elapsed).unwrap_or(self.began_at)
    }

    /// Today's date where the business is.
    fn today(&self) -> jiff::civil::Date {
        self.wall().to_zoned(self.settings.time_zone.clone()).date()
    }
}

#[cfg(test)]
mod tests;
