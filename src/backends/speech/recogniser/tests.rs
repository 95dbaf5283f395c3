use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use frame::{RawFrame, SampleRate};
use gate::{CaptureId, Gate, GateConfig, KeyPolicy};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::*;
use crate::speech::{
    BoxFuture, Decoder, EngineFailure, Flite, RecogniserBounds, RecognitionEngine, Voice, polish::polish,
};
use crate::tests::until;
use crate::withhold::{Withhold, Withholds};

const SINK: SinkId = SinkId(1);

/// What a test's engine does with an utterance.
#[derive(Clone, Copy)]
enum Behaviour {
    Understands,
    Says(&'static str),
    /// The same, once it may.
    SaysLater(&'static Semaphore, &'static str),
    Dies,
    Hangs,
    DoesNotStart,
}

struct TestEngine {
    behaviour: Behaviour,
    running: Arc<AtomicUsize>,
}

impl RecognitionEngine for TestEngine {
    fn prepare(&self, _grammar: &Grammar) -> Result<Box<dyn Decoder>, EngineFailure> {
        match self.behaviour {
            Behaviour::DoesNotStart => Err(EngineFailure::Start),
            Behaviour::Understands
            | Behaviour::Says(_)
            | Behaviour::SaysLater(..)
            | Behaviour::Dies
            | Behaviour::Hangs => {
                self.running.fetch_add(1, Ordering::SeqCst);
                Ok(Box::new(TestDecoder { behaviour: self.behaviour, running: Arc::clone(&self.running) }))
            }
        }
    }
}

struct TestDecoder {
    behaviour: Behaviour,
    running: Arc<AtomicUsize>,
}

impl Decoder for TestDecoder {
    fn decode(self: Box<Self>, utterance: Utterance) -> BoxFuture<'static, Result<Option<String>, EngineFailure>> {
        Box::pin(async move {
            match self.behaviour {
                Behaviour::Understands => Ok(Some(format!("{} ms", utterance.span().as_millis()))),
                Behaviour::Says(words) => Ok(Some(words.to_owned())),
                Behaviour::SaysLater(may, words) => {
                    may.acquire().await.ok();
                    Ok(Some(words.to_owned()))
                }
                Behaviour::Dies | Behaviour::DoesNotStart => Err(EngineFailure::Exit),
                Behaviour::Hangs => std::future::pending().await,
            }
        })
    }
}

