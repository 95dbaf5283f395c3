//! What a control is held against, as text that two operators can read and sign.

use std::path::Path;

use backends::{
    audit::{Signer, Verifier, sha256, to_hex},
    control::Control,
};

use crate::config::{Config, Trunk};

/// The keys of `[capture]` that say nothing of where a card goes.
const HARMLESS: &[&str] =
    &["capture.enabled", "capture.brands", "capture.postal", "capture.bank_accounts", "capture.canary"];
/// The keys that name the authority of the processor's or the carrier's certificate, of which the content counts.
const AUTHORITIES: &[&str] = &[SANDBOX_AUTHORITY, "carrier.ca"];
/// The key of the sandbox's authority, among others.
const SANDBOX_AUTHORITY: &str = "processor.ca";
/// What stands where nothing is written.
const DEFAULTS: &str = "defaults";
/// Where no line is attested to be private, which needs nobody's approval.
const NO_LINES: &str = "none";
/// Between operators.
const BETWEEN: &str = ", ";

/// The measure of a control in a configuration. Only what is written counts, so that a new key changes no measure.
pub(super) fn of(config: &Config, control: Control) -> String {
    match control {
        Control::LogLevel => "info".to_owned(),
        Control::Processor => processor(config),
        Control::Operators => {
            let mut operators = config.control.operators.clone();
            operators.sort();
            or_defaults(operators.join(BETWEEN))
        }
        Control::Audit => audit(config),
        Control::Lines => lines(config),
    }
}

/// Whether a measure weakens nothing, whatever was accepted before.
pub(super) fn is_strictest(control: Control, measure: &str) -> bool {
    control == Control::Lines && measure == NO_LINES
}

/// The operators of an accepted measure.
pub(super) fn operators(measure: &str) -> Vec<Verifier> {
    measure.split(BETWEEN).filter_map(|text| text.parse().ok()).collect()
}

fn processor(config: &Config) -> String {
    let is_wanted = |key: &str| {
        ["capture.", "processor.", "carrier."].iter().any(|section| key.starts_with(section))
            && !HARMLESS.contains(&key)
    };
    let written = config.written.described(is_wanted);
    // The sandbox's is made by the gateway itself, at its first start.
    let is_made_here = |key: &str| key == SANDBOX_AUTHORITY && config.processor.is_sandbox();
    let files = AUTHORITIES.iter().filter(|key| !is_made_here(key)).filter_map(|key| config.written.value(key));
    let digests = files.map(|file| format!("authority sha256 = {}", digest(Path::new(file))));
    let parts: Vec<String> = Some(written).filter(|text| !text.is_empty()).into_iter().chain(digests).collect();
    or_defaults(parts.join("; "))
}

fn audit(config: &Config) -> String {
    let counts = ["audit.node", "audit.checkpoints", "audit.ship_to", "audit.ship_ca"];
    let written = config.written.described(|key| counts.contains(&key));
    let key = Signer::read(&config.audit_key()).map_or_else(|_| "none".to_owned(), |key| key.verifier().to_string());
    let parts: Vec<String> = Some(written).filter(|text| !text.is_empty()).into_iter().collect();
    parts.into_iter().chain([format!("key = {key}")]).collect::<Vec<_>>().join("; ")
}

fn lines(config: &Config) -> String {
    // Of whoever may send on it, too: the words are about those.
    let attested = |trunk: &Trunk| {
        let text = trunk.private_line.as_ref()?;
        let mut peers: Vec<String> = trunk.peers.iter().map(|peer| peer.range().to_string()).collect();
        peers.sort();
        Some(format!("{} from {}: {text}", trunk.name, peers.join(BETWEEN)))
    };
    let mut lines: Vec<String> = config.trunk.iter().filter_map(attested).collect();
    lines.sort();
    if lines.is_empty() { NO_LINES.to_owned() } else { lines.join("; ") }
}

fn digest(file: &Path) -> String {
    std::fs::read(file).map_or_else(|_| "unreadable".to_owned(), |bytes| to_hex(&sha256(&bytes)))
}

fn or_defaults(text: String) -> String {
    if text.is_empty() { DEFAULTS.to_owned() } else { text }
}
