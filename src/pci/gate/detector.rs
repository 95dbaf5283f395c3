//! Which key was pressed: the strict judge's pairs (`tones/pair.rs`), counted.
//!
//! A press is taken after [`NEEDED`] windows that agree, and is over after [`ENDING`] received hops without one, so that a
//! lost frame can neither end nor split it.

use tones::{
    bank::{BLOCKS, Fit, Hop},
    pair,
};

use crate::key::Key;

/// Matching hops that make a press: with the windows' 16 ms, tones over about 27 ms.
const NEEDED: u8 = 9;
/// Hops without a match that are forgiven while a press is being judged.
const FORGIVEN: u8 = 2;
/// Received hops without a match that end a press: 36 ms.
const ENDING: u8 = 18;
/// Lost frames in a row over which a press is held: 80 ms, for a lost packet of 60 ms lies in four frames.
const HELD_LOSSES: u8 = 4;

/// The pad, row by row (ITU-T Q.23): a row is a low tone, a column a high one.
const PAD: &[u8; 16] = b"123A456B789C*0#D";

struct Candidate {
    /// Index into [`PAD`].
    place: u8,
    matched: u8,
    missed: u8,
}

/// Judges the hops of one leg.
#[derive(Default)]
pub(crate) struct Detector {
    earlier: [Option<Fit>; BLOCKS],
    next: usize,
    pressed: Option<Candidate>,
    rising: Option<Candidate>,
    losses: u8,
}

impl Detector {
    /// Whether a key is held down.
    pub(crate) fn is_pressed(&self) -> bool {
        self.pressed.is_some()
    }

    /// Judges one hop; a key where this hop makes it a press.
    pub(crate) fn hop(&mut self, hop: &Hop) -> Option<Key> {
        let behind = std::mem::replace(&mut self.earlier[self.next], hop.fit);
        self.next = (self.next + 1) % BLOCKS;
        if !hop.full {
            return None;
        }
        self.losses = 0;
        let place = behind.zip(hop.fit).and_then(|(behind, fit)| pair::agreed(&behind, &fit));
        if place.is_none() {
            self.missed();
        }
        place.and_then(|place| self.matched(place))
    }

    /// A frame was lost: what is judged or held stays so, unless too many are lost.
    pub(crate) fn lost(&mut self) {
        self.earlier = [None; BLOCKS];
        self.losses = self.losses.saturating_add(1);
        if self.losses > HELD_LOSSES {
            (self.pressed, self.rising) = (None, None);
        }
    }

    fn matched(&mut self, place: u8) -> Option<Key> {
        if let Some(pressed) = self.pressed.as_mut().filter(|pressed| pressed.place == place) {
            pressed.missed = 0;
            self.rising = None;
            return None;
        }
        match &mut self.rising {
            Some(rising) if rising.place == place => rising.matched += 1,
            Some(_) | None => self.rising = Some(Candidate { place, matched: 1, missed: 0 }),
        }
        self.pressed = Some(self.rising.take_if(|rising| rising.matched >= NEEDED)?);
        Key::from_symbol(PAD[usize::from(place)])
    }

    fn missed(&mut self) {
        for (candidate, forgiven) in [(&mut self.pressed, ENDING), (&mut self.rising, FORGIVEN + 1)] {
            candidate.take_if(|held| {
                held.missed += 1;
                held.missed >= forgiven
            });
        }
    }
}

#[cfg(test)]
mod tests;
