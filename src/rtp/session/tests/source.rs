//! Who is heard: the signalled address, or somebody who was there before it.

use super::*;

/// A session that learns sources, and was told of the peer.
fn learning() -> Far {
    let mut far = Far::new(Some(peer()));
    let config = SessionConfig { learn_source: true, ..config(Some(peer())) };
    far.session = Session::new(config, far.began).unwrap();
    far
}

impl Far {
    /// Sends a key under an SSRC, and counts what is heard of it.
    fn key(&mut self, from: SocketAddr, ssrc: u32, number: u16) -> usize {
        let usual = std::mem::replace(&mut self.ssrc, ssrc);
        let mut bytes = self.packet(101, number, 9_000, &[5, 10, 0, 160]);
        self.ssrc = usual;
        let now = self.at(number);
        self.session.handle_packet(now, from, &mut bytes);
        let heard = std::iter::from_fn(|| self.session.poll_received(now));
        heard.filter(|received| matches!(received, Received::Event(_))).count()
    }
}

#[test]
fn the_caller_takes_the_lock_back_from_a_stranger_who_was_first() {
    let mut far = learning();
    far.ssrc = 66;
    (0..4).for_each(|number| far.audio_from(stranger(), number));
    assert_eq!(far.session.destination(), Some(stranger()));
    assert_eq!(far.heard(far.at(3)), [code(2), code(3)]);
    for number in 4..10 {
        far.other(far.at(number), 77, 100 + number);
        far.audio_from(stranger(), number);
    }
    assert_eq!(far.session.destination(), Some(peer()));
    assert_eq!(far.heard(far.at(9)), [4, 5, 106, 107, 108, 109].map(code), "without a hole");
    assert_eq!((far.rejected(Rejection::Probation), far.rejected(Rejection::Source)), (4, 4));
    let outputs: Vec<_> = std::iter::from_fn(|| far.session.poll_output()).collect();
    let [theirs, ours] = [stranger(), peer()].map(SessionOutput::SourceLocked);
    assert_eq!(outputs, [theirs, ours, SessionOutput::StreamChanged { ssrc: 77 }]);
    assert_eq!(far.session.statistics().stream_changes, 1);
}

#[test]
fn what_a_stranger_sent_ahead_is_let_go_when_the_caller_takes_the_lock_back() {
    let mut far = learning();
    far.ssrc = 66;
    (0..3).for_each(|number| far.audio_from(stranger(), number));
    far.audio_from(stranger(), 4);
    (3..6).for_each(|number| far.other(far.at(4), 77, 100 + number));
    assert_eq!(far.heard(far.at(4)), [code(2), code(105)]);
    assert_eq!(far.rejected(Rejection::Late), 1);
}

#[test]
fn redundant_events_of_a_stranger_are_not_heard_and_win_no_lock_alone() {
    let mut far = Far::new(Some(peer()));
    let events = EventPayload { payload_type: 101, clock_hertz: 8_000, redundant: Some(98) };
    far.session.carry(Payloads { events: Some(events), ..payloads(Codec::Pcmu, 0) }).unwrap();
    let payload = [&before(101, 160)[..], &[101], &[5, 0x8A, 0, 160], &[6, 10, 0, 160]].concat();
    let send = |far: &mut Far, from, number| {
        let bytes = far.packet(98, number, 9_000, &payload);
        far.session.handle_packet(far.at(number), from, &mut bytes.clone());
        std::iter::from_fn(|| far.session.poll_received(far.at(number))).count()
    };
    assert_eq!(send(&mut far, stranger(), 1), 0);
    assert_eq!((send(&mut far, peer(), 1), far.session.destination()), (2, Some(peer())));
    assert_eq!((send(&mut far, stranger(), 2), far.rejected(Rejection::Source)), (0, 2));
}

#[test]
fn keys_come_from_whoever_holds_the_lock() {
    let mut far = learning();
    far.ssrc = 66;
    (0..3).for_each(|number| far.audio_from(stranger(), number));
    assert_eq!(far.key(stranger(), 66, 3), 1);
    let ours = [100, 101, 102].map(|number| far.key(peer(), 77, number));
    assert_eq!((ours, far.session.destination()), ([0, 0, 1], Some(peer())));
    assert_eq!(far.key(stranger(), 66, 103), 0);
}

#[test]
fn with_srtp_only_who_has_the_key_takes_the_lock_back() {
    let began = crate::an_instant();
    let secure = SessionConfig { learn_source: true, srtp: Some(Keying::Described(keys())), ..config(Some(peer())) };
    let mut near = Session::new(secure, began).unwrap();
    let mut outbound = Outbound::new(&keys().remote);
    let plain = Far::new(None);
    let mut sealed = |number: u16| {
        let mut packet = plain.packet(0, number, u32::from(number) * 160, &[1; 160]);
        let length = packet.len();
        packet.resize(length + MAX_RTP_TRAILER, 0);
        let length = outbound.protect_rtp(&mut packet, length).unwrap();
        packet.truncate(length);
        packet
    };
    (0..3).for_each(|number| near.handle_packet(began, stranger(), &mut sealed(number)));
    assert_eq!(near.destination(), Some(stranger()));
    (10..19).for_each(|number| near.handle_packet(began, peer(), &mut plain.packet(0, number, 0, &[1; 160])));
    assert_eq!(near.statistics().rejected.count(Rejection::Authentication), 9);
    assert_eq!(near.destination(), Some(stranger()));
    (3..6).for_each(|number| near.handle_packet(began, peer(), &mut sealed(number)));
    assert_eq!(near.destination(), Some(peer()));
}
