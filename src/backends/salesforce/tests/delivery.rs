//! A call's records on their way from the store over the outbox to an org, whatever goes wrong.

use ::book::{
    AccountId, AccountUpdate, ComplianceRecord, ContactAttempt, ExternalId, PaymentArrangement, PaymentTransaction,
    Record, StrategyId,
    outbox::RetryPolicy,
    record::{ArrangementKind, ArrangementStatus, AttemptStatus, Outcome, PaymentMethod, PaymentStatus},
    salesforce::object::{account, attempt},
};
use jiff::{SignedDuration, Timestamp, civil::date};
use org::RowTrouble;
use rules::{
    arrangement::{Frequency, Instalment},
    contact::Flag,
    money::{Currency, Money},
};
use uuid::Uuid;

use super::*;
use crate::{
    audit::{Details, Entry, Kind},
    book::AccountBook,
    outbox::{Outbox, Round},
    store::{CallRow, OutboxDepth, Store, StoreOptions, Write},
};

const ACCOUNT: &str = "CA-0";

/// A store with its outbox, and an org of a profile with one account.
pub(super) struct Desk {
    pub(super) sample: Sample,
    pub(super) store: Store,
    outbox: Outbox,
    /// What the outbox delivers to.
    pub(super) book: Arc<SalesforceBook>,
    minutes: i64,
    _directory: TempDir,
}

impl Desk {
    pub(super) async fn of(profile: Profile) -> Self {
        let sample = Sample::of(profile).await;
        sample.add(0);
        sample.rig.without_hedges().await;
        let directory = TempDir::new().unwrap();
        let options = StoreOptions {
            commit_deadline: Duration::from_secs(30),
            least_free: 0,
            ..StoreOptions::at(directory.path().join("tonegate.sqlite"))
        };
        let (store, _) = Store::open(options, Timestamp::UNIX_EPOCH).unwrap();
        let book = SalesforceBook::new(Arc::clone(&sample.rig.connections), sample.mapping.clone(), version());
        let book = Arc::new(book.polling(Duration::from_millis(1)));
        let outbox = Outbox::new(store.clone(), Arc::clone(&book) as Arc<dyn AccountBook>, RetryPolicy::default());
        Self { sample, store, outbox, book, minutes: 0, _directory: directory }
    }

    pub(super) async fn put(&self, records: impl IntoIterator<Item = Record>) {
        self.store.write(records.into_iter().map(Write::from).collect::<Vec<_>>()).await.unwrap();
    }

    /// One round of the outbox, each two minutes after the one before, so that what waits is due.
    pub(super) async fn round(&mut self) -> Round {
        self.minutes += 2;
        self.round_at(self.now()).await
    }

    /// When it is for the outbox.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_mins(self.minutes)
    }

    pub(super) async fn round_at(&self, now: Timestamp) -> Round {
        self.outbox.round(now).await.unwrap()
    }

    pub(super) async fn rounds(&mut self) {
        for _ in 0..6 {
            self.round().await;
        }
    }

    pub(super) fn api(&self, object: Object) -> String {
        self.sample.mapping.api(object).as_str().to_owned()
    }

    pub(super) fn rows(&self, object: Object) -> Vec<Value> {
        self.sample.rig.org.rows(&self.api(object))
    }

    pub(super) fn trouble(&self, object: Object, code: &str, times: Option<u32>) {
        self.sample.rig.org.trouble(RowTrouble::rejected(&self.api(object), code, times));
    }

    fn graph(&self, trouble: Trouble) {
        self.sample.rig.order("composite/graph", Some(1), trouble);
    }

    pub(super) fn value(&self, field: ::book::salesforce::Field) -> Value {
        let path = self.sample.mapping.field(field).unwrap().path.as_str();
        self.rows(field.object)[0][path].clone()
    }

    /// How many rows there are of what one call makes: attempt, compliance record, arrangement, payment, dispute.
    fn counts(&self) -> [usize; 5] {
        [
            Object::ContactAttempt,
            Object::ComplianceRecord,
            Object::PaymentArrangement,
            Object::PaymentTransaction,
            Object::Dispute,
        ]
        .map(|object| self.rows(object).len())
    }

    pub(super) async fn depth(&self) -> (u64, u64) {
        let OutboxDepth { waiting, parked, .. } = self.store.outbox_depth().await.unwrap();
        (waiting, parked)
    }
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_796_040_000 + second).unwrap()
}

