//! The gateway's side against servers of each shape, over real HTTPS.

use std::path::Path;

use call::{
    refunding,
    settlement::{Answer, Effect, Settlement, Verdict},
};
use gate::wire::{Brand, DeclineReason, Held, LastFour, Token};
use jiff::Timestamp;
use rules::money::{Currency, Money};
use testkit::{
    https::Authority,
    stripe::{self, Fault, RefundFate},
    tokeniser,
};
use uuid::Uuid;

use super::*;

/// Visa's best-known test number, and its last four.
const APPROVED: (&str, &str) = ("4242424242424242", "4242");

pub(super) fn amount(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

pub(super) fn charge_of(token: &str, minor: i64) -> Charge {
    Charge {
        payment: Uuid::new_v4(),
        key: Uuid::new_v4(),
        held: Held {
            token: Token::parse(token).unwrap(),
            brand: Brand::Visa,
            last_four: LastFour::parse(APPROVED.1).unwrap(),
        },
        amount: amount(minor),
    }
}

pub(super) fn sought_of(charge: Charge, reference: Option<Token>) -> Sought {
    Sought { payment: charge.payment, reference, amount: charge.amount, opened_at: Timestamp::now() }
}

/// Time enough for any machine.
const PATIENT: Duration = Duration::from_secs(20);
/// How long an answer is waited for that does not come.
const IMPATIENT: Duration = Duration::from_millis(500);

pub(super) fn stripe_options(server: &stripe::Stripe) -> ProcessorOptions {
    ProcessorOptions {
        kind: ProcessorKind::Stripe { account: None, keep_card: false },
        name: stripe::NAME.to_owned(),
        address: Some(server.address()),
        authority: server.authority(),
        token: Some(server.key_file()),
        client: None,
        path: "/v1/payment_methods".to_owned(),
        is_test: true,
        answer_within: PATIENT,
    }
}

fn tokeniser_options(server: &tokeniser::Tokeniser) -> ProcessorOptions {
    ProcessorOptions {
        kind: ProcessorKind::Tokeniser { charge_path: Some("/v1/charges".to_owned()) },
        name: tokeniser::NAME.to_owned(),
        address: Some(server.address()),
        authority: server.authority(),
        token: None,
        client: Some(server.client()),
        path: "/v1/tokens".to_owned(),
        is_test: true,
        answer_within: PATIENT,
    }
}

/// Settles a charge as the gateway does, with a store that always keeps and pauses that take no time.
pub(super) async fn settle(processor: &Processor, charge: Charge) -> Verdict {
    let mut now = Instant::now();
    let mut settlement = Settlement::charging(now);
    loop {
        if let Some(verdict) = settlement.verdict() {
            return verdict;
        }
        match settlement.poll_output() {
            Some(Effect::Keep(_)) => settlement.handle_kept(true),
            Some(Effect::Charge) => {
                let answer = processor.charge(charge).await.map_or_else(ProcessorError::answer, Reading::answer);
                settlement.handle_answer(now, answer);
            }
            Some(Effect::Read) => {
                let reading = processor.look(sought_of(charge, None)).await;
                settlement.handle_answer(now, reading.map_or_else(ProcessorError::answer, Reading::answer));
            }
            None => {
                now = settlement.poll_timeout().expect("something to wait for");
                settlement.handle_timeout(now);
            }
        }
    }
}

#[test]
fn only_what_was_surely_not_done_counts_as_not_done() {
    for (error, answer) in [
        (ProcessorError::Open, Answer::Busy),
        (ProcessorError::Unreachable, Answer::Busy),
        (ProcessorError::Busy, Answer::Busy),
        (ProcessorError::Untrusted, Answer::Refused),
        (ProcessorError::Refused(401), Answer::Refused),
        (ProcessorError::Unsupported, Answer::Refused),
        (ProcessorError::Lost, Answer::Uncertain),
        (ProcessorError::Failed(500), Answer::Uncertain),
        (ProcessorError::Malformed, Answer::Uncertain),
    ] {
        assert_eq!(error.answer(), answer, "{error}");
        let of_refund = match answer {
            Answer::Refused => refunding::Answer::Refused,
            Answer::Busy => refunding::Answer::Busy,
            Answer::Approved | Answer::Declined(_) | Answer::Pending | Answer::Absent | Answer::Uncertain => {
                refunding::Answer::Uncertain
            }
        };
        assert_eq!(error.of_refund(), of_refund, "{error}");
    }
}

#[tokio::test]
async fn a_charge_at_stripe_is_a_telephone_order_and_is_read_by_its_name_and_by_its_payment() {
    let directory = tempfile::tempdir().unwrap();
    let server = stripe::Stripe::start(directory.path()).await.unwrap();
    let options = ProcessorOptions {
        kind: ProcessorKind::Stripe { account: Some("acct_tonegate".to_owned()), keep_card: true },
        ..stripe_options(&server)
    };
    let processor = Processor::new(&options).unwrap();
    processor.reach().await.unwrap();
    let charge = charge_of(&server.keep(APPROVED.0), 4_200);
    let Ok(Reading::Approved(receipt)) = processor.charge(charge).await else { panic!("not approved") };
    let intents = server.intents();
    let [intent] = intents.as_slice() else { panic!("{} intents", intents.len()) };
    assert!(intent.is_moto && intent.is_kept && intent.payment == charge.payment.to_string());
    assert_eq!((intent.amount, intent.currency.as_str()), (4_200, "usd"));
    assert_eq!(intent.account.as_deref(), Some("acct_tonegate"));
    assert_eq!(receipt.reference.map(|reference| reference.as_str().to_owned()), Some(intent.id.clone()));

    for reference in [receipt.reference, None] {
        assert_eq!(processor.read(sought_of(charge, reference)).await, Ok(Reading::Approved(receipt)));
    }
    let other = Charge { payment: Uuid::new_v4(), ..charge };
    assert_eq!(processor.read(sought_of(other, None)).await, Ok(Reading::Absent));
    let dearer = Charge { amount: amount(4_201), ..charge };
    assert_eq!(processor.look(sought_of(dearer, None)).await, Err(ProcessorError::Malformed));
    assert!(server.seen().iter().all(|seen| seen.version.as_deref() == Some("2024-06-20")));
}

#[tokio::test]
async fn a_charge_is_asked_again_under_its_key_and_made_once() {
    let directory = tempfile::tempdir().unwrap();
    let server = stripe::Stripe::start(directory.path()).await.unwrap();
    let processor = Processor::new(&stripe_options(&server)).unwrap();
    let charge = charge_of(&server.keep(APPROVED.0), 4_200);
    let first = processor.charge(charge).await;
    assert_eq!(processor.charge(charge).await, first);
    // Another amount under the same key is a fault of ours, and says nothing of the first.
    let bent = Charge { amount: amount(4_300), ..charge };
    assert_eq!(processor.charge(bent).await, Err(ProcessorError::Malformed));
    assert_eq!(server.charged(), 1);
}

#[tokio::test]
async fn declines_come_by_reason_and_a_lost_card_is_told_to_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let server = stripe::Stripe::start(directory.path()).await.unwrap();
    let processor = Processor::new(&stripe_options(&server)).unwrap();
    for (number, reason) in [
        ("4000000000000002", DeclineReason::Declined),
        ("4000000000009995", DeclineReason::InsufficientFunds),
        ("4000000000009987", DeclineReason::Declined),
        ("4000000000000069", DeclineReason::ExpiredCard),
        ("4000000000000127", DeclineReason::IncorrectCode),
        ("4000002760003184", DeclineReason::AuthenticationRequired),
    ] {
        let charge = charge_of(&server.keep(number), 100);
        assert_eq!(processor.charge(charge).await, Ok(Reading::Declined(reason)));
        assert_eq!(processor.read(sought_of(charge, None)).await, Ok(Reading::Declined(reason)), "as it is read later");
    }
    let card = charge_of(&server.keep("000123456789"), 100);
    let account = Charge { held: Held { brand: Brand::BankAccount, ..card.held }, ..card };
    assert_eq!(processor.charge(account).await, Ok(Reading::Pending), "a bank account is debited in days");
    assert_eq!(server.charged(), 0);
}

