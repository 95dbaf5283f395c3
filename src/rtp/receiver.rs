//! From the wire to frames: admits, orders and re-frames the far end's packets.

mod kind;

use std::net::SocketAddr;
use std::time::Instant;

use audio::CodecError;
use audio::comfort_noise::Description;
use frame::RawEvent;

use self::kind::is_event_length;
use crate::clock::Clock;
use crate::jitter::{Jitter, Pace};
use crate::lock::{Admission, SourceLock, StreamLock};
use crate::packet::Packet;
use crate::quality::Hearing;
use crate::redundancy::Blocks;
use crate::reorder::{Kind, Place, Reorder};
use crate::session::Payloads;
use crate::statistics::{Rejection, Statistics};
use crate::tally::Tally;
use crate::timeline::{Received, Timeline, Unheard};

/// Payload types that RTCP would have if it came here (RFC 5761 §4).
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 64..=95;

/// What a packet changed about the leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Nothing: it was dropped.
    Dropped,
    /// It was admitted.
    Admitted,
    /// It was admitted: a key of the locked source, under an SSRC of its own beside the one that is heard.
    Aside,
    /// It was admitted, and the leg is now locked to its source.
    Locked,
    /// It was admitted, and began a new stream.
    StreamChanged(u32),
    /// It was admitted, the leg is now locked to its source instead of another, and a new stream began.
    Moved(u32),
}

pub(crate) struct Receiver {
    payloads: Payloads,
    source: SourceLock,
    stream: StreamLock,
    order: Reorder,
    timeline: Timeline,
    tally: Tally,
    pace: Pace,
    jitter: Jitter,
    statistics: Statistics,
    /// Packets of earlier streams that came too late.
    late_before: u64,
}

impl Receiver {
    pub(crate) fn new(payloads: Payloads, source: SourceLock, now: Instant) -> Result<Self, CodecError> {
        Ok(Self {
            timeline: Timeline::new(payloads.codec, now)?,
            jitter: Jitter::new(Clock::of(payloads.codec), now),
            payloads,
            source,
            stream: StreamLock::new(),
            order: Reorder::new(),
            tally: Tally::default(),
            pace: Pace::default(),
            statistics: Statistics::default(),
            late_before: 0,
        })
    }

    pub(crate) fn source(&self) -> &SourceLock {
        &self.source
    }

    /// What packets carry from now on. Of another codec nothing fits what came before: that is let go.
    pub(crate) fn carry(&mut self, payloads: Payloads) -> Result<(), CodecError> {
        if payloads.codec != self.payloads.codec {
            self.timeline.carry(payloads.codec)?;
            self.reset_order();
            self.jitter.carry(Clock::of(payloads.codec));
            self.pace = Pace::default();
        }
        self.payloads = payloads;
        Ok(())
    }

    pub(crate) fn payloads(&self) -> Payloads {
        self.payloads
    }

    /// The far end moved: what it sent from where it was is over.
    pub(crate) fn retarget(&mut self, source: SourceLock) {
        self.source = source;
        self.stream.end();
    }

    /// The SSRC that is heard.
    pub(crate) fn stream(&self) -> Option<u32> {
        self.stream.current()
    }

    /// The far end said that its stream is over: no report is about it until it is heard again (RFC 3550 §6.3.4).
    pub(crate) fn end_stream(&mut self) {
        self.stream.end();
    }

    /// Nothing more comes: what is missing is lost.
    pub(crate) fn close(&mut self) {
        self.tally.finish();
    }

