//! The payment processor, and what its settings can still get wrong. What each key means is said once, in
//! `super::keys::KEYS`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use super::unit::Seconds;
use super::{Problem, network};

/// Where the sandbox listens unless it is told.
const SANDBOX: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9443);

/// Which processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProcessorKind {
    /// The one for trials, started as a child.
    Sandbox,
    /// Stripe.
    Stripe,
    /// An HTTPS endpoint that keeps cards.
    Tokeniser,
}

/// Who charges cards, and how it is reached and known.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Processor {
    pub(crate) kind: ProcessorKind,
    pub(crate) name: Option<String>,
    #[serde(deserialize_with = "network::optional_address")]
    pub(crate) address: Option<SocketAddr>,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) account: Option<String>,
    pub(crate) client_certificate: Option<PathBuf>,
    pub(crate) client_key: Option<PathBuf>,
    pub(crate) tokenise_path: Option<String>,
    pub(crate) charge_path: Option<String>,
    pub(crate) keep_card: bool,
    pub(crate) test_mode: bool,
    pub(crate) answer_deadline_seconds: Seconds,
}

impl Default for Processor {
    fn default() -> Self {
        Self {
            kind: ProcessorKind::Sandbox,
            name: None,
            address: None,
            ca: None,
            key_file: None,
            account: None,
            client_certificate: None,
            client_key: None,
            tokenise_path: None,
            charge_path: None,
            keep_card: false,
            test_mode: true,
            answer_deadline_seconds: Seconds(10),
        }
    }
}

impl Processor {
    /// Whether it is the one for trials.
    pub(crate) fn is_sandbox(&self) -> bool {
        self.kind == ProcessorKind::Sandbox
    }

    /// Where the sandbox listens.
    pub(crate) fn sandbox_address(&self) -> SocketAddr {
        self.address.unwrap_or(SANDBOX)
    }

    /// The file with its authority, where one is named or it is the sandbox's.
    pub(crate) fn authority(&self) -> Option<PathBuf> {
        self.ca.clone().or_else(|| self.is_sandbox().then(|| "var/processor/ca.pem".into()))
    }
}

/// Everything found.
pub(super) fn problems(processor: &Processor, found: &mut Vec<Problem>) {
    match processor.kind {
        ProcessorKind::Sandbox => sandbox(processor, found),
        ProcessorKind::Stripe => stripe(processor, found),
        ProcessorKind::Tokeniser => tokeniser(processor, found),
    }
    if processor.name.as_ref().is_some_and(|name| name.is_empty() || name.contains(['/', ':', ' '])) {
        found.push(Problem::of("processor.name", "must be a host name, as in the processor's certificate"));
    }
    if processor.client_certificate.is_some() != processor.client_key.is_some() {
        found.push(Problem::of(
            "processor.client_certificate",
            "`processor.client_certificate` and `processor.client_key` go together; set both or neither",
        ));
    }
    if !(1..=60).contains(&processor.answer_deadline_seconds.0) {
        found.push(Problem::of("processor.answer_deadline_seconds", "must be 1 to 60"));
    }
    others(processor, found);
}

fn sandbox(processor: &Processor, found: &mut Vec<Problem>) {
    if !processor.sandbox_address().ip().is_loopback() {
        found.push(Problem::of("processor.address", "the sandbox runs on this machine; use a loopback address"));
    }
    if !processor.test_mode {
        found.push(Problem::of(
            "processor.test_mode",
            "the sandbox takes no real card; name a processor that does, or leave test mode on",
        ));
    }
}

fn stripe(processor: &Processor, found: &mut Vec<Problem>) {
    if processor.key_file.is_none() {
        found.push(Problem::of("processor.key_file", "needed for Stripe; name the file with its secret key"));
    }
    let is_account = |account: &String| {
        account
            .strip_prefix("acct_")
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    if processor.account.as_ref().is_some_and(|account| !is_account(account)) {
        found.push(Problem::of("processor.account", "is no connected account; write one like \"acct_1A2B3C\""));
    }
}

fn tokeniser(processor: &Processor, found: &mut Vec<Problem>) {
    if processor.name.is_none() {
        found.push(Problem::of("processor.name", "needed for a tokeniser; write the host name of its certificate"));
    }
    if processor.key_file.is_none() && processor.client_certificate.is_none() {
        found.push(Problem::of(
            "processor.key_file",
            "a tokeniser would know nobody; name a key file, or a client certificate for mutual TLS",
        ));
    }
    let paths =
        [("processor.tokenise_path", &processor.tokenise_path), ("processor.charge_path", &processor.charge_path)];
    for (key, path) in paths {
        let is_path = |path: &String| path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
        if path.as_ref().is_some_and(|path| !is_path(path)) {
            found.push(Problem::of(key, "must be a path like \"/v1/tokens\""));
        }
    }
}

/// What belongs to another kind is set by mistake.
fn others(processor: &Processor, found: &mut Vec<Problem>) {
    use ProcessorKind::{Stripe, Tokeniser};
    let owned = [
        (processor.account.is_some(), "account", Stripe, "Stripe"),
        (processor.keep_card, "keep_card", Stripe, "Stripe"),
        (processor.tokenise_path.is_some(), "tokenise_path", Tokeniser, "a tokeniser"),
        (processor.charge_path.is_some(), "charge_path", Tokeniser, "a tokeniser"),
    ];
    for (is_set, key, kind, owner) in owned {
        if is_set && processor.kind != kind {
            found.push(Problem::of(format!("processor.{key}"), format!("means something to {owner} only; remove it")));
        }
    }
    if processor.client_certificate.is_some() && processor.kind != Tokeniser {
        found.push(Problem::of("processor.client_certificate", "means something to a tokeniser only; remove it"));
    }
}
