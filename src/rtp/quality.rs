//! How a call sounds, by the E-model of ITU-T G.107 with losses filled, as they are after the gate; and how the far end is
//! told so (RFC 3611 §4.7).

use std::fmt;
use std::time::Duration;

use audio::Codec;

use crate::bursts::{Bursts, GAP_THRESHOLD};
use crate::emodel::{self, Impairment};
use crate::extended::UNAVAILABLE;
use crate::{Rejection, Statistics, VoipMetrics};

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
    /// The mean opinion score that the far end gives what it hears; `None` where it sends no VoIP metrics.
    pub reported: Option<f32>,
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
        let (round_trip, codec) = (statistics.round_trip, statistics.codec);
        let rejected = |reason| statistics.rejected.count(reason);
        let repeated = rejected(Rejection::Duplicate) + rejected(Rejection::Sequence);
        let expected = (statistics.received + statistics.lost).saturating_sub(repeated);
        let from_caller = share(statistics.lost + rejected(Rejection::Late), expected).map(|loss| {
            let runs = statistics.loss_runs;
            let burst_ratio = emodel::burst_ratio(runs.missing, runs.runs, loss);
            Heard::new(loss, burst_ratio, statistics.jitter, round_trip, FROM_CALLER, codec)
        });
        let to_caller = statistics.remote.and_then(|remote| {
            let loss = share(u64::try_from(remote.lost).unwrap_or_default(), statistics.sent)?;
            Some(Heard::new(loss, 1.0, remote.jitter, round_trip, TO_CALLER, codec))
        });
        Self { from_caller, to_caller, reported: statistics.reported.and_then(|metrics| metrics.mos()) }
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
        match self.reported {
            None => Ok(()),
            Some(mos) => write!(formatter, "; by the far end's own account MOS {mos:.2}"),
        }
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
    fn new(
        loss: f32,
        burst_ratio: f32,
        jitter: Duration,
        round_trip: Option<Duration>,
        own: Duration,
        codec: Option<Codec>,
    ) -> Self {
        let delay = own + round_trip.unwrap_or_default() / 2;
        let rating = emodel::rating(impairment(codec), loss, burst_ratio, delay);
        Self { loss, jitter, round_trip, mos: emodel::mos(rating) }
    }
}

fn impairment(codec: Option<Codec>) -> Impairment {
    codec.map_or(Impairment::FILLED_G711, Impairment::of)
}

/// A share, where there is enough to tell.
fn share(part: u64, whole: u64) -> Option<f32> {
    (whole >= ENOUGH).then(|| (part as f32 / whole as f32).min(1.0))
}

/// How the stream that is heard came, for the far end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hearing {
    pub(crate) expected: u64,
    pub(crate) lost: u64,
    pub(crate) discarded: u64,
    pub(crate) bursts: Bursts,
    /// What one packet holds.
    pub(crate) packet: Duration,
    pub(crate) codec: Option<Codec>,
    pub(crate) waits: Waits,
}

/// Losses are filled by more than repetition, and waits adapt (RFC 3611 §4.7.6).
const RECEIVER_CONFIGURATION: u8 = 0b10 << 6 | 0b11 << 4;

/// How long packets may wait to be heard.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waits {
    /// One that comes on time.
    pub(crate) nominal: Duration,
    /// One that comes as late as may be.
    pub(crate) maximum: Duration,
    /// The same at the longest setting.
    pub(crate) absolute_maximum: Duration,
}

impl VoipMetrics {
    /// What the far end is told.
    pub(crate) fn of(hearing: &Hearing, round_trip: Option<Duration>) -> Self {
        let periods = hearing.bursts.periods();
        let in_256ths = |share: f32| (share * 256.0) as u8;
        let rate = |part: u64| in_256ths(part as f32 / hearing.expected.max(1) as f32);
        let length = |packets: f32| (hearing.packet.as_secs_f32() * 1_000.0 * packets).round() as u16;
        let own = FROM_CALLER + hearing.waits.nominal;
        let (rating, listening_score, conversational_score) = hearing.scores(own + round_trip.unwrap_or_default() / 2);
        Self {
            loss_rate: rate(hearing.lost),
            discard_rate: rate(hearing.discarded),
            burst_density: in_256ths(periods.burst_density),
            gap_density: in_256ths(periods.gap_density),
            burst_duration: length(periods.burst_packets),
            gap_duration: length(periods.gap_packets),
            round_trip_delay: round_trip.map_or(0, whole_millis),
            end_system_delay: whole_millis(own + TO_CALLER),
            signal_level: UNAVAILABLE,
            noise_level: UNAVAILABLE,
            residual_echo_return_loss: UNAVAILABLE,
            gap_threshold: GAP_THRESHOLD,
            rating,
            external_rating: UNAVAILABLE,
            listening_score,
            conversational_score,
            receiver_configuration: RECEIVER_CONFIGURATION,
            buffer_nominal: whole_millis(hearing.waits.nominal),
            buffer_maximum: whole_millis(hearing.waits.maximum),
            buffer_absolute_maximum: whole_millis(hearing.waits.absolute_maximum),
        }
    }

    /// The mean opinion score it gives, from 1 to 5: that of the conversation, or of listening, or what the rating makes.
    #[must_use]
    pub fn mos(&self) -> Option<f32> {
        let score = |tenths: u8| (10..=50).contains(&tenths).then(|| f32::from(tenths) / 10.0);
        let rated = || (self.rating <= 100).then(|| emodel::mos(self.rating.into()));
        score(self.conversational_score).or_else(|| score(self.listening_score)).or_else(rated)
    }
}

