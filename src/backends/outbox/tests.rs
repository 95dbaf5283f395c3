mod outage;

use std::collections::VecDeque;
use std::sync::Mutex;

use ::book::{AccountUpdate, ContactAttempt, LookUp, LookupKey, Record};
use rules::contact::Flag;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::delivery::UNREADABLE;
use super::*;
use crate::book::{Answer, Answers, BookError, Earlier, History};
use crate::store::StoreOptions;
use crate::tests::until;

/// A book that answers deliveries as scripted, and well after that.
#[derive(Default)]
struct Scripted {
    takes_calls: bool,
    answers: Mutex<VecDeque<Result<(), BookError>>>,
    taken: Mutex<Vec<Uuid>>,
    /// What was said of an earlier try, for each call.
    earlier: Mutex<Vec<Earlier>>,
    /// Where calls wait for a permit each before they are answered.
    gate: Option<Semaphore>,
}

impl AccountBook for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn look_up(&self, _key: LookupKey) -> Answer<'_, LookUp> {
        Box::pin(std::future::ready(Ok(LookUp::Nothing)))
    }

    fn deliver(&self, record: Record) -> Answer<'_, ()> {
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Ok(()));
        if answer.is_ok() {
            self.taken.lock().unwrap().push(record.call());
        }
        Box::pin(std::future::ready(answer))
    }

    fn takes_calls(&self) -> bool {
        self.takes_calls
    }

    fn deliver_call(&self, records: Vec<Record>, history: History) -> Answers<'_> {
        self.earlier.lock().unwrap().push(history.earlier);
        Box::pin(async move {
            if let Some(gate) = &self.gate {
                gate.acquire().await.unwrap().forget();
            }
            let mut answers = Vec::new();
            for record in records {
                answers.push(self.deliver(record).await);
            }
            answers
        })
    }
}

struct Bench {
    _directory: TempDir,
    store: Store,
    book: Arc<Scripted>,
    outbox: Outbox,
}

/// A store with attempts of one account, and a book that will answer so.
async fn bench(attempts: u128, answers: impl IntoIterator<Item = Result<(), BookError>>) -> Bench {
    bench_of(Scripted { answers: Mutex::new(answers.into_iter().collect()), ..Scripted::default() }, attempts).await
}

async fn bench_of(book: Scripted, attempts: u128) -> Bench {
    let directory = TempDir::new().unwrap();
    let options = StoreOptions {
        commit_deadline: Duration::from_secs(30),
        least_free: 0,
        ..StoreOptions::at(directory.path().join("tonegate.sqlite"))
    };
    let (store, _) = Store::open(options, Timestamp::UNIX_EPOCH).unwrap();
    let account = ::book::AccountId::parse("CA-1001").unwrap();
    for call in 0..attempts {
        let attempt = ContactAttempt::inbound(Uuid::from_u128(call), "carrier", Timestamp::UNIX_EPOCH, "collector");
        let record = Record::from(ContactAttempt { account: Some(account.clone()), ..attempt });
        store.write(Write::from(record)).await.unwrap();
    }
    let book = Arc::new(book);
    let outbox = Outbox::new(store.clone(), book.clone(), RetryPolicy::default());
    Bench { _directory: directory, store, book, outbox }
}

fn minutes_from_now(minutes: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_mins(minutes)
}

#[tokio::test]
async fn an_outage_loses_nothing_doubles_nothing_and_keeps_the_order() {
    let bench = bench(3, [Err(BookError::Failed), Err(BookError::Deadline), Err(BookError::BreakerOpen)]).await;
    let mut delivered = 0;
    for minute in 1..20 {
        let now = minutes_from_now(2 * minute);
        delivered += bench.outbox.round(now).await.unwrap().delivered;
        let again = bench.outbox.round(now).await.unwrap();
        delivered += again.delivered;
        assert_eq!(again.retried, 0, "a failed record waits");
    }
    assert_eq!(delivered, 3);
    assert_eq!(*bench.book.taken.lock().unwrap(), [0, 1, 2].map(Uuid::from_u128));
    assert_eq!(bench.store.outbox_depth().await.unwrap(), OutboxDepth::default());
}