#[tokio::test]
async fn every_fault_has_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let server = stripe::Stripe::start(directory.path()).await.unwrap();
    for (fault, expected) in [
        (Fault::LostAnswer, ProcessorError::Lost),
        (Fault::LostRequest, ProcessorError::Lost),
        (Fault::Status(429), ProcessorError::Busy),
        (Fault::Status(500), ProcessorError::Failed(500)),
        (Fault::FailsAfter, ProcessorError::Failed(500)),
        (Fault::EchoesTheCard, ProcessorError::Refused(400)),
        (Fault::Garbage, ProcessorError::Malformed),
    ] {
        let answer_within = if expected == ProcessorError::Lost { IMPATIENT } else { PATIENT };
        let processor = Processor::new(&ProcessorOptions { answer_within, ..stripe_options(&server) }).unwrap();
        server.fail_next("/v1/payment_intents", fault);
        let answer = processor.charge(charge_of(&server.keep(APPROVED.0), 100)).await;
        assert_eq!(answer, Err(expected), "{fault:?}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_when_nobody_waits_any_more_is_found_by_reading() {
    let directory = tempfile::tempdir().unwrap();
    let server = stripe::Stripe::start(directory.path()).await.unwrap();
    let hasty = Processor::new(&ProcessorOptions { answer_within: IMPATIENT, ..stripe_options(&server) }).unwrap();
    let processor = Processor::new(&stripe_options(&server)).unwrap();
    server.fail_next("/v1/payment_intents", Fault::Late);
    let charge = charge_of(&server.keep(APPROVED.0), 100);
    assert_eq!(hasty.charge(charge).await, Err(ProcessorError::Lost));
    server.answer_late();
    assert!(matches!(processor.look(sought_of(charge, None)).await, Ok(Reading::Approved(_))));
    assert_eq!(server.charged(), 1);
}

#[tokio::test]
async fn whatever_is_lost_is_charged_once() {
    let directory = tempfile::tempdir().unwrap();
    for (fault, expected) in [
        (Fault::LostAnswer, Verdict::Approved),
        (Fault::LostRequest, Verdict::Approved),
        (Fault::Garbage, Verdict::Approved),
        (Fault::FailsAfter, Verdict::Approved),
        (Fault::Status(429), Verdict::Approved),
        (Fault::Status(403), Verdict::Failed),
    ] {
        let server = stripe::Stripe::start(directory.path()).await.unwrap();
        let options = ProcessorOptions { answer_within: IMPATIENT, ..stripe_options(&server) };
        let processor = Processor::new(&options).unwrap();
        server.fail_next("/v1/payment_intents", fault);
        let charge = charge_of(&server.keep(APPROVED.0), 100);
        assert_eq!(settle(&processor, charge).await, expected, "{fault:?}");
        assert_eq!(server.charged(), usize::from(expected == Verdict::Approved), "{fault:?}");
        let keys: std::collections::BTreeSet<_> = server.seen().into_iter().filter_map(|seen| seen.key).collect();
        assert_eq!(keys.len(), 1, "one key for every attempt");
    }
}

#[tokio::test]
async fn a_stored_failure_stays_in_doubt_however_often_it_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let server = stripe::Stripe::start(directory.path()).await.unwrap();
    let processor = Processor::new(&stripe_options(&server)).unwrap();
    server.fail_next("/v1/payment_intents", Fault::Status(500));
    let charge = charge_of(&server.keep(APPROVED.0), 100);
    for _ in 0..2 {
        let answer = processor.charge(charge).await;
        assert_eq!(answer.map_or_else(ProcessorError::answer, Reading::answer), Answer::Uncertain);
        assert_eq!(processor.look(sought_of(charge, None)).await, Ok(Reading::Absent));
    }
    assert_eq!(server.charged(), 0);
}

