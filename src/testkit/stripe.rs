//! A server of Stripe's shape: payment methods, PaymentIntents and refunds over real HTTPS, with idempotent requests as
//! Stripe documents them (the first status and body of a key are stored, 500 included, and replayed; the same key with
//! other parameters is an error) and faults on order. It keeps of a card its brand, its last four and its fate.

mod answer;
mod book;
mod card;
mod refund;

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, Uri},
    response::Response,
};
use tokio::sync::Notify;

use self::{answer::Answer, book::Book};
use crate::https::{Authority, Served, private};

pub use book::{Intent, Seen};
pub use refund::{Refund, RefundFate};

/// The name in its certificate.
pub const NAME: &str = "stripe.localhost";
/// The secret key that it takes.
pub const KEY: &str = "sk_test_tonegatetestsonly";

/// Something that goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is processed and stored, and nobody is told.
    LostAnswer,
    /// It is lost before anything is done.
    LostRequest,
    /// It is processed, and answered when the test says so ([`Stripe::answer_late`]).
    Late,
    /// It is answered with this status, and not processed; a 500 is stored.
    Status(u16),
    /// It is processed, answered with 500, and that is stored.
    FailsAfter,
    /// It is refused with 400 and a text that repeats the card.
    EchoesTheCard,
    /// It is processed, and answered with something that is no JSON.
    Garbage,
}

/// A running server.
pub struct Stripe {
    served: Served,
    authority: Authority,
    state: Arc<Mutex<Book>>,
    /// Tells the answers that are kept waiting.
    late: Arc<Notify>,
}

impl Stripe {
    /// Starts a server whose files are in a directory.
    ///
    /// # Errors
    /// Where a file cannot be written, or there is no port.
    pub async fn start(directory: impl Into<PathBuf>) -> io::Result<Self> {
        Self::named(directory, NAME).await
    }

    /// Starts a server whose certificate bears another name.
    ///
    /// # Errors
    /// Where a file cannot be written, or there is no port.
    pub async fn named(directory: impl Into<PathBuf>, name: &str) -> io::Result<Self> {
        let authority = Authority::new(directory)?;
        let key = authority.directory().join("key");
        std::fs::write(&key, format!("{KEY}\n"))?;
        private(&key)?;
        let state = Arc::new(Mutex::new(Book::default()));
        let late = Arc::new(Notify::new());
        let routes = Router::new().fallback(answer).with_state((Arc::clone(&state), Arc::clone(&late)));
        let served = Served::start(authority.server(name, None)?, routes).await?;
        Ok(Self { served, authority, state, late })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.served.address()
    }

    /// The file with the certificate of its authority.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.authority.file()
    }

    /// The file with its secret key.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.authority.directory().join("key")
    }

    /// Has the next request whose path begins so go wrong.
    pub fn fail_next(&self, path: &str, fault: Fault) {
        self.book().faults.push((path.to_owned(), fault));
    }

    /// Answers what [`Fault::Late`] has kept waiting.
    pub fn answer_late(&self) {
        self.late.notify_waiters();
    }

    /// Every PaymentIntent there is, oldest first.
    #[must_use]
    pub fn intents(&self) -> Vec<Intent> {
        self.book().intents.clone()
    }

    /// How often money was taken and not given back.
    #[must_use]
    pub fn charged(&self) -> usize {
        self.book().charged()
    }

    /// Decides what becomes of the next refund that is made.
    pub fn next_refund(&self, fate: RefundFate) {
        self.book().refunds.fates.push(fate);
    }

    /// Finishes the refunds that are pending.
    pub fn finish_refunds(&self) {
        let book = &mut *self.book();
        book.refunds.finish(&mut book.intents);
    }

    /// Every refund that was made, oldest first.
    #[must_use]
    pub fn refunds(&self) -> Vec<Refund> {
        self.book().refunds.made.clone()
    }

    /// Forgets every idempotency key, as Stripe does after a day.
    pub fn forget_keys(&self) {
        self.book().stored.clear();
    }

    /// Every request, as far as it may be known.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.book().seen.clone()
    }

    /// Keeps a card as if it had been posted, and returns its payment method's id.
    #[must_use]
    pub fn keep(&self, number: &str) -> String {
        self.book().keep(number).expect("a number of the list")
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        held(&self.state)
    }
}

fn held(state: &Mutex<Book>) -> MutexGuard<'_, Book> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request: asked of the book, and put into HTTP as its fault wants.
async fn answer(
    State((state, late)): State<(Arc<Mutex<Book>>, Arc<Notify>)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (answer, fault) = {
        let mut book = held(&state);
        let fault = book.fault_of(uri.path());
        (book.handle(&method, &uri, &headers, &body, fault), fault)
    };
    match fault {
        Some(Fault::LostAnswer | Fault::LostRequest) => std::future::pending().await,
        Some(Fault::Late) => late.notified().await,
        Some(Fault::Garbage) => return Answer::garbage(),
        Some(Fault::Status(_) | Fault::FailsAfter | Fault::EchoesTheCard) | None => {}
    }
    answer.into_response()
}
