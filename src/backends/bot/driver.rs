//! The task that drives one stream: it reads the socket, the tap and the call's commands, and feeds the writer.

use std::collections::BTreeMap;
use std::time::Duration;

use call::media::TapItem;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use gate::{CleanFrame, MuteAck, SinkId};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, timeout};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

use super::connect::Socket;
use super::link::{Abnormal, Acknowledge, BotCommand, BotEvent, Closure};
use super::mute::{MuteWatch, Step};
use super::outbox::{Outbox, Outgoing, Outgoings, Refused, outbox};
use super::{BotServer, Identity, Said, Stream, Warning};

/// How often a ping asks whether the bot is still there.
const PING: Duration = Duration::from_secs(5);
/// How long nothing may come from the bot, pongs included.
const SILENCE: Duration = Duration::from_secs(12);
/// How long one write may wait for a bot that does not read.
const STALL: Duration = Duration::from_secs(2);
/// How long the call may leave the queue of events full.
const OVERRUN: Duration = Duration::from_secs(2);
/// How long the bot may take to answer a close.
const FAREWELL: Duration = Duration::from_secs(1);

pub(super) struct Driver {
    stream: Stream,
    mute: MuteWatch<gate::MuteEpoch>,
    commands: mpsc::Receiver<BotCommand>,
    frames: mpsc::Receiver<TapItem>,
    sink: SinkId,
    events: mpsc::Sender<BotEvent>,
    stop: CancellationToken,
}

impl Driver {
    pub(super) fn new(
        identity: Identity,
        commands: mpsc::Receiver<BotCommand>,
        frames: mpsc::Receiver<TapItem>,
        sink: SinkId,
        events: mpsc::Sender<BotEvent>,
        stop: CancellationToken,
    ) -> Self {
        let mute = MuteWatch::new();
        Self { stream: Stream::new(identity), mute, commands, frames, sink, events, stop }
    }

    /// Holds the stream from the first byte to the last event.
    pub(super) async fn run(
        mut self,
        server: BotServer,
        parameters: BTreeMap<String, String>,
        acknowledge: Acknowledge,
    ) {
        let socket = tokio::select! {
            socket = server.connect() => socket,
            () = self.stop.cancelled() => return,
        };
        let closure = match socket {
            Err(reason) => Closure::Unreachable(reason),
            Ok(socket) => self.hold(socket, &parameters, acknowledge).await,
        };
        tracing::info!(reason = closure.label(), "bot stream closed");
        // Nobody listens any more where the call is gone.
        drop(timeout(OVERRUN, self.events.send(BotEvent::Closed(closure))).await);
    }

    async fn hold(
        &mut self,
        socket: Socket,
        parameters: &BTreeMap<String, String>,
        acknowledge: Acknowledge,
    ) -> Closure {
        let (sink, mut source) = socket.split();
        let (mut outbox, outgoings) = outbox();
        let mut writer = tokio::spawn(write(sink, outgoings, acknowledge));
        let greetings = [self.stream.connected(), self.stream.start(parameters)];
        let greeted = greetings.into_iter().try_for_each(|text| outbox.push(Outgoing::Message(text)));
        let ended = match greeted.map_err(closure_of) {
            Err(closure) => Ended::Now(closure),
            Ok(()) => match self.report(BotEvent::Connected).await {
                Err(closure) => Ended::Now(closure),
                Ok(()) => self.exchange(&mut source, &mut outbox, &mut writer).await,
            },
        };
        let closure = match ended {
            Ended::Now(Closure::ByBot) => {
                // Answers the bot's close, so that it sees an orderly end too.
                if outbox.push(Outgoing::Close).is_ok() {
                    drop(timeout(FAREWELL, &mut writer).await);
                }
                Closure::ByBot
            }
            Ended::Now(closure) => closure,
            Ended::Politely => self.say_goodbye(&mut source, &outbox, &mut writer).await,
        };
        writer.abort();
        closure
    }

