//! Stream time: turns payloads of any length into frames of 20 ms, one for every 20 ms, with markers for what is missing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use frame::{RawEvent, RawFrame, SampleRate};
use zeroize::Zeroize;

use crate::{CLOCK_HZ, Codec, FRAME_SAMPLES, clock_units, samples_span};

/// How long after its due time a packet may come before its place is marked lost: ordinary jitter.
const PATIENCE: Duration = Duration::from_millis(60);
/// A larger step of the timestamp is a new beginning: one second.
const MAX_STEP: i32 = CLOCK_HZ as i32;
/// Late packets in a row that prove the path has become slower.
const LATE_RUN: u8 = 5;
/// Most frames marked lost at once when a stream is found again: five seconds.
const MAX_CATCH_UP: u64 = 250;

/// What is ready to be handed on.
#[expect(clippy::large_enum_variant, reason = "one frame every 20 ms is moved, none is allocated")]
enum Ready {
    Frame(RawFrame),
    Lost { index: u64, frames: u64 },
    Event(RawEvent),
}

/// What came from the far end, for the gate.
#[expect(clippy::large_enum_variant, reason = "one frame every 20 ms is moved, none is allocated")]
pub enum Received {
    /// 20 ms of audio or the marker of a loss; without a hole in its index.
    Frame(RawFrame),
    /// A telephone-event, as it came.
    Event(RawEvent),
}

pub(crate) struct Timeline {
    codec: Codec,
    began: Instant,
    index: Option<u64>,
    next: Option<u32>,
    partial: [i16; FRAME_SAMPLES],
    filled: usize,
    audible: bool,
    late_run: u8,
    deadline: Option<Instant>,
    ready: VecDeque<Ready>,
    lost_frames: u64,
    resynchronised: u64,
}

impl Timeline {
    /// `began` is when the leg's samples start to count.
    pub(crate) fn new(codec: Codec, began: Instant) -> Self {
        Self {
            codec,
            began,
            index: None,
            next: None,
            partial: [0; FRAME_SAMPLES],
            filled: 0,
            audible: false,
            late_run: 0,
            deadline: None,
            ready: VecDeque::new(),
            lost_frames: 0,
            resynchronised: 0,
        }
    }

    /// Payloads are of another codec from now on.
    pub(crate) fn carry(&mut self, codec: Codec) {
        self.codec = codec;
    }

    /// The next audio payload in order. Returns whether it came in time.
    pub(crate) fn audio(&mut self, now: Instant, timestamp: u32, payload: &[u8]) -> bool {
        let Some(skip) = self.align(now, timestamp, payload.len()) else { return false };
        self.push_audio(&payload[skip..]);
        self.next = Some(timestamp.wrapping_add(payload.len() as u32));
        self.deadline = Some(now + samples_span(payload.len()) + PATIENCE);
        true
    }

    pub(crate) fn event(&mut self, event: RawEvent) {
        self.ready.push_back(Ready::Event(event));
    }

