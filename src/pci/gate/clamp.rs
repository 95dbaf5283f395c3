//! The delay line: one frame is held until the next has been judged.
//!
//! A frame leaves silent where a window in it, in the frame before or in the frame after looks like a key, and around
//! telephone-events. Beside a lost frame a tone may begin or end too late to be judged, so where that is audible it is
//! silenced too: [`Ear::blind`], in which any tone could hide, or [`UNJUDGED`] where what touches the loss looks like a key.

use std::time::{Duration, Instant};

use frame::{RawFrame, SampleRate, Samples};
use tones::{
    ear::{Ear, UNJUDGED},
    narrow::FRAME,
    suspicion::{Suspicion, suspects_edge},
};
use zeroize::Zeroize;

use crate::{CleanFrame, clean::Missing, detector::Detector, key::Key};

/// How long audio is silenced after a telephone-event's packet: 40 ms of margin, a lost packet of the event, and the
/// audio that still waits in a jitter buffer.
const AROUND_EVENTS: Duration = Duration::from_millis(160);

/// Lost frames in a row, 2 s of them, through which a tone that they cut may go on.
const LONGEST_HOLD: u32 = 100;

struct Held {
    frame: RawFrame,
    /// Silenced whole.
    clamped: bool,
    /// Silenced beside a loss, in samples at 8 kHz.
    hidden: Missing,
    ends_audibly: bool,
}

/// Judges every frame and holds the last one.
#[derive(Default)]
pub(crate) struct Clamp {
    ear: Ear,
    suspicion: Suspicion,
    detector: Detector,
    held: Option<Held>,
    /// The last received frame was suspicious.
    trailing: bool,
    /// How many frames were lost since that one.
    losses: u32,
    events_until: Option<Instant>,
}

/// What a frame brought.
#[derive(Default)]
pub(crate) struct Judged {
    /// The frame before it, if its wait is over.
    pub(crate) released: Option<CleanFrame>,
    /// A key that this frame made a press.
    pub(crate) key: Option<Key>,
    /// A key is held down.
    pub(crate) pressed: bool,
    /// Something in it may be a key, or it is lost and a tone before it may go on.
    pub(crate) suspected: bool,
    begins_audibly: bool,
    ends_audibly: bool,
    /// What touches the loss before it, or after what came before it, may be a key.
    toned_edge: bool,
}

impl Clamp {
    pub(crate) fn new(rate: SampleRate) -> Self {
        Self { ear: Ear::new(rate), ..Self::default() }
    }

    /// A telephone-event was received: the held frame and what follows is silenced.
    pub(crate) fn event(&mut self, now: Instant) {
        self.events_until = Some(now + AROUND_EVENTS);
    }

    /// Takes a frame and gives the one before it.
    pub(crate) fn handle_frame(&mut self, now: Instant, frame: RawFrame) -> Judged {
        let is_lost = frame.is_lost();
        let mut judged = if is_lost { self.skip() } else { self.listen(&frame) };
        let clamped = judged.suspected || self.events_until.is_some_and(|until| now < until);
        let beside_loss = if judged.toned_edge { UNJUDGED } else { self.ear.blind() };
        judged.released = self.held.take().map(|mut held| {
            held.clamped |= clamped && !frame::sabotaged("skip_delay_line");
            held.hidden.tail = if is_lost && held.ends_audibly { beside_loss } else { 0 };
            held.release()
        });
        let hidden = Missing { head: if self.losses > 0 && judged.begins_audibly { beside_loss } else { 0 }, tail: 0 };
        let clamped = clamped || self.trailing;
        self.held = Some(Held { frame, clamped, hidden, ends_audibly: judged.ends_audibly });
        self.losses = if is_lost { self.losses.saturating_add(1) } else { 0 };
        if !is_lost {
            self.trailing = judged.suspected;
        }
        judged.suspected |= is_lost && self.trailing && self.losses <= LONGEST_HOLD;
        judged.pressed = self.detector.is_pressed();
        judged
    }

    /// A capture has ended: the held frame was heard in it, and leaves as silence.
    pub(crate) fn flush(&mut self) {
        if let Some(held) = &mut self.held {
            held.frame.samples_mut().zeroize();
            held.ends_audibly = false;
        }
        self.ear.clear();
        self.suspicion.clear();
        self.detector = Detector::default();
        self.trailing = false;
    }

    fn skip(&mut self) -> Judged {
        self.suspicion.clear();
        self.detector.lost();
        Judged { toned_edge: suspects_edge(self.ear.lose().as_ref()), ..Judged::default() }
    }

    fn listen(&mut self, frame: &RawFrame) -> Judged {
        let mut judged = Judged::default();
        let [begins_audibly, ends_audibly] = self.ear.hear(frame.samples(), |hop| {
            judged.suspected |= self.suspicion.hop(hop);
            judged.toned_edge |= suspects_edge(hop.edge.as_ref());
            judged.key = self.detector.hop(hop).or(judged.key.take());
        });
        Judged { begins_audibly, ends_audibly, ..judged }
    }
}

impl Held {
    fn release(self) -> CleanFrame {
        let (rate, index, heard) = (self.frame.rate(), self.frame.index(), self.frame.samples());
        let (mut samples, mut missing) = (Samples::silence(rate), Missing::default());
        let lost = self.frame.is_lost() && !self.clamped;
        if lost {
            missing.head = heard.len();
        } else if !self.clamped {
            missing.head = heard.len() * self.hidden.head / FRAME;
            missing.tail = (heard.len() * self.hidden.tail / FRAME).min(heard.len() - missing.head);
            let known = missing.head..heard.len() - missing.tail;
            samples[known.clone()].copy_from_slice(&heard[known]);
        }
        frame::spoil(&mut samples, &self.frame, self.clamped);
        let clamped = self.clamped || self.hidden != Missing::default();
        CleanFrame { rate, index, lost, missing, clamped, voice: false, epoch: None, samples }
    }
}
