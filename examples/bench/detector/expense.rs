//! What hearing costs, and how soon something is heard.

use std::{
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use tones::synthesis::{Chance, Dial, noise};

use super::{
    ears::{Crew, Loss, ours, program},
    line::{Behind, FRAME, LEVEL, Line, QUIET, Trial, any},
    through::Leg,
};
use crate::{
    Voices, cost,
    plant::sibling,
    table::{Table, number, verdict},
};

/// The most that both detectors may take of a frame, in microseconds.
const MOST_MICROSECONDS: f64 = 4.0;
/// The most from a tone's beginning to its suspicion, in milliseconds.
const MOST_TO_CLAMP: f64 = 14.0;
/// Passes over a file in the two runs whose difference counts.
const PASSES: [usize; 2] = [1, 3];
/// Passes when time is taken, and how often, of which the least counts: what else the machine does only adds.
const TIMED_PASSES: usize = 20;
const TIMINGS: usize = 7;
/// Frames of the inputs that are made here: six seconds.
const FRAMES: usize = 300;

/// Instructions and time of a frame, of both detectors, of the whole gate, and of spandsp.
///
/// # Errors
/// Where a program fails.
pub(super) fn cost(directory: &Path, voices: &Voices) -> Result<String> {
    let ours = sibling("examples/codecs")?;
    let mut table = Table::new([
        "A frame of 20 ms",
        "both detectors, instructions",
        "spandsp, instructions",
        "ratio",
        "the whole gate, instructions",
        "both detectors, µs",
        "bar",
        "spandsp, µs",
    ]);
    for (name, file) in inputs(directory, voices)? {
        let detectors = counted(&ours, "detectors", &file)?;
        let gate = counted(&ours, "gate", &file)?;
        let theirs = counted(&program(), "cost", &file)?;
        let (mine, its) = (timed(&file)?, timed_theirs(&file)?);
        table.row([
            name.to_owned(),
            number(detectors),
            number(theirs),
            number(detectors / theirs),
            number(gate),
            number(mine),
            verdict(mine, MOST_MICROSECONDS),
            number(its),
        ]);
    }
    Ok(table.to_string())
}

/// What is heard: noise of a quiet line, six seconds of speech, and keys of 50 ms with pauses as long.
fn inputs(directory: &Path, voices: &Voices) -> Result<[(&'static str, PathBuf); 3]> {
    fs::create_dir_all(directory)?;
    let mut chance = Chance::new(5);
    let quiet = noise(FRAMES * FRAME, -60.0, &mut chance);
    let mut keys = noise(FRAMES * FRAME, -60.0, &mut chance);
    for start in (0..keys.len()).step_by(800) {
        any(50.0, &mut chance).add_to(&mut keys, start, &mut chance);
    }
    let written = |name: &str, line: &[f32]| -> Result<PathBuf> {
        let path = directory.join(name);
        let bytes: Vec<u8> = Line::of(line).samples.into_iter().flat_map(i16::to_le_bytes).collect();
        fs::write(&path, bytes)?;
        Ok(path)
    };
    Ok([
        ("noise at -60 dBm0", written("quiet.raw", &quiet)?),
        ("speech of espeak-ng", voices.passage(8_000)?),
        ("keys, half of the time", written("keys.raw", &keys)?),
    ])
}

fn frames(file: &Path) -> Result<usize> {
    Ok(fs::metadata(file)?.len() as usize / 2 / FRAME)
}

/// Instructions of a frame, by callgrind.
fn counted(program: &Path, item: &str, file: &Path) -> Result<f64> {
    let shown = file.display().to_string();
    let run = |passes: usize| cost::instructions(program, &[item, &passes.to_string(), &shown]);
    let [fewer, more] = PASSES;
    let [less, much] = [run(fewer)?, run(more)?];
    Ok(much.saturating_sub(less) as f64 / ((more - fewer) * frames(file)?) as f64)
}

/// Microseconds of a frame for our detectors.
fn timed(file: &Path) -> Result<f64> {
    let samples: Vec<i16> = fs::read(file)?.as_chunks().0.iter().copied().map(i16::from_le_bytes).collect();
    let line = Line { lost: vec![false; samples.len() / FRAME], samples };
    let mut least = f64::INFINITY;
    for _ in 0..TIMINGS {
        let began = Instant::now();
        for _ in 0..TIMED_PASSES {
            black_box(ours(&line, 0));
        }
        least = least.min(began.elapsed().as_secs_f64() * 1e6 / (TIMED_PASSES * line.lost.len()) as f64);
    }
    Ok(least)
}

/// The same for spandsp.
fn timed_theirs(file: &Path) -> Result<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..TIMINGS {
        let output = Command::new(program()).args(["time", &TIMED_PASSES.to_string()]).arg(file).output()?;
        ensure!(output.status.success(), "dtmf time: {}", String::from_utf8_lossy(&output.stderr));
        let nanoseconds: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().context("dtmf time")?;
        least = least.min(nanoseconds / 1_000.0);
    }
    Ok(least)
}

/// How soon a tone is suspected and a key is told, and how long audio waits.
///
/// # Errors
/// Where spandsp cannot be heard.
pub(super) fn latency(crew: &mut Crew) -> Result<String> {
    let mut table = Table::new(["From a tone's beginning, ms", "least", "p50", "p99", "most", "not at all, %", "bar"]);
    for (name, ratio) in [("40 dB over noise", 40.0), ("15 dB over noise", 15.0)] {
        let all = crew.point(|ears, chance| {
            let trial = Trial::press(
                Dial { dbm0: [LEVEL; 2], ..any(100.0, chance) },
                Behind::noise_below(LEVEL, ratio),
                chance,
            );
            let (mine, since) = (ours(&trial.line, trial.span.start), trial.span.start);
            let theirs = ears.theirs(&trial.line, Loss::Told)?;
            let told = |at: Option<usize>| at.map(|at| at.saturating_sub(since) as f64 / 8.0);
            Ok([
                told(mine.suspected),
                told(mine.told.first().map(|told| told.at)),
                told(theirs.first().map(|told| told.at)),
            ])
        })?;
        for (place, who) in ["tone suspected", "key told", "key told by spandsp"].into_iter().enumerate() {
            let times: Vec<Option<f64>> = all.iter().map(|times| times[place]).collect();
            let most = (place == 0).then_some(MOST_TO_CLAMP);
            table.row(row(format!("{who}, {name}"), &times, most));
        }
    }
    Ok(format!(
        "{table}\nThe delay line: {} ms, of the frame that is judged before it leaves (bar ≤ 20: {}).\n",
        delay(),
        if delay() <= 20.0 { "reached" } else { "missed" }
    ))
}

fn row(name: String, times: &[Option<f64>], most: Option<f64>) -> [String; 7] {
    let mut known: Vec<f64> = times.iter().flatten().copied().collect();
    known.sort_by(f64::total_cmp);
    let at =
        |share: f64| known.get(((known.len() as f64 * share) as usize).min(known.len().saturating_sub(1))).copied();
    let shown = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), number);
    let never = super::curve::percent(times.len() - known.len(), times.len());
    let bar = most.map_or_else(String::new, |most| verdict(at(1.0).unwrap_or(f64::NAN), most));
    [name, shown(at(0.0)), shown(at(0.5)), shown(at(0.99)), shown(at(1.0)), never, bar]
}

/// How long a frame waits in the gate, in milliseconds: until which later frame it comes out.
fn delay() -> f64 {
    let (mut leg, mut later) = (Leg::new(), 0);
    let hiss = Line::of(&noise(2 * FRAME, QUIET, &mut Chance::new(1)));
    for (number, (frame, _)) in hiss.frames().chain(hiss.frames()).enumerate() {
        let mut came = false;
        leg.hear(frame, false, |clean| came |= clean.index() == 0);
        if came {
            later = number;
        }
    }
    later as f64 * 20.0
}
