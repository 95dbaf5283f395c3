use std::collections::BTreeSet;

use book::record::{ArrangementKind, ArrangementStatus};
use book::{
    AccountId, AccountUpdate, ComplianceRecord, ContactAttempt, ExternalId, PaymentArrangement, Record, RecordKind,
    StrategyId,
};
use jiff::{SignedDuration, Timestamp};
use rules::contact::Flag;
use rules::money::{Currency, Money};
use tempfile::TempDir;
use uuid::Uuid;

use super::super::row::{CallRow, Write};
use super::super::{Store, StoreOptions};
use super::delivered::Place;
use super::entry::{OutboxBatch, OutboxChange, OutboxEntry};
use crate::audit::{Details, Entry, Kind};

/// A store of its own.
struct Bench {
    store: Store,
    path: std::path::PathBuf,
    _directory: TempDir,
}

impl Bench {
    fn open() -> Self {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("tonegate.sqlite");
        Self { store: open(&path), path, _directory: directory }
    }

    async fn put(&self, records: impl IntoIterator<Item = Record>) {
        self.store.write(records.into_iter().map(Write::from).collect::<Vec<_>>()).await.unwrap();
    }

    async fn change(&self, change: OutboxChange) {
        self.store.write(Write::Outbox(change)).await.unwrap();
    }

    /// A call of the account begins.
    async fn begin(&self, number: u128) {
        let attempt = attempt(number);
        let compliance = ComplianceRecord::empty(attempt.call);
        let (call, trunk, started_at) = (attempt.call, attempt.trunk.clone(), attempt.started_at);
        let row = CallRow { call, trunk, started_at, attempt, compliance };
        self.store.write(Write::CallStarted(Box::new(row))).await.unwrap();
    }

    /// And ends.
    async fn end(&self, number: u128) {
        let attempt = Box::new(attempt(number));
        let compliance = ComplianceRecord { account: Some(account()), ..ComplianceRecord::empty(attempt.call) };
        let entry = Entry { call: attempt.call, at: now(), kind: Kind::CallEnded, details: Details::new() };
        let (compliance, reason) = (Box::new(compliance), "completed".to_owned());
        self.store.write(Write::CallConcluded { attempt, compliance, entry, reason }).await.unwrap();
    }

    /// The entries of each batch that may go.
    async fn batches(&self) -> Vec<Vec<i64>> {
        let batches = batches(&self.store, later(0), 16).await;
        batches.iter().map(|batch| numbers(batch.entries())).collect()
    }

    async fn next(&self) -> Option<Timestamp> {
        self.store.outbox_next_of_calls(&BTreeSet::new()).await.unwrap()
    }

    async fn due(&self) -> Vec<i64> {
        numbers(&self.store.outbox_due(later(0), 16, &BTreeSet::new()).await.unwrap())
    }

    fn edit(&self, statement: &str) {
        rusqlite::Connection::open(&self.path).unwrap().execute(statement, ()).unwrap();
    }
}

fn open(path: &std::path::Path) -> Store {
    let options =
        StoreOptions { commit_deadline: std::time::Duration::from_secs(30), least_free: 0, ..StoreOptions::at(path) };
    Store::open(options, Timestamp::UNIX_EPOCH).unwrap().0
}

/// What may go: flags, and then calls, at most so many of each.
async fn batches(store: &Store, now: Timestamp, most: usize) -> Vec<OutboxBatch> {
    let none = BTreeSet::new();
    let mut batches = store.outbox_flags(now, most, &none).await.unwrap();
    batches.extend(store.outbox_calls(now, most, &none).await.unwrap());
    batches
}

fn now() -> Timestamp {
    Timestamp::now()
}

/// So many minutes after all that was written.
fn later(minutes: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_mins(minutes + 1)
}

fn account() -> AccountId {
    AccountId::parse("CA-1001").unwrap()
}

