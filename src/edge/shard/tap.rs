//! Where a leg's clean audio goes: bounded queues that never hold the media thread up.
//!
//! All taps of a leg share one copy of a frame. It lies in a room of the thread's, which is filled again once nobody reads it
//! any more: so a frame is neither allocated nor freed here, nor by those who read it. A queue's own memory is used again
//! too: tokio's links blocks of 32 places and puts one that was read to its end back behind the newest, where up to three may
//! wait.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use call::SinkKind;
use call::media::TapItem;
use gate::SinkId;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Rooms that a thread keeps at most: what a hundred recorded calls have under way while their readers are late by 40 ms.
const MOST_ROOMS: usize = 512;
/// Rooms looked at before a new one is made.
const LOOKS: usize = 8;

thread_local! {
    /// The rooms of this media thread.
    static ROOMS: RefCell<Rooms> = const { RefCell::new(Rooms(VecDeque::new())) };
}

/// Rooms of frames, most of them read by nobody any more, the longest filled one first. What is in them passed the gate, so it
/// stays until the next frame takes its place.
struct Rooms(VecDeque<Arc<TapItem>>);

impl Rooms {
    /// Moves a frame into a room that nobody reads, or into a new one. Where there are enough, one that is still read is left
    /// to its readers.
    fn fill(&mut self, item: TapItem) -> Arc<TapItem> {
        for _ in 0..LOOKS {
            let Some(mut room) = self.0.pop_front() else { break };
            if let Some(place) = Arc::get_mut(&mut room) {
                *place = item;
                return self.keep(room);
            }
            self.0.push_back(room);
        }
        if self.0.len() == MOST_ROOMS {
            self.0.pop_front();
        }
        self.keep(Arc::new(item))
    }

    fn keep(&mut self, room: Arc<TapItem>) -> Arc<TapItem> {
        self.0.push_back(Arc::clone(&room));
        room
    }
}

/// Makes a frame ready for any number of taps.
pub(super) fn shared(item: TapItem) -> Arc<TapItem> {
    ROOMS.with_borrow_mut(|rooms| rooms.fill(item))
}

/// A sink and its queue.
pub struct Tap {
    /// The sink's number in its leg.
    pub sink: SinkId,
    /// What it takes: an agent the caller's frames, a recorder also what was sent.
    pub kind: SinkKind,
    /// Its queue. Frames lie outside of it: a queue keeps room for 32 of its kind, and hardly ever holds more than one.
    pub queue: mpsc::Sender<Arc<TapItem>>,
}

/// What became of a frame at a tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offered {
    Taken,
    Full,
    Closed,
}

impl Tap {
    pub(super) fn offer(&self, item: &Arc<TapItem>) -> Offered {
        // An agent knows what it said.
        if self.kind == SinkKind::Agent && matches!(**item, TapItem::Sent { .. }) {
            return Offered::Taken;
        }
        match self.queue.try_send(Arc::clone(item)) {
            Ok(()) => Offered::Taken,
            Err(TrySendError::Full(_)) => Offered::Full,
            Err(TrySendError::Closed(_)) => Offered::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(index: u64) -> TapItem {
        TapItem::Sent { index, samples: [1; 160] }
    }

    fn index(room: &TapItem) -> u64 {
        match room {
            TapItem::Sent { index, .. } => *index,
            TapItem::Caller(frame) => frame.index(),
        }
    }

    #[test]
    fn a_room_is_filled_again_once_nobody_reads_it() {
        let mut rooms = Rooms(VecDeque::new());
        let first = rooms.fill(item(1));
        let second = rooms.fill(item(2));
        assert!(!Arc::ptr_eq(&first, &second) && index(&first) == 1, "what is read stays as it is");
        let place = Arc::as_ptr(&first);
        drop(first);
        let third = rooms.fill(item(3));
        assert!(Arc::as_ptr(&third) == place && (index(&second), index(&third)) == (2, 3));
    }

    #[test]
    fn no_more_rooms_are_kept_than_agreed_and_one_that_is_left_stays_with_its_readers() {
        let mut rooms = Rooms(VecDeque::new());
        let read: Vec<_> = (0..=MOST_ROOMS as u64).map(|number| rooms.fill(item(number))).collect();
        assert_eq!(rooms.0.len(), MOST_ROOMS);
        assert!(read.iter().enumerate().all(|(number, room)| index(room) == number as u64));
    }
}
