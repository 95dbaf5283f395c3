//! Files that are to be sealed recordings, and such that somebody changed.

use std::io::Cursor;

use hpke::Kem as _;

use self::script::Script;
use super::Gaps;
use super::key::{Kem, PrivateKey};
use super::open::{End, Opened, open};
use super::seal::{CannotSeal, Sealer};

#[path = "../../../fuzz/shared/script.rs"]
mod script;

/// How content begins, so that it is no WAV file, whose lengths would be made right.
const START: &[u8] = b"OggS";

/// A script begins with what it is: a file, or the making of one.
pub(crate) fn read(bytes: &[u8]) {
    let key = PrivateKey(Kem::derive_keypair(&[7; 32]).0);
    let mut script = Script::new(bytes);
    if script.flag() {
        changed(&key, &mut script);
    } else {
        let _ = opened(&key, script.rest());
    }
}

/// A recording, and what became of it: what opens is a beginning of what was sealed, and has an end only where all of it is.
fn changed(key: &PrivateKey, script: &mut Script<'_>) {
    let (content, end, written) = sealed(key, script).expect("a few chunks");
    let mut file = written.clone();
    while let Some(step) = script.step() {
        let at = usize::from(script.word()) % file.len().max(1);
        match step % 4 {
            0 => file.truncate(at),
            1 => file.extend_from_slice(script.string()),
            2 => file.extend_from_within(at..file.len().min(at + 256)),
            _ => file.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= step),
        }
    }
    let found = opened(key, &file);
    if file == written {
        assert!(found.as_ref().is_some_and(|(report, _)| report.end == end), "as it was written");
    }
    if let Some((report, output)) = found {
        assert!(content.starts_with(&output), "what opens was sealed there");
        assert!(report.end != end || output == content, "with its end it is all there");
    }
}

/// What a few strings are, how they end, and what they are sealed.
fn sealed(key: &PrivateKey, script: &mut Script<'_>) -> Result<(Vec<u8>, End, Vec<u8>), CannotSeal> {
    let (mut sealer, mut file) = Sealer::new(&key.public(), "call")?;
    let mut content = Vec::new();
    for _ in 0..script.byte() % 8 {
        let mut chunk = [START, script.string()].concat();
        content.extend_from_slice(&chunk);
        let length = sealer.seal(&mut chunk)?;
        file.extend([&length[..], &chunk].concat());
    }
    let mut last = script.string().to_vec();
    content.extend_from_slice(&last);
    let gaps = Gaps { caller_ms: script.byte().into(), sent_ms: script.byte().into() };
    let length = sealer.seal_last(&mut last, gaps)?;
    file.extend([&length[..], &last].concat());
    Ok((content, if gaps.is_none() { End::Whole } else { End::Gaps(gaps) }, file))
}

/// What opens of a file, and what is said of it.
fn opened(key: &PrivateKey, mut file: &[u8]) -> Option<(Opened, Vec<u8>)> {
    let room = file.len() as u64;
    let mut output = Cursor::new(Vec::new());
    let report = open(&mut file, key, &mut output).ok()?;
    let output = output.into_inner();
    assert!(report.bytes == output.len() as u64 && report.bytes < room, "no more than is there");
    assert!(!matches!(report.end, End::Changed(at) if at > room), "a place in it");
    Some((report, output))
}
