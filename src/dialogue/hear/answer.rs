//! Yes and no, in the words people use.

use super::Words;

/// An answer to a yes-or-no question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum YesNo {
    /// Yes.
    Yes,
    /// No.
    No,
}

/// Ways to say yes that a recogniser should expect: those it does not take for a no.
pub(crate) const SPOKEN_YES: [&str; 14] = [
    "yes",
    "yeah",
    "yep",
    "yes please",
    "correct",
    "that is correct",
    "right",
    "that is right",
    "yes that is right",
    "okay",
    "sure",
    "that works",
    "yes that works",
    "sounds good",
];
/// Ways to say no that a recogniser should expect.
pub(crate) const SPOKEN_NO: [&str; 5] = ["no", "nope", "no thank you", "that is wrong", "no that is not right"];
/// What is surely a yes when nothing speaks against it.
const YES: [&str; 24] = [
    "yes",
    "yeah",
    "yep",
    "yup",
    "yes please",
    "sure",
    "okay",
    "ok",
    "correct",
    "that is correct",
    "right",
    "that is right",
    "of course",
    "absolutely",
    "i do",
    "i am",
    "i can",
    "i agree",
    "it is",
    "go ahead",
    "sounds good",
    "that works",
    "that is fine",
    "affirmative",
];
/// What is surely a no when nothing speaks against it.
const NO: [&str; 12] = [
    "no",
    "nope",
    "nah",
    "no thank you",
    "not now",
    "wrong",
    "incorrect",
    "that is wrong",
    "not right",
    "i can't",
    "i don't",
    "negative",
];
const STRONG_YES: [&str; 4] = ["yes", "yeah", "yep", "yup"];
const NEITHER: [&str; 9] =
    ["not sure", "do not know", "maybe", "perhaps", "why not", "no problem", "no idea", "i guess", "it depends"];
/// Answers to the question for the person that a recogniser should expect.
pub(crate) const NAME: [&str; 7] =
    ["speaking", "this is he", "this is she", "that is me", "yes speaking", "yes this is he", "yes this is she"];
/// What only the person says.
const SELF: [&str; 9] = [
    "speaking",
    "this is he",
    "this is she",
    "this is him",
    "this is her",
    "that is me",
    "this is me",
    "it is me",
    "i am he",
];
/// What only someone else says.
const OTHERS: [&str; 15] = [
    "wife",
    "husband",
    "spouse",
    "mother",
    "father",
    "mom",
    "dad",
    "son",
    "daughter",
    "brother",
    "sister",
    "roommate",
    "someone else",
    "somebody else",
    "wrong person",
];

/// Whether an utterance says yes or no; `None` where it says both, neither, or that the speaker does not know.
#[must_use]
pub fn yes_or_no(words: &Words) -> Option<YesNo> {
    if words.contain_any(&NEITHER) {
        return None;
    }
    let (strong_yes, is_negated) = (words.contain_any(&STRONG_YES), words.contain("not"));
    let (yes, no) = (words.contain_any(&YES), words.contain_any(&NO));
    match (yes, no || is_negated) {
        (true, false) => Some(YesNo::Yes),
        (false, true) => Some(YesNo::No),
        (true, true) if is_negated && !strong_yes => Some(YesNo::No),
        (true, true) | (false, false) => None,
    }
}

/// Whether the speaker is the person who was asked for.
#[must_use]
pub fn name_affirmed(words: &Words) -> Option<YesNo> {
    let (is_self, is_other) = (words.contain_any(&SELF), words.contain_any(&OTHERS));
    match (is_self, is_other, yes_or_no(words)) {
        (true, false, Some(YesNo::Yes) | None) if !words.contain("not") => Some(YesNo::Yes),
        (false, true, Some(YesNo::No) | None) => Some(YesNo::No),
        (true, _, _) | (_, true, _) => None,
        (false, false, answer) => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_in_many_words() {
        for text in ["yes", "Yeah, sure.", "that's right", "uh, correct", "okay go ahead", "I do", "yes that is fine"] {
            assert_eq!(yes_or_no(&Words::of(text)), Some(YesNo::Yes), "{text}");
        }
    }

    #[test]
    fn no_in_many_words() {
        for text in
            ["no", "Nope.", "that's not right", "I can't", "I don't agree", "no thank you", "it isn't", "I am not"]
        {
            assert_eq!(yes_or_no(&Words::of(text)), Some(YesNo::No), "{text}");
        }
    }

    #[test]
    fn both_or_neither_is_none() {
        for text in [
            "yes no",
            "no that's right",
            "I don't know",
            "maybe",
            "no problem",
            "",
            "purple",
            "yes I do not",
            "I'm not sure",
        ] {
            assert_eq!(yes_or_no(&Words::of(text)), None, "{text}");
        }
    }

    #[test]
    fn the_person_or_someone_else() {
        for text in ["yes", "speaking", "this is she", "yes this is he", "that's me"] {
            assert_eq!(name_affirmed(&Words::of(text)), Some(YesNo::Yes), "{text}");
        }
        for text in ["no", "this is his wife", "no I'm her mother", "that's not me", "he's not here"] {
            assert_eq!(name_affirmed(&Words::of(text)), Some(YesNo::No), "{text}");
        }
        for text in ["this is me his wife", "who is this", "yes I'm his wife"] {
            assert_eq!(name_affirmed(&Words::of(text)), None, "{text}");
        }
    }
}