#[tokio::test]
async fn flags_do_not_wait_for_a_call_that_the_book_is_slow_with() {
    let slow = Scripted { takes_calls: true, gate: Some(Semaphore::new(0)), ..Scripted::default() };
    let Bench { _directory, store, book, outbox } = bench_of(slow, 1).await;
    let cancelled = CancellationToken::new();
    let worker = tokio::spawn(outbox.run(cancelled.clone()));
    until("the call is asked for", async || book.earlier.lock().unwrap().len() == 1).await;
    let flags = AccountUpdate {
        call: Uuid::from_u128(9),
        account: ::book::AccountId::parse("CA-1002").unwrap(),
        at: Timestamp::UNIX_EPOCH,
        set: [Flag::Cease].into(),
        external_id: ::book::ExternalId::update(Uuid::from_u128(9), 1),
    };
    store.write(Write::from(Record::from(flags))).await.unwrap();
    until("the flags are delivered", async || *book.taken.lock().unwrap() == [Uuid::from_u128(9)]).await;
    cancelled.cancel();
    book.gate.as_ref().unwrap().add_permits(2);
    tokio::time::timeout(Duration::from_secs(30), worker).await.unwrap().unwrap();
    assert_eq!(book.taken.lock().unwrap()[..2], [9, 0].map(Uuid::from_u128), "what was on its way came to its end");
}

/// A book that never answers for one account, whatever is written of it.
struct Hanging {
    account: ::book::AccountId,
    takes_calls: bool,
}

impl AccountBook for Hanging {
    fn name(&self) -> &'static str {
        "hanging"
    }

    fn look_up(&self, _key: LookupKey) -> Answer<'_, LookUp> {
        Box::pin(std::future::ready(Ok(LookUp::Nothing)))
    }

    fn deliver(&self, record: Record) -> Answer<'_, ()> {
        if record.account() == Some(&self.account) {
            Box::pin(std::future::pending())
        } else {
            Box::pin(std::future::ready(Ok(())))
        }
    }

    fn takes_calls(&self) -> bool {
        self.takes_calls
    }
}

#[tokio::test]
async fn accounts_whose_deliveries_hang_keep_no_other_back() {
    let account = |number: u128| ::book::AccountId::parse(&format!("CA-{number}")).unwrap();
    let records = |call: u128, number: u128| -> [Record; 2] {
        let attempt = ContactAttempt::inbound(Uuid::from_u128(call), "carrier", Timestamp::UNIX_EPOCH, "collector");
        // Of an earlier call, so that this one need not wait for them.
        let flags = AccountUpdate {
            call: Uuid::from_u128(1_000 + call),
            account: account(number),
            at: Timestamp::UNIX_EPOCH,
            set: [Flag::Cease].into(),
            external_id: ::book::ExternalId::update(Uuid::from_u128(1_000 + call), 1),
        };
        [ContactAttempt { account: Some(account(number)), ..attempt }.into(), flags.into()]
    };
    for takes_calls in [true, false] {
        let Bench { _directory, store, .. } = bench(0, []).await;
        let book = Arc::new(Hanging { account: account(0), takes_calls });
        let cancelled = CancellationToken::new();
        let worker = tokio::spawn(Outbox::new(store.clone(), book, RetryPolicy::default()).run(cancelled.clone()));
        let waiting = async || store.outbox_depth().await.unwrap().waiting;
        // More accounts than are served side by side, and all but the one that hangs again.
        for call in (0..40).chain(101..140) {
            store.write(records(call, call % 100).map(Write::from).to_vec()).await.unwrap();
        }
        until("delivery to every other account", async || waiting().await == 2).await;
        for call in 201..240 {
            store.write(records(call, call % 100).map(Write::from).to_vec()).await.unwrap();
        }
        until("delivery of what came later", async || waiting().await == 2).await;
        worker.abort();
    }
}

#[tokio::test]
async fn what_the_book_refuses_is_parked_and_lets_the_others_pass() {
    let bench = bench(2, [Err(BookError::Refused); 3]).await;
    let mut parked = 0;
    for minute in 1..6 {
        parked += bench.outbox.round(minutes_from_now(2 * minute)).await.unwrap().parked;
    }
    assert_eq!(parked, 1);
    assert_eq!(*bench.book.taken.lock().unwrap(), [Uuid::from_u128(1)]);
    let depth = bench.store.outbox_depth().await.unwrap();
    assert_eq!((depth.waiting, depth.parked), (0, 1));
}

