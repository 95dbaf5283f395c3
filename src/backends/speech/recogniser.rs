//! One call's ear: cuts the caller's clean audio into utterances and has them recognised.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use call::media::TapItem;
use dialogue::GrammarId;
use gate::{CleanFrame, MuteAck, MuteEpoch, SinkId};
use tokio::sync::mpsc;

use super::{
    endpoint::{Edge, Endpointer, Patience},
    engine::Utterance,
    grammar::Grammar,
    recognisers::{NothingReason, Ready, Recognisers},
};

/// Commands that may wait, and answers.
const COMMAND_ROOM: usize = 16;
/// An acknowledgement of a mute is renewed after this many frames: half of what the gate grants.
const RENEWAL_FRAMES: u64 = gate::MUTE_LEASE.as_millis() as u64 / 2 / 20;

/// Where acknowledgements of mutes go: to the leg, without blocking.
pub type Acknowledge = Box<dyn Fn(MuteAck) + Send + Sync>;

/// What became of one utterance.
#[derive(Clone, PartialEq, Eq)]
pub struct Recognised {
    /// What was expected.
    pub grammar: GrammarId,
    /// The words, in lower case.
    pub words: Result<String, NothingReason>,
    /// How long the caller spoke.
    pub speech: Duration,
    /// From the caller's last sound to this.
    pub took: Duration,
}

enum Command {
    Listen(GrammarId),
    Stop,
}

/// One call's recogniser. Ends, with everything it holds, when dropped.
pub struct Recogniser {
    commands: mpsc::Sender<Command>,
    task: tokio::task::JoinHandle<()>,
}

impl Recogniser {
    /// Starts a call's recogniser for the clean audio that comes out of `frames`, at `hertz`. Mutes are acknowledged to
    /// `acknowledge` in the name of `sink`, after everything older was forgotten.
    #[must_use]
    pub fn start(
        shared: Arc<Recognisers>,
        hertz: u32,
        frames: mpsc::Receiver<Arc<TapItem>>,
        sink: SinkId,
        acknowledge: Acknowledge,
    ) -> (Self, mpsc::Receiver<Recognised>) {
        let (commands, orders) = mpsc::channel(COMMAND_ROOM);
        let (answers, heard) = mpsc::channel(COMMAND_ROOM);
        let ear = Ear {
            shared,
            sink,
            acknowledge,
            answers,
            endpointer: Endpointer::new(hertz),
            listening: None,
            muted: None,
            ready: None,
            working: None,
        };
        let task = tokio::spawn(ear.run(frames, orders));
        (Self { commands, task }, heard)
    }

    /// Recognises what is said next, or just being said. One [`Recognised`] answers, unless [`Recogniser::stop`] or
    /// another listen comes first. Returns whether there was room for the command.
    pub fn listen(&self, grammar: GrammarId) -> bool {
        self.commands.try_send(Command::Listen(grammar)).is_ok()
    }

    /// Stops recognising; what was not yet reported is forgotten. Returns whether there was room for the command.
    pub fn stop(&self) -> bool {
        self.commands.try_send(Command::Stop).is_ok()
    }
}

