use proptest::prelude::*;

use super::*;
use crate::Rejection;

mod vectors;

const SUITES: [Suite; 4] =
    [Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32, Suite::AeadAes128Gcm, Suite::AeadAes256Gcm];

fn key(suite: Suite, first: u8) -> MasterKey {
    let material: Vec<u8> = (0..suite.key_bytes()).map(|n| first.wrapping_add(n as u8)).collect();
    MasterKey::new(suite, &material).unwrap()
}

/// A sender and whoever holds its key.
fn pair(suite: Suite) -> (Outbound, Inbound) {
    (Outbound::new(&key(suite, 7)), Inbound::new(&key(suite, 7)))
}

fn packet(ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 1, 2]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

fn sealed(outbound: &mut Outbound, plain: &[u8]) -> Vec<u8> {
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + MAX_RTP_TRAILER, 0);
    let length = outbound.protect_rtp(&mut buffer, plain.len()).unwrap();
    buffer.truncate(length);
    buffer
}

fn sealed_report(outbound: &mut Outbound, plain: &[u8]) -> Vec<u8> {
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + MAX_RTCP_TRAILER, 0);
    let length = outbound.protect_rtcp(&mut buffer, plain.len()).unwrap();
    buffer.truncate(length);
    buffer
}

fn opened(inbound: &mut Inbound, sealed: &[u8]) -> Result<Vec<u8>, Rejection> {
    let mut buffer = sealed.to_vec();
    let length = inbound.unprotect_rtp(&mut buffer)?;
    buffer.truncate(length);
    Ok(buffer)
}

fn opened_report(inbound: &mut Inbound, sealed: &[u8]) -> Result<Vec<u8>, Rejection> {
    let mut buffer = sealed.to_vec();
    let length = inbound.unprotect_rtcp(&mut buffer)?;
    buffer.truncate(length);
    Ok(buffer)
}

/// A receiver's report without blocks, then a canonical name.
fn report(ssrc: u32) -> Vec<u8> {
    let mut report = vec![0x80, 201, 0, 1];
    report.extend(ssrc.to_be_bytes());
    report.extend([0x81, 202, 0, 2, 0, 0, 0, 9, 1, 1, b'x', 0]);
    report
}

#[test]
fn a_key_has_its_length_and_is_not_printed() {
    for suite in SUITES {
        let material = vec![0xab; suite.key_bytes()];
        assert!(MasterKey::new(suite, &material[1..]).is_none());
        let printed = format!("{:?}", MasterKey::new(suite, &material));
        assert!(!printed.contains("171") && !printed.contains("ab,") && printed.contains("MasterKey"), "{printed}");
    }
}

#[test]
fn tags_have_the_lengths_of_their_suites() {
    for (suite, rtp, rtcp) in [(SUITES[0], 10, 14), (SUITES[1], 4, 14), (SUITES[2], 16, 20), (SUITES[3], 16, 20)] {
        let (mut outbound, _) = pair(suite);
        assert_eq!(sealed(&mut outbound, &packet(1, 1, &[0; 160])).len(), 172 + rtp, "{suite:?}");
        assert_eq!(sealed_report(&mut outbound, &report(1)).len(), 20 + rtcp, "{suite:?}");
    }
}

#[test]
fn a_stream_is_followed_through_two_rollovers_with_losses_and_disorder() {
    for suite in SUITES {
        let (mut outbound, mut inbound) = pair(suite);
        let mut held = None;
        for number in 30_000..170_000_u32 {
            let plain = packet(9, number as u16, &number.to_be_bytes());
            let sealed = sealed(&mut outbound, &plain);
            match number % 50 {
                0 => {}
                1 => held = Some((plain, sealed)),
                2 => {
                    let (earlier, sealed_earlier) = held.take().unwrap();
                    assert_eq!(opened(&mut inbound, &sealed), Ok(plain));
                    assert_eq!(opened(&mut inbound, &sealed_earlier), Ok(earlier), "{suite:?} {number}");
                }
                _ => assert_eq!(opened(&mut inbound, &sealed), Ok(plain), "{suite:?} {number}"),
            }
        }
    }
}

#[test]
fn the_rollover_counter_is_authenticated() {
    for suite in SUITES {
        let (mut outbound, _) = pair(suite);
        sealed(&mut outbound, &packet(9, u16::MAX, &[1; 20]));
        let wrapped = sealed(&mut outbound, &packet(9, 5, &[1; 20]));
        let (_, mut fresh) = pair(suite);
        assert_eq!(opened(&mut fresh, &wrapped), Err(Rejection::Authentication), "whoever missed the rollover");
    }
}

