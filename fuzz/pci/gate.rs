//! What is fuzzed of the gate and of its messages with the vault (`fuzz/README.md`). Keys are counted here, never looked at.

use std::collections::VecDeque;
use std::f32::consts::TAU;
use std::time::{Duration, Instant};

use frame::{INDEX_STEP, RawEvent, RawFrame, RawInfo, SampleRate};

use self::script::{Script, beginning};
use crate::wire::{
    ControlFromVault, ControlToVault, FromVault, PACKET_BYTES, PromptReason, Step, TO_VAULT_BYTES, VaultInput,
};
use crate::{
    BUDGET_WINDOW, CaptureEvent, CapturePrompt, CleanFrame, Collect, Gate, GateConfig, GateOutput, KEY_BUDGET,
    KeyPolicy, MuteAck, Purpose, SinkId,
};

#[cfg(test)]
#[path = "../shared/replay.rs"]
mod replay;
#[path = "../shared/script.rs"]
mod script;

/// One packet of either socket between gateway and vault, in either direction: what is taken is written as the same bytes.
pub fn vault_link(bytes: &[u8]) {
    if let Ok(message) = FromVault::decode(bytes) {
        assert!(bytes.len() == PACKET_BYTES && message.encode()[..] == *bytes, "one message, one packet");
    }
    if let Ok(message) = ControlFromVault::decode(bytes) {
        assert!(bytes.len() == PACKET_BYTES && message.encode()[..] == *bytes, "one message, one packet");
    }
    if let Ok(message) = ControlToVault::decode(bytes) {
        assert!(bytes.len() == PACKET_BYTES && message.encode()[..] == *bytes, "one message, one packet");
    }
    if VaultInput::decode(bytes).is_ok() {
        assert!(bytes.len() == TO_VAULT_BYTES);
    }
}

/// A whole gate: audio with tones, telephone-events, INFO bodies, collects, captures and what a vault may send, as the
/// script says. No more keys leave than the budget allows, none in a capture, and a capture's audio is exact silence.
pub fn gate(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let mut leg = Leg::new(script.byte());
    while let Some(step) = script.step() {
        leg.step(step, &mut script);
    }
    leg.close();
}

struct Leg {
    gate: Gate,
    rate: SampleRate,
    now: Instant,
    index: u64,
    timestamp: u32,
    /// Sinks whose writers acknowledge every muted frame.
    awake: Vec<SinkId>,
    next_clean: Option<u64>,
    /// When undeclared keys left, within the window.
    left: VecDeque<Instant>,
    /// Keys of the collect under way.
    collected: u8,
    is_armed: bool,
}

impl Leg {
    fn new(options: u8) -> Self {
        let rate = if options & 4 == 0 { SampleRate::Hz8000 } else { SampleRate::Hz16000 };
        let keys = match options & 3 {
            0 => KeyPolicy::Declared,
            seconds => KeyPolicy::Released { pause: Duration::from_secs(seconds.into()) },
        };
        let now = beginning();
        Self {
            gate: Gate::new(GateConfig { rate, keys }, now),
            rate,
            now,
            index: 0,
            timestamp: u32::MAX - 1_000,
            awake: vec![],
            next_clean: None,
            left: VecDeque::new(),
            collected: 0,
            is_armed: false,
        }
    }

