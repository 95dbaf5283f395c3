//! The recogniser Whisper, in a worker. It hears free speech, so what it hears is held against the grammar afterwards.

use std::sync::Arc;

use dialogue::{GrammarId, Understood, hear::Words, redaction};
use zeroize::Zeroizing;

use super::{
    engine::{BoxFuture, Decoder, EngineFailure, RecognitionEngine, Utterance, little_endian},
    grammar::Grammar,
    worker::Worker,
};

/// The rate of the model.
const MODEL_HERTZ: u32 = 16_000;
/// Digits that are handed over although they are no answer.
const DIGITS_TO_JUDGE: usize = 3;
/// What is written in signs, in the words of the grammars.
const SIGNS: [(&str, &str); 2] = [("/month", " a month"), ("/week", " a week")];

/// Whisper, with its model loaded.
pub struct Whisper {
    pub(super) worker: Arc<Worker>,
}

impl RecognitionEngine for Whisper {
    fn prepare(&self, grammar: &Grammar) -> Result<Box<dyn Decoder>, EngineFailure> {
        if !self.worker.is_loaded() {
            return Err(EngineFailure::Start);
        }
        Ok(Box::new(Turn { worker: Arc::clone(&self.worker), grammar: grammar.id }))
    }
}

/// One utterance's turn with the worker.
struct Turn {
    worker: Arc<Worker>,
    grammar: GrammarId,
}

impl Decoder for Turn {
    fn decode(self: Box<Self>, utterance: Utterance) -> BoxFuture<'static, Result<Option<String>, EngineFailure>> {
        Box::pin(async move {
            let converted = tokio::task::spawn_blocking(move || {
                let wide = audio::resample_clip(utterance.hertz, MODEL_HERTZ, &utterance.samples).map(Zeroizing::new);
                wide.map(|wide| little_endian(wide.iter().copied()))
            });
            let sound = converted.await.ok().and_then(Result::ok).ok_or(EngineFailure::Protocol)?;
            let answer = self.worker.ask(sound).await?;
            let text = std::str::from_utf8(&answer.body).map_err(|_| EngineFailure::Protocol)?;
            Ok(fitting(self.grammar, text))
        })
    }
}

/// The words of a written text: lower case, without punctuation. `None` where they are no answer in the grammar, but for digits:
/// those are to be judged.
pub(super) fn fitting(grammar: GrammarId, text: &str) -> Option<String> {
    let text = SIGNS.iter().fold(text.to_lowercase(), |text, (sign, words)| text.replace(sign, words));
    let words = Words::of(&text).as_slice().join(" ");
    let is_answer = grammar.parse(&words) != Understood::Nothing;
    (is_answer || redaction::digits_said(&words) >= DIGITS_TO_JUDGE).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_becomes_words_of_the_grammar() {
        let cases = [
            (GrammarId::YesNo, "Yes, that is right.", "yes that is right"),
            (GrammarId::YesNo, "No. No.", "no no"),
            (GrammarId::PostalCode, "4.0219", "4 0219"),
            (GrammarId::LastFour, "It's 7-3-1-9.", "it is 7 3 1 9"),
            (GrammarId::DateOfBirth, "March 3rd, 1981.", "march 3rd 1981"),
            (GrammarId::DateOfBirth, "21 December 1975.", "21 december 1975"),
            (GrammarId::PayInFull, "Can I pay $50/month?", "can i pay 50 dollars a month"),
            (GrammarId::PlanTerms, "$1,250.", "1250 dollars"),
            (GrammarId::PlanTerms, "6 monthly payments.", "6 monthly payments"),
            (GrammarId::LastFour, "Stop calling me!", "stop calling me"),
            // No answers, but to be judged before they are dropped.
            (GrammarId::LastFour, "1, 2, 3, 4, 1, 2, 3, 4, 1", "1 2 3 4 1 2 3 4 1"),
            (GrammarId::YesNo, "4242-4242-4242-4242", "4242 4242 4242 4242"),
        ];
        for (grammar, written, words) in cases {
            let heard = fitting(grammar, written);
            assert_eq!(heard.as_deref(), Some(words), "{written}");
            assert_eq!(grammar.parse(words), grammar.parse(&written.replace("/month", " a month")), "{written}");
        }
    }

    #[test]
    fn what_fits_no_grammar_is_nothing() {
        let cases = [
            (GrammarId::YesNo, ""),
            (GrammarId::YesNo, "Thank you."),
            (GrammarId::DateOfBirth, "March 39th."),
            (GrammarId::PayInFull, "Rowan member."),
        ];
        for (grammar, written) in cases {
            assert_eq!(fitting(grammar, written), None, "{written}");
        }
    }
}