fn attempt(call: u128) -> ContactAttempt {
    let attempt = ContactAttempt::inbound(Uuid::from_u128(call), "carrier", Timestamp::UNIX_EPOCH, "collector");
    ContactAttempt { account: Some(account()), ..attempt }
}

fn arrangement(call: u128) -> Record {
    let call = Uuid::from_u128(call);
    let usd = Money::new(100, Currency::USD);
    Record::from(PaymentArrangement {
        external_id: ExternalId::arrangement(call, 1),
        call,
        attempt: ExternalId::attempt(call),
        account: account(),
        strategy: StrategyId::parse("standard").unwrap(),
        kind: ArrangementKind::Promise,
        status: ArrangementStatus::Active,
        total: usd,
        instalments: Vec::new(),
        frequency: None,
        balance_at_creation: usd,
        read_back_confirmed: true,
        agreed_at: Timestamp::UNIX_EPOCH,
    })
}

fn compliance(call: u128) -> Record {
    ComplianceRecord { account: Some(account()), ..ComplianceRecord::empty(Uuid::from_u128(call)) }.into()
}

fn flags(call: u128) -> Record {
    let call = Uuid::from_u128(call);
    let external_id = ExternalId::update(call, 1);
    AccountUpdate { external_id, call, account: account(), set: [Flag::Cease].into(), at: Timestamp::UNIX_EPOCH }.into()
}

fn numbers(entries: &[OutboxEntry]) -> Vec<i64> {
    entries.iter().map(|entry| entry.entry).collect()
}

fn retry(entry: i64, minutes: i64) -> OutboxChange {
    OutboxChange::Retry { entry, tries: 1, rejections: 0, at: later(minutes), is_unclear: false, failure: "failed" }
}

fn park(entry: i64) -> OutboxChange {
    OutboxChange::Park { entry, tries: 3, at: now(), failure: "refused" }
}

fn delivered(entry: i64) -> OutboxChange {
    OutboxChange::Delivered { entry, at: now() }
}

#[tokio::test]
async fn flags_that_wait_or_were_refused_are_known_until_every_look_up_finds_them_in_the_book() {
    let bench = Bench::open();
    assert!(bench.store.waiting_flags(account(), now()).await.unwrap().is_empty());
    bench.put([flags(1)]).await;
    let known = || async { bench.store.waiting_flags(account(), now()).await.unwrap() };
    assert_eq!(known().await, [Flag::Cease].into());
    assert!(bench.store.waiting_flags(AccountId::parse("CA-2").unwrap(), now()).await.unwrap().is_empty());
    bench.change(park(1)).await;
    assert_eq!(known().await, [Flag::Cease].into(), "what was refused forbids all the same");
    bench.change(OutboxChange::Replay { entry: 1 }).await;
    bench.change(OutboxChange::WithCall { entry: 1 }).await;
    assert_eq!(known().await, [Flag::Cease].into(), "a look-up may have read the account before");
    bench.change(delivered(1)).await;
    assert_eq!(known().await, [Flag::Cease].into());
    assert!(bench.store.waiting_flags(account(), later(0)).await.unwrap().is_empty(), "a minute later none may have");
}

#[tokio::test]
async fn a_call_is_superseded_by_one_that_ended_later_and_is_delivered() {
    let bench = Bench::open();
    bench.put([attempt(1).into(), attempt(2).into(), attempt(3).into()]).await;
    let is_superseded = async |at: Timestamp| match batches(&bench.store, at, 1).await.as_slice() {
        [OutboxBatch::Call { is_superseded, .. }] => *is_superseded,
        batches => panic!("{batches:?}"),
    };
    let in_backlog = async |at: Timestamp| bench.store.outbox_backlog(at, 10, &BTreeSet::new()).await.unwrap().len();
    assert!(!is_superseded(later(0)).await);
    assert_eq!(in_backlog(later(0)).await, 3);
    bench.change(delivered(1)).await;
    assert!(!is_superseded(later(0)).await, "one before it says nothing");
    bench.change(park(2)).await;
    bench.change(delivered(3)).await;
    bench.change(OutboxChange::Replay { entry: 2 }).await;
    assert!(is_superseded(later(0)).await);
    bench.put([attempt(4).into()]).await;
    assert_eq!(in_backlog(later(0)).await, 0, "it would say the last word on its account");
    bench.change(delivered(2)).await;
    assert!(!is_superseded(later(0)).await);
    assert_eq!(in_backlog(later(0)).await, 1);
    assert!(is_superseded(later(8 * 24 * 60)).await, "what was delivered then is forgotten");
    assert_eq!(in_backlog(later(8 * 24 * 60)).await, 0);
}

