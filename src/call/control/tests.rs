//! One call in virtual time: a rig answers its requests as the services would, and every order that the law or the card path
//! needs is checked on what comes out.

mod number;

use std::{collections::VecDeque, os::fd::OwnedFd, sync::Arc};

use audio::SegmentId;
use book::{
    Account, AccountId, Found, LookUp, Name, Record, Reference, Strategy, StrategyId,
    record::{ArrangementStatus, Delivery as BookDelivery},
};
use gate::{
    CaptureEvent, CaptureOutcome,
    wire::{Authorisation, Brand, Brands, Held, LastFour, Token},
};
use jiff::civil::date;
use rules::{
    arrangement::{Bounds, Frequency},
    calendar::BusinessDayRule,
    contact::Flags,
    money::{Currency, Money},
};
use uuid::Uuid;

use super::*;
use crate::{
    api::{Answer as Said, CaptureAsk, CaptureReply, Factor, Missing, OfferAsk, OutcomeReport, Postal, VerifyResult},
    carrier::CarrierCommand,
    conditions::{Carriage, Host, Swap},
    media::Delivery,
    port::{Failure, PaidCard, PaymentState, Prompt},
    transfer::TransferState,
};

mod captures;
mod readings;
mod transfers;

const PAYMENT: Uuid = Uuid::from_u128(7);
/// A machine that cards can be taken on.
const HARDENED: Host = Host { is_gateway_dumpable: false, is_vault_hardened: true, swap: Swap::Off };
/// A call from this machine.
const LOCAL: Line = Line {
    is_local: true,
    carriage: Carriage::Sip { is_signalling_encrypted: false, is_media_encrypted: false },
    is_attested: false,
};

/// A bot asks for a payment.
fn capture(amount_minor: i64) -> ApiRequest {
    ApiRequest::StartCapture { ask: CaptureAsk::card(amount_minor), key: None }
}

/// How far the newest capture is.
fn state() -> ApiRequest {
    ApiRequest::CaptureState { capture: None }
}

fn shown(reply: ApiReply) -> CaptureReply {
    let (ApiReply::CaptureStarted(view) | ApiReply::Capture(view)) = reply else { panic!("no capture: {reply:?}") };
    view.reply
}

