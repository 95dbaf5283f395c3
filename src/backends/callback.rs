//! Telling agents over HTTP how their payments go on: forms, posted and signed as Twilio posts and signs its own.
//!
//! What belongs to one payment is told in order, by a task of its own behind a bounded queue. An attempt has a deadline
//! ([`ATTEMPT`]) and is repeated twice where the server does not answer or fails ([`crate::attempts`]); a server that fails again and
//! again is left alone for a while. What cannot be told is dropped and counted: the payment goes on, and its state can be asked for.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use book::breaker::{Breaker, BreakerPolicy};
use reqwest::{Url, header::HeaderValue, redirect::Policy};
use secrecy::SecretString;
use thiserror::Error;
use tokio::{sync::mpsc, time::timeout};
use uuid::Uuid;

use crate::{
    attempts::repeated,
    bot::{BotServerError, signature, trust},
};

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(3);
/// How long nothing may come for a payment before its task ends: longer than a payment lasts.
const IDLE: Duration = Duration::from_secs(900);
/// Forms of one payment that may wait.
const ROOM: usize = 64;
/// Payments, and servers, that are known at once.
const MOST_KNOWN: usize = 1_024;
/// When a server is left alone, and for how long.
const BREAKER: BreakerPolicy = BreakerPolicy {
    failures: 5,
    silence: Duration::ZERO,
    open_for: Duration::from_secs(10),
    open_at_most: Duration::from_secs(10),
};

/// Where an agent wants to be told. It may hold a secret, so it cannot be printed.
#[derive(Clone)]
pub struct CallbackUrl {
    text: String,
    /// Scheme, host and port.
    origin: String,
}

/// Why an address cannot be called. Repeats no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CallbackUrlError {
    /// It is none.
    #[error("not an absolute http or https address")]
    Address,
    /// What is told would travel in clear.
    #[error("not on this machine and not https")]
    Plain,
}

impl CallbackUrl {
    /// Reads an address: `https`, or `http` on this machine.
    ///
    /// # Errors
    /// [`CallbackUrlError`] where it cannot be called.
    pub fn parse(text: &str) -> Result<Self, CallbackUrlError> {
        let url = Url::parse(text).map_err(|_| CallbackUrlError::Address)?;
        let host = url.host_str().ok_or(CallbackUrlError::Address)?.trim_matches(['[', ']']);
        let is_local = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        match url.scheme() {
            "https" => {}
            "http" if is_local => {}
            "http" => return Err(CallbackUrlError::Plain),
            _ => return Err(CallbackUrlError::Address),
        }
        Ok(Self { text: text.to_owned(), origin: url.origin().ascii_serialization() })
    }
}

/// One thing to be told.
pub struct Post {
    /// Where.
    pub url: CallbackUrl,
    /// What.
    pub form: Vec<(&'static str, String)>,
    /// The auth token that it is signed with.
    pub token: SecretString,
    /// Whether it is the last of its payment.
    pub is_last: bool,
}

/// The HTTP client for one agent's server.
#[derive(Clone)]
pub struct Caller(reqwest::Client);

impl Caller {
    /// A client that trusts the authority in a PEM file, or the system's.
    ///
    /// # Errors
    /// Where the file is unusable.
    pub fn new(authority: Option<&Path>) -> Result<Self, BotServerError> {
        let builder = reqwest::Client::builder().no_proxy().redirect(Policy::none()).timeout(ATTEMPT);
        let builder = match authority {
            Some(path) => builder.tls_backend_preconfigured((*trust(path)?).clone()),
            None => builder,
        };
        builder.build().map(Self).map_err(|error| BotServerError::Client(error.to_string()))
    }
}

impl Caller {
    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.0
    }
}

/// What became of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Delivered,
    /// The server does not want it.
    Refused,
    /// The server fails or does not answer.
    Failed,
    /// The server has failed so often that it is left alone.
    Open,
}

impl Told {
    const fn label(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Open => "open",
        }
    }
}

#[derive(Default)]
struct Known {
    payments: BTreeMap<Uuid, mpsc::Sender<Post>>,
    servers: BTreeMap<String, Breaker>,
}

/// Every payment that is told of. Cheap to clone.
#[derive(Clone, Default)]
pub struct Callbacks(Arc<Mutex<Known>>);

