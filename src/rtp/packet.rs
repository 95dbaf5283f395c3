//! The RTP packet of RFC 3550 §5.1.

use audio::MAX_PAYLOAD_BYTES;

use crate::srtp::{MAX_RTP_TRAILER, Outbound};

const HEADER_BYTES: usize = 12;
const VERSION: u8 = 2;
/// The longest outgoing packet before SRTP.
const PLAIN_BYTES: usize = HEADER_BYTES + MAX_PAYLOAD_BYTES;

/// Why bytes are no RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Fewer than the twelve bytes of a header.
    #[error("shorter than an RTP header")]
    Short,
    /// Not version 2.
    #[error("not RTP version 2")]
    Version,
    /// The list of contributing sources runs past the end.
    #[error("the list of contributing sources is cut off")]
    Contributors,
    /// The header extension runs past the end.
    #[error("the header extension is cut off")]
    Extension,
    /// The padding is longer than the payload, or says it is empty.
    #[error("the padding does not fit")]
    Padding,
}

/// One received packet: the fields of its header and its payload without extension and padding.
///
/// The payload may hold a keyed digit, so a packet cannot be printed.
pub struct Packet<'a> {
    /// Begins a talk spurt.
    pub marker: bool,
    /// What the payload is.
    pub payload_type: u8,
    /// Counts packets, modulo 2^16.
    pub sequence: u16,
    /// Counts samples, modulo 2^32.
    pub timestamp: u32,
    /// Names the stream.
    pub ssrc: u32,
    /// What is carried.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet.
    ///
    /// # Errors
    /// Where the bytes break RFC 3550 §5.1.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (header, mut payload) = split_header(bytes)?;
        if header[0] & 0x20 != 0 {
            payload = strip_padding(payload)?;
        }
        Ok(Self {
            marker: header[1] & 0x80 != 0,
            payload_type: header[1] & 0x7f,
            sequence: u16::from_be_bytes([header[2], header[3]]),
            timestamp: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            ssrc: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
            payload,
        })
    }
}

/// The bytes before the payload: the header with contributing sources and extension.
pub(crate) fn header_length(bytes: &[u8]) -> Result<usize, Malformed> {
    split_header(bytes).map(|(_, payload)| bytes.len() - payload.len())
}

/// The fixed header, and what comes after contributing sources and extension.
fn split_header(bytes: &[u8]) -> Result<(&[u8; HEADER_BYTES], &[u8]), Malformed> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(Malformed::Short)?;
    if header[0] >> 6 != VERSION {
        return Err(Malformed::Version);
    }
    let contributors = usize::from(header[0] & 0x0f) * 4;
    let payload = rest.get(contributors..).ok_or(Malformed::Contributors)?;
    let payload = if header[0] & 0x10 == 0 { payload } else { skip_extension(payload)? };
    Ok((header, payload))
}

/// Skips the extension of RFC 3550 §5.3.1: a word with its length, then that many words.
fn skip_extension(bytes: &[u8]) -> Result<&[u8], Malformed> {
    let (word, rest) = bytes.split_first_chunk::<4>().ok_or(Malformed::Extension)?;
    let length = usize::from(u16::from_be_bytes([word[2], word[3]])) * 4;
    rest.get(length..).ok_or(Malformed::Extension)
}

/// The last byte of padding counts all of it, itself included.
fn strip_padding(bytes: &[u8]) -> Result<&[u8], Malformed> {
    let padding = usize::from(*bytes.last().ok_or(Malformed::Padding)?);
    if padding == 0 || padding > bytes.len() {
        return Err(Malformed::Padding);
    }
    Ok(&bytes[..bytes.len() - padding])
}

/// Room for one outgoing packet: a header, 20 ms of any codec and what SRTP adds. Reused for every packet of a thread.
pub struct PacketBuffer {
    bytes: [u8; PLAIN_BYTES + MAX_RTP_TRAILER],
    length: usize,
}

