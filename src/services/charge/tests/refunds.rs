//! Whole refunds, and what is left of them.

use std::collections::BTreeSet;

use call::{refunding::Durability, settlement::LONGEST};
use testkit::stripe::RefundFate;

use super::*;
use crate::api::{Given, RefundRefusal};

impl House {
    /// A payment that is made, and of which the book has heard.
    async fn paid(&self) -> Uuid {
        let payment = self.opened().await;
        let outcome = self.cashier.charge(payment, held(&self.server.keep("4242424242424242"))).await;
        assert_eq!(outcome.verdict, Verdict::Approved);
        assert_eq!(self.record().await.status, PaymentStatus::Succeeded);
        payment
    }

    /// The keys under which refunds were asked for, and how often they were.
    fn asked(&self) -> (BTreeSet<String>, usize) {
        let asked: Vec<_> = self.server.seen().into_iter().filter(|seen| seen.what == "POST /v1/refunds").collect();
        (asked.iter().filter_map(|seen| seen.key.clone()).collect(), asked.len())
    }

    /// That the payment is back, and that book and auditor were told of it once.
    async fn assert_back(&self, payment: Uuid) {
        assert_eq!((self.server.charged(), self.row(payment).await.state), (0, Kept::Refunded));
        assert_eq!(self.record().await.status, PaymentStatus::Refunded);
        assert_eq!(self.waiting().await, 0, "told once");
        let audited = self.audited().await;
        assert_eq!(audited.matches("payment_refunded").count(), 1, "{audited}");
    }

    async fn waiting(&self) -> u64 {
        self.store.outbox_depth().await.unwrap().waiting
    }
}

#[tokio::test]
async fn a_refund_is_made_once_and_told_to_book_and_auditor() {
    let house = House::start().await;
    let payment = house.paid().await;
    for _ in 0..2 {
        assert_eq!(house.cashier.refund(payment, "desk").await, Ok(Given::Back));
    }
    house.assert_back(payment).await;
    let audited = house.audited().await;
    let place = |kind: &str| audited.lines().position(|line| line.contains(kind) && line.contains("desk"));
    assert!(place("refund_asked").is_some() && place("refund_asked") < place("payment_refunded"), "{audited}");
    assert_eq!(house.cashier.refund(Uuid::new_v4(), "desk").await, Err(RefundRefusal::NoPayment));
}

#[tokio::test]
async fn refunds_at_once_are_one_refund() {
    let house = House::start().await;
    let payment = house.paid().await;
    let refund = || house.cashier.refund(payment, "desk");
    let answers: [_; 3] = tokio::join!(refund(), refund(), refund()).into();
    assert!(answers.contains(&Ok(Given::Back)), "{answers:?}");
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(house.asked().1, 1, "asked for once");
    house.assert_back(payment).await;
}

#[tokio::test]
async fn refunds_at_once_by_two_who_know_nothing_of_each_other_have_one_key() {
    let house = House::start().await;
    let payment = house.paid().await;
    let other = Cashier::new(house.store.clone(), Arc::new(Processor::new(&house.options).unwrap()));
    let answers: [_; 2] = tokio::join!(house.cashier.refund(payment, "desk"), other.refund(payment, "till")).into();
    assert!(answers.contains(&Ok(Given::Back)), "{answers:?}");
    assert_eq!((house.asked().0.len(), house.server.refunds().len()), (1, 1));
    assert_eq!((house.server.charged(), house.row(payment).await.state), (0, Kept::Refunded));
}

