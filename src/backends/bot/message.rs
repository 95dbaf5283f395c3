//! The messages of Twilio Media Streams as JSON. Every counter is a string on this wire.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;

use base64::display::Base64Display;
use base64::engine::general_purpose::GeneralPurpose;
use call::api::CaptureView;
use call::transfer::TransferView;
use serde::{Deserialize, Serialize, Serializer};

/// A counter, or anything else that is written as a string.
pub(super) struct Text<T>(pub(super) T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// From the carrier to the bot.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum ToBot<'a> {
    /// The first message; the only one without a sequence number.
    Connected { protocol: &'static str, version: &'static str },
    /// The second message.
    Start { sequence_number: Text<u64>, stream_sid: &'a str, start: Start<'a> },
    /// 20 ms of the caller.
    Media { sequence_number: Text<u64>, stream_sid: &'a str, media: Media<'a> },
    /// One key of the caller's menu.
    Dtmf { sequence_number: Text<u64>, stream_sid: &'a str, dtmf: Dtmf<'a> },
    /// Audio before the bot's mark of this name was played or cleared.
    Mark { sequence_number: Text<u64>, stream_sid: &'a str, mark: Mark<'a> },
    /// How far a capture is that the bot asked for by `/v1`. Twilio has no such message; a bot that never asks gets none.
    Capture { sequence_number: Text<u64>, stream_sid: &'a str, capture: &'a CaptureView },
    /// How far a transfer is that the bot asked for by `/v1`. Twilio has no such message either.
    Transfer { sequence_number: Text<u64>, stream_sid: &'a str, transfer: &'a TransferView },
    /// The last message.
    Stop { sequence_number: Text<u64>, stream_sid: &'a str, stop: Stop<'a> },
}

/// What the stream is about.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Start<'a> {
    pub(super) stream_sid: &'a str,
    pub(super) account_sid: &'a str,
    pub(super) call_sid: &'a str,
    pub(super) tracks: [&'static str; 1],
    pub(super) custom_parameters: &'a BTreeMap<String, String>,
    pub(super) media_format: MediaFormat,
}

/// The only format there is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MediaFormat {
    pub(super) encoding: &'static str,
    pub(super) sample_rate: u32,
    pub(super) channels: u8,
}

/// One chunk of the caller's audio.
#[derive(Serialize)]
pub(super) struct Media<'a> {
    pub(super) track: &'static str,
    pub(super) chunk: Text<u64>,
    /// Milliseconds since the stream began.
    pub(super) timestamp: Text<u64>,
    /// Base64 of µ-law.
    pub(super) payload: Text<Base64Display<'a, 'static, GeneralPurpose>>,
}

/// One key. The track is named differently here than in media.
#[derive(Serialize)]
pub(super) struct Dtmf<'a> {
    pub(super) track: &'static str,
    pub(super) digit: &'a str,
}

/// A mark's name.
#[derive(Serialize)]
pub(super) struct Mark<'a> {
    pub(super) name: &'a str,
}

/// What ended.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stop<'a> {
    pub(super) account_sid: &'a str,
    pub(super) call_sid: &'a str,
}

/// From the bot to the carrier, borrowed from the message wherever nothing in it is escaped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FromBot<'a> {
    #[serde(borrow)]
    pub(super) event: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) stream_sid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) media: Option<MediaBody<'a>>,
    pub(super) mark: Option<MarkBody>,
}

/// The body of the bot's `media`.
#[derive(Deserialize)]
pub(super) struct MediaBody<'a> {
    #[serde(borrow)]
    pub(super) payload: Cow<'a, str>,
}

/// The body of the bot's `mark`.
#[derive(Deserialize)]
pub(super) struct MarkBody {
    pub(super) name: String,
}

impl<'a> FromBot<'a> {
    /// Reads a message, and tells whether it has fields that Twilio does not know.
    pub(super) fn read(text: &'a str) -> Result<(Self, bool), serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let mut has_unknown = false;
        let message = serde_ignored::deserialize(&mut reader, |_| has_unknown = true)?;
        reader.end()?;
        Ok((message, has_unknown))
    }
}
