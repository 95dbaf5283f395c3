//! When to report, and what was reported (RFC 3550 §6.2 to §6.4).

use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::extended::{Answer, Blocks};
use crate::receiver::Reception;
use crate::rtcp::{Block, Compound, Digest, SenderInfo};
use crate::sender::Sender;
use crate::{ExtendedReports, RemoteView, VoipMetrics};

/// The interval before it is randomised: the minimum, which two parties of G.711 never exceed (§6.2).
const INTERVAL: Duration = Duration::from_secs(5);
/// Makes up for what reconsideration adds: e − 3/2 (§6.3.1).
const COMPENSATION: f64 = 1.218_28;

pub(crate) struct Reporter {
    cname: String,
    agreed: ExtendedReports,
    began: Instant,
    random: Random,
    due: Option<Instant>,
    /// The goodbye of a stream that was left, until it is sent.
    farewell: Option<(Instant, Vec<u8>)>,
    last_remote: Option<(u32, Instant)>,
    /// The far end's last reference time, its SSRC, and when it came.
    last_reference: Option<(u32, u32, Instant)>,
    prior_expected: u64,
    prior_received: u64,
    prior_ssrc: Option<u32>,
    remote: Option<RemoteView>,
    /// What the far end missed of streams that were left.
    lost_before: i32,
    round_trip: Option<Duration>,
    reported: Option<VoipMetrics>,
    received: u64,
}

impl Reporter {
    pub(crate) fn new(cname: String, agreed: ExtendedReports, seed: u64, now: Instant) -> Self {
        let mut random = Random(seed);
        // Half the interval before the first report (§6.2).
        let due = now + random.interval() / 2;
        Self {
            cname,
            agreed,
            began: now,
            random,
            due: Some(due),
            farewell: None,
            last_remote: None,
            last_reference: None,
            prior_expected: 0,
            prior_received: 0,
            prior_ssrc: None,
            remote: None,
            lost_before: 0,
            round_trip: None,
            reported: None,
            received: 0,
        }
    }

    /// Which extended reports go out from now on.
    pub(crate) fn agree(&mut self, agreed: ExtendedReports) {
        self.agreed = agreed;
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        self.farewell.as_ref().map(|(at, _)| *at).or(self.due)
    }

    pub(crate) fn remote(&self) -> Option<RemoteView> {
        self.remote
    }

    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// How the far end hears us, by its own account.
    pub(crate) fn reported(&self) -> Option<VoipMetrics> {
        self.reported
    }

    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Takes a report of the far end; `clock` is that of what we send.
    pub(crate) fn handle(&mut self, now: Instant, digest: &Digest, clock: Clock) {
        self.received += 1;
        if let Some(ntp) = digest.sender_ntp {
            self.last_remote = Some((ntp, now));
        }
        if let Some((reference, ssrc)) = digest.reference {
            self.last_reference = Some((reference, ssrc, now));
        }
        if let Some(Answer { reference, delay, .. }) = digest.answer {
            self.measure(now, reference, delay);
        }
        self.reported = digest.metrics.or(self.reported);
        if let Some(block) = digest.about_us {
            self.measure(now, block.last_report, block.delay);
            self.remote = Some(RemoteView {
                lost: self.lost_before.saturating_add(block.lost),
                fraction_lost: block.fraction_lost,
                jitter: clock.span(block.jitter),
            });
        }
    }

    /// The report that is due, if one is.
    pub(crate) fn poll(&mut self, now: Instant, sender: &Sender, reception: Option<Reception>) -> Option<Vec<u8>> {
        if let Some((_, goodbye)) = self.farewell.take() {
            return Some(goodbye);
        }
        if self.due.is_none_or(|due| now < due) {
            return None;
        }
        self.due = Some(now + self.random.interval());
        Some(self.compose(now, sender, reception, false))
    }

    /// The last report, with a goodbye. None is due after it.
    pub(crate) fn close(&mut self, now: Instant, sender: &Sender, reception: Option<Reception>) -> Vec<u8> {
        self.due = None;
        self.compose(now, sender, reception, true)
    }

    /// Says goodbye for the stream that is sent, and chooses the SSRC and first sequence number of the one after it
    /// (RFC 3550 §8.2). Both are random; `taken` is the far end's.
    pub(crate) fn leave(
        &mut self,
        now: Instant,
        sender: &Sender,
        reception: Option<Reception>,
        taken: u32,
    ) -> (u32, u16) {
        // Whoever has sent nothing need not say goodbye (§6.3.7).
        if sender.of_this_stream().0 > 0 {
            self.farewell = Some((now, self.compose(now, sender, reception, true)));
        }
        self.lost_before = self.remote.map_or(0, |remote| remote.lost);
        let ssrc = loop {
            let ssrc = self.random.next() as u32;
            if ssrc != sender.ssrc() && ssrc != taken {
                break ssrc;
            }
        };
        (ssrc, self.random.next() as u16)
    }

    fn compose(&mut self, now: Instant, sender: &Sender, reception: Option<Reception>, bye: bool) -> Vec<u8> {
        let (packets, octets) = sender.of_this_stream();
        let information = (packets > 0).then(|| SenderInfo {
            ntp: self.ntp(now),
            timestamp: sender.timestamp(),
            packets: packets as u32,
            octets: octets as u32,
        });
        let extended = self.blocks(now, reception.as_ref());
        crate::rtcp::write(&Compound {
            ssrc: sender.ssrc(),
            sender: information,
            block: reception.map(|reception| self.block(now, &reception)),
            cname: &self.cname,
            extended,
            bye,
        })
    }