pub(super) fn account_id() -> AccountId {
    AccountId::parse(ACCOUNT).unwrap()
}

pub(super) fn ended(call: u128, second: i64) -> ContactAttempt {
    let call = Uuid::from_u128(call);
    // The org keeps the second.
    let at = |second| at(second) + SignedDuration::from_millis(987);
    ContactAttempt {
        account: Some(account_id()),
        status: AttemptStatus::Completed,
        outcome: Outcome::RightParty,
        answered_at: Some(at(second)),
        ended_at: Some(at(second + 60)),
        ..ContactAttempt::inbound(call, "carrier", at(second), "collector")
    }
}

pub(super) fn compliance(call: u128) -> ComplianceRecord {
    let call = Uuid::from_u128(call);
    ComplianceRecord { account: Some(account_id()), evidence: Some("e5".repeat(32)), ..ComplianceRecord::empty(call) }
}

fn arrangement(call: u128) -> PaymentArrangement {
    let call = Uuid::from_u128(call);
    let usd = |minor| Money::new(minor, Currency::USD);
    PaymentArrangement {
        external_id: ExternalId::arrangement(call, 1),
        call,
        attempt: ExternalId::attempt(call),
        account: account_id(),
        strategy: StrategyId::parse("standard").unwrap(),
        kind: ArrangementKind::Installments,
        status: ArrangementStatus::Active,
        total: usd(61_240),
        instalments: vec![
            Instalment { due: date(2026, 12, 15), amount: usd(30_620) },
            Instalment { due: date(2027, 1, 15), amount: usd(30_620) },
        ],
        frequency: Some(Frequency::Monthly),
        balance_at_creation: usd(61_240),
        read_back_confirmed: true,
        agreed_at: at(30),
    }
}

fn payment(call: u128) -> PaymentTransaction {
    let call = Uuid::from_u128(call);
    PaymentTransaction {
        external_id: ExternalId::payment(call),
        payment: call,
        call,
        attempt: ExternalId::attempt(call),
        account: account_id(),
        arrangement: Some(ExternalId::arrangement(call, 1)),
        amount: Money::new(30_620, Currency::USD),
        method: PaymentMethod::CardKeyed,
        status: PaymentStatus::Succeeded,
        failure: None,
        card: None,
        token: None,
        processed_at: Some(at(50)),
    }
}

pub(super) fn update(call: u128, flag: Flag) -> AccountUpdate {
    let call = Uuid::from_u128(call);
    AccountUpdate {
        external_id: ExternalId::update(call, 1),
        call,
        account: account_id(),
        set: [flag].into(),
        at: at(20),
    }
}

/// What a call leaves, in the order in which the store gets it.
pub(super) fn whole(call: u128) -> [Record; 4] {
    [arrangement(call).into(), payment(call).into(), ended(call, 0).into(), compliance(call).into()]
}

#[tokio::test]
async fn a_call_is_one_graph_in_either_profile() {
    for profile in Profile::ALL {
        let mut desk = Desk::of(profile).await;
        desk.put(whole(1)).await;
        assert_eq!(desk.round().await.delivered, 4);
        assert_eq!(desk.counts(), [1, 1, 1, 1, 0]);
        assert_eq!((desk.depth().await, desk.sample.rig.asked("graph")), ((0, 0), 1));
        assert_eq!(desk.value(account::LAST_OUTCOME), "Right Party");
        let attempt = desk.rows(Object::ContactAttempt)[0]["Id"].clone();
        for object in [Object::ComplianceRecord, Object::PaymentArrangement, Object::PaymentTransaction] {
            let row = &desk.rows(object)[0];
            let linked = row.as_object().unwrap().values().any(|value| *value == attempt);
            assert!(linked, "{}", object.name());
        }
    }
}