/// A payment that is made at Stripe, and its refund.
async fn paid(server: &stripe::Stripe, processor: &Processor) -> Refund {
    let charge = charge_of(&server.keep(APPROVED.0), 4_200);
    let Ok(Reading::Approved(receipt)) = processor.charge(charge).await else { panic!("not approved") };
    Refund { payment: charge.payment, reference: receipt.reference, key: Uuid::new_v4(), amount: charge.amount }
}

#[tokio::test]
async fn a_refund_is_made_once_under_its_key_and_read_by_it() {
    let directory = tempfile::tempdir().unwrap();
    let server = stripe::Stripe::start(directory.path()).await.unwrap();
    let processor = Processor::new(&stripe_options(&server)).unwrap();
    let refund = paid(&server, &processor).await;
    assert_eq!(processor.find_refund(refund).await, Ok(Refunded::Absent));
    let hasty = Processor::new(&ProcessorOptions { answer_within: IMPATIENT, ..stripe_options(&server) }).unwrap();
    server.fail_next("/v1/refunds", Fault::LostAnswer);
    assert_eq!(hasty.refund(refund).await, Err(ProcessorError::Lost));
    assert_eq!(processor.find_refund(refund).await, Ok(Refunded::Done));
    assert_eq!(processor.refund(refund).await, Ok(Refunded::Done));
    // What is back is back, whoever gave it: under a new key, and once the old one is forgotten.
    let again = Refund { key: Uuid::new_v4(), ..refund };
    assert_eq!(processor.refund(again).await, Ok(Refunded::Done));
    assert_eq!(processor.find_refund(again).await, Ok(Refunded::Done));
    server.forget_keys();
    assert_eq!(processor.refund(refund).await, Ok(Refunded::Done));
    assert_eq!((server.charged(), server.refunds().len()), (0, 1));
}

