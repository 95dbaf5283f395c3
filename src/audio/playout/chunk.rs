use std::ops::Deref;
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

/// The longest room that is kept, in samples: 100 ms. Whoever sends longer chunks sends few.
const LONGEST_KEPT: usize = 800;

/// Rooms for chunks, shared without a lock by those who fill them and those who play them. Where none is left a new one is made,
/// where there are enough one is freed: what is under way may be any number, only its swings meet the heap. A room keeps
/// the agent's words until it is filled again.
#[derive(Clone)]
pub struct ChunkPool(Arc<ArrayQueue<Vec<i16>>>);

impl ChunkPool {
    /// An empty pool that keeps so many rooms, at least one.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self(Arc::new(ArrayQueue::new(most.max(1))))
    }

    /// These samples, in a room that comes back when they are played or dropped.
    #[must_use]
    pub fn chunk(&self, samples: &[i16]) -> Chunk {
        let mut room = self.0.pop().unwrap_or_default();
        room.clear();
        room.extend_from_slice(samples);
        Chunk { samples: room, home: Some(self.clone()) }
    }
}

/// A piece of streamed audio, of any length.
pub struct Chunk {
    samples: Vec<i16>,
    home: Option<ChunkPool>,
}

impl From<Vec<i16>> for Chunk {
    /// One whose room is freed.
    fn from(samples: Vec<i16>) -> Self {
        Self { samples, home: None }
    }
}

impl Deref for Chunk {
    type Target = [i16];

    fn deref(&self) -> &[i16] {
        &self.samples
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if let Some(home) = self.home.take()
            && self.samples.capacity() <= LONGEST_KEPT
        {
            // Where it finds no place it is freed.
            let _ = home.0.push(std::mem::take(&mut self.samples));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_comes_back_and_is_filled_anew() {
        let pool = ChunkPool::new(2);
        let first = pool.chunk(&[1; 160]);
        let place = first.as_ptr();
        drop(first);
        let second = pool.chunk(&[2; 80]);
        assert!(second.as_ptr() == place && *second == [2; 80]);
    }

    #[test]
    fn no_more_rooms_are_kept_than_agreed_and_no_long_ones() {
        let pool = ChunkPool::new(2);
        drop((pool.chunk(&[1; 160]), pool.chunk(&[1; 160]), pool.chunk(&[1; 160])));
        assert_eq!(pool.0.len(), 2);
        let (empty, long) = (ChunkPool::new(2), vec![1; LONGEST_KEPT + 1]);
        drop((empty.chunk(&long), Chunk::from(vec![1; 160])));
        assert!(empty.0.is_empty());
    }
}
