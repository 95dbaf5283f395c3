//! What the caller keys, from the first prompt to a complete card or account: fields, keys, retries and timers. Told the
//! time.
//!
//! `#` ends a field, `*` clears it, `**` cancels. A field whose length is known ends by itself, and a `#` right after
//! that is taken for the same end. A number ends by itself at its brand's longest length; a shorter admissible one (a
//! Visa of 16 digits may go on to 19) ends with `#` or a pause. Keys may run ahead of the prompts. A security code, and a
//! postal code that may be longer, end after a short pause, so that a digit too many is seen. After a refused field, keys
//! are dropped until the caller pauses: they were meant for what would have come next. That the retry's prompt has ended
//! shows no pause, because a key ends it.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use gate::wire::{Brand, EntryError, FailReason, FromVault, Method, Open, Postal, PromptReason, Step, VaultInput};

use crate::{
    card::{self, Rule},
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

/// Which numbers the vault takes, from its command line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mode {
    /// Whether canaries are taken.
    pub canary: bool,
    /// Whether every number but those published for tests (and canaries, where they are taken) is refused.
    pub test_numbers: bool,
}

/// What the entry wants done.
pub enum EntryOutput {
    /// Tell the gateway: a prompt, or progress.
    Tell(FromVault),
    /// Every field is good. The entry is over and holds nothing any more.
    Complete(SealedCard, Brand),
    /// The entry is over without a card; everything is wiped.
    Failed(FailReason),
}

/// The entry of one card or account. After every call drain [`Entry::poll_output`], then wait until
/// [`Entry::poll_timeout`].
pub struct Entry {
    open: Open,
    mode: Mode,
    /// `None` once the entry is over.
    card: Option<SealedCard>,
    rule: Option<&'static Rule>,
    step: Step,
    /// Wrong entries in this field, and in all.
    field_errors: u8,
    errors: u8,
    /// When the field is over, and when a pause ends it. Without them before its prompt has ended or its first key.
    field_deadline: Option<Instant>,
    pause: Option<Instant>,
    session_deadline: Instant,
    last_star: Option<Instant>,
    ended_itself: bool,
    dropping_until: Option<Instant>,
    outputs: VecDeque<EntryOutput>,
}

impl Entry {
    /// Begins with the first field and its prompt.
    ///
    /// # Errors
    /// The system has no memory for a card.
    pub fn new(open: Open, mode: Mode, now: Instant) -> io::Result<Self> {
        let step = if open.method == Method::Card { Step::Number } else { Step::Routing };
        let mut entry = Self {
            open,
            mode,
            card: Some(SealedCard::new()?),
            rule: None,
            step,
            field_errors: 0,
            errors: 0,
            field_deadline: None,
            pause: None,
            session_deadline: now + SESSION,
            last_star: None,
            ended_itself: false,
            dropping_until: None,
            outputs: VecDeque::new(),
        };
        entry.prompt(PromptReason::First);
        Ok(entry)
    }

    /// The gateway's word: a key, the end of a prompt, or the withdrawal of the capture.
    pub fn handle_input(&mut self, now: Instant, input: VaultInput) {
        match input {
            VaultInput::Key(key) if self.card.is_some() => self.handle_key(now, key.reveal_to_entry()),
            VaultInput::PromptEnded(step) if step == self.step => {
                self.field_deadline.get_or_insert(now + FIELD);
                self.pause.get_or_insert(now + FIRST_KEY);
            }
            VaultInput::Cancel => self.fail(FailReason::Withdrawn),
            VaultInput::Key(_) | VaultInput::PromptEnded(_) => {}
        }
    }

    /// What is wanted next.
    pub fn poll_output(&mut self) -> Option<EntryOutput> {
        self.outputs.pop_front()
    }

