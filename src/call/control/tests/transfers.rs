//! Callers who are handed over: after what is keyed is gone, with a word, and with the call going on where it fails.

use gate::{
    CaptureFailure, CapturePrompt,
    wire::{PromptReason, Step},
};
use sip::{ReferralEnd, ReferralNews, Status};

use super::*;
use crate::{
    api::{Disposition as Reported, Method, ToolAsk},
    transfer::TransferView,
};

const TRANSFERRED: ReferralNews = ReferralNews::Ended(ReferralEnd::Transferred);
const DECLINED: ReferralNews = ReferralNews::Ended(ReferralEnd::Refused(Status::DECLINE));

fn failed(reason: &'static str, status: Option<u16>) -> TransferState {
    TransferState::Failed { reason, status }
}

impl Rig {
    fn transfer(&mut self, to: &str) -> ApiReply {
        self.api(ApiRequest::Transfer { to: to.to_owned(), by_agent: true })
    }

    fn state_of_transfer(&mut self) -> TransferState {
        let reply = self.api(ApiRequest::TransferState);
        let ApiReply::Transfer(TransferView { state, .. }) = reply else { panic!("no transfer: {reply:?}") };
        state
    }

    /// A bot's call in which the caller's side was asked for a transfer.
    fn asked() -> Self {
        let mut rig = Self::disclosed();
        rig.transfer("desk");
        rig.play_all();
        rig
    }

    fn referred(&mut self, news: ReferralNews) {
        self.signal(Signal::Referral(news));
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.call.handle_timeout(self.now);
        self.drain();
    }

    /// A bot's call in which a card is being keyed.
    fn keying() -> Self {
        let mut rig = Self::disclosed();
        rig.api(capture(5_000));
        rig.leg(LegOutput::Capture(CaptureEvent::Armed));
        rig.leg(LegOutput::CapturePrompt(CapturePrompt { step: Step::Number, reason: PromptReason::First }));
        rig.play_all();
        rig
    }
}

#[test]
fn the_caller_is_told_and_handed_over_and_the_call_ends_as_transferred() {
    let mut rig = Rig::disclosed_holding(|request| matches!(request, Request::Conclude { .. }));
    let view = TransferView { to: Some("desk".into()), state: TransferState::Announcing };
    assert_eq!(rig.transfer("desk"), ApiReply::Transfer(view));
    assert_eq!((rig.count("refer"), rig.played.len()), (0, 1), "the word comes first");
    rig.play_all();
    assert_eq!(rig.count("refer"), 1);
    rig.referred(ReferralNews::Accepted);
    rig.referred(ReferralNews::Progress(Status::RINGING));
    rig.referred(ReferralNews::Progress(Status::RINGING));
    assert_eq!((rig.count("hang up"), rig.count("close bot")), (0, 0));
    rig.referred(TRANSFERRED);
    assert_eq!((rig.count("hang up"), rig.count("close bot"), rig.played.len()), (1, 1, 0), "without a good-bye");
    let told = [
        TransferState::Announcing,
        TransferState::Asked,
        TransferState::Trying { status: None },
        TransferState::Trying { status: Some(180) },
        TransferState::Transferred,
    ];
    assert_eq!(rig.handed, told);
    let Some((_, Request::Conclude { attempt, reason, audit, .. })) = rig.held.last() else { panic!("no end") };
    assert_eq!((*reason, attempt.end_reason.as_deref()), (EndReason::Transferred, Some("transferred")));
    assert_eq!(attempt.disposition, Some(book::record::Disposition::Escalated));
    assert_eq!(*audit, AuditEvent::CallEnded { reason: "transferred", disposition: "transferred" });
    rig.release();
    assert_eq!((rig.done, rig.count("audit transfer to desk transferred")), (Some(EndReason::Transferred), 1));
}

#[test]
fn only_a_configured_destination_is_transferred_to_once_the_opening_was_played() {
    let mut rig = Rig::new(AgentKind::Stream);
    assert_eq!(rig.transfer("desk"), ApiReply::Refused(Missing::Opening));
    rig.signal(Signal::Acknowledged);
    rig.play_all();
    for stranger in ["sip:attacker@example.net", "tel:+19005550100", "Desk", ""] {
        assert_eq!(rig.transfer(stranger), ApiReply::NoDestination, "{stranger}");
    }
    assert_eq!(rig.state_of_transfer(), TransferState::None);
    assert!(matches!(rig.transfer("back-office"), ApiReply::Transfer(view) if view.state == TransferState::Asked));
    assert_eq!((rig.count("refer"), rig.played.len()), (1, 0), "without a word");
    assert_eq!(rig.transfer("desk"), ApiReply::Refused(Missing::Transfer), "one at a time");
}

