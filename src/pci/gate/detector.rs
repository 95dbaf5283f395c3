//! The strict judge: which key was pressed, by ITU-T Q.24.
//!
//! Two windows of 8 ms, one behind the other, must agree on the tones. Between their centres each tone's phase turns
//! by its frequency, which is how that is measured. A press is taken after [`NEEDED`] such pairs and is over after
//! [`ENDING`] received hops without one, so that a lost frame can neither end nor split it.

use std::f32::consts::TAU;

use crate::{
    bank::{BLOCKS, Fit, Hop, Tone, WINDOW, ZERO_DBM0},
    key::Key,
};

/// Matching hops that make a press: with the windows' 16 ms, tones over about 27 ms.
const NEEDED: u8 = 9;
/// Hops without a match that are forgiven while a press is being judged.
const FORGIVEN: u8 = 2;
/// Received hops without a match that end a press: 36 ms.
const ENDING: u8 = 18;
/// Lost frames in a row over which a press is held: 60 ms.
const HELD_LOSSES: u8 = 3;
/// The share of both windows' energy that the two tones must explain.
const SHARE: f32 = 0.83;
/// Between the ±1.5 % + 2 Hz to accept and the ±3.5 % to reject.
const DEVIATION: f32 = 0.026;
/// A tone below −42 dBm0 is none.
const FLOOR: f32 = ZERO_DBM0 * 6.3e-5;
/// The low tone may be 10 dB stronger than the high one (8 required).
const NORMAL_TWIST: f32 = 10.0;
/// The high tone may be 6 dB stronger than the low one (4 required).
const REVERSE_TWIST: f32 = 4.0;

const KEYS: &[u8; 16] = b"123A456B789C*0#D";

/// Where a key stands on the pad: row and column.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place(u8, u8);

struct Candidate {
    place: Place,
    matched: u8,
    missed: u8,
}

/// Judges the hops of one leg.
pub(crate) struct Detector {
    earlier: [Option<Fit>; BLOCKS],
    next: usize,
    pressed: Option<Candidate>,
    rising: Option<Candidate>,
    losses: u8,
}

impl Detector {
    pub(crate) fn new() -> Self {
        Self { earlier: [None; BLOCKS], next: 0, pressed: None, rising: None, losses: 0 }
    }

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
        match behind.zip(hop.fit).and_then(|(behind, fit)| place(&behind, &fit)) {
            Some(place) => self.matched(place),
            None => {
                self.missed();
                None
            }
        }
    }

    /// Forgets what was heard, and which key is down.
    pub(crate) fn clear(&mut self) {
        self.earlier = [None; BLOCKS];
        (self.pressed, self.rising, self.losses) = (None, None, 0);
    }

    /// A frame was lost: what is judged or held stays so, unless too many are lost.
    pub(crate) fn lost(&mut self) {
        self.earlier = [None; BLOCKS];
        self.losses = self.losses.saturating_add(1);
        if self.losses > HELD_LOSSES {
            (self.pressed, self.rising) = (None, None);
        }
    }

    fn matched(&mut self, place: Place) -> Option<Key> {
        if let Some(pressed) = &mut self.pressed
            && pressed.place == place
        {
            pressed.missed = 0;
            self.rising = None;
            return None;
        }
        match &mut self.rising {
            Some(rising) if rising.place == place => rising.matched += 1,
            Some(_) | None => self.rising = Some(Candidate { place, matched: 1, missed: 0 }),
        }
        let rising = self.rising.take_if(|rising| rising.matched >= NEEDED)?;
        self.pressed = Some(rising);
        Key::from_symbol(KEYS[usize::from(place.0 * 4 + place.1)])
    }

    fn missed(&mut self) {
        for (candidate, forgiven) in [(&mut self.pressed, ENDING), (&mut self.rising, FORGIVEN + 1)] {
            if let Some(held) = candidate {
                held.missed += 1;
                if held.missed >= forgiven {
                    *candidate = None;
                }
            }
        }
    }
}

/// The key that two windows agree on.
fn place(behind: &Fit, fit: &Fit) -> Option<Place> {
    let place = Place(fit.low.place, fit.high.place);
    let (low, high) = (behind.low.power + fit.low.power, behind.high.power + fit.high.power);
    let agreed = place == Place(behind.low.place, behind.high.place)
        && behind.explained + fit.explained > SHARE * (behind.energy + fit.energy)
        && low.min(high) > 2.0 * FLOOR
        && low < NORMAL_TWIST * high
        && high < REVERSE_TWIST * low
        && is_near(&behind.low, &fit.low, crate::bank::TONES[usize::from(place.0)])
        && is_near(&behind.high, &fit.high, crate::bank::TONES[4 + usize::from(place.1)]);
    agreed.then_some(place)
}

/// Whether the tone's measured frequency is within [`DEVIATION`] of the nominal one.
fn is_near(behind: &Tone, tone: &Tone, nominal: f32) -> bool {
    let expected = (behind.step + tone.step) / 2.0 * WINDOW as f32;
    let turned = tone.phase - behind.phase;
    let turns = ((expected - turned) / TAU).round();
    let step = (turned + turns * TAU) / WINDOW as f32;
    let nominal = nominal * TAU / crate::bank::RATE;
    (step - nominal).abs() < DEVIATION * nominal
}

#[cfg(test)]
mod tests;
