//! The delay line: one frame is held until the next has been judged.
//!
//! A frame leaves silent where a window in it, in the frame before or in the frame after looks like a key; where the
//! frame after is missing and the held one ends audibly, because a tone may begin there; and around telephone-events.

use std::time::{Duration, Instant};

use frame::{MAX_SAMPLES, RawFrame, SampleRate};
use zeroize::Zeroize;

use crate::{
    CleanFrame, MuteEpoch,
    bank::Bank,
    detector::Detector,
    key::Key,
    narrow::Narrow,
    suspicion::{Suspicion, is_audible},
};

/// How long audio is silenced after a telephone-event's packet: 40 ms of margin, a lost packet of the event, and the
/// audio that still waits in a jitter buffer.
const AROUND_EVENTS: Duration = Duration::from_millis(160);
/// The end of a held frame that is looked at when the next one is missing: 12 ms, the longest that a suspicion takes.
const UNJUDGED: usize = 96;

struct Held {
    frame: RawFrame,
    clamped: bool,
    ends_audibly: bool,
}

/// Judges every frame and holds the last one.
pub(crate) struct Clamp {
    narrow: Narrow,
    bank: Bank,
    suspicion: Suspicion,
    detector: Detector,
    held: Option<Held>,
    /// The last received frame was suspicious.
    trailing: bool,
    events_until: Option<Instant>,
}

/// What a frame brought.
#[derive(Default)]
pub(crate) struct Judged {
    /// The frame before it, if its wait is over.
    pub(crate) released: Option<CleanFrame>,
    /// A key that this frame made a press.
    pub(crate) key: Option<Key>,
    /// Something in it sounds like a key.
    pub(crate) tone: bool,
}

impl Clamp {
    pub(crate) fn new(rate: SampleRate) -> Self {
        let (suspicion, detector) = (Suspicion::new(), Detector::new());
        let (narrow, bank) = (Narrow::new(rate), Bank::new());
        Self { narrow, bank, suspicion, detector, held: None, trailing: false, events_until: None }
    }

    /// Whether the detector holds a key down.
    pub(crate) fn is_pressed(&self) -> bool {
        self.detector.is_pressed()
    }

    /// The index of the held frame.
    pub(crate) fn held_index(&self) -> Option<u64> {
        self.held.as_ref().map(|held| held.frame.index())
    }

    /// A telephone-event was received: the held frame and what follows is silenced.
    pub(crate) fn event(&mut self, now: Instant) {
        self.events_until = Some(now + AROUND_EVENTS);
    }

    /// Takes a frame and gives the one before it, muted where `epoch` says so.
    pub(crate) fn handle_frame(&mut self, now: Instant, frame: RawFrame, epoch: Option<MuteEpoch>) -> Judged {
        let mut judged = Judged::default();
        let (suspected, ends_audibly) = if frame.is_lost() { self.skip() } else { self.listen(&frame, &mut judged) };
        let around_event = self.events_until.is_some_and(|until| now < until);
        if let Some(mut held) = self.held.take() {
            held.clamped |= suspected || around_event || (frame.is_lost() && held.ends_audibly);
            judged.released = Some(held.release(epoch));
        }
        let clamped = suspected || self.trailing || around_event;
        if !frame.is_lost() {
            self.trailing = suspected;
        }
        judged.tone = suspected || self.is_pressed();
        self.held = Some(Held { frame, clamped, ends_audibly });
        judged
    }

    /// A capture has ended: the held frame was heard in it, and leaves as silence.
    pub(crate) fn flush(&mut self) {
        if let Some(held) = &mut self.held {
            held.frame.samples_mut().zeroize();
            held.ends_audibly = false;
        }
        self.forget();
        self.trailing = false;
    }

    /// The call has ended: the held frame is wiped.
    pub(crate) fn close(&mut self) {
        self.flush();
        self.held = None;
    }

    fn forget(&mut self) {
        self.bank.clear();
        self.narrow.clear();
        self.suspicion.clear();
    }

    fn skip(&mut self) -> (bool, bool) {
        self.forget();
        self.detector.lost();
        (false, false)
    }

    /// Judges a received frame: whether a key is suspected in it, and whether its end is audible.
    fn listen(&mut self, frame: &RawFrame, judged: &mut Judged) -> (bool, bool) {
        let (mut suspected, mut end, mut place) = (false, [0.0; UNJUDGED], 0);
        let (bank, suspicion, detector) = (&mut self.bank, &mut self.suspicion, &mut self.detector);
        self.narrow.each(frame.samples(), |sample| {
            end[place % UNJUDGED] = sample;
            place += 1;
            if let Some(hop) = bank.push(sample) {
                suspected |= suspicion.hop(&hop);
                if let Some(key) = detector.hop(&hop) {
                    judged.key = Some(key);
                }
            }
        });
        let audible = is_audible(&end);
        end.zeroize();
        (suspected, audible)
    }
}

impl Held {
    fn release(self, epoch: Option<MuteEpoch>) -> CleanFrame {
        let clamped = self.clamped && epoch.is_none();
        let silent = self.clamped || epoch.is_some();
        let mut samples = [0; MAX_SAMPLES];
        if !silent {
            samples[..self.frame.samples().len()].copy_from_slice(self.frame.samples());
        }
        // Concealment must not fill what is silenced, nor repeat what went before it.
        let lost = self.frame.is_lost() && !silent;
        let (rate, index) = (self.frame.rate(), self.frame.index());
        CleanFrame { rate, index, lost, clamped, voice: false, epoch, samples }
    }
}
