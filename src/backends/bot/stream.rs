//! One stream as its messages: what is told to the bot, and what the bot says.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use audio::{FRAME_SAMPLES, Generation, Quiet, g711};
use base64::Engine;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use call::api::CaptureView;
use call::transfer::TransferView;
use gate::MenuKey;
use serde::Serialize;
use uuid::Uuid;

use super::message::Mark as MarkName;
use super::message::{Dtmf, FromBot, MarkBody, Media, MediaBody, MediaFormat, Start, Stop, Text, ToBot};

/// Twilio's account of the stream: there is one, so its name is fixed.
pub const ACCOUNT: &str = "AC00000000000000000000000000000001";
/// Hertz of the only format there is.
const RATE: u32 = 8_000;
/// Bytes of a message with 20 ms of audio.
const TYPICAL: usize = 400;
/// Most characters of a mark's name.
const MAX_MARK: usize = 256;
/// A bot that was silent for this long has ended its utterance: what it says next is a new one, even if it
/// never cleared the one the caller spoke over. Quiet that it streams is silence too.
const UTTERANCE_GAP: Duration = Duration::from_millis(500);
/// What a bot says so long after the caller spoke over it is a new utterance, even if it never cleared and never paused.
const LONGEST_HUSH: Duration = Duration::from_secs(2);

/// Which call the stream is of.
#[derive(Clone, Debug)]
pub struct Identity {
    stream: String,
    call: String,
}

impl Identity {
    /// The identifiers of a call's stream, in Twilio's form: two letters and 32 hexadecimal digits.
    #[must_use]
    pub fn new(call: Uuid, stream: Uuid) -> Self {
        Self { stream: format!("MZ{}", stream.simple()), call: format!("CA{}", call.simple()) }
    }
}

/// What Twilio would warn about, by its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// 31924: the bot sent something that is neither `media`, `mark` nor `clear`.
    Protocol,
    /// 31930: the bot reads too slowly and audio was dropped.
    SlowReader,
    /// 31950: the bot sent a binary message. Warned about once per stream.
    Binary,
    /// 31951: a message of another stream, with unknown fields, or that is not what its event needs.
    Invalid,
}

impl Warning {
    /// Twilio's code, as the metric's label.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Protocol => "31924",
            Self::SlowReader => "31930",
            Self::Binary => "31950",
            Self::Invalid => "31951",
        }
    }
}

/// What a bot's message means.
#[derive(Debug, PartialEq)]
pub enum Said {
    /// Play this, at 8 kHz. It belongs to a generation; a clear or the caller's speech begins a new one.
    Audio {
        /// The generation.
        generation: Generation,
        /// The samples.
        samples: Box<[i16]>,
    },
    /// Tell when what was said before has been played or cleared.
    Mark(String),
    /// Drop what was said before; what comes now is of this generation.
    Clear(Generation),
}

/// The state of one stream's wire. Network input is never an error: it is counted and dropped.
pub struct Stream {
    identity: Identity,
    sequence: u64,
    chunk: u64,
    first_index: Option<u64>,
    generation: Generation,
    /// The generation that playout moved on to, and since when this is known.
    hushed: Option<(Generation, Instant)>,
    quiet: Quiet,
    /// When something came last that was not quiet.
    last_sound: Option<Instant>,
    binary_seen: bool,
    warnings: Vec<Warning>,
    /// The frame being told, in µ-law.
    coded: Vec<u8>,
}