#[tokio::test]
async fn no_fault_on_the_way_loses_a_row_or_doubles_one() {
    for profile in Profile::ALL {
        for trouble in [
            Trouble::ResetBefore,
            Trouble::ResetAfter,
            Trouble::Truncated,
            Trouble::Html { status: 503 },
            Trouble::Html { status: 200 },
            Trouble::Empty { status: 502 },
            refused(503, "SERVER_UNAVAILABLE", ""),
            refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
            refused(401, "INVALID_SESSION_ID", "Session expired or invalid"),
        ] {
            let mut desk = Desk::of(profile).await;
            desk.put(whole(1)).await;
            desk.graph(trouble.clone());
            desk.rounds().await;
            assert_eq!((desk.counts(), desk.depth().await), ([1, 1, 1, 1, 0], (0, 0)), "{trouble:?}");
        }
    }
}

#[tokio::test]
async fn calls_of_an_account_come_in_their_order_after_an_outage() {
    for profile in Profile::ALL {
        let mut desk = Desk::of(profile).await;
        for call in 1..=5 {
            desk.put([ended(call, call as i64 * 100).into(), compliance(call).into()]).await;
        }
        desk.sample.rig.order("composite/graph", None, refused(503, "SERVER_UNAVAILABLE", ""));
        for _ in 0..3 {
            assert_eq!(desk.round().await.delivered, 0);
        }
        assert_eq!(desk.depth().await, (10, 0));
        desk.sample.rig.org.clear_faults();
        for call in 1..=5_usize {
            assert_eq!(desk.round().await.delivered, 2, "one call of an account after another");
            let last = at(call as i64 * 100).strftime("%Y-%m-%dT%H:%M:%S").to_string();
            let told = desk.value(account::LAST_CONTACT_AT);
            assert!(told.as_str().unwrap().starts_with(&last), "{told} after {last}");
            assert_eq!(desk.rows(Object::ContactAttempt).len(), call);
        }
        assert_eq!(desk.depth().await, (0, 0));
    }
}

#[tokio::test]
async fn a_row_that_is_locked_comes_again() {
    for profile in Profile::ALL {
        let mut desk = Desk::of(profile).await;
        desk.put(whole(1)).await;
        let locked = RowTrouble::locked(&desk.api(Object::CollectionAccount), None, Some(2));
        desk.sample.rig.org.trouble(locked);
        for _ in 0..2 {
            assert_eq!(desk.round().await.retried, 4);
            assert_eq!(desk.counts(), [0; 5], "all or nothing");
        }
        assert_eq!((desk.round().await.delivered, desk.counts()), (4, [1, 1, 1, 1, 0]));
    }
}

#[tokio::test]
async fn an_arrangement_that_a_rule_refuses_is_parked_and_keeps_nothing_else_back() {
    for profile in Profile::ALL {
        let mut desk = Desk::of(profile).await;
        desk.put([arrangement(1).into(), ended(1, 0).into(), compliance(1).into()]).await;
        desk.trouble(Object::PaymentArrangement, "FIELD_CUSTOM_VALIDATION_EXCEPTION", None);
        assert_eq!(desk.round().await.delivered, 2);
        assert_eq!(desk.counts(), [1, 1, 0, 0, 0]);
        desk.rounds().await;
        assert_eq!(desk.depth().await, (0, 1));
    }
}

#[tokio::test]
async fn a_payment_is_not_kept_back_by_the_arrangement_that_it_pays() {
    for profile in Profile::ALL {
        let mut desk = Desk::of(profile).await;
        desk.put(whole(1)).await;
        desk.trouble(Object::PaymentArrangement, "FIELD_CUSTOM_VALIDATION_EXCEPTION", None);
        desk.rounds().await;
        assert_eq!((desk.counts(), desk.depth().await), ([1, 1, 0, 1, 0], (0, 1)));
    }
}

#[tokio::test]
async fn a_value_that_the_org_does_not_know_is_replaced_and_noted() {
    for profile in Profile::ALL {
        let mut desk = Desk::of(profile).await;
        desk.put([ended(1, 0).into(), compliance(1).into()]).await;
        let outcome = desk.sample.mapping.field(attempt::OUTCOME).unwrap().path.as_str().to_owned();
        let code = "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST";
        let trouble = RowTrouble::rejected(&desk.api(Object::ContactAttempt), code, Some(1));
        desk.sample.rig.org.trouble(RowTrouble { fields: vec![outcome], ..trouble });
        assert_eq!(desk.round().await.delivered, 2);
        assert_eq!(desk.value(attempt::OUTCOME), "Unknown");
        assert_eq!(desk.value(attempt::NOTES), "outcome: right_party");
    }
}

