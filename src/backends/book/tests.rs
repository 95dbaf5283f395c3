use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use ::book::breaker::BreakerPolicy;
use ::book::import::{BUILT_IN_STRATEGIES, accounts, strategies};
use ::book::record::{AttemptStatus, PaymentMethod, PaymentStatus};
use ::book::{AccountId, AccountUpdate, ContactAttempt, ExternalId, PaymentTransaction, Phone, Reference};
use jiff::Timestamp;
use jiff::civil::date;
use rules::contact::Flag;
use rules::money::{Currency, Money};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::tests::{durability, durable};

const SAMPLE_ACCOUNTS: &[u8] = include_bytes!("../../../config/sample-accounts.csv");
const CALL: Uuid = Uuid::from_u128(1);

fn sample() -> (Vec<::book::Strategy>, Vec<::book::Account>) {
    let strategies = strategies(BUILT_IN_STRATEGIES).unwrap().rows;
    let accounts = accounts(SAMPLE_ACCOUNTS, &strategies, date(2026, 11, 23)).unwrap().rows;
    (strategies, accounts)
}

fn open(directory: &TempDir) -> SqliteBook {
    let (strategies, accounts) = sample();
    SqliteBook::open(&directory.path().join("book.sqlite"), &strategies, &accounts).unwrap().0
}

fn account() -> AccountId {
    AccountId::parse("CA-1001").unwrap()
}

async fn balance(book: &SqliteBook) -> i64 {
    match book.look_up(LookupKey::Account(account())).await.unwrap() {
        LookUp::Found(found) => found.account.balance.minor(),
        LookUp::Nothing | LookUp::Several => panic!("the sample has the account"),
    }
}

fn payment(status: PaymentStatus) -> PaymentTransaction {
    PaymentTransaction {
        external_id: ExternalId::payment(Uuid::from_u128(7)),
        payment: Uuid::from_u128(7),
        call: CALL,
        attempt: ExternalId::attempt(CALL),
        account: account(),
        arrangement: None,
        amount: Money::new(10_207, Currency::USD),
        method: PaymentMethod::CardKeyed,
        status,
        failure: None,
        card: None,
        token: None,
        processed_at: None,
    }
}

#[tokio::test]
async fn an_account_is_found_by_number_reference_and_id() {
    let directory = TempDir::new().unwrap();
    let book = open(&directory);
    let keys = [
        LookupKey::Number(Phone::parse("(202) 555-0143").unwrap()),
        LookupKey::Reference(Reference::parse("40017731").unwrap()),
        LookupKey::Account(account()),
    ];
    for key in keys {
        let LookUp::Found(found) = book.look_up(key).await.unwrap() else { panic!("the sample has the account") };
        assert_eq!((found.account.id, found.strategy.id.as_str()), (account(), "standard"));
    }
    let unknown = LookupKey::Number(Phone::parse("+12025550100").unwrap());
    assert_eq!(book.look_up(unknown).await.unwrap(), LookUp::Nothing);
}

#[tokio::test]
async fn a_shared_number_leaves_the_choice_to_the_reference() {
    let directory = TempDir::new().unwrap();
    let (strategies, mut accounts) = sample();
    accounts[1].phone = accounts[0].phone.clone();
    let (book, _) = SqliteBook::open(&directory.path().join("book.sqlite"), &strategies, &accounts).unwrap();
    let key = LookupKey::Number(accounts[0].phone.clone());
    assert_eq!(book.look_up(key).await.unwrap(), LookUp::Several);
}

#[tokio::test]
async fn a_second_start_leaves_accounts_as_they_are() {
    let directory = TempDir::new().unwrap();
    let (strategies, accounts) = sample();
    let path = directory.path().join("book.sqlite");
    let (book, seeded) = SqliteBook::open(&path, &strategies, &accounts).unwrap();
    assert_eq!(seeded, Seeded { added: accounts.len(), kept: 0 });
    book.deliver(payment(PaymentStatus::Succeeded).into()).await.unwrap();
    let paid = balance(&book).await;
    drop(book);
    let (book, seeded) = SqliteBook::open(&path, &strategies, &accounts).unwrap();
    assert_eq!(seeded, Seeded { added: 0, kept: accounts.len() });
    assert_eq!(balance(&book).await, paid);
}

