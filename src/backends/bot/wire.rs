//! The socket and what waits to be written to it, as one: it is read and written in the same turn, so that a frame costs
//! one wake-up, and everything that waits goes out with one flush.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Sink, Stream};
use gate::MuteAck;
use tokio::time::{Instant, Sleep, sleep};
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::connect::Socket;
use super::outbox::{Outbox, Outgoing};

/// How long a write may wait for a bot that does not read.
const STALL: Duration = Duration::from_secs(2);

/// What came of a turn.
pub(super) enum Turn {
    /// The bot said something; `None` at the end of the connection.
    Heard(Option<Result<Message, Error>>),
    /// Everything older than this acknowledgement was handed to the network or discarded.
    Silent(MuteAck),
    /// The close was written: nothing is written any more.
    Closed,
    /// Writing failed.
    Broken(Error),
    /// The bot stopped reading.
    Stalled,
}

/// A bot's socket.
pub(super) struct Wire {
    socket: Socket,
    pub(super) outbox: Outbox,
    unflushed: bool,
    closing: bool,
    written_out: bool,
    blocked: bool,
    stalled: Pin<Box<Sleep>>,
}

impl Wire {
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            socket,
            outbox: Outbox::default(),
            unflushed: false,
            closing: false,
            written_out: false,
            blocked: false,
            stalled: Box::pin(sleep(STALL)),
        }
    }

    /// Writes what waits and, where the bot is to be heard, reads what comes; else that waits in the network. Safe to be
    /// dropped while it waits: nothing is lost.
    pub(super) async fn turn(&mut self, hears: bool) -> Turn {
        std::future::poll_fn(|context| self.poll_turn(context, hears)).await
    }

    fn poll_turn(&mut self, context: &mut Context<'_>, hears: bool) -> Poll<Turn> {
        if !self.written_out {
            match self.poll_write(context) {
                Ok(Some(turn)) => return Poll::Ready(turn),
                Ok(None) => {}
                // The reader sees the close that this write ran into, and knows its reason.
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => self.written_out = true,
                Err(error) => return Poll::Ready(Turn::Broken(error)),
            }
        }
        if hears && let Poll::Ready(heard) = Pin::new(&mut self.socket).poll_next(context) {
            if matches!(&heard, Some(Ok(Message::Close(_)))) {
                self.answer_close();
            }
            return Poll::Ready(Turn::Heard(heard));
        }
        if self.blocked {
            ready!(self.stalled.as_mut().poll(context));
            return Poll::Ready(Turn::Stalled);
        }
        Poll::Pending
    }

    /// Writes until nothing waits or the socket takes no more. While it takes no more nothing leaves the outbox, where it
    /// can still be discarded.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Result<Option<Turn>, Error> {
        loop {
            let is_last = matches!(self.outbox.front(), None | Some(Outgoing::Acknowledge(_)));
            if self.blocked || self.unflushed && (is_last || self.closing) {
                let Poll::Ready(flushed) = Pin::new(&mut self.socket).poll_flush(context) else {
                    self.block();
                    return Ok(None);
                };
                flushed?;
                (self.blocked, self.unflushed) = (false, false);
                if self.closing {
                    self.written_out = true;
                    return Ok(Some(Turn::Closed));
                }
            } else if let Some(outgoing) = self.outbox.pop() {
                if let Outgoing::Acknowledge(ack) = outgoing {
                    return Ok(Some(Turn::Silent(ack)));
                }
                self.write(outgoing)?;
            } else {
                return Ok(None);
            }
        }
    }

    /// The library has queued the answer to a close (RFC 6455 §5.5.1): the next turns write it, and nothing else.
    fn answer_close(&mut self) {
        self.outbox = Outbox::default();
        (self.closing, self.unflushed) = (true, true);
    }

    /// Whether a close is still to be written.
    pub(super) fn is_closing(&self) -> bool {
        self.closing && !self.written_out
    }

    fn block(&mut self) {
        if !self.blocked {
            self.blocked = true;
            self.stalled.as_mut().reset(Instant::now() + STALL);
        }
    }

    /// Gives a message to the socket, which takes it in any case and may keep it until the next flush.
    fn write(&mut self, outgoing: Outgoing) -> Result<(), Error> {
        let message = match outgoing {
            Outgoing::Audio(text) | Outgoing::Message(text) => Message::Text(text.into()),
            Outgoing::Ping => Message::Ping(Vec::new().into()),
            Outgoing::Close => {
                self.closing = true;
                Message::Close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() }))
            }
            Outgoing::Acknowledge(_) => return Ok(()),
        };
        self.unflushed = true;
        Pin::new(&mut self.socket).start_send(message)
    }
}
