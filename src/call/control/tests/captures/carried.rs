//! Payments whose keys the carrier takes.

use super::*;

/// A verified call whose payments this carrier takes.
fn carried_by(carrier: Carrier) -> Rig {
    carried_holding(carrier, |_| false)
}

/// The same that leaves requests of a kind unanswered until told.
fn carried_holding(carrier: Carrier, hold: fn(&Request) -> bool) -> Rig {
    let mut rig = carried_line(carrier, hold);
    rig.api(capture(5_000));
    rig.capture(CaptureEvent::Armed);
    rig
}

/// The same, before a payment is asked for.
pub(super) fn carried_line(carrier: Carrier, hold: fn(&Request) -> bool) -> Rig {
    let set_up = |settings: &mut Settings, invitation: &mut Invitation| {
        settings.carrier = Some(carrier);
        invitation.carrier_call = Some("CA1".into());
        invitation.line = REMOTE;
    };
    Rig::with(AgentKind::Stream, hold, set_up).verified()
}

impl Rig {
    pub(super) fn carrier(&mut self, event: CarrierEvent) {
        self.call.handle_carrier(self.now, PAYMENT, event);
        self.drain();
    }

    /// Every field of a card is told as keyed.
    fn key_all(&mut self) {
        for step in [CaptureStep::Number, CaptureStep::Expiry, CaptureStep::Code] {
            self.carrier(CarrierEvent::Keyed(step));
        }
    }

    pub(super) fn paid(&mut self) {
        let last_four = LastFour::parse("1111").expect("four digits");
        let confirmation = Token::parse("ch_1a2b3c").ok();
        let receipt = CarrierReceipt { confirmation, brand: Some(Brand::Visa), last_four };
        self.carrier(CarrierEvent::Ended(CarrierEnd::Paid(receipt)));
    }
}

#[test]
fn a_carrier_that_takes_the_keys_is_asked_field_by_field_behind_the_same_mute() {
    let mut rig = carried_by(Carrier::Twilio);
    let order = ["arm", "delegate", "open payment", "carrier start", "carrier ask"].map(|step| rig.position(step));
    assert!(order.is_sorted() && order[0].is_some(), "{:?}", rig.log);
    assert_eq!(rig.count("open capture"), 0, "no vault");
    rig.carrier(CarrierEvent::Keying { step: CaptureStep::Number, error: None });
    rig.carrier(CarrierEvent::Keyed(CaptureStep::Number));
    rig.carrier(CarrierEvent::Keyed(CaptureStep::Number));
    assert_eq!(rig.count("carrier ask"), 2, "the date, once");
    rig.carrier(CarrierEvent::Keying { step: CaptureStep::Expiry, error: Some("invalid_date") });
    assert_eq!(rig.count("carrier ask"), 3, "the date again");
    let keying =
        CaptureReply::Keying { step: CaptureStep::Expiry, count: 0, attempt: 2, error: Some("invalid_date".into()) };
    assert_eq!(shown(rig.api(state())), keying);
    rig.carrier(CarrierEvent::Keyed(CaptureStep::Expiry));
    rig.carrier(CarrierEvent::Keyed(CaptureStep::Code));
    assert_eq!((rig.count("carrier complete"), shown(rig.api(state()))), (1, CaptureReply::Submitted));
    rig.paid();
    assert!(matches!(shown(rig.api(state())), CaptureReply::Approved { last_four, .. } if last_four == "1111"));
    assert_eq!((rig.count("mark approved"), rig.count("payment_transaction"), rig.count("cancel capture")), (1, 1, 1));
    rig.failed(CaptureFailure::Cancelled);
    assert_eq!((rig.notes("capture.settled"), rig.notes("capture.released")), (1, 1));
}

#[test]
fn what_the_carrier_has_not_submitted_is_withdrawn_and_what_it_has_is_unknown_without_its_word() {
    let mut rig = carried_by(Carrier::Twilio);
    rig.api(ApiRequest::CancelCapture { capture: None });
    assert_eq!((rig.count("carrier cancel"), rig.count("cancel capture")), (1, 1));
    rig.failed(CaptureFailure::Cancelled);
    assert_eq!(shown(rig.api(state())), CaptureReply::Failed { reason: "cancelled".into() });

    let mut rig = submitted_to_twilio();
    rig.api(ApiRequest::CancelCapture { capture: None });
    assert_eq!((rig.count("carrier cancel"), rig.count("cancel capture")), (0, 0), "too late");
    rig.failed(CaptureFailure::Control(ControlFailure::MuteLapsed(SinkId(1))));
    assert_eq!((shown(rig.api(state())), rig.held.len()), (CaptureReply::Submitted, 1), "it is being read");
    rig.fail(Failure::Unavailable);
    assert_eq!(shown(rig.api(state())), CaptureReply::Unknown);
}

