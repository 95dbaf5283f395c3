//! Payments that agents ask for: on what lines, how often, how they are told, and how they end.

use book::record::PaymentMethod;
use gate::{
    CaptureFailure, CapturePrompt, ControlFailure, SinkId, SpeechEdge,
    wire::{EntryError, PromptReason, Step},
};

use super::*;
use crate::{
    api::{Callback, CaptureStep, Method, News, SessionStep, ToolAsk},
    carrier::{Carrier, CarrierEnd, CarrierEvent, CarrierReceipt},
    conditions::Unmet,
};

mod carried;
mod outcomes;

/// What calls asked for of their payments.
#[derive(Default)]
pub(super) struct Seen {
    /// The names of what was to be said.
    said: Vec<&'static str>,
    /// By what rows and records say that payments are made.
    methods: Vec<PaymentMethod>,
    /// Under whose names captures were opened.
    holders: Vec<Option<String>>,
    /// For how much.
    amounts: Vec<Money>,
}

impl Seen {
    pub(super) fn take(&mut self, request: &Request) {
        match request {
            Request::Prompts(phrases) => self.said.extend(phrases.iter().map(Phrase::name)),
            Request::OpenPayment { method, .. } => self.methods.push(method.recorded()),
            Request::OpenCapture { holder, amount, .. } => {
                self.amounts.push(*amount);
                self.holders.push(holder.as_ref().map(|person| person.as_str().to_owned()));
            }
            Request::Record(record) => {
                if let Record::PaymentTransaction(payment) = record.as_ref() {
                    self.methods.push(payment.method);
                }
            }
            Request::Prepare { .. }
            | Request::LookUp(_)
            | Request::NamePayment { .. }
            | Request::MarkPayment { .. }
            | Request::Conclude { .. }
            | Request::ConnectProcessor { .. }
            | Request::ChargePayment { .. }
            | Request::Carrier { .. }
            | Request::ResolvePayment { .. } => {}
        }
    }
}

fn first(step: Step) -> CapturePrompt {
    CapturePrompt { step, reason: PromptReason::First }
}

impl Rig {
    /// A verified call whose machine or line is other than usual.
    fn placed(line: Line, host: Host) -> Self {
        let mut rig = Self::with(AgentKind::Stream, |_| false, |_, invitation| invitation.line = line);
        rig.host = host;
        rig.verified()
    }

    fn verified(mut self) -> Self {
        self.signal(Signal::Acknowledged);
        self.play_all();
        self.call.handle_bot(self.now, BotEvent::Connected);
        self.drain();
        for (factor, value) in
            [(Factor::Name, "yes"), (Factor::DateOfBirth, "1984-03-17"), (Factor::PostalCode, "20009")]
        {
            self.verify(factor, value);
        }
        self.play_all();
        self
    }

    fn capture(&mut self, event: CaptureEvent) {
        self.leg(LegOutput::Capture(event));
    }

    fn prompt(&mut self, prompt: CapturePrompt) {
        self.leg(LegOutput::CapturePrompt(prompt));
    }

    fn failed(&mut self, failure: CaptureFailure) {
        self.capture(CaptureEvent::Outcome(CaptureOutcome::Failed(failure)));
        self.capture(CaptureEvent::Released);
    }

    /// Opens a payment that is taken field by field.
    fn open_session(&mut self) {
        let request =
            ApiRequest::OpenSession { ask: CaptureAsk::card(5_000), key: "open".into(), callback: callback() };
        assert_eq!(shown(self.api(request)), CaptureReply::Opened);
    }

    fn step(&mut self, key: &str, step: SessionStep) -> ApiReply {
        self.api(ApiRequest::StepSession { session: PAYMENT, key: key.into(), callback: callback(), step })
    }

    fn last_news(&self) -> &News {
        &self.updates.last().expect("an update").news
    }

    fn notes(&self, kind: &str) -> usize {
        self.call.timeline().entries().iter().filter(|entry| entry.kind == kind).count()
    }
}

fn callback() -> Callback {
    Callback::new("https://bot.example.com/pay".into())
}

/// The name of what is keyed anew.
const ANEW: Uuid = Uuid::from_u128(8);
const REMOTE: Line = Line { is_local: false, ..LOCAL };

