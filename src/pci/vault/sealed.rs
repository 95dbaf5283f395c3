//! The only memory that holds a card: boxed, so that moving the owner moves no digit; locked and kept out of dumps with
//! the rest of the process ([`crate::hardening`]); wiped when cleared and when dropped.
//!
//! | buffer | holds | wiped |
//! |---|---|---|
//! | [`SealedCard`] | number, expiry, code, postal code | each field when cleared or refused; all when encrypted for the processor, on failure, cancel, time-out or hang-up |
//! | [`Sealed`] of a request ([`crate::request`]) | the request's head and body | as soon as TLS has encrypted it, before the answer |
//! | the capture socket's read buffer ([`crate::session`]) | one key | after each packet |
//!
//! None of these types can be printed, cloned, compared or serialised.

use gate::wire::LastFour;
use zeroize::Zeroize;

/// Up to `N` secret bytes.
pub struct Sealed<const N: usize> {
    bytes: Box<[u8; N]>,
    length: usize,
}

impl<const N: usize> Sealed<N> {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { bytes: Box::new([0; N]), length: 0 }
    }

    /// Adds a byte. Returns false, and adds nothing, where there is no room.
    #[must_use]
    pub fn push(&mut self, byte: u8) -> bool {
        self.extend(&[byte])
    }

    /// Adds all of `more`. Returns false, and adds nothing, where there is no room.
    #[must_use]
    pub fn extend(&mut self, more: &[u8]) -> bool {
        let Some(room) = self.bytes.get_mut(self.length..self.length + more.len()) else { return false };
        room.copy_from_slice(more);
        self.length += more.len();
        true
    }

    /// Bytes held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Overwrites everything.
    pub fn wipe(&mut self) {
        self.bytes.zeroize();
        self.length = 0;
    }

    /// The bytes, for the card's rules and the request: nothing else may call this.
    #[must_use]
    pub(crate) fn expose(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl<const N: usize> Default for Sealed<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Drop for Sealed<N> {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// A card as it is keyed.
#[derive(Default)]
pub struct SealedCard {
    /// The number: at most 19 digits (ISO/IEC 7812-1).
    pub number: Sealed<19>,
    /// The expiry date, MMYY.
    pub expiry: Sealed<4>,
    /// The security code.
    pub code: Sealed<4>,
    /// The postal code; empty where it is not asked for.
    pub postal: Sealed<5>,
}

impl SealedCard {
    /// Overwrites every field.
    pub fn wipe(&mut self) {
        self.number.wipe();
        self.expiry.wipe();
        self.code.wipe();
        self.postal.wipe();
    }

    /// The last four digits of the number, where it has as many.
    #[must_use]
    pub fn last_four(&self) -> Option<LastFour> {
        let digits = self.number.expose();
        let last = std::str::from_utf8(digits.get(digits.len().checked_sub(4)?..)?).ok()?;
        LastFour::parse(last).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wiping_overwrites_and_a_full_buffer_refuses() {
        let mut sealed = Sealed::<4>::new();
        assert!(sealed.extend(b"123") && sealed.push(b'4') && !sealed.push(b'5') && !sealed.extend(b"67"));
        assert!(sealed.len() == 4 && sealed.bytes.iter().all(u8::is_ascii_digit));
        sealed.wipe();
        assert!(sealed.is_empty() && sealed.bytes.iter().all(|&byte| byte == 0));
    }
}
