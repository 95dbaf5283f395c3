//! Reading the other side's session description, as an offer or as an answer.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use sdp_types::{AddrType, Media, Session};
use thiserror::Error;

use super::{
    Codec, CryptoKey, Direction, Dtls, ExtendedReports, KeyMaterial, LocalMedia, MediaPolicy, Negotiated,
    OpusParameters, Protection, SrtpPolicy, TelephoneEvents, answer, codec, crypto,
};

/// Longest session description in bytes.
const MAX_BYTES: usize = 16_384;
/// Most media lines in one.
const MAX_LINES: usize = 32;

/// An offer that can be answered, or the answer to one of ours.
#[derive(Clone, PartialEq, Eq)]
pub struct Offer {
    pub(super) session: Box<Session>,
    pub(super) chosen: usize,
    negotiated: Negotiated,
}

/// Why a session description cannot be taken; of several lines, the last of these counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum OfferError {
    /// The body is no session description.
    #[error("the session description cannot be read")]
    Malformed,
    /// No audio line over a transport that may be taken, with a port.
    #[error("no audio over a transport that is taken is offered")]
    NoAudio,
    /// Audio in clear, where SRTP is required.
    #[error("SRTP is required and not offered")]
    InClear,
    /// Audio over RTP/SAVP, but without a crypto attribute that can be taken.
    #[error("no SRTP suite in common")]
    NoSuite,
    /// Audio over DTLS, but without the fingerprint of a certificate that can be taken, or with another than was agreed.
    #[error("no certificate fingerprint that is taken")]
    NoFingerprint,
    /// Audio over DTLS, but without a role that can be taken, or with another than was agreed.
    #[error("no DTLS role that is taken")]
    NoSetup,
    /// An audio line, but without a codec that may be taken.
    #[error("no codec in common")]
    NoCodec,
    /// Audio that can be taken, but at an address of the other family.
    #[error("no network protocol in common")]
    OtherFamily,
}

impl OfferError {
    /// The warning code and text of the 488 (RFC 3261 §20.43).
    pub(crate) const fn warning(self) -> (u16, &'static str) {
        match self {
            Self::Malformed => (399, "Session description cannot be read"),
            Self::NoAudio => (304, "Media type not available"),
            Self::InClear => (302, "SRTP is required"),
            Self::NoSuite => (302, "No SRTP suite in common"),
            Self::NoFingerprint => (302, "No certificate fingerprint that is taken"),
            Self::NoSetup => (302, "No DTLS role that is taken"),
            Self::NoCodec => (305, "Incompatible media format"),
            Self::OtherFamily => (300, "Incompatible network protocol"),
        }
    }
}

impl Offer {
    /// Reads the body of an INVITE and chooses its first audio line with a codec: with SRTP, or else in clear, as far as
    /// the policy allows.
    pub fn parse(bytes: &[u8], policy: MediaPolicy<'_>) -> Result<Self, OfferError> {
        Self::choose(bytes, |session, line| agree(session, line, policy))
    }

    /// Reads the body of a re-INVITE and chooses the first line that keeps codec and payload types.
    pub(super) fn parse_again(bytes: &[u8], agreed: &Negotiated) -> Result<Self, OfferError> {
        Self::choose(bytes, |session, line| keep(session, line, agreed))
    }

    /// Reads the answer to this side's first offer, of one line with these codecs: the body of the ACK.
    pub(super) fn parse_answer(bytes: &[u8], codecs: &[Codec]) -> Result<Self, OfferError> {
        let policy = MediaPolicy { srtp: SrtpPolicy::Off, codecs };
        Self::choose_line(bytes, 0, |session, line| agree(session, line, policy))
    }

    /// Reads the answer to a later offer of this side, whose line `chosen` is the audio.
    pub(super) fn parse_answer_again(bytes: &[u8], chosen: usize, agreed: &Negotiated) -> Result<Self, OfferError> {
        Self::choose_line(bytes, chosen, |session, line| keep(session, line, agreed))
    }

    fn choose(
        bytes: &[u8],
        take: impl Fn(&Session, &Media) -> Result<Negotiated, OfferError>,
    ) -> Result<Self, OfferError> {
        let mut session = read(bytes)?;
        let mut error = OfferError::NoAudio;
        let mut best: Option<(usize, Negotiated)> = None;
        for (number, line) in session.medias.iter().enumerate() {
            match take(&session, line) {
                Ok(agreed) => {
                    let goes_before = |best: &Negotiated| best.protection.is_clear() && !agreed.protection.is_clear();
                    if best.as_ref().is_none_or(|(_, best)| goes_before(best)) {
                        best = Some((number, agreed));
                    }
                }
                Err(reason) => error = error.max(reason),
            }
        }
        let (chosen, negotiated) = best.ok_or(error)?;
        crypto::forget(&mut session.medias);
        Ok(Self { chosen, negotiated, session: Box::new(session) })
    }