#[test]
fn where_it_fails_the_call_goes_on_and_everybody_is_told() {
    let mut rig = Rig::asked();
    assert_eq!(rig.api(capture(5_000)), ApiReply::Refused(Missing::Transfer), "no card on the way out");
    let ask = ToolAsk { amount: "50.00".into(), method: Method::Card, account_type: None };
    let asked = rig.api(ApiRequest::CollectPayment { ask, key: None });
    assert_eq!(asked, ApiReply::Refused(Missing::Transfer), "nor by a tool");
    rig.referred(DECLINED);
    assert_eq!(rig.state_of_transfer(), failed("refused", Some(603)));
    assert_eq!(rig.handed.last(), Some(&failed("refused", Some(603))));
    assert_eq!((rig.played.len(), rig.done, rig.count("hang up")), (1, None, 0));
    let entry = rig.call.timeline().entries().iter().find(|entry| entry.kind == "transfer.ended").expect("an end");
    assert_eq!(entry.detail, "refused 603");
    rig.play_all();
    assert_eq!(shown(rig.api(capture(5_000))), CaptureReply::Arming);
    rig.referred(TRANSFERRED);
    assert_eq!((rig.done, rig.count("hang up")), (None, 0), "what comes late counts no more");
}

#[test]
fn a_transfer_waits_until_a_capture_is_wiped_and_released() {
    let mut rig = Rig::keying();
    let waiting = rig.transfer("desk");
    assert!(matches!(waiting, ApiReply::Transfer(view) if view.state == TransferState::Waiting));
    rig.pass(30);
    assert_eq!((rig.count("refer"), rig.played.len(), rig.count("cancel capture")), (0, 0, 0));
    let cancelled = CaptureOutcome::Failed(CaptureFailure::VaultClosed);
    rig.leg(LegOutput::Capture(CaptureEvent::Outcome(cancelled)));
    rig.play_all();
    assert_eq!((rig.count("refer"), rig.state_of_transfer()), (0, TransferState::Waiting), "its keys may be down");
    rig.leg(LegOutput::Capture(CaptureEvent::Released));
    assert_eq!(rig.state_of_transfer(), TransferState::Announcing);
    rig.play_all();
    assert_eq!(rig.count("refer"), 1);
    let released = rig.call.timeline().entries().iter().position(|entry| entry.kind == "capture.released");
    let asked = rig.call.timeline().entries().iter().position(|entry| entry.kind == "transfer.asked");
    assert!(released.is_some() && released < asked);
}

#[test]
fn a_transfer_waits_for_the_outcome_of_a_payment_too() {
    let mut rig = Rig::charging();
    rig.transfer("back-office");
    rig.leg(LegOutput::Capture(CaptureEvent::Released));
    assert_eq!((rig.count("refer"), rig.state_of_transfer()), (0, TransferState::Waiting));
    rig.release();
    assert_eq!((rig.count("refer"), rig.state_of_transfer()), (1, TransferState::Asked));
}

#[test]
fn a_capture_that_is_not_released_in_time_refuses_the_transfer_and_goes_on() {
    let mut rig = Rig::keying();
    rig.transfer("desk");
    rig.pass(59);
    assert_eq!(rig.state_of_transfer(), TransferState::Waiting);
    rig.pass(1);
    assert_eq!(rig.state_of_transfer(), failed("capture_running", None));
    assert!(matches!(shown(rig.api(state())), CaptureReply::Keying { .. }));
    rig.leg(LegOutput::Capture(CaptureEvent::Released));
    assert_eq!((rig.count("refer"), rig.done), (0, None));
}

#[test]
fn every_wait_of_a_transfer_has_an_end() {
    let mut rig = Rig::disclosed();
    rig.transfer("desk");
    rig.pass(15);
    assert_eq!(rig.count("refer"), 1, "a caller who hears nothing is asked for all the same");
    rig.pass(40);
    assert_eq!(rig.state_of_transfer(), failed("no_word", None));

    let mut rig = Rig::asked();
    rig.referred(ReferralNews::Accepted);
    rig.pass(200);
    rig.referred(ReferralNews::Progress(Status::RINGING));
    rig.pass(40);
    assert_eq!((rig.state_of_transfer(), rig.done), (failed("no_word", None), None));
}

