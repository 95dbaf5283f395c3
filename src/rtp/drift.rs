//! The far end's clock beside ours: whether its stream has run ahead of our time, or fallen behind it.

use std::time::{Duration, Instant};

/// Packets over which the fastest way is looked for: ten seconds of 20 ms packets. What a line delays now and then is no drift.
const WINDOW: u32 = 500;
/// How far the clocks may be apart before the stream is corrected, in microseconds.
const TOLERANCE: i64 = 60_000;

/// What would bring the stream nearer to our time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Correction {
    /// The stream has run ahead: a frame of it is to be left out.
    LeaveOut,
    /// It has fallen behind: a frame is to be put in.
    PutIn,
}

/// Compares stream time with our time, by the packets that came fastest.
pub(crate) struct Drift {
    began: Instant,
    /// The largest lead of the stream in the present window, in microseconds.
    lead: i64,
    packets: u32,
    /// The lead of the first window.
    reference: Option<i64>,
    /// What is left to correct, in microseconds; positive where the stream is ahead.
    offset: i64,
}

impl Drift {
    pub(crate) fn new(began: Instant) -> Self {
        Self { began, lead: i64::MIN, packets: 0, reference: None, offset: 0 }
    }

    /// The stream was tied to our time anew: what it was apart before means nothing.
    pub(crate) fn restart(&mut self) {
        *self = Self::new(self.began);
    }

    /// A packet came, and with it stream time has come to `stream`.
    pub(crate) fn observe(&mut self, now: Instant, stream: Duration) {
        let ours = now.saturating_duration_since(self.began);
        self.lead = self.lead.max(stream.as_micros() as i64 - ours.as_micros() as i64);
        self.packets += 1;
        if self.packets < WINDOW {
            return;
        }
        let reference = *self.reference.get_or_insert(self.lead);
        self.offset = self.lead - reference;
        (self.lead, self.packets) = (i64::MIN, 0);
    }

    /// What is to be done, where that can be done unheard.
    pub(crate) fn correction(&self) -> Option<Correction> {
        match self.offset {
            offset if offset > TOLERANCE => Some(Correction::LeaveOut),
            offset if offset < -TOLERANCE => Some(Correction::PutIn),
            _ => None,
        }
    }

    /// It was done, by so much.
    pub(crate) fn corrected(&mut self, correction: Correction, frame: Duration) {
        let frame = frame.as_micros() as i64;
        self.offset += match correction {
            Correction::LeaveOut => -frame,
            Correction::PutIn => frame,
        };
        // The window that is under way has seen both sides of it.
        (self.lead, self.packets) = (i64::MIN, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(20);

    /// What an hour of packets needs, from a clock that is wrong by so many parts in a million, over a line that delays every
    /// third packet by 40 ms.
    fn an_hour(parts_in_a_million: i64) -> (u32, u32) {
        let began = crate::an_instant();
        let (mut drift, mut stream, mut counts) = (Drift::new(began), Duration::ZERO, (0, 0));
        for number in 0..180_000_u64 {
            let sent = 20_000_000 * number as i64;
            let ours = Duration::from_nanos((sent - sent / 1_000_000 * parts_in_a_million) as u64);
            let delay = Duration::from_millis(if number % 3 == 0 { 40 } else { 0 });
            stream += FRAME;
            drift.observe(began + ours + delay, stream);
            if let Some(correction) = drift.correction() {
                drift.corrected(correction, FRAME);
                match correction {
                    Correction::LeaveOut => (stream, counts.0) = (stream - FRAME, counts.0 + 1),
                    Correction::PutIn => (stream, counts.1) = (stream + FRAME, counts.1 + 1),
                }
            }
        }
        counts
    }

    #[test]
    fn a_true_clock_is_left_alone_however_uneven_the_line() {
        assert_eq!(an_hour(0), (0, 0));
    }

    #[test]
    fn a_fast_clock_is_slowed_and_a_slow_one_hastened() {
        // A hundred parts in a million are 360 ms in an hour: eighteen frames, of which three are tolerated.
        assert!(matches!(an_hour(100), (14..=16, 0)), "{:?}", an_hour(100));
        assert!(matches!(an_hour(-100), (0, 14..=16)), "{:?}", an_hour(-100));
    }

    #[test]
    fn a_stream_that_was_tied_anew_is_measured_anew() {
        let began = crate::an_instant();
        let mut drift = Drift::new(began);
        for number in 1..=500 {
            drift.observe(began + FRAME * number, FRAME * number);
        }
        drift.restart();
        for number in 501..=1_500 {
            drift.observe(began + FRAME * number, FRAME * (number + 40));
        }
        assert_eq!(drift.correction(), None);
    }
}