    fn choose_line(
        bytes: &[u8],
        chosen: usize,
        take: impl Fn(&Session, &Media) -> Result<Negotiated, OfferError>,
    ) -> Result<Self, OfferError> {
        let mut session = read(bytes)?;
        let line = session.medias.get(chosen).ok_or(OfferError::NoAudio)?;
        let negotiated = take(&session, line)?;
        crypto::forget(&mut session.medias);
        Ok(Self { chosen, negotiated, session: Box::new(session) })
    }

    /// Whether its audio can flow to and from `local`: an IPv4 socket reaches no IPv6 address, and the other way round.
    ///
    /// # Errors
    /// [`OfferError::OtherFamily`] where the chosen line's `c=` is of the other family.
    pub fn check_family(&self, local: IpAddr) -> Result<(), OfferError> {
        let line = self.session.medias.get(self.chosen);
        let connection = line.and_then(|line| line.connections.first()).or(self.session.connection.as_ref());
        match connection.map(|connection| &connection.addrtype) {
            Some(AddrType::Ip4) if local.is_ipv6() => Err(OfferError::OtherFamily),
            Some(AddrType::Ip6) if local.is_ipv4() => Err(OfferError::OtherFamily),
            Some(_) | None => Ok(()),
        }
    }

    /// What answering it agrees.
    #[must_use]
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// The answer's text: one line for each of the offer's, the chosen one with `local`, the others with port 0
    /// (RFC 3264 §6).
    pub(super) fn answer(&self, local: &LocalMedia) -> String {
        answer::write_answer(self, local, 1)
    }

    /// The key that this side protects with, where the descriptions bring keys.
    #[must_use]
    pub fn local_key(&self, material: &KeyMaterial) -> Option<CryptoKey> {
        self.negotiated.protection.crypto().map(|agreed| material.key(agreed.remote.suite()))
    }

    /// Whether `other` describes the same session: nothing but the version of `o=` differs (RFC 4028 §7.4). The keys are
    /// the same, or it would not have been taken.
    pub(super) fn is_same_session(&self, other: &Self) -> bool {
        let mut other = other.session.clone();
        other.origin.sess_version = self.session.origin.sess_version;
        *other == *self.session
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Offer").field("negotiated", &self.negotiated).finish_non_exhaustive()
    }
}

/// Parses a session description within its bounds.
fn read(bytes: &[u8]) -> Result<Session, OfferError> {
    if bytes.len() > MAX_BYTES {
        return Err(OfferError::Malformed);
    }
    let session = Session::parse(&join_user_names(bytes)).map_err(|_| OfferError::Malformed)?;
    if session.medias.len() > MAX_LINES { Err(OfferError::Malformed) } else { Ok(session) }
}

/// Some PBXs write a user name with blanks in `o=`; it has six fields (RFC 8866 §5.2), so the first ones are joined.
fn join_user_names(bytes: &[u8]) -> Cow<'_, [u8]> {
    let Some(start) = bytes.windows(3).position(|window| window == b"\no=").map(|at| at + 1) else {
        return Cow::Borrowed(bytes);
    };
    let end =
        bytes[start..].iter().position(|byte| b"\r\n".contains(byte)).map_or(bytes.len(), |length| start + length);
    let surplus = bytes[start..end].iter().filter(|&&byte| byte == b' ').count().saturating_sub(5);
    if surplus == 0 {
        return Cow::Borrowed(bytes);
    }
    let mut joined = bytes.to_vec();
    joined[start..end].iter_mut().filter(|byte| **byte == b' ').take(surplus).for_each(|byte| *byte = b'_');
    Cow::Owned(joined)
}

/// What taking this line agrees.
fn agree(session: &Session, line: &Media, policy: MediaPolicy<'_>) -> Result<Negotiated, OfferError> {
    if line.media != "audio" || line.port == 0 {
        return Err(OfferError::NoAudio);
    }
    let protection = protection(session, line, policy.srtp)?;
    let payload_types = payload_types(line);
    let (payload_type, codec) = payload_types
        .iter()
        .filter_map(|&payload_type| Some((payload_type, Codec::of(line, payload_type)?)))
        .find(|(_, codec)| policy.codecs.contains(codec))
        .ok_or(OfferError::NoCodec)?;
    let address = address(session, line);
    Ok(Negotiated {
        codec,
        payload_type,
        events: TelephoneEvents::of(line, &payload_types, codec),
        comfort_noise: codec::comfort_noise(line, &payload_types, codec),
        opus: OpusParameters::of(line, payload_type),
        remote_rtp: address.map(|address| SocketAddr::new(address, line.port)),
        remote_rtcp: rtcp(line, address),
        direction: direction(session, line),
        reports: ExtendedReports::of(session, line),
        protection,
    })
}

