//! Bots that speak Twilio Media Streams: the gateway is the carrier, the bot is a WebSocket server.
//!
//! ```text
//! CleanFrame ─▶ driver ─▶ Stream (text of each message) ─▶ outbox ─▶ wire ─▶ bot
//! BotEvent   ◀─ driver ◀─ Stream (meaning of each message) ◀─ valve ◀─ wire ◀─ bot
//! ```
//!
//! [`Stream`] is pure: it knows the wire and is told the time. The driver opens the socket, keeps deadlines and
//! moves messages. A bot that reads too slowly loses audio, as at Twilio; one that stops reading is abnormal. One that
//! says much more than is played is read no further meanwhile, and loses nothing.

mod connect;
mod driver;
mod link;
mod message;
mod mute;
mod outbox;
mod speech;
mod stream;
mod threads;
mod valve;
mod wire;

pub use connect::{BotServer, BotServerError};
pub(crate) use connect::{signature, trust};
pub use link::{
    Abnormal, Acknowledge, Ahead, BotCommand, BotEvent, BotLink, Closure, Ends, Measure, Report, Unreachable, open,
};
pub use stream::{ACCOUNT, Identity, Said, Stream, Warning};
pub use threads::BotThreads;

#[cfg(test)]
mod tests;
