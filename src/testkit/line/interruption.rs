//! How soon an agent is silent once a caller begins to speak over it, in virtual time.

use audio::Generation;

use super::*;
use crate::{likeness::quantile, speech::Script};

/// What the agent says, loud and without a pause, and how much of it: more than the caller listens to.
const TONE: i16 = 8_000;
const TONE_SAMPLES: usize = 20 * 8_000;
/// The caller's steady background: quiet noise of a line.
const BACKGROUND: i16 = 20;
/// From when on a caller is heard: a tenth of speech's usual loudness.
const AUDIBLE: i16 = 400;
/// Silence before a caller begins, in samples.
const LEAD: usize = 8_000;

/// What callers begin with, each behind so much silence that its first sound lies anywhere in a frame.
fn beginnings() -> Vec<Vec<i16>> {
    let script = Script::of(6, 0).unwrap();
    let mut beginnings = Vec::new();
    for (number, piece) in script.pieces.iter().enumerate() {
        let said = script.piece(*piece);
        let first = said.iter().position(|sample| sample.abs() >= AUDIBLE).unwrap();
        for turn in 0..10 {
            let lead = LEAD + (turn * 17 + number * 5) % FRAME;
            let noise = (0..lead).map(|n| if (n * 7_919) % 13 < 6 { BACKGROUND } else { -BACKGROUND });
            beginnings.push(noise.chain(said[first..first + 8_000].iter().copied()).collect());
        }
    }
    beginnings
}

/// Milliseconds from a caller's first audible sample to the last one of the agent's that they heard.
fn until_silent(said: &[i16]) -> f64 {
    let onset = said.iter().position(|sample| sample.abs() >= AUDIBLE).unwrap();
    let mut line = Line::new().unwrap();
    let began = line.began;
    line.leg.handle_command(began, LegCommand::Echo(false));
    let agent =
        LegCommand::AgentAudio { generation: Generation(0), samples: vec![TONE; TONE_SAMPLES].into(), arrived: began };
    line.leg.handle_command(began, agent);
    let payloads = payloads(said);
    for (number, payload) in payloads.iter().enumerate() {
        // A packet is sent once its last sample was said.
        let comes = FIRST_PACKET + TICK * (number as u32 + 1);
        while let Some(now) = [Some(line.slot()), line.due()].into_iter().flatten().min().filter(|now| *now < comes) {
            line.now = line.now.max(now);
            if line.slot() <= now { line.tick() } else { line.timeout() }
        }
        line.now = comes;
        line.packet(number, payload);
    }
    let last = line.echo.iter().rposition(|sample| sample.abs() >= AUDIBLE).unwrap();
    assert!(last + 4_000 < line.echo.len(), "the agent is not silent half a second before the end");
    (last as f64 - onset as f64) / 8.0
}

#[test]
fn nineteen_of_twenty_callers_silence_the_agent_within_two_hundred_milliseconds() {
    let waits: Vec<f64> = beginnings().iter().map(|said| until_silent(said)).collect();
    let (half, most) = (quantile(waits.clone(), 0.5), quantile(waits.clone(), 0.95));
    println!("{} onsets: half within {half} ms, 95 % within {most} ms", waits.len());
    assert!(half > 60.0, "sooner than anybody can know: {half} ms");
    assert!(most <= 200.0, "95 % within {most} ms");
}
