//! ITU-T G.722 at 64 kbit/s: 16 kHz in two sub-bands of 8 kHz, six bits for the lower and two for the upper, one byte for
//! every two samples.
//!
//! Our own, because the crates that could be had either begin in a state the Recommendation does not know or bring a
//! media framework along. The blocks are named as in clause 6.2 of the Recommendation. All arithmetic is whole-numbered,
//! so every implementation makes the same bits.

use frame::SampleRate;
use zeroize::Zeroize;

use super::{CodecError, Decoder, Encoder, check_frame};

/// The quadrature mirror filter's first twelve coefficients at even places; read backwards, those at odd ones (table 11).
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];
/// The lower band's decision levels Q6 (table 14).
const DECISION_LEVELS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1_023, 1_121, 1_219, 1_339,
    1_458, 1_612, 1_765, 1_980, 2_195, 2_557, 2_919,
];
/// The lower band's output values QQ6 for positive codes, from the outermost: 30 levels (table 14).
const OUTPUTS_6: [i32; 30] = [
    24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280, 11_192, 10_232, 9_360, 8_576, 7_856, 7_192, 6_576, 6_000,
    5_456, 4_944, 4_464, 4_008, 3_576, 3_168, 2_776, 2_400, 2_032, 1_688, 1_360, 1_040, 728, 432, 136,
];
/// The same with the two lowest bits left out, QQ4: 7 levels, from the outermost (table 15).
const OUTPUTS_4: [i32; 7] = [20_456, 12_896, 8_968, 6_288, 4_240, 2_584, 1_200];
/// The upper band's decision level Q2 and output values QQ2, by code (tables 16 and 17).
const DECISION_LEVEL_2: i32 = 564;
const OUTPUTS_2: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];
/// The upper band's scale factor multipliers WH, by code.
const MULTIPLIERS_2: [i32; 4] = [798, -214, 798, -214];
/// The lower band's scale factor multipliers WL, from the outermost level.
const MULTIPLIERS_4: [i32; 8] = [3_042, 1_198, 538, 334, 172, 58, -30, -60];
/// Powers of two in 32 steps, ILB.
const INVERSE_LOGARITHM: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656, 2_714, 2_774, 2_834,
    2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520, 3_597, 3_676, 3_756, 3_838, 3_922, 4_008,
];

const LOWER: BandKind = BandKind { first_scale: 32, most_logarithm: 18_432, shift: 8 };
const UPPER: BandKind = BandKind { first_scale: 8, most_logarithm: 22_528, shift: 10 };

/// Encoder of one stream.
pub(super) struct G722Encoder {
    filter: [i32; 24],
    lower: Band,
    upper: Band,
}

/// Decoder of one stream.
pub(super) struct G722Decoder {
    filter: [i32; 24],
    lower: Band,
    upper: Band,
}

impl G722Encoder {
    pub(super) fn new() -> Self {
        Self { filter: [0; 24], lower: Band::new(&LOWER), upper: Band::new(&UPPER) }
    }

    fn code(&mut self, first: i16, second: i16) -> u8 {
        push_pair(&mut self.filter, i32::from(first), i32::from(second));
        let (even, odd) = halves(&self.filter);
        let lower = lower_code(clamp_16(((even + odd) >> 14) - self.lower.estimate), self.lower.scale);
        let upper = upper_code(clamp_16(((odd - even) >> 14) - self.upper.estimate), self.upper.scale);
        self.lower.adapt_lower(lower);
        self.upper.adapt_upper(upper);
        upper << 6 | lower
    }
}

impl Encoder for G722Encoder {
    fn rate(&self) -> SampleRate {
        SampleRate::Hz16000
    }

    fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        check_frame(samples, SampleRate::Hz16000, samples.len() / 2, payload.len())?;
        for (code, pair) in payload.iter_mut().zip(samples.chunks_exact(2)) {
            *code = self.code(pair[0], pair[1]);
        }
        Ok(samples.len() / 2)
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl G722Decoder {
    pub(super) fn new() -> Self {
        Self { filter: [0; 24], lower: Band::new(&LOWER), upper: Band::new(&UPPER) }
    }

    fn samples_of(&mut self, code: u8) -> (i16, i16) {
        let (lower, upper) = (code & 0x3f, code >> 6);
        let low = clamp_15(self.lower.estimate + ((self.lower.scale * output_6(lower)) >> 15));
        let high = clamp_15(self.upper.estimate + ((self.upper.scale * OUTPUTS_2[usize::from(upper)]) >> 15));
        self.lower.adapt_lower(lower);
        self.upper.adapt_upper(upper);
        push_pair(&mut self.filter, low + high, low - high);
        let (even, odd) = halves(&self.filter);
        (clamp_16(odd >> 11) as i16, clamp_16(even >> 11) as i16)
    }
}

impl Decoder for G722Decoder {
    fn rate(&self) -> SampleRate {
        SampleRate::Hz16000
    }

