//! Offers over DTLS.

use super::*;

/// A fingerprint of so many bytes.
fn print(hash: &str, bytes: usize) -> String {
    format!("a=fingerprint:{hash} {}\r\n", vec!["4A"; bytes].join(":"))
}

fn line(attributes: &str) -> String {
    format!("m=audio 5000 UDP/TLS/RTP/SAVP 0\r\n{attributes}")
}

fn offer(media: &str) -> Result<Offer, OfferError> {
    Offer::parse(&session(media), taking(SrtpPolicy::Required))
}

fn agreed(media: &str) -> Result<Dtls, OfferError> {
    Ok(offer(media)?.negotiated().protection.dtls().cloned().unwrap())
}

/// What this side says of itself.
fn local() -> LocalMedia {
    let fingerprint = Fingerprint { hash: FingerprintHash::Sha256, digest: [0xab; 32].into() };
    LocalMedia { fingerprint: Some(fingerprint), ..LOCAL }
}

#[test]
fn this_side_begins_unless_the_far_end_does_and_shows_its_certificate() {
    let ours = format!("a=fingerprint:sha-256 {}\r\n", ["AB"; 32].join(":"));
    for (transport, setup, answer) in [
        ("UDP/TLS/RTP/SAVP", "actpass", "active"),
        ("UDP/TLS/RTP/SAVP", "passive", "active"),
        ("UDP/TLS/RTP/SAVPF", "active", "passive"),
    ] {
        let media = line(&format!("a=setup:{setup}\r\n{}", print("sha-256", 32)));
        let text = offer(&media.replace("UDP/TLS/RTP/SAVP", transport)).unwrap().answer(&local());
        assert!(text.contains(&format!("m=audio 40000 {transport} 0\r\n")), "{text}");
        assert!(text.ends_with(&format!("a=sendrecv\r\n{ours}a=setup:{answer}\r\n")), "{text}");
    }
}

#[test]
fn rtcp_shares_the_port_where_that_is_offered() {
    let media = line(&format!("a=setup:actpass\r\na=rtcp-mux\r\n{}", print("sha-256", 32)));
    assert!(agreed(&media).unwrap().rtcp_mux && offer(&media).unwrap().answer(&local()).ends_with("a=rtcp-mux\r\n"));
    let alone = media.replace("a=rtcp-mux\r\n", "");
    assert!(!agreed(&alone).unwrap().rtcp_mux && !offer(&alone).unwrap().answer(&local()).contains("rtcp-mux"));
}

#[test]
fn certificate_and_role_may_stand_above_all_lines_and_those_of_the_line_count_first() {
    let above = |line: &str| {
        let text = String::from_utf8(session(line)).unwrap();
        let common = format!("t=0 0\r\na=setup:active\r\n{}", print("sha-512", 64));
        Offer::parse(text.replace("t=0 0\r\n", &common).as_bytes(), taking(SrtpPolicy::Optional))
    };
    let of = |offer: Offer| offer.negotiated().protection.dtls().cloned().unwrap();
    let common = of(above(&line("")).unwrap());
    assert_eq!((common.role, common.fingerprints[0].hash), (DtlsRole::Passive, FingerprintHash::Sha512));
    let own = of(above(&line(&format!("a=setup:passive\r\n{}", print("sha-256", 32)))).unwrap());
    assert_eq!((own.role, own.fingerprints[0].hash), (DtlsRole::Active, FingerprintHash::Sha256));
    assert_eq!(
        above(&line(&print("sha-1", 20))),
        Err(OfferError::NoFingerprint),
        "the line's own counts, weak as it is"
    );
}

#[test]
fn fingerprints_of_the_strongest_hash_count() {
    let several = format!(
        "a=setup:actpass\r\n{}{}{}{}",
        print("sha-1", 20),
        print("SHA-384", 48).replace("4A", "4b"),
        print("sha-256", 32),
        print("sha-384", 48)
    );
    let fingerprints = agreed(&line(&several)).unwrap().fingerprints;
    let digests: Vec<_> = fingerprints.iter().map(|print| (print.hash, print.digest[0])).collect();
    assert_eq!(digests, [(FingerprintHash::Sha384, 0x4a), (FingerprintHash::Sha384, 0x4b)]);
}

