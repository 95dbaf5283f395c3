//! Extended reports between two sessions.

use super::*;
use crate::{ExtendedReports, Quality, VoipMetrics};

const ALL: ExtendedReports = ExtendedReports { round_trip: true, voip_metrics: true };
/// One way.
const PATH: Duration = Duration::from_millis(30);

/// Two sessions and the path between them.
struct Pair {
    near: Session,
    far: Session,
    began: Instant,
    /// Reports on their way: when they arrive, at whom.
    reports: Vec<(Instant, bool, Vec<u8>)>,
}

impl Pair {
    fn new(near: ExtendedReports, far: ExtendedReports) -> Self {
        let began = crate::an_instant();
        let session = |remote, ssrc, reports| {
            let payloads = Payloads { reports, ..payloads(Codec::Pcma, 8) };
            Session::new(SessionConfig { ssrc, payloads, seed: ssrc.into(), ..config(Some(remote)) }, began).unwrap()
        };
        Self { near: session(peer(), 1, near), far: session(stranger(), 2, far), began, reports: Vec::new() }
    }

    /// Twenty seconds. The far end always speaks, the near one only where `both` do; `passes` says which of the far end's
    /// packets arrive.
    fn run(&mut self, both: bool, passes: impl Fn(u32) -> bool) {
        let mut out = PacketBuffer::new();
        for number in 0..1_000_u32 {
            let now = self.began + millis(20) * number;
            self.far.encode(&[500; FRAME_SAMPLES], &mut out).unwrap();
            if passes(number) {
                self.near.handle_packet(now, peer(), &mut out.bytes().to_vec());
            }
            if both {
                self.near.encode(&[500; FRAME_SAMPLES], &mut out).unwrap();
                self.far.handle_packet(now, stranger(), &mut out.bytes().to_vec());
            }
            self.exchange(now);
            while self.near.poll_received(now).is_some() {}
            while self.far.poll_received(now).is_some() {}
        }
    }

    fn exchange(&mut self, now: Instant) {
        let of_near = self.near.poll_rtcp(now).map(|(_, report)| (now + PATH, true, report));
        let of_far = self.far.poll_rtcp(now).map(|(_, report)| (now + PATH, false, report));
        self.reports.extend(of_near.into_iter().chain(of_far));
        let (due, later) = std::mem::take(&mut self.reports).into_iter().partition(|(at, _, _)| *at <= now);
        self.reports = later;
        let due: Vec<(Instant, bool, Vec<u8>)> = due;
        for (at, to_far, mut report) in due {
            if to_far {
                self.far.handle_rtcp(at, stranger(), &mut report);
            } else {
                self.near.handle_rtcp(at, peer(), &mut report);
            }
        }
    }
}

fn round_trip(session: &Session) -> Duration {
    session.statistics().round_trip.expect("a round trip")
}

fn reported(session: &Session) -> VoipMetrics {
    session.statistics().reported.expect("metrics")
}

#[test]
fn two_sessions_know_their_round_trip_and_each_others_score() {
    let mut pair = Pair::new(ALL, ALL);
    pair.run(true, |_| true);
    for session in [&pair.near, &pair.far] {
        assert!(round_trip(session).abs_diff(PATH * 2) < millis(1), "{:?}", round_trip(session));
        let told = reported(session);
        assert_eq!((told.loss_rate, told.burst_density, told.gap_density), (0, 0, 0));
        assert!(told.round_trip_delay.abs_diff(60) <= 1, "{told:?}");
        assert_eq!((told.listening_score, told.conversational_score), (44, 44));
        assert_eq!(Quality::of(&session.statistics()).reported, Some(4.4));
        assert_eq!(session.statistics().rejected.total(), 0);
    }
}

#[test]
fn losses_are_told_to_whom_they_befell() {
    let mut pair = Pair::new(ALL, ALL);
    // Every two seconds three in a row.
    pair.run(true, |number| number % 100 < 97);
    let told = reported(&pair.far);
    assert!((6..=8).contains(&told.loss_rate), "{told:?}");
    assert_eq!((told.discard_rate, told.burst_density, told.gap_density), (0, 255, 0));
    assert_eq!((told.burst_duration, told.gap_threshold), (60, 16));
    assert!((1_700..=1_960).contains(&told.gap_duration), "{told:?}");
    let (far, near) = (Quality::of(&pair.far.statistics()), Quality::of(&pair.near.statistics()));
    assert!(far.reported.unwrap() < 4.2 && near.reported == Some(4.4), "{far:?} {near:?}");
    let (estimated, told) = (near.from_caller.unwrap().mos, far.reported.unwrap());
    assert!((estimated - told).abs() < 0.1, "both ends agree: {estimated} {told}");
}

#[test]
fn who_only_listens_measures_by_the_answers_to_its_reference_time() {
    let mut pair = Pair::new(ALL, ALL);
    pair.run(false, |_| true);
    assert_eq!(pair.near.statistics().sent, 0);
    assert!(round_trip(&pair.near).abs_diff(PATH * 2) < millis(1));
    let mut pair = Pair::new(ExtendedReports::default(), ALL);
    pair.run(false, |_| true);
    assert_eq!(pair.near.statistics().round_trip, None, "who has not asked is not answered");
}

#[test]
fn only_what_was_agreed_is_sent_and_all_is_read() {
    for (agreed, blocks) in [
        (ExtendedReports::default(), vec![]),
        (ExtendedReports { voip_metrics: true, ..ExtendedReports::default() }, vec![7]),
        (ExtendedReports { round_trip: true, ..ExtendedReports::default() }, vec![4, 5]),
        (ALL, vec![4, 5, 7]),
    ] {
        let mut pair = Pair::new(agreed, ALL);
        pair.run(true, |_| true);
        let (_, report) = pair.near.close(pair.began + millis(20_000)).unwrap();
        assert_eq!(blocks_of(&report), blocks, "{agreed:?}");
        assert_eq!(pair.far.statistics().reported.is_some(), agreed.voip_metrics);
        assert!(pair.near.statistics().reported.is_some());
        assert!(pair.near.carry(Payloads { reports: ALL, ..payloads(Codec::Pcma, 8) }).is_ok());
        let (_, report) = pair.near.close(pair.began + millis(20_000)).unwrap();
        assert_eq!(blocks_of(&report), [4, 5, 7], "a later description agreed to all");
    }
}

/// The kinds of blocks in the extended report of a compound packet, which stands before its goodbye.
fn blocks_of(report: &[u8]) -> Vec<u8> {
    let mut rest = report;
    let mut kinds = Vec::new();
    while let Some((header, tail)) = rest.split_first_chunk::<4>() {
        let (body, later) = tail.split_at(usize::from(header[3]) * 4);
        rest = later;
        let mut blocks = if header[1] == 207 { &body[4..] } else { &[] };
        while let Some((block, tail)) = blocks.split_first_chunk::<4>() {
            kinds.push(block[0]);
            blocks = &tail[usize::from(block[3]) * 4..];
        }
    }
    kinds
}
