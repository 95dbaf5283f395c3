//! What the caller keys, from the first prompt to a complete card: fields, keys, retries and timers. Told the time.
//!
//! `#` ends a field, `*` clears it, `**` cancels. A field whose length is known ends by itself, and a `#` right after
//! that is taken for the same end. A number ends by itself at its brand's longest length; a shorter admissible one (a
//! Visa of 16 digits may go on to 19) ends with `#` or a pause. Keys may run ahead of the prompts. The security code
//! ends after a short pause, so that a code with a digit too many is seen. After a refused field, keys are dropped until
//! the caller pauses or the retry's prompt has ended: they were meant for what would have come next.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use gate::wire::{Brand, Brands, EntryError, FailReason, Keypress, LastFour, PromptReason, Step};

use crate::{
    card::{Rule, Today, is_valid_expiry},
    sealed::SealedCard,
};

/// A pause that ends a field in which keys were pressed.
pub const INTER_DIGIT: Duration = Duration::from_secs(5);
/// A pause that shows a run of keys to be over.
pub const SETTLE: Duration = Duration::from_millis(1_500);
/// From the end of a field's prompt to its first key.
pub const FIRST_KEY: Duration = Duration::from_secs(12);
/// From the end of a field's prompt (or its first key, if earlier) to its end.
pub const FIELD: Duration = Duration::from_secs(60);
/// The whole entry.
pub const SESSION: Duration = Duration::from_secs(300);
/// Wrong entries in one field that end the capture.
pub const FIELD_ERRORS: u8 = 3;
/// Wrong entries in all that end the capture.
pub const ERRORS: u8 = 5;

/// What an entry has to obey, fixed before the first key.
#[derive(Clone, Copy, Debug)]
pub struct EntryRules {
    /// Today, for the expiry date.
    pub today: Today,
    /// Whether the postal code is asked for.
    pub postal: bool,
    /// The brands that are taken.
    pub brands: Brands,
    /// Whether canaries are taken at all.
    pub canary: bool,
}

/// What the entry wants done.
pub enum EntryOutput {
    /// Play this prompt.
    Prompt(Step, PromptReason),
    /// The field holds this many keys (zero for the code).
    Progress(Step, u8),
    /// Every field is good. The entry is over and holds nothing any more.
    Complete(Complete),
    /// The entry is over without a card; everything is wiped.
    Failed(FailReason),
}

/// A card that passed every rule.
pub struct Complete {
    /// The card.
    pub card: SealedCard,
    /// Its brand.
    pub brand: Brand,
    /// Its last four digits.
    pub last_four: LastFour,
}

/// The entry of one card. After every call drain [`Entry::poll_output`], then wait until [`Entry::poll_timeout`].
pub struct Entry {
    rules: EntryRules,
    card: SealedCard,
    rule: Option<&'static Rule>,
    field: Field,
    errors: u8,
    session_deadline: Instant,
    last_star: Option<Instant>,
    ended_itself: bool,
    dropping_until: Option<Instant>,
    over: bool,
    outputs: VecDeque<EntryOutput>,
}

/// The field being keyed.
struct Field {
    step: Step,
    errors: u8,
    began: Option<Instant>,
    prompt_ended: Option<Instant>,
    last_key: Option<Instant>,
    overlong: bool,
}

impl Field {
    fn new(step: Step) -> Self {
        Self { step, errors: 0, began: None, prompt_ended: None, last_key: None, overlong: false }
    }

    fn restart(&mut self) {
        *self = Self { errors: self.errors, ..Self::new(self.step) };
    }
}

impl Entry {
    /// Begins with the number and its prompt.
    #[must_use]
    pub fn new(rules: EntryRules, now: Instant) -> Self {
        Self {
            rules,
            card: SealedCard::default(),
            rule: None,
            field: Field::new(Step::Number),
            errors: 0,
            session_deadline: now + SESSION,
            last_star: None,
            ended_itself: false,
            dropping_until: None,
            over: false,
            outputs: VecDeque::from([EntryOutput::Prompt(Step::Number, PromptReason::First)]),
        }
    }

