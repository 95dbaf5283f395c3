//! Speech codecs behind two traits: an [`Encoder`] and a [`Decoder`] of one leg's stream.
//!
//! Both work on caller-provided buffers and allocate nothing for a frame. What comes from the wire is judged, never
//! trusted: a payload that cannot be this codec's is a [`CodecError`], to be counted.

use frame::SampleRate;

mod g722;
mod memoryless;
mod opus;

#[cfg(test)]
mod tests;

pub use opus::OpusSettings;

/// Most bytes of one encoded frame: 20 ms of L16 at 48 kHz. Opus stays below it (RFC 6716 §3.4: 1275 bytes a frame).
pub const MAX_PAYLOAD_BYTES: usize = 2 * frame::MAX_SAMPLES;

/// How samples travel on a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// G.711 µ-law (RFC 3551 §4.5.14).
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s, 16 kHz (RFC 3551 §4.5.2).
    G722,
    /// 16-bit linear in network byte order, one channel (RFC 3551 §4.5.11).
    L16(SampleRate),
    /// Opus (RFC 6716, RFC 7587), decoded to and encoded from one channel at this rate.
    Opus(SampleRate),
}

/// Why a frame or payload was not taken. Nothing was written, and the codec's state is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The samples are not one 20 ms frame of the codec's rate.
    #[error("a frame must be 20 ms at the codec's rate")]
    FrameLength,
    /// The payload's length is none that this codec makes.
    #[error("a payload of a length that this codec does not make")]
    PayloadLength,
    /// The payload is no packet of this codec.
    #[error("a payload that this codec cannot read")]
    Malformed,
    /// The output buffer is too small.
    #[error("the output buffer is too small")]
    Room,
    /// The codec could not be set up.
    #[error("the codec cannot be set up")]
    Setup,
}

/// Where the samples in place of a lost frame came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concealment {
    /// The far end sent them a second time: forward error correction in the packet after the loss.
    Redundant,
    /// The decoder continued what it had heard.
    Extrapolated,
    /// Silence: this codec has no concealment of its own.
    Silence,
}

/// Makes payloads from frames of 20 ms.
pub trait Encoder: Send {
    /// The rate of the samples it takes.
    fn rate(&self) -> SampleRate;

    /// Encodes one frame and returns the payload's length in bytes; [`MAX_PAYLOAD_BYTES`] are always enough. Zero says
    /// that nothing need be sent for this frame (discontinuous transmission).
    ///
    /// # Errors
    /// Where `samples` is not 20 ms, or `payload` is too small.
    fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> Result<usize, CodecError>;

    /// Takes note of the loss that the far end reports, in percent, where the codec can make up for it. A rise counts at
    /// once, a fall by half of it with each report.
    fn report_loss(&mut self, percent: u8) {
        let _ = percent;
    }

    /// Begins anew, as after a pause.
    fn reset(&mut self);
}

/// Makes samples from payloads. It is dropped without leaving what it heard in memory.
pub trait Decoder: Send {
    /// The rate of the samples it makes.
    fn rate(&self) -> SampleRate;

    /// How many samples a payload holds.
    ///
    /// # Errors
    /// Where the payload cannot be this codec's.
    fn samples(&self, payload: &[u8]) -> Result<usize, CodecError>;

    /// Decodes one payload of any duration to the front of `out`, and returns how many samples it wrote.
    ///
    /// # Errors
    /// Where the payload cannot be this codec's, or `out` is too small for it.
    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, CodecError>;

    /// Fills `out` in place of a lost payload of that duration, and keeps the decoder in step with the encoder. `next`
    /// is the payload that follows the loss, if it is there already; it still has to be decoded for itself.
    fn decode_lost(&mut self, next: Option<&[u8]>, out: &mut [i16]) -> Concealment {
        let _ = next;
        out.fill(0);
        Concealment::Silence
    }

    /// Whether the far end sends nothing after this payload until the sound changes, so that what is missing next is to be made
    /// by [`Decoder::decode_lost`].
    fn is_pause(&self, payload: &[u8]) -> bool {
        let _ = payload;
        false
    }

    /// Forgets what was heard.
    fn reset(&mut self);
}

impl Codec {
    /// The encoding name (RFC 3551 §6, RFC 7587 §4.1).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::L16(_) => "L16",
            Self::Opus(_) => "opus",
        }
    }

    /// The rate of its samples.
    #[must_use]
    pub const fn rate(self) -> SampleRate {
        match self {
            Self::Pcmu | Self::Pcma => SampleRate::Hz8000,
            Self::G722 => SampleRate::Hz16000,
            Self::L16(rate) | Self::Opus(rate) => rate,
        }
    }

    /// The clock of its RTP timestamps, in hertz. G.722 counts 8000 for its 16000 samples, an error of RFC 1890 that was
    /// kept (RFC 3551 §4.5.2); Opus always counts 48000 (RFC 7587 §4.1).
    #[must_use]
    pub const fn clock_hertz(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::L16(rate) => rate.hertz(),
            Self::Opus(_) => 48_000,
        }
    }

    /// The payload type that RFC 3551 §6 gives it, if any.
    #[must_use]
    pub const fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0),
            Self::Pcma => Some(8),
            Self::G722 => Some(9),
            Self::L16(_) | Self::Opus(_) => None,
        }
    }

    /// An encoder of one stream. `settings` concern Opus alone.
    ///
    /// # Errors
    /// Where Opus cannot be set up: out of memory, or a setting out of range.
    pub fn encoder(self, settings: &OpusSettings) -> Result<Box<dyn Encoder>, CodecError> {
        Ok(match self {
            Self::Pcmu => Box::new(memoryless::G711(memoryless::Ulaw)),
            Self::Pcma => Box::new(memoryless::G711(memoryless::Alaw)),
            Self::G722 => Box::new(g722::G722Encoder::new()),
            Self::L16(rate) => Box::new(memoryless::L16 { rate }),
            Self::Opus(rate) => Box::new(opus::OpusEncoder::new(rate, settings)?),
        })
    }

    /// A decoder of one stream.
    ///
    /// # Errors
    /// Where Opus cannot be set up: out of memory.
    pub fn decoder(self) -> Result<Box<dyn Decoder>, CodecError> {
        Ok(match self {
            Self::Pcmu => Box::new(memoryless::G711(memoryless::Ulaw)),
            Self::Pcma => Box::new(memoryless::G711(memoryless::Alaw)),
            Self::G722 => Box::new(g722::G722Decoder::new()),
            Self::L16(rate) => Box::new(memoryless::L16 { rate }),
            Self::Opus(rate) => Box::new(opus::OpusDecoder::new(rate)?),
        })
    }
}

/// Checks an encoder's arguments.
fn check_frame(samples: &[i16], rate: SampleRate, bytes: usize, room: usize) -> Result<(), CodecError> {
    if samples.len() != rate.frame_samples() {
        Err(CodecError::FrameLength)
    } else if room < bytes {
        Err(CodecError::Room)
    } else {
        Ok(())
    }
}
