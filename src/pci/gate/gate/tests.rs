use super::*;
use crate::{
    CaptureEvent, CaptureFailure, CaptureOutcome, CollectEnd, ControlFailure, Missing, MuteEpoch, Purpose, SpeechEdge,
    Transform,
    bank::TONES,
    synthesis::{Chance, Dial, PAD, babble, noise, rms, through_ulaw},
    wire::{FromVault, PromptReason, Step},
};

const NAME: CaptureId = [7; 16];
const AGENT: SinkId = SinkId(1);
const RECORDER: SinkId = SinkId(2);
const RATE: SampleRate = SampleRate::Hz8000;

/// A leg in virtual time: a frame each 20 ms.
pub(super) struct Leg {
    gate: Gate,
    now: Instant,
    pub(super) index: u64,
    pub(super) heard: Vec<CleanFrame>,
    keys: String,
    vault: String,
    told: Vec<String>,
    /// Sinks whose writers acknowledge every muted frame.
    awake: Vec<SinkId>,
}

impl Leg {
    pub(super) fn new(keys: KeyPolicy) -> Self {
        Self::at(RATE, keys)
    }

    pub(super) fn at(rate: SampleRate, keys: KeyPolicy) -> Self {
        let now = crate::synthesis::beginning();
        let gate = Gate::new(GateConfig { rate, keys }, now);
        let (keys, vault) = (String::new(), String::new());
        Self { gate, now, index: 0, heard: vec![], keys, vault, told: vec![], awake: vec![] }
    }

    fn with_sinks(sinks: &[SinkId]) -> Self {
        let mut leg = Self::new(KeyPolicy::Declared);
        for &sink in sinks {
            leg.gate.add_sink(leg.now, sink);
        }
        leg.awake = sinks.to_vec();
        leg
    }

    fn frame(&mut self, samples: &[i16]) {
        let frame = RawFrame::decoded(RATE, self.index, |frame| frame.copy_from_slice(samples));
        self.deliver(frame);
    }

    pub(super) fn lose(&mut self) {
        self.deliver(RawFrame::lost(RATE, self.index));
    }

    pub(super) fn deliver(&mut self, frame: RawFrame) {
        self.gate.handle_frame(self.now, frame);
        assert!(self.gate.poll_timeout().is_none_or(|due| due > self.now), "what was due is done");
        self.index += 160;
        self.now += Duration::from_millis(20);
        self.drain();
    }

    pub(super) fn play(&mut self, line: &[f32]) {
        for frame in through_ulaw(line).chunks(160) {
            self.frame(frame);
        }
    }

    fn quiet(&mut self, millis: usize) {
        for _ in 0..millis / 20 {
            self.frame(&[0; 160]);
        }
    }