#[test]
fn a_packet_comes_once() {
    for suite in SUITES {
        let (mut outbound, mut inbound) = pair(suite);
        let all: Vec<_> = (100..300).map(|number| sealed(&mut outbound, &packet(9, number, &[3; 8]))).collect();
        let reports: Vec<_> = (0..200).map(|_| sealed_report(&mut outbound, &report(9))).collect();
        for (sealed, report) in all.iter().zip(&reports) {
            assert!(opened(&mut inbound, sealed).is_ok() && opened_report(&mut inbound, report).is_ok());
        }
        for (sealed, report) in all.iter().zip(&reports) {
            assert_eq!(opened(&mut inbound, sealed), Err(Rejection::Replay));
            assert_eq!(opened_report(&mut inbound, report), Err(Rejection::Replay));
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_is_refused_and_changes_nothing() {
    for suite in SUITES {
        let (mut outbound, mut inbound) = pair(suite);
        let plain = packet(9, 5, &[3; 40]);
        let sealed = sealed(&mut outbound, &plain);
        let sealed_report = sealed_report(&mut outbound, &report(9));
        for bit in 0..sealed.len() * 8 {
            let mut forged = sealed.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let before = forged.clone();
            assert!(inbound.unprotect_rtp(&mut forged).is_err(), "{suite:?} bit {bit}");
            assert_eq!(forged, before, "{suite:?} bit {bit}");
        }
        for bit in 0..sealed_report.len() * 8 {
            let mut forged = sealed_report.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(inbound.unprotect_rtcp(&mut forged).is_err(), "{suite:?} bit {bit}");
        }
        assert_eq!(opened(&mut inbound, &sealed), Ok(plain), "forgeries did not move the window");
        assert_eq!(opened_report(&mut inbound, &sealed_report), Ok(report(9)));
    }
}

#[test]
fn contributors_extension_and_padding_are_kept() {
    for suite in SUITES {
        let (mut outbound, mut inbound) = pair(suite);
        let mut plain = packet(9, 5, &[0, 0, 0, 1, 0xbe, 0xde, 0, 1, 1, 2, 3, 4, 0x55, 0x66, 0, 2]);
        plain[0] |= 0x31;
        let sealed = sealed(&mut outbound, &plain);
        assert_eq!(sealed[..24], plain[..24], "in clear");
        assert_ne!(sealed[24..28], plain[24..28]);
        assert_eq!(opened(&mut inbound, &sealed), Ok(plain));
    }
}

#[test]
fn streams_are_bounded_and_only_the_key_holder_opens_one() {
    let (_, mut inbound) = pair(SUITES[0]);
    for ssrc in 0..1_000 {
        let mut stranger = Outbound::new(&key(SUITES[0], 8));
        let forged = sealed(&mut stranger, &packet(ssrc, 1, &[0; 20]));
        assert_eq!(opened(&mut inbound, &forged), Err(Rejection::Authentication));
    }
    for ssrc in 0..40 {
        let (mut outbound, _) = pair(SUITES[0]);
        let plain = packet(ssrc, 1, &[0; 20]);
        let expected = if ssrc < 32 { Ok(plain.clone()) } else { Err(Rejection::Streams) };
        assert_eq!(opened(&mut inbound, &sealed(&mut outbound, &plain)), expected);
    }
    let (mut outbound, _) = pair(SUITES[0]);
    let again = packet(3, 2, &[0; 20]);
    assert_eq!(opened(&mut inbound, &sealed(&mut outbound, &again)), Ok(again), "those that are known go on");
}

#[test]
fn nothing_is_sent_twice_under_one_index() {
    let (mut outbound, _) = pair(SUITES[2]);
    let mut buffer = packet(9, 5, &[0; 60]);
    assert!(outbound.protect_rtp(&mut buffer, 40).is_some());
    let mut again = packet(9, 5, &[1; 60]);
    assert_eq!(outbound.protect_rtp(&mut again, 40), None);
    assert_eq!(outbound.protect_rtp(&mut packet(9, 6, &[0; 15]), 27), None, "no room for the tag");
    assert_eq!(outbound.protect_rtcp(&mut report(9), 20), None);
    assert_eq!(outbound.protect_rtp(&mut [], usize::MAX), None);
}

#[test]
fn another_ssrc_begins_its_own_rollover_counter_and_none_comes_back() {
    for suite in SUITES {
        let (mut outbound, mut inbound) = pair(suite);
        for (ssrc, sequence) in [(1, 0xffff), (1, 0), (2, 0xffff), (2, 0), (3, 0x7000)] {
            let plain = packet(ssrc, sequence, b"speech");
            let sealed = sealed(&mut outbound, &plain);
            assert_eq!(opened(&mut inbound, &sealed), Ok(plain), "{suite:?} {ssrc} {sequence}");
        }
        let mut old = packet(1, 1, &[7; 40]);
        assert_eq!(outbound.protect_rtp(&mut old, 20), None, "its indices were used");
        for ssrc in 4..100 {
            let mut buffer = packet(ssrc, 1, &[7; 40]);
            assert_eq!(outbound.protect_rtp(&mut buffer, 20).is_some(), ssrc <= 33, "{ssrc}");
        }
    }
}

#[test]
fn a_report_in_clear_was_not_agreed() {
    for suite in SUITES {
        let (mut outbound, mut inbound) = pair(suite);
        let mut clear = sealed_report(&mut outbound, &report(9));
        let at = clear.len() - if matches!(suite, Suite::AeadAes128Gcm | Suite::AeadAes256Gcm) { 4 } else { 14 };
        clear[at] &= 0x7f;
        assert_eq!(opened_report(&mut inbound, &clear), Err(Rejection::Report));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), plausible: bool) {
        if plausible && let Some(first) = bytes.first_mut() {
            *first = 0x80;
        }
        for suite in SUITES {
            // Four bytes of tag would be guessed once in 2^32.
            let (_, mut inbound) = pair(suite);
            prop_assert!(inbound.unprotect_rtp(&mut bytes).is_err());
            prop_assert!(inbound.unprotect_rtcp(&mut bytes).is_err());
            let (mut outbound, _) = pair(suite);
            for length in [0, bytes.len() / 2, bytes.len(), bytes.len() + 1] {
                let _ = outbound.protect_rtp(&mut bytes.clone(), length);
                let _ = outbound.protect_rtcp(&mut bytes.clone(), length);
            }
        }
    }

    #[test]
    fn what_is_sealed_opens(payload in proptest::collection::vec(any::<u8>(), 0..1_400), sequence: u16, ssrc: u32) {
        for suite in SUITES {
            let (mut outbound, mut inbound) = pair(suite);
            let plain = packet(ssrc, sequence, &payload);
            let sealed = sealed(&mut outbound, &plain);
            prop_assert_eq!(opened(&mut inbound, &sealed), Ok(plain));
        }
    }
}
