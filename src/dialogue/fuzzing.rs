//! What is fuzzed of the conversation (`fuzz/README.md`).

use self::script::beginning;
use crate::grammar::{GrammarId, Understood};
use crate::hear::Words;
use crate::redaction::{Redactor, longest_run};

#[cfg(test)]
#[path = "../../fuzz/shared/replay.rs"]
mod replay;
#[path = "../../fuzz/shared/script.rs"]
mod script;

/// What a recogniser says was said, held against every grammar.
pub fn hearing(bytes: &[u8]) {
    let Ok(transcript) = std::str::from_utf8(bytes) else { return };
    let words = Words::of(transcript);
    assert!(words.as_slice().len() <= 60 && words.as_slice().iter().all(|word| !word.contains(char::is_whitespace)));
    for grammar in GrammarId::ALL {
        let understood = grammar.parse(transcript);
        assert!(!words.as_slice().is_empty() || understood == Understood::Nothing, "silence means nothing");
    }
    redaction(transcript);
}

/// Each line a turn: whatever was taken out is told, and no long number is left.
fn redaction(transcript: &str) {
    let (mut redactor, now) = (Redactor::new(), beginning());
    for turn in transcript.lines() {
        let heard = redactor.hear(now, turn.to_owned(), GrammarId::YesNo, 0..1);
        assert_eq!(heard.finding.is_some(), heard.text != turn, "what is taken out is told");
        assert!(longest_run(&heard.text) < 6, "no row of digits is left");
    }
}

#[cfg(test)]
mod tests {
    super::replay::replay!(hearing);
}
