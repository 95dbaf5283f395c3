//! The delay line: one frame is held until the next has been judged.
//!
//! A frame leaves silent where a window in it, in the frame before or in the frame after looks like a key, and around
//! telephone-events. Beside a lost frame a tone may begin or end too late to be judged, so where that is audible it is silenced
//! too: [`BLIND`] or [`BLIND_BEHIND_FILTER`], in which any tone could hide, and [`UNJUDGED`] where what touches the loss looks like a key.

use std::time::{Duration, Instant};

use frame::{RawFrame, SampleRate, Samples};
use zeroize::Zeroize;

use crate::{
    CleanFrame, MuteEpoch,
    bank::{Bank, EDGE_BLOCKS, HOP},
    clean::Missing,
    detector::Detector,
    key::Key,
    narrow::{FRAME, Narrow},
    suspicion::{Suspicion, is_audible, suspects_edge},
};

/// How long audio is silenced after a telephone-event's packet: 40 ms of margin, a lost packet of the event, and the
/// audio that still waits in a jitter buffer.
const AROUND_EVENTS: Duration = Duration::from_millis(160);
/// The longest that a suspicion takes, in samples at 8 kHz: 12 ms.
const UNJUDGED: usize = 96;
/// What beside a loss is too short to be looked at, in samples at 8 kHz: 4 ms. A tone that is longer fills it.
const BLIND: usize = EDGE_BLOCKS * HOP;
/// The same above 8 kHz, where a filter lies before what looks: 6 ms.
const BLIND_BEHIND_FILTER: usize = BLIND + HOP;

struct Held {
    frame: RawFrame,
    /// Silenced whole.
    clamped: bool,
    /// Samples at 8 kHz silenced at its beginning, because the frame before was lost.
    headless: usize,
    /// Samples at 8 kHz silenced at its end, because the frame after was lost.
    tailless: usize,
    ends_audibly: bool,
}

/// What was heard in a frame.
#[derive(Clone, Copy, Default)]
struct Heard {
    suspected: bool,
    begins_audibly: bool,
    ends_audibly: bool,
    /// What touches the loss before it, or after what came before it, may be a key.
    toned_edge: bool,
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
    /// The last frame was lost.
    after_loss: bool,
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
        let (trailing, after_loss) = (false, false);
        Self { narrow, bank, suspicion, detector, held: None, trailing, after_loss, events_until: None }
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
        let heard = if frame.is_lost() { self.skip() } else { self.listen(&frame, &mut judged) };
        let around_event = self.events_until.is_some_and(|until| now < until);
        if let Some(mut held) = self.held.take() {
            held.clamped |= heard.suspected || around_event;
            if frame.is_lost() && held.ends_audibly {
                held.tailless = self.hidden(heard.toned_edge);
            }
            judged.released = Some(held.release(epoch));
        }
        judged.tone = heard.suspected || self.is_pressed();
        self.hold(frame, heard, around_event);
        judged
    }

    fn hold(&mut self, frame: RawFrame, heard: Heard, around_event: bool) {
        let clamped = heard.suspected || self.trailing || around_event;
        let headless = if self.after_loss && heard.begins_audibly { self.hidden(heard.toned_edge) } else { 0 };
        self.after_loss = frame.is_lost();
        if !frame.is_lost() {
            self.trailing = heard.suspected;
        }
        self.held = Some(Held { frame, clamped, headless, tailless: 0, ends_audibly: heard.ends_audibly });
    }

    /// A capture has ended: the held frame was heard in it, and leaves as silence.
    pub(crate) fn flush(&mut self) {
        if let Some(held) = &mut self.held {
            held.frame.samples_mut().zeroize();
            held.ends_audibly = false;
        }
        self.forget();
        self.detector.clear();
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

    fn blind(&self) -> usize {
        if self.narrow.delays() { BLIND_BEHIND_FILTER } else { BLIND }
    }

    /// How much beside a loss is silenced, in samples at 8 kHz.
    fn hidden(&self, toned_edge: bool) -> usize {
        if toned_edge { UNJUDGED } else { self.blind() }
    }

    fn skip(&mut self) -> Heard {
        let toned_edge = suspects_edge(self.bank.edge().as_ref());
        self.forget();
        self.detector.lost();
        Heard { toned_edge, ..Heard::default() }
    }

    fn listen(&mut self, frame: &RawFrame, judged: &mut Judged) -> Heard {
        let (mut suspected, mut toned_edge) = (false, false);
        let edge = self.blind() / HOP;
        let mut line = self.narrow.frame(frame.samples());
        for samples in line.as_chunks().0 {
            let hop = self.bank.push(samples);
            suspected |= self.suspicion.hop(&hop);
            toned_edge |= self.bank.has_just(edge) && suspects_edge(self.bank.edge().as_ref());
            if let Some(key) = self.detector.hop(&hop) {
                judged.key = Some(key);
            }
        }
        let (begins_audibly, ends_audibly) = (is_audible(&line[..UNJUDGED]), is_audible(&line[FRAME - UNJUDGED..]));
        line.zeroize();
        Heard { suspected, begins_audibly, ends_audibly, toned_edge }
    }
}

impl Held {
    fn release(self, epoch: Option<MuteEpoch>) -> CleanFrame {
        let muted = epoch.is_some();
        let (rate, index) = (self.frame.rate(), self.frame.index());
        let mut samples = Samples::silence(rate);
        let lost = self.frame.is_lost() && !muted && !self.clamped;
        let mut missing = Missing::default();
        if lost {
            missing.head = samples.len();
        } else if !muted && !self.clamped {
            let heard = self.frame.samples();
            missing.head = heard.len() * self.headless / FRAME;
            missing.tail = (heard.len() * self.tailless / FRAME).min(heard.len() - missing.head);
            let known = missing.head..heard.len() - missing.tail;
            samples[known.clone()].copy_from_slice(&heard[known]);
        }
        let clamped = (self.clamped || self.headless + self.tailless > 0) && !muted;
        CleanFrame { rate, index, lost, missing, clamped, voice: false, epoch, samples }
    }
}
