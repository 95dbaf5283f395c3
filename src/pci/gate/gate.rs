//! The gate of one leg: raw frames in, clean frames and decisions out.

use std::time::{Duration, Instant};

use frame::{RawEvent, RawFrame, RawInfo, SampleRate};
use tones::voice::Voice;

use crate::arbiter::{Arbiter, Path};
use crate::{
    CaptureId, CapturePrompt, CleanFrame, Collect, CollectEnd, GateOutput, KeyPolicy, MuteAck, SinkId, budget::Budget,
    capture::Capture, clamp::Clamp, events::Events, key::Key, output::Outputs, sinks::Sinks,
};

/// Within this every sink must acknowledge a mute, or the capture does not begin. Ten frames: the first mute one leaves, comes
/// to each writer behind what waits there, and is told back. A caller who waits for the prompt does not notice.
pub const MUTE_DEADLINE: Duration = Duration::from_millis(200);
/// Within this every sink must renew its acknowledgement, or the capture ends: a sink that is no longer known to be mute is
/// unknown for no longer than a wipe may take. Writers renew every half of it, so that one renewal may be late.
pub const MUTE_LEASE: Duration = Duration::from_millis(1_000);
/// How long all keys must be up, and every tone over, before the caller's audio flows again. Longer than INFO may come after
/// its press (300 ms), and than packets may wait for each other and for their place (150 ms, 200 ms).
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
    /// Outputs dropped because the driver did not drain them. In a capture that ends it: one may have been a key.
    pub overflow: u64,
}

/// The gate of one leg.
///
/// Every input is followed by draining [`Gate::poll_output`] to `None`, then a sleep until [`Gate::poll_timeout`] at the
/// latest.
pub struct Gate {
    rate: SampleRate,
    clamp: Clamp,
    events: Events,
    arbiter: Arbiter,
    budget: Budget,
    capture: Capture,
    sinks: Sinks,
    voice: Voice,
    outputs: Outputs,
    /// When a key or a tone was last heard, or else when the gate was made.
    quiet_since: Instant,
    closed: bool,
    counters: Counters,
}

impl Gate {
    /// A gate that has seen nothing.
    pub fn new(config: GateConfig, now: Instant) -> Self {
        Self {
            rate: config.rate,
            clamp: Clamp::new(config.rate),
            events: Events::default(),
            arbiter: Arbiter::default(),
            budget: Budget::new(config.keys),
            capture: Capture::new(now),
            sinks: Sinks::default(),
            voice: Voice::new(config.rate),
            outputs: Outputs::new(),
            quiet_since: now,
            closed: false,
            counters: Counters::default(),
        }
    }

    /// Takes one decoded frame, or the marker of a lost one, and gives the clean frame of the one before it.
    pub fn handle_frame(&mut self, now: Instant, frame: RawFrame) -> Option<CleanFrame> {
        if self.closed {
            return None;
        }
        self.counters.frames += 1;
        let wrong = frame.rate() != self.rate;
        self.counters.wrong_rate += u64::from(wrong);
        let frame = if wrong { RawFrame::lost(self.rate, frame.index()) } else { frame };
        let judged = self.clamp.handle_frame(now, frame);
        if judged.suspected || judged.pressed {
            self.quiet_since = now;
        }
        let released = judged.released.map(|frame| self.release(frame));
        if let Some(key) = judged.key {
            self.press(now, Path::InBand, key);
        }
        if judged.pressed {
            self.arbiter.hold(now, Path::InBand);
        }
        self.handle_timeout(now);
        released
    }

