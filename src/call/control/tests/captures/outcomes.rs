//! What may be begun beside a payment or after it, whose outcome an answer is, and what is keyed anew.

use gate::wire::{DeclineReason, FailReason};

use super::*;

/// A call whose card is keyed and on its way, with the answers to some of what it asks for held.
fn submitted_holding(hold: fn(&Request) -> bool) -> Rig {
    let mut rig = Rig::disclosed_holding(hold);
    rig.pay();
    rig
}

/// Whether it asks what became of a payment.
fn asks_for_the_outcome(request: &Request) -> bool {
    matches!(request, Request::ChargePayment { .. } | Request::ResolvePayment { .. })
}

fn tokenised() -> CaptureOutcome {
    let CaptureOutcome::Approved(held, _) = approved() else { panic!("an approval") };
    CaptureOutcome::Tokenised(held)
}

impl Rig {
    /// Asks for a payment, and has it keyed.
    fn pay(&mut self) {
        assert_eq!(shown(self.api(capture(5_000))), CaptureReply::Arming);
        self.capture(CaptureEvent::Armed);
        self.capture(CaptureEvent::ConnectionWanted);
    }

    fn ended(&mut self, outcome: CaptureOutcome) {
        self.capture(CaptureEvent::Outcome(outcome));
        self.capture(CaptureEvent::Released);
    }
}

#[test]
fn nothing_is_begun_beside_a_payment_whose_outcome_is_awaited_though_the_caller_is_heard_again() {
    for outcome in [tokenised(), CaptureOutcome::Unknown] {
        let mut rig = submitted_holding(asks_for_the_outcome);
        rig.ended(outcome);
        let ApiReply::Capture(view) = rig.api(state()) else { panic!("no capture") };
        assert_eq!((view.muted, view.reply), (false, CaptureReply::Submitted));
        let session = ApiRequest::OpenSession { ask: CaptureAsk::card(5_000), key: "a".into(), callback: callback() };
        for request in [capture(5_000), session] {
            assert_eq!(rig.api(request), ApiReply::Refused(Missing::Capture));
        }
        rig.release();
        assert_eq!((rig.count("arm"), rig.notes("capture.settled")), (1, 1));
        assert_eq!(shown(rig.api(capture(5_000))), CaptureReply::Arming, "its outcome is known");
    }
}

#[test]
fn nothing_more_is_taken_in_a_call_once_what_became_of_a_payment_is_unknown() {
    let mut rig = submitted_holding(asks_for_the_outcome);
    rig.ended(CaptureOutcome::Unknown);
    rig.fail(Failure::Late);
    assert_eq!(shown(rig.api(state())), CaptureReply::Unknown);
    let session = ApiRequest::OpenSession { ask: CaptureAsk::card(5_000), key: "a".into(), callback: callback() };
    for request in [capture(5_000), session] {
        assert_eq!(rig.api(request), ApiReply::Refused(Missing::Capture));
    }
    assert_eq!((rig.count("arm"), rig.count("name payment")), (1, 1));
}

#[test]
fn a_payment_that_outlasts_its_call_ends_as_unknown_and_is_counted_once() {
    for outcome in [tokenised(), CaptureOutcome::Unknown] {
        let mut rig = submitted_holding(asks_for_the_outcome);
        rig.ended(outcome);
        rig.signal(Signal::HungUp);
        assert_eq!((rig.count("ended unknown"), rig.done), (0, None), "its outcome is waited for");
        rig.now += CAPTURE_END;
        rig.call.handle_timeout(rig.now);
        rig.drain();
        assert_eq!((rig.count("ended unknown"), rig.done), (1, Some(EndReason::CallerHungUp)));
        rig.release();
        assert_eq!((rig.count("ended unknown"), rig.notes("capture.settled")), (1, 1));
    }
}

#[test]
fn a_capture_that_never_said_how_it_ended_is_no_unknown_payment() {
    let mut rig = reached(At::Keying);
    rig.signal(Signal::HungUp);
    rig.now += CAPTURE_END;
    rig.call.handle_timeout(rig.now);
    rig.drain();
    assert_eq!((rig.count("ended hung_up"), rig.count("ended unknown")), (1, 0));
    assert_eq!(rig.done, Some(EndReason::CallerHungUp));
}