#[tokio::test]
async fn a_call_waits_for_its_flags_and_goes_with_them() {
    let bench = Bench::open();
    bench.put([flags(1), attempt(1).into(), attempt(2).into()]).await;
    let due = async || -> Vec<Vec<i64>> {
        let batches = batches(&bench.store, later(0), 9).await;
        batches.iter().map(|batch| batch.entries().iter().map(|entry| entry.entry).collect()).collect()
    };
    assert_eq!(due().await, [[1]]);
    bench.change(retry(1, 60)).await;
    assert!(due().await.is_empty(), "nor does what comes after");
    assert!(bench.next().await.unwrap() > later(5));
    assert!(bench.store.outbox_backlog(later(0), 9, &BTreeSet::new()).await.unwrap().is_empty());
    bench.change(OutboxChange::WithCall { entry: 1 }).await;
    bench.change(retry(1, 0)).await;
    assert_eq!(due().await, [[1, 2]]);
}

#[tokio::test]
async fn an_account_of_which_a_later_call_is_delivered_is_left_out_of_a_backlog() {
    let bench = Bench::open();
    let other = ContactAttempt { account: Some(AccountId::parse("CA-2").unwrap()), ..attempt(9) };
    bench.put([attempt(1).into(), attempt(2).into(), attempt(3).into(), other.into()]).await;
    let backlog = async || numbers(&bench.store.outbox_backlog(later(0), 10, &BTreeSet::new()).await.unwrap());
    assert_eq!(backlog().await, [1, 2, 3, 4]);
    bench.change(delivered(2)).await;
    assert_eq!(backlog().await, [4], "the first did not go with it");
    bench.change(delivered(1)).await;
    assert_eq!(backlog().await, [3, 4]);
}

#[tokio::test]
async fn a_job_is_known_until_it_is_over_by_whoever_comes_next() {
    let bench = Bench::open();
    let jobs = bench.store.bulk_jobs();
    for job in ["7500000000000001AA", "7500000000000002AA", "7500000000000002AA"] {
        jobs.begin(job).await.unwrap();
    }
    jobs.end("7500000000000001AA").await.unwrap();
    jobs.end("7500000000000009AA").await.unwrap();
    let Bench { store, path, _directory } = bench;
    drop((store, jobs));
    assert_eq!(open(&path).bulk_jobs().left().await.unwrap(), ["7500000000000002AA"]);
}

#[tokio::test]
async fn what_is_on_its_way_holds_its_own_lane_alone() {
    let bench = Bench::open();
    let other = AccountId::parse("CA-1002").unwrap();
    bench.put([attempt(1).into(), attempt(2).into(), flags(3)]).await;
    bench.put([ContactAttempt { account: Some(other.clone()), ..attempt(4) }.into()]).await;
    let free = async |taken: &[&str]| {
        let taken: BTreeSet<String> = taken.iter().copied().map(str::to_owned).collect();
        let mut may_go = Vec::new();
        for batches in [
            bench.store.outbox_flags(later(0), 9, &taken).await.unwrap(),
            bench.store.outbox_calls(later(0), 9, &taken).await.unwrap(),
        ] {
            may_go.extend(batches.iter().flat_map(|batch| numbers(batch.entries())));
        }
        let records = numbers(&bench.store.outbox_due(later(0), 9, &taken).await.unwrap());
        let backlog = numbers(&bench.store.outbox_backlog(later(0), 9, &taken).await.unwrap());
        let next = bench.store.outbox_next_of_calls(&taken).await.unwrap();
        (may_go, records, backlog, next.is_some())
    };
    assert_eq!(free(&[]).await, (vec![3, 1, 4], vec![1, 3, 4], vec![4], true));
    assert_eq!(free(&["CA-1001"]).await, (vec![3, 4], vec![3, 4], vec![4], true));
    assert_eq!(free(&["flags:CA-1001"]).await, (vec![1, 4], vec![1, 4], vec![4], true));
    assert_eq!(free(&["CA-1001", "flags:CA-1001", other.as_str()]).await, (vec![], vec![], vec![], false));
}

