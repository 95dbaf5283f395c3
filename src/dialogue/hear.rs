//! What a caller's words mean: answers, digits, dates, terms and interruptions.
//!
//! Each reader takes the words of one utterance and answers `None` rather than guess. Words that carry nothing are
//! skipped; words that are not known end what they interrupt.

mod answer;
mod date;
mod digits;
mod interruption;
mod number;
mod terms;
mod words;

pub use self::answer::{YesNo, name_affirmed, yes_or_no};
pub use self::date::{keyed_date, spoken_date};
pub use self::digits::spoken_digits;
pub use self::interruption::{Interruption, asks_to_repeat, interruption};
pub use self::terms::{Amount, Terms, spoken_terms};
pub use self::words::Words;
pub(crate) use self::{
    answer::{NAME, SPOKEN_NO, SPOKEN_YES},
    interruption::REPEAT_SENTENCES,
    terms::{SPOKEN_FULL, SPOKEN_MORE_TIME},
};