#[test]
fn nothing_is_keyed_for_an_account_whose_payment_in_another_call_may_yet_be_made() {
    let mut rig = Rig::disclosed_holding(|request| matches!(request, Request::NamePayment { .. }));
    rig.call.handle_api(rig.now, Ticket(0), capture(5_000));
    rig.drain();
    rig.fail(Failure::PaymentOpen);
    assert_eq!(rig.replies.pop(), Some(ApiReply::Refused(Missing::Capture)));
    let refused = CaptureReply::Failed { reason: "payment_open".into() };
    assert_eq!((shown(rig.api(state())), rig.count("arm")), (refused.clone(), 0));

    let mut rig = submitted_holding(|request| matches!(request, Request::OpenPayment { .. }));
    rig.fail(Failure::PaymentOpen);
    rig.failed(CaptureFailure::Vault(FailReason::NoConnection));
    assert_eq!((shown(rig.api(state())), rig.count("connect processor")), (refused, 0), "begun meanwhile");
}

#[test]
fn a_card_that_cannot_be_submitted_is_given_up_for_a_named_reason() {
    let opens: fn(&Request) -> bool = |request| matches!(request, Request::OpenPayment { .. });
    let connects: fn(&Request) -> bool = |request| matches!(request, Request::ConnectProcessor { .. });
    for (hold, failure, reason) in [
        (opens, Failure::NotDurable, "unavailable"),
        (opens, Failure::PaymentOpen, "payment_open"),
        (connects, Failure::Unavailable, "no_connection"),
    ] {
        let mut rig = submitted_holding(hold);
        rig.fail(failure);
        assert_eq!(rig.count("cancel capture"), 1);
        rig.failed(CaptureFailure::Vault(FailReason::Withdrawn));
        assert_eq!(shown(rig.api(state())), CaptureReply::Failed { reason: reason.into() }, "{failure:?}");
    }
}

#[test]
fn payments_of_a_call_take_no_more_together_than_is_owed() {
    let mut rig = submitted_holding(|_| false);
    rig.ended(CaptureOutcome::Declined(DeclineReason::Declined));
    rig.pay();
    rig.ended(approved());
    assert_eq!(rig.api(capture(56_241)), ApiReply::Refused(Missing::Sense), "50.00 of 612.40 are paid, once");
    assert_eq!(shown(rig.api(capture(56_240))), CaptureReply::Arming);
    rig.capture(CaptureEvent::Armed);
    rig.capture(CaptureEvent::ConnectionWanted);
    rig.ended(approved());
    assert_eq!(rig.api(capture(1)), ApiReply::Refused(Missing::Sense));
}

#[test]
fn an_answer_counts_for_the_payment_that_asked_and_for_no_later_one() {
    let is_kept = |request: &Request| matches!(request, Request::OpenPayment { .. } | Request::MarkPayment { .. });
    for is_durable in [true, false] {
        let mut rig = submitted_holding(is_kept);
        rig.release();
        rig.ended(approved());
        rig.pay();
        assert_eq!(
            (rig.held.len(), rig.count("connect processor")),
            (2, 1),
            "the mark of the first, the row of the second"
        );
        let (ticket, _) = rig.held.remove(0);
        let answer = if is_durable { Reply::Stored } else { Reply::Failed(Failure::NotDurable) };
        rig.call.handle_reply(rig.now, ticket, answer);
        rig.drain();
        assert_eq!((rig.count("connect processor"), rig.count("cancel capture")), (1, 0), "durable: {is_durable}");
        rig.release();
        assert_eq!(rig.count("connect processor"), 2);
    }
}

/// A payment that is taken field by field and whose fields are all keyed.
fn keyed_by_field(hold: fn(&Request) -> bool) -> Rig {
    let mut rig = Rig::disclosed_holding(hold);
    rig.open_session();
    for (key, step) in [("a", CaptureStep::Number), ("b", CaptureStep::Expiry), ("c", CaptureStep::Code)] {
        assert_eq!(rig.step(key, SessionStep::Ask(step)), ApiReply::Done);
    }
    rig.capture(CaptureEvent::Armed);
    for step in [Step::Number, Step::Expiry, Step::Code, Step::Wait] {
        rig.prompt(first(step));
    }
    rig.capture(CaptureEvent::ConnectionWanted);
    rig
}

#[test]
fn a_field_asked_for_again_once_all_is_complete_changes_nothing_of_the_charge() {
    let mut rig = keyed_by_field(asks_for_the_outcome);
    assert_eq!(rig.step("d", SessionStep::Complete), ApiReply::Done);
    let again = |rig: &mut Rig, key: &str| rig.step(key, SessionStep::Ask(CaptureStep::Number));
    assert_eq!(again(&mut rig, "e"), ApiReply::Refused(Missing::Capture));
    rig.ended(tokenised());
    assert_eq!(again(&mut rig, "f"), ApiReply::Refused(Missing::Capture));
    assert_eq!((rig.count("cancel capture"), rig.count("name payment"), rig.count("arm")), (0, 1, 1));
    rig.release();
    assert!(matches!(rig.last_news(), News::Ended(CaptureReply::Approved { .. })));
    assert_eq!(rig.count("held charge payment"), 1);
}

