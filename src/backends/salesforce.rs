//! Salesforce over HTTPS: who we are to the org, requests to its REST API, and its [`events`].
//!
//! What a request says and what an answer means is decided in [`book::salesforce`]. Here are the connections.
//!
//! | request | deadline | asked again |
//! |---|---|---|
//! | sign-in | [`authority::ATTEMPT`] | after 1 s, 2 s, 4 s … 60 s where the org does not answer; 60 s to an hour where it refuses |
//! | read | the caller's | over the second connection, once, after [`book::salesforce::Hedge`]'s wait; once with a new session |
//! | write | the caller's | once with a new session: what was refused for its session was not done; not before `Retry-After` where the org named one, or five minutes |
//!
//! Rows are written by their external ids, so that a write whose answer is lost is simply repeated, by the outbox.
//!
//! No token, name or fact of an account is in an error, a log or a metric.

mod account_book;
mod allowance;
mod assertion;
pub mod authority;
mod bulk;
mod connection;
mod description;
pub mod events;
pub mod lookups;
mod remark;
mod standing;
#[cfg(test)]
mod tests;

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    time::Duration,
};

use book::salesforce::Refusal;
use secrecy::SecretString;
use thiserror::Error;

pub use account_book::SalesforceBook;
pub use authority::{Authority, Session, SignInError};
pub use connection::{Answer, Connections};
pub use description::described;
pub use events::{Events, EventsOptions};
pub use lookups::LookUps;

/// How an integration user signs in.
#[derive(Clone, Debug)]
pub enum SignIn {
    /// OAuth 2.0 JWT bearer (RFC 7523): an assertion, signed with the key whose certificate the app has.
    Assertion {
        /// The user's name.
        username: String,
        /// A PEM file with the RSA key, PKCS #8.
        key: PathBuf,
    },
    /// OAuth 2.0 client credentials (RFC 6749 §4.4): the app's own user.
    Secret(SecretString),
}

/// An org, and how it is reached.
#[derive(Clone, Debug)]
pub struct OrgOptions {
    /// The org's My Domain address, such as `https://acme.my.salesforce.com`: where tokens are had, and what they are for.
    pub url: String,
    /// The app's consumer key.
    pub client_id: String,
    /// How the integration user signs in.
    pub sign_in: SignIn,
    /// A PEM file to trust in place of the system's authorities.
    pub authority: Option<PathBuf>,
    /// How long a session is used: the org's own session time-out or less.
    pub session: Duration,
}

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SalesforceError {
    /// Nobody is signed in, so nothing was sent.
    #[error("no session at Salesforce: {0}")]
    SignIn(#[from] SignInError),
    /// There was no connection, so nothing was sent.
    #[error("Salesforce is not reached")]
    Unreached,
    /// The org has asked to be left alone for a while, so nothing was sent.
    #[error("Salesforce wants to be left alone for a while")]
    Resting,
    /// No answer, or none in time: whether the request was carried out is not known.
    #[error("Salesforce did not answer in time")]
    Lost,
    /// The answer is too long or no JSON, so whether the request was carried out is not known.
    #[error("Salesforce's answer cannot be read")]
    Malformed,
    /// It was refused.
    #[error("Salesforce refuses: {}", .0.fault.name())]
    Refused(Refusal),
    /// A setting cannot be used.
    #[error("a setting cannot be used: {0}")]
    Setting(&'static str),
    /// The file that a setting names cannot be used.
    #[error("a setting cannot be used: {setting}: {file}: {why}")]
    File {
        /// The setting.
        setting: &'static str,
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
}

impl SalesforceError {
    fn file(setting: &'static str, path: &Path, why: &dyn Display) -> Self {
        Self::File { setting, file: path.display().to_string(), why: why.to_string() }
    }
}

/// What is in the file that a setting names.
fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, SalesforceError> {
    std::fs::read(path).map_err(|error| SalesforceError::file(setting, path, &error))
}

impl SalesforceError {
    /// The name in logs and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SignIn(_) => "sign_in",
            Self::Unreached => "unreached",
            Self::Resting => "resting",
            Self::Lost => "lost",
            Self::Malformed => "malformed",
            Self::Refused(refusal) => refusal.fault.name(),
            Self::Setting(_) | Self::File { .. } => "setting",
        }
    }

    /// Whether the request may have been carried out all the same: also where something in front of the org answered for it.
    #[must_use]
    pub const fn is_unclear(&self) -> bool {
        match self {
            Self::Lost | Self::Malformed => true,
            Self::Refused(refusal) => {
                matches!(refusal.fault, book::salesforce::Fault::Unavailable) && refusal.code.is_empty()
            }
            Self::SignIn(_) | Self::Unreached | Self::Resting | Self::Setting(_) | Self::File { .. } => false,
        }
    }
}
