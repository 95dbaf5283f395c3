//! The gate of one leg: raw frames in, clean frames and decisions out.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use frame::{RawEvent, RawFrame, RawInfo, SampleRate};

use crate::{
    CaptureId, CapturePrompt, CleanFrame, Collect, GateOutput, KeyPolicy, MuteAck, SinkId,
    arbiter::{Arbiter, Path},
    budget::Budget,
    capture::Capture,
    clamp::Clamp,
    events::{EventError, Events},
    key::Key,
    narrow::Narrow,
    outputs::Outputs,
    sinks::Sinks,
    voice::Voice,
};

/// Within this every sink must acknowledge a mute, or the capture does not begin.
pub const MUTE_DEADLINE: Duration = Duration::from_millis(200);
/// Within this every sink must renew its acknowledgement, or the capture ends. Writers renew every half of it.
pub const MUTE_LEASE: Duration = Duration::from_millis(1_000);
/// How long all keys must be up, and every tone over, before the caller's audio flows again.
pub const KEY_UP_GUARD: Duration = Duration::from_millis(500);
/// How long the vault may take to say its first word after the capture is armed.
pub const VAULT_SILENCE: Duration = Duration::from_secs(5);
/// The longest a capture may last, whatever the vault says.
pub const LONGEST_CAPTURE: Duration = Duration::from_secs(600);
/// Within this of an outcome the vault must have sent its wipe record.
pub const WIPE_DEADLINE: Duration = Duration::from_secs(1);

/// How a gate is set up.
#[derive(Clone, Copy, Debug)]
pub struct GateConfig {
    /// The leg's sampling rate. Frames of any other are counted and silenced.
    pub rate: SampleRate,
    /// What becomes of keys that nobody declared.
    pub keys: KeyPolicy,
}

/// What a gate has counted since it was made. Numbers only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames that went in.
    pub frames: u64,
    /// Frames silenced outside captures, whole or in part, because they may have held a tone.
    pub clamped: u64,
    /// Frames silenced by captures.
    pub muted: u64,
    /// Frames of another rate than the leg's: silenced.
    pub wrong_rate: u64,
    /// Telephone-event payloads or INFO bodies refused as malformed.
    pub malformed: u64,
    /// Telephone-events that are no keys, are late, or have no duration.
    pub ignored_events: u64,
    /// Presses that a second path told again.
    pub duplicates: u64,
    /// Mute acknowledgements for another epoch, an unknown sink or an impossible frame.
    pub bad_acknowledgements: u64,
    /// Keys dropped outside captures.
    pub suppressed: u64,
    /// Clean frames or outputs dropped because the driver did not drain them.
    pub overflow: u64,
}

/// Clean frames that wait at most for a driver that is late.
const MOST_FRAMES: usize = 8;
/// Clean frames that usually wait.
const USUAL_FRAMES: usize = 1;

/// The gate of one leg.
///
/// Every input is followed by draining [`Gate::poll_frame`] and [`Gate::poll_output`] to `None`, then a sleep until
/// [`Gate::poll_timeout`] at the latest.
pub struct Gate {
    config: GateConfig,
    clamp: Clamp,
    events: Events,
    arbiter: Arbiter,
    budget: Budget,
    capture: Capture,
    sinks: Sinks,
    narrow: Narrow,
    voice: Voice,
    frames: VecDeque<CleanFrame>,
    outputs: Outputs,
    /// The index of the newest clean frame.
    newest_index: Option<u64>,
    /// When a key or a tone was last heard, or else when the gate was made.
    quiet_since: Instant,
    closed: bool,
    counters: Counters,
}

impl Gate {
    /// A gate that has seen nothing.
    #[must_use]
    pub fn new(config: GateConfig, now: Instant) -> Self {
        Self {
            config,
            clamp: Clamp::new(config.rate),
            events: Events::new(),
            arbiter: Arbiter::new(),
            budget: Budget::new(config.keys),
            capture: Capture::new(),
            sinks: Sinks::new(),
            narrow: Narrow::new(config.rate),
            voice: Voice::new(),
            frames: VecDeque::with_capacity(USUAL_FRAMES),
            outputs: Outputs::new(),
            newest_index: None,
            quiet_since: now,
            closed: false,
            counters: Counters::default(),
        }
    }

