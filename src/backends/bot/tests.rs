use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use audio::{Generation, g711};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::*;

mod secure;
mod wire;

fn identity() -> Identity {
    Identity::new(Uuid::from_u128(0xca), Uuid::from_u128(0x3a))
}

/// What a stream tells its call, as a queue.
fn reported() -> (Report, mpsc::Receiver<BotEvent>) {
    let (told, events) = mpsc::channel(64);
    (Box::new(move |event| told.try_send(event).unwrap()), events)
}

const STREAM: &str = "MZ0000000000000000000000000000003a";
const CALL: &str = "CA000000000000000000000000000000ca";

fn stream() -> Stream {
    Stream::new(identity())
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn warnings(stream: &mut Stream) -> Vec<Warning> {
    std::iter::from_fn(|| stream.poll_warning()).collect()
}

fn media(payload: &str) -> String {
    json!({"event": "media", "streamSid": STREAM, "media": {"payload": payload}}).to_string()
}

#[test]
fn a_stream_begins_and_ends_as_at_twilio() {
    let mut stream = stream();
    let parameters = BTreeMap::from([("campaign".to_owned(), "spring".to_owned())]);
    assert_eq!(value(&stream.connected()), json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}));
    assert_eq!(
        value(&stream.start(&parameters)),
        json!({
            "event": "start", "sequenceNumber": "1", "streamSid": STREAM,
            "start": {
                "streamSid": STREAM, "accountSid": "AC00000000000000000000000000000001", "callSid": CALL,
                "tracks": ["inbound"], "customParameters": {"campaign": "spring"},
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
            }
        })
    );
    assert_eq!(
        value(&stream.stop()),
        json!({
            "event": "stop", "sequenceNumber": "2", "streamSid": STREAM,
            "stop": {"accountSid": "AC00000000000000000000000000000001", "callSid": CALL}
        })
    );
}

#[test]
fn every_counter_is_a_string_and_time_begins_with_the_first_frame() {
    let mut stream = stream();
    drop(stream.start(&BTreeMap::new()));
    let first = value(&stream.media(8_000, &[0; 160]));
    let payload = first["media"]["payload"].as_str().unwrap();
    assert_eq!(payload.len(), 216);
    assert_eq!(STANDARD.decode(payload).unwrap(), [g711::ULAW_SILENCE; 160]);
    assert_eq!(
        first,
        json!({
            "event": "media", "sequenceNumber": "2", "streamSid": STREAM,
            "media": {"track": "inbound", "chunk": "1", "timestamp": "0", "payload": payload}
        })
    );
    let second = value(&stream.media(8_160, &[0; 160]));
    assert_eq!((&second["sequenceNumber"], &second["media"]["chunk"]), (&json!("3"), &json!("2")));
    assert_eq!(second["media"]["timestamp"], "20");
}

#[test]
fn keys_and_marks_share_the_sequence_but_not_the_chunks() {
    let mut stream = stream();
    assert_eq!(
        value(&stream.dtmf_of("#")),
        json!({
            "event": "dtmf", "sequenceNumber": "1", "streamSid": STREAM,
            "dtmf": {"track": "inbound_track", "digit": "#"}
        })
    );
    assert_eq!(
        value(&stream.mark("a\"b")),
        json!({"event": "mark", "sequenceNumber": "2", "streamSid": STREAM, "mark": {"name": "a\"b"}})
    );
    assert_eq!(value(&stream.media(0, &[0; 160]))["media"]["chunk"], "1");
}

#[test]
fn audio_of_any_length_is_decoded() {
    let now = Instant::now();
    for length in [1, 159, 160, 161, 8_000, 240_000] {
        let mut stream = stream();
        let Some(Said::Audio { generation, samples }) =
            stream.handle_text(now, &media(&STANDARD.encode(vec![0x80; length])))
        else {
            panic!("{length}");
        };
        assert_eq!((generation, samples.len()), (Generation(0), length));
        assert!(samples.iter().all(|&sample| sample == g711::decode_ulaw(0x80)));
    }
}

