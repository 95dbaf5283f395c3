use super::*;
use crate::Packet;
use crate::srtp::{MAX_RTP_TRAILER, MasterKey, Outbound, SrtpKeys, Suite};

mod codecs;
mod extended;
mod hostile;
mod source;
mod streams;

const PEER: ([u8; 4], u16) = ([192, 0, 2, 7], 4_000);

fn peer() -> SocketAddr {
    SocketAddr::from(PEER)
}

fn stranger() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 9], 4_000))
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn payloads(codec: Codec, audio: u8) -> Payloads {
    Payloads::new(codec, audio, Some(101))
}

fn config(remote: Option<SocketAddr>) -> SessionConfig {
    SessionConfig {
        payloads: payloads(Codec::Pcmu, 0),
        remote,
        remote_rtcp: None,
        learn_source: false,
        ssrc: 1,
        first_sequence: 100,
        first_timestamp: 5_000,
        cname: "tonegate".to_owned(),
        media_timeout: Some(Duration::from_secs(10)),
        seed: 3,
        srtp: None,
    }
}

/// A far end that sends to the session in virtual time.
struct Far {
    session: Session,
    began: Instant,
    ssrc: u32,
}

impl Far {
    fn new(remote: Option<SocketAddr>) -> Self {
        let began = crate::an_instant();
        Self { session: Session::new(config(remote), began).unwrap(), began, ssrc: 77 }
    }

