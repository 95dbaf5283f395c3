//! What packets carry: every codec, and a change from one to another.

use super::*;

#[test]
fn what_the_answer_chose_is_carried_both_ways() {
    let mut far = Far::new(Some(peer()));
    far.session.carry(Payloads::new(Codec::Pcma, 8, Some(126))).unwrap();
    let silence = far.packet(8, 0, 0, &[0xd5; 160]);
    far.session.handle_packet(far.at(0), peer(), &mut silence.clone());
    assert_eq!(far.heard(far.at(0)), [Some(8)], "A-law's silence, one step from zero");
    let key = far.packet(126, 1, 160, &[5, 10, 0, 160]);
    far.session.handle_packet(far.at(1), peer(), &mut key.clone());
    assert!(matches!(far.session.poll_received(far.at(1)), Some(Received::Event(_))));
    let mut out = PacketBuffer::new();
    far.session.encode(&[0; FRAME_SAMPLES], &mut out);
    let packet = Packet::parse(out.bytes()).ok().unwrap();
    assert_eq!((packet.payload_type, packet.payload), (8, &[0xd5; 160][..]));
}

/// A receiver's report that so many 256ths of our packets were missed.
fn report_of_loss(fraction: u8) -> Vec<u8> {
    let mut report = vec![0x81, 201, 0, 7, 0, 0, 0, 2, 0, 0, 0, 1, fraction];
    report.resize(32, 0);
    report
}

/// A second of a tone from one session to another, with every tenth packet lost; what is heard of it. Before it the far
/// end reports a loss, if any.
fn tone_through(codec: Codec, expected_loss_percent: i32, reported: u8) -> (Session, Vec<frame::RawFrame>) {
    let began = crate::an_instant();
    let opus = OpusSettings { expected_loss_percent, ..OpusSettings::default() };
    let carried = Payloads { opus, ..payloads(codec, 96) };
    let session = |remote| Session::new(SessionConfig { payloads: carried, ..config(Some(remote)) }, began).unwrap();
    let (mut near, mut far) = (session(peer()), session(stranger()));
    let (mut out, mut heard) = (PacketBuffer::new(), Vec::new());
    near.handle_rtcp(began, peer(), &mut report_of_loss(reported));
    for number in 0..50_u32 {
        let at = |n: usize| (number as usize * FRAME_SAMPLES + n) as f32 * std::f32::consts::TAU / 16.0;
        near.encode(&std::array::from_fn(|n| (8_000.0 * at(n).sin()) as i16), &mut out).unwrap();
        let now = began + millis(20) * number;
        if number % 10 != 5 {
            far.handle_packet(now, stranger(), &mut out.bytes().to_vec());
        }
        while let Some(received) = far.poll_received(now) {
            if let Received::Frame(frame) = received {
                heard.push(frame);
            }
        }
    }
    (far, heard)
}

#[test]
fn every_codec_is_heard_at_its_rate_without_a_hole_in_the_index() {
    use frame::SampleRate::{Hz8000, Hz16000};
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::L16(Hz8000), Codec::L16(Hz16000), Codec::Opus(Hz16000)]
    {
        let (far, heard) = tone_through(codec, 0, 0);
        assert!(heard.iter().enumerate().all(|(n, frame)| frame.index() == n as u64 * frame::INDEX_STEP), "{codec:?}");
        let lost: Vec<_> = heard.iter().enumerate().filter(|(_, frame)| frame.is_lost()).map(|(n, _)| n).collect();
        assert_eq!((lost, far.statistics().lost_frames), (vec![5, 15, 25, 35, 45], 5), "{codec:?}");
        let frame = &heard[30];
        let crossings = frame.samples().windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
        assert_eq!((frame.rate(), frame.samples().len()), (codec.rate(), codec.rate().frame_samples()));
        // 500 Hz for 20 ms.
        assert!((19..=20).contains(&crossings), "{codec:?}: {crossings}");
    }
}

