//! Where a leg's clean audio goes: bounded queues that never hold the media thread up.

use call::SinkKind;
use call::media::TapItem;
use gate::{CleanFrame, SinkId};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// The queue of a tap.
pub enum TapSender {
    /// The caller's frames, for an agent.
    Frames(mpsc::Sender<CleanFrame>),
    /// Both directions, for a recorder.
    Items(mpsc::Sender<TapItem>),
}

/// A sink and its queue.
pub struct Tap {
    /// The sink's number in its leg.
    pub sink: SinkId,
    /// Its queue.
    pub sender: TapSender,
}

/// What became of a frame at a tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offered {
    Taken,
    Full,
    Closed,
}

impl Tap {
    pub(super) fn kind(&self) -> SinkKind {
        match self.sender {
            TapSender::Frames(_) => SinkKind::Agent,
            TapSender::Items(_) => SinkKind::Recorder,
        }
    }

    /// The queue's name in metrics.
    pub(super) fn queue(&self) -> &'static str {
        match self.sender {
            TapSender::Frames(_) => "tap_agent",
            TapSender::Items(_) => "tap_recorder",
        }
    }

    pub(super) fn offer(&self, item: &TapItem) -> Offered {
        match (&self.sender, item) {
            (TapSender::Frames(queue), TapItem::Caller(frame)) => offered(queue.try_send(frame.share())),
            (TapSender::Frames(_), TapItem::Sent { .. }) => Offered::Taken,
            (TapSender::Items(queue), TapItem::Caller(frame)) => {
                offered(queue.try_send(TapItem::Caller(frame.share())))
            }
            (TapSender::Items(queue), TapItem::Sent { index, samples }) => {
                offered(queue.try_send(TapItem::Sent { index: *index, samples: *samples }))
            }
        }
    }
}

fn offered<T>(result: Result<(), TrySendError<T>>) -> Offered {
    match result {
        Ok(()) => Offered::Taken,
        Err(TrySendError::Full(_)) => Offered::Full,
        Err(TrySendError::Closed(_)) => Offered::Closed,
    }
}
