//! A payment processor to try the whole call with: a real HTTPS server in a process of its own, which takes published
//! test numbers and canaries only, and moves no money.
//!
//! `POST /v1/payments` takes a form (`number`, `expiry`, `code`, `amount`, `currency`, optionally `postal`; or of a bank
//! account `routing`, `account`, `account_type`, `holder_type`, `amount`, `currency`, optionally `holder`) under an
//! `Idempotency-Key`, which is the payment's id; the same id with the same payment is answered from the ledger, with any
//! other one it is a conflict. With a `token` of an earlier payment instead of a card the same card pays again.
//! `POST /v1/payments/{id}/refund` gives a payment back. `GET /v1/payments/{id}` tells the outcome, never a card. Both answer with a form. Bodies
//! are never logged, and a number that is not on the list is refused without being kept.

mod cards;
pub(crate) mod certificate;
mod ledger;
mod payments;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context;
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use self::{ledger::Ledger, payments::Payments};
use crate::api::Tls;

/// How to serve.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Address and port to listen on
    #[arg(long)]
    pub(crate) listen: SocketAddr,
    /// PEM file with the server's certificate chain
    #[arg(long)]
    pub(crate) certificate: PathBuf,
    /// PEM file with the server's key
    #[arg(long)]
    pub(crate) key: PathBuf,
    /// File with the bearer token that every request must carry
    #[arg(long)]
    pub(crate) token: PathBuf,
    /// File that outcomes are kept in; without it they last as long as the process
    #[arg(long)]
    pub(crate) state: Option<PathBuf>,
}

/// Serves until standard input closes. SIGTERM and SIGINT are ignored: the gateway that started this process lets it go.
///
/// # Errors
/// A file that cannot be used, or an address that cannot be listened on.
pub(crate) async fn serve(options: Options) -> anyhow::Result<()> {
    let _deaf = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    let listener =
        TcpListener::bind(options.listen).await.with_context(|| format!("cannot listen on {}", options.listen))?;
    let stop = CancellationToken::new();
    let leaving = stop.clone();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        leaving.cancel();
    });
    serve_on(listener, &options, stop).await
}

/// Serves on a socket that is already bound, until `stop`.
///
/// # Errors
/// A file that cannot be used.
pub(crate) async fn serve_on(listener: TcpListener, options: &Options, stop: CancellationToken) -> anyhow::Result<()> {
    let tls = tls(options)?;
    let token = std::fs::read_to_string(&options.token)
        .with_context(|| format!("cannot read the token in {}", options.token.display()))?;
    let ledger = match &options.state {
        Some(file) => Ledger::open(file).with_context(|| format!("cannot use the ledger {}", file.display()))?,
        None => Ledger::in_memory(),
    };
    let routes = payments::routes(Arc::new(Payments::new(ledger, token.trim_end())));
    tracing::debug!(address = %listener.local_addr()?, "sandbox processor listens");
    Ok(crate::api::serve(listener, Some(tls), routes, stop).await?)
}

fn tls(options: &Options) -> anyhow::Result<Tls> {
    let chain = CertificateDer::pem_file_iter(&options.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot read the certificate {}", options.certificate.display()))?;
    let key = PrivateKeyDer::from_pem_file(&options.key)
        .with_context(|| format!("cannot read the key {}", options.key.display()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Tls::from(config))
}