/// Where callers may be transferred to: announced, and without a word.
fn destinations() -> BTreeMap<String, Destination> {
    let destination =
        |is_announced| Destination { target: "sip:desk@example.com".parse().expect("a target"), is_announced };
    BTreeMap::from([("desk".to_owned(), destination(true)), ("back-office".to_owned(), destination(false))])
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

fn found() -> LookUp {
    let account = Account {
        id: AccountId::parse("CA-1").unwrap(),
        reference: Reference::parse("40017731").unwrap(),
        name: Name { given: "Maria".into(), family: "Delgado".into() },
        phone: Phone::parse("+12025550143").unwrap(),
        date_of_birth: date(1984, 3, 17),
        postal_code: "20009".into(),
        balance: usd(61_240),
        creditor: "Harborlight Medical".into(),
        flags: Flags::clear(),
        language: "en".into(),
        time_zone: "America/New_York".into(),
        strategy: StrategyId::parse("standard").unwrap(),
    };
    let bounds = Bounds {
        min_payment: usd(2_500),
        min_first_payment: usd(0),
        max_instalments: 6,
        frequencies: vec![Frequency::Monthly],
        max_days_to_first: 30,
        max_total_days: 366,
        business_days: BusinessDayRule::Following,
        approval_over: None,
        settlement: None,
    };
    let strategy = Strategy { id: StrategyId::parse("standard").unwrap(), name: "Standard".into(), bounds };
    LookUp::Found(Box::new(Found { account, strategy }))
}

/// A call and the services behind it.
struct Rig {
    call: Call,
    now: Instant,
    /// What was put out, by name, in order.
    log: Vec<String>,
    played: VecDeque<(SegmentId, usize)>,
    held: Vec<(Ticket, Request)>,
    hold: fn(&Request) -> bool,
    /// Whether a recorder can begin.
    records: bool,
    done: Option<EndReason>,
    replies: Vec<ApiReply>,
    /// What the bot was told of its capture, by its stream.
    told: Vec<CaptureView>,
    /// What the bot was told of its transfer, by its stream.
    handed: Vec<TransferState>,
    /// What an agent was told that takes a payment field by field.
    updates: Vec<SessionUpdate>,
    /// What matters of the machine.
    host: Host,
    /// What was asked for of payments.
    seen: captures::Seen,
}

impl Rig {
    fn new(agent: AgentKind) -> Self {
        Self::holding(agent, |_| false)
    }

    /// A rig that leaves requests of a kind unanswered until told.
    fn holding(agent: AgentKind, hold: fn(&Request) -> bool) -> Self {
        Self::with(agent, hold, |_, _| {})
    }

    /// The same, set up otherwise.
    fn with(agent: AgentKind, hold: fn(&Request) -> bool, set_up: impl FnOnce(&mut Settings, &mut Invitation)) -> Self {
        let mut settings = Settings {
            business: BusinessName::new("Northgate Services").unwrap(),
            time_zone: jiff::tz::TimeZone::UTC,
            calendar: Calendar::united_states(),
            recording: rules::recording::Consent::Notice,
            unrecorded: BTreeSet::new(),
            capture: true,
            taking: Taking { brands: Brands::all(), postal: Postal::None, bank_accounts: false },
            carrier: None,
            destinations: destinations(),
            longest: Duration::from_secs(600),
        };
        let mut invitation = Invitation {
            id: CallId::new(Uuid::from_u128(1)),
            trunk: "local".into(),
            caller: Phone::parse("+12025550143").ok(),
            agent,
            line: LOCAL,
            carrier_call: None,
            seed: 1,
        };
        set_up(&mut settings, &mut invitation);
        let now = Instant::now();
        let call = Call::new(Arc::new(settings), invitation, now, "2026-11-20T15:00:00Z".parse().unwrap());
        let mut rig = Self {
            call,
            now,
            log: Vec::new(),
            played: VecDeque::new(),
            held: Vec::new(),
            hold,
            records: true,
            done: None,
            replies: Vec::new(),
            told: Vec::new(),
            handed: Vec::new(),
            updates: Vec::new(),
            host: HARDENED,
            seen: captures::Seen::default(),
        };
        rig.drain();
        rig
    }

    fn drain(&mut self) {
        while let Some(output) = self.call.poll_output() {
            self.take(output);
        }
    }

    fn take(&mut self, output: Output) {
        match output {
            Output::Request(ticket, request) if (self.hold)(&request) => {
                self.log.push(format!("held {}", name(&request)));
                self.held.push((ticket, request));
            }
            Output::Request(ticket, request) => {
                self.log.push(name(&request).to_owned());
                self.seen.take(&request);
                let reply = self.reply_to(request);
                self.call.handle_reply(self.now, ticket, reply);
            }
            Output::Leg(LegCommand::Play(segment) | LegCommand::PlayCapture { segment, .. }) => {
                self.log.push("play".to_owned());
                self.played.push_back((segment.id, segment.samples.len()));
            }
            Output::Leg(LegCommand::Arm { .. }) => self.log.push("arm".to_owned()),
            Output::Leg(LegCommand::AttachVault { .. }) => self.log.push("attach vault".to_owned()),
            Output::Leg(LegCommand::Echo(on)) => self.log.push(format!("echo {on}")),
            Output::Leg(LegCommand::BeginHandshake) => self.log.push("begin handshake".to_owned()),
            Output::Leg(LegCommand::CancelCapture) => self.log.push("cancel capture".to_owned()),
            Output::Leg(LegCommand::Delegate) => self.log.push("delegate".to_owned()),
            Output::Leg(_) => {}
            Output::Ring => self.log.push("ring".to_owned()),
            Output::Answer => self.log.push("answer".to_owned()),
            Output::Refuse => self.log.push("refuse".to_owned()),
            Output::HangUp(_) => self.log.push("hang up".to_owned()),
            Output::Refer(_) => self.log.push("refer".to_owned()),
            Output::Attach(sink) => {
                self.log.push(format!("attach {sink:?}"));
                if sink == SinkKind::Recorder {
                    let file = self.records.then(|| "call.wav".to_owned());
                    self.call.handle_recorder(self.now, file);
                }
            }
            Output::Detach(sink) => self.log.push(format!("detach {sink:?}")),
            Output::ConnectBot => self.log.push("connect bot".to_owned()),
            Output::CloseBot => self.log.push("close bot".to_owned()),
            Output::Api(_, reply) => self.replies.push(reply),
            Output::BotCapture(view) => self.told.push(*view),
            Output::BotTransfer(view) => self.handed.push(view.state),
            Output::Session(update) => self.updates.push(*update),
            Output::Audit(AuditEvent::Proof(proof)) if proof.delivery.is_some() => self.log.push("proof".to_owned()),
            Output::Audit(AuditEvent::Proof(_)) => self.log.push("partial proof".to_owned()),
            Output::Audit(AuditEvent::NumberSaid { finding }) => self.log.push(format!("audit {finding}")),
            Output::Audit(AuditEvent::SpanSilenced { is_whole }) => self.log.push(format!("audit silenced {is_whole}")),
            Output::Audit(AuditEvent::TransferEnded { to, outcome }) => {
                self.log.push(format!("audit transfer to {to} {outcome}"));
            }
            Output::Audit(AuditEvent::CaptureEnded { outcome, .. }) => self.log.push(format!("ended {outcome}")),
            Output::Audit(AuditEvent::ControlFailed { control }) => self.log.push(format!("audit {control}")),
            Output::Audit(_) | Output::Progress(..) => {}
            Output::Done(reason) => self.done = Some(reason),
            Output::Listen(_)
            | Output::StopListening
            | Output::BotKey(_)
            | Output::BotMark(_)
            | Output::Timeline(_) => {}
        }
    }

    fn release(&mut self) {
        for (ticket, request) in std::mem::take(&mut self.held) {
            let reply = self.reply_to(request);
            self.call.handle_reply(self.now, ticket, reply);
        }
        self.drain();
    }

    fn fail(&mut self, failure: Failure) {
        for (ticket, _) in std::mem::take(&mut self.held) {
            self.call.handle_reply(self.now, ticket, Reply::Failed(failure));
        }
        self.drain();
    }

    fn reply_to(&self, request: Request) -> Reply {
        reply_to(request, self.host)
    }

    fn signal(&mut self, signal: Signal) {
        self.call.handle_signal(self.now, signal);
        self.drain();
    }

    fn leg(&mut self, output: LegOutput) {
        self.call.handle_leg(self.now, output);
        self.drain();
    }

    /// Sends the next clip to its last sample.
    fn play_one(&mut self) {
        let (id, samples) = self.played.pop_front().expect("a clip");
        self.leg(LegOutput::PromptStarted { id });
        self.leg(LegOutput::PromptFinished(delivery(id, samples)));
    }

    fn play_all(&mut self) {
        while !self.played.is_empty() {
            self.play_one();
        }
    }

    fn api(&mut self, request: ApiRequest) -> ApiReply {
        self.call.handle_api(self.now, Ticket(0), request);
        self.drain();
        self.replies.pop().expect("an answer")
    }

    fn verify(&mut self, factor: Factor, value: &str) -> ApiReply {
        self.api(ApiRequest::Verify { factor, value: Said::new(value.to_owned()) })
    }

    /// A bot's call with the right party verified and the disclosure played.
    fn disclosed() -> Self {
        Self::disclosed_holding(|_| false)
    }

    fn disclosed_holding(hold: fn(&Request) -> bool) -> Self {
        let mut rig = Self::verified_holding(hold);
        rig.play_all();
        rig
    }

    /// The same before the disclosure is played.
    fn verified_holding(hold: fn(&Request) -> bool) -> Self {
        let mut rig = Self::holding(AgentKind::Stream, hold);
        rig.signal(Signal::Acknowledged);
        rig.play_all();
        rig.call.handle_bot(rig.now, BotEvent::Connected);
        rig.drain();
        rig.verify(Factor::Name, "yes");
        rig.verify(Factor::DateOfBirth, "1984-03-17");
        rig.verify(Factor::PostalCode, "20009");
        rig
    }

    /// A call whose card the processor keeps, and whose charge is not answered until [`Rig::release`].
    fn charging() -> Self {
        let mut rig = Self::disclosed_holding(|request| matches!(request, Request::ChargePayment { .. }));
        rig.api(capture(5_000));
        rig.leg(LegOutput::Capture(CaptureEvent::Armed));
        rig.leg(LegOutput::Capture(CaptureEvent::ConnectionWanted));
        let CaptureOutcome::Approved(held, _) = approved() else { panic!("an approval") };
        rig.leg(LegOutput::Capture(CaptureEvent::Outcome(CaptureOutcome::Tokenised(held))));
        rig
    }

    fn position(&self, what: &str) -> Option<usize> {
        self.log.iter().position(|entry| entry == what)
    }

    fn count(&self, what: &str) -> usize {
        self.log.iter().filter(|entry| *entry == what).count()
    }
}

fn delivery(id: SegmentId, samples: usize) -> Delivery {
    Delivery {
        id,
        samples: samples as u64,
        ssrc: 1,
        first_sequence: 1,
        last_sequence: 2,
        first_timestamp: 0,
        last_timestamp: 160,
    }
}

fn name(request: &Request) -> &'static str {
    match request {
        Request::Prepare { .. } => "prepare",
        Request::NamePayment { .. } => "name payment",
        Request::Conclude { .. } => "conclude",
        Request::LookUp(_) => "look up",
        Request::Prompts(_) => "prompts",
        Request::Record(record) => record.kind().name(),
        Request::OpenPayment { .. } => "open payment",
        Request::MarkPayment { state: PaymentState::Approved, .. } => "mark approved",
        Request::MarkPayment { .. } => "mark payment",
        Request::OpenCapture { .. } => "open capture",
        Request::ConnectProcessor { .. } => "connect processor",
        Request::ChargePayment { .. } => "charge payment",
        Request::ResolvePayment { .. } => "resolve payment",
        Request::Carrier { command: CarrierCommand::Start { .. }, .. } => "carrier start",
        Request::Carrier { command: CarrierCommand::Ask(_), .. } => "carrier ask",
        Request::Carrier { command: CarrierCommand::Complete, .. } => "carrier complete",
        Request::Carrier { command: CarrierCommand::Cancel, .. } => "carrier cancel",
    }
}