#[tokio::test]
async fn a_payment_told_twice_lowers_the_balance_once() {
    let directory = TempDir::new().unwrap();
    let book = open(&directory);
    let before = balance(&book).await;
    book.deliver(payment(PaymentStatus::Pending).into()).await.unwrap();
    assert_eq!(balance(&book).await, before);
    for _ in 0..2 {
        book.deliver(payment(PaymentStatus::Succeeded).into()).await.unwrap();
        assert_eq!(balance(&book).await, before - 10_207);
    }
    for _ in 0..2 {
        book.deliver(payment(PaymentStatus::Refunded).into()).await.unwrap();
        assert_eq!(balance(&book).await, before, "a refund raises it once");
    }
}

#[tokio::test]
async fn a_record_keeps_one_row_and_its_last_content() {
    let directory = TempDir::new().unwrap();
    let book = open(&directory);
    let attempt = ContactAttempt::inbound(CALL, "carrier", Timestamp::UNIX_EPOCH, "collector");
    let completed = ContactAttempt { status: AttemptStatus::Completed, account: Some(account()), ..attempt.clone() };
    for record in [attempt, completed.clone(), completed.clone()] {
        book.deliver(record.into()).await.unwrap();
    }
    let file = rusqlite::Connection::open(directory.path().join("book.sqlite")).unwrap();
    let rows: Vec<String> = file
        .prepare("SELECT record FROM contact_attempts")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(serde_json::from_str::<Record>(&rows[0]).unwrap(), completed.into());
}

#[tokio::test]
async fn flags_bind_from_the_next_look_up_on() {
    let directory = TempDir::new().unwrap();
    let book = open(&directory);
    let external_id = ExternalId::update(CALL, 1);
    let set = [Flag::Cease].into();
    let update = AccountUpdate { external_id, call: CALL, account: account(), set, at: Timestamp::UNIX_EPOCH };
    book.deliver(update.into()).await.unwrap();
    let LookUp::Found(found) = book.look_up(LookupKey::Account(account())).await.unwrap() else {
        panic!("it is there")
    };
    assert!(found.account.flags.contains(Flag::Cease));
}

#[tokio::test]
async fn a_record_of_an_unknown_account_is_refused_and_not_kept() {
    let directory = TempDir::new().unwrap();
    let book = open(&directory);
    let stray = PaymentTransaction { account: AccountId::parse("CA-9").unwrap(), ..payment(PaymentStatus::Succeeded) };
    let error = book.deliver(stray.into()).await.unwrap_err();
    assert_eq!((error, error.fault()), (BookError::UnknownAccount, Fault::Rejected));
}

/// A book that never answers.
struct Silent;

impl AccountBook for Silent {
    fn name(&self) -> &'static str {
        "silent"
    }

    fn look_up(&self, _key: LookupKey) -> Answer<'_, LookUp> {
        Box::pin(std::future::pending())
    }

    fn deliver(&self, _record: Record) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Err(BookError::Refused)))
    }
}

/// A breaker that stays open for as long as a test takes.
const STAYS_OPEN: BreakerPolicy = BreakerPolicy {
    failures: 5,
    silence: Duration::ZERO,
    open_for: Duration::from_secs(3_600),
    open_at_most: Duration::from_secs(3_600),
};

