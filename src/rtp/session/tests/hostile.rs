//! What nobody should send, from the address that the leg is locked to, and numbers that wrap around.

use frame::{INDEX_STEP, SampleRate};

use super::*;

fn raw(far: &mut Far, now: Instant, bytes: &[u8]) {
    far.session.handle_packet(now, peer(), &mut bytes.to_vec());
}

#[test]
fn a_protected_call_goes_on_through_the_wraps_of_sequence_timestamp_and_rollover_counter() {
    let began = crate::an_instant();
    let near = SessionConfig {
        first_sequence: 0x7ff0,
        first_timestamp: u32::MAX - 160_000,
        srtp: Some(Keying::Described(keys())),
        ..config(Some(peer()))
    };
    let far = SessionConfig { ssrc: 2, srtp: Some(Keying::Described(turned(keys()))), ..config(Some(stranger())) };
    let mut near = Session::new(near, began).unwrap();
    let mut far = Session::new(far, began).unwrap();
    let mut out = PacketBuffer::new();
    let mut wraps = 0;
    // The rollover counter passes 0, 1 and 2.
    for number in 0..0x1_8100_u32 {
        let now = began + millis(20) * number;
        let sent = near.encode(&[500; FRAME_SAMPLES], &mut out).unwrap();
        wraps += u32::from(sent.sequence == 0);
        far.handle_packet(now, stranger(), &mut out.bytes().to_vec());
        let Some(Received::Frame(frame)) = far.poll_received(now) else { panic!("{number} was not heard") };
        assert!(!frame.is_lost() && frame.index() == u64::from(number) * INDEX_STEP, "{number}");
    }
    let counts = far.statistics();
    assert_eq!((wraps, counts.lost, counts.lost_frames, counts.rejected.total()), (2, 0, 0, 0));
    assert_eq!(counts.resynchronised, 0, "a wrap is no jump");
}

#[test]
fn one_byte_and_nine_thousand_are_counted() {
    for codec in [Codec::Pcmu, Codec::G722, Codec::L16(SampleRate::Hz16000), Codec::Opus(SampleRate::Hz16000)] {
        let mut far = Far::new(Some(peer()));
        far.session.carry(payloads(codec, 0)).unwrap();
        let now = far.at(1);
        for bytes in [&[][..], &[0x80], &[0xff], &[0x80; 11], &far.packet(0, 7, 0, &[0x55; 9_000 - 12])] {
            raw(&mut far, now, bytes);
        }
        assert_eq!((far.rejected(Rejection::Short), far.session.statistics().rejected.total()), (4, 5), "{codec:?}");
        assert!(far.heard(now).is_empty() && far.session.destination() == Some(peer()));
    }
}

/// RFC 3550 section 8.2 has whoever meets its own identifier choose another. Between two parties nothing is mixed up by it:
/// what comes and what goes are told apart by their direction, so the call keeps its stream.
#[test]
fn a_far_end_that_uses_our_ssrc_is_heard_and_spoken_to() {
    let mut far = Far::new(Some(peer()));
    far.ssrc = 1;
    let mut out = PacketBuffer::new();
    for number in 0..5 {
        far.audio(number);
        assert_eq!(far.heard(far.at(number)), [code(number)]);
        assert_eq!(far.session.encode(&[0; FRAME_SAMPLES], &mut out).unwrap().ssrc, 1);
    }
    let (_, report) = far.session.poll_rtcp(far.at(500)).unwrap();
    let block = rtcp::read(&report, 1).unwrap().about_us.unwrap();
    assert_eq!((block.ssrc, block.lost), (1, 0), "it is told about its own stream");
    assert_eq!((far.session.statistics().rejected.total(), far.session.statistics().stream_changes), (0, 0));
}

#[test]
fn a_second_stream_among_the_callers_packets_is_not_heard() {
    let mut far = Far::new(Some(peer()));
    for number in 0..50 {
        far.audio(number);
        far.ssrc = 99;
        let now = far.at(number);
        for ahead in 0..2 {
            let packet = far.packet(0, 2 * number + ahead, 0, &[0xaa; 160]);
            raw(&mut far, now, &packet);
        }
        far.ssrc = 77;
        assert_eq!(far.heard(far.at(number)), [code(number)]);
    }
    assert_eq!(far.rejected(Rejection::Probation), 100);
    assert_eq!((far.session.statistics().lost, far.session.statistics().stream_changes), (0, 0));
}

#[test]
fn a_second_stream_that_got_through_gives_way_to_the_caller_who_speaks_on() {
    let mut far = Far::new(Some(peer()));
    (0..5).for_each(|number| far.audio(number));
    far.ssrc = 99;
    let now = far.at(4);
    for number in 900..950 {
        let packet = far.packet(0, number, u32::from(number) * 160, &[0xaa; 160]);
        raw(&mut far, now, &packet);
    }
    far.heard(now);
    far.ssrc = 77;
    (5..8).for_each(|number| far.audio(number));
    assert_eq!(far.heard(far.at(7)).last(), Some(&code(7)), "after three packets in a row");
    assert_eq!(far.session.statistics().stream_changes, 2);
}
