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
