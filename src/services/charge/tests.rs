//! Whole charges and what a crash leaves of them, with the real store and a server of Stripe's shape.

mod refunds;

use std::{collections::BTreeSet, path::Path};

use backends::{
    processor::{ProcessorKind, ProcessorOptions},
    store::{OutboxChange, StoreOptions},
};
use book::{AccountId, Record, record::PaymentMethod};
use gate::wire::{Brand, LastFour, Token};
use rules::money::{Currency, Money};
use testkit::{
    stripe::{self, Fault, Stripe},
    tokeniser::{self, Tokeniser},
};

use super::*;

/// A store, a cashier and the server that it charges at.
struct House {
    store: Store,
    cashier: Cashier,
    server: Stripe,
    options: ProcessorOptions,
    directory: tempfile::TempDir,
}

impl House {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let server = Stripe::start(directory.path().join("stripe")).await.unwrap();
        let options = ProcessorOptions {
            kind: ProcessorKind::Stripe { account: None, keep_card: false },
            name: stripe::NAME.to_owned(),
            address: Some(server.address()),
            authority: server.authority(),
            token: Some(server.key_file()),
            client: None,
            path: "/v1/payment_methods".to_owned(),
            is_test: true,
            answer_within: Duration::from_secs(2),
        };
        let store = open(directory.path());
        let cashier = Cashier::new(store.clone(), Arc::new(Processor::new(&options).unwrap()));
        Self { store, cashier, server, options, directory }
    }

    /// Everything dies but what is on the disk and at the processor.
    fn crash(self) -> Self {
        let Self { store, cashier, server, options, directory } = self;
        drop((store, cashier));
        let store = open(directory.path());
        let cashier = Cashier::new(store.clone(), Arc::new(Processor::new(&options).unwrap()));
        Self { store, cashier, server, options, directory }
    }

    async fn opened(&self) -> Uuid {
        self.opened_for("stripe").await
    }

    async fn opened_for(&self, processor: &str) -> Uuid {
        let payment = Uuid::new_v4();
        let row = PaymentRow {
            payment,
            call: Uuid::from_u128(1),
            account: AccountId::parse("CA-1001").unwrap(),
            arrangement: None,
            amount: Money::new(4_200, Currency::USD),
            state: Kept::Submitted,
            opened_at: Timestamp::now(),
            method: PaymentMethod::CardKeyed,
            processor: processor.to_owned(),
            charge: None,
            refund: None,
        };
        self.store.write(Write::PaymentOpened(Box::new(row))).await.unwrap();
        payment
    }

    async fn row(&self, payment: Uuid) -> PaymentRow {
        self.store.payment(payment).await.unwrap().unwrap()
    }

    /// Takes the oldest record out of the outbox.
    async fn record(&self) -> PaymentTransaction {
        let due = self.store.outbox_due(Timestamp::now(), 1, &BTreeSet::new()).await.unwrap();
        let entry = due.into_iter().next().expect("a record");
        self.store
            .write(Write::Outbox(OutboxChange::Delivered { entry: entry.entry, at: Timestamp::now() }))
            .await
            .unwrap();
        match entry.record {
            Some(Record::PaymentTransaction(record)) => record,
            other => panic!("another record: {other:?}"),
        }
    }

    async fn audited(&self) -> String {
        self.store.call_audit(Uuid::from_u128(1)).await.unwrap().join("\n")
    }
}

fn open(directory: &Path) -> Store {
    let path = directory.join("store.sqlite");
    let options = StoreOptions { least_free: 0, commit_deadline: Duration::from_secs(30), ..StoreOptions::at(path) };
    Store::open(options, Timestamp::now()).unwrap().0
}

fn held(token: &str) -> Held {
    Held { brand: Brand::Visa, last_four: LastFour::parse("4242").unwrap(), token: Token::parse(token).unwrap() }
}

