//! What the programs that hear and speak may answer.

use dialogue::{GrammarId, Understood, redaction};
use futures_util::FutureExt;

use super::{pocketsphinx, wave, whisper, worker};

/// Most bytes of an answer.
const MOST: usize = 4_096;

/// One program's output, taken for a sound, for a line of words and for the messages of a worker.
pub(crate) fn read(bytes: &[u8]) {
    if let Some(sound) = wave::read(bytes) {
        assert!(sound.hertz > 0 && 2 * sound.samples.len() <= bytes.len(), "no more samples than came");
    }
    let mut output = bytes;
    // A slice never keeps anyone waiting.
    while let Some(Ok(answer)) = worker::read_answer(&mut output, MOST).now_or_never() {
        assert!(answer.body.len() <= MOST);
        written(&answer.body);
    }
    written(bytes);
}

fn written(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some((words, _)) = pocketsphinx::parse(text) {
        assert!(text.contains(words));
    }
    for grammar in GrammarId::ALL {
        if let Some(words) = whisper::fitting(grammar, text) {
            let is_to_be_judged = redaction::digits_said(&words) > 2;
            assert!(is_to_be_judged || grammar.parse(&words) != Understood::Nothing, "what fits means something");
        }
    }
}
