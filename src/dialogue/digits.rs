//! A short run of digits that a person said or keyed: never printed, never longer than a menu may hold, wiped when dropped.

use std::fmt;

use zeroize::Zeroizing;

/// Most digits one answer outside a card capture may hold: the menu budget of the gate.
pub const MAX_DIGITS: usize = 8;

/// One to eight decimal digits, from a recogniser or from the keypad. `Debug` shows nothing of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Digits(Zeroizing<String>);

impl Digits {
    /// Takes `text` where it is one to [`MAX_DIGITS`] ASCII digits and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The digits as text, for a comparison or a look-up.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Digits(..)")
    }
}

/// What was keyed in one declared collect: at most [`MAX_DIGITS`] keys, without the terminator. It may be empty,
/// where the collect ended with nothing keyed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct KeyRun(Zeroizing<String>);

impl KeyRun {
    /// Takes the keys in order. Anything but `0`–`9` and `*` is left out, and so are keys beyond the bound.
    #[must_use]
    pub fn from_keys(keys: impl IntoIterator<Item = char>) -> Self {
        // With this room it is never moved, so no copy is left behind.
        let mut run = Zeroizing::new(String::with_capacity(MAX_DIGITS));
        run.extend(keys.into_iter().filter(|key| key.is_ascii_digit() || *key == '*').take(MAX_DIGITS));
        Self(run)
    }

    /// Whether nothing was keyed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys as digits; `None` where there are none or one of them is not a digit.
    #[must_use]
    pub fn digits(&self) -> Option<Digits> {
        Digits::parse(&self.0)
    }

    /// The key, where exactly one was pressed.
    #[must_use]
    pub fn single(&self) -> Option<char> {
        let mut keys = self.0.chars();
        keys.next().filter(|_| keys.next().is_none())
    }
}

impl fmt::Debug for KeyRun {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyRun(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_runs_of_digits_are_digits() {
        assert_eq!(Digits::parse("40219").as_ref().map(Digits::as_str), Some("40219"));
        for wrong in ["", "123456789", "12a4", "12 4", "٣٤"] {
            assert_eq!(Digits::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_run_keeps_eight_keys_and_drops_the_rest() {
        let run = KeyRun::from_keys("1234#567890".chars());
        assert_eq!(run.digits().as_ref().map(Digits::as_str), Some("12345678"));
        assert_eq!((run.single(), KeyRun::from_keys(['9']).single()), (None, Some('9')));
        assert!(KeyRun::default().is_empty() && KeyRun::from_keys(['*']).digits().is_none());
    }

    #[test]
    fn nothing_of_the_digits_is_printed() {
        let digits = Digits::parse("7319").unwrap();
        assert!(!format!("{digits:?}{:?}", KeyRun::from_keys(['7'])).contains('7'));
    }
}
