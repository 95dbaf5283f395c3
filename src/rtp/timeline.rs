//! Stream time: turns payloads of any length into frames of 20 ms, one for every 20 ms, with markers for what is missing.
//!
//! What is missing is marked when it has been waited for as long as this line has lately been seen to delay packets. A pause that
//! the far end announced, by comfort noise or Opus DTX, is filled with that noise; one that it did not announce is marked too,
//! but counted apart from loss once the next packet shows that none is missing.

mod place;
mod ready;

use std::ops::Range;
use std::time::{Duration, Instant};

use audio::comfort_noise::{Description, Generator};
use audio::{Codec, CodecError, Concealment, Decoder, Quiet};
use frame::{FRAME_MILLIS, INDEX_STEP, RawEvent, RawFrame, SampleRate};
use zeroize::Zeroize;

use self::ready::{Ready, ReadyQueue};
use crate::clock::Clock;
use crate::drift::{Correction, Drift};
use crate::patience::Patience;
use crate::quality::Waits;

/// Longest payload taken, in milliseconds.
const MAX_PAYLOAD_MILLIS: usize = 120;
/// How long after its due time a packet may come, at least, before its place is marked lost: ordinary jitter.
const LEAST_PATIENCE: Duration = Duration::from_millis(60);
/// And at most, on the worst of lines: the frame before it waits too, in the gate.
const MOST_PATIENCE: Duration = Duration::from_millis(200);
/// A frame of which more than this part is missing is lost: 5 ms. Less is what timestamps are inexact by.
const MOST_HOLE: usize = 4;

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
    /// Samples of the unfinished frame that did not come.
    absent: usize,
    late_run: u8,
    /// When the next payload would come from a line without jitter.
    due: Option<Instant>,
    patience: Patience,
    pause: Pause,
    drift: Drift,
    quiet: Quiet,
    ready: ReadyQueue,
    counts: Counts,
}

/// What the far end said of the time in which it sends nothing.
enum Pause {
    /// Nothing: what does not come is missing.
    Unannounced,
    /// This is its noise (RFC 3389).
    Noise(Box<Generator>),
    /// The decoder knows its noise (RFC 6716 §2.1.9).
    Decoder,
}

