//! One call's media: the far end's packets through the gate to the taps, and prompts and agent back to the far end.
//!
//! ```text
//! packets ─▶ rtp::Session ─RawFrame, RawEvent─▶ gate::Gate ─CleanFrame─▶ 8 kHz ─▶ taps (agent, recorder)
//! packets ◀─ rtp::Session ◀── 20 ms at 8 kHz ── audio::Playout ◀─ prompts, agent
//! ```
//!
//! A [`Leg`] lives on a media thread. It is told the time and never waits; after every input its driver drains
//! [`Leg::poll_output`] and [`Leg::poll_tap`] to `None`.

mod barge_in;
mod conceal;
mod delivery;
mod echo;
mod flow;
mod narrow;
mod report;
mod target;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use audio::{Chunk, CodecError, FRAME_SAMPLES, Generation, Playout, PlayoutConfig, SegmentId};
use gate::wire::ToVault;
use gate::{CapturePrompt, Gate, GateConfig, SinkId};
use rtp::{PacketBuffer, Session, SessionConfig};

use crate::SinkKind;
use crate::media::{LegCommand, LegOutput, TapItem};

use conceal::Conceal;
use delivery::Deliveries;
use echo::Echo;
use narrow::Narrow;
pub use report::{HushPolicy, LegReport, Transmit};

/// Frames whose arrival is remembered until they have passed the gate.
const ARRIVALS: usize = 8;

/// How a leg is set up.
#[derive(Clone, Debug)]
pub struct LegConfig {
    /// What offer and answer agreed.
    pub session: SessionConfig,
    /// How the gate treats keys.
    pub gate: GateConfig,
    /// How much may wait to be played.
    pub playout: PlayoutConfig,
    /// What the caller's speech does to interruptible speech of ours.
    pub hush: HushPolicy,
}

/// The media of one call.
pub struct Leg {
    session: Session,
    gate: Gate,
    /// None where the leg is at 8 kHz as it is.
    conceal: Conceal,
    narrow: Option<Narrow>,
    playout: Playout,
    /// Only where the caller hears themselves.
    echo: Option<Box<Echo>>,
    hush: HushPolicy,
    hush_due: Option<Instant>,
    /// When what is held because of the caller's speech is cut.
    cut_due: Option<Instant>,
    described: Option<SocketAddr>,
    learn_source: bool,
    media_timeout: Option<Duration>,
    held: bool,
    agent_muted: bool,
    capturing: bool,
    capture_prompt: Option<(SegmentId, CapturePrompt)>,
    recorders: Vec<SinkId>,
    deliveries: Deliveries,
    arrivals: VecDeque<(u64, Instant)>,
    agent_since: Option<Instant>,
    agent_latency: Option<Duration>,
    ticks: u64,
    outputs: VecDeque<LegOutput>,
    to_vault: VecDeque<ToVault>,
    taps: VecDeque<TapItem>,
}

impl Leg {
    /// A leg whose stream time, of both directions, counts from `now`.
    ///
    /// # Errors
    /// Where the codec cannot be set up.
    pub fn new(config: LegConfig, now: Instant) -> Result<Self, CodecError> {
        Ok(Self {
            described: config.session.remote,
            learn_source: config.session.learn_source,
            media_timeout: config.session.media_timeout,
            held: false,
            conceal: Conceal::at(config.gate.rate),
            narrow: Narrow::from(config.gate.rate)?,
            session: Session::new(config.session, now)?,
            gate: Gate::new(config.gate, now),
            playout: Playout::new(config.playout),
            echo: None,
            hush: config.hush,
            hush_due: None,
            cut_due: None,
            agent_muted: false,
            capturing: false,
            capture_prompt: None,
            recorders: Vec::new(),
            deliveries: Deliveries::default(),
            arrivals: VecDeque::with_capacity(ARRIVALS),
            agent_since: None,
            agent_latency: None,
            ticks: 0,
            outputs: VecDeque::new(),
            to_vault: VecDeque::new(),
            taps: VecDeque::with_capacity(1),
        })
    }

    /// Takes what came to the RTP port, the handshake of DTLS included; with SRTP it is decrypted in place.
    pub fn handle_rtp(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) {
        self.session.handle_packet(now, from, bytes);
        self.settle(now);
    }

    /// Whether audio from there may be heard.
    #[must_use]
    pub fn may_hear(&self, from: SocketAddr) -> bool {
        self.session.may_hear(from)
    }

    /// Takes what came to the RTCP port, likewise.
    pub fn handle_rtcp(&mut self, now: Instant, from: SocketAddr, bytes: &mut [u8]) {
        self.session.handle_rtcp(now, from, bytes);
        self.settle(now);
    }

    /// Takes one packet of the vault's capture socket.
    pub fn handle_vault(&mut self, now: Instant, message: &[u8]) {
        self.gate.handle_vault(now, message);
        self.settle(now);
    }

