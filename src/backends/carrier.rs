//! Payments that the carrier takes: commands to its REST API, and what it tells back.
//!
//! A command has a deadline and is repeated twice where the carrier does not answer or fails, each time under the same key, so
//! that it is carried out once; a carrier that fails again and again is left alone for a while. What the carrier tells is
//! believed only with its signature. Of what it tells of a card nothing is read but brand and last four, and those at the end.

mod telnyx;
pub mod twilio;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use book::breaker::{Breaker, BreakerPolicy};
use call::carrier::{Carrier, CarrierCommand, CarrierEvent};
use reqwest::RequestBuilder;
use secrecy::SecretString;
use thiserror::Error;
use uuid::Uuid;

use crate::{attempts::repeated, bot::BotServerError, callback::Caller};

/// When a carrier is left alone, and for how long.
const BREAKER: BreakerPolicy = BreakerPolicy {
    failures: 5,
    silence: Duration::ZERO,
    open_for: Duration::from_secs(10),
    open_at_most: Duration::from_secs(10),
};
/// Most bytes of an answer.
const ANSWER_BYTES: usize = 16_384;
/// Payments that are known at once.
const MOST_PAYMENTS: usize = 4_096;

/// How a carrier is reached, and known.
#[derive(Clone, Debug)]
pub struct CarrierOptions {
    /// Which.
    pub carrier: Carrier,
    /// The address of its REST API, without a slash at its end.
    pub url: String,
    /// The account there; Twilio's has one.
    pub account: String,
    /// The auth token or the API key.
    pub token: SecretString,
    /// The Ed25519 key that it signs with, where it signs with one.
    pub public_key: Option<[u8; 32]>,
    /// The connector that it submits to.
    pub connector: String,
    /// A PEM file to trust in place of the system's authorities.
    pub authority: Option<PathBuf>,
    /// The address that it tells to: the gateway's own, without a slash at its end.
    pub callbacks: String,
}

/// Why a command was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CarrierError {
    /// No answer, or none in time: whether it was carried out is not known.
    #[error("the carrier does not answer")]
    Silent,
    /// There was no connection to ask by.
    #[error("the carrier is not reached")]
    Unreached,
    /// It refused.
    #[error("the carrier refused with status {0}")]
    Refused(u16),
    /// It failed so often that it is left alone.
    #[error("the carrier is left alone for a while")]
    Open,
    /// It answered what cannot be read.
    #[error("the carrier's answer cannot be read")]
    Malformed,
    /// It was asked to go on with what it never began, or cannot do.
    #[error("the carrier has no such payment")]
    Unknown,
}

impl CarrierError {
    /// The name as a label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Unreached => "unreached",
            Self::Refused(_) => "refused",
            Self::Open => "open",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the command may have been carried out all the same.
    #[must_use]
    pub const fn is_unclear(self) -> bool {
        match self {
            Self::Silent | Self::Malformed | Self::Refused(408 | 500..) => true,
            Self::Unreached | Self::Refused(_) | Self::Open | Self::Unknown => false,
        }
    }

    fn is_passing(self) -> bool {
        match self {
            Self::Silent | Self::Unreached => true,
            Self::Refused(status) => matches!(status, 408 | 425 | 429 | 500..),
            Self::Open | Self::Malformed | Self::Unknown => false,
        }
    }
}

/// Why what came in a carrier's name is not believed, or means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TellError {
    /// Its signature is missing, wrong, or too old.
    #[error("the signature is not the carrier's")]
    Unsigned,
    /// It cannot be read.
    #[error("it cannot be read")]
    Malformed,
}

/// Something that a carrier tells, of which payment of which call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarrierTold {
    /// The call, by the gateway's own id.
    pub call: Uuid,
    /// The payment.
    pub capture: Uuid,
    /// What.
    pub event: CarrierEvent,
}

/// A payment at the carrier.
#[derive(Default)]
struct Payment {
    /// The carrier's name for it.
    name: Option<String>,
    /// Commands so far, each of which has a key of its own.
    commands: u32,
    /// Whether it is to be given up as soon as it has a name.
    is_given_up: bool,
}

/// The way to the carrier.
pub struct CarrierLink {
    options: CarrierOptions,
    caller: Caller,
    breaker: Mutex<Breaker>,
    payments: Mutex<BTreeMap<Uuid, Payment>>,
}

impl CarrierLink {
    /// Prepares the client; connects to nothing yet.
    ///
    /// # Errors
    /// Where the authority's file is unusable.
    pub fn new(options: CarrierOptions) -> Result<Self, BotServerError> {
        let caller = Caller::new(options.authority.as_deref())?;
        let breaker = Mutex::new(Breaker::new(BREAKER));
        Ok(Self { options, caller, breaker, payments: Mutex::default() })
    }

