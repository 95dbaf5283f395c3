//! What is fuzzed of the back ends (`fuzz/README.md`).

use std::time::{Duration, Instant};

use audio::Generation;
use uuid::Uuid;

use crate::bot::{Identity, Said, Stream};

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
    super::replay::replay!(bot_message, sealed_recording, speech_engine);
}