    /// Takes one decoded frame, or the marker of a lost one. One clean frame comes out for each, one frame later.
    pub fn handle_frame(&mut self, now: Instant, frame: RawFrame) {
        if self.closed {
            return;
        }
        self.counters.frames += 1;
        let wrong = frame.rate() != self.config.rate;
        self.counters.wrong_rate += u64::from(wrong);
        let frame = if wrong { RawFrame::lost(self.config.rate, frame.index()) } else { frame };
        let judged = self.clamp.handle_frame(now, frame, self.capture.epoch());
        if judged.tone {
            self.quiet_since = now;
        }
        if let Some(released) = judged.released {
            self.release(released);
        }
        if let Some(key) = judged.key {
            self.press(now, Path::InBand, key);
        }
        if self.clamp.is_pressed() {
            self.arbiter.hold(now, Path::InBand);
        }
        self.handle_timeout(now);
    }

    /// Takes one telephone-event payload (RFC 4733) of the leg's locked source.
    #[allow(clippy::needless_pass_by_value, reason = "the event is wiped here")]
    pub fn handle_event(&mut self, now: Instant, event: RawEvent) {
        self.clamp.event(now);
        self.quiet_since = now;
        match self.events.handle(now, &event) {
            Ok(begun) => begun.into_iter().flatten().for_each(|key| self.press(now, Path::Event, key)),
            Err(EventError::Malformed) => self.counters.malformed += 1,
        }
        self.counters.ignored_events += self.events.take_ignored();
        self.handle_timeout(now);
    }

    /// Takes one INFO body of the leg's dialog.
    pub fn handle_info(&mut self, now: Instant, info: &RawInfo) {
        self.clamp.event(now);
        match crate::info::key(info) {
            Some(key) => self.press(now, Path::Info, key),
            None => self.counters.malformed += 1,
        }
        self.handle_timeout(now);
    }

