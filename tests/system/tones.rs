//! `examples/tones` on audio whose keys are known: what is told of them, what is silenced, and what a sink would get.
//!
//! Every run keys something else: the seed is the clock's, and told where an assertion fails. The keys are not.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::SystemTime,
};

use audio::g711::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};
use serde_json::Value;
use tones::{
    classifier::KEYPAD,
    synthesis::{Chance, Dial, PAD, noise},
};

use crate::plant::{directory, example};

/// Samples of a frame at 8 kHz.
const FRAME: usize = 160;
/// How far what is told of a press may be off: 2 ms.
const CLOSE: usize = 16;
/// As much of a tone as may name its key: 1.5 ms.
const NAMING: usize = 12;

/// One press of a line.
struct Press {
    pad: usize,
    span: Range<usize>,
}

/// What the example was given, and what it made of it.
struct Tried {
    presses: Vec<Press>,
    line: Vec<i16>,
    report: Value,
    sink: Vec<i16>,
}

fn seed() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// Presses of 45 to 200 ms with pauses of 60 to 260 ms between them, in noise 40 dB below.
fn keyed(presses: usize, chance: &mut Chance) -> (Vec<Press>, Vec<f32>) {
    let mut line = noise(8_000 * (presses / 2 + 2), -50.0, chance);
    let mut next = 800 + chance.below(800);
    let presses = (0..presses).map(|_| {
        let pad = KEYPAD[chance.below(KEYPAD.len())];
        let dial = Dial::new(pad, 45.0 + chance.below(156) as f32);
        dial.add_to(&mut line, next, chance);
        let span = next..next + dial.samples();
        next = span.end + 480 + chance.below(1_600);
        Press { pad, span }
    });
    let presses: Vec<_> = presses.collect();
    line.truncate(next + 800);
    (presses, line)
}