fn reply_to(request: Request, host: Host) -> Reply {
    match request {
        Request::Prepare { .. } => Reply::Prepared,
        Request::LookUp(_) => Reply::Account(found()),
        Request::Prompts(phrases) => Reply::Prompts(phrases.iter().map(prompt).collect()),
        Request::Record(_) | Request::OpenPayment { .. } | Request::MarkPayment { .. } | Request::Conclude { .. } => {
            Reply::Stored
        }
        Request::NamePayment { .. } => Reply::PaymentNamed { payment: PAYMENT, host },
        Request::OpenCapture { .. } => Reply::CaptureOpened(socket()),
        Request::ConnectProcessor { .. } => Reply::Connected,
        Request::ChargePayment { held: Held { brand, last_four, token }, .. } => {
            Reply::Resolved(PaymentState::Approved, Some(PaidCard { token, brand, last_four }))
        }
        Request::Carrier { .. } => Reply::Carried,
        Request::ResolvePayment { .. } => Reply::Resolved(PaymentState::Declined, None),
    }
}

fn prompt(phrase: &Phrase) -> Arc<Prompt> {
    Arc::new(Prompt {
        name: phrase.name(),
        text_hash: "text".into(),
        pcm_hash: "pcm".into(),
        samples: vec![1; 320].into(),
    })
}

