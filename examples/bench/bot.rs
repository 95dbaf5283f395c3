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
};

/// Longest a stream may be silent before the bot leaves it.
const SILENCE: Duration = Duration::from_secs(60);
/// Base64 of a stamp: twelve bytes are sixteen characters.
const STAMP_TEXT: usize = STAMP / 3 * 4;

/// A server that echoes until the program ends.
pub(crate) struct EchoBot {
    pub(crate) url: String,
    /// From the caller's packet to the bot's message.
    pub(crate) heard: Arc<Samples>,
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
        let url = format!("ws://{}/stream", listener.local_addr()?);
        let (heard, streams) = (Arc::new(Samples::default()), Arc::new(AtomicUsize::new(0)));
        let ear = Arc::new(Ear { board, heard: Arc::clone(&heard) });
        let counter = Arc::clone(&streams);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("bot".to_owned()).spawn(move || runtime.block_on(serve(listener, ear, counter)))?;
        Ok(Self { url, heard, streams })
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
    while let Some(message) = tokio::time::timeout(SILENCE, socket.next()).await? {
        let Message::Text(text) = message? else { continue };
        if text.contains("\"event\":\"media\"") {
            if let Some(answer) = answer(&text, &stream, ear) {
                socket.send(Message::Text(answer.into())).await?;
            }
        } else if text.contains("\"event\":\"start\"") {
            stream = between(&text, "\"streamSid\":\"").unwrap_or_default().to_owned();
        }
    }
    Ok(())
}

/// What the bot heard, said back as it is; `None` where it is not one of the caller's stamped packets.
fn answer(text: &str, stream: &str, ear: &Ear) -> Option<String> {
    let payload = between(text, "\"payload\":\"")?;
    let stamp = Stamp::read(&STANDARD.decode(payload.get(..STAMP_TEXT)?).ok()?)?;
    if let Some(took) = ear.board.since_sent(stamp) {
        ear.heard.record(took);
    }
    let answer = format!(r#"{{"event":"media","streamSid":"{stream}","media":{{"payload":"{payload}"}}}}"#);
    ear.board.said(stamp);
    Some(answer)
}

fn between<'a>(text: &'a str, open: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    rest.split_once('"').map(|(inner, _)| inner)
}