    /// A key was pressed.
    #[allow(clippy::needless_pass_by_value, reason = "the key ends here and is wiped")]
    pub fn handle_key(&mut self, now: Instant, key: Keypress) {
        if self.over {
            return;
        }
        let key = key.reveal_to_entry();
        let ended_itself = std::mem::take(&mut self.ended_itself);
        if key == b'*' {
            return self.handle_star(now);
        }
        self.last_star = None;
        if self.dropping_until.is_some_and(|until| now < until) {
            self.dropping_until = Some(now + SETTLE);
            return;
        }
        if key != b'#' {
            self.handle_digit(now, key);
        } else if !ended_itself {
            self.end_field(now, false);
        }
    }

    /// The prompt of `step` has ended: that field's timers start. Without effect on any other field.
    pub fn handle_prompt_ended(&mut self, now: Instant, step: Step) {
        if step == self.field.step {
            self.field.prompt_ended.get_or_insert(now);
            self.field.began.get_or_insert(now);
            self.dropping_until = None;
        }
    }

    /// The gateway withdraws the capture.
    pub fn handle_cancel(&mut self) {
        self.fail(FailReason::Withdrawn);
    }

    /// What is wanted next.
    pub fn poll_output(&mut self) -> Option<EntryOutput> {
        self.outputs.pop_front()
    }