fn socket() -> OwnedFd {
    std::os::unix::net::UnixStream::pair().map(|(one, _)| one.into()).expect("a socket pair")
}

fn approved() -> CaptureOutcome {
    approved_with(Brand::Visa)
}

fn approved_with(brand: Brand) -> CaptureOutcome {
    let held = Held {
        brand,
        last_four: LastFour::parse("1111").expect("four digits"),
        token: Token::parse("tok_abcdefghijklmnopqrstuvwx").expect("a token"),
    };
    CaptureOutcome::Approved(held, Authorisation::parse("A1B2C3").expect("a code"))
}

#[test]
fn a_call_is_answered_once_it_is_durable_and_its_notices_are_rendered() {
    let mut rig = Rig::holding(AgentKind::Collector, |request| matches!(request, Request::Prepare { .. }));
    assert_eq!((rig.position("answer"), rig.count("look up")), (None, 1), "the account is asked for as the call comes");
    rig.release();
    assert!(rig.position("answer").is_some());
    assert_eq!(rig.count("play"), 0, "nothing plays before the ACK");
    rig.signal(Signal::Acknowledged);
    assert_eq!(rig.count("play"), 3);
}

#[test]
fn a_handshake_begins_with_the_answer_and_ends_the_call_where_it_fails() {
    for acknowledged in [false, true] {
        let mut rig = Rig::new(AgentKind::Collector);
        assert!(rig.position("answer") < rig.position("begin handshake"));
        if acknowledged {
            rig.signal(Signal::Acknowledged);
        }
        rig.leg(LegOutput::HandshakeFailed(rtp::HandshakeFailure::Fingerprint));
        assert_eq!((rig.count("hang up"), rig.done), (1, Some(EndReason::HandshakeFailed)), "{acknowledged}");
        let failed = |entry: &&Entry| entry.kind == "media.handshake_failed" && entry.detail == "fingerprint";
        assert!(rig.call.timeline().entries().iter().any(|entry| failed(&entry)));
    }
}

#[test]
fn a_call_that_cannot_be_made_durable_is_refused() {
    let mut rig = Rig::holding(AgentKind::Collector, |request| matches!(request, Request::Prepare { .. }));
    rig.fail(Failure::NotDurable);
    assert_eq!((rig.count("refuse"), rig.count("answer"), rig.done), (1, 0, Some(EndReason::NotDurable)));
}

#[test]
fn a_set_up_that_takes_too_long_is_refused() {
    let mut rig = Rig::holding(AgentKind::Collector, |request| matches!(request, Request::Prompts(_)));
    rig.now += SET_UP_DEADLINE;
    assert!(rig.call.poll_timeout().is_some_and(|due| due <= rig.now));
    rig.call.handle_timeout(rig.now);
    rig.drain();
    assert_eq!(rig.done, Some(EndReason::SetUpFailed));
}

#[test]
fn caller_audio_goes_nowhere_before_the_last_notice_is_proven() {
    let mut rig = Rig::new(AgentKind::Collector);
    rig.signal(Signal::Acknowledged);
    for _ in 0..2 {
        rig.play_one();
        assert_eq!(rig.position("attach Recorder"), None);
    }
    rig.play_one();
    assert!(rig.position("attach Recorder").is_some() && rig.position("attach Agent").is_some());
    assert_eq!(rig.count("proof"), 3);
}

