//! A bot server that says back whatever it hears, on a public WebSocket library and a thread of its own.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Result;
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    samples::Samples,
    stamp::{Board, STAMP, Stamp},
    wire,
};

/// Longest a stream may be silent before the bot leaves it.
const SILENCE: Duration = Duration::from_secs(60);
/// Base64 of a stamp: twelve bytes are sixteen characters.
const STAMP_TEXT: usize = STAMP / 3 * 4;

/// A server that echoes until the program ends.
pub(crate) struct EchoBot {
    pub(crate) port: u16,
    /// From the caller's packet to the bot's message.
    pub(crate) heard: Arc<Samples>,
    pub(crate) board: Arc<Board>,
    streams: Arc<AtomicUsize>,
}

struct Ear {
    board: Arc<Board>,
    heard: Arc<Samples>,
}

impl EchoBot {
    pub(crate) fn start(board: Arc<Board>) -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let (heard, streams) = (Arc::new(Samples::default()), Arc::new(AtomicUsize::new(0)));
        let ear = Arc::new(Ear { board: Arc::clone(&board), heard: Arc::clone(&heard) });
        let counter = Arc::clone(&streams);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("bot".to_owned()).spawn(move || runtime.block_on(serve(listener, ear, counter)))?;
        Ok(Self { port, heard, board, streams })
    }

    /// Its address for a gateway's configuration.
    pub(crate) fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/stream", self.port)
    }

    /// Streams that are open.
    pub(crate) fn streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }
}

async fn serve(listener: std::net::TcpListener, ear: Arc<Ear>, streams: Arc<AtomicUsize>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (tcp, _) = listener.accept().await?;
        let (ear, streams) = (Arc::clone(&ear), Arc::clone(&streams));
        tokio::spawn(async move {
            streams.fetch_add(1, Ordering::Relaxed);
            // How a stream ends is the gateway's choice; what is missing shows in the counts.
            echo(tcp, &ear).await.ok();
            streams.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

async fn echo(tcp: TcpStream, ear: &Ear) -> Result<()> {
    tcp.set_nodelay(true)?;
    let mut socket = tokio_tungstenite::accept_async(tcp).await?;
    let mut stream = String::new();
    let mut is_interrupted = false;
    while let Some(message) = tokio::time::timeout(SILENCE, socket.next()).await? {
        let text = match message? {
            Message::Text(text) => text,
            Message::Binary(payload) => {
                hear(&payload, ear);
                socket.send(Message::Binary(payload)).await?;
                continue;
            }
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => continue,
        };
        if text.contains("\"event\":\"media\"") {
            if let Some((stamp, answer)) = answer(&text, &stream, ear) {
                let is_spoken = stamp.spoken().is_some() && ear.board.speech().is_some();
                if std::mem::replace(&mut is_interrupted, is_spoken) && !is_spoken {
                    // The caller has spoken over it: what it says now is something new.
                    socket.send(Message::Text(clear(&stream).into())).await?;
                }
                socket.send(Message::Text(answer.into())).await?;
            }
        } else if text.contains("\"event\":\"start\"") {
            stream = between(&text, "\"streamSid\":\"").unwrap_or_default().to_owned();
        }
    }
    Ok(())
}

/// What the bot heard, said back as it is; `None` where it is not one of the caller's stamped packets.
fn answer(text: &str, stream: &str, ear: &Ear) -> Option<(Stamp, String)> {
    let payload = between(text, "\"payload\":\"")?;
    let stamp = hear(&STANDARD.decode(payload.get(..STAMP_TEXT)?).ok()?, ear)?;
    Some((stamp, format!(r#"{{"event":"media","streamSid":"{stream}","media":{{"payload":"{payload}"}}}}"#)))
}

fn clear(stream: &str) -> String {
    format!(r#"{{"event":"clear","streamSid":"{stream}"}}"#)
}

/// Notes that a caller's packet came, and that it is said back; which one, where it was a stamped one.
fn hear(payload: &[u8], ear: &Ear) -> Option<Stamp> {
    let stamp = Stamp::read(payload)?;
    if let Some(sent) = ear.board.sent(stamp) {
        ear.heard.record(wire::now().saturating_sub(sent));
    }
    ear.board.say(stamp);
    Some(stamp)
}

pub(crate) fn between<'a>(text: &'a str, open: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    rest.split_once('"').map(|(inner, _)| inner)
}
