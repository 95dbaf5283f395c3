//! Codecs that take each sample for itself: G.711 and 16-bit linear.

use frame::SampleRate;

use super::{CodecError, Decoder, Encoder, check_frame};
use crate::g711;

/// One of the two laws of G.711.
pub(super) trait Law: Send {
    fn encode(sample: i16) -> u8;
    fn decode(code: u8) -> i16;
}

pub(super) struct Ulaw;

impl Law for Ulaw {
    fn encode(sample: i16) -> u8 {
        g711::encode_ulaw(sample)
    }

    fn decode(code: u8) -> i16 {
        g711::decode_ulaw(code)
    }
}

pub(super) struct Alaw;

impl Law for Alaw {
    fn encode(sample: i16) -> u8 {
        g711::encode_alaw(sample)
    }

    fn decode(code: u8) -> i16 {
        g711::decode_alaw(code)
    }
}

/// One byte a sample at 8 kHz.
pub(super) struct G711<L>(pub(super) L);

impl<L: Law> Encoder for G711<L> {
    fn rate(&self) -> SampleRate {
        SampleRate::Hz8000
    }

    fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        check_frame(samples, SampleRate::Hz8000, samples.len(), payload.len())?;
        for (code, &sample) in payload.iter_mut().zip(samples) {
            *code = L::encode(sample);
        }
        Ok(samples.len())
    }

    fn reset(&mut self) {}
}

impl<L: Law> Decoder for G711<L> {
    fn rate(&self) -> SampleRate {
        SampleRate::Hz8000
    }

    fn samples(&self, payload: &[u8]) -> Result<usize, CodecError> {
        if payload.is_empty() { Err(CodecError::PayloadLength) } else { Ok(payload.len()) }
    }

    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, CodecError> {
        let samples = self.samples(payload)?;
        let out = out.get_mut(..samples).ok_or(CodecError::Room)?;
        for (sample, &code) in out.iter_mut().zip(payload) {
            *sample = L::decode(code);
        }
        Ok(samples)
    }

    fn reset(&mut self) {}
}

/// Two bytes a sample, the high one first.
pub(super) struct L16 {
    pub(super) rate: SampleRate,
}

impl Encoder for L16 {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        check_frame(samples, self.rate, 2 * samples.len(), payload.len())?;
        for (bytes, sample) in payload.chunks_exact_mut(2).zip(samples) {
            bytes.copy_from_slice(&sample.to_be_bytes());
        }
        Ok(2 * samples.len())
    }

    fn reset(&mut self) {}
}

impl Decoder for L16 {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn samples(&self, payload: &[u8]) -> Result<usize, CodecError> {
        if payload.is_empty() || !payload.len().is_multiple_of(2) {
            Err(CodecError::PayloadLength)
        } else {
            Ok(payload.len() / 2)
        }
    }

    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, CodecError> {
        let samples = self.samples(payload)?;
        let out = out.get_mut(..samples).ok_or(CodecError::Room)?;
        for (sample, bytes) in out.iter_mut().zip(payload.chunks_exact(2)) {
            *sample = i16::from_be_bytes([bytes[0], bytes[1]]);
        }
        Ok(samples)
    }

    fn reset(&mut self) {}
}