    /// The extended report: what was agreed of it (RFC 3611 §4.4, §4.5, §4.7).
    fn blocks(&self, now: Instant, reception: Option<&Reception>) -> Blocks {
        let since = |at| short_ntp(now.saturating_duration_since(at));
        let ExtendedReports { round_trip, voip_metrics } = self.agreed;
        let answer = self.last_reference.map(|(reference, ssrc, at)| Answer { ssrc, reference, delay: since(at) });
        let heard = reception.filter(|_| voip_metrics);
        Blocks {
            reference: round_trip.then(|| self.ntp(now)),
            answer: answer.filter(|_| round_trip),
            metrics: heard.map(|heard| (heard.ssrc, VoipMetrics::of(&heard.hearing, self.round_trip))),
        }
    }

    /// The block about the stream that is heard (RFC 3550 A.3).
    fn block(&mut self, now: Instant, reception: &Reception) -> Block {
        if self.prior_ssrc != Some(reception.ssrc) || reception.expected < self.prior_expected {
            (self.prior_expected, self.prior_received) = (0, 0);
        }
        let expected = reception.expected - self.prior_expected;
        let received = reception.received.saturating_sub(self.prior_received);
        let lost = expected.saturating_sub(received);
        let fraction = (lost << 8).checked_div(expected).unwrap_or(0);
        self.prior_ssrc = Some(reception.ssrc);
        (self.prior_expected, self.prior_received) = (reception.expected, reception.received);
        let (last_report, delay) = match self.last_remote {
            Some((ntp, at)) => (ntp, short_ntp(now.saturating_duration_since(at))),
            None => (0, 0),
        };
        Block {
            ssrc: reception.ssrc,
            fraction_lost: fraction.min(255) as u8,
            lost: (reception.expected as i64 - reception.received as i64).clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest: reception.highest,
            jitter: reception.jitter,
            last_report,
            delay,
        }
    }

    /// Elapsed time serves as the NTP time of a sender without a wall clock (§6.4.1). It begins at one second, because
    /// nothing means that no report came.
    fn ntp(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.began);
        let fraction = (u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
        (elapsed.as_secs() + 1) << 32 | fraction
    }

    /// §6.4.1, and RFC 3611 §4.5: when the report came, less when ours was sent, less how long the far end kept it.
    fn measure(&mut self, now: Instant, sent: u32, delay: u32) {
        if sent == 0 {
            return;
        }
        let units = ((self.ntp(now) >> 16) as u32).wrapping_sub(sent).wrapping_sub(delay);
        // Half the range is the past: a clock that disagrees with itself.
        if units < 1 << 31 {
            self.round_trip = Some(Duration::from_secs_f64(f64::from(units) / 65_536.0));
        }
    }
}

/// A span in 65,536ths of a second.
fn short_ntp(span: Duration) -> u32 {
    (span.as_micros() * 65_536 / 1_000_000) as u32
}

/// A small generator (splitmix64), so that two calls with one seed report alike.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Half to one and a half intervals, compensated (§6.3.1).
    fn interval(&mut self) -> Duration {
        let share = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        INTERVAL.mul_f64((0.5 + share) / COMPENSATION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::Hearing;

    #[test]
    fn intervals_lie_in_the_range_of_the_rfc_and_differ_by_seed() {
        let mut first = Random(1);
        let spans: Vec<_> = (0..100).map(|_| first.interval()).collect();
        let (low, high) = (INTERVAL.mul_f64(0.5 / COMPENSATION), INTERVAL.mul_f64(1.5 / COMPENSATION));
        assert!(spans.iter().all(|span| (low..=high).contains(span)));
        assert_ne!(Random(2).interval(), spans[0]);
        assert_eq!(Random(1).interval(), spans[0]);
    }

    #[test]
    fn loss_is_counted_since_the_last_report() {
        let now = crate::an_instant();
        let mut reporter = Reporter::new("x".to_owned(), ExtendedReports::default(), 1, now);
        let hearing = Hearing::default();
        let reception = |expected, received| Reception { ssrc: 3, expected, received, highest: 0, jitter: 0, hearing };
        let first = reporter.block(now, &reception(100, 75));
        assert_eq!((first.fraction_lost, first.lost), (64, 25));
        let second = reporter.block(now, &reception(200, 175));
        assert_eq!((second.fraction_lost, second.lost), (0, 25));
    }

    #[test]
    fn the_round_trip_is_what_the_far_end_did_not_keep() {
        let now = crate::an_instant();
        let mut reporter = Reporter::new("x".to_owned(), ExtendedReports::default(), 1, now);
        let later = now + Duration::from_millis(2_500);
        let last_report = (reporter.ntp(now) >> 16) as u32;
        let delay = short_ntp(Duration::from_millis(2_400));
        reporter.measure(later, last_report, delay);
        let measured = reporter.round_trip().unwrap();
        assert!(measured.abs_diff(Duration::from_millis(100)) < Duration::from_millis(1), "{measured:?}");
        reporter.measure(later, last_report, delay + short_ntp(Duration::from_millis(200)));
        reporter.measure(later, 0, 0);
        assert_eq!(reporter.round_trip(), Some(measured), "an answer before the question counts for nothing");
    }
}
