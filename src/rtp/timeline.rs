//! Stream time: turns payloads of any length into frames of 20 ms, one for every 20 ms, with markers for what is missing.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use audio::{Codec, CodecError, Concealment, Decoder};
use frame::{FRAME_MILLIS, INDEX_STEP, RawEvent, RawFrame, SampleRate};
use zeroize::Zeroize;

use crate::clock::Clock;

/// Longest payload taken, in milliseconds.
const MAX_PAYLOAD_MILLIS: usize = 120;
/// How long after its due time a packet may come before its place is marked lost: ordinary jitter.
const PATIENCE: Duration = Duration::from_millis(60);
/// A larger step of the timestamp is a new beginning.
const MAX_STEP: Duration = Duration::from_secs(1);
/// Stream time of an index in a second.
const INDEX_HZ: u64 = INDEX_STEP * 1_000 / FRAME_MILLIS as u64;
/// Late packets in a row that prove the path has become slower.
const LATE_RUN: u8 = 5;
/// Most frames marked lost at once when a stream is found again: five seconds.
const MAX_CATCH_UP: u64 = 250;

/// What one packet makes ready at most: six frames of 120 ms, what filled a frame before, and an event.
const READY: usize = 8;

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
    decoder: Box<dyn Decoder>,
    clock: Clock,
    began: Instant,
    index: Option<u64>,
    next: Option<u32>,
    /// The samples of one payload, only while it is being decoded.
    payload: Box<[i16]>,
    partial: Box<[i16]>,
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
    pub(crate) fn new(codec: Codec, began: Instant) -> Result<Self, CodecError> {
        let rate = codec.rate();
        Ok(Self {
            decoder: codec.decoder()?,
            clock: Clock::of(codec),
            began,
            index: None,
            next: None,
            payload: vec![0; most_samples(rate)].into(),
            partial: vec![0; rate.frame_samples()].into(),
            filled: 0,
            audible: false,
            late_run: 0,
            deadline: None,
            ready: VecDeque::with_capacity(READY),
            lost_frames: 0,
            resynchronised: 0,
        })
    }

    /// Payloads are of another codec from now on. What was heard of an unfinished frame is let go.
    pub(crate) fn carry(&mut self, codec: Codec) -> Result<(), CodecError> {
        let rate = codec.rate();
        self.decoder = codec.decoder()?;
        self.partial.zeroize();
        (self.clock, self.filled, self.audible) = (Clock::of(codec), 0, false);
        (self.payload, self.partial) = (vec![0; most_samples(rate)].into(), vec![0; rate.frame_samples()].into());
        Ok(())
    }

    /// Whether a payload can be one of the codec's, and is no longer than is taken.
    pub(crate) fn takes(&self, payload: &[u8]) -> bool {
        self.decoder.samples(payload).is_ok_and(|samples| samples <= self.payload.len())
    }

    /// The next audio payload in order; `after_loss` says that the packet before it did not come. A payload that came too
    /// late, or cannot be decoded, changes nothing.
    pub(crate) fn audio(
        &mut self,
        now: Instant,
        timestamp: u32,
        payload: &[u8],
        after_loss: bool,
    ) -> Result<(), Unheard> {
        let samples = self.decoder.samples(payload).map_err(|_| Unheard::Unreadable)?;
        let length = self.clock.units(samples);
        let place = self.align(now, timestamp, length).ok_or(Unheard::Late)?;
        let missing = self.clock.samples(place.missing);
        let recovered = if after_loss { self.recover(payload, missing, samples) } else { 0 };
        self.push_lost(missing - recovered as u64);
        self.push_decoded(0..recovered);
        match self.decoder.decode(payload, &mut self.payload) {
            Ok(samples) => self.push_decoded((self.clock.samples(place.past) as usize).min(samples)..samples),
            // It said that it could be read, but could not: what it stands for is lost.
            Err(_) => self.push_lost(samples as u64),
        }
        self.next = Some(timestamp.wrapping_add(length));
        self.deadline = Some(now + self.clock.span(length) + PATIENCE);
        Ok(())
    }

    /// Has the decoder make up for the packet before `next`, which is missing. How many samples of it the far end had sent
    /// a second time; what a decoder only continues is no audio of the caller's.
    fn recover(&mut self, next: &[u8], missing: u64, samples: usize) -> usize {
        if missing < samples as u64 {
            return 0;
        }
        let room = &mut self.payload[..samples];
        match self.decoder.decode_lost(Some(next), room) {
            Concealment::Redundant => samples,
            Concealment::Extrapolated | Concealment::Silence => {
                room.zeroize();
                0
            }
        }
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
            let frame = self.clock.frame();
            self.push_lost(self.frame_samples());
            self.next = self.next.map(|next| next.wrapping_add(frame));
            self.deadline = Some(deadline + self.clock.span(frame));
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Received> {
        if let Some(Ready::Lost { index, frames }) = self.ready.front_mut() {
            let frame = RawFrame::lost(self.clock.rate(), *index);
            *index += INDEX_STEP;
            *frames -= 1;
            if *frames == 0 {
                self.ready.pop_front();
            }
            return Some(Received::Frame(frame));
        }
        match self.take_ready()? {
            Ready::Frame(frame) => Some(Received::Frame(frame)),
            Ready::Event(event) => Some(Received::Event(event)),
            Ready::Lost { .. } => None,
        }
    }

    /// The oldest of what is ready. Its place is overwritten: moving it out alone would leave its audio or event there.
    fn take_ready(&mut self) -> Option<Ready> {
        let place = self.ready.front_mut()?;
        let oldest = std::mem::replace(place, Ready::Frame(RawFrame::lost(SampleRate::Hz8000, 0)));
        self.ready.pop_front();
        Some(oldest)
    }

    pub(crate) fn lost_frames(&self) -> u64 {
        self.lost_frames
    }

    pub(crate) fn resynchronised(&self) -> u64 {
        self.resynchronised
    }

    /// Where a packet stands beside stream time. `None` where all of it is past.
    fn align(&mut self, now: Instant, timestamp: u32, length: u32) -> Option<Place> {
        let Some(next) = self.next else {
            self.anchor(now);
            return Some(Place::default());
        };
        let step = timestamp.wrapping_sub(next).cast_signed();
        if u64::from(step.unsigned_abs()) > self.clock.elapsed(MAX_STEP) {
            self.resynchronised += 1;
            self.anchor(now);
            return Some(Place::default());
        }
        let distance = step.unsigned_abs();
        if step >= 0 || distance < length {
            self.late_run = 0;
            return Some(if step >= 0 {
                Place { missing: distance, past: 0 }
            } else {
                Place { missing: 0, past: distance }
            });
        }
        self.late_run += 1;
        if self.late_run < LATE_RUN {
            return None;
        }
        self.late_run = 0;
        self.resynchronised += 1;
        Some(Place::default())
    }

    /// Ties the stream to the leg's own count of stream time.
    fn anchor(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.began).as_micros() as u64 * INDEX_HZ / 1_000_000;
        let due = elapsed / INDEX_STEP * INDEX_STEP;
        match self.index {
            None => self.index = Some(due),
            Some(index) => {
                let filled = self.filled as u64 * INDEX_STEP / self.frame_samples();
                let behind = due.saturating_sub(index + filled) / INDEX_STEP;
                if behind >= 2 {
                    self.push_lost(behind.min(MAX_CATCH_UP) * self.frame_samples());
                }
            }
        }
    }

    fn frame_samples(&self) -> u64 {
        self.partial.len() as u64
    }

    /// Takes these samples of the decoded payload, and wipes all of it.
    fn push_decoded(&mut self, range: Range<usize>) {
        let end = range.end;
        let mut payload = std::mem::take(&mut self.payload);
        let mut rest = &payload[range];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(self.partial.len() - self.filled));
            self.partial[self.filled..self.filled + now.len()].copy_from_slice(now);
            self.filled += now.len();
            self.audible = true;
            rest = later;
            self.emit_full();
        }
        payload[..end].zeroize();
        self.payload = payload;
    }

    fn push_lost(&mut self, mut samples: u64) {
        let frame = self.frame_samples();
        if self.filled > 0 && samples > 0 {
            let take = samples.min(frame - self.filled as u64);
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
        if self.filled < self.partial.len() {
            return;
        }
        self.filled = 0;
        if !std::mem::take(&mut self.audible) {
            self.emit_lost(1);
            return;
        }
        let index = self.advance(1);
        let samples = &self.partial;
        let frame = RawFrame::decoded(self.clock.rate(), index, |out| out.copy_from_slice(samples));
        self.partial.zeroize();
        self.ready.push_back(Ready::Frame(frame));
    }

    fn emit_lost(&mut self, frames: u64) {
        let index = self.advance(frames);
        self.lost_frames += frames;
        self.ready.push_back(Ready::Lost { index, frames });
    }

    fn advance(&mut self, frames: u64) -> u64 {
        let index = self.index.unwrap_or(0);
        self.index = Some(index + frames * INDEX_STEP);
        index
    }
}

