//! Twenty milliseconds of a caller's audio, as a decoder made it and before the gate has judged it.
//!
//! Everything here may hold a keyed digit: as a tone in samples, or as the bytes of a telephone-event or
//! an INFO body. So nothing here can be printed, cloned, compared or serialised, and all of it is wiped
//! when dropped. Only decoders make these values and only `pci/gate` looks inside them.

mod sabotage;

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use zeroize::Zeroize;

pub use sabotage::{SABOTAGE, sabotaged, spoil};

/// Length of one frame in milliseconds.
pub const FRAME_MILLIS: u32 = 20;
/// Most samples one frame can hold: 20 ms at 48 kHz.
pub const MAX_SAMPLES: usize = 960;
/// What one frame adds to an index. Indices count stream time in eighths of a millisecond, the samples of an 8 kHz leg,
/// whatever the leg's rate is: so both directions and everything that taps them share one count.
pub const INDEX_STEP: u64 = 160;
/// Most bytes kept of one telephone-event payload: four records of RFC 4733 §2.3 in one packet.
pub const MAX_EVENT_BYTES: usize = 16;
/// Most bytes kept of one INFO body that may carry a key.
pub const MAX_INFO_BYTES: usize = 256;
/// Rooms of each length that a thread keeps. Its legs take turns, and none takes more than a few before it drops as many.
const MOST_SPARE: usize = 16;

thread_local! {
    /// The rooms of this thread that nobody uses: each was wiped before it came here.
    static SPARE: RefCell<Vec<Box<[i16]>>> = const { RefCell::new(Vec::new()) };
}

/// The sampling rate of a leg, in hertz.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleRate {
    /// Narrow band: G.711.
    Hz8000,
    /// Wide band.
    Hz16000,
    /// What several speech services use.
    Hz24000,
    /// Full band: Opus.
    Hz48000,
}

impl SampleRate {
    /// The rate in hertz.
    #[must_use]
    pub const fn hertz(self) -> u32 {
        match self {
            Self::Hz8000 => 8_000,
            Self::Hz16000 => 16_000,
            Self::Hz24000 => 24_000,
            Self::Hz48000 => 48_000,
        }
    }

    /// Samples in one 20 ms frame.
    #[must_use]
    pub const fn frame_samples(self) -> usize {
        (self.hertz() / 1_000 * FRAME_MILLIS) as usize
    }
}

/// The samples of exactly one frame, wiped when dropped. Those of an 8 kHz leg, which is nearly every leg, lie in place:
/// a queue of frames is no larger than its audio, and no frame of such a leg is allocated. Those of other legs lie in rooms
/// of which each thread keeps some, to be used again.
pub struct Samples(Room);

#[expect(clippy::large_enum_variant, reason = "the large one is the common one; that is its purpose")]
enum Room {
    Narrow([i16; SampleRate::Hz8000.frame_samples()]),
    Wide(Box<[i16]>),
}

impl Samples {
    /// One frame of exact silence at `rate`.
    #[must_use]
    pub fn silence(rate: SampleRate) -> Self {
        Self(match rate {
            SampleRate::Hz8000 => Room::Narrow([0; SampleRate::Hz8000.frame_samples()]),
            SampleRate::Hz16000 | SampleRate::Hz24000 | SampleRate::Hz48000 => {
                Room::Wide(silent_room(rate.frame_samples()))
            }
        })
    }
}

impl Deref for Samples {
    type Target = [i16];

    fn deref(&self) -> &[i16] {
        match &self.0 {
            Room::Narrow(samples) => samples,
            Room::Wide(samples) => samples,
        }
    }
}

impl DerefMut for Samples {
    fn deref_mut(&mut self) -> &mut [i16] {
        match &mut self.0 {
            Room::Narrow(samples) => samples,
            Room::Wide(samples) => samples,
        }
    }
}

impl Drop for Samples {
    fn drop(&mut self) {
        self.zeroize();
        if let Room::Wide(room) = &mut self.0 {
            keep(std::mem::take(room));
        }
    }
}

/// A room of exact silence: one that was used before, or a new one.
fn silent_room(samples: usize) -> Box<[i16]> {
    let kept = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        let place = spare.iter().rposition(|room| room.len() == samples)?;
        Some(spare.swap_remove(place))
    });
    kept.ok().flatten().unwrap_or_else(|| vec![0; samples].into_boxed_slice())
}

/// Keeps a room that was wiped, where not enough are kept. A thread that ends keeps none.
fn keep(wiped: Box<[i16]>) {
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.iter().filter(|room| room.len() == wiped.len()).count() < MOST_SPARE {
            spare.push(wiped);
        }
    });
}

/// One frame of decoded audio, or the marker of a lost one, on its way to the gate.
pub struct RawFrame {
    rate: SampleRate,
    index: u64,
    lost: bool,
    samples: Samples,
}

impl RawFrame {
    /// A frame that arrived. `index` counts stream time since the leg began, [`INDEX_STEP`] for each frame; `fill` writes
    /// the decoded samples into the frame's own buffer, which is exactly one frame long and holds silence before.
    #[must_use]
    pub fn decoded(rate: SampleRate, index: u64, fill: impl FnOnce(&mut [i16])) -> Self {
        let mut frame = Self { rate, index, lost: false, samples: Samples::silence(rate) };
        fill(&mut frame.samples);
        frame
    }

