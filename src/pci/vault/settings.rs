//! The command line, and the files that it names. No configuration file, no environment: a control that could be changed
//! unseen is none.

use std::error::Error;
use std::fmt::{Display, Write};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gate::wire::Shape;
use pico_args::Arguments;
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use zeroize::Zeroizing;

use crate::{
    entry::Mode,
    processor::{HEAD_BYTES, Processor, STRIPE_VERSION},
};

/// How the vault is to be used.
pub const USAGE: &str = include_str!("usage.txt");

/// What is wrong with the command line, in words. Names the option, never what a file holds.
pub type Unusable = Box<dyn Error>;

fn unusable(option: &str, why: impl Display) -> Unusable {
    format!("{option}: {why}").into()
}

/// Reads what serving needs.
///
/// # Errors
/// The first option that is missing or cannot be used.
pub fn read(mut given: Arguments) -> Result<(Processor, Mode), Unusable> {
    let mode = Mode { canary: given.contains("--canary"), test_numbers: given.contains("--test-numbers") };
    let named = |name: &str| Shape::named(name).ok_or("--shape is sandbox, stripe or tokeniser");
    let shape = given.opt_value_from_fn("--shape", named)?.unwrap_or(Shape::Sandbox);
    let name: String = given.value_from_str("--processor-name")?;
    let path: String = given.value_from_str("--processor-path")?;
    let account: Option<String> = given.opt_value_from_str("--processor-account")?;
    let seconds = |text: &str| {
        text.parse().ok().filter(|seconds| (1..=60).contains(seconds)).ok_or("--answer-seconds is 1 to 60")
    };
    let seconds = given.opt_value_from_fn("--answer-seconds", seconds)?.unwrap_or(20);
    let [authority, token, chain, key] =
        ["--processor-ca", "--processor-token", "--client-certificate", "--client-key"]
            .map(|option| file(&mut given, option));
    let (chain, key, token) = (chain?, key?, token?);
    if let [unknown, ..] = given.finish().as_slice() {
        return Err(unusable(&unknown.to_string_lossy(), "no such option"));
    }
    if token.is_empty() && chain.is_empty() {
        return Err(unusable("--processor-token", "missing, and no --client-certificate stands for it"));
    }
    let head = head(shape, [&path, &name, token.trim_end(), account.as_deref().unwrap_or_default()])?;
    let name = ServerName::try_from(name).map_err(|error| unusable("--processor-name", error))?;
    let tls = Arc::new(tls(&authority?, &chain, &key)?);
    Ok((Processor { shape, name, tls, head, answer_within: Duration::from_secs(seconds) }, mode))
}

type Content = Zeroizing<String>;

/// What the file of an option holds; nothing where the option is not given.
fn file(given: &mut Arguments, option: &'static str) -> Result<Content, Unusable> {
    let path: Option<PathBuf> = given.opt_value_from_str(option)?;
    let content = path.map_or(Ok(String::new()), fs::read_to_string).map_err(|error| unusable(option, error))?;
    Ok(Zeroizing::new(content))
}

/// The lines of a request's head that are the same for all.
pub(crate) fn head(shape: Shape, settings: [&str; 4]) -> Result<Content, Unusable> {
    let [path, name, token, account] = settings;
    let kind = if shape == Shape::Tokeniser { "json" } else { "x-www-form-urlencoded" };
    let mut head = Zeroizing::new(String::with_capacity(HEAD_BYTES));
    let mut put = |line: &str, value: &str| if value.is_empty() { Ok(()) } else { write!(head, "{line}{value}\r\n") };
    let written = put("POST ", &format!("{path} HTTP/1.1"))
        .and_then(|()| put("host: ", name))
        .and_then(|()| put("authorization: Bearer ", token))
        .and_then(|()| put("stripe-version: ", if shape == Shape::Stripe { STRIPE_VERSION } else { "" }))
        .and_then(|()| put("stripe-account: ", account))
        .and_then(|()| put("connection: close\r\ncontent-type: application/", kind));
    let is_plain = settings.iter().all(|setting| setting.bytes().all(|byte| byte.is_ascii_graphic()));
    if written.is_ok() && is_plain && path.starts_with('/') && head.len() <= HEAD_BYTES {
        return Ok(head);
    }
    Err(unusable("--processor-path, -token, -account", "too long, or of letters that a request cannot hold"))
}

/// Trusts the named authorities and nothing else, keeps no session, and shows the client's certificate where there is one.
fn tls(authority: &str, chain: &str, key: &str) -> Result<ClientConfig, Unusable> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("--processor-ca", authority)? {
        roots.add(certificate).map_err(|error| unusable("--processor-ca", error))?;
    }
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let mut tls = if chain.is_empty() && key.is_empty() {
        builder.with_no_client_auth()
    } else {
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| unusable("--client-key", error))?;
        let chain = certificates("--client-certificate", chain)?;
        builder.with_client_auth_cert(chain, key).map_err(|error| unusable("--client-key", error))?
    };
    tls.resumption = Resumption::disabled();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(tls)
}

fn certificates(option: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let all: Option<Vec<_>> = CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::ok).collect();
    all.filter(|all| !all.is_empty()).ok_or_else(|| unusable(option, "missing, or no certificate of PEM"))
}
