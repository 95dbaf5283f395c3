use std::time::{Duration, Instant};

use frame::{RawEvent, RawFrame, RawInfo, SampleRate};
use tones::{
    bank::TONES,
    synthesis::{Chance, Dial, PAD, babble, noise, rms},
};

use super::{beginning, through_ulaw};
use crate::{
    CaptureId, CleanFrame, Gate, GateConfig, GateOutput, KeyPolicy, MuteAck, MuteEpoch, SinkId, SpeechEdge,
    wire::{FromVault, PromptReason, Step},
};

pub(crate) const NAME: CaptureId = [7; 16];
pub(crate) const AGENT: SinkId = SinkId(1);
pub(crate) const RECORDER: SinkId = SinkId(2);
pub(crate) const RATE: SampleRate = SampleRate::Hz8000;

/// A leg in virtual time: a frame each 20 ms.
pub(crate) struct Leg {
    pub(crate) gate: Gate,
    pub(crate) now: Instant,
    pub(crate) index: u64,
    pub(crate) heard: Vec<CleanFrame>,
    pub(crate) keys: String,
    pub(crate) vault: String,
    pub(crate) told: Vec<String>,
    /// Sinks whose writers acknowledge every muted frame.
    pub(crate) awake: Vec<SinkId>,
}

impl Leg {
    pub(crate) fn new(keys: KeyPolicy) -> Self {
        Self::at(RATE, keys)
    }

    pub(crate) fn at(rate: SampleRate, keys: KeyPolicy) -> Self {
        let now = beginning();
        let gate = Gate::new(GateConfig { rate, keys }, now);
        let (keys, vault) = (String::new(), String::new());
        Self { gate, now, index: 0, heard: vec![], keys, vault, told: vec![], awake: vec![] }
    }

    pub(crate) fn with_sinks(sinks: &[SinkId]) -> Self {
        let mut leg = Self::new(KeyPolicy::Declared);
        for &sink in sinks {
            leg.gate.add_sink(leg.now, sink);
        }
        leg.awake = sinks.to_vec();
        leg
    }

    pub(crate) fn frame(&mut self, samples: &[i16]) {
        let frame = RawFrame::decoded(RATE, self.index, |frame| frame.copy_from_slice(samples));
        self.deliver(frame);
    }

    pub(crate) fn lose(&mut self) {
        self.deliver(RawFrame::lost(RATE, self.index));
    }

    pub(crate) fn deliver(&mut self, frame: RawFrame) {
        if let Some(clean) = self.gate.handle_frame(self.now, frame) {
            self.hear(clean);
        }
        assert!(self.gate.poll_timeout().is_none_or(|due| due > self.now), "what was due is done");
        self.index += 160;
        self.now += Duration::from_millis(20);
        self.drain();
    }

    pub(crate) fn play(&mut self, line: &[f32]) {
        for frame in through_ulaw(line).chunks(160) {
            self.frame(frame);
        }
    }

    pub(crate) fn quiet(&mut self, millis: usize) {
        for _ in 0..millis / 20 {
            self.frame(&[0; 160]);
        }
    }

    pub(crate) fn hear(&mut self, frame: CleanFrame) {
        if let Some(epoch) = frame.mute_epoch() {
            for sink in self.awake.clone() {
                self.acknowledge(sink, epoch, frame.index());
            }
        }
        self.heard.push(frame);
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.gate.poll_output() {
            match output {
                GateOutput::MenuKey(key) => self.keys.push(key.key()),
                GateOutput::Vault(message) => {
                    let mut bytes = Vec::new();
                    message.send(&mut bytes).unwrap();
                    self.vault.extend((bytes[1] == 1).then_some(char::from(bytes[2])));
                }
                GateOutput::Collected(collected) => self.told.push(format!("{:?}", collected.end)),
                GateOutput::Speech(edge) => self.told.push(format!("{edge:?}")),
                GateOutput::Prompt(prompt) => self.told.push(format!("{:?}", prompt.step)),
                GateOutput::Capture(event) => self.told.push(format!("{event:?}")),
                GateOutput::Control(failure) => self.told.push(format!("{failure:?}")),
                GateOutput::Suppressed(dropped) => self.told.push(format!("{dropped:?}")),
            }
        }
    }

    pub(crate) fn acknowledge(&mut self, sink: SinkId, epoch: MuteEpoch, first_silent_index: u64) {
        self.gate.acknowledge(self.now, MuteAck { sink, epoch, first_silent_index });
    }

    pub(crate) fn event(&mut self, timestamp: u32, code: u8, duration: u16, end: bool) {
        let [high, low] = duration.to_be_bytes();
        let payload = [code, if end { 0x8A } else { 0x0A }, high, low];
        self.gate.handle_event(self.now, RawEvent::received(1, timestamp, 8_000, &payload).unwrap());
        self.drain();
    }

    pub(crate) fn info(&mut self, key: u8) {
        self.gate.handle_info(self.now, &RawInfo::received(false, &[key]).unwrap());
        self.drain();
    }

