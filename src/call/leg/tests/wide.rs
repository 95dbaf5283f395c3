//! Legs of other codecs than G.711.

use std::f32::consts::TAU;

use frame::{INDEX_STEP, SampleRate};

use super::*;

const CODECS: [Codec; 3] = [Codec::G722, Codec::Opus(SampleRate::Hz16000), Codec::L16(SampleRate::Hz16000)];

/// A line whose far end codes what it says.
struct WideLine {
    line: Line,
    far: Session,
    said: usize,
}

impl WideLine {
    fn new(codec: Codec) -> Self {
        let payloads = Payloads::new(codec, 96, Some(101));
        let line = Line::carrying(payloads, None);
        let session = SessionConfig {
            payloads,
            remote: None,
            remote_rtcp: None,
            learn_source: true,
            ssrc: 77,
            first_sequence: 0,
            first_timestamp: 0,
            cname: "far".to_owned(),
            media_timeout: None,
            seed: 2,
            srtp: None,
        };
        let far = Session::new(session, line.now).unwrap();
        Self { line, far, said: 0 }
    }

    /// Says the sum of these tones for so many frames.
    fn say(&mut self, frames: usize, hertz: &[f32]) {
        self.send(frames, hertz, true);
    }

    /// Says them, but the network loses the packets.
    fn lose(&mut self, frames: usize, hertz: &[f32]) {
        self.send(frames, hertz, false);
    }

    fn send(&mut self, frames: usize, hertz: &[f32], arrives: bool) {
        for _ in 0..frames {
            let sample = |n: usize| {
                let tones = hertz.iter().map(|hertz| (n as f32 * TAU * hertz / 8_000.0).sin());
                (tones.sum::<f32>() * 6_000.0) as i16
            };
            let samples = std::array::from_fn(|n| sample(self.said + n));
            self.said += samples.len();
            let mut packet = PacketBuffer::new();
            self.far.encode(&samples, &mut packet).unwrap();
            if arrives {
                self.line.leg.handle_rtp(self.line.now, peer(), &mut packet.bytes().to_vec());
            }
            self.line.tick(true);
            self.line.now += millis(20);
            self.line.drain();
        }
    }

    /// What the taps heard of the caller: every frame's index and samples.
    fn heard(&mut self) -> Vec<(u64, Vec<i16>)> {
        let caller = |item| match item {
            TapItem::Caller(frame) => {
                assert_eq!(frame.rate(), SampleRate::Hz8000);
                Some((frame.index(), frame.samples().to_vec()))
            }
            TapItem::Sent { .. } => None,
        };
        self.line.taps.drain(..).filter_map(caller).collect()
    }
}

/// The share of one frequency in the energy of some samples.
fn share(samples: &[i16], hertz: f32) -> f32 {
    let (mut real, mut imaginary, mut total) = (0.0, 0.0, 1.0);
    for (n, &sample) in samples.iter().enumerate() {
        let (sample, angle) = (f32::from(sample), n as f32 * TAU * hertz / 8_000.0);
        (real, imaginary) = (real + sample * angle.cos(), imaginary + sample * angle.sin());
        total += sample * sample;
    }
    2.0 * (real * real + imaginary * imaginary) / samples.len() as f32 / total
}

#[test]
fn taps_hear_every_codec_at_8_khz_on_one_count() {
    for codec in CODECS {
        let mut wide = WideLine::new(codec);
        wide.say(50, &[500.0]);
        let heard = wide.heard();
        assert!(heard.iter().enumerate().all(|(n, (index, _))| *index == n as u64 * INDEX_STEP), "{codec:?}");
        let samples: Vec<i16> = heard[20..40].iter().flat_map(|(_, samples)| samples).copied().collect();
        assert!(share(&samples, 500.0) > 0.95, "{codec:?}: {}", share(&samples, 500.0));
    }
}

#[test]
fn taps_hear_no_hole_where_a_packet_is_lost() {
    const VOICE: [f32; 3] = [150.0, 300.0, 450.0];
    for codec in [Codec::Pcmu].into_iter().chain(CODECS) {
        let mut wide = WideLine::new(codec);
        wide.say(30, &VOICE);
        wide.lose(1, &VOICE);
        wide.say(10, &VOICE);
        let heard = wide.heard();
        let loudness: Vec<u64> = heard
            .iter()
            .map(|(_, samples)| samples.iter().map(|&sample| u64::from(sample.unsigned_abs())).sum())
            .collect();
        let (usual, least) = (loudness[20], loudness[25..35].iter().min().unwrap());
        assert!(*least > usual / 2, "{codec:?}: {loudness:?}");
        assert_eq!(wide.line.leg.concealed(), 1, "{codec:?}");
    }
}