#[test]
fn no_card_is_taken_in_clear_and_its_agent_learns_what_is_missing() {
    let exposed = Host { swap: Swap::Clear, ..HARDENED };
    let attested = Line { is_attested: true, ..REMOTE };
    for (line, host, unmet) in [(REMOTE, HARDENED, Unmet::MediaInClear), (attested, exposed, Unmet::SwapInClear)] {
        let mut rig = Rig::placed(line, host);
        assert_eq!(rig.api(capture(5_000)), ApiReply::Unprotected(unmet));
        assert_eq!((rig.count("arm"), rig.count("payment_transaction")), (0, 0));
        assert_eq!(shown(rig.api(state())), CaptureReply::Failed { reason: unmet.name().into() });
        assert_eq!(rig.notes("capture.refused"), 1);
        // Nothing of the call is shut by it.
        assert_eq!(rig.api(capture(5_000)), ApiReply::Unprotected(unmet));
    }
    let mut rig = Rig::placed(attested, HARDENED);
    assert_eq!(shown(rig.api(capture(5_000))), CaptureReply::Arming);
}

#[test]
fn a_request_that_comes_again_starts_nothing_new() {
    let mut rig = Rig::disclosed();
    let keyed = |amount| ApiRequest::StartCapture { ask: CaptureAsk::card(amount), key: Some("once".into()) };
    let once = rig.api(keyed(5_000));
    assert_eq!(rig.api(keyed(5_000)), once);
    assert_eq!(rig.api(keyed(5_001)), ApiReply::Refused(Missing::Key));
    assert_eq!(rig.count("arm"), 1);
    rig.failed(CaptureFailure::Control(ControlFailure::MuteNotAcknowledged(SinkId(1))));
    let reason = CaptureReply::Failed { reason: "mute_not_acknowledged".into() };
    assert_eq!(shown(rig.api(keyed(5_000))), reason, "it is known for as long as the call");
    assert_eq!(shown(rig.api(capture(5_000))), CaptureReply::Arming);
    assert_eq!(shown(rig.api(keyed(5_000))), reason);
    assert_eq!(rig.count("arm"), 2);
}

#[test]
fn a_request_that_was_refused_may_come_again_under_its_key() {
    let keyed = || ApiRequest::StartCapture { ask: CaptureAsk::card(5_000), key: Some("once".into()) };
    let mut rig = Rig::placed(REMOTE, HARDENED);
    for _ in 0..2 {
        assert_eq!(rig.api(keyed()), ApiReply::Unprotected(Unmet::MediaInClear));
    }
    let mut rig = Rig::disclosed_holding(|request| matches!(request, Request::NamePayment { .. }));
    rig.call.handle_api(rig.now, Ticket(0), keyed());
    rig.drain();
    rig.fail(Failure::Unavailable);
    assert_eq!(rig.replies.pop(), Some(ApiReply::Unavailable));
    rig.call.handle_api(rig.now, Ticket(0), keyed());
    rig.drain();
    rig.release();
    let Some(ApiReply::CaptureStarted(view)) = rig.replies.pop() else { panic!("nothing was started") };
    assert_eq!((view.id, view.reply, rig.count("arm")), (Some(PAYMENT), CaptureReply::Arming, 1));
    rig.hold = |_| false;
    assert_eq!(shown(rig.api(keyed())), CaptureReply::Arming, "now it is known");
    assert_eq!(rig.count("arm"), 1);
}

#[test]
fn only_what_is_taken_can_be_asked_for() {
    let mut rig = Rig::disclosed();
    let card = CaptureAsk::card(5_000);
    let senseless = [
        CaptureAsk { amount_minor: 0, ..card.clone() },
        CaptureAsk { amount_minor: 61_241, ..card.clone() },
        CaptureAsk { currency: Some("EUR".into()), ..card.clone() },
        CaptureAsk { attempts: Some(9), ..card.clone() },
    ];
    for ask in senseless {
        assert_eq!(rig.api(ApiRequest::StartCapture { ask, key: None }), ApiReply::Refused(Missing::Sense));
    }
    let ask = CaptureAsk { currency: Some("USD".into()), brands: Some(vec!["visa".into()]), ..card };
    rig.api(ApiRequest::StartCapture { ask, key: None });
    assert_eq!(rig.count("arm"), 1);
    assert_eq!(rig.api(capture(5_000)), ApiReply::Refused(Missing::Capture), "one at a time");
}

