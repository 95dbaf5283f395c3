//! The certificate of the authenticated listener, and whose client certificates it takes. Both are renewed while
//! the listener runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::Api;

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A PEM file cannot be read or holds nothing of its kind.
    #[error("{key}: cannot read {}: {source}", path.display())]
    Pem {
        /// The key of the configuration.
        key: &'static str,
        /// The file it names.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls_pki_types::pem::Error,
    },
    /// Certificate and key do not go together, or the authority is unusable.
    #[error("api.certificate: {0}")]
    Refused(String),
}

/// What a listener shows and asks for in each handshake. A renewal counts for every handshake after it; connections
/// that are up stay as they are.
#[derive(Clone)]
pub(crate) struct Tls(Arc<ArcSwap<ServerConfig>>);

/// What was read for a renewal and is not in force yet.
pub(crate) struct Renewal(Arc<ServerConfig>);

impl Tls {
    /// The TLS that the configuration asks for, or `None` where it asks for plain HTTP on loopback.
    ///
    /// # Errors
    /// Where a file is missing or is not what it should be.
    pub(crate) fn of(api: &Api) -> Result<Option<Self>, TlsError> {
        Ok(Renewal::of(api)?.map(|Renewal(config)| Self(Arc::new(ArcSwap::new(config)))))
    }

    /// Puts a renewal in force.
    pub(crate) fn renew(&self, Renewal(config): Renewal) {
        self.0.store(config);
    }

    /// The acceptor for the next handshake.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.load_full())
    }
}

impl From<ServerConfig> for Tls {
    fn from(config: ServerConfig) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(config)))
    }
}

impl Renewal {
    /// Reads the files that the configuration names, or nothing where it asks for plain HTTP on loopback.
    ///
    /// # Errors
    /// Where a file is missing or is not what it should be.
    pub(crate) fn of(api: &Api) -> Result<Option<Self>, TlsError> {
        match (&api.certificate, &api.key) {
            (Some(certificate), Some(key)) => {
                Ok(Some(Self(Arc::new(server_config(certificate, key, api.client_ca.as_deref())?))))
            }
            (Some(_), None) | (None, Some(_)) | (None, None) => Ok(None),
        }
    }
}

fn server_config(certificate: &Path, key: &Path, client_ca: Option<&Path>) -> Result<ServerConfig, TlsError> {
    let refused = |error: &dyn std::fmt::Display| TlsError::Refused(error.to_string());
    let chain = certificates("api.certificate", certificate)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|source| pem("api.key", key, source))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(&error))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates("api.client_ca", authority)? {
                roots.add(certificate).map_err(|error| refused(&error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().map_err(|error| refused(&error))?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| refused(&error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|source| pem(key, path, source))
}

fn pem(key: &'static str, path: &Path, source: rustls_pki_types::pem::Error) -> TlsError {
    TlsError::Pem { key, path: path.to_owned(), source }
}
