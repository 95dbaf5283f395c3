//! What a caller may say at any time that ends the conversation, by fixed phrases. A phrase can only make the
//! gateway more careful, so one that is found counts, whatever stands around it.

use serde::{Deserialize, Serialize};

use super::Words;

/// Something the caller said that ends the conversation. The order is the order in which they are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interruption {
    /// The caller speaks of harming themselves.
    Crisis,
    /// The caller wants no more calls.
    Cease,
    /// An attorney represents the caller.
    Attorney,
    /// There is a bankruptcy case.
    Bankruptcy,
    /// The debt comes from identity theft.
    IdentityTheft,
    /// The debt is disputed.
    Dispute,
    /// It was paid already.
    AlreadyPaid,
    /// The person has died.
    Deceased,
    /// The caller is a minor.
    Minor,
    /// The number is not that of the person.
    WrongNumber,
    /// The caller does not want to be recorded.
    RecordingRefused,
    /// The caller wants a person.
    Person,
    /// The caller needs another language.
    Language,
    /// The caller is in hardship.
    Hardship,
    /// The caller refuses to pay.
    Refusal,
    /// It is a bad time.
    BadTime,
}

impl Interruption {
    /// Every interruption, in the order in which they are looked for.
    pub const ALL: [Self; 16] = [
        Self::Crisis,
        Self::Cease,
        Self::Attorney,
        Self::Bankruptcy,
        Self::IdentityTheft,
        Self::Dispute,
        Self::AlreadyPaid,
        Self::Deceased,
        Self::Minor,
        Self::WrongNumber,
        Self::RecordingRefused,
        Self::Person,
        Self::Language,
        Self::Hardship,
        Self::Refusal,
        Self::BadTime,
    ];

    /// The phrases that say it: what a transcript is searched for.
    #[must_use]
    pub const fn phrases(self) -> &'static [&'static str] {
        ROWS[self as usize].phrases
    }

    /// Whole sentences that say it, for a grammar: long ones only, because a short one takes the place of an answer
    /// that was spoken unclearly.
    #[must_use]
    pub const fn sentences(self) -> &'static [&'static str] {
        ROWS[self as usize].sentences
    }
}

/// How one interruption is said.
struct Row {
    says: Interruption,
    phrases: &'static [&'static str],
    sentences: &'static [&'static str],
}

/// How each interruption is said, in the order of the type.
const ROWS: [Row; 16] = [
    Row {
        says: Interruption::Crisis,
        phrases: &["kill myself", "end my life", "hurt myself", "suicide", "do not want to live"],
        sentences: &["i want to kill myself"],
    },
    Row {
        says: Interruption::Cease,
        phrases: &[
            "stop calling me",
            "stop calling",
            "do not call me",
            "don't call me",
            "never call me",
            "stop contacting me",
            "leave me alone",
            "take me off your list",
            "remove my number",
            "cease and desist",
            "no more calls",
        ],
        sentences: &["stop calling me", "please stop calling me", "do not call me again", "take me off your list"],
    },
    Row {
        says: Interruption::Attorney,
        phrases: &["my attorney", "an attorney", "my lawyer", "a lawyer", "represented by"],
        sentences: &["talk to my attorney", "i have an attorney", "please talk to my lawyer"],
    },
    Row {
        says: Interruption::Bankruptcy,
        phrases: &[
            "bankruptcy",
            "bankrupt",
            "filed chapter seven",
            "filed chapter thirteen",
            "chapter seven",
            "chapter thirteen",
        ],
        sentences: &["i filed bankruptcy", "i filed for bankruptcy"],
    },
    Row {
        says: Interruption::IdentityTheft,
        phrases: &["identity theft", "stole my identity", "stolen identity", "it was fraud", "this is fraud"],
        sentences: &["this is identity theft", "someone stole my identity"],
    },
    Row {
        says: Interruption::Dispute,
        phrases: &[
            "i dispute",
            "dispute this",
            "dispute it",
            "dispute the debt",
            "not my debt",
            "do not owe",
            "don't owe",
            "not mine",
            "isn't mine",
            "never owed",
        ],
        sentences: &["i dispute this", "i dispute the debt", "this is not my debt"],
    },
    Row {
        says: Interruption::AlreadyPaid,
        phrases: &["already paid", "i paid it", "i paid this", "i paid that", "have paid", "was paid", "paid it off"],
        sentences: &["i already paid this", "i have already paid"],
    },
    Row {
        says: Interruption::Deceased,
        phrases: &["passed away", "deceased", "is dead", "has died", "he died", "she died"],
        sentences: &["he passed away", "she passed away"],
    },
    Row {
        says: Interruption::Minor,
        phrases: &["i am a minor", "under eighteen", "not eighteen", "i am a child", "only a kid", "not yet eighteen"],
        sentences: &["i am not yet eighteen years old"],
    },
    Row {
        says: Interruption::WrongNumber,
        phrases: &["wrong number", "nobody by that name", "no one by that name", "do not know that person"],
        sentences: &["wrong number", "you have the wrong number"],
    },
    Row {
        says: Interruption::RecordingRefused,
        phrases: &[
            "do not record",
            "don't record",
            "stop recording",
            "do not want to be recorded",
            "don't want to be recorded",
        ],
        sentences: &["do not record this call", "i do not want to be recorded"],
    },
    Row {
        says: Interruption::Person,
        phrases: &[
            "real person",
            "human",
            "human being",
            "representative",
            "operator",
            "talk to someone",
            "speak to someone",
            "talk to a person",
            "speak to a person",
            "speak with a person",
            "live agent",
            "an agent",
            "supervisor",
        ],
        sentences: &["real person", "can i speak to a person", "let me talk to a human being"],
    },
    Row {
        says: Interruption::Language,
        phrases: &[
            "speak spanish",
            "in spanish",
            "spanish",
            "no english",
            "do not speak english",
            "don't speak english",
        ],
        sentences: &["do you speak spanish"],
    },
    Row {
        says: Interruption::Hardship,
        phrases: &[
            "lost my job",
            "laid off",
            "unemployed",
            "no income",
            "hardship",
            "on disability",
            "in the hospital",
            "can not afford anything",
            "can't afford anything",
            "have no money",
        ],
        sentences: &["i lost my job"],
    },
    Row {
        says: Interruption::Refusal,
        phrases: &[
            "refuse to pay",
            "will not pay",
            "won't pay",
            "not going to pay",
            "not paying",
            "never pay",
            "not pay anything",
        ],
        sentences: &["i refuse to pay this"],
    },
    Row {
        says: Interruption::BadTime,
        phrases: &[
            "bad time",
            "not a good time",
            "i am busy",
            "i'm busy",
            "i am driving",
            "i'm driving",
            "at work",
            "call back later",
            "call me back",
            "call me later",
        ],
        sentences: &["this is a bad time", "please call me back later"],
    },
];

