//! What is fuzzed of the conversation (`fuzz/README.md`).

use crate::grammar::{GrammarId, Understood};
use crate::hear::Words;

#[cfg(test)]
#[path = "../../fuzz/shared/replay.rs"]
mod replay;

/// What a recogniser says was said, held against every grammar.
pub fn hearing(bytes: &[u8]) {
    let Ok(transcript) = std::str::from_utf8(bytes) else { return };
    let words = Words::of(transcript);
    assert!(words.as_slice().len() <= 60 && words.as_slice().iter().all(|word| !word.contains(char::is_whitespace)));
    for grammar in GrammarId::ALL {
        let understood = grammar.parse(transcript);
        assert!(!words.as_slice().is_empty() || understood == Understood::Nothing, "silence means nothing");
    }
}

#[cfg(test)]
mod tests {
    super::replay::replay!(hearing);
}
