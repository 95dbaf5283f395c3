use super::*;
use crate::{ReferTarget, ReferralEnd, ReferralNews, Status};

/// A call that is up, and this side's REFER in it.
struct Referred {
    bench: Bench,
    tag: String,
    refer: String,
    notified: u32,
}

impl Referred {
    fn new() -> Self {
        let mut bench = Bench::new();
        let tag = bench.established();
        let refer = refer(&mut bench).expect("a REFER");
        Self { bench, tag, refer, notified: 1 }
    }

    /// Answers the REFER.
    fn answer(&mut self, status: &str) -> Vec<String> {
        self.bench.feed(&response(status, &self.refer))
    }

    /// Tells how it goes on; returns the status of what answers that.
    fn notify(&mut self, event: &str, state: &str, fragment: &str) -> String {
        self.notified += 1;
        let notify = Message::in_dialog("NOTIFY", self.notified, &self.tag)
            .header(&format!("Event: {event}"))
            .header(&format!("Subscription-State: {state}"))
            .body("message/sipfrag;version=2.0", fragment);
        self.bench.feed(&notify.text())[0][8..11].to_owned()
    }

    fn news(&self) -> Vec<ReferralNews> {
        let news = |event: &Event| if let Event::Referral { news, .. } = event { Some(*news) } else { None };
        self.bench.events.iter().filter_map(news).collect()
    }
}

fn refer(bench: &mut Bench) -> Option<String> {
    let (call, target): (_, ReferTarget) = (bench.call(), "tel:+12025550100".parse().unwrap());
    bench.endpoint.refer(bench.now, call, &target);
    bench.drain().pop()
}

#[test]
fn a_refer_goes_within_the_dialog_and_says_whom_to() {
    let Referred { bench, tag, refer, .. } = Referred::new();
    assert!(refer.starts_with("REFER sip:sbc@203.0.113.5:5060 SIP/2.0\r\n"), "{refer}");
    for (name, value) in [
        ("From", format!("<sip:+15555550199@192.0.2.1>;tag={tag}")),
        ("To", "\"A\" <sip:+15555550100@203.0.113.5>;tag=caller".to_owned()),
        ("Call-ID", "call-1@203.0.113.5".to_owned()),
        ("CSeq", "1 REFER".to_owned()),
        ("Contact", "<sip:192.0.2.1>".to_owned()),
        ("Refer-To", "<tel:+12025550100>".to_owned()),
        ("Referred-By", "<sip:+15555550199@192.0.2.1>".to_owned()),
    ] {
        assert_eq!(header(&refer, name), value);
    }
    assert_eq!(bench.sent.last().unwrap().to, "203.0.113.5:5060".parse().unwrap());
}

#[test]
fn a_transfer_is_told_step_by_step_and_the_call_is_left_to_the_driver() {
    let mut referred = Referred::new();
    assert!(referred.answer("202 Accepted").is_empty());
    assert_eq!(referred.notify("refer", "active;expires=60", "SIP/2.0 100 Trying\r\n"), "200");
    assert_eq!(referred.notify("refer;id=1", "active;expires=50", "SIP/2.0 180 Ringing\r\n"), "200");
    assert_eq!(referred.notify("refer", "terminated;reason=noresource", "SIP/2.0 200 OK\r\n"), "200");
    let expected = [
        ReferralNews::Accepted,
        ReferralNews::Progress(Status::TRYING),
        ReferralNews::Progress(Status::RINGING),
        ReferralNews::Ended(ReferralEnd::Transferred),
    ];
    assert_eq!(referred.news(), expected);
    assert_eq!(referred.notify("refer", "terminated", "SIP/2.0 200 OK"), "200", "told again it is only answered");
    assert!(referred.bench.pass(Duration::from_secs(400)).is_empty() && referred.bench.ends().is_empty());
    assert_eq!(referred.news().len(), 4);
    let call = referred.bench.call();
    referred.bench.endpoint.hang_up(referred.bench.now, call, HangUp::Normal);
    assert_eq!(header(&referred.bench.drain()[0], "CSeq"), "2 BYE");
}

#[test]
fn a_repeated_notify_is_told_once() {
    let mut referred = Referred::new();
    let notify = Message::in_dialog("NOTIFY", 2, &referred.tag)
        .header("Event: refer")
        .header("Subscription-State: active")
        .body("message/sipfrag", "SIP/2.0 100 Trying")
        .text();
    assert_eq!(referred.bench.feed(&notify), referred.bench.feed(&notify));
    assert_eq!(referred.news(), [ReferralNews::Progress(Status::TRYING)]);
}

#[test]
fn a_refusal_leaves_the_call_up_and_another_refer_may_follow() {
    let mut referred = Referred::new();
    assert!(refer(&mut referred.bench).is_none(), "one at a time");
    referred.answer("603 Decline");
    assert_eq!(referred.news(), [ReferralNews::Ended(ReferralEnd::Refused(Status::DECLINE))]);
    assert!(referred.bench.ends().is_empty());
    let again = refer(&mut referred.bench).expect("another REFER");
    assert_eq!(header(&again, "CSeq"), "2 REFER");
    assert_eq!(referred.notify("refer;id=1", "terminated", "SIP/2.0 200 OK"), "481", "of the first one");
    referred.bench.feed(&response("202 Accepted", &again));
    assert_eq!(referred.notify("refer;id=2", "terminated", "SIP/2.0 486 Busy Here"), "200");
    let busy = ReferralNews::Ended(ReferralEnd::TargetRefused(Status::BUSY_HERE));
    assert_eq!(referred.news().last(), Some(&busy));
}

