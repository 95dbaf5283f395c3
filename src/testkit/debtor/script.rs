//! What a debtor answers to each prompt, and what must have been heard in the end. Pure: told what was heard.

use std::time::Duration;

use dialogue::{Digits, Phrase, spoken};
use ring::digest::{SHA256, digest};

use super::Person;
use crate::matcher::{PromptBegun, PromptHeard};

/// What must be heard, in this order; of each group at least one.
const STEPS: [&[&str]; 15] = [
    &["opening"],
    &["ai_notice"],
    &["recording_notice"],
    &["ask_name", "ask_name_again", "ask_name_keypad"],
    &["mini_miranda"],
    &["balance"],
    &["offer_as_asked", "offer_closest"],
    &["read_back_plan"],
    &["plan_saved"],
    &["card_introduction"],
    &["card_number"],
    &["card_expiry"],
    &["card_code"],
    &["payment_approved"],
    &["goodbye"],
];
/// What must be heard whole.
const WHOLE: [&str; 5] = ["opening", "ai_notice", "recording_notice", "mini_miranda", "read_back_plan"];
/// The least share of a prompt that counts as whole: packets may be lost.
const WHOLE_SHARE: f64 = 0.95;
/// Prompts after which there is nothing to be had any more.
const DEAD_ENDS: [&str; 14] = [
    "apology",
    "not_found",
    "not_the_person",
    "not_understood",
    "not_verified",
    "nothing_heard",
    "payment_declined",
    "payment_failed",
    "payment_unknown",
    "person_needed",
    "plan_not_saved",
    "refer_to_person",
    "summary_nothing",
    "card_cancelled",
];
/// Entries of one card field before a debtor gives up.
const MOST_ENTRIES: u8 = 2;

/// Prompts for a card's fields, which are keyed as soon as they are recognised.
const FIELDS: [&str; 4] = ["card_number", "card_expiry", "card_code", "card_postal"];
/// Questions whose answer is keyed as soon as they are recognised, where they are asked again.
const FACTS: [&str; 4] = ["ask_reference", "ask_date_of_birth", "ask_postal_code", "ask_last_four"];
/// The question that is answered before it is asked to its end.
const INTERRUPTED: &str = "ask_pay_first_now";
/// The beginnings of one prompt, found twice, are less than this apart.
const SAME_BEGINNING: Duration = Duration::from_millis(300);

/// What a debtor does after a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Goes on listening.
    Nothing,
    /// Says this.
    Say(String),
    /// Says this so that nobody understands it.
    Mumble(String),
    /// Presses keys.
    Press {
        /// The keys.
        keys: String,
        /// What they are.
        purpose: &'static str,
    },
    /// Gives up.
    Reject,
}

/// A step that was not heard, or not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// It did not come where it belongs.
    #[error("never heard {0} where it belongs")]
    Step(String),
    /// It was not heard whole.
    #[error("heard only {percent} % of {name}")]
    Part {
        /// The prompt.
        name: String,
        /// How much of it.
        percent: u8,
    },
    /// The mumbled answer was not asked for again.
    #[error("the mumbled answer was never asked for again")]
    Repetition,
}

/// A verified fact that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fact {
    Reference,
    DateOfBirth,
    PostalCode,
    LastFour,
}

/// How a question is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    First,
    Again,
    Keypad,
}

/// A debtor's side of the conversation.
pub struct Script {
    person: Person,
    seed: u64,
    heard: Vec<PromptHeard>,
    facts_asked: u64,
    mumbled: Option<usize>,
    expected: Option<String>,
    agrees: bool,
    has_countered: bool,
    entries: u8,
    ahead: Option<PromptBegun>,
}

impl Script {
    /// The script of a person; the seed chooses the wording, and which answer is mumbled.
    #[must_use]
    pub fn new(person: Person, seed: u64) -> Self {
        Self {
            person,
            seed,
            heard: Vec::new(),
            facts_asked: 0,
            mumbled: None,
            expected: None,
            agrees: true,
            has_countered: false,
            entries: 0,
            ahead: None,
        }
    }