#[tokio::test]
async fn a_silent_book_is_given_up_at_the_deadline_and_then_left_alone() {
    let options = GuardOptions { look_up: Duration::from_millis(1), breaker: STAYS_OPEN, ..GuardOptions::default() };
    let book = GuardedBook::new(Arc::new(Silent), options);
    let mut errors = Vec::new();
    for _ in 0..6 {
        errors.push(book.look_up(LookupKey::Account(account())).await.unwrap_err());
    }
    assert_eq!(errors[..5], [BookError::Deadline; 5]);
    assert_eq!(errors[5], BookError::BreakerOpen);
    // Deliveries have a breaker of their own, and refusals do not open it.
    for _ in 0..6 {
        assert_eq!(book.deliver(payment(PaymentStatus::Pending).into()).await, Err(BookError::Refused));
    }
}

/// A book in trouble with questions of one class alone.
struct Troubled(Class);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Compliance,
    LookUp,
    Write,
}

impl Class {
    const ALL: [Self; 3] = [Self::Compliance, Self::LookUp, Self::Write];
}

impl Troubled {
    fn answer<T>(&self, class: Class, answer: T) -> Result<T, BookError> {
        if class == self.0 { Err(BookError::Failed) } else { Ok(answer) }
    }
}

impl AccountBook for Troubled {
    fn name(&self) -> &'static str {
        "troubled"
    }

    fn look_up(&self, key: LookupKey) -> Answer<'_, LookUp> {
        let class = if matches!(key, LookupKey::Account(_)) { Class::Compliance } else { Class::LookUp };
        Box::pin(std::future::ready(self.answer(class, LookUp::Nothing)))
    }

    fn deliver(&self, _record: Record) -> Answer<'_, ()> {
        Box::pin(std::future::ready(self.answer(Class::Write, ())))
    }
}

/// Every question of a class, asked once.
async fn asked(book: &GuardedBook, class: Class) -> Vec<Result<(), BookError>> {
    match class {
        Class::Compliance => vec![book.look_up(LookupKey::Account(account())).await.map(drop)],
        Class::LookUp => {
            let keys = [
                LookupKey::Number(Phone::parse("+12025550143").unwrap()),
                LookupKey::Reference(Reference::parse("40017731").unwrap()),
            ];
            let mut answers = Vec::new();
            for key in keys {
                answers.push(book.look_up(key).await.map(drop));
            }
            answers
        }
        Class::Write => {
            let set = [Flag::Cease].into();
            let external_id = ExternalId::update(CALL, 1);
            let update = AccountUpdate { external_id, call: CALL, account: account(), set, at: Timestamp::UNIX_EPOCH };
            let mut answers = book.deliver_call(payments(&[PaymentStatus::Pending]), History::NONE).await;
            answers.push(book.deliver(payment(PaymentStatus::Pending).into()).await);
            answers.push(book.set_flags(update, Earlier::None).await);
            answers
        }
    }
}

#[tokio::test]
async fn trouble_with_one_class_of_questions_ends_no_other() {
    for class in Class::ALL {
        let book = GuardedBook::new(Arc::new(Troubled(class)), GuardOptions::default());
        for _ in 0..GuardOptions::default().breaker.failures {
            asked(&book, class).await;
        }
        assert!(asked(&book, class).await.iter().all(|answer| *answer == Err(BookError::BreakerOpen)), "{class:?}");
        for other in Class::ALL.into_iter().filter(|other| *other != class) {
            let answers = asked(&book, other).await;
            assert!(answers.iter().all(Result::is_ok), "{other:?} where {class:?} fails: {answers:?}");
        }
        assert!(book.state().is_failing);
    }
}

/// A book that answers nobody until it is well.
#[derive(Default)]
struct Recovering {
    is_well: AtomicBool,
    asked: AtomicU32,
}

impl AccountBook for Recovering {
    fn name(&self) -> &'static str {
        "recovering"
    }

    fn look_up(&self, _key: LookupKey) -> Answer<'_, LookUp> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let is_well = self.is_well.load(Ordering::Relaxed);
        Box::pin(std::future::ready(if is_well { Ok(LookUp::Nothing) } else { Err(BookError::Failed) }))
    }

    fn deliver(&self, _record: Record) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test]
