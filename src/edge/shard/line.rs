//! One leg with everything the world gives it: sockets, taps, the vault's socket and its way to control.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use audio::{Discarded, JitterBufferReport};
use call::media::{LegCommand, LegOutput, TapItem};
use call::{Leg, LegConfig};
use gate::{CaptureEvent, ControlFailure, SinkId};
use rtp::{PacketBuffer, Quality, Statistics};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::mailbox::{Shared, agent_samples};
use super::meters::Meters;
use super::sockets::Sockets;
use super::tap::{self, Offered, Tap};
use super::vault::{Heard, VaultBuffer, VaultSocket};

/// Packets of one leg's far end that are read in one frame's time; the rest waits in the kernel, which drops what does not
/// fit.
const READS_PER_TICK: u32 = 64;
/// The same of everybody else's packets, and of reports: about a millisecond's work. Up to it, 50,000 a second, a flood keeps
/// none of the far end's packets from being read.
const STRANGE_READS_PER_TICK: u32 = 1_024;
/// A slot that is later than this is skipped: its packet would only add to the far end's delay.
const STALE: Duration = Duration::from_millis(60);
/// How long a closed leg waits for the vault to confirm the wipe.
const LINGER: Duration = Duration::from_secs(3);
/// Ticks between two additions to the metrics: a second.
const TICKS_PER_COUNT: u32 = 50;
/// Messages read from the vault at once: more than an honest one can have sent, which answers each of a call's keys, 8 a
/// second, with one or two.
const VAULT_READS: u32 = 256;

/// Names a leg in its process. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LegId(pub(super) u64);

/// What a line is made of.
pub(super) struct Opening {
    pub(super) id: LegId,
    pub(super) config: LegConfig,
    pub(super) sockets: Sockets,
    pub(super) outputs: mpsc::Sender<Box<LegOutput>>,
    pub(super) shared: Arc<Shared>,
}

/// Which of the two sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Rtp,
    Rtcp,
}

/// What may still be read in this frame's time.
struct Reads {
    heard: u32,
    strange: u32,
}

impl Default for Reads {
    fn default() -> Self {
        Self { heard: READS_PER_TICK, strange: STRANGE_READS_PER_TICK }
    }
}

impl Reads {
    fn are_used_up(&self) -> bool {
        self.heard == 0 || self.strange == 0
    }

    fn take(&mut self, is_strange: bool) {
        let left = if is_strange { &mut self.strange } else { &mut self.heard };
        *left = left.saturating_sub(1);
    }
}

/// A leg that runs on this thread.
pub(super) struct Line {
    leg: Leg,
    sockets: Option<Sockets>,
    outputs: mpsc::Sender<Box<LegOutput>>,
    pub(super) shared: Arc<Shared>,
    taps: Vec<Tap>,
    pub(super) vault: Option<VaultSocket>,
    reads_left: Reads,
    starved: bool,
    ticks: u32,
    counted: Statistics,
    concealed: u64,
    gated: gate::Counters,
    discarded: Discarded,
    buffered: Option<Box<JitterBufferReport>>,
    lingers_until: Option<Instant>,
    abandoned: bool,
    /// The millisecond of the earliest timer set for this leg.
    pub(super) armed: Option<u64>,
}

impl Line {
    pub(super) fn new(opening: Opening, leg: Leg) -> Self {
        Self {
            leg,
            sockets: Some(opening.sockets),
            outputs: opening.outputs,
            shared: opening.shared,
            taps: Vec::new(),
            vault: None,
            reads_left: Reads::default(),
            starved: false,
            ticks: 0,
            counted: Statistics::default(),
            concealed: 0,
            gated: gate::Counters::default(),
            discarded: Discarded::default(),
            buffered: None,
            lingers_until: None,
            abandoned: false,
            armed: None,
        }
    }

