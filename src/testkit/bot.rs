//! A bot server: the other side of Twilio Media Streams, on a public WebSocket library, driven by a test.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use ring::hmac;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// How long a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that waits for streams.
pub struct BotServer {
    listener: TcpListener,
}

/// One stream, with what its `start` said.
pub struct BotSession {
    socket: WebSocketStream<TcpStream>,
    signature: Option<String>,
    /// `streamSid`
    pub stream_sid: String,
    /// The whole `start` message.
    pub start: Value,
    /// The `connected` message.
    pub connected: Value,
}

/// What a test cannot go on after.
#[derive(Debug, thiserror::Error)]
pub enum BotError {
    /// The socket failed.
    #[error("the socket failed: {0}")]
    Io(#[from] io::Error),
    /// The WebSocket failed.
    #[error("the WebSocket failed: {0}")]
    Socket(#[from] Box<tokio_tungstenite::tungstenite::Error>),
    /// Nothing came for a long time.
    #[error("nothing came in time while waiting for {0}")]
    Silence(&'static str),
    /// The stream ended early.
    #[error("the stream ended while waiting for {0}")]
    Ended(&'static str),
    /// A message was not JSON text.
    #[error("a message was not JSON text")]
    NotJson,
}

impl BotServer {
    /// A server on a free port of the loopback.
    ///
    /// # Errors
    /// Where no port can be bound.
    pub async fn bind() -> Result<Self, BotError> {
        Ok(Self { listener: TcpListener::bind("127.0.0.1:0").await? })
    }

    /// The same, of which the kernel takes no more than a few packets while it does not read.
    ///
    /// # Errors
    /// Where no port can be bound.
    pub fn narrow() -> Result<Self, BotError> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4_096)?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        Ok(Self { listener: socket.listen(8)? })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Where the socket has no address.
    pub fn address(&self) -> Result<SocketAddr, BotError> {
        Ok(self.listener.local_addr()?)
    }

    /// The `ws://` address for a gateway's configuration.
    ///
    /// # Errors
    /// Where the socket has no address.
    pub fn url(&self) -> Result<String, BotError> {
        Ok(format!("ws://{}/stream", self.address()?))
    }

    /// Waits for a stream and reads its first two messages.
    ///
    /// # Errors
    /// Where none comes or it does not begin as it must.
    pub async fn accept(&self) -> Result<BotSession, BotError> {
        let accepted = timeout(PATIENCE, self.listener.accept()).await;
        let (tcp, _) = accepted.map_err(|_| BotError::Silence("a connection"))??;
        tcp.set_nodelay(true)?;
        let mut signature = None;
        let socket = tokio_tungstenite::accept_hdr_async(tcp, Signature(&mut signature)).await.map_err(Box::new)?;
        let (stream_sid, start, connected) = (String::new(), Value::Null, Value::Null);
        let mut session = BotSession { socket, signature, stream_sid, start, connected };
        session.connected = session.next("connected").await?;
        session.start = session.next("start").await?;
        session.stream_sid = session.start["streamSid"].as_str().unwrap_or_default().to_owned();
        Ok(session)
    }
}

/// Keeps a handshake's `X-Twilio-Signature`.
struct Signature<'a>(&'a mut Option<String>);

impl Callback for Signature<'_> {
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        let header = request.headers().get("x-twilio-signature");
        *self.0 = header.and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(response)
    }
}

impl BotSession {
    /// Whether the handshake was signed with an account's auth token for the address of this bot, as Twilio's own
    /// libraries check it.
    #[must_use]
    pub fn is_signed(&self, url: &str, token: &str) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
        let signature = self.signature.as_deref().and_then(|signature| STANDARD.decode(signature).ok());
        signature.is_some_and(|signature| hmac::verify(&key, url.as_bytes(), &signature).is_ok())
    }

    /// Whether the handshake carried a signature at all.
    #[must_use]
    pub fn has_signature(&self) -> bool {
        self.signature.is_some()
    }

    /// A value of `customParameters`.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.start["start"]["customParameters"][name].as_str()
    }

    /// The next message from the gateway.
    ///
    /// # Errors
    /// Where none comes, or the stream ends.
    pub async fn next(&mut self, waiting_for: &'static str) -> Result<Value, BotError> {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await.map_err(|_| BotError::Silence(waiting_for))?;
            return match message {
                Some(Ok(Message::Text(text))) => serde_json::from_str(&text).map_err(|_| BotError::NotJson),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Binary(_))) => Err(BotError::NotJson),
                Some(Ok(Message::Close(_))) | None => Err(BotError::Ended(waiting_for)),
                Some(Err(error)) => Err(Box::new(error).into()),
            };
        }
    }

    /// The next message of one event; others are passed over.
    ///
    /// # Errors
    /// As [`BotSession::next`].
    pub async fn expect(&mut self, event: &'static str) -> Result<Value, BotError> {
        loop {
            let message = self.next(event).await?;
            if message["event"] == event {
                return Ok(message);
            }
        }
    }

    /// Waits until the gateway has closed in order, and tells with which code.
    ///
    /// # Errors
    /// Where it does not.
    pub async fn closed(&mut self) -> Result<Option<u16>, BotError> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.map_err(|_| BotError::Silence("a close"))? {
                Some(Ok(Message::Close(frame))) => return Ok(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Box::new(error).into()),
                None => return Err(BotError::Ended("a close")),
            }
        }
    }

    /// Says µ-law audio, in one message whatever its length.
    ///
    /// # Errors
    /// Where the socket fails.
    pub async fn say(&mut self, coded: &[u8]) -> Result<(), BotError> {
        let message =
            json!({"event": "media", "streamSid": self.stream_sid, "media": {"payload": STANDARD.encode(coded)}});
        self.send(message.to_string()).await
    }

    /// Asks to be told when what was said is played.
    ///
    /// # Errors
    /// Where the socket fails.
    pub async fn mark(&mut self, name: &str) -> Result<(), BotError> {
        let message = json!({"event": "mark", "streamSid": self.stream_sid, "mark": {"name": name}});
        self.send(message.to_string()).await
    }

    /// Drops what was said.
    ///
    /// # Errors
    /// Where the socket fails.
    pub async fn clear(&mut self) -> Result<(), BotError> {
        let message = json!({"event": "clear", "streamSid": self.stream_sid});
        self.send(message.to_string()).await
    }

    /// Sends any text.
    ///
    /// # Errors
    /// Where the socket fails.
    pub async fn send(&mut self, text: String) -> Result<(), BotError> {
        Ok(self.socket.send(Message::Text(text.into())).await.map_err(Box::new)?)
    }

    /// Sends any bytes.
    ///
    /// # Errors
    /// Where the socket fails.
    pub async fn send_binary(&mut self, bytes: Vec<u8>) -> Result<(), BotError> {
        Ok(self.socket.send(Message::Binary(bytes.into())).await.map_err(Box::new)?)
    }

    /// Sends bytes that need be no frame at all.
    ///
    /// # Errors
    /// Where the socket fails.
    pub async fn send_unframed(&mut self, bytes: &[u8]) -> Result<(), BotError> {
        Ok(self.socket.get_mut().write_all(bytes).await?)
    }

    /// Closes with a code, and waits for the answer, whose code it tells.
    ///
    /// # Errors
    /// Where the socket fails, or ends without an answer.
    pub async fn close(mut self, code: u16) -> Result<Option<u16>, BotError> {
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        self.socket.close(Some(frame)).await.map_err(Box::new)?;
        self.closed().await
    }

    /// Ends the connection as a crash would: without a close.
    pub fn break_off(self) {
        drop(self.socket);
    }
}