#[tokio::test]
async fn what_waits_behind_another_is_not_next() {
    let bench = Bench::open();
    bench.put([attempt(1).into(), attempt(2).into(), flags(3)]).await;
    let next = async || {
        let of_records = bench.store.outbox_next(&BTreeSet::new()).await.unwrap();
        [of_records, bench.next().await].map(|next| next.unwrap() > later(5))
    };
    assert_eq!(next().await, [false; 2]);
    bench.change(retry(1, 10)).await;
    assert_eq!(next().await, [false; 2], "the flags are");
    bench.change(retry(3, 20)).await;
    assert_eq!(next().await, [true; 2]);
}

#[tokio::test]
async fn lanes_keep_their_order_and_flags_overtake_them() {
    let bench = Bench::open();
    let other = ContactAttempt { account: None, ..attempt(9) };
    bench.put([attempt(1).into(), attempt(2).into(), flags(1), other.into()]).await;
    assert_eq!(bench.due().await, [1, 3, 4]);
    bench.change(delivered(1)).await;
    assert_eq!(bench.due().await, [2, 3, 4]);
    // A record that waits for its next try holds up its lane; a parked one does not.
    bench.change(retry(2, 60)).await;
    bench.put([attempt(3).into()]).await;
    assert_eq!(bench.due().await, [3, 4]);
    bench.change(park(2)).await;
    assert_eq!(bench.due().await, [3, 4, 5]);
    let depth = bench.store.outbox_depth().await.unwrap();
    assert_eq!((depth.waiting, depth.parked), (3, 1));
    let Bench { store, path, _directory } = bench;
    drop(store);
    let depth = open(&path).outbox_depth().await.unwrap();
    assert_eq!((depth.waiting, depth.parked), (4, 0), "each start offers what is parked again");
}

#[tokio::test]
async fn a_call_that_is_up_holds_up_its_own_records_alone() {
    let bench = Bench::open();
    bench.begin(1).await;
    bench.put([arrangement(1), flags(1)]).await;
    for call in [2, 3] {
        bench.begin(call).await;
        bench.end(call).await;
    }
    assert_eq!(bench.batches().await, [vec![2], vec![3, 4]], "flags at once, then what is over, in order");
    for entry in [3, 4] {
        bench.change(delivered(entry)).await;
    }
    bench.change(OutboxChange::WithCall { entry: 2 }).await;
    bench.end(1).await;
    assert_eq!(bench.batches().await, [[5, 6]], "call 3 ended before call 1");
    for entry in [5, 6] {
        bench.change(delivered(entry)).await;
    }
    assert_eq!(bench.batches().await, [[1, 2, 7, 8]], "all of a call, and its flags once more");
}