    /// Whether whoever held the leg is gone.
    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned || self.shared.abandoned.load(Ordering::Acquire)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lingers_until.is_some()
    }

    /// Whether a closed leg has nothing left to wait for.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.lingers_until.is_some_and(|until| !self.leg.is_capturing() || now >= until)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.leg.poll_timeout(), self.lingers_until].into_iter().flatten().min()
    }

    /// Reads what has come, as much as this frame's time allows.
    pub(super) fn read(&mut self, wire: Wire, buffer: &mut [u8], meters: &Meters) {
        while let Some(sockets) = &self.sockets {
            if self.reads_left.are_used_up() {
                self.starved = true;
                return;
            }
            let socket = if wire == Wire::Rtp { &sockets.rtp } else { &sockets.rtcp };
            let Ok((length, from)) = socket.recv_from(buffer) else { return };
            self.reads_left.take(wire == Wire::Rtcp || !self.leg.may_hear(from));
            self.hear(Instant::now(), wire, from, &mut buffer[..length], meters);
        }
    }

    /// Takes a datagram, and wipes it.
    pub(super) fn hear(&mut self, now: Instant, wire: Wire, from: SocketAddr, bytes: &mut [u8], meters: &Meters) {
        match wire {
            Wire::Rtp => self.leg.handle_rtp(now, from, bytes),
            Wire::Rtcp => self.leg.handle_rtcp(now, from, bytes),
        }
        // It may have held a tone or a key.
        bytes.fill(0);
        self.drain(now, meters);
    }

    /// Sends the packet of this leg's slot. Returns whether a socket was left unread in the last slot.
    pub(super) fn tick(&mut self, now: Instant, due: Instant, packet: &mut PacketBuffer, meters: &Meters) -> bool {
        if now.saturating_duration_since(due) > STALE {
            self.leg.skip_tick();
        } else if let Some(transmit) = self.leg.tick(now, packet) {
            let taken = self.send(Wire::Rtp, transmit.to, packet.bytes());
            if !taken {
                meters.unsent();
            }
            self.leg.transmitted(now, &transmit, taken);
        }
        if let Some(waited) = self.leg.take_agent_latency() {
            meters.to_caller(waited);
        }
        self.show_queued();
        self.drain(now, meters);
        self.ticks += 1;
        if self.ticks.is_multiple_of(TICKS_PER_COUNT) {
            self.count(meters);
        }
        self.reads_left = Reads::default();
        std::mem::take(&mut self.starved)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, meters: &Meters) {
        self.leg.handle_timeout(now);
        while let Some((to, report)) = self.leg.poll_report(now) {
            self.send(self.report_wire(), to, &report);
        }
        self.drain(now, meters);
    }

    pub(super) fn handle_command(&mut self, now: Instant, command: LegCommand, meters: &Meters) {
        if self.is_closed() {
            return;
        }
        let came = agent_samples(&command);
        self.leg.handle_command(now, command);
        self.show_queued();
        // Counted twice for a moment rather than not at all.
        self.shared.agent_coming.fetch_sub(came, Ordering::Release);
        self.drain(now, meters);
    }

    /// Shows whoever feeds the agent's stream how much of it waits.
    fn show_queued(&self) {
        self.shared.agent_queued.store(self.leg.agent_queued(), Ordering::Relaxed);
        self.shared.entries_queued.store(self.leg.playout_entries(), Ordering::Relaxed);
    }

    pub(super) fn attach(&mut self, now: Instant, tap: Tap, meters: &Meters) {
        self.leg.add_sink(now, tap.sink, tap.kind);
        self.taps.push(tap);
        self.drain(now, meters);
    }

    pub(super) fn detach(&mut self, now: Instant, sink: SinkId, meters: &Meters) {
        self.taps.retain(|tap| tap.sink != sink);
        self.leg.remove_sink(now, sink);
        self.drain(now, meters);
    }

    /// Whether the vault's socket of a capture belongs here: closing it at once wipes a capture that is already over.
    pub(super) fn wants_vault(&self) -> bool {
        self.leg.is_capturing() && self.vault.is_none()
    }

    /// The vault's socket cannot be used.
    pub(super) fn lose_vault(&mut self, now: Instant, meters: &Meters) {
        self.vault = None;
        self.leg.vault_closed(now);
        self.drain(now, meters);
    }

    /// Reads what the vault has said.
    pub(super) fn read_vault(&mut self, now: Instant, meters: &Meters) {
        let mut buffer: VaultBuffer = [0; _];
        for _ in 0..VAULT_READS {
            let Some(vault) = &mut self.vault else { return };
            match vault.receive(&mut buffer) {
                Heard::Packet(length) => self.leg.handle_vault(now, &buffer[..length]),
                Heard::Nothing => return,
                Heard::Closed => return self.lose_vault(now, meters),
            }
            self.drain(now, meters);
        }
        // More than any honest vault says at once; what is left would not ring again.
        self.lose_vault(now, meters);
    }

    /// Ends the leg: says goodbye and gives its port back. [`Line::is_over`] tells when the line can go.
    pub(super) fn close(&mut self, now: Instant, ports: &SyncSender<u16>, meters: &Meters) {
        self.lingers_until = Some(now + LINGER);
        let report = self.leg.close(now);
        if let Some((to, goodbye)) = report.goodbye {
            self.send(self.report_wire(), to, &goodbye);
        }
        self.drain(now, meters);
        self.count(meters);
        meters.heard(&Quality::of(&report.statistics));
        if let Some(sockets) = self.sockets.take() {
            // There is a place for every port.
            let _ = ports.try_send(sockets.local.port());
        }
    }

    /// The last word to control.
    pub(super) fn finish(self) {
        self.shared.closed.store(true, Ordering::Release);
        // Where the queue is full its end says the same.
        let _ = self.outputs.try_send(Box::new(LegOutput::Closed(Quality::of(&self.leg.statistics()))));
    }

    /// Where RTCP goes out.
    fn report_wire(&self) -> Wire {
        if self.leg.shares_port() { Wire::Rtp } else { Wire::Rtcp }
    }

    fn send(&self, wire: Wire, to: SocketAddr, bytes: &[u8]) -> bool {
        let Some(sockets) = &self.sockets else { return false };
        let socket = if wire == Wire::Rtp { &sockets.rtp } else { &sockets.rtcp };
        socket.send_to(bytes, to).is_ok()
    }

    /// Hands on everything the leg has to say. Keys first: they may not wait.
    fn drain(&mut self, now: Instant, meters: &Meters) {
        loop {
            self.drain_vault(now);
            self.drain_handshake(meters);
            self.drain_taps(now, meters);
            let Some(output) = self.leg.poll_output() else { return };
            let is_false = matches!(output, LegOutput::FalseInterruption);
            if is_false || matches!(output, LegOutput::Hushed { .. }) {
                meters.interrupted(is_false);
            }
            self.report(now, output, meters);
        }
    }

    fn drain_vault(&mut self, now: Instant) {
        while let Some(message) = self.leg.poll_vault() {
            let sent = self.vault.as_mut().is_some_and(|vault| vault.send(message).is_ok());
            if !sent {
                self.vault = None;
                self.leg.vault_closed(now);
            }
        }
    }

    /// A datagram of a handshake that is not sent is sent again by its timer.
    fn drain_handshake(&mut self, meters: &Meters) {
        while let Some((to, datagram)) = self.leg.poll_handshake() {
            if !self.send(Wire::Rtp, to, &datagram) {
                meters.unsent();
            }
        }
    }

    fn drain_taps(&mut self, now: Instant, meters: &Meters) {
        while let Some(item) = self.leg.poll_tap() {
            if self.taps.is_empty() {
                continue;
            }
            let item = tap::shared(item);
            let mut gone = None;
            for tap in &self.taps {
                match tap.offer(&item) {
                    Offered::Taken => {}
                    Offered::Full => meters.tap_full(tap.kind),
                    Offered::Closed => gone = Some(tap.sink),
                }
            }
            if let TapItem::Caller(frame) = &*item
                && let Some(received) = self.leg.arrival(frame.index())
            {
                meters.to_agent(received);
            }
            if let Some(sink) = gone {
                self.taps.retain(|tap| tap.sink != sink);
                self.leg.remove_sink(now, sink);
            }
        }
    }

    /// Tells control. A capture whose steps control cannot follow ends.
    fn report(&mut self, now: Instant, output: LegOutput, meters: &Meters) {
        let closes_vault = matches!(
            output,
            LegOutput::Capture(CaptureEvent::Released) | LegOutput::Control(ControlFailure::WipeUnconfirmed)
        );
        if closes_vault {
            self.vault = None;
        }
        match self.outputs.try_send(Box::new(output)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                meters.outputs_full();
                if self.leg.is_capturing() {
                    self.leg.handle_command(now, LegCommand::CancelCapture);
                }
            }
            Err(TrySendError::Closed(_)) => self.abandoned = true,
        }
    }

    fn count(&mut self, meters: &Meters) {
        let counted = self.leg.statistics();
        meters.count(&self.counted, &counted);
        self.counted = counted;
        let concealed = self.leg.concealed();
        meters.conceal(concealed - self.concealed);
        self.concealed = concealed;
        let gated = self.leg.gate_counters();
        meters.gate(&self.gated, &gated);
        self.gated = gated;
        let discarded = self.leg.discarded();
        meters.discard(&self.discarded, &discarded);
        self.discarded = discarded;
        if let Some(buffered) = self.leg.jitter_buffer() {
            let before = self.buffered.get_or_insert_default();
            meters.buffer(before, &buffered);
            **before = buffered;
        }
    }
}
