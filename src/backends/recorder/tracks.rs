//! The two sides of a recording, brought together by sample index.

use std::collections::VecDeque;

use super::{Gaps, HERTZ};

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
    /// The index after the newest frame; none before the first.
    heard: Option<u64>,
    /// Samples that were dropped on their way here or came too late. Silence is in their place.
    missing: u64,
}

impl Track {
    /// Adds samples at their index. A gap before them becomes silence; what is older than what was written is dropped.
    pub(super) fn put(&mut self, index: u64, samples: &[i16]) {
        self.missing += match self.add(index, samples.iter().copied().map(Some)) {
            Some(late) => self.hear(index, samples.len(), late),
            None => samples.len() as u64,
        };
        self.is_muted = false;
    }

    /// The side is mute at this index for so many samples, and from there until it is heard again.
    pub(super) fn mute(&mut self, index: u64, samples: usize) {
        let was_muted = std::mem::replace(&mut self.is_muted, true);
        if self.add(index, std::iter::repeat_n(None, samples)).is_some() {
            let missing = self.hear(index, samples, 0);
            // What is lost between two frames of a mute was as silent as they are.
            self.missing += if was_muted { 0 } else { missing };
        }
    }

    /// Adds samples, and returns how many of them come too late; `None` where the index has jumped.
    fn add(&mut self, index: u64, samples: impl ExactSizeIterator<Item = Option<i16>>) -> Option<usize> {
        let next = *self.next.get_or_insert(index);
        let gap = index.saturating_sub(next);
        if gap > LONGEST_GAP {
            metrics::counter!("tonegate_drops_total", "queue" => "recorder", "reason" => "jump").increment(1);
            return None;
        }
        let late = usize::try_from(next.saturating_sub(index)).unwrap_or(usize::MAX).min(samples.len());
        self.fill(gap);
        let added = (samples.len() - late) as u64;
        self.samples.extend(samples.skip(late));
        self.next = self.next.map(|next| next + added);
        Some(late)
    }

