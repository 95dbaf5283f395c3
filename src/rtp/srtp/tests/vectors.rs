//! What the RFCs and libsrtp say that keys, keystreams and packets are.

use aes::Aes128Enc;
use aes::cipher::KeyInit;

use super::*;
use crate::srtp::cipher::{self, Cipher, Gcm, Place};
use crate::srtp::key::Derivation;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
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