    pub(crate) fn handle_packet(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> Taken {
        match self.admit(now, from, bytes) {
            Ok((packet, taken)) => {
                match taken {
                    Taken::StreamChanged(_) | Taken::Moved(_) => self.begin_stream(),
                    Taken::Admitted | Taken::Aside | Taken::Locked | Taken::Dropped => {}
                }
                self.statistics.received += 1;
                let accepted = if taken == Taken::Aside { self.take_aside(&packet) } else { self.take(now, &packet) };
                if let Err(reason) = accepted {
                    self.reject(reason);
                }
                taken
            }
            Err(reason) => {
                self.reject(reason);
                Taken::Dropped
            }
        }
    }

    pub(crate) fn reject(&mut self, reason: Rejection) {
        self.statistics.rejected.add(reason);
    }

    pub(crate) fn poll(&mut self) -> Option<Received> {
        self.timeline.poll()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        // What waits to be put in order is not missing.
        self.order.deadline().or_else(|| self.timeline.deadline())
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.release(now);
        if self.order.deadline().is_none() {
            self.timeline.handle_timeout(now);
        }
    }

    /// The counts of receiving; those of sending and reporting are left at nothing.
    pub(crate) fn statistics(&self) -> Statistics {
        let frames = self.timeline.counts();
        Statistics {
            lost: self.tally.lost(),
            given_up: self.tally.given_up(),
            loss_runs: self.tally.runs(),
            codec: Some(self.payloads.codec),
            lost_frames: frames.lost,
            paused_frames: frames.paused,
            recovered_frames: frames.recovered,
            left_out_frames: frames.left_out,
            put_in_frames: frames.put_in,
            resynchronised: frames.resynchronised,
            jitter: self.jitter.span(),
            ..self.statistics
        }
    }

    /// The SSRC that is heard, and what its report blocks say (RFC 3550 §6.4.1, RFC 3611 §4.7).
    pub(crate) fn reception(&self) -> Option<Reception> {
        let ssrc = self.stream.current().filter(|_| !self.stream.is_over())?;
        let (expected, received) = self.tally.expected_and_received();
        let hearing = Hearing {
            expected,
            lost: expected - received,
            discarded: self.statistics.rejected.count(Rejection::Late) - self.late_before,
            bursts: self.tally.bursts(),
            packet: self.pace.packet(Clock::of(self.payloads.codec)),
            codec: Some(self.payloads.codec),
            waits: self.timeline.waits(),
        };
        let (highest, jitter) = (self.tally.highest(), self.jitter.units());
        Some(Reception { ssrc, expected, received, highest, jitter, hearing })
    }

    /// Whether a packet may be heard at all.
    fn admit<'a>(&mut self, now: Instant, from: SocketAddr, bytes: &'a [u8]) -> Result<(Packet<'a>, Taken), Rejection> {
        let packet = Packet::parse(bytes)?;
        if RTCP_TYPES.contains(&packet.payload_type) {
            return Err(Rejection::PayloadType);
        }
        let was_locked = self.source.is_locked();
        let locked = self.win(from, &packet)?;
        if locked && was_locked {
            // It was on probation already, and whom it took the lock from is not waited for.
            let ssrc = packet.ssrc;
            self.stream.begin(now, ssrc);
            return Ok((packet, Taken::Moved(ssrc)));
        }
        let heard = self.stream.current();
        if !locked && self.is_event(packet.payload_type) && heard.is_some_and(|heard| heard != packet.ssrc) {
            return Ok((packet, Taken::Aside));
        }
        match self.stream.admit(now, packet.ssrc, packet.sequence) {
            Admission::Locked if heard.is_some() => {
                let ssrc = packet.ssrc;
                Ok((packet, Taken::StreamChanged(ssrc)))
            }
            Admission::Admitted | Admission::Locked => {
                Ok((packet, if locked { Taken::Locked } else { Taken::Admitted }))
            }
            Admission::Second => Err(Rejection::SecondStream),
            Admission::Probation | Admission::Refused => Err(Rejection::Probation),
        }
    }

    /// Whether a packet that may be heard made the lock close on its source. Nobody wins it with what could never be heard.
    fn win(&mut self, from: SocketAddr, packet: &Packet<'_>) -> Result<bool, Rejection> {
        if !self.source.is_locked_to(from) && self.source.may_hear(from) && !self.is_media(packet) {
            return Err(Rejection::PayloadType);
        }
        match self.source.admit(from, packet.ssrc, packet.sequence) {
            Admission::Admitted => Ok(false),
            Admission::Locked => Ok(true),
            Admission::Probation => Err(Rejection::Probation),
            Admission::Refused | Admission::Second => Err(Rejection::Source),
        }
    }

    fn begin_stream(&mut self) {
        self.tally.begin_stream();
        self.statistics.stream_changes += 1;
        self.reset_order();
        self.late_before = self.statistics.rejected.count(Rejection::Late);
        self.timeline.restart();
        self.jitter.restart();
    }

    /// The next packet begins another sequence. Its turn never comes for what waits, which counts as late.
    fn reset_order(&mut self) {
        for _ in 0..self.order.reset() {
            self.reject(Rejection::Late);
        }
    }

    fn take(&mut self, now: Instant, packet: &Packet<'_>) -> Result<(), Rejection> {
        let (kind, fault) = self.classify(packet);
        let placed = self.place(now, kind, packet);
        let is_heard = !matches!(placed, Err(Rejection::Late | Rejection::Duplicate | Rejection::Sequence));
        self.tally.observe(packet.sequence, is_heard);
        placed?;
        if kind == Kind::Audio || (kind == Kind::Redundant && self.has_audio(packet.payload)) {
            self.jitter.observe(now, packet.timestamp);
            self.pace.observe(packet.sequence, packet.timestamp);
        }
        self.release(now);
        fault.map_or(Ok(()), Err)
    }

