//! One call's ear: cuts the caller's clean audio into utterances and has them recognised.

use std::{
    future::Future,
    ops::Range,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use call::media::TapItem;
use dialogue::{Finding, GrammarId, Redacted, Redactor};
use gate::{CleanFrame, MuteAck, MuteEpoch, SinkId};
use tokio::sync::mpsc;

use super::{
    endpoint::{Edge, Endpointer, Patience},
    engine::Utterance,
    grammar::Grammar,
    recognisers::{NothingReason, Ready, Recognisers},
};
use crate::withhold::Judge;

/// What is spoken longer than this may be a number that no grammar asks for: thirteen digits take longer.
const MAY_BE_A_NUMBER: Duration = Duration::from_millis(2_500);
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
    /// The words, in lower case, with long numbers taken out.
    pub words: Result<String, NothingReason>,
    /// What was taken out of the words, if anything.
    pub finding: Option<Finding>,
    /// How long the caller spoke.
    pub speech: Duration,
    /// From the caller's last sound to this.
    pub took: Duration,
}

enum Command {
    Listen(GrammarId),
    Stop,
}

/// One call's recogniser. When it is dropped, or the call is over, it recognises what was being said, so that a recording knows of
/// it, and ends with everything that it holds.
pub struct Recogniser {
    commands: mpsc::Sender<Command>,
}

