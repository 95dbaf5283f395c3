//! What is fuzzed of the back ends (`fuzz/README.md`).

use std::time::{Duration, Instant};

use audio::Generation;
use uuid::Uuid;

use crate::audit::{Checkpoint, Note, believe, split};
use crate::bot::{Identity, Said, Stream};
use crate::control::Approval;

#[cfg(test)]
#[path = "../../fuzz/shared/replay.rs"]
mod replay;

/// What ends one message and begins the next: the record separator of ASCII.
const SEPARATOR: u8 = 0x1e;

/// What a bot says on its stream, and what happens between. Every message means something or is warned about, and a
/// stream's generations only grow.
pub fn bot_message(bytes: &[u8]) {
    let mut stream = Stream::new(Identity::new(Uuid::nil(), Uuid::nil()));
    let mut now = Instant::now();
    let mut newest = Generation(0);
    for record in bytes.split(|&byte| byte == SEPARATOR) {
        let Some((step, rest)) = record.split_first() else { continue };
        let said = match step {
            b'B' => {
                stream.handle_binary();
                None
            }
            b'H' => {
                newest = Generation(newest.0 + 1);
                stream.hush(now, newest);
                None
            }
            b'W' => {
                now += Duration::from_millis(rest.len() as u64 * 100);
                None
            }
            _ => std::str::from_utf8(rest).ok().and_then(|text| stream.handle_text(now, text)),
        };
        let warnings = std::iter::from_fn(|| stream.poll_warning()).count();
        assert!(warnings <= 2, "{warnings} warnings of one message");
        match said {
            Some(Said::Audio { generation, samples }) => {
                assert!(generation <= newest && samples.len() <= rest.len(), "no more samples than came");
            }
            Some(Said::Mark(name)) => {
                let echo: serde_json::Value = serde_json::from_str(&stream.mark(&name)).expect("JSON");
                assert!(echo["mark"]["name"] == name.as_str(), "the bot's own mark");
            }
            Some(Said::Clear(generation)) => {
                assert!(generation > Generation(0) && generation >= newest, "a clear begins anew");
                newest = generation;
            }
            None => {}
        }
    }
}

/// Files of checkpoints, and approvals. Every byte is in a note or in a cut end, nobody's signature is believed, and what reads as a
/// checkpoint or an approval is written as it was read.
pub fn signed_note(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (notes, is_cut) = split(&text);
    let whole: usize = notes.iter().map(|(_, note)| note.len()).sum();
    assert!(is_cut == (whole < text.len()), "{whole} of {} bytes", text.len());
    for (_, note) in notes {
        assert!(believe("fuzzed", note, &[]).is_err(), "nobody signed it");
        let Ok(note) = Note::parse(note) else { continue };
        let checkpoint = Checkpoint::parse(note.text).map(|checkpoint| checkpoint.text());
        let approval = Approval::parse(note.text).map(|approval| approval.text());
        assert!(checkpoint.iter().chain(&approval).all(|written| written == note.text), "written as it was read");
    }
}

/// What processors answer to the gateway.
pub fn processor_reading(bytes: &[u8]) {
    crate::processor::fuzzing::read(bytes);
}

/// The output of the programs that hear and speak.
pub fn speech_engine(bytes: &[u8]) {
    crate::speech::fuzzing::read(bytes);
}

/// Sealed recordings, as they were written and otherwise.
pub fn sealed_recording(bytes: &[u8]) {
    crate::recorder::fuzzing::read(bytes);
}

#[cfg(test)]
mod tests {
    super::replay::replay!(bot_message, processor_reading, sealed_recording, signed_note, speech_engine);
}