#[tokio::test]
async fn a_charge_is_kept_recorded_and_audited_in_one_piece() {
    let house = House::start().await;
    let payment = house.opened().await;
    let kept = held(&house.server.keep("4242424242424242"));
    assert_eq!(house.cashier.charge(payment, kept).await.verdict, Verdict::Approved);

    let row = house.row(payment).await;
    let charge = row.charge.unwrap();
    assert_eq!((row.state, charge.reference), (Kept::Approved, Some(house.server.intents()[0].id.clone())));
    let keys: Vec<_> = house.server.seen().into_iter().filter_map(|seen| seen.key).collect();
    assert_eq!(keys, [charge.key.to_string()], "the key that was kept before");
    let record = house.record().await;
    assert_eq!((record.status, record.token.as_deref()), (PaymentStatus::Succeeded, Some(kept.token.as_str())));
    let card = record.card.expect("a card");
    assert_eq!((card.brand(), card.last_four()), ("visa", "4242"));
    let audited = house.audited().await;
    assert!(audited.contains("payment_resolved") && audited.contains("approved"), "{audited}");

    // A vault that tells the same payment again moves nothing.
    assert_eq!(house.cashier.charge(payment, kept).await.verdict, Verdict::Unknown);
    assert_eq!(house.server.charged(), 1);
}

#[tokio::test]
async fn a_decline_is_recorded_without_the_card() {
    let house = House::start().await;
    let payment = house.opened().await;
    let kept = held(&house.server.keep("4000000000009995"));
    let outcome = house.cashier.charge(payment, kept).await;
    assert_eq!(outcome.told().0, PaymentState::Declined);
    let record = house.record().await;
    assert_eq!((record.status, record.failure.as_deref()), (PaymentStatus::Failed, Some(DECLINED)));
    assert!(record.card.is_none() && record.token.is_none());
    assert_eq!(house.row(payment).await.state, Kept::Declined);
}

#[tokio::test]
async fn an_answer_that_is_lost_after_processing_is_one_charge() {
    let house = House::start().await;
    for fault in [Fault::LostAnswer, Fault::FailsAfter, Fault::Garbage, Fault::LostRequest] {
        let payment = house.opened().await;
        house.server.fail_next("/v1/payment_intents", fault);
        let kept = held(&house.server.keep("4242424242424242"));
        assert_eq!(house.cashier.charge(payment, kept).await.verdict, Verdict::Approved, "{fault:?}");
        let made = house.server.intents().into_iter().filter(|intent| intent.payment == payment.to_string()).count();
        assert_eq!(made, 1, "{fault:?}");
    }
}

/// What a row says when the gateway dies, whether the processor has charged by then, and what becomes of it.
#[tokio::test]
async fn whenever_the_gateway_dies_the_next_one_reads_and_settles() {
    let mut house = House::start().await;
    for (state, is_charged, at_once, in_the_end) in [
        (Kept::Submitted, false, Kept::Submitted, Kept::Abandoned),
        (Kept::Tokenised, false, Kept::Abandoned, Kept::Abandoned),
        (Kept::Charging, false, Kept::Unknown, Kept::Abandoned),
        (Kept::Charging, true, Kept::Approved, Kept::Approved),
        (Kept::Unknown, true, Kept::Approved, Kept::Approved),
    ] {
        let payment = house.opened().await;
        let kept = held(&house.server.keep("4242424242424242"));
        let charge = ChargeRow::of(&kept);
        let key = charge.key;
        if state != Kept::Submitted {
            let (charge, at) = (Box::new(charge), Timestamp::now());
            house.store.write(Write::PaymentCharge { payment, charge, state, at }).await.unwrap();
        }
        if is_charged {
            let charge = Charge { payment, key, held: kept, amount: Money::new(4_200, Currency::USD) };
            house.cashier.processor().charge(charge).await.unwrap();
        }
        let charged = house.server.charged();
        house = house.crash();
        let open = house.store.open_payments().await.unwrap();
        assert!(open.iter().any(|row| row.payment == payment), "{state:?} is forgotten");
        house.cashier.recover(house.row(payment).await, false).await;
        assert_eq!(house.row(payment).await.state, at_once, "{state:?}, at once");
        let row = house.row(payment).await;
        if house.store.open_payments().await.unwrap().iter().any(|open| open.payment == payment) {
            house.cashier.recover(row, true).await;
        }
        assert_eq!(house.row(payment).await.state, in_the_end, "{state:?}, in the end");
        assert_eq!(house.server.charged(), charged, "{state:?}: a recovery charges nothing");
    }
}

