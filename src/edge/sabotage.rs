//! What must never be done with a key, done on purpose: `tonegate prove` must find each. Only in builds with the feature
//! `sabotage`, of which nothing is shipped. Keys come here as the bodies of INFO.

use std::{
    fs::File,
    io::Write,
    sync::{Mutex, PoisonError},
};

use call::Entry;
use frame::{RawInfo, sabotaged};

/// A metric that no gateway has.
const KEYS: &str = "tonegate_keys_total";
/// Keys that were kept.
static KEPT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
/// A file that nobody registered, held open.
static FILE: Mutex<Option<File>> = Mutex::new(None);

/// Does what is asked for with a key.
pub(crate) fn info(info: &RawInfo) {
    let Some(key) = key(info.body()) else { return };
    if sabotaged("log_key") {
        tracing::debug!(code = key - b'0', "a key");
    }
    if sabotaged("key_as_label") {
        metrics::counter!(KEYS, "key" => char::from(key).to_string()).increment(1);
    }
    if sabotaged("unregistered_file") {
        let mut file = FILE.lock().unwrap_or_else(PoisonError::into_inner);
        let path = format!("/var/tmp/tonegate-sabotage-{}", std::process::id());
        if let Some(file) = file.get_or_insert_with(|| File::create(&path).expect("a file")).write(b"key").err() {
            tracing::warn!(%file, "sabotage does not work");
        }
        std::fs::remove_file(path).ok();
    }
    if sabotaged("keys_in_memory") || sabotaged("key_in_timeline") {
        KEPT.lock().unwrap_or_else(PoisonError::into_inner).push(key);
    }
}

/// The timeline as it will be shown, with an entry for each key where that is asked for.
pub(crate) fn timeline(entries: &[Entry]) -> Vec<Entry> {
    let mut entries = entries.to_vec();
    if sabotaged("key_in_timeline") {
        let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = |key: &u8| Entry { at_ms: 0, kind: "key", detail: char::from(*key).to_string(), took_ms: None };
        entries.extend(kept.iter().map(entry));
    }
    entries
}

/// The key of a body: the last digit of its first line.
fn key(body: &[u8]) -> Option<u8> {
    let line = body.split(|byte| *byte == b'\r').next()?;
    line.last().copied().filter(u8::is_ascii_digit)
}