    fn packet(&self, payload_type: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x80, payload_type];
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(timestamp.to_be_bytes());
        bytes.extend(self.ssrc.to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    /// Sends the audio packet of a number at its own time, its payload one code that names it.
    fn audio_from(&mut self, from: SocketAddr, number: u16) {
        let bytes = self.packet(0, number, u32::from(number) * 160, &[number as u8; 160]);
        self.session.handle_packet(self.at(number), from, &mut bytes.clone());
    }

    fn audio(&mut self, number: u16) {
        self.audio_from(peer(), number);
    }

    fn at(&self, number: u16) -> Instant {
        self.began + millis(20) * u32::from(number)
    }

    /// Every frame by its first sample, or none where it is lost.
    fn heard(&mut self, now: Instant) -> Vec<Option<i16>> {
        let mut out = Vec::new();
        while let Some(received) = self.session.poll_received(now) {
            if let Received::Frame(frame) = received {
                out.push((!frame.is_lost()).then(|| frame.samples()[0]));
            }
        }
        out
    }

    fn rejected(&self, reason: Rejection) -> u64 {
        self.session.statistics().rejected.count(reason)
    }
}

fn code(number: u16) -> Option<i16> {
    Some(audio::g711::decode_ulaw(number as u8))
}

#[test]
fn packets_in_order_are_heard_at_once() {
    let mut far = Far::new(Some(peer()));
    for number in 0..5 {
        far.audio(number);
        assert_eq!(far.heard(far.at(number)), [code(number)]);
    }
    assert_eq!(far.session.poll_output(), Some(SessionOutput::SourceLocked(peer())));
    let statistics = far.session.statistics();
    assert_eq!((statistics.received, statistics.lost, statistics.jitter), (5, 0, Duration::ZERO));
}

#[test]
fn swapped_packets_are_heard_in_order_and_doubles_once() {
    let mut far = Far::new(Some(peer()));
    for number in [0, 2, 1, 1, 3] {
        far.audio(number);
    }
    assert_eq!(far.heard(far.at(3)), [code(0), code(1), code(2), code(3)]);
    assert_eq!(far.rejected(Rejection::Duplicate), 1);
    assert_eq!(far.session.statistics().lost, 0);
}

#[test]
fn a_lost_packet_becomes_a_marker_after_the_wait() {
    let mut far = Far::new(Some(peer()));
    for number in [0, 1, 3] {
        far.audio(number);
    }
    assert_eq!(far.heard(far.at(3) + millis(9)), [code(0), code(1)]);
    assert_eq!(far.heard(far.at(3) + millis(10)), [None, code(3)]);
    far.audio(2);
    assert_eq!(far.rejected(Rejection::Late), 1);
}

#[test]
fn a_spoofed_packet_is_dropped_and_the_call_goes_on() {
    let mut far = Far::new(Some(peer()));
    far.audio(0);
    for number in 1..20 {
        far.audio_from(stranger(), number);
    }
    far.audio(1);
    assert_eq!(far.heard(far.at(1)), [code(0), code(1)]);
    assert_eq!((far.rejected(Rejection::Source), far.session.destination()), (19, Some(peer())));
}

#[test]
fn without_an_address_three_in_a_row_are_believed() {
    let mut far = Far::new(None);
    assert_eq!(far.session.destination(), None);
    for number in 0..4 {
        far.audio(number);
    }
    assert_eq!(far.session.poll_output(), Some(SessionOutput::SourceLocked(peer())));
    assert_eq!(far.heard(far.at(3)), [code(2), code(3)]);
    assert_eq!((far.rejected(Rejection::Probation), far.session.destination()), (2, Some(peer())));
}

#[test]
fn what_could_never_be_heard_wins_no_lock() {
    let mut far = Far::new(None);
    for number in 0..5 {
        for (payload_type, payload) in [(96, &[1_u8; 160][..]), (0, &[]), (0, &[1; 961]), (13, &[])] {
            let mut bytes = far.packet(payload_type, number, u32::from(number) * 160, payload);
            far.session.handle_packet(far.at(number), stranger(), &mut bytes);
        }
    }
    assert_eq!(far.session.destination(), None);
    assert_eq!(far.rejected(Rejection::PayloadType), 20);
    (5..8).for_each(|number| far.audio_from(stranger(), number));
    assert_eq!(far.session.destination(), Some(stranger()), "real media does");
}

#[test]
fn only_a_retarget_opens_the_lock() {
    let mut far = Far::new(Some(peer()));
    far.audio(0);
    far.session.retarget(far.at(1), Some(stranger()), None, false);
    assert_eq!(far.session.destination(), Some(stranger()));
    far.audio(1);
    far.audio_from(stranger(), 1);
    assert_eq!(far.heard(far.at(1)), [code(0), code(1)]);
    assert_eq!(far.rejected(Rejection::Source), 1);
}

#[test]
fn events_come_between_frames_and_their_packets_are_no_loss() {
    let mut far = Far::new(Some(peer()));
    far.audio(0);
    let event = far.packet(101, 1, 160, &[5, 10, 0, 160]);
    far.session.handle_packet(far.at(1), peer(), &mut event.clone());
    let bytes = far.packet(0, 2, 160, &[9; 160]);
    far.session.handle_packet(far.at(1), peer(), &mut bytes.clone());
    let kinds: Vec<_> = std::iter::from_fn(|| far.session.poll_received(far.at(1)))
        .map(|received| match received {
            Received::Frame(frame) => (frame.index(), frame.is_lost()),
            Received::Event(event) => (u64::from(event.timestamp()) + 1_000_000, event.payload().len() == 4),
        })
        .collect();
    assert_eq!(kinds, [(0, false), (1_000_160, true), (160, false)]);
}

/// A block's header (RFC 2198 §3): so many units before the packet, four bytes long.
fn before(payload_type: u8, units: u16) -> [u8; 4] {
    let [high, low] = (units << 2).to_be_bytes();
    [0x80 | payload_type, high, low, 4]
}

#[test]
fn events_come_again_in_redundant_payloads_beside_audio_or_events() {
    let mut far = Far::new(Some(peer()));
    let events = EventPayload { payload_type: 101, clock_hertz: 8_000, redundant: Some(98) };
    far.session.carry(Payloads { events: Some(events), ..payloads(Codec::Pcmu, 0) }).unwrap();
    far.audio(0);
    let [one, two] = [[1, 0x8A, 3, 32], [2, 10, 0, 160]];
    let with_event = [&before(101, 1_440)[..], &[101], &one, &two].concat();
    let with_audio = [&before(101, 160)[..], &before(0, 160), &[0], &one, &[7; 4], &[9; 160]].concat();
    let broken = [&before(101, 1_440)[..], &[101], &one[..3]].concat();
    let foreign = [&before(96, 1_440)[..], &[96], &one, &two].concat();
    for (number, timestamp, payload) in
        [(1, 2_000, with_event), (2, 160, with_audio), (3, 320, broken), (4, 320, foreign)]
    {
        let bytes = far.packet(98, number, timestamp, &payload);
        far.session.handle_packet(far.at(1), peer(), &mut bytes.clone());
    }
    let heard: Vec<_> = std::iter::from_fn(|| far.session.poll_received(far.at(1)))
        .map(|received| match received {
            Received::Frame(frame) => format!("frame {} {}", frame.index(), frame.samples()[0] == code(9).unwrap()),
            Received::Event(event) => format!("{} at {}", event.payload()[0], event.timestamp()),
        })
        .collect();
    assert_eq!(heard, ["frame 0 false", "1 at 560", "2 at 2000", "1 at 0", "frame 160 true"]);
    assert_eq!(far.rejected(Rejection::PayloadLength), 1);
}

#[test]
fn foreign_payloads_never_reach_the_decoder() {
    let mut far = Far::new(Some(peer()));
    far.audio(0);
    for (number, payload_type, payload) in
        [(1, 96, &[5, 10, 0, 160][..]), (2, 8, &[1; 160]), (3, 13, &[70]), (4, 0, &[0; 961]), (5, 101, &[0; 20])]
    {
        let bytes = far.packet(payload_type, number, 160, payload);
        far.session.handle_packet(far.at(1), peer(), &mut bytes.clone());
    }
    assert_eq!(far.heard(far.at(1)), [code(0)]);
    assert_eq!((far.rejected(Rejection::PayloadType), far.rejected(Rejection::PayloadLength)), (2, 2));
    assert_eq!(far.session.statistics().comfort_noise, 1);
}

#[test]
fn a_jump_of_the_sequence_is_followed_after_two_packets() {
    let mut far = Far::new(Some(peer()));
    far.audio(0);
    far.audio(1);
    for number in 30_000..30_003 {
        let bytes = far.packet(0, number, u32::from(number) * 160, &[number as u8; 160]);
        far.session.handle_packet(far.at(number - 29_998), peer(), &mut bytes.clone());
    }
    assert_eq!(far.heard(far.at(4)), [code(0), code(1), code(30_001), code(30_002)]);
    assert_eq!((far.rejected(Rejection::Sequence), far.session.statistics().lost), (1, 0));
}

#[test]
fn a_burst_far_ahead_keeps_the_buffer_bounded() {
    let mut far = Far::new(Some(peer()));
    far.audio(0);
    for number in (2..200).step_by(2) {
        let bytes = far.packet(0, number, u32::from(number) * 160, &[number as u8; 160]);
        far.session.handle_packet(far.at(1), peer(), &mut bytes.clone());
    }
    let heard = far.heard(far.at(1));
    assert!(heard.len() > 150, "what fell out of the window was handed on: {}", heard.len());
    assert_eq!(far.heard(far.at(3)).len() + heard.len(), 199);
}

#[test]
fn silence_is_reported_once_and_again_after_media() {
    let mut far = Far::new(Some(peer()));
    far.audio(0);
    far.session.poll_output();
    far.session.handle_timeout(far.began + millis(9_999));
    assert_eq!(far.session.poll_output(), None);
    far.session.handle_timeout(far.began + millis(10_000));
    assert_eq!(far.session.poll_output(), Some(SessionOutput::MediaTimeout));
    far.session.handle_timeout(far.began + millis(30_000));
    assert_eq!(far.session.poll_output(), None);
    let bytes = far.packet(0, 1, 160, &[1; 160]);
    far.session.handle_packet(far.began + millis(30_000), peer(), &mut bytes.clone());
    far.session.handle_timeout(far.began + millis(40_000));
    assert_eq!(far.session.poll_output(), Some(SessionOutput::MediaTimeout));
}

#[test]
fn reports_go_out_in_their_interval_and_end_with_a_goodbye() {
    let mut far = Far::new(Some(peer()));
    far.audio(0);
    let mut out = PacketBuffer::new();
    far.session.encode(&[0; FRAME_SAMPLES], &mut out);
    assert_eq!(Packet::parse(out.bytes()).ok().unwrap().sequence, 100);
    assert_eq!(far.session.poll_rtcp(far.began), None);
    let (to, report) = far.session.poll_rtcp(far.began + millis(3_100)).unwrap();
    assert_eq!((to, report[1]), (SocketAddr::from((PEER.0, PEER.1 + 1)), 200));
    let (_, last) = far.session.close(far.began + millis(3_200)).unwrap();
    assert_eq!(&last[last.len() - 8..], [0x81, 203, 0, 1, 0, 0, 0, 1]);
    assert_eq!(far.session.poll_rtcp(far.began + millis(60_000)), None);
}

#[test]
fn two_sessions_measure_their_round_trip() {
    let began = crate::an_instant();
    let mut near = Session::new(config(Some(peer())), began).unwrap();
    let mut out = PacketBuffer::new();
    near.encode(&[0; FRAME_SAMPLES], &mut out);
    let mut far = Session::new(SessionConfig { ssrc: 2, ..config(Some(stranger())) }, began).unwrap();
    far.encode(&[0; FRAME_SAMPLES], &mut PacketBuffer::new());
    far.handle_packet(began, stranger(), &mut out.bytes().to_vec());
    let sent = began + millis(4_000);
    let (_, report) = near.poll_rtcp(sent).unwrap();
    far.handle_rtcp(sent + millis(30), stranger(), &mut report.clone());
    let answered = sent + millis(4_030);
    let (_, answer) = far.poll_rtcp(answered).unwrap();
    near.handle_rtcp(answered + millis(30), peer(), &mut answer.clone());
    let view = near.statistics().remote.unwrap();
    assert!(near.statistics().round_trip.unwrap().abs_diff(millis(60)) < millis(1));
    assert_eq!((view.lost, view.fraction_lost), (0, 0));
}

#[test]
fn reports_of_strangers_and_broken_ones_are_dropped() {
    let mut far = Far::new(Some(peer()));
    far.session.handle_rtcp(far.began, stranger(), &mut []);
    far.session.handle_rtcp(far.began, peer(), &mut [1, 2, 3]);
    assert_eq!((far.rejected(Rejection::Source), far.rejected(Rejection::Report)), (1, 1));
}

/// The keys of one side; the other's are the same, turned round.
fn keys() -> SrtpKeys {
    let key = |first: u8| MasterKey::new(Suite::AesCm128HmacSha1_32, &[first; 30]).unwrap();
    SrtpKeys { local: key(1), remote: key(2) }
}

fn turned(keys: SrtpKeys) -> SrtpKeys {
    SrtpKeys { local: keys.remote, remote: keys.local }
}

#[test]
fn protected_sessions_hear_each_other_and_measure_their_round_trip() {
    let began = crate::an_instant();
    let secure = |remote, srtp| SessionConfig {
        first_sequence: 0xffff,
        srtp: Some(Keying::Described(srtp)),
        ..config(Some(remote))
    };
    let mut near = Session::new(secure(peer(), keys()), began).unwrap();
    let mut far = Session::new(SessionConfig { ssrc: 2, ..secure(stranger(), turned(keys())) }, began).unwrap();
    let mut out = PacketBuffer::new();
    let sent = near.encode(&[500; FRAME_SAMPLES], &mut out);
    assert_eq!((out.bytes().len(), sent.unwrap().sequence), (12 + 160 + 4, 0x7fff), "the start lies in the lower half");
    assert!(Packet::parse(out.bytes()).ok().unwrap().payload[..160] != [out.bytes()[12]; 160], "not in clear");
    far.handle_packet(began, stranger(), &mut out.bytes().to_vec());
    let Some(Received::Frame(frame)) = far.poll_received(began) else { panic!("nothing was heard") };
    assert!(frame.samples().iter().all(|sample| sample.abs_diff(500) < 20));
    far.encode(&[0; FRAME_SAMPLES], &mut out);
    let (_, report) = near.poll_rtcp(began + millis(4_000)).unwrap();
    assert_eq!(rtcp::read(&report, rtcp::Parties { ours: 2, theirs: None }), Err(rtcp::Broken), "not in clear either");
    far.handle_rtcp(began + millis(4_030), stranger(), &mut report.clone());
    let (_, answer) = far.poll_rtcp(began + millis(4_030)).unwrap();
    near.handle_rtcp(began + millis(4_060), peer(), &mut answer.clone());
    assert!(near.statistics().round_trip.unwrap().abs_diff(millis(60)) < millis(1));
    let (_, goodbye) = near.close(began + millis(4_100)).unwrap();
    far.handle_rtcp(began + millis(4_130), stranger(), &mut goodbye.clone());
    assert_eq!((far.statistics().reports, far.statistics().rejected.total()), (2, 0));
}

#[test]
fn what_is_not_authentic_is_counted_and_neither_heard_nor_locked_to() {
    let began = crate::an_instant();
    let mut near =
        Session::new(SessionConfig { srtp: Some(Keying::Described(keys())), ..config(None) }, began).unwrap();
    let mut far = Session::new(
        SessionConfig { srtp: Some(Keying::Described(turned(keys()))), ..config(Some(stranger())) },
        began,
    )
    .unwrap();
    let mut out = PacketBuffer::new();
    let mut plain = Far::new(None);
    plain.ssrc = 5;
    for number in 1..=5 {
        let mut clear = plain.packet(0, number, 0, &[1; 160]);
        near.handle_packet(began, stranger(), &mut clear);
    }
    assert_eq!(near.statistics().rejected.count(Rejection::Authentication), 5, "in clear");
    assert!(near.destination().is_none() && near.poll_received(began).is_none());
    for _ in 0..3 {
        far.encode(&[500; FRAME_SAMPLES], &mut out);
        near.handle_packet(began, peer(), &mut out.bytes().to_vec());
    }
    assert_eq!(near.destination(), Some(peer()));
    near.handle_packet(began, peer(), &mut out.bytes().to_vec());
    near.handle_packet(began, stranger(), &mut out.bytes().to_vec());
    near.handle_rtcp(began, peer(), &mut [0; 40]);
    let rejected = near.statistics().rejected;
    let count = |reason| rejected.count(reason);
    assert_eq!((count(Rejection::Replay), count(Rejection::Source), count(Rejection::Report)), (1, 1, 1));
}

#[test]
fn authentic_packets_of_an_unknown_payload_type_win_no_lock() {
    let began = crate::an_instant();
    let mut near =
        Session::new(SessionConfig { srtp: Some(Keying::Described(keys())), ..config(None) }, began).unwrap();
    let mut outbound = Outbound::new(&keys().remote);
    let plain = Far::new(None);
    let mut send = |payload_type, number| {
        let mut packet = plain.packet(payload_type, number, u32::from(number) * 160, &[1; 160]);
        let length = packet.len();
        packet.resize(length + MAX_RTP_TRAILER, 0);
        let length = outbound.protect_rtp(&mut packet, length).unwrap();
        near.handle_packet(began, stranger(), &mut packet[..length]);
        (near.destination(), near.statistics().rejected)
    };
    for number in 1..=5 {
        let (destination, rejected) = send(96, number);
        assert_eq!(destination, None);
        assert_eq!((rejected.count(Rejection::PayloadType), rejected.total()), (number.into(), number.into()));
    }
    (6..=8).for_each(|number| {
        send(0, number);
    });
    assert_eq!(send(0, 9).0, Some(stranger()), "media under the same key does");
}

#[test]
fn silence_is_what_a_stranger_to_the_key_is_taken_for() {
    let began = crate::an_instant();
    let mut near =
        Session::new(SessionConfig { srtp: Some(Keying::Described(keys())), ..config(Some(peer())) }, began).unwrap();
    let plain = Far::new(None);
    for number in 0..600 {
        let now = began + millis(20) * u32::from(number);
        near.handle_packet(now, peer(), &mut plain.packet(0, number, 0, &[1; 160]));
        near.handle_timeout(now);
    }
    assert_eq!(near.poll_output(), Some(SessionOutput::MediaTimeout));
}

#[test]
fn what_protects_a_leg_takes_no_room_in_one_without() {
    assert_eq!(size_of::<Option<Box<Protection>>>(), size_of::<usize>());
}

proptest::proptest! {
    #[test]
    fn any_bytes_to_a_protected_session_are_refused(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)
    ) {
        let began = crate::an_instant();
        let mut near = Session::new(SessionConfig { srtp: Some(Keying::Described(keys())), ..config(Some(peer())) }, began).unwrap();
        near.handle_packet(began, peer(), &mut bytes.clone());
        near.handle_rtcp(began, peer(), &mut bytes.clone());
        let statistics = near.statistics();
        proptest::prop_assert_eq!((statistics.received, statistics.reports, statistics.rejected.total()), (0, 0, 2));
    }

