//! Local speech: what the caller says becomes words, what the gateway says becomes samples.
//!
//! ```text
//! CleanFrame ─▶ Endpointer ─ utterance ─▶ RecognitionEngine ─▶ words
//! text ─▶ PromptStore ─▶ Voice ─▶ polish ─▶ Prompt, kept by its hash
//! ```
//!
//! The engines of Debian's packages take one child process an utterance or rendering. The better ones (`make voices`) are
//! a worker each, a child with its model loaded; when one fails, the Debian engine answers that request. Audio on its way
//! to a child lies in a memory file or a pipe, never on a disk. Every child has a deadline and is killed at it; a child
//! that dies or hangs is counted, the next one waits by the supervisor's backoff, and the call hears of it as of speech
//! that came to no words.

mod breaker;
mod endpoint;
mod engine;
mod flite;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod grammar;
mod manifest;
mod memory;
mod piper;
mod pocketsphinx;
mod polish;
mod program;
mod prompt;
mod recogniser;
mod recognisers;
mod voices;
mod wave;
mod whisper;
mod worker;

pub use engine::{BoxFuture, Decoder, EngineFailure, RecognitionEngine, Sound, Utterance, Voice};
pub use flite::{EspeakNg, Flite};
pub use grammar::Grammar;
pub use manifest::{ManifestEntry, PromptKind};
pub use piper::Piper;
pub use pocketsphinx::{Model, PocketSphinx, StartError};
pub use prompt::{PromptBounds, PromptError, PromptStore};
pub use recogniser::{Acknowledge, Recognised, Recogniser};
pub use recognisers::{NothingReason, RecogniserBounds, Recognisers};
pub use voices::{Loaded, Voices, VoicesError};
pub use whisper::Whisper;