#[test]
fn a_call_names_a_recording_only_where_one_was_begun() {
    for begins in [true, false] {
        let mut rig = Rig::holding(AgentKind::Collector, |request| matches!(request, Request::Conclude { .. }));
        rig.records = begins;
        rig.signal(Signal::Acknowledged);
        rig.play_all();
        rig.signal(Signal::HungUp);
        let Some((_, Request::Conclude { attempt, .. })) = rig.held.last() else { panic!("nothing is concluded") };
        assert_eq!(attempt.recording.is_some(), begins);
    }
}

#[test]
fn a_notice_that_was_cut_ends_the_call_with_caller_audio_shut() {
    let mut rig = Rig::holding(AgentKind::Collector, |request| matches!(request, Request::Conclude { .. }));
    rig.signal(Signal::Acknowledged);
    rig.play_one();
    rig.play_one();
    let (id, samples) = rig.played.pop_front().unwrap();
    rig.leg(LegOutput::PromptInterrupted { id, played: 100, total: samples as u64 });
    let Some((_, Request::Conclude { compliance, .. })) = rig.held.last() else { panic!("nothing is concluded") };
    let said: Vec<_> = compliance.disclosures.iter().map(|disclosure| disclosure.delivery).collect();
    let (whole, none) = (BookDelivery::Delivered, BookDelivery::NotPlayed);
    assert_eq!(said, [whole, whole, BookDelivery::Partial, none, none]);
    rig.release();
    assert_eq!((rig.position("attach Recorder"), rig.done), (None, Some(EndReason::AgentFailed)));
    assert_eq!(rig.count("partial proof"), 1);
}

#[test]
fn a_bot_learns_of_the_debt_only_after_verification_and_disclosure() {
    let mut rig = Rig::new(AgentKind::Stream);
    assert_eq!(rig.verify(Factor::Name, "yes"), ApiReply::Refused(Missing::Opening));
    rig.signal(Signal::Acknowledged);
    rig.play_all();
    assert!(rig.position("connect bot").is_some());
    assert_eq!(rig.api(ApiRequest::Facts), ApiReply::Refused(Missing::Verification));
    rig.verify(Factor::Name, "yes");
    rig.verify(Factor::DateOfBirth, "1984-03-17");
    let verified = rig.verify(Factor::PostalCode, "20009");
    assert_eq!(verified, ApiReply::Verified { result: VerifyResult::Match, verified: true, tries_left: 3 });
    assert_eq!(rig.api(ApiRequest::Facts), ApiReply::Refused(Missing::Disclosure));
    rig.play_all();
    assert!(matches!(rig.api(ApiRequest::Facts), ApiReply::Facts(facts) if facts.balance_minor == 61_240));
}

#[test]
fn three_wrong_answers_lock_the_verification() {
    let mut rig = Rig::new(AgentKind::Stream);
    rig.signal(Signal::Acknowledged);
    rig.play_all();
    rig.verify(Factor::Name, "yes");
    let results: Vec<_> = (0..3).map(|_| rig.verify(Factor::PostalCode, "10001")).collect();
    assert!(matches!(results[2], ApiReply::Verified { result: VerifyResult::Locked, verified: false, tries_left: 0 }));
    assert_eq!(rig.api(ApiRequest::Facts), ApiReply::Refused(Missing::Unlocked));
}

/// The report that the caller agreed to an offer.
fn report(offer: &str) -> OutcomeReport {
    OutcomeReport { disposition: crate::api::Disposition::Arranged, accepted_offer: Some(offer.to_owned()) }
}

#[test]
fn only_an_offer_that_was_made_can_be_accepted() {
    let mut rig = Rig::disclosed();
    assert_eq!(rig.api(ApiRequest::Outcome(report("offer-1"))), ApiReply::Refused(Missing::Offer));
    let ApiReply::Offer(offer) = rig.api(ApiRequest::Offer(OfferAsk { instalments: Some(4), ..OfferAsk::default() }))
    else {
        panic!("no offer");
    };
    assert_eq!(offer.payments.iter().map(|payment| payment.amount_minor).sum::<i64>(), 61_240);
    assert_eq!(rig.api(ApiRequest::Outcome(report(&offer.offer))), ApiReply::Done);
    assert_eq!(rig.count("payment_arrangement"), 1);
}

#[test]
fn a_bot_that_reports_what_ends_the_collection_ends_it_and_the_account_learns_of_it_once() {
    use crate::api::Disposition as Reported;
    for (disposition, updates) in
        [(Reported::CeaseContact, 1), (Reported::Disputed, 1), (Reported::Represented, 1), (Reported::WrongParty, 0)]
    {
        let mut rig = Rig::disclosed();
        for _ in 0..2 {
            let report = OutcomeReport { disposition, accepted_offer: None };
            assert_eq!(rig.api(ApiRequest::Outcome(report)), ApiReply::Done);
        }
        assert_eq!(rig.count("account_update"), updates, "{disposition:?}");
        assert_eq!(rig.api(ApiRequest::Facts), ApiReply::Refused(Missing::Stopped), "{disposition:?}");
    }
    let mut rig = Rig::disclosed();
    let report = OutcomeReport { disposition: Reported::NoAgreement, accepted_offer: None };
    assert_eq!(rig.api(ApiRequest::Outcome(report)), ApiReply::Done);
    assert_eq!(rig.count("account_update"), 0);
    assert!(matches!(rig.api(ApiRequest::Facts), ApiReply::Facts(_)));
}

