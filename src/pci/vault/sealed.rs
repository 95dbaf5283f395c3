//! The only memory that holds a card: pages of its own, kept out of dumps and of children, locked with the rest of the
//! process ([`crate::hardening`]), never moved, wiped when cleared and when dropped.
//!
//! | buffer | holds | wiped |
//! |---|---|---|
//! | [`SealedCard`] | everything keyed | each field when cleared or refused; all when the request is written, on failure, cancel, time-out or hang-up |
//! | [`Sealed`] of a request ([`crate::processor`]) | its body; its head and body | when it stands in the request; as soon as TLS has encrypted it, before the answer |
//! | [`Sealed`] of an answer ([`crate::submission`]) | what the processor says, which may echo a card | with the outcome, before it is told |
//! | the capture socket's read buffer ([`crate::session`]) | one key | after each packet |
//!
//! None of these types can be printed, cloned, compared, serialised or handed to another thread.

use std::{io, marker::PhantomData};

use gate::wire::{LastFour, Step};
use memmap2::{Advice, MmapMut};
use zeroize::Zeroize;

/// A bounded number of secret bytes. Written as [`io::Write`] does; what does not fit is an error and not written.
pub struct Sealed {
    memory: MmapMut,
    length: usize,
    stays: PhantomData<*const ()>,
}

impl Sealed {
    /// Nothing yet, and room for so many bytes.
    ///
    /// # Errors
    /// The system has no such memory.
    pub fn new(room: usize) -> io::Result<Self> {
        let memory = MmapMut::map_anon(room)?;
        memory.advise(Advice::DontDump)?;
        memory.advise(Advice::DontFork)?;
        Ok(Self { memory, length: 0, stays: PhantomData })
    }

    /// What was written.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.memory[..self.length]
    }
}

impl io::Write for Sealed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.memory.get_mut(self.length..self.length + bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        room.copy_from_slice(bytes);
        self.length += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        self.memory.zeroize();
    }
}

/// Room of each field: more than any may have, so that a digit too many is seen.
const FIELD: usize = 24;

/// A card or a bank account as it is keyed: a slot for each field, filled with zeros.
pub struct SealedCard(Sealed);

impl SealedCard {
    /// Nothing keyed yet.
    ///
    /// # Errors
    /// The system has no memory for it.
    pub fn new() -> io::Result<Self> {
        Sealed::new(Step::ALL.len() * FIELD).map(Self)
    }

    fn slot(&mut self, step: Step) -> &mut [u8] {
        &mut self.0.memory[step as usize * FIELD..][..FIELD]
    }

    /// Adds a digit to a field. Beyond the field's room nothing is kept.
    pub fn push(&mut self, step: Step, digit: u8) {
        if let Some(place) = self.slot(step).iter_mut().find(|place| **place == 0) {
            *place = digit;
        }
    }

    /// Overwrites a field.
    pub fn clear(&mut self, step: Step) {
        self.slot(step).zeroize();
    }

    /// The digits of a field, for the rules and the request: nothing else may call this.
    pub(crate) fn expose(&self, step: Step) -> &str {
        let slot = &self.0.memory[step as usize * FIELD..][..FIELD];
        std::str::from_utf8(slot).unwrap_or_default().trim_end_matches('\0')
    }

    /// The last four digits of the card's or the account's number, where it has as many.
    pub fn last_four(&self) -> Option<LastFour> {
        let digits =
            [self.expose(Step::Number), self.expose(Step::Account)].into_iter().find(|digits| !digits.is_empty())?;
        LastFour::parse(digits.get(digits.len().checked_sub(4)?..)?).ok()
    }
}

#[cfg(test)]
mod tests;