/// A RIFF WAVE file of one channel.
fn wave(path: &Path, tag: u16, hertz: u32, channels: u16, data: &[u8]) {
    let bits: u16 = if tag == 1 { 16 } else { 8 };
    let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
    bytes.extend(tag.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(hertz.to_le_bytes());
    bytes.extend((hertz * u32::from(bits / 8)).to_le_bytes());
    bytes.extend((bits / 8).to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    fs::write(path, bytes).expect("a file");
}

fn tones(arguments: &[&str]) -> Output {
    Command::new(example("tones")).args(arguments).output().expect("the program")
}

fn path(file: &Path) -> &str {
    file.to_str().expect("a path in UTF-8")
}

/// Writes the line in a law, has it tried with `more` arguments, and reads what comes out.
fn tried(name: &str, tag: u16, (presses, line): (Vec<Press>, Vec<f32>), more: &[&str]) -> Tried {
    let directory = directory(name);
    let (file, sink) = (directory.join("line.wav"), directory.join("sink.wav"));
    let whole: Vec<i16> = line.into_iter().map(|sample| sample.clamp(-32_000.0, 32_000.0) as i16).collect();
    let (data, line): (Vec<u8>, Vec<i16>) = match tag {
        6 => whole.iter().map(|&sample| (encode_alaw(sample), decode_alaw(encode_alaw(sample)))).unzip(),
        7 => whole.iter().map(|&sample| (encode_ulaw(sample), decode_ulaw(encode_ulaw(sample)))).unzip(),
        _ => (whole.iter().flat_map(|sample| sample.to_le_bytes()).collect(), whole),
    };
    wave(&file, tag, 8_000, 1, &data);
    let arguments: Vec<&str> = [path(&file), "--sink", path(&sink)].into_iter().chain(more.iter().copied()).collect();
    let output = tones(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = serde_json::from_slice(&output.stdout).expect("JSON");
    let sink = hound::WavReader::open(&sink).expect("a sink").into_samples().map(|sample| sample.expect("a sample"));
    Tried { presses, line, report, sink: sink.collect() }
}

impl Tried {
    fn spans(&self, list: &str) -> Vec<Range<usize>> {
        let number = |span: &Value, name: &str| span[name].as_u64().expect("a number") as usize;
        let list = self.report[list].as_array().expect("a list");
        list.iter().map(|span| number(span, "onset_sample")..number(span, "end_sample")).collect()
    }

    /// Every press is told once, in order, where it is, and nothing else.
    fn check_digits(&self, seed: u64) {
        let told: Vec<&str> = self.report["digits"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|digit| digit["digit"].as_str())
            .collect();
        let keyed = self.presses.iter().map(|press| char::from(PAD[press.pad]));
        assert!(told.concat().chars().eq(keyed), "seed {seed}: {} keys told of {}", told.len(), self.presses.len());
        for (span, press) in self.spans("digits").iter().zip(&self.presses) {
            let off = span.start.abs_diff(press.span.start).max(span.end.abs_diff(press.span.end));
            assert!(off <= CLOSE, "seed {seed}: {span:?} told of a press at {:?}", press.span);
        }
    }

    /// No press is left in what a sink gets, and what is far from all of them is there as it was.
    fn check_sink(&self, seed: u64) {
        assert_eq!(self.sink.len(), self.line.len(), "seed {seed}");
        let clamped = self.spans("clamped");
        for press in &self.presses {
            let left = self.sink[press.span.clone()].iter().filter(|sample| **sample != 0).count();
            assert!(left < NAMING, "seed {seed}: {left} samples of a press at {:?} are left", press.span);
            let middle = press.span.start.midpoint(press.span.end);
            assert!(clamped.iter().any(|span| span.contains(&middle)), "seed {seed}: {:?} is not told", press.span);
        }
        for (at, (before, after)) in self.line.iter().zip(&self.sink).enumerate() {
            let is_silenced = clamped.iter().any(|span| span.contains(&at));
            assert!(is_silenced && *after == 0 || before == after, "seed {seed}: sample {at} is another");
        }
        let silenced: usize = clamped.iter().map(ExactSizeIterator::len).sum();
        let keyed: usize = self.presses.iter().map(|press| press.span.len() + 5 * FRAME).sum();
        assert!(silenced <= keyed, "seed {seed}: {silenced} samples silenced for {keyed}");
    }
}

#[test]
fn every_key_of_a_file_is_told_with_its_time_and_silenced() {
    for (name, tag) in [("tones-linear", 1), ("tones-alaw", 6), ("tones-ulaw", 7)] {
        let seed = seed();
        let tried = tried(name, tag, keyed(20, &mut Chance::new(seed)), &[]);
        tried.check_digits(seed);
        tried.check_sink(seed);
    }
}

#[test]
fn a_lost_frame_splits_no_key_and_is_silence() {
    for round in 0..6 {
        let seed = seed().wrapping_add(round);
        let mut chance = Chance::new(seed);
        let mut line = noise(6_400, -50.0, &mut chance);
        let (dial, start) = (Dial::new(KEYPAD[chance.below(12)], 160.0), 1_600 + chance.below(FRAME));
        dial.add_to(&mut line, start, &mut chance);
        let lost = start / FRAME + 2 + chance.below(4);
        let press = Press { pad: dial.pad, span: start..start + dial.samples() };
        let tried = tried("tones-lost", 7, (vec![press], line), &["--lost", &format!("0,{lost}")]);
        tried.check_digits(seed);
        assert_eq!(tried.report["lost_frames"], serde_json::json!([0, lost]));
        for lost in [0, lost] {
            assert!(tried.sink[lost * FRAME..(lost + 1) * FRAME].iter().all(|sample| *sample == 0), "seed {seed}");
        }
    }
}

#[test]
fn a_file_without_keys_has_none_and_is_left_alone() {
    let seed = seed();
    let mut chance = Chance::new(seed);
    let hum = |at: usize| (at as f32 * 0.2).sin() * 3_000.0;
    let line: Vec<f32> =
        noise(16_050, -40.0, &mut chance).iter().enumerate().map(|(at, hiss)| hiss + hum(at)).collect();
    let tried = tried("tones-none", 1, (Vec::new(), line[..16_007].to_vec()), &[]);
    tried.check_digits(seed);
    assert!(tried.sink == tried.line && tried.spans("clamped").is_empty(), "seed {seed}");
}

#[test]
fn a_file_that_cannot_be_used_is_refused_with_its_reason() {
    let directory = directory("tones-refused");
    let written = |name: &str, tag: u16, hertz: u32, channels: u16, samples: usize| -> PathBuf {
        let file = directory.join(name);
        wave(&file, tag, hertz, channels, &vec![0; 2 * samples]);
        file
    };
    let (text, empty, cut) = (directory.join("text.wav"), directory.join("empty.wav"), directory.join("cut.wav"));
    fs::write(&text, "not a sound").expect("a file");
    fs::write(&empty, "").expect("a file");
    fs::write(&cut, b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0").expect("a file");
    let good = written("good.wav", 1, 8_000, 1, 800);
    for (file, more, reason) in [
        (directory.join("none.wav"), "", "cannot read"),
        (text, "", "no RIFF WAVE"),
        (empty, "", "empty"),
        (cut, "", "cut short"),
        (written("fast.wav", 1, 16_000, 1, 800), "", "16000 Hz"),
        (written("wide.wav", 1, 8_000, 2, 800), "", "2 channels"),
        (written("strange.wav", 85, 8_000, 1, 800), "", "format 85"),
        (written("nothing.wav", 1, 8_000, 1, 0), "", "no samples"),
        (good.clone(), "5", "5 frames"),
        (good.clone(), "3-1", "after the last"),
        (good, "one", "not a frame's number"),
    ] {
        let arguments = [path(&file), "--lost", more];
        let output = tones(if more.is_empty() { &arguments[..1] } else { &arguments });
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty(), "{} is taken", file.display());
        assert!(told.contains(reason), "{}: {told}", file.display());
    }
}
