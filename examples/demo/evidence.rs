//! Checks what a call left behind.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{Book, Call, outcome::Outcome};

/// Steps without which the call was not whole, in their order.
const STEPS: &[(&str, &str)] = &[
    ("answered", ""),
    ("prompt.finished", "opening"),
    ("prompt.finished", "ai_notice"),
    ("prompt.finished", "recording_notice"),
    ("opened", ""),
    ("verified", ""),
    ("prompt.finished", "mini_miranda"),
    ("prompt.finished", "balance"),
    ("offer", ""),
    ("prompt.finished", "read_back_plan"),
    ("arrangement.agreed", ""),
    ("capture.armed", ""),
    ("capture.settled", "approved"),
    ("capture.wiped", ""),
    ("capture.released", ""),
    ("prompt.finished", "payment_approved"),
    ("prompt.finished", "goodbye"),
    ("ended", "completed"),
];
/// Fewest seconds a card takes to key.
const SHORTEST_CAPTURE: f64 = 5.0;

/// What was found.
pub(crate) struct Evidence {
    pub(crate) recording_seconds: f64,
    pub(crate) silent_seconds: f64,
    pub(crate) outcome: Outcome,
    pub(crate) latencies: Option<String>,
    pub(crate) cut_in: Option<i64>,
}

/// Looks at everything, and fails at the first thing that is missing.
pub(crate) fn gather(directory: &Path, call: &Call, book: &Book) -> Result<Evidence> {
    steps(&call.timeline)?;
    let (recording_seconds, silent_seconds) = recording(directory, call)?;
    Ok(Evidence {
        recording_seconds,
        silent_seconds,
        outcome: book.outcome(directory)?,
        latencies: latencies(&call.timeline),
        cut_in: cut_in(directory)?,
    })
}

fn steps(timeline: &[Value]) -> Result<()> {
    let mut entries = timeline.iter();
    for (kind, detail) in STEPS {
        let found = entries.any(|entry| entry["kind"] == *kind && (detail.is_empty() || entry["detail"] == *detail));
        ensure!(found, "the timeline has no {kind} {detail} where it belongs");
    }
    Ok(())
}

/// The recording's length, and how long the caller's side was exactly silent within the capture.
fn recording(directory: &Path, call: &Call) -> Result<(f64, f64)> {
    let path = directory.join("recordings").join(format!("{}.wav", call.id));
    let mut wav = hound::WavReader::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let spec = wav.spec();
    ensure!(spec.channels == 2, "the recording is not stereo");
    let samples: Vec<i16> = wav.samples().collect::<Result<_, _>>().context("the recording is damaged")?;
    let caller: Vec<i16> = samples.iter().step_by(2).copied().collect();
    let rate = f64::from(spec.sample_rate);
    let longest = longest_silence(&caller);
    let (begin, end) = (at(&call.timeline, "capture.armed")?, at(&call.timeline, "capture.released")?);
    let span = (end - begin) / 1_000.0;
    let silent = f64::from(u32::try_from(longest)?) / rate;
    ensure!(span >= SHORTEST_CAPTURE, "the capture took only {span:.1} s");
    ensure!(silent >= span - 0.1, "the caller's side is silent for {silent:.1} s, but the capture took {span:.1} s");
    ensure!(caller.iter().any(|sample| sample.unsigned_abs() > 500), "the caller's side of the recording is empty");
    Ok((f64::from(u32::try_from(caller.len())?) / rate, span))
}

fn longest_silence(samples: &[i16]) -> usize {
    samples.split(|sample| *sample != 0).map(<[i16]>::len).max().unwrap_or_default()
}

fn at(timeline: &[Value], kind: &str) -> Result<f64> {
    let entry = timeline.iter().find(|entry| entry["kind"] == kind);
    entry.and_then(|entry| entry["at_ms"].as_f64()).with_context(|| format!("the timeline has no {kind}"))
}

/// Waits until the outbox has brought every record to the account book.
pub(crate) fn await_records(directory: &Path, book: &Book, deadline: Duration) -> Result<()> {
    let until = Instant::now() + deadline;
    loop {
        match book.outcome(directory) {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > until => return Err(error),
            Err(_) => std::thread::park_timeout(Duration::from_millis(50)),
        }
    }
}

/// How long the caller waited for an answer: from the end of speech recognised to the next prompt.
fn latencies(timeline: &[Value]) -> Option<String> {
    let mut waits: Vec<u64> = Vec::new();
    let mut heard = None;
    for entry in timeline {
        match entry["kind"].as_str() {
            Some("caller.heard") if entry["detail"] == "speech" => {
                heard = entry["at_ms"].as_u64().map(|at| at - entry["took_ms"].as_u64().unwrap_or_default().min(at));
            }
            Some("prompt.started") => {
                if let (Some(began), Some(at)) = (heard.take(), entry["at_ms"].as_u64()) {
                    waits.push(at.saturating_sub(began));
                }
            }
            _ => {}
        }
    }
    waits.sort_unstable();
    let (median, longest) = (waits.get(waits.len() / 2)?, waits.last()?);
    Some(format!("from the end of speech to the answer: median {median} ms, longest {longest} ms of {}", waits.len()))
}

/// Where the caller cut in: milliseconds from their first sound to the agent's silence, as the caller's telephone heard it.
fn cut_in(directory: &Path) -> Result<Option<i64>> {
    let text = fs::read_to_string(directory.join("debtor.jsonl"))?;
    let mut spoke_at = None;
    for line in text.lines() {
        let event: Value = serde_json::from_str(line)?;
        let number = |name: &str| event[name].as_i64().unwrap_or_default();
        match event["event"].as_str() {
            Some("said") => spoke_at = Some(number("at_ms") + number("onset_ms")),
            Some("heard") => {
                let cut_short = |at: &i64| number("began_ms") < *at && *at < number("ended_ms");
                let silent_after = spoke_at.take().filter(cut_short).map(|at| number("ended_ms") - at);
                if silent_after.is_some() {
                    return Ok(silent_after);
                }
            }
            _ => {}
        }
    }
    Ok(None)
}
