//! Speech for the measurements, by espeak-ng.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use audio::{g711::encode_ulaw, resample_clip};
use testkit::debtor::onset;

/// The level of speech, as an effective value.
const LEVEL: f64 = 3_500.0;
const NARROW: u32 = 8_000;
const VOICES: [&str; 4] = ["en-us", "en-gb+f3", "en-us+f2", "en-gb-scotland+m4"];
const UTTERANCES: [&str; 8] = [
    "wait a moment please",
    "i have paid that already",
    "who is this",
    "hello, can you hear me",
    "no, that is not right",
    "excuse me, i need more time",
    "stop",
    "five hundred is too much",
];
const PASSAGE: &str = "I wanted to ask about the letter that came last week, because I think that I have paid already.";

/// Where clips are made.
pub(crate) struct Voices {
    directory: PathBuf,
}

impl Voices {
    pub(crate) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// Eight utterances at 8 kHz, each beginning with its first sound.
    ///
    /// # Errors
    /// Where espeak-ng fails.
    pub(crate) fn utterances(&self) -> Result<Vec<Vec<i16>>> {
        let all = UTTERANCES.iter().enumerate().map(|(place, text)| {
            let (hertz, samples) = self.say(VOICES[place % VOICES.len()], text)?;
            let samples = resample_clip(hertz, NARROW, &samples)?;
            let silent = onset(&samples).as_millis() as usize * NARROW as usize / 1_000;
            Ok(samples[silent..].to_vec())
        });
        all.collect()
    }

    /// The same one after the other in µ-law, for callers whose bot only has to notice that they speak.
    ///
    /// # Errors
    /// Where espeak-ng fails.
    pub(crate) fn spoken(&self) -> Result<Arc<[u8]>> {
        Ok(self.utterances()?.concat().into_iter().map(encode_ulaw).collect())
    }

    /// A file of little-endian samples of six seconds of speech at a rate.
    ///
    /// # Errors
    /// Where espeak-ng fails, or the file cannot be written.
    pub(crate) fn passage(&self, hertz: u32) -> Result<PathBuf> {
        let path = self.directory.join(format!("speech-{hertz}.raw"));
        let (from, samples) = self.say(VOICES[0], PASSAGE)?;
        let bytes: Vec<u8> = resample_clip(from, hertz, &samples)?.into_iter().flat_map(i16::to_le_bytes).collect();
        std::fs::write(&path, bytes)?;
        Ok(path)
    }

    fn say(&self, voice: &str, text: &str) -> Result<(u32, Vec<i16>)> {
        std::fs::create_dir_all(&self.directory)?;
        let file = self.directory.join("speech.wav");
        let mut command = Command::new("espeak-ng");
        let status = command.args(["-v", voice, "-w"]).arg(&file).arg(text).stderr(Stdio::null()).status();
        ensure!(status.context("espeak-ng")?.success(), "espeak-ng has no voice {voice}");
        let reader = hound::WavReader::open(&file)?;
        let hertz = reader.spec().sample_rate;
        let samples = reader.into_samples::<i16>().collect::<Result<Vec<_>, _>>()?;
        let power = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len().max(1) as f64;
        let gain = LEVEL / power.sqrt().max(1.0);
        Ok((hertz, samples.into_iter().map(|sample| (f64::from(sample) * gain) as i16).collect()))
    }
}
