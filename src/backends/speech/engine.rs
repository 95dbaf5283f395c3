//! What a speech engine has to do, whichever program or model is behind it.

use std::{future::Future, pin::Pin, time::Duration};

use zeroize::{Zeroize, Zeroizing};

use super::grammar::Grammar;
use crate::child::ExitReason;

/// A future that is sent between threads.
pub type BoxFuture<'a, Output> = Pin<Box<dyn Future<Output = Output> + Send + 'a>>;

/// Something a caller said, from shortly before its first sound. It is wiped when dropped.
#[derive(Clone)]
pub struct Utterance {
    /// The sampling rate in hertz.
    pub hertz: u32,
    /// The samples.
    pub samples: Vec<i16>,
}

impl Drop for Utterance {
    fn drop(&mut self) {
        self.samples.zeroize();
    }
}

impl Utterance {
    /// How long it is.
    #[must_use]
    pub fn span(&self) -> Duration {
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(self.hertz))
    }
}

/// Samples as recognisers take them: 16-bit, little-endian. Wiped when dropped, and never moved: there is room for all at
/// once.
pub(super) fn little_endian(samples: impl Iterator<Item = i16> + Clone) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * samples.clone().count()));
    bytes.extend(samples.flat_map(i16::to_le_bytes));
    bytes
}

/// Why an engine has no answer. What was merely not understood is no failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineFailure {
    /// The engine's process cannot be started.
    #[error("the speech engine does not start")]
    Start,
    /// The engine's process left before its time, or said that it failed.
    #[error("the speech engine left without an answer")]
    Exit,
    /// The engine's answer makes no sense.
    #[error("the speech engine's answer makes no sense")]
    Protocol,
    /// The engine gave no answer in time and was ended.
    #[error("the speech engine gave no answer in time")]
    Hung,
}

impl EngineFailure {
    /// The reason as the supervisor of children counts it.
    #[must_use]
    pub const fn exit_reason(self) -> ExitReason {
        match self {
            Self::Start => ExitReason::Start,
            Self::Exit => ExitReason::Exit,
            Self::Protocol => ExitReason::Protocol,
            Self::Hung => ExitReason::Hung,
        }
    }
}

/// Turns utterances into words.
pub trait RecognitionEngine: Send + Sync {
    /// Gets ready for one utterance: called when the caller begins to speak, so that loading a model costs no time
    /// afterwards. Must not block.
    ///
    /// # Errors
    /// Where the engine cannot be had.
    fn prepare(&self, grammar: &Grammar) -> Result<Box<dyn Decoder>, EngineFailure>;
}

/// An engine that waits for its one utterance. Dropping it, or the future of its answer, forgets the audio: a process of
/// its own is ended, one that is shared finishes unheard.
pub trait Decoder: Send {
    /// The words of the utterance; `None` where they are none of the grammar's.
    fn decode(self: Box<Self>, utterance: Utterance) -> BoxFuture<'static, Result<Option<String>, EngineFailure>>;
}

/// Sound as a synthesiser made it.
pub struct Sound {
    /// The sampling rate in hertz.
    pub hertz: u32,
    /// The samples.
    pub samples: Vec<i16>,
}

/// Says text.
pub trait Voice: Send + Sync {
    /// Names everything that shapes the sound, so that what is kept under it stays true.
    fn identity(&self) -> String;
    /// Says one text. The same text sounds the same, bit for bit. Dropping the future ends a process of its own.
    fn say(&self, text: &str) -> BoxFuture<'_, Result<Sound, EngineFailure>>;
}
