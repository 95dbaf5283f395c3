//! Codecs as session descriptions name them.

use sdp_types::Media;

/// A codec this side speaks. It takes one channel of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law, static payload type 0 (RFC 3551 §4.5.14).
    Pcmu,
    /// G.711 A-law, static payload type 8.
    Pcma,
    /// G.722 at 64 kbit/s, static payload type 9 (RFC 3551 §4.5.2).
    G722,
    /// Opus (RFC 7587).
    Opus,
    /// 16-bit linear at 16 kHz (RFC 3551 §4.5.11).
    L16,
}

impl Codec {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Pcmu, Self::Pcma, Self::G722, Self::Opus, Self::L16];

    /// The encoding name (RFC 3551 §6, RFC 7587 §7).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::Opus => "opus",
            Self::L16 => "L16",
        }
    }

    /// The clock of its timestamps in hertz: of G.722 half its sampling rate, of Opus always the same (RFC 3551 §4.5.2,
    /// RFC 7587 §4.1).
    #[must_use]
    pub const fn clock_hertz(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::Opus => 48_000,
            Self::L16 => 16_000,
        }
    }

    /// What stands in its rtpmap. Opus always says two channels (RFC 7587 §7).
    pub(super) const fn encoding(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU/8000",
            Self::Pcma => "PCMA/8000",
            Self::G722 => "G722/8000",
            Self::Opus => "opus/48000/2",
            Self::L16 => "L16/16000",
        }
    }

    /// The payload type in this side's own offers, where it is in them.
    pub(super) const fn offered_as(self) -> Option<u8> {
        match self {
            Self::Pcmu | Self::Pcma => self.static_payload_type(),
            Self::G722 | Self::Opus | Self::L16 => None,
        }
    }

    /// The payload type that RFC 3551 §6 gives it.
    const fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0),
            Self::Pcma => Some(8),
            Self::G722 => Some(9),
            Self::Opus | Self::L16 => None,
        }
    }

    /// The codec of a payload type: by its rtpmap, or static.
    pub(super) fn of(line: &Media, payload_type: u8) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        match encoding(line, payload_type) {
            Some(encoding) => all.find(|codec| is_same(encoding, codec.encoding())),
            None => all.find(|codec| codec.static_payload_type() == Some(payload_type)),
        }
    }
}

/// What a far end asks for in its Opus parameters (RFC 7587 §6.1), as far as this side can give it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OpusParameters {
    /// `useinbandfec=1`: a copy of each frame in the one after it.
    pub wants_redundancy: bool,
    /// `usedtx=1`: nothing while there is silence.
    pub wants_pauses: bool,
    /// `maxaveragebitrate`: bits a second.
    pub most_bits_per_second: Option<u32>,
}

impl OpusParameters {
    pub(super) fn of(line: &Media, payload_type: u8) -> Self {
        let mut asked = Self::default();
        for parameter in parameters(line, payload_type).split(';') {
            match parameter.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
                Some(("useinbandfec", value)) => asked.wants_redundancy = value == "1",
                Some(("usedtx", value)) => asked.wants_pauses = value == "1",
                Some(("maxaveragebitrate", value)) => asked.most_bits_per_second = value.parse().ok(),
                Some(_) | None => {}
            }
        }
        asked
    }
}

/// What this side says of its own Opus: it hears 16 kHz and can use redundancy (RFC 7587 §6.1).
pub(super) const OPUS_PARAMETERS: &str = "maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1";

/// What comfort noise is called (RFC 3389 §4).
pub(super) const COMFORT_NOISE: &str = "CN/8000";
/// The payload type that RFC 3551 §6 gives it.
pub(super) const COMFORT_NOISE_TYPE: u8 = 13;

/// The payload type of the comfort noise that goes with a codec. It is for codecs that cannot describe a pause themselves:
/// for G.711, and for L16 it would need a clock of 16 kHz. G.722, whose clock is that of G.711, is left out: at which rate
/// its noise would be is nowhere said.
pub(super) fn comfort_noise(line: &Media, payload_types: &[u8], codec: Codec) -> Option<u8> {
    match codec {
        Codec::Pcmu | Codec::Pcma => payload_types.iter().copied().find(|&number| is_comfort_noise(line, number)),
        Codec::G722 | Codec::Opus | Codec::L16 => None,
    }
}

