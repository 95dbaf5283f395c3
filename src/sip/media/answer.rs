//! Writing this side's session description.

use std::fmt::Write;

use sdp_types::{Media, Time};

use super::codec::{COMFORT_NOISE, COMFORT_NOISE_TYPE, OPUS_PARAMETERS, redundant_encoding};
use super::{Codec, Direction, ExtendedReports, LocalMedia, Negotiated, Offer, Protection, TelephoneEvents, crypto};

/// How this side offers telephone events.
const EVENTS: TelephoneEvents = TelephoneEvents { payload_type: 101, clock_hertz: 8_000, redundant: None };

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
            let audio = Audio {
                transport: &line.proto,
                codecs: &codecs,
                events: agreed.events,
                comfort_noise: agreed.comfort_noise,
                reports: agreed.reports,
                direction: agreed.direction,
            };
            text.push_str(&audio.lines(local.port));
            match (&agreed.protection, &local.key, &local.fingerprint) {
                (Protection::Keys(agreed), Some(key), _) => text.push_str(&crypto::attribute(agreed.tag, key)),
                (Protection::Dtls(agreed), _, Some(local)) => text.push_str(&agreed.attributes(local)),
                (_, _, _) => {}
            }
        } else {
            text.push_str(&refused_line(line));
        }
    }
    text
}

/// The text of this side's offer, for an INVITE that came without one: of G.711 alone, which every telephone has, what may
/// be taken, and comfort noise for the caller's pauses.
pub(super) fn offer(local: &LocalMedia, codecs: &[Codec]) -> String {
    let codecs: Vec<_> = codecs.iter().filter_map(|codec| Some((*codec, codec.offered_as()?))).collect();
    let audio = Audio {
        transport: "RTP/AVP",
        codecs: &codecs,
        events: Some(EVENTS),
        comfort_noise: Some(COMFORT_NOISE_TYPE),
        reports: ExtendedReports::ALL,
        direction: Direction::SendReceive,
    };
    session_lines(local, 1, &[]) + &audio.lines(local.port)
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

/// What an audio line says.
struct Audio<'a> {
    transport: &'a str,
    codecs: &'a [(Codec, u8)],
    events: Option<TelephoneEvents>,
    comfort_noise: Option<u8>,
    reports: ExtendedReports,
    direction: Direction,
}

impl Audio<'_> {
    /// The line with its attributes.
    fn lines(&self, port: u16) -> String {
        let mut text = format!("m=audio {port} {}", self.transport);
        let events = self.events.into_iter().flat_map(|events| [Some(events.payload_type), events.redundant]);
        let codecs = self.codecs.iter().map(|(_, payload_type)| *payload_type);
        for payload_type in codecs.chain(self.comfort_noise).chain(events.flatten()) {
            append(&mut text, format_args!(" {payload_type}"));
        }
        text.push_str("\r\n");
        for (codec, payload_type) in self.codecs {
            append(&mut text, format_args!("a=rtpmap:{payload_type} {}\r\n", codec.encoding()));
            if *codec == Codec::Opus {
                append(&mut text, format_args!("a=fmtp:{payload_type} {OPUS_PARAMETERS}\r\n"));
            }
        }
        if let Some(number) = self.comfort_noise {
            append(&mut text, format_args!("a=rtpmap:{number} {COMFORT_NOISE}\r\n"));
        }
        if let Some(events) = self.events {
            let (number, encoding) = (events.payload_type, events.encoding());
            append(&mut text, format_args!("a=rtpmap:{number} {encoding}\r\na=fmtp:{number} 0-15\r\n"));
            if let Some(redundant) = events.redundant {
                let encoding = redundant_encoding(events.clock_hertz);
                append(&mut text, format_args!("a=rtpmap:{redundant} {encoding}\r\n"));
                append(&mut text, format_args!("a=fmtp:{redundant} {number}/{number}/{number}/{number}\r\n"));
            }
        }
        text.push_str(&self.reports.attribute());
        append(&mut text, format_args!("a=ptime:20\r\na={}\r\n", self.direction.attribute()));
        text
    }
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