impl Hearing {
    /// The rating of the conversation, and the scores of listening and conversation in tenths (§4.7.5).
    fn scores(&self, delay: Duration) -> (u8, u8, u8) {
        let missing = self.lost + self.discarded;
        let Some(loss) = share(missing, self.expected) else { return (UNAVAILABLE, UNAVAILABLE, UNAVAILABLE) };
        let runs = self.bursts.runs();
        let burst_ratio = emodel::burst_ratio(runs.missing, runs.runs, loss);
        let rating = |delay| emodel::rating(impairment(self.codec), loss, burst_ratio, delay).clamp(0.0, 100.0);
        let tenths = |rating| (emodel::mos(rating) * 10.0).round() as u8;
        (rating(delay).round() as u8, tenths(rating(Duration::ZERO)), tenths(rating(delay)))
    }
}

fn whole_millis(span: Duration) -> u16 {
    span.as_millis().min(u16::MAX.into()) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LossRuns, RemoteView};

    fn heard(statistics: &Statistics) -> Heard {
        Quality::of(statistics).from_caller.unwrap()
    }

    #[test]
    fn loss_and_delay_cost_what_the_model_says() {
        let clean = Statistics { received: 1_000, ..Statistics::default() };
        assert!((heard(&clean).mos - 4.39).abs() < 0.01, "{:?}", heard(&clean));
        let lossy = Statistics { received: 990, lost: 10, ..clean };
        assert!((heard(&lossy).mos - 4.30).abs() < 0.01, "{:?}", heard(&lossy));
        let remote = RemoteView { lost: -3, ..RemoteView::default() };
        let round_trip = Some(Duration::from_millis(600));
        let far = Statistics { sent: 1_000, remote: Some(remote), round_trip, ..clean };
        let to_caller = Quality::of(&far).to_caller.unwrap();
        assert!(to_caller.loss == 0.0 && heard(&far).mos < to_caller.mos, "{to_caller:?}");
        assert!((to_caller.mos - 3.59).abs() < 0.01, "{to_caller:?}");
    }

    #[test]
    fn each_direction_is_told_as_far_as_it_is_known() {
        let (jitter, round_trip) = (Duration::from_micros(3_400), Some(Duration::from_millis(41)));
        let quality =
            Quality { from_caller: Some(Heard { loss: 0.0123, jitter, round_trip, mos: 3.798 }), ..Quality::default() };
        let words = "from caller MOS 3.80, loss 1.2 %, jitter 3 ms, round trip 41 ms; to caller unknown";
        assert_eq!(quality.to_string(), words);
        let reported = Quality { reported: Some(4.1), ..quality };
        assert_eq!(reported.to_string(), format!("{words}; by the far end's own account MOS 4.10"));
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
        assert!(heard(&silent).loss == 1.0 && heard(&silent).mos < 1.2, "{:?}", heard(&silent));
    }

    #[test]
    fn losses_in_bursts_sound_worse_than_as_many_alone() {
        let alone = Statistics { received: 980, lost: 20, ..Statistics::default() };
        let bursty = Statistics { loss_runs: LossRuns { missing: 20, runs: 10 }, ..alone };
        assert!(heard(&bursty).mos < heard(&alone).mos - 0.005, "{:?}", heard(&bursty));
    }

    #[test]
    fn the_far_end_is_told_how_its_stream_came() {
        let mut bursts = Bursts::default();
        // A second of speech, and in the middle of it every other packet lost for 100 ms.
        (0..50).for_each(|number| bursts.next(!matches!(number, 20 | 22 | 24)));
        let hearing = Hearing {
            expected: 50,
            lost: 2,
            discarded: 1,
            bursts,
            packet: Duration::from_millis(20),
            codec: Some(Codec::Pcma),
            waits: Waits { maximum: Duration::from_millis(60), ..Waits::default() },
        };
        let told = VoipMetrics::of(&hearing, Some(Duration::from_millis(100)));
        assert_eq!((told.loss_rate, told.discard_rate), (10, 5));
        assert_eq!((told.burst_density, told.gap_density), (153, 0), "three of five");
        assert_eq!((told.burst_duration, told.gap_duration), (100, 450));
        assert_eq!((told.round_trip_delay, told.end_system_delay), (100, 60));
        // 95 · 6 / (6 + 25.1), and 0.024 a millisecond for 90 of them.
        assert_eq!((told.rating, told.listening_score, told.conversational_score), (73, 38, 37));
        assert_eq!((told.receiver_configuration, told.gap_threshold, told.buffer_maximum), (0xb0, 16, 60));
        assert_eq!((told.signal_level, told.noise_level, told.external_rating), (127, 127, 127));
        let short = VoipMetrics::of(&Hearing { expected: 49, ..hearing }, None);
        assert_eq!((short.rating, short.mos(), short.round_trip_delay), (127, None, 0), "a few packets tell nothing");
    }

    #[test]
    fn a_score_is_taken_from_what_the_far_end_knows() {
        let metrics = VoipMetrics::of(&Hearing::default(), None);
        let told = |rating, listening_score, conversational_score| {
            VoipMetrics { rating, listening_score, conversational_score, ..metrics }.mos()
        };
        assert_eq!((told(93, 44, 43), told(93, 44, 127), told(127, 127, 127)), (Some(4.3), Some(4.4), None));
        assert!((told(80, 127, 0).unwrap() - 4.02).abs() < 0.01);
        assert_eq!((told(101, 9, 51), told(0, 127, 127)), (None, Some(1.0)));
    }
}
