//! What the callers sent and heard in a window, and what that says.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::samples::Percentiles;

/// Nanoseconds from one packet to the next.
const FRAME: u64 = 20_000_000;
/// Packets after which the grid of a call's slots is found anew: a second.
const BLOCK: usize = 50;

/// A stamped packet that came to a caller. Moments are nanoseconds of the wall clock, 0 where unknown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) call: usize,
    /// The RTP timestamp in frames.
    pub(crate) slot: u32,
    pub(crate) number: u16,
    /// When the kernel had it.
    pub(crate) at: u64,
    /// When the caller had sent it.
    pub(crate) sent: u64,
    /// When the bot had said it.
    pub(crate) said: u64,
}

/// Everything in a window: `None` outside of one.
#[derive(Default)]
pub(crate) struct Hearing {
    arrivals: Mutex<Option<Vec<Arrival>>>,
    /// When each packet was sent, and how much too late.
    sendings: Mutex<Option<Vec<(u64, u64)>>>,
}

impl Hearing {
    pub(crate) fn open(&self) {
        *lock(&self.arrivals) = Some(Vec::new());
        *lock(&self.sendings) = Some(Vec::new());
    }

    pub(crate) fn arrived(&self, arrival: Arrival) {
        if let Some(arrivals) = &mut *lock(&self.arrivals) {
            arrivals.push(arrival);
        }
    }

    pub(crate) fn sent(&self, at: u64, late: u64) {
        if let Some(sendings) = &mut *lock(&self.sendings) {
            sendings.push((at, late));
        }
    }

    /// Ends the window; what was sent between the two moments counts, wherever it came back.
    pub(crate) fn close(&self, from: u64, until: u64) -> Heard {
        let window = from..until;
        let mut arrivals = lock(&self.arrivals).take().unwrap_or_default();
        let mut sendings = lock(&self.sendings).take().unwrap_or_default();
        arrivals.retain(|arrival| window.contains(&arrival.sent));
        sendings.retain(|(at, _)| window.contains(at));
        Heard { arrivals, sendings }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One window.
pub(crate) struct Heard {
    arrivals: Vec<Arrival>,
    sendings: Vec<(u64, u64)>,
}

impl Heard {
    /// Packets that the callers sent.
    pub(crate) fn sent(&self) -> usize {
        self.sendings.len()
    }

    /// Packets that never came back.
    pub(crate) fn lost(&self) -> usize {
        self.sendings.len().saturating_sub(self.arrivals.len())
    }

    /// How late the generator itself was.
    pub(crate) fn lateness(&self) -> Percentiles {
        Percentiles::of(self.sendings.iter().map(|(_, late)| *late))
    }

    /// From the caller's sending to the packet that brought it back.
    pub(crate) fn round_trip(&self) -> Percentiles {
        Percentiles::of(self.arrivals.iter().map(|arrival| arrival.at.saturating_sub(arrival.sent)))
    }

    /// From the bot's saying to the packet that brought it.
    pub(crate) fn to_caller(&self) -> Percentiles {
        Percentiles::of(self.said().map(|arrival| arrival.at.saturating_sub(arrival.said)))
    }

    /// How far from 20 ms apart two packets in sequence came.
    pub(crate) fn pacing(&self) -> Percentiles {
        let calls = self.calls();
        let pairs = calls.values().flat_map(|arrivals| arrivals.windows(2));
        let next = pairs.filter(|pair| pair[1].number == pair[0].number.wrapping_add(1));
        Percentiles::of(next.map(|pair| pair[1].at.saturating_sub(pair[0].at).abs_diff(FRAME)))
    }

    /// The way from the bot's saying to the packet, in two: until the call's next slot, and from there on. The second is
    /// what waits behind other audio, and what the gateway takes.
    pub(crate) fn slots(&self) -> [Percentiles; 2] {
        let (mut waiting, mut beyond) = (Vec::new(), Vec::new());
        for arrivals in self.calls().values() {
            for block in arrivals.chunks(BLOCK) {
                let Some(grid) = grid(block) else { continue };
                for arrival in block.iter().filter(|arrival| arrival.said != 0) {
                    let wait = (grid + FRAME - arrival.said % FRAME) % FRAME;
                    waiting.push(wait);
                    beyond.push(arrival.at.saturating_sub(arrival.said + wait));
                }
            }
        }
        [Percentiles::of(waiting), Percentiles::of(beyond)]
    }

    fn said(&self) -> impl Iterator<Item = &Arrival> {
        self.arrivals.iter().filter(|arrival| arrival.said != 0)
    }

    fn calls(&self) -> BTreeMap<usize, Vec<Arrival>> {
        let mut calls: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for arrival in &self.arrivals {
            calls.entry(arrival.call).or_default().push(*arrival);
        }
        calls
    }
}

/// Where in 20 ms the slots of a call lie, as the promptest of its packets shows; timestamps count the slots.
fn grid(arrivals: &[Arrival]) -> Option<u64> {
    let first = arrivals.first()?;
    let origin =
        |arrival: &Arrival| arrival.at.saturating_sub(u64::from(arrival.slot.wrapping_sub(first.slot)) * FRAME);
    arrivals
        .iter()
        .filter(|arrival| arrival.slot.wrapping_sub(first.slot) < 10_000)
        .map(origin)
        .min()
        .map(|at| at % FRAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: u64 = 1_000_000;

    fn arrival(slot: u32, said: u64, at: u64) -> Arrival {
        Arrival { call: 0, slot, number: slot as u16, at, sent: said, said }
    }

    #[test]
    fn waiting_for_the_slot_is_told_from_waiting_behind_others() {
        let begin = 1_000 * FRAME + 3 * MILLISECOND;
        // Said 5 ms before its slot; the second waits a whole slot more.
        let prompt = arrival(0, begin - 5 * MILLISECOND, begin);
        let queued = arrival(2, begin + FRAME - 5 * MILLISECOND, begin + 2 * FRAME);
        let heard = Heard { arrivals: vec![prompt, queued], sendings: Vec::new() };
        let [waiting, beyond] = heard.slots();
        assert_eq!(waiting.milliseconds, [5.0; 3]);
        assert_eq!((beyond.milliseconds[0], beyond.milliseconds[2]), (20.0, 20.0));
    }
}
