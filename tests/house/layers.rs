//! Who may depend on whom. Read from `cargo metadata` and `cargo tree`, so it is what cargo links.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Each zone and the zones it may see in its normal dependencies, from the ground up.
const LAYERS: &[(&str, &[&str])] = &[
    ("frame", &[]),
    ("rules", &[]),
    ("audio", &["frame"]),
    ("sip", &["frame"]),
    ("dialogue", &["rules"]),
    ("book", &["rules"]),
    ("rtp", &["frame", "audio"]),
    ("dtls", &["rtp"]),
    ("tones", &["frame"]),
    ("payment", &[]),
    ("gate", &["frame", "tones", "payment"]),
    ("vault", &["gate"]),
    ("call", &["frame", "sip", "audio", "rules", "dialogue", "book", "rtp", "gate"]),
    ("edge", &["frame", "sip", "audio", "rules", "dialogue", "book", "rtp", "dtls", "gate", "call"]),
    ("backends", &["frame", "sip", "audio", "rules", "dialogue", "book", "rtp", "gate", "call"]),
    (
        "prove",
        &["frame", "sip", "audio", "rules", "dialogue", "book", "rtp", "dtls", "gate", "call", "edge", "backends"],
    ),
    ("testkit", &["frame", "sip", "audio", "rules", "dialogue", "book", "rtp", "gate", "call"]),
    ("org", &["book", "rules", "testkit"]),
    ("", &["frame", "sip", "audio", "rules", "dialogue", "book", "rtp", "gate", "call", "edge", "backends", "prove"]),
];

/// The zones that decide: they are told the time and touch nothing.
const PURE: &[&str] =
    &["frame", "sip", "audio", "rtp", "tones", "payment", "gate", "rules", "dialogue", "book", "call"];

/// What brings a clock, a socket, a thread, a file or a log into a zone.
const WORLDLY: &[&str] = &[
    "axum", "hyper", "log", "metrics", "mio", "rand", "reqwest", "ring", "rusqlite", "rustix", "rustls", "socket2",
    "tokio", "tracing",
];

/// What could carry a digit out of the vault: a serialiser of whatever it is given, a log, a runtime that copies buffers. Borsh,
/// which it has for messages of fixed size, serialises no type that holds a digit.
const FORBIDDEN_IN_VAULT: &[&str] =
    &["axum", "hyper", "log", "metrics", "reqwest", "serde", "serde_core", "serde_json", "tokio", "tracing"];

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(arguments)
        .args(["--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The short name of a zone: `tonegate-rtp` is `rtp`, `tonegate` itself is empty.
fn zone(package: &str) -> Option<&str> {
    package.strip_prefix("tonegate").map(|rest| rest.trim_start_matches('-'))
}

/// Every zone with the zones it depends on in one kind of dependency (`None` is normal).
fn zones(kinds: &[Option<&str>]) -> BTreeMap<String, BTreeSet<String>> {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--no-deps"])).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let dependencies = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().clone();
        let chosen = all.into_iter().filter(|dependency| kinds.contains(&dependency["kind"].as_str()));
        chosen.filter_map(|dependency| zone(dependency["name"].as_str()?).map(str::to_owned)).collect()
    };
    packages
        .iter()
        .map(|package| (zone(package["name"].as_str().unwrap()).unwrap().to_owned(), dependencies(package)))
        .collect()
}

/// Every package that ends up in a zone's normal build, itself left out.
fn tree(zone: &str) -> BTreeSet<String> {
    let package = format!("tonegate-{zone}");
    let listed = cargo(&["tree", "--package", &package, "--edges", "normal", "--prefix", "none", "--format", "{lib}"]);
    let names = listed.lines().map(|line| line.trim_end_matches(" (*)").trim().to_owned());
    names.filter(|name| !name.is_empty() && name != zone).collect()
}

#[test]
fn every_zone_sees_only_the_layers_below_it() {
    let zones = zones(&[None]);
    let known: BTreeSet<&str> = LAYERS.iter().map(|(zone, _)| *zone).collect();
    assert_eq!(zones.keys().map(String::as_str).collect::<BTreeSet<_>>(), known, "a zone has no place in a layer");
    for (zone, below) in LAYERS {
        for seen in &zones[*zone] {
            assert!(below.contains(&seen.as_str()), "{zone:?} must not depend on {seen:?}");
        }
    }
}

#[test]
fn transport_and_gate_do_not_see_each_other() {
    assert!(!tree("rtp").contains("gate"));
    assert!(!tree("gate").contains("rtp") && !tree("vault").contains("rtp"));
}

#[test]
fn nothing_but_its_own_binary_links_the_vault() {
    for (zone, seen) in zones(&[None, Some("dev"), Some("build")]) {
        assert!(!seen.contains("vault"), "{zone:?} must not depend on the vault");
    }
}

#[test]
fn no_shipped_program_looks_into_the_detectors() {
    let gate = |edges: &str| {
        let format = ["--prefix", "none", "--format", "{lib} {f}"];
        let listed = cargo(&[&["tree", "--package", "tonegate", "--edges", edges], &format[..]].concat());
        let features = listed.lines().find_map(|line| Some(line.strip_prefix("gate")?.to_owned()));
        features.expect("the gateway links the gate")
    };
    assert!(!gate("normal").contains("analysis"), "the gateway that is shipped can look into the detectors");
    assert!(gate("normal,dev").contains("analysis"), "the features were read wrongly");
}

#[test]
fn the_vault_links_nothing_that_could_carry_a_digit_away() {
    let linked = tree("vault");
    assert!(linked.contains("rustls"), "the tree was read wrongly: {linked:?}");
    for forbidden in FORBIDDEN_IN_VAULT {
        assert!(!linked.contains(*forbidden), "the vault must not link {forbidden}");
    }
}

#[test]
fn pure_zones_link_nothing_that_touches_the_world() {
    for zone in PURE {
        let linked = tree(zone);
        for worldly in WORLDLY {
            assert!(!linked.contains(*worldly), "{zone} must not link {worldly}");
        }
    }
}
