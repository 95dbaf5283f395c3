//! How a stream arrives: its jitter, and how much each of its packets holds.

use std::time::{Duration, Instant};

use crate::clock::Clock;

/// The longest span that a packet is believed to hold.
const LONGEST_PACKET: Duration = Duration::from_millis(120);

/// The interarrival jitter estimator of RFC 3550 A.8, in sixteenths of a clock unit.
pub(crate) struct Jitter {
    clock: Clock,
    began: Instant,
    transit: Option<u32>,
    scaled: u32,
}

impl Jitter {
    pub(crate) fn new(clock: Clock, began: Instant) -> Self {
        Self { clock, began, transit: None, scaled: 0 }
    }

    pub(crate) fn carry(&mut self, clock: Clock) {
        *self = Self::new(clock, self.began);
    }

    pub(crate) fn restart(&mut self) {
        self.transit = None;
    }

    pub(crate) fn observe(&mut self, now: Instant, timestamp: u32) {
        let arrival = self.clock.elapsed(now.saturating_duration_since(self.began)) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let difference = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            // A jump of the timestamp is no jitter.
            let difference = difference.min(self.clock.hertz());
            self.scaled = self.scaled + difference - ((self.scaled + 8) >> 4);
        }
    }

    pub(crate) fn units(&self) -> u32 {
        self.scaled >> 4
    }

    pub(crate) fn span(&self) -> Duration {
        self.clock.span(self.units())
    }
}

/// How much one packet holds, by the timestamps of two in a row.
#[derive(Default)]
pub(crate) struct Pace {
    last: Option<(u16, u32)>,
    units: u32,
}

impl Pace {
    pub(crate) fn observe(&mut self, sequence: u16, timestamp: u32) {
        if let Some((before, then)) = self.last.replace((sequence, timestamp))
            && sequence == before.wrapping_add(1)
        {
            self.units = timestamp.wrapping_sub(then);
        }
    }

    /// The usual 20 ms until it is known, and where a pause lies between.
    pub(crate) fn packet(&self, clock: Clock) -> Duration {
        let span = clock.span(self.units);
        if (Duration::from_millis(1)..=LONGEST_PACKET).contains(&span) { span } else { clock.span(clock.frame()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_arrival_has_no_jitter_and_unsteady_arrival_has() {
        let began = crate::an_instant();
        let mut jitter = Jitter::new(Clock::of(audio::Codec::Pcmu), began);
        for number in 0..50_u32 {
            jitter.observe(began + Duration::from_millis(20) * number, 160 * number);
        }
        assert_eq!(jitter.units(), 0);
        for number in 50..500_u32 {
            let early = Duration::from_millis(if number % 2 == 0 { 10 } else { 0 });
            jitter.observe(began + Duration::from_millis(20) * number - early, 160 * number);
        }
        // Every difference is 10 ms, 80 units, and the estimate converges to it.
        assert!((75..=80).contains(&jitter.units()), "{}", jitter.units());
    }

    #[test]
    fn a_packet_holds_what_lies_between_two_in_a_row() {
        let clock = Clock::of(audio::Codec::Pcmu);
        let held = |packets: &[(u16, u32)]| {
            let mut pace = Pace::default();
            packets.iter().for_each(|&(sequence, timestamp)| pace.observe(sequence, timestamp));
            pace.packet(clock)
        };
        let millis = Duration::from_millis;
        assert_eq!(held(&[(u16::MAX, u32::MAX - 239), (0, 0)]), millis(30));
        assert_eq!(held(&[(1, 0), (3, 480)]), millis(20), "one is missing between");
        assert_eq!(held(&[(1, 0), (2, 80), (3, 16_000)]), millis(20), "a pause is none");
        assert_eq!(held(&[]), millis(20));
    }
}