impl Recogniser {
    /// Starts a call's recogniser for the clean audio that comes out of `frames`, at `hertz`. Mutes are acknowledged to
    /// `acknowledge` in the name of `sink`, after everything older was forgotten. `judge` is told what was recognised, so that
    /// a recorder can wait for it.
    #[must_use]
    pub fn start(
        shared: Arc<Recognisers>,
        hertz: u32,
        frames: mpsc::Receiver<Arc<TapItem>>,
        sink: SinkId,
        acknowledge: Acknowledge,
        judge: Judge,
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
            redactor: Redactor::new(),
            judge,
            place: 0..0,
            missed: 0,
            step: 0,
        };
        tokio::spawn(ear.run(frames, orders));
        (Self { commands }, heard)
    }

    /// Recognises what is said next, or just being said. One [`Recognised`] answers, unless [`Recogniser::stop`] or
    /// another listen comes first. Returns whether there was room for the command.
    pub fn listen(&self, grammar: GrammarId) -> bool {
        self.commands.try_send(Command::Listen(grammar)).is_ok()
    }

    /// Stops recognising; what was not yet reported never is, and is judged for the recorder all the same. Returns whether there was room for
    /// the command.
    pub fn stop(&self) -> bool {
        self.commands.try_send(Command::Stop).is_ok()
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
    /// Whether somebody waits for the answer. Where nobody does, it is still judged for the recorder.
    is_awaited: bool,
    speech: Duration,
    last_voice: Instant,
    /// Where its sound is in the stream.
    place: Range<u64>,
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
    redactor: Redactor,
    judge: Judge,
    /// Where the sound that is kept is in the stream.
    place: Range<u64>,
    /// Samples that are missing in it.
    missed: u64,
    /// Samples of a frame.
    step: u64,
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
                    None => break,
                },
                item = frames.recv() => match item.as_deref() {
                    Some(TapItem::Caller(frame)) => self.frame(frame),
                    Some(TapItem::Sent { .. }) => {}
                    None => break,
                },
                words = words(&mut self.working) => self.recognised(words),
            }
        }
        while let Ok(item) = frames.try_recv() {
            if let TapItem::Caller(frame) = &*item {
                self.frame(frame);
            }
        }
        self.finish().await;
    }

    /// Recognises the last words, within the deadline of all words.
    async fn finish(&mut self) {
        let edge = self.endpointer.finish();
        self.edge(edge);
        if let Some(working) = &mut self.working {
            let words = working.words.as_mut().await;
            self.recognised(words);
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
        let was_awaited = self.working.as_mut().is_some_and(|working| std::mem::take(&mut working.is_awaited));
        if self.listening.take().is_some() || was_awaited {
            self.endpointer.stop();
        }
        self.ready = None;
    }

    fn frame(&mut self, frame: &CleanFrame) {
        if let Some(epoch) = frame.mute_epoch() {
            return self.mute(epoch, frame.index());
        }
        self.muted = None;
        self.keep(frame);
        if frame.voice()
            && let Some(listening) = &mut self.listening
        {
            listening.last_voice = Instant::now();
        }
        let edge = self.endpointer.handle_frame(frame.samples(), frame.voice());
        self.edge(edge);
        self.redactor.handle_timeout(Instant::now());
        self.judged();
    }

    /// Knows where the sound is that is kept with this frame.
    fn keep(&mut self, frame: &CleanFrame) {
        let held = self.endpointer.held() as u64;
        self.step = frame.samples().len() as u64;
        self.missed = if held == 0 { 0 } else { self.missed + frame.index().saturating_sub(self.place.end) };
        let end = frame.index() + self.step;
        self.place = end.saturating_sub((held + 1) * self.step + self.missed)..end;
    }

    /// Lets the recorder write what can be no part of a number any more.
    fn judged(&self) {
        let wanted = self.endpointer.wanted() as u64 * self.step + self.missed;
        let working = self.working.as_ref().map(|working| working.place.start);
        let oldest = [Some(self.place.end.saturating_sub(wanted)), working, self.redactor.kept_back_from()];
        self.judge.judged(oldest.into_iter().flatten().min().unwrap_or(u64::MAX));
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
                self.redactor.forget();
                self.judge.judged(index);
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
        let (speech, place) = (utterance.span(), self.place.clone());
        if utterance.samples.is_empty() {
            return self.answer(id, Err(NothingReason::Click), None, speech, last_voice);
        }
        // What was got ready expects no number.
        let may_be = speech > MAY_BE_A_NUMBER;
        let (grammar, ready) = if may_be { (Grammar::or_number(id), None) } else { (grammar, ready) };
        let words = Box::pin(Arc::clone(&self.shared).recognise(grammar, ready, utterance));
        let working = Working { id, is_awaited: true, speech, last_voice, place, words };
        if self.working.replace(working).is_some_and(|before| before.speech > MAY_BE_A_NUMBER) {
            unjudged();
        }
    }

    fn recognised(&mut self, words: Result<String, NothingReason>) {
        let Some(Working { id, is_awaited, speech, last_voice, place, .. }) = self.working.take() else { return };
        let (words, finding) = match words {
            Ok(words) => {
                let (words, finding) = self.redact(id, words, place);
                (Ok(words), finding)
            }
            Err(reason) => {
                if speech > MAY_BE_A_NUMBER && reason.is_failure() {
                    unjudged();
                }
                (Err(reason), None)
            }
        };
        if is_awaited {
            self.answer(id, words, finding, speech, last_voice);
        }
        self.judged();
    }

    /// What may go on of the words; the recorder is told what may not be heard.
    fn redact(&mut self, grammar: GrammarId, words: String, place: Range<u64>) -> (String, Option<Finding>) {
        let Redacted { text, finding, mut silence } = self.redactor.hear(Instant::now(), words, grammar, place);
        silence.dedup();
        silence.into_iter().for_each(|span| self.judge.silence(span));
        if let Some(finding) = finding {
            metrics::counter!("tonegate_spoken_numbers_total", "result" => finding.name()).increment(1);
        }
        (text, finding)
    }

    fn answer(
        &self,
        grammar: GrammarId,
        words: Result<String, NothingReason>,
        finding: Option<Finding>,
        speech: Duration,
        last_voice: Instant,
    ) {
        let took = last_voice.elapsed();
        let result = words.as_ref().map_or_else(|reason| reason.label(), |_| "words");
        metrics::counter!("tonegate_utterances_total", "grammar" => grammar.name(), "result" => result).increment(1);
        metrics::histogram!("tonegate_recognition_seconds").record(took.as_secs_f64());
        if self.answers.try_send(Recognised { grammar, words, finding, speech, took }).is_err() {
            metrics::counter!("tonegate_drops_total", "queue" => "recognised", "reason" => "full").increment(1);
        }
    }
}

/// Something that may have been a number is written although nobody recognised it.
fn unjudged() {
    metrics::counter!("tonegate_spoken_spans_total", "result" => "unjudged").increment(1);
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