    #[test]
    fn any_packets_leave_frames_without_a_hole(
        packets in proptest::collection::vec(
            (0_u16..400, 0_usize..500, 0_u8..4, 0_u64..60, proptest::prelude::any::<u16>()), 1..120)
    ) {
        let mut far = Far::new(None);
        let mut now = far.began;
        let mut next: Option<u64> = None;
        for (sequence, length, kind, wait, noise) in packets {
            now += millis(wait);
            let payload_type = [0, 0, 101, 96][usize::from(kind)];
            let timestamp = if noise % 16 == 0 { u32::from(noise) * 60_000 } else { u32::from(sequence) * 160 };
            let number = if noise % 32 == 1 { noise } else { sequence };
            let mut bytes = far.packet(payload_type, number, timestamp, &vec![7; length]);
            if noise % 9 == 0 { bytes[usize::from(noise) % 12] ^= noise as u8; }
            far.session.handle_packet(now, peer(), &mut bytes.clone());
            far.session.handle_timeout(now);
            while let Some(received) = far.session.poll_received(now) {
                if let Received::Frame(frame) = received {
                    if let Some(next) = next { proptest::prop_assert_eq!(frame.index(), next); }
                    next = Some(frame.index() + 160);
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_counted_or_heard(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
        let mut far = Far::new(Some(peer()));
        far.session.handle_packet(far.began, peer(), &mut bytes.clone());
        far.session.handle_rtcp(far.began, peer(), &mut bytes.clone());
        let statistics = far.session.statistics();
        proptest::prop_assert_eq!(statistics.received + statistics.reports + statistics.rejected.total() >= 2, true);
    }
}
