//! Recorded and synthetic speech and music, in which nobody presses a key: what is heard all the same, and what is silenced.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use audio::resample_clip;
use tones::synthesis::rms;

use super::{
    curve::percent,
    ears::{Crew, Ears, Loss, ours},
    line::{FRAME, Line},
    through::outside,
};
use crate::table::{Table, number};

/// Where the Debian packages put their sounds, below which each language has a directory.
const PROMPTS: &str = "/usr/share/asterisk/sounds";
const MUSIC: &str = "/usr/share/asterisk/moh";
/// The packages whose sounds are heard, and what each one's directory begins with.
const LANGUAGES: [(&str, &str); 5] = [
    ("asterisk-core-sounds-en-wav", "en_"),
    ("asterisk-core-sounds-fr-wav", "fr_"),
    ("asterisk-core-sounds-es-wav", "es_"),
    ("asterisk-core-sounds-it-wav", "it_"),
    ("asterisk-core-sounds-ru-wav", "ru_"),
];
/// Frames from this level on are somebody's voice, and not a pause, in dBm0.
const SPOKEN: f32 = -45.0;
/// The most of speech that may be silenced, in percent.
const MOST_SILENCED: f64 = 0.1;
/// What espeak-ng says, with the text of each language: numbers, which sound most like keys, and some words.
const SAID: [(&str, &str); 5] = [
    (
        "en",
        "4 2 9 0. 1 8 7 3. 5 6, thirty five dollars and 20 cents. Please wait, I have to look for the letter that came last week.",
    ),
    (
        "fr",
        "4 2 9 0. 1 8 7 3. 5 6, trente-cinq euros et 20 centimes. Attendez, je cherche la lettre de la semaine passée.",
    ),
    ("es", "4 2 9 0. 1 8 7 3. 5 6, treinta y cinco dólares con 20. Espere, busco la carta que llegó la semana pasada."),
    (
        "it",
        "4 2 9 0. 1 8 7 3. 5 6, trentacinque euro e 20. Aspetti, cerco la lettera che è arrivata la settimana scorsa.",
    ),
    (
        "ru",
        "4 2 9 0. 1 8 7 3. 5 6, тридцать пять рублей 20 копеек. Подождите, я ищу письмо, которое пришло на прошлой неделе.",
    ),
];
const VARIANTS: [&str; 8] = ["", "+m2", "+m4", "+m7", "+f1", "+f2", "+f4", "+croak"];
const PITCHES: [&str; 3] = ["25", "50", "80"];
const SPEEDS: [&str; 2] = ["130", "175"];

/// What was heard in some recordings.
#[derive(Clone, Copy, Default)]
struct Sums {
    frames: usize,
    spoken: usize,
    mine: usize,
    theirs: usize,
    clamped: usize,
    clamped_spoken: usize,
}

impl Sums {
    fn heard(ears: &mut Ears, samples: &[i16]) -> Result<Self> {
        let line: Vec<f32> = samples.iter().copied().map(f32::from).collect();
        let line = Line::of(&line);
        let (_, clamped) = outside(&line);
        let floor = rms(SPOKEN).powi(2) * FRAME as f32;
        let is_spoken =
            |frame: &[i16; FRAME]| frame.iter().map(|sample| f32::from(*sample).powi(2)).sum::<f32>() > floor;
        let spoken: Vec<bool> = line.frames().map(|(frame, _)| is_spoken(frame)).collect();
        let both = spoken.iter().zip(&clamped).filter(|(spoken, clamped)| **spoken && **clamped);
        Ok(Self {
            frames: clamped.len(),
            spoken: spoken.iter().filter(|spoken| **spoken).count(),
            mine: ours(&line, 0).told.len(),
            theirs: ears.theirs(&line, Loss::Told)?.len(),
            clamped: clamped.iter().filter(|clamped| **clamped).count(),
            clamped_spoken: both.count(),
        })
    }

    fn add(self, other: Self) -> Self {
        Self {
            frames: self.frames + other.frames,
            spoken: self.spoken + other.spoken,
            mine: self.mine + other.mine,
            theirs: self.theirs + other.theirs,
            clamped: self.clamped + other.clamped,
            clamped_spoken: self.clamped_spoken + other.clamped_spoken,
        }
    }

