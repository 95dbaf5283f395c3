//! Numbers of cards that a caller says, taken out of what was recognised before anything else reads it.
//!
//! A card belongs into the keypad, where nobody hears it. Who says one all the same is understood too well: so whatever
//! makes words of speech hands them over here first, and goes on with [`Redacted::text`].
//!
//! - A *card number* is 13 to 19 digits with a right check digit, as figures or words, in groups, with fillers between, in one
//!   turn or in several that follow each other. It is taken out, its sound can be silenced ([`Redacted::silence`]), and it is to
//!   be reported (PCI DSS 12.10.7).
//! - What went out in earlier turns cannot be called back. So six digits in a row, in one turn or in turns without other
//!   words between, are taken out at once where they do not answer a question for digits: no more than five of a
//!   number's first digits ever go on, less than the six that PCI DSS 3.4.1 lets be shown. An answer that fits its question
//!   (a date, a postal code, a reference, an amount) has at most eight, and goes on as it is.
//! - For as long as a card number is fresh, three digits in a row are too many: a security code follows.
//!
//! It is a net, not a control: it can only take out what a recogniser has understood. The tests print how many of the ways to
//! say a number are found, and how many innocent sentences are hit.

mod said;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    fmt,
    ops::Range,
    time::{Duration, Instant},
};

use rules::account_data::{FEWEST_DIGITS, MOST_DIGITS, is_card_number, is_of_a_brand};
use zeroize::Zeroizing;

use self::said::{Said, said};
use crate::grammar::{GrammarId, Understood};

/// How long digits are remembered after the last ones: a turn of the agent's and one more of the caller's.
pub const REMEMBERED: Duration = Duration::from_secs(20);
/// Digits in a row that are taken out at once.
const TOO_MANY: usize = 6;
/// The same while a card number is fresh: a security code has three.
const TOO_MANY_AFTER: usize = 3;
/// Digits that an answer may have.
const MOST_IN_ANSWER: usize = crate::digits::MAX_DIGITS;
/// Digits of earlier turns that are remembered: one less than the longest number.
const MOST_REMEMBERED: usize = MOST_DIGITS - 1;
/// Remembered digits below which their sound is not kept back: they may as well be a count of something.
const FEWEST_KEPT_BACK: usize = 3;
/// What stands in the place of what was taken out. It is a word of no grammar.
pub const WITHHELD: &str = "[withheld]";

/// How many digits are said in a text.
#[must_use]
pub fn digits_said(text: &str) -> usize {
    said(text).runs.iter().map(|run| run.digits.len()).sum()
}

/// The most digits that are said in a row in a text.
#[cfg(any(test, fuzzing))]
pub(crate) fn longest_run(text: &str) -> usize {
    said(text).runs.iter().map(|run| run.digits.len()).max().unwrap_or(0)
}

/// What was found, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Finding {
    /// Digits that could become a number, or follow one.
    Digits,
    /// As many digits as a card number has, but the check digit is wrong: misheard, or something else.
    LongNumber,
    /// The number of a card.
    CardNumber,
}

impl Finding {
    /// The stable name: of a metric's label, an audit entry, a timeline entry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::LongNumber => "long_number",
            Self::CardNumber => "card_number",
        }
    }

    /// Whether the caller is to be told to use the keypad, and the sound is to be silenced.
    #[must_use]
    pub const fn is_number(self) -> bool {
        match self {
            Self::Digits => false,
            Self::LongNumber | Self::CardNumber => true,
        }
    }
}

/// What may go on of one turn.
#[derive(PartialEq, Eq)]
pub struct Redacted {
    /// The words, with [`WITHHELD`] for what was taken out.
    pub text: String,
    /// What was taken out, if anything; the worst of it.
    pub finding: Option<Finding>,
    /// Where the sound of it is, by the places that the turns were given with; from earlier turns too.
    pub silence: Vec<Range<u64>>,
}

impl fmt::Debug for Redacted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Redacted").field("finding", &self.finding).finish_non_exhaustive()
    }
}

/// Digits of one run, and what stands between them and those before.
struct Piece {
    digits: Zeroizing<Vec<u8>>,
    place: Range<u64>,
    /// Whether only fillers stand between it and the piece before.
    goes_on: bool,
    /// Whether it answered a question for digits.
    is_answer: bool,
}

