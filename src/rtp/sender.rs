//! From samples to packets: one every 20 ms, or a step of the timestamp where none is sent.

use audio::{CodecError, Converter, Encoder, FRAME_SAMPLES};
use frame::SampleRate;

use crate::clock::Clock;
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
    coder: Coder,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    silent: bool,
    packets: u64,
    octets: u64,
    skipped: u64,
    /// Packets and payload bytes under earlier SSRCs.
    earlier: (u64, u64),
}

/// From the rate of what is played to payloads.
struct Coder {
    payload_type: u8,
    clock: Clock,
    encoder: Box<dyn Encoder>,
    /// None where the codec takes what is played as it is.
    wide: Option<Wide>,
}

struct Wide {
    converter: Converter,
    samples: Box<[i16]>,
}

impl Coder {
    fn new(payloads: &Payloads) -> Result<Self, CodecError> {
        let rate = payloads.codec.rate();
        let wide = if rate == SampleRate::Hz8000 {
            None
        } else {
            let converter = Converter::new(SampleRate::Hz8000, rate).map_err(|_| CodecError::Setup)?;
            Some(Wide { converter, samples: vec![0; rate.frame_samples()].into() })
        };
        Ok(Self {
            payload_type: payloads.audio,
            clock: Clock::of(payloads.codec),
            encoder: payloads.codec.encoder(&payloads.opus)?,
            wide,
        })
    }

    /// The payload's length; nothing where there is no payload for these 20 ms.
    fn encode(&mut self, samples: &[i16; FRAME_SAMPLES], payload: &mut [u8]) -> usize {
        let encoded = match &mut self.wide {
            None => self.encoder.encode(samples, payload),
            Some(wide) => match wide.converter.convert(samples, &mut wide.samples) {
                Ok(()) => self.encoder.encode(&wide.samples, payload),
                Err(_) => Ok(0),
            },
        };
        encoded.unwrap_or(0)
    }
}

impl Sender {
    pub(crate) fn new(payloads: &Payloads, ssrc: u32, sequence: u16, timestamp: u32) -> Result<Self, CodecError> {
        let coder = Coder::new(payloads)?;
        Ok(Self { coder, ssrc, sequence, timestamp, silent: true, packets: 0, octets: 0, skipped: 0, earlier: (0, 0) })
    }

    pub(crate) fn carry(&mut self, payloads: &Payloads) -> Result<(), CodecError> {
        self.coder = Coder::new(payloads)?;
        Ok(())
    }

    /// Makes the next packet. Its marker is set on the first after a pause (RFC 3551 §4.1). Where the encoder has nothing
    /// to say, 20 ms pass without one.
    pub(crate) fn encode(&mut self, samples: &[i16; FRAME_SAMPLES], out: &mut PacketBuffer) -> Option<Sent> {
        let sent = self.next();
        let payload = out.begin(&Header {
            marker: self.silent,
            payload_type: self.coder.payload_type,
            sequence: sent.sequence,
            timestamp: sent.timestamp,
            ssrc: sent.ssrc,
        });
        let length = self.coder.encode(samples, payload);
        if length == 0 {
            self.skip();
            return None;
        }
        out.finish(length);
        self.silent = false;
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(self.coder.clock.frame());
        self.packets += 1;
        self.octets += length as u64;
        Some(sent)
    }

    /// The far end reports that it missed this share of our packets, in 256ths.
    pub(crate) fn report_loss(&mut self, fraction: u8) {
        self.coder.encoder.report_loss((u32::from(fraction) * 100 / 256) as u8);
    }

    /// Lets 20 ms pass without a packet.
    pub(crate) fn skip(&mut self) {
        self.silent = true;
        self.skipped += 1;
        self.timestamp = self.timestamp.wrapping_add(self.coder.clock.frame());
    }

    /// Goes on under another SSRC, whose sequence begins there (RFC 3550 §8.2). Its timestamps go on.
    pub(crate) fn rename(&mut self, ssrc: u32, sequence: u16) {
        (self.ssrc, self.sequence, self.silent) = (ssrc, sequence, true);
        self.earlier = (self.packets, self.octets);
    }

    pub(crate) fn clock(&self) -> Clock {
        self.coder.clock
    }

    pub(crate) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The timestamp of the next packet.
    pub(crate) fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// The place of the next packet, where there is sound to send.
    pub(crate) fn next(&self) -> Sent {
        Sent { sequence: self.sequence, timestamp: self.timestamp, ssrc: self.ssrc }
    }

    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// Packets and payload bytes sent under this SSRC.
    pub(crate) fn of_this_stream(&self) -> (u64, u64) {
        (self.packets - self.earlier.0, self.octets - self.earlier.1)
    }

    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }
}

#[cfg(test)]
mod tests {
    use audio::Codec;

    use super::*;
    use crate::Packet;

    fn sender(codec: Codec, sequence: u16, timestamp: u32) -> Sender {
        let payloads = Payloads::new(codec, 96, None);
        Sender::new(&payloads, 9, sequence, timestamp).unwrap()
    }

    #[test]
    fn packets_count_and_the_first_after_a_pause_is_marked() {
        let mut sender = sender(Codec::Pcmu, u16::MAX, u32::MAX - 159);
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
        assert_eq!((sender.packets(), sender.of_this_stream(), sender.skipped()), (3, (3, 480), 1));
    }

    #[test]
    fn another_name_begins_another_sequence_and_time_goes_on() {
        let mut sender = sender(Codec::Pcmu, 7, 0);
        let mut out = PacketBuffer::new();
        sender.encode(&[0; FRAME_SAMPLES], &mut out);
        sender.rename(10, 500);
        let sent = sender.encode(&[0; FRAME_SAMPLES], &mut out).unwrap();
        assert_eq!(sent, Sent { sequence: 500, timestamp: 160, ssrc: 10 });
        assert!(Packet::parse(out.bytes()).ok().unwrap().marker);
        assert_eq!((sender.packets(), sender.of_this_stream()), (2, (1, 160)));
    }

    #[test]
    fn timestamps_run_by_the_clock_of_the_codec() {
        for (codec, step, bytes) in [
            (Codec::G722, 160, Some(160)),
            (Codec::L16(SampleRate::Hz16000), 320, Some(640)),
            (Codec::Opus(SampleRate::Hz16000), 960, None),
        ] {
            let mut sender = sender(codec, 0, 0);
            let mut out = PacketBuffer::new();
            for number in 0..5 {
                let sent = sender.encode(&[900; FRAME_SAMPLES], &mut out).unwrap();
                let packet = Packet::parse(out.bytes()).ok().unwrap();
                assert_eq!((sent.timestamp, packet.timestamp, packet.payload_type), (number * step, number * step, 96));
                assert!(bytes.is_none_or(|bytes| packet.payload.len() == bytes), "{codec:?}");
            }
        }
    }
}