impl Drop for Timeline {
    fn drop(&mut self) {
        self.partial.zeroize();
    }
}

/// Where a payload stands beside stream time, in units of the clock.
#[derive(Clone, Copy, Default)]
struct Place {
    /// What is missing before it.
    missing: u32,
    /// How much of it is past already.
    past: u32,
}

/// Why a payload was not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unheard {
    Late,
    /// It is none of the codec's.
    Unreadable,
}

/// Samples of the longest payload.
fn most_samples(rate: SampleRate) -> usize {
    rate.hertz() as usize / 1_000 * MAX_PAYLOAD_MILLIS
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

    fn hear(timeline: &mut Timeline, now: Instant, timestamp: u32, payload: &[u8]) -> bool {
        timeline.audio(now, timestamp, payload, false).is_ok()
    }

    fn begun(packet_samples: usize) -> (Timeline, Instant) {
        let now = crate::an_instant();
        let mut timeline = Timeline::new(Codec::Pcmu, now).unwrap();
        hear(&mut timeline, now, 1_000, &vec![LOUD; packet_samples]);
        (timeline, now)
    }

    #[test]
    fn packets_of_thirty_milliseconds_become_frames_of_twenty() {
        let (mut timeline, now) = begun(240);
        assert_eq!(frames(&mut timeline), [(0, false)]);
        hear(&mut timeline, now + millis(30), 1_240, &[LOUD; 240]);
        assert_eq!(frames(&mut timeline), [(1, false), (2, false)]);
    }

    #[test]
    fn packets_of_ten_and_forty_milliseconds_too() {
        let (mut timeline, now) = begun(80);
        assert_eq!(frames(&mut timeline), []);
        hear(&mut timeline, now + millis(10), 1_080, &[LOUD; 80]);
        hear(&mut timeline, now + millis(20), 1_160, &[LOUD; 320]);
        assert_eq!(frames(&mut timeline), [(0, false), (1, false), (2, false)]);
    }

    #[test]
    fn the_index_counts_from_the_beginning_of_the_leg() {
        let now = crate::an_instant();
        let mut timeline = Timeline::new(Codec::Pcmu, now).unwrap();
        hear(&mut timeline, now + millis(210), 7, &[LOUD; 160]);
        assert_eq!(frames(&mut timeline), [(10, false)]);
    }

    #[test]
    fn a_gap_in_the_timestamps_is_marked_frame_by_frame() {
        let (mut timeline, now) = begun(160);
        hear(&mut timeline, now + millis(60), 1_160 + 320, &[LOUD; 160]);
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
        hear(&mut timeline, now + millis(140), 1_000 + 160 * 7, &[LOUD; 160]);
        assert_eq!(frames(&mut timeline), [(4, true), (5, true), (6, true), (7, false)]);
    }

    #[test]
    fn packets_whose_time_was_marked_are_late_until_that_is_the_rule() {
        let (mut timeline, now) = begun(160);
        timeline.handle_timeout(now + millis(400));
        frames(&mut timeline);
        let mut taken = Vec::new();
        for number in 1..8 {
            taken.push(hear(&mut timeline, now + millis(400 + 20 * number), 1_000 + 160 * number as u32, &[LOUD; 160]));
        }
        assert_eq!(taken, [false, false, false, false, true, true, true]);
        assert_eq!(timeline.resynchronised(), 1);
    }

    #[test]
    fn a_jump_of_the_timestamp_begins_anew_without_a_flood() {
        let (mut timeline, now) = begun(160);
        hear(&mut timeline, now + millis(20), 4_000_000_000, &[LOUD; 160]);
        assert_eq!(frames(&mut timeline), [(0, false), (1, false)]);
        assert_eq!(timeline.resynchronised(), 1);
    }

    #[test]
    fn the_timestamp_wraps_without_notice() {
        let now = crate::an_instant();
        let mut timeline = Timeline::new(Codec::Pcma, now).unwrap();
        hear(&mut timeline, now, u32::MAX - 159, &[LOUD; 160]);
        hear(&mut timeline, now + millis(20), 0, &[LOUD; 160]);
        assert_eq!(frames(&mut timeline), [(0, false), (1, false)]);
        assert_eq!(timeline.resynchronised(), 0);
    }
}