/// How sure it is that pieces are parts of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Belonging {
    /// Nothing but fillers stands between them.
    Certain,
    /// Other words stand between them.
    Likely,
    /// Some of them answered a question for digits.
    Unlikely,
}

/// The redactor of one call. It remembers at most 18 digits, for [`REMEMBERED`], and wipes what it forgets.
#[derive(Default)]
pub struct Redactor {
    pieces: VecDeque<Piece>,
    /// Whether nothing but fillers was said since the last piece.
    is_open: bool,
    forgets_at: Option<Instant>,
    /// Until when a card number is fresh.
    wary_until: Option<Instant>,
}

/// What is found in one turn.
#[derive(Default)]
struct Verdict {
    finding: Option<Finding>,
    hidden: Vec<Range<usize>>,
    silence: Vec<Range<u64>>,
}

impl Verdict {
    fn add(&mut self, finding: Finding) {
        self.finding = self.finding.max(Some(finding));
    }
}

impl Redactor {
    /// A redactor that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what was recognised of one turn, in answer to `grammar`, and where its sound is. What was given is wiped.
    #[must_use]
    pub fn hear(&mut self, now: Instant, text: String, grammar: GrammarId, place: Range<u64>) -> Redacted {
        self.handle_timeout(now);
        let text = Zeroizing::new(text);
        let Said { runs, is_open_after } = said(&text);
        let is_answer = is_answer(grammar, &text);
        let mut verdict = Verdict::default();
        if runs.is_empty() {
            self.is_open &= is_open_after;
        }
        for (nth, run) in runs.iter().enumerate() {
            let goes_on = nth == 0 && self.is_open && run.is_open_before;
            let piece = Piece {
                digits: Zeroizing::new(run.digits.to_vec()),
                place: place.clone(),
                goes_on,
                is_answer: is_answer && run.digits.len() <= MOST_IN_ANSWER,
            };
            if self.judge(now, piece, &mut verdict) {
                verdict.hidden.push(run.place.clone());
            }
            self.is_open = is_open_after;
            self.forgets_at = Some(now + REMEMBERED);
        }
        if verdict.finding == Some(Finding::CardNumber) {
            // Pieces of it, and what was said beside it: the expiry, the security code.
            let beside = runs.iter().filter(|run| run.digits.len() >= 2).map(|run| run.place.clone());
            verdict.hidden.extend(beside);
        }
        let text = hide(&text, &mut verdict.hidden);
        Redacted { text, finding: verdict.finding, silence: verdict.silence }
    }

    /// From where on sound must be kept back, because it may turn out to be part of a number; none where there is no such.
    #[must_use]
    pub fn kept_back_from(&self) -> Option<u64> {
        let unanswered = || self.pieces.iter().filter(|piece| !piece.is_answer);
        let digits: usize = unanswered().map(|piece| piece.digits.len()).sum();
        if digits < FEWEST_KEPT_BACK { None } else { unanswered().map(|piece| piece.place.start).min() }
    }