/// Whether the line names comfort noise under this number.
pub(super) fn is_comfort_noise(line: &Media, payload_type: u8) -> bool {
    encoding(line, payload_type).map_or(payload_type == COMFORT_NOISE_TYPE, |encoding| is_same(encoding, COMFORT_NOISE))
}

/// A payload type of telephone-events (RFC 4733).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TelephoneEvents {
    /// The number.
    pub payload_type: u8,
    /// The clock of their timestamps and durations, in hertz.
    pub clock_hertz: u32,
    /// The number under which they may come with the ones before (RFC 2198), where the far end offers that for them.
    pub redundant: Option<u8>,
}

impl TelephoneEvents {
    /// The events that go with a codec: with the clock of its timestamps (RFC 4733 §2.1), or else at 8 kHz.
    pub(super) fn of(line: &Media, payload_types: &[u8], codec: Codec) -> Option<Self> {
        let with = |clock_hertz: u32| {
            let named = payload_types.iter().copied().find(|&number| {
                encoding(line, number).is_some_and(|encoding| is_same(encoding, &events_encoding(clock_hertz)))
            });
            named.map(|payload_type| Self {
                payload_type,
                clock_hertz,
                redundant: redundant(line, payload_types, payload_type, clock_hertz),
            })
        };
        with(codec.clock_hertz()).or_else(|| with(8_000))
    }

    pub(super) fn encoding(self) -> String {
        events_encoding(self.clock_hertz)
    }

    /// What of these the line still names under the same numbers.
    pub(super) fn kept(self, line: &Media, payload_types: &[u8]) -> Option<Self> {
        let is_named = payload_types.contains(&self.payload_type)
            && encoding(line, self.payload_type).is_some_and(|encoding| is_same(encoding, &self.encoding()));
        let offered = redundant(line, payload_types, self.payload_type, self.clock_hertz);
        is_named.then_some(Self { redundant: self.redundant.filter(|_| offered == self.redundant), ..self })
    }
}

/// The payload type of redundant payloads that may hold these events: their clock, and a list that names their number.
fn redundant(line: &Media, payload_types: &[u8], events: u8, clock_hertz: u32) -> Option<u8> {
    let is_redundant =
        |number: &u8| encoding(line, *number).is_some_and(|it| is_same(it, &redundant_encoding(clock_hertz)));
    let holds_them =
        |number: &u8| parameters(line, *number).split('/').any(|listed| listed.trim().parse() == Ok(events));
    payload_types.iter().copied().filter(is_redundant).find(holds_them)
}

/// What redundant payloads are called (RFC 2198 §5).
pub(super) fn redundant_encoding(clock_hertz: u32) -> String {
    format!("red/{clock_hertz}")
}

fn events_encoding(clock_hertz: u32) -> String {
    format!("telephone-event/{clock_hertz}")
}

/// Whether two rtpmaps say the same: names whatever their case (RFC 8866 §6.6), and one channel where none is said.
fn is_same(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.trim().trim_end_matches("/1").to_ascii_lowercase();
    plain(one) == plain(other)
}

/// What stands after the payload type in its rtpmap.
fn encoding(line: &Media, payload_type: u8) -> Option<&str> {
    attribute(line, "rtpmap", payload_type)
}

/// The format parameters of a payload type.
fn parameters(line: &Media, payload_type: u8) -> &str {
    attribute(line, "fmtp", payload_type).unwrap_or("")
}

fn attribute<'a>(line: &'a Media, name: &'a str, payload_type: u8) -> Option<&'a str> {
    line.get_attribute_values(name).flatten().find_map(|value| {
        let (number, rest) = value.trim().split_once(' ')?;
        (number.parse() == Ok(payload_type)).then_some(rest.trim())
    })
}