#[test]
fn an_arrangement_that_is_not_durable_in_time_is_called_off_behind_it() {
    let mut rig = Rig::disclosed_holding(|request| matches!(request, Request::Record(_)));
    let ApiReply::Offer(offer) = rig.api(ApiRequest::Offer(OfferAsk { instalments: Some(4), ..OfferAsk::default() }))
    else {
        panic!("no offer");
    };
    rig.api(ApiRequest::Outcome(report(&offer.offer)));
    let written = |rig: &Rig| {
        let Some((_, Request::Record(record))) = rig.held.last() else { panic!("nothing is recorded") };
        let Record::PaymentArrangement(record) = record.as_ref() else { panic!("another record") };
        (record.external_id.clone(), record.status)
    };
    let (agreed, active) = written(&rig);
    rig.fail(Failure::NotDurable);
    let (called_off, cancelled) = written(&rig);
    assert_eq!((active, cancelled), (ArrangementStatus::Active, ArrangementStatus::Cancelled));
    assert_eq!(agreed, called_off, "one record, written twice");
    rig.fail(Failure::NotDurable);
    assert!(rig.held.is_empty(), "once");
}

#[test]
fn a_card_is_submitted_only_after_its_row_is_durable() {
    let mut rig = Rig::disclosed_holding(|request| matches!(request, Request::OpenPayment { .. }));
    assert_eq!(shown(rig.api(capture(5_000))), CaptureReply::Arming);
    assert_eq!((rig.count("arm"), rig.count("open capture")), (1, 0), "not before the mute is proven");
    rig.leg(LegOutput::Capture(CaptureEvent::Armed));
    assert_eq!(rig.count("attach vault"), 1);
    rig.leg(LegOutput::Capture(CaptureEvent::ConnectionWanted));
    assert_eq!(rig.count("connect processor"), 0, "not before the row");
    rig.release();
    assert_eq!(rig.count("connect processor"), 1);
    rig.leg(LegOutput::Capture(CaptureEvent::Outcome(approved())));
    assert!(matches!(shown(rig.api(state())), CaptureReply::Approved { .. }));
    assert_eq!((rig.count("mark approved"), rig.count("payment_transaction")), (1, 1));
}

#[test]
fn a_card_whose_row_is_not_durable_is_not_submitted() {
    let mut rig = Rig::disclosed_holding(|request| matches!(request, Request::OpenPayment { .. }));
    rig.api(capture(5_000));
    rig.leg(LegOutput::Capture(CaptureEvent::Armed));
    rig.leg(LegOutput::Capture(CaptureEvent::ConnectionWanted));
    rig.fail(Failure::NotDurable);
    assert_eq!((rig.count("cancel capture"), rig.count("connect processor")), (1, 0));
}

#[test]
fn a_lost_answer_is_read_and_never_submitted_again() {
    let mut rig = Rig::disclosed();
    rig.api(capture(5_000));
    rig.leg(LegOutput::Capture(CaptureEvent::Armed));
    rig.leg(LegOutput::Capture(CaptureEvent::ConnectionWanted));
    rig.leg(LegOutput::Capture(CaptureEvent::Outcome(CaptureOutcome::Unknown)));
    assert_eq!((rig.count("resolve payment"), rig.count("open capture")), (1, 1));
    assert_eq!(shown(rig.api(state())), CaptureReply::Declined);
}

#[test]
fn a_card_that_the_processor_keeps_is_charged_by_its_token_and_recorded_by_who_charges() {
    let mut rig = Rig::charging();
    assert_eq!(shown(rig.api(state())), CaptureReply::Submitted, "not charged yet");
    rig.release();
    assert!(matches!(shown(rig.api(state())), CaptureReply::Approved { .. }));
    assert_eq!((rig.count("held charge payment"), rig.count("connect processor")), (1, 1));
    assert_eq!((rig.count("mark approved"), rig.count("payment_transaction")), (0, 0));
}

#[test]
fn a_charge_that_nobody_answers_for_is_unknown() {
    let mut rig = Rig::charging();
    rig.fail(Failure::Unavailable);
    assert_eq!(shown(rig.api(state())), CaptureReply::Unknown);
    assert_eq!(rig.count("mark payment"), 0, "the row is left to who reads it");
}