/// A verified call about an account that owes so much.
fn owing(balance: Money) -> Rig {
    let mut rig = Rig::holding(AgentKind::Stream, |request| matches!(request, Request::LookUp(_)));
    let LookUp::Found(mut found) = found() else { panic!("an account") };
    found.account.balance = balance;
    let (ticket, _) = rig.held.pop().expect("a look-up");
    rig.call.handle_reply(rig.now, ticket, Reply::Account(LookUp::Found(found)));
    rig.drain();
    rig.verified()
}

#[test]
fn what_a_tool_asks_for_is_an_amount_of_the_account_s_currency() {
    for (code, amount, minor, refused) in
        [("USD", "10.5", 1_050, "1.234"), ("JPY", "1000", 1_000, "10.50"), ("KWD", "1.234", 1_234, "31")]
    {
        let currency = Currency::parse(code).expect("a currency");
        let mut rig = owing(Money::new(30_000, currency));
        let collect = |amount: &str| {
            let ask = ToolAsk { amount: amount.to_owned(), method: Method::Card, account_type: None };
            ApiRequest::CollectPayment { ask, key: Some("once".into()) }
        };
        assert_eq!(rig.api(collect(refused)), ApiReply::Refused(Missing::Sense), "{code}");
        let started = rig.api(collect(amount));
        assert_eq!(rig.api(collect(amount)), started, "once");
        assert_eq!(shown(started), CaptureReply::Arming, "{code}");
        rig.capture(CaptureEvent::Armed);
        assert_eq!(rig.seen.amounts, [Money::new(minor, currency)]);
    }
}

#[test]
fn a_tool_that_comes_too_early_is_told_what_comes_first() {
    let mut rig = Rig::new(AgentKind::Stream);
    rig.signal(Signal::Acknowledged);
    rig.play_all();
    for amount in ["10.50", "1.2345"] {
        let ask = ToolAsk { amount: amount.to_owned(), method: Method::Card, account_type: None };
        let asked = rig.api(ApiRequest::CollectPayment { ask, key: None });
        assert_eq!(asked, ApiReply::Refused(Missing::Verification), "nothing of the account is told by it");
    }
}

/// A verified call that takes bank accounts, with one asked for.
fn bank_account() -> Rig {
    let mut rig =
        Rig::with(AgentKind::Stream, |_| false, |settings, _| settings.taking.bank_accounts = true).verified();
    let ask = CaptureAsk { method: Method::BankAccount, ..CaptureAsk::card(5_000) };
    assert_eq!(shown(rig.api(ApiRequest::StartCapture { ask, key: None })), CaptureReply::Arming);
    rig.capture(CaptureEvent::Armed);
    rig
}

#[test]
fn a_bank_account_is_refused_where_none_is_taken() {
    let mut rig = Rig::disclosed();
    let ask = CaptureAsk { method: Method::BankAccount, ..CaptureAsk::card(5_000) };
    let refused = ApiReply::Refused(Missing::BankAccounts);
    assert_eq!(rig.api(ApiRequest::StartCapture { ask: ask.clone(), key: None }), refused);
    assert_eq!(rig.api(ApiRequest::OpenSession { ask, key: "open".into(), callback: callback() }), refused);
    assert_eq!(rig.count("arm"), 0);
}

#[test]
fn a_bank_account_is_asked_for_in_its_own_words_and_its_number_twice() {
    let mut rig = bank_account();
    let differs = CapturePrompt { step: Step::Account, reason: PromptReason::Retry(EntryError::Mismatch) };
    for prompt in [first(Step::Routing), first(Step::Account), first(Step::AccountAgain), differs] {
        rig.prompt(prompt);
    }
    let said = &rig.seen.said;
    let expected = ["bank_routing", "bank_account", "bank_account_again", "bank_account_mismatch"];
    assert_eq!(said[said.len() - expected.len()..], expected);
    let keying =
        CaptureReply::Keying { step: CaptureStep::Account, count: 0, attempt: 2, error: Some("mismatch".into()) };
    assert_eq!(shown(rig.api(state())), keying);
    rig.prompt(first(Step::AccountAgain));
    rig.prompt(first(Step::Wait));
    rig.capture(CaptureEvent::ConnectionWanted);
    rig.capture(CaptureEvent::Outcome(approved_with(Brand::BankAccount)));
    assert!(matches!(shown(rig.api(state())), CaptureReply::Approved { brand, .. } if brand == "bank_account"));
    assert_eq!(rig.seen.methods, [PaymentMethod::BankKeyed; 2], "the row, and the record");
}