impl PacketBuffer {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self { bytes: [0; PLAIN_BYTES + MAX_RTP_TRAILER], length: 0 }
    }

    /// The packet.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Writes a header without extension, padding or contributing sources, and returns the room for the payload;
    /// [`PacketBuffer::finish`] follows.
    pub(crate) fn begin(&mut self, header: &Header) -> &mut [u8] {
        let bytes = &mut self.bytes;
        bytes[0] = VERSION << 6;
        bytes[1] = header.payload_type & 0x7f | if header.marker { 0x80 } else { 0 };
        bytes[2..4].copy_from_slice(&header.sequence.to_be_bytes());
        bytes[4..8].copy_from_slice(&header.timestamp.to_be_bytes());
        bytes[8..12].copy_from_slice(&header.ssrc.to_be_bytes());
        self.length = HEADER_BYTES;
        &mut bytes[HEADER_BYTES..PLAIN_BYTES]
    }

    /// Says how long the payload is.
    pub(crate) fn finish(&mut self, payload_bytes: usize) {
        self.length = HEADER_BYTES + payload_bytes.min(MAX_PAYLOAD_BYTES);
    }

    /// Encrypts the packet; one that cannot be is gone.
    pub(crate) fn protect(&mut self, outbound: &mut Outbound) {
        self.length = outbound.protect_rtp(&mut self.bytes, self.length).unwrap_or(0);
    }
}

impl Default for PacketBuffer {
    fn default() -> Self {
        Self::new()
    }
}

/// The header of an outgoing packet.
pub(crate) struct Header {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 14] = [0x80, 0x80, 0x12, 0x34, 0, 0, 1, 2, 0xaa, 0xbb, 0xcc, 0xdd, 7, 8];

    #[test]
    fn a_plain_packet_reads_as_written() {
        let packet = Packet::parse(&PLAIN).ok().unwrap();
        assert_eq!((packet.marker, packet.payload_type, packet.sequence), (true, 0, 0x1234));
        assert_eq!((packet.timestamp, packet.ssrc, packet.payload), (258, 0xaabb_ccdd, &[7, 8][..]));
    }

    #[test]
    fn contributors_extension_and_padding_are_stripped() {
        let mut bytes = PLAIN[..12].to_vec();
        bytes[0] = 0x80 | 0x20 | 0x10 | 2;
        bytes.extend([0; 8]);
        bytes.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
        bytes.extend([9, 9, 9, 0, 0, 3]);
        assert_eq!(Packet::parse(&bytes).ok().unwrap().payload, [9, 9, 9]);
    }

    #[test]
    fn each_fault_has_its_name() {
        let with_first = |first: u8, tail: &[u8]| {
            let mut bytes = PLAIN[..12].to_vec();
            bytes[0] = first;
            bytes.extend(tail);
            Packet::parse(&bytes).err()
        };
        assert_eq!(Packet::parse(&PLAIN[..11]).err(), Some(Malformed::Short));
        assert_eq!(with_first(0x40, &[]), Some(Malformed::Version));
        assert_eq!(with_first(0x81, &[0; 3]), Some(Malformed::Contributors));
        assert_eq!(with_first(0x90, &[0, 0, 0]), Some(Malformed::Extension));
        assert_eq!(with_first(0x90, &[0, 0, 0, 2, 0, 0, 0, 0]), Some(Malformed::Extension));
        assert_eq!(with_first(0xa0, &[]), Some(Malformed::Padding));
        assert_eq!(with_first(0xa0, &[1, 0]), Some(Malformed::Padding));
        assert_eq!(with_first(0xa0, &[1, 3]), Some(Malformed::Padding));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_parse_or_are_named(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80)) {
            if let Ok(packet) = Packet::parse(&bytes) {
                proptest::prop_assert!(packet.payload.len() + HEADER_BYTES <= bytes.len());
            }
        }
    }
}