#[test]
fn a_peer_without_refer_is_told_apart() {
    for (answer, status) in
        [("405 Method Not Allowed", Status::METHOD_NOT_ALLOWED), ("501 Not Implemented", Status::NOT_IMPLEMENTED)]
    {
        let mut referred = Referred::new();
        referred.answer(answer);
        assert_eq!(referred.news(), [ReferralNews::Ended(ReferralEnd::Unsupported(status))]);
    }
}

#[test]
fn a_peer_that_knows_no_such_dialog_ends_it() {
    let mut referred = Referred::new();
    let sent = referred.answer("481 Call/Transaction Does Not Exist");
    assert!(sent[0].starts_with("BYE "), "{sent:?}");
    assert_eq!(referred.news(), [ReferralNews::Ended(ReferralEnd::DialogGone)]);
    referred.bench.feed(&response("481 Call/Transaction Does Not Exist", &sent[0]));
    assert_eq!((referred.bench.ends(), referred.bench.closed()), (vec![EndReason::DialogGone], 1));
    assert!(
        referred.bench.pass(Duration::from_secs(40)).is_empty() && referred.bench.endpoint.poll_timeout().is_none()
    );
}

#[test]
fn a_refer_that_nobody_answers_is_repeated_and_given_up_and_the_call_stays() {
    let mut referred = Referred::new();
    let sent = referred.bench.pass(Duration::from_secs(33));
    assert!(sent.len() == 10 && sent.iter().all(|(_, text)| *text == referred.refer));
    assert_eq!(referred.news(), [ReferralNews::Ended(ReferralEnd::Unanswered)]);
    assert!(referred.bench.ends().is_empty() && referred.bench.endpoint.poll_timeout().is_none());
}

#[test]
fn a_peer_that_tells_nothing_and_one_that_never_ends_are_bounded() {
    let mut silent = Referred::new();
    silent.answer("202 Accepted");
    silent.bench.pass(Duration::from_secs(33));
    assert_eq!(silent.news(), [ReferralNews::Accepted, ReferralNews::Ended(ReferralEnd::NotNotified)]);
    let mut endless = Referred::new();
    endless.answer("202 Accepted");
    for _ in 0..10 {
        endless.notify("refer", "active;expires=3600", "SIP/2.0 180 Ringing");
        endless.bench.pass(Duration::from_secs(20));
    }
    assert_eq!(endless.news().last(), Some(&ReferralNews::Ended(ReferralEnd::Lapsed)));
    assert!(endless.bench.pass(Duration::from_secs(40)).is_empty() && endless.bench.endpoint.poll_timeout().is_none());
}

#[test]
fn a_notify_that_is_of_no_refer_is_refused_by_name() {
    let mut bench = Bench::new();
    let tag = bench.established();
    let mut referred = Referred { bench, tag, refer: String::new(), notified: 1 };
    assert_eq!(referred.notify("refer", "active", "SIP/2.0 100 Trying"), "481", "no REFER was sent");
    let mut referred = Referred::new();
    assert_eq!(referred.notify("presence", "active", "SIP/2.0 100 Trying"), "489");
    assert_eq!(referred.notify("refer;id=9", "active", "SIP/2.0 100 Trying"), "481");
    assert_eq!(referred.notify("refer", "active", "hello"), "400");
    let other = Message::in_dialog("NOTIFY", 9, &referred.tag)
        .header("Event: refer")
        .header("Subscription-State: active")
        .body("text/plain", "hello");
    let sent = referred.bench.feed(&other.text());
    assert!(sent[0].starts_with("SIP/2.0 415 ") && header(&sent[0], "Accept") == "message/sipfrag", "{sent:?}");
    assert!(referred.news().is_empty());
}

#[test]
fn hanging_up_ends_what_is_waited_for() {
    let mut referred = Referred::new();
    let bye = Message::in_dialog("BYE", 2, &referred.tag).text();
    referred.bench.feed(&bye);
    assert_eq!((referred.bench.ends(), referred.bench.closed()), (vec![EndReason::RemoteBye], 1));
    assert!(referred.bench.pass(Duration::from_secs(400)).is_empty(), "the REFER is not repeated");
    assert!(referred.news().is_empty() && referred.bench.endpoint.poll_timeout().is_none());

    let mut referred = Referred::new();
    referred.answer("202 Accepted");
    let call = referred.bench.call();
    referred.bench.endpoint.hang_up(referred.bench.now, call, HangUp::Normal);
    let bye = referred.bench.drain().remove(0);
    assert_eq!(referred.notify("refer", "terminated", "SIP/2.0 200 OK"), "200", "answered, and told to nobody");
    referred.bench.feed(&response("200 OK", &bye));
    assert_eq!((referred.news(), referred.bench.closed()), (vec![ReferralNews::Accepted], 1));
}

#[test]
fn a_call_that_is_not_up_is_not_referred() {
    let mut bench = Bench::new();
    bench.feed(&Message::invite().text());
    assert!(refer(&mut bench).is_none());
    let mut bench = Bench::new();
    let tag = bench.established();
    bench.feed(&Message::in_dialog("BYE", 2, &tag).text());
    assert!(refer(&mut bench).is_none());
}
