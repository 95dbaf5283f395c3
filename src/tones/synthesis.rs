//! Tones, noise and speech-like sounds: what the detectors are measured with. Samples are at 8 kHz.

use std::f32::consts::TAU;

use crate::bank::{RATE, TONES, ZERO_DBM0};

/// The pad, row by row.
pub const PAD: &[u8; 16] = b"123A456B789C*0#D";

/// A small generator (xorshift64*), so that whoever measures needs no other.
pub struct Chance(u64);

impl Chance {
    /// Another sequence for each seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Sixty-four of them.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// From 0 to 1.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 24) as f32
    }

    /// Gaussian, of unit power.
    pub fn normal(&mut self) -> f32 {
        (-2.0 * self.unit().max(1e-7).ln()).sqrt() * (TAU * self.unit()).cos()
    }

    /// A whole number below `bound`, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.bits() % bound as u64) as usize
    }
}

/// The root mean square of a level in dBm0.
#[must_use]
pub fn rms(dbm0: f32) -> f32 {
    ZERO_DBM0.sqrt() * 10_f32.powf(dbm0 / 20.0)
}

/// One press as a telephone sends it.
#[derive(Clone, Copy)]
pub struct Dial {
    /// Index into [`PAD`].
    pub pad: usize,
    /// How long it lasts.
    pub millis: f32,
    /// Level of the low and of the high tone.
    pub dbm0: [f32; 2],
    /// How far each frequency is off, as a fraction.
    pub off: [f32; 2],
    /// The same in hertz.
    pub off_hertz: [f32; 2],
}

impl Dial {
    /// Both tones at −10 dBm0 and at their nominal frequencies.
    #[must_use]
    pub fn new(pad: usize, millis: f32) -> Self {
        Self { pad, millis, dbm0: [-10.0; 2], off: [0.0; 2], off_hertz: [0.0; 2] }
    }

    /// How long it lasts, in samples.
    #[must_use]
    pub fn samples(&self) -> usize {
        (self.millis * RATE / 1_000.0) as usize
    }

    fn at(&self, sample: usize, phases: [f32; 2]) -> f32 {
        let nominal = [TONES[self.pad / 4], TONES[4 + self.pad % 4]];
        (0..2)
            .map(|tone| {
                let hertz = nominal[tone] * (1.0 + self.off[tone]) + self.off_hertz[tone];
                rms(self.dbm0[tone]) * 2_f32.sqrt() * (TAU * hertz * sample as f32 / RATE + phases[tone]).sin()
            })
            .sum()
    }

    /// Adds the press to `line` from sample `start`, with random phases.
    pub fn add_to(&self, line: &mut [f32], start: usize, chance: &mut Chance) {
        let phases = [chance.unit() * TAU, chance.unit() * TAU];
        for (sample, heard) in line.iter_mut().skip(start).take(self.samples()).enumerate() {
            *heard += self.at(sample, phases);
        }
    }
}

/// White noise of this level, whole frames long.
pub fn noise(samples: usize, dbm0: f32, chance: &mut Chance) -> Vec<f32> {
    let level = rms(dbm0);
    (0..samples.next_multiple_of(160)).map(|_| level * chance.normal()).collect()
}

/// Something like speech: voiced sounds of moving pitch through three moving formants, hisses and pauses.
pub fn babble(seconds: usize, chance: &mut Chance) -> Vec<f32> {
    let mut line = Vec::with_capacity(seconds * 8_000);
    while line.len() < seconds * 8_000 {
        let length = 480 + chance.below(1_600);
        match chance.below(4) {
            0 => line.extend((0..length / 2).map(|_| 0.0)),
            1 => line.extend((0..length / 3).map(|_| rms(-30.0) * chance.normal())),
            _ => voiced(length, chance, &mut line),
        }
    }
    line.truncate(seconds * 8_000);
    line
}

fn voiced(length: usize, chance: &mut Chance, line: &mut Vec<f32>) {
    let mut pitch = 80.0 + 220.0 * chance.unit();
    let glide = 1.0 + (chance.unit() - 0.5) * 4e-5;
    let bands = [(250.0, 650.0), (800.0, 1_600.0), (2_200.0, 900.0)].map(|(low, span)| low + span * chance.unit());
    let mut formants = bands.map(|hertz| Resonator::new(hertz, 60.0 + 60.0 * chance.unit()));
    let (mut phase, level) = (0.0, rms(-22.0 + 10.0 * chance.unit()));
    for sample in 0..length {
        phase += pitch / RATE;
        pitch *= glide;
        let pulse = if phase >= 1.0 { 12.0 } else { 0.3 * chance.normal() };
        phase = phase.fract();
        let voice: f32 =
            formants.iter_mut().zip([1.0, 0.6, 0.3]).map(|(formant, gain)| gain * formant.run(pulse)).sum();
        let edge = (sample.min(length - sample) as f32 / 80.0).min(1.0);
        line.push(level * edge * voice);
    }
}

struct Resonator {
    near: f32,
    far: f32,
    gain: f32,
    past: [f32; 2],
}

impl Resonator {
    fn new(hertz: f32, width: f32) -> Self {
        let radius = (-std::f32::consts::PI * width / RATE).exp();
        let near = 2.0 * radius * (TAU * hertz / RATE).cos();
        Self { near, far: -radius * radius, gain: 1.0 - radius, past: [0.0; 2] }
    }

    fn run(&mut self, input: f32) -> f32 {
        let output = self.gain * 4.0 * input + self.near * self.past[0] + self.far * self.past[1];
        self.past = [output, self.past[0]];
        output
    }
}