    fn drain(&mut self) {
        while let Some(frame) = self.gate.poll_frame() {
            if let Some(epoch) = frame.mute_epoch() {
                for sink in self.awake.clone() {
                    self.acknowledge(sink, epoch, frame.index());
                }
            }
            self.heard.push(frame);
        }
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

    fn acknowledge(&mut self, sink: SinkId, epoch: MuteEpoch, first_silent_index: u64) {
        self.gate.acknowledge(self.now, MuteAck { sink, epoch, first_silent_index });
    }

    fn event(&mut self, timestamp: u32, code: u8, duration: u16, end: bool) {
        let [high, low] = duration.to_be_bytes();
        let payload = [code, if end { 0x8A } else { 0x0A }, high, low];
        self.gate.handle_event(self.now, RawEvent::received(1, timestamp, 8_000, &payload).unwrap());
        self.drain();
    }

    fn say(&mut self, message: &FromVault) {
        self.gate.handle_vault(self.now, &message.encode());
        self.drain();
    }

    /// Arms, and has the vault ask for the number.
    fn capture(&mut self) {
        self.gate.arm(self.now, NAME);
        self.quiet(60);
        self.say(&FromVault::Prompt { step: Step::Number, reason: PromptReason::First });
    }

    fn was_told(&self, what: impl std::fmt::Debug) -> bool {
        self.told.contains(&format!("{what:?}"))
    }
}

fn failed(failure: CaptureFailure) -> CaptureEvent {
    CaptureEvent::Outcome(CaptureOutcome::Failed(failure))
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
fn events_with_a_full_in_band_copy_are_counted_once() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.capture();
    let card = "4242424242424242";
    for (place, key) in card.bytes().enumerate() {
        let mut tone = vec![0.0; 800];
        let pad = PAD.iter().position(|&known| known == key).unwrap();
        Dial::new(pad, 60.0).add_to(&mut tone, 40, &mut Chance::new(place as u64));
        let (start, code) = (1_000 + place as u32 * 1_600, key - b'0');
        for packet in 1..=3_u16 {
            leg.event(start, code, packet * 160, false);
            leg.play(&tone[usize::from(packet - 1) * 160..][..160]);
        }
        (0..3).for_each(|_| leg.event(start, code, 480, true));
        leg.play(&tone[480..]);
        leg.quiet(100);
    }
    assert_eq!(leg.vault, card);
    assert_eq!(leg.gate.counters().duplicates, 16);
}

#[test]
fn in_band_keys_alone_reach_the_vault() {
    let mut leg = Leg::with_sinks(&[AGENT, RECORDER]);
    leg.capture();
    let mut chance = Chance::new(21);
    let mut line = noise(16 * 800 + 800, -50.0, &mut chance);
    for (place, key) in b"5555555555554444".iter().enumerate() {
        let pad = PAD.iter().position(|known| known == key).unwrap();
        Dial::new(pad, 50.0).add_to(&mut line, 100 + place * 800, &mut chance);
    }
    leg.play(&line);
    assert_eq!(leg.vault, "5555555555554444");
    assert_eq!(leg.keys, "");
}

#[test]
fn info_keys_reach_the_vault_in_a_capture_and_a_collect_outside() {
    let info = || RawInfo::received(true, b"Signal=5\r\nDuration=100\r\n").unwrap();
    let mut leg = Leg::with_sinks(&[AGENT]);
    let (pause, patience) = (Duration::from_secs(3), Duration::from_secs(10));
    leg.gate.collect(leg.now, Collect { purpose: Purpose::Choice, max_keys: 1, terminator: None, pause, patience });
    leg.gate.handle_info(leg.now, &info());
    leg.drain();
    assert_eq!((leg.keys.as_str(), leg.was_told(CollectEnd::Full)), ("5", true));
    leg.quiet(1_000);
    leg.capture();
    leg.gate.handle_info(leg.now, &info());
    leg.drain();
    assert_eq!((leg.keys.as_str(), leg.vault.as_str()), ("5", "5"));
    leg.gate.handle_info(leg.now, &RawInfo::received(true, b"Signal=55").unwrap());
    assert_eq!(leg.gate.counters().malformed, 1);
}

#[test]
fn arming_waits_for_every_sink_and_mutes_the_held_frame_at_once() {
    let mut leg = Leg::with_sinks(&[AGENT, RECORDER]);
    leg.play(&noise(320, -20.0, &mut Chance::new(8)));
    leg.awake = vec![AGENT];
    leg.gate.arm(leg.now, NAME);
    leg.play(&noise(320, -20.0, &mut Chance::new(9)));
    assert!(leg.gate.is_capturing() && !leg.was_told(CaptureEvent::Armed));
    let muted: Vec<_> = leg.heard.iter().filter_map(|frame| Some((frame.mute_epoch()?, frame.index()))).collect();
    assert_eq!(muted[0].1, 160, "the frame that was held");
    assert!(leg.heard[1..].iter().all(|frame| frame.samples().iter().all(|&sample| sample == 0)));
    leg.acknowledge(RECORDER, muted[0].0, muted[0].1);
    leg.drain();
    assert!(leg.was_told(CaptureEvent::Armed));
}

#[test]
fn a_withheld_acknowledgement_means_no_capture_and_no_prompt() {
    let mut leg = Leg::with_sinks(&[AGENT, RECORDER]);
    leg.awake = vec![AGENT];
    leg.gate.arm(leg.now, NAME);
    leg.quiet(240);
    assert!(leg.was_told(ControlFailure::MuteNotAcknowledged(RECORDER)));
    assert!(leg.was_told(failed(CaptureFailure::Control(ControlFailure::MuteNotAcknowledged(RECORDER)))));
    assert!(!leg.was_told(CaptureEvent::Armed));
    leg.quiet(600);
    assert!(leg.was_told(CaptureEvent::Released) && !leg.gate.is_capturing());
}

#[test]
fn acknowledgements_of_other_epochs_unknown_sinks_or_earlier_frames_count_for_nothing() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.awake.clear();
    leg.quiet(100);
    leg.gate.arm(leg.now, NAME);
    leg.quiet(40);
    let epoch = leg.heard.last().and_then(CleanFrame::mute_epoch).unwrap();
    let index = leg.heard.last().unwrap().index();
    leg.acknowledge(AGENT, MuteEpoch(epoch.0 + 1), index);
    leg.acknowledge(AGENT, epoch, 0);
    leg.acknowledge(AGENT, epoch, index + 160_000);
    leg.acknowledge(SinkId(9), epoch, index);
    leg.drain();
    assert_eq!((leg.gate.counters().bad_acknowledgements, leg.was_told(CaptureEvent::Armed)), (4, false));
}