    /// The vault's capture socket was closed or failed.
    pub fn vault_closed(&mut self, now: Instant) {
        self.gate.vault_closed(now);
        self.settle(now);
    }

    /// Does what control asks. What is the driver's own to do, sockets and closing, is without effect here.
    pub fn handle_command(&mut self, now: Instant, command: LegCommand) {
        match command {
            LegCommand::Play(segment) => self.play(segment),
            LegCommand::PlayCapture { prompt, segment } => self.play_capture(prompt, segment),
            LegCommand::AgentAudio { generation, samples, arrived } => self.append_agent(arrived, generation, samples),
            LegCommand::Mark(name) => {
                if let Err(audio::Full) = self.playout.mark(name.clone()) {
                    self.outputs.push_back(LegOutput::Mark { name, cleared: true });
                }
            }
            LegCommand::Clear { generation } => {
                // The agent has heard the caller itself.
                self.cut_due = None;
                self.playout.clear(generation);
            }
            LegCommand::Echo(on) => self.echo.get_or_insert_with(|| Box::new(Echo::new())).switch(on),
            LegCommand::MuteAgent(muted) => {
                self.agent_muted = muted;
                self.mute_agent();
            }
            LegCommand::Collect(collect) => self.gate.collect(now, collect),
            LegCommand::EndCollect => self.gate.end_collect(now),
            LegCommand::Arm { capture } => self.gate.arm(now, capture),
            LegCommand::Delegate => self.gate.delegate(),
            LegCommand::CancelCapture => self.gate.cancel_capture(now),
            LegCommand::Acknowledge(ack) => self.gate.acknowledge(now, ack),
            LegCommand::Info(info) => self.gate.handle_info(now, &info),
            LegCommand::Retarget(target) => self.retarget(now, &target),
            LegCommand::BeginHandshake => self.session.begin_handshake(now),
            LegCommand::AttachVault { .. } | LegCommand::Close => {}
        }
        self.settle(now);
    }

    /// A sink takes the caller's frames from now on, and a recorder what is sent too. In a capture it starts muted.
    pub fn add_sink(&mut self, now: Instant, sink: SinkId, kind: SinkKind) {
        match kind {
            SinkKind::Agent => {}
            SinkKind::Recorder => self.recorders.push(sink),
        }
        self.gate.add_sink(now, sink);
        self.settle(now);
    }

    /// A sink takes no more, and what it held is gone.
    pub fn remove_sink(&mut self, now: Instant, sink: SinkId) {
        self.recorders.retain(|&recorder| recorder != sink);
        self.gate.remove_sink(now, sink);
        self.settle(now);
    }

    /// The 20 ms slot of this leg: makes the packet that is due, and says where to send it. [`Leg::transmitted`] follows.
    /// Nothing is played while there is no destination or no key, or the caller holds the call. Silence that the codec
    /// leaves out has no packet, and counts as delivered.
    pub fn tick(&mut self, now: Instant, out: &mut PacketBuffer) -> Option<Transmit> {
        let index = self.ticks * frame::INDEX_STEP;
        self.ticks += 1;
        let Some(to) = self.session.destination().filter(|_| !self.held) else {
            self.session.skip();
            self.tap_sent(index, &[0; FRAME_SAMPLES]);
            return None;
        };
        let mut samples = [0; FRAME_SAMPLES];
        let waiting = self.playout.agent_queued();
        let filled = self.playout.next_frame(&mut samples);
        if let Some(echo) = &mut self.echo {
            echo.next_frame(now, filled, &mut samples);
        }
        if self.playout.agent_queued() < waiting {
            self.agent_latency = self.agent_since.take().map(|since| now.saturating_duration_since(since));
        }
        let place = self.session.next_place();
        let sent = self.session.encode(&samples, out);
        self.tap_sent(index, &samples);
        if sent.is_none() {
            self.deliveries.pause(place);
            self.settle(now);
        }
        sent.map(|sent| Transmit { to, sent })
    }

    /// Says whether the network took the packet of the last tick: only what it took counts as delivered.
    pub fn transmitted(&mut self, now: Instant, transmit: &Transmit, taken: bool) {
        self.deliveries.packet(transmit.sent, taken);
        self.settle(now);
    }

    /// Lets a slot pass that came too late to be sent.
    pub fn skip_tick(&mut self) {
        let index = self.ticks * frame::INDEX_STEP;
        self.ticks += 1;
        self.session.skip();
        self.tap_sent(index, &[0; FRAME_SAMPLES]);
    }

    /// The next frame for the taps.
    pub fn poll_tap(&mut self) -> Option<TapItem> {
        self.taps.pop_front()
    }

    /// What control should know.
    pub fn poll_output(&mut self) -> Option<LegOutput> {
        self.outputs.pop_front()
    }

    /// The next message for the capture socket, to be sent at once. Where that fails, [`Leg::vault_closed`] follows.
    pub fn poll_vault(&mut self) -> Option<ToVault> {
        self.to_vault.pop_front()
    }

