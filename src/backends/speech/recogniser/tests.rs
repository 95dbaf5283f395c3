use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use frame::{RawFrame, SampleRate};
use gate::{CaptureId, Gate, GateConfig, KeyPolicy};

use super::*;
use crate::speech::{
    BoxFuture, Decoder, EngineFailure, Flite, RecogniserBounds, RecognitionEngine, Voice, polish::polish,
};

const SINK: SinkId = SinkId(1);

/// What a test's engine does with an utterance.
#[derive(Clone, Copy)]
enum Behaviour {
    Understands,
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
            Behaviour::Understands | Behaviour::Dies | Behaviour::Hangs => {
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
        let (recogniser, heard) = Recogniser::start(shared, 8_000, frames, SINK, acknowledge);
        let now = Instant::now();
        let mut gate = Gate::new(GateConfig { rate: SampleRate::Hz8000, keys: KeyPolicy::Declared }, now);
        gate.add_sink(now, SINK);
        Self { gate, now, index: 0, tap, recogniser, heard, acknowledged, running }
    }

    /// Sends samples through the gate, frame by frame, and waits until all were taken.
    async fn send(&mut self, samples: &[i16]) {
        for frame in samples.chunks_exact(160) {
            let raw = RawFrame::decoded(SampleRate::Hz8000, self.index, |into| into.copy_from_slice(frame));
            self.gate.handle_frame(self.now, raw);
            self.index += 160;
            self.now += Duration::from_millis(20);
            while let Some(clean) = self.gate.poll_frame() {
                self.tap.send(Arc::new(TapItem::Caller(clean))).await.unwrap();
            }
            while self.gate.poll_output().is_some() {}
            self.taken().await;
        }
    }

    /// Waits until everything was taken, and tells the gate of what was acknowledged.
    async fn taken(&mut self) {
        while self.tap.capacity() < self.tap.max_capacity() {
            tokio::task::yield_now().await;
        }
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
    let grammars = GrammarId::ALL.map(Grammar::from);
    let model = crate::speech::Model::default();
    let engine = crate::speech::PocketSphinx::new(model, directory.path().to_owned(), &grammars).unwrap();
    let mut line = Line::with(Arc::new(engine), Duration::from_secs(20), Arc::default());
    line.recogniser.listen(GrammarId::PayInFull);
    line.silence().await;
    line.say("i need more time").await;
    line.silence().await;
    assert_eq!(line.words().await, Ok("i need more time".to_owned()));
}
