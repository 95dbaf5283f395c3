//! G.711 by tables: µ-law and A-law, one byte a sample.
//!
//! The tables are built at compile time from the segment rules of ITU-T G.711. Encoding looks up the bits the law keeps:
//! 14 of µ-law, 12 of A-law.

const ULAW_DECODE: [i16; 256] = ulaw_decode_table();
const ALAW_DECODE: [i16; 256] = alaw_decode_table();
static ULAW_ENCODE: [u8; 1 << 14] = ulaw_encode_table();
static ALAW_ENCODE: [u8; 1 << 12] = alaw_encode_table();

/// The code of silence in µ-law.
pub const ULAW_SILENCE: u8 = 0xff;
/// The code of silence in A-law.
pub const ALAW_SILENCE: u8 = 0xd5;

/// The µ-law code of one sample.
#[must_use]
pub fn encode_ulaw(sample: i16) -> u8 {
    ULAW_ENCODE[usize::from(sample.cast_unsigned() >> 2)]
}

/// The sample of one µ-law code.
#[must_use]
pub fn decode_ulaw(code: u8) -> i16 {
    ULAW_DECODE[usize::from(code)]
}

/// The A-law code of one sample.
#[must_use]
pub fn encode_alaw(sample: i16) -> u8 {
    ALAW_ENCODE[usize::from(sample.cast_unsigned() >> 4)]
}

/// The sample of one A-law code.
#[must_use]
pub fn decode_alaw(code: u8) -> i16 {
    ALAW_DECODE[usize::from(code)]
}

const fn ulaw_decode_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = expand_ulaw(code as u8);
        code += 1;
    }
    table
}

const fn alaw_decode_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = expand_alaw(code as u8);
        code += 1;
    }
    table
}

const fn ulaw_encode_table() -> [u8; 1 << 14] {
    let mut table = [0; 1 << 14];
    let mut bits: usize = 0;
    while bits < table.len() {
        table[bits] = compress_ulaw(((bits as u16) << 2).cast_signed());
        bits += 1;
    }
    table
}

const fn alaw_encode_table() -> [u8; 1 << 12] {
    let mut table = [0; 1 << 12];
    let mut bits: usize = 0;
    while bits < table.len() {
        table[bits] = compress_alaw(((bits as u16) << 4).cast_signed());
        bits += 1;
    }
    table
}

/// A sample's magnitude as G.711 counts it: negative values by their ones' complement.
const fn magnitude(sample: i16) -> u16 {
    if sample < 0 { (!sample).cast_unsigned() } else { sample.cast_unsigned() }
}

/// Table 2a of G.711: 14-bit magnitude plus a bias of 33, in eight segments that double.
const fn compress_ulaw(sample: i16) -> u8 {
    let biased = (magnitude(sample) >> 2) + 33;
    let biased = if biased > 0x1fff { 0x1fff } else { biased };
    let segment = biased.ilog2() - 5;
    let step = (biased >> (segment + 1)) & 0x0f;
    let code = ((segment as u8) << 4) | step as u8;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(code | sign)
}

const fn expand_ulaw(code: u8) -> i16 {
    let bits = !code;
    let segment = (bits >> 4) & 7;
    let step = (bits & 0x0f) as i16;
    let magnitude = (((step << 1) + 33) << segment) - 33;
    let sample = magnitude << 2;
    if bits & 0x80 != 0 { -sample } else { sample }
}

/// Table 1a of G.711: 12-bit magnitude, two linear segments and six that double, every other bit inverted.
const fn compress_alaw(sample: i16) -> u8 {
    let magnitude = magnitude(sample) >> 4;
    let code = if magnitude < 32 {
        magnitude as u8
    } else {
        let segment = magnitude.ilog2() - 3;
        ((segment as u8 - 1) << 4) + ((magnitude >> (segment - 1)) & 0x1f) as u8
    };
    let sign = if sample < 0 { 0 } else { 0x80 };
    (code | sign) ^ 0x55
}

const fn expand_alaw(code: u8) -> i16 {
    let bits = code ^ 0x55;
    let segment = (bits >> 4) & 7;
    let step = (bits & 0x0f) as i16;
    let magnitude = if segment == 0 { (step << 4) + 8 } else { ((step << 4) + 264) << (segment - 1) };
    if bits & 0x80 != 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_the_code_the_standard_names() {
        assert_eq!((encode_ulaw(0), decode_ulaw(ULAW_SILENCE)), (ULAW_SILENCE, 0));
        assert_eq!((encode_alaw(0), decode_alaw(ALAW_SILENCE)), (ALAW_SILENCE, 8));
    }

    #[test]
    fn the_ends_of_the_scale_are_the_standards() {
        assert_eq!((encode_ulaw(i16::MAX), encode_ulaw(i16::MIN)), (0x80, 0x00));
        assert_eq!((decode_ulaw(0x80), decode_ulaw(0x00)), (32_124, -32_124));
        assert_eq!((encode_alaw(i16::MAX), encode_alaw(i16::MIN)), (0xaa, 0x2a));
        assert_eq!((decode_alaw(0xaa), decode_alaw(0x2a)), (32_256, -32_256));
    }

    #[test]
    fn every_code_survives_a_round_trip() {
        for code in 0..=u8::MAX {
            // 0x7f is µ-law's negative zero, which decodes to plain zero.
            if code != 0x7f {
                assert_eq!(encode_ulaw(decode_ulaw(code)), code, "µ-law {code:#04x}");
            }
            assert_eq!(encode_alaw(decode_alaw(code)), code, "A-law {code:#04x}");
        }
    }

    #[test]
    fn the_error_of_every_sample_is_within_half_a_step() {
        for sample in i16::MIN..=i16::MAX {
            let size = i32::from(sample).abs();
            let ulaw = (i32::from(decode_ulaw(encode_ulaw(sample))) - i32::from(sample)).abs();
            let alaw = (i32::from(decode_alaw(encode_alaw(sample))) - i32::from(sample)).abs();
            let clipped = (size - 32_124).max(0);
            assert!(ulaw <= (size + 132) / 32 + 4 + clipped, "µ-law {sample}: {ulaw}");
            assert!(alaw <= size / 32 + 16, "A-law {sample}: {alaw}");
        }
    }
}