#[tokio::test]
async fn an_account_that_may_not_be_changed_keeps_no_record_back() {
    for profile in Profile::ALL {
        let mut desk = Desk::of(profile).await;
        desk.put(whole(1)).await;
        desk.trouble(Object::CollectionAccount, "FIELD_CUSTOM_VALIDATION_EXCEPTION", None);
        assert_eq!((desk.round().await.delivered, desk.counts()), (4, [1, 1, 1, 1, 0]));
    }
}

#[tokio::test]
async fn what_was_written_is_not_written_again_where_the_answer_was_lost() {
    for profile in Profile::ALL {
        for (trouble, graphs) in [
            (Trouble::ResetAfter, 1),
            (Trouble::Truncated, 1),
            (Trouble::ResetBefore, 2),
            (Trouble::Html { status: 504 }, 2),
            (Trouble::Html { status: 200 }, 2),
            (refused(503, "SERVER_UNAVAILABLE", ""), 2),
        ] {
            let mut desk = Desk::of(profile).await;
            desk.put(whole(1)).await;
            desk.graph(trouble.clone());
            desk.rounds().await;
            assert_eq!((desk.counts(), desk.depth().await), ([1, 1, 1, 1, 0], (0, 0)), "{trouble:?}");
            assert_eq!(desk.sample.rig.asked("graph"), graphs, "{trouble:?}");
            let asks = u64::from(!matches!(trouble, Trouble::Refused { .. })) * 5;
            assert_eq!(desk.sample.rig.asked("query"), asks, "one for each object, where it is not known: {trouble:?}");
        }
    }
}

#[tokio::test]
async fn nothing_is_written_where_it_cannot_be_known_what_was() {
    for profile in Profile::ALL {
        let mut desk = Desk::of(profile).await;
        desk.put(whole(1)).await;
        desk.graph(Trouble::ResetAfter);
        desk.sample.rig.order("query", Some(2), refused(503, "SERVER_UNAVAILABLE", ""));
        desk.rounds().await;
        assert_eq!((desk.counts(), desk.depth().await), ([1, 1, 1, 1, 0], (0, 0)));
        assert_eq!(desk.sample.rig.asked("graph"), 1);
    }
}

#[tokio::test]
async fn flags_whose_answer_was_lost_are_not_set_twice() {
    for profile in Profile::ALL {
        for (trouble, upserts) in [(Trouble::ResetAfter, 2), (Trouble::ResetBefore, 4)] {
            let mut desk = Desk::of(profile).await;
            desk.put([update(1, Flag::Dispute).into()]).await;
            desk.sample.rig.order(&format!("sobjects/{}", desk.api(Object::Dispute)), Some(1), trouble);
            desk.round().await;
            desk.round().await;
            assert_eq!((desk.value(account::DISPUTE), desk.counts()[4]), (json!(true), 1));
            assert_eq!(desk.sample.rig.asked("upsert"), upserts);
        }
    }
}

#[tokio::test]
async fn a_request_that_is_refused_as_a_whole_costs_no_record() {
    for profile in Profile::ALL {
        for trouble in [
            refused(403, "API_DISABLED_FOR_ORG", ""),
            refused(410, "UNSUPPORTED_API_VERSION", ""),
            refused(400, "JSON_PARSER_ERROR", ""),
        ] {
            let mut desk = Desk::of(profile).await;
            desk.put(whole(1)).await;
            desk.sample.rig.order("composite/graph", Some(5), trouble);
            for _ in 0..5 {
                assert_eq!(desk.round().await, Round { retried: 4, ..Round::default() });
            }
            assert_eq!((desk.round().await.delivered, desk.counts()), (4, [1, 1, 1, 1, 0]));
        }
    }
}

#[tokio::test]
async fn a_row_that_differs_from_what_was_sent_is_sent_again_and_given_up_where_that_fails() {
    for profile in Profile::ALL {
        for (times, depth, status) in [(Some(1), (0, 0), "Refunded"), (None, (0, 1), "Succeeded")] {
            let mut desk = Desk::of(profile).await;
            desk.put(whole(1)).await;
            desk.round().await;
            desk.put([PaymentTransaction { status: PaymentStatus::Refunded, ..payment(1) }.into()]).await;
            desk.trouble(Object::PaymentTransaction, "DUPLICATE_VALUE", times);
            desk.rounds().await;
            assert_eq!(desk.depth().await, depth);
            assert_eq!(desk.value(::book::salesforce::object::payment::STATUS), status);
            let parked = desk.store.outbox_parked().await.unwrap();
            assert!(parked.iter().all(|parked| parked.failure == "differs"));
        }
    }
}

