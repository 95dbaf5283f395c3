//! More streams than one: a second SSRC of the far end's, its goodbye, and ours in its packets.

use super::*;

impl Far {
    /// Sends a packet of another SSRC at a moment.
    pub(super) fn other(&mut self, now: Instant, ssrc: u32, number: u16) {
        let usual = std::mem::replace(&mut self.ssrc, ssrc);
        let bytes = self.packet(0, number, 9_000 + u32::from(number) * 160, &[number as u8; 160]);
        self.ssrc = usual;
        self.session.handle_packet(now, peer(), &mut bytes.clone());
    }

    /// What was heard, without what was lost.
    fn codes(&mut self, now: Instant) -> Vec<Option<i16>> {
        self.heard(now).into_iter().filter(Option::is_some).collect()
    }

    fn rtcp(&mut self, now: Instant, bytes: &[u8]) {
        self.session.handle_rtcp(now, peer(), &mut bytes.to_vec());
    }
}

fn goodbye(ssrc: u8) -> [u8; 16] {
    [0x80, 201, 0, 1, 0, 0, 0, ssrc, 0x81, 203, 0, 1, 0, 0, 0, ssrc]
}

#[test]
fn a_new_ssrc_is_heard_once_the_old_one_is_silent() {
    let mut far = Far::new(Some(peer()));
    far.audio(0);
    far.audio(1);
    assert_eq!(far.heard(far.at(1)), [code(0), code(1)]);
    for number in 2..15 {
        far.other(far.at(number), 78, 200 + number);
    }
    assert_eq!(far.codes(far.at(14)), [code(211), code(212), code(213), code(214)], "200 ms after the last");
    assert_eq!((far.rejected(Rejection::SecondStream), far.rejected(Rejection::Probation)), (9, 0));
    assert_eq!(far.session.statistics().stream_changes, 1);
    assert_eq!(far.session.poll_output(), Some(SessionOutput::SourceLocked(peer())));
    assert_eq!(far.session.poll_output(), Some(SessionOutput::StreamChanged { ssrc: 78 }));
}

#[test]
fn a_new_ssrc_after_a_goodbye_is_heard_after_three_packets() {
    let mut far = Far::new(Some(peer()));
    far.audio(0);
    far.heard(far.at(0));
    far.rtcp(far.at(1), &goodbye(78));
    far.other(far.at(1), 78, 100);
    assert_eq!(far.rejected(Rejection::SecondStream), 1, "another's goodbye ends nothing");
    far.rtcp(far.at(1), &goodbye(77));
    let (_, report) = far.session.poll_rtcp(far.at(500)).unwrap();
    assert_eq!(report[0] & 0x1f, 0, "what is over is not reported about");
    (101..104).for_each(|number| far.other(far.at(number - 99), 78, number));
    assert_eq!(far.codes(far.at(4)), [code(102), code(103)], "it was heard of before");
    assert_eq!(far.session.statistics().lost, 0);
}

#[test]
fn a_stream_whose_goodbye_was_forged_goes_on() {
    let mut far = Far::new(Some(peer()));
    far.audio(0);
    far.rtcp(far.at(0), &goodbye(77));
    far.audio(1);
    assert_eq!(far.heard(far.at(1)), [code(0), code(1)]);
    let (_, report) = far.session.poll_rtcp(far.at(500)).unwrap();
    assert_eq!(report[0] & 0x1f, 1, "and is reported about");
    assert_eq!(far.session.poll_output(), Some(SessionOutput::SourceLocked(peer())));
    assert_eq!(far.session.poll_output(), None);
}

#[test]
fn of_two_streams_at_once_one_is_heard() {
    let mut far = Far::new(Some(peer()));
    for number in 0..500 {
        far.audio(number);
        assert_eq!(far.heard(far.at(number)), [code(number)]);
        far.other(far.at(number), 99, 2 * number);
        far.other(far.at(number), 99, 2 * number + 1);
    }
    assert_eq!(far.rejected(Rejection::SecondStream), 1_000);
    let counts = far.session.statistics();
    assert_eq!((counts.lost, counts.stream_changes, counts.received), (0, 0, 500));
}