#[test]
fn a_bank_account_is_opened_under_the_name_of_whose_debt_it_is_and_a_card_under_none() {
    assert_eq!(bank_account().seen.holders, [Some("Maria Delgado".to_owned())]);
    assert_eq!(reached(At::Keying).seen.holders, [None]);
}

#[test]
fn a_bot_is_told_step_count_attempt_and_error_and_in_the_end_the_last_four() {
    let mut rig = Rig::disclosed();
    rig.api(capture(5_000));
    rig.capture(CaptureEvent::Armed);
    rig.prompt(first(Step::Number));
    for count in 1..=4 {
        rig.capture(CaptureEvent::Progress { step: Step::Number, count });
    }
    rig.now += Duration::from_millis(250);
    rig.call.handle_timeout(rig.now);
    rig.drain();
    rig.prompt(CapturePrompt { step: Step::Number, reason: PromptReason::Retry(EntryError::InvalidNumber) });
    let keying = |count, attempt, error: Option<&str>| CaptureReply::Keying {
        step: CaptureStep::Number,
        count,
        attempt,
        error: error.map(str::to_owned),
    };
    let told: Vec<_> = rig.told.iter().map(|view| view.reply.clone()).collect();
    let wrong = keying(0, 2, Some("invalid_number"));
    assert_eq!(told, [CaptureReply::Arming, keying(0, 1, None), keying(4, 1, None), wrong], "counts only on the grid");
    rig.capture(CaptureEvent::ConnectionWanted);
    rig.capture(CaptureEvent::Outcome(approved()));
    let last = rig.told.last().expect("an end");
    assert!(
        matches!(&last.reply, CaptureReply::Approved { last_four, brand, .. } if last_four == "1111" && brand == "visa")
    );
    assert!(last.muted, "the caller's keys may still be down");
    rig.capture(CaptureEvent::Released);
    assert!(!rig.told.last().expect("an end").muted);
    assert_eq!(rig.notes("capture.card"), 1);
}

#[test]
fn a_field_that_is_wrong_as_often_as_was_said_ends_the_capture() {
    let mut rig = Rig::disclosed();
    let ask = CaptureAsk { attempts: Some(1), ..CaptureAsk::card(5_000) };
    rig.api(ApiRequest::StartCapture { ask, key: None });
    rig.capture(CaptureEvent::Armed);
    rig.prompt(first(Step::Number));
    rig.prompt(CapturePrompt { step: Step::Number, reason: PromptReason::Retry(EntryError::Timeout) });
    assert_eq!(rig.count("cancel capture"), 1);
    rig.failed(CaptureFailure::Cancelled);
    assert_eq!(shown(rig.api(state())), CaptureReply::Failed { reason: "too_many_attempts".into() });
}

#[test]
fn a_caller_who_speaks_is_told_to_use_the_keypad_once_for_each_question() {
    let mut rig = Rig::disclosed();
    let said = |rig: &Rig| rig.notes("capture.spoken");
    rig.leg(LegOutput::Speech(SpeechEdge::Started));
    assert_eq!(said(&rig), 0, "outside a capture they may speak");
    rig.api(capture(5_000));
    rig.capture(CaptureEvent::Armed);
    rig.leg(LegOutput::Speech(SpeechEdge::Started));
    assert_eq!(said(&rig), 0, "nothing is asked for yet");
    for (prompt, expected) in [(first(Step::Number), 1), (first(Step::Expiry), 2)] {
        rig.prompt(prompt);
        let played = rig.count("play");
        for _ in 0..3 {
            rig.leg(LegOutput::Speech(SpeechEdge::Started));
        }
        assert_eq!((said(&rig), rig.count("play")), (expected, played + 1));
    }
}

/// What a capture may be in when something ends it.
#[derive(Clone, Copy, Debug)]
enum At {
    Muting,
    Keying,
    Submitted,
}