#[tokio::test]
async fn the_running_worker_is_woken_by_a_record_and_stops_when_told() {
    let Bench { _directory, store, book, outbox } = bench(0, []).await;
    let cancelled = CancellationToken::new();
    let worker = tokio::spawn(outbox.run(cancelled.clone()));
    let attempt = ContactAttempt::inbound(Uuid::from_u128(4), "carrier", Timestamp::UNIX_EPOCH, "collector");
    store.write(Write::from(Record::from(attempt))).await.unwrap();
    until("end of the outbox", async || store.outbox_depth().await.unwrap() == OutboxDepth::default()).await;
    assert_eq!(*book.taken.lock().unwrap(), [Uuid::from_u128(4)]);
    cancelled.cancel();
    tokio::time::timeout(Duration::from_secs(30), worker).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_parked_and_the_rest_of_its_call_goes() {
    let Bench { _directory, store, book, outbox } =
        bench_of(Scripted { takes_calls: true, ..Scripted::default() }, 1).await;
    let compliance = ::book::ComplianceRecord {
        account: Some(::book::AccountId::parse("CA-1001").unwrap()),
        ..::book::ComplianceRecord::empty(Uuid::from_u128(0))
    };
    store.write(Write::from(Record::from(compliance))).await.unwrap();
    let file = rusqlite::Connection::open(_directory.path().join("tonegate.sqlite")).unwrap();
    file.execute("UPDATE outbox SET record = '{}' WHERE entry = 1", ()).unwrap();
    let round = outbox.round(minutes_from_now(1)).await.unwrap();
    assert_eq!(round, Round { delivered: 1, retried: 0, parked: 1 });
    assert_eq!(*book.taken.lock().unwrap(), [Uuid::from_u128(0)]);
    let parked = store.outbox_parked().await.unwrap();
    assert_eq!((parked.len(), parked[0].entry, &*parked[0].failure), (1, 1, UNREADABLE));
}

#[tokio::test]
async fn a_call_whose_answer_was_lost_is_told_so_until_it_is_known() {
    let answers = [BookError::Unclear, BookError::BreakerOpen, BookError::Failed].map(Err).into();
    let book = Scripted { takes_calls: true, answers: Mutex::new(answers), ..Scripted::default() };
    let Bench { _directory, book, outbox, .. } = bench_of(book, 1).await;
    for minute in 1..=4 {
        outbox.round(minutes_from_now(2 * minute)).await.unwrap();
    }
    let told = book.earlier.lock().unwrap().clone();
    assert_eq!(told, [Earlier::None, Earlier::Unclear, Earlier::Unclear, Earlier::None]);
    assert_eq!(book.taken.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn every_step_of_a_delivery_is_told_in_order() {
    for (takes_calls, steps) in [
        (true, vec![Step::Due, Step::Marked, Step::Answered, Step::Settled]),
        (false, vec![Step::Due, Step::Answered, Step::Settled]),
    ] {
        let bench = bench_of(Scripted { takes_calls, ..Scripted::default() }, 1).await;
        let told = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&told);
        let observer = Arc::new(move |step, entry| seen.lock().unwrap().push((step, entry)));
        let book = Arc::clone(&bench.book) as Arc<dyn AccountBook>;
        let outbox = Outbox::observed(bench.store.clone(), book, RetryPolicy::default(), observer);
        outbox.round(minutes_from_now(1)).await.unwrap();
        assert_eq!(*told.lock().unwrap(), steps.into_iter().map(|step| (step, 1)).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_full_volume_is_drained_all_the_same() {
    let directory = TempDir::new().unwrap();
    let options = StoreOptions {
        commit_deadline: Duration::from_secs(30),
        least_free: 0,
        page_limit: Some(80),
        ..StoreOptions::at(directory.path().join("tonegate.sqlite"))
    };
    let (store, _) = Store::open(options, Timestamp::UNIX_EPOCH).unwrap();
    let attempt = |call| ContactAttempt::inbound(Uuid::from_u128(call), "carrier", Timestamp::UNIX_EPOCH, "collector");
    let mut count = 0;
    let refusal = loop {
        match store.write(Write::from(Record::from(attempt(count)))).await {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refusal, StoreError::Full) && count > 20, "{refusal} after {count}");
    let book = Arc::new(Scripted { takes_calls: true, ..Scripted::default() });
    let outbox = Outbox::new(store.clone(), Arc::clone(&book) as Arc<dyn AccountBook>, RetryPolicy::default());
    let mut delivered = 0;
    while delivered < count as usize {
        let round = outbox.round(minutes_from_now(1)).await.unwrap();
        assert!(round.delivered > 0, "{round:?} after {delivered} of {count}");
        delivered += round.delivered;
    }
    let taken = book.taken.lock().unwrap().clone();
    assert_eq!(taken, (0..count).map(Uuid::from_u128).collect::<Vec<_>>(), "each once, in order");
    store.write(Write::from(Record::from(attempt(count)))).await.unwrap();
}
