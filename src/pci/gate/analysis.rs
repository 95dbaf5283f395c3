//! A view into both detectors, for examples and figures alone: behind the feature `analysis`, which no shipped program has.

use frame::SampleRate;
use tones::{ear::Ear, suspicion::Suspicion};

use crate::detector::Detector;

/// Both detectors, as the gate of a leg runs them.
pub struct Detectors(Ear, Suspicion, Detector);

impl Detectors {
    /// For a leg of this rate.
    #[must_use]
    pub fn new(rate: SampleRate) -> Self {
        Self(Ear::new(rate), Suspicion::default(), Detector::default())
    }

    /// Takes a frame, and tells of each 2 ms of it which key they made a press, and whether a tone is suspected.
    pub fn hear(&mut self, frame: &[i16], mut tell: impl FnMut(Option<char>, bool)) {
        let Self(ear, suspicion, detector) = self;
        ear.hear(frame, |hop| {
            let is_suspected = suspicion.hop(hop);
            tell(detector.hop(hop).map(|key| char::from(key.symbol())), is_suspected);
        });
    }

    /// A frame was lost.
    pub fn lose(&mut self) {
        self.0.lose();
        self.1.clear();
        self.2.lost();
    }
}