#[test]
fn a_lapsed_acknowledgement_ends_the_capture() {
    let mut leg = Leg::with_sinks(&[AGENT, RECORDER]);
    leg.capture();
    leg.quiet(3_000);
    assert!(leg.was_told(CaptureEvent::Armed) && leg.gate.is_capturing());
    leg.awake = vec![RECORDER];
    leg.quiet(1_040);
    assert!(leg.was_told(ControlFailure::MuteLapsed(AGENT)));
    assert!(leg.was_told(failed(CaptureFailure::Control(ControlFailure::MuteLapsed(AGENT)))));
}

#[test]
fn a_sink_added_in_a_capture_hears_silence_and_must_acknowledge() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.capture();
    leg.gate.add_sink(leg.now, RECORDER);
    leg.play(&noise(1_440, -20.0, &mut Chance::new(2)));
    assert!(leg.heard.iter().rev().take(9).all(|frame| frame.samples().iter().all(|&sample| sample == 0)));
    leg.quiet(60);
    assert!(leg.was_told(ControlFailure::MuteNotAcknowledged(RECORDER)));
}

#[test]
fn a_key_held_past_the_end_keeps_the_mute_until_it_is_up_for_half_a_second() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.capture();
    let mut line = noise(16_000, -60.0, &mut Chance::new(4));
    Dial::new(6, 2_000.0).add_to(&mut line, 0, &mut Chance::new(4));
    leg.play(&line[..1_600]);
    leg.gate.cancel_capture(leg.now);
    leg.gate.vault_closed(leg.now);
    leg.play(&line[1_600..]);
    leg.quiet(480);
    assert!(leg.gate.is_capturing());
    leg.quiet(120);
    assert!(leg.was_told(CaptureEvent::Released) && !leg.gate.is_capturing());
    assert!(leg.heard.iter().all(|frame| frame.samples().iter().all(|&sample| sample == 0)));
}

#[test]
fn the_frame_held_at_the_release_is_flushed() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.capture();
    leg.gate.cancel_capture(leg.now);
    leg.gate.vault_closed(leg.now);
    let line = noise(160, -20.0, &mut Chance::new(5));
    for _ in 0..40 {
        leg.play(&line);
    }
    let silent = |frame: &CleanFrame| frame.samples().iter().all(|&sample| sample == 0);
    let first = leg.heard.iter().position(|frame| frame.mute_epoch().is_none() && frame.index() > 480).unwrap();
    assert!(silent(&leg.heard[first]) && !silent(&leg.heard[first + 1]));
}

#[test]
fn a_hang_up_ends_the_capture_and_lets_no_frame_out() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.capture();
    leg.gate.hang_up(leg.now);
    let frames = leg.heard.len();
    leg.play(&noise(1_600, -20.0, &mut Chance::new(7)));
    assert_eq!(leg.heard.len(), frames);
    leg.gate.handle_timeout(leg.now + WIPE_DEADLINE);
    leg.drain();
    assert!(leg.was_told(failed(CaptureFailure::HungUp)) && leg.was_told(CaptureEvent::Released));
}

#[test]
fn keys_pressed_while_muting_go_nowhere() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.awake.clear();
    leg.gate.arm(leg.now, NAME);
    leg.event(100, 4, 160, true);
    assert_eq!((leg.vault.as_str(), leg.keys.as_str(), leg.gate.counters().suppressed), ("", "", 1));
}