    /// Keys as tones of so many milliseconds, one each 120 ms.
    pub(crate) fn tones(&mut self, keys: &str, millis: f32) {
        for (place, key) in keys.bytes().enumerate() {
            let mut line = vec![0.0; 960];
            let pad = PAD.iter().position(|&known| known == key).unwrap();
            Dial::new(pad, millis).add_to(&mut line, 40, &mut Chance::new(place as u64));
            self.play(&line);
        }
    }

    /// Digits as events, one each 120 ms.
    pub(crate) fn events(&mut self, first_timestamp: u32, digits: &str) {
        for (digit, start) in digits.bytes().zip((first_timestamp..).step_by(960)) {
            for (duration, end) in [(160, false), (320, false), (480, true), (480, true), (480, true)] {
                self.event(start, digit - b'0', duration, end);
                self.quiet(20);
            }
            self.quiet(20);
        }
    }

    pub(crate) fn say(&mut self, message: &FromVault) {
        self.gate.handle_vault(self.now, &message.encode());
        self.drain();
    }

    /// Arms, and has the vault ask for the number.
    pub(crate) fn capture(&mut self) {
        self.gate.arm(self.now, NAME);
        self.quiet(60);
        self.say(&FromVault::Prompt { step: Step::Number, reason: PromptReason::First });
    }

    pub(crate) fn was_told(&self, what: impl std::fmt::Debug) -> bool {
        self.told.contains(&format!("{what:?}"))
    }
}

/// A tone in quiet line noise that begins anywhere in a frame; how much of its energy is left in what comes out.
fn left_of(dial: Dial, noise_dbm0: f32, chance: &mut Chance) -> usize {
    let mut line = noise(1_600 + dial.samples() + 800, noise_dbm0, chance);
    let start = 800 + chance.below(160);
    dial.add_to(&mut line, start, chance);
    let mut leg = Leg::new(KeyPolicy::Declared);
    leg.play(&line);
    let heard: Vec<i16> = leg.heard.iter().flat_map(|frame| frame.samples().to_vec()).collect();
    heard[start..start + dial.samples()].iter().filter(|&&sample| sample != 0).count()
}

#[test]
fn a_frame_comes_out_for_each_one_frame_later_and_untouched() {
    let mut leg = Leg::new(KeyPolicy::Declared);
    let line = noise(1_600, -30.0, &mut Chance::new(3));
    leg.play(&line);
    let sent = through_ulaw(&line);
    assert_eq!(leg.heard.len(), 9);
    for (place, frame) in leg.heard.iter().enumerate() {
        assert_eq!((frame.index(), frame.samples()), (place as u64 * 160, &sent[place * 160..][..160]));
    }
}

#[test]
fn not_one_sample_of_a_tone_of_10_ms_or_more_comes_out() {
    let mut chance = Chance::new(11);
    for millis in [10.0, 15.0, 20.0, 25.0, 30.0, 50.0, 120.0] {
        for _ in 0..60 {
            assert_eq!(left_of(Dial::new(chance.below(16), millis), -60.0, &mut chance), 0, "{millis} ms");
        }
    }
}

#[test]
fn quiet_twisted_and_detuned_tones_are_clamped_too() {
    let mut chance = Chance::new(12);
    for (dbm0, off) in [([-36.0; 2], 0.0), ([-6.0, -14.0], 0.015), ([-14.0, -8.0], -0.015), ([-10.0; 2], 0.03)] {
        for _ in 0..60 {
            let dial = Dial { dbm0, off: [off; 2], ..Dial::new(chance.below(16), 20.0) };
            assert_eq!(left_of(dial, -70.0, &mut chance), 0, "{dbm0:?} {off}");
        }
    }
}

#[test]
fn fifteen_decibels_above_noise_is_enough_to_be_clamped() {
    let mut chance = Chance::new(13);
    for _ in 0..100 {
        assert_eq!(left_of(Dial::new(chance.below(16), 20.0), -22.0, &mut chance), 0);
    }
}

#[test]
fn no_energy_at_any_key_pair_comes_out_where_a_card_was_keyed_before_any_capture() {
    let mut chance = Chance::new(14);
    let mut line = noise(16 * 1_000 + 1_600, -60.0, &mut chance);
    for (place, key) in b"4111111111111111".iter().enumerate() {
        let pad = PAD.iter().position(|known| known == key).unwrap();
        Dial::new(pad, 60.0).add_to(&mut line, 500 + place * 1_000 + chance.below(160), &mut chance);
    }
    let mut leg = Leg::new(KeyPolicy::Released { pause: Duration::from_millis(1_500) });
    leg.play(&line);
    leg.quiet(2_000);
    let heard: Vec<i16> = leg.heard.iter().flat_map(|frame| frame.samples().to_vec()).collect();
    let loudest = heard.windows(24).step_by(8).map(pair_power).fold(0.0, f32::max);
    assert!(loudest < rms(-45.0).powi(2), "3 ms of a tone would be at −10 dBm0");
    assert_eq!(leg.keys, "", "sixteen keys in a run are dropped whole");
    assert_eq!(leg.gate.counters().suppressed, 16);
}