#[test]
fn hanging_up_in_a_capture_waits_for_its_end_and_then_writes_the_records() {
    let mut rig = Rig::disclosed();
    rig.api(capture(5_000));
    rig.leg(LegOutput::Capture(CaptureEvent::Armed));
    rig.signal(Signal::HungUp);
    assert_eq!((rig.count("conclude"), rig.done), (0, None));
    let failed = CaptureOutcome::Failed(gate::CaptureFailure::HungUp);
    rig.leg(LegOutput::Capture(CaptureEvent::Outcome(failed)));
    assert_eq!(rig.count("conclude"), 1);
    assert_eq!(rig.done, Some(EndReason::CallerHungUp));
}

#[test]
fn the_call_is_done_only_when_its_records_are_durable() {
    let mut rig = Rig::disclosed_holding(|request| matches!(request, Request::Conclude { .. }));
    rig.signal(Signal::HungUp);
    assert_eq!((rig.held.len(), rig.done), (1, None));
    rig.release();
    assert_eq!(rig.done, Some(EndReason::CallerHungUp));
}

#[test]
fn a_bot_that_leaves_gets_a_good_bye_and_one_that_breaks_an_apology() {
    for (event, reason) in [(BotEvent::Closed, EndReason::Completed), (BotEvent::Failed, EndReason::AgentFailed)] {
        let mut rig = Rig::disclosed();
        rig.call.handle_bot(rig.now, event);
        rig.drain();
        assert_eq!((rig.played.len(), rig.count("hang up")), (1, 0), "the last words come first");
        rig.play_all();
        assert_eq!((rig.count("hang up"), rig.done), (1, Some(reason)));
    }
}

#[test]
fn a_bot_that_does_not_answer_in_time_is_given_up() {
    let mut rig = Rig::new(AgentKind::Stream);
    rig.signal(Signal::Acknowledged);
    rig.play_all();
    rig.now += Duration::from_secs(2);
    rig.call.handle_timeout(rig.now);
    rig.drain();
    rig.play_all();
    assert_eq!(rig.done, Some(EndReason::AgentFailed));
}

#[test]
fn a_caller_of_an_echo_hears_themselves_after_the_notices_and_not_the_good_bye() {
    let mut rig = Rig::new(AgentKind::Echo);
    rig.signal(Signal::Acknowledged);
    assert_eq!(rig.count("echo true"), 0);
    rig.play_all();
    assert_eq!((rig.count("echo true"), rig.count("attach Agent")), (1, 0));
    rig.call.end(rig.now, EndReason::Drained);
    rig.drain();
    assert_eq!(rig.count("echo false"), 1);
    rig.play_all();
    assert_eq!(rig.done, Some(EndReason::Drained));
}

#[test]
fn the_longest_call_ends_with_a_good_bye() {
    let mut rig = Rig::disclosed();
    rig.now += Duration::from_secs(600);
    rig.call.handle_timeout(rig.now);
    rig.drain();
    assert!(rig.call.poll_timeout().is_some_and(|due| due > rig.now), "nothing is due while it is said");
    rig.play_all();
    assert_eq!(rig.done, Some(EndReason::LongestCall));
}

#[test]
fn a_caller_whose_media_stopped_is_hung_up_without_a_good_bye() {
    let mut rig = Rig::disclosed();
    rig.leg(LegOutput::MediaTimeout);
    assert_eq!((rig.done, rig.count("hang up"), rig.played.len()), (Some(EndReason::MediaTimeout), 1, 0));
}

#[test]
fn a_call_that_was_not_acknowledged_ends_by_the_deadline_of_its_dialog() {
    let mut rig = Rig::new(AgentKind::Stream);
    rig.leg(LegOutput::MediaTimeout);
    assert_eq!((rig.done, rig.count("hang up")), (None, 0));
}

#[test]
fn the_timeline_tells_how_much_of_a_cut_turn_was_heard() {
    let mut rig = Rig::disclosed();
    rig.leg(LegOutput::AgentCut { played: Duration::from_millis(1_208), dropped: Duration::from_millis(790) });
    let entry = rig.call.timeline().entries().iter().find(|entry| entry.kind == "agent.cut");
    assert_eq!(entry.map(|entry| entry.detail.as_str()), Some("1208 ms were heard, 790 ms were not"));
}

#[test]
fn the_conversation_stands_still_while_the_call_is_held() {
    let mut rig = Rig::new(AgentKind::Collector);
    rig.signal(Signal::Acknowledged);
    rig.play_all();
    // The collector has asked, and waits for an answer.
    let waits_for = rig.call.poll_timeout().expect("a deadline").duration_since(rig.now);
    assert!(waits_for < Duration::from_secs(10));
    rig.leg(LegOutput::Held);
    let said = rig.count("play");
    for _ in 0..50 {
        rig.now += Duration::from_secs(2);
        rig.call.handle_timeout(rig.now);
        rig.call.handle_heard(rig.now, Some("yes".into()), None, Duration::ZERO);
        rig.drain();
    }
    assert_eq!((rig.count("play"), rig.done), (said, None), "music on hold is no answer, and nobody is asked again");
    rig.leg(LegOutput::Resumed);
    assert_eq!(rig.call.poll_timeout().map(|due| due.duration_since(rig.now)), Some(waits_for));
    rig.now += waits_for;
    rig.call.handle_timeout(rig.now);
    rig.drain();
    assert!(rig.count("play") > said, "asked again");
}