    /// When [`Redactor::handle_timeout`] is due, if ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.forgets_at
    }

    /// Forgets what is older than [`REMEMBERED`].
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.forgets_at.is_some_and(|due| due <= now) {
            self.forget();
        }
        self.wary_until = self.wary_until.filter(|until| now < *until);
    }

    /// Forgets all digits, and wipes them.
    pub fn forget(&mut self) {
        self.pieces = VecDeque::new();
        self.is_open = false;
        self.forgets_at = None;
    }

    /// Whether the piece is to be taken out. It is remembered, unless it completes a number.
    fn judge(&mut self, now: Instant, piece: Piece, verdict: &mut Verdict) -> bool {
        if let Some(first) = self.card_begins(&piece) {
            verdict.add(Finding::CardNumber);
            verdict.silence.extend(self.pieces.range(first..).map(|earlier| earlier.place.clone()));
            verdict.silence.push(piece.place);
            self.wary_until = Some(now + REMEMBERED);
            self.forget();
            return true;
        }
        let first = self.pieces.len() - if piece.goes_on { self.row() } else { 0 };
        let earlier = || self.pieces.range(first..);
        let row = piece.digits.len() + earlier().map(|earlier| earlier.digits.len()).sum::<usize>();
        let too_many = if self.wary_until.is_some() { TOO_MANY_AFTER } else { TOO_MANY };
        let is_hidden = !piece.is_answer && row >= too_many;
        if is_hidden && row >= FEWEST_DIGITS {
            verdict.add(Finding::LongNumber);
            verdict.silence.extend(earlier().map(|earlier| earlier.place.clone()));
            verdict.silence.push(piece.place.clone());
        } else if is_hidden {
            verdict.add(Finding::Digits);
            if self.wary_until.is_some() {
                verdict.silence.push(piece.place.clone());
            }
        }
        self.remember(piece);
        is_hidden
    }

    /// With which piece a card number begins that ends in `last`, counted from the oldest; the count of all where it begins
    /// in `last` itself.
    fn card_begins(&self, last: &Piece) -> Option<usize> {
        let count = self.pieces.len();
        (0..=count).rev().find(|first| {
            let parts = || self.pieces.range(*first..).chain([last]);
            let digits: Zeroizing<Vec<u8>> =
                Zeroizing::new(parts().flat_map(|part| part.digits.iter().copied()).collect());
            let has_answer = parts().any(|part| part.is_answer);
            let belonging = match (has_answer, parts().skip(1).all(|part| part.goes_on)) {
                (true, _) => Belonging::Unlikely,
                (false, true) => Belonging::Certain,
                (false, false) => Belonging::Likely,
            };
            holds_card(&digits, digits.len() - last.digits.len(), belonging)
        })
    }

    /// How many of the last pieces are in a row, but for answers.
    fn row(&self) -> usize {
        let mut row = 0;
        for piece in self.pieces.iter().rev().take_while(|piece| !piece.is_answer) {
            row += 1;
            if !piece.goes_on {
                break;
            }
        }
        row
    }

    fn remember(&mut self, mut piece: Piece) {
        let surplus = piece.digits.len().saturating_sub(MOST_REMEMBERED);
        if surplus > 0 {
            piece.digits = Zeroizing::new(piece.digits[surplus..].to_vec());
        }
        self.pieces.push_back(piece);
        while self.pieces.iter().map(|piece| piece.digits.len()).sum::<usize>() > MOST_REMEMBERED {
            self.pieces.pop_front();
        }
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Redactor(..)")
    }
}

/// Whether a card number stands in `digits` and reaches into those from `from` on. All of them need a right check digit alone,
/// where they certainly belong together. Else they must also look like the number of a large network, which may be a part of
/// them at their beginning or end; but all of them where some answered a question.
fn holds_card(digits: &[u8], from: usize, belonging: Belonging) -> bool {
    let count = digits.len();
    if count < FEWEST_DIGITS {
        return false;
    }
    if belonging == Belonging::Certain && is_card_number(digits) {
        return true;
    }
    // Inside one run it may begin anywhere; of several it begins with the first.
    let mut begins = if from == 0 { 0..=count - FEWEST_DIGITS } else { 0..=0 };
    begins.any(|begin| {
        let mut ends = begin + FEWEST_DIGITS..=(begin + MOST_DIGITS).min(count);
        ends.any(|end| {
            let (is_first, is_last) = (begin == 0, end == count);
            let fits = if belonging == Belonging::Unlikely { is_first && is_last } else { is_first || is_last };
            let window = &digits[begin..end];
            fits && end > from && is_of_a_brand(window) && is_card_number(window)
        })
    })
}

/// Whether words are an answer with digits, where one was asked for.
fn is_answer(grammar: GrammarId, text: &str) -> bool {
    match grammar.parse(text) {
        Understood::Digits(_) | Understood::Date(_) | Understood::Terms(_) => true,
        Understood::Yes | Understood::No | Understood::Interruption(_) | Understood::Repeat | Understood::Nothing => {
            false
        }
    }
}

/// The text with something else in the given places.
fn hide(text: &str, places: &mut Vec<Range<usize>>) -> String {
    places.sort_by_key(|place| place.start);
    places.dedup();
    let (mut hidden, mut copied) = (String::with_capacity(text.len()), 0);
    for place in places {
        hidden.push_str(&text[copied..place.start]);
        hidden.push_str(WITHHELD);
        copied = place.end;
    }
    hidden.push_str(&text[copied..]);
    hidden
}