    /// Remembers that a frame was added, and returns how much is missing before it and of it. Frames follow each other without
    /// a hole in their index whatever the caller and the line do, so what is not there was lost on its way here.
    fn hear(&mut self, index: u64, samples: usize, late: usize) -> u64 {
        let Some(heard) = self.heard else {
            // One side may begin before the other.
            self.heard = self.next;
            return 0;
        };
        self.heard = Some(heard.max(index + samples as u64));
        let too_late = (index + late as u64).saturating_sub(index.max(heard));
        index.saturating_sub(heard) + too_late
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
    /// What is missing so far.
    pub(super) fn gaps(&self) -> Gaps {
        let millis = |track: &Track| track.missing.div_ceil(u64::from(HERTZ) / 1_000);
        Gaps { caller_ms: millis(&self.left), sent_ms: millis(&self.right) }
    }

    /// Takes what can be written: what both sides have, what one side has had for long, or everything.
    pub(super) fn take(&mut self, everything: bool) -> Vec<Pair> {
        self.align();
        let (left, right) = (self.left.samples.len(), self.right.samples.len());
        let longer = left.max(right);
        let ready = if everything { longer } else { left.min(right).max(longer.saturating_sub(LAG)) };
        for track in [&mut self.left, &mut self.right] {
            let missing = ready.saturating_sub(track.samples.len()) as u64;
            track.fill(missing);
            if everything {
                // What is not waited for is not lost on its way here.
                track.heard = track.heard.map(|heard| heard + missing);
            }
        }
        let sent = self.right.samples.drain(..ready).map(Option::unwrap_or_default);
        self.left.samples.drain(..ready).zip(sent).collect()
    }

    /// The index of the sample that is taken next.
    pub(super) fn next_index(&self) -> u64 {
        let next = |track: &Track| track.next.map(|next| next - track.samples.len() as u64);
        next(&self.left).or_else(|| next(&self.right)).unwrap_or(0)
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

    /// What is missing of both sides after a call, in milliseconds. Frames of the caller, by their place and whether they are
    /// muted, come so many frames late, and those that were sent at once; what can be written is taken after each pair.
    fn missing(caller: &[(u64, bool)], late: u64, sent: &(impl Iterator<Item = u64> + Clone)) -> (u64, u64) {
        let mut tracks = Tracks::default();
        for tick in 0..700 {
            for (frame, is_muted) in caller.iter().filter(|(frame, _)| frame + late == tick) {
                match is_muted {
                    true => tracks.left.mute(frame * 160, 160),
                    false => tracks.left.put(frame * 160, &[1; 160]),
                }
            }
            sent.clone().filter(|frame| *frame == tick).for_each(|frame| tracks.right.put(frame * 160, &[2; 160]));
            tracks.take(false);
        }
        let Gaps { caller_ms, sent_ms } = tracks.gaps();
        (caller_ms, sent_ms)
    }

    /// Frames of a caller who is muted in some of them.
    fn caller(frames: impl Iterator<Item = u64>, muted: std::ops::Range<u64>) -> Vec<(u64, bool)> {
        frames.map(|frame| (frame, muted.contains(&frame))).collect()
    }

    #[test]
    fn frames_that_are_lost_on_their_way_are_missing() {
        let holed = (0..200).filter(|frame| !(50..60).contains(frame));
        assert_eq!(missing(&caller(0..200, 0..0), 3, &(0..200)), (0, 0));
        assert_eq!(missing(&caller(holed.clone(), 0..0), 3, &(0..200)), (200, 0));
        assert_eq!(missing(&caller(0..200, 0..0), 3, &holed), (0, 200));
        // For longer than one side waits for the other.
        let stalled = (0..300).filter(|frame| !(50..150).contains(frame));
        assert_eq!(missing(&caller(stalled.clone(), 0..0), 0, &stalled), (2_000, 2_000));
    }

    #[test]
    fn what_comes_too_late_is_missing_and_what_comes_twice_is_not() {
        let mut tracks = Tracks::default();
        // The caller's frames stop for a second, and then come all at once.
        for frame in 0..100 {
            let came = match frame {
                20..70 => 0..0,
                70 => 20..71,
                _ => frame..frame + 1,
            };
            came.for_each(|frame| tracks.left.put(frame * 160, &[1; 160]));
            tracks.right.put(frame * 160, &[2; 160]);
            tracks.take(false);
        }
        assert_eq!(tracks.gaps(), Gaps { caller_ms: 1_000 - LAG as u64 / 8, sent_ms: 0 });
        let twice = (0..100).map(|frame| if frame % 10 == 5 { frame - 1 } else { frame });
        assert_eq!(missing(&caller(twice, 0..0), 3, &(0..100)), (200, 0), "each has taken the place of another");
    }

    #[test]
    fn neither_a_mute_nor_a_side_that_begins_later_is_a_gap() {
        assert_eq!(missing(&caller(0..200, 50..150), 3, &(0..200)), (0, 0));
        // Lost in a mute, where there was nothing to be heard; at its beginning there may have been.
        let lost = |frames: std::ops::Range<u64>| (0..200).filter(move |frame| !frames.contains(frame));
        assert_eq!(missing(&caller(lost(100..110), 50..150), 3, &(0..200)), (0, 0));
        assert_eq!(missing(&caller(lost(45..55), 50..150), 3, &(0..200)), (200, 0));
        // The caller is as late as lines let them be, or is heard only after a while.
        assert_eq!(missing(&caller(0..200, 0..0), 12, &(12..212)), (0, 0));
        assert_eq!(missing(&caller(400..600, 0..0), 3, &(0..600)), (0, 0));
    }

    #[test]
    fn what_a_mute_does_not_wait_for_is_not_missing_and_what_was_lost_before_is() {
        for (lost, expected) in [(0..0, 0), (10..60, 1_000)] {
            let mut tracks = Tracks::default();
            for frame in 0_u64..103 {
                tracks.left.put(frame * 160, &[1; 160]);
                if frame < 100 && !lost.contains(&frame) {
                    tracks.right.put(frame * 160, &[2; 160]);
                }
                tracks.take(false);
            }
            tracks.left.mute(103 * 160, 160);
            tracks.take(true);
            (100..120).for_each(|frame| tracks.right.put(frame * 160, &[2; 160]));
            assert_eq!(tracks.gaps(), Gaps { caller_ms: 0, sent_ms: expected });
        }
    }

    #[test]
    fn an_index_that_jumps_is_not_followed() {
        let mut tracks = Tracks::default();
        tracks.left.put(0, &[1]);
        tracks.left.put(u64::MAX / 2, &[2; 8]);
        assert_eq!(tracks.gaps(), Gaps { caller_ms: 1, sent_ms: 0 });
        assert_eq!(tracks.take(true), heard([(1, 0)]));
    }
}