#[test]
fn the_far_end_hears_a_prompt_in_every_codec() {
    for codec in CODECS {
        let mut wide = WideLine::new(codec);
        let samples = (0..16_000).map(|n| ((n as f32 * TAU * 700.0 / 8_000.0).sin() * 6_000.0) as i16).collect();
        wide.line.command(LegCommand::Play(Segment { samples, ..prompt(1, 0) }));
        wide.say(60, &[]);
        let mut decoder = codec.decoder().unwrap();
        let (mut heard, mut room) = (Vec::new(), [0; 960]);
        for (_, _, payload) in &wide.line.sent {
            let samples = decoder.decode(payload, &mut room).unwrap();
            heard.extend(room[..samples].iter().step_by(2));
        }
        assert!(share(&heard[4_000..8_000], 700.0) > 0.95, "{codec:?}");
    }
}

#[test]
fn a_prompt_is_delivered_in_time_where_opus_leaves_its_silence_out() {
    let opus = audio::OpusSettings { is_discontinuous: true, ..audio::OpusSettings::default() };
    let payloads = Payloads { opus, ..Payloads::new(Codec::Opus(SampleRate::Hz16000), 96, None) };
    let mut line = Line::carrying(payloads, None);
    let mut play = |id, samples: Arc<[i16]>| {
        let (frames, before) = (samples.len() / FRAME_SAMPLES, line.sent.len());
        line.command(LegCommand::Play(Segment { samples, ..prompt(id, 0) }));
        for number in 1..=frames {
            line.tick(true);
            line.now += millis(20);
            let finished = line.outputs.iter().any(|output| matches!(output, LegOutput::PromptFinished(_)));
            assert_eq!(finished, number == frames, "{id}: frame {number}");
        }
        let packets = line.sent.len() - before;
        let first = line.sent.get(before).map(|(sequence, ..)| *sequence);
        let delivery = line.take(|output| if let LegOutput::PromptFinished(it) = output { Some(*it) } else { None });
        (packets, first, delivery.unwrap())
    };
    let sound = (0..1_600).map(|n| ((n as f32 * TAU * 300.0 / 8_000.0).sin() * 6_000.0) as i16);
    let (packets, first, delivery) = play(1, sound.chain([0; 12_800]).collect());
    assert!((5..60).contains(&packets), "{packets} packets of 90 frames");
    assert_eq!((delivery.samples, Some(delivery.first_sequence)), (14_400, first));
    assert_eq!(delivery.last_sequence.wrapping_sub(delivery.first_sequence), packets as u16 - 1);
    let short = (2..20).map(|id| play(id, vec![0; 3 * FRAME_SAMPLES].into()));
    let silent = short.filter(|(packets, _, delivery)| *packets == 0 && delivery.samples == 480).count();
    assert!(silent >= 10, "{silent} of 18 were left out as a whole");
}

#[test]
fn a_key_that_is_sounded_is_found_and_clamped() {
    for codec in CODECS {
        let mut wide = WideLine::new(codec);
        wide.line.leg.add_sink(wide.line.now, AGENT, SinkKind::Agent);
        wide.say(20, &[]);
        wide.line.command(LegCommand::Collect(one_key()));
        wide.heard();
        wide.say(6, &[770.0, 1_336.0]);
        wide.say(10, &[]);
        let key = wide.line.take(|output| if let LegOutput::MenuKey(key) = output { Some(key.key()) } else { None });
        assert_eq!(key, Some('5'), "{codec:?}");
        let loudest = wide.heard().iter().flat_map(|(_, samples)| samples.clone()).map(i16::unsigned_abs).max();
        assert!(loudest.unwrap() < 100, "{codec:?}: {loudest:?} of the tone is left");
    }
}

#[test]
fn a_capture_is_exact_silence_and_nothing_of_it_comes_after_it() {
    for codec in CODECS {
        let mut wide = WideLine::new(codec);
        wide.line.leg.add_sink(wide.line.now, AGENT, SinkKind::Agent);
        wide.line.leg.add_sink(wide.line.now, RECORDER, SinkKind::Recorder);
        wide.say(10, &[500.0]);
        wide.line.command(LegCommand::Arm { capture: [7; 16] });
        wide.heard();
        wide.say(30, &[500.0]);
        // The far end's filters and coder say the last of it some milliseconds later, and Opus lets it fade.
        wide.say(1, &[]);
        wide.line.command(LegCommand::CancelCapture);
        let muted = wide.heard();
        assert!(muted.iter().all(|(_, samples)| samples.iter().all(|&sample| sample == 0)), "{codec:?}");
        wide.say(60, &[]);
        assert!(!wide.line.leg.is_capturing(), "{codec:?}");
        let after = wide.heard().iter().flat_map(|(_, samples)| samples.clone()).map(i16::unsigned_abs).max();
        assert!(after.unwrap() < 300, "{codec:?}: {after:?}");
    }
}
