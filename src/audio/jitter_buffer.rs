//! Playing out what comes unevenly: an adaptive jitter buffer for people's ears and for an even stream.
//!
//! It takes frames in order, as they come, and gives one out every 20 ms. How long it holds audio back follows how unevenly
//! frames have come of late. It changes that delay only where nobody speaks: by leaving out a frame of silence, or by
//! drawing silence out. Where a frame is not there in time, the concealer goes on with what was heard, and what was late
//! is played after it; nothing that came is thrown away, save what would lie beyond the longest delay.

mod arrivals;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use frame::SampleRate;
use zeroize::Zeroize;

use crate::concealer::{Concealer, Gap};
use crate::playout::{FRAME_SAMPLES, Filled, PLAYOUT_HZ};
use crate::quiet::Quiet;
use arrivals::Arrivals;

/// Frames that may wait: half a second.
const MOST_FRAMES: usize = 25;
/// Over how many samples a joint is smoothed: 5 ms.
const CROSSING: usize = 40;
/// By how much the delay may be off before it is changed, in samples: 5 ms.
const TOLERANCE: i64 = 40;
/// After so many frames of nothing a stream begins anew, with its full delay: 100 ms.
const DRY: u32 = 5;

/// The bounds of a jitter buffer's delay: how long a frame waits that came as early as any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JitterBufferConfig {
    /// The shortest, however evenly frames come.
    pub least: Duration,
    /// The longest, however unevenly.
    pub most: Duration,
}

impl Default for JitterBufferConfig {
    /// From 5 ms to 300 ms.
    fn default() -> Self {
        Self { least: Duration::from_millis(5), most: Duration::from_millis(300) }
    }
}

/// What a jitter buffer has done so far, in frames of 20 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JitterBufferReport {
    /// Played as they came.
    pub played: u64,
    /// Made up because none was there in time.
    pub concealed: u64,
    /// Silence, or loss, left out to shorten the delay.
    pub skipped: u64,
    /// Silence made up to lengthen it.
    pub stretched: u64,
    /// Thrown away because they lay beyond the longest delay, or stood for time that was played.
    pub dropped: u64,
    /// The delay that is aimed at now.
    pub target: Duration,
}

/// A frame that waits.
struct Waiting {
    index: u64,
    lost: bool,
    samples: [i16; FRAME_SAMPLES],
}

/// The jitter buffer of one stream at [`PLAYOUT_HZ`].
///
/// [`JitterBuffer::handle_frame`] takes what comes, [`JitterBuffer::next_frame`] is called every 20 ms.
pub struct JitterBuffer {
    config: JitterBufferConfig,
    arrivals: Arrivals,
    quiet: Quiet,
    concealer: Concealer,
    frames: VecDeque<Waiting>,
    /// The stream time after the newest frame.
    end: u64,
    /// Whether the full delay is still being waited for.
    filling: bool,
    /// Frames made up in a row.
    dry: u32,
    /// Frames made up because none was there in time, since one was: markers of losses that come for them are not played again.
    owed: u32,
    report: JitterBufferReport,
}

impl JitterBuffer {
    /// An empty buffer.
    #[must_use]
    pub fn new(config: JitterBufferConfig) -> Self {
        Self {
            config,
            arrivals: Arrivals::new(),
            quiet: Quiet::default(),
            concealer: Concealer::new(SampleRate::Hz8000),
            frames: VecDeque::with_capacity(MOST_FRAMES),
            end: 0,
            filling: true,
            dry: 0,
            owed: 0,
            report: JitterBufferReport::default(),
        }
    }

    /// Takes the next frame. `index` is its stream time in samples; `lost` says that it stands for one that did not come.
    pub fn handle_frame(&mut self, now: Instant, index: u64, samples: &[i16; FRAME_SAMPLES], lost: bool) {
        if index < self.end {
            self.report.dropped += 1;
            return;
        }
        self.end = index + FRAME_SAMPLES as u64;
        // A loss is told when it is given up: that says nothing about how fast packets come.
        if !lost {
            self.arrivals.add(now, index);
        }
        if self.frames.len() == MOST_FRAMES {
            self.take();
            self.report.dropped += 1;
        }
        self.frames.push_back(Waiting { index, lost, samples: *samples });
    }

