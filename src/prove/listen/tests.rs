//! Leaks of three milliseconds are heard down to -36 dBm0; silence, comfort noise and voices are not taken for keys.

use std::f32::consts::TAU;

use audio::{
    comfort_noise::{Description, Generator},
    g711::{decode_ulaw, encode_ulaw},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{fit::KEYS, *};

/// Longest sound of a test, in seconds.
const SECONDS: u32 = 6;

/// The two tones of a key, each at a level in dBm0.
fn tone(key: u8, level: f32, rate: u32, samples: usize, random: &mut StdRng) -> Vec<i16> {
    let place = KEYS.iter().position(|known| *known == key).unwrap();
    let low = [697.0, 770.0, 852.0, 941.0][place / 4];
    let high = [1_209.0, 1_336.0, 1_477.0, 1_633.0][place % 4];
    let amplitude = (2.0 * 2.49e8_f32 * 10_f32.powf(level / 10.0)).sqrt();
    let phases = [random.random_range(0.0..TAU), random.random_range(0.0..TAU)];
    let wave = |hertz: f32, phase: f32, n: usize| (TAU * hertz * n as f32 / rate as f32 + phase).sin() * amplitude;
    (0..samples).map(|n| (wave(low, phases[0], n) + wave(high, phases[1], n)).round() as i16).collect()
}

fn silence(rate: u32) -> Track {
    Track { rate, samples: vec![0; (rate * SECONDS) as usize] }
}

/// Noise of this level in -dBov, as comfort noise is.
fn noise(level: u8) -> Track {
    let mut track = silence(8_000);
    let mut generator = Generator::new(u64::from(level) + 1);
    generator.describe(&Description::white(level));
    track.samples.chunks_mut(160).for_each(|frame| generator.fill(frame));
    track
}

/// Something like a voice: pulses of a wandering pitch through three wandering formants, with pauses and hisses.
fn voice(seed: u64) -> Track {
    let mut random = StdRng::seed_from_u64(seed);
    let mut track = silence(8_000);
    let (mut phase, mut pitch, mut states) = (0.0_f32, 120.0_f32, [[0.0_f32; 2]; 3]);
    let mut formants = [500.0_f32, 1_500.0, 2_500.0];
    for (n, sample) in track.samples.iter_mut().enumerate() {
        if n % 400 == 0 {
            pitch = (pitch + random.random_range(-8.0..8.0)).clamp(90.0, 230.0);
            let ranges = [(300.0, 900.0), (900.0, 2_200.0), (2_200.0, 3_000.0)];
            for (formant, (low, high)) in formants.iter_mut().zip(ranges) {
                *formant = (*formant + random.random_range(-120.0..120.0)).clamp(low, high);
            }
        }
        let syllable = (n / 1_200) % 5;
        phase += pitch / 8_000.0;
        let pulse = if phase >= 1.0 { 4_000.0 } else { 0.0 };
        phase = phase.fract();
        let hiss: f32 = random.random_range(-1.0..1.0);
        let mut sound = match syllable {
            0 => 0.0,
            1 => hiss * 500.0,
            _ => pulse + hiss * 20.0,
        };
        for (state, formant) in states.iter_mut().zip(formants) {
            let (radius, angle) = (0.96_f32, TAU * formant / 8_000.0);
            let next = sound * 0.35 + 2.0 * radius * angle.cos() * state[0] - radius * radius * state[1];
            *state = [next, state[0]];
            sound = next;
        }
        *sample = decode_ulaw(encode_ulaw(sound.clamp(-30_000.0, 30_000.0) as i16));
    }
    track
}

/// Sixteen keys, 160 ms apart, of which so much leaks; and when they were pressed.
fn leak(track: &mut Track, level: f32, milliseconds: f32, seed: u64) -> Vec<Press> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut presses = Vec::new();
    for place in 0..16_u32 {
        let key = KEYS[random.random_range(0..16)];
        let at_ms = 1_000.0 + 160.0 * f64::from(place);
        // The caller's clock began 730 ms before the track.
        presses.push(Press::new(at_ms + 730.0, 100.0, key).unwrap());
        let begin = (at_ms / 1_000.0 * f64::from(track.rate)) as usize + random.random_range(0..40);
        let samples = (milliseconds / 1_000.0 * track.rate as f32) as usize;
        for (sample, leaked) in
            track.samples[begin..].iter_mut().zip(tone(key, level, track.rate, samples, &mut random))
        {
            *sample = decode_ulaw(encode_ulaw(sample.saturating_add(leaked)));
        }
    }
    presses
}

