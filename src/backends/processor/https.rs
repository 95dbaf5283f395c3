//! HTTPS to the processor: its certificate is of the configured name and authority or nothing is sent, redirects and
//! proxies are not followed, answers are bounded, and every failure says whether the request may have got through.

use std::{error::Error, io, path::Path, sync::Arc, time::Duration};

use reqwest::{Method, RequestBuilder};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};

use super::{PORT, ProcessorError, ProcessorOptions};

/// How long a connection may take, TLS included.
const CONNECT: Duration = Duration::from_secs(3);
/// Fewest and most characters of a bearer token.
const TOKEN_LENGTH: std::ops::RangeInclusive<usize> = 1..=256;

/// A client for one processor.
pub(super) struct Https {
    client: reqwest::Client,
    base: String,
    token: Option<SecretString>,
}

/// An answer: its status and its bounded body.
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Https {
    /// Reads the files that the options name.
    ///
    /// # Errors
    /// [`ProcessorError::Setting`] names the one that cannot be used.
    pub(super) fn new(options: &ProcessorOptions) -> Result<Self, ProcessorError> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(options)?)
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT);
        let client = match options.address {
            Some(address) => client.resolve(&options.name, address),
            None => client,
        };
        let port = options.address.map_or(PORT, |address| address.port());
        Ok(Self {
            client: client.build().map_err(|_| ProcessorError::Setting("client"))?,
            base: format!("https://{}:{port}", options.name),
            token: options.token.as_deref().map(token).transpose()?,
        })
    }

    /// A request with the bearer token.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        }
    }

    /// Sends a request and takes at most `most` bytes of an answer, all within a deadline.
    ///
    /// # Errors
    /// [`ProcessorError::Unreachable`] and [`ProcessorError::Untrusted`] where nothing was sent, else
    /// [`ProcessorError::Lost`]; [`ProcessorError::Malformed`] where the answer is too long.
    pub(super) async fn send(
        request: RequestBuilder,
        within: Duration,
        most: usize,
    ) -> Result<Answered, ProcessorError> {
        let mut response = request.timeout(within).send().await.map_err(|error| failure(&error))?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| ProcessorError::Lost)? {
            if body.len() + chunk.len() > most {
                return Err(ProcessorError::Malformed);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answered { status, body })
    }
}

/// What a status says that carries no decision.
pub(super) fn refusal(status: u16) -> ProcessorError {
    match status {
        429 => ProcessorError::Busy,
        // Under way, or too early to say: something of this key is being done.
        408 | 409 | 425 => ProcessorError::Lost,
        400..=499 => ProcessorError::Refused(status),
        500..=599 => ProcessorError::Failed(status),
        _ => ProcessorError::Malformed,
    }
}

fn token(file: &Path) -> Result<SecretString, ProcessorError> {
    let unusable = ProcessorError::Setting("key");
    let text = std::fs::read_to_string(file).map_err(|_| unusable)?;
    let text = text.trim();
    let is_plain = TOKEN_LENGTH.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain { Ok(SecretString::from(text.to_owned())) } else { Err(unusable) }
}

fn tls(options: &ProcessorOptions) -> Result<ClientConfig, ProcessorError> {
    let authority = ProcessorError::Setting("authority");
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&options.authority).map_err(|_| authority)? {
        roots.add(certificate.map_err(|_| authority)?).map_err(|_| authority)?;
    }
    if roots.is_empty() {
        return Err(authority);
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| ProcessorError::Setting("TLS"))?
        .with_root_certificates(roots);
    let Some((certificate, key)) = &options.client else { return Ok(builder.with_no_client_auth()) };
    let client = ProcessorError::Setting("client certificate");
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect).map_err(|_| client)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|_| ProcessorError::Setting("client key"))?;
    builder.with_client_auth_cert(chain, key).map_err(|_| client)
}

fn failure(error: &reqwest::Error) -> ProcessorError {
    if is_distrust(error) {
        ProcessorError::Untrusted
    } else if error.is_connect() || error.is_builder() {
        ProcessorError::Unreachable
    } else {
        ProcessorError::Lost
    }
}

/// Whether somewhere below an error is a certificate that was not accepted. An `io::Error` is no source of what it wraps.
fn is_distrust(error: &(dyn Error + 'static)) -> bool {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return matches!(tls, rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented);
    }
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.is_some_and(|wrapped| is_distrust(wrapped)) || error.source().is_some_and(is_distrust)
}
