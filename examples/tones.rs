//! Tries audio on the gate and its detectors: `tones FILE.wav` prints, as JSON, the keys that are heard in it and what the gate
//! silences, and `--sink FILE.wav` writes what an agent or a recorder would get.
//!
//! The audio goes through `gate::Gate` as it does in a call, 20 ms at a time, outside any capture. All times are of the file: the
//! 20 ms that audio waits in the gate's delay line are taken out. This program prints keys. Nothing that is shipped can, and it is
//! for audio that was made to be tried.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use audio::g711::{decode_alaw, decode_ulaw};
use clap::Parser;
use frame::{RawFrame, SampleRate};
use gate::{Gate, GateConfig, KeyPolicy, analysis::Detectors};
use serde::Serialize;
use tones::{bank::HOP, extent::extent, synthesis::PAD};

/// Samples a second, and of a frame.
const HERTZ: u32 = 8_000;
const FRAME: usize = SampleRate::Hz8000.frame_samples();
/// The longest file: an hour.
const MOST_SAMPLES: usize = 3_600 * HERTZ as usize;
/// Format tags of RIFF WAVE (RFC 2361): linear samples, A-law, µ-law, and "see the sub-format".
const LINEAR: u16 = 1;
const ALAW: u16 = 6;
const ULAW: u16 = 7;
const EXTENSIBLE: u16 = 0xFFFE;
/// Where the sub-format's tag begins in a format chunk.
const SUB_FORMAT: usize = 24;

/// Tries audio on the gate and its detectors.
#[derive(Parser)]
struct Arguments {
    /// A WAV file: 8 kHz, mono, linear 16 bits or G.711.
    file: PathBuf,
    /// Where to write what an agent or a recorder would get: the same length, what was silenced or lost as exact silence.
    #[arg(long, value_name = "FILE")]
    sink: Option<PathBuf>,
    /// Frames of 20 ms that are lost on their way, from 0: `--lost 12,13,20-25`.
    #[arg(long, value_name = "FRAMES", value_delimiter = ',')]
    lost: Vec<String>,
}

/// What is printed.
#[derive(Serialize)]
struct Report {
    samples: usize,
    /// How long audio waits in the gate; taken out of everything here.
    delay_milliseconds: f64,
    lost_frames: Vec<usize>,
    digits: Vec<Digit>,
    clamped: Vec<Span>,
}

#[derive(Serialize)]
struct Digit {
    digit: char,
    #[serde(flatten)]
    span: Span,
    /// When the detector had heard enough of it.
    told_milliseconds: f64,
}

#[derive(Serialize)]
struct Span {
    onset_sample: usize,
    end_sample: usize,
    onset_milliseconds: f64,
    end_milliseconds: f64,
}

impl Span {
    fn of(onset_sample: usize, end_sample: usize) -> Self {
        let (onset_milliseconds, end_milliseconds) = (milliseconds(onset_sample), milliseconds(end_sample));
        Self { onset_sample, end_sample, onset_milliseconds, end_milliseconds }
    }
}

fn milliseconds(samples: usize) -> f64 {
    samples as f64 * 1_000.0 / f64::from(HERTZ)
}

/// The file, in whole frames.
struct Line {
    samples: Vec<i16>,
    /// Which frames are lost.
    lost: Vec<bool>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let shown = arguments.file.display();
    let bytes = fs::read(&arguments.file).with_context(|| format!("cannot read {shown}"))?;
    let mut samples = wave(&bytes).with_context(|| format!("{shown} cannot be used"))?;
    let length = samples.len();
    samples.resize(length.next_multiple_of(FRAME), 0);
    let lost = lost_frames(&arguments.lost, samples.len() / FRAME)?;
    let line = Line { samples, lost };
    let (mut sink, clamped) = through_gate(&line);
    sink.truncate(length);
    let report = Report {
        samples: length,
        delay_milliseconds: milliseconds(FRAME),
        lost_frames: (0..line.lost.len()).filter(|&frame| line.lost[frame]).collect(),
        digits: digits(&line),
        clamped: clamped.into_iter().map(|span| Span::of(span[0], span[1].min(length))).collect(),
    };
    if let Some(path) = &arguments.sink {
        write_wave(path, &sink).with_context(|| format!("cannot write {}", path.display()))?;
    }
    writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&report)?)?;
    Ok(())
}

/// Reads `12` and `20-25`.
fn lost_frames(named: &[String], frames: usize) -> Result<Vec<bool>> {
    let mut lost = vec![false; frames];
    for text in named.iter().map(|text| text.trim()) {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let number = |text: &str| text.parse::<usize>().with_context(|| format!("--lost {text}: not a frame's number"));
        let (first, last) = (number(first)?, number(last)?);
        ensure!(first <= last, "--lost {text}: the first frame comes after the last");
        ensure!(last < frames, "--lost {text}: the file has {frames} frames of 20 ms, the first is 0");
        lost[first..=last].fill(true);
    }
    Ok(lost)
}

/// The keys that the detector makes presses, each with its extent.
fn digits(line: &Line) -> Vec<Digit> {
    let audio: Vec<f32> = line.samples.iter().copied().map(f32::from).collect();
    let is_known = |sample: usize| line.lost.get(sample / FRAME) == Some(&false);
    let mut detectors = Detectors::new(SampleRate::Hz8000);
    let mut digits = Vec::new();
    for (number, frame) in line.samples.chunks_exact(FRAME).enumerate() {
        if line.lost[number] {
            detectors.lose();
            continue;
        }
        let mut told = number * FRAME;
        detectors.hear(frame, |key, _| {
            told += HOP;
            if let Some(digit) = key
                && let Some(pad) = PAD.iter().position(|&key| char::from(key) == digit)
            {
                let span = extent(pad, &audio, is_known, told);
                let span = Span::of(span.start, span.end);
                digits.push(Digit { digit, span, told_milliseconds: milliseconds(told) });
            }
        });
    }
    digits
}

