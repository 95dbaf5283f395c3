//! Two sessions that get their keys by a handshake, in virtual time.

use std::net::SocketAddr;

use audio::{Codec, FRAME_SAMPLES};
use rtp::{Keying, PacketBuffer, Payloads, Received, Rejection, Session, SessionConfig, SessionOutput};

use super::*;

fn peer() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], 4_000))
}

fn stranger() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 9], 4_000))
}

fn near_address() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1], 40_000))
}

/// A session of this side or the other, with what it expects of its far end.
fn session(
    ours: &Arc<Identity>,
    theirs: &Arc<Identity>,
    is_active: bool,
    remote: Option<SocketAddr>,
    now: Instant,
) -> Session {
    let fingerprints = vec![theirs.fingerprint().clone()];
    let handshake = DtlsConfig { identity: Arc::clone(ours), is_active, fingerprints };
    let config = SessionConfig {
        payloads: Payloads::new(Codec::Pcmu, 0, Some(101)),
        remote,
        remote_rtcp: None,
        learn_source: true,
        ssrc: if is_active { 1 } else { 2 },
        first_sequence: 100,
        first_timestamp: 5_000,
        cname: "tonegate".to_owned(),
        media_timeout: Some(Duration::from_secs(30)),
        seed: 3,
        srtp: Some(Keying::Dtls { handshake: Arc::new(handshake), rtcp_mux: true }),
    };
    Session::new(config, now).unwrap()
}

/// A packet of audio as nobody protected it.
fn clear() -> Vec<u8> {
    let mut packet = vec![0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 77];
    packet.resize(12 + 160, 1);
    packet
}

/// An empty receiver's report, likewise.
fn clear_report() -> Vec<u8> {
    vec![0x80, 201, 0, 1, 0, 0, 0, 77]
}

/// The active session and the passive one.
struct Pair {
    near: Session,
    far: Session,
    now: Instant,
}

impl Pair {
    fn new() -> Self {
        let (ours, theirs) = (identity(), identity());
        let now = an_instant();
        let near = session(&ours, &theirs, true, Some(peer()), now);
        let far = session(&theirs, &ours, false, Some(near_address()), now);
        Self { near, far, now }
    }

    fn begin(&mut self) {
        self.near.begin_handshake(self.now);
        self.far.begin_handshake(self.now);
    }

    /// Lets all datagrams that wait go over, ten milliseconds each way.
    fn exchange(&mut self) {
        loop {
            let mut moved = false;
            self.now += millis(10);
            while let Some((to, datagram)) = self.near.poll_handshake() {
                assert_eq!(to, peer());
                moved = true;
                self.far.handle_packet(self.now, near_address(), &mut datagram.clone());
            }
            while let Some((to, datagram)) = self.far.poll_handshake() {
                assert_eq!(to, near_address());
                moved = true;
                self.near.handle_packet(self.now, peer(), &mut datagram.clone());
            }
            if !moved {
                return;
            }
        }
    }

    fn secure() -> Self {
        let mut pair = Self::new();
        pair.begin();
        pair.exchange();
        for session in [&mut pair.near, &mut pair.far] {
            assert!(matches!(session.poll_output(), Some(SessionOutput::Secured { suite: Suite::AeadAes256Gcm, .. })));
            assert_eq!(session.poll_output(), None);
        }
        pair
    }
}

/// A packet of a session, as the network has it.
fn packet(session: &mut Session) -> Option<Vec<u8>> {
    let mut out = PacketBuffer::new();
    session.encode(&[500; FRAME_SAMPLES], &mut out).map(|_| out.bytes().to_vec())
}

fn count(session: &Session, reason: Rejection) -> u64 {
    session.statistics().rejected.count(reason)
}

#[test]
fn nothing_is_sent_or_heard_before_the_keys() {
    let mut pair = Pair::new();
    for begun in [false, true] {
        assert_eq!((pair.near.destination(), packet(&mut pair.near)), (None, None), "{begun}");
        assert!(pair.near.poll_rtcp(pair.now + millis(60_000)).is_none() && pair.near.statistics().sent == 0);
        pair.near.handle_packet(pair.now, peer(), &mut clear());
        pair.near.handle_packet(pair.now, peer(), &mut clear_report());
        pair.near.handle_rtcp(pair.now, peer(), &mut clear_report());
        assert!(pair.near.poll_received(pair.now).is_none());
        pair.begin();
    }
    assert_eq!(
        (count(&pair.near, Rejection::Source), count(&pair.near, Rejection::Unkeyed)),
        (2, 4),
        "RTCP has no host"
    );
    pair.exchange();
    assert_eq!(pair.near.destination(), Some(peer()));
    let sealed = packet(&mut pair.near).unwrap();
    assert_eq!(sealed.len(), 12 + 160 + 16);
    pair.far.handle_packet(pair.now, near_address(), &mut sealed.clone());
    let Some(Received::Frame(frame)) = pair.far.poll_received(pair.now) else { panic!("nothing was heard") };
    assert!(frame.samples().iter().all(|sample| sample.abs_diff(500) < 20));
}