#[test]
fn three_milliseconds_are_heard_at_every_level_and_rate() {
    for rate in [8_000, 16_000, 24_000, 48_000] {
        for level in [-10.0, -20.0, -30.0, -36.0] {
            let mut track = silence(rate);
            let presses = leak(&mut track, level, 3.0, 40);
            let judgement = listen(&track, &presses);
            let (bursts, _) = judgement.bursts.unwrap_or_default();
            assert!(bursts >= 16, "{bursts} bursts at {level} dBm0 and {rate} Hz");
            let agreement = judgement.agreement.unwrap();
            assert!(agreement.is_beyond_chance() && agreement.named >= 14, "{level} dBm0 at {rate} Hz: {agreement:?}");
        }
    }
}

#[test]
fn one_burst_is_enough_in_quiet() {
    for level in [-10.0, -36.0] {
        for background in [127, 75] {
            let mut track = noise(background);
            let mut random = StdRng::seed_from_u64(8);
            let leaked = tone(b'7', level, 8_000, 24, &mut random);
            track.samples[20_003..20_027].copy_from_slice(&leaked);
            let judgement = listen(&track, &[]);
            assert!(judgement.bursts.is_some() && judgement.leak().is_some(), "{level} dBm0 over -{background} dBov");
        }
    }
}

#[test]
fn keys_under_a_voice_are_named_when_they_were_pressed() {
    let mut track = voice(2);
    let presses = leak(&mut track, -10.0, 40.0, 41);
    let judgement = listen(&track, &presses);
    assert!(judgement.agreement.is_some_and(|agreement| agreement.is_beyond_chance()), "{judgement:?}");
    assert!(judgement.tones.is_some(), "{judgement:?}");
}

#[test]
fn what_is_left_of_tones_that_were_only_lowered_is_heard() {
    let mut track = silence(8_000);
    let presses = leak(&mut track, -50.0, 100.0, 42);
    let judgement = listen(&track, &presses);
    assert!(judgement.leak().is_some(), "{judgement:?}");
}

#[test]
fn silence_noise_and_voices_are_no_keys() {
    let presses = leak(&mut silence(8_000), -10.0, 3.0, 43);
    assert!(listen(&silence(8_000), &presses).is_silent);
    for level in [45, 55, 65, 75] {
        let judgement = listen(&noise(level), &presses);
        assert!(judgement.is_quiet && judgement.leak().is_none(), "-{level} dBov: {judgement:?}");
    }
    for seed in 0..6 {
        let judgement = listen(&voice(seed), &presses);
        assert!(judgement.leak().is_none(), "voice {seed}: {judgement:?}");
        assert!(!judgement.is_quiet, "a voice is no quiet track");
    }
}

#[test]
fn the_pilot_of_a_capture_is_heard_and_nothing_else_is_taken_for_it() {
    let mut track = silence(8_000);
    for (n, sample) in track.samples[8_000..8_480].iter_mut().enumerate() {
        *sample = ((TAU * PILOT_HERTZ * n as f32 / 8_000.0).sin() * 1_500.0) as i16;
    }
    let judgement = listen(&track, &[]);
    assert!(judgement.pilot.is_some_and(|(frames, at)| frames >= 2 && (900.0..1_100.0).contains(&at)), "{judgement:?}");
    assert!(listen(&voice(9), &[]).pilot.is_none() && listen(&noise(40), &[]).pilot.is_none());
}