/// What leaves the gate, and the spans that it has silenced.
fn through_gate(line: &Line) -> (Vec<i16>, Vec<[usize; 2]>) {
    let mut now = Instant::now();
    let mut gate = Gate::new(GateConfig { rate: SampleRate::Hz8000, keys: KeyPolicy::Declared }, now);
    let mut sink = vec![0; line.samples.len()];
    let mut spans: Vec<[usize; 2]> = Vec::new();
    // One frame more drives the last one out of the delay line.
    for number in 0..=line.lost.len() {
        let index = (number * FRAME) as u64;
        let raw = match line.samples.get(number * FRAME..(number + 1) * FRAME) {
            Some(_) if line.lost[number] => RawFrame::lost(SampleRate::Hz8000, index),
            heard => RawFrame::decoded(SampleRate::Hz8000, index, |room| {
                room.copy_from_slice(heard.unwrap_or(&[0; FRAME]));
            }),
        };
        let clean = gate.handle_frame(now, raw);
        now += Duration::from_millis(20);
        if let Some(frame) = clean {
            let at = frame.index() as usize;
            sink[at..at + FRAME].copy_from_slice(frame.samples());
            if frame.is_clamped() {
                silenced(frame.samples(), at, &mut spans);
            }
        }
        while gate.poll_output().is_some() {}
    }
    (sink, spans)
}

/// A frame is silenced whole, at its beginning, at its end, or at both.
fn silenced(samples: &[i16], at: usize, spans: &mut Vec<[usize; 2]>) {
    let zeros = samples.iter().take_while(|&&sample| sample == 0).count();
    let last = samples.iter().rev().take_while(|&&sample| sample == 0).count();
    let parts = if zeros == FRAME { [[0, FRAME], [FRAME, FRAME]] } else { [[0, zeros], [FRAME - last, FRAME]] };
    for part in parts.into_iter().filter(|part| part[0] < part[1]) {
        match spans.last_mut() {
            Some(before) if before[1] == at + part[0] => before[1] = at + part[1],
            Some(_) | None => spans.push([at + part[0], at + part[1]]),
        }
    }
}

/// The samples of a RIFF WAVE file, whose lengths are not trusted.
fn wave(bytes: &[u8]) -> Result<Vec<i16>> {
    ensure!(!bytes.is_empty(), "the file is empty");
    ensure!(bytes.get(..4) == Some(b"RIFF") && bytes.get(8..12) == Some(b"WAVE"), "it is no RIFF WAVE file");
    let (mut rest, mut tag) = (&bytes[12..], None);
    while let Some((head, body)) = rest.split_at_checked(8) {
        let claimed = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let length = claimed.min(body.len());
        match &head[..4] {
            b"fmt " => tag = Some(format_tag(&body[..length])?),
            b"data" => return decoded(tag.context("its data comes before its format")?, &body[..length]),
            _ => {}
        }
        rest = &body[(length + length % 2).min(body.len())..];
    }
    bail!("it has no data: it is cut short, or no sound file")
}

/// What the samples are, where the gate can take them.
fn format_tag(format: &[u8]) -> Result<u16> {
    let half = |at: usize| format.get(at..at + 2).map(|two| u16::from_le_bytes([two[0], two[1]]));
    let (Some(tag), Some(channels), Some(low), Some(high), Some(bits)) = (half(0), half(2), half(4), half(6), half(14))
    else {
        bail!("its format is cut short");
    };
    let (tag, hertz) =
        (if tag == EXTENSIBLE { half(SUB_FORMAT).unwrap_or(tag) } else { tag }, u32::from(low) | u32::from(high) << 16);
    ensure!(channels == 1, "it has {channels} channels; take one: sox IN.wav OUT.wav remix 1");
    ensure!(
        hertz == HERTZ,
        "it has {hertz} Hz, and a telephone line {HERTZ}; convert it: sox IN.wav -r {HERTZ} OUT.wav"
    );
    let known = matches!((tag, bits), (LINEAR, 16) | (ALAW | ULAW, 8));
    ensure!(
        known,
        "its samples are of format {tag} with {bits} bits; linear 16 bits and G.711 are known: sox IN.wav -e signed -b 16 OUT.wav"
    );
    Ok(tag)
}

fn decoded(tag: u16, data: &[u8]) -> Result<Vec<i16>> {
    let samples: Vec<i16> = match tag {
        ALAW => data.iter().copied().map(decode_alaw).collect(),
        ULAW => data.iter().copied().map(decode_ulaw).collect(),
        _ => data.as_chunks().0.iter().copied().map(i16::from_le_bytes).collect(),
    };
    ensure!(!samples.is_empty(), "it holds no samples");
    ensure!(samples.len() <= MOST_SAMPLES, "it is longer than an hour: cut it");
    Ok(samples)
}

fn write_wave(path: &Path, samples: &[i16]) -> Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: HERTZ,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    samples.iter().try_for_each(|&sample| writer.write_sample(sample))?;
    Ok(writer.finalize()?)
}