#[test]
fn a_held_call_still_has_a_longest_time() {
    let mut rig = Rig::new(AgentKind::Collector);
    rig.signal(Signal::Acknowledged);
    rig.play_all();
    rig.leg(LegOutput::Held);
    let mut waited = 0;
    while rig.done.is_none() && waited < 10 {
        rig.now = rig.call.poll_timeout().expect("a deadline");
        rig.call.handle_timeout(rig.now);
        rig.drain();
        waited += 1;
    }
    assert_eq!(rig.done, Some(EndReason::LongestCall), "its good-bye is not waited for for ever");
}

/// A bot's call that is up, by this rule of recording, from this number.
fn recorded_by(consent: rules::recording::Consent, unrecorded: &[&str], number: &str) -> Rig {
    let mut rig = Rig::with(
        AgentKind::Stream,
        |request| matches!(request, Request::Conclude { .. }),
        |settings, call| {
            settings.recording = consent;
            settings.unrecorded = unrecorded.iter().copied().map(str::to_owned).collect();
            call.caller = Phone::parse(number).ok();
        },
    );
    rig.signal(Signal::Acknowledged);
    rig.play_all();
    rig
}

impl Rig {
    /// What is written of the call when it ends now.
    fn concluded(&mut self) -> (ContactAttempt, ComplianceRecord) {
        self.signal(Signal::HungUp);
        match self.held.pop() {
            Some((_, Request::Conclude { attempt, compliance, .. })) => (*attempt, *compliance),
            Some(_) | None => panic!("nothing is concluded"),
        }
    }
}

#[test]
fn the_rule_of_consent_says_who_is_recorded_and_the_records_name_it() {
    use book::record::RecordingConsent::{Granted, NotRequired};
    use rules::recording::{Basis, Consent};
    let (here, california) = ("+12025550143", "+14155550143");
    let cases = [
        (Consent::Notice, [].as_slice(), california, Basis::Notice, Granted),
        (Consent::Notice, &["local"], here, Basis::Trunk, NotRequired),
        (Consent::OneParty, &["other"], here, Basis::OneParty, Granted),
        (Consent::OneParty, &[], california, Basis::AllParty, NotRequired),
        (Consent::Off, &[], here, Basis::Off, NotRequired),
    ];
    for (consent, unrecorded, number, basis, said) in cases {
        let mut rig = recorded_by(consent, unrecorded, number);
        assert_eq!(rig.count("attach Recorder"), usize::from(basis.permits()), "{basis:?}");
        let (attempt, compliance) = rig.concluded();
        assert_eq!((attempt.recording_consent, compliance.recording), (said, Some(basis)));
        assert_eq!(attempt.recording.is_some(), basis.permits());
    }
}

#[test]
fn a_caller_who_objects_is_recorded_no_further_and_what_was_is_kept() {
    let mut rig = recorded_by(rules::recording::Consent::Notice, &[], "+12025550143");
    assert_eq!(rig.api(ApiRequest::RefuseRecording), ApiReply::Done);
    assert_eq!(rig.api(ApiRequest::RefuseRecording), ApiReply::Done);
    assert_eq!((rig.count("attach Recorder"), rig.count("detach Recorder")), (1, 1));
    let (attempt, compliance) = rig.concluded();
    assert_eq!(attempt.recording.as_deref(), Some("call.wav"));
    assert_eq!(attempt.recording_consent, book::record::RecordingConsent::Refused);
    assert_eq!(compliance.recording, Some(rules::recording::Basis::Refused));
    assert_eq!(compliance.requests, [book::record::DebtorRequest::NoRecording]);
}

#[test]
fn the_collector_hears_that_somebody_does_not_want_to_be_recorded() {
    let mut rig = Rig::new(AgentKind::Collector);
    rig.signal(Signal::Acknowledged);
    rig.play_all();
    rig.call.handle_heard(rig.now, Some("do not record this call".into()), None, Duration::ZERO);
    rig.drain();
    assert_eq!((rig.count("attach Recorder"), rig.count("detach Recorder")), (1, 1));
}

#[test]
fn an_objection_before_the_opening_has_ended_keeps_the_recorder_shut() {
    let mut rig = Rig::new(AgentKind::Stream);
    rig.signal(Signal::Acknowledged);
    rig.api(ApiRequest::RefuseRecording);
    rig.play_all();
    assert_eq!((rig.count("attach Recorder"), rig.count("detach Recorder")), (0, 0));
}
