//! The session: had once for all, renewed ahead of its end, and never asked for in a loop.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use book::salesforce::{Fault, Refusal};
use jiff::Timestamp;
use metrics::counter;
use reqwest::{Url, header::CONTENT_TYPE};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use thiserror::Error;

use super::{OrgOptions, SalesforceError, SignIn, assertion::SigningKey, connection::bounded};

/// How long one sign-in may take.
pub const ATTEMPT: Duration = Duration::from_secs(5);
/// Most bytes of an answer: tokens may have 10,000 characters.
const MOST_ANSWER: usize = 64 << 10;
/// What is waited after a first failure; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The same where the org refuses: only a person can help, and each try counts against the user's sign-ins of the hour.
const FIRST_REFUSED: Duration = Duration::from_secs(60);
const LONGEST_REFUSED: Duration = Duration::from_secs(3_600);
/// A session that the org takes no longer so soon after it was had was not ended by its time.
const YOUNG: Duration = Duration::from_secs(60);
/// How many of those in a row are renewed: after them it is as if the org had refused.
const MOST_YOUNG: u32 = 2;
/// From this share of its time on a session is renewed while it is still used, in percent.
const RENEWED_FROM: u32 = 70;

/// What a sign-in brought. Its token does not show itself.
pub struct Session {
    token: SecretString,
    /// Where requests go; it may differ from where the token was had.
    instance: Url,
    organization: String,
    since: Instant,
}

impl Session {
    pub(super) fn token(&self) -> &str {
        self.token.expose_secret()
    }

    pub(super) const fn instance(&self) -> &Url {
        &self.instance
    }

    /// The org's id of 18 characters.
    #[must_use]
    pub fn organization(&self) -> &str {
        &self.organization
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Session").finish_non_exhaustive()
    }
}

/// Why there is no session.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignInError {
    /// The org does not answer, and why as far as it is known: a certificate that is not trusted, or `HTTP 503`.
    #[error("the sign-in is not answered: {0}")]
    Silent(String),
    /// It refuses, with a code such as `invalid_grant`. A person must look at the app, the user and the key.
    #[error("the sign-in is refused: {0}")]
    Refused(String),
    /// The answer cannot be read, or sends us to no HTTPS address.
    #[error("the answer to the sign-in cannot be read")]
    Malformed,
    /// It failed just now, and is not tried again for a while.
    #[error("the sign-in failed just now and is not tried for a while")]
    Waiting,
}

/// What is known of sign-ins.
#[derive(Default)]
struct Known {
    session: Option<Arc<Session>>,
    /// Sign-ins in a row that were not answered.
    silent: u32,
    /// Sign-ins in a row that were refused.
    refused: u32,
    /// Sessions in a row that were taken no longer while they were young.
    young: u32,
    not_before: Option<Instant>,
}

/// Signs in.
pub struct Authority {
    client: reqwest::Client,
    options: OrgOptions,
    key: Option<SigningKey>,
    known: Mutex<Known>,
    /// Held while somebody signs in: everybody else waits for what comes of it.
    flight: tokio::sync::Mutex<()>,
}

impl Authority {
    /// Reads the key, where one is used.
    ///
    /// # Errors
    /// [`SalesforceError::Setting`].
    pub fn new(client: reqwest::Client, options: OrgOptions) -> Result<Self, SalesforceError> {
        let key = match &options.sign_in {
            SignIn::Assertion { key, .. } => Some(SigningKey::read(key)?),
            SignIn::Secret(_) => None,
        };
        Ok(Self { client, options, key, known: Mutex::default(), flight: tokio::sync::Mutex::new(()) })
    }

