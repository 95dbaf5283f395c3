//! The account is read again for what is told and agreed, and a bot is answered once that is over.

use book::LookupKey;

use super::*;

/// A bot's call with the right party verified, whose readings of the account are answered by the test.
fn verified() -> Rig {
    Rig::verified_holding(|request| matches!(request, Request::LookUp(LookupKey::Account(_))))
}

/// The same, once the disclosure was played and the account read.
fn disclosed() -> Rig {
    let mut rig = verified();
    rig.play_all();
    rig.answer(found());
    rig
}

/// The account with another balance, or with a flag.
fn other(change: impl FnOnce(&mut Account)) -> LookUp {
    let LookUp::Found(mut found) = found() else { panic!("an account") };
    change(&mut found.account);
    LookUp::Found(found)
}

fn flagged() -> LookUp {
    other(|account| account.flags.set.extend([rules::contact::Flag::Cease]))
}

fn four() -> ApiRequest {
    ApiRequest::Offer(OfferAsk { instalments: Some(4), ..OfferAsk::default() })
}

impl Rig {
    /// The one reading under way is answered.
    fn answer(&mut self, found: LookUp) {
        let [(ticket, _)] = std::mem::take(&mut self.held).try_into().expect("one reading");
        self.call.handle_reply(self.now, ticket, Reply::Account(found));
        self.drain();
    }

    /// Asks, and says whether there is an answer yet.
    fn ask(&mut self, request: ApiRequest) -> Option<ApiReply> {
        self.call.handle_api(self.now, Ticket(0), request);
        self.drain();
        self.replies.pop()
    }

    /// A bot accepts the offer of four payments, and the account is read for it.
    fn accept(&mut self) -> Option<ApiReply> {
        let Some(ApiReply::Offer(offer)) = self.ask(four()) else { panic!("no offer") };
        self.ask(ApiRequest::Outcome(report(&offer.offer)))
    }
}

#[test]
fn the_account_is_read_again_while_the_disclosure_is_played() {
    let mut rig = verified();
    assert_eq!(rig.held.len(), 1, "it was asked for when the right party was verified");
    rig.play_all();
    assert_eq!(rig.ask(ApiRequest::Facts), None, "nothing is told of before");
    rig.answer(other(|account| account.balance = usd(50_000)));
    let Some(ApiReply::Facts(facts)) = rig.replies.pop() else { panic!("no facts") };
    assert_eq!(facts.balance_minor, 50_000, "as it is now");
    assert!(matches!(rig.ask(ApiRequest::Facts), Some(ApiReply::Facts(_))), "and once more without a reading");
    assert_eq!(rig.count("held look up"), 1);
}

#[test]
fn what_was_read_minutes_ago_is_read_again_before_it_is_told() {
    let mut rig = disclosed();
    rig.now += Duration::from_secs(121);
    assert_eq!(rig.ask(ApiRequest::Facts), None);
    assert_eq!(rig.ask(four()), None, "and one reading serves both");
    rig.answer(found());
    assert_eq!(rig.replies.len(), 2);
}

#[test]
fn a_flag_set_meanwhile_ends_the_talk_of_the_debt() {
    let mut rig = verified();
    rig.play_all();
    rig.ask(ApiRequest::Facts);
    rig.answer(flagged());
    assert_eq!(rig.replies.pop(), Some(ApiReply::Refused(Missing::Stopped)));
    assert_eq!(rig.ask(four()), Some(ApiReply::Refused(Missing::Stopped)));
    assert_eq!(rig.ask(capture(5_000)), Some(ApiReply::Refused(Missing::Stopped)));
}

#[test]
fn an_agreement_is_about_the_account_as_it_is_then() {
    let mut rig = disclosed();
    assert_eq!(rig.accept(), None, "read again, however short ago it was");
    assert_eq!(rig.count("payment_arrangement"), 0);
    rig.answer(found());
    assert_eq!((rig.replies.pop(), rig.count("payment_arrangement")), (Some(ApiReply::Done), 1));
    for (now, refused) in [
        (other(|account| account.balance = usd(50_000)), Missing::Offer),
        (flagged(), Missing::Stopped),
        (LookUp::Nothing, Missing::Records),
    ] {
        let mut rig = disclosed();
        rig.accept();
        rig.answer(now);
        assert_eq!(rig.replies.pop(), Some(ApiReply::Refused(refused)));
        assert_eq!(rig.count("payment_arrangement"), 0, "{refused:?}");
    }
}

#[test]
fn a_book_that_does_not_answer_is_named_and_asked_again() {
    let mut rig = verified();
    rig.play_all();
    rig.ask(ApiRequest::Facts);
    rig.fail(Failure::Late);
    assert_eq!(rig.replies.pop(), Some(ApiReply::Refused(Missing::Records)));
    assert_eq!(rig.ask(ApiRequest::Facts), None, "another reading");
    rig.answer(found());
    assert!(matches!(rig.replies.pop(), Some(ApiReply::Facts(_))));
}

#[test]
fn who_cannot_be_looked_up_is_looked_up_again_for_the_next_who_asks() {
    let mut rig = Rig::holding(AgentKind::Stream, |request| matches!(request, Request::LookUp(LookupKey::Number(_))));
    rig.fail(Failure::Unavailable);
    rig.signal(Signal::Acknowledged);
    rig.play_all();
    assert_eq!(rig.verify(Factor::Name, "yes"), ApiReply::Refused(Missing::Records));
    rig.release();
    assert!(matches!(rig.verify(Factor::Name, "yes"), ApiReply::Verified { .. }));
}

#[test]
fn more_than_can_wait_are_told_so() {
    let mut rig = verified();
    rig.play_all();
    let asked: Vec<_> = (0..9).filter_map(|_| rig.ask(ApiRequest::Facts)).collect();
    assert_eq!(asked, [ApiReply::Refused(Missing::Records)]);
    rig.answer(found());
    assert_eq!(rig.replies.len(), 8);
}

#[test]
fn the_collector_saves_no_plan_of_an_account_that_was_barred_meanwhile() {
    for (now, phrase) in [(flagged(), "person_needed"), (LookUp::Several, "plan_not_saved")] {
        let mut rig = agreeing();
        rig.answer(now);
        rig.play_all();
        assert_eq!(rig.count("payment_arrangement"), 0);
        assert!(rig.said().contains(&phrase), "{phrase} of {:?}", rig.said());
    }
    let mut rig = agreeing();
    rig.answer(found());
    assert_eq!(rig.count("payment_arrangement"), 1);
}

/// The collector's call up to the agreement to a plan, and the reading for that.
fn agreeing() -> Rig {
    let mut rig =
        Rig::holding(AgentKind::Collector, |request| matches!(request, Request::LookUp(LookupKey::Account(_))));
    rig.signal(Signal::Acknowledged);
    rig.play_all();
    for words in ["yes", "march seventeenth nineteen eighty four", "yes", "two oh oh oh nine", "yes"] {
        rig.hear(words);
    }
    rig.answer(found());
    rig.play_all();
    for words in ["four payments", "yes", "yes"] {
        rig.hear(words);
    }
    rig
}

impl Rig {
    fn hear(&mut self, words: &str) {
        self.call.handle_heard(self.now, Some(words.to_owned()), None, Duration::ZERO);
        self.drain();
        self.play_all();
    }

    fn said(&self) -> Vec<&str> {
        let entries = self.call.timeline().entries().iter();
        entries.filter(|entry| entry.kind.starts_with("prompt.")).map(|entry| entry.detail.as_str()).collect()
    }
}
