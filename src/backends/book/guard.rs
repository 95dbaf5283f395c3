//! Deadlines, a breaker and metrics around any book.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::book::breaker::{Breaker, BreakerPolicy};
use ::book::outbound::BookState;
use ::book::outbox::Fault;
use ::book::vetting::vet;
use ::book::{AccountId, AccountUpdate, LookUp, LookupKey, Record, Reference};
use metrics::{counter, gauge, histogram};
use tokio_util::sync::CancellationToken;

use super::{AccountBook, Answer, Answers, BookError, Earlier, History};
use crate::store::BulkJobs;

/// How often a book that is left alone is asked although nobody calls, and for whom: no account has this id or reference.
const ASKED_EVERY: Duration = Duration::from_secs(5);
const NOBODY: &str = "NOBODY";

/// How long a book may take, and when it is left alone.
#[derive(Clone, Copy, Debug)]
pub struct GuardOptions {
    /// The deadline of a look-up: a caller waits for it.
    pub look_up: Duration,
    /// The deadline of a delivery: nobody waits for it.
    pub deliver: Duration,
    /// When a breaker opens; each [class](Class) of questions has one.
    pub breaker: BreakerPolicy,
}

impl Default for GuardOptions {
    fn default() -> Self {
        Self { look_up: Duration::from_secs(2), deliver: Duration::from_secs(16), breaker: BreakerPolicy::default() }
    }
}

/// What a question is for. Each class has a breaker of its own, so that trouble with one does not end the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Flags and balance of an account that is known, read again.
    Compliance,
    /// Who an account belongs to.
    LookUp,
    /// Records.
    Write,
}

impl Class {
    const fn of(key: &LookupKey) -> Self {
        match key {
            LookupKey::Account(_) => Self::Compliance,
            LookupKey::Number(_) | LookupKey::Reference(_) => Self::LookUp,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Compliance => "compliance",
            Self::LookUp => "look_up",
            Self::Write => "write",
        }
    }
}

/// A book that always answers in time, if only with an error.
pub struct GuardedBook {
    book: Arc<dyn AccountBook>,
    options: GuardOptions,
    breakers: [Mutex<Breaker>; 3],
}

impl GuardedBook {
    /// Guards a book.
    #[must_use]
    pub fn new(book: Arc<dyn AccountBook>, options: GuardOptions) -> Self {
        let breaker = || Mutex::new(Breaker::new(options.breaker));
        Self { book, options, breakers: [breaker(), breaker(), breaker()] }
    }

    async fn guard<T>(&self, class: Class, deadline: Duration, answer: Answer<'_, T>) -> Result<T, BookError> {
        let breaker = &self.breakers[class as usize];
        if !held(breaker).admit(Instant::now()) {
            return Err(BookError::BreakerOpen);
        }
        let result = tokio::time::timeout(deadline, answer).await.unwrap_or(Err(BookError::Deadline));
        match &result {
            Err(error) if error.fault() == Fault::Unavailable => {
                counter!("tonegate_control_failures_total", "control" => "account_book").increment(1);
                held(breaker).failed(Instant::now());
            }
            // A refusal is an answer: the book works.
            Ok(_) | Err(_) => held(breaker).succeeded(Instant::now()),
        }
        gauge!("tonegate_breaker_open", "class" => class.name()).set(if held(breaker).is_closed() { 0.0 } else { 1.0 });
        result
    }
}

impl GuardedBook {
    /// Asks for an account that is none, of each class of look-ups that is left alone, every five seconds until cancelled: a book
    /// that answers again is known to, although nobody calls.
    pub async fn keep_asking(&self, cancelled: CancellationToken) {
        while cancelled.run_until_cancelled(tokio::time::sleep(ASKED_EVERY)).await.is_some() {
            self.ask_again().await;
        }
    }

    pub(super) async fn ask_again(&self) {
        let keys =
            (AccountId::parse(NOBODY).map(LookupKey::Account), Reference::parse(NOBODY).map(LookupKey::Reference));
        for key in keys.0.ok().into_iter().chain(keys.1.ok()) {
            let class = Class::of(&key);
            if !held(&self.breakers[class as usize]).is_closed() {
                self.guard(class, self.options.look_up, self.book.look_up(key)).await.ok();
            }
        }
    }

    /// Delivers a call, as one delivery to deadline and breaker.
    async fn deliver_fit(&self, records: Vec<Record>, history: History) -> Vec<Result<(), BookError>> {
        let count = records.len();
        let delivered = self.book.deliver_call(records, history);
        let answer: Answer<'_, _> = Box::pin(async move {
            let answers = delivered.await;
            let silent =
                |answer: &Result<(), BookError>| answer.err().filter(|error| error.fault() == Fault::Unavailable);
            // As soon as one record found nobody, all of them come again: those that were written change nothing.
            answers.iter().find_map(silent).map_or(Ok(answers), Err)
        });
        let answers = self.guard(Class::Write, self.options.deliver, answer).await;
        answers.unwrap_or_else(|error| vec![Err(error); count])
    }
}

