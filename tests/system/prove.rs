//! `tonegate prove`: it passes on what has no fault, and fails, naming the sink, for each fault that is built in on purpose.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::plant::{alone, directory, run, tonegate};

/// Longest that one run may take.
const RUN: Duration = Duration::from_secs(420);
/// Longest that building the faulty programs may take.
const BUILD: Duration = Duration::from_secs(1_800);
/// Runs of faulty programs at a time.
const AT_ONCE: usize = 3;

/// Each fault, and the sink in which it must be found.
const FAULTS: [(&str, &str); 14] = [
    ("attenuate", "recordings: the caller"),
    ("leak_3_ms", "bot: sound"),
    ("skip_delay_line", "bot: sound"),
    ("skip_flush", "bot: sound"),
    ("unmute_early", "bot: sound"),
    ("keep_code", "memory: security codes in the vault"),
    ("keep_request", "memory: tonegate-vault"),
    ("number_in_error", "log at TRACE"),
    ("log_key", "log at TRACE"),
    ("key_in_timeline", "timeline"),
    ("key_as_label", "metrics"),
    ("keys_in_memory", "memory: tonegate serve"),
    ("unregistered_file", "descriptors"),
    ("event_to_bot", "bot: messages"),
];

/// A trunk with one codec whose calls go to a bot: six ways in, each with a capture.
const WITH_A_BOT: &str = r#"
[[trunk]]
name = "local"
agent = "bot"
codecs = ["pcmu"]
srtp = "off"

[agent.bot]
kind = "twilio-stream"
url = "ws://127.0.0.1:9/stream"
"#;
/// The same, where the carrier takes cards.
const CARRIED: &str = r#"
[capture]
by = "twilio"

[carrier]
account = "AC00000000000000000000000000000009"
token_file = "target/system/carrier-token"

[api]
public_url = "https://gateway.example.com"
"#;
/// What is shipped: the collector, every codec, SRTP where it is offered.
const SHIPPED: &str = include_str!("../../config/tonegate.toml");

/// Proves, and returns whether it passed, and its results.
fn prove(program: &Path, name: &str, configuration: &str, fault: Option<&str>) -> (bool, Value) {
    let directory = directory(name);
    let path = directory.join("tonegate.toml");
    fs::write(&path, format!("{configuration}\n[speech]\ncache = \"target/prompts\"\n")).expect("a configuration");
    let mut command = Command::new(program);
    command.args(["prove", "--config"]).arg(path);
    command.arg("--evidence").arg(directory.join("evidence"));
    if let Some(fault) = fault {
        command.env(frame::SABOTAGE, fault);
    }
    let output = directory.join("output");
    let status = run(&mut command, &output, RUN);
    let said = fs::read_to_string(&output).unwrap_or_default();
    let results = fs::read(directory.join("evidence/results.json"));
    let results = results.unwrap_or_else(|error| panic!("{name}: no results: {error}; it said {said}"));
    (status.is_some_and(|status| status.success()), serde_json::from_slice(&results).expect("JSON"))
}

fn rows<'a>(results: &'a Value, verdict: &'a str) -> impl Iterator<Item = &'a Value> {
    results["rows"].as_array().expect("rows").iter().filter(move |row| row["verdict"] == verdict)
}

#[test]
fn the_shipped_configuration_passes() {
    let _alone = alone();
    let results = passes("prove-shipped", SHIPPED);
    // Five codecs with events and with tones, two kinds of INFO, two in each kind of SRTP; each outside a capture and in one.
    assert_eq!(rows(&results, "pass").filter(|row| row["part"] == "input").count(), 32);
}

/// Proves what has no fault.
fn passes(name: &str, configuration: &str) -> Value {
    let (passed, results) = prove(&tonegate(), name, configuration, None);
    let bad: Vec<&Value> = rows(&results, "fail").chain(rows(&results, "not-searched")).collect();
    assert!(passed && bad.is_empty(), "{bad:#?}");
    results
}

#[test]
fn what_has_no_fault_passes_and_leaves_evidence() {
    let _alone = alone();
    let results = passes("prove-clean", WITH_A_BOT);
    // Events, tones and two kinds of INFO; a card by Twilio's routes; a bot that does not read.
    assert_eq!(rows(&results, "pass").filter(|row| row["part"] == "input").count(), 6);
    let evidence = Path::new("target/system/prove-clean/evidence");
    let sums = Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(evidence).status();
    assert!(sums.is_ok_and(|status| status.success()), "a hash does not fit");
    for file in ["results.md", "data-flow.mmd", "configuration.toml", "audit.txt", "sbom.cdx.json"] {
        assert!(evidence.join(file).exists(), "{file}");
    }
}

#[test]
fn cards_that_the_carrier_takes_are_proven_with_a_carrier_of_the_run_s_own() {
    let _alone = alone();
    fs::write("target/system/carrier-token", "a-token-that-nobody-ever-uses-anywhere").expect("a token");
    let results = passes("prove-carried", &format!("{WITH_A_BOT}{CARRIED}"));
    assert_eq!(rows(&results, "pass").filter(|row| row["part"] == "input").count(), 6);
    assert!(rows(&results, "substituted").any(|row| row["name"] == "carrier"));
}

#[test]
fn every_deliberate_fault_is_found_in_its_sink() {
    let program = faulty();
    let _alone = alone();
    let waiting = Mutex::new(FAULTS.to_vec());
    let missed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((fault, sink)) = next(&waiting) {
                    let (passed, results) = prove(&program, &format!("prove-{fault}"), WITH_A_BOT, Some(fault));
                    let failed: Vec<&str> = rows(&results, "fail").filter_map(|row| row["name"].as_str()).collect();
                    println!("{fault}: {}", failed.join(", "));
                    if passed || !failed.contains(&sink) {
                        missed.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(missed.is_empty(), "not found where they are: {missed:?}");
}

fn next(waiting: &Mutex<Vec<(&'static str, &'static str)>>) -> Option<(&'static str, &'static str)> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

/// The gateway and the vault with the faults built in.
fn faulty() -> PathBuf {
    let output = directory("prove-build").join("output");
    let status = run(&mut Command::new("tests/build-with-faults"), &output, BUILD);
    let said = fs::read_to_string(&output).unwrap_or_default();
    assert!(status.is_some_and(|status| status.success()), "{said}");
    Path::new("target/sabotage/debug/tonegate").canonicalize().expect("a program")
}