#[tokio::test]
async fn a_call_that_is_to_be_tried_again_holds_up_those_after_it_and_no_flags() {
    let bench = Bench::open();
    for call in [1, 2] {
        bench.begin(call).await;
        bench.end(call).await;
    }
    bench.change(retry(1, 60)).await;
    bench.change(retry(2, 60)).await;
    assert!(bench.batches().await.is_empty());
    bench.put([flags(2)]).await;
    assert_eq!(bench.batches().await, [[5]]);
    let most = batches(&bench.store, later(61), 1).await;
    assert_eq!(numbers(most[0].entries()), [5], "flags go before calls however few may go");
    for entry in [1, 2] {
        bench.change(park(entry)).await;
    }
    assert_eq!(bench.batches().await, [[5]]);
    bench.change(OutboxChange::WithCall { entry: 5 }).await;
    assert_eq!(bench.batches().await, [[3, 4, 5]]);
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_of_its_call_where_that_can_be_told() {
    let bench = Bench::open();
    bench.put([attempt(1).into(), arrangement(1), attempt(2).into()]).await;
    bench.edit("UPDATE outbox SET record = '{}' WHERE entry = 2");
    bench.edit("UPDATE outbox SET record = 'torn', call = 'entry 3', key = '' WHERE entry = 3");
    let batches = batches(&bench.store, later(0), 16).await;
    let [OutboxBatch::Call { entries, .. }] = batches.as_slice() else { panic!("{batches:?}") };
    assert_eq!(entries.iter().map(|entry| entry.record.is_some()).collect::<Vec<_>>(), [true, false]);
    for entry in [1, 2] {
        bench.change(delivered(entry)).await;
    }
    assert_eq!(bench.batches().await, [[3]], "what is of no known call goes by itself");
}

#[tokio::test]
async fn what_was_sent_is_unclear_until_it_is_known() {
    let bench = Bench::open();
    bench.put([attempt(1).into()]).await;
    let is_unclear = async || bench.store.outbox_due(later(100), 1, &BTreeSet::new()).await.unwrap()[0].is_unclear;
    assert!(!is_unclear().await);
    bench.change(OutboxChange::Sending { entry: 1 }).await;
    assert!(is_unclear().await);
    bench.change(retry(1, 0)).await;
    assert!(!is_unclear().await);
    let lost =
        OutboxChange::Retry { entry: 1, tries: 2, rejections: 0, at: later(0), is_unclear: true, failure: "deadline" };
    bench.change(lost).await;
    assert!(is_unclear().await);
}

#[tokio::test]
async fn what_is_parked_says_why_and_is_replayed_when_asked() {
    let bench = Bench::open();
    bench.put([attempt(1).into(), arrangement(1)]).await;
    assert!(!bench.store.is_held_back(account()).await.unwrap());
    bench.change(park(2)).await;
    assert!(!bench.store.is_held_back(account()).await.unwrap(), "an arrangement holds nobody back");
    bench.change(park(1)).await;
    assert!(bench.store.is_held_back(account()).await.unwrap());
    assert!(!bench.store.is_held_back(AccountId::parse("CA-1002").unwrap()).await.unwrap());
    let parked = bench.store.outbox_parked().await.unwrap();
    let told: Vec<_> = parked.iter().map(|one| (one.entry, &*one.kind, &*one.key, one.tries, &*one.failure)).collect();
    let (first, second) = (ExternalId::attempt(Uuid::from_u128(1)), ExternalId::arrangement(Uuid::from_u128(1), 1));
    assert_eq!(
        told,
        [
            (1, "contact_attempt", first.as_str(), 3, "refused"),
            (2, "payment_arrangement", second.as_str(), 3, "refused")
        ]
    );
    assert!(parked.iter().all(|one| one.created_at <= one.parked_at));
    assert!(bench.store.replay(1).await.unwrap());
    assert!(!bench.store.replay(1).await.unwrap() && !bench.store.replay(9).await.unwrap());
    assert!(!bench.store.is_held_back(account()).await.unwrap());
    assert_eq!(bench.batches().await, [[1]]);
    bench.put([flags(1)]).await;
    bench.change(park(3)).await;
    assert!(bench.store.is_held_back(account()).await.unwrap(), "flags that the book does not have");
}

#[tokio::test]
async fn what_is_replayed_takes_along_what_may_have_lost_its_link_to_it() {
    let bench = Bench::open();
    bench.put([attempt(1).into(), arrangement(1), compliance(1), attempt(2).into(), compliance(2)]).await;
    for entry in [1, 3, 4, 5] {
        bench.change(delivered(entry)).await;
    }
    bench.change(park(2)).await;
    assert!(bench.batches().await.is_empty());
    assert!(bench.store.replay(2).await.unwrap());
    assert_eq!(bench.batches().await, [[2, 3]], "of its call, and not the attempt, which links to nothing");
    bench.change(delivered(3)).await;
    bench.change(park(2)).await;
    drop(bench.store);
    let store = open(&bench.path);
    let batches = batches(&store, later(0), 16).await;
    assert_eq!(
        batches.iter().map(|batch| numbers(batch.entries())).collect::<Vec<_>>(),
        [[2, 3]],
        "a start does so too"
    );
}

#[tokio::test]
async fn what_was_delivered_is_known_for_a_week_and_can_go_again() {
    let bench = Bench::open();
    bench.put([attempt(1).into(), flags(1)]).await;
    let moment = now();
    bench.change(OutboxChange::Delivered { entry: 1, at: moment }).await;
    bench.change(OutboxChange::WithCall { entry: 2 }).await;
    bench.change(OutboxChange::Delivered { entry: 2, at: moment }).await;
    let delivered = async |from: i64, to: i64| {
        let at = |minutes| moment + SignedDuration::from_mins(minutes);
        bench.store.outbox_delivered(Place::before(at(from)), at(to), 16).await.unwrap()
    };
    let call = Uuid::from_u128(1);
    let records: Vec<_> = delivered(0, 1).await.into_iter().map(|delivered| delivered.record).collect();
    assert_eq!(records, [Some(attempt(1).into()), Some(flags(1))]);
    assert!(delivered(1, 2).await.is_empty() && delivered(-1, 0).await.is_empty());
    assert_eq!(bench.store.outbox_depth().await.unwrap(), Default::default(), "nothing waits");
    let kinds = RecordKind::ALL.into();
    bench.store.write(Write::Redelivered { call, kinds, at: moment }).await.unwrap();
    assert_eq!(bench.batches().await, [[2]], "flags first, as the first time: the call goes with what they have made");
    assert!(delivered(0, 1).await.is_empty());
    for entry in [1, 2] {
        bench.change(OutboxChange::Delivered { entry, at: moment }).await;
    }
    bench.put([attempt(2).into()]).await;
    bench.change(OutboxChange::Delivered { entry: 3, at: moment + SignedDuration::from_hours(7 * 24 + 1) }).await;
    assert!(delivered(0, 1).await.is_empty(), "after a week it is forgotten");
}

#[tokio::test]
async fn what_was_delivered_is_read_in_pieces_and_goes_again_by_its_kind() {
    let bench = Bench::open();
    let moment = now();
    for number in 1..=3 {
        bench.put([attempt(number).into(), arrangement(number)]).await;
    }
    for entry in 1..=6 {
        // Two of them within one millisecond, and not in the order in which they were written.
        let at = moment + SignedDuration::from_millis(entry / 2);
        bench.change(OutboxChange::Delivered { entry: 7 - entry, at }).await;
    }
    let (mut place, mut read) = (Place::before(moment), Vec::new());
    loop {
        let until = moment + SignedDuration::from_millis(3);
        let delivered = bench.store.outbox_delivered(place, until, 2).await.unwrap();
        let Some(last) = delivered.last() else { break };
        place = last.place;
        read.push(delivered.iter().map(|delivered| delivered.record.clone().unwrap()).collect::<Vec<_>>());
    }
    let in_order =
        [vec![arrangement(3), arrangement(2)], vec![attempt(3).into(), arrangement(1)], vec![attempt(2).into()]];
    assert_eq!(read, in_order);
    let kinds = [RecordKind::PaymentArrangement].into();
    bench.store.write(Write::Redelivered { call: Uuid::from_u128(2), kinds, at: moment }).await.unwrap();
    assert_eq!(bench.batches().await, [[4]], "nothing else of the call, and of no other");
}

#[tokio::test]
async fn an_intent_to_dial_counts_until_the_book_has_it_and_ends_as_unknown_with_the_gateway() {
    let bench = Bench::open();
    let since = now();
    let dialled = |number: u128| {
        let started_at = since + SignedDuration::from_secs(number as i64);
        ContactAttempt::outbound(Uuid::from_u128(number), account(), "carrier", started_at, "collector")
    };
    let counted = async |store: &Store, since: Timestamp| {
        let attempts = store.attempts_since(account(), since).await.unwrap();
        attempts.iter().map(|attempt| (attempt.call.as_u128(), attempt.outcome)).collect::<Vec<_>>()
    };
    let unknown = book::record::Outcome::Unknown;
    for number in [1, 2] {
        let intent = Write::CallStarted(Box::new(CallRow::dialing(dialled(number))));
        bench.store.write(intent).await.unwrap();
        assert_eq!(counted(&bench.store, since).await.len(), number as usize);
    }
    let attempt = ContactAttempt { outcome: book::record::Outcome::NoAnswer, ..dialled(2) };
    let entry = Entry { call: attempt.call, at: since, kind: Kind::CallEnded, details: Details::new() };
    let compliance = Box::new(CallRow::dialing(dialled(2)).compliance);
    let (attempt, reason) = (Box::new(attempt), "no_answer".to_owned());
    bench.store.write(Write::CallConcluded { attempt, compliance, entry, reason }).await.unwrap();
    let expected = [(1, unknown), (2, book::record::Outcome::NoAnswer)];
    assert_eq!(counted(&bench.store, since).await, expected);
    bench.change(delivered(1)).await;
    assert_eq!(counted(&bench.store, since).await, expected, "the book has one of them, under the same id");
    bench.change(delivered(2)).await;
    assert_eq!(counted(&bench.store, since + SignedDuration::from_secs(2)).await, expected[1..]);

    let Bench { store, path, _directory } = bench;
    drop(store);
    let store = open(&path);
    assert_eq!(counted(&store, since).await, expected);
    let batches = batches(&store, later(0), 16).await;
    let records: Vec<&Record> = batches[0].entries().iter().filter_map(|entry| entry.record.as_ref()).collect();
    let [Record::ContactAttempt(attempt), Record::ComplianceRecord(compliance)] = records.as_slice() else {
        panic!("{records:?}")
    };
    assert_eq!((attempt.status, attempt.outcome), (book::record::AttemptStatus::Interrupted, unknown));
    assert_eq!(attempt.end_reason.as_deref(), Some(super::super::RESTARTED));
    assert_eq!(compliance.account, Some(account()));
}

#[tokio::test]
async fn the_oldest_of_what_must_be_kept_is_told_apart() {
    let bench = Bench::open();
    bench.put([arrangement(1)]).await;
    let depth = bench.store.outbox_depth_of_calls().await.unwrap();
    assert!(depth.oldest.is_some() && depth.oldest_mandatory.is_none());
    bench.begin(1).await;
    let depth = bench.store.outbox_depth_of_calls().await.unwrap();
    assert_eq!((depth.waiting, depth.oldest, bench.next().await), (1, None, None), "its call is up");
    bench.end(1).await;
    let depth = bench.store.outbox_depth_of_calls().await.unwrap();
    assert!(depth.oldest_mandatory.is_some() && depth.oldest <= depth.oldest_mandatory);
}

#[test]
fn the_kinds_that_must_be_kept_are_those_of_the_records() {
    let names: Vec<String> = RecordKind::ALL
        .into_iter()
        .filter(|kind| kind.is_mandatory())
        .map(|kind| format!("'{}'", kind.name()))
        .collect();
    let listed: Vec<&str> = super::mandatory!().trim_matches(['(', ')']).split(", ").collect();
    let (mut names, mut listed) = (names.iter().map(String::as_str).collect::<Vec<_>>(), listed);
    names.sort_unstable();
    listed.sort_unstable();
    assert_eq!(names, listed);
}