impl Callbacks {
    /// Tells, behind what was told of this payment before. Does not wait; what finds no room is dropped and counted.
    pub fn tell(&self, caller: &Caller, payment: Uuid, post: Post) {
        let Some(queue) = self.queue(caller, payment) else { return dropped() };
        let is_last = post.is_last;
        if queue.try_send(post).is_err() {
            dropped();
        }
        if is_last {
            // The task tells what waits and ends.
            self.known().payments.remove(&payment);
        }
    }

    fn queue(&self, caller: &Caller, payment: Uuid) -> Option<mpsc::Sender<Post>> {
        let mut known = self.known();
        if let Some(queue) = known.payments.get(&payment).filter(|queue| !queue.is_closed()) {
            return Some(queue.clone());
        }
        known.payments.retain(|_, queue| !queue.is_closed());
        if known.payments.len() >= MOST_KNOWN {
            return None;
        }
        let (queue, waiting) = mpsc::channel(ROOM);
        known.payments.insert(payment, queue.clone());
        tokio::spawn(self.clone().tell_in_order(caller.clone(), waiting));
        Some(queue)
    }

    async fn tell_in_order(self, caller: Caller, mut waiting: mpsc::Receiver<Post>) {
        while let Ok(Some(post)) = timeout(IDLE, waiting.recv()).await {
            let began = Instant::now();
            let told = self.deliver(&caller, &post).await;
            metrics::histogram!("tonegate_callback_seconds", "result" => told.label()).record(began.elapsed());
            if told != Told::Delivered {
                tracing::warn!(result = told.label(), "an agent could not be told of its payment");
            }
        }
    }

    async fn deliver(&self, caller: &Caller, post: &Post) -> Told {
        // The same for every attempt, so that an agent knows what it was told twice.
        let token = Uuid::new_v4();
        let guarded = || async {
            if !self.admits(&post.url.origin) {
                return Told::Open;
            }
            let told = attempt(caller, post, token).await;
            self.report(&post.url.origin, told);
            told
        };
        repeated(guarded, |&told| told == Told::Failed).await
    }

    fn admits(&self, server: &str) -> bool {
        let now = Instant::now();
        let mut known = self.known();
        if known.servers.len() >= MOST_KNOWN {
            known.servers.clear();
        }
        known.servers.entry(server.to_owned()).or_insert_with(|| Breaker::new(BREAKER)).admit(now)
    }

    fn report(&self, server: &str, told: Told) {
        let now = Instant::now();
        let mut known = self.known();
        let Some(breaker) = known.servers.get_mut(server) else { return };
        match told {
            Told::Delivered | Told::Refused => breaker.succeeded(Instant::now()),
            Told::Failed | Told::Open => breaker.failed(now),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn dropped() {
    metrics::counter!("tonegate_drops_total", "queue" => "callbacks", "reason" => "full").increment(1);
}

async fn attempt(caller: &Caller, post: &Post, token: Uuid) -> Told {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&post.form).finish();
    let request = caller.0.post(&post.url.text).header("content-type", "application/x-www-form-urlencoded");
    let request = request.header("i-twilio-idempotency-token", token.to_string());
    let request = match HeaderValue::from_str(&signed(&post.url.text, &post.form, &post.token)) {
        Ok(mut signature) => {
            signature.set_sensitive(true);
            request.header("x-twilio-signature", signature)
        }
        Err(_) => request,
    };
    match request.body(body).send().await.map(|response| response.status()) {
        Ok(status) if status.is_success() => Told::Delivered,
        Ok(status) if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) => Told::Failed,
        Ok(_) => Told::Refused,
        Err(_) => Told::Failed,
    }
}

/// The signature of a form: HMAC-SHA1, in base64, over the address and then each name and value, sorted by name.
fn signed(url: &str, form: &[(&'static str, String)], token: &SecretString) -> String {
    signature(&signed_text(url, form), token)
}

/// What is signed of a form.
pub(crate) fn signed_text(url: &str, form: &[(impl AsRef<str> + Ord, String)]) -> String {
    let mut sorted: Vec<_> = form.iter().collect();
    sorted.sort();
    let fields = sorted.into_iter().flat_map(|(name, value)| [name.as_ref(), value.as_str()]);
    std::iter::once(url).chain(fields).collect()
}

#[cfg(test)]
mod tests;
