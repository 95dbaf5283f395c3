//! The lines that are tried: what each loses and how unevenly it delivers.

use std::time::Duration;

use testkit::relay::{Delay, Impairment, Loss, Model};

/// Packets lost in a row on average, where losses come in bursts: 60 ms.
pub(crate) const BURST: f64 = 3.0;
/// The losses, in percent.
const LOSSES: [f64; 4] = [1.0, 3.0, 5.0, 10.0];
/// The jitters, in milliseconds.
const JITTERS: [u64; 4] = [0, 20, 60, 120];

/// One line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    loss: Loss,
    jitter: u64,
    overtakes: bool,
}

impl Cell {
    /// Every line of the table, in its order: a good one first, and last those whose packets overtake each other.
    pub(crate) fn all() -> Vec<Self> {
        let kinds: [fn(f64) -> Loss; 2] = [Loss::Random, |share| Loss::Bursty { share, burst: BURST }];
        let losses = kinds.iter().flat_map(|kind| LOSSES.map(|percent| kind(percent / 100.0)));
        let in_order = std::iter::once(Loss::None).chain(losses);
        let in_order = in_order.flat_map(|loss| JITTERS.map(|jitter| Self { loss, jitter, overtakes: false }));
        let overtaking = JITTERS[1..].iter().map(|&jitter| Self { loss: Loss::Random(0.01), jitter, overtakes: true });
        in_order.chain(overtaking).collect()
    }

    /// 3 % in bursts and 40 ms of jitter.
    pub(crate) fn of_the_long_call() -> Self {
        Self { loss: Loss::Bursty { share: 0.03, burst: BURST }, jitter: 40, overtakes: false }
    }

    /// The path of this line; `seed` tells it from others.
    pub(crate) fn path(&self, seed: u64) -> Impairment {
        let delay = Delay { overtakes: self.overtakes, ..Delay::in_order(Duration::from_millis(self.jitter)) };
        Impairment::new(Model { loss: self.loss, delay, duplicates: 0.0 }, seed)
    }

    /// How it loses packets.
    pub(crate) fn loss(&self) -> String {
        match self.loss {
            Loss::None => "none".to_owned(),
            Loss::Random(share) => format!("{} % random", share * 100.0),
            Loss::Bursty { share, .. } => format!("{} % in bursts", share * 100.0),
        }
    }

    /// How unevenly it delivers.
    pub(crate) fn jitter(&self) -> String {
        format!("{}{}", self.jitter, if self.overtakes { ", overtaking" } else { "" })
    }
}