#[test]
fn hanging_up_is_fine_at_every_step() {
    type Step = fn() -> Rig;
    let steps: [(&str, Step); 4] = [
        ("waiting", || {
            let mut rig = Rig::keying();
            rig.transfer("desk");
            rig
        }),
        ("announcing", || {
            let mut rig = Rig::disclosed();
            rig.transfer("desk");
            rig
        }),
        ("asked", Rig::asked),
        ("trying", || {
            let mut rig = Rig::asked();
            rig.referred(ReferralNews::Accepted);
            rig
        }),
    ];
    for (name, step) in steps {
        let mut rig = step();
        rig.signal(Signal::HungUp);
        if name == "waiting" {
            rig.leg(LegOutput::Capture(CaptureEvent::Outcome(CaptureOutcome::Failed(CaptureFailure::HungUp))));
            rig.leg(LegOutput::Capture(CaptureEvent::Released));
        }
        assert_eq!(rig.done, Some(EndReason::CallerHungUp), "{name}");
        assert_eq!(rig.count("audit transfer to desk call_ended"), 1, "{name}");
        assert_eq!(rig.count("refer"), usize::from(matches!(name, "asked" | "trying")), "{name}");
    }
}

#[test]
fn a_bot_that_leaves_meanwhile_ends_the_call_only_if_the_transfer_fails() {
    let mut rig = Rig::asked();
    rig.call.handle_bot(rig.now, BotEvent::Closed);
    rig.drain();
    assert_eq!((rig.played.len(), rig.count("hang up")), (0, 0));
    rig.referred(TRANSFERRED);
    assert_eq!(rig.done, Some(EndReason::Transferred));

    let mut rig = Rig::asked();
    rig.call.handle_bot(rig.now, BotEvent::Failed);
    rig.leg(LegOutput::MediaTimeout);
    rig.referred(DECLINED);
    assert_eq!(rig.played.len(), 1, "an apology");
    rig.play_all();
    assert_eq!(rig.done, Some(EndReason::AgentFailed));

    let mut rig = Rig::keying();
    rig.transfer("desk");
    rig.call.handle_bot(rig.now, BotEvent::Closed);
    rig.drain();
    assert_eq!(rig.count("audit transfer to desk call_ended"), 1, "as long as it waits it is the bot's call");
}

#[test]
fn the_agents_own_word_on_how_it_ended_stays() {
    let mut rig = Rig::asked();
    rig.api(ApiRequest::Outcome(OutcomeReport { disposition: Reported::Disputed, accepted_offer: None }));
    rig.hold = |request| matches!(request, Request::Conclude { .. });
    rig.referred(TRANSFERRED);
    let Some((_, Request::Conclude { audit, .. })) = rig.held.last() else { panic!("no end") };
    assert_eq!(*audit, AuditEvent::CallEnded { reason: "transferred", disposition: "dispute" });
}

#[test]
fn the_collector_stands_still_meanwhile_and_asks_again_after_a_failure() {
    let mut rig = Rig::new(AgentKind::Collector);
    rig.signal(Signal::Acknowledged);
    rig.play_all();
    rig.transfer("desk");
    rig.play_all();
    let said = rig.count("play");
    rig.referred(ReferralNews::Accepted);
    rig.pass(60);
    assert_eq!((rig.count("play"), rig.done), (said, None));
    rig.referred(ReferralNews::Ended(ReferralEnd::TargetRefused(Status::BUSY_HERE)));
    assert_eq!((rig.count("play"), rig.state_of_transfer()), (said + 1, failed("target_refused", Some(486))));
    rig.play_all();
    rig.pass(10);
    assert!(rig.count("play") > said + 1, "it asks again");
    assert!(rig.handed.is_empty(), "there is no bot to tell");
}

#[test]
fn a_call_may_try_so_many_transfers_and_no_more() {
    let mut rig = Rig::disclosed();
    for _ in 0..10 {
        assert!(matches!(rig.transfer("back-office"), ApiReply::Transfer(_)));
        rig.referred(DECLINED);
    }
    assert_eq!(rig.transfer("back-office"), ApiReply::Refused(Missing::Transfer));
}
