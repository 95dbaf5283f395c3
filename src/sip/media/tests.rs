use super::*;

const LOCAL: LocalMedia =
    LocalMedia { address: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), port: 40_000, session: 77 };

fn session(media: &str) -> Vec<u8> {
    format!("v=0\r\no=- 1 1 IN IP4 198.51.100.4\r\ns=-\r\nc=IN IP4 198.51.100.4\r\nt=0 0\r\n{media}").into_bytes()
}

fn agreed(media: &str) -> Negotiated {
    Offer::parse(&session(media)).unwrap().negotiated().clone()
}

#[test]
fn the_offers_first_g711_is_taken_and_answered_with_its_numbers() {
    let offer = Offer::parse(&session(
        "m=audio 5000 RTP/AVP 18 8 0 97\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:97 telephone-event/8000\r\na=ptime:30\r\n",
    ))
    .unwrap();
    let expected = Negotiated {
        codec: Codec::Pcma,
        payload_type: 8,
        event_payload_type: Some(97),
        remote_rtp: Some("198.51.100.4:5000".parse().unwrap()),
        remote_rtcp: Some("198.51.100.4:5001".parse().unwrap()),
        direction: Direction::SendReceive,
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
    let dynamic = agreed("m=audio 5000 RTP/AVP 0 112\r\na=rtpmap:0 opus/48000/2\r\na=rtpmap:112 pcma/8000/1\r\n");
    assert_eq!((dynamic.codec, dynamic.payload_type), (Codec::Pcma, 112));
}

#[test]
fn other_lines_are_refused_in_their_places() {
    let offer = Offer::parse(&session(
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
    assert_eq!(Offer::parse(both).unwrap().negotiated().direction, Direction::ReceiveOnly);
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
        assert_eq!(Offer::parse(&session(media)).unwrap().check_family(local), expected, "{media} {local}");
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
fn an_offer_that_cannot_be_answered_says_why() {
    for (media, error) in [
        ("m=video 6000 RTP/AVP 31\r\n", OfferError::NoAudio),
        ("m=audio 5000 RTP/SAVP 0\r\n", OfferError::NoAudio),
        ("m=audio 5000 RTP/AVP 18 101\r\na=rtpmap:101 telephone-event/8000\r\n", OfferError::NoCodec),
        ("m=audio 5000 RTP/AVP 96\r\na=rtpmap:96 PCMU/16000\r\n", OfferError::NoCodec),
        ("m=audio\r\n", OfferError::Malformed),
    ] {
        assert_eq!(Offer::parse(&session(media)).err(), Some(error), "{media}");
    }
    assert_eq!(Offer::parse(b"").err(), Some(OfferError::Malformed));
    assert_eq!(Offer::parse(&[b'v'; 20_000]).err(), Some(OfferError::Malformed));
}

#[test]
fn a_user_name_with_blanks_is_tolerated() {
    let text = b"v=0\r\no=An Old PBX 1 1 IN IP4 198.51.100.4\r\ns=-\r\nc=IN IP4 198.51.100.4\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n";
    assert!(Offer::parse(text).is_ok());
}

#[test]
fn a_refresh_differs_in_the_version_alone() {
    let first = Offer::parse(&session("m=audio 5000 RTP/AVP 0\r\n")).unwrap();
    let text = String::from_utf8(session("m=audio 5000 RTP/AVP 0\r\n")).unwrap();
    let refreshed = Offer::parse(text.replace("o=- 1 1", "o=- 1 2").as_bytes()).unwrap();
    let moved = Offer::parse(text.replace("audio 5000", "audio 5002").as_bytes()).unwrap();
    assert!(first.is_same_session(&refreshed) && !first.is_same_session(&moved));
}

#[test]
fn our_offer_can_be_answered_and_its_answer_taken() {
    let theirs = Offer::parse(answer::offer(&LOCAL).as_bytes()).unwrap();
    assert_eq!((theirs.negotiated().codec, theirs.negotiated().event_payload_type), (Codec::Pcmu, Some(101)));
    let taken = Offer::parse_answer(theirs.answer(&LOCAL).as_bytes()).unwrap();
    assert_eq!(taken.negotiated().remote_rtp, Some("192.0.2.1:40000".parse().unwrap()));
    assert_eq!(Offer::parse_answer(&session("m=audio 0 RTP/AVP 0\r\n")), Err(OfferError::NoAudio));
}