    /// Takes one telephone-event payload (RFC 4733) of the leg's locked source.
    #[allow(clippy::needless_pass_by_value, reason = "the event is wiped here")]
    pub fn handle_event(&mut self, now: Instant, event: RawEvent) {
        self.clamp.event(now);
        self.quiet_since = now;
        match self.events.handle(now, &event) {
            Some(begun) => begun.into_iter().flatten().for_each(|key| self.press(now, Path::Event, key)),
            None => self.counters.malformed += 1,
        }
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

    /// The next output.
    pub fn poll_output(&mut self) -> Option<GateOutput> {
        self.outputs.queue.pop_front()
    }

    /// When [`Gate::handle_timeout`] wants to be called at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let proof = self.sinks.poll_timeout().filter(|_| self.capture.needs_proof());
        let capture = self.capture.poll_timeout(self.quiet_since);
        [proof, capture, self.budget.poll_timeout(), self.arbiter.poll_timeout(), self.events.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.outputs.overflow > self.counters.overflow && self.outputs.queue.is_empty() {
            // What was dropped may have been for the vault: it cannot be reached any more.
            self.counters.overflow = self.outputs.overflow;
            self.capture.vault_closed(now, &mut self.outputs);
        }
        if self.events.is_down(now) {
            self.quiet_since = now;
            self.arbiter.hold(now, Path::Event);
        }
        self.events.expire(now);
        self.arbiter.expire(now);
        self.budget.handle_timeout(now, &mut self.outputs);
        if let Some(failure) = self.sinks.overdue(now) {
            self.capture.fail_control(now, failure, &mut self.outputs);
        }
        if self.sinks.are_proven() {
            self.capture.proven(&mut self.outputs);
        }
        if self.capture.handle_timeout(now, self.quiet_since, &mut self.outputs) {
            self.clamp.flush();
            self.forget_voice();
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
    }

    /// A sink's writer acknowledges the mute, or renews that.
    pub fn acknowledge(&mut self, now: Instant, ack: MuteAck) {
        if self.capture.needs_proof() {
            let counts = self.capture.epoch() == Some(ack.epoch) && self.sinks.acknowledge(now, ack);
            self.counters.bad_acknowledgements += u64::from(!counts);
        }
        self.handle_timeout(now);
    }

    /// Declares that the caller is being asked for keys. Replaces a collect that is under way. Refused in a capture:
    /// it ends at once as [`crate::CollectEnd::Withdrawn`].
    pub fn collect(&mut self, now: Instant, collect: Collect) {
        self.budget.collect(now, collect, &mut self.outputs);
        if self.is_capturing() {
            self.budget.end(CollectEnd::Withdrawn, &mut self.outputs);
        }
    }

    /// Ends the collect that is under way.
    pub fn end_collect(&mut self, now: Instant) {
        self.handle_timeout(now);
        self.budget.end(CollectEnd::Withdrawn, &mut self.outputs);
    }

    /// Begins a capture: mutes at once, then waits for every sink. Ignored where a capture is under way.
    pub fn arm(&mut self, now: Instant, capture: CaptureId) {
        if self.closed || !self.capture.begin(now, capture) {
            return;
        }
        self.budget.withdraw(&mut self.outputs);
        self.sinks.ask(now);
        self.forget_voice();
        self.handle_timeout(now);
    }

    /// The carrier takes the keys of the armed capture: no vault is waited for, and keys that come here are dropped.
    pub fn delegate(&mut self) {
        self.capture.delegate();
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

    /// Withdraws the capture. Once a connection is wanted the vault decides: it withdraws a card that was not submitted,
    /// which is told as [`crate::wire::FailReason::Withdrawn`]; else the outcome comes.
    pub fn cancel_capture(&mut self, now: Instant) {
        self.capture.cancel(now, &mut self.outputs);
        self.handle_timeout(now);
    }

    /// The call has ended: no frame leaves any more, what is held is wiped, and a capture ends. Drive the gate on
    /// until [`crate::CaptureEvent::Released`], at most [`WIPE_DEADLINE`], if its wipe record is wanted; dropping
    /// the capture socket at once wipes too.
    pub fn hang_up(&mut self, now: Instant) {
        self.closed = true;
        // What it held is wiped as it goes.
        self.clamp = Clamp::new(self.rate);
        self.forget_voice();
        self.budget.withdraw(&mut self.outputs);
        self.capture.hang_up(now, &mut self.outputs);
        self.handle_timeout(now);
    }

    /// Whether a capture is under way, from arming to release: the agent is to be muted both ways.
    pub fn is_capturing(&self) -> bool {
        self.capture.epoch().is_some()
    }

    /// What was counted.
    pub fn counters(&self) -> Counters {
        let (suppressed, ignored_events) = (self.budget.suppressed, self.events.ignored);
        Counters { suppressed, ignored_events, overflow: self.outputs.overflow, ..self.counters }
    }

    fn press(&mut self, now: Instant, path: Path, key: Key) {
        self.quiet_since = now;
        let Some(key) = self.arbiter.press(now, path, key) else {
            self.counters.duplicates += 1;
            return;
        };
        let is_mute = self.is_capturing();
        if self.capture.takes_keys() {
            self.budget.lengthen_run(now);
            self.capture.press(&key, &mut self.outputs);
        } else if is_mute || !self.closed {
            self.budget.press(now, key, is_mute, &mut self.outputs);
        }
    }

    fn forget_voice(&mut self) {
        if let Some(edge) = self.voice.clear() {
            self.outputs.push(GateOutput::Speech(edge));
        }
    }

    /// The one way out for audio: heard for whether the caller speaks, and silenced in a capture.
    fn release(&mut self, mut frame: CleanFrame) -> CleanFrame {
        self.sinks.newest_index = Some(frame.index());
        self.voice.hear(frame.samples(), |edge| self.outputs.push(GateOutput::Speech(edge)));
        match self.capture.epoch().filter(|_| !(self.capture.takes_keys() && frame::sabotaged("unmute_early"))) {
            Some(epoch) => frame.mute(epoch),
            None => frame.voice = self.voice.is_speaking(),
        }
        self.counters.muted += u64::from(frame.mute_epoch().is_some());
        self.counters.clamped += u64::from(frame.is_clamped());
        frame
    }
}
