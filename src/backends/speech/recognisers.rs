//! The engines that recognise for all calls, within a bound over all of them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    breaker::Breaker,
    engine::{Decoder, EngineFailure, RecognitionEngine, Utterance},
    grammar::Grammar,
};

/// The `child` label of the engine that is asked first.
const CHILD: &str = "recogniser";
/// The `child` label of the engine that is asked where the first fails.
const FALLBACK: &str = "recogniser_fallback";

/// What all calls together may ask of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecogniserBounds {
    /// Utterances recognised at a time.
    pub at_a_time: usize,
    /// Engines that may be ready for a caller who is still speaking.
    pub ready: usize,
    /// From the end of an utterance to its words, the wait for a place included.
    pub deadline: Duration,
}

impl Default for RecogniserBounds {
    /// Two at a time on each core.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { at_a_time: 2 * cores, ready: 16 * cores, deadline: Duration::from_secs(3) }
    }
}

/// Why an utterance came to no words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NothingReason {
    /// It was too short for speech.
    Click,
    /// It is none of what the grammar holds.
    Unintelligible,
    /// Too many callers spoke at the same time.
    Busy,
    /// The engine failed, or is being left alone after it did.
    Engine,
}

impl NothingReason {
    /// The label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Click => "click",
            Self::Unintelligible => "unintelligible",
            Self::Busy => "busy",
            Self::Engine => "engine",
        }
    }

    /// Whether nobody can say what it was.
    pub(super) const fn is_failure(self) -> bool {
        match self {
            Self::Click | Self::Unintelligible => false,
            Self::Busy | Self::Engine => true,
        }
    }
}

/// The engines and their bounds, shared by all calls.
pub struct Recognisers {
    first: Guarded,
    fallback: Option<Guarded>,
    bounds: RecogniserBounds,
    places: Arc<Semaphore>,
    ready: Arc<Semaphore>,
}

impl Recognisers {
    /// Shares an engine, and one that answers where it fails.
    #[must_use]
    pub fn new(
        engine: Arc<dyn RecognitionEngine>,
        fallback: Option<Arc<dyn RecognitionEngine>>,
        bounds: RecogniserBounds,
    ) -> Arc<Self> {
        Arc::new(Self {
            first: Guarded { engine, breaker: Breaker::new(CHILD) },
            fallback: fallback.map(|engine| Guarded { engine, breaker: Breaker::new(FALLBACK) }),
            places: Arc::new(Semaphore::new(bounds.at_a_time)),
            ready: Arc::new(Semaphore::new(bounds.ready)),
            bounds,
        })
    }

    /// Gets an engine ready where there is room; without one, the utterance's end will start it.
    pub(super) fn prepare(&self, grammar: &Grammar) -> Option<Ready> {
        let permit = Arc::clone(&self.ready).try_acquire_owned().ok()?;
        let decoder = self.first.prepare(grammar).map(Prepared::First);
        let decoder = decoder.or_else(|()| self.fallback.as_ref().ok_or(())?.prepare(grammar).map(Prepared::Fallback));
        Some(Ready { decoder: decoder.ok()?, _permit: permit })
    }

    /// Recognises one utterance, within the deadline.
    pub(super) async fn recognise(
        self: Arc<Self>,
        grammar: Grammar,
        ready: Option<Ready>,
        utterance: Utterance,
    ) -> Result<String, NothingReason> {
        let began = Instant::now();
        // A queue may take half of the deadline, so that what is then begun has time to end.
        let place = tokio::time::timeout(self.bounds.deadline / 2, self.places.acquire());
        let Ok(Ok(_place)) = place.await else { return Err(NothingReason::Busy) };
        let left = self.bounds.deadline.saturating_sub(began.elapsed());
        let words = match &self.fallback {
            None => self.first.recognise(&grammar, ready.and_then(Ready::first), utterance, left).await,
            Some(fallback) => self.recognise_twice(fallback, &grammar, ready, utterance, left).await,
        };
        words.map_err(|()| NothingReason::Engine)?.ok_or(NothingReason::Unintelligible)
    }

    /// Asks the first engine, and the other one where that fails.
    async fn recognise_twice(
        &self,
        fallback: &Guarded,
        grammar: &Grammar,
        ready: Option<Ready>,
        utterance: Utterance,
        left: Duration,
    ) -> Result<Option<String>, ()> {
        let began = Instant::now();
        let (first, second) = match ready.map(|ready| ready.decoder) {
            Some(Prepared::First(decoder)) => (Some(decoder), None),
            Some(Prepared::Fallback(decoder)) => (None, Some(decoder)),
            None => (None, None),
        };
        if second.is_none() {
            // A third is kept for the other engine.
            let words = self.first.recognise(grammar, first, utterance.clone(), left * 2 / 3).await;
            if words.is_ok() {
                return words;
            }
        }
        metrics::counter!("tonegate_speech_fallbacks_total", "child" => CHILD).increment(1);
        fallback.recognise(grammar, second, utterance, left.saturating_sub(began.elapsed())).await
    }
}

/// An engine that waits for the caller to finish, and its place among those.
pub(super) struct Ready {
    decoder: Prepared,
    _permit: OwnedSemaphorePermit,
}

impl Ready {
    fn first(self) -> Option<Box<dyn Decoder>> {
        match self.decoder {
            Prepared::First(decoder) => Some(decoder),
            Prepared::Fallback(_) => None,
        }
    }
}

enum Prepared {
    First(Box<dyn Decoder>),
    Fallback(Box<dyn Decoder>),
}

/// An engine that is left alone for a while when it fails. Its failures are counted here.
struct Guarded {
    engine: Arc<dyn RecognitionEngine>,
    breaker: Breaker,
}

impl Guarded {
    fn prepare(&self, grammar: &Grammar) -> Result<Box<dyn Decoder>, ()> {
        if !self.breaker.is_open(Instant::now()) {
            return Err(());
        }
        self.engine.prepare(grammar).map_err(|failure| self.breaker.failed(Instant::now(), failure))
    }

    async fn recognise(
        &self,
        grammar: &Grammar,
        decoder: Option<Box<dyn Decoder>>,
        utterance: Utterance,
        within: Duration,
    ) -> Result<Option<String>, ()> {
        let decoder = match decoder {
            Some(decoder) => decoder,
            None => self.prepare(grammar)?,
        };
        let words = tokio::time::timeout(within, decoder.decode(utterance)).await.unwrap_or(Err(EngineFailure::Hung));
        match words {
            Ok(words) => {
                self.breaker.succeeded();
                Ok(words)
            }
            Err(failure) => {
                self.breaker.failed(Instant::now(), failure);
                Err(())
            }
        }
    }
}