    /// The stream begins anew: its next timestamp means nothing.
    pub(crate) fn restart(&mut self) {
        self.next = None;
        self.resynchronised += 1;
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Marks what should have come by now.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some(deadline) = self.deadline
            && deadline <= now
        {
            self.push_lost(FRAME_SAMPLES as u64);
            self.next = self.next.map(|next| next.wrapping_add(FRAME_SAMPLES as u32));
            self.deadline = Some(deadline + samples_span(FRAME_SAMPLES));
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Received> {
        if let Some(Ready::Lost { index, frames }) = self.ready.front_mut() {
            let frame = RawFrame::lost(SampleRate::Hz8000, *index);
            *index += FRAME_SAMPLES as u64;
            *frames -= 1;
            if *frames == 0 {
                self.ready.pop_front();
            }
            return Some(Received::Frame(frame));
        }
        match self.ready.pop_front()? {
            Ready::Frame(frame) => Some(Received::Frame(frame)),
            Ready::Event(event) => Some(Received::Event(event)),
            Ready::Lost { .. } => None,
        }
    }

    pub(crate) fn lost_frames(&self) -> u64 {
        self.lost_frames
    }

    pub(crate) fn resynchronised(&self) -> u64 {
        self.resynchronised
    }

    /// Brings stream time to a packet: fills a gap before it, or says how many of its samples are already past.
    /// `None` where all of them are.
    fn align(&mut self, now: Instant, timestamp: u32, length: usize) -> Option<usize> {
        let Some(next) = self.next else {
            self.anchor(now);
            return Some(0);
        };
        let step = timestamp.wrapping_sub(next).cast_signed();
        if !(-MAX_STEP..=MAX_STEP).contains(&step) {
            self.resynchronised += 1;
            self.anchor(now);
            return Some(0);
        }
        if step >= 0 {
            self.late_run = 0;
            self.push_lost(u64::from(step.unsigned_abs()));
            return Some(0);
        }
        let past = step.unsigned_abs() as usize;
        if past < length {
            self.late_run = 0;
            return Some(past);
        }
        self.late_run += 1;
        if self.late_run < LATE_RUN {
            return None;
        }
        self.late_run = 0;
        self.resynchronised += 1;
        Some(0)
    }

    /// Ties the stream to the leg's own count of samples.
    fn anchor(&mut self, now: Instant) {
        let frame = FRAME_SAMPLES as u64;
        let due = clock_units(now.saturating_duration_since(self.began)) / frame * frame;
        match self.index {
            None => self.index = Some(due),
            Some(index) => {
                let behind = due.saturating_sub(index + self.filled as u64) / frame;
                if behind >= 2 {
                    self.push_lost(behind.min(MAX_CATCH_UP) * frame);
                }
            }
        }
    }

    fn push_audio(&mut self, mut payload: &[u8]) {
        while !payload.is_empty() {
            let take = payload.len().min(FRAME_SAMPLES - self.filled);
            self.codec.decode(&payload[..take], &mut self.partial[self.filled..self.filled + take]);
            self.filled += take;
            self.audible = true;
            payload = &payload[take..];
            self.emit_full();
        }
    }

    fn push_lost(&mut self, mut samples: u64) {
        let frame = FRAME_SAMPLES as u64;
        if self.filled > 0 && samples > 0 {
            let take = samples.min((FRAME_SAMPLES - self.filled) as u64);
            self.partial[self.filled..self.filled + take as usize].fill(0);
            self.filled += take as usize;
            samples -= take;
            self.emit_full();
        }
        if samples >= frame {
            self.emit_lost(samples / frame);
            samples %= frame;
        }
        if samples > 0 {
            self.partial[..samples as usize].fill(0);
            self.filled = samples as usize;
        }
    }

    fn emit_full(&mut self) {
        if self.filled < FRAME_SAMPLES {
            return;
        }
        self.filled = 0;
        if !std::mem::take(&mut self.audible) {
            self.emit_lost(1);
            return;
        }
        let index = self.advance(1);
        let samples = &self.partial;
        let frame = RawFrame::decoded(SampleRate::Hz8000, index, |out| out.copy_from_slice(samples));
        self.ready.push_back(Ready::Frame(frame));
    }

    fn emit_lost(&mut self, frames: u64) {
        let index = self.advance(frames);
        self.lost_frames += frames;
        self.ready.push_back(Ready::Lost { index, frames });
    }

    fn advance(&mut self, frames: u64) -> u64 {
        let index = self.index.unwrap_or(0);
        self.index = Some(index + frames * FRAME_SAMPLES as u64);
        index
    }
}

impl Drop for Timeline {
    fn drop(&mut self) {
        self.partial.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOUD: u8 = 0x80;

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// Each frame as its index in frames and whether it is lost.
    fn frames(timeline: &mut Timeline) -> Vec<(u64, bool)> {
        let mut out = Vec::new();
        while let Some(item) = timeline.poll() {
            if let Received::Frame(frame) = item {
                out.push((frame.index() / 160, frame.is_lost()));
            }
        }
        out
    }

    fn begun(packet_samples: usize) -> (Timeline, Instant) {
        let now = crate::an_instant();
        let mut timeline = Timeline::new(Codec::Pcmu, now);
        timeline.audio(now, 1_000, &vec![LOUD; packet_samples]);
        (timeline, now)
    }

    #[test]
    fn packets_of_thirty_milliseconds_become_frames_of_twenty() {
        let (mut timeline, now) = begun(240);
        assert_eq!(frames(&mut timeline), [(0, false)]);
        timeline.audio(now + millis(30), 1_240, &[LOUD; 240]);
        assert_eq!(frames(&mut timeline), [(1, false), (2, false)]);
    }

    #[test]
    fn packets_of_ten_and_forty_milliseconds_too() {
        let (mut timeline, now) = begun(80);
        assert_eq!(frames(&mut timeline), []);
        timeline.audio(now + millis(10), 1_080, &[LOUD; 80]);
        timeline.audio(now + millis(20), 1_160, &[LOUD; 320]);
        assert_eq!(frames(&mut timeline), [(0, false), (1, false), (2, false)]);
    }

    #[test]
    fn the_index_counts_from_the_beginning_of_the_leg() {
        let now = crate::an_instant();
        let mut timeline = Timeline::new(Codec::Pcmu, now);
        timeline.audio(now + millis(210), 7, &[LOUD; 160]);
        assert_eq!(frames(&mut timeline), [(10, false)]);
    }

    #[test]
    fn a_gap_in_the_timestamps_is_marked_frame_by_frame() {
        let (mut timeline, now) = begun(160);
        timeline.audio(now + millis(60), 1_160 + 320, &[LOUD; 160]);
        assert_eq!(frames(&mut timeline), [(0, false), (1, true), (2, true), (3, false)]);
        assert_eq!(timeline.lost_frames(), 2);
    }

    #[test]
    fn silence_on_the_wire_is_marked_as_time_passes() {
        let (mut timeline, now) = begun(160);
        frames(&mut timeline);
        assert_eq!(timeline.deadline(), Some(now + millis(80)));
        timeline.handle_timeout(now + millis(79));
        assert_eq!(frames(&mut timeline), []);
        timeline.handle_timeout(now + millis(120));
        assert_eq!(frames(&mut timeline), [(1, true), (2, true), (3, true)]);
        // 200 ms after the first packet, as its sender counts: six frames lie between, and three are marked already.
        timeline.audio(now + millis(140), 1_000 + 160 * 7, &[LOUD; 160]);
        assert_eq!(frames(&mut timeline), [(4, true), (5, true), (6, true), (7, false)]);
    }

    #[test]
    fn packets_whose_time_was_marked_are_late_until_that_is_the_rule() {
        let (mut timeline, now) = begun(160);
        timeline.handle_timeout(now + millis(400));
        frames(&mut timeline);
        let mut taken = Vec::new();
        for number in 1..8 {
            taken.push(timeline.audio(now + millis(400 + 20 * number), 1_000 + 160 * number as u32, &[LOUD; 160]));
        }
        assert_eq!(taken, [false, false, false, false, true, true, true]);
        assert_eq!(timeline.resynchronised(), 1);
    }

    #[test]
    fn a_jump_of_the_timestamp_begins_anew_without_a_flood() {
        let (mut timeline, now) = begun(160);
        timeline.audio(now + millis(20), 4_000_000_000, &[LOUD; 160]);
        assert_eq!(frames(&mut timeline), [(0, false), (1, false)]);
        assert_eq!(timeline.resynchronised(), 1);
    }

    #[test]
    fn the_timestamp_wraps_without_notice() {
        let now = crate::an_instant();
        let mut timeline = Timeline::new(Codec::Pcma, now);
        timeline.audio(now, u32::MAX - 159, &[LOUD; 160]);
        timeline.audio(now + millis(20), 0, &[LOUD; 160]);
        assert_eq!(frames(&mut timeline), [(0, false), (1, false)]);
        assert_eq!(timeline.resynchronised(), 0);
    }
}