#[test]
fn what_is_keyed_and_not_yet_complete_can_be_keyed_anew_and_given_up_and_is_never_unknown() {
    let no_connection = CaptureFailure::Vault(FailReason::NoConnection);
    for gives_up in [no_connection, CaptureFailure::Vault(FailReason::Withdrawn), CaptureFailure::Cancelled] {
        let mut rig = keyed_by_field(|_| false);
        assert_eq!(rig.step("d", SessionStep::Ask(CaptureStep::Number)), ApiReply::Done);
        rig.failed(gives_up);
        assert_eq!((rig.count("arm"), rig.notes("capture.settled")), (2, 0), "keyed anew");

        let mut rig = keyed_by_field(|_| false);
        assert_eq!(rig.step("d", SessionStep::Cancel), ApiReply::Done);
        rig.failed(gives_up);
        assert_eq!(rig.last_news(), &News::Ended(CaptureReply::Failed { reason: "cancelled".into() }));
    }

    let mut rig = keyed_by_field(|_| false);
    rig.failed(no_connection);
    assert_eq!(rig.last_news(), &News::Ended(CaptureReply::Failed { reason: "no_connection".into() }));

    let mut rig = keyed_by_field(|_| false);
    rig.signal(Signal::HungUp);
    rig.ended(CaptureOutcome::Unknown);
    assert_eq!((rig.count("ended hung_up"), rig.count("resolve payment")), (1, 0));
}

#[test]
fn what_a_carrier_takes_is_keyed_anew_from_the_first_field_and_its_first_row_is_closed() {
    let mut rig = carried::carried_line(Carrier::Twilio, |_| false);
    rig.open_session();
    rig.step("a", SessionStep::Ask(CaptureStep::Number));
    rig.capture(CaptureEvent::Armed);
    rig.carrier(CarrierEvent::Keyed(CaptureStep::Number));
    assert_eq!(rig.step("b", SessionStep::Ask(CaptureStep::Number)), ApiReply::Done);
    assert_eq!((rig.count("carrier cancel"), rig.count("carrier ask")), (1, 2));
    rig.carrier(CarrierEvent::Ended(CarrierEnd::Cancelled));
    rig.hold = |request| matches!(request, Request::NamePayment { .. });
    rig.failed(CaptureFailure::Cancelled);
    let (ticket, _) = rig.held.pop().expect("a payment of its own");
    rig.call.handle_reply(rig.now, ticket, Reply::PaymentNamed { payment: ANEW, host: HARDENED });
    rig.drain();
    assert_eq!(
        (rig.count("payment_transaction"), rig.notes("capture.settled")),
        (1, 0),
        "the row is closed, it goes on"
    );
    rig.capture(CaptureEvent::Armed);
    assert_eq!((rig.count("carrier start"), rig.count("carrier ask")), (2, 3), "the number");
    rig.carrier(CarrierEvent::Keyed(CaptureStep::Number));
    assert_eq!(rig.count("carrier ask"), 3, "that is said of the first");
    rig.call.handle_carrier(rig.now, ANEW, CarrierEvent::Keyed(CaptureStep::Number));
    rig.drain();
    assert_eq!(rig.count("carrier ask"), 4, "the date");
}

#[test]
fn what_is_keyed_anew_is_withdrawn_where_its_first_try_is_paid_all_the_same() {
    let mut rig = carried::carried_line(Carrier::Twilio, |_| false);
    rig.open_session();
    rig.step("a", SessionStep::Ask(CaptureStep::Number));
    rig.capture(CaptureEvent::Armed);
    rig.carrier(CarrierEvent::Keyed(CaptureStep::Number));
    rig.step("b", SessionStep::Ask(CaptureStep::Number));
    rig.carrier(CarrierEvent::Ended(CarrierEnd::Cancelled));
    rig.hold = |request| matches!(request, Request::NamePayment { .. });
    rig.failed(CaptureFailure::Cancelled);
    let (ticket, _) = rig.held.pop().expect("a payment of its own");
    rig.call.handle_reply(rig.now, ticket, Reply::PaymentNamed { payment: ANEW, host: HARDENED });
    rig.drain();
    rig.capture(CaptureEvent::Armed);
    let (cancelled, written) = (rig.count("carrier cancel"), rig.count("payment_transaction"));
    rig.paid();
    assert_eq!(rig.notes("carrier.late"), 1, "of the first");
    assert_eq!(rig.count("payment_transaction"), written + 1, "the book is told");
    assert_eq!(rig.count("carrier cancel"), cancelled + 1, "nobody pays twice");
    rig.paid();
    assert_eq!((rig.notes("carrier.late"), rig.count("payment_transaction")), (1, written + 1), "once");
}
