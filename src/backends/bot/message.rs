//! The messages of Twilio Media Streams as JSON. Every counter is a string on this wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// From the carrier to the bot.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum ToBot<'a> {
    /// The first message; the only one without a sequence number.
    Connected { protocol: &'static str, version: &'static str },
    /// The second message.
    Start { sequence_number: String, stream_sid: &'a str, start: Start<'a> },
    /// 20 ms of the caller.
    Media { sequence_number: String, stream_sid: &'a str, media: Media<'a> },
    /// One key of the caller's menu.
    Dtmf { sequence_number: String, stream_sid: &'a str, dtmf: Dtmf<'a> },
    /// Audio before the bot's mark of this name was played or cleared.
    Mark { sequence_number: String, stream_sid: &'a str, mark: Mark<'a> },
    /// The last message.
    Stop { sequence_number: String, stream_sid: &'a str, stop: Stop<'a> },
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
    pub(super) chunk: String,
    /// Milliseconds since the stream began.
    pub(super) timestamp: String,
    /// Base64 of µ-law.
    pub(super) payload: &'a str,
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

/// From the bot to the carrier. Fields that Twilio does not know are kept, to be warned about.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FromBot {
    pub(super) event: String,
    pub(super) stream_sid: Option<String>,
    pub(super) media: Option<MediaBody>,
    pub(super) mark: Option<MarkBody>,
    #[serde(flatten)]
    pub(super) extra: BTreeMap<String, serde_json::Value>,
}

/// The body of the bot's `media`.
#[derive(Deserialize)]
pub(super) struct MediaBody {
    pub(super) payload: String,
    #[serde(flatten)]
    pub(super) extra: BTreeMap<String, serde_json::Value>,
}

/// The body of the bot's `mark`.
#[derive(Deserialize)]
pub(super) struct MarkBody {
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) extra: BTreeMap<String, serde_json::Value>,
}