fn reached(at: At) -> Rig {
    let mut rig = Rig::disclosed();
    rig.api(capture(5_000));
    if !matches!(at, At::Muting) {
        rig.capture(CaptureEvent::Armed);
        rig.prompt(first(Step::Number));
    }
    if matches!(at, At::Submitted) {
        rig.capture(CaptureEvent::ConnectionWanted);
    }
    rig
}

#[test]
fn a_bot_that_dies_withdraws_its_capture_at_every_step_and_the_call_says_how_both_ended() {
    for at in [At::Muting, At::Keying, At::Submitted] {
        let mut rig = reached(at);
        rig.call.handle_bot(rig.now, BotEvent::Failed);
        rig.drain();
        assert_eq!(rig.count("cancel capture"), 1, "{at:?}");
        match at {
            At::Muting | At::Keying => rig.failed(CaptureFailure::Cancelled),
            // What was submitted is not withdrawn: its answer is waited for.
            At::Submitted => {
                rig.capture(CaptureEvent::Outcome(approved()));
                rig.capture(CaptureEvent::Released);
            }
        }
        rig.play_all();
        assert_eq!(rig.done, Some(EndReason::AgentFailed), "{at:?}");
        assert_eq!((rig.notes("capture.settled"), rig.count("payment_transaction")), (1, 1), "{at:?}");
    }
}

#[test]
fn whatever_fails_of_a_capture_has_a_name_at_every_step() {
    let sink = SinkId(2);
    let failures = [
        (CaptureFailure::Control(ControlFailure::MuteLapsed(sink)), "mute_lapsed"),
        (CaptureFailure::Control(ControlFailure::MuteNotAcknowledged(sink)), "mute_not_acknowledged"),
        (CaptureFailure::VaultClosed, "vault_closed"),
        (CaptureFailure::VaultMisbehaved, "vault_misbehaved"),
        (CaptureFailure::Expired, "expired"),
        (CaptureFailure::HungUp, "hung_up"),
    ];
    for (failure, name) in failures {
        for at in [At::Muting, At::Keying] {
            let mut rig = reached(at);
            if let CaptureFailure::Control(control) = failure {
                rig.leg(LegOutput::Control(control));
                assert_eq!(rig.notes("control.failed"), 1);
            }
            rig.failed(failure);
            assert_eq!(shown(rig.api(state())), CaptureReply::Failed { reason: name.into() }, "{at:?}");
            assert_eq!(shown(rig.api(capture(5_000))), CaptureReply::Arming, "the next one may begin");
        }
    }
}

#[test]
fn a_call_that_ends_before_its_payment_has_a_name_arms_nothing() {
    let mut rig = Rig::disclosed_holding(|request| matches!(request, Request::NamePayment { .. }));
    rig.call.handle_api(rig.now, Ticket(0), capture(5_000));
    rig.drain();
    assert!(rig.replies.is_empty(), "the answer waits for the name");
    rig.signal(Signal::HungUp);
    assert_eq!(rig.replies.pop(), Some(ApiReply::Refused(Missing::Capture)));
    rig.release();
    assert_eq!((rig.count("arm"), rig.done), (0, Some(EndReason::CallerHungUp)));
}

#[test]
fn a_hold_changes_nothing_of_a_capture() {
    let mut rig = reached(At::Keying);
    rig.leg(LegOutput::Held);
    assert!(matches!(shown(rig.api(state())), CaptureReply::Keying { .. }));
    rig.leg(LegOutput::Speech(SpeechEdge::Started));
    assert_eq!(rig.notes("capture.spoken"), 0, "music is no caller");
    rig.leg(LegOutput::Resumed);
    assert_eq!((rig.count("cancel capture"), rig.count("arm")), (0, 1));
    rig.capture(CaptureEvent::ConnectionWanted);
    assert_eq!(rig.count("connect processor"), 1);
}