    /// The next datagram of the DTLS handshake, and where to send it, from the RTP port. Drained like the outputs.
    pub fn poll_handshake(&mut self) -> Option<(SocketAddr, Box<[u8]>)> {
        self.session.poll_handshake()
    }

    /// Whether RTCP goes out from the RTP port.
    #[must_use]
    pub fn shares_port(&self) -> bool {
        self.session.shares_port()
    }

    /// The RTCP report that is due, and where to send it.
    pub fn poll_report(&mut self, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        self.session.poll_rtcp(now)
    }

    /// When [`Leg::handle_timeout`] wants to be called at the latest. Ticks come beside it.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.session.poll_timeout(), self.gate.poll_timeout(), self.hush_due, self.cut_due].into_iter().flatten().min()
    }

    /// Does what is due. Reports that are due wait in [`Leg::poll_report`].
    pub fn handle_timeout(&mut self, now: Instant) {
        self.session.handle_timeout(now);
        self.gate.handle_timeout(now);
        if self.hush_due.take_if(|due| *due <= now).is_some() {
            self.hold(now);
        }
        if self.cut_due.take_if(|due| *due <= now).is_some() {
            self.hush();
        }
        self.settle(now);
    }

    /// Ends the leg: any capture ends with it. The driver drains the outputs once more, and where
    /// [`Leg::is_capturing`] says so keeps the vault's socket until the wipe is confirmed.
    pub fn close(&mut self, now: Instant) -> LegReport {
        let goodbye = self.session.close(now);
        self.gate.hang_up(now);
        self.settle(now);
        LegReport {
            statistics: self.session.statistics(),
            gate: self.gate.counters(),
            discarded: self.playout.discarded(),
            goodbye,
        }
    }

    /// Whether a capture is under way.
    #[must_use]
    pub fn is_capturing(&self) -> bool {
        self.gate.is_capturing()
    }

    /// When the packet of one of the last frames came, by [`gate::CleanFrame::index`].
    #[must_use]
    pub fn arrival(&self, index: u64) -> Option<Instant> {
        self.arrivals.iter().find(|(known, _)| *known == index).map(|(_, at)| *at)
    }

    /// Samples of streamed agent audio that wait to be played: for back-pressure.
    #[must_use]
    pub fn agent_queued(&self) -> usize {
        self.playout.agent_queued()
    }

    /// Entries that wait to be played, of whatever kind: for back-pressure, too.
    #[must_use]
    pub fn playout_entries(&self) -> usize {
        self.playout.entries()
    }

    /// How long the agent's audio waited, from its arrival on an empty queue to its packet; once per such wait.
    pub fn take_agent_latency(&mut self) -> Option<Duration> {
        self.agent_latency.take()
    }

    /// Gaps in the caller's audio that were filled so far.
    #[must_use]
    pub fn concealed(&self) -> u64 {
        self.conceal.gaps()
    }

    /// What the gate has counted so far.
    #[must_use]
    pub fn gate_counters(&self) -> gate::Counters {
        self.gate.counters()
    }

    /// Samples of agent audio that were not played so far, by reason.
    #[must_use]
    pub fn discarded(&self) -> audio::Discarded {
        self.playout.discarded()
    }

    /// What the jitter buffer has done, where the caller hears themselves.
    #[must_use]
    pub fn jitter_buffer(&self) -> Option<audio::JitterBufferReport> {
        self.echo.as_ref().map(|echo| echo.report())
    }

    /// The counts of the wire so far.
    #[must_use]
    pub fn statistics(&self) -> rtp::Statistics {
        self.session.statistics()
    }

    fn play(&mut self, segment: audio::Segment) {
        let (id, total) = (segment.id, segment.samples.len() as u64);
        if let Err(audio::Full) = self.playout.enqueue(segment) {
            self.outputs.push_back(LegOutput::PromptInterrupted { id, played: 0, total });
        }
    }

    /// What comes after its capture has ended would ask for keys that are not kept from anybody.
    fn play_capture(&mut self, prompt: CapturePrompt, segment: audio::Segment) {
        if !self.gate.is_capturing() {
            let (id, total) = (segment.id, segment.samples.len() as u64);
            self.outputs.push_back(LegOutput::PromptInterrupted { id, played: 0, total });
            return;
        }
        self.drop_capture_prompt();
        self.capture_prompt = Some((segment.id, prompt));
        self.play(segment);
    }

    fn append_agent(&mut self, arrived: Instant, generation: Generation, samples: Chunk) {
        let waiting = self.playout.agent_queued();
        // A refusal is counted by the playout. Whoever feeds the stream sees its depth, and holds the agent back before.
        let _ = self.playout.append_agent(generation, samples);
        if waiting == 0 && self.playout.agent_queued() > 0 {
            self.agent_since = Some(arrived);
        }
    }

    fn mute_agent(&mut self) {
        self.playout.mute_agent(self.agent_muted || self.capturing);
    }
}