#[test]
fn the_caller_is_heard_to_speak_outside_captures_and_never_in_one() {
    let speech = babble(6, &mut Chance::new(31));
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.play(&speech);
    assert!(leg.was_told(SpeechEdge::Started) && leg.heard.iter().any(CleanFrame::voice));
    leg.capture();
    let before = leg.heard.len();
    leg.told.clear();
    leg.play(&speech);
    assert!(!leg.was_told(SpeechEdge::Started) && leg.heard[before..].iter().all(|frame| !frame.voice()));
}

#[test]
fn a_wide_band_leg_is_judged_too() {
    let rate = SampleRate::Hz48000;
    let now = crate::synthesis::beginning();
    let mut gate = Gate::new(GateConfig { rate, keys: KeyPolicy::Declared }, now);
    let tone = |at: usize, hertz: f32| (std::f32::consts::TAU * hertz * at as f32 / 48_000.0).sin();
    let mut passed = 0;
    for frame in 0..20_usize {
        let on = (5..9).contains(&frame);
        gate.handle_frame(
            now,
            RawFrame::decoded(rate, frame as u64 * 960, |samples| {
                for (at, sample) in samples.iter_mut().enumerate().filter(|_| on) {
                    *sample = (6_000.0 * (tone(frame * 960 + at, 770.0) + tone(frame * 960 + at, 1_336.0))) as i16;
                }
            }),
        );
        while let Some(frame) = gate.poll_frame() {
            passed += frame.samples().iter().filter(|&&sample| sample != 0).count();
        }
    }
    assert_eq!((passed, gate.counters().suppressed), (0, 1));
}

struct Doubler;

impl Transform for Doubler {
    fn output_rate(&self) -> SampleRate {
        SampleRate::Hz16000
    }

    fn apply(&mut self, input: &[i16], _missing: Missing, output: &mut [i16]) {
        for (pair, sample) in output.chunks_mut(2).zip(input) {
            pair.fill(*sample);
        }
    }

    fn flush(&mut self) {}
}

/// Notes what it may fill, and fills it.
#[derive(Default)]
struct Filler(Vec<Missing>);

impl Transform for Filler {
    fn output_rate(&self) -> SampleRate {
        SampleRate::Hz8000
    }

    fn apply(&mut self, input: &[i16], missing: Missing, output: &mut [i16]) {
        assert!(input[..missing.head].iter().chain(&input[160 - missing.tail..]).all(|&sample| sample == 0));
        self.0.push(missing);
        output.fill(1);
    }

    fn flush(&mut self) {
        self.0.clear();
    }
}

#[test]
fn a_transform_may_fill_what_a_loss_hides_and_never_what_a_tone_silenced() {
    let mut leg = Leg::new(KeyPolicy::Declared);
    let mut line = noise(1_600, -20.0, &mut Chance::new(5));
    Dial::new(5, 60.0).add_to(&mut line, 800, &mut Chance::new(5));
    leg.play(&line[..320]);
    leg.lose();
    leg.play(&line[480..960]);
    leg.lose();
    leg.play(&line[1_120..]);
    let mut filler = Filler::default();
    let filled: Vec<CleanFrame> = leg.heard.iter().map(|frame| frame.transform(&mut filler)).collect();
    let missing: Vec<_> = filler.0.iter().map(|missing| (missing.head, missing.tail)).collect();
    assert_eq!(missing[..4], [(0, 0), (0, 32), (160, 0), (32, 0)]);
    assert!(missing[4..].iter().all(|&missing| missing == (0, 0)), "{missing:?}: a key was down, or nothing was lost");
    assert!(filled.iter().all(|frame| frame.missing == Missing::default()), "it would be filled twice");
}

#[test]
fn a_transform_keeps_the_frame_clean() {
    let mut leg = Leg::with_sinks(&[AGENT]);
    leg.play(&noise(320, -20.0, &mut Chance::new(1)));
    let wide = leg.heard[0].transform(&mut Doubler);
    assert_eq!(
        (wide.samples().len(), wide.rate(), wide.samples()[2]),
        (320, SampleRate::Hz16000, leg.heard[0].samples()[1])
    );
    leg.capture();
    let muted = leg.heard.last().unwrap().share().transform(&mut Doubler);
    assert!(muted.mute_epoch().is_some() && muted.samples().iter().all(|&sample| sample == 0));
}