#[tokio::test]
async fn a_refund_whose_answer_is_lost_is_read_before_it_is_asked_for_again() {
    let mut house = House::start().await;
    let payment = house.paid().await;
    // The answer, and that of reading it.
    for _ in 0..2 {
        house.server.fail_next("/v1/refunds", Fault::LostAnswer);
    }
    assert_eq!(house.cashier.refund(payment, "desk").await, Err(RefundRefusal::Unavailable));
    assert_eq!(house.row(payment).await.state, Kept::Refunding);
    house = house.crash();
    assert_eq!(house.cashier.refund(payment, "desk").await, Ok(Given::Back));
    assert_eq!(house.asked().1, 1, "it was there already");
    house.assert_back(payment).await;
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_is_no_word_on_the_refund() {
    let house = House::start().await;
    let payment = house.paid().await;
    // It is made; then the key of the gateway is taken back, for reading and for asking.
    house.server.fail_next("/v1/refunds", Fault::LostAnswer);
    for _ in 0..2 {
        house.server.fail_next("/v1/refunds", Fault::Status(401));
    }
    assert_eq!(house.cashier.refund(payment, "desk").await, Err(RefundRefusal::Unavailable));
    let row = house.row(payment).await;
    assert_eq!((row.state, house.asked().0.len()), (Kept::Refunding, 1), "the money may be back");
    assert!(!house.audited().await.contains("refused"));
    // A day later the processor knows no key any more, but the refund.
    house.server.forget_keys();
    house.cashier.resume_refund(&row).await;
    house.assert_back(payment).await;
}

#[tokio::test]
async fn what_is_back_already_is_refunded_whoever_gave_it() {
    let house = House::start().await;
    let payment = house.paid().await;
    let reference = house.row(payment).await.charge.as_ref().and_then(ChargeRow::reference);
    let by_hand = backends::processor::Refund {
        payment,
        reference,
        key: Uuid::new_v4(),
        amount: Money::new(4_200, Currency::USD),
    };
    house.cashier.processor().refund(by_hand).await.unwrap();
    assert_eq!(house.cashier.refund(payment, "desk").await, Ok(Given::Back));
    house.assert_back(payment).await;
}

#[tokio::test]
async fn a_refund_that_was_refused_can_be_asked_for_again() {
    let house = House::start().await;
    let payment = house.paid().await;
    house.server.next_refund(RefundFate::Refused);
    assert_eq!(house.cashier.refund(payment, "desk").await, Err(RefundRefusal::Refused));
    let row = house.row(payment).await;
    assert_eq!((row.state, row.refund, house.waiting().await), (Kept::Approved, None, 0));
    assert!(house.audited().await.contains("refused"));
    // The account has money again. What was said of the first key is kept with it, so this is another.
    assert_eq!(house.cashier.refund(payment, "desk").await, Ok(Given::Back));
    assert_eq!(house.asked().0.len(), 2);
    assert_eq!(house.row(payment).await.state, Kept::Refunded);
}

#[tokio::test]
async fn a_refund_that_nobody_could_write_down_has_not_begun() {
    let house = House::start().await;
    let payment = house.paid().await;
    house.server.next_refund(RefundFate::Pends);
    assert!(!house.cashier.is_refunding(payment));
    assert_eq!(house.cashier.refund(payment, "desk").await, Ok(Given::Pending));
    assert!(!house.cashier.is_refunding(payment), "nobody looks after it now");
    for (error, kept) in [
        (StoreError::Busy, Durability::Absent),
        (StoreError::Full, Durability::Absent),
        (StoreError::Refused, Durability::Absent),
        (StoreError::Stalled, Durability::Unclear),
        (StoreError::Closed, Durability::Unclear),
    ] {
        assert_eq!(refund::unwritten(&error), kept, "{error}");
    }
}

#[tokio::test]
async fn a_refund_that_pends_is_told_once_it_is_finished() {
    let house = House::start().await;
    let payment = house.paid().await;
    house.server.next_refund(RefundFate::Pends);
    for _ in 0..2 {
        assert_eq!(house.cashier.refund(payment, "desk").await, Ok(Given::Pending));
        let row = house.row(payment).await;
        house.cashier.resume_refund(&row).await;
        assert_eq!((house.row(payment).await.state, house.waiting().await), (Kept::Refunding, 0), "nothing is back");
        assert!(!house.audited().await.contains("payment_refunded"));
    }
    house.server.finish_refunds();
    let open = house.store.open_payments().await.unwrap();
    let [row] = open.as_slice() else { panic!("{} open payments", open.len()) };
    house.cashier.resume_refund(row).await;
    assert_eq!(house.asked().1, 1, "read, and not asked for again");
    house.assert_back(payment).await;
}

#[tokio::test]
async fn a_refund_that_fails_is_refused() {
    let house = House::start().await;
    let payment = house.paid().await;
    house.server.next_refund(RefundFate::Fails);
    assert_eq!(house.cashier.refund(payment, "desk").await, Err(RefundRefusal::Refused));
    assert_eq!((house.row(payment).await.state, house.waiting().await), (Kept::Approved, 0));
    assert_eq!(house.cashier.refund(payment, "desk").await, Ok(Given::Back), "under another key");
}

#[tokio::test]
async fn a_refund_that_is_lost_is_not_refused_by_what_came_of_an_earlier_one() {
    let house = House::start().await;
    let server = Tokeniser::start(house.directory.path().join("tokeniser")).await.unwrap();
    let options = ProcessorOptions {
        kind: ProcessorKind::Tokeniser { charge_path: Some("/v1/charges".to_owned()) },
        name: tokeniser::NAME.to_owned(),
        address: Some(server.address()),
        authority: server.authority(),
        token: None,
        client: Some(server.client()),
        path: "/v1/tokens".to_owned(),
        ..house.options.clone()
    };
    let cashier = Cashier::new(house.store.clone(), Arc::new(Processor::new(&options).unwrap()));
    let payment = house.opened_for("tokeniser").await;
    cashier.charge(payment, held(&server.keep("4242424242424242"))).await;
    server.fail_next_refund();
    assert_eq!(cashier.refund(payment, "desk").await, Err(RefundRefusal::Refused));
    server.lose_next_refund();
    assert_eq!(cashier.refund(payment, "desk").await, Ok(Given::Back), "read, and asked for again under its key");
    assert_eq!((server.charged(), house.row(payment).await.state), (0, Kept::Refunded));
}

/// A gateway that dies before it has asked: the intent is there, the processor knows nothing.
#[tokio::test]
async fn a_refund_that_was_only_intended_is_made_by_whoever_comes_after() {
    let mut house = House::start().await;
    let payment = house.paid().await;
    let key = Uuid::new_v4();
    house.store.write(Write::PaymentRefund { payment, key, at: Timestamp::now() }).await.unwrap();
    house = house.crash();
    let open = house.store.open_payments().await.unwrap();
    let [row] = open.as_slice() else { panic!("{} open payments", open.len()) };
    house.cashier.resume_refund(row).await;
    assert_eq!(house.asked(), (BTreeSet::from([key.to_string()]), 1));
    house.assert_back(payment).await;
}

#[tokio::test]
async fn an_intended_refund_that_is_refused_is_given_up_once_no_request_can_be_on_its_way() {
    let house = House::start().await;
    let payment = house.paid().await;
    house.server.next_refund(RefundFate::Refused);
    let long_ago = Timestamp::now() - LONGEST * 3;
    for (asked_at, state) in [(Timestamp::now(), Kept::Refunding), (long_ago, Kept::Approved)] {
        let intent = Write::PaymentRefund { payment, key: Uuid::new_v4(), at: asked_at };
        house.store.write(intent).await.unwrap();
        let row = house.row(payment).await;
        house.cashier.resume_refund(&row).await;
        assert_eq!(house.row(payment).await.state, state, "asked for at {asked_at}");
    }
}

#[tokio::test]
async fn what_was_not_paid_is_not_refunded_and_what_is_open_is_waited_for() {
    let house = House::start().await;
    let payment = house.opened().await;
    for state in [Kept::Submitted, Kept::Tokenised, Kept::Charging, Kept::Unknown] {
        house.store.write(Write::PaymentState { payment, state, at: Timestamp::now() }).await.unwrap();
        assert_eq!(house.cashier.refund(payment, "desk").await, Err(RefundRefusal::Open), "{state:?}");
    }
    for state in [Kept::Declined, Kept::Abandoned, Kept::HandedOn] {
        house.store.write(Write::PaymentState { payment, state, at: Timestamp::now() }).await.unwrap();
        assert_eq!(house.cashier.refund(payment, "desk").await, Err(RefundRefusal::NotPaid), "{state:?}");
    }
    let elsewhere = house.opened_for("sandbox").await;
    let approved = Write::PaymentState { payment: elsewhere, state: Kept::Approved, at: Timestamp::now() };
    house.store.write(approved).await.unwrap();
    assert_eq!(house.cashier.refund(elsewhere, "desk").await, Err(RefundRefusal::NotPaid));
    let intent = Write::PaymentRefund { payment: elsewhere, key: Uuid::new_v4(), at: Timestamp::now() };
    house.store.write(intent).await.unwrap();
    let row = house.row(elsewhere).await;
    house.cashier.resume_refund(&row).await;
    assert_eq!(house.row(elsewhere).await.state, Kept::Refunding);
    assert!(house.server.seen().is_empty(), "nothing was asked");
}
