//! Reaching a bot server: TCP, TLS and the WebSocket handshake, all within one deadline.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use rustix::net::sockopt::set_socket_send_buffer_size;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::Unreachable;

/// Most bytes of one message from the bot: a minute of audio with room to spare.
const MAX_MESSAGE: usize = 1 << 20;
/// Bytes read at once: half a dozen messages of 20 ms. Each call holds a buffer of this size.
const READ_BUFFER: usize = 2_048;
/// Bytes that the kernel holds for a bot that does not read: a second and a half of audio. With more, a stream that stands still
/// would show late, and a mute would be proven by a writer whose reader is far behind.
const SEND_BUFFER: usize = 32 * 1_024;

/// The header by which a bot knows who connects.
const SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-signature");

/// The socket to a bot.
pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Where a bot is and how it may be reached.
#[derive(Clone)]
pub struct BotServer {
    url: String,
    host: String,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
    allow_plain: bool,
    deadline: Duration,
    signature: Option<HeaderValue>,
}

/// Why a bot server cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum BotServerError {
    /// The address is not one of a WebSocket server.
    #[error("{0:?} is not the address of a WebSocket server; write one like \"wss://bot.example.com/stream\"")]
    Address(String),
    /// No HTTP client can be made.
    #[error("no HTTP client can be made: {0}")]
    Client(String),
    /// The authority's file cannot be read or holds no certificate.
    #[error("cannot use the authority {}: {reason}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl BotServer {
    /// A server at `url`. `authority` is a PEM file to trust in place of the system's authorities.
    ///
    /// # Errors
    /// Where the address or the authority's file is unusable.
    pub fn new(
        url: &str,
        authority: Option<&Path>,
        allow_plain: bool,
        deadline: Duration,
    ) -> Result<Self, BotServerError> {
        let refused = || BotServerError::Address(url.to_owned());
        let request = url.into_client_request().map_err(|_| refused())?;
        let secure = match request.uri().scheme_str() {
            Some("wss") => true,
            Some("ws") => false,
            Some(_) | None => return Err(refused()),
        };
        let host = request.uri().host().ok_or_else(refused)?.trim_matches(['[', ']']).to_owned();
        let port = request.uri().port_u16().unwrap_or(if secure { 443 } else { 80 });
        let tls = authority.map(trust).transpose()?;
        Ok(Self { url: url.to_owned(), host, port, tls, allow_plain, deadline, signature: None })
    }

    /// Signs each handshake with an account's auth token, as Twilio does, so that the bot knows who connects.
    #[must_use]
    pub fn signed_with(self, token: &SecretString) -> Self {
        let mut signature = HeaderValue::from_str(&signature(&self.url, token)).ok();
        if let Some(signature) = &mut signature {
            signature.set_sensitive(true);
        }
        Self { signature, ..self }
    }

    /// Connects.
    pub(super) async fn connect(&self) -> Result<Socket, Unreachable> {
        timeout(self.deadline, self.reach()).await.unwrap_or(Err(Unreachable::Late))
    }

    async fn reach(&self) -> Result<Socket, Unreachable> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|_| Unreachable::Refused)?;
        let plain = self.url.starts_with("ws://");
        let loopback = tcp.peer_addr().is_ok_and(|peer| peer.ip().is_loopback());
        if plain && !loopback && !self.allow_plain {
            return Err(Unreachable::Plain);
        }
        // Frames are small and each matters at once.
        tcp.set_nodelay(true).map_err(|_| Unreachable::Refused)?;
        set_socket_send_buffer_size(&tcp, SEND_BUFFER).map_err(|_| Unreachable::Refused)?;
        let connector = self.tls.clone().map(Connector::Rustls);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        client_async_tls_with_config(self.request()?, tcp, Some(config), connector)
            .await
            .map(|(socket, _)| socket)
            .map_err(|error| refusal(&error))
    }

    /// The handshake's request.
    fn request(&self) -> Result<Request, Unreachable> {
        let mut request = self.url.as_str().into_client_request().map_err(|_| Unreachable::Handshake)?;
        if let Some(signature) = &self.signature {
            request.headers_mut().insert(SIGNATURE, signature.clone());
        }
        Ok(request)
    }
}

/// The signature of a text: HMAC-SHA1 in base64. Of a request without POST parameters the text is its URL, exactly as it is
/// configured.
pub(crate) fn signature(text: &str, token: &SecretString) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.expose_secret().as_bytes());
    STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}

fn refusal(error: &Error) -> Unreachable {
    // rustls reports a bad certificate through the stream.
    let untrusted = matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::InvalidData);
    if untrusted || matches!(error, Error::Tls(_)) { Unreachable::Tls } else { Unreachable::Handshake }
}

/// A client that trusts the authorities in a PEM file alone.
pub(crate) fn trust(path: &Path) -> Result<Arc<ClientConfig>, BotServerError> {
    let refused = |reason: String| BotServerError::Authority { path: path.to_owned(), reason };
    let certificates: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| refused(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(refused("it holds no certificate of an authority".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(error.to_string()))?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_an_independent_implementation() {
        // openssl dgst -sha1 -hmac 12345678901234567890123456789012 -binary | base64
        let token = SecretString::from("12345678901234567890123456789012".to_owned());
        assert_eq!(signature("wss://bot.example.com/media?tenant=7", &token), "O3i1mFc8T0r2blqQc21eOy919ag=");
    }
}
