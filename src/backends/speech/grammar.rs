//! What an utterance may hold, and how long one waits for its end.

use std::time::Duration;

use dialogue::GrammarId;

/// Silence that ends a short answer.
const SHORT_PAUSE: Duration = Duration::from_millis(500);
/// Silence that ends an answer of several words, between which people think.
const LONG_PAUSE: Duration = Duration::from_millis(700);
/// The longest answer.
const LONGEST: Duration = Duration::from_secs(12);
/// Below these scores, words were forced onto something else: measured on synthetic telephone speech, where answers of
/// the grammar score -25 to -50, and speech played backwards or for another grammar -55 to -80. Short words score too
/// unevenly to be judged so.
const FLOOR_DIGITS: f64 = -52.0;
const FLOOR_AMOUNTS: f64 = -56.0;
/// Below this score, other speech was forced onto the digits of a long number. Of 60 numbers by four synthetic voices over
/// telephone speech 59 score higher, said one by one -25 to -40 and in pairs -23 to -33; of 64 long sentences that are in no
/// grammar three do.
const FLOOR_NUMBER: f64 = -37.5;

/// A grammar with its rules for the end of an utterance.
#[derive(Clone, Debug, PartialEq)]
pub struct Grammar {
    /// Whose grammar it is.
    pub id: GrammarId,
    /// The stable name; also the name of its files.
    pub name: &'static str,
    /// The grammar in the JSpeech Grammar Format, with one public rule.
    pub jsgf: String,
    /// Every word of the grammar.
    pub words: Vec<String>,
    /// Silence of this length ends an utterance.
    pub pause: Duration,
    /// An utterance is cut at this length.
    pub longest: Duration,
    /// The least mean score of 10 ms of audio for which words are believed, in units of the engine's log likelihood.
    pub floor: Option<f64>,
    /// The same for a number that the grammar expects only because somebody may say it unasked.
    pub number_floor: Option<f64>,
}

impl Grammar {
    /// The grammar with a run of digits as one more answer, for what was spoken so long that it may be one. Nobody asks for
    /// that; it is heard so that it can be taken out.
    #[must_use]
    pub fn or_number(id: GrammarId) -> Self {
        let (jsgf, name) = (id.jsgf_or_number(), id.name_or_number());
        Self { name, words: GrammarId::words_of(&jsgf), jsgf, number_floor: Some(FLOOR_NUMBER), ..Self::from(id) }
    }
}

impl From<GrammarId> for Grammar {
    fn from(id: GrammarId) -> Self {
        let (pause, floor) = match id {
            GrammarId::YesNo | GrammarId::Name => (SHORT_PAUSE, None),
            GrammarId::PayInFull | GrammarId::AcceptPlan => (LONG_PAUSE, None),
            GrammarId::PlanTerms => (LONG_PAUSE, Some(FLOOR_AMOUNTS)),
            GrammarId::DateOfBirth | GrammarId::Reference | GrammarId::PostalCode | GrammarId::LastFour => {
                (LONG_PAUSE, Some(FLOOR_DIGITS))
            }
        };
        Self {
            id,
            name: id.name(),
            jsgf: id.jsgf(),
            words: id.words(),
            pause,
            longest: LONGEST,
            floor,
            number_floor: None,
        }
    }
}