    /// Writes the next 20 ms.
    pub fn next_frame(&mut self, now: Instant, out: &mut [i16; FRAME_SAMPLES]) -> Filled {
        if self.filling {
            self.filling = self.frames.front().is_none_or(|first| self.delay(now, first) < self.target());
        }
        if self.filling {
            self.make(out);
            return Filled::Silence;
        }
        self.shorten(now);
        if self.should_stretch(now) {
            self.report.stretched += 1;
            self.make(out);
            return Filled::Audio;
        }
        match self.take() {
            Some(samples) => self.play(&samples, out),
            None => {
                self.report.concealed += 1;
                self.owed += 1;
                self.make(out);
            }
        }
        Filled::Audio
    }

    /// Forgets all audio, and goes on with what comes next.
    pub fn reset(&mut self) {
        while self.take().is_some() {}
        self.concealer.reset();
        self.quiet = Quiet::default();
        (self.filling, self.dry, self.owed) = (true, 0, 0);
    }

    /// What it has done so far.
    #[must_use]
    pub fn report(&self) -> JitterBufferReport {
        let target = Duration::from_micros(self.target() as u64 * 1_000_000 / u64::from(PLAYOUT_HZ));
        JitterBufferReport { target, ..self.report }
    }

    /// How long a frame has been held back, beside one that came as early as any and was played at once; in samples.
    fn delay(&self, now: Instant, frame: &Waiting) -> i64 {
        self.arrivals.delay(now, frame.index)
    }

    /// The delay that is aimed at, in samples.
    fn target(&self) -> i64 {
        let samples = |span: Duration| (span.as_micros() * u128::from(PLAYOUT_HZ) / 1_000_000) as i64;
        self.arrivals.spread().clamp(samples(self.config.least), samples(self.config.most))
    }

    /// Leaves out what nobody would miss, where what comes after it has waited long enough: one frame of silence, and all
    /// markers of losses, which were concealed when nothing came.
    fn shorten(&mut self, now: Instant) {
        while self.frames.front().is_some_and(|first| first.lost) && (self.owed > 0 || self.is_spare(now)) {
            self.owed = self.owed.saturating_sub(1);
            self.leave_out();
        }
        if self.is_spare(now) && self.frames.front().is_some_and(|first| self.quiet.covers(&first.samples)) {
            self.leave_out();
        }
    }

    /// Whether the frame after the next has waited long enough.
    fn is_spare(&self, now: Instant) -> bool {
        self.frames.get(1).is_some_and(|second| self.delay(now, second) >= self.target() + TOLERANCE)
    }

    fn leave_out(&mut self) {
        let mut left_out = self.frames.pop_front();
        if let (Some(before), Some(after)) = (&mut left_out, self.frames.front_mut()) {
            for n in 0..CROSSING {
                let share = (n + 1) as f32 / (CROSSING + 1) as f32;
                let (going, coming) = (f32::from(before.samples[n]), f32::from(after.samples[n]));
                after.samples[n] = (going + share * (coming - going)).round() as i16;
            }
            before.samples.zeroize();
        }
        self.report.skipped += 1;
    }

    /// Whether the next frame comes too soon, and silence can be drawn out before it.
    fn should_stretch(&self, now: Instant) -> bool {
        self.frames.front().is_some_and(|first| {
            self.delay(now, first) < self.target() - TOLERANCE && self.quiet.covers(&first.samples)
        })
    }

    /// The next frame. Its place is wiped.
    fn take(&mut self) -> Option<[i16; FRAME_SAMPLES]> {
        let samples = self.frames.front_mut().map(|first| std::mem::replace(&mut first.samples, [0; FRAME_SAMPLES]));
        self.frames.pop_front();
        samples
    }

    fn play(&mut self, samples: &[i16; FRAME_SAMPLES], out: &mut [i16; FRAME_SAMPLES]) {
        *out = *samples;
        self.quiet.hear(samples);
        self.concealer.fill(out, Gap::default());
        self.report.played += 1;
        (self.dry, self.owed) = (0, 0);
    }

    /// Goes on with what was heard before, and fades out.
    fn make(&mut self, out: &mut [i16; FRAME_SAMPLES]) {
        self.concealer.fill(out, Gap { head: FRAME_SAMPLES, tail: 0 });
        self.dry += 1;
        self.filling |= self.dry >= DRY;
    }
}

impl Drop for JitterBuffer {
    fn drop(&mut self) {
        while self.take().is_some() {}
    }
}

#[cfg(test)]
mod tests;