    /// The next clean frame.
    pub fn poll_frame(&mut self) -> Option<CleanFrame> {
        self.frames.pop_front()
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<GateOutput> {
        self.outputs.pop()
    }

    /// When [`Gate::handle_timeout`] wants to be called at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let proof = if self.capture.needs_proof() { self.sinks.poll_timeout() } else { None };
        let capture = self.capture.poll_timeout(self.quiet_since);
        [proof, capture, self.budget.poll_timeout(), self.arbiter.poll_timeout(), self.events.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.events.is_down(now) {
            self.quiet_since = now;
            self.arbiter.hold(now, Path::Event);
        }
        self.events.expire(now);
        self.arbiter.expire(now);
        self.budget.handle_timeout(now, &mut self.outputs);
        if self.capture.needs_proof()
            && let Some(failure) = self.sinks.overdue(now)
        {
            self.capture.fail_control(now, failure, &mut self.outputs);
        }
        if self.capture.handle_timeout(now, self.quiet_since, &mut self.outputs) {
            self.clamp.flush();
        }
    }

    /// A sink will take this leg's frames from now on. In a capture it starts muted and must acknowledge too.
    pub fn add_sink(&mut self, now: Instant, sink: SinkId) {
        self.sinks.add(now, sink);
    }

    /// A sink takes no more frames: its queue is closed and what it held is gone.
    pub fn remove_sink(&mut self, now: Instant, sink: SinkId) {
        self.sinks.remove(sink);
        self.handle_timeout(now);
        self.arm_if_proven();
    }

    /// A sink's writer acknowledges the mute, or renews that.
    pub fn acknowledge(&mut self, now: Instant, ack: MuteAck) {
        if self.capture.needs_proof() {
            let good = self.sinks.acknowledge(now, ack, self.newest_index);
            self.counters.bad_acknowledgements += u64::from(!good);
        }
        self.handle_timeout(now);
        self.arm_if_proven();
    }

    /// Declares that the caller is being asked for keys. Replaces a collect that is under way. Refused in a capture:
    /// it ends at once as [`crate::CollectEnd::Withdrawn`].
    pub fn collect(&mut self, now: Instant, collect: Collect) {
        self.budget.collect(now, collect, &mut self.outputs);
        if self.is_capturing() {
            self.budget.end_collect(&mut self.outputs);
        }
    }

    /// Ends the collect that is under way.
    pub fn end_collect(&mut self, now: Instant) {
        self.handle_timeout(now);
        self.budget.end_collect(&mut self.outputs);
    }

    /// Begins a capture: mutes at once, then waits for every sink. Ignored where a capture is under way.
    pub fn arm(&mut self, now: Instant, capture: CaptureId) {
        if self.closed {
            return;
        }
        let Some(epoch) = self.capture.begin(now, capture) else { return };
        self.budget.withdraw(&mut self.outputs);
        let next = self.newest_index.map_or(0, |newest| newest + 1);
        self.sinks.ask(now, epoch, self.clamp.held_index().unwrap_or(next));
        if let Some(edge) = self.voice.clear() {
            self.outputs.push(GateOutput::Speech(edge));
        }
        self.narrow.clear();
        self.arm_if_proven();
    }

    /// Takes one packet of the vault's capture socket.
    pub fn handle_vault(&mut self, now: Instant, message: &[u8]) {
        self.capture.handle_vault(now, message, &mut self.outputs);
        self.handle_timeout(now);
    }

    /// The capture socket was closed by the vault or failed.
    pub fn vault_closed(&mut self, now: Instant) {
        self.capture.vault_closed(now, &mut self.outputs);
        self.handle_timeout(now);
    }

    /// A capture prompt was played to its end.
    pub fn prompt_ended(&mut self, now: Instant, prompt: CapturePrompt) {
        self.handle_timeout(now);
        self.capture.prompt_ended(prompt, &mut self.outputs);
    }

    /// Withdraws the capture. Without effect once the card may have been submitted: then the outcome comes.
    pub fn cancel_capture(&mut self, now: Instant) {
        self.capture.cancel(now, &mut self.outputs);
        self.handle_timeout(now);
    }

    /// The call has ended: no frame leaves any more, what is held is wiped, and a capture ends. Drive the gate on
    /// until [`crate::CaptureEvent::Released`], at most [`WIPE_DEADLINE`], if its wipe record is wanted; dropping
    /// the capture socket at once wipes too.
    pub fn hang_up(&mut self, now: Instant) {
        self.closed = true;
        self.clamp.close();
        self.frames.clear();
        self.budget.withdraw(&mut self.outputs);
        self.capture.hang_up(now, &mut self.outputs);
        self.handle_timeout(now);
    }

    /// Whether a capture is under way, from arming to release: the agent is to be muted both ways.
    #[must_use]
    pub fn is_capturing(&self) -> bool {
        self.capture.epoch().is_some()
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let suppressed = self.budget.suppressed();
        Counters { suppressed, overflow: self.counters.overflow + self.outputs.overflow(), ..self.counters }
    }

    fn press(&mut self, now: Instant, path: Path, key: Key) {
        self.quiet_since = now;
        let Some(key) = self.arbiter.press(now, path, key) else {
            self.counters.duplicates += 1;
            return;
        };
        if self.capture.takes_keys() {
            self.capture.press(key, &mut self.outputs);
        } else if self.is_capturing() {
            self.budget.refuse(now);
        } else if !self.closed {
            self.budget.press(now, key, &mut self.outputs);
        }
    }

    fn arm_if_proven(&mut self) {
        if self.sinks.are_proven() {
            self.capture.proven(&mut self.outputs);
        }
    }

    fn release(&mut self, mut frame: CleanFrame) {
        self.newest_index = Some(frame.index());
        self.counters.muted += u64::from(frame.mute_epoch().is_some());
        self.counters.clamped += u64::from(frame.is_clamped());
        if frame.mute_epoch().is_none() {
            let (voice, outputs) = (&mut self.voice, &mut self.outputs);
            voice.hear(&self.narrow.frame(frame.samples()), |edge| outputs.push(GateOutput::Speech(edge)));
            frame.voice = self.voice.is_speaking();
        }
        if self.frames.len() == MOST_FRAMES {
            self.frames.pop_front();
            self.counters.overflow += 1;
        }
        self.frames.push_back(frame);
    }
}

#[cfg(test)]
mod curves;
#[cfg(test)]
mod tests;
