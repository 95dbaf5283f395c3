//! Marks every packet, so that it can be found again wherever it comes out.
//!
//! A stamp is twelve µ-law codes that survive decoding and encoding: four fixed, three for the call, five for the packet.
//! The rest of the packet is quiet noise (about −42 dBFS): no speech, no tone, and every detector has to look at it. Where
//! callers speak, it is speech for 40 % of the time.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicU64, Ordering},
};

use crate::wire;

/// Bytes of one packet's payload: 20 ms of µ-law.
pub(crate) const PAYLOAD: usize = 160;
/// Bytes of a stamp.
pub(crate) const STAMP: usize = 12;
/// Codes of the stamp stand for four bits each: this, or that lowered by them.
const FIRST_CODE: u8 = 0xE0;
const MAGIC: [u8; 4] = [0xE0, 0xEF, 0xE0, 0xEF];
/// Packets of a call that may be under way.
const RING: usize = 1_024;
/// Calls a stamp can tell apart.
pub(crate) const MOST_CALLS: usize = 1 << 12;

/// Packets of ten seconds, and those of them in which a caller speaks where callers do.
const TURN: usize = 500;
const SPOKEN: usize = 200;

/// Which packet of which call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) call: usize,
    pub(crate) packet: u32,
}

impl Stamp {
    /// Reads the stamp at the beginning of a payload.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let codes = payload.get(MAGIC.len()..STAMP)?;
        if payload[..MAGIC.len()] != MAGIC {
            return None;
        }
        let number = codes.iter().try_fold(0_u32, |number, code| {
            (code & 0xF0 == FIRST_CODE).then_some(number << 4 | u32::from(code & 0x0F))
        })?;
        Some(Self { call: (number >> 20) as usize, packet: number & 0xF_FFFF })
    }

    /// Where in its words the caller is, in packets; none while they listen. Calls do not speak in step.
    pub(crate) fn spoken(self) -> Option<usize> {
        Some((self.packet as usize + self.call * 37) % TURN).filter(|place| *place < SPOKEN)
    }

    /// Writes the stamp over the beginning of a payload.
    pub(crate) fn write(self, payload: &mut [u8]) {
        let number = (self.call as u32) << 20 | self.packet & 0xF_FFFF;
        payload[..MAGIC.len()].copy_from_slice(&MAGIC);
        for (place, code) in payload[MAGIC.len()..STAMP].iter_mut().enumerate() {
            *code = FIRST_CODE | (number >> (28 - 4 * place)) as u8 & 0x0F;
        }
    }
}

/// When each packet passed each point, in nanoseconds of the wall clock, and what callers say.
pub(crate) struct Board {
    calls: Vec<Track>,
    speech: RwLock<Option<Arc<[u8]>>>,
}

struct Track {
    sent: Vec<AtomicU64>,
    said: Vec<AtomicU64>,
}

impl Board {
    pub(crate) fn new(calls: usize) -> Self {
        let ring = || (0..RING).map(|_| AtomicU64::new(0)).collect();
        Self { calls: (0..calls).map(|_| Track { sent: ring(), said: ring() }).collect(), speech: RwLock::default() }
    }

    /// What callers who begin now speak, in µ-law; nothing where they only listen.
    pub(crate) fn speak(&self, speech: Option<Arc<[u8]>>) {
        *self.speech.write().unwrap_or_else(PoisonError::into_inner) = speech;
    }

    /// What callers speak.
    pub(crate) fn speech(&self) -> Option<Arc<[u8]>> {
        self.speech.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The caller is about to send it. Returns now.
    pub(crate) fn send(&self, stamp: Stamp) -> u64 {
        let now = wire::now();
        if let Some(track) = self.calls.get(stamp.call) {
            track.sent[stamp.packet as usize % RING].store(now, Ordering::Relaxed);
            track.said[stamp.packet as usize % RING].store(0, Ordering::Relaxed);
        }
        now
    }

    /// The bot is about to say it.
    pub(crate) fn say(&self, stamp: Stamp) {
        if let Some(track) = self.calls.get(stamp.call) {
            track.said[stamp.packet as usize % RING].store(wire::now(), Ordering::Relaxed);
        }
    }

    /// When the caller sent it.
    pub(crate) fn sent(&self, stamp: Stamp) -> Option<u64> {
        self.read(stamp, |track| &track.sent)
    }

    /// When the bot said it.
    pub(crate) fn said(&self, stamp: Stamp) -> Option<u64> {
        self.read(stamp, |track| &track.said)
    }

    fn read(&self, stamp: Stamp, ring: fn(&Track) -> &Vec<AtomicU64>) -> Option<u64> {
        let moment = ring(self.calls.get(stamp.call)?)[stamp.packet as usize % RING].load(Ordering::Relaxed);
        (moment != 0).then_some(moment)
    }
}
