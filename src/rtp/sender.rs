//! From samples to packets: one every 20 ms, or a step of the timestamp where none is sent.

use crate::FRAME_SAMPLES;
use crate::packet::{Header, PacketBuffer};
use crate::session::Payloads;

/// The place of a packet in the stream it was sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its sequence number.
    pub sequence: u16,
    /// Its timestamp.
    pub timestamp: u32,
    /// The stream.
    pub ssrc: u32,
}

pub(crate) struct Sender {
    payloads: Payloads,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    silent: bool,
    packets: u64,
    octets: u64,
    skipped: u64,
}

impl Sender {
    pub(crate) fn new(payloads: Payloads, ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self { payloads, ssrc, sequence, timestamp, silent: true, packets: 0, octets: 0, skipped: 0 }
    }

    pub(crate) fn carry(&mut self, payloads: Payloads) {
        self.payloads = payloads;
    }

    /// Makes the next packet. Its marker is set on the first after a pause (RFC 3551 §4.1).
    pub(crate) fn encode(&mut self, samples: &[i16; FRAME_SAMPLES], out: &mut PacketBuffer) -> Sent {
        let sent = Sent { sequence: self.sequence, timestamp: self.timestamp, ssrc: self.ssrc };
        let payload = out.begin(&Header {
            marker: std::mem::take(&mut self.silent),
            payload_type: self.payloads.audio,
            sequence: sent.sequence,
            timestamp: sent.timestamp,
            ssrc: sent.ssrc,
        });
        self.payloads.codec.encode(samples, payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(FRAME_SAMPLES as u32);
        self.packets += 1;
        self.octets += FRAME_SAMPLES as u64;
        sent
    }

    /// Lets 20 ms pass without a packet.
    pub(crate) fn skip(&mut self) {
        self.silent = true;
        self.skipped += 1;
        self.timestamp = self.timestamp.wrapping_add(FRAME_SAMPLES as u32);
    }

    pub(crate) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The timestamp of the next packet.
    pub(crate) fn timestamp(&self) -> u32 {
        self.timestamp
    }

    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// Payload bytes sent.
    pub(crate) fn octets(&self) -> u64 {
        self.octets
    }

    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Codec, Packet};

    #[test]
    fn packets_count_and_the_first_after_a_pause_is_marked() {
        let mut sender =
            Sender::new(Payloads { codec: Codec::Pcmu, audio: 0, events: None }, 9, u16::MAX, u32::MAX - 159);
        let mut out = PacketBuffer::new();
        let mut seen = Vec::new();
        for pause in [false, false, true, false] {
            if pause {
                sender.skip();
            } else {
                sender.encode(&[0; FRAME_SAMPLES], &mut out);
                let packet = Packet::parse(out.bytes()).ok().unwrap();
                seen.push((packet.sequence, packet.timestamp, packet.marker, packet.payload.len()));
            }
        }
        let first = (u16::MAX, u32::MAX - 159, true, 160);
        assert_eq!(seen, [first, (0, 0, false, 160), (1, 320, true, 160)]);
        assert_eq!((sender.packets(), sender.octets(), sender.skipped()), (3, 480, 1));
    }
}