async fn a_book_that_is_well_again_is_known_to_be_although_nobody_calls() {
    let breaker = BreakerPolicy { open_for: Duration::ZERO, ..BreakerPolicy::default() };
    let recovering = Arc::new(Recovering::default());
    let book = GuardedBook::new(
        Arc::clone(&recovering) as Arc<dyn AccountBook>,
        GuardOptions { breaker, ..GuardOptions::default() },
    );
    let questions = || recovering.asked.load(Ordering::Relaxed);
    book.ask_again().await;
    assert_eq!(questions(), 0, "a book that is not left alone is not asked for this");
    for class in [Class::LookUp, Class::Compliance] {
        for _ in 0..breaker.failures {
            asked(&book, class).await;
        }
    }
    book.ask_again().await;
    assert!(book.state().is_failing, "it still answers nobody");
    recovering.is_well.store(true, Ordering::Relaxed);
    let before = questions();
    book.ask_again().await;
    assert_eq!(questions() - before, 2, "once for each class");
    assert!(!book.state().is_failing);
}

/// A book that answers deliveries by the status of a payment, and counts them.
#[derive(Default)]
struct Choosy {
    takes_calls: bool,
    asked: std::sync::Mutex<Vec<PaymentStatus>>,
}

impl AccountBook for Choosy {
    fn name(&self) -> &'static str {
        "choosy"
    }

    fn look_up(&self, _key: LookupKey) -> Answer<'_, LookUp> {
        Box::pin(std::future::ready(Ok(LookUp::Nothing)))
    }

    fn deliver(&self, record: Record) -> Answer<'_, ()> {
        let Record::PaymentTransaction(payment) = record else { panic!("payments alone") };
        self.asked.lock().unwrap().push(payment.status);
        let answer = match payment.status {
            PaymentStatus::Failed => Err(BookError::Refused),
            PaymentStatus::Pending => Err(BookError::Unclear),
            PaymentStatus::Initiated | PaymentStatus::Succeeded | PaymentStatus::Refunded => Ok(()),
        };
        Box::pin(std::future::ready(answer))
    }

    fn takes_calls(&self) -> bool {
        self.takes_calls
    }
}

fn payments(statuses: &[PaymentStatus]) -> Vec<Record> {
    statuses.iter().map(|status| payment(*status).into()).collect()
}

#[tokio::test]
async fn a_call_is_delivered_one_record_after_another_until_the_book_does_not_answer() {
    use PaymentStatus::{Failed, Pending, Refunded, Succeeded};
    let book = Choosy::default();
    let answers = book.deliver_call(payments(&[Succeeded, Failed, Pending, Refunded]), History::NONE).await;
    let expected = [Ok(()), Err(BookError::Refused), Err(BookError::Unclear), Err(BookError::Unclear)];
    assert_eq!(answers, expected, "a refusal keeps nothing else back, silence does");
    assert_eq!(*book.asked.lock().unwrap(), [Succeeded, Failed, Pending]);
}

#[tokio::test]
async fn a_guarded_call_is_answered_by_record_or_comes_again_as_a_whole() {
    use PaymentStatus::{Failed, Pending, Succeeded};
    let inner = Arc::new(Choosy { takes_calls: true, ..Choosy::default() });
    let options = GuardOptions { breaker: STAYS_OPEN, ..GuardOptions::default() };
    let book = GuardedBook::new(Arc::clone(&inner) as Arc<dyn AccountBook>, options);
    assert!(book.takes_calls());
    let answers = book.deliver_call(payments(&[Succeeded, Failed]), History::NONE).await;
    assert_eq!(answers, [Ok(()), Err(BookError::Refused)]);
    let answers = book.deliver_call(payments(&[Succeeded, Pending]), History::NONE).await;
    assert_eq!(answers, [Err(BookError::Unclear); 2], "what was written comes again and changes nothing");
    for _ in 0..4 {
        book.deliver_call(payments(&[Pending]), History::NONE).await;
    }
    let asked = inner.asked.lock().unwrap().len();
    let answers = book.deliver_call(payments(&[Succeeded, Succeeded]), History::NONE).await;
    assert_eq!(answers, [Err(BookError::BreakerOpen); 2], "five failures in a row");
    assert_eq!(inner.asked.lock().unwrap().len(), asked);
}

