//! A bot that says a long tone, clears it in one turn and waits for the caller's words in the next.

use std::{f64::consts::TAU, io, sync::Arc, thread, time::Duration};

use anyhow::Result;
use audio::g711::encode_ulaw;
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use super::{Stage, Turn};
use crate::{
    bot::between,
    stamp::{STAMP, Stamp},
    wire,
};

/// Longest a stream may be silent before the bot leaves it.
const SILENCE: Duration = Duration::from_secs(60);
/// Messages of 20 ms of quiet after which the bot speaks again.
const QUIET: u32 = 125;
/// After how many messages of its tone it clears it, and how much that varies from turn to turn.
const CLEAR_AFTER: u32 = 75;
const CLEAR_SPREAD: u32 = 50;
/// Samples of the tone.
const TONE: u32 = 20 * 8_000;
const STAMP_TEXT: usize = STAMP / 3 * 4;

pub(super) struct ToneBot {
    pub(super) url: String,
}

impl ToneBot {
    pub(super) fn start(stage: Arc<Stage>) -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let url = format!("ws://{}/stream", listener.local_addr()?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("bot".to_owned()).spawn(move || runtime.block_on(serve(listener, stage)))?;
        Ok(Self { url })
    }
}

async fn serve(listener: std::net::TcpListener, stage: Arc<Stage>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (tcp, _) = listener.accept().await?;
        let stage = Arc::clone(&stage);
        // How a stream ends is the gateway's choice.
        tokio::spawn(async move { speak(tcp, &stage).await.ok() });
    }
}

/// One stream: what it hears tells it which call it is, and when the caller has spoken.
async fn speak(tcp: TcpStream, stage: &Stage) -> Result<()> {
    tcp.set_nodelay(true)?;
    let mut socket = tokio_tungstenite::accept_async(tcp).await?;
    let tone = tone();
    let mut stream = String::new();
    let (mut call, mut quiet, mut since, mut is_clearing) = (None, QUIET, 0, false);
    while let Some(message) = tokio::time::timeout(SILENCE, socket.next()).await? {
        let Message::Text(text) = message? else { continue };
        if text.contains("\"event\":\"start\"") {
            stream = between(&text, "\"streamSid\":\"").unwrap_or_default().to_owned();
        }
        if !text.contains("\"event\":\"media\"") {
            continue;
        }
        since += 1;
        match stamp(&text) {
            Some(stamp) => {
                call.get_or_insert(stamp.call);
                quiet += 1;
            }
            // No stamp: the caller speaks.
            None => quiet = 0,
        }
        let Some(call) = call else { continue };
        if is_clearing && since > CLEAR_AFTER + (call as u32 * 7 + stream_turns(stage, call)) % CLEAR_SPREAD {
            if let Some(mut scene) = stage.scene(call) {
                scene.cause = wire::now();
            }
            socket.send(Message::Text(format!(r#"{{"event":"clear","streamSid":"{stream}"}}"#).into())).await?;
            (is_clearing, quiet) = (false, 0);
        }
        if !is_clearing && quiet >= QUIET && is_done(stage, call) {
            stage.next(call);
            is_clearing = stage.scene(call).is_some_and(|scene| scene.turn == Turn::Clear);
            let media = format!(r#"{{"event":"media","streamSid":"{stream}","media":{{"payload":"{tone}"}}}}"#);
            socket.send(Message::Text(media.into())).await?;
            (since, quiet) = (0, 0);
        }
    }
    Ok(())
}

/// Whether what the turn is about has happened.
fn is_done(stage: &Stage, call: usize) -> bool {
    stage.scene(call).is_some_and(|scene| scene.turn == Turn::Waiting || scene.cause != 0)
}

/// Something that differs from turn to turn, so that clears meet every place in a packet.
fn stream_turns(stage: &Stage, call: usize) -> u32 {
    stage.scene(call).map_or(0, |scene| scene.sounding % 5)
}

fn stamp(text: &str) -> Option<Stamp> {
    let payload = between(text, "\"payload\":\"")?;
    Stamp::read(&STANDARD.decode(payload.get(..STAMP_TEXT)?).ok()?)
}

/// Base64 of a tone of 1 kHz.
fn tone() -> String {
    let sample = |n: u32| encode_ulaw(((f64::from(n) * TAU / 8.0).sin() * 9_000.0).round() as i16);
    STANDARD.encode((0..TONE).map(sample).collect::<Vec<_>>())
}