    fn row(self, name: String) -> [String; 7] {
        let silenced = self.clamped_spoken as f64 * 100.0 / self.spoken.max(1) as f64;
        let word = if silenced <= MOST_SILENCED { "reached" } else { "missed" };
        let minutes = |frames: usize| number(frames as f64 / 3_000.0);
        [
            name,
            minutes(self.frames),
            minutes(self.spoken),
            format!("{} / {}", self.mine, self.theirs),
            percent(self.clamped, self.frames),
            format!("{silenced:.3}"),
            format!("≤ {MOST_SILENCED}: {word}; 0 keys: {}", if self.mine == 0 { "reached" } else { "missed" }),
        ]
    }
}

/// Everything that is installed. `quick` takes a little of each.
///
/// # Errors
/// Where a recording cannot be read, or espeak-ng or spandsp fails.
pub(super) fn recordings(crew: &mut Crew, directory: &Path, quick: bool) -> Result<String> {
    let mut table = Table::new([
        "Nobody presses a key",
        "minutes",
        "of them voice or music",
        "keys heard, ours / spandsp's",
        "frames silenced, %",
        "of voice or music, %",
        "bar",
    ]);
    let (mut missing, mut all) = (Vec::new(), Sums::default());
    let mut tell = |name: &str, sums: Sums| {
        table.row(sums.row(name.to_owned()));
        all = all.add(sums);
    };
    let music = [("asterisk-moh-opsound-wav", MUSIC.into())].into_iter();
    let places = LANGUAGES.into_iter().map(|(package, prefix)| (package, language(prefix))).chain(music);
    for (package, place) in places {
        let mut files = Vec::new();
        find(&place, &mut files);
        if files.is_empty() {
            missing.push(package);
            continue;
        }
        files.sort();
        if quick {
            files.truncate(20);
        }
        let sums = crew.work(&files, |ears, file| Sums::heard(ears, &read(file)?.1))?;
        tell(package, sums.into_iter().fold(Sums::default(), Sums::add));
    }
    tell("espeak-ng, voices of five languages", synthetic(crew, directory, quick)?);
    table.row(all.row("all".to_owned()));
    let missing = missing
        .into_iter()
        .map(|package| format!("{package} is not installed: `apt-get install {package}` adds it.\n"));
    Ok(format!("{table}\n{}", missing.collect::<String>()))
}

/// The directory of a language, whose name ends with the speaker's.
fn language(prefix: &str) -> PathBuf {
    let entries = fs::read_dir(PROMPTS).into_iter().flatten().flatten();
    let mut named = entries.map(|entry| entry.path()).filter(|path| {
        let is_link = path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
        !is_link && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
    });
    named.next().unwrap_or_default()
}

/// Every WAV file below a directory, each once.
fn find(directory: &Path, files: &mut Vec<PathBuf>) {
    for path in fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink()) {
        } else if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "wav") {
            files.push(path);
        }
    }
}

/// The rate and the samples of a WAV file.
fn read(path: &Path) -> Result<(u32, Vec<i16>)> {
    let reader = hound::WavReader::open(path).with_context(|| path.display().to_string())?;
    let spec = reader.spec();
    ensure!(spec.channels == 1 && spec.bits_per_sample == 16, "{} is not of one channel and 16 bits", path.display());
    Ok((spec.sample_rate, reader.into_samples().collect::<Result<_, _>>()?))
}

/// Speech of espeak-ng, made for the run.
fn synthetic(crew: &mut Crew, directory: &Path, quick: bool) -> Result<Sums> {
    fs::create_dir_all(directory)?;
    let mut ways = Vec::new();
    for (language, text) in SAID {
        for variant in VARIANTS {
            ways.extend(PITCHES.iter().flat_map(|pitch| SPEEDS.map(|speed| (language, variant, *pitch, speed, text))));
        }
    }
    if quick {
        ways = ways.into_iter().step_by(40).collect();
    }
    let sums = crew.work(&ways, |ears, (language, variant, pitch, speed, text)| {
        let voice = format!("{language}{variant}");
        let file = directory.join(format!("{voice}-{pitch}-{speed}.wav"));
        let mut command = Command::new("espeak-ng");
        command.args(["-v", &voice, "-p", pitch, "-s", speed, "-w"]).arg(&file).arg(text).stderr(Stdio::null());
        ensure!(command.status().context("espeak-ng")?.success(), "espeak-ng has no voice {voice}");
        let (hertz, samples) = read(&file)?;
        fs::remove_file(&file)?;
        Sums::heard(ears, &resample_clip(hertz, 8_000, &samples)?)
    })?;
    Ok(sums.into_iter().fold(Sums::default(), Sums::add))
}
