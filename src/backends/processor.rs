//! Reading at the payment processor what became of a payment, by the id under which it was submitted.
//!
//! Only the vault submits. When its answer was lost, or the gateway crashed in between, this is how the outcome is found;
//! a card is never submitted again. Each attempt has a deadline ([`ATTEMPT`]); a failed one is repeated twice, after
//! [`WAITS`]; after [`Breaker::FAILURES`] failures in a row nothing is asked for [`Breaker::OPEN`]. Reading is harmless
//! to repeat.

mod breaker;

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use gate::wire::{Approval, Authorisation, Brand, DeclineReason, LastFour, Token};
use reqwest::StatusCode;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use uuid::Uuid;

use self::breaker::Breaker;

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(3);
/// What is waited before the second and the third attempt.
const WAITS: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];
/// Most bytes of an answer.
const ANSWER_BYTES: usize = 4_096;

/// The processor: where it listens and how it is known.
#[derive(Clone, Debug)]
pub struct ProcessorOptions {
    /// Where it listens. The gateway connects; both the gateway and the vault authenticate it.
    pub address: SocketAddr,
    /// The name in its certificate.
    pub name: String,
    /// A PEM file with the authority that signs its certificate.
    pub authority: PathBuf,
    /// A file that holds the bearer token.
    pub token: PathBuf,
    /// The path that payments are posted to; a payment is read at this path, a slash and its id.
    pub path: String,
    /// How long it may take to answer a submission, 1 to 60 seconds; afterwards the outcome is unknown.
    pub answer_within: Duration,
}

/// What became of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It was made.
    Approved(Approval),
    /// It was declined; nothing was charged.
    Declined(DeclineReason),
    /// The processor does not know it. Final only once no submission can be under way any more: the vault's handshake
    /// and answer deadlines after the connection was handed over.
    Absent,
}

/// Why nothing could be read. The payment stays unknown, to be read again later.
#[derive(Debug, Error)]
pub enum ReadError {
    /// A setting cannot be used; named without its content.
    #[error("the processor's {0} cannot be used")]
    Setting(&'static str),
    /// Too many reads have failed; asked again later.
    #[error("the processor fails; not asked for now")]
    Open,
    /// No answer in time, or no connection that can be trusted.
    #[error("the processor does not answer")]
    Unreachable,
    /// The processor refuses the gateway's token or request.
    #[error("the processor refuses: status {0}")]
    Refused(u16),
    /// The answer is not understood.
    #[error("the processor's answer is not understood")]
    Malformed,
}

impl ReadError {
    /// The `result` label.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Setting(_) => "setting",
            Self::Open => "open",
            Self::Unreachable => "unreachable",
            Self::Refused(_) => "refused",
            Self::Malformed => "malformed",
        }
    }

    /// Whether another attempt may fare better.
    fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable => true,
            Self::Refused(status) => matches!(status, 408 | 425 | 429 | 500..),
            Self::Setting(_) | Self::Open | Self::Malformed => false,
        }
    }
}

/// Reads payments. Cheap to clone.
#[derive(Clone)]
pub struct Processor {
    client: reqwest::Client,
    payments: String,
    token: SecretString,
    breaker: Arc<Mutex<Breaker>>,
}

