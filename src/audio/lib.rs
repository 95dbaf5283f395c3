//! Sound as samples: codecs, resampling, comfort noise, concealment, playout.
//!
//! Everything here works on 16-bit PCM and knows neither calls nor packets. Playout is at 8 kHz, the rate of G.711 legs.

mod codec;
pub mod comfort_noise;
mod concealer;
mod converter;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod g711;
mod jitter_buffer;
mod playout;
mod quiet;
mod resampler;

pub use codec::{Codec, CodecError, Concealment, Decoder, Encoder, MAX_PAYLOAD_BYTES, OpusSettings};
pub use concealer::{Concealer, Gap};
pub use converter::Converter;
pub use jitter_buffer::{JitterBuffer, JitterBufferConfig, JitterBufferReport};
pub use playout::{
    Chunk, ChunkPool, Discarded, FRAME_SAMPLES, Filled, Full, Generation, MAX_MARKS, PLAYOUT_HZ, Playout,
    PlayoutConfig, PlayoutOutput, Segment, SegmentId, Source,
};
pub use quiet::Quiet;
pub use resampler::{Resampler, ResamplerError, resample_clip};
