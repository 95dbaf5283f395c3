//! From the wire to frames: admits, orders and re-frames the far end's packets.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use audio::CodecError;
use audio::comfort_noise::{Description, PAYLOAD_TYPE as COMFORT_NOISE};
use frame::RawEvent;

use crate::clock::Clock;
use crate::lock::{Admission, SourceLock, StreamLock};
use crate::packet::Packet;
use crate::reorder::{Kind, Place, Reorder};
use crate::session::Payloads;
use crate::statistics::{Rejection, Statistics};
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
    /// It was admitted, and the leg is now locked to its source.
    Locked,
    /// It was admitted, and began a new stream.
    StreamChanged(u32),
}

pub(crate) struct Receiver {
    payloads: Payloads,
    source: SourceLock,
    stream: StreamLock,
    order: Reorder,
    timeline: Timeline,
    jitter: Jitter,
    statistics: Statistics,
    earlier: Totals,
}

/// What streams before the current one add up to.
#[derive(Default)]
struct Totals {
    expected: u64,
    received: u64,
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
            statistics: Statistics::default(),
            earlier: Totals::default(),
        })
    }

    pub(crate) fn source(&self) -> &SourceLock {
        &self.source
    }

    pub(crate) fn carry(&mut self, payloads: Payloads) -> Result<(), CodecError> {
        self.timeline.carry(payloads.codec)?;
        self.jitter.carry(Clock::of(payloads.codec));
        self.payloads = payloads;
        Ok(())
    }

    pub(crate) fn payloads(&self) -> Payloads {
        self.payloads
    }

    pub(crate) fn retarget(&mut self, source: SourceLock) {
        self.source = source;
    }

    pub(crate) fn handle_packet(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> Taken {
        match self.admit(from, bytes) {
            Ok((packet, taken)) => {
                if let Taken::StreamChanged(_) = taken {
                    self.begin_stream();
                }
                self.statistics.received += 1;
                if let Err(reason) = self.take(now, &packet) {
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
        [self.order.deadline(), self.timeline.deadline()].into_iter().flatten().min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.release(now);
        self.timeline.handle_timeout(now);
    }

    /// The counts of receiving; those of sending and reporting are left at nothing.
    pub(crate) fn statistics(&self) -> Statistics {
        let expected = self.earlier.expected + self.order.expected();
        let frames = self.timeline.counts();
        Statistics {
            lost: expected.saturating_sub(self.unique()),
            lost_frames: frames.lost,
            paused_frames: frames.paused,
            left_out_frames: frames.left_out,
            put_in_frames: frames.put_in,
            resynchronised: frames.resynchronised,
            jitter: self.jitter.span(),
            ..self.statistics
        }
    }

    /// The SSRC that is heard, and what its report block says (RFC 3550 §6.4.1).
    pub(crate) fn reception(&self) -> Option<Reception> {
        Some(Reception {
            ssrc: self.stream.current()?,
            expected: self.order.expected(),
            received: self.unique() - self.earlier.received,
            highest: self.order.highest(),
            jitter: self.jitter.units(),
        })
    }

    fn unique(&self) -> u64 {
        self.statistics.received
            - self.statistics.rejected.count(Rejection::Duplicate)
            - self.statistics.rejected.count(Rejection::Sequence)
    }

    /// Whether a packet may be heard at all.
    fn admit<'a>(&mut self, from: SocketAddr, bytes: &'a [u8]) -> Result<(Packet<'a>, Taken), Rejection> {
        let packet = Packet::parse(bytes)?;
        if RTCP_TYPES.contains(&packet.payload_type) {
            return Err(Rejection::PayloadType);
        }
        // Nobody wins the lock with what could never be heard.
        if !self.source.is_locked() && !self.is_media(&packet) {
            return Err(Rejection::PayloadType);
        }
        let locked = match self.source.admit(from, packet.ssrc, packet.sequence) {
            Admission::Admitted => false,
            Admission::Locked => true,
            Admission::Probation => return Err(Rejection::Probation),
            Admission::Refused => return Err(Rejection::Source),
        };
        let heard = self.stream.current();
        match self.stream.admit(packet.ssrc, packet.sequence) {
            Admission::Locked if heard.is_some() => {
                let ssrc = packet.ssrc;
                Ok((packet, Taken::StreamChanged(ssrc)))
            }
            Admission::Admitted | Admission::Locked => {
                Ok((packet, if locked { Taken::Locked } else { Taken::Admitted }))
            }
            Admission::Probation | Admission::Refused => Err(Rejection::Probation),
        }
    }

    fn begin_stream(&mut self) {
        self.earlier.expected += self.order.expected();
        self.earlier.received = self.unique();
        self.statistics.stream_changes += 1;
        self.order.reset();
        self.timeline.restart();
        self.jitter.restart();
    }

    fn take(&mut self, now: Instant, packet: &Packet<'_>) -> Result<(), Rejection> {
        let (kind, fault) = self.classify(packet);
        match self.order.place(now, packet.sequence) {
            Place::Next => self.deliver(now, kind, packet.timestamp, packet.payload)?,
            Place::Early(number) => self.hold(now, number, kind, packet),
            Place::Late => return Err(Rejection::Late),
            Place::Duplicate => return Err(Rejection::Duplicate),
            Place::Stray => return Err(Rejection::Sequence),
            Place::Restart => self.restart(now, kind, packet)?,
        }
        if kind == Kind::Audio {
            self.jitter.observe(now, packet.timestamp);
        }
        self.release(now);
        fault.map_or(Ok(()), Err)
    }

    /// Whether a packet carries what was agreed on: audio, an event, or comfort noise.
    fn is_media(&self, packet: &Packet<'_>) -> bool {
        let length = packet.payload.len();
        if packet.payload_type == self.payloads.audio {
            return self.timeline.takes(packet.payload);
        }
        let is_event = self.is_event(packet.payload_type);
        is_event && (1..=frame::MAX_EVENT_BYTES).contains(&length) || packet.payload_type == COMFORT_NOISE && length > 0
    }

    /// What a payload is, and what is wrong with it. A payload that is not ours still takes its place in the sequence.
    fn classify(&mut self, packet: &Packet<'_>) -> (Kind, Option<Rejection>) {
        let length = packet.payload.len();
        if packet.payload_type == self.payloads.audio {
            return match length {
                0 => (Kind::Nothing, None),
                _ if self.timeline.takes(packet.payload) => (Kind::Audio, None),
                _ => (Kind::Nothing, Some(Rejection::PayloadLength)),
            };
        }
        if self.is_event(packet.payload_type) {
            let fits = (1..=frame::MAX_EVENT_BYTES).contains(&length);
            return if fits { (Kind::Event, None) } else { (Kind::Nothing, Some(Rejection::PayloadLength)) };
        }
        if packet.payload_type == COMFORT_NOISE {
            self.statistics.comfort_noise += 1;
            return (Kind::Noise, None);
        }
        (Kind::Nothing, Some(Rejection::PayloadType))
    }

    fn is_event(&self, payload_type: u8) -> bool {
        self.payloads.events.is_some_and(|events| events.payload_type == payload_type)
    }

    fn event(&mut self, timestamp: u32, payload: &[u8]) {
        let (Some(source), Some(agreed)) = (self.stream.current(), self.payloads.events) else { return };
        if let Some(event) = RawEvent::received(source, timestamp, agreed.clock_hertz, payload) {
            self.timeline.event(event);
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
        self.earlier.expected += self.order.expected();
        // This packet belongs to the new sequence.
        self.earlier.received = self.unique() - 1;
        self.order.reset();
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
                self.event(timestamp, payload);
                Ok(())
            }
            Kind::Noise => {
                if let Some(description) = Description::parse(payload) {
                    self.timeline.comfort_noise(&description);
                }
                Ok(())
            }
            Kind::Nothing => Ok(()),
        }
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
}

/// The interarrival jitter estimator of RFC 3550 A.8, in sixteenths of a clock unit.
struct Jitter {
    clock: Clock,
    began: Instant,
    transit: Option<u32>,
    scaled: u32,
}

impl Jitter {
    fn new(clock: Clock, began: Instant) -> Self {
        Self { clock, began, transit: None, scaled: 0 }
    }

    fn carry(&mut self, clock: Clock) {
        *self = Self::new(clock, self.began);
    }

    fn restart(&mut self) {
        self.transit = None;
    }

    fn observe(&mut self, now: Instant, timestamp: u32) {
        let arrival = self.clock.elapsed(now.saturating_duration_since(self.began)) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let difference = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            // A jump of the timestamp is no jitter.
            let difference = difference.min(self.clock.hertz());
            self.scaled = self.scaled + difference - ((self.scaled + 8) >> 4);
        }
    }

    fn units(&self) -> u32 {
        self.scaled >> 4
    }

    fn span(&self) -> Duration {
        self.clock.span(self.units())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_arrival_has_no_jitter_and_unsteady_arrival_has() {
        let began = crate::an_instant();
        let mut jitter = Jitter::new(Clock::of(audio::Codec::Pcmu), began);
        for number in 0..50_u32 {
            jitter.observe(began + Duration::from_millis(20) * number, 160 * number);
        }
        assert_eq!(jitter.units(), 0);
        for number in 50..500_u32 {
            let early = Duration::from_millis(if number % 2 == 0 { 10 } else { 0 });
            jitter.observe(began + Duration::from_millis(20) * number - early, 160 * number);
        }
        // Every difference is 10 ms, 80 units, and the estimate converges to it.
        assert!((75..=80).contains(&jitter.units()), "{}", jitter.units());
    }
}