    /// Whether the goodbye was heard.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.heard.iter().any(|heard| heard.name == "goodbye")
    }

    /// What to do while a prompt still plays: who knows what comes next keys it at once, and cuts in where the answer is
    /// plain.
    pub fn recognise(&mut self, begun: &PromptBegun) -> Reply {
        let (question, attempt) = question(&begun.name);
        let is_field = FIELDS.contains(&question);
        let is_fact = attempt != Attempt::First && FACTS.contains(&question);
        if !is_field && !is_fact && begun.name != INTERRUPTED {
            return Reply::Nothing;
        }
        self.ahead = Some(begun.clone());
        self.reply(&begun.name, None)
    }

    /// What to do after a prompt.
    pub fn hear(&mut self, heard: &PromptHeard) -> Reply {
        self.heard.push(heard.clone());
        let is_same = |ahead: &PromptBegun| {
            ahead.name == heard.name && ahead.started_at.abs_diff(heard.started_at) < SAME_BEGINNING
        };
        if self.ahead.take_if(|ahead| is_same(ahead)).is_some() {
            return Reply::Nothing;
        }
        self.reply(&heard.name, Some(&heard.text_hash))
    }

    fn reply(&mut self, name: &str, text_hash: Option<&String>) -> Reply {
        if DEAD_ENDS.contains(&name) || name.starts_with("noted_") {
            return Reply::Reject;
        }
        if let Some(field) = name.strip_prefix("card_") {
            return self.card(field);
        }
        let (question, attempt) = question(name);
        match question {
            "read_back_date" | "read_back_digits" => {
                self.agrees = text_hash.is_some() && self.expected.as_ref() == text_hash;
                Reply::Nothing
            }
            "ask_reference" => self.tell(Fact::Reference, attempt),
            "ask_date_of_birth" => self.tell(Fact::DateOfBirth, attempt),
            "ask_postal_code" => self.tell(Fact::PostalCode, attempt),
            "ask_last_four" => self.tell(Fact::LastFour, attempt),
            "ask_is_that_right" if !self.agrees => answer(attempt, "no", "2"),
            "ask_pay_in_full" => answer(attempt, self.one_of(&["i need more time", "no i need more time"]), "2"),
            "ask_plan_terms" => answer(attempt, "fifty dollars a month", "50#"),
            "ask_accept_plan" => self.accept(attempt),
            "ask_name" => answer(attempt, self.one_of(&["yes", "speaking", "yes this is he"]), "1"),
            "ask_is_that_right" | "ask_agree_to_plan" | "ask_pay_first_now" => {
                answer(attempt, self.one_of(&["yes", "yeah", "that's right", "yes please"]), "1")
            }
            _ => Reply::Nothing,
        }
    }

    /// Whether every step was heard.
    ///
    /// # Errors
    /// With the first that was not.
    pub fn check(&self) -> Result<(), Missing> {
        let mut rest = self.heard.iter();
        for step in STEPS {
            let found = rest.find(|heard| step.contains(&heard.name.as_str()));
            let heard = found.ok_or_else(|| Missing::Step(step.join(" or ")))?;
            if WHOLE.contains(&heard.name.as_str()) && heard.complete < WHOLE_SHARE {
                let percent = (heard.complete * 100.0) as u8;
                return Err(Missing::Part { name: heard.name.clone(), percent });
            }
        }
        let mumbled = self.mumbled.ok_or(Missing::Repetition)?;
        let is_repeated =
            |heard: &PromptHeard| question(&heard.name).1 != Attempt::First || heard.name == "ask_is_that_right";
        if self.heard[mumbled + 1..].iter().any(is_repeated) { Ok(()) } else { Err(Missing::Repetition) }
    }

    /// Tells a fact. Once, it comes out as a mumble; whatever has to be told again is keyed.
    fn tell(&mut self, fact: Fact, attempt: Attempt) -> Reply {
        let (words, keys, expected) = self.fact(fact);
        if attempt != Attempt::First {
            return Reply::Press { keys, purpose: purpose(fact) };
        }
        self.facts_asked += 1;
        self.expected = expected.map(|phrase| sha256(&phrase.text()));
        if self.mumbled.is_none() && self.facts_asked > self.seed % 2 {
            self.mumbled = Some(self.heard.len() - 1);
            return Reply::Mumble(words);
        }
        Reply::Say(words)
    }

    /// A fact in words, as keys, and as it would be read back.
    fn fact(&self, fact: Fact) -> (String, String, Option<Phrase>) {
        let digits = match fact {
            Fact::DateOfBirth => {
                let born = self.person.born;
                let keys = format!("{:02}{:02}{:04}", born.month(), born.day(), born.year());
                return (spoken::date(born).to_lowercase(), keys, Some(Phrase::ReadBackDate(born)));
            }
            Fact::Reference => self.person.reference.clone(),
            Fact::PostalCode => self.person.postal_code.clone(),
            Fact::LastFour => {
                self.person.reference.chars().skip(self.person.reference.len().saturating_sub(4)).collect()
            }
        };
        let read_back = Digits::parse(&digits).map(Phrase::ReadBackDigits);
        // Digits are said one by one, not in the groups in which they are read back.
        let words: Vec<String> = digits.chars().map(|digit| spoken::digits(&digit.to_string())).collect();
        (words.join(" "), if fact == Fact::Reference { format!("{digits}#") } else { digits }, read_back)
    }

    /// Accepts what is offered; some people first ask for something else.
    fn accept(&mut self, attempt: Attempt) -> Reply {
        if self.seed.is_multiple_of(4) && !self.has_countered && attempt == Attempt::First {
            self.has_countered = true;
            return Reply::Say(
                self.one_of(&["can i pay fifty dollars a month", "how about forty dollars a month"]).to_owned(),
            );
        }
        answer(attempt, self.one_of(&["yes", "yes please", "okay"]), "1")
    }

    fn card(&mut self, field: &str) -> Reply {
        let (name, reason) = field.split_once('_').unwrap_or((field, ""));
        self.entries = if reason.is_empty() { 1 } else { self.entries + 1 };
        if self.entries > MOST_ENTRIES {
            return Reply::Reject;
        }
        let card = &self.person.card;
        let (keys, purpose) = match name {
            "number" => (format!("{}#", card.number), "card number"),
            "expiry" => (card.expiry.to_owned(), "expiry date"),
            "code" => (format!("{}#", card.code), "security code"),
            "postal" => (self.person.postal_code.clone(), "postal code of the card"),
            _ => return Reply::Nothing,
        };
        Reply::Press { keys, purpose }
    }

    fn one_of<'a>(&self, wordings: &[&'a str]) -> &'a str {
        // Differs from question to question, and is the same for the same seed.
        let choice = (self.seed as usize).wrapping_add(self.heard.len());
        wordings[choice % wordings.len()]
    }
}

/// A question's name, and how it is put.
fn question(name: &str) -> (&str, Attempt) {
    match (name.strip_suffix("_again"), name.strip_suffix("_keypad")) {
        (Some(question), _) if question.starts_with("ask_") && question != "ask_try_card" => (question, Attempt::Again),
        (_, Some(question)) => (question, Attempt::Keypad),
        _ => (name, Attempt::First),
    }
}

/// An answer by voice, or by key where the question asks for one.
fn answer(attempt: Attempt, words: &str, keys: &str) -> Reply {
    match attempt {
        Attempt::First | Attempt::Again => Reply::Say(words.to_owned()),
        Attempt::Keypad => Reply::Press { keys: keys.to_owned(), purpose: "answer" },
    }
}

fn purpose(fact: Fact) -> &'static str {
    match fact {
        Fact::Reference => "reference",
        Fact::DateOfBirth => "date of birth",
        Fact::PostalCode => "postal code",
        Fact::LastFour => "last four digits",
    }
}

fn sha256(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
