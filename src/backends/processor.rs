//! The payment processor, as the gateway speaks to it: charge by token, read what became of a payment, refund it.
//!
//! A card goes to the processor from the vault alone. Where the processor only keeps it and answers with a token, the
//! gateway charges by that token; a token is not card data. Where it charges at once, the gateway only reads. What is
//! called [`PaymentProcessor`] is a processor's own dialect; everybody else speaks to [`Processor`], which adds:
//!
//! | call | deadline of an attempt | attempts | repeated because |
//! |---|---|---|---|
//! | charge | [`ProcessorOptions::answer_within`] | by [`call::settlement`], within 30 s in all | one idempotency key, kept with the payment's row before it is used |
//! | read | [`ATTEMPT`] | 3 ([`crate::attempts`]) | reading changes nothing |
//! | refund | [`ProcessorOptions::answer_within`] | by [`call::refunding`], within 30 s in all | one idempotency key, kept likewise |
//! | read a refund | [`ATTEMPT`] | likewise | reading changes nothing |
//!
//! After [`Breaker::FAILURES`] failures in a row nothing is asked for [`Breaker::OPEN`]. No text of a processor goes any
//! further: answers are read field by field, and what they say is one of [`Reading`] and [`ProcessorError`].

mod breaker;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod https;
mod payment;
mod sandbox;
mod stripe;
#[cfg(test)]
mod tests;
mod tokeniser;

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::net::TcpStream;

use self::{breaker::Breaker, sandbox::Sandbox, stripe::Stripe, tokeniser::Tokeniser};
use crate::attempts::repeated;

pub use error::ProcessorError;
pub use payment::{Charge, Reading, Receipt, Refund, Refunded, Sought};

/// How long one attempt to read may take.
const ATTEMPT: Duration = Duration::from_secs(3);
/// The port of HTTPS.
const PORT: u16 = 443;

/// Which processor, and what only that one needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessorKind {
    /// The one that charges at once and moves no money.
    Sandbox,
    /// Stripe: keeps cards and charges by token.
    Stripe {
        /// The connected account that is charged for, `acct_…`.
        account: Option<String>,
        /// Whether the card stays usable for later payments without its holder.
        keep_card: bool,
    },
    /// An endpoint that keeps cards.
    Tokeniser {
        /// Where tokens are charged; where there is none, they are handed on to the account book.
        charge_path: Option<String>,
    },
}

/// The processor: where it listens, how it is known, and how the gateway is known to it.
#[derive(Clone, Debug)]
pub struct ProcessorOptions {
    /// Which one.
    pub kind: ProcessorKind,
    /// The name in its certificate.
    pub name: String,
    /// Where it listens; its name is looked up where this is not set. The gateway connects; both the gateway and the
    /// vault authenticate it.
    pub address: Option<SocketAddr>,
    /// A PEM file with the authorities that may have signed its certificate.
    pub authority: PathBuf,
    /// A file that holds the bearer token or secret key, where it wants one.
    pub token: Option<PathBuf>,
    /// PEM files of a certificate and its key, where it wants mutual TLS.
    pub client: Option<(PathBuf, PathBuf)>,
    /// The path that the vault posts to.
    pub path: String,
    /// Whether it may move no money: it must say so itself where it can.
    pub is_test: bool,
    /// How long it may take to answer a submission, a charge or a refund, 1 to 60 seconds.
    pub answer_within: Duration,
}

impl ProcessorOptions {
    /// Opens a connection.
    ///
    /// # Errors
    /// Whatever the system says.
    pub async fn connect(&self) -> io::Result<TcpStream> {
        match self.address {
            Some(address) => TcpStream::connect(address).await,
            None => TcpStream::connect((self.name.as_str(), PORT)).await,
        }
    }
}

/// A processor's dialect. One attempt each, with its own deadline; who asks repeats.
pub trait PaymentProcessor: Send + Sync + 'static {
    /// The processor's name in rows and logs.
    fn name(&self) -> &'static str;

    /// Charges what the processor holds.
    fn charge(&self, charge: Charge) -> impl Future<Output = Result<Reading, ProcessorError>> + Send;

    /// Reads what became of a payment.
    fn read(&self, sought: Sought) -> impl Future<Output = Result<Reading, ProcessorError>> + Send;

    /// Refunds a whole payment.
    fn refund(&self, refund: Refund) -> impl Future<Output = Result<Refunded, ProcessorError>> + Send;

    /// Reads what became of a refund.
    fn find_refund(&self, refund: Refund) -> impl Future<Output = Result<Refunded, ProcessorError>> + Send;

    /// Asks for something harmless, to see whether it answers and takes the gateway's key.
    fn reach(&self) -> impl Future<Output = Result<(), ProcessorError>> + Send;
}

/// The processor, with deadlines, retries, a breaker and metrics.
pub struct Processor {
    dialect: Box<dyn Dialect>,
    /// Who charges.
    charging: Charging,
    breaker: Mutex<Breaker>,
}

/// When a card is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charging {
    /// By the processor, when the vault submits it.
    AtOnce,
    /// By the gateway, with the token that the vault got.
    ByToken,
    /// By somebody else: the token goes to the account book.
    Elsewhere,
}

impl Processor {
    /// Prepares the client; connects to nothing yet.
    ///
    /// # Errors
    /// [`ProcessorError::Setting`] names the one that cannot be used.
    pub fn new(options: &ProcessorOptions) -> Result<Self, ProcessorError> {
        Ok(match &options.kind {
            ProcessorKind::Sandbox => Self::over(Sandbox::new(options)?, Charging::AtOnce),
            ProcessorKind::Stripe { account, keep_card } => {
                Self::over(Stripe::new(options, account.clone(), *keep_card)?, Charging::ByToken)
            }
            ProcessorKind::Tokeniser { charge_path } => {
                let charging = if charge_path.is_some() { Charging::ByToken } else { Charging::Elsewhere };
                Self::over(Tokeniser::new(options, charge_path.clone())?, charging)
            }
        })
    }