    fn step(&mut self, step: u8, script: &mut Script<'_>) {
        match step % 20 {
            0 => (0..script.byte() % 64).for_each(|_| self.frame(|_| 0)),
            1 => self.tone(script.byte()),
            2 => {
                let noise = script.string();
                let sample = |at: usize| noise.get(at % noise.len().max(1)).map_or(0, |&byte| i16::from(byte) << 7);
                self.frame(sample);
            }
            3 => self.deliver(RawFrame::lost(self.rate, self.index)),
            4 => self.event(script.long(), script.string()),
            5 => self.press(script.byte()),
            6 => self.info(script.flag(), script.string()),
            7 => self.info(true, &[b"Signal=", script.bytes(1), b"\r\nDuration=160\r\n"].concat()),
            8 => self.wait(Duration::from_millis(20) * script.byte().into()),
            9 => self.wait(script.millis() * 10),
            10 => self.collect(script),
            11 => self.gate.end_collect(self.now),
            12 => self.gate.arm(self.now, [script.byte(); 16]),
            13 => self.gate.handle_vault(self.now, script.string()),
            14 => self.vault_says(script),
            15 => {
                let sink = SinkId(u32::from(script.byte() % 4));
                self.gate.add_sink(self.now, sink);
                self.awake.push(sink);
                self.awake.truncate(8);
            }
            16 => {
                let sink = SinkId(u32::from(script.byte() % 4));
                self.gate.remove_sink(self.now, sink);
                self.awake.retain(|awake| *awake != sink);
            }
            17 => self.awake.clear(),
            18 => self.gate.cancel_capture(self.now),
            _ => match script.byte() {
                0 => self.gate.hang_up(self.now),
                1 => self.gate.vault_closed(self.now),
                _ => self.deliver(RawFrame::decoded(SampleRate::Hz24000, self.index, |samples| samples.fill(900))),
            },
        }
        self.gate.handle_timeout(self.now);
        self.drain();
    }

    fn frame(&mut self, sample: impl Fn(usize) -> i16) {
        let frame = RawFrame::decoded(self.rate, self.index, |samples| {
            samples.iter_mut().enumerate().for_each(|(at, out)| *out = sample(at));
        });
        self.deliver(frame);
    }

    /// A key of the pad as tones (ITU-T Q.23), and the pause after it.
    fn tone(&mut self, key: u8) {
        const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
        const COLUMNS: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
        let (row, column) = (ROWS[usize::from(key & 3)], COLUMNS[usize::from(key >> 2 & 3)]);
        let (hertz, samples) = (self.rate.hertz() as f32, self.rate.frame_samples());
        for frame in 0..1 + usize::from(key >> 4) {
            self.frame(|at| {
                let moment = (frame * samples + at) as f32 / hertz;
                (5_000.0 * ((TAU * row * moment).sin() + (TAU * column * moment).sin())) as i16
            });
        }
        (0..4).for_each(|_| self.frame(|_| 0));
    }

    fn deliver(&mut self, frame: RawFrame) {
        if let Some(clean) = self.gate.handle_frame(self.now, frame) {
            self.hear(&clean);
        }
        self.index += INDEX_STEP;
        self.timestamp = self.timestamp.wrapping_add(160);
        self.now += Duration::from_millis(20);
        self.drain();
    }

    /// A key as telephone-events: its beginning and its end.
    fn press(&mut self, code: u8) {
        let timestamp = self.timestamp;
        for (flags, duration) in [(0x0a, 160), (0x0a, 480), (0x8a, 800_u16), (0x8a, 800)] {
            let [high, low] = duration.to_be_bytes();
            self.event(timestamp, &[code, flags, high, low]);
        }
        self.wait(Duration::from_millis(100));
    }

    fn event(&mut self, timestamp: u32, payload: &[u8]) {
        if let Some(event) = RawEvent::received(1, timestamp, 8_000, payload) {
            self.gate.handle_event(self.now, event);
        }
        self.drain();
    }

    fn info(&mut self, relay: bool, body: &[u8]) {
        if let Some(info) = RawInfo::received(relay, body) {
            self.gate.handle_info(self.now, &info);
        }
    }

    /// Lets time pass without audio, a deadline at a time.
    fn wait(&mut self, span: Duration) {
        let until = self.now + span;
        let mut turns = 0;
        while let Some(due) = self.gate.poll_timeout().filter(|&due| due <= until) {
            self.now = self.now.max(due);
            self.gate.handle_timeout(self.now);
            self.drain();
            turns += 1;
            assert!(turns < 10_000, "a deadline that is met is over");
        }
        let ticks = until.saturating_duration_since(self.now).as_millis() as u32;
        self.timestamp = self.timestamp.wrapping_add(ticks.wrapping_mul(8));
        self.now = until;
    }