/// The strongest power of one low and one high tone together in a few samples.
fn pair_power(samples: &[i16]) -> f32 {
    let power = |hertz: f32| {
        let turn = std::f32::consts::TAU * hertz / 8_000.0;
        let part = |wave: fn(f32) -> f32| -> f32 {
            samples.iter().enumerate().map(|(at, &sample)| f32::from(sample) * wave(turn * at as f32)).sum()
        };
        2.0 * (part(f32::cos).powi(2) + part(f32::sin).powi(2)) / (samples.len() as f32).powi(2)
    };
    let best = |tones: &[f32]| tones.iter().map(|&hertz| power(hertz)).fold(0.0, f32::max);
    best(&TONES[..4]).min(best(&TONES[4..]))
}

#[test]
fn an_audible_end_is_silenced_where_the_next_frame_is_missing() {
    let mut leg = Leg::new(KeyPolicy::Declared);
    let mut line = vec![0.0; 320];
    Dial::new(5, 3.0).add_to(&mut line, 296, &mut Chance::new(5));
    leg.play(&line);
    leg.lose();
    leg.lose();
    assert!(leg.heard[1].is_clamped() && leg.heard[1].samples()[64..].iter().all(|&sample| sample == 0));
    assert!(leg.heard[2].is_lost());
}

#[test]
fn the_rest_of_a_tone_after_a_lost_frame_is_silenced() {
    let mut leg = Leg::new(KeyPolicy::Declared);
    let mut line = noise(800, -60.0, &mut Chance::new(5));
    Dial::new(5, 16.0).add_to(&mut line, 250, &mut Chance::new(5));
    leg.play(&line[..160]);
    leg.lose();
    leg.play(&line[320..]);
    assert!(leg.heard[2].is_clamped() && leg.heard[2].samples()[..96].iter().all(|&sample| sample == 0));
}

#[test]
fn a_quiet_frame_before_a_lost_one_passes_and_the_loss_stays_marked() {
    let mut leg = Leg::new(KeyPolicy::Declared);
    leg.quiet(40);
    leg.lose();
    leg.quiet(40);
    assert_eq!(leg.heard.iter().map(CleanFrame::is_lost).collect::<Vec<_>>(), [false, false, true, false]);
    assert_eq!(leg.gate.counters().clamped, 0);
}

#[test]
fn audio_around_a_telephone_event_is_silenced() {
    let mut leg = Leg::new(KeyPolicy::Declared);
    let line = noise(320, -30.0, &mut Chance::new(6));
    leg.play(&line);
    leg.event(100, 5, 400, true);
    for _ in 0..12 {
        leg.play(&line[..160]);
    }
    let clamped: Vec<bool> = leg.heard.iter().map(CleanFrame::is_clamped).collect();
    assert_eq!(clamped.iter().position(|&clamped| clamped), Some(1), "the held frame first");
    assert_eq!(clamped.iter().filter(|&&clamped| clamped).count(), 9, "until 160 ms after the event");
}

#[test]
fn speech_like_sounds_pass_the_clamp() {
    let mut leg = Leg::new(KeyPolicy::Declared);
    leg.play(&babble(120, &mut Chance::new(15)));
    let clamped = leg.gate.counters().clamped;
    // Harsher than speech, of which less than 0.1 % is clamped; see the README.
    assert!(clamped * 50 < leg.gate.counters().frames, "{clamped} frames of 6000 clamped");
}

#[test]
fn that_the_caller_speaks_is_told_in_a_capture_too_and_no_frame_of_it_says_so() {
    let speech = babble(6, &mut Chance::new(31));
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.play(&speech);
    assert!(leg.was_told(SpeechEdge::Started) && leg.heard.iter().any(CleanFrame::voice));
    leg.capture();
    let before = leg.heard.len();
    leg.told.clear();
    leg.play(&speech);
    assert!(leg.was_told(SpeechEdge::Started));
    let silent = |frame: &CleanFrame| !frame.voice() && frame.samples().iter().all(|&sample| sample == 0);
    assert!(leg.heard[before..].iter().all(silent));
}

#[test]
fn a_wide_band_leg_is_judged_too() {
    let rate = SampleRate::Hz48000;
    let now = beginning();
    let mut gate = Gate::new(GateConfig { rate, keys: KeyPolicy::Declared }, now);
    let tone = |at: usize, hertz: f32| (std::f32::consts::TAU * hertz * at as f32 / 48_000.0).sin();
    let mut passed = 0;
    for frame in 0..20_usize {
        let on = (5..9).contains(&frame);
        let raw = RawFrame::decoded(rate, frame as u64 * 960, |samples| {
            for (at, sample) in samples.iter_mut().enumerate().filter(|_| on) {
                *sample = (6_000.0 * (tone(frame * 960 + at, 770.0) + tone(frame * 960 + at, 1_336.0))) as i16;
            }
        });
        if let Some(clean) = gate.handle_frame(now, raw) {
            passed += clean.samples().iter().filter(|&&sample| sample != 0).count();
        }
    }
    assert_eq!((passed, gate.counters().suppressed), (0, 1));
}
