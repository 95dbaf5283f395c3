//! What a packet is, by the payload types that were agreed on.

use audio::comfort_noise::PAYLOAD_TYPE as COMFORT_NOISE;

use super::Receiver;
use crate::packet::Packet;
use crate::redundancy::Blocks;
use crate::reorder::Kind;
use crate::statistics::Rejection;

impl Receiver {
    /// Whether a packet carries what was agreed on: audio, an event, or comfort noise.
    pub(super) fn is_media(&self, packet: &Packet<'_>) -> bool {
        let length = packet.payload.len();
        if packet.payload_type == self.payloads.audio {
            return self.timeline.takes(packet.payload);
        }
        if self.is_redundant(packet.payload_type) {
            let mut blocks = Blocks::of(packet.payload).into_iter().flatten();
            return blocks.any(|block| self.is_event(block.payload_type) && is_event_length(block.payload.len()));
        }
        let is_event = self.is_event(packet.payload_type);
        is_event && is_event_length(length) || self.is_noise(packet.payload_type) && length > 0
    }

    /// What a payload is, and what is wrong with it. A payload that is not ours still takes its place in the sequence.
    pub(super) fn classify(&mut self, packet: &Packet<'_>) -> (Kind, Option<Rejection>) {
        let length = packet.payload.len();
        if packet.payload_type == self.payloads.audio {
            return match length {
                0 => (Kind::Nothing, None),
                _ if self.timeline.takes(packet.payload) => (Kind::Audio, None),
                _ => (Kind::Nothing, Some(Rejection::PayloadLength)),
            };
        }
        if self.is_event(packet.payload_type) {
            let fits = is_event_length(length);
            return if fits { (Kind::Event, None) } else { (Kind::Nothing, Some(Rejection::PayloadLength)) };
        }
        if self.is_redundant(packet.payload_type) {
            let fits = Blocks::of(packet.payload).is_some();
            return if fits { (Kind::Redundant, None) } else { (Kind::Nothing, Some(Rejection::PayloadLength)) };
        }
        if self.is_noise(packet.payload_type) {
            self.statistics.comfort_noise += 1;
            return (Kind::Noise, None);
        }
        (Kind::Nothing, Some(Rejection::PayloadType))
    }

    pub(super) fn is_event(&self, payload_type: u8) -> bool {
        self.payloads.events.is_some_and(|events| events.payload_type == payload_type)
    }

    fn is_redundant(&self, payload_type: u8) -> bool {
        self.payloads.events.is_some_and(|events| events.redundant == Some(payload_type))
    }

    /// Whether audio is what a redundant payload brings now.
    pub(super) fn has_audio(&self, payload: &[u8]) -> bool {
        Blocks::of(payload).and_then(Iterator::last).is_some_and(|block| block.payload_type == self.payloads.audio)
    }

    /// Many far ends send comfort noise under its static number without a word about it.
    fn is_noise(&self, payload_type: u8) -> bool {
        payload_type == COMFORT_NOISE || self.payloads.comfort_noise == Some(payload_type)
    }
}

pub(super) fn is_event_length(length: usize) -> bool {
    (1..=frame::MAX_EVENT_BYTES).contains(&length)
}
