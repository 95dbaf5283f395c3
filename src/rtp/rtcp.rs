//! The RTCP packets of RFC 3550 §6, as bytes.

const VERSION: u8 = 2;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const CNAME: u8 = 1;
const BLOCK_BYTES: usize = 24;
/// The longest canonical name an item can carry.
const MAX_CNAME: usize = 255;

/// What a sender says about its stream, beside its SSRC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SenderInfo {
    pub(crate) ntp: u64,
    pub(crate) timestamp: u32,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

/// What a receiver says about one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) ssrc: u32,
    pub(crate) fraction_lost: u8,
    pub(crate) lost: i32,
    pub(crate) highest: u32,
    pub(crate) jitter: u32,
    pub(crate) last_report: u32,
    pub(crate) delay: u32,
}

/// What matters to us in a compound packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Digest {
    /// The middle 32 bits of the sender's NTP time, where it sends.
    pub(crate) sender_ntp: Option<u32>,
    /// The block about our stream.
    pub(crate) about_us: Option<Block>,
}

/// Not a compound packet as RFC 3550 A.2 demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

/// Reads a compound packet, taking what it says about `ours`.
pub(crate) fn read(bytes: &[u8], ours: u32) -> Result<Digest, Broken> {
    let mut digest = Digest::default();
    let mut rest = bytes;
    let mut first = true;
    while !rest.is_empty() {
        let (header, tail) = rest.split_first_chunk::<4>().ok_or(Broken)?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]])) * 4;
        let body = tail.get(..length).ok_or(Broken)?;
        rest = &tail[length..];
        let kind = header[1];
        let reports = kind == SENDER_REPORT || kind == RECEIVER_REPORT;
        let padded = header[0] & 0x20 != 0;
        if header[0] >> 6 != VERSION || (first && (!reports || padded)) {
            return Err(Broken);
        }
        first = false;
        if reports {
            read_report(kind, header[0] & 0x1f, body, ours, &mut digest)?;
        }
    }
    if first { Err(Broken) } else { Ok(digest) }
}

fn read_report(kind: u8, count: u8, body: &[u8], ours: u32, digest: &mut Digest) -> Result<(), Broken> {
    let information = if kind == SENDER_REPORT { 24 } else { 4 };
    let blocks = body.get(information..).ok_or(Broken)?;
    if kind == SENDER_REPORT {
        digest.sender_ntp = Some(u32::from_be_bytes([body[6], body[7], body[8], body[9]]));
    }
    let blocks = blocks.get(..usize::from(count) * BLOCK_BYTES).ok_or(Broken)?;
    for block in blocks.as_chunks::<BLOCK_BYTES>().0 {
        let block = read_block(block);
        if block.ssrc == ours {
            digest.about_us = Some(block);
        }
    }
    Ok(())
}

fn read_block(bytes: &[u8; BLOCK_BYTES]) -> Block {
    let word = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    Block {
        ssrc: word(0),
        fraction_lost: bytes[4],
        // A signed number of 24 bits.
        lost: (word(4) << 8).cast_signed() >> 8,
        highest: word(8),
        jitter: word(12),
        last_report: word(16),
        delay: word(20),
    }
}

/// Writes a sender's report, or a receiver's where nothing was sent, a canonical name and perhaps a goodbye (§6.1).
pub(crate) fn write(ssrc: u32, sender: Option<&SenderInfo>, block: Option<&Block>, cname: &str, bye: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    write_report(&mut out, ssrc, sender, block);
    write_name(&mut out, ssrc, cname);
    if bye {
        begin(&mut out, 1, GOODBYE, 1);
        out.extend(ssrc.to_be_bytes());
    }
    out
}

fn write_report(out: &mut Vec<u8>, ssrc: u32, sender: Option<&SenderInfo>, block: Option<&Block>) {
    let count = u8::from(block.is_some());
    let words = 1 + if sender.is_some() { 5 } else { 0 } + u16::from(count) * 6;
    begin(out, count, if sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT }, words);
    out.extend(ssrc.to_be_bytes());
    if let Some(sender) = sender {
        out.extend(sender.ntp.to_be_bytes());
        for word in [sender.timestamp, sender.packets, sender.octets] {
            out.extend(word.to_be_bytes());
        }
    }
    if let Some(block) = block {
        let lost = block.lost.clamp(-0x80_0000, 0x7f_ffff).cast_unsigned() & 0xff_ffff;
        let loss = u32::from(block.fraction_lost) << 24 | lost;
        for word in [block.ssrc, loss, block.highest, block.jitter, block.last_report, block.delay] {
            out.extend(word.to_be_bytes());
        }
    }
}

/// One chunk with one item, closed by at least one zero and filled to a whole word (§6.5).
fn write_name(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let name = &cname.as_bytes()[..cname.len().min(MAX_CNAME)];
    let item = 2 + name.len();
    let words = item / 4 + 1;
    begin(out, 1, SOURCE_DESCRIPTION, 1 + words as u16);
    out.extend(ssrc.to_be_bytes());
    out.extend([CNAME, name.len() as u8]);
    out.extend(name);
    out.resize(out.len() + words * 4 - item, 0);
}

/// The header of a packet of so many words after it.
fn begin(out: &mut Vec<u8>, count: u8, kind: u8, words: u16) {
    out.extend([VERSION << 6 | count, kind]);
    out.extend(words.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: Block =
        Block { ssrc: 7, fraction_lost: 12, lost: -3, highest: 99, jitter: 5, last_report: 0x1234_5678, delay: 65_536 };

    #[test]
    fn a_senders_report_reads_as_written() {
        let sender = SenderInfo { ntp: 0x0000_0001_8000_0000, timestamp: 160, packets: 1, octets: 160 };
        for (name, bye) in [("", false), ("a", true), ("ab", false), ("abc", true), ("abcd", false)] {
            let bytes = write(42, Some(&sender), Some(&BLOCK), name, bye);
            assert_eq!(bytes.len() % 4, 0);
            let expected = Digest { sender_ntp: Some(0x0001_8000), about_us: Some(BLOCK) };
            assert_eq!(read(&bytes, 7), Ok(expected), "{name}");
        }
    }

    #[test]
    fn a_block_about_another_stream_is_not_ours() {
        let bytes = write(42, None, Some(&BLOCK), "x", false);
        assert_eq!(read(&bytes, 8), Ok(Digest::default()));
    }

    #[test]
    fn broken_compounds_are_refused() {
        let bytes = write(42, None, None, "x", true);
        assert_eq!(read(&[], 7), Err(Broken));
        assert_eq!(read(&bytes[..bytes.len() - 1], 7), Err(Broken));
        assert_eq!(read(&bytes[8..], 7), Err(Broken), "the first must be a report");
        let mut other = bytes;
        other[0] = 0x40;
        assert_eq!(read(&other, 7), Err(Broken));
    }

    #[test]
    fn a_count_of_blocks_beyond_the_packet_is_refused() {
        let mut bytes = write(42, None, None, "x", false);
        bytes[0] |= 3;
        assert_eq!(read(&bytes, 7), Err(Broken));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = read(&bytes, 7);
        }
    }
}