    fn samples(&self, payload: &[u8]) -> Result<usize, CodecError> {
        if payload.is_empty() { Err(CodecError::PayloadLength) } else { Ok(2 * payload.len()) }
    }

    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, CodecError> {
        let samples = self.samples(payload)?;
        let out = out.get_mut(..samples).ok_or(CodecError::Room)?;
        for (pair, &code) in out.chunks_exact_mut(2).zip(payload) {
            (pair[0], pair[1]) = self.samples_of(code);
        }
        Ok(samples)
    }

    fn reset(&mut self) {
        self.filter.zeroize();
        (self.lower, self.upper) = (Band::new(&LOWER), Band::new(&UPPER));
    }
}

impl Drop for G722Decoder {
    fn drop(&mut self) {
        self.filter.zeroize();
        self.lower.wipe();
        self.upper.wipe();
    }
}

fn push_pair(filter: &mut [i32; 24], first: i32, second: i32) {
    filter.copy_within(2.., 0);
    filter[22] = first;
    filter[23] = second;
}

/// The two halves of the quadrature mirror filter: over the places 0, 2, ... and over 1, 3, ...
fn halves(filter: &[i32; 24]) -> (i32, i32) {
    let (mut even, mut odd) = (0, 0);
    for (place, pair) in filter.chunks_exact(2).enumerate() {
        even += pair[0] * QMF[place];
        odd += pair[1] * QMF[11 - place];
    }
    (even, odd)
}

/// QUANTL: the code of a difference in the lower band. Codes fall with the size of the difference, from 61 for positive
/// ones; negative ones begin with 63 and 62 and go on with 31.
fn lower_code(difference: i32, scale: i32) -> u8 {
    let size = if difference < 0 { !difference } else { difference };
    let level = DECISION_LEVELS.partition_point(|&level| size >= (level * scale) >> 12) as u8;
    match (difference < 0, level) {
        (false, _) => 61 - level,
        (true, 0 | 1) => 63 - level,
        (true, _) => 33 - level,
    }
}

/// QUANTH: the code of a difference in the upper band.
fn upper_code(difference: i32, scale: i32) -> u8 {
    let size = if difference < 0 { !difference } else { difference };
    let is_outer = size >= (DECISION_LEVEL_2 * scale) >> 12;
    match (difference < 0, is_outer) {
        (true, true) => 0,
        (true, false) => 1,
        (false, true) => 2,
        (false, false) => 3,
    }
}

/// INVQBL: the size that a code of the lower band stands for. The first four are never sent.
fn output_6(code: u8) -> i32 {
    match usize::from(code) {
        0..=3 => -136,
        code @ 4..=31 => -OUTPUTS_6[code - 4],
        code @ 32..=61 => OUTPUTS_6[code - 32],
        code => -OUTPUTS_6[code - 34],
    }
}

/// INVQAL: the same by the four higher bits, which the predictor follows.
fn output_4(code: u8) -> i32 {
    match usize::from(code >> 2) {
        code @ 1..=7 => -OUTPUTS_4[code - 1],
        code @ 8..=14 => OUTPUTS_4[code - 8],
        _ => 0,
    }
}

fn multiplier_4(code: u8) -> i32 {
    match usize::from(code >> 2) {
        code @ 1..=7 => MULTIPLIERS_4[code - 1],
        code @ 8..=14 => MULTIPLIERS_4[code - 8],
        _ => MULTIPLIERS_4[7],
    }
}

/// What distinguishes the bands.
struct BandKind {
    /// The scale factor DET to begin with.
    first_scale: i32,
    /// Where the logarithm of the scale factor NB is limited.
    most_logarithm: i32,
    /// What turns its whole part into a shift.
    shift: i32,
}

/// The adaptive quantiser and predictor of one band, the same at both ends. Index 0 is the newest value.
struct Band {
    kind: &'static BandKind,
    /// S: what the next sample is expected to be.
    estimate: i32,
    /// SZ: the part of it that comes from the zeros.
    zeros_estimate: i32,
    /// DET, and NB, its logarithm.
    scale: i32,
    logarithm: i32,
    /// A: the two poles' coefficients; B: the six zeros'.
    poles: [i32; 2],
    zeros: [i32; 6],
    /// RLT: the last two reconstructed values; DLT: the last six differences.
    reconstructed: [i32; 2],
    differences: [i32; 6],
    /// PLT: the last two partly reconstructed values.
    partial: [i32; 2],
}

impl Band {
    fn new(kind: &'static BandKind) -> Self {
        Self {
            kind,
            estimate: 0,
            zeros_estimate: 0,
            scale: kind.first_scale,
            logarithm: 0,
            poles: [0; 2],
            zeros: [0; 6],
            reconstructed: [0; 2],
            differences: [0; 6],
            partial: [0; 2],
        }
    }

    fn adapt_lower(&mut self, code: u8) {
        let difference = (self.scale * output_4(code)) >> 15;
        self.rescale(multiplier_4(code));
        self.predict(difference);
    }