#[test]
fn clear_audio_is_not_heard_after_the_keys_either() {
    let mut pair = Pair::secure();
    pair.near.handle_packet(pair.now, peer(), &mut clear());
    assert_eq!(count(&pair.near, Rejection::Authentication), 1);
    assert!(pair.near.poll_received(pair.now).is_none());
}

#[test]
fn reports_share_the_port_and_measure_the_round_trip() {
    let mut pair = Pair::secure();
    for from_near in [true, false] {
        let (from, to, address) = if from_near {
            (&mut pair.near, &mut pair.far, near_address())
        } else {
            (&mut pair.far, &mut pair.near, peer())
        };
        let mut sealed = packet(from).unwrap();
        to.handle_packet(pair.now, address, &mut sealed);
    }
    let (to, report) = pair.near.poll_rtcp(pair.now + millis(4_000)).unwrap();
    assert!(to == peer() && pair.near.shares_port());
    pair.far.handle_packet(pair.now + millis(4_030), near_address(), &mut report.clone());
    let (_, answer) = pair.far.poll_rtcp(pair.now + millis(4_030)).unwrap();
    pair.near.handle_packet(pair.now + millis(4_060), peer(), &mut answer.clone());
    assert!(pair.near.statistics().round_trip.unwrap().abs_diff(millis(60)) < millis(1));
    pair.near.handle_rtcp(pair.now, peer(), &mut answer.clone());
    assert_eq!(count(&pair.near, Rejection::Unkeyed), 1, "the other port has no keys");
    let (to, _) = pair.near.close(pair.now + millis(4_100)).unwrap();
    assert_eq!(to, peer());
}

#[test]
fn without_a_shared_port_there_are_no_reports() {
    let mut pair = Pair::secure();
    let (_, report) = pair.far.poll_rtcp(pair.now + millis(4_000)).unwrap();
    pair.near.share_port(false);
    assert!(!pair.near.shares_port() && pair.near.poll_rtcp(pair.now + millis(60_000)).is_none());
    pair.near.handle_packet(pair.now, peer(), &mut report.clone());
    pair.near.handle_rtcp(pair.now, peer(), &mut report.clone());
    assert_eq!((count(&pair.near, Rejection::Unkeyed), pair.near.statistics().reports), (1, 0));
    assert_eq!(pair.near.statistics().rejected.total(), 2);
    assert!(pair.near.close(pair.now).is_none());
    pair.near.share_port(true);
    pair.near.handle_packet(pair.now, peer(), &mut report.clone());
    assert_eq!(pair.near.statistics().reports, 1, "a later description may share it again");
}

#[test]
fn a_handshake_that_fails_says_why_once_and_nothing_flows() {
    let (ours, theirs) = (identity(), identity());
    let now = an_instant();
    let near = session(&ours, &ours, true, Some(peer()), now);
    let far = session(&theirs, &ours, false, Some(near_address()), now);
    let mut pair = Pair { near, far, now };
    pair.begin();
    pair.exchange();
    assert_eq!(pair.near.poll_output(), Some(SessionOutput::HandshakeFailed(HandshakeFailure::Fingerprint)));
    let deadline = now + Duration::from_secs(10);
    assert_eq!(pair.near.poll_timeout().map(|due| due < deadline), Some(true), "its own timers go on");
    pair.far.handle_timeout(deadline);
    let ended = |session: &mut Session| std::iter::from_fn(|| session.poll_output()).collect::<Vec<_>>();
    assert!(ended(&mut pair.far).contains(&SessionOutput::HandshakeFailed(HandshakeFailure::Deadline)));
    pair.near.handle_packet(deadline, peer(), &mut [22; 60]);
    assert_eq!((count(&pair.near, Rejection::Handshake), packet(&mut pair.near)), (1, None));
    assert!(!ended(&mut pair.near).iter().any(|output| matches!(output, SessionOutput::HandshakeFailed(_))));
}