#[tokio::test]
async fn a_refund_says_how_far_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let server = stripe::Stripe::start(directory.path()).await.unwrap();
    let processor = Processor::new(&stripe_options(&server)).unwrap();
    for (fate, asked, read) in [
        (RefundFate::Succeeds, Ok(Refunded::Done), Refunded::Done),
        (RefundFate::Fails, Ok(Refunded::Failed), Refunded::Failed),
        (RefundFate::Refused, Err(ProcessorError::Refused(400)), Refunded::Absent),
        (RefundFate::Pends, Ok(Refunded::Pending), Refunded::Pending),
    ] {
        let refund = paid(&server, &processor).await;
        server.next_refund(fate);
        assert_eq!(processor.refund(refund).await, asked, "{fate:?}");
        assert_eq!(processor.find_refund(refund).await, Ok(read), "{fate:?}");
        // The same key brings the same answer, whatever has become of it since.
        server.finish_refunds();
        assert_eq!(processor.refund(refund).await, asked, "{fate:?}");
        let later = if read == Refunded::Pending { Refunded::Done } else { read };
        assert_eq!(processor.find_refund(refund).await, Ok(later), "{fate:?}");
    }
    let refund = paid(&server, &processor).await;
    processor.refund(refund).await.unwrap();
    // A key that came with other parameters says nothing of the first.
    let dearer = Refund { amount: amount(4_300), ..refund };
    assert_eq!(processor.refund(dearer).await, Err(ProcessorError::Malformed));
    let nameless = Refund { reference: None, ..refund };
    for answer in [processor.refund(nameless).await, processor.find_refund(nameless).await] {
        assert_eq!(answer, Err(ProcessorError::Unsupported), "nothing was sent");
    }
}

