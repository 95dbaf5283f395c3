//! A card goes nowhere but to the vault and the processor: every place the gateway writes to is searched for it.
//!
//! No assertion here prints what it looked for, nor what it found.

pub(crate) mod needle;
mod tone;

use std::{
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;
use testkit::{gateway::Gateway, interface::Interface, softphone::Keying};

use self::needle::Needle;
use crate::{
    caller::Caller,
    plant::{alone, directory, eventually, example, options, run, start, step},
};

/// A canary that the sandbox takes and no network can issue.
const CANARY: &str = "9999271828459041";
/// A whole call with a payment.
const CALL: Duration = Duration::from_secs(300);
/// From the answer to the end of the opening.
const OPENING: Duration = Duration::from_secs(90);
/// From a key or the end of a call to what is written about it.
const TRACE: Duration = Duration::from_secs(30);
/// Keys that may leave the gate of one run.
const BUDGET: u64 = 8;
/// Samples a second of a recording.
const HERTZ: f64 = 8_000.0;

#[test]
fn a_card_that_is_paid_with_is_in_no_log_record_metric_or_recording() {
    let _alone = alone();
    let mut options = options("leaks-paid");
    options.log = "trace".to_owned();
    let gateway = start(&options);
    pay(&gateway);
    let interface = Interface::of(&gateway);
    let (call, timeline) = step(&interface, "ended", TRACE);
    assert!(has(&timeline, "capture.settled", "approved"), "no payment was made");

    let needle = Needle::new(CANARY);
    search_what_is_served(&gateway, &timeline, &needle);
    for sink in ["store.db", "book.db", "gateway.log", "processor"] {
        assert!(options.directory.join(sink).exists(), "{sink} is not where it is searched");
    }
    search_files(&options.directory, &needle);
    gateway.stop().expect("an end");
    search_files(&options.directory, &needle);

    let caller = caller_side(&options.directory, &call);
    let span = (at(&timeline, "capture.released") - at(&timeline, "capture.armed")) / 1_000.0;
    let longest = caller.split(|sample| *sample != 0).map(<[i16]>::len).max().unwrap_or_default();
    assert!(longest as f64 / HERTZ >= span - 0.1, "the recording is not exactly silent throughout the capture");
    assert!(caller.iter().any(|sample| sample.unsigned_abs() > 500), "the recording has no caller");
    assert!(!tone::is_in(&caller), "the recording holds a key's tone");
}

#[test]
fn a_card_keyed_as_events_before_any_capture_leaves_no_trace() {
    key_before_capture("leaks-events", Keying::TelephoneEvent);
}

#[test]
fn a_card_keyed_as_tones_before_any_capture_leaves_no_trace() {
    key_before_capture("leaks-tones", Keying::Tones);
}

/// Keys in the signalling are in no log of it either, whatever the bodies are.
#[test]
fn a_card_in_info_bodies_leaves_no_trace() {
    let _alone = alone();
    let mut options = options("leaks-info");
    options.log = "trace".to_owned();
    let gateway = start(&options);
    let interface = Interface::of(&gateway);
    let caller = Caller::call(gateway.addresses().sip_udp, Keying::Tones);
    step(&interface, "opened", OPENING);
    for kind in ["application/dtmf", "application/dtmf-relay", "audio/telephone-event", "text/plain"] {
        caller.info(kind, CANARY);
        caller.info(kind, &format!("Signal={CANARY}\r\nDuration=160\r\n"));
    }
    caller.info("application/dtmf-relay", &format!("Signal=9\r\nX-Card: {CANARY}\r\n{}", " ".repeat(300)));
    for key in CANARY.chars() {
        caller.info("application/dtmf-relay", &format!("Signal={key}\r\nDuration=100\r\n"));
        caller.info("application/dtmf", &key.to_string());
    }
    eventually("suppressed keys", TRACE, || {
        let (_, timeline) = step(&interface, "opened", TRACE);
        (suppressed(&timeline) > 0).then_some(())
    });
    caller.hang_up(TRACE);
    let (_, timeline) = step(&interface, "ended", TRACE);
    let needle = Needle::new(CANARY);
    search_what_is_served(&gateway, &timeline, &needle);
    search_files(&options.directory, &needle);
    gateway.stop().expect("an end");
    search_files(&options.directory, &needle);
}

fn key_before_capture(name: &str, keying: Keying) {
    let _alone = alone();
    let mut options = options(name);
    options.log = "trace".to_owned();
    let gateway = start(&options);
    let interface = Interface::of(&gateway);
    let caller = Caller::call(gateway.addresses().sip_udp, keying);
    step(&interface, "opened", OPENING);
    caller.press(CANARY);
    let all = CANARY.len() as u64;
    eventually("suppressed keys", TRACE, || {
        let (_, timeline) = step(&interface, "opened", TRACE);
        (suppressed(&timeline) + BUDGET >= all).then_some(())
    });
    caller.hang_up(TRACE);
    let (call, timeline) = step(&interface, "ended", TRACE);
    assert!(suppressed(&timeline) <= all, "more keys are suppressed than were pressed");

    let needle = Needle::new(CANARY);
    search_what_is_served(&gateway, &timeline, &needle);
    search_files(&options.directory, &needle);
    gateway.stop().expect("an end");
    search_files(&options.directory, &needle);
    let recorded = caller_side(&options.directory, &call);
    assert!(recorded.len() as f64 / HERTZ > 2.0, "the recording does not reach the keys");
    // This caller says nothing: whatever is on their side comes from a key.
    assert!(recorded.iter().all(|sample| *sample == 0), "the recording holds something of a key");
}

/// A debtor pays with the canary.
fn pay(gateway: &Gateway) {
    let output = directory("leaks-debtor").join("debtor.jsonl");
    let mut debtor = Command::new(example("debtor"));
    debtor.args(["--server", &gateway.addresses().sip_udp.to_string(), "--seed", "1", "--card", CANARY]);
    debtor.arg("--prompts").arg(gateway.directory().join("prompts"));
    let status = run(&mut debtor, &output, CALL);
    let text = fs::read_to_string(&output).unwrap_or_default();
    let last: Vec<_> = text.lines().rev().take(8).collect();
    assert!(status.is_some_and(|status| status.success()), "the debtor did not get through; it last said {last:#?}");
}

fn search_what_is_served(gateway: &Gateway, timeline: &[Value], needle: &Needle) {
    let metrics = metrics(gateway.addresses().operations);
    assert!(metrics.contains("tonegate_"), "there are no metrics");
    assert!(!needle.is_in(metrics.as_bytes()), "the card is in /metrics");
    let timeline = serde_json::to_vec(timeline).expect("JSON");
    assert!(!needle.is_in(&timeline), "the card is in the timeline");
}

/// Searches the name and every byte of every file of a gateway: log, databases and their write-ahead logs, ledger,
/// recordings, prompts. Panics where one that is there cannot be read.
pub(crate) fn search_files(directory: &Path, needle: &Needle) {
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for path in entries(&directory) {
            assert!(!needle.is_in(path.as_os_str().as_encoded_bytes()), "the card is in a file's name");
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            match fs::read(&path) {
                Ok(bytes) => assert!(!needle.is_in(&bytes), "the card is in {}", path.display()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => panic!("NOT SEARCHED: {}: {error}", path.display()),
            }
        }
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
#[should_panic(expected = "NOT SEARCHED")]
fn what_cannot_be_read_is_not_passed_over() {
    let directory = directory("leaks-unreadable");
    let _socket = UnixListener::bind(directory.join("socket")).expect("a socket");
    search_files(&directory, &Needle::new(CANARY));
}

pub(crate) fn metrics(server: SocketAddr) -> String {
    let mut stream = TcpStream::connect_timeout(&server, TRACE).expect("a connection");
    stream.set_read_timeout(Some(TRACE)).expect("a bound");
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// The caller's side of a recording.
fn caller_side(directory: &Path, call: &str) -> Vec<i16> {
    let path = directory.join("recordings").join(format!("{call}.wav"));
    let recording = hound::WavReader::open(path).expect("a recording");
    assert_eq!(recording.spec().channels, 2, "the recording is not stereo");
    let samples: Vec<i16> = recording.into_samples().collect::<Result<_, _>>().expect("samples");
    samples.into_iter().step_by(2).collect()
}

fn has(timeline: &[Value], kind: &str, detail: &str) -> bool {
    timeline.iter().any(|entry| entry["kind"] == kind && entry["detail"] == detail)
}

fn at(timeline: &[Value], kind: &str) -> f64 {
    let entry = timeline.iter().find(|entry| entry["kind"] == kind);
    entry.and_then(|entry| entry["at_ms"].as_f64()).unwrap_or_else(|| panic!("the timeline has no {kind}"))
}

/// Keys that the timeline says went nowhere.
fn suppressed(timeline: &[Value]) -> u64 {
    let entries = timeline.iter().filter(|entry| entry["kind"] == "keys.suppressed");
    entries.filter_map(|entry| entry["detail"].as_str()?.split(' ').next()?.parse::<u64>().ok()).sum()
}
