//! Where a leg's clean audio goes: bounded queues that never hold the media thread up.

use call::SinkKind;
use call::media::TapItem;
use gate::SinkId;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// A sink and its queue.
pub struct Tap {
    /// The sink's number in its leg.
    pub sink: SinkId,
    /// What it takes: an agent the caller's frames, a recorder also what was sent.
    pub kind: SinkKind,
    /// Its queue. Frames lie outside of it: a queue keeps room for 32 of its kind, and hardly ever holds more than one.
    pub queue: mpsc::Sender<Box<TapItem>>,
}

/// What became of a frame at a tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offered {
    Taken,
    Full,
    Closed,
}

impl Tap {
    pub(super) fn offer(&self, item: &TapItem) -> Offered {
        let copy = match (self.kind, item) {
            (SinkKind::Agent, TapItem::Sent { .. }) => return Offered::Taken,
            (SinkKind::Recorder, TapItem::Sent { index, samples }) => {
                TapItem::Sent { index: *index, samples: *samples }
            }
            (SinkKind::Agent | SinkKind::Recorder, TapItem::Caller(frame)) => TapItem::Caller(frame.share()),
        };
        match self.queue.try_send(Box::new(copy)) {
            Ok(()) => Offered::Taken,
            Err(TrySendError::Full(_)) => Offered::Full,
            Err(TrySendError::Closed(_)) => Offered::Closed,
        }
    }
}
