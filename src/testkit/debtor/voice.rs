//! How a debtor sounds: a voice of flite or espeak-ng, never the gateway's own.

use std::{io, process::Stdio};

use audio::resample_clip;
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::process::Command;

/// The level of speech, as an effective value.
const LEVEL: f64 = 3_500.0;
/// From this on a sample is no silence.
const AUDIBLE: u16 = 200;
/// Samples kept before the first sound: 40 ms.
const BREATH: usize = 320;
/// Samples over which mumbling follows the loudness of speech: 12 ms.
const SYLLABLE: usize = 100;

/// Why a debtor cannot speak.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// The synthesiser does not start.
    #[error("{program} does not start: {error}")]
    Start {
        /// The program.
        program: &'static str,
        /// What went wrong.
        error: io::Error,
    },
    /// It has made no sound.
    #[error("{0} has made no sound that can be used")]
    Sound(&'static str),
}

/// A program and how to call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebtorVoice {
    program: &'static str,
    arguments: &'static [&'static str],
}

/// The voices, best understood first.
const VOICES: [(&str, &[&str]); 3] = [
    ("flite", &["-voice", "rms"]),
    ("flite", &["-voice", "awb"]),
    ("flite", &["-voice", "rms", "--setf", "int_f0_target_mean=130"]),
];

impl DebtorVoice {
    /// The voice that a seed chooses.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let (program, arguments) = VOICES[seed as usize % VOICES.len()];
        Self { program, arguments }
    }

    /// The voice's name.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.program, self.arguments.join(" "))
    }

    /// Says a text, at 8 kHz.
    ///
    /// # Errors
    /// Where the program fails.
    pub async fn say(&self, text: &str) -> Result<Vec<i16>, VoiceError> {
        let file =
            tempfile::NamedTempFile::new().map_err(|error| VoiceError::Start { program: self.program, error })?;
        let mut command = Command::new(self.program);
        command.args(self.arguments).arg("-t").arg(text).arg("-o").arg(file.path());
        let status = command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).status().await;
        let status = status.map_err(|error| VoiceError::Start { program: self.program, error })?;
        let unusable = || VoiceError::Sound(self.program);
        if !status.success() {
            return Err(unusable());
        }
        let reader = hound::WavReader::open(file.path()).map_err(|_| unusable())?;
        let hertz = reader.spec().sample_rate;
        let samples: Vec<i16> = reader.into_samples().collect::<Result<_, _>>().map_err(|_| unusable())?;
        let narrow = resample_clip(hertz, 8_000, &samples).map_err(|_| unusable())?;
        Ok(levelled(from_first_sound(&narrow)))
    }
}

/// Without the silence that a synthesiser begins with: how long a debtor thinks is said elsewhere.
fn from_first_sound(samples: &[i16]) -> &[i16] {
    let first = samples.iter().position(|sample| sample.unsigned_abs() > AUDIBLE).unwrap_or_default();
    &samples[first.saturating_sub(BREATH)..]
}

fn levelled(samples: &[i16]) -> Vec<i16> {
    let loud: Vec<f64> =
        samples.iter().map(|sample| f64::from(*sample)).filter(|sample| sample.abs() > 200.0).collect();
    let effective = (loud.iter().map(|sample| sample * sample).sum::<f64>() / loud.len().max(1) as f64).sqrt();
    let gain = LEVEL / effective.max(1.0);
    // A float that overflows is clamped by `as`.
    samples.iter().map(|sample| (f64::from(*sample) * gain).round() as i16).collect()
}

/// The same, into one's beard: the melody and the rhythm of speech, and no consonant.
#[must_use]
pub fn mumbled(samples: &[i16]) -> Vec<i16> {
    let mut random = StdRng::seed_from_u64(samples.len() as u64);
    let mut muffled = 0.0;
    let mut mumble = Vec::with_capacity(samples.len());
    for syllable in samples.chunks(SYLLABLE) {
        let power: f64 = syllable.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / syllable.len() as f64;
        for sample in syllable {
            // A first-order low-pass at about 250 Hz leaves the voice, and breath covers the rest.
            muffled += 0.18 * (f64::from(*sample) - muffled);
            let breath = random.random_range(-1.0..1.0) * power.sqrt();
            mumble.push((1.2 * muffled + 0.9 * breath).round() as i16);
        }
    }
    mumble
}