impl Drop for Recogniser {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Words = Pin<Box<dyn Future<Output = Result<String, NothingReason>> + Send>>;

/// What is being listened for.
struct Listening {
    id: GrammarId,
    grammar: Grammar,
    last_voice: Instant,
}

/// An utterance that is being recognised.
struct Working {
    id: GrammarId,
    speech: Duration,
    last_voice: Instant,
    words: Words,
}

/// The task of one call.
struct Ear {
    shared: Arc<Recognisers>,
    sink: SinkId,
    acknowledge: Acknowledge,
    answers: mpsc::Sender<Recognised>,
    endpointer: Endpointer,
    listening: Option<Listening>,
    muted: Option<Muted>,
    ready: Option<Ready>,
    working: Option<Working>,
}

/// A mute that was acknowledged.
struct Muted {
    epoch: MuteEpoch,
    first_silent_index: u64,
    frames: u64,
}

impl Ear {
    async fn run(mut self, mut frames: mpsc::Receiver<Arc<TapItem>>, mut commands: mpsc::Receiver<Command>) {
        loop {
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(Command::Listen(id)) => self.listen(id),
                    Some(Command::Stop) => self.stop(),
                    None => return,
                },
                item = frames.recv() => match item.as_deref() {
                    Some(TapItem::Caller(frame)) => self.frame(frame),
                    Some(TapItem::Sent { .. }) => {}
                    None => return,
                },
                words = words(&mut self.working) => self.recognised(words),
            }
        }
    }

    fn listen(&mut self, id: GrammarId) {
        self.stop();
        let grammar = Grammar::from(id);
        let patience = Patience { pause: grammar.pause, longest: grammar.longest };
        self.listening = Some(Listening { id, grammar, last_voice: Instant::now() });
        let edge = self.endpointer.listen(patience);
        self.edge(edge);
    }

    fn stop(&mut self) {
        // What is just being said belongs to the next question too, where one follows at once.
        if self.listening.take().is_some() || self.working.take().is_some() {
            self.endpointer.stop();
        }
        self.ready = None;
        self.working = None;
    }

    fn frame(&mut self, frame: &CleanFrame) {
        if let Some(epoch) = frame.mute_epoch() {
            return self.mute(epoch, frame.index());
        }
        self.muted = None;
        if frame.voice()
            && let Some(listening) = &mut self.listening
        {
            listening.last_voice = Instant::now();
        }
        let edge = self.endpointer.handle_frame(frame.samples(), frame.voice());
        self.edge(edge);
    }

    /// Forgets everything older than the mute, then says so; again and again while it lasts.
    fn mute(&mut self, epoch: MuteEpoch, index: u64) {
        let muted = match &mut self.muted {
            Some(muted) if muted.epoch == epoch => {
                muted.frames += 1;
                muted
            }
            Some(_) | None => {
                self.endpointer.discard();
                self.ready = None;
                self.working = None;
                self.muted.insert(Muted { epoch, first_silent_index: index, frames: 0 })
            }
        };
        if muted.frames.is_multiple_of(RENEWAL_FRAMES) {
            let first_silent_index = muted.first_silent_index;
            (self.acknowledge)(MuteAck { sink: self.sink, epoch, first_silent_index });
        }
    }

    fn edge(&mut self, edge: Option<Edge>) {
        match edge {
            None => {}
            Some(Edge::Began) => {
                if let Some(listening) = &self.listening {
                    self.ready = self.shared.prepare(&listening.grammar);
                }
            }
            Some(Edge::Ended { samples, is_cut }) => self.utterance(samples, is_cut),
        }
    }

    fn utterance(&mut self, samples: Vec<i16>, is_cut: bool) {
        let ready = self.ready.take();
        let Some(Listening { id, grammar, last_voice }) = self.listening.take() else { return };
        if is_cut {
            metrics::counter!("tonegate_utterances_cut_total").increment(1);
        }
        let utterance = Utterance { hertz: self.endpointer.hertz(), samples };
        let speech = utterance.span();
        if utterance.samples.is_empty() {
            return self.answer(id, Err(NothingReason::Click), speech, last_voice);
        }
        let words = Box::pin(Arc::clone(&self.shared).recognise(grammar, ready, utterance));
        self.working = Some(Working { id, speech, last_voice, words });
    }

    fn recognised(&mut self, words: Result<String, NothingReason>) {
        if let Some(Working { id, speech, last_voice, .. }) = self.working.take() {
            self.answer(id, words, speech, last_voice);
        }
    }

    fn answer(&self, grammar: GrammarId, words: Result<String, NothingReason>, speech: Duration, last_voice: Instant) {
        let took = last_voice.elapsed();
        let result = words.as_ref().map_or_else(|reason| reason.label(), |_| "words");
        metrics::counter!("tonegate_utterances_total", "grammar" => grammar.name(), "result" => result).increment(1);
        metrics::histogram!("tonegate_recognition_seconds").record(took.as_secs_f64());
        if self.answers.try_send(Recognised { grammar, words, speech, took }).is_err() {
            metrics::counter!("tonegate_drops_total", "queue" => "recognised", "reason" => "full").increment(1);
        }
    }
}

/// The answer of the utterance in work; never, where there is none.
async fn words(working: &mut Option<Working>) -> Result<String, NothingReason> {
    match working {
        Some(working) => working.words.as_mut().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
