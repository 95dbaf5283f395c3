//! The gate of one leg: raw frames in, clean frames and decisions out.

use std::time::{Duration, Instant};

use frame::{RawEvent, RawFrame, RawInfo, SampleRate};

use crate::{CaptureId, CapturePrompt, CleanFrame, Collect, GateOutput, KeyPolicy, MuteAck, SinkId};

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
    /// Frames silenced outside captures because they may have held a tone.
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

/// The gate of one leg.
///
/// Every input is followed by draining [`Gate::poll_frame`] and [`Gate::poll_output`] to `None`, then a sleep until
/// [`Gate::poll_timeout`] at the latest.
pub struct Gate {
    config: GateConfig,
    counters: Counters,
}

#[allow(unused_variables, clippy::needless_pass_by_value)]
impl Gate {
    /// A gate that has seen nothing.
    #[must_use]
    pub fn new(config: GateConfig, now: Instant) -> Self {
        Self { config, counters: Counters::default() }
    }

    /// Takes one decoded frame, or the marker of a lost one. One clean frame comes out for each, one frame later.
    pub fn handle_frame(&mut self, now: Instant, frame: RawFrame) {}

    /// Takes one telephone-event payload (RFC 4733) of the leg's locked source.
    pub fn handle_event(&mut self, now: Instant, event: RawEvent) {}

    /// Takes one INFO body of the leg's dialog.
    pub fn handle_info(&mut self, now: Instant, info: RawInfo) {}

    /// The next clean frame.
    pub fn poll_frame(&mut self) -> Option<CleanFrame> {
        None
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<GateOutput> {
        None
    }

    /// When [`Gate::handle_timeout`] wants to be called at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {}

    /// A sink will take this leg's frames from now on. In a capture it starts muted and must acknowledge too.
    pub fn add_sink(&mut self, now: Instant, sink: SinkId) {}

    /// A sink takes no more frames: its queue is closed and what it held is gone.
    pub fn remove_sink(&mut self, now: Instant, sink: SinkId) {}

    /// A sink's writer acknowledges the mute, or renews that.
    pub fn acknowledge(&mut self, now: Instant, ack: MuteAck) {}

    /// Declares that the caller is being asked for keys. Replaces a collect that is under way. Refused in a capture.
    pub fn collect(&mut self, now: Instant, collect: Collect) {}

    /// Ends the collect that is under way.
    pub fn end_collect(&mut self, now: Instant) {}

    /// Begins a capture: mutes at once, then waits for every sink. Ignored where a capture is under way.
    pub fn arm(&mut self, now: Instant, capture: CaptureId) {}

    /// Takes one packet of the vault's capture socket.
    pub fn handle_vault(&mut self, now: Instant, message: &[u8]) {}

    /// The capture socket was closed by the vault or failed.
    pub fn vault_closed(&mut self, now: Instant) {}

    /// A capture prompt was played to its end.
    pub fn prompt_ended(&mut self, now: Instant, prompt: CapturePrompt) {}

    /// Withdraws the capture.
    pub fn cancel_capture(&mut self, now: Instant) {}

    /// The call has ended: any capture ends with it, and everything held is wiped.
    pub fn hang_up(&mut self, now: Instant) {}

    /// Whether a capture is under way, from arming to release: the agent is to be muted both ways.
    #[must_use]
    pub fn is_capturing(&self) -> bool {
        false
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }
}
