//! Filling what was lost with what was heard before it, so that a listener and a recogniser meet no hole.
//!
//! The last pitch period is repeated and fades out, after the idea of ITU-T G.711 appendix I but without its delay: the
//! joint is smoothed in what is made, not in what was played. What is made depends on nothing but audio that was given
//! out before.

use std::time::Duration;

use frame::SampleRate;
use zeroize::Zeroize;

/// The longest pitch period that is looked for, in samples at 8 kHz: 15 ms, a voice of 66 Hz.
const LONGEST_PERIOD: usize = 120;
/// The shortest: 5 ms, or two or three periods of a high voice.
const SHORTEST_PERIOD: usize = 40;
/// How much of the end is compared to find the period: 10 ms.
const COMPARED: usize = 80;
/// How long what is made crosses over into what comes next: 5 ms.
const CROSSING: usize = 40;
/// How long what is made keeps its loudness: 20 ms.
const LOUD: usize = 160;
/// When it has faded out: 100 ms.
const FADED: usize = 800;

/// What of a frame is silent because it is not known. It is filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gap {
    /// Samples at its beginning; all of them where nothing is known.
    pub head: usize,
    /// Samples at its end.
    pub tail: usize,
}

/// Fills the gaps of one stream.
pub struct Concealer {
    /// Samples of this stream for one at 8 kHz.
    scale: usize,
    /// The newest audio that was given out, oldest first.
    history: Vec<i16>,
    /// One pitch period, made to follow itself.
    period: Vec<f32>,
    /// By how much the beginning of the period missed the end of the history.
    step: f32,
    /// Samples made since the gap began.
    made: usize,
    gaps: u64,
}

impl Concealer {
    /// A concealer at this rate, with nothing heard yet.
    #[must_use]
    pub fn new(rate: SampleRate) -> Self {
        let scale = (rate.hertz() / 8_000) as usize;
        let longest = LONGEST_PERIOD * scale;
        Self {
            scale,
            history: vec![0; longest * 2 + COMPARED * scale],
            period: Vec::new(),
            step: 0.0,
            made: 0,
            gaps: 0,
        }
    }

    /// The longest time that something is made of what was heard before.
    #[must_use]
    pub fn reach() -> Duration {
        Duration::from_millis(FADED as u64 / 8)
    }

    /// Gaps filled so far.
    #[must_use]
    pub fn gaps(&self) -> u64 {
        self.gaps
    }

    /// Forgets everything that was heard.
    pub fn reset(&mut self) {
        self.history.zeroize();
        self.history.resize(LONGEST_PERIOD * 2 * self.scale + COMPARED * self.scale, 0);
        self.period.zeroize();
        (self.step, self.made) = (0.0, 0);
    }

    /// Takes the next samples of the stream, in place: what is known smoothly follows what was made, and gaps are filled.
    pub fn fill(&mut self, samples: &mut [i16], gap: Gap) {
        let head = gap.head.min(samples.len());
        let tail = gap.tail.min(samples.len() - head);
        let (missing, rest) = samples.split_at_mut(head);
        let (known, missing_too) = rest.split_at_mut(rest.len() - tail);
        self.make(missing);
        self.hear(known);
        self.make(missing_too);
    }

    fn hear(&mut self, samples: &mut [i16]) {
        if samples.is_empty() {
            return;
        }
        if self.made > 0 {
            let crossing = (CROSSING * self.scale).min(samples.len());
            for (n, sample) in samples[..crossing].iter_mut().enumerate() {
                let share = (n + 1) as f32 / (crossing + 1) as f32;
                *sample = round(share * f32::from(*sample) + (1.0 - share) * self.next());
            }
            self.made = 0;
        }
        self.remember(samples);
    }

    fn make(&mut self, samples: &mut [i16]) {
        if samples.is_empty() {
            return;
        }
        if self.made == 0 {
            self.gaps += 1;
            self.begin();
        }
        for sample in samples.iter_mut() {
            *sample = round(self.next());
        }
        self.remember(samples);
    }