#[test]
fn keys_under_an_ssrc_of_their_own_are_heard_beside_the_audio_and_do_not_replace_it() {
    let mut far = Far::new(Some(peer()));
    let mut keys = 0;
    for number in 0..60_u16 {
        // The audio pauses while the key is held: for longer than another stream would have to wait.
        let is_pressed = (10..40).contains(&number);
        if is_pressed {
            let mut key = far.packet(101, 500 + number, 1_600, &[5, 10, 0, 160]);
            key[8..12].copy_from_slice(&99_u32.to_be_bytes());
            far.session.handle_packet(far.at(number), peer(), &mut key);
        } else {
            let sequence = if number < 10 { number } else { number - 30 };
            let mut bytes = far.packet(0, sequence, u32::from(number) * 160, &[number as u8; 160]);
            far.session.handle_packet(far.at(number), peer(), &mut bytes);
        }
        let heard: Vec<_> = std::iter::from_fn(|| far.session.poll_received(far.at(number))).collect();
        keys += heard.iter().filter(|it| matches!(it, Received::Event(event) if event.source() == 99)).count();
        let audio = heard.iter().filter(|it| matches!(it, Received::Frame(frame) if !frame.is_lost())).count();
        assert_eq!(audio, usize::from(!is_pressed), "packet {number}");
    }
    let statistics = far.session.statistics();
    assert_eq!((keys, statistics.stream_changes, statistics.rejected.total()), (30, 0, 0));
}

#[test]
fn where_the_far_end_moved_its_new_stream_need_not_wait() {
    let mut far = Far::new(Some(peer()));
    far.audio(0);
    far.session.retarget(far.at(1), Some(stranger()), None, false);
    far.ssrc = 78;
    (1..4).for_each(|number| far.audio_from(stranger(), number));
    assert_eq!(far.codes(far.at(3)), [code(0), code(3)]);
    assert_eq!(far.session.destination(), Some(stranger()));
}

#[test]
fn a_far_end_that_uses_our_ssrc_keeps_it_and_we_take_another() {
    let mut far = Far::new(Some(peer()));
    let mut out = PacketBuffer::new();
    far.session.encode(&[0; FRAME_SAMPLES], &mut out);
    far.ssrc = 1;
    for number in 0..5 {
        far.audio(number);
        assert_eq!(far.heard(far.at(number)), [code(number)], "it is heard throughout");
    }
    assert_eq!(far.session.poll_timeout(), Some(far.began), "there is something to say");
    let (_, last) = far.session.poll_rtcp(far.at(4)).unwrap();
    assert_eq!((&last[..2], &last[4..8]), (&[0x81, 200][..], &[0, 0, 0, 1][..]));
    assert_eq!(last[last.len() - 8..], [0x81, 203, 0, 1, 0, 0, 0, 1]);
    assert_eq!(far.session.poll_rtcp(far.at(4)), None, "once");
    let sent = far.session.encode(&[0; FRAME_SAMPLES], &mut out).unwrap();
    assert!(sent.ssrc != 1 && sent.timestamp == 5_160);
    let (_, report) = far.session.poll_rtcp(far.at(500)).unwrap();
    assert_eq!(report[4..8], sent.ssrc.to_be_bytes());
    assert_eq!(report[20..24], [0, 0, 0, 1], "one packet was sent under the new one");
    assert_eq!(report[28..32], [0, 0, 0, 1], "and the report is about the far end's");
    let counts = far.session.statistics();
    assert_eq!((counts.conflicts, counts.sent), (crate::Conflicts { changed: 1, looped: 0 }, 2));
}

#[test]
fn a_report_under_our_ssrc_is_a_conflict_too() {
    let mut far = Far::new(Some(peer()));
    far.audio(0);
    far.rtcp(far.at(1), &[0x80, 201, 0, 1, 0, 0, 0, 1]);
    let sent = far.session.encode(&[0; FRAME_SAMPLES], &mut PacketBuffer::new()).unwrap();
    assert!(sent.ssrc != 1);
    assert_eq!(far.session.poll_rtcp(far.at(1)), None, "nothing was sent that goodbye could be said for");
}