impl Drop for TestDecoder {
    fn drop(&mut self) {
        self.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A caller's line with its gate, and the recogniser behind it.
struct Line {
    gate: Gate,
    now: Instant,
    index: u64,
    tap: mpsc::Sender<Arc<TapItem>>,
    recogniser: Recogniser,
    heard: mpsc::Receiver<Recognised>,
    acknowledged: Arc<Mutex<Vec<MuteAck>>>,
    running: Arc<AtomicUsize>,
    recorder: Withhold,
}

impl Line {
    fn new(behaviour: Behaviour, deadline: Duration) -> Self {
        let running = Arc::new(AtomicUsize::new(0));
        let engine = TestEngine { behaviour, running: Arc::clone(&running) };
        Self::with(Arc::new(engine), deadline, running)
    }

    fn with(engine: Arc<dyn RecognitionEngine>, deadline: Duration, running: Arc<AtomicUsize>) -> Self {
        Self::over(engine, None, deadline, running)
    }

    fn over(
        engine: Arc<dyn RecognitionEngine>,
        fallback: Option<Arc<dyn RecognitionEngine>>,
        deadline: Duration,
        running: Arc<AtomicUsize>,
    ) -> Self {
        let shared = Recognisers::new(engine, fallback, RecogniserBounds { at_a_time: 1, ready: 2, deadline });
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&acknowledged);
        let (tap, frames) = mpsc::channel(1_000);
        let acknowledge = Box::new(move |ack| seen.lock().unwrap().push(ack));
        let calls = Withholds::default();
        let (recorder, judge) = (calls.recorder(Uuid::nil()), calls.recogniser(Uuid::nil()));
        let (recogniser, heard) = Recogniser::start(shared, 8_000, frames, SINK, acknowledge, judge);
        let now = Instant::now();
        let mut gate = Gate::new(GateConfig { rate: SampleRate::Hz8000, keys: KeyPolicy::Declared }, now);
        gate.add_sink(now, SINK);
        Self { gate, now, index: 0, tap, recogniser, heard, acknowledged, running, recorder }
    }

    /// Sends samples through the gate, frame by frame, and waits until all were taken.
    async fn send(&mut self, samples: &[i16]) {
        for frame in samples.chunks_exact(160) {
            let raw = RawFrame::decoded(SampleRate::Hz8000, self.index, |into| into.copy_from_slice(frame));
            let clean = self.gate.handle_frame(self.now, raw);
            self.index += 160;
            self.now += Duration::from_millis(20);
            if let Some(clean) = clean {
                self.tap.send(Arc::new(TapItem::Caller(clean))).await.unwrap();
            }
            while self.gate.poll_output().is_some() {}
            self.taken().await;
        }
    }

    /// Waits until everything was taken, and tells the gate of what was acknowledged.
    async fn taken(&mut self) {
        until("end of the queue", async || self.tap.capacity() == self.tap.max_capacity()).await;
        let last = self.acknowledged.lock().unwrap().last().copied();
        if let Some(ack) = last {
            self.gate.acknowledge(self.now, ack);
        }
    }

    async fn say(&mut self, text: &str) {
        let sound = Flite::new("rms").unwrap().say(text).await.unwrap();
        self.send(&polish(&sound).unwrap()).await;
    }

    async fn silence(&mut self) {
        self.send(&[0; 8_000]).await;
    }

    async fn words(&mut self) -> Result<String, NothingReason> {
        tokio::time::timeout(Duration::from_secs(20), self.heard.recv()).await.unwrap().unwrap().words
    }
}

#[tokio::test]
async fn an_utterance_is_answered_once() {
    let mut line = Line::new(Behaviour::Understands, Duration::from_secs(3));
    assert!(line.recogniser.listen(GrammarId::YesNo));
    line.silence().await;
    line.say("yes, that is right").await;
    line.silence().await;
    let words = line.words().await.unwrap();
    let millis: u64 = words.strip_suffix(" ms").unwrap().parse().unwrap();
    assert!((800..2_500).contains(&millis), "{millis}");
    line.say("yes").await;
    line.silence().await;
    assert!(line.heard.try_recv().is_err(), "nobody listens any more");
    assert_eq!(line.running.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_engine_that_dies_hangs_or_does_not_start_costs_no_more_than_its_deadline() {
    for behaviour in [Behaviour::Dies, Behaviour::Hangs, Behaviour::DoesNotStart] {
        let mut line = Line::new(behaviour, Duration::from_millis(50));
        // The second utterance meets an engine that is left alone for a while.
        for _ in 0..2 {
            line.recogniser.listen(GrammarId::YesNo);
            line.say("yes").await;
            line.silence().await;
            assert_eq!(line.words().await, Err(NothingReason::Engine));
            assert_eq!(line.running.load(Ordering::SeqCst), 0, "no child outlives its utterance");
        }
    }
}

#[tokio::test]
async fn where_the_first_engine_fails_the_other_one_answers_the_same_utterance() {
    for behaviour in [Behaviour::Dies, Behaviour::Hangs, Behaviour::DoesNotStart, Behaviour::Understands] {
        let running = Arc::new(AtomicUsize::new(0));
        let engine = |behaviour| -> Arc<dyn RecognitionEngine> {
            Arc::new(TestEngine { behaviour, running: Arc::clone(&running) })
        };
        let (first, fallback) = (engine(behaviour), engine(Behaviour::Understands));
        let mut line = Line::over(first, Some(fallback), Duration::from_millis(300), Arc::clone(&running));
        // The second utterance meets a first engine that is left alone for a while.
        for _ in 0..2 {
            line.recogniser.listen(GrammarId::YesNo);
            line.say("yes, that is right").await;
            line.silence().await;
            assert!(line.words().await.unwrap().ends_with(" ms"));
            assert_eq!(running.load(Ordering::SeqCst), 0, "no child outlives its utterance");
        }
    }
}

#[tokio::test]
async fn a_mute_forgets_everything_first_and_is_then_acknowledged_again_and_again() {
    let mut line = Line::new(Behaviour::Hangs, Duration::from_secs(60));
    line.recogniser.listen(GrammarId::YesNo);
    line.say("yes, that is right").await;
    line.silence().await;
    assert_eq!(line.running.load(Ordering::SeqCst), 1, "the engine has the utterance");
    let before = line.index;
    line.gate.arm(line.now, CaptureId::from([7; 16]));
    line.send(&[0; 160 * 60]).await;
    assert_eq!(line.running.load(Ordering::SeqCst), 0, "the engine is gone with what it held");
    let acks = line.acknowledged.lock().unwrap().clone();
    assert_eq!(acks.len(), 3, "at once, and every half second");
    assert!(acks.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(acks[0].sink, SINK);
    // The gate's own frame of delay may already have been muted.
    assert!(before.abs_diff(acks[0].first_silent_index) <= 160);
    assert!(line.heard.try_recv().is_err());
}

#[tokio::test]
async fn stopping_forgets_what_was_not_reported() {
    let mut line = Line::new(Behaviour::Understands, Duration::from_secs(3));
    line.recogniser.listen(GrammarId::YesNo);
    line.say("yes").await;
    line.recogniser.stop();
    line.silence().await;
    assert!(line.heard.try_recv().is_err());
    assert_eq!(line.running.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn real_speech_through_the_gate_becomes_words() {
    let directory = tempfile::tempdir().unwrap();
    let grammars: Vec<_> =
        GrammarId::ALL.into_iter().flat_map(|id| [Grammar::from(id), Grammar::or_number(id)]).collect();
    let model = crate::speech::Model::default();
    let engine = crate::speech::PocketSphinx::new(model, directory.path().to_owned(), &grammars).unwrap();
    let mut line = Line::with(Arc::new(engine), Duration::from_secs(20), Arc::default());
    line.recogniser.listen(GrammarId::PayInFull);
    line.silence().await;
    line.say("i need more time").await;
    line.silence().await;
    assert_eq!(line.words().await, Ok("i need more time".to_owned()));
}

#[tokio::test]
async fn a_number_that_is_said_is_taken_out_and_its_sound_is_named_before_it_is_let_go() {
    let mut line = Line::new(Behaviour::Says("it is 4242 4242 4242 4242"), Duration::from_secs(3));
    line.recogniser.listen(GrammarId::YesNo);
    line.silence().await;
    let begin = line.index;
    line.say("yes, that is right").await;
    let (judged, spans) = line.recorder.take();
    assert!(judged <= begin && spans.is_empty(), "what is being said is kept back from before it began");
    let end = line.index;
    line.silence().await;
    let heard = line.heard.recv().await.unwrap();
    assert_eq!((heard.words, heard.finding), (Ok("it is [withheld]".to_owned()), Some(Finding::CardNumber)));
    line.send(&[0; 160]).await;
    let (judged, spans) = line.recorder.take();
    let [span] = spans.as_slice() else { panic!("one span: {spans:?}") };
    // The gate holds a frame, and its voice detection ends a word early.
    assert!(span.start <= begin && span.end + 1_600 >= end && span.end <= judged, "{span:?} of {begin}..{end}");
    drop(line.recogniser);
    line.tap.closed().await;
    assert_eq!(line.recorder.take().0, u64::MAX, "nobody judges any more");
}

#[tokio::test]
async fn a_number_is_silenced_although_nobody_waits_for_the_answer_any_more() {
    static MAY: Semaphore = Semaphore::const_new(0);
    let mut line = Line::new(Behaviour::SaysLater(&MAY, "it is 4242 4242 4242 4242"), Duration::from_secs(3));
    line.recogniser.listen(GrammarId::YesNo);
    line.silence().await;
    let begin = line.index;
    line.say("yes, that is right").await;
    let end = line.index;
    line.silence().await;
    line.recogniser.stop();
    line.send(&[0; 160]).await;
    assert!(line.recorder.take().0 <= begin, "it is kept back until it was recognised");
    MAY.add_permits(1);
    let mut spans = Vec::new();
    for _ in 0..50 {
        line.send(&[0; 160]).await;
        spans.extend(line.recorder.take().1);
    }
    let [span] = spans.as_slice() else { panic!("one span: {spans:?}") };
    assert!(span.start <= begin && span.end + 1_600 >= end, "{span:?} of {begin}..{end}");
    assert!(line.heard.try_recv().is_err(), "it is nobody's answer");
}

#[tokio::test]
async fn silence_is_let_go_within_half_a_second_and_pieces_of_a_number_are_not() {
    let mut line = Line::new(Behaviour::Says("4242 4242"), Duration::from_secs(3));
    line.recogniser.listen(GrammarId::YesNo);
    line.silence().await;
    assert!(line.recorder.take().0 + 4_000 >= line.index);
    let begin = line.index;
    line.say("yes, that is right").await;
    line.silence().await;
    let heard = line.heard.recv().await.unwrap();
    assert_eq!((heard.words, heard.finding), (Ok("[withheld]".to_owned()), Some(Finding::Digits)));
    line.send(&[0; 8_000 * 3]).await;
    let (judged, spans) = line.recorder.take();
    assert!(judged <= begin && spans.is_empty(), "the rest of it may be said next");
    // A capture begins: nothing of it is remembered.
    line.gate.arm(line.now, CaptureId::from([7; 16]));
    line.send(&[0; 1_600]).await;
    assert!(line.recorder.take().0 > begin);
}

#[tokio::test]
async fn a_number_in_two_turns_names_both_spans() {
    let mut line = Line::new(Behaviour::Says("4242 4242"), Duration::from_secs(3));
    let mut spans = Vec::new();
    for _ in 0..2 {
        line.recogniser.listen(GrammarId::YesNo);
        line.say("yes, that is right").await;
        line.silence().await;
        let heard = line.heard.recv().await.unwrap();
        assert_eq!(heard.words.as_deref(), Ok("[withheld]"));
        line.send(&[0; 160]).await;
        spans.extend(line.recorder.take().1);
    }
    assert_eq!(spans.len(), 2, "{spans:?}");
    assert!(spans[0].end <= spans[1].start);
}

#[tokio::test]
async fn the_last_words_before_the_end_are_recognised_and_their_sound_is_named() {
    let mut line = Line::new(Behaviour::Says("4242 4242 4242 4242"), Duration::from_secs(3));
    line.recogniser.listen(GrammarId::YesNo);
    line.say("yes, that is right").await;
    // Hung up in the middle of a word.
    let Line { tap, recogniser, mut heard, recorder, .. } = line;
    drop((tap, recogniser));
    assert_eq!(heard.recv().await.unwrap().finding, Some(Finding::CardNumber));
    assert!(heard.recv().await.is_none(), "it has ended");
    let (judged, spans) = recorder.take();
    assert_eq!((judged, spans.len()), (u64::MAX, 1));
}
