//! Writing this side's session description.

use std::fmt::Write;

use sdp_types::{Media, Time};

use super::{Codec, Direction, LocalMedia, Negotiated, Offer};

/// The payload type this side offers telephone events with.
const EVENT_PAYLOAD_TYPE: u8 = 101;

/// The answer to `offer` (RFC 3264 §6), in this version.
pub(super) fn write_answer(offer: &Offer, local: &LocalMedia, version: u64) -> String {
    write_again(offer, offer.negotiated(), local, version)
}

/// A description with the lines of the other side's: the chosen one with what is `agreed`, the others refused.
pub(super) fn write_again(remote: &Offer, agreed: &Negotiated, local: &LocalMedia, version: u64) -> String {
    let mut text = session_lines(local, version, &remote.session.times);
    for (index, line) in remote.session.medias.iter().enumerate() {
        if index == remote.chosen {
            let codecs = [(agreed.codec, agreed.payload_type)];
            text.push_str(&audio_lines(local.port, &codecs, agreed.event_payload_type, agreed.direction));
        } else {
            text.push_str(&refused_line(line));
        }
    }
    text
}

/// The text of this side's offer, for an INVITE that came without one.
pub(super) fn offer(local: &LocalMedia) -> String {
    let codecs = [(Codec::Pcmu, 0), (Codec::Pcma, 8)];
    let audio = audio_lines(local.port, &codecs, Some(EVENT_PAYLOAD_TYPE), Direction::SendReceive);
    session_lines(local, 1, &[]) + &audio
}

/// From `v=` to `t=`; the times are the offer's.
fn session_lines(local: &LocalMedia, version: u64, times: &[Time]) -> String {
    let family = if local.address.is_ipv4() { "IP4" } else { "IP6" };
    let (address, session) = (local.address, local.session);
    let mut text =
        format!("v=0\r\no=- {session} {version} IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\n");
    for time in times {
        append(&mut text, format_args!("t={} {}\r\n", time.start_time, time.stop_time));
    }
    if times.is_empty() {
        text.push_str("t=0 0\r\n");
    }
    text
}

/// The audio line with its attributes.
fn audio_lines(port: u16, codecs: &[(Codec, u8)], events: Option<u8>, direction: Direction) -> String {
    let mut text = format!("m=audio {port} RTP/AVP");
    for payload_type in codecs.iter().map(|(_, payload_type)| *payload_type).chain(events) {
        append(&mut text, format_args!(" {payload_type}"));
    }
    text.push_str("\r\n");
    for (codec, payload_type) in codecs {
        append(&mut text, format_args!("a=rtpmap:{payload_type} {}/8000\r\n", codec.name()));
    }
    if let Some(events) = events {
        append(&mut text, format_args!("a=rtpmap:{events} telephone-event/8000\r\na=fmtp:{events} 0-15\r\n"));
    }
    append(&mut text, format_args!("a=ptime:20\r\na={}\r\n", direction.attribute()));
    text
}

/// A line refused: as offered, with port 0.
fn refused_line(line: &Media) -> String {
    format!("m={} 0 {} {}\r\n", line.media, line.proto, line.fmt)
}

/// Appends formatted text; writing to a `String` cannot fail.
fn append(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(arguments);
    debug_assert!(written.is_ok());
}