    /// The next sample that is made.
    fn next(&mut self) -> f32 {
        let place = self.made;
        self.made += 1;
        let (loud, faded) = (LOUD * self.scale, FADED * self.scale);
        if place >= faded {
            return 0.0;
        }
        let loudness = 1.0 - place.saturating_sub(loud) as f32 / (faded - loud) as f32;
        let smoothing = 1.0 - place as f32 / self.crossed() as f32;
        loudness * (self.period[place % self.period.len()] + self.step * smoothing.max(0.0))
    }

    /// Samples over which the period is made to follow itself.
    fn crossed(&self) -> usize {
        self.period.len() / 4
    }

    /// Makes the period that is repeated.
    fn begin(&mut self) {
        let (heard, length) = (&self.history, self.find_period());
        let end = heard.len();
        let sample = |place: usize| f32::from(heard[place]);
        self.period.clear();
        // All it may ever need, where something was lost at all.
        self.period.reserve_exact(LONGEST_PERIOD * self.scale);
        self.period.extend(heard[end - length..].iter().map(|&sample| f32::from(sample)));
        let crossed = length / 4;
        for n in 0..crossed {
            // Towards its end the period becomes what came before its beginning.
            let share = (n + 1) as f32 / crossed as f32;
            let place = length - crossed + n;
            let before = sample(end - 2 * length + place);
            self.period[place] = (1.0 - share) * self.period[place] + share * before;
        }
        self.step = sample(end - 1) - sample(end - 1 - length);
    }

    /// The distance at which the end of the history is most like itself.
    fn find_period(&self) -> usize {
        let (shortest, longest) = (SHORTEST_PERIOD * self.scale, LONGEST_PERIOD * self.scale);
        let end = self.history.len();
        let recent = &self.history[end - COMPARED * self.scale..];
        let likeness = |period: usize| {
            let earlier = &self.history[end - COMPARED * self.scale - period..end - period];
            let (mut product, mut energy) = (0.0, 0.0);
            // A step of 1 ms / 8 is fine enough at any rate.
            for (now, then) in recent.iter().zip(earlier).step_by(self.scale) {
                product += f32::from(*now) * f32::from(*then);
                energy += f32::from(*then) * f32::from(*then);
            }
            product / energy.sqrt().max(1.0)
        };
        (shortest..=longest).map(|period| (period, likeness(period))).fold((longest, 0.0), better).0
    }

    fn remember(&mut self, samples: &[i16]) {
        let size = self.history.len();
        let newest = &samples[samples.len().saturating_sub(size)..];
        self.history.copy_within(newest.len().., 0);
        self.history[size - newest.len()..].copy_from_slice(newest);
    }
}

impl Drop for Concealer {
    fn drop(&mut self) {
        self.history.zeroize();
        self.period.zeroize();
    }
}

fn better(best: (usize, f32), next: (usize, f32)) -> (usize, f32) {
    if next.1 > best.1 { next } else { best }
}