    /// The marker of a frame that did not arrive in time. It reads as silence.
    #[must_use]
    pub fn lost(rate: SampleRate, index: u64) -> Self {
        Self { rate, index, lost: true, samples: Samples::silence(rate) }
    }

    /// The leg's sampling rate.
    #[must_use]
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// The stream time before this frame, [`INDEX_STEP`] for each 20 ms.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Whether this frame stands for one that never arrived.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// The samples, undecided: tones and all.
    #[must_use]
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// The samples, to be silenced in place.
    #[must_use]
    pub fn samples_mut(&mut self) -> &mut [i16] {
        &mut self.samples
    }
}

/// A telephone-event payload (RFC 4733 §2.3) exactly as it arrived, opaque until the gate reads it.
pub struct RawEvent {
    source: u32,
    timestamp: u32,
    clock_rate: u32,
    length: usize,
    payload: [u8; MAX_EVENT_BYTES],
}

impl RawEvent {
    /// Wraps a payload with the SSRC and timestamp of its packet and the payload type's clock rate in hertz.
    /// Returns `None` where the payload is empty or longer than [`MAX_EVENT_BYTES`].
    #[must_use]
    pub fn received(source: u32, timestamp: u32, clock_rate: u32, bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() || bytes.len() > MAX_EVENT_BYTES {
            return None;
        }
        let mut payload = [0; MAX_EVENT_BYTES];
        payload[..bytes.len()].copy_from_slice(bytes);
        Some(Self { source, timestamp, clock_rate, length: bytes.len(), payload })
    }

    /// The SSRC of the packet.
    #[must_use]
    pub fn source(&self) -> u32 {
        self.source
    }

    /// The RTP timestamp of the packet: the start of the event.
    #[must_use]
    pub fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// The clock of the timestamp and of the durations, in hertz.
    #[must_use]
    pub fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// The bytes, undecided.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload[..self.length]
    }
}

impl Drop for RawEvent {
    fn drop(&mut self) {
        self.payload.zeroize();
    }
}

/// The body of a SIP INFO that may carry a key (`application/dtmf-relay`, `application/dtmf`), opaque until
/// the gate reads it.
pub struct RawInfo {
    relay: bool,
    length: usize,
    body: [u8; MAX_INFO_BYTES],
}

impl RawInfo {
    /// Wraps a body. `relay` says that its type is `application/dtmf-relay` (lines of `name=value`) rather than
    /// `application/dtmf` (the bare key). Returns `None` where the body is longer than [`MAX_INFO_BYTES`].
    #[must_use]
    pub fn received(relay: bool, bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_INFO_BYTES {
            return None;
        }
        let mut body = [0; MAX_INFO_BYTES];
        body[..bytes.len()].copy_from_slice(bytes);
        Some(Self { relay, length: bytes.len(), body })
    }

    /// Whether the body is of type `application/dtmf-relay`.
    #[must_use]
    pub fn is_relay(&self) -> bool {
        self.relay
    }

    /// The bytes, undecided.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body[..self.length]
    }
}

impl Drop for RawInfo {
    fn drop(&mut self) {
        self.body.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoded_frame_is_as_long_as_its_rate_says() {
        let frame = RawFrame::decoded(SampleRate::Hz8000, 320, |samples| samples.fill(7));
        assert_eq!((frame.samples().len(), frame.index(), frame.is_lost()), (160, 320, false));
        assert!(frame.samples().iter().all(|&sample| sample == 7));
    }

    #[test]
    fn a_lost_frame_reads_as_silence() {
        let frame = RawFrame::lost(SampleRate::Hz16000, 0);
        assert!(frame.is_lost() && frame.samples().len() == 320 && frame.samples().iter().all(|&sample| sample == 0));
    }

    #[test]
    fn a_room_is_used_again_and_holds_nothing_of_before() {
        let first = RawFrame::decoded(SampleRate::Hz16000, 0, |samples| samples.fill(7));
        let place = first.samples().as_ptr();
        drop(first);
        let longer = Samples::silence(SampleRate::Hz48000);
        let second = RawFrame::decoded(SampleRate::Hz16000, 160, |samples| {
            assert!(samples.len() == 320 && samples.iter().all(|&sample| sample == 0));
        });
        assert!(second.samples().as_ptr() == place && longer.len() == 960);
    }

    #[test]
    fn a_thread_keeps_a_few_rooms_of_each_length() {
        let rates = [SampleRate::Hz16000, SampleRate::Hz24000];
        let frames: Vec<Samples> =
            rates.into_iter().flat_map(|rate| (0..100).map(move |_| Samples::silence(rate))).collect();
        drop(frames);
        SPARE.with_borrow(|spare| assert_eq!(spare.len(), 2 * MOST_SPARE));
    }

    #[test]
    fn payloads_beyond_their_bound_are_refused() {
        assert!(RawEvent::received(1, 2, 8_000, &[0; 17]).is_none());
        assert!(RawEvent::received(1, 2, 8_000, &[]).is_none());
        assert!(RawInfo::received(true, &[0; 257]).is_none());
    }
}