impl AccountBook for GuardedBook {
    fn name(&self) -> &'static str {
        self.book.name()
    }

    fn look_up(&self, key: LookupKey) -> Answer<'_, LookUp> {
        Box::pin(async move {
            let begun = Instant::now();
            let result = self.guard(Class::of(&key), self.options.look_up, self.book.look_up(key)).await;
            histogram!("tonegate_lookup_seconds", "book" => self.name()).record(begun.elapsed());
            result
        })
    }

    fn deliver(&self, record: Record) -> Answer<'_, ()> {
        match fit(record) {
            Ok(record) => Box::pin(self.guard(Class::Write, self.options.deliver, self.book.deliver(record))),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn takes_calls(&self) -> bool {
        self.book.takes_calls()
    }

    fn set_flags(&self, update: AccountUpdate, earlier: Earlier) -> Answer<'_, ()> {
        match fit(update.into()) {
            Ok(Record::AccountUpdate(update)) => {
                Box::pin(self.guard(Class::Write, self.options.deliver, self.book.set_flags(update, earlier)))
            }
            Ok(_) => Box::pin(std::future::ready(Err(BookError::Refused))),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn deliver_call(&self, records: Vec<Record>, history: History) -> Answers<'_> {
        Box::pin(async move {
            let (fitting, answers) = fitted(records);
            answers.with(self.deliver_fit(fitting, history).await)
        })
    }

    fn state(&self) -> BookState {
        let state = self.book.state();
        let is_failing = state.is_failing || self.breakers.iter().any(|breaker| !held(breaker).is_closed());
        BookState { is_failing, ..state }
    }

    fn takes_backlogs(&self) -> bool {
        self.book.takes_backlogs()
    }

    /// Nobody waits for it, and it has deadlines of its own.
    fn deliver_backlog(&self, records: Vec<Record>, jobs: BulkJobs) -> Answers<'_> {
        Box::pin(async move {
            let (fitting, answers) = fitted(records);
            answers.with(self.book.deliver_backlog(fitting, jobs).await)
        })
    }

    fn end_jobs(&self, jobs: BulkJobs) -> Answer<'_, ()> {
        self.book.end_jobs(jobs)
    }
}

/// What is answered to records of which some are delivered and some not fit to be.
struct Fitted(Vec<Option<BookError>>);

impl Fitted {
    /// Puts the answers to what was delivered in their places.
    fn with(self, delivered: Vec<Result<(), BookError>>) -> Vec<Result<(), BookError>> {
        let mut delivered = delivered.into_iter();
        let answer = |unfit: Option<BookError>| match unfit {
            Some(error) => Err(error),
            None => delivered.next().unwrap_or(Err(BookError::Failed)),
        };
        self.0.into_iter().map(answer).collect()
    }
}

/// The records that may be delivered, and the answers to the others.
fn fitted(records: Vec<Record>) -> (Vec<Record>, Fitted) {
    let (mut fitting, mut unfit) = (Vec::new(), Vec::new());
    for record in records.into_iter().map(fit) {
        unfit.push(record.as_ref().err().copied());
        fitting.extend(record);
    }
    (fitting, Fitted(unfit))
}

/// A record that no card number is in, whoever made it. What is masked here was not on its way into the store, and so stands in no
/// audit entry: an alert tells.
fn fit(record: Record) -> Result<Record, BookError> {
    let vetted = vet(&record);
    if vetted.as_ref().is_ok_and(|vetted| vetted.masked.is_empty()) {
        return Ok(record);
    }
    counter!("tonegate_control_failures_total", "control" => crate::store::MASKED).increment(1);
    let kind = record.kind().name();
    match vetted.map(|vetted| (serde_json::from_str(&vetted.json), vetted.masked)) {
        Ok((Ok(masked), fields)) => {
            tracing::error!(kind, ?fields, "a card number is masked in a record");
            Ok(masked)
        }
        Ok((Err(_), fields)) => {
            tracing::error!(kind, ?fields, "a record is refused: with its card number masked it is none");
            Err(BookError::Refused)
        }
        Err(error) => {
            tracing::error!(kind, %error, "a record is refused");
            Err(BookError::Refused)
        }
    }
}

fn held(breaker: &Mutex<Breaker>) -> MutexGuard<'_, Breaker> {
    breaker.lock().unwrap_or_else(PoisonError::into_inner)
}