/// What asks to hear the last line again.
const REPEAT: [&str; 7] =
    ["repeat", "repeat that", "say that again", "say it again", "come again", "pardon", "what did you say"];

/// Whole sentences that ask for it, for a grammar.
pub(crate) const REPEAT_SENTENCES: [&str; 3] = ["say that again", "can you repeat that", "what did you say"];

/// The first interruption that an utterance holds.
#[must_use]
pub fn interruption(words: &Words) -> Option<Interruption> {
    if words.are("stop") || words.are("stop it") {
        return Some(Interruption::Cease);
    }
    ROWS.iter().find(|row| words.contain_any(row.phrases)).map(|row| row.says)
}

/// Whether an utterance asks to hear the last line again.
#[must_use]
pub fn asks_to_repeat(words: &Words) -> bool {
    words.contain_any(&REPEAT) || words.are("what") || words.are("sorry") || words.are("excuse me")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_its_place() {
        for (row, expected) in ROWS.iter().zip(Interruption::ALL) {
            assert_eq!((row.says, row.says as usize), (expected, expected as usize));
            assert!(!expected.phrases().is_empty() && !expected.sentences().is_empty(), "{expected:?}");
            assert_eq!(expected.phrases(), row.phrases);
        }
    }

    #[test]
    fn every_phrase_is_found_as_what_it_says() {
        for expected in Interruption::ALL {
            for phrase in expected.phrases().iter().chain(expected.sentences()) {
                assert_eq!(interruption(&Words::of(phrase)), Some(expected), "{phrase}");
            }
        }
    }

    #[test]
    fn inside_a_sentence_too() {
        let cases = [
            ("Please stop calling me, I'm at work.", Interruption::Cease),
            ("Stop.", Interruption::Cease),
            ("I've already paid that last month", Interruption::AlreadyPaid),
            ("you need to talk to my lawyer", Interruption::Attorney),
            ("I don't owe you anything", Interruption::Dispute),
            ("can I talk to a real person", Interruption::Person),
            ("no you have the wrong number", Interruption::WrongNumber),
        ];
        for (text, expected) in cases {
            assert_eq!(interruption(&Words::of(text)), Some(expected), "{text}");
        }
    }

    #[test]
    fn ordinary_answers_interrupt_nothing() {
        for text in [
            "yes",
            "no",
            "can I pay fifty a month",
            "I need more time",
            "I get paid on friday",
            "march third",
            "I can't afford that",
            "my number is four two",
            "four payments",
        ] {
            assert_eq!(interruption(&Words::of(text)), None, "{text}");
        }
    }
}