/// A call whose carrier has every field and was told to submit; what is read of it is left unanswered.
fn submitted_to_twilio() -> Rig {
    let mut rig = carried_holding(Carrier::Twilio, |request| matches!(request, Request::ResolvePayment { .. }));
    rig.key_all();
    rig
}

#[test]
fn a_carrier_that_does_not_know_is_read_and_its_word_counts_whenever_it_comes() {
    let mut rig = submitted_to_twilio();
    rig.carrier(CarrierEvent::Ended(CarrierEnd::Unknown));
    assert_eq!((rig.held.len(), rig.count("cancel capture")), (1, 1), "read, and nobody stays mute for it");
    rig.failed(CaptureFailure::Cancelled);
    assert_eq!(shown(rig.api(state())), CaptureReply::Submitted, "what it came to is not known yet");
    rig.release();
    assert_eq!(shown(rig.api(state())), CaptureReply::Declined, "as it was read");
    rig.paid();
    assert_eq!((rig.notes("capture.settled"), rig.notes("carrier.ignored")), (1, 1), "what is known stays");

    let mut rig = submitted_to_twilio();
    rig.carrier(CarrierEvent::Ended(CarrierEnd::Unknown));
    rig.failed(CaptureFailure::Cancelled);
    rig.fail(Failure::Unavailable);
    assert_eq!(shown(rig.api(state())), CaptureReply::Unknown);
    rig.carrier(CarrierEvent::Ended(CarrierEnd::Unknown));
    rig.paid();
    assert!(matches!(shown(rig.api(state())), CaptureReply::Approved { last_four, .. } if last_four == "1111"));
    assert_eq!((rig.notes("carrier.late"), rig.notes("carrier.ignored")), (1, 1));
    assert_eq!((rig.count("mark approved"), rig.count("payment_transaction")), (1, 2));
    assert_eq!(rig.count("cancel capture"), 1, "a capture that comes after is left alone");
}

const fn is_complete(request: &Request) -> bool {
    matches!(request, Request::Carrier { command: CarrierCommand::Complete, .. })
}

const fn is_start(request: &Request) -> bool {
    matches!(request, Request::Carrier { command: CarrierCommand::Start { .. }, .. })
}

#[test]
fn what_the_carrier_refuses_to_submit_is_given_up_and_what_it_may_have_submitted_is_waited_for() {
    let mut rig = carried_holding(Carrier::Twilio, is_complete);
    rig.key_all();
    rig.fail(Failure::Late);
    assert_eq!((rig.count("cancel capture"), shown(rig.api(state()))), (0, CaptureReply::Submitted));
    rig.paid();
    assert!(matches!(shown(rig.api(state())), CaptureReply::Approved { .. }));

    let mut rig = carried_holding(Carrier::Twilio, is_complete);
    rig.key_all();
    rig.fail(Failure::Unavailable);
    assert_eq!((rig.count("cancel capture"), rig.count("carrier cancel")), (1, 1));
    rig.failed(CaptureFailure::Cancelled);
    assert_eq!(shown(rig.api(state())), CaptureReply::Failed { reason: "carrier_unavailable".into() });

    for (failure, cancelled) in [(Failure::Late, 0), (Failure::Unavailable, 1)] {
        let mut rig = carried_holding(Carrier::Telnyx, is_start);
        rig.fail(failure);
        assert_eq!(rig.count("cancel capture"), cancelled, "{failure:?}");
    }
}

#[test]
fn a_field_that_is_refused_once_it_is_keyed_takes_nothing_back_that_is_submitted() {
    let is_ask = |request: &Request| matches!(request, Request::Carrier { command: CarrierCommand::Ask(_), .. });
    let mut rig = carried_holding(Carrier::Twilio, is_ask);
    rig.key_all();
    assert_eq!(rig.count("carrier complete"), 1);
    rig.fail(Failure::Unavailable);
    assert_eq!((rig.count("cancel capture"), shown(rig.api(state()))), (0, CaptureReply::Submitted));
}