impl Processor {
    /// Prepares the client; connects to nothing yet.
    ///
    /// # Errors
    /// [`ReadError::Setting`] names the one that cannot be used.
    pub fn new(options: &ProcessorOptions) -> Result<Self, ReadError> {
        let token = std::fs::read_to_string(&options.token).map_err(|_| ReadError::Setting("token"))?;
        let mut roots = RootCertStore::empty();
        for certificate in
            CertificateDer::pem_file_iter(&options.authority).map_err(|_| ReadError::Setting("authority"))?
        {
            let added = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
            added.ok_or(ReadError::Setting("authority"))?;
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| ReadError::Setting("TLS"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .resolve(&options.name, options.address)
            .timeout(ATTEMPT)
            .build()
            .map_err(|_| ReadError::Setting("client"))?;
        let payments = format!("https://{}:{}{}", options.name, options.address.port(), options.path);
        let token = SecretString::from(token.trim_end().to_owned());
        Ok(Self { client, payments, token, breaker: Arc::default() })
    }

    /// What became of `payment`. Bounded by three attempts of three seconds and the waits between them.
    ///
    /// # Errors
    /// Nothing could be read; the payment stays unknown.
    pub async fn read(&self, payment: Uuid) -> Result<Reading, ReadError> {
        let began = Instant::now();
        let reading = self.read_with_retries(payment).await;
        let result = reading.as_ref().map_or_else(ReadError::label, |_| "read");
        metrics::histogram!("tonegate_processor_read_seconds", "result" => result).record(began.elapsed());
        reading
    }

    async fn read_with_retries(&self, payment: Uuid) -> Result<Reading, ReadError> {
        let mut waits = WAITS.into_iter();
        loop {
            if !self.breaker().allows(Instant::now()) {
                return Err(ReadError::Open);
            }
            let reading = self.read_once(payment).await;
            let is_passing = reading.as_ref().is_err_and(ReadError::is_passing);
            self.breaker().record(!is_passing, Instant::now());
            match waits.next().filter(|_| is_passing) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return reading,
            }
        }
    }

    async fn read_once(&self, payment: Uuid) -> Result<Reading, ReadError> {
        let request = self.client.get(format!("{}/{payment}", self.payments));
        let request = request.bearer_auth(self.token.expose_secret());
        let mut response = request.send().await.map_err(|_| ReadError::Unreachable)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(Reading::Absent),
            status => return Err(ReadError::Refused(status.as_u16())),
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| ReadError::Unreachable)? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_BYTES {
                return Err(ReadError::Malformed);
            }
        }
        std::str::from_utf8(&body).ok().and_then(|form| parse(payment, form)).ok_or(ReadError::Malformed)
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a form; it must name the payment that was asked for.
fn parse(payment: Uuid, form: &str) -> Option<Reading> {
    let fields: HashMap<&str, &str> = form.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let field = |name: &str| fields.get(name).copied();
    if field("id")?.parse() != Ok(payment) {
        return None;
    }
    match field("status")? {
        "approved" => Some(Reading::Approved(Approval {
            token: Token::parse(field("token")?).ok()?,
            brand: Brand::named(field("brand")?)?,
            last_four: LastFour::parse(field("last_four")?).ok()?,
            authorisation: Authorisation::parse(field("authorisation")?).ok()?,
        })),
        "declined" => Some(Reading::Declined(match field("reason") {
            Some("insufficient_funds") => DeclineReason::InsufficientFunds,
            Some("expired_card") => DeclineReason::ExpiredCard,
            Some("incorrect_code") => DeclineReason::IncorrectCode,
            _ => DeclineReason::Declined,
        })),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APPROVED: &str = "status=approved&id=00000000-0000-0000-0000-000000000007&amount=4200&currency=USD&brand=visa\
&last_four=4242&token=tok_abcdefghijklmnopqrstuvwx&authorisation=A1B2C3";

    #[test]
    fn an_answer_names_its_payment_and_all_of_an_approval() {
        let id = Uuid::from_u128(7);
        assert!(matches!(parse(id, APPROVED), Some(Reading::Approved(approval)) if approval.brand == Brand::Visa));
        assert_eq!(parse(Uuid::from_u128(8), APPROVED), None);
        for missing in ["&brand=visa", "&last_four=4242", "&authorisation=A1B2C3", "status=approved"] {
            assert_eq!(parse(id, &APPROVED.replace(missing, "")), None, "without {missing}");
        }
        let declined = format!("status=declined&id={id}&reason=expired_card");
        assert_eq!(parse(id, &declined), Some(Reading::Declined(DeclineReason::ExpiredCard)));
    }

    #[test]
    fn only_what_may_pass_is_asked_again() {
        for (error, passing) in [
            (ReadError::Unreachable, true),
            (ReadError::Refused(503), true),
            (ReadError::Refused(429), true),
            (ReadError::Refused(401), false),
            (ReadError::Malformed, false),
            (ReadError::Open, false),
        ] {
            assert_eq!(error.is_passing(), passing, "{error}");
        }
    }
}
