//! What is said: pieces of recorded speech, one after the other, as one stream.

use std::path::{Path, PathBuf};

/// Where the recordings are: Debian package `asterisk-core-sounds-en-wav`, 8 kHz.
const RECORDINGS: &str = "/usr/share/asterisk/sounds/en_US_f_Allison";
/// Samples a second.
const HERTZ: usize = 8_000;
/// Silence before, between and after the recordings of a piece, in samples: half a second.
const PAUSE: usize = HERTZ / 2;

/// The pieces, each of two recordings: 10 to 12 s with their pauses, as ITU-T P.862 wants them.
const PIECES: [[&str; 2]; 6] = [
    ["agent-user", "vm-mismatch"],
    ["agent-incorrect", "invalid"],
    ["queue-youarenext", "vm-rec-busy"],
    ["vm-newuser", "vm-mailboxfull"],
    ["demo-thanks", "ss-noservice"],
    ["vm-intro", "unidentified-no-callback"],
];

/// Pieces there are.
pub const PIECE_COUNT: usize = PIECES.len();

/// Why there is no speech.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason} (Debian package asterisk-core-sounds-en-wav)", path.display())]
pub struct SpeechError {
    path: PathBuf,
    reason: hound::Error,
}

/// A piece of a script.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// Samples said before it.
    pub at: usize,
    /// Its length in samples.
    pub length: usize,
}

/// A stream of speech.
pub struct Script {
    /// All that is said, at 8 kHz.
    pub samples: Vec<i16>,
    /// Its pieces, in order.
    pub pieces: Vec<Piece>,
}

impl Script {
    /// The first so many pieces after so many seconds of silence.
    ///
    /// # Errors
    /// Where the recordings are not there.
    pub fn of(pieces: usize, lead_seconds: usize) -> Result<Self, SpeechError> {
        let mut script = Self { samples: vec![0; lead_seconds * HERTZ], pieces: Vec::new() };
        for recordings in PIECES.iter().take(pieces) {
            script.add(recordings)?;
        }
        Ok(script)
    }

    /// All pieces again and again, for so many seconds or a little more, after so many seconds of silence.
    ///
    /// # Errors
    /// As [`Script::of`].
    pub fn lasting(seconds: usize, lead_seconds: usize) -> Result<Self, SpeechError> {
        let mut script = Self::of(0, lead_seconds)?;
        for recordings in PIECES.iter().cycle() {
            if script.samples.len() >= (seconds + lead_seconds) * HERTZ {
                break;
            }
            script.add(recordings)?;
        }
        Ok(script)
    }

    /// The samples of a piece.
    #[must_use]
    pub fn piece(&self, piece: Piece) -> &[i16] {
        &self.samples[piece.at..piece.at + piece.length]
    }

    fn add(&mut self, recordings: &[&str]) -> Result<(), SpeechError> {
        let at = self.samples.len();
        self.pause();
        for name in recordings {
            self.samples.extend(recording(name)?);
            self.pause();
        }
        self.pieces.push(Piece { at, length: self.samples.len() - at });
        Ok(())
    }

    fn pause(&mut self) {
        self.samples.extend([0; PAUSE]);
    }
}

fn recording(name: &str) -> Result<Vec<i16>, SpeechError> {
    let path = Path::new(RECORDINGS).join(name).with_extension("wav");
    let samples = hound::WavReader::open(&path).and_then(|file| file.into_samples().collect());
    samples.map_err(|reason| SpeechError { path, reason })
}