/// What was done to keep stream time whole, in frames.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Marked because packets did not come.
    pub(crate) lost: u64,
    /// Marked or filled with noise because the far end sent nothing.
    pub(crate) paused: u64,
    /// Marked, and it is not known yet which of the two it was.
    absent: u64,
    /// Not missing, because the packet after the lost one had them too.
    pub(crate) recovered: u64,
    /// Left out because the far end's clock is fast.
    pub(crate) left_out: u64,
    /// Put in because it is slow.
    pub(crate) put_in: u64,
    /// Times that the stream was found again.
    pub(crate) resynchronised: u64,
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
            absent: 0,
            late_run: 0,
            due: None,
            patience: Patience::new(LEAST_PATIENCE, MOST_PATIENCE),
            pause: Pause::Unannounced,
            drift: Drift::new(began),
            quiet: Quiet::default(),
            ready: ReadyQueue::new(),
            counts: Counts::default(),
        })
    }

    /// Payloads are of another codec from now on, and their timestamps of its clock. What was heard of an unfinished frame is
    /// let go.
    pub(crate) fn carry(&mut self, codec: Codec) -> Result<(), CodecError> {
        let rate = codec.rate();
        self.decoder = codec.decoder()?;
        self.partial.zeroize();
        (self.clock, self.next, self.late_run) = (Clock::of(codec), None, 0);
        (self.filled, self.absent, self.pause) = (0, 0, Pause::Unannounced);
        (self.payload, self.partial) = (vec![0; most_samples(rate)].into(), vec![0; rate.frame_samples()].into());
        Ok(())
    }

    /// Whether a payload can be one of the codec's, and is no longer than is taken.
    pub(crate) fn takes(&self, payload: &[u8]) -> bool {
        self.samples(payload).is_some()
    }

    /// How many samples a payload holds that is taken.
    fn samples(&self, payload: &[u8]) -> Option<usize> {
        self.decoder.samples(payload).ok().filter(|&samples| samples <= self.payload.len())
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
        let samples = self.samples(payload).ok_or(Unheard::Unreadable)?;
        let length = self.clock.units(samples);
        let place = self.align(now, timestamp, length).ok_or(Unheard::Late)?;
        let missing = self.pause_until(self.clock.samples(place.missing));
        let recovered = if after_loss { self.recover(payload, missing, samples) } else { 0 };
        self.counts.recovered += (recovered as u64).div_ceil(self.frame_samples());
        self.push_absent(missing - recovered as u64);
        self.counts.resolve(after_loss);
        self.push_decoded(0..recovered);
        match self.decoder.decode(payload, &mut self.payload) {
            Ok(samples) => self.push_decoded((self.clock.samples(place.past) as usize).min(samples)..samples),
            // It said that it could be read, but could not: what it stands for is lost.
            Err(_) => {
                self.push_absent(samples as u64);
                self.counts.resolve(true);
            }
        }
        self.counts.resolve(after_loss);
        self.pause = if self.decoder.is_pause(payload) { Pause::Decoder } else { Pause::Unannounced };
        self.next = Some(timestamp.wrapping_add(length));
        self.due = Some(now + self.clock.span(length));
        self.drift.observe(now, self.stream_time());
        Ok(())
    }

    /// The far end pauses, and this is what the pause sounds like.
    pub(crate) fn comfort_noise(&mut self, description: &Description) {
        if self.next.is_none() {
            return;
        }
        if !matches!(self.pause, Pause::Noise(_)) {
            self.pause = Pause::Noise(Box::new(Generator::new(self.index.unwrap_or(0))));
        }
        if let Pause::Noise(generator) = &mut self.pause {
            generator.describe(description);
        }
    }

    /// Has the decoder make up for the packet before `next`, which is missing. How many samples of it the far end had sent
    /// a second time; what a decoder only continues is no audio of the caller's.
    fn recover(&mut self, next: &[u8], missing: u64, samples: usize) -> usize {
        if missing < samples as u64 {
            return 0;
        }
        let Some(room) = self.payload.get_mut(..samples) else { return 0 };
        match self.decoder.decode_lost(Some(next), room) {
            Concealment::Redundant => samples,
            Concealment::Extrapolated | Concealment::Silence => {
                room.zeroize();
                0
            }
        }
    }

    pub(crate) fn event(&mut self, event: RawEvent) {
        self.ready.push(Ready::Event(event));
    }

    /// The stream begins anew: its next timestamp means nothing.
    pub(crate) fn restart(&mut self) {
        self.next = None;
        self.pause = Pause::Unannounced;
        self.counts.resynchronised += 1;
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.due.map(|due| due + self.patience.wait())
    }

    /// Marks, or fills with noise, what should have come by now.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some(due) = self.due
            && due + self.patience.wait() <= now
        {
            let frame = self.clock.frame();
            if !self.make_noise() {
                self.push_absent(self.frame_samples());
            }
            self.next = self.next.map(|next| next.wrapping_add(frame));
            self.due = Some(due + self.clock.span(frame));
        }
    }

    /// Fills the rest of an announced pause with noise, as far as whole frames go. How many samples stay missing.
    fn pause_until(&mut self, mut missing: u64) -> u64 {
        while missing >= self.frame_samples() && self.make_noise() {
            missing -= self.frame_samples();
        }
        missing
    }

    /// Makes a frame of the noise of an announced pause.
    fn make_noise(&mut self) -> bool {
        let samples = self.partial.len();
        let room = &mut self.payload[..samples];
        match &mut self.pause {
            Pause::Unannounced => return false,
            Pause::Noise(generator) => generator.fill(room),
            Pause::Decoder => {
                self.decoder.decode_lost(None, room);
            }
        }
        self.counts.paused += 1;
        self.push_decoded(0..samples);
        true
    }

    /// The next of what came, for the gate.
    pub(crate) fn poll(&mut self) -> Option<Received> {
        self.ready.poll(self.clock.rate())
    }

    /// How long packets may wait, or be late: what comes in order and in time passes at once.
    pub(crate) fn waits(&self) -> Waits {
        Waits { nominal: Duration::ZERO, maximum: self.patience.wait(), absolute_maximum: MOST_PATIENCE }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    fn frame_samples(&self) -> u64 {
        self.partial.len() as u64
    }

    /// How far the stream has come, by the leg's own count.
    fn stream_time(&self) -> Duration {
        let frames =
            self.index.unwrap_or(0) as f64 / INDEX_STEP as f64 + self.filled as f64 / self.partial.len() as f64;
        Duration::from_millis(FRAME_MILLIS.into()).mul_f64(frames)
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
            rest = later;
            self.emit_full();
        }
        payload[..end].zeroize();
        self.payload = payload;
    }

    fn push_absent(&mut self, mut samples: u64) {
        let frame = self.frame_samples();
        if self.filled > 0 && samples > 0 {
            let take = samples.min(frame - self.filled as u64);
            self.partial[self.filled..self.filled + take as usize].fill(0);
            self.filled += take as usize;
            self.absent += take as usize;
            samples -= take;
            self.emit_full();
        }
        if samples >= frame {
            self.emit_absent(samples / frame);
            samples %= frame;
        }
        if samples > 0 {
            self.partial[..samples as usize].fill(0);
            (self.filled, self.absent) = (samples as usize, samples as usize);
        }
    }

    fn emit_full(&mut self) {
        if self.filled < self.partial.len() {
            return;
        }
        self.filled = 0;
        // With a hole in it a frame would sound, and be judged, as if silence had been heard.
        if std::mem::take(&mut self.absent) > self.partial.len() / MOST_HOLE {
            self.partial.zeroize();
            self.emit_absent(1);
            return;
        }
        let correction = self.correction();
        if correction != Some(Correction::LeaveOut) {
            let index = self.advance(1);
            let samples = &self.partial;
            let frame = RawFrame::decoded(self.clock.rate(), index, |out| out.copy_from_slice(samples));
            self.ready.push(Ready::Frame(frame));
        }
        self.partial.zeroize();
        match correction {
            Some(Correction::LeaveOut) => self.counts.left_out += 1,
            Some(Correction::PutIn) => {
                let index = self.advance(1);
                self.ready.push(Ready::Lost { index, frames: 1 });
                self.counts.put_in += 1;
            }
            None => {}
        }
    }

    /// What this full frame can do for a stream that drifts: only where it is quiet, so that nobody hears it.
    fn correction(&mut self) -> Option<Correction> {
        let correction = self.drift.correction()?;
        let is_quiet = self.quiet.covers(&self.partial);
        self.quiet.hear(&self.partial);
        if !is_quiet {
            return None;
        }
        self.drift.corrected(correction, Duration::from_millis(FRAME_MILLIS.into()));
        Some(correction)
    }

    fn emit_absent(&mut self, frames: u64) {
        let index = self.advance(frames);
        self.counts.absent += frames;
        self.ready.push(Ready::Lost { index, frames });
    }

    fn advance(&mut self, frames: u64) -> u64 {
        let index = self.index.unwrap_or(0);
        self.index = Some(index + frames * INDEX_STEP);
        index
    }
}

impl Counts {
    /// The next packet is there, and it is known whether one before it is missing.
    fn resolve(&mut self, after_loss: bool) {
        let absent = std::mem::take(&mut self.absent);
        *(if after_loss { &mut self.lost } else { &mut self.paused }) += absent;
    }
}

impl Drop for Timeline {
    fn drop(&mut self) {
        self.partial.zeroize();
    }
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
mod tests;
