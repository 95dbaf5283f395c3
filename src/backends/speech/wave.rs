//! RIFF WAVE as synthesisers write it, whose lengths are not to be trusted.

use super::engine::Sound;

/// Bytes of the RIFF header and of a chunk's header.
const RIFF_HEADER: usize = 12;
const CHUNK_HEADER: usize = 8;

/// Reads 16-bit mono PCM. A data chunk that claims more than there is ends with the bytes. `None` where it is anything
/// else.
pub(super) fn read(bytes: &[u8]) -> Option<Sound> {
    if bytes.get(..4)? != b"RIFF" || bytes.get(8..RIFF_HEADER)? != b"WAVE" {
        return None;
    }
    let mut rest = bytes.get(RIFF_HEADER..)?;
    let mut hertz = None;
    loop {
        let length = u32::from_le_bytes(rest.get(4..CHUNK_HEADER)?.try_into().ok()?) as usize;
        let (name, body) = (rest.get(..4)?, rest.get(CHUNK_HEADER..)?);
        match name {
            b"fmt " => hertz = Some(mono_rate(body.get(..length)?)?),
            b"data" => {
                let samples = body[..length.min(body.len())].chunks_exact(2);
                return Some(Sound {
                    hertz: hertz?,
                    samples: samples.map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect(),
                });
            }
            _ => {}
        }
        rest = body.get(length.checked_add(length % 2)?..)?;
    }
}

/// The sampling rate of a format chunk, where it is PCM of one channel and 16 bits.
fn mono_rate(format: &[u8]) -> Option<u32> {
    let half = |at: usize| Some(u16::from_le_bytes(format.get(at..at + 2)?.try_into().ok()?));
    let is_mono_pcm = half(0)? == 1 && half(2)? == 1 && half(14)? == 16;
    let hertz = u32::from_le_bytes(format.get(4..8)?.try_into().ok()?);
    (is_mono_pcm && hertz > 0).then_some(hertz)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(claimed: u32, samples: &[i16]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        bytes.extend(16_000_u32.to_le_bytes());
        bytes.extend(32_000_u32.to_le_bytes());
        bytes.extend(b"\x02\0\x10\0data");
        bytes.extend(claimed.to_le_bytes());
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        bytes
    }

    #[test]
    fn a_streamed_header_that_claims_too_much_is_read_to_its_end() {
        let sound = read(&wave(0x7fff_f000, &[1, -2, 3])).unwrap();
        assert_eq!((sound.hertz, sound.samples.as_slice()), (16_000, [1, -2, 3].as_slice()));
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(read(b"").is_none());
        assert!(read(b"RIFF\0\0\0\0WAVE").is_none());
        let mut stereo = wave(2, &[7]);
        stereo[22] = 2;
        assert!(read(&stereo).is_none());
        let mut endless = wave(2, &[7]);
        endless[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(read(&endless).is_none());
    }
}