#[test]
fn a_flight_goes_out_again_by_its_timer() {
    let mut pair = Pair::new();
    pair.begin();
    assert!(pair.near.poll_handshake().is_some(), "lost");
    let due = pair.near.poll_timeout().unwrap();
    assert!(due > pair.now && due <= pair.now + millis(500), "{:?}", due - pair.now);
    pair.now = due;
    pair.near.handle_timeout(due);
    pair.exchange();
    assert!(matches!(pair.near.poll_output(), Some(SessionOutput::Secured { .. })));
}

#[test]
fn a_far_end_behind_a_nat_is_answered_where_it_speaks_from_and_locked_by_its_media() {
    let mut pair = Pair::new();
    std::mem::swap(&mut pair.near, &mut pair.far);
    // The passive session is told a private address; the active one speaks from `peer()`.
    let private = SocketAddr::from(([10, 0, 0, 7], 4_000));
    let (mut active, mut passive) = (pair.far, pair.near);
    passive.retarget(pair.now, Some(private), None, true);
    active.begin_handshake(pair.now);
    passive.begin_handshake(pair.now);
    while let Some((_, datagram)) = active.poll_handshake() {
        passive.handle_packet(pair.now, peer(), &mut datagram.clone());
        while let Some((to, datagram)) = passive.poll_handshake() {
            assert_eq!(to, peer());
            active.handle_packet(pair.now, peer(), &mut datagram.clone());
        }
    }
    assert!(matches!(passive.poll_output(), Some(SessionOutput::Secured { .. })));
    assert_eq!(passive.destination(), Some(private), "a handshake closes no lock");
    for _ in 0..3 {
        let mut sealed = packet(&mut active).unwrap();
        passive.handle_packet(pair.now, peer(), &mut sealed);
    }
    assert_eq!(
        (passive.destination(), passive.poll_output()),
        (Some(peer()), Some(SessionOutput::SourceLocked(peer())))
    );
}

#[test]
fn strangers_take_no_part_in_a_handshake() {
    let mut pair = Pair::new();
    pair.begin();
    // A fatal alert in clear, as anybody can write one.
    let mut alert = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];
    pair.near.handle_packet(pair.now, stranger(), &mut alert);
    assert_eq!((count(&pair.near, Rejection::Source), pair.near.poll_output()), (1, None));
    let (_, hello) = pair.near.poll_handshake().unwrap();
    pair.far.handle_packet(pair.now, near_address(), &mut hello.clone());
    let (_, cookie) = pair.far.poll_handshake().unwrap();
    pair.near.handle_packet(pair.now, peer(), &mut cookie.clone());
    pair.near.handle_packet(pair.now, stranger(), &mut cookie.clone());
    assert_eq!(count(&pair.near, Rejection::Source), 2, "the described address has spoken");
    pair.exchange();
    assert!(matches!(pair.near.poll_output(), Some(SessionOutput::Secured { .. })));
    let mut told = Pair::new();
    told.begin();
    told.near.handle_packet(told.now, peer(), &mut alert);
    assert_eq!(told.near.poll_output(), Some(SessionOutput::HandshakeFailed(HandshakeFailure::Alert)));
}

#[test]
fn media_that_is_authentic_ends_what_is_left_of_the_handshake() {
    let mut pair = Pair::secure();
    let late = |session: &mut Session, now, from| {
        session.handle_packet(now, from, &mut [22; 60]);
        count(session, Rejection::Handshake)
    };
    assert_eq!(late(&mut pair.far, pair.now, near_address()), 0, "its last flight may be asked for");
    let mut sealed = packet(&mut pair.near).unwrap();
    pair.far.handle_packet(pair.now, near_address(), &mut sealed);
    assert_eq!(late(&mut pair.far, pair.now, near_address()), 1);
}

proptest::proptest! {
    #[test]
    fn any_bytes_before_the_keys_are_dropped(
        datagrams in proptest::collection::vec(proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64), 0..20)
    ) {
        let mut pair = Pair::new();
        pair.begin();
        for bytes in datagrams {
            pair.near.handle_packet(pair.now, peer(), &mut bytes.clone());
            pair.near.handle_rtcp(pair.now, peer(), &mut bytes.clone());
        }
        let statistics = pair.near.statistics();
        proptest::prop_assert_eq!((statistics.received, statistics.reports, statistics.sent), (0, 0, 0));
        proptest::prop_assert!(pair.near.poll_received(pair.now).is_none() && pair.near.destination().is_none());
    }
}