    /// Which carrier it is.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        self.options.carrier
    }

    /// Has a command carried out, of a payment of `call`, which the carrier calls `carrier_call`.
    ///
    /// # Errors
    /// [`CarrierError`] where it was not, or where that is not known.
    pub async fn obey(
        &self,
        call: Uuid,
        capture: Uuid,
        carrier_call: &str,
        command: &CarrierCommand,
    ) -> Result<(), CarrierError> {
        let began = Instant::now();
        let obeyed = match self.options.carrier {
            Carrier::Twilio => self.obey_as_twilio(call, capture, carrier_call, command).await,
            Carrier::Telnyx => self.obey_as_telnyx(call, capture, carrier_call, command).await,
        };
        let result = obeyed.as_ref().map_or_else(|error| error.label(), |()| "obeyed");
        let labels = [("command", name(command)), ("result", result)];
        metrics::histogram!("tonegate_carrier_seconds", &labels).record(began.elapsed());
        obeyed
    }

    /// Sends a request as often as is needed; the body of its answer. One attempt that may have been carried out outweighs
    /// every refusal that comes after it.
    async fn send(&self, request: impl Fn(&reqwest::Client) -> RequestBuilder) -> Result<Vec<u8>, CarrierError> {
        let unclear = OnceLock::new();
        let guarded = || async {
            let answered = self.guarded(request(self.caller.client())).await;
            if let Err(error) = answered.as_ref()
                && error.is_unclear()
            {
                unclear.get_or_init(|| *error);
            }
            answered
        };
        let answered = repeated(guarded, |answered| answered.as_ref().is_err_and(|error| error.is_passing())).await;
        answered.map_err(|error| unclear.get().copied().unwrap_or(error))
    }

    async fn guarded(&self, request: RequestBuilder) -> Result<Vec<u8>, CarrierError> {
        if !self.breaker().admit(Instant::now()) {
            return Err(CarrierError::Open);
        }
        let answered = attempt(request).await;
        if answered.as_ref().is_err_and(|error| error.is_passing()) {
            self.breaker().failed(Instant::now());
        } else {
            self.breaker().succeeded(Instant::now());
        }
        answered
    }

    /// The key of the command that begins a payment.
    fn begin(&self, capture: Uuid) -> String {
        let mut payments = self.payments();
        if payments.len() >= MOST_PAYMENTS {
            payments.pop_first();
        }
        key(capture, payments.entry(capture).or_default())
    }

    /// The key of the next command of a payment, and the carrier's name for the payment.
    fn next(&self, capture: Uuid) -> Option<(String, String)> {
        let mut payments = self.payments();
        let payment = payments.get_mut(&capture)?;
        let name = payment.name.clone()?;
        Some((key(capture, payment), name))
    }

    /// Takes the carrier's name for a payment. Whether the payment was given up meanwhile.
    fn named(&self, capture: Uuid, name: String) -> bool {
        let mut payments = self.payments();
        let payment = payments.entry(capture).or_default();
        payment.name = Some(name);
        payment.is_given_up
    }

    /// Gives up a payment that has no name yet. Whether there is such a one.
    fn give_up(&self, capture: Uuid) -> bool {
        let mut payments = self.payments();
        let unnamed = payments.get_mut(&capture).filter(|payment| payment.name.is_none());
        unnamed.is_some_and(|payment| {
            payment.is_given_up = true;
            true
        })
    }

    fn forget(&self, capture: Uuid) {
        self.payments().remove(&capture);
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn payments(&self) -> MutexGuard<'_, BTreeMap<Uuid, Payment>> {
        self.payments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(capture: Uuid, payment: &mut Payment) -> String {
    payment.commands += 1;
    format!("{capture}-{}", payment.commands)
}

async fn attempt(request: RequestBuilder) -> Result<Vec<u8>, CarrierError> {
    let mut response = request.send().await.map_err(|error| unanswered(&error))?;
    if !response.status().is_success() {
        return Err(CarrierError::Refused(response.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| CarrierError::Silent)? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES {
            return Err(CarrierError::Malformed);
        }
    }
    Ok(body)
}

/// What a request without an answer means: without a connection nobody was asked.
fn unanswered(error: &reqwest::Error) -> CarrierError {
    if error.is_connect() || error.is_builder() { CarrierError::Unreached } else { CarrierError::Silent }
}

fn name(command: &CarrierCommand) -> &'static str {
    match command {
        CarrierCommand::Start { .. } => "start",
        CarrierCommand::Ask(_) => "ask",
        CarrierCommand::Complete => "complete",
        CarrierCommand::Cancel => "cancel",
    }
}

#[cfg(test)]
mod tests;
