//! The task that drives one stream: it turns what the socket, the tap and the call say into messages and events.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use call::media::TapItem;
use gate::{CleanFrame, MuteAck, SinkId};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

use super::link::{Abnormal, Acknowledge, BotCommand, BotEvent, Closure, Hushed, Measure, Report};
use super::mute::{MuteWatch, Step};
use super::outbox::{Full, Outbox, Outgoing};
use super::speech::Speech;
use super::valve::{RECHECK, Valve};
use super::wire::{Turn, Wire};
use super::{BotServer, Identity, Said, Stream, Warning};

/// How often a ping asks whether the bot is still there.
const PING: Duration = Duration::from_secs(5);
/// How long nothing may come from the bot, pongs included.
const SILENCE: Duration = Duration::from_secs(12);
/// How long the bot may take to answer a close.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a stream is made of, beside its socket.
pub(super) struct Opening {
    pub(super) identity: Identity,
    pub(super) commands: mpsc::Receiver<BotCommand>,
    pub(super) hushed: Hushed,
    pub(super) sink: SinkId,
    pub(super) acknowledge: Acknowledge,
    pub(super) report: Report,
    pub(super) measure: Measure,
    pub(super) stop: CancellationToken,
}

pub(super) struct Driver {
    stream: Stream,
    mute: MuteWatch<gate::MuteEpoch>,
    frames: Option<mpsc::Receiver<Arc<TapItem>>>,
    commands: mpsc::Receiver<BotCommand>,
    hushed: Hushed,
    sink: SinkId,
    acknowledge: Acknowledge,
    report: Report,
    measure: Measure,
    valve: Valve,
    /// What the bot said in its last message, and the leg has no room for yet.
    speech: Speech,
    stop: CancellationToken,
}

impl Driver {
    pub(super) fn new(opening: Opening) -> Self {
        Self {
            stream: Stream::new(opening.identity),
            mute: MuteWatch::new(),
            frames: None,
            commands: opening.commands,
            hushed: opening.hushed,
            sink: opening.sink,
            acknowledge: opening.acknowledge,
            report: opening.report,
            measure: opening.measure,
            valve: Valve::default(),
            speech: Speech::default(),
            stop: opening.stop,
        }
    }

    /// Holds the stream from the first byte to the last event.
    pub(super) async fn run(mut self: Box<Self>, server: BotServer, parameters: BTreeMap<String, String>) {
        let socket = tokio::select! {
            socket = Box::pin(server.connect()) => socket,
            () = self.stop.cancelled() => return,
        };
        let closure = match socket {
            Err(reason) => Closure::Unreachable(reason),
            Ok(socket) => self.hold(Box::new(Wire::new(socket)), &parameters).await,
        };
        tracing::info!(reason = closure.label(), "bot stream closed");
        (self.report)(BotEvent::Closed(closure));
    }

    async fn hold(&mut self, mut wire: Box<Wire>, parameters: &BTreeMap<String, String>) -> Closure {
        let greetings = [self.stream.connected(), self.stream.start(parameters)];
        let greeted = greetings.into_iter().try_for_each(|text| wire.outbox.push(Outgoing::Message(text)));
        let ended = match greeted {
            Err(Full) => Ended::Now(STALLED),
            Ok(()) => {
                (self.report)(BotEvent::Connected);
                self.exchange(&mut wire).await
            }
        };
        match ended {
            Ended::Now(closure) => {
                // Whatever its code, a close is answered, so that the bot sees an orderly end.
                if wire.is_closing() {
                    drop(timeout(FAREWELL, until_closed(&mut wire)).await);
                }
                closure
            }
            Ended::Politely => self.say_goodbye(&mut wire).await,
        }
    }