#[tokio::test]
async fn a_processor_with_another_certificate_is_sent_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = stripe::Stripe::named(directory.path(), "somebody.localhost").await.unwrap();
    let processor = Processor::new(&stripe_options(&server)).unwrap();
    let charge = charge_of(&server.keep(APPROVED.0), 100);
    assert_eq!(processor.charge(charge).await, Err(ProcessorError::Untrusted));
    assert_eq!(settle(&processor, charge).await, Verdict::Failed);

    let real = stripe::Stripe::start(directory.path().join("real")).await.unwrap();
    let stranger = Authority::new(directory.path().join("stranger")).unwrap();
    let options = ProcessorOptions { authority: stranger.file(), ..stripe_options(&real) };
    assert_eq!(Processor::new(&options).unwrap().reach().await, Err(ProcessorError::Untrusted));
    assert!(server.seen().is_empty() && real.seen().is_empty(), "nothing was sent");
}

#[tokio::test]
async fn a_processor_that_is_not_there_is_left_alone_after_a_while() {
    let directory = tempfile::tempdir().unwrap();
    let server = stripe::Stripe::start(directory.path()).await.unwrap();
    let (options, charge) = (stripe_options(&server), charge_of(&server.keep(APPROVED.0), 100));
    drop(server);
    let processor = Processor::new(&options).unwrap();
    for _ in 0..Breaker::FAILURES {
        assert_eq!(processor.charge(charge).await, Err(ProcessorError::Unreachable));
    }
    assert_eq!(processor.charge(charge).await, Err(ProcessorError::Open));
}

#[tokio::test]
async fn a_tokeniser_takes_the_gateways_certificate_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let server = tokeniser::Tokeniser::start(directory.path()).await.unwrap();
    let processor = Processor::new(&tokeniser_options(&server)).unwrap();
    assert_eq!(processor.charging(), Charging::ByToken);
    processor.reach().await.unwrap();
    let charge = charge_of(&server.keep(APPROVED.0), 4_200);
    let Ok(Reading::Approved(receipt)) = processor.charge(charge).await else { panic!("not approved") };
    assert_eq!(processor.read(sought_of(charge, None)).await, Ok(Reading::Approved(receipt)));
    let refund = Refund { payment: charge.payment, reference: None, key: Uuid::new_v4(), amount: charge.amount };
    let dearer = Refund { amount: amount(4_300), ..refund };
    assert_eq!(processor.refund(dearer).await, Err(ProcessorError::Refused(400)), "another amount");
    assert_eq!(processor.find_refund(refund).await, Ok(Refunded::Absent));
    assert_eq!(processor.refund(refund).await, Ok(Refunded::Done));
    assert_eq!(processor.find_refund(refund).await, Ok(Refunded::Done));
    let other = Refund { key: Uuid::new_v4(), ..refund };
    assert_eq!(processor.refund(other).await, Err(ProcessorError::Refused(422)), "another key");
    assert_eq!(processor.refund(refund).await, Ok(Refunded::Done), "the same key again");
    assert_eq!(
        processor.read(sought_of(charge, None)).await,
        Ok(Reading::Approved(receipt)),
        "it was paid all the same"
    );
    let declined = charge_of(&server.keep("4000000000009995"), 100);
    assert_eq!(processor.charge(declined).await, Ok(Reading::Declined(DeclineReason::InsufficientFunds)));

    server.lose_next();
    let lost = charge_of(&server.keep(APPROVED.0), 100);
    let hasty = Processor::new(&ProcessorOptions { answer_within: IMPATIENT, ..tokeniser_options(&server) }).unwrap();
    assert_eq!(settle(&hasty, lost).await, Verdict::Approved);
    assert_eq!(server.charged(), 1);

    let strangers = Authority::new(directory.path().join("stranger")).unwrap();
    for client in [None, Some(strangers.client("gateway").unwrap())] {
        let key = directory.path().join("key");
        std::fs::write(&key, "some-key").unwrap();
        let options = ProcessorOptions { client, token: Some(key), ..tokeniser_options(&server) };
        assert!(Processor::new(&options).unwrap().reach().await.is_err(), "a stranger was let in");
    }
}

