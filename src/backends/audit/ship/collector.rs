//! Checkpoints by HTTPS: each is the body of a POST, and is kept where the answer is 2xx.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{StatusCode, Url, header};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};

use super::{Failure, ShippingError};
use crate::store::Waiting;

/// Where checkpoints are posted.
#[derive(Clone, Debug)]
pub struct Collector {
    /// An address that begins with `https://`.
    pub url: String,
    /// A PEM file with the authority that signs its certificate.
    pub authority: PathBuf,
    /// The bearer token, if it wants one.
    pub token: Option<SecretString>,
}

/// Posts to a collector.
pub(super) struct Client {
    client: reqwest::Client,
    url: Url,
    token: Option<SecretString>,
}

impl Client {
    pub(super) fn new(collector: &Collector, deadline: Duration) -> Result<Self, ShippingError> {
        let failed = |setting| move || ShippingError::Setting(setting);
        let url = Url::parse(&collector.url).ok().filter(|url| url.scheme() == "https").ok_or_else(failed("to"))?;
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_file_iter(&collector.authority).map_err(|_| failed("ca")())?;
        for certificate in certificates {
            let added = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
            added.ok_or_else(failed("ca"))?;
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| failed("to")())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(deadline)
            .build()
            .map_err(|_| failed("to")())?;
        Ok(Self { client, url, token: collector.token.clone() })
    }

    pub(super) async fn post(&self, waiting: &Waiting) -> Result<(), Failure> {
        let request = self.client.post(self.url.clone()).header(header::CONTENT_TYPE, "text/plain; charset=utf-8");
        let request = match &self.token {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        };
        let failure = match request.body(waiting.note.clone()).send().await {
            Ok(response) if response.status().is_success() => return Ok(()),
            Ok(response) => {
                tracing::warn!(
                    status = response.status().as_u16(),
                    "the collector of checkpoints answers with an error"
                );
                if is_final(response.status()) { Failure::Refused } else { Failure::Failed }
            }
            // Without its text, which may hold the address with what is secret in it.
            Err(error) => {
                tracing::warn!(is_timeout = error.is_timeout(), "the collector of checkpoints does not answer");
                Failure::Failed
            }
        };
        Err(failure)
    }
}

/// Whether the collector says that the request itself is wrong.
fn is_final(status: StatusCode) -> bool {
    status.is_client_error()
        && !matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS)
}