    async fn exchange(&mut self, wire: &mut Wire) -> Ended {
        let mut pings = interval(PING);
        let mut rechecks = interval(RECHECK);
        rechecks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        let mut stopped = pin!(self.stop.clone().cancelled_owned());
        loop {
            let hears = self.hears();
            if !hears {
                // Its pongs wait with the rest. Whether it is there shows in what is written.
                heard = Instant::now();
            }
            let step = tokio::select! {
                () = &mut stopped => return self.last_words(&mut wire.outbox),
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command, &mut wire.outbox),
                    None => return Ended::Politely,
                },
                Some(item) = next(self.frames.as_mut()) => match &*item {
                    TapItem::Caller(frame) => self.send_frame(frame, &mut wire.outbox),
                    // A bot knows what it said.
                    TapItem::Sent { .. } => Ok(()),
                },
                turn = wire.turn(hears) => {
                    if matches!(turn, Turn::Heard(_)) {
                        heard = Instant::now();
                    }
                    self.take(turn)
                }
                _ = pings.tick() => {
                    if heard.elapsed() > SILENCE {
                        return Ended::Now(Closure::Abnormal(Abnormal::Silent));
                    }
                    pushed(wire.outbox.push(Outgoing::Ping))
                }
                _ = rechecks.tick(), if !hears => Ok(()),
            };
            if let Err(ended) = step {
                return ended;
            }
        }
    }

    /// What the call told it before it let go of it is still told.
    fn last_words(&mut self, outbox: &mut Outbox) -> Ended {
        while let Ok(command) = self.commands.try_recv() {
            if let Err(ended) = self.obey(command, outbox) {
                return ended;
            }
        }
        Ended::Politely
    }

    /// Whether the bot is to be heard now. What is left of its last message goes before.
    fn hears(&mut self) -> bool {
        while self.valve.opens(&(self.measure)()) {
            if !self.pass_on() {
                return true;
            }
        }
        let now = std::time::Instant::now();
        self.stream.unread(now);
        self.valve.is_overdue(now)
    }

    /// Passes on a piece of what the bot said last. Returns whether there was one.
    fn pass_on(&mut self) -> bool {
        let Some((generation, samples)) = self.speech.next() else { return false };
        (self.report)(BotEvent::Audio { generation, samples });
        true
    }

    fn obey(&mut self, command: BotCommand, outbox: &mut Outbox) -> Result<(), Ended> {
        let text = match command {
            BotCommand::Hear(frames) => {
                self.frames = Some(frames);
                return Ok(());
            }
            BotCommand::Key(key) => self.stream.dtmf(&key),
            BotCommand::MarkReached(name) => self.stream.mark(&name),
            BotCommand::Capture(view) => self.stream.capture(&view),
            BotCommand::Transfer(view) => self.stream.transfer(&view),
            BotCommand::Stop => return Err(Ended::Politely),
        };
        pushed(outbox.push(Outgoing::Message(text)))
    }

    fn send_frame(&mut self, frame: &CleanFrame, outbox: &mut Outbox) -> Result<(), Ended> {
        let step = self.mute.pass(frame.mute_epoch(), frame.index());
        let skips_flush = gate::sabotaged("skip_flush");
        if matches!(step, Step::Begins { .. }) && !skips_flush {
            outbox.discard_audio();
        }
        let text = self.stream.media(frame.index(), frame.samples());
        if let Err(Full) = outbox.audio(text) {
            warn(Warning::SlowReader);
        }
        match step {
            Step::Same => Ok(()),
            Step::Begins { epoch, first_silent_index } | Step::Renews { epoch, first_silent_index } => {
                let ack = MuteAck { sink: self.sink, epoch, first_silent_index };
                if skips_flush {
                    (self.acknowledge)(ack);
                    return Ok(());
                }
                pushed(outbox.push(Outgoing::Acknowledge(ack)))
            }
        }
    }

    fn take(&mut self, turn: Turn) -> Result<(), Ended> {
        match turn {
            Turn::Heard(message) => self.hear(message),
            Turn::Silent(ack) => {
                (self.acknowledge)(ack);
                Ok(())
            }
            Turn::Closed => Err(Ended::Now(Closure::ByCall)),
            Turn::Broken(error) => Err(Ended::Now(broken(&error))),
            Turn::Stalled => Err(Ended::Now(STALLED)),
        }
    }

    fn hear(&mut self, message: Option<Result<Message, Error>>) -> Result<(), Ended> {
        let now = std::time::Instant::now();
        // Only of a bot that is read although there is no room: the leg counts what it has to drop.
        while self.pass_on() {}
        self.valve.passed(now);
        self.stream.hush(now, self.hushed.newest());
        let said = match message {
            Some(Ok(Message::Text(text))) => self.stream.handle_text(now, &text),
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
            Some(Said::Audio { generation, samples }) => {
                self.speech = Speech::new(generation, samples);
                return Ok(());
            }
            Some(Said::Mark(name)) => BotEvent::Mark(name),
            Some(Said::Clear(generation)) => BotEvent::Clear(generation),
        };
        (self.report)(event);
        Ok(())
    }

    /// Sends `stop` and a close, and waits a moment for the bot's own close, so that it sees an orderly end.
    async fn say_goodbye(&mut self, wire: &mut Wire) -> Closure {
        let outbox = &mut wire.outbox;
        let queued = outbox.push(Outgoing::Message(self.stream.stop())).and_then(|()| outbox.push(Outgoing::Close));
        if queued.is_ok() {
            drop(timeout(FAREWELL, until_over(wire)).await);
        }
        Closure::ByCall
    }
}

/// The next frame of the caller; never, where there is no tap.
async fn next(frames: Option<&mut mpsc::Receiver<Arc<TapItem>>>) -> Option<Arc<TapItem>> {
    match frames {
        Some(frames) => frames.recv().await,
        None => std::future::pending().await,
    }
}

/// Writes what waits, the close at its end.
async fn until_closed(wire: &mut Wire) {
    while let Turn::Heard(Some(Ok(_))) | Turn::Silent(_) = wire.turn(true).await {}
}

/// Writes what waits and listens until the bot has closed too.
async fn until_over(wire: &mut Wire) {
    while let Turn::Heard(Some(Ok(_))) | Turn::Silent(_) | Turn::Closed = wire.turn(true).await {}
}

const BROKEN: Closure = Closure::Abnormal(Abnormal::Broken);
const STALLED: Closure = Closure::Abnormal(Abnormal::Stalled);

/// How the exchange is to end.
enum Ended {
    /// At once, for this reason.
    Now(Closure),
    /// With `stop` and a close.
    Politely,
}

/// A message that finds no room beside a second of audio means that the bot stopped reading.
fn pushed(result: Result<(), Full>) -> Result<(), Ended> {
    result.map_err(|Full| Ended::Now(STALLED))
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

fn warn(warning: Warning) {
    metrics::counter!("tonegate_bot_warnings_total", "code" => warning.code()).increment(1);
    if warning == Warning::SlowReader {
        metrics::counter!("tonegate_drops_total", "queue" => "bot", "reason" => "slow_reader").increment(1);
    }
}