    /// A key under an SSRC of its own waits for no order: the gate knows each press by its SSRC, timestamp and code.
    fn take_aside(&mut self, packet: &Packet<'_>) -> Result<(), Rejection> {
        if !is_event_length(packet.payload.len()) {
            return Err(Rejection::PayloadLength);
        }
        self.event(packet.ssrc, packet.timestamp, packet.payload);
        Ok(())
    }

    fn place(&mut self, now: Instant, kind: Kind, packet: &Packet<'_>) -> Result<(), Rejection> {
        match self.order.place(now, packet.sequence) {
            Place::Next => self.deliver(now, kind, packet.timestamp, packet.payload),
            Place::Early(number) => {
                self.hold(now, number, kind, packet);
                Ok(())
            }
            Place::Late => Err(Rejection::Late),
            Place::Duplicate => Err(Rejection::Duplicate),
            Place::Stray => Err(Rejection::Sequence),
            Place::Restart => self.restart(now, kind, packet),
        }
    }

    fn event(&mut self, source: u32, timestamp: u32, payload: &[u8]) {
        let Some(agreed) = self.payloads.events else { return };
        if let Some(event) = RawEvent::received(source, timestamp, agreed.clock_hertz, payload) {
            self.timeline.event(event);
        }
    }

    /// An event of the stream that is heard.
    fn heard_event(&mut self, timestamp: u32, payload: &[u8]) {
        if let Some(source) = self.stream.current() {
            self.event(source, timestamp, payload);
        }
    }

    fn hold(&mut self, now: Instant, number: u64, kind: Kind, packet: &Packet<'_>) {
        while self.order.is_beyond(number) {
            match self.order.release_oldest() {
                Some(slot) => self.deliver_held(now, slot),
                None => self.order.skip_to(number),
            }
        }
        let payload = if kind == Kind::Nothing { &[] } else { packet.payload };
        self.order.hold(now, number, kind, packet.timestamp, payload);
    }

    fn restart(&mut self, now: Instant, kind: Kind, packet: &Packet<'_>) -> Result<(), Rejection> {
        self.reset_order();
        self.timeline.restart();
        self.order.place(now, packet.sequence);
        self.deliver(now, kind, packet.timestamp, packet.payload)
    }

    /// Hands on everything whose turn has come.
    fn release(&mut self, now: Instant) {
        while let Some(slot) = self.order.release(now) {
            self.deliver_held(now, slot);
        }
    }

    fn deliver_held(&mut self, now: Instant, slot: usize) {
        let held = self.order.take(slot);
        let delivered = self.deliver(now, held.kind, held.timestamp, &held.payload);
        self.order.put_back(slot, held);
        if let Err(reason) = delivered {
            self.reject(reason);
        }
    }

    fn deliver(&mut self, now: Instant, kind: Kind, timestamp: u32, payload: &[u8]) -> Result<(), Rejection> {
        match kind {
            Kind::Audio => self.timeline.audio(now, timestamp, payload, self.order.is_after_loss()).map_err(
                |unheard| match unheard {
                    Unheard::Late => Rejection::Late,
                    Unheard::Unreadable => Rejection::PayloadLength,
                },
            ),
            Kind::Event => {
                self.heard_event(timestamp, payload);
                Ok(())
            }
            Kind::Redundant => self.deliver_blocks(now, timestamp, payload),
            Kind::Noise => {
                if let Some(description) = Description::parse(payload) {
                    self.timeline.comfort_noise(&description);
                }
                Ok(())
            }
            Kind::Nothing => Ok(()),
        }
    }

    /// Events again, oldest first, for the gate knows which it was told; of audio only what is sent now.
    fn deliver_blocks(&mut self, now: Instant, timestamp: u32, payload: &[u8]) -> Result<(), Rejection> {
        let mut delivered = Ok(());
        for block in Blocks::of(payload).into_iter().flatten() {
            if self.is_event(block.payload_type) {
                self.heard_event(timestamp.wrapping_sub(block.before.unwrap_or(0)), block.payload);
            } else if block.before.is_none() && block.payload_type == self.payloads.audio && !block.payload.is_empty() {
                delivered = self.deliver(now, Kind::Audio, timestamp, block.payload);
            }
        }
        delivered
    }
}

/// What a report says about the stream that is heard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reception {
    pub(crate) ssrc: u32,
    pub(crate) expected: u64,
    pub(crate) received: u64,
    pub(crate) highest: u32,
    pub(crate) jitter: u32,
    pub(crate) hearing: Hearing,
}
