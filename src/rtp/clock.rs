use std::time::Duration;

use audio::Codec;
use frame::{FRAME_MILLIS, SampleRate};

/// The clock of a stream's timestamps, beside the rate of its samples: they differ for G.722 and Opus (RFC 3551 §4.5.2,
/// RFC 7587 §4.1). Its units are those of the timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    hertz: u32,
    rate: SampleRate,
}

impl Clock {
    pub(crate) fn of(codec: Codec) -> Self {
        Self { hertz: codec.clock_hertz(), rate: codec.rate() }
    }

    pub(crate) fn hertz(self) -> u32 {
        self.hertz
    }

    pub(crate) fn rate(self) -> SampleRate {
        self.rate
    }

    /// Units of one 20 ms frame.
    pub(crate) fn frame(self) -> u32 {
        self.hertz / 1_000 * FRAME_MILLIS
    }

    /// Whole samples in these units.
    pub(crate) fn samples(self, units: u32) -> u64 {
        u64::from(units) * u64::from(self.rate.hertz()) / u64::from(self.hertz)
    }

    /// Units that these samples last.
    pub(crate) fn units(self, samples: usize) -> u32 {
        (samples as u64 * u64::from(self.hertz) / u64::from(self.rate.hertz())) as u32
    }

    /// How long these units last.
    pub(crate) fn span(self, units: u32) -> Duration {
        Duration::from_micros(u64::from(units) * 1_000_000 / u64::from(self.hertz))
    }

    /// Units that pass in a span.
    pub(crate) fn elapsed(self, span: Duration) -> u64 {
        let hertz = u64::from(self.hertz);
        span.as_secs().saturating_mul(hertz) + u64::from(span.subsec_micros()) * hertz / 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g722_counts_half_its_samples_and_opus_three_times_its_own() {
        for (codec, frame, samples) in [
            (Codec::Pcmu, 160, 160),
            (Codec::G722, 160, 320),
            (Codec::L16(SampleRate::Hz16000), 320, 320),
            (Codec::Opus(SampleRate::Hz16000), 960, 320),
            (Codec::Opus(SampleRate::Hz48000), 960, 960),
        ] {
            let clock = Clock::of(codec);
            assert_eq!((clock.frame(), clock.samples(clock.frame())), (frame, samples), "{codec:?}");
            assert_eq!(
                (clock.units(samples as usize), clock.span(frame)),
                (frame, Duration::from_millis(20)),
                "{codec:?}"
            );
            assert_eq!(clock.elapsed(Duration::from_millis(2_020)), u64::from(frame) * 101, "{codec:?}");
        }
    }
}
