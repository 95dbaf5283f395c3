//! The session of one call as it was last agreed, and what another offer may change of it (RFC 3264 §8, RFC 6337).

use std::sync::Arc;

use super::{Codec, Direction, ExtendedReports, LocalMedia, Negotiated, Offer, OfferError, answer};

/// What the two sides hold to.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    local: LocalMedia,
    /// What this side offers, where it does.
    codecs: Vec<Codec>,
    /// The version of the `o=` line; it counts the changes of the text (RFC 3264 §8).
    version: u64,
    text: Arc<str>,
    remote: Option<Offer>,
    /// What was agreed first: codec and payload types stay for the call's life.
    agreed: Option<Negotiated>,
}

impl Session {
    /// A session that answers the offer, or makes one with `codecs` where there was none.
    pub(crate) fn open(local: LocalMedia, offer: Option<Offer>, codecs: &[Codec]) -> Self {
        let text = offer.as_ref().map_or_else(|| answer::offer(&local, codecs), |offer| offer.answer(&local));
        let agreed = offer.as_ref().map(|offer| offer.negotiated().clone());
        Self { local, codecs: codecs.to_vec(), version: 1, text: text.into(), remote: offer, agreed }
    }

    /// This side's description as it stands.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Takes the other side's new offer, and writes the answer to it. What it changes; `None` where it says the same as
    /// before.
    pub(crate) fn take_offer(&mut self, bytes: &[u8]) -> Result<Option<Negotiated>, OfferError> {
        let agreed = self.agreed.as_ref().ok_or(OfferError::NoAudio)?;
        let offer = Offer::parse_again(bytes, agreed)?;
        offer.check_family(self.local.address)?;
        let (local, version) = (self.local.clone(), self.version);
        self.write(|version| answer::write_answer(&offer, &local, version), version);
        Ok(self.replace(offer))
    }

    /// Offers the session anew, both ways: whether the other side still holds the call is its own to say (RFC 6337
    /// §5.3).
    pub(crate) fn offer_again(&mut self) -> Result<(), OfferError> {
        let (Some(agreed), Some(remote)) = (&self.agreed, self.remote.clone()) else { return Err(OfferError::NoAudio) };
        let (direction, reports) = (Direction::SendReceive, ExtendedReports::ALL);
        let agreed = Negotiated { direction, reports, ..agreed.clone() };
        let (local, version) = (self.local.clone(), self.version);
        self.write(|version| answer::write_again(&remote, &agreed, &local, version), version);
        Ok(())
    }

    /// Takes the answer to this side's offer: the body of the ACK. What it changes, like [`Session::take_offer`].
    pub(crate) fn take_answer(&mut self, bytes: &[u8]) -> Result<Option<Negotiated>, OfferError> {
        let answer = match (&self.agreed, &self.remote) {
            (Some(agreed), Some(remote)) => Offer::parse_answer_again(bytes, remote.chosen, agreed)?,
            (_, _) => Offer::parse_answer(bytes, &self.codecs)?,
        };
        answer.check_family(self.local.address)?;
        self.agreed.get_or_insert_with(|| answer.negotiated().clone());
        Ok(self.replace(answer))
    }

    /// Keeps the other side's description.
    fn replace(&mut self, remote: Offer) -> Option<Negotiated> {
        let is_same = self.remote.as_ref().is_some_and(|before| before.is_same_session(&remote));
        let negotiated = remote.negotiated().clone();
        self.remote = Some(remote);
        (!is_same).then_some(negotiated)
    }