#[test]
fn what_opus_sent_twice_is_audio_and_no_loss() {
    // The loss is expected from the start, or reported.
    for (expected, reported) in [(20, 0), (0, 64)] {
        let (far, heard) = tone_through(Codec::Opus(frame::SampleRate::Hz16000), expected, reported);
        let recovered: Vec<_> =
            [5, 15, 25, 35, 45].map(|n| &heard[n]).into_iter().filter(|frame| !frame.is_lost()).collect();
        // The encoder decides which frames are worth a copy.
        assert!(recovered.len() >= 3, "{}", recovered.len());
        assert_eq!((far.statistics().lost, far.statistics().lost_frames), (5, 5 - recovered.len() as u64));
        assert_eq!(far.statistics().recovered_frames, recovered.len() as u64);
        assert!(recovered.iter().all(|frame| frame.samples().iter().any(|sample| sample.unsigned_abs() > 4_000)));
    }
}

#[test]
fn a_payload_that_is_none_of_the_codecs_is_counted_and_the_stream_goes_on() {
    for (codec, broken) in [
        (Codec::L16(frame::SampleRate::Hz16000), vec![1; 641]),
        (Codec::Opus(frame::SampleRate::Hz16000), vec![0xff; 2]),
        (Codec::Pcmu, vec![1; 961]),
        (Codec::G722, vec![1; 961]),
    ] {
        let mut far = Far::new(Some(peer()));
        far.session.carry(payloads(codec, 96)).unwrap();
        let good = if codec == Codec::Pcmu || codec == Codec::G722 { vec![7; 160] } else { vec![0xf8; 640] };
        let frame = codec.clock_hertz() / 50;
        for (number, payload) in [&good, &broken, &good].into_iter().enumerate() {
            let bytes = far.packet(96, number as u16, number as u32 * frame, payload);
            far.session.handle_packet(far.at(number as u16), peer(), &mut bytes.clone());
        }
        assert_eq!((far.rejected(Rejection::PayloadLength), far.heard(far.at(2)).len()), (1, 3), "{codec:?}");
    }
}

#[test]
fn what_waits_when_the_codec_changes_is_let_go_and_counted() {
    let mut far = Far::new(Some(peer()));
    far.session.carry(payloads(Codec::L16(frame::SampleRate::Hz48000), 96)).unwrap();
    for number in [0, 3] {
        let mut bytes = far.packet(96, number, u32::from(number) * 960, &[1; 1_920]);
        far.session.handle_packet(far.at(number), peer(), &mut bytes);
    }
    far.session.carry(payloads(Codec::Pcmu, 0)).unwrap();
    assert_eq!(far.rejected(Rejection::Late), 1);
    far.session.handle_timeout(far.at(30));
    far.audio(40);
    let heard = far.heard(far.at(40));
    assert_eq!((heard.len(), heard[0], heard[40]), (41, Some(0x0101), code(40)));
    assert!(heard[1..40].iter().all(Option::is_none));
}

#[test]
fn the_codec_goes_on_where_only_the_number_of_events_changes() {
    let mut far = Far::new(Some(peer()));
    [0, 2].into_iter().for_each(|number| far.audio(number));
    far.session.carry(Payloads::new(Codec::Pcmu, 0, Some(126))).unwrap();
    far.audio(1);
    assert_eq!((far.heard(far.at(2)), far.rejected(Rejection::Late)), (vec![code(0), code(1), code(2)], 0));
}

#[test]
fn comfort_noise_is_heard_under_the_number_that_was_agreed() {
    let mut far = Far::new(Some(peer()));
    far.session.carry(Payloads { comfort_noise: Some(98), ..payloads(Codec::Pcmu, 0) }).unwrap();
    far.audio(0);
    let noise = far.packet(98, 1, 160, &[40]);
    far.session.handle_packet(far.at(1), peer(), &mut noise.clone());
    far.session.handle_timeout(far.at(10));
    let heard = far.heard(far.at(10));
    assert!(heard.len() > 5 && heard.iter().all(Option::is_some), "{heard:?}");
    let counts = far.session.statistics();
    assert_eq!((counts.comfort_noise, counts.rejected.total(), counts.lost_frames), (1, 0, 0));
}