#[tokio::test]
async fn a_row_that_is_there_already_is_done_and_another_key_is_not() {
    for profile in Profile::ALL {
        let mut desk = Desk::of(profile).await;
        desk.put(whole(1)).await;
        desk.round().await;
        desk.put(whole(1)).await;
        desk.trouble(Object::PaymentTransaction, "DUPLICATE_VALUE", None);
        assert_eq!((desk.round().await.delivered, desk.counts()), (4, [1, 1, 1, 1, 0]));
        desk.put(whole(2)).await;
        assert_eq!((desk.round().await.delivered, desk.counts()), (3, [2, 2, 2, 1, 0]));
        desk.rounds().await;
        assert_eq!(desk.depth().await, (0, 1));
    }
}

#[tokio::test]
async fn a_flag_goes_at_once_and_once_more_with_its_call() {
    for profile in Profile::ALL {
        let mut desk = Desk::of(profile).await;
        let row = CallRow {
            call: Uuid::from_u128(1),
            trunk: "carrier".to_owned(),
            started_at: at(0),
            attempt: ended(1, 0),
            compliance: compliance(1),
        };
        desk.store.write(Write::CallStarted(Box::new(row))).await.unwrap();
        desk.put([arrangement(1).into(), update(1, Flag::Dispute).into()]).await;
        desk.rounds().await;
        assert_eq!(desk.counts(), [0, 0, 0, 0, 1], "the call is up: only what forbids goes");
        assert_eq!((desk.value(account::DISPUTE), desk.value(account::QUEUE)), (json!(true), json!("Human")));
        assert_eq!(desk.depth().await, (2, 0));
        conclude(&desk).await;
        desk.rounds().await;
        assert_eq!((desk.counts(), desk.depth().await), ([1, 1, 1, 0, 1], (0, 0)));
        let attempt = desk.rows(Object::ContactAttempt)[0]["Id"].clone();
        assert_eq!(desk.value(::book::salesforce::object::dispute::ATTEMPT), attempt);
    }
}

#[tokio::test]
async fn a_flag_of_an_account_in_trouble_is_kept_until_it_is_set() {
    for profile in Profile::ALL {
        let mut desk = Desk::of(profile).await;
        desk.put([update(1, Flag::Cease).into()]).await;
        desk.sample.rig.order("sobjects", Some(3), refused(503, "SERVER_UNAVAILABLE", ""));
        desk.trouble(Object::CollectionAccount, "UNABLE_TO_LOCK_ROW", Some(2));
        for _ in 0..2 {
            desk.rounds().await;
        }
        assert_eq!((desk.value(account::CEASE), desk.depth().await), (json!(true), (0, 0)));
    }
}

#[tokio::test]
async fn an_account_that_is_not_there_is_told() {
    for profile in Profile::ALL {
        let desk = Desk::of(profile).await;
        let book =
            SalesforceBook::new(Arc::clone(&desk.sample.rig.connections), desk.sample.mapping.clone(), version());
        let unknown = AccountUpdate { account: AccountId::parse("CA-9").unwrap(), ..update(1, Flag::Cease) };
        assert_eq!(book.deliver(unknown.into()).await, Err(BookError::UnknownAccount));
        assert_eq!(desk.rows(Object::CollectionAccount).len(), 1, "no account is made");
    }
}

/// Ends call 1.
async fn conclude(desk: &Desk) {
    let (kind, details) = (Kind::CallEnded, Details::new().count("samples_sent", 160));
    let entry = Entry { call: Uuid::from_u128(1), at: at(60), kind, details };
    let conclusion = Write::CallConcluded {
        attempt: Box::new(ended(1, 0)),
        compliance: Box::new(compliance(1)),
        entry,
        reason: "completed".to_owned(),
    };
    desk.store.write(conclusion).await.unwrap();
}
