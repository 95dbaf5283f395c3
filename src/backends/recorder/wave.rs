//! A stereo WAV file that can be read while it grows.

use std::io;

use zeroize::Zeroizing;

use super::{Encoding, Gaps, Pair, medium::Medium};

/// Bytes of the header.
const HEADER: u64 = 44;
/// Bytes of one sample of both sides.
const PAIR: u64 = 4;
/// The most bytes of audio that the header can state.
const LONGEST: u64 = u32::MAX as u64 - HEADER;
/// How much of a file tells whether it is one of ours.
pub(super) const RECOGNISED: usize = 12;
/// Where the header states the length of the file, and of the audio.
const LENGTHS: [u64; 2] = [4, HEADER - 4];

/// A file being written.
pub(super) struct WaveFile {
    medium: Medium,
    samples: u64,
}

impl WaveFile {
    /// Begins the file with its header.
    pub(super) fn create(mut medium: Medium, hertz: u32) -> io::Result<Self> {
        medium.write(&header(hertz))?;
        medium.commit()?;
        Ok(Self { medium, samples: 0 })
    }
}

impl Encoding for WaveFile {
    fn append(&mut self, pairs: &[Pair]) -> io::Result<()> {
        if (self.samples + pairs.len() as u64) * PAIR > LONGEST {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let sides = pairs.iter().flat_map(|(caller, sent)| [caller.unwrap_or(0), *sent]);
        let bytes = Zeroizing::new(sides.flat_map(i16::to_le_bytes).collect::<Vec<_>>());
        self.medium.write(&bytes)?;
        self.samples += pairs.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.medium.commit()?;
        for (place, value) in LENGTHS.into_iter().zip(lengths(self.samples * PAIR)) {
            self.medium.overwrite(place, &value)?;
        }
        Ok(())
    }

    fn finish(&mut self, _is_whole: bool, gaps: Gaps) -> io::Result<()> {
        self.flush()?;
        self.medium.finish(gaps)
    }

    fn samples(&self) -> u64 {
        self.samples
    }
}

/// What the header has to state where the file is `bytes` long in all; `None` where it is no WAV file of ours. While a file
/// is sealed its header cannot be kept up to date.
pub(super) fn corrections(begin: &[u8], bytes: u64) -> Option<[(u64, [u8; 4]); 2]> {
    let is_wave = begin.starts_with(b"RIFF") && begin.get(8..RECOGNISED) == Some(b"WAVE") && bytes >= HEADER;
    let audio = (bytes.saturating_sub(HEADER)) / PAIR * PAIR;
    let [file, data] = lengths(audio);
    is_wave.then_some([(LENGTHS[0], file), (LENGTHS[1], data)])
}

/// The lengths of the file and of its audio, as the header states them.
fn lengths(audio: u64) -> [[u8; 4]; 2] {
    let audio = u32::try_from(audio).unwrap_or(u32::MAX);
    [audio.saturating_add(HEADER as u32 - 8).to_le_bytes(), audio.to_le_bytes()]
}

fn header(hertz: u32) -> Vec<u8> {
    let mut bytes = b"RIFF\0\0\0\0WAVEfmt ".to_vec();
    bytes.extend(16_u32.to_le_bytes());
    // PCM, two channels.
    bytes.extend([1, 0, 2, 0]);
    bytes.extend(hertz.to_le_bytes());
    bytes.extend((hertz * PAIR as u32).to_le_bytes());
    // Bytes a pair, bits a sample.
    bytes.extend([PAIR as u8, 0, 16, 0]);
    bytes.extend(b"data\0\0\0\0");
    bytes
}