#[test]
fn a_payment_taken_field_by_field_mutes_nobody_before_the_first_field() {
    let mut rig = Rig::disclosed();
    rig.open_session();
    assert_eq!((rig.count("arm"), rig.last_news()), (0, &News::Opened));
    assert_eq!(rig.api(capture(5_000)), ApiReply::Refused(Missing::Capture));
    assert_eq!(rig.step("a", SessionStep::Complete), ApiReply::Refused(Missing::Capture), "nothing is keyed");
    for _ in 0..2 {
        let refused = rig.step("b", SessionStep::Ask(CaptureStep::Routing));
        assert_eq!(refused, ApiReply::Refused(Missing::Sense), "again under its key");
    }
    assert_eq!(rig.step("c", SessionStep::Cancel), ApiReply::Done);
    assert_eq!(rig.last_news(), &News::Ended(CaptureReply::Failed { reason: "cancelled".into() }));
    assert_eq!((rig.count("cancel capture"), rig.count("arm")), (0, 0), "the gate never heard of it");
}

#[test]
fn fields_are_asked_for_when_the_agent_says_so_and_submitted_when_it_says_so() {
    let mut rig = Rig::disclosed();
    rig.open_session();
    assert_eq!(rig.step("a", SessionStep::Ask(CaptureStep::Number)), ApiReply::Done);
    assert_eq!(rig.step("a", SessionStep::Ask(CaptureStep::Number)), ApiReply::Done, "once");
    assert_eq!(rig.count("arm"), 1);
    rig.capture(CaptureEvent::Armed);
    let played = rig.count("play");
    rig.prompt(first(Step::Number));
    assert_eq!(rig.count("play"), played + 1);
    rig.prompt(first(Step::Expiry));
    assert_eq!((rig.count("play"), rig.last_news()), (played + 1, &News::Keyed(CaptureStep::Number)));
    assert_eq!(rig.updates.last().expect("an update").required, [CaptureStep::Expiry, CaptureStep::Code]);
    rig.step("b", SessionStep::Ask(CaptureStep::Expiry));
    assert_eq!(rig.count("play"), played + 2);
    rig.prompt(first(Step::Code));
    rig.step("c", SessionStep::Ask(CaptureStep::Code));
    rig.prompt(first(Step::Wait));
    rig.capture(CaptureEvent::ConnectionWanted);
    assert_eq!((rig.count("open payment"), shown(rig.api(state()))), (0, CaptureReply::Keyed));
    assert_eq!(rig.step("d", SessionStep::Complete), ApiReply::Done);
    assert_eq!(rig.step("d", SessionStep::Complete), ApiReply::Done, "once");
    assert_eq!(rig.count("connect processor"), 1);
    rig.capture(CaptureEvent::Outcome(approved()));
    assert!(matches!(rig.last_news(), News::Ended(CaptureReply::Approved { .. })));
    assert!(rig.told.is_empty(), "its stream is not told: it knows no such message");
}

#[test]
fn a_field_asked_for_again_is_keyed_anew_under_the_same_name() {
    let mut rig = Rig::disclosed();
    rig.open_session();
    rig.step("a", SessionStep::Ask(CaptureStep::Number));
    rig.capture(CaptureEvent::Armed);
    rig.prompt(first(Step::Number));
    rig.prompt(first(Step::Expiry));
    rig.step("b", SessionStep::Ask(CaptureStep::Number));
    assert_eq!(rig.count("cancel capture"), 1);
    rig.hold = |request| matches!(request, Request::NamePayment { .. });
    rig.failed(CaptureFailure::Cancelled);
    let (ticket, _) = rig.held.pop().expect("a capture of its own");
    rig.call.handle_reply(rig.now, ticket, Reply::PaymentNamed { payment: ANEW, host: HARDENED });
    rig.drain();
    assert_eq!((rig.count("arm"), rig.count("open capture")), (2, 1));
    rig.capture(CaptureEvent::Armed);
    rig.prompt(first(Step::Number));
    let number = News::Keying { step: CaptureStep::Number, count: 0, attempt: 1, error: None };
    assert_eq!((rig.last_news(), rig.updates.last().expect("an update").session), (&number, PAYMENT));
    assert_eq!(rig.notes("capture.settled"), 0, "for its agent it is one payment");
    let update = rig.updates.last().expect("an update");
    assert_eq!((update.session, update.payment), (PAYMENT, ANEW), "its rows and records have another name");
    rig.signal(Signal::HungUp);
    rig.failed(CaptureFailure::HungUp);
    assert_eq!(rig.done, Some(EndReason::CallerHungUp));
}