    /// A processor that speaks this dialect.
    #[must_use]
    pub fn over(dialect: impl PaymentProcessor, charging: Charging) -> Self {
        Self { dialect: Box::new(dialect), charging, breaker: Mutex::default() }
    }

    /// Its name, as rows keep it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.dialect.name()
    }

    /// When it charges.
    #[must_use]
    pub fn charging(&self) -> Charging {
        self.charging
    }

    /// One attempt to charge.
    ///
    /// # Errors
    /// It may have been charged where [`ProcessorError::answer`] is [`call::settlement::Answer::Uncertain`].
    pub async fn charge(&self, charge: Charge) -> Result<Reading, ProcessorError> {
        let began = Instant::now();
        let result = self.guarded(self.dialect.charge(charge)).await;
        let label = result.map_or_else(ProcessorError::label, Reading::label);
        metrics::histogram!("tonegate_processor_charge_seconds", "result" => label).record(began.elapsed());
        result
    }

    /// One attempt to read.
    ///
    /// # Errors
    /// Nothing could be read; what is known stays as it was.
    pub async fn look(&self, sought: Sought) -> Result<Reading, ProcessorError> {
        let began = Instant::now();
        let result = self.guarded(self.dialect.read(sought)).await;
        observe_read(result.err(), began);
        result
    }

    /// What became of a payment. Bounded by three attempts and the waits between them.
    ///
    /// # Errors
    /// Nothing could be read; what is known stays as it was.
    pub async fn read(&self, sought: Sought) -> Result<Reading, ProcessorError> {
        let began = Instant::now();
        let result = self.repeated(|| self.dialect.read(sought)).await;
        observe_read(result.err(), began);
        result
    }

    /// One attempt to refund a payment.
    ///
    /// # Errors
    /// It may have been refunded where [`ProcessorError::of_refund`] is [`call::refunding::Answer::Uncertain`]; asked
    /// again with the same key, it is refunded once.
    pub async fn refund(&self, refund: Refund) -> Result<Refunded, ProcessorError> {
        let began = Instant::now();
        let result = self.guarded(self.dialect.refund(refund)).await;
        let label = result.map_or_else(ProcessorError::label, Refunded::label);
        metrics::histogram!("tonegate_processor_refund_seconds", "result" => label).record(began.elapsed());
        result
    }

    /// One attempt to read what became of a refund.
    ///
    /// # Errors
    /// Nothing could be read; what is known stays as it was.
    pub async fn find_refund(&self, refund: Refund) -> Result<Refunded, ProcessorError> {
        let began = Instant::now();
        let result = self.guarded(self.dialect.find_refund(refund)).await;
        observe_read(result.err(), began);
        result
    }

    /// Whether it answers and takes the gateway's key. One attempt, beside the breaker.
    ///
    /// # Errors
    /// What is in the way.
    pub async fn reach(&self) -> Result<(), ProcessorError> {
        self.dialect.reach().await
    }

    async fn repeated<'a, T>(&self, attempt: impl Fn() -> Answering<'a, T>) -> Result<T, ProcessorError> {
        repeated(|| self.guarded(attempt()), is_passing).await
    }

    async fn guarded<T>(&self, attempt: Answering<'_, T>) -> Result<T, ProcessorError> {
        if !self.breaker().allows(Instant::now()) {
            return Err(ProcessorError::Open);
        }
        let result = attempt.await;
        // A refusal is an answer: the processor works.
        let works = !is_passing(&result);
        self.breaker().record(works, Instant::now());
        result
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a dialect answers with, in the end.
type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<T, ProcessorError>> + Send + 'a>>;

/// [`PaymentProcessor`] of whichever kind.
trait Dialect: Send + Sync {
    fn name(&self) -> &'static str;
    fn charge(&self, charge: Charge) -> Answering<'_, Reading>;
    fn read(&self, sought: Sought) -> Answering<'_, Reading>;
    fn refund(&self, refund: Refund) -> Answering<'_, Refunded>;
    fn find_refund(&self, refund: Refund) -> Answering<'_, Refunded>;
    fn reach(&self) -> Answering<'_, ()>;
}

impl<P: PaymentProcessor> Dialect for P {
    fn name(&self) -> &'static str {
        PaymentProcessor::name(self)
    }

    fn charge(&self, charge: Charge) -> Answering<'_, Reading> {
        Box::pin(PaymentProcessor::charge(self, charge))
    }

    fn read(&self, sought: Sought) -> Answering<'_, Reading> {
        Box::pin(PaymentProcessor::read(self, sought))
    }

    fn refund(&self, refund: Refund) -> Answering<'_, Refunded> {
        Box::pin(PaymentProcessor::refund(self, refund))
    }

    fn find_refund(&self, refund: Refund) -> Answering<'_, Refunded> {
        Box::pin(PaymentProcessor::find_refund(self, refund))
    }

    fn reach(&self) -> Answering<'_, ()> {
        Box::pin(PaymentProcessor::reach(self))
    }
}

fn is_passing<T>(result: &Result<T, ProcessorError>) -> bool {
    result.as_ref().is_err_and(|error| error.is_passing())
}

fn observe_read(error: Option<ProcessorError>, began: Instant) {
    let result = error.map_or("read", ProcessorError::label);
    metrics::histogram!("tonegate_processor_read_seconds", "result" => result).record(began.elapsed());
}