#[tokio::test]
async fn what_came_of_an_earlier_refund_at_a_tokeniser_says_nothing_of_a_later_one() {
    let directory = tempfile::tempdir().unwrap();
    let server = tokeniser::Tokeniser::start(directory.path()).await.unwrap();
    let processor = Processor::new(&tokeniser_options(&server)).unwrap();
    let charge = charge_of(&server.keep(APPROVED.0), 4_200);
    processor.charge(charge).await.unwrap();
    let first = Refund { payment: charge.payment, reference: None, key: Uuid::new_v4(), amount: charge.amount };
    server.fail_next_refund();
    assert_eq!(processor.refund(first).await, Ok(Refunded::Failed));
    // The second is lost on its way.
    let second = Refund { key: Uuid::new_v4(), ..first };
    assert_eq!(processor.find_refund(second).await, Ok(Refunded::Absent));
    assert_eq!(processor.refund(second).await, Ok(Refunded::Done));
    assert_eq!(processor.find_refund(second).await, Ok(Refunded::Done));
    assert_eq!(processor.find_refund(first).await, Ok(Refunded::Failed));
    assert_eq!(server.charged(), 0);
}

#[tokio::test]
async fn a_tokeniser_tells_all_that_may_be_known_of_what_a_carrier_submitted_to_it() {
    let directory = tempfile::tempdir().unwrap();
    let server = tokeniser::Tokeniser::start(directory.path()).await.unwrap();
    let processor = Processor::new(&tokeniser_options(&server)).unwrap();
    let sought = sought_of(charge_of("tk_none_of_these", 4_200), None);
    assert_eq!(processor.read(sought).await, Ok(Reading::Absent));
    let token = Token::parse(&server.take(&sought.payment.to_string(), "visa", APPROVED.0)).unwrap();
    let held = Held { brand: Brand::Visa, last_four: LastFour::parse(APPROVED.1).unwrap(), token };
    let receipt = Receipt { reference: None, held: Some(held) };
    assert_eq!(processor.read(sought).await, Ok(Reading::Approved(receipt)));
}

#[tokio::test]
async fn a_tokeniser_without_charges_only_keeps() {
    let directory = tempfile::tempdir().unwrap();
    let server = tokeniser::Tokeniser::start(directory.path()).await.unwrap();
    let kind = ProcessorKind::Tokeniser { charge_path: None };
    let processor = Processor::new(&ProcessorOptions { kind, ..tokeniser_options(&server) }).unwrap();
    assert_eq!(processor.charging(), Charging::Elsewhere);
    processor.reach().await.unwrap();
    let charge = charge_of(&server.keep(APPROVED.0), 100);
    assert_eq!(processor.charge(charge).await, Err(ProcessorError::Unsupported));
}

#[test]
fn a_setting_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path()).unwrap();
    let key = directory.path().join("key");
    std::fs::write(&key, "sk_test_key\n").unwrap();
    let options = |authority: &Path, token: Option<&Path>, client: Option<(PathBuf, PathBuf)>| ProcessorOptions {
        kind: ProcessorKind::Stripe { account: None, keep_card: false },
        name: "localhost".to_owned(),
        address: None,
        authority: authority.to_owned(),
        token: token.map(Path::to_owned),
        client,
        path: String::new(),
        is_test: true,
        answer_within: Duration::from_secs(1),
    };
    let absent = directory.path().join("absent");
    for (options, setting) in [
        (options(&absent, Some(&key), None), "authority"),
        (options(&key, Some(&key), None), "authority"),
        (options(&authority.file(), Some(&absent), None), "key"),
        (options(&authority.file(), None, None), "key"),
        (options(&authority.file(), Some(&key), Some((absent.clone(), key.clone()))), "client certificate"),
        (options(&authority.file(), Some(&key), Some((authority.file(), key.clone()))), "client key"),
    ] {
        let error = Processor::new(&options).err();
        assert_eq!(error, Some(ProcessorError::Setting(setting)));
    }
    assert!(Processor::new(&options(&authority.file(), Some(&key), None)).is_ok());
}