fn round(sample: f32) -> i16 {
    sample.round().clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    const RATES: [SampleRate; 3] = [SampleRate::Hz8000, SampleRate::Hz16000, SampleRate::Hz48000];

    /// A voice of so many hertz: a fundamental and two overtones.
    fn voice(rate: SampleRate, hertz: f32, frames: usize) -> Vec<Vec<i16>> {
        let length = rate.frame_samples();
        let sample = |n: usize| {
            let turn = TAU * hertz * n as f32 / rate.hertz() as f32;
            (4_000.0 * turn.sin() + 2_500.0 * (2.0 * turn).sin() + 1_000.0 * (3.0 * turn).sin()) as i16
        };
        (0..frames).map(|frame| (0..length).map(|n| sample(frame * length + n)).collect()).collect()
    }

    fn energy(samples: &[i16]) -> f32 {
        samples.iter().map(|&sample| f32::from(sample).powi(2)).sum()
    }

    /// The steepest step between two samples.
    fn steepest(samples: &[i16]) -> u16 {
        samples.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap_or(0)
    }

    #[test]
    fn what_is_known_passes_unchanged() {
        let mut concealer = Concealer::new(SampleRate::Hz8000);
        for frame in voice(SampleRate::Hz8000, 120.0, 5) {
            let mut filled = frame.clone();
            concealer.fill(&mut filled, Gap::default());
            assert_eq!(filled, frame);
        }
        assert_eq!(concealer.gaps(), 0);
    }

    #[test]
    fn a_lost_frame_of_a_voice_is_nearly_what_was_lost() {
        for rate in RATES {
            for hertz in [75.0, 110.0, 187.0, 230.0] {
                let (frames, mut concealer) = (voice(rate, hertz, 8), Concealer::new(rate));
                let length = rate.frame_samples();
                let mut heard = Vec::new();
                for (number, frame) in frames.iter().enumerate() {
                    let is_lost = number == 5;
                    let mut filled = if is_lost { vec![0; length] } else { frame.clone() };
                    concealer.fill(&mut filled, Gap { head: if is_lost { length } else { 0 }, tail: 0 });
                    heard.extend(filled);
                }
                let truth: Vec<i16> = frames.concat();
                let wrong: Vec<i16> =
                    truth.iter().zip(&heard).map(|(truth, heard)| truth.wrapping_sub(*heard)).collect();
                let lost = 5 * length..6 * length;
                let missed = energy(&wrong[lost.clone()]) / energy(&truth[lost]);
                assert!(missed < 0.05, "{hertz} Hz at {rate:?}: {missed} of the energy is wrong");
                assert!(steepest(&heard) < 2 * steepest(&truth), "{hertz} Hz at {rate:?}: a click");
            }
        }
    }

    #[test]
    fn a_hole_within_frames_is_filled_as_one() {
        let rate = SampleRate::Hz8000;
        let (frames, mut concealer) = (voice(rate, 100.0, 8), Concealer::new(rate));
        let mut heard = Vec::new();
        for (number, frame) in frames.iter().enumerate() {
            let gap = match number {
                4 => Gap { head: 0, tail: 96 },
                5 => Gap { head: 160, tail: 0 },
                6 => Gap { head: 96, tail: 0 },
                _ => Gap::default(),
            };
            let mut filled = frame.clone();
            filled[..gap.head].fill(0);
            filled[frame.len() - gap.tail..].fill(0);
            concealer.fill(&mut filled, gap);
            heard.extend(filled);
        }
        assert_eq!(concealer.gaps(), 1);
        assert!(steepest(&heard) < 2 * steepest(&frames.concat()), "a click");
        let hole = &heard[4 * 160 + 64..6 * 160 + 96];
        assert!(energy(hole) > 0.4 * energy(&frames.concat()[4 * 160 + 64..6 * 160 + 96]), "it fades too soon");
    }

    #[test]
    fn a_long_gap_fades_into_silence() {
        let rate = SampleRate::Hz8000;
        let mut concealer = Concealer::new(rate);
        for mut frame in voice(rate, 140.0, 5) {
            concealer.fill(&mut frame, Gap::default());
        }
        let loudness: Vec<f32> = (0..7)
            .map(|_| {
                let mut lost = [0; 160];
                concealer.fill(&mut lost, Gap { head: 160, tail: 0 });
                energy(&lost)
            })
            .collect();
        assert!(loudness.windows(2).all(|pair| pair[1] <= pair[0]), "{loudness:?}");
        let silent = Concealer::reach().as_millis() as usize / 20;
        assert!(loudness[silent - 1] > 0.0 && loudness[silent..].iter().all(|&energy| energy == 0.0), "{loudness:?}");
    }

    #[test]
    fn nothing_is_made_of_what_was_forgotten() {
        let mut concealer = Concealer::new(SampleRate::Hz8000);
        for mut frame in voice(SampleRate::Hz8000, 140.0, 5) {
            concealer.fill(&mut frame, Gap::default());
        }
        concealer.reset();
        let mut lost = [0; 160];
        concealer.fill(&mut lost, Gap { head: 160, tail: 0 });
        assert_eq!(lost, [0; 160]);
    }

    proptest! {
        #[test]
        fn no_stream_of_gaps_breaks_it(
            frames in prop::collection::vec((any::<i16>(), any::<i16>(), 0_usize..400, 0_usize..400), 1..40)
        ) {
            let mut concealer = Concealer::new(SampleRate::Hz16000);
            for (odd, even, head, tail) in frames {
                let mut frame: Vec<i16> = (0..320).map(|n| if n % 2 == 0 { even } else { odd }).collect();
                concealer.fill(&mut frame, Gap { head, tail });
                prop_assert_eq!(frame.len(), 320);
            }
        }
    }
}