impl Stream {
    /// A stream of which nothing was sent yet.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            sequence: 0,
            chunk: 0,
            first_index: None,
            generation: Generation(0),
            hushed: None,
            quiet: Quiet::default(),
            last_sound: None,
            binary_seen: false,
            warnings: Vec::new(),
            coded: Vec::new(),
        }
    }

    /// The first message.
    #[must_use]
    pub fn connected(&self) -> String {
        text(&ToBot::Connected { protocol: "Call", version: "1.0.0" })
    }

    /// The second message.
    #[must_use]
    pub fn start(&mut self, parameters: &BTreeMap<String, String>) -> String {
        let sequence_number = self.next_sequence();
        let stream_sid = self.identity.stream.as_str();
        text(&ToBot::Start {
            sequence_number,
            stream_sid,
            start: Start {
                stream_sid,
                account_sid: ACCOUNT,
                call_sid: &self.identity.call,
                tracks: ["inbound"],
                custom_parameters: parameters,
                media_format: MediaFormat { encoding: "audio/x-mulaw", sample_rate: RATE, channels: 1 },
            },
        })
    }

    /// One frame of the caller at 8 kHz. `index` counts the leg's samples before it; the first one's is the
    /// stream's time zero.
    #[must_use]
    pub fn media(&mut self, index: u64, samples: &[i16]) -> String {
        let first = *self.first_index.get_or_insert(index);
        let milliseconds = index.saturating_sub(first) * 1_000 / u64::from(RATE);
        self.chunk += 1;
        let sequence_number = self.next_sequence();
        self.coded.clear();
        self.coded.extend(samples.iter().map(|&sample| g711::encode_ulaw(sample)));
        let media = Media {
            track: "inbound",
            chunk: Text(self.chunk),
            timestamp: Text(milliseconds),
            payload: Text(Base64Display::new(&self.coded, &STANDARD)),
        };
        text(&ToBot::Media { sequence_number, stream_sid: &self.identity.stream, media })
    }

    /// One key that the gate let pass.
    #[must_use]
    pub fn dtmf(&mut self, key: &MenuKey) -> String {
        let mut symbol = [0; 4];
        self.dtmf_of(key.key().encode_utf8(&mut symbol))
    }

    pub(super) fn dtmf_of(&mut self, digit: &str) -> String {
        let sequence_number = self.next_sequence();
        let dtmf = Dtmf { track: "inbound_track", digit };
        text(&ToBot::Dtmf { sequence_number, stream_sid: &self.identity.stream, dtmf })
    }

    /// The echo of the bot's mark.
    #[must_use]
    pub fn mark(&mut self, name: &str) -> String {
        let sequence_number = self.next_sequence();
        text(&ToBot::Mark { sequence_number, stream_sid: &self.identity.stream, mark: MarkName { name } })
    }

    /// How far a capture is.
    #[must_use]
    pub fn capture(&mut self, capture: &CaptureView) -> String {
        let sequence_number = self.next_sequence();
        text(&ToBot::Capture { sequence_number, stream_sid: &self.identity.stream, capture })
    }

    /// How far a transfer is.
    #[must_use]
    pub fn transfer(&mut self, transfer: &TransferView) -> String {
        let sequence_number = self.next_sequence();
        text(&ToBot::Transfer { sequence_number, stream_sid: &self.identity.stream, transfer })
    }

    /// The last message.
    #[must_use]
    pub fn stop(&mut self) -> String {
        let sequence_number = self.next_sequence();
        let stop = Stop { account_sid: ACCOUNT, call_sid: &self.identity.call };
        text(&ToBot::Stop { sequence_number, stream_sid: &self.identity.stream, stop })
    }

    /// The caller spoke over the bot and playout moved on to `generation`. What the bot still says of the old
    /// utterance keeps its generation, so playout drops it, until the bot clears or pauses, or two seconds have gone by.
    /// Saying it again changes nothing.
    pub fn hush(&mut self, now: Instant, generation: Generation) {
        let newest = self.hushed.map_or(self.generation, |(hushed, _)| hushed.max(self.generation));
        if generation > newest {
            self.hushed = Some((generation, now));
        }
    }

    /// The bot is not read now, and may be speaking: no pause is to be seen here.
    pub fn unread(&mut self, now: Instant) {
        self.last_sound = Some(now);
    }

    /// Reads a text message; `None` where it is counted and dropped.
    pub fn handle_text(&mut self, now: Instant, message: &str) -> Option<Said> {
        let Ok((message, has_unknown)) = FromBot::read(message) else { return self.warn(Warning::Invalid) };
        if !matches!(message.event.as_ref(), "media" | "mark" | "clear") {
            return self.warn(Warning::Protocol);
        }
        if message.stream_sid.as_deref() != Some(self.identity.stream.as_str()) {
            return self.warn(Warning::Invalid);
        }
        // Twilio warns about fields it does not know and still plays what it does.
        if has_unknown {
            self.warnings.push(Warning::Invalid);
        }
        match (message.event.as_ref(), message.media, message.mark) {
            ("media", Some(media), _) => self.handle_media(now, &media),
            ("mark", _, Some(mark)) => self.handle_mark(mark),
            ("clear", _, _) => Some(self.handle_clear()),
            _ => self.warn(Warning::Invalid),
        }
    }

    /// Counts a binary message; its content is not read.
    pub fn handle_binary(&mut self) {
        if !std::mem::replace(&mut self.binary_seen, true) {
            self.warnings.push(Warning::Binary);
        }
    }

    /// What was to be warned about since the last time.
    pub fn poll_warning(&mut self) -> Option<Warning> {
        self.warnings.pop()
    }

    fn handle_media(&mut self, now: Instant, media: &MediaBody<'_>) -> Option<Said> {
        let Ok(coded) = STANDARD.decode(media.payload.as_bytes()) else { return self.warn(Warning::Invalid) };
        if coded.is_empty() {
            return None;
        }
        let samples: Box<[i16]> = coded.into_iter().map(g711::decode_ulaw).collect();
        if let Some((generation, _)) = self.hushed.take_if(|(_, since)| is_over(now, self.last_sound, *since)) {
            self.generation = self.generation.max(generation);
        }
        self.listen(now, &samples);
        Some(Said::Audio { generation: self.generation, samples })
    }

    /// Takes note of when the bot was last to be heard. Time is by the clock, not by samples: a bot that sends faster than it
    /// is played sends its pauses in no time.
    fn listen(&mut self, now: Instant, samples: &[i16]) {
        for frame in samples.chunks(FRAME_SAMPLES) {
            if !self.quiet.covers(frame) {
                self.last_sound = Some(now);
            }
            self.quiet.hear(frame);
        }
    }

    fn handle_mark(&mut self, mark: MarkBody) -> Option<Said> {
        if mark.name.chars().count() > MAX_MARK {
            return self.warn(Warning::Invalid);
        }
        Some(Said::Mark(mark.name))
    }

    fn handle_clear(&mut self) -> Said {
        let next = Generation(self.generation.0 + 1);
        self.generation = self.hushed.take().map_or(next, |(hushed, _)| hushed.max(next));
        Said::Clear(self.generation)
    }

    fn warn(&mut self, warning: Warning) -> Option<Said> {
        self.warnings.push(warning);
        None
    }

    fn next_sequence(&mut self) -> Text<u64> {
        self.sequence += 1;
        Text(self.sequence)
    }
}

/// Whether the utterance that the caller spoke over is over.
fn is_over(now: Instant, last_sound: Option<Instant>, hushed_at: Instant) -> bool {
    let has_paused = last_sound.is_none_or(|last| now.saturating_duration_since(last) >= UTTERANCE_GAP);
    has_paused || now.saturating_duration_since(hushed_at) >= LONGEST_HUSH
}

/// These types hold only strings and numbers, which always have a JSON form.
fn text(message: &impl Serialize) -> String {
    let mut text = Vec::with_capacity(TYPICAL);
    match serde_json::to_writer(&mut text, message) {
        Ok(()) => String::from_utf8(text).unwrap_or_default(),
        Err(_) => String::new(),
    }
}
