//! The two sides of a recording, brought together by sample index.

use std::collections::VecDeque;

/// One side waits this long for the other, in samples: 400 ms.
const LAG: usize = 3_200;
/// A gap longer than this is not filled: the index has jumped. In samples: one minute.
const LONGEST_GAP: u64 = 480_000;

/// A sample of the caller, `None` where the gate has muted them, and of what was sent at the same time.
pub(super) type Pair = (Option<i16>, i16);

/// One side: the samples that are not yet written, and the index that comes next.
#[derive(Default)]
pub(super) struct Track {
    next: Option<u64>,
    /// `None` where the side is mute.
    samples: VecDeque<Option<i16>>,
    is_muted: bool,
}

impl Track {
    /// Adds samples at their index. A gap before them becomes silence; what is older than what was written is dropped.
    pub(super) fn put(&mut self, index: u64, samples: &[i16]) {
        self.add(index, samples.iter().copied().map(Some));
        self.is_muted = false;
    }

    /// The side is mute at this index for so many samples, and from there until it is heard again.
    pub(super) fn mute(&mut self, index: u64, samples: usize) {
        self.is_muted = true;
        self.add(index, std::iter::repeat_n(None, samples));
    }

    fn add(&mut self, index: u64, samples: impl ExactSizeIterator<Item = Option<i16>>) {
        let next = *self.next.get_or_insert(index);
        let gap = index.saturating_sub(next);
        if gap > LONGEST_GAP {
            metrics::counter!("tonegate_drops_total", "queue" => "recorder", "reason" => "jump").increment(1);
            return;
        }
        let late = usize::try_from(next.saturating_sub(index)).unwrap_or(usize::MAX).min(samples.len());
        self.fill(gap);
        let added = (samples.len() - late) as u64;
        self.samples.extend(samples.skip(late));
        self.next = self.next.map(|next| next + added);
    }

    fn fill(&mut self, silence: u64) {
        let silent = if self.is_muted { None } else { Some(0) };
        self.samples.extend((0..silence).map(|_| silent));
        self.next = self.next.map(|next| next + silence);
    }
}

/// Both sides.
#[derive(Default)]
pub(super) struct Tracks {
    /// The caller.
    pub(super) left: Track,
    /// What was sent.
    pub(super) right: Track,
}

impl Tracks {
    /// Takes what can be written: what both sides have, what one side has had for long, or everything.
    pub(super) fn take(&mut self, everything: bool) -> Vec<Pair> {
        self.align();
        let (left, right) = (self.left.samples.len(), self.right.samples.len());
        let longer = left.max(right);
        let ready = if everything { longer } else { left.min(right).max(longer.saturating_sub(LAG)) };
        for track in [&mut self.left, &mut self.right] {
            let missing = ready.saturating_sub(track.samples.len());
            track.fill(missing as u64);
        }
        let sent = self.right.samples.drain(..ready).map(Option::unwrap_or_default);
        self.left.samples.drain(..ready).zip(sent).collect()
    }

    /// Lets both sides begin at the same index: the earlier of their first ones.
    fn align(&mut self) {
        let begin = |track: &Track| track.next.map(|next| next - track.samples.len() as u64);
        match (begin(&self.left), begin(&self.right)) {
            (Some(left), Some(right)) => {
                let first = left.min(right);
                lead(&mut self.left, left - first);
                lead(&mut self.right, right - first);
            }
            (Some(left), None) => self.right.next = Some(left),
            (None, Some(right)) => self.left.next = Some(right),
            (None, None) => {}
        }
    }
}

fn lead(track: &mut Track, silence: u64) {
    for _ in 0..silence.min(LONGEST_GAP) {
        track.samples.push_front(Some(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard<const N: usize>(pairs: [(i16, i16); N]) -> [Pair; N] {
        pairs.map(|(left, right)| (Some(left), right))
    }

    #[test]
    fn a_mute_is_told_from_silence_and_so_is_what_is_lost_in_it() {
        let mut tracks = Tracks::default();
        tracks.left.put(0, &[1, 0]);
        tracks.left.mute(2, 1);
        tracks.left.mute(4, 1);
        tracks.left.put(6, &[7]);
        tracks.right.put(0, &[9; 7]);
        let left: Vec<_> = tracks.take(false).into_iter().map(|(left, _)| left).collect();
        assert_eq!(left, [Some(1), Some(0), None, None, None, None, Some(7)]);
    }

    #[test]
    fn both_sides_are_aligned_by_their_index() {
        let mut tracks = Tracks::default();
        tracks.left.put(100, &[1, 2, 3, 4]);
        tracks.right.put(102, &[7, 8, 9]);
        assert_eq!(tracks.take(false), heard([(1, 0), (2, 0), (3, 7), (4, 8)]));
        tracks.left.put(104, &[5]);
        assert_eq!(tracks.take(false), heard([(5, 9)]));
    }

    #[test]
    fn a_gap_becomes_silence_and_what_comes_late_is_dropped() {
        let mut tracks = Tracks::default();
        tracks.left.put(0, &[1]);
        tracks.left.put(3, &[4]);
        tracks.right.put(0, &[9; 4]);
        assert_eq!(tracks.take(false), heard([(1, 9), (0, 9), (0, 9), (4, 9)]));
        tracks.left.put(2, &[7, 7, 5]);
        tracks.right.put(4, &[9]);
        assert_eq!(tracks.take(false), heard([(5, 9)]));
    }

    #[test]
    fn one_side_waits_only_so_long_for_the_other() {
        let mut tracks = Tracks::default();
        tracks.left.put(0, &vec![1; LAG]);
        assert_eq!(tracks.take(false), []);
        tracks.left.put(LAG as u64, &[1; 160]);
        assert_eq!(tracks.take(false), heard([(1, 0); 160]));
        assert_eq!(tracks.take(true).len(), LAG);
    }

    #[test]
    fn an_index_that_jumps_is_not_followed() {
        let mut tracks = Tracks::default();
        tracks.left.put(0, &[1]);
        tracks.left.put(u64::MAX / 2, &[2]);
        assert_eq!(tracks.take(true), heard([(1, 0)]));
    }
}