#[test]
fn what_names_no_certificate_or_no_role_is_refused_and_says_so() {
    let good = print("sha-256", 32);
    let five: String = (0..5).map(|n| good.replacen("4A", &format!("0{n}"), 1)).collect();
    for (attributes, error) in [
        ("a=setup:actpass\r\n".to_owned(), OfferError::NoFingerprint),
        (format!("a=setup:actpass\r\n{}", print("sha-1", 20)), OfferError::NoFingerprint),
        (format!("a=setup:actpass\r\n{}", print("sha-256", 31)), OfferError::NoFingerprint),
        (format!("a=setup:actpass\r\n{}", good.replacen("4A", "+4", 1)), OfferError::NoFingerprint),
        (format!("a=setup:actpass\r\n{}", good.replace(':', "-")), OfferError::NoFingerprint),
        (format!("a=setup:actpass\r\n{five}"), OfferError::NoFingerprint),
        (good.clone(), OfferError::NoSetup),
        (format!("a=setup:holdconn\r\n{good}"), OfferError::NoSetup),
        (format!("a=setup:either\r\n{good}"), OfferError::NoSetup),
    ] {
        assert_eq!(agreed(&line(&attributes)), Err(error), "{attributes}");
    }
    let whole = line(&format!("a=setup:actpass\r\n{good}"));
    assert_eq!(Offer::parse(&session(&whole), taking(SrtpPolicy::Off)), Err(OfferError::NoAudio));
    assert_eq!(OfferError::NoFingerprint.warning().1, "No certificate fingerprint that is taken");
}

#[test]
fn a_line_over_dtls_goes_before_one_in_clear_and_an_unusable_one_after_it() {
    let clear = "m=audio 6000 RTP/AVP 0\r\n";
    let chosen = |media: String| Offer::parse(&session(&media), taking(SrtpPolicy::Optional)).unwrap().chosen;
    let secure = line(&format!("a=setup:actpass\r\n{}", print("sha-256", 32)));
    assert_eq!((chosen(clear.to_owned() + &secure), chosen(clear.to_owned() + &line(""))), (1, 0));
}

/// A session that answered a first offer of this role.
fn open(setup: &str) -> Session {
    let media = line(&format!("a=setup:{setup}\r\na=rtcp-mux\r\n{}", print("sha-256", 32)));
    Session::open(local(), Some(offer(&media).unwrap()), &Codec::ALL)
}

#[test]
fn the_association_stays_while_certificate_and_roles_do() {
    let print = print("sha-256", 32);
    let again = |setup: &str, print: &str| session(&line(&format!("a=sendonly\r\na=setup:{setup}\r\n{print}")));
    let mut active = open("actpass");
    for setup in ["actpass", "passive"] {
        let taken = active.take_offer(&again(setup, &print)).unwrap().unwrap();
        let dtls = taken.protection.dtls().unwrap();
        assert_eq!((dtls.role, dtls.rtcp_mux, taken.direction), (DtlsRole::Active, false, Direction::ReceiveOnly));
        assert!(active.text().ends_with("a=setup:active\r\n"), "{}", active.text());
    }
    let mut passive = open("active");
    let taken = passive.take_offer(&again("actpass", &print)).unwrap().unwrap();
    assert_eq!(taken.protection.dtls().unwrap().role, DtlsRole::Passive);
    passive.offer_again().unwrap();
    assert!(passive.text().contains("a=setup:passive\r\n"), "an offer of this side asks for no other role");
    assert!(passive.take_answer(&again("active", &print)).is_ok());
    assert_eq!(active.take_offer(&again("active", &print)), Err(OfferError::NoSetup));
    assert_eq!(active.take_offer(&again("holdconn", &print)), Err(OfferError::NoSetup));
    assert_eq!(passive.take_offer(&again("passive", &print)), Err(OfferError::NoSetup));
    let other = print.replace("4A", "4B");
    assert_eq!(active.take_offer(&again("actpass", &other)), Err(OfferError::NoFingerprint));
    assert_eq!(active.take_offer(&session("m=audio 5000 RTP/AVP 0\r\n")), Err(OfferError::InClear));
    let sdes = format!("m=audio 5000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n");
    assert_eq!(active.take_offer(&session(&sdes)), Err(OfferError::NoSuite));
}
