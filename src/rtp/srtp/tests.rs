use aes::Aes128Enc;
use aes::cipher::KeyInit;
use proptest::prelude::*;

use super::cipher::{self, Cipher, Gcm, Place};
use super::key::Derivation;
use super::*;
use crate::Rejection;

const SUITES: [Suite; 4] =
    [Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32, Suite::AeadAes128Gcm, Suite::AeadAes256Gcm];

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

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

/// RFC 3711 B.2.
#[test]
fn the_keystream_is_that_of_the_rfc() {
    let aes = Aes128Enc::new(bytes("2B7E151628AED2A6ABF7158809CF4F3C").as_slice().try_into().unwrap());
    let mut stream = vec![0; 0xff02 * 16];
    cipher::apply_keystream(&aes, cipher::number(&bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD")), &mut stream);
    let expected = "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0";
    assert_eq!(stream[..48], bytes(expected));
    let expected = "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44";
    assert_eq!(stream[0xfeff * 16..][..48], bytes(expected));
}

/// RFC 3711 B.3.
#[test]
fn session_keys_are_those_of_the_rfc() {
    let master = bytes("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
    let derivation = Derivation::new(&MasterKey::new(Suite::AesCm128HmacSha1_80, &master).unwrap());
    assert_eq!(derivation.derive::<16>(0).to_vec(), bytes("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derivation.derive::<14>(2).to_vec(), bytes("30CBBC08863D8C85D49DB34A9AE1"));
    let authentication = "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE
        E049646C43D9327AD175578EF7227098 6371C10C9A369AC2F94A8C5FBCDDDC25 6D6E919A48B610EF17C2041E47403576
        6B68642C59BBFC2F34DB60DBDFB2";
    assert_eq!(derivation.derive::<94>(1).to_vec(), bytes(authentication));
}

/// The reference packet of libsrtp's validation, under the keys of RFC 3711 B.3.
#[test]
fn a_packet_of_libsrtp_is_made_and_opened() {
    let master = bytes("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
    let master = MasterKey::new(Suite::AesCm128HmacSha1_80, &master).unwrap();
    let plain = bytes("800f1234decafbadcafebabe abababababababababababababababab");
    let expected = bytes("800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb");
    assert_eq!(sealed(&mut Outbound::new(&master), &plain), expected);
    assert_eq!(opened(&mut Inbound::new(&master), &expected), Ok(plain));
}

/// What libsrtp (2.x) sends under the key 07 08 09 …: RTP before and after a rollover, and its first SRTCP packet.
const LIBSRTP: [(Suite, [&str; 3]); 3] = [
    (
        Suite::AesCm128HmacSha1_80,
        [
            "8000ffff0000010200000009fac5919f419a4ec30e9123e34d04b41122969f011c961380a07843f7d20b",
            "8000000000000102000000091669514c0c200bfe8752b62cfaf0ae430d3640dfd7e3fb240c54a852bbd4",
            "80c90001000000097bc1ee75031c0b519fb1d477800000010274864ca3aaa43cdeda",
        ],
    ),
    (
        Suite::AesCm128HmacSha1_32,
        [
            "8000ffff0000010200000009fac5919f419a4ec30e9123e34d04b41122969f011c961380",
            "8000000000000102000000091669514c0c200bfe8752b62cfaf0ae430d3640dfd7e3fb24",
            "80c90001000000097bc1ee75031c0b519fb1d477800000010274864ca3aaa43cdeda",
        ],
    ),
    (
        Suite::AeadAes128Gcm,
        [
            "8000ffff0000010200000009f81b39980f5265bb2060b16b502b485922ab3bdffa5a3958441ec7c176a53d95ed24571d",
            "800000000000010200000009bb0034c925cfef5ed26c1b437e8ba020b5d6f66c0b385028440c63d999759c058ca5a37c",
            "80c9000100000009c03131218d8bd7808d3bc4a297d93b0c218f9b4f335744d73f8c5d9b80000001",
        ],
    ),
];

#[test]
fn the_packets_of_libsrtp_are_made_and_opened() {
    for (suite, [first, second, control]) in LIBSRTP {
        let (mut outbound, mut inbound) = pair(suite);
        for (sequence, expected) in [(u16::MAX, first), (0, second)] {
            let plain = packet(9, sequence, &[3; 20]);
            assert_eq!(sealed(&mut outbound, &plain), bytes(expected), "{suite:?} {sequence}");
            assert_eq!(opened(&mut inbound, &bytes(expected)), Ok(plain), "{suite:?} {sequence}");
        }
        let plain = bytes("80c900010000000981ca00020000000901017800");
        sealed_report(&mut outbound, &plain);
        assert_eq!(sealed_report(&mut outbound, &plain), bytes(control), "{suite:?}: it begins with index 1");
        assert_eq!(opened_report(&mut inbound, &bytes(control)), Ok(plain), "{suite:?}");
    }
}

fn gcm_of_the_rfc() -> Cipher {
    let key: Vec<u8> = (0..16).collect();
    Cipher::gcm(Gcm::aes_128(key.as_slice().try_into().unwrap()), &bytes("517569642070726f2071756f"))
}

/// RFC 7714 §16.2.1.
#[test]
fn gcm_with_a_long_key_protects_rtp_as_in_the_rfc() {
    let key: Vec<u8> = (0..32).collect();
    let cipher = Cipher::gcm(Gcm::aes_256(key.as_slice().try_into().unwrap()), &bytes("517569642070726f2071756f"));
    let mut packet = bytes("8040f17b8041f8d35501a0b2");
    packet.extend(b"Gallia est omnis divisa in partes tres");
    let plain = packet.clone();
    let place = Place { ssrc: 0x5501_a0b2, index: 0xf17b };
    let mut tag = [0; 16];
    cipher.seal_rtp(place, 12, &mut packet, &mut tag).unwrap();
    let expected = "32b1de78a822fe12ef9f78fa332e33aa b18012389a58e2f3b50b2a0276ffae0f 1ba63799b87b";
    assert_eq!(packet[12..], bytes(expected));
    assert_eq!(tag.to_vec(), bytes("7aa3db36dfffd6b0f9bb7878d7a76c13"));
    cipher.open_rtp(place, 12, &mut packet, &tag).unwrap();
    assert_eq!(packet, plain);
}

/// RFC 6188 §7.3, with the twelve bytes of salt that GCM has, filled up: computed with another library.
#[test]
fn session_keys_under_a_long_key_are_those_of_aes_256() {
    let master = bytes("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6 3b04803de51ee7c96423ab5b");
    let derivation = Derivation::new(&MasterKey::new(Suite::AeadAes256Gcm, &master).unwrap());
    assert_eq!(
        derivation.derive::<32>(0).to_vec(),
        bytes("11bbe9220dd2807adf84c602b10c615671c7386298c7f0805e4dad5aecdfddab")
    );
    assert_eq!(derivation.derive::<12>(2).to_vec(), bytes("2f4b64a82bf4ceca0baac3a9"));
}

/// RFC 7714 §16.1.1.
#[test]
fn gcm_protects_rtp_as_in_the_rfc() {
    let mut packet = bytes("8040f17b8041f8d35501a0b2");
    packet.extend(b"Gallia est omnis divisa in partes tres");
    let plain = packet.clone();
    let place = Place { ssrc: 0x5501_a0b2, index: 0xf17b };
    let mut tag = [0; 16];
    gcm_of_the_rfc().seal_rtp(place, 12, &mut packet, &mut tag).unwrap();
    let expected = "f24de3a3fb34de6cacba861c9d7e4bca be633bd50d294e6f42a5f47a51c7d19b 36de3adf8833";
    assert_eq!(packet[12..], bytes(expected));
    assert_eq!(tag.to_vec(), bytes("899d7f27beb16a9152cf765ee4390cce"));
    gcm_of_the_rfc().open_rtp(place, 12, &mut packet, &tag).unwrap();
    assert_eq!(packet, plain);
}

/// RFC 7714 §17.1.
#[test]
fn gcm_protects_rtcp_as_in_the_rfc() {
    let plain = bytes(
        "81c8000d4d617273 4e5450314e545032525450200000042a 0000e9304c756e61deadbeefdeadbeef deadbeefdeadbeefdeadbeef",
    );
    let mut packet = plain.clone();
    packet.resize(plain.len() + 20, 0);
    let word = 0x8000_05d4_u32.to_be_bytes();
    let place = Place { ssrc: 0x4d61_7273, index: 0x5d4 };
    assert_eq!(gcm_of_the_rfc().seal_rtcp(place, word, plain.len(), &mut packet), Ok(packet.len()));
    let expected = "81c8000d4d617273 63e94885dcdab67ca727d7662f6b7e99 7ff5c0f76c06f32dc676a5f1730d6fda
        4ce09b4686303ded0bb9275b c84aa45896cf4d2fc5abf87245d9eade 800005d4";
    assert_eq!(packet, bytes(expected));
    assert_eq!(gcm_of_the_rfc().split_rtcp(&packet), Some((0x8000_05d4, plain.len())));
    gcm_of_the_rfc().open_rtcp(place, word, plain.len(), &mut packet).unwrap();
    assert_eq!(packet[..plain.len()], plain);
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
