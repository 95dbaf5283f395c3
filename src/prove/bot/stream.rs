//! What one stream brought, message by message, and whether sound came in it where none may. Pure.

use audio::g711::decode_ulaw;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

/// The most that is kept of one stream's text, audio apart.
const MOST_TEXT: usize = 16 << 20;

/// The interface of a call, as its bot is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    /// Its address.
    pub(crate) base: String,
    /// The token that opens it.
    pub(crate) token: String,
    /// The call's name by Twilio's rules.
    pub(crate) call_sid: String,
}

/// What one stream brought.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    /// Every message but the payloads of `media`, which are sound.
    pub(crate) text: Vec<u8>,
    /// The caller's audio, at 8 kHz.
    pub(crate) samples: Vec<i16>,
    pub(crate) interface: Option<Interface>,
    /// Messages that there was no room for.
    pub(crate) unkept: u64,
    /// Messages that could not be taken apart.
    pub(crate) strange: u64,
    /// Frames with sound that came after a message that the caller keys, and before one that they no longer do.
    unmuted: u64,
    /// Frames with sound that left the gateway after it had said that the stream is mute.
    unflushed: u64,
    /// Whether the caller keys, by the last message that says so.
    is_keying: bool,
    /// Bytes still to come that left the gateway before it said that the stream is mute.
    sent_before: Option<u64>,
}

/// The call of a stream, of the message that names it.
pub(super) fn call_of(message: &[u8]) -> Option<String> {
    let message: Value = serde_json::from_slice(message).ok()?;
    message["start"]["customParameters"]["tonegate_call"].as_str().map(str::to_owned)
}

impl Stream {
    /// The gateway has said that the stream is mute: beyond so many bytes no sound may come until the capture has ended.
    pub(super) fn expect_silence_after(&mut self, bytes: u64) {
        self.sent_before = Some(bytes);
    }

    /// Takes the next message.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        let message: Value = serde_json::from_slice(bytes).unwrap_or(Value::Null);
        self.strange += u64::from(message.is_null());
        self.learn_interface(&message["start"]);
        if let Some(state) = message["capture"]["state"].as_str() {
            self.follow(state);
        }
        let payload = message["media"]["payload"].as_str().and_then(|payload| STANDARD.decode(payload).ok());
        match payload {
            Some(coded) => {
                let samples: Vec<i16> = coded.into_iter().map(decode_ulaw).collect();
                self.judge(&samples, bytes.len());
                self.samples.extend(samples);
                // Whatever else a message of audio says.
                let mut rest = message;
                rest["media"]["payload"] = Value::Null;
                self.keep(rest.to_string().as_bytes());
            }
            None => self.keep(bytes),
        }
        self.sent_before = self.sent_before.map(|left| left.saturating_sub(on_the_wire(bytes.len())));
    }

    /// Sound where none may be, in a few words.
    pub(crate) fn breaches(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.unmuted > 0 {
            found.push(format!("{} frames with sound while the caller keyed", self.unmuted));
        }
        if self.unflushed > 0 {
            found.push(format!("{} frames with sound that was there still when the mute was proven", self.unflushed));
        }
        found
    }

    fn learn_interface(&mut self, start: &Value) {
        let parameters = &start["customParameters"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let told = (text(&parameters["tonegate_api"]), text(&parameters["tonegate_token"]), text(&start["callSid"]));
        if let (Some(base), Some(token), Some(call_sid)) = told {
            self.interface = Some(Interface { base, token, call_sid });
        }
    }

    /// How far a capture is. It is armed once the caller is asked for something, and mute until its end is told.
    fn follow(&mut self, state: &str) {
        match state {
            "keying" | "keyed" | "submitted" => self.is_keying = true,
            "opened" | "arming" => {}
            _ => {
                self.is_keying = false;
                self.sent_before = None;
            }
        }
    }

    /// Silence is exact: any sample counts.
    fn judge(&mut self, samples: &[i16], length: usize) {
        let has_sound = samples.iter().any(|sample| *sample != 0);
        let is_past = self.sent_before.is_some_and(|left| left < on_the_wire(length));
        self.unmuted += u64::from(has_sound && self.is_keying);
        self.unflushed += u64::from(has_sound && is_past);
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.text.len() + bytes.len() < MOST_TEXT {
            self.text.extend(bytes);
            self.text.push(b'\n');
        } else {
            self.unkept += 1;
        }
    }
}

/// Bytes of a message as a client sends it (RFC 6455 §5.2): two of head, two or eight more for a longer length, the mask, and the
/// text.
fn on_the_wire(length: usize) -> u64 {
    let head = match length {
        0..126 => 2,
        126..=0xffff => 4,
        _ => 10,
    };
    head + 4 + length as u64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn media(stream: &mut Stream, coded: u8) -> usize {
        let message = json!({"event": "media", "media": {"payload": STANDARD.encode([coded; 160])}}).to_string();
        stream.take(message.as_bytes());
        message.len()
    }

    fn capture(stream: &mut Stream, state: &str) {
        stream.take(json!({"event": "capture", "capture": {"muted": true, "state": state}}).to_string().as_bytes());
    }

    /// In µ-law.
    const SILENT: u8 = 0xff;
    const FAINT: u8 = 0xfe;

    #[test]
    fn sound_while_the_caller_keys_is_told_and_sound_at_other_times_is_not() {
        let mut stream = Stream::default();
        for state in ["arming", "keying", "submitted", "approved"] {
            media(&mut stream, SILENT);
            capture(&mut stream, state);
        }
        for state in ["arming", "none"] {
            media(&mut stream, FAINT);
            capture(&mut stream, state);
        }
        assert!(stream.breaches().is_empty(), "{:?}", stream.breaches());
        capture(&mut stream, "keying");
        media(&mut stream, FAINT);
        assert!(stream.breaches()[0].starts_with("1 frames with sound while"), "{:?}", stream.breaches());
    }

    #[test]
    fn what_had_left_the_gateway_before_its_mute_may_sound_and_nothing_after() {
        let mut stream = Stream::default();
        let length = media(&mut stream, FAINT);
        stream.expect_silence_after(2 * on_the_wire(length));
        media(&mut stream, FAINT);
        media(&mut stream, FAINT);
        media(&mut stream, SILENT);
        assert!(stream.breaches().is_empty(), "{:?}", stream.breaches());
        media(&mut stream, FAINT);
        assert!(stream.breaches()[0].starts_with("1 frames with sound that was"), "{:?}", stream.breaches());
        capture(&mut stream, "failed");
        media(&mut stream, FAINT);
        assert!(stream.breaches()[0].starts_with("1 "), "after the capture there may be sound");
    }

    #[test]
    fn a_start_names_the_call_and_its_interface() {
        let parameters =
            json!({"tonegate_call": "c", "tonegate_api": "http://127.0.0.1:1/v1/calls/c", "tonegate_token": "t"});
        let start = json!({"event": "start", "start": {"callSid": "CA1", "customParameters": parameters}}).to_string();
        let mut stream = Stream::default();
        stream.take(start.as_bytes());
        assert_eq!(call_of(start.as_bytes()).as_deref(), Some("c"));
        let interface = stream.interface.unwrap();
        assert_eq!((interface.token.as_str(), interface.call_sid.as_str()), ("t", "CA1"));
    }
}