    /// The session. Where it comes to its end it is renewed beside, and used meanwhile.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn session(self: &Arc<Self>) -> Result<Arc<Session>, SignInError> {
        self.session_at(Instant::now()).await
    }

    /// The same, told the time.
    pub(super) async fn session_at(self: &Arc<Self>, now: Instant) -> Result<Arc<Session>, SignInError> {
        let Some(session) = self.known().session.clone() else { return self.renewed(None).await };
        let age = now.saturating_duration_since(session.since);
        if age >= self.options.session {
            return self.renewed(Some(&session)).await;
        }
        if age * 100 >= self.options.session * RENEWED_FROM && self.flight.try_lock().is_ok() {
            let (authority, old) = (Arc::clone(self), Arc::clone(&session));
            tokio::spawn(async move {
                // What came of it is counted; the old session serves as long as it holds.
                authority.fly(Some(&old)).await.ok();
            });
        }
        Ok(session)
    }

    /// A session that is not `old`, which the org takes no longer. Whoever asks meanwhile gets the same one.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn renewed(self: &Arc<Self>, old: Option<&Arc<Session>>) -> Result<Arc<Session>, SignInError> {
        let (authority, old) = (Arc::clone(self), old.cloned());
        // Whoever waits no longer leaves the sign-in to those who do.
        let flight = tokio::spawn(async move { authority.fly(old.as_ref()).await });
        flight.await.unwrap_or_else(|error| Err(SignInError::Silent(error.to_string())))
    }

    async fn fly(&self, old: Option<&Arc<Session>>) -> Result<Arc<Session>, SignInError> {
        let _flight = self.flight.lock().await;
        let is_new = |session: &Arc<Session>| old.is_none_or(|old| !Arc::ptr_eq(old, session));
        let (known, not_before) = {
            let known = self.known();
            (known.session.clone(), known.not_before)
        };
        if let Some(session) = known.filter(is_new) {
            return Ok(session);
        }
        if not_before.is_some_and(|until| Instant::now() < until) {
            return Err(SignInError::Waiting);
        }
        if !self.may_renew(old) {
            let refused = Err(SignInError::Refused("session".to_owned()));
            self.note(&refused);
            return refused;
        }
        let late = |_| Err(SignInError::Silent(format!("nothing came in {} s", ATTEMPT.as_secs())));
        let result = tokio::time::timeout(ATTEMPT, self.sign_in()).await.unwrap_or_else(late);
        self.note(&result);
        result
    }

    /// Whether a session that the org takes no longer is worth another. Where none is taken, each further sign-in would succeed and
    /// help nobody: the app may lack the scope `api`.
    fn may_renew(&self, old: Option<&Arc<Session>>) -> bool {
        let mut known = self.known();
        let is_young = old.is_some_and(|old| old.since.elapsed() < YOUNG.min(self.options.session));
        known.young = if is_young { known.young + 1 } else { 0 };
        known.young <= MOST_YOUNG
    }

    fn note(&self, result: &Result<Arc<Session>, SignInError>) {
        let mut known = self.known();
        let outcome = match result {
            Ok(session) => {
                *known = Known { session: Some(Arc::clone(session)), young: known.young, ..Known::default() };
                "signed_in"
            }
            Err(error) => {
                let is_refused = matches!(error, SignInError::Refused(_));
                let (count, first, longest) = if is_refused {
                    (&mut known.refused, FIRST_REFUSED, LONGEST_REFUSED)
                } else {
                    (&mut known.silent, FIRST_WAIT, LONGEST_WAIT)
                };
                let wait = first.saturating_mul(1 << (*count).min(10)).min(longest);
                *count = count.saturating_add(1);
                known.not_before = Some(Instant::now() + wait);
                counter!("tonegate_control_failures_total", "control" => "salesforce_sign_in").increment(1);
                tracing::warn!(%error, wait_seconds = wait.as_secs(), "no session at Salesforce");
                if is_refused { "refused" } else { "failed" }
            }
        };
        counter!("tonegate_salesforce_sign_ins_total", "outcome" => outcome).increment(1);
    }

    async fn sign_in(&self) -> Result<Arc<Session>, SignInError> {
        let url = format!("{}/services/oauth2/token", self.options.url);
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(self.form()?).finish();
        let request = self.client.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        let response = request.send().await.map_err(|error| SignInError::Silent(cause(&error)))?;
        let status = response.status();
        let body = bounded(response, MOST_ANSWER).await.map_err(|error| SignInError::Silent(error.to_string()))?;
        if status.is_success() {
            return session(&body, Instant::now()).map(Arc::new);
        }
        let refusal = Refusal::read(status.as_u16(), &body);
        // Without an error of OAuth's it is something in front of the org that answers.
        let is_passing = refusal.code.is_empty() || matches!(refusal.fault, Fault::Unavailable | Fault::Quota(_));
        Err(if is_passing {
            SignInError::Silent(format!("HTTP {}", status.as_u16()))
        } else {
            SignInError::Refused(refusal.code)
        })
    }

    fn form(&self) -> Result<Vec<(&'static str, String)>, SignInError> {
        let OrgOptions { url, client_id, sign_in, .. } = &self.options;
        match (sign_in, &self.key) {
            (SignIn::Assertion { username, .. }, Some(key)) => {
                let assertion = key.assertion(client_id, username, url, Timestamp::now());
                let assertion = assertion.map_err(|_| SignInError::Refused("key".to_owned()))?;
                let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned();
                Ok(vec![("grant_type", grant), ("assertion", assertion)])
            }
            (SignIn::Assertion { .. }, None) => Err(SignInError::Refused("key".to_owned())),
            (SignIn::Secret(secret), _) => Ok(vec![
                ("grant_type", "client_credentials".to_owned()),
                ("client_id", client_id.clone()),
                ("client_secret", secret.expose_secret().to_owned()),
            ]),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is at the bottom of an error: what the resolver, the socket or TLS says.
fn cause(error: &dyn std::error::Error) -> String {
    let mut bottom = error;
    while let Some(below) = bottom.source() {
        bottom = below;
    }
    bottom.to_string()
}

/// The answer of the token endpoint, as far as it is used.
#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    instance_url: String,
    /// `https://HOST/id/ORGANIZATION/USER`.
    id: String,
}

fn session(body: &[u8], since: Instant) -> Result<Session, SignInError> {
    let granted: Granted = serde_json::from_slice(body).map_err(|_| SignInError::Malformed)?;
    let instance = Url::parse(&granted.instance_url).ok().filter(|url| url.scheme() == "https");
    let organization = granted.id.rsplit('/').nth(1).filter(|id| matches!(id.len(), 15 | 18));
    let is_sent = granted.access_token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic());
    match (instance, organization) {
        (Some(instance), Some(organization)) if is_sent => {
            Ok(Session { token: granted.access_token, instance, organization: organization.to_owned(), since })
        }
        _ => Err(SignInError::Malformed),
    }
}