    async fn exchange(&mut self, source: &mut Source, outbox: &mut Outbox, writer: &mut Writer) -> Ended {
        let mut pings = interval(PING);
        let mut heard = Instant::now();
        loop {
            let step = tokio::select! {
                () = self.stop.cancelled() => return Ended::Politely,
                written = &mut *writer => return Ended::Now(written.map_or(BROKEN, |written| written)),
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command, outbox),
                    None => return Ended::Politely,
                },
                Some(item) = self.frames.recv() => match item {
                    TapItem::Caller(frame) => self.send_frame(&frame, outbox),
                    // A bot knows what it said.
                    TapItem::Sent { .. } => Ok(()),
                },
                message = source.next() => {
                    heard = Instant::now();
                    self.hear(message).await
                }
                _ = pings.tick() => {
                    if heard.elapsed() > SILENCE {
                        return Ended::Now(Closure::Abnormal(Abnormal::Silent));
                    }
                    outbox.push(Outgoing::Ping).map_err(|refused| Ended::Now(closure_of(refused)))
                }
            };
            if let Err(ended) = step {
                return ended;
            }
        }
    }

    fn obey(&mut self, command: BotCommand, outbox: &Outbox) -> Result<(), Ended> {
        let text = match command {
            BotCommand::Key(key) => self.stream.dtmf(&key),
            BotCommand::MarkReached(name) => self.stream.mark(&name),
            BotCommand::Hushed(generation) => {
                self.stream.hush(generation);
                return Ok(());
            }
            BotCommand::Stop => return Err(Ended::Politely),
        };
        outbox.push(Outgoing::Message(text)).map_err(|refused| Ended::Now(closure_of(refused)))
    }

    fn send_frame(&mut self, frame: &CleanFrame, outbox: &mut Outbox) -> Result<(), Ended> {
        let step = self.mute.pass(frame.mute_epoch(), frame.index());
        if matches!(step, Step::Begins { .. }) {
            outbox.discard_audio();
        }
        let text = self.stream.media(frame.index(), frame.samples());
        match outbox.audio(text) {
            Ok(()) => {}
            Err(Refused::Full) => warn(Warning::SlowReader),
            Err(Refused::Closed) => return Err(Ended::Now(closure_of(Refused::Closed))),
        }
        match step {
            Step::Same => Ok(()),
            Step::Begins { epoch, first_silent_index } | Step::Renews { epoch, first_silent_index } => {
                let ack = MuteAck { sink: self.sink, epoch, first_silent_index };
                outbox.push(Outgoing::Acknowledge(ack)).map_err(|refused| Ended::Now(closure_of(refused)))
            }
        }
    }

    async fn hear(&mut self, message: Option<Result<Message, Error>>) -> Result<(), Ended> {
        let said = match message {
            Some(Ok(Message::Text(text))) => self.stream.handle_text(std::time::Instant::now(), &text),
            Some(Ok(Message::Binary(_))) => {
                self.stream.handle_binary();
                None
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => None,
            Some(Ok(Message::Close(frame))) => return Err(Ended::Now(closed(frame.as_ref()))),
            Some(Err(error)) => return Err(Ended::Now(broken(&error))),
            None => return Err(Ended::Now(BROKEN)),
        };
        while let Some(warning) = self.stream.poll_warning() {
            warn(warning);
        }
        let event = match said {
            None => return Ok(()),
            Some(Said::Audio { generation, samples }) => BotEvent::Audio { generation, samples },
            Some(Said::Mark(name)) => BotEvent::Mark(name),
            Some(Said::Clear(generation)) => BotEvent::Clear(generation),
        };
        self.report(event).await.map_err(Ended::Now)
    }

    async fn report(&self, event: BotEvent) -> Result<(), Closure> {
        match timeout(OVERRUN, self.events.send(event)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Closure::ByCall),
            Err(_) => Err(Closure::Abnormal(Abnormal::Overrun)),
        }
    }

    /// Sends `stop` and a close, and waits a moment for the bot's own close, so that it sees an orderly end.
    async fn say_goodbye(&mut self, source: &mut Source, outbox: &Outbox, writer: &mut Writer) -> Closure {
        let queued = outbox.push(Outgoing::Message(self.stream.stop())).and_then(|()| outbox.push(Outgoing::Close));
        if queued.is_ok() {
            let answered = async { while let Some(Ok(_)) = source.next().await {} };
            drop(timeout(FAREWELL, async { tokio::join!(answered, writer) }).await);
        }
        Closure::ByCall
    }
}

type Sink = SplitSink<Socket, Message>;
type Source = SplitStream<Socket>;
type Writer = tokio::task::JoinHandle<Closure>;

const BROKEN: Closure = Closure::Abnormal(Abnormal::Broken);

/// How the exchange is to end.
enum Ended {
    /// At once, for this reason.
    Now(Closure),
    /// With `stop` and a close.
    Politely,
}

/// Writes until told to close or the bot stops reading, and says why it ended.
async fn write(mut sink: Sink, mut outgoings: Outgoings, acknowledge: Acknowledge) -> Closure {
    while let Some(outgoing) = outgoings.next().await {
        let written = match outgoing {
            Outgoing::Audio { text, .. } | Outgoing::Message(text) => {
                timeout(STALL, sink.send(Message::Text(text.into()))).await
            }
            Outgoing::Ping => timeout(STALL, sink.send(Message::Ping(Vec::new().into()))).await,
            Outgoing::Acknowledge(ack) => match timeout(STALL, sink.flush()).await {
                Ok(Ok(())) => {
                    acknowledge(ack);
                    Ok(Ok(()))
                }
                failed => failed,
            },
            Outgoing::Close => {
                let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
                drop(timeout(STALL, sink.send(Message::Close(Some(frame)))).await);
                return Closure::ByCall;
            }
        };
        match written {
            Ok(Ok(())) => {}
            // The reader sees the close that this write ran into, and knows its reason.
            Ok(Err(Error::ConnectionClosed | Error::AlreadyClosed)) => return std::future::pending().await,
            Ok(Err(error)) => return broken(&error),
            Err(_) => return Closure::Abnormal(Abnormal::Stalled),
        }
    }
    Closure::ByCall
}

/// What a close frame means (RFC 6455 §7.4.1).
fn closed(frame: Option<&CloseFrame>) -> Closure {
    match frame.map(|frame| frame.code) {
        None | Some(CloseCode::Normal | CloseCode::Away | CloseCode::Status) => Closure::ByBot,
        Some(_) => BROKEN,
    }
}

fn broken(error: &Error) -> Closure {
    let reset = matches!(error, Error::Protocol(ProtocolError::ResetWithoutClosingHandshake));
    let breach = !reset && matches!(error, Error::Protocol(_) | Error::Capacity(_) | Error::Utf8(_));
    if breach { Closure::Abnormal(Abnormal::Protocol) } else { BROKEN }
}

fn closure_of(refused: Refused) -> Closure {
    match refused {
        Refused::Full => Closure::Abnormal(Abnormal::Stalled),
        Refused::Closed => BROKEN,
    }
}

fn warn(warning: Warning) {
    metrics::counter!("tonegate_bot_warnings_total", "code" => warning.code()).increment(1);
    if warning == Warning::SlowReader {
        metrics::counter!("tonegate_drops_total", "queue" => "bot", "reason" => "slow_reader").increment(1);
    }
}
