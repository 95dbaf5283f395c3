use super::*;

mod dtls;

const LOCAL: LocalMedia = LocalMedia {
    address: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
    port: 40_000,
    session: 77,
    key: None,
    fingerprint: None,
};

fn material() -> KeyMaterial {
    KeyMaterial::new([0x5a; 30])
}

fn taking(srtp: SrtpPolicy) -> MediaPolicy<'static> {
    MediaPolicy { srtp, codecs: &Codec::ALL }
}

/// What this side says to an offer.
fn answer_to(offer: &Offer) -> String {
    offer.answer(&LocalMedia { key: offer.local_key(&material()), ..LOCAL })
}

fn parse(bytes: &[u8]) -> Result<Offer, OfferError> {
    Offer::parse(bytes, taking(SrtpPolicy::Off))
}

fn session(media: &str) -> Vec<u8> {
    format!("v=0\r\no=- 1 1 IN IP4 198.51.100.4\r\ns=-\r\nc=IN IP4 198.51.100.4\r\nt=0 0\r\n{media}").into_bytes()
}

fn agreed(media: &str) -> Negotiated {
    parse(&session(media)).unwrap().negotiated().clone()
}

#[test]
fn the_offers_first_g711_is_taken_and_answered_with_its_numbers() {
    let offer = parse(&session(
        "m=audio 5000 RTP/AVP 18 8 0 97\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:97 telephone-event/8000\r\na=ptime:30\r\n",
    ))
    .unwrap();
    let expected = Negotiated {
        codec: Codec::Pcma,
        payload_type: 8,
        events: Some(TelephoneEvents { payload_type: 97, clock_hertz: 8_000, redundant: None }),
        comfort_noise: None,
        opus: OpusParameters::default(),
        remote_rtp: Some("198.51.100.4:5000".parse().unwrap()),
        remote_rtcp: Some("198.51.100.4:5001".parse().unwrap()),
        direction: Direction::SendReceive,
        reports: ExtendedReports::default(),
        protection: Protection::Clear,
    };
    assert_eq!(offer.negotiated(), &expected);
    assert_eq!(
        offer.answer(&LOCAL),
        "v=0\r\no=- 77 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 97\r\n\
         a=rtpmap:8 PCMA/8000\r\na=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
}

#[test]
fn static_payload_types_need_no_rtpmap_and_a_dynamic_one_follows_its_own() {
    assert_eq!(agreed("m=audio 5000 RTP/AVP 0\r\n").codec, Codec::Pcmu);
    let dynamic = agreed("m=audio 5000 RTP/AVP 0 112\r\na=rtpmap:0 GSM/8000\r\na=rtpmap:112 pcma/8000/1\r\n");
    assert_eq!((dynamic.codec, dynamic.payload_type), (Codec::Pcma, 112));
}

const WIDE: &str = "m=audio 5000 RTP/AVP 96 9 111 0 101 102\r\na=rtpmap:96 L16/16000\r\na=rtpmap:111 OPUS/48000/2\r\n\
    a=fmtp:111 minptime=10; useinbandfec=1;maxaveragebitrate=20000\r\na=rtpmap:101 telephone-event/8000\r\n\
    a=rtpmap:102 telephone-event/48000\r\n";

#[test]
fn of_the_codecs_that_may_be_taken_the_offers_first_is() {
    use Codec::{G722, L16, Opus, Pcma, Pcmu};
    for (may, taken) in [
        (&Codec::ALL[..], Ok((L16, 96, 101))),
        (&[Pcma, Pcmu, G722], Ok((G722, 9, 101))),
        (&[Pcma, Pcmu, Opus], Ok((Opus, 111, 102))),
        (&[Pcma, Pcmu], Ok((Pcmu, 0, 101))),
        (&[Pcma], Err(OfferError::NoCodec)),
        (&[], Err(OfferError::NoCodec)),
    ] {
        let offer = Offer::parse(&session(WIDE), MediaPolicy { srtp: SrtpPolicy::Off, codecs: may });
        let found = offer.map(|offer| {
            let agreed = offer.negotiated();
            (agreed.codec, agreed.payload_type, agreed.events.unwrap().payload_type)
        });
        assert_eq!(found, taken, "{may:?}");
    }
}

#[test]
fn opus_is_answered_with_what_this_side_hears_and_keys_on_its_clock() {
    let offer = Offer::parse(&session(WIDE), MediaPolicy { srtp: SrtpPolicy::Off, codecs: &[Codec::Opus] }).unwrap();
    let asked = OpusParameters { wants_redundancy: true, wants_pauses: false, most_bits_per_second: Some(20_000) };
    assert_eq!((offer.negotiated().opus, offer.negotiated().events.unwrap().clock_hertz), (asked, 48_000));
    assert!(offer.answer(&LOCAL).ends_with(
        "m=audio 40000 RTP/AVP 111 102\r\na=rtpmap:111 opus/48000/2\r\n\
         a=fmtp:111 maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1\r\n\
         a=rtpmap:102 telephone-event/48000\r\na=fmtp:102 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    ));
    assert_eq!(agreed("m=audio 5000 RTP/AVP 98\r\na=rtpmap:98 opus/48000/2\r\n").opus, OpusParameters::default());
}

#[test]
fn events_may_come_with_the_ones_before_where_that_is_offered_for_them() {
    for (redundant, taken) in [
        ("a=rtpmap:98 red/8000\r\na=fmtp:98 0/97/97\r\n", Some(98)),
        ("a=rtpmap:98 RED/8000/1\r\na=fmtp:98 97/97\r\n", Some(98)),
        ("a=rtpmap:98 red/8000\r\na=fmtp:98 0/0\r\n", None),
        ("a=rtpmap:98 red/16000\r\na=fmtp:98 97/97\r\n", None),
        ("a=rtpmap:98 red/8000\r\n", None),
    ] {
        let media = format!("m=audio 5000 RTP/AVP 0 97 98\r\na=rtpmap:97 telephone-event/8000\r\n{redundant}");
        let offer = parse(&session(&media)).unwrap();
        assert_eq!(offer.negotiated().events.unwrap().redundant, taken, "{redundant}");
        let answer = answer_to(&offer);
        let said = "m=audio 40000 RTP/AVP 0 97 98\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:97 telephone-event/8000\r\n\
            a=fmtp:97 0-15\r\na=rtpmap:98 red/8000\r\na=fmtp:98 97/97/97/97\r\n";
        assert_eq!((answer.contains(said), answer.contains("red/")), (taken.is_some(), taken.is_some()), "{answer}");
    }
}

#[test]
fn opus_leaves_silence_out_where_the_far_end_prefers_that() {
    for (parameters, wants) in [("usedtx=1", true), ("stereo=0; usedtx=1", true), ("usedtx=0", false), ("dtx=1", false)]
    {
        let media = format!("m=audio 5000 RTP/AVP 98\r\na=rtpmap:98 opus/48000/2\r\na=fmtp:98 {parameters}\r\n");
        assert_eq!(agreed(&media).opus.wants_pauses, wants, "{parameters}");
    }
}

#[test]
fn comfort_noise_is_agreed_with_g711_under_the_offers_number() {
    let mapped = "a=rtpmap:98 cn/8000\r\na=rtpmap:99 CN/16000\r\na=rtpmap:96 L16/16000\r\na=rtpmap:97 opus/48000/2\r\n";
    for (formats, line, map) in [
        ("0 13 101", "0 13 101", Some("a=rtpmap:13 CN/8000")),
        ("13 99 8 101", "8 13 101", Some("a=rtpmap:13 CN/8000")),
        ("8 99 98", "8 98", Some("a=rtpmap:98 CN/8000")),
        ("0 99", "0", None),
        ("0", "0", None),
        ("9 13", "9", None),
        ("96 13 99", "96", None),
        ("97 13", "97", None),
    ] {
        let media = format!("m=audio 5000 RTP/AVP {formats}\r\na=rtpmap:101 telephone-event/8000\r\n{mapped}");
        let answer = answer_to(&parse(&session(&media)).unwrap());
        assert!(answer.contains(&format!("m=audio 40000 RTP/AVP {line}\r\n")), "{formats}: {answer}");
        let noise = answer.lines().find(|line| line.contains("CN/"));
        assert_eq!(noise, map, "{formats}");
    }
    let other = "m=audio 5000 RTP/AVP 0 13\r\na=rtpmap:13 telephone-event/8000\r\n";
    assert_eq!(agreed(other).comfort_noise, None, "a number that was given to something else");
}

#[test]
fn what_only_looks_like_a_codec_is_passed_over() {
    for encoding in ["opus/48000", "opus/16000/2", "G722/16000", "L16/44100", "L16/16000/2", "PCMU/8000/2", "PCMU", ""]
    {
        let media = format!("m=audio 5000 RTP/AVP 97\r\na=rtpmap:97 {encoding}\r\n");
        assert_eq!(parse(&session(&media)).err(), Some(OfferError::NoCodec), "{encoding}");
    }
}

#[test]
fn this_side_offers_the_g711_that_may_be_taken_in_its_order() {
    let line = |codecs: &[Codec]| {
        answer::offer(&LOCAL, codecs).lines().find(|line| line.starts_with("m=")).unwrap().to_owned()
    };
    assert_eq!(line(&Codec::ALL), "m=audio 40000 RTP/AVP 0 8 13 101");
    assert_eq!(line(&[Codec::Opus, Codec::Pcma, Codec::Pcmu]), "m=audio 40000 RTP/AVP 8 0 13 101");
    let may = |srtp, codecs| MediaPolicy { srtp, codecs }.may_offer();
    assert_eq!(may(SrtpPolicy::Optional, &[Codec::G722]), Err(OfferError::NoCodec));
    assert_eq!(may(SrtpPolicy::Required, &[Codec::Pcmu]), Err(OfferError::InClear));
    assert_eq!(may(SrtpPolicy::Off, &[Codec::G722, Codec::Pcmu]), Ok(()));
}

#[test]
fn other_lines_are_refused_in_their_places() {
    let offer = parse(&session(
        "m=video 6000 RTP/AVP 31\r\nm=audio 0 RTP/AVP 0\r\nm=audio 5000 RTP/AVP 0\r\nm=audio 5002 RTP/AVP 0\r\n",
    ))
    .unwrap();
    let answer = offer.answer(&LOCAL);
    let lines: Vec<_> = answer.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        lines,
        ["m=video 0 RTP/AVP 31", "m=audio 0 RTP/AVP 0", "m=audio 40000 RTP/AVP 0", "m=audio 0 RTP/AVP 0"]
    );
}

#[test]
fn directions_are_turned_round_and_the_lines_own_wins() {
    for (attribute, direction) in [
        ("sendrecv", Direction::SendReceive),
        ("sendonly", Direction::ReceiveOnly),
        ("recvonly", Direction::SendOnly),
        ("inactive", Direction::Inactive),
    ] {
        assert_eq!(agreed(&format!("m=audio 5000 RTP/AVP 0\r\na={attribute}\r\n")).direction, direction);
    }
    let both =
        b"v=0\r\no=- 1 1 IN IP4 198.51.100.4\r\ns=-\r\nt=0 0\r\na=inactive\r\nm=audio 5000 RTP/AVP 0\r\na=sendonly\r\n";
    assert_eq!(parse(both).unwrap().negotiated().direction, Direction::ReceiveOnly);
}

#[test]
fn audio_flows_within_one_address_family() {
    let other = "m=audio 5000 RTP/AVP 0\r\nc=IN IP6 2001:db8::4\r\n";
    let (four, six) = (LOCAL.address, "2001:db8::1".parse().unwrap());
    for (media, local, expected) in [
        ("m=audio 5000 RTP/AVP 0\r\n", four, Ok(())),
        ("m=audio 5000 RTP/AVP 0\r\n", six, Err(OfferError::OtherFamily)),
        (other, six, Ok(())),
        (other, four, Err(OfferError::OtherFamily)),
    ] {
        assert_eq!(
            Offer::parse(&session(media), taking(SrtpPolicy::Off)).unwrap().check_family(local),
            expected,
            "{media} {local}"
        );
    }
}

#[test]
fn addresses_that_are_no_hosts_leave_the_destination_open() {
    for address in ["0.0.0.0", "media.example.com", "224.2.1.1", "255.255.255.255"] {
        let agreed = agreed(&format!("m=audio 5000 RTP/AVP 0\r\nc=IN IP4 {address}\r\n"));
        assert_eq!((agreed.remote_rtp, agreed.remote_rtcp), (None, None), "{address}");
        assert_eq!(agreed.direction, Direction::SendReceive, "{address}: no hold");
    }
}

#[test]
fn rtcp_has_an_attribute_of_its_own() {
    let rtcp = |attribute: &str| agreed(&format!("m=audio 65535 RTP/AVP 0\r\n{attribute}")).remote_rtcp;
    assert_eq!(rtcp(""), None);
    assert_eq!(rtcp("a=rtcp:6001\r\n"), Some("198.51.100.4:6001".parse().unwrap()));
    assert_eq!(rtcp("a=rtcp:6001 IN IP4 198.51.100.9\r\n"), Some("198.51.100.9:6001".parse().unwrap()));
    assert_eq!(rtcp("a=rtcp:none\r\n"), None);
}

#[test]
fn extended_reports_are_agreed_as_far_as_they_are_known() {
    let both = ExtendedReports::ALL;
    let round_trip = ExtendedReports { voip_metrics: false, ..both };
    let voip_metrics = ExtendedReports { round_trip: false, ..both };
    for (attributes, wanted, answered) in [
        ("", ExtendedReports::default(), None),
        ("a=rtcp-xr\r\n", ExtendedReports::default(), None),
        ("a=rtcp-xr:pkt-loss-rle stat-summary=loss,dup,jitt,TTL\r\n", ExtendedReports::default(), None),
        ("a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss voip-metrics\r\n", both, Some("rcvr-rtt=all voip-metrics")),
        ("a=rtcp-xr:rcvr-rtt=sender\r\n", round_trip, Some("rcvr-rtt=all")),
        ("a=rtcp-xr:rcvr-rtt=all:15 voip-metrics\r\n", voip_metrics, Some("voip-metrics")),
        ("a=rtcp-xr:rcvr-rtt=all:x\r\na=rtcp-xr:voip-metrics\r\n", both, Some("rcvr-rtt=all voip-metrics")),
    ] {
        let offer = parse(&session(&format!("m=audio 5000 RTP/AVP 0\r\n{attributes}"))).unwrap();
        assert_eq!(offer.negotiated().reports, wanted, "{attributes}");
        let answer = offer.answer(&LOCAL);
        assert_eq!(answer.lines().find_map(|line| line.strip_prefix("a=rtcp-xr:")), answered, "{attributes}");
    }
}

#[test]
fn extended_reports_of_the_line_go_before_those_of_the_session() {
    let reports = |line: &str| {
        let head = "v=0\r\no=- 1 1 IN IP4 198.51.100.4\r\ns=-\r\nc=IN IP4 198.51.100.4\r\nt=0 0\r\n";
        let text = format!("{head}a=rtcp-xr:voip-metrics\r\nm=audio 5000 RTP/AVP 0\r\n{line}");
        parse(text.as_bytes()).unwrap().negotiated().reports
    };
    assert_eq!(reports(""), ExtendedReports { voip_metrics: true, round_trip: false });
    assert_eq!(reports("a=rtcp-xr:\r\n"), ExtendedReports::default(), "the line wants none");
}

#[test]
fn this_side_offers_every_extended_report_it_knows() {
    let offer = answer::offer(&LOCAL, &Codec::ALL);
    assert!(offer.contains("\r\na=rtcp-xr:rcvr-rtt=all voip-metrics\r\n"), "{offer}");
    let theirs = parse(offer.as_bytes()).unwrap();
    let taken = Offer::parse_answer(theirs.answer(&LOCAL).as_bytes(), &Codec::ALL).unwrap();
    assert_eq!((theirs.negotiated().reports, taken.negotiated().reports), (ExtendedReports::ALL, ExtendedReports::ALL));
}

#[test]
fn an_offer_that_cannot_be_answered_says_why() {
    for (media, error) in [
        ("m=video 6000 RTP/AVP 31\r\n", OfferError::NoAudio),
        ("m=audio 5000 RTP/SAVP 0\r\n", OfferError::NoAudio),
        ("m=audio 5000 RTP/AVP 18 101\r\na=rtpmap:101 telephone-event/8000\r\n", OfferError::NoCodec),
        ("m=audio 5000 RTP/AVP 96\r\na=rtpmap:96 PCMU/16000\r\n", OfferError::NoCodec),
        ("m=audio\r\n", OfferError::Malformed),
    ] {
        assert_eq!(parse(&session(media)).err(), Some(error), "{media}");
    }
    assert_eq!(parse(b"").err(), Some(OfferError::Malformed));
    assert_eq!(parse(&[b'v'; 20_000]).err(), Some(OfferError::Malformed));
}

#[test]
fn a_user_name_with_blanks_is_tolerated() {
    let text = b"v=0\r\no=An Old PBX 1 1 IN IP4 198.51.100.4\r\ns=-\r\nc=IN IP4 198.51.100.4\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n";
    assert!(parse(text).is_ok());
}

#[test]
fn a_refresh_differs_in_the_version_alone() {
    let first = parse(&session("m=audio 5000 RTP/AVP 0\r\n")).unwrap();
    let text = String::from_utf8(session("m=audio 5000 RTP/AVP 0\r\n")).unwrap();
    let refreshed = parse(text.replace("o=- 1 1", "o=- 1 2").as_bytes()).unwrap();
    let moved = parse(text.replace("audio 5000", "audio 5002").as_bytes()).unwrap();
    assert!(first.is_same_session(&refreshed) && !first.is_same_session(&moved));
}

#[test]
fn our_offer_can_be_answered_and_its_answer_taken() {
    let theirs = parse(answer::offer(&LOCAL, &Codec::ALL).as_bytes()).unwrap();
    assert_eq!(
        (theirs.negotiated().codec, theirs.negotiated().events.map(|events| events.payload_type)),
        (Codec::Pcmu, Some(101))
    );
    assert_eq!(theirs.negotiated().comfort_noise, Some(13));
    let taken = Offer::parse_answer(theirs.answer(&LOCAL).as_bytes(), &Codec::ALL).unwrap();
    assert_eq!(taken.negotiated().remote_rtp, Some("192.0.2.1:40000".parse().unwrap()));
    assert_eq!(taken.negotiated().comfort_noise, Some(13));
    assert_eq!(Offer::parse_answer(&session("m=audio 0 RTP/AVP 0\r\n"), &Codec::ALL), Err(OfferError::NoAudio));
}

/// The key of RFC 4568's examples, 30 bytes.
const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
const BOTH: &str = "m=audio 5000 RTP/AVP 0\r\nm=audio 5002 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n";

/// The number and suite of what is chosen among crypto attributes.
fn chosen(attributes: &str) -> Option<(u32, CryptoSuite)> {
    let offer =
        Offer::parse(&session(&format!("m=audio 5000 RTP/SAVP 0\r\n{attributes}")), taking(SrtpPolicy::Required));
    offer
        .ok()
        .and_then(|offer| offer.negotiated().protection.crypto().cloned())
        .map(|crypto| (crypto.tag, crypto.remote.suite()))
}

#[test]
fn the_strongest_suite_is_taken_and_answered_with_its_number_and_our_key() {
    let gcm = format!("{}g", &KEY[..37]);
    let media = format!(
        "m=audio 5000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|2^20\r\n\
         a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1048576 WSH=128\r\na=crypto:7 AEAD_AES_128_GCM inline:{gcm}==\r\n"
    );
    let offer = Offer::parse(&session(&media), taking(SrtpPolicy::Optional)).unwrap();
    let remote = &offer.negotiated().protection.crypto().unwrap().remote;
    assert_eq!((remote.suite(), remote.as_bytes().len()), (CryptoSuite::AeadAes128Gcm, 28));
    assert_eq!(&remote.as_bytes()[..4], b"wDfv");
    assert_eq!(offer.local_key(&material()).unwrap().as_bytes(), [0x5a; 28]);
    let answer = answer_to(&offer);
    assert!(answer.contains("\r\nm=audio 40000 RTP/SAVP 0\r\n"), "the transport is the offer's");
    assert!(answer.ends_with("a=crypto:7 AEAD_AES_128_GCM inline:WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWg==\r\n"));
    let theirs = Offer::parse(answer.as_bytes(), taking(SrtpPolicy::Required)).unwrap();
    assert_eq!(theirs.negotiated().protection.crypto().unwrap().remote.as_bytes(), [0x5a; 28], "it reads as written");
}

#[test]
fn lines_that_ask_for_what_is_not_done_are_passed_over() {
    let line = |tag: u32, rest: &str| format!("a=crypto:{tag} AES_CM_128_HMAC_SHA1_80 {rest}\r\n");
    let good = line(9, &format!("inline:{KEY}|2^31 -EXTRA=1"));
    for rest in [
        format!("inline:{KEY}|2^20|1:4"),
        format!("inline:{KEY}|1:4"),
        format!("inline:{KEY}|2^20|1:4;inline:{KEY}|2^20|2:4"),
        format!("inline:{KEY} KDR=1"),
        format!("inline:{KEY} UNENCRYPTED_SRTCP"),
        format!("inline:{KEY} UNAUTHENTICATED_SRTP"),
        format!("inline:{}", &KEY[..38]),
        format!("inline:{KEY}AAAA"),
        format!("inline:{}", &KEY[1..]),
        format!("uri:{KEY}"),
        "inline:\u{e9}\u{e9}\u{e9}\u{e9}".to_owned(),
        String::new(),
    ] {
        assert_eq!(chosen(&line(1, &rest)), None, "{rest}");
        assert_eq!(chosen(&(line(1, &rest) + &good)), Some((9, CryptoSuite::AesCm128HmacSha1_80)), "{rest}");
    }
    for other in ["a=crypto:1 F8_128_HMAC_SHA1_80 inline:", "a=crypto:x AES_CM_128_HMAC_SHA1_80 inline:"] {
        assert_eq!(chosen(&format!("{other}{KEY}\r\n")), None);
    }
}

#[test]
fn the_policy_decides_between_protected_and_clear() {
    let taken = |policy, media: &str| {
        let offer = Offer::parse(&session(media), taking(policy))?;
        Ok((offer.chosen, !offer.negotiated().protection.is_clear()))
    };
    let clear = "m=audio 5000 RTP/AVP 0\r\n";
    let without_key = "m=audio 5000 RTP/SAVP 0\r\n";
    for (policy, media, expected) in [
        (SrtpPolicy::Off, BOTH, Ok((0, false))),
        (SrtpPolicy::Optional, BOTH, Ok((1, true))),
        (SrtpPolicy::Required, BOTH, Ok((1, true))),
        (SrtpPolicy::Off, without_key, Err(OfferError::NoAudio)),
        (SrtpPolicy::Optional, clear, Ok((0, false))),
        (SrtpPolicy::Optional, without_key, Err(OfferError::NoSuite)),
        (SrtpPolicy::Required, clear, Err(OfferError::InClear)),
        (SrtpPolicy::Required, without_key, Err(OfferError::NoSuite)),
    ] {
        assert_eq!(taken(policy, media), expected, "{policy:?} {media}");
    }
}

#[test]
fn the_line_that_is_not_chosen_is_refused_with_nothing_of_ours() {
    let answer = answer_to(&Offer::parse(&session(BOTH), taking(SrtpPolicy::Optional)).unwrap());
    assert!(answer.contains("\r\nm=audio 0 RTP/AVP 0\r\nm=audio 40000 RTP/SAVP 0\r\n"));
    let answer = answer_to(&Offer::parse(&session(BOTH), taking(SrtpPolicy::Off)).unwrap());
    assert!(answer.ends_with("m=audio 0 RTP/SAVP 0\r\n") && !answer.contains("crypto"));
}

#[test]
fn no_key_is_printed() {
    let offer = Offer::parse(&session(BOTH), taking(SrtpPolicy::Required)).unwrap();
    let printed = format!("{offer:?}{:?}", offer.local_key(&material()));
    assert!(!printed.contains("d0Rm") && !printed.contains("119") && !printed.contains("90"), "{printed}");
}
