//! How a call sounds, by the E-model of ITU-T G.107 (simplified: no echo, default levels), with the values of ITU-T G.113
//! for G.711 without concealment: what is filled after the gate is not in it.

use std::fmt;
use std::time::Duration;

use crate::{Rejection, Statistics};

/// The rating of a line without loss or delay (G.107 §7.7, all defaults).
const BEST: f32 = 93.2;
/// How well speech stands loss: Bpl of G.711 without concealment (G.113 appendix I).
const ROBUSTNESS: f32 = 4.3;
/// The one-way delay from which people interrupt each other, in milliseconds.
const NOTICED: f32 = 177.3;
/// A frame's own length and the gate's delay line.
const FROM_CALLER: Duration = Duration::from_millis(40);
/// A frame's own length.
const TO_CALLER: Duration = Duration::from_millis(20);
/// Packets from which on a share of them means something: a second.
const ENOUGH: u64 = 50;

/// What both ends hear of each other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// What arrives here; `None` where too little did.
    pub from_caller: Option<Heard>,
    /// What arrives at the far end, by its own reports; `None` where it sends none.
    pub to_caller: Option<Heard>,
}

/// What one end hears.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// The share of packets that never came or came too late, from 0 to 1.
    pub loss: f32,
    /// Interarrival jitter (RFC 3550 §6.4.1).
    pub jitter: Duration,
    /// Time to the far end and back, once RTCP has told.
    pub round_trip: Option<Duration>,
    /// The mean opinion score that listeners would give, from 1 (bad) to 4.5 (excellent): an estimate, for the delay and
    /// loss between the gateway and the far end alone.
    pub mos: f32,
}

impl Quality {
    /// The quality of a leg's media so far.
    #[must_use]
    pub fn of(statistics: &Statistics) -> Self {
        let round_trip = statistics.remote.and_then(|remote| remote.round_trip);
        let rejected = |reason| statistics.rejected.count(reason);
        let repeated = rejected(Rejection::Duplicate) + rejected(Rejection::Sequence);
        let expected = (statistics.received + statistics.lost).saturating_sub(repeated);
        let from_caller = share(statistics.lost + rejected(Rejection::Late), expected)
            .map(|loss| Heard::new(loss, statistics.jitter, round_trip, FROM_CALLER));
        let to_caller = statistics.remote.and_then(|remote| {
            let loss = share(u64::try_from(remote.lost).unwrap_or_default(), statistics.sent)?;
            Some(Heard::new(loss, remote.jitter, round_trip, TO_CALLER))
        });
        Self { from_caller, to_caller }
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (direction, heard) in [("from caller", self.from_caller), ("; to caller", self.to_caller)] {
            match heard {
                None => write!(formatter, "{direction} unknown")?,
                Some(heard) => write!(formatter, "{direction} {heard}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (percent, jitter) = (self.loss * 100.0, self.jitter.as_millis());
        write!(formatter, "MOS {:.2}, loss {percent:.1} %, jitter {jitter} ms", self.mos)?;
        match self.round_trip {
            None => Ok(()),
            Some(span) => write!(formatter, ", round trip {} ms", span.as_millis()),
        }
    }
}

impl Heard {
    fn new(loss: f32, jitter: Duration, round_trip: Option<Duration>, own: Duration) -> Self {
        let delay = own + round_trip.unwrap_or_default() / 2;
        Self { loss, jitter, round_trip, mos: mos(rating(loss, delay)) }
    }
}

fn share(part: u64, whole: u64) -> Option<f32> {
    (whole >= ENOUGH).then(|| (part as f32 / whole as f32).min(1.0))
}

/// The transmission rating R (G.107 §7.1), for random loss and a one-way delay.
fn rating(loss: f32, delay: Duration) -> f32 {
    let millis = delay.as_secs_f32() * 1_000.0;
    let by_delay = 0.024 * millis + 0.11 * (millis - NOTICED).max(0.0);
    let percent = loss * 100.0;
    let by_loss = 95.0 * percent / (percent + ROBUSTNESS);
    BEST - by_delay - by_loss
}

/// The mean opinion score of a rating (G.107 annex B).
fn mos(rating: f32) -> f32 {
    if rating <= 0.0 {
        return 1.0;
    }
    let rating = rating.min(100.0);
    (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7.0e-6).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RemoteView;

    fn heard(statistics: &Statistics) -> Heard {
        Quality::of(statistics).from_caller.unwrap()
    }

    #[test]
    fn a_rating_has_the_score_of_the_recommendation() {
        for (rating, score) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            assert!((mos(rating) - score).abs() < 0.01, "{rating}: {}", mos(rating));
        }
        assert_eq!((mos(-5.0), mos(3.0)), (1.0, 1.0));
    }

    #[test]
    fn loss_and_delay_cost_what_the_model_says() {
        let clean = Statistics { received: 1_000, ..Statistics::default() };
        assert!((heard(&clean).mos - 4.39).abs() < 0.01, "{:?}", heard(&clean));
        let lossy = Statistics { received: 990, lost: 10, ..clean };
        assert!((heard(&lossy).mos - 3.79).abs() < 0.01, "{:?}", heard(&lossy));
        let remote = RemoteView { lost: -3, round_trip: Some(Duration::from_millis(600)), ..RemoteView::default() };
        let far = Statistics { sent: 1_000, remote: Some(remote), ..clean };
        let to_caller = Quality::of(&far).to_caller.unwrap();
        assert!(to_caller.loss == 0.0 && heard(&far).mos < to_caller.mos, "{to_caller:?}");
        assert!((to_caller.mos - 3.59).abs() < 0.01, "{to_caller:?}");
    }

    #[test]
    fn each_direction_is_told_as_far_as_it_is_known() {
        let (jitter, round_trip) = (Duration::from_micros(3_400), Some(Duration::from_millis(41)));
        let quality =
            Quality { from_caller: Some(Heard { loss: 0.0123, jitter, round_trip, mos: 3.798 }), to_caller: None };
        let words = "from caller MOS 3.80, loss 1.2 %, jitter 3 ms, round trip 41 ms; to caller unknown";
        assert_eq!(quality.to_string(), words);
    }

    #[test]
    fn what_comes_late_is_missed_and_a_few_packets_tell_nothing() {
        let mut late = Statistics { received: 105, ..Statistics::default() };
        for _ in 0..10 {
            late.rejected.add(Rejection::Late);
        }
        for _ in 0..5 {
            late.rejected.add(Rejection::Duplicate);
        }
        assert!((heard(&late).loss - 0.1).abs() < 1e-6);
        assert_eq!(Quality::of(&Statistics { received: 49, ..Statistics::default() }), Quality::default());
        let silent = Statistics { lost: 100, ..Statistics::default() };
        assert_eq!((heard(&silent).loss, heard(&silent).mos), (1.0, 1.0));
    }
}