    fn adapt_upper(&mut self, code: u8) {
        let difference = (self.scale * OUTPUTS_2[usize::from(code)]) >> 15;
        self.rescale(MULTIPLIERS_2[usize::from(code)]);
        self.predict(difference);
    }

    /// LOGSCL, SCALEL; LOGSCH, SCALEH: the scale factor follows the size of the codes.
    fn rescale(&mut self, multiplier: i32) {
        self.logarithm = (((self.logarithm * 127) >> 7) + multiplier).clamp(0, self.kind.most_logarithm);
        let mantissa = INVERSE_LOGARITHM[(self.logarithm >> 6 & 31) as usize];
        let shift = self.kind.shift - (self.logarithm >> 11);
        self.scale = if shift < 0 { mantissa << -shift } else { mantissa >> shift } << 2;
    }

    /// Block 4: adapts the predictor to a quantised difference and makes the next estimate.
    fn predict(&mut self, difference: i32) {
        let reconstructed = clamp_16(self.estimate + difference);
        let partial = clamp_16(self.zeros_estimate + difference);
        self.adapt_poles(partial);
        self.adapt_zeros(difference);
        shift_in(&mut self.partial, partial);
        shift_in(&mut self.reconstructed, reconstructed);
        shift_in(&mut self.differences, difference);
        // FILTEP, FILTEZ, PREDIC.
        let from_poles = clamp_16(weighted(&self.poles, &self.reconstructed));
        self.zeros_estimate = clamp_16(weighted(&self.zeros, &self.differences));
        self.estimate = clamp_16(from_poles + self.zeros_estimate);
    }

    /// UPPOL2, then UPPOL1, by the signs of the last three partly reconstructed values.
    fn adapt_poles(&mut self, partial: i32) {
        let with_last = (partial < 0) == (self.partial[0] < 0);
        let with_second = (partial < 0) == (self.partial[1] < 0);
        let slope = clamp_16(self.poles[0] << 2);
        let slope = if with_last { clamp_16(-slope) } else { slope };
        let second = (slope >> 7) + if with_second { 128 } else { -128 } + ((self.poles[1] * 32_512) >> 15);
        let second = second.clamp(-12_288, 12_288);
        let step = if with_last { 192 } else { -192 };
        let bound = 15_360 - second;
        self.poles = [clamp_16(step + ((self.poles[0] * 32_640) >> 15)).clamp(-bound, bound), second];
    }

    /// UPZERO: each zero follows the sign of its difference against the newest.
    fn adapt_zeros(&mut self, difference: i32) {
        let step = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(&self.differences) {
            let agrees = (*before < 0) == (difference < 0);
            *zero = clamp_16(((*zero * 32_640) >> 15) + if agrees { step } else { -step });
        }
    }

    fn wipe(&mut self) {
        self.estimate.zeroize();
        self.zeros_estimate.zeroize();
        self.reconstructed.zeroize();
        self.differences.zeroize();
        self.partial.zeroize();
    }
}

/// The sum of doubled values by their coefficients.
fn weighted(coefficients: &[i32], values: &[i32]) -> i32 {
    coefficients.iter().zip(values).map(|(coefficient, value)| (coefficient * clamp_16(2 * value)) >> 15).sum()
}

fn shift_in<const LENGTH: usize>(values: &mut [i32; LENGTH], newest: i32) {
    values.copy_within(..LENGTH - 1, 1);
    values[0] = newest;
}

fn clamp_16(value: i32) -> i32 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
}

/// LIMIT: what a sub-band may hold.
fn clamp_15(value: i32) -> i32 {
    value.clamp(-16_384, 16_383)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise whose level rises and falls over the whole scale, from a linear congruential generator.
    fn noise(samples: usize) -> Vec<i16> {
        let mut state = 1_u32;
        (0..samples)
            .map(|n| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((state >> 16) as u16).cast_signed() >> (n / 320 % 12)
            })
            .collect()
    }

    /// FNV-1a, 64 bits.
    fn digest(bytes: impl Iterator<Item = u8>) -> u64 {
        bytes.fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
    }

    /// The digests were taken when this codec gave the same bits as the speech vectors of ITU-T G.191 in both directions.
    #[test]
    fn the_bits_are_those_of_the_recommendation() {
        let mut encoder = G722Encoder::new();
        let codes: Vec<u8> = noise(32_000).chunks_exact(2).map(|pair| encoder.code(pair[0], pair[1])).collect();
        let mut heard = vec![0; 32_000];
        G722Decoder::new().decode(&codes, &mut heard).unwrap();
        let every_code: Vec<u8> = noise(32_000).iter().map(|sample| sample.to_le_bytes()[0]).collect();
        let mut wild = vec![0; 64_000];
        G722Decoder::new().decode(&every_code, &mut wild).unwrap();
        let bytes = |samples: &[i16]| digest(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        assert_eq!(digest(codes.into_iter()), 8_053_626_645_535_373_525);
        assert_eq!(bytes(&heard), 8_766_570_483_645_898_307);
        assert_eq!(bytes(&wild), 14_355_981_020_207_475_440);
    }
}