#[test]
fn what_was_given_up_and_is_paid_all_the_same_is_paid() {
    let given_up = || {
        let mut rig = carried_holding(Carrier::Twilio, is_complete);
        rig.key_all();
        rig.fail(Failure::Unavailable);
        rig.failed(CaptureFailure::Cancelled);
        rig
    };
    let mut rig = given_up();
    rig.carrier(CarrierEvent::Ended(CarrierEnd::Declined));
    assert_eq!((rig.notes("carrier.ignored"), rig.count("payment_transaction")), (1, 1));
    rig.paid();
    rig.paid();
    assert!(matches!(shown(rig.api(state())), CaptureReply::Approved { last_four, .. } if last_four == "1111"));
    assert_eq!((rig.notes("carrier.late"), rig.count("payment_transaction")), (1, 2), "once");

    let mut rig = given_up();
    rig.hold = |request| matches!(request, Request::NamePayment { .. });
    rig.call.handle_api(rig.now, Ticket(0), capture(5_000));
    rig.drain();
    let (ticket, _) = rig.held.pop().expect("another payment");
    rig.call.handle_reply(rig.now, ticket, Reply::PaymentNamed { payment: ANEW, host: HARDENED });
    rig.drain();
    rig.paid();
    assert_eq!((rig.notes("carrier.late"), rig.count("ended approved"), rig.count("payment_transaction")), (1, 1, 2));
    assert_eq!(shown(rig.api(state())), CaptureReply::Arming, "the other one goes on");
}

#[test]
fn a_payment_withdrawn_before_the_carrier_has_begun_is_asked_for_no_field() {
    let mut rig = carried_holding(Carrier::Twilio, is_start);
    rig.api(ApiRequest::CancelCapture { capture: None });
    assert_eq!((rig.count("carrier cancel"), rig.count("cancel capture")), (1, 1));
    rig.release();
    rig.key_all();
    assert_eq!((rig.count("carrier ask"), rig.count("carrier complete")), (0, 0));
    rig.failed(CaptureFailure::Cancelled);
    assert_eq!((rig.count("carrier cancel"), rig.notes("capture.settled")), (1, 1));
}

#[test]
fn a_row_that_is_not_opened_is_not_laid_to_the_carrier() {
    for (failure, expected) in [(Failure::PaymentOpen, "payment_open"), (Failure::NotDurable, "unavailable")] {
        let mut rig = carried_holding(Carrier::Twilio, |request| matches!(request, Request::OpenPayment { .. }));
        rig.fail(failure);
        rig.failed(CaptureFailure::Cancelled);
        assert_eq!(shown(rig.api(state())), CaptureReply::Failed { reason: expected.into() });
        assert_eq!((rig.count("carrier start"), rig.count("carrier cancel")), (0, 0), "it was never asked");
    }
}

#[test]
fn a_carrier_that_asks_by_itself_is_followed() {
    let mut rig = carried_by(Carrier::Telnyx);
    assert_eq!((rig.count("carrier start"), rig.count("carrier ask")), (1, 0));
    rig.carrier(CarrierEvent::Keying { step: CaptureStep::Number, error: None });
    rig.carrier(CarrierEvent::Keying { step: CaptureStep::Number, error: Some("invalid_number") });
    let told = rig.told.last().expect("news");
    assert!(matches!(&told.reply, CaptureReply::Keying { attempt: 2, error: Some(_), .. }), "{told:?}");
    rig.carrier(CarrierEvent::Ended(CarrierEnd::Declined));
    assert_eq!(shown(rig.api(state())), CaptureReply::Declined);
}

#[test]
fn a_call_ends_where_the_mute_does_and_a_carrier_that_asks_by_itself_goes_on() {
    for failure in [CaptureFailure::Control(ControlFailure::MuteLapsed(SinkId(1))), CaptureFailure::Expired] {
        let mut rig = carried_by(Carrier::Telnyx);
        rig.carrier(CarrierEvent::Keying { step: CaptureStep::Number, error: None });
        rig.failed(failure);
        rig.play_all();
        assert_eq!((rig.count("hang up"), rig.done), (1, Some(EndReason::CaptureLapsed)), "{failure:?}");
    }
    let mut rig = carried_by(Carrier::Telnyx);
    rig.carrier(CarrierEvent::Ended(CarrierEnd::Unknown));
    rig.failed(CaptureFailure::Cancelled);
    rig.play_all();
    assert_eq!(rig.count("hang up"), 0, "the carrier has ended");
}

#[test]
fn without_the_carrier_s_name_for_the_call_it_takes_no_payment() {
    let mut rig =
        Rig::with(AgentKind::Stream, |_| false, |settings, _| settings.carrier = Some(Carrier::Twilio)).verified();
    assert_eq!(rig.api(capture(5_000)), ApiReply::Unavailable);
    assert_eq!((rig.count("arm"), rig.notes("capture.refused")), (0, 1));
}