#[test]
fn an_echo_of_what_we_send_is_heard_and_changes_our_ssrc_once() {
    let mut far = Far::new(Some(peer()));
    let (mut out, mut heard, mut names) = (PacketBuffer::new(), 0, std::collections::BTreeSet::new());
    for number in 0..100 {
        let sent = far.session.encode(&[700; FRAME_SAMPLES], &mut out).unwrap();
        names.insert(sent.ssrc);
        far.session.handle_packet(far.at(number), peer(), &mut out.bytes().to_vec());
        heard += far.codes(far.at(number)).len();
        far.session.handle_timeout(far.at(number));
    }
    let counts = far.session.statistics();
    assert_eq!((names.len(), counts.conflicts.changed, counts.stream_changes), (2, 1, 1));
    assert!(heard >= 85 && counts.conflicts.looped >= 85, "{heard} {counts:?}");
}

#[test]
fn protected_sessions_that_chose_one_ssrc_part_and_go_on() {
    let began = crate::an_instant();
    let secure = |remote, srtp| SessionConfig { srtp: Some(Keying::Described(srtp)), ..config(Some(remote)) };
    let mut near = Session::new(secure(peer(), keys()), began).unwrap();
    let far = SessionConfig { seed: 99, first_sequence: 0x7ffe, ..secure(stranger(), turned(keys())) };
    let mut far = Session::new(far, began).unwrap();
    let mut out = PacketBuffer::new();
    let mut heard = [0, 0];
    for number in 0..50_u32 {
        let now = began + millis(20) * number;
        near.encode(&[500; FRAME_SAMPLES], &mut out).unwrap();
        far.handle_packet(now, stranger(), &mut out.bytes().to_vec());
        far.encode(&[500; FRAME_SAMPLES], &mut out).unwrap();
        near.handle_packet(now, peer(), &mut out.bytes().to_vec());
        while let Some((_, report)) = near.poll_rtcp(now) {
            far.handle_rtcp(now, stranger(), &mut report.clone());
        }
        while let Some((_, report)) = far.poll_rtcp(now) {
            near.handle_rtcp(now, peer(), &mut report.clone());
        }
        for (session, heard) in [&mut near, &mut far].into_iter().zip(&mut heard) {
            *heard += std::iter::from_fn(|| session.poll_received(now))
                .filter(|received| matches!(received, Received::Frame(frame) if !frame.is_lost()))
                .count();
        }
    }
    for session in [&near, &far] {
        let counts = session.statistics();
        assert_eq!(counts.rejected.count(Rejection::Authentication) + counts.rejected.count(Rejection::Replay), 0);
        assert!(counts.conflicts.changed <= 1 && counts.rejected.total() <= 3, "{counts:?}");
    }
    assert!(heard.iter().all(|&frames| frames >= 46), "{heard:?}");
    assert!(near.statistics().conflicts.changed + far.statistics().conflicts.changed >= 1);
}

#[test]
fn a_forged_packet_far_ahead_is_no_loss() {
    let mut far = Far::new(Some(peer()));
    for number in 0..100 {
        far.audio(number);
        if number == 50 {
            far.other(far.at(50), 77, 2_900);
        }
    }
    let counts = far.session.statistics();
    assert_eq!((counts.lost, counts.given_up), (0, 0));
    let (_, report) = far.session.poll_rtcp(far.at(500)).unwrap();
    assert_eq!(report[12..16], [0, 0, 0, 0], "nor is the far end told of any");
    assert_eq!(report[16..20], [0, 0, 0, 99]);
}

#[test]
fn late_packets_are_drops_and_no_losses_for_good() {
    let mut far = Far::new(Some(peer()));
    for number in (0..40).filter(|number| number % 10 != 5) {
        far.audio(number);
        far.heard(far.at(number));
        if number % 10 == 9 {
            let late = number - 4;
            let bytes = far.packet(0, late, u32::from(late) * 160, &[1; 160]);
            far.session.handle_packet(far.at(number), peer(), &mut bytes.clone());
        }
    }
    far.session.close(far.at(40));
    let counts = far.session.statistics();
    assert_eq!((counts.lost, counts.given_up, far.rejected(Rejection::Late)), (0, 0, 1), "then it is waited for");
    assert_eq!(counts.loss_runs, crate::LossRuns { missing: 1, runs: 1 }, "it was not heard all the same");
}