/// What a line's transport, keys and certificate agree about SRTP.
fn protection(session: &Session, line: &Media, srtp: SrtpPolicy) -> Result<Protection, OfferError> {
    match (line.proto.as_str(), srtp) {
        ("RTP/AVP", SrtpPolicy::Off | SrtpPolicy::Optional) => Ok(Protection::Clear),
        ("RTP/AVP", SrtpPolicy::Required) => Err(OfferError::InClear),
        ("RTP/SAVP", SrtpPolicy::Optional | SrtpPolicy::Required) => {
            crypto::choose(line).map(Protection::Keys).ok_or(OfferError::NoSuite)
        }
        ("UDP/TLS/RTP/SAVP" | "UDP/TLS/RTP/SAVPF", SrtpPolicy::Optional | SrtpPolicy::Required) => {
            Dtls::read(session, line).map(Protection::Dtls)
        }
        (_, _) => Err(OfferError::NoAudio),
    }
}

/// What taking this line agrees, where codec, payload types and SRTP stay as they were `agreed`. Keys on the telephone and
/// comfort noise may be left out; under another number keys would be lost, and noise is not taken up again.
fn keep(session: &Session, line: &Media, agreed: &Negotiated) -> Result<Negotiated, OfferError> {
    let srtp = if agreed.protection.is_clear() { SrtpPolicy::Off } else { SrtpPolicy::Required };
    let mut offered = agree(session, line, MediaPolicy { srtp, codecs: &[agreed.codec] })?;
    offered.protection = agreed.protection.keep(offered.protection)?;
    let payload_types = payload_types(line);
    let has_codec =
        payload_types.contains(&agreed.payload_type) && Codec::of(line, agreed.payload_type) == Some(agreed.codec);
    let events = agreed.events.and_then(|events| events.kept(line, &payload_types));
    let is_named = |number: &u8| payload_types.contains(number) && codec::is_comfort_noise(line, *number);
    let comfort_noise = agreed.comfort_noise.filter(is_named);
    let loses_keys = agreed.events.is_some() && events.is_none() && offered.events.is_some();
    if !has_codec || loses_keys {
        return Err(OfferError::NoCodec);
    }
    let direction = if is_zeroed(session, line) { offered.direction.mute() } else { offered.direction };
    let (payload_type, opus) = (agreed.payload_type, agreed.opus);
    Ok(Negotiated { payload_type, events, comfort_noise, opus, direction, ..offered })
}

fn payload_types(line: &Media) -> Vec<u8> {
    line.fmt.split_ascii_whitespace().filter_map(|text| text.parse().ok()).collect()
}

/// The address of the line's or the session's `c=`, where RTP can be sent to it.
fn address(session: &Session, line: &Media) -> Option<IpAddr> {
    usable(connection(session, line)?)
}

/// What the line's or the session's `c=` names.
fn connection<'a>(session: &'a Session, line: &'a Media) -> Option<&'a str> {
    let connection = line.connections.first().or(session.connection.as_ref())?;
    Some(&connection.connection_address)
}

/// An address that is one host's.
fn usable(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    let is_broadcast = address == IpAddr::V4(std::net::Ipv4Addr::BROADCAST);
    (!address.is_unspecified() && !address.is_multicast() && !is_broadcast).then_some(address)
}

/// Where RTCP goes: `a=rtcp:port [IN IP4 address]` (RFC 3605 §2.1), or the port after RTP's.
fn rtcp(line: &Media, rtp_address: Option<IpAddr>) -> Option<SocketAddr> {
    let Some(value) = line.get_first_attribute_value("rtcp").flatten() else {
        return Some(SocketAddr::new(rtp_address?, line.port.checked_add(1)?));
    };
    let mut words = value.split_ascii_whitespace();
    let port = words.next()?.parse().ok().filter(|&port: &u16| port > 0)?;
    let address = match words.nth(2) {
        Some(text) => usable(text)?,
        None => rtp_address?,
    };
    Some(SocketAddr::new(address, port))
}

/// The direction seen from here: the line's attribute, or the session's, turned round.
fn direction(session: &Session, line: &Media) -> Direction {
    let mut names = line.attributes.iter().chain(&session.attributes).map(|attribute| attribute.attribute.as_str());
    let direction = names.find_map(|name| match name {
        "sendrecv" => Some(Direction::SendReceive),
        "sendonly" => Some(Direction::ReceiveOnly),
        "recvonly" => Some(Direction::SendOnly),
        "inactive" => Some(Direction::Inactive),
        _ => None,
    });
    direction.unwrap_or(Direction::SendReceive)
}

/// Whether a call that is up is held by an address of zeros (RFC 3264 §8.4). In a first description such an address only
/// says that the other side does not know its own yet: its packets tell.
fn is_zeroed(session: &Session, line: &Media) -> bool {
    connection(session, line).and_then(|text| text.parse().ok()).is_some_and(|address: IpAddr| address.is_unspecified())
}