#[tokio::test]
async fn a_vault_that_dies_before_it_tells_a_token_has_charged_nothing() {
    let house = House::start().await;
    let payment = house.opened().await;
    assert!(matches!(house.cashier.resolve(payment).await, Some((PaymentState::Abandoned, None))));
    assert!(house.server.seen().is_empty(), "there is nothing to be read");
}

#[tokio::test]
async fn another_processors_payment_is_left_alone() {
    let house = House::start().await;
    let payment = house.opened_for("sandbox").await;
    assert!(house.cashier.recover(house.row(payment).await, true).await.is_none());
    assert_eq!(house.row(payment).await.state, Kept::Submitted);
    assert!(house.server.seen().is_empty());
}

#[tokio::test]
async fn what_a_carrier_submitted_is_read_behind_its_connector_and_never_charged() {
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
    let processor = Arc::new(Processor::new(&options).unwrap());
    let cashier = Cashier::behind(house.store.clone(), processor, Carrier::Twilio);
    let verdict = async |payment, is_final| {
        cashier.recover(house.row(payment).await, is_final).await.map(|outcome| outcome.verdict)
    };

    let payment = house.opened_for("twilio").await;
    assert_eq!(cashier.resolve(payment).await, Some((PaymentState::Unknown, None)), "the endpoint has nothing yet");
    let token = server.take(&payment.to_string(), "visa", "4242424242424242");
    let card = cashier.resolve(payment).await.and_then(|(_, card)| card).expect("a card");
    assert_eq!((card.token.as_str(), card.brand, card.last_four.as_str()), (token.as_str(), Brand::Visa, "4242"));
    assert_eq!(verdict(payment, false).await, Some(Verdict::Approved));
    let record = house.record().await;
    assert_eq!((record.status, record.token), (PaymentStatus::Succeeded, Some(token)));
    assert_eq!(house.row(payment).await.state, Kept::Approved);

    let lost = house.opened_for("twilio").await;
    assert_eq!(verdict(lost, false).await, Some(Verdict::Unknown));
    assert_eq!(house.record().await.status, PaymentStatus::Pending);
    assert_eq!(verdict(lost, true).await, Some(Verdict::Failed), "nothing of it can be on its way any more");
    assert_eq!(house.record().await.status, PaymentStatus::Failed);
    assert_eq!(verdict(house.opened().await, false).await, None, "that one is a processor's");
    assert!(cashier.longest() > gate::LONGEST_CAPTURE && house.cashier.longest() < gate::LONGEST_CAPTURE);
}

#[tokio::test]
async fn a_token_that_somebody_else_charges_is_handed_on_to_the_book() {
    let directory = tempfile::tempdir().unwrap();
    let server = testkit::tokeniser::Tokeniser::start(directory.path().join("tokeniser")).await.unwrap();
    let options = ProcessorOptions {
        kind: ProcessorKind::Tokeniser { charge_path: None },
        name: testkit::tokeniser::NAME.to_owned(),
        address: Some(server.address()),
        authority: server.authority(),
        token: None,
        client: Some(server.client()),
        path: "/v1/tokens".to_owned(),
        is_test: true,
        answer_within: Duration::from_secs(5),
    };
    let house = House::start().await;
    let cashier = Cashier::new(house.store.clone(), Arc::new(Processor::new(&options).unwrap()));
    let payment = house.opened_for("tokeniser").await;
    let kept = held(&server.keep("4242424242424242"));
    let outcome = cashier.charge(payment, kept).await;
    assert!(matches!(outcome.told(), (PaymentState::HandedOn, Some(card)) if card.token == kept.token));
    let record = house.record().await;
    assert_eq!((record.status, record.token.as_deref()), (PaymentStatus::Initiated, Some(kept.token.as_str())));
    assert_eq!((server.charged(), house.row(payment).await.state), (0, Kept::HandedOn));
    assert!(house.store.open_payments().await.unwrap().is_empty(), "nothing is left to be read");
}