#[tokio::test]
async fn a_guarded_call_that_is_never_answered_ends_at_its_deadline() {
    /// Takes calls and never answers to one.
    struct Stuck;

    impl AccountBook for Stuck {
        fn name(&self) -> &'static str {
            "stuck"
        }

        fn look_up(&self, _key: LookupKey) -> Answer<'_, LookUp> {
            Box::pin(std::future::pending())
        }

        fn deliver(&self, _record: Record) -> Answer<'_, ()> {
            Box::pin(std::future::pending())
        }
    }

    let options = GuardOptions { deliver: Duration::from_millis(1), ..GuardOptions::default() };
    let book = GuardedBook::new(Arc::new(Stuck), options);
    let answers = book.deliver_call(payments(&[PaymentStatus::Succeeded; 2]), History::NONE).await;
    assert_eq!(answers, [Err(BookError::Deadline); 2]);
    let set = [Flag::Cease].into();
    let external_id = ExternalId::update(CALL, 1);
    let update = AccountUpdate { external_id, call: CALL, account: account(), set, at: Timestamp::UNIX_EPOCH };
    assert_eq!(book.set_flags(update, Earlier::None).await, Err(BookError::Deadline));
}

/// A card number that no network issues.
const CARD: &str = "9999271828459041";

/// Everything that is written in the book's file, tables, indices and what was freed.
fn everything(directory: &TempDir) -> Vec<u8> {
    let files = std::fs::read_dir(directory.path()).unwrap().flatten();
    files.flat_map(|file| std::fs::read(file.path()).unwrap()).collect()
}

#[tokio::test]
async fn a_card_number_in_a_record_reaches_no_book() {
    let directory = TempDir::new().unwrap();
    let book = Arc::new(open(&directory));
    let guarded = GuardedBook::new(Arc::clone(&book) as Arc<dyn AccountBook>, GuardOptions::default());
    let odd = |text: String| {
        let attempt = ContactAttempt::inbound(CALL, "carrier", Timestamp::UNIX_EPOCH, "collector");
        ContactAttempt { escalation_reason: Some(text), ..attempt }
    };
    // Both ways: past the guard, and through it.
    book.deliver(odd(format!("one {CARD}")).into()).await.unwrap();
    guarded.deliver(odd(format!("two {CARD}")).into()).await.unwrap();
    let token = PaymentTransaction { token: Some(CARD.to_owned()), ..payment(PaymentStatus::Pending) };
    guarded.deliver(token.into()).await.unwrap();
    drop((book, guarded));
    let bytes = everything(&directory);
    let holds = |needle: &str| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
    assert!(holds("two ################") && holds("\"token\":\"################\""));
    assert!(!holds(CARD) && !holds(&CARD[..12]));
}

#[tokio::test]
async fn no_column_of_the_book_is_made_for_a_card() {
    let directory = TempDir::new().unwrap();
    drop(open(&directory));
    let connection = rusqlite::Connection::open(directory.path().join("book.sqlite")).unwrap();
    let columns = "SELECT tables.name, columns.name FROM sqlite_schema tables, pragma_table_info(tables.name) columns";
    let mut statement = connection.prepare(columns).unwrap();
    let names: Vec<(String, String)> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    assert!(names.len() > 20, "{names:?}");
    assert!(!names.iter().any(|(_, column)| rules::account_data::is_forbidden_field(column)), "{names:?}");
}

#[tokio::test]
async fn what_is_committed_to_the_book_is_on_the_disk() {
    let directory = TempDir::new().unwrap();
    let level = open(&directory).writer().ask(|connection| durability(connection)).unwrap();
    assert_eq!(level.await.unwrap(), durable());
}