#[test]
fn a_clear_begins_a_new_generation() {
    let (mut stream, now) = (stream(), Instant::now());
    let clear = json!({"event": "clear", "streamSid": STREAM}).to_string();
    assert_eq!(stream.handle_text(now, &clear), Some(Said::Clear(Generation(1))));
    let Some(Said::Audio { generation, .. }) = stream.handle_text(now, &media("gA==")) else { panic!() };
    assert_eq!(generation, Generation(1));
}

#[test]
fn what_the_caller_spoke_over_stays_old_until_the_bot_clears_or_pauses() {
    let generation = |stream: &mut Stream, now| match stream.handle_text(now, &media("gA==")) {
        Some(Said::Audio { generation, .. }) => generation,
        Some(Said::Mark(_) | Said::Clear(_)) | None => panic!(),
    };
    let (mut paused, start) = (stream(), Instant::now());
    assert_eq!(generation(&mut paused, start), Generation(0));
    paused.hush(Generation(1));
    assert_eq!(generation(&mut paused, start + Duration::from_millis(499)), Generation(0));
    assert_eq!(generation(&mut paused, start + Duration::from_millis(999)), Generation(1));

    let mut cleared = stream();
    assert_eq!(generation(&mut cleared, start), Generation(0));
    cleared.hush(Generation(4));
    let clear = json!({"event": "clear", "streamSid": STREAM}).to_string();
    assert_eq!(cleared.handle_text(start, &clear), Some(Said::Clear(Generation(4))));
    assert_eq!(generation(&mut cleared, start), Generation(4));
}

#[test]
fn what_twilio_warns_about_is_counted_and_dropped() {
    let long = "n".repeat(257);
    let cases = [
        ("", Warning::Invalid),
        ("[]", Warning::Invalid),
        ("{\"event\":1}", Warning::Invalid),
        (&json!({"event": "dtmf", "streamSid": STREAM, "dtmf": {"digit": "1"}}).to_string(), Warning::Protocol),
        (&json!({"event": "stop", "streamSid": STREAM}).to_string(), Warning::Protocol),
        (&json!({"event": "media", "streamSid": "MZ1", "media": {"payload": "gA=="}}).to_string(), Warning::Invalid),
        (&json!({"event": "media", "media": {"payload": "gA=="}}).to_string(), Warning::Invalid),
        (&json!({"event": "media", "streamSid": STREAM}).to_string(), Warning::Invalid),
        (&media("not base64!"), Warning::Invalid),
        (&json!({"event": "mark", "streamSid": STREAM}).to_string(), Warning::Invalid),
        (&json!({"event": "mark", "streamSid": STREAM, "mark": {"name": long}}).to_string(), Warning::Invalid),
    ];
    for (message, expected) in cases {
        let mut stream = stream();
        assert_eq!(stream.handle_text(Instant::now(), message), None, "{message}");
        assert_eq!(warnings(&mut stream), [expected], "{message}");
    }
}

#[test]
fn unknown_fields_are_warned_about_and_the_rest_is_played() {
    let mut stream = stream();
    let message = json!({
        "event": "media", "streamSid": STREAM, "media": {"payload": "gA==", "track": "outbound"}
    });
    assert!(matches!(stream.handle_text(Instant::now(), &message.to_string()), Some(Said::Audio { .. })));
    assert_eq!(warnings(&mut stream), [Warning::Invalid]);
}

#[test]
fn binary_messages_are_warned_about_once() {
    let mut stream = stream();
    stream.handle_binary();
    stream.handle_binary();
    assert_eq!(warnings(&mut stream), [Warning::Binary]);
}

#[test]
fn no_cut_off_or_bent_message_is_a_panic() {
    let message = json!({"event": "media", "streamSid": STREAM, "media": {"payload": "gIGC"}, "mark": {"name": "é"}});
    let text = message.to_string();
    let mut stream = stream();
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        stream.handle_text(Instant::now(), &text[..end]);
        stream.handle_text(Instant::now(), &text[end..]);
    }
}
