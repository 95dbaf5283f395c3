use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use audio::{Generation, g711};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::*;

mod pour;
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

/// The generation that audio of these samples, in µ-law, is taken for.
fn generation(stream: &mut Stream, now: Instant, coded: &[u8]) -> Generation {
    match stream.handle_text(now, &media(&STANDARD.encode(coded))) {
        Some(Said::Audio { generation, .. }) => generation,
        Some(Said::Mark(_) | Said::Clear(_)) | None => panic!(),
    }
}

/// Streams 20 ms of this every 20 ms, and tells after how much of it, in milliseconds, it is taken for `wanted`.
fn streams_until(stream: &mut Stream, start: Instant, code: u8, wanted: Generation) -> Option<u64> {
    (0..5_000).step_by(20).find(|&at| generation(stream, start + Duration::from_millis(at), &[code; 160]) == wanted)
}

const LOUD: u8 = 0x80;

#[test]
fn what_the_caller_spoke_over_stays_old_until_the_bot_clears_or_pauses() {
    let (mut paused, start) = (stream(), Instant::now());
    assert_eq!(generation(&mut paused, start, &[LOUD]), Generation(0));
    paused.hush(start, Generation(1));
    assert_eq!(generation(&mut paused, start + Duration::from_millis(499), &[LOUD]), Generation(0));
    assert_eq!(generation(&mut paused, start + Duration::from_millis(999), &[LOUD]), Generation(1));

    let mut cleared = stream();
    assert_eq!(generation(&mut cleared, start, &[LOUD]), Generation(0));
    cleared.hush(start, Generation(4));
    let clear = json!({"event": "clear", "streamSid": STREAM}).to_string();
    assert_eq!(cleared.handle_text(start, &clear), Some(Said::Clear(Generation(4))));
    assert_eq!(generation(&mut cleared, start, &[LOUD]), Generation(4));
}

#[test]
fn a_bot_that_streams_silence_too_has_paused_after_half_a_second_of_it() {
    let (mut stream, start) = (stream(), Instant::now());
    assert_eq!(generation(&mut stream, start, &[LOUD; 160]), Generation(0));
    stream.hush(start, Generation(1));
    let silent = streams_until(&mut stream, start, g711::ULAW_SILENCE, Generation(1)).unwrap();
    assert!((500..=600).contains(&silent), "{silent} ms");
}

#[test]
fn a_bot_that_never_pauses_is_heard_again_two_seconds_after_each_interruption() {
    let (mut stream, start) = (stream(), Instant::now());
    for turn in 1..=3 {
        let spoken_over = start + Duration::from_secs(10 * turn);
        assert_eq!(generation(&mut stream, spoken_over, &[LOUD; 160]), Generation(turn - 1));
        stream.hush(spoken_over, Generation(turn));
        // Playout says it once; it may be passed on many times.
        stream.hush(spoken_over + Duration::from_secs(1), Generation(turn));
        assert_eq!(streams_until(&mut stream, spoken_over, LOUD, Generation(turn)), Some(2_000));
    }
}

#[test]
fn a_pause_that_is_sent_in_no_time_is_none() {
    let (mut stream, start) = (stream(), Instant::now());
    assert_eq!(generation(&mut stream, start, &[LOUD; 160]), Generation(0));
    stream.hush(start, Generation(1));
    let at = |milliseconds| start + Duration::from_millis(milliseconds);
    assert_eq!(generation(&mut stream, at(1), &[g711::ULAW_SILENCE; 8_000]), Generation(0));
    assert_eq!(generation(&mut stream, at(2), &[LOUD; 8_000]), Generation(0));
}

#[test]
fn what_waited_to_be_read_is_no_new_utterance() {
    let (mut stream, start) = (stream(), Instant::now());
    assert_eq!(generation(&mut stream, start, &[LOUD; 160]), Generation(0));
    let read_again = start + Duration::from_secs(30);
    stream.unread(read_again);
    stream.hush(read_again, Generation(1));
    assert_eq!(generation(&mut stream, read_again, &[LOUD; 160]), Generation(0));
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