    /// Writes this side's description, under a new version where the text differs.
    fn write(&mut self, text: impl Fn(u64) -> String, version: u64) {
        if text(version) != *self.text {
            self.version = version + 1;
            self.text = text(self.version).into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{KeyMaterial, MediaPolicy, SrtpPolicy};

    const LOCAL: LocalMedia = LocalMedia {
        address: std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
        port: 40_000,
        session: 77,
        key: None,
        fingerprint: None,
    };
    const FIRST: &str = "m=audio 5000 RTP/AVP 8 97\r\na=rtpmap:97 telephone-event/8000\r\n";

    fn policy(srtp: SrtpPolicy) -> MediaPolicy<'static> {
        MediaPolicy { srtp, codecs: &Codec::ALL }
    }

    fn description(media: &str) -> Vec<u8> {
        format!("v=0\r\no=- 1 1 IN IP4 198.51.100.4\r\ns=-\r\nc=IN IP4 198.51.100.4\r\nt=0 0\r\n{media}").into_bytes()
    }

    fn answered(media: &str) -> Session {
        Session::open(LOCAL, Offer::parse(&description(media), policy(SrtpPolicy::Optional)).ok(), &Codec::ALL)
    }

    /// Version, audio line and direction of this side's description.
    fn said(session: &Session) -> (&str, &str, &str) {
        let line = |start: &str| session.text().lines().find(|line| line.starts_with(start)).unwrap();
        let direction = session.text().lines().last().unwrap();
        (line("o=").split(' ').nth(2).unwrap(), line("m=audio"), direction)
    }

    #[test]
    fn holding_and_resuming_turn_the_direction_and_count_the_version() {
        let mut session = answered(FIRST);
        for (attribute, direction, answer, version) in [
            ("sendonly", Direction::ReceiveOnly, "a=recvonly", "2"),
            ("inactive", Direction::Inactive, "a=inactive", "3"),
            ("recvonly", Direction::SendOnly, "a=sendonly", "4"),
            ("sendrecv", Direction::SendReceive, "a=sendrecv", "5"),
        ] {
            let changed = session.take_offer(&description(&format!("{FIRST}a={attribute}\r\n"))).unwrap().unwrap();
            assert_eq!((changed.direction, changed.payload_type), (direction, 8));
            assert_eq!(said(&session), (version, "m=audio 40000 RTP/AVP 8 97", answer));
        }
    }

    #[test]
    fn the_old_way_of_holding_names_no_address() {
        let mut session = answered(FIRST);
        let held = session.take_offer(&description(&format!("{FIRST}c=IN IP4 0.0.0.0\r\n"))).unwrap().unwrap();
        assert_eq!((held.remote_rtp, held.direction), (None, Direction::ReceiveOnly));
        assert_eq!(said(&session).2, "a=recvonly");
    }

    #[test]
    fn a_move_and_a_refresh_leave_this_sides_words_as_they_are() {
        let mut session = answered(FIRST);
        assert_eq!(session.take_offer(&description(FIRST)), Ok(None));
        let moved = session.take_offer(&description(&FIRST.replace("5000", "5002"))).unwrap().unwrap();
        assert_eq!(moved.remote_rtp, Some("198.51.100.4:5002".parse().unwrap()));
        assert_eq!(said(&session).0, "1");
    }

    #[test]
    fn the_codec_stays_wherever_the_new_offer_lists_it() {
        let mut session = answered(FIRST);
        let more = "m=audio 5000 RTP/AVP 0 18 8 97\r\na=rtpmap:97 telephone-event/8000\r\n";
        let kept = session.take_offer(&description(more)).unwrap().unwrap();
        assert_eq!((kept.payload_type, kept.events.map(|events| events.payload_type)), (8, Some(97)));
        let without_keys =
            session.take_offer(&description("m=audio 5000 RTP/AVP 8\r\na=sendonly\r\n")).unwrap().unwrap();
        assert_eq!((without_keys.events, said(&session).1), (None, "m=audio 40000 RTP/AVP 8"));
        session.take_offer(&description(FIRST)).unwrap();
        assert_eq!(said(&session).1, "m=audio 40000 RTP/AVP 8 97", "the keys come back under their number");
    }

    #[test]
    fn comfort_noise_stays_while_it_is_offered_under_its_number() {
        let with = |more: &str| description(&format!("m=audio 5000 RTP/AVP 8{more}\r\na=rtpmap:98 CN/8000\r\n"));
        let mut session =
            Session::open(LOCAL, Offer::parse(&with(" 98"), policy(SrtpPolicy::Optional)).ok(), &Codec::ALL);
        assert_eq!(said(&session).1, "m=audio 40000 RTP/AVP 8 98");
        session.offer_again().unwrap();
        assert_eq!(said(&session).1, "m=audio 40000 RTP/AVP 8 98");
        for (more, kept) in [("", None), (" 13", None), (" 13 98", Some(98))] {
            let taken = session.take_offer(&with(more)).unwrap().unwrap();
            assert_eq!(taken.comfort_noise, kept, "{more}");
        }
        assert_eq!(said(&session).1, "m=audio 40000 RTP/AVP 8 98");
    }

    #[test]
    fn redundant_events_stay_while_they_are_offered_under_their_number() {
        let with = |numbers: &str| {
            let red = "a=rtpmap:98 red/8000\r\na=fmtp:98 97/97\r\n";
            description(&format!("m=audio 5000 RTP/AVP 8 97{numbers}\r\na=rtpmap:97 telephone-event/8000\r\n{red}"))
        };
        let mut session =
            Session::open(LOCAL, Offer::parse(&with(" 98"), policy(SrtpPolicy::Optional)).ok(), &Codec::ALL);
        assert_eq!(said(&session).1, "m=audio 40000 RTP/AVP 8 97 98");
        for (numbers, kept) in [("", None), (" 98", Some(98))] {
            let taken = session.take_offer(&with(numbers)).unwrap().unwrap();
            assert_eq!(taken.events.and_then(|events| events.redundant), kept, "{numbers}");
        }
    }

    #[test]
    fn what_cannot_be_taken_changes_nothing() {
        let mut session = answered(FIRST);
        let before = session.text().to_owned();
        for (media, error) in [
            ("m=audio 5000 RTP/AVP 0 97\r\na=rtpmap:97 telephone-event/8000\r\n", OfferError::NoCodec),
            ("m=audio 5000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n", OfferError::NoCodec),
            ("m=audio 5000 RTP/AVP 8\r\na=rtpmap:8 PCMU/8000\r\n", OfferError::NoCodec),
            (
                "m=audio 5000 RTP/AVP 8 97\r\nc=IN IP6 2001:db8::4\r\na=rtpmap:97 telephone-event/8000\r\n",
                OfferError::OtherFamily,
            ),
            ("m=audio 0 RTP/AVP 8 97\r\n", OfferError::NoAudio),
            ("m=video 5000 RTP/AVP 31\r\n", OfferError::NoAudio),
            ("m=audio\r\n", OfferError::Malformed),
        ] {
            assert_eq!(session.take_offer(&description(media)), Err(error), "{media}");
        }
        assert_eq!(session.take_offer(&description(FIRST)), Ok(None));
        assert_eq!(session.text(), before);
    }

    #[test]
    fn an_offer_of_this_side_keeps_every_line_and_asks_for_both_ways() {
        let mut session = answered(&format!("m=video 6000 RTP/AVP 31\r\n{FIRST}a=inactive\r\n"));
        session.offer_again().unwrap();
        let lines: Vec<_> = session.text().lines().filter(|line| line.starts_with("m=")).collect();
        assert_eq!(lines, ["m=video 0 RTP/AVP 31", "m=audio 40000 RTP/AVP 8 97"]);
        assert_eq!((said(&session).0, said(&session).2), ("2", "a=sendrecv"));
        let answer = format!("m=video 0 RTP/AVP 31\r\n{}", FIRST.replace("5000", "5004"));
        let taken = session.take_answer(&description(&answer)).unwrap().unwrap();
        assert_eq!(taken.remote_rtp, Some("198.51.100.4:5004".parse().unwrap()));
        assert_eq!(
            session.take_answer(&description("m=video 0 RTP/AVP 31\r\nm=audio 0 RTP/AVP 8\r\n")),
            Err(OfferError::NoAudio)
        );
    }

    #[test]
    fn a_first_offer_of_this_side_waits_for_its_answer() {
        let mut session = Session::open(LOCAL, None, &Codec::ALL);
        assert_eq!(session.offer_again(), Err(OfferError::NoAudio));
        assert_eq!(session.take_offer(&description(FIRST)), Err(OfferError::NoAudio));
        let taken = session.take_answer(&description("m=audio 5000 RTP/AVP 0\r\n")).unwrap().unwrap();
        assert_eq!(taken.payload_type, 0);
        assert_eq!(session.take_offer(&description("m=audio 5000 RTP/AVP 0\r\n")), Ok(None));
    }

    #[test]
    fn extended_reports_are_offered_anew_and_each_description_says_which() {
        let mut session = answered(&format!("{FIRST}a=rtcp-xr:voip-metrics\r\n"));
        let attribute = |session: &Session| {
            session.text().lines().find_map(|line| line.strip_prefix("a=rtcp-xr:")).map(str::to_owned)
        };
        assert_eq!(attribute(&session).as_deref(), Some("voip-metrics"));
        let without = session.take_offer(&description(FIRST)).unwrap().unwrap();
        assert_eq!((without.reports, attribute(&session)), (ExtendedReports::default(), None));
        session.offer_again().unwrap();
        assert_eq!(attribute(&session).as_deref(), Some("rcvr-rtt=all voip-metrics"));
        let answer = format!("{FIRST}a=rtcp-xr:rcvr-rtt=all:10000\r\n");
        let taken = session.take_answer(&description(&answer)).unwrap().unwrap();
        assert_eq!(taken.reports, ExtendedReports { round_trip: true, voip_metrics: false });
    }

    #[test]
    fn keys_stay_for_the_life_of_the_call() {
        let media = "m=audio 5000 RTP/SAVP 0\r\na=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n";
        let offer = Offer::parse(&description(media), policy(SrtpPolicy::Required)).unwrap();
        let local = LocalMedia { key: offer.local_key(&KeyMaterial::new([0; 30])), ..LOCAL };
        let mut session = Session::open(local, Some(offer), &Codec::ALL);
        let ours = format!("a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{}\r\n", "A".repeat(40));
        assert!(session.text().ends_with(&ours));
        let held = session.take_offer(&description(&format!("{media}a=sendonly\r\n"))).unwrap().unwrap();
        assert!(held.protection.crypto().is_some() && session.text().ends_with(&format!("a=recvonly\r\n{ours}")));
        session.take_offer(&description(&media.replace("crypto:3", "crypto:4"))).unwrap();
        assert!(session.text().ends_with(&ours.replace("crypto:3", "crypto:4")), "the number is the offer's");
        session.offer_again().unwrap();
        assert!(session.text().contains(" RTP/SAVP 0\r\n") && session.text().contains("inline:AAAA"));
        let other_key = media.replace("inline:d0", "inline:e0");
        assert_eq!(session.take_offer(&description(&other_key)), Err(OfferError::NoSuite));
        assert_eq!(session.take_answer(&description(&other_key)), Err(OfferError::NoSuite));
        let clear = session.take_offer(&description("m=audio 5000 RTP/AVP 0\r\n"));
        assert_eq!(clear, Err(OfferError::InClear));
    }
}