    /// When [`Entry::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.card.as_ref()?;
        [Some(self.session_deadline), self.field_deadline, self.pause].into_iter().flatten().min()
    }

    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let has_passed = |deadline: Option<Instant>| deadline.is_some_and(|deadline| now >= deadline);
        if self.card.is_none() {
        } else if now >= self.session_deadline {
            self.fail(FailReason::SessionTimeout);
        } else if has_passed(self.field_deadline) {
            self.refuse(EntryError::Timeout);
        } else if has_passed(self.pause) {
            self.end_field(now, true);
        }
    }

    fn handle_key(&mut self, now: Instant, key: u8) {
        let ended_itself = std::mem::take(&mut self.ended_itself);
        if key == b'*' {
            return self.handle_star(now);
        }
        self.last_star = None;
        if self.dropping_until.is_some_and(|until| now < until) {
            self.dropping_until = Some(now + SETTLE);
        } else if key != b'#' {
            self.handle_digit(now, key);
        } else if !ended_itself {
            self.end_field(now, false);
        }
    }

    fn handle_star(&mut self, now: Instant) {
        if self.last_star.is_some_and(|last| now < last + INTER_DIGIT) {
            return self.fail(FailReason::CancelledByCaller);
        }
        self.last_star = Some(now);
        self.dropping_until = None;
        self.restart(self.step);
        self.progress();
        self.prompt(PromptReason::Cleared);
    }

    fn handle_digit(&mut self, now: Instant, digit: u8) {
        let step = self.step;
        if let Some(card) = &mut self.card {
            card.push(step, digit);
        }
        let settles = matches!(step, Step::Code | Step::Postal) && self.is_whole();
        self.pause = Some(now + if settles { SETTLE } else { INTER_DIGIT });
        self.field_deadline.get_or_insert(now + FIELD);
        self.progress();
        if step != Step::Code && self.lengths().last() == Some(&self.digits().len()) {
            self.end_field(now, false);
            self.ended_itself = self.step != step;
        }
    }

    fn digits(&self) -> &str {
        self.card.as_ref().map_or("", |card| card.expose(self.step))
    }

    /// The lengths that the field may have, ascending. At the last one it ends by itself; a number of no known brand at 19
    /// (ISO/IEC 7812-1).
    fn lengths(&self) -> &'static [usize] {
        match self.step {
            Step::Number => Rule::of(self.digits()).map_or(&[19], |rule| rule.lengths),
            Step::Expiry => &[4],
            Step::Code => self.rule.map_or(&[], |rule| rule.code),
            Step::Postal => self.open.postal.lengths(),
            Step::Routing => &[9],
            Step::Account | Step::AccountAgain => card::ACCOUNT,
            Step::Wait => &[],
        }
    }

    fn is_whole(&self) -> bool {
        self.lengths().contains(&self.digits().len())
    }

    fn end_field(&mut self, now: Instant, paused: bool) {
        match self.check() {
            Ok(()) => self.advance(),
            Err(_) if paused && self.digits().is_empty() => self.refuse(EntryError::Timeout),
            Err(error) => {
                self.refuse(error);
                self.dropping_until = (!paused).then(|| now + SETTLE);
            }
        }
    }

    fn check(&mut self) -> Result<(), EntryError> {
        let (step, digits) = (self.step, self.digits());
        let rule = Rule::of(digits).filter(|rule| self.mode.canary || rule.brand != Brand::Canary);
        let first = self.card.as_ref().map(|card| card.expose(Step::Account));
        let (is_right, error) = match step {
            Step::Number => (rule.is_some_and(|rule| rule.admits(digits)), EntryError::InvalidNumber),
            Step::Expiry => (card::is_valid_expiry(digits, &self.open), EntryError::InvalidDate),
            Step::Code => (true, EntryError::InvalidCode),
            Step::Postal => (true, EntryError::InvalidPostal),
            Step::Routing => (card::is_valid_routing(digits), EntryError::InvalidRouting),
            Step::Account => (true, EntryError::InvalidAccount),
            Step::AccountAgain => (first == Some(digits), EntryError::Mismatch),
            Step::Wait => (false, EntryError::Timeout),
        };
        if !is_right || !self.is_whole() {
            return Err(error);
        }
        let is_number = matches!(step, Step::Number | Step::Routing | Step::Account);
        if is_number && self.mode.test_numbers && !card::is_for_tests(digits) {
            return Err(EntryError::NotATestNumber);
        }
        if step == Step::Number {
            self.rule = rule.filter(|rule| self.open.brands.contains(rule.brand));
            self.rule.ok_or(EntryError::DisallowedBrand)?;
        }
        Ok(())
    }

    fn advance(&mut self) {
        let next = match self.step {
            Step::Number => Step::Expiry,
            Step::Expiry => Step::Code,
            Step::Code if self.open.postal != Postal::None => Step::Postal,
            Step::Routing => Step::Account,
            Step::Account => Step::AccountAgain,
            Step::Code | Step::Postal | Step::AccountAgain | Step::Wait => {
                let brand = self.rule.map_or(Brand::BankAccount, |rule| rule.brand);
                let complete = self.card.take().map(|card| EntryOutput::Complete(card, brand));
                return self.outputs.extend(complete);
            }
        };
        self.field_errors = 0;
        self.restart(next);
        self.prompt(PromptReason::First);
    }

    fn refuse(&mut self, error: EntryError) {
        self.errors += 1;
        self.field_errors += 1;
        if self.errors >= ERRORS || self.field_errors >= FIELD_ERRORS {
            return self.fail(FailReason::TooManyAttempts);
        }
        self.restart(self.step);
        if error == EntryError::Mismatch {
            self.restart(Step::Account);
        }
        self.prompt(PromptReason::Retry(error));
    }

    fn restart(&mut self, step: Step) {
        if let Some(card) = &mut self.card {
            card.clear(step);
        }
        (self.step, self.field_deadline, self.pause) = (step, None, None);
    }

    fn fail(&mut self, reason: FailReason) {
        let failed = self.card.take().map(|_| EntryOutput::Failed(reason));
        self.outputs.extend(failed);
    }

    fn prompt(&mut self, reason: PromptReason) {
        self.outputs.push_back(EntryOutput::Tell(FromVault::Prompt { step: self.step, reason }));
    }

    /// Tells how many keys the field holds; of the code always none.
    fn progress(&mut self) {
        let step = self.step;
        let count = if step == Step::Code { 0 } else { self.digits().len() as u8 };
        self.outputs.push_back(EntryOutput::Tell(FromVault::Progress { step, count }));
    }
}

#[cfg(test)]
mod tests;