    /// When [`Entry::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        (!self.over).then(|| self.session_deadline.min(self.field_deadline().unwrap_or(self.session_deadline)))
    }

    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.over {
        } else if now >= self.session_deadline {
            self.fail(FailReason::SessionTimeout);
        } else if self.field.began.is_some_and(|began| now >= began + FIELD) {
            self.refuse(EntryError::Timeout);
        } else if self.field_deadline().is_some_and(|deadline| now >= deadline) {
            self.end_field(now, true);
        }
    }

    fn field_deadline(&self) -> Option<Instant> {
        let settled = self.field.step == Step::Code && Some(self.count()) == self.rule.map(|rule| rule.code_length);
        let pause = match (self.field.last_key, self.field.prompt_ended) {
            (Some(key), _) => Some(key + if settled { SETTLE } else { INTER_DIGIT }),
            (None, Some(prompt)) => Some(prompt + FIRST_KEY),
            (None, None) => None,
        };
        let limit = self.field.began.map(|began| began + FIELD);
        pause.into_iter().chain(limit).min()
    }

    fn handle_star(&mut self, now: Instant) {
        if self.last_star.is_some_and(|last| now < last + INTER_DIGIT) {
            return self.fail(FailReason::CancelledByCaller);
        }
        self.last_star = Some(now);
        self.dropping_until = None;
        self.clear_field();
        self.outputs.push_back(EntryOutput::Progress(self.field.step, 0));
        self.outputs.push_back(EntryOutput::Prompt(self.field.step, PromptReason::Cleared));
    }

    fn handle_digit(&mut self, now: Instant, digit: u8) {
        let card = &mut self.card;
        let kept = match self.field.step {
            Step::Number => card.number.push(digit),
            Step::Expiry => card.expiry.push(digit),
            Step::Code => card.code.push(digit),
            Step::Postal => card.postal.push(digit),
            Step::Wait => return,
        };
        self.field.overlong |= !kept;
        self.field.began.get_or_insert(now);
        self.field.last_key = Some(now);
        let shown = if self.field.step == Step::Code { 0 } else { self.count() as u8 };
        self.outputs.push_back(EntryOutput::Progress(self.field.step, shown));
        if self.is_full() {
            let step = self.field.step;
            self.end_field(now, false);
            self.ended_itself = self.field.step != step;
        }
    }

    fn count(&self) -> usize {
        match self.field.step {
            Step::Number => self.card.number.len(),
            Step::Expiry => self.card.expiry.len(),
            Step::Code => self.card.code.len(),
            Step::Postal => self.card.postal.len(),
            Step::Wait => 0,
        }
    }

    /// Whether the field ends without a `#`.
    fn is_full(&self) -> bool {
        match self.field.step {
            Step::Number => {
                let longest = Rule::of(self.card.number.expose()).map_or(19, Rule::longest);
                self.count() >= longest
            }
            Step::Expiry => self.count() == 4,
            Step::Postal => self.count() == 5,
            Step::Code | Step::Wait => false,
        }
    }

    fn end_field(&mut self, now: Instant, paused: bool) {
        match self.check() {
            Ok(()) => self.advance(),
            Err(_) if paused && self.count() == 0 => self.refuse(EntryError::Timeout),
            Err(error) => {
                self.refuse(error);
                self.dropping_until = (!paused).then(|| now + SETTLE);
            }
        }
    }

    fn check(&mut self) -> Result<(), EntryError> {
        let card = &self.card;
        let whole = |good: bool, error| if good { Ok(()) } else { Err(error) };
        match self.field.step {
            Step::Number => self.check_number(),
            Step::Expiry => whole(is_valid_expiry(card.expiry.expose(), self.rules.today), EntryError::InvalidDate),
            Step::Code => {
                let long_enough = self.rule.is_some_and(|rule| card.code.len() == rule.code_length);
                whole(long_enough && !self.field.overlong, EntryError::InvalidCode)
            }
            Step::Postal => whole(card.postal.len() == 5, EntryError::InvalidPostal),
            Step::Wait => Ok(()),
        }
    }

    fn check_number(&mut self) -> Result<(), EntryError> {
        let number = self.card.number.expose();
        let rule = Rule::of(number).filter(|rule| rule.admits(number)).ok_or(EntryError::InvalidNumber)?;
        if rule.brand == Brand::Canary && !self.rules.canary {
            return Err(EntryError::InvalidNumber);
        }
        if !self.rules.brands.contains(rule.brand) {
            return Err(EntryError::DisallowedBrand);
        }
        self.rule = Some(rule);
        Ok(())
    }

    fn advance(&mut self) {
        let next = match self.field.step {
            Step::Number => Step::Expiry,
            Step::Expiry => Step::Code,
            Step::Code if self.rules.postal => Step::Postal,
            Step::Code | Step::Postal | Step::Wait => return self.complete(),
        };
        self.field = Field::new(next);
        self.outputs.push_back(EntryOutput::Prompt(next, PromptReason::First));
    }

    fn complete(&mut self) {
        let card = std::mem::take(&mut self.card);
        let (Some(rule), Some(last_four)) = (self.rule, card.last_four()) else { return };
        self.over = true;
        self.outputs.push_back(EntryOutput::Complete(Complete { card, brand: rule.brand, last_four }));
    }

    fn refuse(&mut self, error: EntryError) {
        self.errors += 1;
        self.field.errors += 1;
        if self.errors >= ERRORS || self.field.errors >= FIELD_ERRORS {
            return self.fail(FailReason::TooManyAttempts);
        }
        self.clear_field();
        self.outputs.push_back(EntryOutput::Prompt(self.field.step, PromptReason::Retry(error)));
    }

    fn clear_field(&mut self) {
        match self.field.step {
            Step::Number => self.card.number.wipe(),
            Step::Expiry => self.card.expiry.wipe(),
            Step::Code => self.card.code.wipe(),
            Step::Postal => self.card.postal.wipe(),
            Step::Wait => {}
        }
        self.field.restart();
    }

    fn fail(&mut self, reason: FailReason) {
        if !self.over {
            self.over = true;
            self.card.wipe();
            self.outputs.push_back(EntryOutput::Failed(reason));
        }
    }
}

#[cfg(test)]
mod tests;
