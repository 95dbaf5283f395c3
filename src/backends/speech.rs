//! Local speech: what the caller says becomes words, what the gateway says becomes samples.
//!
//! ```text
//! CleanFrame ─▶ Endpointer ─ utterance ─▶ RecognitionEngine ─▶ words     one child process an utterance
//! text ─▶ PromptStore ─▶ Voice ─▶ polish ─▶ Prompt, kept by its hash      one child process a rendering
//! ```
//!
//! Audio on its way to a child lies in a memory file, never on a disk. Every child has a deadline and is killed at it;
//! a child that dies or hangs is counted, the next one waits by the supervisor's backoff, and the call hears of it as
//! of speech that came to no words.

mod breaker;
mod endpoint;
mod engine;
mod flite;
mod grammar;
mod manifest;
mod memory;
mod pocketsphinx;
mod polish;
mod prompt;
mod recogniser;
mod wave;

pub use engine::{BoxFuture, Decoder, EngineFailure, RecognitionEngine, Sound, Utterance, Voice};
pub use flite::{EspeakNg, Flite};
pub use grammar::Grammar;
pub use manifest::{ManifestEntry, PromptKind};
pub use pocketsphinx::{Model, PocketSphinx, StartError};
pub use prompt::{PromptBounds, PromptError, PromptStore};
pub use recogniser::{Acknowledge, NothingReason, Recognised, Recogniser, RecogniserBounds, Recognisers};