    fn collect(&mut self, script: &mut Script<'_>) {
        const PURPOSES: [Purpose; 3] = [Purpose::Choice, Purpose::AccountReference, Purpose::Date];
        let collect = Collect {
            purpose: PURPOSES[usize::from(script.byte() % 3)],
            max_keys: script.byte(),
            terminator: script.flag().then_some('#'),
            pause: script.millis(),
            patience: script.millis(),
        };
        self.gate.collect(self.now, collect);
    }

    /// A message that a vault may send in a capture.
    fn vault_says(&mut self, script: &mut Script<'_>) {
        let step = Step::ALL[usize::from(script.byte()) % Step::ALL.len()];
        let message = match script.byte() % 4 {
            0 => FromVault::Prompt { step, reason: PromptReason::First },
            1 => FromVault::Progress { step, count: script.byte() },
            2 => FromVault::ConnectionWanted,
            _ => FromVault::Outcome(crate::wire::Outcome::Unknown),
        };
        self.gate.handle_vault(self.now, &message.encode());
    }

    fn hear(&mut self, frame: &CleanFrame) {
        assert!(self.next_clean.is_none_or(|index| index <= frame.index()), "frames in their order");
        self.next_clean = Some(frame.index() + INDEX_STEP);
        let Some(epoch) = frame.mute_epoch() else { return };
        assert!(frame.samples().iter().all(|&sample| sample == 0) && !frame.voice(), "a capture's exact silence");
        for &sink in &self.awake {
            self.gate.acknowledge(self.now, MuteAck { sink, epoch, first_silent_index: frame.index() });
        }
    }

    fn drain(&mut self) {
        let mut outputs = 0;
        while let Some(output) = self.gate.poll_output() {
            self.told(output);
            outputs += 1;
            assert!(outputs < 200, "outputs of one input are bounded");
        }
    }

    fn told(&mut self, output: GateOutput) {
        match output {
            GateOutput::MenuKey(key) => {
                assert!(!self.gate.is_capturing(), "no key leaves in a capture");
                match key.purpose() {
                    Some(_) => self.collected += 1,
                    None => self.undeclared(),
                }
                assert!(self.collected <= KEY_BUDGET, "a collect takes no more than the budget");
            }
            GateOutput::Collected(collected) => {
                assert_eq!(collected.keys, std::mem::take(&mut self.collected), "as many as left");
            }
            GateOutput::Vault(message) => {
                assert!(self.is_armed, "nothing is for the vault outside of a capture");
                let mut packet = Vec::new();
                message.send(&mut packet).expect("a vector takes all");
                assert!(VaultInput::decode(&packet).is_ok(), "the vault can read it");
            }
            GateOutput::Prompt(CapturePrompt { step, reason }) => {
                self.gate.prompt_ended(self.now, CapturePrompt { step, reason });
            }
            GateOutput::Capture(CaptureEvent::Armed) => self.is_armed = true,
            GateOutput::Capture(CaptureEvent::Released) => self.is_armed = false,
            GateOutput::Capture(_) | GateOutput::Speech(_) | GateOutput::Control(_) | GateOutput::Suppressed(_) => {}
        }
    }

    /// A key that nobody declared has left.
    fn undeclared(&mut self) {
        let now = self.now;
        while self.left.front().is_some_and(|&left| now >= left + BUDGET_WINDOW) {
            self.left.pop_front();
        }
        self.left.push_back(now);
        assert!(self.left.len() <= usize::from(KEY_BUDGET), "no more than the budget in any window");
    }

    /// The call ends: a capture ends with it, and nothing is left to wait for.
    fn close(mut self) {
        self.gate.hang_up(self.now);
        self.drain();
        self.wait(Duration::from_secs(700));
        assert!(!self.gate.is_capturing(), "a capture ends with its call");
    }
}

#[cfg(test)]
mod tests {
    super::replay::replay!(gate, vault_link);
}
